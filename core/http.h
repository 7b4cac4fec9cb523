/* http.h: one HTTP exchange at a time or many side by side, over connections that are kept and shared.
 *
 * The pool of connections is a part of the engine, made by the first request. Redirects are not followed,
 * only HTTP/1.1 over TCP and TLS (1.2 or newer) is spoken. Not HTTP/2: with several answers at once on a
 * connection, libcurl 7.88 leaves one of a few hundred in its buffers until a timer runs out. Proxies come
 * from the usual environment variables, except for loopback hosts. Nothing is ever sent twice behind the
 * caller's back, other than a GET or HEAD whose kept connection turned out to be closed. */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include "buffer.h"
#include "error.h"
#include "field.h"

#include <stdbool.h>
#include <stddef.h>

struct engine;
struct http_transfer;

struct http_request {
  const char *method;          /* copied */
  const char *url;             /* copied */
  const struct field *headers; /* copied */
  size_t header_count;
  const char *body; /* borrowed until the transfer ends; NULL for none */
  size_t body_length;
  long timeout_ms;         /* for all of it; 0 for no limit */
  long connect_timeout_ms; /* for resolving, connecting and TLS */
  size_t max_body;         /* larger answers fail with ERROR_LIMIT */
  const char *ca_file;     /* copied: certificates to trust instead of the system's; NULL for those */
  bool insecure;           /* accept any certificate */
};

struct http_response {
  int status;
  int version;           /* 10, 11 */
  double ms;             /* from start to end */
  struct buffer headers; /* name NUL value NUL, again and again; names in lower case */
  struct buffer body;
};

/* Called from the loop when the transfer ended, not after http_cancel. */
typedef void (*http_done_fn)(void *argument);

/* NULL with `err` set when the request makes no sense (ERROR_INVALID) or cannot be started. */
struct http_transfer *http_start(struct engine *engine, const struct http_request *request, http_done_fn done,
                                 void *argument, struct error *err);

/* The same, with an end when it returns: the whole process stands still meanwhile. For the end of a process,
 * when the loop may not run any more. */
struct http_transfer *http_perform(struct engine *engine, const struct http_request *request,
                                   struct error *err);

/* Ends the transfer at once; its result is ERROR_CANCELLED. No effect on one that ended already. */
void http_cancel(struct http_transfer *transfer);

/* The response, or NULL with `err` set. Only after the end. Lives as long as the transfer. */
const struct http_response *http_result(const struct http_transfer *transfer, struct error *err);

/* May the request, or a part of it, have reached the server? */
bool http_sent(const struct http_transfer *transfer);

/* Accepts NULL; cancels first when needed. */
void http_free(struct http_transfer *transfer);

#endif
