local core = require "core"

describe("xml", function()
  it("reads elements, texts and attributes", function()
    local node = assert(core.xml_decode('<a x="1"><b>one</b><b/><c> &lt; </c></a>'))
    assert.are.same({
      name = "a", text = "", attributes = { x = "1" },
      { name = "b", text = "one", attributes = {} },
      { name = "b", text = "", attributes = {} },
      { name = "c", text = " < ", attributes = {} },
    }, node)
  end)

  it("refuses documents with a document type", function()
    local node, err = core.xml_decode("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>")
    assert.is_nil(node)
    assert.are.equal("invalid", err.kind)
  end)

  it("says where a document is malformed", function()
    local _, err = core.xml_decode("<a>\n<b></a>")
    assert.matches("line 2", err.message)
  end)

  it("writes everything escaped, attributes in order", function()
    assert.are.equal('<?xml version="1.0" encoding="UTF-8"?>\n<a x="&lt;" y="2" z="3"><b>&amp;</b><n>7</n></a>',
      core.xml_encode { name = "a", attributes = { z = "3", y = "2", x = "<" }, { name = "b", text = "&" }, { name = "n", text = 7 } })
  end)

  it("refuses what XML cannot carry", function()
    local _, err = core.xml_encode { name = "a", text = "\1" }
    assert.are.equal("invalid", err.kind)
    _, err = core.xml_encode { name = "a b" }
    assert.are.equal("invalid", err.kind)
    assert.has_error(function() core.xml_encode { text = "x" } end)
    assert.has_error(function() core.xml_encode { name = "a", "text" } end)
    local loop = { name = "a" }
    loop[1] = loop
    assert.has_error(function() core.xml_encode(loop) end)
  end)
end)
