local json = require "scw.json"

describe("the JSON seam", function()
  it("reads answers of services, null included", function()
    local answer = assert(json.answer '{"id":"x","count":3,"none":null,"list":[1,2]}')
    assert.are.equal(3, answer.count)
    assert.are.equal(json.null, answer.none)
    assert.are.same({ 1, 2 }, answer.list)
  end)

  it("refuses answers that are not JSON, without quoting them", function()
    for _, text in ipairs { "", "<html>secret</html>", "{", "NaN", "[0x10]", ("["):rep(300) .. ("]"):rep(300) } do
      local answer, err = json.answer(text)
      assert.is_nil(answer)
      assert.are.equal("invalid", err.kind)
      assert.not_matches("secret", err.message)
    end
  end)

  it("encodes and decodes canonically", function()
    assert.are.equal('{"a":[],"b":1}', json.encode { b = 1, a = json.array {} })
    assert.is_true(json.is_array(json.decode "[]"))
  end)
end)
