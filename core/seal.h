/* seal.h: bytes to an authenticated, encrypted envelope and back.
 *
 * A seal is a random key with slots: one for each recipient, in which that recipient alone finds it. Who
 * opened an envelope with one key has its seal, and closes further ones for all recipients without their
 * secrets. Every envelope has a random data key of its own, which the seal wraps, and which encrypts the
 * content with AES-256-GCM. Integers are big endian:
 *
 *   magic        8  89 53 45 41 4c 0d 0a 1a
 *   version      1  2
 *   header       4  length, then
 *     slots      1  how many, then each:
 *       kind     1  enum key_kind
 *       length   2  of the rest; unknown kinds are skipped by it
 *       log N, r, p 3, salt 16, nonce 12, wrapped seal key 32, tag 16; of KEY_HELD: ticket
 *     label      2  length, then bytes for all to read
 *     data key  60  nonce 12, wrapped 32, tag 16
 *     content    8  length of the plain content
 *     nonce     12
 *   ciphertext      as long as the content
 *   tag         16
 *
 * Everything before the ciphertext is authenticated with it, and so is what the caller passes as `context`
 * (such as the name of the object): an envelope does not open in another context.
 *
 * Version 1 is still read: its slots wrap the data key itself, and there is no label and no data key behind
 * them. A seal of such an envelope opens that one only and closes none. */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "buffer.h"
#include "cipher.h"
#include "error.h"
#include "key.h"

#include <stdbool.h>
#include <stddef.h>

enum { SEAL_RECIPIENTS = 16, SEAL_LARGEST = 1 << 30, SEAL_LONGEST_LABEL = 255 };

struct seal;

/* A new seal that each of the `count` keys finds. NULL with `err` set: ERROR_INVALID, ERROR_MEMORY, ERROR_IO
 * without randomness. */
struct seal *seal_make(struct key *const *keys, size_t count, struct error *err);
/* The seal of an envelope. NULL with `err` set: ERROR_DENIED when the key is none of its recipients;
 * ERROR_INVALID for no envelope, a truncated one, or one of a newer version. Whether the envelope is
 * authentic shows when it is opened. */
struct seal *seal_find(struct key *key, struct span envelope, struct error *err);
/* Wipes. Accepts NULL. */
void seal_free(struct seal *seal);

/* Can it close envelopes? */
bool seal_closes(const struct seal *seal);

/* Appends an envelope. ERROR_LIMIT for content beyond SEAL_LARGEST or a label beyond SEAL_LONGEST_LABEL,
 * ERROR_INVALID for a seal that closes none, ERROR_MEMORY, ERROR_IO. */
bool seal_close(const struct seal *seal, struct span plain, struct span label, struct span context,
                struct buffer *envelope, struct error *err);
/* Appends the content. ERROR_INVALID as above. ERROR_DENIED: it has another seal, was changed since, or is
 * from another context. `plain` stays as it was then. */
bool seal_open(const struct seal *seal, struct span envelope, struct span context, struct buffer *plain,
               struct error *err);

struct seal_slot {
  unsigned kind;      /* enum key_kind, or one of a newer program */
  struct span ticket; /* of KEY_HELD; leads into the envelope */
};

/* What an envelope says about itself. Nobody vouches for it until the envelope was opened. */
struct seal_facts {
  unsigned version;
  struct span label; /* empty in version 1 */
  size_t slot_count;
  struct seal_slot slots[SEAL_RECIPIENTS];
};

/* False with `err` set (ERROR_INVALID) for what is no envelope. */
bool seal_look(struct span envelope, struct seal_facts *facts, struct error *err);

#endif
