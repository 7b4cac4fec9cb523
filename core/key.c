#include "key.h"

#include "buffer.h"
#include "encoding.h"
#include "file.h"
#include "random.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

enum {
  LOG_N = 15, /* with r = 8: 32 MiB and about a tenth of a second */
  R = 8,
  P = 1,
  SMALLEST_LOG_N = 14,
  LARGEST_LOG_N = 17,
  LARGEST_P = 4,
  LARGEST_MEMORY = 160 << 20,
  REMEMBERED = 8,
  DIGITS = 2 * KEY_SIZE,
};

struct derived {
  struct key_parameters parameters;
  unsigned char bytes[KEY_SIZE];
};

struct key {
  enum key_kind kind;
  struct buffer secret; /* owned; wiped */
  struct buffer ticket; /* owned; of KEY_HELD */
  struct key_parameters preferred;
  bool has_preferred;
  struct derived derived[REMEMBERED]; /* of a passphrase; a ring */
  size_t derived_count;               /* ever derived */
};

static struct key *make(enum key_kind kind, const void *bytes, size_t length, struct error *err) {
  struct key *key = calloc(1, sizeof *key);
  if (!key || !buffer_append(&key->secret, bytes, length)) {
    error_set(err, ERROR_MEMORY, "out of memory");
    key_free(key);
    return NULL;
  }
  key->kind = kind;
  return key;
}

struct key *key_from_passphrase(const char *passphrase, size_t length, struct error *err) {
  if (length == 0) {
    error_set(err, ERROR_INVALID, "the passphrase is empty");
    return NULL;
  }
  return make(KEY_PASSPHRASE, passphrase, length, err);
}

struct key *key_from_bytes(const unsigned char bytes[KEY_SIZE], struct error *err) {
  return make(KEY_RAW, bytes, KEY_SIZE, err);
}

struct key *key_from_holder(const unsigned char bytes[KEY_SIZE], struct span ticket, struct error *err) {
  if (ticket.length == 0 || ticket.length > KEY_LONGEST_TICKET) {
    error_set(err, ERROR_INVALID, "the ticket of a key has 1 to %d bytes", KEY_LONGEST_TICKET);
    return NULL;
  }
  struct key *key = make(KEY_HELD, bytes, KEY_SIZE, err);
  if (!key || buffer_append(&key->ticket, ticket.bytes, ticket.length)) return key;
  error_set(err, ERROR_MEMORY, "out of memory");
  key_free(key);
  return NULL;
}

/* Digits to bytes; false when the content is something else. */
static bool read_digits(const struct buffer *content, struct buffer *bytes) {
  size_t length = content->length;
  while (length > 0 && (content->data[length - 1] == '\n' || content->data[length - 1] == '\r')) length--;
  struct error ignored;
  return length == DIGITS && encoding_from_hex(bytes, content->data, length, &ignored);
}

struct key *key_from_file(const char *path, struct error *err) {
  struct buffer content = {0};
  struct buffer bytes = {0};
  struct key *key = NULL;
  if (!file_read(path, &content, err)) goto out;
  if (content.length == KEY_SIZE) {
    key = key_from_bytes((const unsigned char *)content.data, err);
  } else if (read_digits(&content, &bytes)) {
    key = key_from_bytes((const unsigned char *)bytes.data, err);
  } else {
    error_set(err, ERROR_INVALID, "%.400s is not a key file (64 hexadecimal digits, or 32 bytes)", path);
  }

out:
  buffer_wipe(&content);
  buffer_wipe(&bytes);
  return key;
}

bool key_create_file(const char *path, struct error *err) {
  unsigned char bytes[KEY_SIZE];
  char line[DIGITS + 2];
  bool ok = random_bytes(bytes, sizeof bytes, err);
  if (ok) {
    encoding_hex(bytes, sizeof bytes, line);
    line[DIGITS] = '\n';
    ok = file_create(path, line, sizeof line - 1, FILE_PRIVATE, err);
  }
  OPENSSL_cleanse(bytes, sizeof bytes);
  OPENSSL_cleanse(line, sizeof line);
  return ok;
}

