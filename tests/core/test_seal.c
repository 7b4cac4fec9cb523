#include "seal.h"

#include "check.h"

#include <stdlib.h>

#define TEXT(literal) ((struct span){(literal), sizeof(literal) - 1})

enum { KIND = 14, PARAMETERS = 17 }; /* where the first slot's kind and parameters stand */

static const unsigned char raw_key[KEY_SIZE] = "0123456789abcdef0123456789abcde";
static const unsigned char other_raw_key[KEY_SIZE] = "x123456789abcdef0123456789abcde";

/* "content of version 1" in "place", written by a program of version 1: for 32 times the letter k, and for
 * the passphrase "correct horse". */
static const unsigned char version_1[] = {
    0x89, 0x53, 0x45, 0x41, 0x4c, 0x0d, 0x0a, 0x1a, 0x01, 0x00, 0x00, 0x00, 0x67, 0x01, 0x02, 0x00, 0x4f,
    0x00, 0x00, 0x00, 0x06, 0x1e, 0xa8, 0x61, 0x6f, 0x48, 0x71, 0xfb, 0x64, 0xec, 0x88, 0x8d, 0xe9, 0xb0,
    0x47, 0x16, 0x15, 0x47, 0xe1, 0x64, 0x1e, 0xae, 0xc3, 0xcf, 0x21, 0x0a, 0x39, 0x49, 0x24, 0xeb, 0x77,
    0x95, 0x64, 0x36, 0x55, 0xf9, 0xf6, 0xe1, 0xa3, 0x74, 0x99, 0x8d, 0xdb, 0x08, 0xaf, 0xcd, 0x72, 0x51,
    0xf8, 0xb0, 0x07, 0x8f, 0x9b, 0x5d, 0x02, 0x29, 0x78, 0x23, 0xfb, 0x4c, 0xf2, 0x4d, 0xfa, 0x30, 0xcd,
    0x74, 0x22, 0xc6, 0x9e, 0xfe, 0xaa, 0xcb, 0xf8, 0x75, 0x47, 0x1b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x14, 0xa3, 0x3e, 0x78, 0x70, 0x34, 0x4e, 0x8e, 0xc8, 0x4a, 0xb0, 0xd2, 0xcc, 0xb1, 0xe1, 0x9a,
    0xc8, 0xde, 0x66, 0x36, 0xc8, 0x2c, 0x4b, 0xae, 0x3e, 0xf4, 0x38, 0xee, 0xbe, 0xf8, 0x8c, 0xb9, 0xd1,
    0x83, 0x19, 0x9e, 0x7a, 0x28, 0x78, 0x66, 0x05, 0x0e, 0x65, 0x37, 0xef, 0x0e, 0x09, 0xfb, 0x74,
};
static const unsigned char version_1_passphrase[] = {
    0x89, 0x53, 0x45, 0x41, 0x4c, 0x0d, 0x0a, 0x1a, 0x01, 0x00, 0x00, 0x00, 0x67, 0x01, 0x01, 0x00, 0x4f,
    0x0f, 0x08, 0x01, 0xff, 0x88, 0x3e, 0xeb, 0xee, 0x90, 0x09, 0xf8, 0xa6, 0xba, 0x1f, 0xbc, 0x00, 0xff,
    0x30, 0x56, 0xc5, 0x24, 0x17, 0x94, 0x09, 0x84, 0x28, 0x64, 0xd5, 0x61, 0x5e, 0xff, 0x5f, 0x49, 0x87,
    0x1e, 0x81, 0x66, 0x2d, 0xd4, 0x26, 0x06, 0xa0, 0x2b, 0xe3, 0xc2, 0x8f, 0xe3, 0xcd, 0xaf, 0x0f, 0x14,
    0xa9, 0x46, 0xeb, 0x30, 0xe3, 0x86, 0x77, 0xce, 0xa2, 0x0e, 0x58, 0xe9, 0x2b, 0x13, 0x56, 0x8f, 0x1a,
    0x68, 0xd1, 0xec, 0xfb, 0xa3, 0xc7, 0x1f, 0xbe, 0x22, 0xd8, 0xa2, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x14, 0x21, 0x58, 0x50, 0xfa, 0xf0, 0x12, 0xd7, 0x6d, 0xb6, 0x8b, 0x4d, 0xb0, 0x34, 0x62, 0xf3,
    0x12, 0xba, 0x41, 0xb8, 0x8c, 0x10, 0x3a, 0xa7, 0xca, 0x19, 0x40, 0xca, 0x4f, 0x10, 0xaf, 0x5a, 0x62,
    0x45, 0xa0, 0xe3, 0x82, 0x7d, 0x18, 0x9f, 0xe6, 0xc7, 0x12, 0x27, 0x04, 0x84, 0x42, 0x87, 0x88,
};

