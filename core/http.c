#include "http.h"

#include "curl.h"
#include "http_pool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_LARGEST = 256 * 1024 };

struct http_transfer {
  struct http_pool *pool;     /* borrowed; outlives transfers */
  CURL *easy;                 /* owned */
  struct curl_slist *headers; /* owned */
  http_done_fn done;
  void *argument; /* borrowed */
  struct http_response response;
  struct error err;
  char origin[128]; /* "https://host:port", for messages: a query may hold secrets */
  char reason[CURL_ERROR_SIZE];
  size_t max_body;
  bool repeatable; /* may go out again on a fresh connection */
  bool sent;
  bool repeated; /* refused to go out again */
  bool too_large;
  bool active; /* in the pool */
};

static size_t on_body(char *bytes, size_t one, size_t length, void *argument) {
  struct http_transfer *transfer = argument;
  (void)one;
  if (length > transfer->max_body - transfer->response.body.length) {
    transfer->too_large = true;
    return 0;
  }
  return buffer_append(&transfer->response.body, bytes, length) ? length : 0;
}

static size_t on_header(char *line, size_t one, size_t length, void *argument) {
  struct http_transfer *transfer = argument;
  struct buffer *headers = &transfer->response.headers;
  (void)one;
  if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a new answer: forget those of 1xx and of proxies */
    headers->length = 0;
    return length;
  }
  const char *colon = memchr(line, ':', length);
  if (!colon) return length;
  if (headers->length + length > HEADERS_LARGEST) {
    transfer->too_large = true;
    return 0;
  }
  const char *end = line + length;
  const char *value = colon + 1;
  while (end > value && isspace((unsigned char)end[-1])) end--;
  while (value < end && isspace((unsigned char)*value)) value++;
  if (memchr(line, '\0', length)) return length; /* curl refuses these itself; the format here relies on it */
  size_t start = headers->length;
  bool ok = buffer_append(headers, line, (size_t)(colon - line) + 1) &&
            buffer_append(headers, value, (size_t)(end - value)) && buffer_append(headers, "", 1);
  if (!ok) return 0;
  size_t name_end = start + (size_t)(colon - line);
  for (size_t i = start; i < name_end; i++) headers->data[i] = (char)tolower((unsigned char)headers->data[i]);
  headers->data[name_end] = '\0';
  return length;
}

/* Just before the request goes out. A second call means that the kept connection broke without an answer: the
 * server may have acted, and only the caller can know whether that may happen twice. */
static int on_ready(void *argument, char *a, char *b, int c, int d) {
  struct http_transfer *transfer = argument;
  (void)a, (void)b, (void)c, (void)d;
  if (transfer->sent && !transfer->repeatable) {
    transfer->repeated = true;
    return CURL_PREREQFUNC_ABORT;
  }
  transfer->sent = true;
  return CURL_PREREQFUNC_OK;
}

static enum error_kind kind_of(const struct http_transfer *transfer, CURLcode code) {
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
    return ERROR_CONNECT;
  case CURLE_SSL_CONNECT_ERROR: /* also a connection that ends during the handshake */
    if (strstr(transfer->reason, "SYSCALL") || strstr(transfer->reason, "reset")) return ERROR_CONNECT;
    return ERROR_TLS;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_ENGINE_INITFAILED:
    return ERROR_TLS;
  case CURLE_OPERATION_TIMEDOUT:
    return transfer->sent ? ERROR_TIMEOUT : ERROR_CONNECT;
  case CURLE_FILESIZE_EXCEEDED:
    return ERROR_LIMIT;
  case CURLE_OUT_OF_MEMORY:
    return ERROR_MEMORY;
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_URL_MALFORMAT:
    return transfer->sent ? ERROR_IO : ERROR_INVALID; /* afterwards: what answered does not speak HTTP */
  default:
    return transfer->too_large ? ERROR_LIMIT : ERROR_IO;
  }
}

static void finish(struct http_transfer *transfer, CURLcode code) {
  const struct curl_library *curl = http_pool_curl(transfer->pool);
  struct http_response *response = &transfer->response;
  transfer->active = false;
  if (code != CURLE_OK) {
    const char *reason = transfer->reason[0] ? transfer->reason : curl->easy_strerror(code);
    if (transfer->repeated) reason = "the connection ended before an answer came";
    if (transfer->too_large) reason = "the answer is larger than allowed";
    error_set(&transfer->err, kind_of(transfer, code), "%s: %s", transfer->origin, reason);
    return;
  }
  long status = 0;
  long version = 0;
  curl_off_t microseconds = 0;
  (void)curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  (void)curl->easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
  (void)curl->easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &microseconds);
  response->status = (int)status;
  response->version = version == CURL_HTTP_VERSION_1_0 ? 10 : 11;
  response->ms = (double)microseconds / 1000;
}

