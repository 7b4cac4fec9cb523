/* Request signatures. */
#include "../sigv4.h"
#include "api.h"
#include "fields.h"

#include <lauxlib.h>

#define SIGNATURE_METATABLE "core.signature"

static int collect(lua_State *L) {
  sigv4_free(lua_touserdata(L, 1));
  return 0;
}

static const char *required(lua_State *L, const char *name) {
  const char *text = api_option_text(L, 1, name, NULL);
  if (!text) luaL_error(L, "option '%s' is missing", name);
  return text;
}

static const char *optional(lua_State *L, const char *name, const char *otherwise) {
  const char *text = api_option_text(L, 1, name, NULL);
  return text ? text : otherwise;
}

static void set_buffer(lua_State *L, const char *name, const struct buffer *buffer) {
  lua_pushlstring(L, buffer->data ? buffer->data : "", buffer->length);
  lua_setfield(L, -2, name);
}

static int64_t check_time(lua_State *L) {
  lua_getfield(L, 1, "time");
  luaL_argcheck(L, lua_isnumber(L, -1), 1, "option 'time' must be a number of seconds");
  lua_Number time = lua_tonumber(L, -1);
  lua_pop(L, 1);
  luaL_argcheck(L, time > -1e12 && time < 1e12, 1, "option 'time' is out of range");
  return (int64_t)time;
}

/* sigv4{method=, path=, query={{name, value}, ...}, headers={name = value}, payload_hash=, access_key=,
 * secret_key=, region=, service=, time=, presign=, expires=} -> {authorization=, signature=, signed_headers=,
 * amz_date=, canonical_request=, query=} */
static int api_sigv4(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct sigv4_request request = {0};
  struct error err;
  request.presign = api_option_boolean(L, 1, "presign", 0);
  request.method = optional(L, "method", "GET");
  request.path = optional(L, "path", "/");
  request.payload_hash =
      request.presign ? optional(L, "payload_hash", "UNSIGNED-PAYLOAD") : required(L, "payload_hash");
  request.access_key = required(L, "access_key");
  request.secret_key = required(L, "secret_key");
  request.region = required(L, "region");
  request.service = optional(L, "service", "s3");
  request.time = check_time(L);
  request.expires = (long)api_option_integer(L, 1, "expires", 3600);
  request.query = api_fields_list(L, 1, "query", &request.query_count);
  request.headers = api_fields_map(L, 1, "headers", &request.header_count);

  struct sigv4_signature *signature = lua_newuserdatauv(L, sizeof *signature, 0);
  *signature = (struct sigv4_signature){0};
  luaL_setmetatable(L, SIGNATURE_METATABLE);
  if (!sigv4_sign(&request, signature, &err)) return api_fail_error(L, &err);
  lua_createtable(L, 0, 6);
  lua_pushstring(L, signature->signature);
  lua_setfield(L, -2, "signature");
  lua_pushstring(L, signature->amz_date);
  lua_setfield(L, -2, "amz_date");
  set_buffer(L, "signed_headers", &signature->signed_headers);
  set_buffer(L, "canonical_request", &signature->canonical_request);
  set_buffer(L, "query", &signature->query);
  if (!request.presign) set_buffer(L, "authorization", &signature->authorization);
  return 1;
}

void api_open_sigv4(lua_State *L) {
  static const struct luaL_Reg methods[] = {{NULL, NULL}};
  static const struct luaL_Reg metamethods[] = {{"__gc", collect}, {NULL, NULL}};
  api_class(L, SIGNATURE_METATABLE, methods, metamethods);
  lua_pushcfunction(L, api_sigv4);
  lua_setfield(L, -2, "sigv4");
}