static struct span text_of(const struct buffer *buffer) {
  return (struct span){buffer->data, buffer->length};
}

/* How opening with one key ends; ERROR_NONE when the content is what was wanted. */
static enum error_kind open_with(struct key *key, struct span envelope, struct span context,
                                 const char *wanted) {
  struct buffer plain = {0};
  struct error err = {0};
  struct seal *seal = seal_find(key, envelope, &err);
  bool ok = seal && seal_open(seal, envelope, context, &plain, &err);
  bool same = ok && plain.length == strlen(wanted) && memcmp(plain.data, wanted, plain.length) == 0;
  bool clean = plain.length == 0 && err.message[0];
  buffer_free(&plain);
  seal_free(seal);
  if (ok) return same ? ERROR_NONE : ERROR_IO;
  return clean ? err.kind : ERROR_IO;
}

static bool opens(struct key *key, struct span envelope, struct span context, const char *wanted) {
  return open_with(key, envelope, context, wanted) == ERROR_NONE;
}

/* A new seal for these keys, closed over the content. */
static bool closed(struct key *const *keys, size_t count, struct span plain, struct buffer *envelope) {
  struct error err = {0};
  struct seal *seal = seal_make(keys, count, &err);
  bool ok = seal && seal_close(seal, plain, TEXT("label"), TEXT("place"), envelope, &err);
  seal_free(seal);
  return ok;
}

static void test_round_trip(void) {
  struct error err = {0};
  struct key *key = key_from_bytes(raw_key, &err);
  struct key *other = key_from_bytes(other_raw_key, &err);
  struct seal *seal = seal_make(&key, 1, &err);
  struct buffer first = {0};
  struct buffer second = {0};
  CHECK(seal && seal_closes(seal));
  CHECK(seal_close(seal, TEXT("secret content"), TEXT("label"), TEXT("place"), &first, &err));
  CHECK(seal_close(seal, TEXT("secret content"), TEXT("label"), TEXT("place"), &second, &err));
  CHECK(first.length == second.length && memcmp(first.data, second.data, first.length) != 0);
  CHECK(!memmem(first.data, first.length, "secret", 6));
  CHECK(opens(key, text_of(&first), TEXT("place"), "secret content"));
  CHECK(open_with(key, text_of(&first), TEXT("elsewhere"), "") == ERROR_DENIED);
  CHECK(open_with(key, text_of(&first), TEXT(""), "") == ERROR_DENIED);
  CHECK(open_with(other, text_of(&first), TEXT("place"), "") == ERROR_DENIED);
  buffer_free(&first);
  buffer_free(&second);

  CHECK(seal_close(seal, TEXT(""), TEXT(""), TEXT(""), &first, &err));
  CHECK(opens(key, text_of(&first), TEXT(""), ""));
  char long_label[SEAL_LONGEST_LABEL + 1] = "";
  CHECK(!seal_close(seal, TEXT(""), (struct span){long_label, sizeof long_label}, TEXT(""), &first, &err));
  CHECK(err.kind == ERROR_LIMIT && opens(key, text_of(&first), TEXT(""), "")); /* as it was */
  buffer_free(&first);
  seal_free(seal);
  seal_free(NULL);
  key_free(key);
  key_free(other);
  key_free(NULL);
}

/* Every shorter form, a longer one, and every single changed bit are noticed: in the header with its slots
 * and its label, in the content and in the tag. */
static void check_damage(struct key *key, struct buffer *envelope, const char *content) {
  for (size_t length = 0; length < envelope->length; length++) {
    unsigned char *copy = malloc(length ? length : 1); /* exactly as long: reading on would be noticed */
    memcpy(copy, envelope->data, length);
    CHECK(open_with(key, (struct span){copy, length}, TEXT("place"), "") == ERROR_INVALID);
    free(copy);
  }
  for (size_t bit = 0; bit < envelope->length * 8; bit++) {
    envelope->data[bit / 8] = (char)(envelope->data[bit / 8] ^ (1 << bit % 8));
    enum error_kind kind = open_with(key, text_of(envelope), TEXT("place"), "");
    CHECK(kind == ERROR_INVALID || kind == ERROR_DENIED);
    envelope->data[bit / 8] = (char)(envelope->data[bit / 8] ^ (1 << bit % 8));
  }
  CHECK(opens(key, text_of(envelope), TEXT("place"), content));
  char version = envelope->data[8];
  for (char other = 0; other < 5; other++) { /* the other one, none, and newer ones */
    envelope->data[8] = other;
    CHECK(other == version || open_with(key, text_of(envelope), TEXT("place"), "") == ERROR_INVALID);
  }
  envelope->data[8] = version;
  CHECK(buffer_append(envelope, "x", 1));
  CHECK(open_with(key, text_of(envelope), TEXT("place"), "") == ERROR_INVALID);
}

