#include "seal.h"

#include "random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum {
  VERSION = 1,
  NONCE = 12,
  TAG = 16,
  PREFIX = 8 + 1 + 4,                          /* magic, version, header length */
  SALTED = 3 + KEY_SALT_SIZE,                  /* parameters of a recipient */
  RECIPIENT = SALTED + NONCE + KEY_SIZE + TAG, /* what follows its kind and length */
  ENDING = 8 + NONCE,                          /* behind the recipients */
  LARGEST_HEADER = 1 << 16,
  PASSPHRASES_TRIED = 4, /* each may cost a slow derivation, and anybody may write recipients */
};

static const unsigned char magic[8] = {0x89, 'S', 'E', 'A', 'L', '\r', '\n', 0x1a};

/* One use of AES-256-GCM. */
struct cipher {
  const unsigned char *key;
  const unsigned char *nonce;
  struct seal_text authenticated[3];
};

static bool authenticate(EVP_CIPHER_CTX *context, const struct cipher *cipher) {
  int length = 0;
  for (size_t i = 0; i < sizeof cipher->authenticated / sizeof *cipher->authenticated; i++) {
    struct seal_text text = cipher->authenticated[i];
    if (text.length > 0 && EVP_CipherUpdate(context, NULL, &length, text.bytes, (int)text.length) != 1)
      return false;
  }
  return true;
}

static bool encrypt(const struct cipher *cipher, const void *plain, size_t length, unsigned char *out,
                    unsigned char *tag) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int written = 0;
  bool ok = context &&
            EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, cipher->key, cipher->nonce) == 1 &&
            authenticate(context, cipher) &&
            (length == 0 || EVP_EncryptUpdate(context, out, &written, plain, (int)length) == 1) &&
            EVP_EncryptFinal_ex(context, out + written, &written) == 1 &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1;
  EVP_CIPHER_CTX_free(context);
  return ok;
}

/* What stands in `out` means nothing unless this returns true. */
static bool decrypt(const struct cipher *cipher, const void *bytes, size_t length, const unsigned char *tag,
                    unsigned char *out) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int written = 0;
  bool ok = context &&
            EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, cipher->key, cipher->nonce) == 1 &&
            authenticate(context, cipher) &&
            (length == 0 || EVP_DecryptUpdate(context, out, &written, bytes, (int)length) == 1) &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG, (void *)tag) == 1 &&
            EVP_DecryptFinal_ex(context, out + written, &written) == 1;
  EVP_CIPHER_CTX_free(context);
  return ok;
}

static void put_number(unsigned char *at, uint64_t value, int bytes) {
  for (int i = bytes; i-- > 0; value >>= 8) at[i] = (unsigned char)value;
}

static uint64_t get_number(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
  return value;
}

static bool fail(struct error *err, enum error_kind kind, const char *message) {
  error_set(err, kind, "%s", message);
  return false;
}

/* The data key is bound to its recipient's kind and parameters. */
static struct cipher wrapping(const unsigned char *key, const unsigned char *recipient) {
  return (struct cipher){
      .key = key,
      .nonce = recipient + 3 + SALTED,
      .authenticated = {{magic, sizeof magic}, {recipient, 3 + SALTED}},
  };
}

static struct cipher content_cipher(const unsigned char *key, struct seal_text header,
                                    const unsigned char *nonce, struct seal_text context) {
  return (struct cipher){.key = key, .nonce = nonce, .authenticated = {header, context}};
}

