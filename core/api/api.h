/* api.h: what the files in core/api/ share. Each checks arguments, calls core/<noun>.c, pushes results; it
 * decides nothing. Misuse raises; what the world may do returns nil and an error table {kind=, message=}. */
#ifndef CORE_API_API_H
#define CORE_API_API_H

#include "../error.h"

#include <lua.h>

struct engine;

/* One line a file of core/api/: api_open_<noun> adds its functions to the table on top of the stack. */
/* clang-format off */
#define API_PARTS(part) \
  part(task) \
  part(embed) \
  part(digest) \
  part(json) \
  part(graph) \
  part(server) \
  part(store) \
  part(http) \
  part(retry) \
  part(file) \
  part(sigv4) \
  part(xml) \
  part(s3) \
  part(cipher) \
  part(seal) \
  part(ceiling) \
  part(yaml) \
  part(host) \
  part(process) \
  part(farewell) \
  part(terminal)
/* clang-format on */

#define API_DECLARE(noun) void api_open_##noun(lua_State *L);
API_PARTS(API_DECLARE)

/* Opens module `core`: leaves the table of all functions on the stack. */
int api_open(lua_State *L);

/* Pushes nil and an error table; returns 2, so that `return api_fail(...)` ends a function. */
int api_fail(lua_State *L, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int api_fail_error(lua_State *L, const struct error *err);

/* Makes the metatable `name` with `methods` (also its __index) and `metamethods` (may be NULL). */
struct luaL_Reg;
void api_class(lua_State *L, const char *name, const struct luaL_Reg *methods,
               const struct luaL_Reg *metamethods);

/* Optional fields of an options table at `index` (absent table or nil field: the default). Wrong types raise.
 */
lua_Integer api_option_integer(lua_State *L, int index, const char *field, lua_Integer otherwise);
int api_option_boolean(lua_State *L, int index, const char *field, int otherwise);
/* The text lives as long as the options table; NULL when absent. `length` may be NULL. */
const char *api_option_text(lua_State *L, int index, const char *field, size_t *length);

/* Pushes an empty buffer that the collector wipes and frees, so that raising in its presence leaks nothing.
 * Wipe it yourself when done: then its memory goes at once. */
struct buffer;
struct buffer *api_buffer(lua_State *L);

/* Pushes a JSON value as a Lua value and releases it, also when it raises. The stack needs three free slots.
 */
struct json_t;
int api_push_json(lua_State *L, struct json_t *value);

#endif
