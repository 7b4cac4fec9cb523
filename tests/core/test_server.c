/* A client in another thread, with plain sockets, against the server on the loop. */
#include "server.h"

#undef NDEBUG
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 65536, MAX_BODY = 1000 };

static uint16_t port;
static char answer[ROOM];

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

static void put(int fd, const char *text) { assert(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0); }

/* Reads until `end` is seen or the connection closes; returns how many reads it took. */
static int receive(int fd, const char *end) {
  size_t used = 0;
  int reads = 0;
  answer[0] = '\0';
  while (!strstr(answer, end)) {
    ssize_t got = recv(fd, answer + used, sizeof answer - 1 - used, 0);
    if (got <= 0) break;
    used += (size_t)got;
    answer[used] = '\0';
    reads++;
  }
  return reads;
}

static void expect(const char *text) {
  if (!strstr(answer, text)) (void)fprintf(stderr, "expected %s in:\n%s\n", text, answer);
  assert(strstr(answer, text));
}

static void *client(void *unused) {
  (void)unused;
  /* keep-alive, raw target, repeated headers, one write */
  int fd = dial();
  for (int i = 0; i < 3; i++) {
    put(fd, "GET /a%2Fb/%7e?x=%20y&z HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nX-One: 2\r\n\r\n");
    assert(receive(fd, "|end") == 1);
    expect("200");
    expect("GET /a%2Fb/%7e?x=%20y&z X-One=1 X-One=2 |end");
    expect("X-Answer: yes");
  }
  /* a body in pieces */
  put(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  usleep(20000);
  put(fd, "6\r\n world\r\n0\r\n\r\n");
  receive(fd, "|end");
  expect("hello world|end");
  /* HEAD: a length, no body */
  put(fd, "HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n");
  receive(fd, "\r\n\r\n");
  expect("Content-Length: 123456789012");
  put(fd, "DELETE /empty HTTP/1.1\r\nHost: h\r\n\r\n");
  receive(fd, "\r\n\r\n");
  expect("204");
  assert(!strstr(answer, "Content-Length: 0"));
  close(fd);
  /* too large, with and without a stated length */
  fd = dial();
  put(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5001\r\n\r\n");
  receive(fd, "too large");
  expect("413");
  close(fd);
  fd = dial();
  put(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 110; i++) put(fd, "a\r\n0123456789\r\n");
  put(fd, "0\r\n\r\n");
  receive(fd, "too large");
  expect("413");
  close(fd);
  /* dropped: the connection ends without a byte; a header that cannot be sent does the same */
  const char *const targets[] = {"GET /drop HTTP/1.1\r\nHost: h\r\n\r\n",
                                 "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n"};
  for (int i = 0; i < 2; i++) {
    fd = dial();
    put(fd, targets[i]);
    assert(receive(fd, "\r\n\r\n") == 0);
    close(fd);
  }
  /* a client that does not wait */
  fd = dial();
  put(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  close(fd);
  /* nonsense */
  fd = dial();
  put(fd, "\x01\x02\r\n\r\n");
  receive(fd, "never");
  close(fd);
  /* the server closes with one request queued or taken and one half sent */
  int half = dial();
  put(half, "GET /half HTTP/1.1\r\nHo");
  fd = dial();
  put(fd, "GET /close HTTP/1.1\r\nHost: h\r\n\r\n");
  assert(receive(fd, "|end") == 0);
  assert(receive(half, "|end") == 0);
  close(fd);
  close(half);
  return NULL;
}

struct service {
  struct server *server;
  struct server_request *kept;
  uv_idle_t idle; /* keeps the loop awake until what was queued is answered */
};

static void add_header(void *context, const char *name, const char *value, size_t length) {
  char *text = context;
  if (strcmp(name, "Host") == 0) return;
  size_t used = strlen(text);
  (void)snprintf(text + used, 1024 - used, "%s=%.*s ", name, (int)length, value);
}

static void answer_one(struct service *service, struct server_request *request) {
  const char *target = request_target(request);
  size_t length = 0;
  const char *body = request_body(request, &length);
  char text[1024] = "";
  const struct server_header yes = {"X-Answer", "yes"};
  const struct server_header large = {"Content-Length", "123456789012"};
  const struct server_header bad = {"X-Bad", "a\r\nb"};
  if (strcmp(target, "/echo") == 0) {
    (void)snprintf(text, sizeof text, "%.*s|end", (int)length, body);
    assert(request_respond(request, 200, NULL, 0, text, strlen(text)));
  } else if (strcmp(target, "/head") == 0) {
    assert(request_respond(request, 200, &large, 1, "", 0));
  } else if (strcmp(target, "/empty") == 0) {
    assert(request_respond(request, 204, NULL, 0, "", 0));
  } else if (strcmp(target, "/drop") == 0) {
    request_drop(request);
  } else if (strcmp(target, "/bad") == 0) {
    assert(!request_respond(request, 200, &bad, 1, "", 0));
  } else if (strcmp(target, "/close") == 0) {
    service->kept = request;
  } else {
    (void)snprintf(text, sizeof text, "%s %s ", request_method(request), target);
    request_headers(request, add_header, text);
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "|end");
    request_respond(request, 200, &yes, 1, text, strlen(text));
  }
}

static void on_idle(uv_idle_t *idle) {
  struct service *service = idle->data;
  struct server_request *request = NULL;
  uv_idle_stop(idle);
  while (service->server && (request = server_take(service->server))) answer_one(service, request);
  if (!service->kept || !service->server) return;
  server_close(service->server);
  service->server = NULL;
  assert(!request_respond(service->kept, 200, NULL, 0, "late", 4));
  uv_close((uv_handle_t *)idle, NULL);
}

static void on_request(void *context) {
  struct service *service = context;
  assert(server_has_request(service->server));
  uv_idle_start(&service->idle, on_idle);
}

int main(void) {
  struct error err = {0};
  uv_loop_t loop;
  struct service service = {0};
  assert(uv_loop_init(&loop) == 0);
  struct server_options options = {
      .host = "127.0.0.1", .max_body = MAX_BODY, .on_request = on_request, .context = &service};
  service.server = server_open(&loop, &options, &err);
  assert(service.server);
  port = server_port(service.server);
  assert(port != 0);

  struct server_options taken = options;
  taken.port = port;
  assert(!server_open(&loop, &taken, &err) && err.kind == ERROR_EXISTS);
  taken.host = "example.org";
  assert(!server_open(&loop, &taken, &err) && err.kind == ERROR_INVALID);

  uv_idle_init(&loop, &service.idle);
  service.idle.data = &service;
  pthread_t thread;
  assert(pthread_create(&thread, NULL, client, NULL) == 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  pthread_join(thread, NULL);
  assert(uv_loop_close(&loop) == 0);
  server_close(NULL);
  request_drop(NULL);
  return 0;
}
