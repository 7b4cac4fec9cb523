#include "ceiling.h"

#include "check.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct allowance *allowance;
static lua_State *L;

static int run(const char *code, struct ceiling ceiling, struct ceiling_outcome *outcome) {
  lua_settop(L, 0);
  CHECK(luaL_loadstring(L, code) == LUA_OK);
  return ceiling_call(L, allowance, ceiling, 0, 0, outcome);
}

static enum ceiling_verdict verdict_of(const char *code, struct ceiling ceiling) {
  struct ceiling_outcome outcome = {0};
  int status = run(code, ceiling, &outcome);
  CHECK(status != LUA_OK || outcome.verdict == CEILING_KEPT);
  CHECK(lua_gethook(L) == NULL);
  return outcome.verdict;
}

static const struct ceiling few = {.instructions = 100000};
static const struct ceiling small = {.memory = 4 << 20, .instructions = 100000000};
static const struct ceiling brief = {.seconds = 0.1};

static void test_instructions(void) {
  struct ceiling_outcome outcome = {0};
  CHECK(run("local sum = 0 for i = 1, 1000 do sum = sum + i end return sum, nil, 'x'", few, &outcome) ==
        LUA_OK);
  CHECK(outcome.verdict == CEILING_KEPT && lua_gettop(L) == 3 && lua_tointeger(L, 1) == 500500);
  CHECK(verdict_of("while true do end", few) == CEILING_INSTRUCTIONS);
  CHECK(verdict_of("while true do pcall(function() while true do end end) end", few) == CEILING_INSTRUCTIONS);
  CHECK(verdict_of("coroutine.wrap(function() while true do end end)()", few) == CEILING_INSTRUCTIONS);
  CHECK(verdict_of("while true do local c = coroutine.create(function() while true do end end) "
                   "coroutine.resume(c) end",
                   few) == CEILING_INSTRUCTIONS);
  /* a million instructions in coroutines of five hundred, each too short for its own count */
  CHECK(verdict_of("for i = 1, 2000 do coroutine.wrap(function() for j = 1, 500 do end end)() end", few) ==
        CEILING_INSTRUCTIONS);
  CHECK(verdict_of("for i = 1, 20 do coroutine.wrap(function() for j = 1, 500 do end end)() end", few) ==
        CEILING_KEPT);
  CHECK(verdict_of("local function f() local ok = pcall(f) while true do end end f()", few) ==
        CEILING_INSTRUCTIONS);
  CHECK(verdict_of("setmetatable({}, {__close = 1}) error({})", few) == CEILING_KEPT);
  CHECK(run("\n\nwhile true do end", few, &outcome) == LUA_ERRRUN);
  CHECK(strstr(outcome.where, ":3") != NULL);
  CHECK(verdict_of("for i = 1, 100 do end", (struct ceiling){.instructions = 7}) == CEILING_INSTRUCTIONS);
}

static void test_memory(void) {
  CHECK(verdict_of("local t = {} for i = 1, 1e9 do t[i] = i end", small) == CEILING_MEMORY);
  CHECK(verdict_of("local s = 'x' while true do s = s .. s end", small) == CEILING_MEMORY);
  CHECK(verdict_of("return ('x'):rep(1e9)", small) == CEILING_MEMORY);
  CHECK(verdict_of("while true do pcall(string.rep, 'x', 1e9) end", small) == CEILING_MEMORY);
  CHECK(verdict_of("local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1000) .. #t end) end",
                   small) == CEILING_MEMORY);
  /* garbage is no use of memory: 100 MB pass through 4 */
  CHECK(verdict_of("for i = 1, 1000 do local s = ('x'):rep(100000) .. i end", small) == CEILING_KEPT);
  size_t used = allowance_used(allowance);
  lua_settop(L, 0);
  lua_gc(L, LUA_GCCOLLECT);
  CHECK(allowance_used(allowance) <= used);
  CHECK(luaL_dostring(L, "local s = ('x'):rep(10 << 20)") == LUA_OK); /* no ceiling any more */
}

