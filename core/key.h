/* key.h: secrets that seal state: a passphrase, 32 random bytes, or 32 random bytes that somebody else keeps
 * and gives back for a ticket. From each comes a key that wraps others (key_derive): by scrypt, which is slow
 * on purpose and therefore remembered, or by HKDF.
 *
 * Secret bytes are wiped when a key is freed. Error kinds: ERROR_INVALID for what cannot be a key, those of
 * file.h for files. */
#ifndef CORE_KEY_H
#define CORE_KEY_H

#include "cipher.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_SIZE = CIPHER_KEY, KEY_SALT_SIZE = 16, KEY_LONGEST_TICKET = 2048 };

enum key_kind { KEY_PASSPHRASE = 1, KEY_RAW = 2, KEY_HELD = 3 }; /* the numbers stand in envelopes */

struct key;

/* The bytes are copied; empty ones are refused. */
struct key *key_from_passphrase(const char *passphrase, size_t length, struct error *err);
struct key *key_from_bytes(const unsigned char bytes[KEY_SIZE], struct error *err);
/* The ticket is copied; an empty one, or one beyond KEY_LONGEST_TICKET, is refused. */
struct key *key_from_holder(const unsigned char bytes[KEY_SIZE], struct span ticket, struct error *err);
/* A file of 64 hexadecimal digits (a line end may follow) or of 32 bytes. */
struct key *key_from_file(const char *path, struct error *err);
/* Makes such a file, with digits, readable for this user alone. ERROR_EXISTS when there is one. */
bool key_create_file(const char *path, struct error *err);
/* Accepts NULL. */
void key_free(struct key *key);

enum key_kind key_kind(const struct key *key);
/* Of KEY_HELD; empty for the others. Lives as long as the key. */
struct span key_ticket(const struct key *key);

/* What makes a derived key, besides the secret. Stands in envelopes. */
struct key_parameters {
  uint8_t log_n; /* scrypt: N is 2 to this power; 0 without passphrase, and so the next two */
  uint8_t r;
  uint8_t p;
  unsigned char salt[KEY_SALT_SIZE];
};

/* Parameters for a new envelope. A passphrase keeps its salt (the one of key_prefer, else a random one), so
 * that only the first derivation costs time. */
bool key_choose(struct key *key, struct key_parameters *parameters, struct error *err);
/* Tells that these parameters opened an envelope: new ones may use them too. */
void key_prefer(struct key *key, const struct key_parameters *parameters);

/* ERROR_INVALID for parameters that would cost unreasonable time or memory: they come from foreign bytes. The
 * caller wipes `out`. */
bool key_derive(struct key *key, const struct key_parameters *parameters, unsigned char out[KEY_SIZE],
                struct error *err);

#endif
