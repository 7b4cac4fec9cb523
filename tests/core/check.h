/* check.h: what C tests share. A failed check prints where and what, and the program goes on; `check_report`
 * makes the exit code. */
#ifndef TESTS_CORE_CHECK_H
#define TESTS_CORE_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int check_count;
static int check_failures;

static inline bool check_that(bool ok, const char *text, const char *file, int line) {
  check_count++;
  if (!ok) {
    check_failures++;
    (void)fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
  }
  return ok;
}

static inline bool check_same(const char *actual, const char *expected, const char *file, int line) {
  bool ok = actual && expected && strcmp(actual, expected) == 0;
  if (!check_that(ok, "texts are equal", file, line))
    (void)fprintf(stderr, "  expected: %s\n  actual:   %s\n", expected ? expected : "(null)",
                  actual ? actual : "(null)");
  return ok;
}

static inline int check_report(void) {
  (void)printf("%d checks, %d failures\n", check_count, check_failures);
  return check_failures || !check_count ? 1 : 0;
}

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define CHECK_TEXT(actual, expected) check_same((actual), (expected), __FILE__, __LINE__)

#endif
