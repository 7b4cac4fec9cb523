#include "random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool random_bytes(void *out, size_t length, struct error *err) {
  char *at = out;
  while (length > 0) {
    ssize_t got = getrandom(at, length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      error_set(err, ERROR_IO, "cannot get random bytes: %s", strerror(errno));
      return false;
    }
    at += got;
    length -= (size_t)got;
  }
  return true;
}

bool random_uuid(char out[RANDOM_UUID_SIZE], struct error *err) {
  unsigned char b[16];
  if (!random_bytes(b, sizeof b, err)) return false;
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  (void)snprintf(out, RANDOM_UUID_SIZE,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
                 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return true;
}
