#include "store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHED = 32 };

struct store_query {
  struct store *store; /* borrowed */
  sqlite3_stmt *statement;
  char *sql; /* owned: the key in the cache */
  size_t length;
  int bind_status;
};

struct store {
  sqlite3 *database;
  int guard;                         /* locked as long as the store is open; -1: in memory */
  struct store_query *cache[CACHED]; /* not in use, most recent first */
  int cached;
};

static bool fail(const struct store *store, int status, struct error *err) {
  enum error_kind kind = ERROR_IO;
  switch (status & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    kind = ERROR_LOCKED;
    break;
  case SQLITE_NOMEM:
    kind = ERROR_MEMORY;
    break;
  case SQLITE_CONSTRAINT:
    kind = ERROR_EXISTS;
    break;
  case SQLITE_ERROR:
  case SQLITE_MISMATCH:
  case SQLITE_RANGE:
  case SQLITE_MISUSE:
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    kind = ERROR_INVALID;
    break;
  default:
    break;
  }
  error_set(err, kind, "%s", store->database ? sqlite3_errmsg(store->database) : sqlite3_errstr(status));
  return false;
}

static bool execute(struct store *store, const char *sql, struct error *err) {
  int status = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
  return status == SQLITE_OK || fail(store, status, err);
}

/* With this locking mode the lock taken by the first transaction stays until the file is closed. */
static bool lock(struct store *store, const char *path, struct error *err) {
  if (!execute(store, "PRAGMA locking_mode = EXCLUSIVE", err)) return false;
  if (!execute(store, "PRAGMA journal_mode = WAL", err) ||
      !execute(store, "PRAGMA synchronous = NORMAL", err) ||
      !execute(store, "BEGIN EXCLUSIVE; COMMIT", err)) {
    if (err && err->kind == ERROR_LOCKED)
      error_set(err, ERROR_LOCKED, "%s is in use by another process", path);
    return false;
  }
  return true;
}

/* SQLite would create it readable for others; and of two that open it at once it refuses both, so that the
 * file itself is locked first. To close this descriptor before SQLite closes its own would give up SQLite's
 * lock. */
