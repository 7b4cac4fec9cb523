/* AES-256-GCM for those who keep their own format. */
#include "../cipher.h"
#include "../buffer.h"
#include "../random.h"
#include "api.h"

#include <lauxlib.h>

static struct cipher check_cipher(lua_State *L) {
  struct cipher cipher = {0};
  size_t length = 0;
  cipher.key = (const unsigned char *)luaL_checklstring(L, 1, &length);
  luaL_argcheck(L, length == CIPHER_KEY, 1, "a key has 32 bytes");
  cipher.authenticated[0].bytes = luaL_optlstring(L, 3, "", &cipher.authenticated[0].length);
  return cipher;
}

static struct span check_span(lua_State *L, int argument) {
  struct span span = {0};
  span.bytes = luaL_checklstring(L, argument, &span.length);
  luaL_argcheck(L, span.length <= 1 << 30, argument, "too long");
  return span;
}

/* encrypt(key, plain [, associated]) -> nonce .. ciphertext .. tag | nil, err */
static int api_encrypt(lua_State *L) {
  struct cipher cipher = check_cipher(L);
  struct span plain = check_span(L, 2);
  struct error err = {0};
  struct buffer *out = api_buffer(L);
  size_t length = CIPHER_NONCE + plain.length + CIPHER_TAG;
  if (!buffer_reserve(out, length)) return api_fail(L, ERROR_MEMORY, "out of memory");
  unsigned char *at = (unsigned char *)out->data;
  if (!random_bytes(at, CIPHER_NONCE, &err)) return api_fail_error(L, &err);
  cipher.nonce = at;
  at += CIPHER_NONCE;
  if (!cipher_encrypt(&cipher, plain, at, at + plain.length))
    return api_fail(L, ERROR_MEMORY, "cannot encrypt");
  lua_pushlstring(L, out->data, length);
  return 1;
}

/* decrypt(key, nonce .. ciphertext .. tag [, associated]) -> plain | nil, err(denied) */
static int api_decrypt(lua_State *L) {
  struct cipher cipher = check_cipher(L);
  struct span bytes = check_span(L, 2);
  struct buffer *out = api_buffer(L);
  if (bytes.length < CIPHER_NONCE + CIPHER_TAG) return api_fail(L, ERROR_DENIED, "too short to be encrypted");
  size_t length = bytes.length - CIPHER_NONCE - CIPHER_TAG;
  if (!buffer_reserve(out, length)) return api_fail(L, ERROR_MEMORY, "out of memory");
  cipher.nonce = bytes.bytes;
  const unsigned char *at = cipher.nonce + CIPHER_NONCE;
  if (!cipher_decrypt(&cipher, (struct span){at, length}, at + length, (unsigned char *)out->data))
    return api_fail(L, ERROR_DENIED, "not authentic: another key, other associated data, or changed");
  out->length = length;
  lua_pushlstring(L, out->data, length);
  buffer_wipe(out);
  return 1;
}

void api_open_cipher(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"encrypt", api_encrypt}, {"decrypt", api_decrypt}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
