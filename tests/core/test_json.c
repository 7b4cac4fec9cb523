#include "json.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

static char written[256];

static const char *text_of(struct buffer *buffer) {
  (void)snprintf(written, sizeof written, "%s", buffer->data ? buffer->data : "");
  buffer_free(buffer);
  return written;
}

static const char *number(double value) {
  struct buffer buffer = {0};
  struct error err = {0};
  CHECK(json_write_number(&buffer, value, &err));
  return text_of(&buffer);
}

static const char *quoted(const char *bytes, size_t length) {
  struct buffer buffer = {0};
  struct error err = {0};
  CHECK(json_write_text(&buffer, bytes, length, &err));
  return text_of(&buffer);
}

static void test_numbers(void) {
  CHECK_TEXT(number(5.0), "5");
  CHECK_TEXT(number(-0.0), "0");
  CHECK_TEXT(number(0.1), "0.1");
  CHECK_TEXT(number(1e-7), "1e-07");
  CHECK_TEXT(number(-9223372036854775808.0), "-9223372036854775808");
  CHECK_TEXT(number(9223372036854775808.0), "9.223372036854776e+18");
  CHECK_TEXT(number(5e-324), "5e-324");
  CHECK_TEXT(number(1.7976931348623157e308), "1.7976931348623157e+308");
  struct buffer buffer = {0};
  struct error err = {0};
  CHECK(!json_write_number(&buffer, NAN, &err) && err.kind == ERROR_INVALID);
  CHECK(!json_write_number(&buffer, -INFINITY, &err) && err.kind == ERROR_INVALID);
  CHECK(json_write_integer(&buffer, INT64_MIN, &err));
  CHECK_TEXT(text_of(&buffer), "-9223372036854775808");
}

static void test_texts(void) {
  CHECK_TEXT(quoted("", 0), "\"\"");
  CHECK_TEXT(quoted("a\0b\t\"\\/\x7f", 8), "\"a\\u0000b\\t\\\"\\\\/\x7f\"");
  struct buffer buffer = {0};
  struct error err = {0};
  CHECK(!json_write_text(&buffer, "\xe2\x82", 2, &err) && err.kind == ERROR_INVALID);
  CHECK(!json_write_text(&buffer, "\xe2\x82\xac", 2, &err)); /* the length counts, not what lies behind */
  buffer_free(&buffer);
}

static void test_keys(void) {
  CHECK(json_compare_keys("a", 1, "b", 1) < 0);
  CHECK(json_compare_keys("a", 1, "aa", 2) < 0);
  CHECK(json_compare_keys("\xc3\xa9", 2, "z", 1) > 0);
  CHECK(json_compare_keys("a\0b", 3, "a", 1) > 0);
  CHECK(json_compare_keys("", 0, "", 0) == 0);
}

static bool refused(const char *text, const char *reason) {
  struct error err = {0};
  json_t *value = json_parse(text, strlen(text), &err);
  if (value) json_decref(value);
  return !value && err.kind == ERROR_INVALID && strstr(err.message, reason) && !strstr(err.message, "secret");
}

static void test_parser(void) {
  struct error err = {0};
  json_t *value = json_parse("{\"a\":[1,9223372036854775807]}", 29, &err);
  CHECK(value && json_array_size(json_object_get(value, "a")) == 2);
  CHECK(json_integer_value(json_array_get(json_object_get(value, "a"), 1)) == INT64_MAX);
  json_decref(value);
  CHECK(refused("9223372036854775808", "64 bits"));
  CHECK(refused("{\"secret\":1,\"secret\":2}", "twice"));
  CHECK(refused("[\"secret", "line 1"));
  CHECK(refused("secret", "line 1"));
  CHECK(refused("", "unexpected end"));
}

int main(void) {
  test_numbers();
  test_texts();
  test_keys();
  test_parser();
  return check_report();
}
