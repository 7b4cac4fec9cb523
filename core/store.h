/* store.h: one SQLite database, held exclusively, with its prepared statements kept for the next use.
 *
 *     struct store_query *query = store_prepare(store, sql, length, &err);
 *     store_bind_integer(query, 1, 7);
 *     while ((step = store_step(query, &err)) == STORE_ROW) ... store_column(query, i) ...
 *     store_finish(query);
 *
 * Binding a parameter that does not exist, or running out of memory there, shows at the first step. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_query;

/* Opens (or creates, mode 0600) the file; ":memory:" is allowed. NULL with `err` set: ERROR_LOCKED when
 * another process has it open, ERROR_INVALID when it is not a database, ERROR_IO or ERROR_MEMORY otherwise.
 */
struct store *store_open(const char *path, struct error *err);
/* Accepts NULL. Finish every query first. An open transaction is rolled back. */
void store_close(struct store *store);

/* A statement ready to bind. It must be one statement; NULL with `err` set otherwise. The same text may be
 * used by two queries at a time. */
struct store_query *store_prepare(struct store *store, const char *sql, size_t length, struct error *err);
/* Gives the query back. Accepts NULL. */
void store_finish(struct store_query *query);

int store_parameters(const struct store_query *query);
/* Positions count from 1. Texts are copied; bytes that are not UTF-8 are stored as a blob. */
void store_bind_integer(struct store_query *query, int position, int64_t value);
void store_bind_float(struct store_query *query, int position, double value);
void store_bind_bytes(struct store_query *query, int position, const char *bytes, size_t length);

enum store_step { STORE_ROW, STORE_DONE, STORE_FAILED };
enum store_step store_step(struct store_query *query, struct error *err);

enum store_kind { STORE_NULL, STORE_INTEGER, STORE_FLOAT, STORE_BYTES };
struct store_value {
  enum store_kind kind;
  int64_t integer;
  double number;
  const char *bytes; /* borrowed until the next step */
  size_t length;
};

/* Columns count from 0. */
int store_columns(const struct store_query *query);
const char *store_column_name(const struct store_query *query, int column);
struct store_value store_column(const struct store_query *query, int column);

#endif