static void on_end(void *argument, CURLcode code) {
  struct http_transfer *transfer = argument;
  finish(transfer, code);
  transfer->done(transfer->argument);
}

static bool is_token(const char *text) {
  if (!*text) return false;
  for (; *text; text++) {
    if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text)) return false;
  }
  return true;
}

static bool add_line(struct http_transfer *transfer, const char *line) {
  struct curl_slist *list = http_pool_curl(transfer->pool)->slist_append(transfer->headers, line);
  if (list) transfer->headers = list;
  return list != NULL;
}

static bool add_headers(struct http_transfer *transfer, const struct http_request *request) {
  struct buffer line = {0};
  bool typed = false;
  bool ok = add_line(transfer, "Expect:"); /* no waiting for 100 Continue */
  for (size_t i = 0; ok && i < request->header_count; i++) {
    const struct field *field = &request->headers[i];
    if (!is_token(field->name) || strlen(field->name) != field->name_length ||
        strlen(field->value) != field->value_length || strpbrk(field->value, "\r\n")) {
      error_set(&transfer->err, ERROR_INVALID, "header %.60s has characters that headers cannot have",
                is_token(field->name) ? field->name : "name");
      buffer_wipe(&line);
      return false;
    }
    typed = typed || strcasecmp(field->name, "content-type") == 0;
    line.length = 0;
    ok = buffer_append_text(&line, field->name) && /* `name;` is how curl sends an empty value */
         buffer_append_text(&line, field->value_length ? ": " : ";") &&
         buffer_append_text(&line, field->value) && add_line(transfer, line.data);
  }
  buffer_wipe(&line);
  if (ok && !typed) ok = add_line(transfer, "Content-Type:");
  if (!ok) error_set(&transfer->err, ERROR_MEMORY, "out of memory");
  return ok;
}

/* Where the URL goes, without user, path and query. False when it is no http or https URL. */
static bool keep_origin(struct http_transfer *transfer, const char *url) {
  bool https = strncasecmp(url, "https://", 8) == 0;
  if (!https && strncasecmp(url, "http://", 7) != 0) return false;
  const char *host = url + (https ? 8 : 7);
  size_t length = strcspn(host, "/?#");
  for (size_t i = 0; i < length; i++) {
    if (host[i] == '@') return false; /* credentials belong in headers */
    if ((unsigned char)host[i] <= ' ') return false;
  }
  struct buffer origin = {0};
  bool ok = length > 0 && buffer_append_text(&origin, https ? "https://" : "http://") &&
            buffer_append(&origin, host, length) && origin.length < sizeof transfer->origin;
  if (ok) memcpy(transfer->origin, origin.data, origin.length + 1);
  buffer_free(&origin);
  return ok;
}

static bool is_loopback(const char *origin) {
  const char *host = strstr(origin, "://") + 3;
  return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
         (strncasecmp(host, "localhost", 9) == 0 && (host[9] == '\0' || host[9] == ':'));
}

