/* cipher.h: AES-256-GCM: bytes encrypted under a key, and authenticated together with others. */
#ifndef CORE_CIPHER_H
#define CORE_CIPHER_H

#include <stdbool.h>
#include <stddef.h>

enum { CIPHER_KEY = 32, CIPHER_NONCE = 12, CIPHER_TAG = 16 };

/* Bytes that somebody else owns. */
struct span {
  const void *bytes;
  size_t length;
};

/* One use: a key never sees the same nonce twice. */
struct cipher {
  const unsigned char *key;
  const unsigned char *nonce;
  struct span authenticated[3]; /* beside the content, in this order; empty ones are nothing */
};

/* `out` has room for as many bytes as `plain`. False: out of memory. */
bool cipher_encrypt(const struct cipher *cipher, struct span plain, unsigned char *out,
                    unsigned char tag[CIPHER_TAG]);
/* False when the bytes are not authentic: then `out` was wiped. */
bool cipher_decrypt(const struct cipher *cipher, struct span bytes, const unsigned char tag[CIPHER_TAG],
                    unsigned char *out);

#endif
