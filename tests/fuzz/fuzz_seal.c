/* Foreign envelopes never open, and never do harm. */
#include "seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const unsigned char magic[] = {0x89, 'S', 'E', 'A', 'L', '\r', '\n', 0x1a, 1};
  static const unsigned char secret[KEY_SIZE] = "0123456789abcdef0123456789abcde";
  static struct key *key;
  struct error err = {0};
  struct buffer envelope = {0};
  struct buffer plain = {0};
  if (!key) key = key_from_bytes(secret, &err);
  bool whole = size > 0 && data[0] & 1; /* half of the inputs get past the magic at once */
  if ((!whole && !buffer_append(&envelope, magic, sizeof magic)) || !buffer_append(&envelope, data, size))
    return 0;
  struct seal_text text = {envelope.data, envelope.length};
  if (seal_open(key, text, (struct seal_text){"place", 5}, &plain, &err)) abort();
  if (err.kind != ERROR_INVALID && err.kind != ERROR_DENIED) abort();
  buffer_free(&envelope);
  buffer_free(&plain);
  return 0;
}
