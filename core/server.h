/* server.h: an HTTP/1.1 server on the loop (libmicrohttpd driven through its epoll descriptor).
 *
 * A complete request is queued, its connection parked, until the owner of the server takes and answers it.
 * An answer leaves in one write; connections are kept alive; TCP_NODELAY is set. Bodies above the ceiling are
 * refused with 413 before they are stored. Not thread-safe: everything happens on the thread of the loop. */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct server;
struct server_request;

/* Called from the loop when a request was queued. Must not take it. */
typedef void (*server_request_fn)(void *context);

struct server_options {
  const char *host; /* numeric IPv4 or IPv6 address */
  uint16_t port;    /* 0: the kernel picks one */
  size_t max_body;  /* bytes of a request's body */
  server_request_fn on_request;
  void *context; /* borrowed until server_close */
};

/* Listens. NULL with `err` set: ERROR_INVALID for the address, ERROR_EXISTS when the port is taken, ERROR_IO
 * or ERROR_MEMORY otherwise. */
struct server *server_open(uv_loop_t *loop, const struct server_options *options, struct error *err);

/* Stops listening, sends what was answered, drops what was not, closes every connection. Requests taken
 * before stay valid until they are answered or dropped, without effect. Accepts NULL. */
void server_close(struct server *server);

uint16_t server_port(const struct server *server);

bool server_has_request(const struct server *server);
/* The oldest queued request, now owned by the caller; NULL when there is none. */
struct server_request *server_take(struct server *server);

/* Borrowed from the request. */
const char *request_method(const struct server_request *request);
/* As the client sent it: percent-encoding intact, with the query. */
const char *request_target(const struct server_request *request);
const char *request_body(const struct server_request *request, size_t *length);

/* Every header in the order sent, the name as sent. */
typedef void (*request_header_fn)(void *context, const char *name, const char *value, size_t length);
void request_headers(const struct server_request *request, request_header_fn each, void *context);

struct server_header {
  const char *name;
  const char *value;
};

/* Answers and releases the request. Everything is copied. An answer to HEAD carries `body`'s length and no
 * body; a Content-Length among its headers wins over that length. False when the client or the server has
 * gone (the request is released all the same) or when a header is malformed (the connection is closed). */
bool request_respond(struct server_request *request, unsigned status, const struct server_header *headers,
                     size_t count, const void *body, size_t length);

/* Closes the connection without an answer and releases the request. Accepts NULL. */
void request_drop(struct server_request *request);

#endif
