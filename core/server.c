#include "server.h"

#include "buffer.h"
#include "microhttpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  CONNECTION_MEMORY = 64 * 1024, /* request line and headers, read buffer */
  IDLE_SECONDS = 120,            /* without traffic; parked requests do not count */
  BACKLOG = 511,
  CLOSING_ROUNDS = 16, /* attempts to send pending answers before the end */
  EXCESS_FACTOR = 4, /* a body of unknown length is read (and forgotten) up to this multiple of the ceiling */
};

struct server_request {
  const struct microhttpd *http;     /* borrowed; the library outlives everything */
  struct server *server;             /* borrowed; NULL once the server closed */
  struct MHD_Connection *connection; /* borrowed; NULL once it ended */
  char *method;                      /* owned */
  char *target;                      /* owned */
  struct buffer body;                /* owned */
  struct MHD_Response *response;     /* owned until queued */
  unsigned status;
  size_t received;             /* bytes of the body, stored or not */
  struct server_request *next; /* all requests of the server's connections */
  struct server_request **link;
  struct server_request *queue; /* next in the queue of complete requests */
  bool started;                 /* headers were seen */
  bool parked;                  /* the connection is suspended */
  bool held;                    /* queued or taken: the owner of the server has it */
  bool dropped;
};

struct server {
  const struct microhttpd *http; /* borrowed */
  struct MHD_Daemon *daemon;     /* owned */
  uv_poll_t poll;
  uv_timer_t timer;
  uv_timer_cb on_due;
  uv_prepare_t prepare; /* runs the daemon before the loop sleeps, when answers were given */
  struct server_request *requests;
  struct server_request *head;
  struct server_request **tail;
  size_t max_body;
  server_request_fn on_request;
  void *context; /* borrowed */
  int open_handles;
  uint16_t port;
  bool closing;
};

static void request_free(struct server_request *request) {
  if (request->response) request->http->destroy_response(request->response);
  if (request->link) {
    *request->link = request->next;
    if (request->next) request->next->link = request->link;
  }
  free(request->method);
  free(request->target);
  buffer_free(&request->body);
  free(request);
}

/* Two sides know a request: its connection and the owner of the server. The last one to let go frees it. */
static void request_release(struct server_request *request) {
  if (!request->connection && !request->held) request_free(request);
}

/* Lets the daemon do what it can, then asks it when it wants to run again. */
static void run(struct server *server) {
  MHD_UNSIGNED_LONG_LONG ms = 0;
  server->http->run(server->daemon);
  if (server->http->get_timeout(server->daemon, &ms) == MHD_YES) {
    uv_timer_start(&server->timer, server->on_due, ms, 0);
  } else {
    uv_timer_stop(&server->timer);
  }
}

static void on_due(uv_timer_t *timer) { run(timer->data); }

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  run(poll->data);
}

static void on_prepare(uv_prepare_t *prepare) {
  uv_prepare_stop(prepare);
  run(prepare->data);
}

/* callbacks of libmicrohttpd
 * -------------------------------------------------------------------------------------------------------- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
  struct server *server = context;
  struct server_request *request = calloc(1, sizeof *request);
  if (!request) return NULL;
  request->target = strdup(target);
  if (!request->target) {
    free(request);
    return NULL;
  }
  request->http = server->http;
  request->server = server;
  request->connection = connection;
  request->next = server->requests;
  request->link = &server->requests;
  if (request->next) request->next->link = &request->next;
  server->requests = request;
  return request;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code) {
  struct server_request *request = *slot;
  (void)context;
  (void)connection;
  (void)code;
  *slot = NULL;
  if (!request) return;
  request->connection = NULL;
  request_release(request);
}

static enum MHD_Result refuse_body(const struct server_request *request) {
  const struct microhttpd *http = request->http;
  static char text[] = "{\"message\":\"request body too large\"}";
  struct MHD_Response *response =
      http->create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
  if (!response) return MHD_NO;
  http->add_response_header(response, "Content-Type", "application/json");
  enum MHD_Result result = http->queue_response(request->connection, MHD_HTTP_CONTENT_TOO_LARGE, response);
  http->destroy_response(response);
  return result;
}

static enum MHD_Result start_request(struct server *server, struct server_request *request,
                                     const char *method) {
  request->started = true;
  request->method = strdup(method);
  if (!request->method) return MHD_NO;
  const char *length = request->http->lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                              MHD_HTTP_HEADER_CONTENT_LENGTH);
  /* Most clients hear an answer only once they have sent everything: what is a little too long is read. */
  if (length && strtoull(length, NULL, 10) / EXCESS_FACTOR > server->max_body) return refuse_body(request);
  return MHD_YES;
}