static void test_damage(void) {
  struct error err = {0};
  struct key *keys[] = {key_from_holder(other_raw_key, TEXT("ticket"), &err), key_from_bytes(raw_key, &err)};
  struct buffer envelope = {0};
  CHECK(closed(keys, 2, TEXT("abc"), &envelope));
  check_damage(keys[0], &envelope, "abc");
  buffer_free(&envelope);
  CHECK(closed(keys, 2, TEXT("abc"), &envelope));
  check_damage(keys[1], &envelope, "abc");
  buffer_free(&envelope);
  key_free(keys[0]);
  key_free(keys[1]);
}

static void test_passphrase(void) {
  struct error err = {0};
  struct key *key = key_from_passphrase("correct horse", 13, &err);
  struct key *again = key_from_passphrase("correct horse", 13, &err);
  struct key *wrong = key_from_passphrase("correct house", 13, &err);
  struct key *raw = key_from_bytes(raw_key, &err);
  struct buffer envelope = {0};
  struct buffer next = {0};
  CHECK(closed(&key, 1, TEXT("abc"), &envelope));
  CHECK(opens(again, text_of(&envelope), TEXT("place"), "abc"));
  CHECK(open_with(wrong, text_of(&envelope), TEXT("place"), "") == ERROR_DENIED);
  CHECK(open_with(raw, text_of(&envelope), TEXT("place"), "") == ERROR_DENIED);
  CHECK(!key_from_passphrase("", 0, &err) && err.kind == ERROR_INVALID);

  /* a key that opened one goes on with its salt, in a new seal too: one slow derivation, not two */
  CHECK(closed(&again, 1, TEXT("abc"), &next));
  CHECK(memcmp(next.data + PARAMETERS, envelope.data + PARAMETERS, 3 + KEY_SALT_SIZE) == 0);

  /* parameters of a foreign header that would take minutes, gigabytes, or weaken the key */
  const unsigned char absurd[][3] = {{63, 8, 1}, {18, 8, 1}, {15, 255, 1}, {15, 8, 255},
                                     {15, 8, 0}, {1, 8, 1},  {0, 0, 0},    {15, 0, 1}};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
    memcpy(envelope.data + PARAMETERS, absurd[i], 3);
    CHECK(open_with(again, text_of(&envelope), TEXT("place"), "") == ERROR_INVALID);
  }
  buffer_free(&envelope);
  buffer_free(&next);
  key_free(key);
  key_free(again);
  key_free(wrong);
  key_free(raw);
}