/* Writes kind, length, parameters, nonce, wrapped key and tag. */
static bool write_recipient(struct key *key, const unsigned char *data_key, unsigned char *at,
                            struct error *err) {
  struct key_parameters parameters;
  unsigned char wrapping_key[KEY_SIZE];
  if (!key_choose(key, &parameters, err) || !key_derive(key, &parameters, wrapping_key, err)) return false;
  at[0] = (unsigned char)key_kind(key);
  put_number(at + 1, RECIPIENT, 2);
  at[3] = parameters.log_n;
  at[4] = parameters.r;
  at[5] = parameters.p;
  memcpy(at + 6, parameters.salt, KEY_SALT_SIZE);
  unsigned char *nonce = at + 3 + SALTED;
  bool ok = random_bytes(nonce, NONCE, err);
  struct cipher cipher = wrapping(wrapping_key, at);
  if (ok && !encrypt(&cipher, data_key, KEY_SIZE, nonce + NONCE, nonce + NONCE + KEY_SIZE))
    ok = fail(err, ERROR_MEMORY, "cannot encrypt");
  OPENSSL_cleanse(wrapping_key, sizeof wrapping_key);
  return ok;
}

static bool write_envelope(struct key *const *keys, size_t count, struct seal_text plain,
                           struct seal_text context, const unsigned char *data_key, unsigned char *at,
                           struct error *err) {
  unsigned char *start = at;
  memcpy(at, magic, sizeof magic);
  at[8] = VERSION;
  put_number(at + 9, 1 + count * (3 + RECIPIENT) + ENDING, 4);
  at += PREFIX;
  *at++ = (unsigned char)count;
  for (size_t i = 0; i < count; i++, at += 3 + RECIPIENT) {
    if (!write_recipient(keys[i], data_key, at, err)) return false;
  }
  put_number(at, plain.length, 8);
  unsigned char *nonce = at + 8;
  if (!random_bytes(nonce, NONCE, err)) return false;
  at += ENDING;
  struct cipher cipher =
      content_cipher(data_key, (struct seal_text){start, (size_t)(at - start)}, nonce, context);
  if (!encrypt(&cipher, plain.bytes, plain.length, at, at + plain.length))
    return fail(err, ERROR_MEMORY, "cannot encrypt");
  return true;
}

bool seal_close(struct key *const *keys, size_t count, struct seal_text plain, struct seal_text context,
                struct buffer *envelope, struct error *err) {
  if (count == 0 || count > SEAL_RECIPIENTS) return fail(err, ERROR_INVALID, "not a possible number of keys");
  if (plain.length > SEAL_LARGEST || context.length > SEAL_LARGEST)
    return fail(err, ERROR_LIMIT, "the content is too large to be sealed");
  size_t length = PREFIX + 1 + count * (3 + RECIPIENT) + ENDING + plain.length + TAG;
  if (!buffer_reserve(envelope, length)) return fail(err, ERROR_MEMORY, "out of memory");
  unsigned char data_key[KEY_SIZE];
  bool ok = random_bytes(data_key, sizeof data_key, err) &&
            write_envelope(keys, count, plain, context, data_key,
                           (unsigned char *)envelope->data + envelope->length, err);
  OPENSSL_cleanse(data_key, sizeof data_key);
  if (ok) envelope->length += length;
  envelope->data[envelope->length] = '\0';
  return ok;
}

/* An envelope taken apart; the pointers lead into it. */
struct parts {
  struct seal_text header; /* from the magic on */
  const unsigned char *recipients;
  const unsigned char *ending;
  unsigned recipient_count;
  size_t content; /* length */
};

