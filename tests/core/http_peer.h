/* http_peer.h: a raw HTTP/1.1 server on a loopback port for tests; the path says how it behaves:
 * /echo answers with the request it got, /fixed/NAME with prepared bytes, /hang never, /drop ends the
 * connection unanswered, /later/drop answers and ends the connection when the next request arrives, /busy
 * answers 503 the first time. */
#ifndef TESTS_CORE_HTTP_PEER_H
#define TESTS_CORE_HTTP_PEER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_peer {
  int listener;
  int port;
  atomic_int connections;
  atomic_int requests;
  atomic_int open; /* connections now */
  atomic_int busy; /* answers of /busy */
  pthread_t acceptor;
  pthread_mutex_t mutex;
  char latest[8192]; /* the latest request; below the mutex */
};

struct http_peer_fixed {
  const char *path;
  const char *answer;
};

static const struct http_peer_fixed http_peer_answers[] = {
    {"/fixed/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-One: a\r\nx-one: b\r\n\r\n"
                       "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"},
    {"/fixed/redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"},
    {"/fixed/interim",
     "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\nHTTP/1.1 204 No Content\r\nX-Late: \r\n\r\n"},
    {"/fixed/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"},
    {"/fixed/garbage", "SSH-2.0-something\r\n\r\n"},
    {"/fixed/huge", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx"},
    {"/fixed/refused", "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"},
};

static inline void http_peer_send(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes += sent;
    length -= (size_t)sent;
  }
}

static inline void http_peer_echo(int fd, const char *request, size_t length) {
  char head[128];
  int size = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
  http_peer_send(fd, head, (size_t)size);
  http_peer_send(fd, request, length);
}

/* Reads one request (header and body); its length, 0 at the end of the connection. */
static inline size_t http_peer_read(int fd, char *request, size_t room) {
  size_t length = 0;
  size_t wanted = 0;
  while (length + 1 < room) {
    ssize_t got = recv(fd, request + length, room - 1 - length, 0);
    if (got <= 0) return 0;
    length += (size_t)got;
    request[length] = '\0';
    char *end = strstr(request, "\r\n\r\n");
    if (!end) continue;
    char *field = strcasestr(request, "\r\ncontent-length:");
    wanted = (size_t)(end + 4 - request) + (field && field < end ? strtoul(field + 17, NULL, 10) : 0);
    if (length >= wanted) return length;
  }
  return length;
}

static inline void http_peer_note(struct http_peer *peer, const char *request) {
  (void)pthread_mutex_lock(&peer->mutex);
  (void)snprintf(peer->latest, sizeof peer->latest, "%s", request);
  (void)pthread_mutex_unlock(&peer->mutex);
}

/* Has the latest request this text in it? */
static inline int http_peer_got(struct http_peer *peer, const char *text) {
  (void)pthread_mutex_lock(&peer->mutex);
  int found = strcasestr(peer->latest, text) != NULL;
  (void)pthread_mutex_unlock(&peer->mutex);
  return found;
}

struct http_peer_connection {
  struct http_peer *peer;
  int fd;
};

static inline void *http_peer_serve(void *argument) {
  struct http_peer_connection connection = *(struct http_peer_connection *)argument;
  free(argument);
  enum { ROOM = 1 << 20 };
  char *request = malloc(ROOM);
  bool drop_next = false;
  size_t length = 0;
  while (request && (length = http_peer_read(connection.fd, request, ROOM)) > 0) {
    http_peer_note(connection.peer, request);
    atomic_fetch_add(&connection.peer->requests, 1);
    char path[64] = "";
    (void)sscanf(request, "%*s %63[^ ?]", path);
    if (drop_next || strcmp(path, "/drop") == 0) break;
    if (strcmp(path, "/hang") == 0) continue;
    drop_next = strcmp(path, "/later/drop") == 0;
    const char *answer = NULL;
    for (size_t i = 0; i < sizeof http_peer_answers / sizeof *http_peer_answers; i++) {
      if (strcmp(http_peer_answers[i].path, path) == 0) answer = http_peer_answers[i].answer;
    }
    if (strcmp(path, "/busy") == 0 && atomic_fetch_add(&connection.peer->busy, 1) == 0)
      answer = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n";
    if (answer) {
      http_peer_send(connection.fd, answer, strlen(answer));
      if (strcmp(path, "/fixed/cut") == 0 || strcmp(path, "/fixed/garbage") == 0) break;
    } else {
      http_peer_echo(connection.fd, request, length);
    }
  }
  free(request);
  (void)close(connection.fd);
  atomic_fetch_sub(&connection.peer->open, 1);
  return NULL;
}

static inline void *http_peer_accept(void *argument) {
  struct http_peer *peer = argument;
  int fd = -1;
  while ((fd = accept(peer->listener, NULL, NULL)) >= 0) {
    struct http_peer_connection *connection = malloc(sizeof *connection);
    pthread_t thread;
    if (!connection) break;
    *connection = (struct http_peer_connection){peer, fd};
    atomic_fetch_add(&peer->connections, 1);
    atomic_fetch_add(&peer->open, 1);
    if (pthread_create(&thread, NULL, http_peer_serve, connection) != 0) break;
    (void)pthread_detach(thread);
  }
  return NULL;
}

/* Listens; with `serve` false connections are taken by the kernel and never answered. */
static inline bool http_peer_start(struct http_peer *peer, bool serve) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  peer->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (peer->listener < 0 || bind(peer->listener, (struct sockaddr *)&address, size) != 0) return false;
  if (listen(peer->listener, 64) != 0) return false;
  if (getsockname(peer->listener, (struct sockaddr *)&address, &size) != 0) return false;
  peer->port = ntohs(address.sin_port);
  if (!serve) return true;
  (void)pthread_mutex_init(&peer->mutex, NULL);
  return pthread_create(&peer->acceptor, NULL, http_peer_accept, peer) == 0;
}

/* Returns when every connection has ended: close the other ends first. */
static inline void http_peer_stop(struct http_peer *peer) {
  (void)shutdown(peer->listener, SHUT_RDWR);
  (void)pthread_join(peer->acceptor, NULL);
  (void)close(peer->listener);
  while (atomic_load(&peer->open) > 0) (void)usleep(1000);
}

#endif
