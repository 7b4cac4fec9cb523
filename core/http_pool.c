#include "http_pool.h"

#include "engine.h"

#include <stdlib.h>

static const long KEPT = 256; /* connections, more than calls that are under way at once */

struct http_pool {
  uv_timer_t timer; /* first member: on_pool_closed frees the whole struct */
  uv_loop_t *loop;  /* borrowed */
  struct curl_library curl;
  CURLM *multi; /* owned */
  http_pool_end_fn end;
  struct pool_socket *sockets; /* those curl wants watched */
};

struct pool_socket {
  uv_poll_t poll;         /* first member: on_socket_closed frees the whole struct */
  struct http_pool *pool; /* borrowed; NULL once closing */
  struct pool_socket *next;
  struct pool_socket **link;
  curl_socket_t fd; /* curl's */
};

static const char pool_key; /* its address names the engine's part */

static void on_pool_closed(uv_handle_t *handle) { free(handle); }
static void on_socket_closed(uv_handle_t *handle) { free(handle); }

static void report_ended(struct http_pool *pool) {
  int left = 0;
  CURLMsg *message = NULL;
  while ((message = pool->curl.multi_info_read(pool->multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result; /* the message dies with the removal */
    char *transfer = NULL;
    (void)pool->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    (void)pool->curl.multi_remove_handle(pool->multi, easy);
    pool->end(transfer, code);
  }
}

static void act(struct http_pool *pool, curl_socket_t fd, int events) {
  int running = 0;
  (void)pool->curl.multi_socket_action(pool->multi, fd, events, &running);
  report_ended(pool);
}

static void on_due(uv_timer_t *timer) { act((struct http_pool *)timer, CURL_SOCKET_TIMEOUT, 0); }

static void on_socket(uv_poll_t *poll, int status, int events) {
  struct pool_socket *socket = (struct pool_socket *)poll;
  int flags = 0;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  if (status < 0) flags = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
  act(socket->pool, socket->fd, flags);
}

static void close_socket(struct pool_socket *socket) {
  *socket->link = socket->next;
  if (socket->next) socket->next->link = socket->link;
  uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
}

static struct pool_socket *open_socket(struct http_pool *pool, curl_socket_t fd) {
  struct pool_socket *socket = calloc(1, sizeof *socket);
  if (!socket) return NULL;
  if (uv_poll_init_socket(pool->loop, &socket->poll, fd) != 0) {
    free(socket);
    return NULL;
  }
  socket->pool = pool;
  socket->fd = fd;
  socket->next = pool->sockets;
  socket->link = &pool->sockets;
  if (socket->next) socket->next->link = &socket->next;
  pool->sockets = socket;
  (void)pool->curl.multi_assign(pool->multi, fd, socket);
  return socket;
}

/* curl: watch this socket for these events. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *argument, void *known) {
  struct http_pool *pool = argument;
  struct pool_socket *socket = known;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (socket) close_socket(socket);
    (void)pool->curl.multi_assign(pool->multi, fd, NULL);
    return 0;
  }
  if (!socket) socket = open_socket(pool, fd);
  if (!socket) return -1;
  int events = what == CURL_POLL_IN    ? UV_READABLE
               : what == CURL_POLL_OUT ? UV_WRITABLE
                                       : UV_READABLE | UV_WRITABLE;
  return uv_poll_start(&socket->poll, events, on_socket) == 0 ? 0 : -1;
}

/* curl: call me again in so many milliseconds. */
static int on_alarm(CURLM *multi, long ms, void *argument) {
  struct http_pool *pool = argument;
  (void)multi;
  if (ms < 0) {
    (void)uv_timer_stop(&pool->timer);
  } else {
    uv_update_time(pool->loop);
    (void)uv_timer_start(&pool->timer, on_due, (uint64_t)ms, 0);
  }
  return 0;
}

static void close_pool(void *part) {
  struct http_pool *pool = part;
  (void)pool->curl.multi_cleanup(pool->multi);
  while (pool->sockets) close_socket(pool->sockets);
  pool->curl.global_cleanup();
  uv_close((uv_handle_t *)&pool->timer, on_pool_closed);
}

static bool start_multi(struct http_pool *pool) {
  const struct curl_library *curl = &pool->curl;
  pool->multi = curl->multi_init();
  return pool->multi && curl->multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_interest) == CURLM_OK &&
         curl->multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool) == CURLM_OK &&
         curl->multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_alarm) == CURLM_OK &&
         curl->multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool) == CURLM_OK &&
         curl->multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, KEPT) == CURLM_OK;
}

struct http_pool *http_pool_of(struct engine *engine, http_pool_end_fn end, struct error *err) {
  struct http_pool *pool = engine_part(engine, &pool_key);
  if (pool) return pool;
  pool = calloc(1, sizeof *pool);
  if (!pool) goto out_of_memory;
  if (!curl_open(&pool->curl, err)) {
    free(pool);
    return NULL;
  }
  pool->loop = engine_loop(engine);
  pool->end = end;
  (void)uv_timer_init(pool->loop, &pool->timer);
  if (start_multi(pool) && engine_part_add(engine, &pool_key, pool, close_pool)) return pool;
  close_pool(pool);
out_of_memory:
  error_set(err, ERROR_MEMORY, "out of memory");
  return NULL;
}

const struct curl_library *http_pool_curl(const struct http_pool *pool) { return &pool->curl; }

bool http_pool_add(struct http_pool *pool, CURL *easy, struct error *err) {
  if (pool->curl.multi_add_handle(pool->multi, easy) == CURLM_OK) return true;
  error_set(err, ERROR_MEMORY, "the request cannot be started");
  return false;
}

void http_pool_remove(struct http_pool *pool, CURL *easy) {
  (void)pool->curl.multi_remove_handle(pool->multi, easy);
}
