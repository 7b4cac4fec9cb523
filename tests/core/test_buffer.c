#include "buffer.h"

#include "check.h"

#include <stdint.h>
#include <stdlib.h>

static void test_appending(void) {
  struct buffer buffer = {0};
  CHECK(buffer_append(&buffer, "", 0) && buffer.length == 0 && buffer.data && buffer.data[0] == '\0');
  CHECK(buffer_append(&buffer, "a\0b", 3) && buffer_append_text(&buffer, "cd"));
  CHECK(buffer.length == 5 && memcmp(buffer.data, "a\0bcd", 6) == 0);
  CHECK(buffer_append_format(&buffer, "%d-%s", 42, "x") && buffer.length == 9);
  CHECK_TEXT(buffer.data + 3, "cd42-x");
  buffer_free(&buffer);
  CHECK(!buffer.data && buffer.length == 0 && buffer.capacity == 0);
  buffer_free(&buffer);
}

static void test_growth(void) {
  struct buffer buffer = {0};
  for (int i = 0; i < 100000; i++) {
    const char byte = (char)(i * 7);
    CHECK(buffer_append(&buffer, &byte, 1));
  }
  bool same = buffer.length == 100000 && buffer.capacity < 300000;
  for (int i = 0; same && i < 100000; i++) same = buffer.data[i] == (char)(i * 7);
  CHECK(same);
  buffer_wipe(&buffer);
  CHECK(!buffer.data && buffer.length == 0);
  buffer_wipe(&buffer);
}

/* A failure leaves everything as it was. */
static void test_overflow(void) {
  struct buffer buffer = {0};
  CHECK(buffer_append_text(&buffer, "kept"));
  CHECK(!buffer_reserve(&buffer, SIZE_MAX) && !buffer_reserve(&buffer, SIZE_MAX - 4));
  CHECK_TEXT(buffer.data, "kept");
  buffer_free(&buffer);
}

int main(void) {
  test_appending();
  test_growth();
  test_overflow();
  return check_report();
}