static enum MHD_Result store_body(struct server *server, struct server_request *request, const char *bytes,
                                  size_t length) {
  request->received += length;
  if (request->received > server->max_body) { /* told at the end: an answer cannot start in the middle */
    buffer_free(&request->body);
    request->body = (struct buffer){0};
    return request->received / EXCESS_FACTOR > server->max_body ? MHD_NO : MHD_YES;
  }
  return buffer_append(&request->body, bytes, length) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *bytes, size_t *length,
                                 void **slot) {
  struct server *server = context;
  struct server_request *request = *slot;
  (void)url;
  (void)version;
  if (!request) return MHD_NO; /* out of memory when it arrived */
  if (!request->started) return start_request(server, request, method);
  if (*length > 0) {
    enum MHD_Result result = store_body(server, request, bytes, *length);
    *length = 0;
    return result;
  }
  if (request->response) {
    enum MHD_Result result = server->http->queue_response(connection, request->status, request->response);
    server->http->destroy_response(request->response);
    request->response = NULL;
    return result;
  }
  if (request->dropped || server->closing) return MHD_NO;
  if (request->received > server->max_body) return refuse_body(request);

  server->http->suspend_connection(connection);
  request->parked = true;
  request->held = true;
  *server->tail = request;
  server->tail = &request->queue;
  server->on_request(server->context);
  return MHD_YES;
}

/* requests
 * -------------------------------------------------------------------------------------------------------- */

bool server_has_request(const struct server *server) { return server->head != NULL; }

struct server_request *server_take(struct server *server) {
  struct server_request *request = server->head;
  if (!request) return NULL;
  server->head = request->queue;
  if (!server->head) server->tail = &server->head;
  request->queue = NULL;
  return request;
}

const char *request_method(const struct server_request *request) { return request->method; }
const char *request_target(const struct server_request *request) { return request->target; }

const char *request_body(const struct server_request *request, size_t *length) {
  *length = request->body.length;
  return request->body.data ? request->body.data : "";
}

struct header_visit {
  request_header_fn each;
  void *context;
};

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                 const char *value, size_t length) {
  struct header_visit *visit = context;
  (void)kind;
  (void)name_length;
  visit->each(visit->context, name, value ? value : "", length);
  return MHD_YES;
}

void request_headers(const struct server_request *request, request_header_fn each, void *context) {
  struct header_visit visit = {each, context};
  if (request->connection)
    request->http->get_connection_values_n(request->connection, MHD_HEADER_KIND, on_header, &visit);
}

/* Lets the parked connection go on: on_access sees the answer (or that there is none) in the next run. */
static bool resume(struct server_request *request) {
  bool alive = request->server && request->connection;
  request->held = false;
  if (!alive) {
    request_release(request);
    return false;
  }
  request->parked = false;
  request->http->resume_connection(request->connection);
  uv_prepare_start(&request->server->prepare, on_prepare);
  return true;
}

/* Body of an answer to HEAD: never read. */
static ssize_t no_bytes(void *context, uint64_t position, char *buffer, size_t room) {
  (void)context;
  (void)position;
  (void)buffer;
  (void)room;
  return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_response(const struct server_request *request,
                                          const struct server_header *headers, size_t count, const void *body,
                                          size_t length) {
  const char *declared = NULL;
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(headers[i].name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) declared = headers[i].value;
  }
  struct MHD_Response *response = NULL;
  if (declared && strcmp(request->method, "HEAD") == 0) {
    response = request->http->create_response_from_callback(strtoull(declared, NULL, 10), 1024, no_bytes,
                                                            NULL, NULL);
  } else {
    response = request->http->create_response_from_buffer(length, (void *)body, MHD_RESPMEM_MUST_COPY);
  }
  if (!response) return NULL;
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(headers[i].name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) continue;
    if (request->http->add_response_header(response, headers[i].name, headers[i].value) != MHD_YES) {
      request->http->destroy_response(response);
      return NULL;
    }
  }
  return response;
}

