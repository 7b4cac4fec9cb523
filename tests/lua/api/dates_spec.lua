local dates = require "scw.api.dates"

describe("dates of answers", function()
  it("are read", function()
    assert.are.equal(784111777, dates.seconds("Sun, 06 Nov 1994 08:49:37 GMT"))
    assert.are.equal(951782400, dates.seconds("Tue, 29 Feb 2000 00:00:00 GMT"))
    assert.are.equal(0, dates.seconds("Thu, 01 Jan 1970 00:00:00 GMT"))
    assert.is_nil(dates.seconds("yesterday"))
    assert.is_nil(dates.seconds(nil))
  end)
end)