void key_free(struct key *key) {
  if (!key) return;
  buffer_wipe(&key->secret);
  buffer_free(&key->ticket);
  OPENSSL_cleanse(key, sizeof *key);
  free(key);
}

enum key_kind key_kind(const struct key *key) { return key->kind; }

struct span key_ticket(const struct key *key) {
  return (struct span){key->ticket.data, key->ticket.length};
}

bool key_choose(struct key *key, struct key_parameters *parameters, struct error *err) {
  if (key->kind != KEY_PASSPHRASE) {
    *parameters = (struct key_parameters){0};
    return random_bytes(parameters->salt, sizeof parameters->salt, err);
  }
  if (!key->has_preferred) {
    struct key_parameters fresh = {.log_n = LOG_N, .r = R, .p = P};
    if (!random_bytes(fresh.salt, sizeof fresh.salt, err)) return false;
    key->preferred = fresh;
    key->has_preferred = true;
  }
  *parameters = key->preferred;
  return true;
}

void key_prefer(struct key *key, const struct key_parameters *parameters) {
  if (key->kind != KEY_PASSPHRASE || key->has_preferred) return;
  if (parameters->log_n < LOG_N) return; /* never weaker than now */
  key->preferred = *parameters;
  key->has_preferred = true;
}

static bool expand(const struct key *key, const struct key_parameters *parameters,
                   unsigned char out[KEY_SIZE]) {
  static const char purpose[] = "wrap data key";
  EVP_KDF *method = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *context = method ? EVP_KDF_CTX_new(method) : NULL;
  const OSSL_PARAM settings[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key->secret.data, key->secret.length),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)parameters->salt, KEY_SALT_SIZE),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose, sizeof purpose - 1),
      OSSL_PARAM_construct_end(),
  };
  bool ok = context && EVP_KDF_derive(context, out, KEY_SIZE, settings) == 1;
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(method);
  return ok;
}

static bool stretch(const struct key *key, const struct key_parameters *parameters,
                    unsigned char out[KEY_SIZE]) {
  return EVP_PBE_scrypt(key->secret.data, key->secret.length, parameters->salt, KEY_SALT_SIZE,
                        1ULL << parameters->log_n, parameters->r, parameters->p, LARGEST_MEMORY, out,
                        KEY_SIZE) == 1;
}

static bool same(const struct key_parameters *one, const struct key_parameters *other) {
  return one->log_n == other->log_n && one->r == other->r && one->p == other->p &&
         memcmp(one->salt, other->salt, KEY_SALT_SIZE) == 0;
}

static bool reasonable(const struct key *key, const struct key_parameters *parameters) {
  if (key->kind != KEY_PASSPHRASE) return parameters->log_n == 0 && parameters->r == 0 && parameters->p == 0;
  return parameters->log_n >= SMALLEST_LOG_N && parameters->log_n <= LARGEST_LOG_N && parameters->r == R &&
         parameters->p >= 1 && parameters->p <= LARGEST_P;
}

bool key_derive(struct key *key, const struct key_parameters *parameters, unsigned char out[KEY_SIZE],
                struct error *err) {
  if (!reasonable(key, parameters)) {
    error_set(err, ERROR_INVALID, "the key derivation parameters are out of bounds");
    return false;
  }
  size_t known = key->derived_count < REMEMBERED ? key->derived_count : REMEMBERED;
  for (size_t i = 0; i < known; i++) {
    if (!same(&key->derived[i].parameters, parameters)) continue;
    memcpy(out, key->derived[i].bytes, KEY_SIZE);
    return true;
  }
  if (!(key->kind == KEY_PASSPHRASE ? stretch(key, parameters, out) : expand(key, parameters, out))) {
    error_set(err, ERROR_MEMORY, "the key derivation failed (memory?)");
    return false;
  }
  if (key->kind == KEY_PASSPHRASE) {
    struct derived *derived = &key->derived[key->derived_count++ % REMEMBERED];
    derived->parameters = *parameters;
    memcpy(derived->bytes, out, KEY_SIZE);
  }
  return true;
}
