#include "error.h"

#include "check.h"

static void test_words(void) {
  CHECK_TEXT(error_word(ERROR_NOT_FOUND), "not_found");
  CHECK_TEXT(error_word(ERROR_LIMIT), "limit");
  CHECK_TEXT(error_word((enum error_kind)1000), "unknown");
  for (int kind = ERROR_NONE; kind <= ERROR_LIMIT; kind++) {
    CHECK(error_word((enum error_kind)kind));
    for (int other = ERROR_NONE; other < kind; other++)
      CHECK(strcmp(error_word((enum error_kind)kind), error_word((enum error_kind)other)) != 0);
  }
}

static void test_wrapping(void) {
  struct error err = {0};
  error_set(&err, ERROR_IO, "disk %d is %s", 3, "full");
  CHECK(err.kind == ERROR_IO);
  CHECK_TEXT(err.message, "disk 3 is full");
  error_wrap(&err, "cannot write %s", "state");
  CHECK(err.kind == ERROR_IO);
  CHECK_TEXT(err.message, "cannot write state: disk 3 is full");
  error_set(NULL, ERROR_IO, "nobody asks");
  error_wrap(NULL, "nobody asks");
}

/* Long texts are cut, and end where they should. */
static void test_long(void) {
  struct error err = {0};
  char text[1000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  error_set(&err, ERROR_INVALID, "%s", text);
  CHECK(strlen(err.message) == sizeof err.message - 1);
  error_wrap(&err, "before");
  CHECK(strlen(err.message) == sizeof err.message - 1 && strncmp(err.message, "before: xxx", 11) == 0);
  error_wrap(&err, "%s", text);
  CHECK(strlen(err.message) == sizeof err.message - 1);
}

int main(void) {
  test_words();
  test_wrapping();
  test_long();
  return check_report();
}
