/* Foreign envelopes never open, in either version, and never do harm. */
#include "seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHOLE, VERSION_1, VERSION_2, FORMS }; /* the others get past the magic at once */

static struct key *made_key(int kind) {
  static const unsigned char secret[KEY_SIZE] = "0123456789abcdef0123456789abcde";
  struct error err = {0};
  if (kind == KEY_HELD) return key_from_holder(secret, (struct span){"ticket", 6}, &err);
  return key_from_bytes(secret, &err);
}

/* Slots are authentic by themselves. */
static void try_key(struct key *key, struct span envelope) {
  struct error err = {0};
  if (seal_find(key, envelope, &err)) abort();
  if (err.kind != ERROR_INVALID && err.kind != ERROR_DENIED) abort();
}

/* A seal that was found elsewhere does not open it either. */
static void try_seal(struct key *key, struct span envelope) {
  static struct seal *seal;
  struct error err = {0};
  struct buffer plain = {0};
  if (!seal) seal = seal_make(&key, 1, &err);
  if (seal_open(seal, envelope, (struct span){"place", 5}, &plain, &err) || plain.length > 0) abort();
  if (err.kind != ERROR_INVALID && err.kind != ERROR_DENIED) abort();
  buffer_free(&plain);
}

/* Everything that it says about itself lies within it. */
static void look(struct span envelope) {
  struct seal_facts facts;
  struct error err = {0};
  if (!seal_look(envelope, &facts, &err)) return;
  if (facts.slot_count > SEAL_RECIPIENTS || facts.label.length > envelope.length) abort();
  size_t sum = 0;
  for (size_t i = 0; i < facts.slot_count; i++) {
    const unsigned char *ticket = facts.slots[i].ticket.bytes;
    for (size_t at = 0; at < facts.slots[i].ticket.length; at++) sum += ticket[at];
  }
  const unsigned char *label = facts.label.bytes;
  for (size_t at = 0; at < facts.label.length; at++) sum += label[at];
  if (sum > envelope.length * 255) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const unsigned char magic[] = {0x89, 'S', 'E', 'A', 'L', '\r', '\n', 0x1a};
  static struct key *raw;
  static struct key *held;
  struct buffer envelope = {0};
  if (!raw) raw = made_key(KEY_RAW);
  if (!held) held = made_key(KEY_HELD);
  int form = size > 0 ? data[0] % FORMS : WHOLE;
  const char version = (char)form;
  bool ok = form == WHOLE ||
            (buffer_append(&envelope, magic, sizeof magic) && buffer_append(&envelope, &version, 1));
  if (ok && buffer_append(&envelope, data, size)) {
    struct span text = {envelope.data, envelope.length};
    try_key(raw, text);
    try_key(held, text);
    try_seal(raw, text);
    look(text);
  }
  buffer_free(&envelope);
  return 0;
}
