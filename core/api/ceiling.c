/* Code below ceilings. */
#include "../ceiling.h"
#include "../engine.h"
#include "api.h"

#include <lauxlib.h>
#include <stdbool.h>

#define FAILURE_METATABLE "core.failure"

/* Keeps the error value together with the traceback of its place. */
static int on_error(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "value");
  luaL_traceback(L, L, NULL, 1);
  lua_setfield(L, -2, "traceback");
  luaL_setmetatable(L, FAILURE_METATABLE);
  return 1;
}

static bool is_failure(lua_State *L) {
  if (!lua_istable(L, -1) || !lua_getmetatable(L, -1)) return false;
  luaL_getmetatable(L, FAILURE_METATABLE);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

/* What the code raised, as one text; pushes it. */
static void push_text(lua_State *L) {
  if (lua_type(L, -1) == LUA_TTABLE) {
    lua_pushliteral(L, "message");
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) return;
    lua_pop(L, 1);
  } else if (lua_type(L, -1) == LUA_TSTRING) {
    lua_pushvalue(L, -1);
    return;
  }
  lua_pushfstring(L, "the code failed with a value of type %s", luaL_typename(L, -1));
}

static enum error_kind kind_of(const struct ceiling_outcome *outcome, int status) {
  if (outcome->verdict != CEILING_KEPT) return ERROR_LIMIT;
  return status == LUA_ERRMEM ? ERROR_MEMORY : ERROR_INVALID;
}

/* Pushes nil and {kind=, message=, source=, value=, traceback=}; the error value, if any, is on top. */
static int push_failure(lua_State *L, const struct ceiling_outcome *outcome, int status) {
  lua_createtable(L, 0, 5);
  lua_insert(L, -2);
  if (is_failure(L)) {
    lua_getfield(L, -1, "traceback");
    lua_setfield(L, -3, "traceback");
    lua_getfield(L, -1, "value");
    lua_replace(L, -2);
  }
  if (outcome->verdict == CEILING_KEPT) {
    push_text(L);
  } else if (outcome->where[0]) {
    lua_pushfstring(L, "%s at %s", ceiling_describe(outcome->verdict), outcome->where);
    lua_pushstring(L, outcome->where);
    lua_setfield(L, -4, "source");
  } else {
    lua_pushstring(L, ceiling_describe(outcome->verdict));
  }
  lua_setfield(L, -3, "message");
  lua_setfield(L, -2, "value");
  lua_pushstring(L, error_word(kind_of(outcome, status)));
  lua_setfield(L, -2, "kind");
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static double option_seconds(lua_State *L) {
  lua_getfield(L, 2, "seconds");
  double seconds = luaL_optnumber(L, -1, 0);
  luaL_argcheck(L, seconds >= 0 && seconds < 1e6, 2, "seconds must not be negative");
  lua_pop(L, 1);
  return seconds;
}

/* limited(fn, {instructions=, memory=, seconds=, last_words=}, ...) -> true, results... | nil, err. The kind
 * of err is limit when a ceiling was reached, invalid when the code failed otherwise; its value is what the
 * code raised. `last_words` is printed if the process must end because the code sits in a C function for ever
 * (see ceiling.h). The code cannot wait. */
static int api_limited(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer instructions = api_option_integer(L, 2, "instructions", 0);
  lua_Integer memory = api_option_integer(L, 2, "memory", 0);
  luaL_argcheck(L, instructions >= 0 && memory >= 0, 2, "ceilings must not be negative");
  struct ceiling ceiling = {
      .instructions = (uint64_t)instructions,
      .memory = (size_t)memory,
      .seconds = option_seconds(L),
      .last_words = api_option_text(L, 2, "last_words", NULL),
  };
  struct allowance *allowance = engine_allowance(engine_from(L));
  struct ceiling_outcome outcome;
  int arguments = lua_gettop(L) - 2;
  lua_pushcfunction(L, on_error);
  lua_insert(L, 1);
  lua_pushvalue(L, 2); /* the function; options stay below, and with them the last words */
  lua_insert(L, 4);
  int status = ceiling_call(L, allowance, ceiling, arguments, 1, &outcome);
  if (status == LUA_OK && outcome.verdict == CEILING_KEPT) {
    lua_pushboolean(L, true);
    lua_replace(L, 3);
    return lua_gettop(L) - 2;
  }
  if (status == LUA_OK) {
    lua_settop(L, 3);
    lua_pushnil(L);
  }
  return push_failure(L, &outcome, status);
}

void api_open_ceiling(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"limited", api_limited}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  luaL_newmetatable(L, FAILURE_METATABLE);
  lua_pop(L, 1);
}
