/* When to try again. */
#include "../retry.h"
#include "api.h"

#include <lauxlib.h>
#include <string.h>

enum { ATTEMPTS = 6, BASE_MS = 500, MAX_MS = 30000 };

static double number_option(lua_State *L, const char *name, double otherwise) {
  int type = lua_getfield(L, 1, name);
  double value = type == LUA_TNUMBER ? lua_tonumber(L, -1) : otherwise;
  if (type != LUA_TNUMBER && type != LUA_TNIL)
    luaL_error(L, "option '%s' must be a number, not %s", name, luaL_typename(L, -1));
  lua_pop(L, 1);
  return value;
}

static enum error_kind kind_option(lua_State *L) {
  const char *word = api_option_text(L, 1, "kind", NULL);
  if (!word) return ERROR_NONE;
  for (int kind = ERROR_NONE; kind <= ERROR_LIMIT; kind++) {
    if (strcmp(error_word((enum error_kind)kind), word) == 0) return (enum error_kind)kind;
  }
  return ERROR_NONE;
}

/* retry{attempt=, status=, kind=, retry_after=, now=, random=, base_ms=, max_ms=, attempts=} -> milliseconds
 * | nil: stop. `retry_after` is a number of seconds, or the header's text (which, as a date, needs `now`). */
static int api_retry(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct retry_rule rule = {
      .attempts = (int)api_option_integer(L, 1, "attempts", ATTEMPTS),
      .base_ms = number_option(L, "base_ms", BASE_MS),
      .max_ms = number_option(L, "max_ms", MAX_MS),
  };
  struct retry_outcome outcome = {
      .attempt = (int)api_option_integer(L, 1, "attempt", 1),
      .status = (int)api_option_integer(L, 1, "status", 0),
      .kind = kind_option(L),
      .retry_after = -1,
      .random = number_option(L, "random", 0.5),
  };
  if (lua_getfield(L, 1, "retry_after") == LUA_TSTRING) {
    if (!retry_after_seconds(lua_tostring(L, -1), number_option(L, "now", 0), &outcome.retry_after))
      outcome.retry_after = -1;
  } else {
    outcome.retry_after = number_option(L, "retry_after", -1);
  }
  double delay = retry_delay(&rule, &outcome);
  if (delay < 0) {
    lua_pushnil(L);
  } else {
    lua_pushnumber(L, delay);
  }
  return 1;
}

void api_open_retry(lua_State *L) {
  lua_pushcfunction(L, api_retry);
  lua_setfield(L, -2, "retry");
}
