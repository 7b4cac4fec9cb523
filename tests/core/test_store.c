/* What SQLite keeps for us: values survive, statements are reused, a second process is told. */
#include "store.h"

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct store_query *prepare(struct store *store, const char *sql) {
  struct error err = {0};
  struct store_query *query = store_prepare(store, sql, strlen(sql), &err);
  if (!query) (void)fprintf(stderr, "%s: %s\n", sql, err.message);
  assert(query);
  return query;
}

static void run(struct store *store, const char *sql) {
  struct store_query *query = prepare(store, sql);
  assert(store_step(query, NULL) == STORE_DONE);
  store_finish(query);
}

static void keeps_every_kind_of_value(struct store *store) {
  run(store, "CREATE TABLE things (i, f, t, b, n)");
  struct store_query *query = prepare(store, "INSERT INTO things VALUES (?, ?, ?, ?, ?)");
  assert(store_parameters(query) == 5);
  store_bind_integer(query, 1, INT64_MAX);
  store_bind_float(query, 2, 0.1);
  store_bind_bytes(query, 3, "caf\xc3\xa9", 5);
  store_bind_bytes(query, 4, "\x00\xff", 2);
  assert(store_step(query, NULL) == STORE_DONE);
  store_finish(query);

  query = prepare(store, "SELECT *, typeof(t) AS tt, typeof(b) AS tb FROM things");
  assert(store_step(query, NULL) == STORE_ROW);
  assert(store_columns(query) == 7 && strcmp(store_column_name(query, 5), "tt") == 0);
  assert(store_column(query, 0).integer == INT64_MAX);
  assert(store_column(query, 1).number == 0.1);
  struct store_value text = store_column(query, 2);
  assert(text.length == 5 && memcmp(text.bytes, "caf\xc3\xa9", 5) == 0);
  struct store_value blob = store_column(query, 3);
  assert(blob.length == 2 && memcmp(blob.bytes, "\x00\xff", 2) == 0);
  assert(store_column(query, 4).kind == STORE_NULL);
  assert(memcmp(store_column(query, 5).bytes, "text", 4) == 0);
  assert(memcmp(store_column(query, 6).bytes, "blob", 4) == 0);
  assert(store_step(query, NULL) == STORE_DONE);
  store_finish(query);
}

/* The same text twice at a time, then more different texts than the cache holds. */
static void reuses_statements(struct store *store) {
  struct store_query *first = prepare(store, "SELECT 1");
  struct store_query *second = prepare(store, "SELECT 1");
  assert(first != second);
  store_finish(first);
  assert(prepare(store, "SELECT 1") == first);
  store_finish(first);
  store_finish(second);
  for (int i = 0; i < 100; i++) {
    char sql[32];
    (void)snprintf(sql, sizeof sql, "SELECT %d", i);
    struct store_query *query = prepare(store, sql);
    assert(store_step(query, NULL) == STORE_ROW && store_column(query, 0).integer == i);
    store_finish(query);
  }
}

static void says_what_is_wrong(struct store *store) {
  struct error err = {0};
  assert(!store_prepare(store, "SELEC 1", 7, &err) && err.kind == ERROR_INVALID);
  const char *two = "SELECT 1; SELECT 2";
  assert(!store_prepare(store, two, strlen(two), &err) && err.kind == ERROR_INVALID);
  assert(!store_prepare(store, "  ", 2, &err) && err.kind == ERROR_INVALID);
  run(store, "CREATE TABLE named (name TEXT PRIMARY KEY)");
  run(store, "INSERT INTO named VALUES ('a')");
  struct store_query *query = prepare(store, "INSERT INTO named VALUES ('a')");
  assert(store_step(query, &err) == STORE_FAILED && err.kind == ERROR_EXISTS);
  store_finish(query);
}

static void belongs_to_one_process(const char *path) {
  struct error err = {0};
  struct store *store = store_open(path, &err);
  assert(store);
  struct stat facts;
  assert(stat(path, &facts) == 0 && (facts.st_mode & 0777) == 0600);
  pid_t child = fork();
  if (child == 0) {
    struct store *other = store_open(path, &err);
    _exit(!other && err.kind == ERROR_LOCKED && strstr(err.message, path) ? 0 : 1);
  }
  int status = 0;
  assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  run(store, "CREATE TABLE kept (x)");
  store_close(store);
  store = store_open(path, &err);
  assert(store);
  run(store, "INSERT INTO kept VALUES (1)");
  store_close(store);
}

/* Of several that open it at the same moment one gets it: they begin when the pipe is closed, and hold it
 * until all have tried. */
static void is_refused_to_all_but_one(const char *path, unsigned apart_us) {
  enum { PROCESSES = 2 };
  int begin[2], tried[2];
  assert(pipe(begin) == 0 && pipe(tried) == 0);
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    assert(children[i] >= 0);
    if (children[i] != 0) continue;
    char nothing;
    close(begin[1]);
    if (read(begin[0], &nothing, 1) != 0) _exit(2);
    struct error err = {0};
    if (i > 0) usleep(apart_us);
    struct store *store = store_open(path, &err);
    close(tried[1]);
    if (read(tried[0], &nothing, 1) != 0) _exit(2);
    _exit(store ? 0 : err.kind == ERROR_LOCKED ? 1 : 2);
  }
  close(begin[0]);
  close(tried[0]);
  close(tried[1]);
  close(begin[1]);
  int opened = 0, refused = 0;
  for (int i = 0; i < PROCESSES; i++) {
    int status = 0;
    assert(waitpid(children[i], &status, 0) == children[i] && WIFEXITED(status));
    opened += WEXITSTATUS(status) == 0;
    refused += WEXITSTATUS(status) == 1;
  }
  assert(opened == 1 && refused == PROCESSES - 1);
}

static void refuses_what_is_no_database(const char *path) {
  struct error err = {0};
  FILE *file = fopen(path, "w");
  assert(file);
  for (int i = 0; i < 1000; i++) (void)fputs("this is not a database\n", file);
  (void)fclose(file);
  assert(!store_open(path, &err) && err.kind == ERROR_INVALID);
  assert(!store_open("/nowhere/at/all", &err) && err.kind == ERROR_IO);
}

int main(void) {
  struct error err = {0};
  struct store *store = store_open(":memory:", &err);
  assert(store);
  keeps_every_kind_of_value(store);
  reuses_statements(store);
  says_what_is_wrong(store);
  store_close(store);
  store_close(NULL);

  char path[] = "/tmp/test_store_XXXXXX";
  int fd = mkstemp(path);
  assert(fd >= 0);
  close(fd);
  belongs_to_one_process(path);
  for (unsigned apart = 0; apart < 600; apart += 10) is_refused_to_all_but_one(path, apart);
  refuses_what_is_no_database(path);
  unlink(path);
  return 0;
}