/* Each recipient finds the seal; who found it closes envelopes that all others open. */
static void test_recipients(void) {
  struct error err = {0};
  struct key *keys[] = {key_from_bytes(raw_key, &err), key_from_passphrase("correct horse", 13, &err),
                        key_from_holder(raw_key, TEXT("one"), &err),
                        key_from_holder(raw_key, TEXT("two"), &err)};
  struct key *foreign = key_from_holder(raw_key, TEXT("three"), &err);
  struct buffer envelope = {0};
  CHECK(closed(keys, 4, TEXT("abc"), &envelope));
  for (size_t i = 0; i < 4; i++) {
    CHECK(opens(keys[i], text_of(&envelope), TEXT("place"), "abc"));
    struct seal *seal = seal_find(keys[i], text_of(&envelope), &err);
    struct buffer next = {0};
    CHECK(seal && seal_closes(seal));
    CHECK(seal && seal_close(seal, TEXT("next"), TEXT("label"), TEXT("place"), &next, &err));
    for (size_t j = 0; j < 4; j++) CHECK(opens(keys[j], text_of(&next), TEXT("place"), "next"));
    seal_free(seal);
    buffer_free(&next);
  }
  CHECK(open_with(foreign, text_of(&envelope), TEXT("place"), "") ==
        ERROR_DENIED); /* the ticket is another */

  struct seal_facts facts;
  const unsigned kinds[] = {KEY_RAW, KEY_PASSPHRASE, KEY_HELD, KEY_HELD};
  CHECK(seal_look(text_of(&envelope), &facts, &err) && facts.version == 2 && facts.slot_count == 4);
  CHECK(facts.label.length == 5 && memcmp(facts.label.bytes, "label", 5) == 0);
  for (size_t i = 0; i < 4; i++) CHECK(facts.slots[i].kind == kinds[i]);
  CHECK(facts.slots[0].ticket.length == 0 && facts.slots[3].ticket.length == 3);
  CHECK(memcmp(facts.slots[3].ticket.bytes, "two", 3) == 0);

  envelope.data[KIND] = 77; /* a kind of a newer program: skipped, and then the content is not authentic */
  CHECK(open_with(keys[1], text_of(&envelope), TEXT("place"), "") == ERROR_DENIED);
  CHECK(seal_look(text_of(&envelope), &facts, &err) && facts.slots[0].kind == 77);
  CHECK(!seal_make(keys, 0, &err) && err.kind == ERROR_INVALID);
  CHECK(!seal_make(keys, SEAL_RECIPIENTS + 1, &err) && err.kind == ERROR_INVALID);
  buffer_free(&envelope);
  for (size_t i = 0; i < 4; i++) key_free(keys[i]);
  key_free(foreign);
}

/* A new seal for the same keys opens nothing of the former one, and the other way round. */
static void test_other_seal(void) {
  struct error err = {0};
  struct key *key = key_from_bytes(raw_key, &err);
  struct seal *former = seal_make(&key, 1, &err);
  struct seal *next = seal_make(&key, 1, &err);
  struct buffer envelope = {0};
  struct buffer plain = {0};
  CHECK(seal_close(former, TEXT("abc"), TEXT("label"), TEXT("place"), &envelope, &err));
  CHECK(!seal_open(next, text_of(&envelope), TEXT("place"), &plain, &err) && err.kind == ERROR_DENIED);
  CHECK(seal_open(former, text_of(&envelope), TEXT("place"), &plain, &err) && plain.length == 3);
  buffer_free(&envelope);
  buffer_free(&plain);
  seal_free(former);
  seal_free(next);
  key_free(key);
}

static void test_version_1(void) {
  struct error err = {0};
  unsigned char secret[KEY_SIZE];
  memset(secret, 'k', sizeof secret);
  struct key *key = key_from_bytes(secret, &err);
  struct key *phrase = key_from_passphrase("correct horse", 13, &err);
  struct span by_key = {version_1, sizeof version_1};
  struct span by_phrase = {version_1_passphrase, sizeof version_1_passphrase};
  CHECK(opens(key, by_key, TEXT("place"), "content of version 1"));
  CHECK(opens(phrase, by_phrase, TEXT("place"), "content of version 1"));
  CHECK(open_with(key, by_key, TEXT("elsewhere"), "") == ERROR_DENIED);
  CHECK(open_with(key, by_phrase, TEXT("place"), "") == ERROR_DENIED);

  /* its seal is for that envelope alone */
  struct seal *seal = seal_find(key, by_key, &err);
  struct buffer out = {0};
  CHECK(seal && !seal_closes(seal));
  CHECK(!seal_close(seal, TEXT("abc"), TEXT(""), TEXT("place"), &out, &err) && err.kind == ERROR_INVALID);
  CHECK(!seal_open(seal, by_phrase, TEXT("place"), &out, &err) && err.kind == ERROR_DENIED);
  CHECK(closed(&key, 1, TEXT("abc"), &out));
  struct buffer plain = {0};
  CHECK(!seal_open(seal, text_of(&out), TEXT("place"), &plain, &err) && err.kind == ERROR_DENIED);
  seal_free(seal);
  struct seal_facts facts;
  CHECK(seal_look(by_phrase, &facts, &err) && facts.version == 1 && facts.label.length == 0);
  CHECK(facts.slot_count == 1 && facts.slots[0].kind == KEY_PASSPHRASE);

  struct buffer copy = {0};
  CHECK(buffer_append(&copy, version_1, sizeof version_1));
  check_damage(key, &copy, "content of version 1");
  buffer_free(&copy);
  buffer_free(&out);
  buffer_free(&plain);
  key_free(key);
  key_free(phrase);
}

int main(void) {
  test_round_trip();
  test_damage();
  test_passphrase();
  test_recipients();
  test_other_seal();
  test_version_1();
  return check_report();
}