static bool take_apart(struct seal_text envelope, struct parts *parts, struct error *err) {
  const unsigned char *bytes = envelope.bytes;
  if (envelope.length < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
    return fail(err, ERROR_INVALID, "this is not sealed content");
  if (envelope.length < PREFIX) return fail(err, ERROR_INVALID, "the sealed content is truncated");
  if (bytes[8] != VERSION)
    return fail(err, ERROR_INVALID, "the sealed content was written by another version of the program");
  size_t header = get_number(bytes + 9, 4);
  if (header < 1 + ENDING || header > LARGEST_HEADER)
    return fail(err, ERROR_INVALID, "the sealed content has an impossible header");
  if (envelope.length < PREFIX + header + TAG)
    return fail(err, ERROR_INVALID, "the sealed content is truncated");
  *parts = (struct parts){
      .header = {bytes, PREFIX + header},
      .recipients = bytes + PREFIX + 1,
      .recipient_count = bytes[PREFIX],
      .ending = bytes + PREFIX + header - ENDING,
      .content = envelope.length - PREFIX - header - TAG,
  };
  uint64_t promised = get_number(parts->ending, 8);
  if (promised > parts->content) return fail(err, ERROR_INVALID, "the sealed content is truncated");
  if (promised < parts->content || parts->content > SEAL_LARGEST || parts->recipient_count > SEAL_RECIPIENTS)
    return fail(err, ERROR_INVALID, "the sealed content is malformed");
  return true;
}

/* Tries to take the data key from one recipient of the key's kind. False: not ours, or `err` is set. */
static bool unwrap(struct key *key, const unsigned char *recipient, unsigned char *data_key,
                   struct error *err) {
  struct key_parameters parameters = {.log_n = recipient[3], .r = recipient[4], .p = recipient[5]};
  unsigned char wrapping_key[KEY_SIZE];
  memcpy(parameters.salt, recipient + 6, KEY_SALT_SIZE);
  if (!key_derive(key, &parameters, wrapping_key, err)) return false;
  const unsigned char *wrapped = recipient + 3 + SALTED + NONCE;
  struct cipher cipher = wrapping(wrapping_key, recipient);
  bool ok = decrypt(&cipher, wrapped, KEY_SIZE, wrapped + KEY_SIZE, data_key);
  OPENSSL_cleanse(wrapping_key, sizeof wrapping_key);
  if (ok) key_prefer(key, &parameters);
  return ok;
}

static bool find_data_key(struct key *key, const struct parts *parts, unsigned char *data_key,
                          struct error *err) {
  const unsigned char *at = parts->recipients;
  int tried = 0;
  for (unsigned i = 0; i < parts->recipient_count; i++) {
    size_t left = (size_t)(parts->ending - at);
    if (left < 3 || left - 3 < get_number(at + 1, 2))
      return fail(err, ERROR_INVALID, "the sealed content has a malformed header");
    size_t length = get_number(at + 1, 2);
    if (at[0] == key_kind(key) && length == RECIPIENT && tried < PASSPHRASES_TRIED) {
      struct error reason = {0};
      if (unwrap(key, at, data_key, &reason)) return true;
      if (reason.kind != ERROR_NONE) {
        *err = reason;
        return false;
      }
      if (key_kind(key) == KEY_PASSPHRASE) tried++;
    }
    at += 3 + length;
  }
  return fail(err, ERROR_DENIED, "sealed with another key or passphrase");
}

bool seal_open(struct key *key, struct seal_text envelope, struct seal_text context, struct buffer *plain,
               struct error *err) {
  struct parts parts;
  unsigned char data_key[KEY_SIZE];
  if (context.length > SEAL_LARGEST) return fail(err, ERROR_LIMIT, "the context is too large");
  if (!take_apart(envelope, &parts, err)) return false;
  if (!buffer_reserve(plain, parts.content)) return fail(err, ERROR_MEMORY, "out of memory");
  if (!find_data_key(key, &parts, data_key, err)) return false;

  const unsigned char *ciphertext = parts.ending + ENDING;
  unsigned char *out = (unsigned char *)plain->data + plain->length;
  struct cipher cipher = content_cipher(data_key, parts.header, parts.ending + 8, context);
  bool ok = decrypt(&cipher, ciphertext, parts.content, ciphertext + parts.content, out);
  OPENSSL_cleanse(data_key, sizeof data_key);
  if (ok) {
    plain->length += parts.content;
  } else {
    OPENSSL_cleanse(out, parts.content); /* decrypted, but by nobody known */
    error_set(err, ERROR_DENIED, "the sealed content was changed, or belongs to another place");
  }
  plain->data[plain->length] = '\0';
  return ok;
}
