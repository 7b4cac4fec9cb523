/* digest.h: fingerprints of bytes, with and without a key. Pure; over OpenSSL, which starts itself on first
 * use. */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_CRC32 };

enum { DIGEST_LARGEST = 32, DIGEST_SHA256_SIZE = 32 };

/* "md5", "sha1", "sha256", "crc32". False for any other name. */
bool digest_named(const char *name, enum digest_algorithm *algorithm);
size_t digest_size(enum digest_algorithm algorithm);

/* Writes digest_size() bytes to `out`; CRC-32 (the one of gzip and S3) as four bytes, highest first. False
 * with `err` set when the library refuses (a machine in FIPS mode has no MD5) or is out of memory. */
bool digest_bytes(enum digest_algorithm algorithm, const void *bytes, size_t length,
                  unsigned char out[DIGEST_LARGEST], struct error *err);

/* The same with a key (RFC 2104). ERROR_INVALID for DIGEST_CRC32, which is no such thing. */
bool digest_hmac(enum digest_algorithm algorithm, const void *key, size_t key_length, const void *bytes,
                 size_t length, unsigned char out[DIGEST_LARGEST], struct error *err);

/* CRC-32 that goes on from `crc` (0 at first). */
uint32_t digest_crc32(uint32_t crc, const void *bytes, size_t length);

#endif
