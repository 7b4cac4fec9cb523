/* seal.h: bytes to an authenticated, encrypted envelope and back.
 *
 * Every envelope has a random data key of its own, which encrypts the content with AES-256-GCM. The header
 * holds that key, wrapped for each recipient. Integers are big endian:
 *
 *   magic        8  89 53 45 41 4c 0d 0a 1a
 *   version      1  1
 *   header       4  length, then
 *     recipients 1  how many, then each:
 *       kind     1  enum key_kind
 *       length   2  of the rest; unknown kinds are skipped by it
 *       log N, r, p 3, salt 16, nonce 12, wrapped data key 32, tag 16
 *     content    8  length of the plain content
 *     nonce     12
 *   ciphertext      as long as the content
 *   tag         16
 *
 * Everything before the ciphertext is authenticated with it, and so is what the caller passes as `context`
 * (such as the name of the object): an envelope does not open in another context. */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "buffer.h"
#include "error.h"
#include "key.h"

#include <stdbool.h>
#include <stddef.h>

enum { SEAL_RECIPIENTS = 16, SEAL_LARGEST = 1 << 30 };

/* Bytes that somebody else owns. */
struct seal_text {
  const void *bytes;
  size_t length;
};

/* Appends an envelope that each of the `count` keys opens. False with `err` set: ERROR_LIMIT for content
 * beyond SEAL_LARGEST, ERROR_MEMORY, ERROR_IO without randomness. */
bool seal_close(struct key *const *keys, size_t count, struct seal_text plain, struct seal_text context,
                struct buffer *envelope, struct error *err);

/* Appends the content. ERROR_INVALID: no envelope, a truncated one, or one of a newer version. ERROR_DENIED:
 * sealed for another key, changed since, or from another context. `plain` stays as it was then. */
bool seal_open(struct key *key, struct seal_text envelope, struct seal_text context, struct buffer *plain,
               struct error *err);

#endif
