#include "farewell.h"

#include "digest.h"
#include "encoding.h"
#include "engine.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  TOTAL_MS = 5000,   /* for all of them */
  REQUEST_MS = 2000, /* for one attempt, so that a silent service leaves time for the others */
  PAUSE_MS = 50,     /* between two rounds of attempts */
  LARGEST_ANSWER = 65536,
};

static const char farewell_key; /* its address names the engine's part */

struct farewells {
  struct farewell *first; /* owned, and what follows: the latest one first */
  uv_mutex_t guard;       /* of the list: it may be carried out by another thread */
};

struct farewell {
  struct farewell *next;
  struct farewell **link; /* the pointer that points here */
  struct buffer texts;    /* owned: what everything below points into; never moves once it is filled */
  struct field *headers;  /* owned */
  struct s3_request request;
  struct http_request http;
  struct farewell_file file; /* without a path: a request */
  const char *leftover;      /* may be NULL */
};

static void forget(struct farewell *farewell) {
  buffer_wipe(&farewell->texts);
  free(farewell->headers);
  free(farewell);
}

void farewell_withdraw(struct engine *engine, struct farewell *farewell) {
  struct farewells *all = engine_part(engine, &farewell_key);
  uv_mutex_t *guard = &all->guard;
  uv_mutex_lock(guard);
  *farewell->link = farewell->next;
  if (farewell->next) farewell->next->link = farewell->link;
  forget(farewell);
  uv_mutex_unlock(guard);
}

static void close_farewells(void *part) {
  struct farewells *all = part;
  for (struct farewell *at = all->first, *next = NULL; at; at = next) {
    next = at->next;
    forget(at);
  }
  uv_mutex_unlock(&all->guard); /* farewell_all went before */
  uv_mutex_destroy(&all->guard);
  free(all);
}

static struct farewells *farewells_of(struct engine *engine) {
  struct farewells *all = engine_part(engine, &farewell_key);
  if (all) return all;
  all = calloc(1, sizeof *all);
  if (!all || uv_mutex_init(&all->guard) != 0) {
    free(all);
    return NULL;
  }
  if (engine_part_add(engine, &farewell_key, all, close_farewells)) return all;
  uv_mutex_destroy(&all->guard);
  free(all);
  return NULL;
}

/* A new one with room for texts of this length, zeros included. */
static struct farewell *make(size_t room, size_t header_count, struct error *err) {
  struct farewell *farewell = calloc(1, sizeof *farewell);
  if (farewell && buffer_reserve(&farewell->texts, room)) {
    farewell->headers = calloc(header_count + 1, sizeof *farewell->headers);
    if (farewell->headers) return farewell;
  }
  if (farewell) forget(farewell);
  error_set(err, ERROR_MEMORY, "out of memory");
  return NULL;
}

static size_t room_for(const char *text) { return text ? strlen(text) + 1 : 0; }

/* A copy of the text in what was reserved. */
static const char *keep_bytes(struct farewell *farewell, const char *bytes, size_t length) {
  struct buffer *texts = &farewell->texts;
  const char *copy = texts->data + texts->length;
  (void)(buffer_append(texts, bytes, length) && buffer_append(texts, "", 1)); /* there is room */
  return copy;
}

static const char *keep(struct farewell *farewell, const char *text) {
  return text ? keep_bytes(farewell, text, strlen(text)) : NULL;
}