static bool guard(struct store *store, const char *path, struct error *err) {
  if (strcmp(path, ":memory:") == 0) return true;
  store->guard = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (store->guard < 0) {
    error_set(err, ERROR_IO, "cannot open %s", path);
    return false;
  }
  if (flock(store->guard, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK)
    error_set(err, ERROR_LOCKED, "%s is in use by another process", path);
  else
    error_set(err, ERROR_IO, "cannot lock %s: %s", path, strerror(errno));
  return false;
}

struct store *store_open(const char *path, struct error *err) {
  struct store *store = calloc(1, sizeof *store);
  if (!store) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  store->guard = -1;
  if (!guard(store, path, err)) goto fail;
  int status = sqlite3_open_v2(path, &store->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
  if (status != SQLITE_OK) {
    fail(store, status, err);
    goto fail;
  }
  if (!lock(store, path, err)) goto fail;
  return store;

fail:
  store_close(store);
  return NULL;
}

static void query_free(struct store_query *query) {
  sqlite3_finalize(query->statement);
  free(query->sql);
  free(query);
}

void store_close(struct store *store) {
  if (!store) return;
  for (int i = 0; i < store->cached; i++) query_free(store->cache[i]);
  sqlite3_close(store->database);
  if (store->guard >= 0) close(store->guard);
  free(store);
}

static struct store_query *take_cached(struct store *store, const char *sql, size_t length) {
  for (int i = 0; i < store->cached; i++) {
    struct store_query *query = store->cache[i];
    if (query->length != length || memcmp(query->sql, sql, length) != 0) continue;
    store->cached--;
    for (; i < store->cached; i++) store->cache[i] = store->cache[i + 1];
    return query;
  }
  return NULL;
}

static bool only_space(const char *text) {
  while (isspace((unsigned char)*text) || *text == ';') text++;
  return *text == '\0';
}

struct store_query *store_prepare(struct store *store, const char *sql, size_t length, struct error *err) {
  struct store_query *query = take_cached(store, sql, length);
  if (query) return query;
  query = calloc(1, sizeof *query);
  if (query) query->sql = malloc(length + 1);
  if (!query || !query->sql || length >= INT_MAX) {
    error_set(err, ERROR_MEMORY, "out of memory");
    goto fail;
  }
  query->store = store;
  query->length = length;
  memcpy(query->sql, sql, length);
  query->sql[length] = '\0';
  const char *rest = NULL;
  int status = sqlite3_prepare_v3(store->database, query->sql, (int)length + 1, SQLITE_PREPARE_PERSISTENT,
                                  &query->statement, &rest);
  if (status != SQLITE_OK) {
    fail(store, status, err);
    goto fail;
  }
  if (!query->statement || !only_space(rest)) {
    error_set(err, ERROR_INVALID, "one SQL statement was expected: %.200s", query->sql);
    goto fail;
  }
  return query;

fail:
  if (query) query_free(query);
  return NULL;
}

void store_finish(struct store_query *query) {
  if (!query) return;
  struct store *store = query->store;
  sqlite3_reset(query->statement);
  sqlite3_clear_bindings(query->statement);
  query->bind_status = SQLITE_OK;
  if (store->cached == CACHED) query_free(store->cache[--store->cached]);
  for (int i = store->cached; i > 0; i--) store->cache[i] = store->cache[i - 1];
  store->cache[0] = query;
  store->cached++;
}

int store_parameters(const struct store_query *query) {
  return sqlite3_bind_parameter_count(query->statement);
}

static void note(struct store_query *query, int status) {
  if (status != SQLITE_OK) query->bind_status = status;
}

void store_bind_integer(struct store_query *query, int position, int64_t value) {
  note(query, sqlite3_bind_int64(query->statement, position, value));
}

void store_bind_float(struct store_query *query, int position, double value) {
  note(query, sqlite3_bind_double(query->statement, position, value));
}

/* Length of the UTF-8 sequence at `bytes`, 0 when it is none. Surrogates and overlong forms pass: the only
 * question is whether SQLite may call it text. */
static size_t sequence(const unsigned char *bytes, size_t room) {
  size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc2 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
  if (length == 0 || bytes[0] > 0xf4 || length > room) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((bytes[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

static bool is_text(const char *bytes, size_t length) {
  if (memchr(bytes, '\0', length)) return false;
  for (size_t i = 0; i < length;) {
    size_t step = sequence((const unsigned char *)bytes + i, length - i);
    if (step == 0) return false;
    i += step;
  }
  return true;
}

void store_bind_bytes(struct store_query *query, int position, const char *bytes, size_t length) {
  note(query,
       is_text(bytes, length)
           ? sqlite3_bind_text64(query->statement, position, bytes, length, SQLITE_TRANSIENT, SQLITE_UTF8)
           : sqlite3_bind_blob64(query->statement, position, bytes, length, SQLITE_TRANSIENT));
}

enum store_step store_step(struct store_query *query, struct error *err) {
  int status = query->bind_status;
  if (status == SQLITE_OK) status = sqlite3_step(query->statement);
  if (status == SQLITE_ROW) return STORE_ROW;
  if (status == SQLITE_DONE) return STORE_DONE;
  fail(query->store, status, err);
  return STORE_FAILED;
}

int store_columns(const struct store_query *query) { return sqlite3_column_count(query->statement); }

const char *store_column_name(const struct store_query *query, int column) {
  const char *name = sqlite3_column_name(query->statement, column);
  return name ? name : "";
}

struct store_value store_column(const struct store_query *query, int column) {
  struct store_value value = {.kind = STORE_NULL};
  switch (sqlite3_column_type(query->statement, column)) {
  case SQLITE_INTEGER:
    value.kind = STORE_INTEGER;
    value.integer = sqlite3_column_int64(query->statement, column);
    break;
  case SQLITE_FLOAT:
    value.kind = STORE_FLOAT;
    value.number = sqlite3_column_double(query->statement, column);
    break;
  case SQLITE_TEXT:
  case SQLITE_BLOB:
    value.kind = STORE_BYTES;
    value.bytes = sqlite3_column_blob(query->statement, column);
    value.length = (size_t)sqlite3_column_bytes(query->statement, column);
    if (!value.bytes) value.bytes = "";
    break;
  default:
    break;
  }
  return value;
}
