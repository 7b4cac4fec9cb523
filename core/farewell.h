/* farewell.h: what the engine does last: a write that is prepared in advance, for what must not stay as it is
 * when the program cannot act any more (it failed, ran out of memory, was told to end).
 *
 * A farewell is carried out by engine_free unless it was withdrawn: after Lua was closed, or when Lua is
 * broken beyond that, and after every task and transfer ended, so that nothing of this process acts after it.
 * It is conditional, so that it has no effect once somebody else changed what it is about. All that it needs
 * is copied when it is armed and wiped when it is freed. It is tried for a few seconds and fails without a
 * word. */
#ifndef CORE_FAREWELL_H
#define CORE_FAREWELL_H

#include "error.h"
#include "http.h"
#include "s3.h"

#include <stddef.h>

struct engine;
struct farewell;

/* A request to an S3 service, signed when it is sent; it has no query. Of `http` counts whom to trust
 * (ca_file, insecure). `leftover` is a file to remove once it succeeded; NULL for none. NULL with `err` set
 * (ERROR_INVALID for what cannot be prepared). */
struct farewell *farewell_request(struct engine *engine, const struct s3_request *request,
                                  const struct http_request *http, const char *leftover, struct error *err);

struct farewell_file { /* everything copied */
  const char *path;    /* to replace, as file_write does */
  const char *guard;   /* the lock (file.h) below which that file may be compared and replaced */
  const char *present; /* hexadecimal SHA-256 of the content that may be replaced */
  const char *bytes;
  size_t length;
};
struct farewell *farewell_file(struct engine *engine, const struct farewell_file *file, const char *leftover,
                               struct error *err);

/* Forgets it and frees it. */
void farewell_withdraw(struct engine *engine, struct farewell *farewell);

/* For engine.c: carries out what is left, the latest first. The loop stands still meanwhile: this is called
 * from its thread, or, as the last thing of the process, from another one. */
void farewell_all(struct engine *engine);

#endif
