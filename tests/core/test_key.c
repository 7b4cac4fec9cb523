#include "key.h"

#include "check.h"
#include "file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/test-key-XXXXXX";
static char path[64];

static void test_files(void) {
  struct error err = {0};
  struct stat facts;
  struct key_parameters parameters = {.salt = "salt"};
  unsigned char one[KEY_SIZE];
  unsigned char other[KEY_SIZE];
  CHECK(key_create_file(path, &err));
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 07777) == 0600 && facts.st_size == 65);
  CHECK(!key_create_file(path, &err) && err.kind == ERROR_EXISTS);
  struct key *key = key_from_file(path, &err);
  CHECK(key && key_kind(key) == KEY_RAW && key_derive(key, &parameters, one, &err));
  key_free(key);
  key = key_from_file(path, &err);
  CHECK(key && key_derive(key, &parameters, other, &err) && memcmp(one, other, KEY_SIZE) == 0);
  parameters.salt[0] = 'x';
  CHECK(key && key_derive(key, &parameters, other, &err) && memcmp(one, other, KEY_SIZE) != 0);
  key_free(key);

  const char *const wrong[] = {"", "abc", "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(file_write(path, wrong[i], strlen(wrong[i]), FILE_PRIVATE, &err));
    CHECK(!key_from_file(path, &err) && err.kind == ERROR_INVALID);
    CHECK(wrong[i][0] == '\0' || !strstr(err.message, wrong[i]));
  }
  CHECK(file_write(path, "0123456789abcdef0123456789abcdef", 32, FILE_PRIVATE, &err)); /* 32 bytes: binary */
  key = key_from_file(path, &err);
  CHECK(key);
  key_free(key);
  CHECK(file_remove(path, &err));
  CHECK(!key_from_file(path, &err) && err.kind == ERROR_NOT_FOUND);
}

/* HKDF and scrypt against values computed by an independent implementation (Python's hashlib and hmac). */
static void test_derivation(void) {
  static const unsigned char hkdf[KEY_SIZE] = {
      0x7d, 0x79, 0x80, 0xd6, 0x52, 0x17, 0x2e, 0x68, 0xc8, 0x11, 0xc4, 0x49, 0x76, 0x8f, 0x96, 0x2f,
      0xa9, 0x97, 0x71, 0x72, 0x2f, 0xcf, 0xc8, 0x60, 0x97, 0xdd, 0x0f, 0xe0, 0x88, 0x46, 0x86, 0x8b};
  static const unsigned char scrypt[KEY_SIZE] = {
      0xe2, 0xa7, 0x3f, 0x12, 0x0a, 0x68, 0x74, 0x0e, 0x14, 0xf1, 0x75, 0x21, 0x9b, 0xc4, 0x41, 0x56,
      0x8f, 0xae, 0xbf, 0x71, 0x12, 0x68, 0xc8, 0x26, 0x4e, 0x3f, 0x18, 0x4f, 0x75, 0xfd, 0x1d, 0x8c};
  struct error err = {0};
  unsigned char bytes[KEY_SIZE];
  unsigned char secret[KEY_SIZE];
  for (int i = 0; i < KEY_SIZE; i++) secret[i] = (unsigned char)i;
  struct key_parameters parameters = {0};
  for (int i = 0; i < KEY_SALT_SIZE; i++) parameters.salt[i] = (unsigned char)(0xa0 + i);
  struct key *key = key_from_bytes(secret, &err);
  CHECK(key && key_derive(key, &parameters, bytes, &err) && memcmp(bytes, hkdf, KEY_SIZE) == 0);
  key_free(key);

  parameters.log_n = 15;
  parameters.r = 8;
  parameters.p = 1;
  key = key_from_passphrase("correct horse", 13, &err);
  CHECK(key && key_derive(key, &parameters, bytes, &err) && memcmp(bytes, scrypt, KEY_SIZE) == 0);
  memset(bytes, 0, sizeof bytes);
  for (int i = 0; i < 1000; i++) CHECK(key_derive(key, &parameters, bytes, &err)); /* remembered: at once */
  CHECK(memcmp(bytes, scrypt, KEY_SIZE) == 0);
  key_free(key);
}

/* A ring of remembered keys gives each its own, also when it is full. */
static void test_ring(void) {
  struct error err = {0};
  struct key *key = key_from_passphrase("correct horse", 13, &err);
  unsigned char first[KEY_SIZE];
  unsigned char bytes[KEY_SIZE];
  struct key_parameters parameters = {.log_n = 14, .r = 8, .p = 1};
  CHECK(key_derive(key, &parameters, first, &err));
  for (unsigned char i = 1; i < 10; i++) {
    parameters.salt[0] = i;
    CHECK(key_derive(key, &parameters, bytes, &err) && memcmp(bytes, first, KEY_SIZE) != 0);
  }
  parameters.salt[0] = 0;
  CHECK(key_derive(key, &parameters, bytes, &err) && memcmp(bytes, first, KEY_SIZE) == 0);
  key_free(key);
}

static void test_choice(void) {
  struct error err = {0};
  struct key *key = key_from_passphrase("correct horse", 13, &err);
  struct key_parameters weak = {.log_n = 14, .r = 8, .p = 1};
  struct key_parameters one;
  struct key_parameters other;
  key_prefer(key, &weak);
  CHECK(key_choose(key, &one, &err) && one.log_n == 15 && one.r == 8 && one.p == 1);
  CHECK(key_choose(key, &other, &err) && memcmp(&one, &other, sizeof one) == 0);
  key_free(key);

  unsigned char secret[KEY_SIZE] = {0};
  key = key_from_bytes(secret, &err);
  CHECK(key_choose(key, &one, &err) && key_choose(key, &other, &err) &&
        memcmp(&one, &other, sizeof one) != 0);
  key_free(key);
}

/* A key that somebody else keeps derives like the same bytes here, and carries its ticket. */
static void test_ticket(void) {
  struct error err = {0};
  unsigned char secret[KEY_SIZE] = "0123456789abcdef0123456789abcde";
  unsigned char one[KEY_SIZE];
  unsigned char other[KEY_SIZE];
  struct key_parameters parameters = {.salt = "salt"};
  char ticket[KEY_LONGEST_TICKET + 1] = "ticket";
  struct key *held = key_from_holder(secret, (struct span){ticket, 6}, &err);
  struct key *raw = key_from_bytes(secret, &err);
  CHECK(key_kind(held) == KEY_HELD && key_ticket(held).length == 6 && key_ticket(raw).length == 0);
  CHECK(memcmp(key_ticket(held).bytes, "ticket", 6) == 0);
  CHECK(key_derive(held, &parameters, one, &err) && key_derive(raw, &parameters, other, &err));
  CHECK(memcmp(one, other, KEY_SIZE) == 0);
  parameters.log_n = 15;
  CHECK(!key_derive(held, &parameters, one, &err) && err.kind == ERROR_INVALID);
  CHECK(!key_from_holder(secret, (struct span){ticket, 0}, &err) && err.kind == ERROR_INVALID);
  CHECK(!key_from_holder(secret, (struct span){ticket, sizeof ticket}, &err) && err.kind == ERROR_INVALID);
  key_free(held);
  key_free(raw);
}

int main(void) {
  if (!mkdtemp(root)) return 1;
  (void)snprintf(path, sizeof path, "%s/key", root);
  test_files();
  test_derivation();
  test_ring();
  test_choice();
  test_ticket();
  CHECK(rmdir(root) == 0);
  return check_report();
}