static struct farewell *arm(struct engine *engine, struct farewell *farewell, struct error *err) {
  struct farewells *all = farewells_of(engine);
  if (!all) {
    forget(farewell);
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  uv_mutex_lock(&all->guard);
  farewell->next = all->first;
  farewell->link = &all->first;
  if (farewell->next) farewell->next->link = &farewell->next;
  all->first = farewell;
  uv_mutex_unlock(&all->guard);
  return farewell;
}

/* Can it be prepared? Better to know that now. */
static bool try_request(const struct s3_request *request, struct error *err) {
  struct s3_prepared prepared;
  bool ok = s3_prepare(request, &prepared, err);
  s3_free(&prepared);
  return ok;
}

struct farewell *farewell_request(struct engine *engine, const struct s3_request *request,
                                  const struct http_request *http, const char *leftover, struct error *err) {
  if (!try_request(request, err)) return NULL;
  size_t room = room_for(request->method) + room_for(request->endpoint) + room_for(request->region) +
                room_for(request->bucket) + request->key_length + 1 + request->body_length + 1 +
                room_for(request->access_key) + room_for(request->secret_key) + room_for(http->ca_file) +
                room_for(leftover);
  for (size_t i = 0; i < request->header_count; i++)
    room += request->headers[i].name_length + request->headers[i].value_length + 2;
  struct farewell *farewell = make(room, request->header_count, err);
  if (!farewell) return NULL;

  struct s3_request *copy = &farewell->request;
  copy->method = keep(farewell, request->method);
  copy->endpoint = keep(farewell, request->endpoint);
  copy->region = keep(farewell, request->region);
  copy->bucket = keep(farewell, request->bucket);
  if (request->key) copy->key = keep_bytes(farewell, request->key, request->key_length);
  copy->key_length = request->key_length;
  if (request->body) copy->body = keep_bytes(farewell, request->body, request->body_length);
  copy->body_length = request->body_length;
  copy->access_key = keep(farewell, request->access_key);
  copy->secret_key = keep(farewell, request->secret_key);
  copy->path_style = request->path_style;
  copy->headers = farewell->headers;
  copy->header_count = request->header_count;
  for (size_t i = 0; i < request->header_count; i++) {
    const struct field *field = &request->headers[i];
    farewell->headers[i] = (struct field){
        .name = keep_bytes(farewell, field->name, field->name_length),
        .name_length = field->name_length,
        .value = keep_bytes(farewell, field->value, field->value_length),
        .value_length = field->value_length,
    };
  }
  farewell->http = (struct http_request){
      .method = copy->method,
      .body = copy->body,
      .body_length = copy->body_length,
      .max_body = LARGEST_ANSWER,
      .ca_file = keep(farewell, http->ca_file),
      .insecure = http->insecure,
  };
  farewell->leftover = keep(farewell, leftover);
  return arm(engine, farewell, err);
}

struct farewell *farewell_file(struct engine *engine, const struct farewell_file *file, const char *leftover,
                               struct error *err) {
  struct farewell *farewell = make(room_for(file->path) + room_for(file->guard) + room_for(file->present) +
                                       file->length + 1 + room_for(leftover),
                                   0, err);
  if (!farewell) return NULL;
  farewell->file = (struct farewell_file){
      .path = keep(farewell, file->path),
      .guard = keep(farewell, file->guard),
      .present = keep(farewell, file->present),
      .bytes = keep_bytes(farewell, file->bytes, file->length),
      .length = file->length,
  };
  farewell->leftover = keep(farewell, leftover);
  return arm(engine, farewell, err);
}

/* The end
 * -------------------------------------------------------------------------------------------------------- */

enum outcome { AGAIN, REFUSED, DONE };

static enum outcome send_request(struct engine *engine, struct farewell *farewell, long ms) {
  struct s3_prepared prepared;
  enum outcome outcome = REFUSED;
  farewell->request.time = (int64_t)time(NULL);
  if (s3_prepare(&farewell->request, &prepared, NULL)) {
    struct http_request *http = &farewell->http;
    http->url = prepared.url.data;
    http->headers = prepared.headers;
    http->header_count = prepared.header_count;
    http->timeout_ms = ms;
    http->connect_timeout_ms = ms;
    struct http_transfer *transfer = http_perform(engine, http, NULL);
    const struct http_response *response = transfer ? http_result(transfer, NULL) : NULL;
    if (!response || response->status >= 500 || response->status == 409 || response->status == 429) {
      outcome = AGAIN;
    } else if (response->status < 300) {
      outcome = DONE;
    }
    http_free(transfer);
  }
  s3_free(&prepared);
  return outcome;
}

static bool is_present(const struct farewell_file *file) {
  struct buffer content = {0};
  unsigned char hash[DIGEST_LARGEST];
  char text[2 * DIGEST_SHA256_SIZE + 1];
  bool same = file_read(file->path, &content, NULL) &&
              digest_bytes(DIGEST_SHA256, content.data, content.length, hash, NULL);
  if (same) {
    encoding_hex(hash, DIGEST_SHA256_SIZE, text);
    same = strcmp(text, file->present) == 0;
  }
  buffer_free(&content);
  return same;
}

static enum outcome replace_file(const struct farewell_file *file) {
  struct error err;
  struct file_lock *guard = file_lock_acquire(file->guard, &err);
  if (!guard) return err.kind == ERROR_LOCKED ? AGAIN : REFUSED;
  bool replaced = is_present(file) && file_write(file->path, file->bytes, file->length, FILE_PRIVATE, NULL);
  file_lock_release(guard);
  return replaced ? DONE : REFUSED;
}

static void carry_out(struct engine *engine, struct farewells *all) {
  const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
  const uint64_t deadline = uv_hrtime() / 1000000 + TOTAL_MS;
  while (all->first) {
    struct farewell **link = &all->first;
    while (*link) {
      struct farewell *at = *link;
      uint64_t now = uv_hrtime() / 1000000;
      if (now >= deadline) return;
      long left = (long)(deadline - now);
      enum outcome outcome = at->file.path ? replace_file(&at->file)
                                           : send_request(engine, at, left < REQUEST_MS ? left : REQUEST_MS);
      if (outcome == DONE && at->leftover) (void)file_remove(at->leftover, NULL);
      if (outcome == AGAIN) {
        link = &at->next;
        continue;
      }
      *link = at->next;
      if (at->next) at->next->link = link;
      forget(at);
    }
    if (all->first) (void)nanosleep(&pause, NULL);
  }
}

void farewell_all(struct engine *engine) {
  struct farewells *all = engine_part(engine, &farewell_key);
  if (!all) return;
  uv_mutex_lock(&all->guard); /* nobody who arms or withdraws one now gets further */
  carry_out(engine, all);
}
