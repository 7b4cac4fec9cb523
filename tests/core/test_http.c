/* Against a raw server in this process: what comes back, what is refused, what is known after a failure. */
#include "http.h"

#include "check.h"
#include "engine.h"
#include "http_peer.h"

#include <uv.h>

struct call {
  struct http_transfer *transfer;
  const struct http_response *response;
  struct error err;
  bool ended;
};

static struct engine *engine;
static struct http_peer peer;

static void on_done(void *argument) { ((struct call *)argument)->ended = true; }

static struct http_request request_to(const char *path, char *url, size_t size) {
  (void)snprintf(url, size, "http://127.0.0.1:%d%s", peer.port, path);
  return (struct http_request){
      .method = "GET", .url = url, .timeout_ms = 30000, .connect_timeout_ms = 30000, .max_body = 1 << 20};
}

static void start(struct call *call, const struct http_request *request) {
  *call = (struct call){0};
  call->transfer = http_start(engine, request, on_done, call, &call->err);
}

static void finish(struct call *call) {
  while (call->transfer && !call->ended && uv_run(engine_loop(engine), UV_RUN_ONCE)) continue;
  if (call->transfer) call->response = http_result(call->transfer, &call->err);
}

static void run(struct call *call, const struct http_request *request) {
  start(call, request);
  finish(call);
}

static const char *header(const struct call *call, const char *name) {
  const struct buffer *headers = &call->response->headers;
  for (size_t at = 0; at < headers->length;) {
    const char *value = headers->data + at + strlen(headers->data + at) + 1;
    if (strcmp(headers->data + at, name) == 0) return value;
    at = (size_t)(value - headers->data) + strlen(value) + 1;
  }
  return NULL;
}

static void sends_and_receives(void) {
  char url[128];
  struct call call;
  struct http_request request = request_to("/echo/%2Fa+b?q=1", url, sizeof url);
  const struct field headers[] = {{"X-Sent", 6, "with  space", 11}, {"X-Empty", 7, "", 0}};
  request.method = "POST";
  request.headers = headers;
  request.header_count = 2;
  request.body = "{\"a\":\0}";
  request.body_length = 7;
  run(&call, &request);
  if (CHECK(call.response)) {
    const char *echo = call.response->body.data;
    CHECK(call.response->status == 200 && call.response->version == 11 && http_sent(call.transfer));
    CHECK(strncmp(echo, "POST /echo/%2Fa+b?q=1 HTTP/1.1\r\n", 32) == 0);
    CHECK(strstr(echo, "\r\nX-Sent: with  space\r\n") && strstr(echo, "\r\nX-Empty:"));
    CHECK(!strcasestr(echo, "content-type") && !strcasestr(echo, "expect:"));
    CHECK(strstr(echo, "\r\nContent-Length: 7\r\n"));
    CHECK(memcmp(echo + call.response->body.length - 7, "{\"a\":\0}", 7) == 0);
  }
  http_free(call.transfer);

  const char *const empty[] = {"POST", "PUT", "PATCH"};
  for (int i = 0; i < 3; i++) {
    request = request_to("/echo", url, sizeof url);
    request.method = empty[i];
    run(&call, &request);
    CHECK(call.response && strstr(call.response->body.data, "\r\nContent-Length: 0\r\n"));
    http_free(call.transfer);
  }
  request = request_to("/echo", url, sizeof url);
  request.method = "DELETE";
  run(&call, &request);
  CHECK(call.response && strncmp(call.response->body.data, "DELETE /echo ", 13) == 0);
  http_free(call.transfer);
}

static void reads_headers(void) {
  char url[128];
  struct call call;
  struct http_request request = request_to("/fixed/chunked", url, sizeof url);
  run(&call, &request);
  if (CHECK(call.response)) {
    CHECK_TEXT(call.response->body.data, "hello world");
    CHECK_TEXT(header(&call, "x-one"), "a");
    CHECK_TEXT(header(&call, "transfer-encoding"), "chunked");
  }
  http_free(call.transfer);

  request = request_to("/fixed/interim", url, sizeof url);
  run(&call, &request);
  if (CHECK(call.response)) {
    CHECK(call.response->status == 204 && call.response->body.length == 0);
    CHECK(!header(&call, "x-early"));
    CHECK_TEXT(header(&call, "x-late"), "");
  }
  http_free(call.transfer);

  request = request_to("/fixed/redirect", url, sizeof url);
  run(&call, &request);
  CHECK(call.response && call.response->status == 302);
  http_free(call.transfer);
}

static void fails(const char *path, const char *method, enum error_kind kind, bool sent) {
  char url[128];
  struct call call;
  struct http_request request = request_to(path, url, sizeof url);
  request.method = method;
  if (kind == ERROR_TIMEOUT) request.timeout_ms = 1000;
  run(&call, &request);
  if (!CHECK(call.transfer && !call.response && call.err.kind == kind && http_sent(call.transfer) == sent))
    (void)fprintf(stderr, "  %s %s: %s\n", method, path, call.err.message);
  http_free(call.transfer);
}

