#include "digest.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const struct {
  const char *name;
  size_t size;
  const EVP_MD *(*method)(void);
} algorithms[] = {
    [DIGEST_MD5] = {"md5", 16, EVP_md5},
    [DIGEST_SHA1] = {"sha1", 20, EVP_sha1},
    [DIGEST_SHA256] = {"sha256", DIGEST_SHA256_SIZE, EVP_sha256},
    [DIGEST_CRC32] = {"crc32", 4, NULL},
};

bool digest_named(const char *name, enum digest_algorithm *algorithm) {
  for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
    if (strcmp(algorithms[i].name, name) == 0) {
      *algorithm = (enum digest_algorithm)i;
      return true;
    }
  }
  return false;
}

size_t digest_size(enum digest_algorithm algorithm) { return algorithms[algorithm].size; }

uint32_t digest_crc32(uint32_t crc, const void *bytes, size_t length) {
  /* one nibble at a time: a table of 16 words is small enough to read at a glance */
  static const uint32_t table[16] = {
      0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
      0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
  };
  const unsigned char *at = bytes;
  crc = ~crc;
  for (size_t i = 0; i < length; i++) {
    crc ^= at[i];
    crc = table[crc & 15] ^ (crc >> 4);
    crc = table[crc & 15] ^ (crc >> 4);
  }
  return ~crc;
}

bool digest_bytes(enum digest_algorithm algorithm, const void *bytes, size_t length,
                  unsigned char out[DIGEST_LARGEST], struct error *err) {
  if (algorithm == DIGEST_CRC32) {
    uint32_t crc = digest_crc32(0, bytes, length);
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(crc >> (24 - 8 * i));
    return true;
  }
  unsigned int size = 0;
  if (EVP_Digest(bytes, length, out, &size, algorithms[algorithm].method(), NULL) == 1) return true;
  error_set(err, ERROR_IO, "the cryptographic library refuses %s", algorithms[algorithm].name);
  return false;
}

bool digest_hmac(enum digest_algorithm algorithm, const void *key, size_t key_length, const void *bytes,
                 size_t length, unsigned char out[DIGEST_LARGEST], struct error *err) {
  if (algorithm == DIGEST_CRC32 || key_length > INT_MAX) {
    error_set(err, ERROR_INVALID, "%s takes no such key", algorithms[algorithm].name);
    return false;
  }
  unsigned int size = 0;
  const void *nonnull = key_length ? key : ""; /* NULL would mean "the key of last time" */
  if (HMAC(algorithms[algorithm].method(), nonnull, (int)key_length, bytes, length, out, &size)) return true;
  error_set(err, ERROR_IO, "the cryptographic library refuses HMAC with %s", algorithms[algorithm].name);
  return false;
}
