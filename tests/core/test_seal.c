#include "seal.h"

#include "check.h"

#include <stdlib.h>

#define TEXT(literal) ((struct seal_text){(literal), sizeof(literal) - 1})

static const unsigned char raw_key[KEY_SIZE] = "0123456789abcdef0123456789abcde";
static const unsigned char other_raw_key[KEY_SIZE] = "x123456789abcdef0123456789abcde";

static struct seal_text text_of(const struct buffer *buffer) {
  return (struct seal_text){buffer->data, buffer->length};
}

static bool opens(struct key *key, struct seal_text envelope, struct seal_text context, const char *wanted) {
  struct buffer plain = {0};
  struct error err = {0};
  bool ok = seal_open(key, envelope, context, &plain, &err) && plain.length == strlen(wanted) &&
            memcmp(plain.data, wanted, plain.length) == 0;
  buffer_free(&plain);
  return ok;
}

static enum error_kind refusal(struct key *key, struct seal_text envelope, struct seal_text context) {
  struct buffer plain = {0};
  struct error err = {0};
  bool ok = seal_open(key, envelope, context, &plain, &err);
  bool clean = plain.length == 0 && (ok || err.message[0]);
  buffer_free(&plain);
  return ok || !clean ? ERROR_NONE : err.kind;
}

static void test_round_trip(void) {
  struct error err = {0};
  struct key *key = key_from_bytes(raw_key, &err);
  struct key *other = key_from_bytes(other_raw_key, &err);
  struct buffer first = {0};
  struct buffer second = {0};
  CHECK(seal_close(&key, 1, TEXT("secret content"), TEXT("place"), &first, &err));
  CHECK(seal_close(&key, 1, TEXT("secret content"), TEXT("place"), &second, &err));
  CHECK(first.length == second.length && memcmp(first.data, second.data, first.length) != 0);
  CHECK(!memmem(first.data, first.length, "secret", 6));
  CHECK(opens(key, text_of(&first), TEXT("place"), "secret content"));
  CHECK(refusal(key, text_of(&first), TEXT("elsewhere")) == ERROR_DENIED);
  CHECK(refusal(key, text_of(&first), TEXT("")) == ERROR_DENIED);
  CHECK(refusal(other, text_of(&first), TEXT("place")) == ERROR_DENIED);
  buffer_free(&first);
  buffer_free(&second);

  CHECK(seal_close(&key, 1, TEXT(""), TEXT(""), &first, &err));
  CHECK(opens(key, text_of(&first), TEXT(""), ""));
  buffer_free(&first);
  key_free(key);
  key_free(other);
  key_free(NULL);
}

/* Every shorter form, a longer one, and every single changed bit are noticed. */
static void test_damage(void) {
  struct error err = {0};
  struct key *key = key_from_bytes(raw_key, &err);
  struct buffer envelope = {0};
  CHECK(seal_close(&key, 1, TEXT("abc"), TEXT("place"), &envelope, &err));
  for (size_t length = 0; length < envelope.length; length++) {
    unsigned char *copy = malloc(length ? length : 1); /* exactly as long: reading on would be noticed */
    memcpy(copy, envelope.data, length);
    CHECK(refusal(key, (struct seal_text){copy, length}, TEXT("place")) == ERROR_INVALID);
    free(copy);
  }
  for (size_t bit = 0; bit < envelope.length * 8; bit++) {
    envelope.data[bit / 8] = (char)(envelope.data[bit / 8] ^ (1 << bit % 8));
    enum error_kind kind = refusal(key, text_of(&envelope), TEXT("place"));
    CHECK(kind == ERROR_INVALID || kind == ERROR_DENIED);
    envelope.data[bit / 8] = (char)(envelope.data[bit / 8] ^ (1 << bit % 8));
  }
  CHECK(opens(key, text_of(&envelope), TEXT("place"), "abc"));
  envelope.data[8] = 2;
  CHECK(refusal(key, text_of(&envelope), TEXT("place")) == ERROR_INVALID); /* a newer version */
  envelope.data[8] = 1;
  CHECK(buffer_append(&envelope, "x", 1));
  CHECK(refusal(key, text_of(&envelope), TEXT("place")) == ERROR_INVALID);
  buffer_free(&envelope);
  key_free(key);
}

static void test_passphrase(void) {
  struct error err = {0};
  struct key *key = key_from_passphrase("correct horse", 13, &err);
  struct key *again = key_from_passphrase("correct horse", 13, &err);
  struct key *wrong = key_from_passphrase("correct house", 13, &err);
  struct key *raw = key_from_bytes(raw_key, &err);
  struct buffer envelope = {0};
  struct buffer next = {0};
  CHECK(seal_close(&key, 1, TEXT("abc"), TEXT("place"), &envelope, &err));
  CHECK(opens(again, text_of(&envelope), TEXT("place"), "abc"));
  CHECK(refusal(wrong, text_of(&envelope), TEXT("place")) == ERROR_DENIED);
  CHECK(refusal(raw, text_of(&envelope), TEXT("place")) == ERROR_DENIED);
  CHECK(!key_from_passphrase("", 0, &err) && err.kind == ERROR_INVALID);

  /* a key that opened one goes on with its salt: one slow derivation, not two */
  CHECK(seal_close(&again, 1, TEXT("abc"), TEXT("place"), &next, &err));
  CHECK(memcmp(next.data + 17, envelope.data + 17, 3 + KEY_SALT_SIZE) == 0);

  /* parameters of a foreign header that would take minutes, gigabytes, or weaken the key */
  const unsigned char absurd[][3] = {{63, 8, 1}, {18, 8, 1}, {15, 255, 1}, {15, 8, 255},
                                     {15, 8, 0}, {1, 8, 1},  {0, 0, 0},    {15, 0, 1}};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
    memcpy(envelope.data + 17, absurd[i], 3);
    CHECK(refusal(again, text_of(&envelope), TEXT("place")) == ERROR_INVALID);
  }
  buffer_free(&envelope);
  buffer_free(&next);
  key_free(key);
  key_free(again);
  key_free(wrong);
  key_free(raw);
}

/* The format has room for several recipients, of kinds that this version does not know too. */
static void test_recipients(void) {
  struct error err = {0};
  struct key *one = key_from_bytes(raw_key, &err);
  struct key *other = key_from_bytes(other_raw_key, &err);
  struct key *phrase = key_from_passphrase("correct horse", 13, &err);
  struct key *keys[] = {one, phrase, other};
  struct buffer envelope = {0};
  CHECK(seal_close(keys, 3, TEXT("abc"), TEXT("place"), &envelope, &err));
  for (size_t i = 0; i < 3; i++) CHECK(opens(keys[i], text_of(&envelope), TEXT("place"), "abc"));
  envelope.data[14] = 77; /* the first one's kind: skipped, and then the content is not authentic */
  CHECK(refusal(other, text_of(&envelope), TEXT("place")) == ERROR_DENIED);
  CHECK(!seal_close(keys, 0, TEXT("abc"), TEXT("place"), &envelope, &err));
  CHECK(!seal_close(keys, SEAL_RECIPIENTS + 1, TEXT("abc"), TEXT("place"), &envelope, &err));
  buffer_free(&envelope);
  key_free(one);
  key_free(other);
  key_free(phrase);
}

int main(void) {
  test_round_trip();
  test_damage();
  test_passphrase();
  test_recipients();
  return check_report();
}
