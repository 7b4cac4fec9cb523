local command = require "scw.ui.command"

describe("a command that people are told", function()
  local sentence = "see `scwlua state history STACK`, or `scwlua state push --force STACK FILE`; STACK is the word"

  it("names the stack as the command line did", function()
    assert.are.equal("see `scwlua state history shop.lua`, or `scwlua state push --force shop.lua FILE`; STACK is the word",
      command.complete(sentence, { stack = "shop.lua" }))
    assert.are.equal("`x --emulator a.lua`", command.complete("`x STACK`", { stack = "a.lua", emulator = true }))
    assert.are.equal("`x --profile 'my own' '100%1 it'\\''s.lua'`",
      command.complete("`x STACK`", { stack = "100%1 it's.lua", profile = "my own" }))
  end)

  it("keeps the word without a stack, and other words that contain it", function()
    assert.are.equal(sentence, command.complete(sentence, { emulator = true }))
    assert.are.equal(sentence, command.complete(sentence))
    assert.are.equal("`MY_STACK STACKS`", command.complete("`MY_STACK STACKS`", { stack = "a.lua" }))
    assert.is_nil(command.complete(nil, { stack = "a.lua" }))
  end)
end)
