#include "buffer.h"

#include "check.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

/* The linker sends calls of free and realloc here (see CMakeLists.txt): what is freed may not hold it. */
static const char secret[] = "correct horse battery staple";
static int leaks;

void __real_free(void *block);
void *__real_realloc(void *block, size_t size);
void __wrap_free(void *block);
void *__wrap_realloc(void *block, size_t size);

static void look_into(void *block) {
  if (block && memmem(block, malloc_usable_size(block), secret, sizeof secret - 1)) leaks++;
}

void __wrap_free(void *block) {
  look_into(block);
  __real_free(block);
}

void *__wrap_realloc(void *block, size_t size) {
  look_into(block); /* it may move */
  return __real_realloc(block, size);
}

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

static void test_wiping(void) {
  struct buffer buffer = {0};
  leaks = 0;
  CHECK(buffer_append_text(&buffer, secret));
  for (int i = 0; i < 10000; i++) CHECK(buffer_append(&buffer, "x", 1));
  CHECK(memcmp(buffer.data, secret, sizeof secret - 1) == 0);
  buffer_wipe(&buffer);
  CHECK(leaks == 0);

  CHECK(buffer_append_text(&buffer, secret));
  buffer_free(&buffer); /* makes no promise: the check above can fail */
  CHECK(leaks == 1);
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
  test_wiping();
  test_overflow();
  return check_report();
}
