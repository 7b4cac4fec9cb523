/* Keys, and content sealed with them. */
#include "../seal.h"
#include "../buffer.h"
#include "api.h"

#include <lauxlib.h>
#include <string.h>

#define KEY_METATABLE "core.key"

struct key_handle {
  struct key *key; /* owned; NULL once closed */
};

static struct key *check_key(lua_State *L) {
  struct key_handle *handle = luaL_checkudata(L, 1, KEY_METATABLE);
  luaL_argcheck(L, handle->key, 1, "the key was closed");
  return handle->key;
}

static struct key *make_key(lua_State *L, const char *passphrase, size_t passphrase_length,
                            struct error *err) {
  if (passphrase) return key_from_passphrase(passphrase, passphrase_length, err);
  const char *path = api_option_text(L, 1, "file", NULL);
  if (path) return key_from_file(path, err);
  size_t length = 0;
  const char *raw = api_option_text(L, 1, "raw", &length);
  luaL_argcheck(L, raw, 1, "needs passphrase, file or raw");
  luaL_argcheck(L, length == KEY_SIZE, 1, "a raw key has 32 bytes");
  return key_from_bytes((const unsigned char *)raw, err);
}

/* key{passphrase=} | key{file=} | key{raw=32 bytes} -> key | nil, err */
static int api_key(lua_State *L) {
  struct error err = {0};
  size_t length = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *passphrase = api_option_text(L, 1, "passphrase", &length);
  struct key_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->key = NULL;
  luaL_setmetatable(L, KEY_METATABLE);
  handle->key = make_key(L, passphrase, length, &err);
  if (!handle->key) return api_fail_error(L, &err);
  return 1;
}

/* Wipes the secret. */
static int key_close(lua_State *L) {
  struct key_handle *handle = luaL_checkudata(L, 1, KEY_METATABLE);
  key_free(handle->key);
  handle->key = NULL;
  return 0;
}

/* key_create(path) -> true | nil, err(exists): makes a key file */
static int api_key_create(lua_State *L) {
  struct error err = {0};
  if (!key_create_file(luaL_checkstring(L, 1), &err)) return api_fail_error(L, &err);
  lua_pushboolean(L, true);
  return 1;
}

static struct seal_text check_text(lua_State *L, int argument) {
  struct seal_text text = {0};
  text.bytes = luaL_checklstring(L, argument, &text.length);
  return text;
}

static int push_bytes(lua_State *L, bool ok, struct buffer *bytes, const struct error *err) {
  if (!ok) return api_fail_error(L, err);
  lua_pushlstring(L, bytes->data, bytes->length);
  buffer_wipe(bytes);
  return 1;
}

/* key:seal(plain, context) -> envelope | nil, err */
static int api_seal(lua_State *L) {
  struct key *key = check_key(L);
  struct seal_text plain = check_text(L, 2);
  struct seal_text context = check_text(L, 3);
  struct error err = {0};
  struct buffer *envelope = api_buffer(L);
  bool ok = seal_close(&key, 1, plain, context, envelope, &err);
  return push_bytes(L, ok, envelope, &err);
}

/* key:open(envelope, context) -> plain | nil, err(invalid, denied) */
static int api_open_envelope(lua_State *L) {
  struct key *key = check_key(L);
  struct seal_text envelope = check_text(L, 2);
  struct seal_text context = check_text(L, 3);
  struct error err = {0};
  struct buffer *plain = api_buffer(L);
  bool ok = seal_open(key, envelope, context, plain, &err);
  return push_bytes(L, ok, plain, &err);
}

static int key_to_text(lua_State *L) {
  lua_pushliteral(L, "key");
  return 1;
}

void api_open_seal(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"key", api_key}, {"key_create", api_key_create}, {NULL, NULL}};
  static const struct luaL_Reg methods[] = {
      {"seal", api_seal}, {"open", api_open_envelope}, {"close", key_close}, {NULL, NULL}};
  static const struct luaL_Reg metamethods[] = {
      {"__gc", key_close}, {"__close", key_close}, {"__tostring", key_to_text}, {NULL, NULL}};
  api_class(L, KEY_METATABLE, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