static void never_connects(void) {
  struct call call;
  struct http_peer silent = {0};
  char url[128];
  CHECK(http_peer_start(&silent, false));
  (void)close(silent.listener); /* now nobody listens there */
  struct http_request request = request_to("/", url, sizeof url);
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/?token=hunter2", silent.port);
  run(&call, &request);
  CHECK(!call.response && call.err.kind == ERROR_CONNECT && !http_sent(call.transfer));
  CHECK(strstr(call.err.message, "http://127.0.0.1:") && !strstr(call.err.message, "hunter2"));
  http_free(call.transfer);

  CHECK(http_peer_start(&silent, false)); /* accepts in the kernel, so TLS never begins */
  (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/", silent.port);
  request.connect_timeout_ms = 200;
  run(&call, &request);
  CHECK(!call.response && call.err.kind == ERROR_CONNECT && !http_sent(call.transfer));
  http_free(call.transfer);
  (void)close(silent.listener);

  (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/fixed/garbage", peer.port); /* no TLS there */
  run(&call, &request);
  CHECK(!call.response && !http_sent(call.transfer));
  http_free(call.transfer);
}

/* A kept connection that dies under a request: curl alone would send it again. */
static void never_repeats(const char *method, int expected_requests, bool answered) {
  char url[128];
  struct call call;
  struct http_request request = request_to("/later/drop", url, sizeof url);
  run(&call, &request);
  CHECK(call.response);
  http_free(call.transfer);
  int before = atomic_load(&peer.requests);
  request = request_to("/echo", url, sizeof url);
  request.method = method;
  if (strcmp(method, "POST") == 0) {
    request.body = "{}";
    request.body_length = 2;
  }
  run(&call, &request);
  CHECK(!!call.response == answered);
  if (!answered) CHECK(call.err.kind == ERROR_IO && http_sent(call.transfer));
  CHECK(atomic_load(&peer.requests) - before == expected_requests);
  http_free(call.transfer);
}

static void keeps_connections(void) {
  char url[128];
  struct call call;
  struct http_request request = request_to("/echo", url, sizeof url);
  run(&call, &request);
  http_free(call.transfer);
  int before = atomic_load(&peer.connections);
  for (int i = 0; i < 20; i++) {
    run(&call, &request);
    CHECK(call.response);
    http_free(call.transfer);
  }
  CHECK(atomic_load(&peer.connections) == before);

  struct call calls[20];
  for (int i = 0; i < 20; i++) start(&calls[i], &request);
  for (int i = 0; i < 20; i++) finish(&calls[i]);
  for (int i = 0; i < 20; i++) CHECK(calls[i].response);
  for (int i = 0; i < 20; i++) http_free(calls[i].transfer);
}

static void limits_answers(void) {
  char url[128];
  struct call call;
  struct http_request request = request_to("/echo", url, sizeof url);
  request.max_body = 10;
  run(&call, &request);
  CHECK(!call.response && call.err.kind == ERROR_LIMIT && http_sent(call.transfer));
  http_free(call.transfer);
}

static void refuses(const char *method, const char *url, const char *name, const char *value) {
  struct call call;
  const struct field field = {name, strlen(name), value, strlen(value)};
  struct http_request request = {.method = method, .url = url, .headers = &field, .header_count = 1};
  start(&call, &request);
  if (!CHECK(!call.transfer && call.err.kind == ERROR_INVALID))
    (void)fprintf(stderr, "  %s %s\n", method, url);
  http_free(call.transfer);
}

static void cancels(void) {
  char url[128];
  struct call call;
  struct http_request request = request_to("/hang", url, sizeof url);
  start(&call, &request);
  for (int i = 0; i < 20; i++) (void)uv_run(engine_loop(engine), UV_RUN_NOWAIT);
  http_cancel(call.transfer);
  http_cancel(call.transfer);
  CHECK(!call.ended && !http_result(call.transfer, &call.err) && call.err.kind == ERROR_CANCELLED);
  http_free(call.transfer);
}

int main(void) {
  struct error err = {0};
  engine = engine_new(&err);
  if (!CHECK(engine) || !CHECK(http_peer_start(&peer, true))) return 1;
  sends_and_receives();
  reads_headers();
  fails("/hang", "GET", ERROR_TIMEOUT, true);
  fails("/drop", "GET", ERROR_IO, true);
  fails("/drop", "POST", ERROR_IO, true);
  fails("/fixed/cut", "GET", ERROR_IO, true);
  fails("/fixed/garbage", "GET", ERROR_IO, true);
  fails("/fixed/huge", "GET", ERROR_LIMIT, true);
  never_connects();
  never_repeats("POST", 1, false);
  never_repeats("PUT", 1, false);
  never_repeats("DELETE", 1, false);
  never_repeats("GET", 2, true);
  keeps_connections();
  limits_answers();
  refuses("GET", "ftp://127.0.0.1/", "X", "");
  refuses("GET", "file:///etc/passwd", "X", "");
  refuses("GET", "http://user:password@127.0.0.1/", "X", "");
  refuses("GET", "http:///path", "X", "");
  refuses("BAD METHOD", "http://127.0.0.1/", "X", "");
  refuses("GET", "http://127.0.0.1/", "X", "a\r\nInjected: b");
  refuses("GET", "http://127.0.0.1/", "X: y", "");
  cancels();

  char url[128];
  struct call call;
  struct http_request request = request_to("/hang", url, sizeof url);
  start(&call, &request); /* the end of the engine comes first */
  (void)uv_run(engine_loop(engine), UV_RUN_NOWAIT);
  http_cancel(call.transfer);
  http_free(call.transfer);
  engine_free(engine);
  http_peer_stop(&peer);
  return check_report();
}