static void test_time(void) {
  CHECK(verdict_of("while true do end", brief) == CEILING_TIME);
  CHECK(verdict_of("while true do pcall(function() while true do end end) end", brief) == CEILING_TIME);
  CHECK(verdict_of("return 1", brief) == CEILING_KEPT);
}

/* A coroutine made below a ceiling may live on without it. */
static void test_survivor(void) {
  struct ceiling_outcome outcome = {0};
  CHECK(run("survivor = coroutine.wrap(function() coroutine.yield() local n = 0 "
            "for i = 1, 1000000 do n = n + 1 end return n end) survivor()",
            few, &outcome) == LUA_OK);
  CHECK(luaL_dostring(L, "assert(survivor() == 1000000)") == LUA_OK);
}

static int call_inner(lua_State *state) {
  struct ceiling_outcome outcome = {0};
  struct ceiling wide = {.instructions = 50000};
  lua_settop(state, 1);
  ceiling_call(state, allowance, wide, 0, 0, &outcome);
  lua_pushinteger(state, outcome.verdict);
  return 1;
}

/* What is used inside is used outside too; the lower ceiling counts. */
static void test_nested(void) {
  struct ceiling_outcome outcome = {0};
  lua_pushcfunction(L, call_inner);
  lua_setglobal(L, "inner");
  CHECK(run("return inner(function() while true do end end)", few, &outcome) == LUA_OK);
  CHECK(lua_tointeger(L, -1) == CEILING_INSTRUCTIONS);
  CHECK(verdict_of("while true do inner(function() while true do end end) end", few) == CEILING_INSTRUCTIONS);
  CHECK(verdict_of("inner(function() for i = 1, 100 do end end) while true do end", few) ==
        CEILING_INSTRUCTIONS);
  CHECK(run("local verdict = inner(function() while true do end end) return verdict + 1",
            (struct ceiling){.instructions = 20000}, &outcome) != LUA_OK);
  CHECK(outcome.verdict == CEILING_INSTRUCTIONS);
}

/* Runs the code in a process of its own; returns its exit code and what it wrote to stderr. */
static int last_words_of(const char *code, struct ceiling ceiling, char *words, size_t size) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    struct ceiling_outcome outcome = {0};
    dup2(ends[1], STDERR_FILENO);
    (void)run(code, ceiling, &outcome);
    _exit(outcome.verdict == CEILING_TIME ? 42 : 43);
  }
  close(ends[1]);
  ssize_t got = read(ends[0], words, size - 1);
  words[got > 0 ? got : 0] = '\0';
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Where no hook runs, the process ends: in a pattern that backtracks for ever, in a finalizer. */
static void test_last_words(void) {
  char words[256];
  struct ceiling ceiling = {.seconds = 0.1, .last_words = "stuck in the stack"};
  CHECK(last_words_of("return string.find(('a'):rep(5000), ('.-'):rep(20) .. 'b')", ceiling, words,
                      sizeof words) == 1);
  CHECK_TEXT(words, "stuck in the stack\n");
  ceiling.last_words = NULL;
  CHECK(last_words_of("setmetatable({}, {__gc = function() while true do end end}) collectgarbage()", ceiling,
                      words, sizeof words) == 1);
  CHECK(strstr(words, "the program ends\n") != NULL);
  CHECK(last_words_of("while true do end", ceiling, words, sizeof words) == 42);
}

int main(void) {
  allowance = allowance_new();
  L = lua_newstate(allowance_allocate, allowance);
  luaL_openlibs(L);
  test_instructions();
  test_memory();
  test_time();
  test_survivor();
  test_nested();
  test_last_words();
  lua_close(L);
  CHECK(allowance_used(allowance) == 0);
  allowance_free(allowance);
  return check_report();
}
