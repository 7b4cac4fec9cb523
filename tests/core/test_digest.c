/* Published values: RFC 1321, FIPS 180, RFC 2202, RFC 4231, and the check value of CRC-32. */
#include "digest.h"

#include "check.h"
#include "encoding.h"

static const char *hex_digest(const char *name, const char *text) {
  static char out[2 * DIGEST_LARGEST + 1];
  unsigned char raw[DIGEST_LARGEST];
  enum digest_algorithm algorithm = DIGEST_MD5;
  struct error err = {0};
  if (!CHECK(digest_named(name, &algorithm))) return NULL;
  if (!CHECK(digest_bytes(algorithm, text, strlen(text), raw, &err))) return NULL;
  encoding_hex(raw, digest_size(algorithm), out);
  return out;
}

static const char *hex_hmac(const char *name, const void *key, size_t key_length, const char *text) {
  static char out[2 * DIGEST_LARGEST + 1];
  unsigned char raw[DIGEST_LARGEST];
  enum digest_algorithm algorithm = DIGEST_MD5;
  struct error err = {0};
  if (!CHECK(digest_named(name, &algorithm))) return NULL;
  if (!CHECK(digest_hmac(algorithm, key, key_length, text, strlen(text), raw, &err))) return NULL;
  encoding_hex(raw, digest_size(algorithm), out);
  return out;
}

int main(void) {
  CHECK_TEXT(hex_digest("md5", ""), "d41d8cd98f00b204e9800998ecf8427e");
  CHECK_TEXT(hex_digest("md5", "message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK_TEXT(hex_digest("sha1", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK_TEXT(hex_digest("sha256", ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_TEXT(hex_digest("sha256", "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_TEXT(hex_digest("crc32", "123456789"), "cbf43926");
  CHECK_TEXT(hex_digest("crc32", ""), "00000000");
  CHECK(digest_crc32(digest_crc32(0, "1234", 4), "56789", 5) == 0xcbf43926U);

  CHECK_TEXT(hex_hmac("sha256", "Jefe", 4, "what do ya want for nothing?"),
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK_TEXT(hex_hmac("sha1", "Jefe", 4, "what do ya want for nothing?"),
             "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK_TEXT(hex_hmac("sha256", "", 0, ""),
             "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  unsigned char long_key[131];
  memset(long_key, 0xaa, sizeof long_key);
  CHECK_TEXT(
      hex_hmac("sha256", long_key, sizeof long_key, "Test Using Larger Than Block-Size Key - Hash Key First"),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

  enum digest_algorithm algorithm = DIGEST_MD5;
  struct error err = {0};
  unsigned char raw[DIGEST_LARGEST];
  CHECK(!digest_named("sha512", &algorithm));
  CHECK(!digest_hmac(DIGEST_CRC32, "k", 1, "", 0, raw, &err) && err.kind == ERROR_INVALID);
  return check_report();
}
