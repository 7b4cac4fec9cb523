local dates = require "scw.api.dates"

describe("dates of answers", function()
  it("are read", function()
    assert.are.equal(784111777, dates.seconds("Sun, 06 Nov 1994 08:49:37 GMT"))
    assert.are.equal(951782400, dates.seconds("Tue, 29 Feb 2000 00:00:00 GMT"))
    assert.are.equal(0, dates.seconds("Thu, 01 Jan 1970 00:00:00 GMT"))
    assert.is_nil(dates.seconds("yesterday"))
    assert.is_nil(dates.seconds(nil))
  end)

  it("of documents as well", function()
    assert.are.equal(784111777, dates.seconds_of_timestamp("1994-11-06T08:49:37Z"))
    assert.are.equal(951782400, dates.seconds_of_timestamp("2000-02-29T00:00:00Z"))
    assert.is_nil(dates.seconds_of_timestamp("2000-02-29"))
    assert.is_nil(dates.seconds_of_timestamp(nil))
  end)
end)
