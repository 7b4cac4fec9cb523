/* program.h: small programs in Lua, run by an engine. */
#ifndef TESTS_CORE_PROGRAM_H
#define TESTS_CORE_PROGRAM_H

#include "check.h"
#include "engine.h"

#include <lauxlib.h>

/* Runs `code` as the body of a program's `run`; its exit code. `prelude` stands before it, `prepare` gives
 * the Lua state what both need. */
static int program_run(const char *prelude, const char *code, void (*prepare)(lua_State *L),
                       struct error *err) {
  char text[8192];
  *err = (struct error){0};
  struct engine *engine = engine_new(err);
  if (!CHECK(engine != NULL)) return -1;
  prepare(engine_lua(engine));
  int length = snprintf(text, sizeof text,
                        "%s\npackage.preload.program = function() return { run = function() %s end } end",
                        prelude, code);
  CHECK(length > 0 && (size_t)length < sizeof text && luaL_dostring(engine_lua(engine), text) == LUA_OK);
  int exit_code = engine_run(engine, "program", 0, NULL, err);
  engine_free(engine); /* aborts when a handle is left */
  return exit_code;
}

#endif
