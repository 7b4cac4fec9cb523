#include "seal.h"

#include "random.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
  VERSION = 2,
  OLDEST_VERSION = 1,
  NONCE = CIPHER_NONCE,
  TAG = CIPHER_TAG,
  NAMED = 8 + 1,                    /* magic, version */
  PREFIX = NAMED + 4,               /* ... and the header's length */
  SLOT_START = 1 + 2,               /* kind, length */
  SALTED = 3 + KEY_SALT_SIZE,       /* parameters of a slot */
  WRAPPED = NONCE + KEY_SIZE + TAG, /* a key, wrapped */
  SLOT = SALTED + WRAPPED,          /* what follows kind and length; a ticket may come behind */
  ENDING = 8 + NONCE,               /* of the header: content length, nonce */
  LARGEST_HEADER = 1 << 16,
  PASSPHRASES_TRIED = 4, /* each may cost a slow derivation, and anybody may write slots */
};

static const unsigned char magic[8] = {0x89, 'S', 'E', 'A', 'L', '\r', '\n', 0x1a};
static const unsigned char named[NAMED] = {0x89, 'S', 'E', 'A', 'L', '\r', '\n', 0x1a, VERSION};

struct seal {
  unsigned version;
  unsigned char key[KEY_SIZE]; /* wiped; of version 1: the data key of one envelope */
  struct buffer slots;         /* owned; their number and they, as they stand in headers */
};

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

/* A wrapped key is bound to the format, and in a slot to the slot's kind, parameters and ticket. In version 1
 * the format is the magic alone. */
static struct cipher slot_cipher(const unsigned char *key, const unsigned char *slot, size_t format) {
  size_t length = get_number(slot + 1, 2);
  return (struct cipher){
      .key = key,
      .nonce = slot + SLOT_START + SALTED,
      .authenticated = {{format == NAMED ? named : magic, format},
                        {slot, SLOT_START + SALTED},
                        {slot + SLOT_START + SLOT, length - SLOT}},
  };
}

/* Writes nonce, wrapped key and tag behind what is authenticated; the cipher's nonce leads there. */
static bool wrap(const struct cipher *cipher, const unsigned char *key, unsigned char *at,
                 struct error *err) {
  if (!random_bytes(at, NONCE, err)) return false;
  if (cipher_encrypt(cipher, (struct span){key, KEY_SIZE}, at + NONCE, at + NONCE + KEY_SIZE)) return true;
  return fail(err, ERROR_MEMORY, "cannot encrypt");
}

static bool unwrap(const struct cipher *cipher, unsigned char *key) {
  const unsigned char *wrapped = cipher->nonce + NONCE;
  return cipher_decrypt(cipher, (struct span){wrapped, KEY_SIZE}, wrapped + KEY_SIZE, key);
}

static struct cipher data_key_cipher(const unsigned char *key, const unsigned char *at) {
  return (struct cipher){.key = key, .nonce = at, .authenticated = {{named, NAMED}}};
}

static struct cipher content_cipher(const unsigned char *key, struct span header, const unsigned char *nonce,
                                    struct span context) {
  return (struct cipher){.key = key, .nonce = nonce, .authenticated = {header, context}};
}

/* Appends a slot in which the key's owner finds the seal. */
static bool add_slot(struct seal *seal, struct key *key, struct error *err) {
  struct key_parameters parameters;
  unsigned char wrapping_key[KEY_SIZE];
  struct span ticket = key_ticket(key);
  size_t length = SLOT_START + SLOT + ticket.length;
  if (!buffer_reserve(&seal->slots, length)) return fail(err, ERROR_MEMORY, "out of memory");
  if (!key_choose(key, &parameters, err) || !key_derive(key, &parameters, wrapping_key, err)) return false;
  unsigned char *at = (unsigned char *)seal->slots.data + seal->slots.length;
  at[0] = (unsigned char)key_kind(key);
  put_number(at + 1, SLOT + ticket.length, 2);
  at[3] = parameters.log_n;
  at[4] = parameters.r;
  at[5] = parameters.p;
  memcpy(at + 6, parameters.salt, KEY_SALT_SIZE);
  if (ticket.length > 0) memcpy(at + SLOT_START + SLOT, ticket.bytes, ticket.length);
  struct cipher cipher = slot_cipher(wrapping_key, at, NAMED);
  bool ok = wrap(&cipher, seal->key, at + SLOT_START + SALTED, err);
  OPENSSL_cleanse(wrapping_key, sizeof wrapping_key);
  if (ok) seal->slots.length += length;
  return ok;
}