static bool set_options(struct http_transfer *transfer, const struct http_request *request) {
  const struct curl_library *curl = http_pool_curl(transfer->pool);
  CURL *easy = transfer->easy;
  bool ok = true;
#define SET(option, value) ok = ok && curl->easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK
  SET(URL, request->url);
  SET(PROTOCOLS_STR, "http,https");
  SET(HTTPHEADER, transfer->headers);
  SET(PRIVATE, transfer);
  SET(ERRORBUFFER, transfer->reason);
  SET(NOSIGNAL, 1L);
  SET(QUICK_EXIT, 1L); /* a cancelled transfer does not wait for its resolver thread */
  SET(WRITEFUNCTION, on_body);
  SET(WRITEDATA, transfer);
  SET(HEADERFUNCTION, on_header);
  SET(HEADERDATA, transfer);
  SET(PREREQFUNCTION, on_ready);
  SET(PREREQDATA, transfer);
  SET(TIMEOUT_MS, request->timeout_ms);
  SET(CONNECTTIMEOUT_MS, request->connect_timeout_ms);
  SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(SSL_VERIFYPEER, request->insecure ? 0L : 1L);
  SET(SSL_VERIFYHOST, request->insecure ? 0L : 2L);
  SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* see http.h */
  SET(TCP_KEEPALIVE, 1L);
  SET(PATH_AS_IS, 1L); /* signed paths must arrive as they are */
  SET(CAPATH, NULL);   /* with a directory curl reads all certificates anew for each connection */
  if (request->ca_file) SET(CAINFO, request->ca_file);
  if (is_loopback(transfer->origin)) SET(PROXY, "");

  if (strcmp(request->method, "HEAD") == 0) {
    SET(NOBODY, 1L);
  } else {
    SET(MAXFILESIZE_LARGE, (curl_off_t)request->max_body);
    bool needs_length = strcmp(request->method, "GET") != 0 && strcmp(request->method, "DELETE") != 0;
    if (request->body || needs_length) {
      SET(POST, 1L);
      SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
      SET(POSTFIELDS, request->body ? request->body : "");
    }
    SET(CUSTOMREQUEST, request->method);
  }
#undef SET
  if (!ok) error_set(&transfer->err, ERROR_INVALID, "%s: the request cannot be made", transfer->origin);
  return ok;
}

/* A transfer that only has to be started. */
static struct http_transfer *prepare(struct engine *engine, const struct http_request *request,
                                     struct error *err) {
  struct http_transfer *transfer = calloc(1, sizeof *transfer);
  if (!transfer) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  transfer->max_body = request->max_body;
  transfer->repeatable = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
  transfer->pool = http_pool_of(engine, on_end, &transfer->err);
  if (!transfer->pool) goto fail;
  if (!is_token(request->method)) {
    error_set(&transfer->err, ERROR_INVALID, "no HTTP method has such a name");
    goto fail;
  }
  if (!keep_origin(transfer, request->url)) {
    error_set(&transfer->err, ERROR_INVALID, "not an http or https URL without credentials in it");
    goto fail;
  }
  transfer->easy = http_pool_curl(transfer->pool)->easy_init();
  if (!transfer->easy) {
    error_set(&transfer->err, ERROR_MEMORY, "out of memory");
    goto fail;
  }
  if (add_headers(transfer, request) && set_options(transfer, request)) return transfer;

fail:
  if (err) *err = transfer->err;
  http_free(transfer);
  return NULL;
}

struct http_transfer *http_start(struct engine *engine, const struct http_request *request, http_done_fn done,
                                 void *argument, struct error *err) {
  struct http_transfer *transfer = prepare(engine, request, err);
  if (!transfer) return NULL;
  transfer->done = done;
  transfer->argument = argument;
  transfer->active = http_pool_add(transfer->pool, transfer->easy, err);
  if (transfer->active) return transfer;
  http_free(transfer);
  return NULL;
}

struct http_transfer *http_perform(struct engine *engine, const struct http_request *request,
                                   struct error *err) {
  struct http_transfer *transfer = prepare(engine, request, err);
  if (transfer) finish(transfer, http_pool_curl(transfer->pool)->easy_perform(transfer->easy));
  return transfer;
}

void http_cancel(struct http_transfer *transfer) {
  if (!transfer->active) return;
  transfer->active = false;
  http_pool_remove(transfer->pool, transfer->easy);
  error_set(&transfer->err, ERROR_CANCELLED, "%s: interrupted while waiting for the answer",
            transfer->origin);
}

const struct http_response *http_result(const struct http_transfer *transfer, struct error *err) {
  if (transfer->err.kind == ERROR_NONE) return &transfer->response;
  if (err) *err = transfer->err;
  return NULL;
}

bool http_sent(const struct http_transfer *transfer) { return transfer->sent; }

/* Headers carry credentials. */
static void free_headers(const struct curl_library *curl, struct curl_slist *headers) {
  for (struct curl_slist *at = headers; at; at = at->next) explicit_bzero(at->data, strlen(at->data));
  curl->slist_free_all(headers);
}

void http_free(struct http_transfer *transfer) {
  if (!transfer) return;
  http_cancel(transfer);
  if (transfer->pool) {
    const struct curl_library *curl = http_pool_curl(transfer->pool);
    if (transfer->easy) curl->easy_cleanup(transfer->easy);
    free_headers(curl, transfer->headers);
  }
  buffer_wipe(&transfer->response.headers);
  buffer_wipe(&transfer->response.body);
  free(transfer);
}
