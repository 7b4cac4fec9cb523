/* Digests, text encodings, random bytes. */
#include "../digest.h"
#include "../encoding.h"
#include "../random.h"
#include "api.h"

#include <lauxlib.h>

static enum digest_algorithm check_algorithm(lua_State *L) {
  enum digest_algorithm algorithm = DIGEST_SHA256;
  const char *name = luaL_checkstring(L, 1);
  if (!digest_named(name, &algorithm)) luaL_argerror(L, 1, "must be md5, sha1, sha256 or crc32");
  return algorithm;
}

/* digest(algorithm, bytes) -> raw bytes */
static int api_digest(lua_State *L) {
  enum digest_algorithm algorithm = check_algorithm(L);
  size_t length = 0;
  const char *bytes = luaL_checklstring(L, 2, &length);
  unsigned char out[DIGEST_LARGEST];
  struct error err;
  if (!digest_bytes(algorithm, bytes, length, out, &err)) return api_fail_error(L, &err);
  lua_pushlstring(L, (const char *)out, digest_size(algorithm));
  return 1;
}

/* hmac(algorithm, key, bytes) -> raw bytes */
static int api_hmac(lua_State *L) {
  enum digest_algorithm algorithm = check_algorithm(L);
  luaL_argcheck(L, algorithm != DIGEST_CRC32, 1, "crc32 takes no key");
  size_t key_length = 0;
  size_t length = 0;
  const char *key = luaL_checklstring(L, 2, &key_length);
  const char *bytes = luaL_checklstring(L, 3, &length);
  unsigned char out[DIGEST_LARGEST];
  struct error err;
  if (!digest_hmac(algorithm, key, key_length, bytes, length, out, &err)) return api_fail_error(L, &err);
  lua_pushlstring(L, (const char *)out, digest_size(algorithm));
  return 1;
}

typedef bool (*convert_fn)(struct buffer *out, const char *bytes, size_t length, struct error *err);

static int convert(lua_State *L, convert_fn function) {
  size_t length = 0;
  const char *bytes = luaL_checklstring(L, 1, &length);
  struct buffer *out = api_buffer(L);
  struct error err;
  if (!function(out, bytes, length, &err)) return api_fail_error(L, &err);
  lua_pushlstring(L, out->data ? out->data : "", out->length);
  buffer_wipe(out);
  return 1;
}

/* hex(bytes) -> text; unhex(text) -> bytes | nil, err; the same for base64 and uri */
static int api_hex(lua_State *L) { return convert(L, encoding_to_hex); }
static int api_unhex(lua_State *L) { return convert(L, encoding_from_hex); }
static int api_base64(lua_State *L) { return convert(L, encoding_to_base64); }
static int api_unbase64(lua_State *L) { return convert(L, encoding_from_base64); }
static int api_uri_decode(lua_State *L) { return convert(L, encoding_from_uri); }

static bool to_uri_with_slash(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  return encoding_to_uri(out, bytes, length, true, err);
}
static bool to_uri(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  return encoding_to_uri(out, bytes, length, false, err);
}

/* uri_encode(text [, keep_slash]) -> text */
static int api_uri_encode(lua_State *L) {
  return convert(L, lua_toboolean(L, 2) ? to_uri_with_slash : to_uri);
}

/* random(count) -> raw bytes */
static int api_random(lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 1);
  luaL_argcheck(L, count >= 0 && count <= 1 << 20, 1, "must be between 0 and 1048576");
  void *room = lua_newuserdatauv(L, (size_t)count, 0);
  struct error err;
  if (!random_bytes(room, (size_t)count, &err)) return api_fail_error(L, &err);
  lua_pushlstring(L, room, (size_t)count);
  return 1;
}

/* uuid() -> text */
static int api_uuid(lua_State *L) {
  char text[RANDOM_UUID_SIZE];
  struct error err;
  if (!random_uuid(text, &err)) return api_fail_error(L, &err);
  lua_pushstring(L, text);
  return 1;
}

void api_open_digest(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"digest", api_digest},
      {"hmac", api_hmac},
      {"hex", api_hex},
      {"unhex", api_unhex},
      {"base64", api_base64},
      {"unbase64", api_unbase64},
      {"uri_encode", api_uri_encode},
      {"uri_decode", api_uri_decode},
      {"random", api_random},
      {"uuid", api_uuid},
      {NULL, NULL},
  };
  luaL_setfuncs(L, functions, 0);
}