static struct seal *new_seal(unsigned version, struct error *err) {
  struct seal *seal = calloc(1, sizeof *seal);
  if (!seal) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  seal->version = version;
  return seal;
}

void seal_free(struct seal *seal) {
  if (!seal) return;
  buffer_free(&seal->slots);
  OPENSSL_cleanse(seal, sizeof *seal);
  free(seal);
}

bool seal_closes(const struct seal *seal) { return seal->version == VERSION; }

struct seal *seal_make(struct key *const *keys, size_t count, struct error *err) {
  if (count == 0 || count > SEAL_RECIPIENTS) {
    error_set(err, ERROR_INVALID, "not a possible number of keys");
    return NULL;
  }
  struct seal *seal = new_seal(VERSION, err);
  if (!seal) return NULL;
  const char number = (char)count;
  bool ok = buffer_append(&seal->slots, &number, 1);
  if (!ok) error_set(err, ERROR_MEMORY, "out of memory");
  ok = ok && random_bytes(seal->key, sizeof seal->key, err);
  for (size_t i = 0; ok && i < count; i++) ok = add_slot(seal, keys[i], err);
  if (ok) return seal;
  seal_free(seal);
  return NULL;
}

static bool write_envelope(const struct seal *seal, struct span plain, struct span label, struct span context,
                           const unsigned char *data_key, unsigned char *at, struct error *err) {
  unsigned char *start = at;
  memcpy(at, named, NAMED);
  put_number(at + NAMED, seal->slots.length + 2 + label.length + WRAPPED + ENDING, 4);
  at += PREFIX;
  memcpy(at, seal->slots.data, seal->slots.length);
  at += seal->slots.length;
  put_number(at, label.length, 2);
  if (label.length > 0) memcpy(at + 2, label.bytes, label.length);
  at += 2 + label.length;
  struct cipher wrapping = data_key_cipher(seal->key, at);
  if (!wrap(&wrapping, data_key, at, err)) return false;
  at += WRAPPED;
  put_number(at, plain.length, 8);
  unsigned char *nonce = at + 8;
  if (!random_bytes(nonce, NONCE, err)) return false;
  at += ENDING;
  struct cipher cipher = content_cipher(data_key, (struct span){start, (size_t)(at - start)}, nonce, context);
  if (!cipher_encrypt(&cipher, plain, at, at + plain.length))
    return fail(err, ERROR_MEMORY, "cannot encrypt");
  return true;
}

bool seal_close(const struct seal *seal, struct span plain, struct span label, struct span context,
                struct buffer *envelope, struct error *err) {
  if (!seal_closes(seal)) return fail(err, ERROR_INVALID, "the seal of an old envelope closes no new one");
  if (plain.length > SEAL_LARGEST || context.length > SEAL_LARGEST)
    return fail(err, ERROR_LIMIT, "the content is too large to be sealed");
  if (label.length > SEAL_LONGEST_LABEL) return fail(err, ERROR_LIMIT, "the label is too long");
  size_t length = PREFIX + seal->slots.length + 2 + label.length + WRAPPED + ENDING + plain.length + TAG;
  if (!buffer_reserve(envelope, length)) return fail(err, ERROR_MEMORY, "out of memory");
  unsigned char data_key[KEY_SIZE];
  bool ok = random_bytes(data_key, sizeof data_key, err) &&
            write_envelope(seal, plain, label, context, data_key,
                           (unsigned char *)envelope->data + envelope->length, err);
  OPENSSL_cleanse(data_key, sizeof data_key);
  if (ok) envelope->length += length;
  envelope->data[envelope->length] = '\0';
  return ok;
}