bool request_respond(struct server_request *request, unsigned status, const struct server_header *headers,
                     size_t count, const void *body, size_t length) {
  if (request->server && request->connection) {
    request->status = status;
    request->response = make_response(request, headers, count, body, length);
    request->dropped = request->response == NULL;
  }
  bool answered = request->response != NULL;
  return resume(request) && answered;
}

void request_drop(struct server_request *request) {
  if (!request) return;
  request->dropped = true;
  resume(request);
}

/* opening and closing
 * -------------------------------------------------------------------------------------------------------- */

static int listen_on(const struct server_options *options, uint16_t *port, struct error *err) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address = {0};
  socklen_t size = sizeof address.v4;
  if (uv_ip4_addr(options->host, options->port, &address.v4) != 0) {
    size = sizeof address.v6;
    if (uv_ip6_addr(options->host, options->port, &address.v6) != 0) {
      error_set(err, ERROR_INVALID, "not a numeric address: %s", options->host);
      return -1;
    }
  }
  const int on = 1;
  int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) goto fail;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, &address.any, size) != 0 || listen(fd, BACKLOG) != 0) goto fail;
  if (getsockname(fd, &address.any, &size) != 0) goto fail;
  *port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
  return fd;

fail:
  error_set(err, errno == EADDRINUSE ? ERROR_EXISTS : ERROR_IO, "cannot listen on %s port %d: %s",
            options->host, options->port, strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

static void on_closed(uv_handle_t *handle) {
  struct server *server = handle->data;
  if (--server->open_handles == 0) free(server);
}

static void close_handles(struct server *server) {
  uv_close((uv_handle_t *)&server->poll, on_closed);
  uv_close((uv_handle_t *)&server->timer, on_closed);
  uv_close((uv_handle_t *)&server->prepare, on_closed);
}

struct server *server_open(uv_loop_t *loop, const struct server_options *options, struct error *err) {
  uint16_t port = 0;
  const struct microhttpd *http = microhttpd_open(err);
  if (!http) return NULL;
  int fd = listen_on(options, &port, err);
  if (fd < 0) return NULL;
  struct server *server = calloc(1, sizeof *server);
  if (!server) {
    error_set(err, ERROR_MEMORY, "out of memory");
    goto fail;
  }
  server->http = http;
  server->tail = &server->head;
  server->max_body = options->max_body;
  server->on_request = options->on_request;
  server->context = options->context;
  server->port = port;
  server->on_due = on_due;
  server->daemon = server->http->start_daemon(
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, server,   /* */
      MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, server, /* */
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,                            /* */
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,                /* */
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
  if (!server->daemon) {
    error_set(err, ERROR_IO, "cannot start the HTTP server");
    goto fail;
  }
  fd = -1; /* the daemon closes it */
  const union MHD_DaemonInfo *info = server->http->get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  int status = info ? uv_poll_init(loop, &server->poll, info->epoll_fd) : UV_EINVAL;
  if (status != 0) {
    error_set(err, ERROR_IO, "cannot watch the HTTP server: %s", uv_strerror(status));
    goto fail;
  }
  uv_timer_init(loop, &server->timer);
  uv_prepare_init(loop, &server->prepare);
  server->open_handles = 3;
  server->poll.data = server;
  server->timer.data = server;
  server->prepare.data = server;
  uv_poll_start(&server->poll, UV_READABLE, on_readable);
  return server;

fail:
  if (fd >= 0) close(fd);
  if (server && server->daemon) server->http->stop_daemon(server->daemon);
  free(server);
  return NULL;
}

uint16_t server_port(const struct server *server) { return server->port; }

void server_close(struct server *server) {
  if (!server) return;
  server->closing = true;
  struct server_request *next = NULL;
  for (struct server_request *request = server->requests; request; request = next) {
    next = request->next;
    if (!request->parked) continue;
    request->parked = false;
    request->http->resume_connection(request->connection);
  }
  for (int i = 0; i < CLOSING_ROUNDS; i++) server->http->run(server->daemon);

  uv_poll_stop(&server->poll); /* before the daemon closes the descriptor */
  server->http->stop_daemon(server->daemon);
  while (server->head) { /* never taken */
    struct server_request *request = server_take(server);
    request->held = false;
    request_release(request);
  }
  while (server->requests) { /* taken and not answered yet */
    struct server_request *request = server->requests;
    server->requests = request->next;
    if (request->next) request->next->link = &server->requests;
    request->link = NULL;
    request->next = NULL;
    request->server = NULL;
  }
  close_handles(server);
}
