/* Keys, the seals they find, and content under a seal. */
#include "../seal.h"
#include "../buffer.h"
#include "api.h"

#include <lauxlib.h>
#include <string.h>

#define KEY_METATABLE "core.key"
#define SEAL_METATABLE "core.seal"

struct key_handle {
  struct key *key; /* owned; NULL once closed */
};

struct seal_handle {
  struct seal *seal; /* owned */
};

static struct key *check_key(lua_State *L, int index) {
  struct key_handle *handle = luaL_checkudata(L, index, KEY_METATABLE);
  if (!handle->key) luaL_error(L, "the key was closed");
  return handle->key;
}

static struct key *make_from_bytes(lua_State *L, const char *raw, size_t length, struct error *err) {
  struct span ticket = {0};
  luaL_argcheck(L, length == KEY_SIZE, 1, "a raw key has 32 bytes");
  ticket.bytes = api_option_text(L, 1, "ticket", &ticket.length);
  if (ticket.bytes) return key_from_holder((const unsigned char *)raw, ticket, err);
  return key_from_bytes((const unsigned char *)raw, err);
}

static struct key *make_key(lua_State *L, struct error *err) {
  size_t length = 0;
  const char *passphrase = api_option_text(L, 1, "passphrase", &length);
  if (passphrase) return key_from_passphrase(passphrase, length, err);
  const char *path = api_option_text(L, 1, "file", NULL);
  if (path) return key_from_file(path, err);
  const char *raw = api_option_text(L, 1, "raw", &length);
  luaL_argcheck(L, raw, 1, "needs passphrase, file or raw");
  return make_from_bytes(L, raw, length, err);
}

/* key{passphrase=} | key{file=} | key{raw=32 bytes} | key{raw=, ticket=what its keeper gives it back for}
 * -> key | nil, err */
static int api_key(lua_State *L) {
  struct error err = {0};
  luaL_checktype(L, 1, LUA_TTABLE);
  struct key_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->key = NULL;
  luaL_setmetatable(L, KEY_METATABLE);
  handle->key = make_key(L, &err);
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

static struct span check_text(lua_State *L, int argument) {
  struct span text = {0};
  text.bytes = luaL_checklstring(L, argument, &text.length);
  return text;
}

static struct seal *check_seal(lua_State *L) {
  return ((struct seal_handle *)luaL_checkudata(L, 1, SEAL_METATABLE))->seal;
}

static struct seal_handle *push_seal(lua_State *L) {
  struct seal_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->seal = NULL;
  luaL_setmetatable(L, SEAL_METATABLE);
  return handle;
}

/* seal{key, …} -> seal | nil, err: a new one that each of the keys finds */
static int api_seal(lua_State *L) {
  struct key *keys[SEAL_RECIPIENTS];
  struct error err = {0};
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t count = lua_rawlen(L, 1);
  luaL_argcheck(L, count > 0 && count <= SEAL_RECIPIENTS, 1, "1 to 16 keys");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    keys[i] = check_key(L, -1);
    lua_pop(L, 1);
  }
  struct seal_handle *handle = push_seal(L);
  handle->seal = seal_make(keys, count, &err);
  if (!handle->seal) return api_fail_error(L, &err);
  return 1;
}

/* key:find(envelope) -> seal | nil, err(invalid, denied) */
static int key_find(lua_State *L) {
  struct key *key = check_key(L, 1);
  struct span envelope = check_text(L, 2);
  struct error err = {0};
  struct seal_handle *handle = push_seal(L);
  handle->seal = seal_find(key, envelope, &err);
  if (!handle->seal) return api_fail_error(L, &err);
  return 1;
}

static int collect_seal(lua_State *L) {
  struct seal_handle *handle = luaL_checkudata(L, 1, SEAL_METATABLE);
  seal_free(handle->seal);
  handle->seal = NULL;
  return 0;
}

static int push_bytes(lua_State *L, bool ok, struct buffer *bytes, const struct error *err) {
  if (!ok) return api_fail_error(L, err);
  lua_pushlstring(L, bytes->data, bytes->length);
  buffer_wipe(bytes);
  return 1;
}