/* An envelope taken apart; the pointers lead into it. */
struct parts {
  unsigned version;
  struct span header; /* from the magic on */
  struct span slots;  /* their number and they */
  struct span label;
  const unsigned char *data_key; /* wrapped; NULL in version 1 */
  const unsigned char *ending;
  size_t content; /* length */
};

/* Past the slots; NULL when they do not end before `end`. */
static const unsigned char *skip_slots(const unsigned char *at, const unsigned char *end) {
  unsigned count = *at++;
  if (count > SEAL_RECIPIENTS) return NULL;
  for (unsigned i = 0; i < count; i++) {
    if (end - at < SLOT_START || (uint64_t)(end - at - SLOT_START) < get_number(at + 1, 2)) return NULL;
    at += SLOT_START + get_number(at + 1, 2);
  }
  return at;
}

/* What stands between the prefix and the ending. */
static bool take_header_apart(struct parts *parts) {
  const unsigned char *start = (const unsigned char *)parts->header.bytes + PREFIX;
  const unsigned char *at = skip_slots(start, parts->ending);
  if (!at) return false;
  parts->slots = (struct span){start, (size_t)(at - start)};
  if (parts->version == OLDEST_VERSION) return at == parts->ending;
  if (parts->ending - at < 2) return false;
  parts->label = (struct span){at + 2, get_number(at, 2)};
  if ((uint64_t)(parts->ending - at) != 2 + parts->label.length + WRAPPED) return false;
  parts->data_key = parts->ending - WRAPPED;
  return true;
}

