/* RFC 4648's examples, what must be refused, and every byte there and back. */
#include "encoding.h"

#include "check.h"

typedef bool (*convert_fn)(struct buffer *out, const char *bytes, size_t length, struct error *err);

static bool uri(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  return encoding_to_uri(out, bytes, length, false, err);
}
static bool uri_path(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  return encoding_to_uri(out, bytes, length, true, err);
}

static void gives(convert_fn convert, const char *text, const char *expected) {
  struct buffer out = {0};
  struct error err = {0};
  CHECK(convert(&out, text, strlen(text), &err));
  CHECK_TEXT(out.data, expected);
  buffer_free(&out);
}

static void refuses(convert_fn convert, const char *text) {
  struct buffer out = {0};
  struct error err = {0};
  if (!CHECK(!convert(&out, text, strlen(text), &err))) (void)fprintf(stderr, "  accepted: %s\n", text);
  CHECK(err.kind == ERROR_INVALID);
  buffer_free(&out);
}

static void returns_every_byte(convert_fn encode, convert_fn decode) {
  char bytes[256];
  for (int i = 0; i < 256; i++) bytes[i] = (char)i;
  for (size_t length = 0; length <= sizeof bytes; length++) {
    struct buffer text = {0};
    struct buffer back = {0};
    struct error err = {0};
    CHECK(encode(&text, bytes, length, &err));
    CHECK(decode(&back, text.data, text.length, &err));
    CHECK(back.length == length && (length == 0 || memcmp(back.data, bytes, length) == 0));
    buffer_free(&text);
    buffer_free(&back);
  }
}

int main(void) {
  static const char *const base64[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof base64 / sizeof *base64; i++) {
    gives(encoding_to_base64, base64[i][0], base64[i][1]);
    gives(encoding_from_base64, base64[i][1], base64[i][0]);
  }
  static const char *const not_base64[] = {
      "Zg", "Zg=", "=", "====", "Zg==Zg==", "Z===", "Zm9v\n", "Zm-v", "Zh==", "Zm9="};
  for (size_t i = 0; i < sizeof not_base64 / sizeof *not_base64; i++)
    refuses(encoding_from_base64, not_base64[i]);

  gives(encoding_to_hex, "foo", "666f6f");
  gives(encoding_from_hex, "666F6f", "foo");
  refuses(encoding_from_hex, "6");
  refuses(encoding_from_hex, "6g");

  gives(uri, "a b/c~d+\xc3\xa9", "a%20b%2Fc~d%2B%C3%A9");
  gives(uri_path, "a b/c", "a%20b/c");
  gives(encoding_from_uri, "a%20b%2fc+d", "a b/c+d");
  refuses(encoding_from_uri, "a%2");
  refuses(encoding_from_uri, "a%");
  refuses(encoding_from_uri, "a%zz");

  returns_every_byte(encoding_to_base64, encoding_from_base64);
  returns_every_byte(encoding_to_hex, encoding_from_hex);
  returns_every_byte(uri, encoding_from_uri);
  return check_report();
}