/* seal:close(plain, label, context) -> envelope | nil, err */
static int seal_close_envelope(lua_State *L) {
  struct seal *seal = check_seal(L);
  struct span plain = check_text(L, 2);
  struct span label = check_text(L, 3);
  struct span context = check_text(L, 4);
  struct error err = {0};
  struct buffer *envelope = api_buffer(L);
  bool ok = seal_close(seal, plain, label, context, envelope, &err);
  return push_bytes(L, ok, envelope, &err);
}

/* seal:open(envelope, context) -> plain | nil, err(invalid, denied) */
static int seal_open_envelope(lua_State *L) {
  struct seal *seal = check_seal(L);
  struct span envelope = check_text(L, 2);
  struct span context = check_text(L, 3);
  struct error err = {0};
  struct buffer *plain = api_buffer(L);
  bool ok = seal_open(seal, envelope, context, plain, &err);
  return push_bytes(L, ok, plain, &err);
}

/* seal:closes() -> boolean: false for the seal of an envelope of version 1, which opens that one only */
static int seal_can_close(lua_State *L) {
  lua_pushboolean(L, seal_closes(check_seal(L)));
  return 1;
}

static const char *kind_word(unsigned kind) {
  switch (kind) {
  case KEY_PASSPHRASE:
    return "passphrase";
  case KEY_RAW:
    return "raw";
  case KEY_HELD:
    return "held";
  default:
    return "unknown";
  }
}

static void push_slot(lua_State *L, const struct seal_slot *slot) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, kind_word(slot->kind));
  lua_setfield(L, -2, "kind");
  if (slot->kind != KEY_HELD) return;
  lua_pushlstring(L, slot->ticket.bytes ? slot->ticket.bytes : "", slot->ticket.length);
  lua_setfield(L, -2, "ticket");
}

/* seal_look(envelope) -> {version=, label= (nil in version 1),
 * slots={{kind="passphrase"|"raw"|"held"|"unknown", ticket=}, …}} | nil, err(invalid): nobody vouches for it
 */
static int api_seal_look(lua_State *L) {
  struct span envelope = check_text(L, 1);
  struct seal_facts facts;
  struct error err = {0};
  if (!seal_look(envelope, &facts, &err)) return api_fail_error(L, &err);
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)facts.version);
  lua_setfield(L, -2, "version");
  if (facts.label.bytes) {
    lua_pushlstring(L, facts.label.bytes, facts.label.length);
    lua_setfield(L, -2, "label");
  }
  lua_createtable(L, (int)facts.slot_count, 0);
  for (size_t i = 0; i < facts.slot_count; i++) {
    push_slot(L, &facts.slots[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "slots");
  return 1;
}

static int key_to_text(lua_State *L) {
  lua_pushliteral(L, "key");
  return 1;
}

static int seal_to_text(lua_State *L) {
  lua_pushliteral(L, "seal");
  return 1;
}

void api_open_seal(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"key", api_key},
                                              {"key_create", api_key_create},
                                              {"seal", api_seal},
                                              {"seal_look", api_seal_look},
                                              {NULL, NULL}};
  static const struct luaL_Reg key_methods[] = {{"find", key_find}, {"close", key_close}, {NULL, NULL}};
  static const struct luaL_Reg key_metamethods[] = {
      {"__gc", key_close}, {"__close", key_close}, {"__tostring", key_to_text}, {NULL, NULL}};
  static const struct luaL_Reg seal_methods[] = {
      {"close", seal_close_envelope}, {"open", seal_open_envelope}, {"closes", seal_can_close}, {NULL, NULL}};
  static const struct luaL_Reg seal_metamethods[] = {
      {"__gc", collect_seal}, {"__tostring", seal_to_text}, {NULL, NULL}};
  api_class(L, KEY_METATABLE, key_methods, key_metamethods);
  api_class(L, SEAL_METATABLE, seal_methods, seal_metamethods);
  luaL_setfuncs(L, functions, 0);
}