static bool take_apart(struct span envelope, struct parts *parts, struct error *err) {
  const unsigned char *bytes = envelope.bytes;
  if (envelope.length < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
    return fail(err, ERROR_INVALID, "this is not sealed content");
  if (envelope.length < PREFIX) return fail(err, ERROR_INVALID, "the sealed content is truncated");
  unsigned version = bytes[sizeof magic];
  if (version < OLDEST_VERSION || version > VERSION)
    return fail(err, ERROR_INVALID, "the sealed content was written by another version of the program");
  size_t header = get_number(bytes + NAMED, 4);
  if (header < 1 + ENDING || header > LARGEST_HEADER)
    return fail(err, ERROR_INVALID, "the sealed content has an impossible header");
  if (envelope.length < PREFIX + header + TAG)
    return fail(err, ERROR_INVALID, "the sealed content is truncated");
  *parts = (struct parts){
      .version = version,
      .header = {bytes, PREFIX + header},
      .ending = bytes + PREFIX + header - ENDING,
      .content = envelope.length - PREFIX - header - TAG,
  };
  uint64_t promised = get_number(parts->ending, 8);
  if (promised > parts->content) return fail(err, ERROR_INVALID, "the sealed content is truncated");
  if (promised < parts->content || parts->content > SEAL_LARGEST || !take_header_apart(parts))
    return fail(err, ERROR_INVALID, "the sealed content is malformed");
  return true;
}

static struct span ticket_of(const unsigned char *slot) {
  size_t length = get_number(slot + 1, 2);
  if (length <= SLOT) return (struct span){0};
  return (struct span){slot + SLOT_START + SLOT, length - SLOT};
}

bool seal_look(struct span envelope, struct seal_facts *facts, struct error *err) {
  struct parts parts;
  if (!take_apart(envelope, &parts, err)) return false;
  *facts = (struct seal_facts){.version = parts.version, .label = parts.label};
  const unsigned char *at = parts.slots.bytes;
  facts->slot_count = *at++;
  for (size_t i = 0; i < facts->slot_count; i++, at += SLOT_START + get_number(at + 1, 2))
    facts->slots[i] =
        (struct seal_slot){.kind = at[0], .ticket = at[0] == KEY_HELD ? ticket_of(at) : (struct span){0}};
  return true;
}

/* Could the slot be the key's? */
static bool is_for(struct key *key, const unsigned char *slot) {
  struct span own = key_ticket(key);
  struct span ticket = ticket_of(slot);
  return slot[0] == key_kind(key) && get_number(slot + 1, 2) >= SLOT && ticket.length == own.length &&
         (own.length == 0 || memcmp(own.bytes, ticket.bytes, own.length) == 0);
}

/* Tries to take the seal's key from a slot. False: not ours, or `err` is set. */
static bool open_slot(struct key *key, const unsigned char *slot, struct seal *seal, struct error *err) {
  struct key_parameters parameters = {.log_n = slot[3], .r = slot[4], .p = slot[5]};
  unsigned char wrapping_key[KEY_SIZE];
  memcpy(parameters.salt, slot + 6, KEY_SALT_SIZE);
  if (!key_derive(key, &parameters, wrapping_key, err)) return false;
  struct cipher cipher =
      slot_cipher(wrapping_key, slot, seal->version == OLDEST_VERSION ? sizeof magic : NAMED);
  bool ok = unwrap(&cipher, seal->key);
  OPENSSL_cleanse(wrapping_key, sizeof wrapping_key);
  if (ok) key_prefer(key, &parameters);
  return ok;
}

static bool search(struct key *key, struct span slots, struct seal *seal, struct error *err) {
  const unsigned char *at = slots.bytes;
  unsigned count = *at++;
  int tried = 0;
  for (unsigned i = 0; i < count; i++, at += SLOT_START + get_number(at + 1, 2)) {
    if (!is_for(key, at) || tried == PASSPHRASES_TRIED) continue;
    struct error reason = {0};
    if (open_slot(key, at, seal, &reason)) return true;
    if (reason.kind != ERROR_NONE) {
      *err = reason;
      return false;
    }
    if (key_kind(key) == KEY_PASSPHRASE) tried++;
  }
  return fail(err, ERROR_DENIED, "sealed with another key or passphrase");
}

struct seal *seal_find(struct key *key, struct span envelope, struct error *err) {
  struct parts parts;
  if (!take_apart(envelope, &parts, err)) return NULL;
  struct seal *seal = new_seal(parts.version, err);
  if (!seal) return NULL;
  bool ok = search(key, parts.slots, seal, err);
  if (ok && !buffer_append(&seal->slots, parts.slots.bytes, parts.slots.length))
    ok = fail(err, ERROR_MEMORY, "out of memory");
  if (ok) return seal;
  seal_free(seal);
  return NULL;
}

static bool find_data_key(const struct seal *seal, const struct parts *parts, unsigned char *data_key) {
  if (seal->version != parts->version) return false;
  if (parts->data_key) {
    struct cipher cipher = data_key_cipher(seal->key, parts->data_key);
    return unwrap(&cipher, data_key);
  }
  memcpy(data_key, seal->key, KEY_SIZE);
  return true;
}

bool seal_open(const struct seal *seal, struct span envelope, struct span context, struct buffer *plain,
               struct error *err) {
  struct parts parts;
  unsigned char data_key[KEY_SIZE];
  if (context.length > SEAL_LARGEST) return fail(err, ERROR_LIMIT, "the context is too large");
  if (!take_apart(envelope, &parts, err)) return false;
  if (!buffer_reserve(plain, parts.content)) return fail(err, ERROR_MEMORY, "out of memory");
  if (!find_data_key(seal, &parts, data_key))
    return fail(err, ERROR_DENIED, "the sealed content has another seal");

  const unsigned char *ciphertext = parts.ending + ENDING;
  struct cipher cipher = content_cipher(data_key, parts.header, parts.ending + 8, context);
  bool ok = cipher_decrypt(&cipher, (struct span){ciphertext, parts.content}, ciphertext + parts.content,
                           (unsigned char *)plain->data + plain->length);
  OPENSSL_cleanse(data_key, sizeof data_key);
  if (ok) {
    plain->length += parts.content;
  } else {
    error_set(err, ERROR_DENIED, "the sealed content was changed, or belongs to another place");
  }
  plain->data[plain->length] = '\0';
  return ok;
}
