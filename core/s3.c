#include "s3.h"

#include "digest.h"
#include "encoding.h"
#include "sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool fail_memory(struct error *err) {
  error_set(err, ERROR_MEMORY, "out of memory");
  return false;
}

static bool is_bucket(const char *name) {
  size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");
  return length > 0 && length <= 255 && name[length] == '\0' && name[0] != '.';
}

/* The parts of the endpoint: "https", "host:port", "/prefix" without the last slash. */
struct endpoint {
  const char *host;
  size_t host_length;
  const char *prefix;
  size_t prefix_length;
  bool secure;
};

static bool split_endpoint(const char *text, struct endpoint *endpoint, struct error *err) {
  endpoint->secure = strncasecmp(text, "https://", 8) == 0;
  bool ok = endpoint->secure || strncasecmp(text, "http://", 7) == 0;
  if (ok) {
    endpoint->host = text + (endpoint->secure ? 8 : 7);
    endpoint->host_length = strcspn(endpoint->host, "/?#");
    endpoint->prefix = endpoint->host + endpoint->host_length;
    endpoint->prefix_length = strlen(endpoint->prefix);
    while (endpoint->prefix_length && endpoint->prefix[endpoint->prefix_length - 1] == '/')
      endpoint->prefix_length--;
    ok = endpoint->host_length > 0 && !memchr(endpoint->host, '@', endpoint->host_length) &&
         strcspn(endpoint->prefix, "?#") == strlen(endpoint->prefix);
  }
  if (!ok) error_set(err, ERROR_INVALID, "the object storage endpoint must look like https://host[:port]");
  return ok;
}

/* As clients send it: without the port that the scheme implies. */
static size_t host_without_default_port(const struct endpoint *endpoint) {
  const char *port = endpoint->secure ? ":443" : ":80";
  size_t length = strlen(port);
  bool implied = endpoint->host_length > length &&
                 memcmp(endpoint->host + endpoint->host_length - length, port, length) == 0;
  return implied ? endpoint->host_length - length : endpoint->host_length;
}

static bool write_host(struct s3_prepared *prepared, const struct s3_request *request,
                       const struct endpoint *endpoint) {
  bool in_host = request->bucket && !request->path_style;
  return (!in_host || buffer_append_format(&prepared->host, "%s.", request->bucket)) &&
         buffer_append(&prepared->host, endpoint->host, host_without_default_port(endpoint));
}

static bool write_path(struct buffer *path, const struct s3_request *request,
                       const struct endpoint *endpoint) {
  bool ok = buffer_append(path, endpoint->prefix, endpoint->prefix_length);
  if (request->bucket && request->path_style) ok = ok && buffer_append_format(path, "/%s", request->bucket);
  bool needs_slash = request->key || !request->bucket || !request->path_style;
  ok = ok && (!needs_slash || buffer_append_text(path, "/"));
  return ok && (!request->key || encoding_to_uri(path, request->key, request->key_length, true, NULL));
}

static bool write_url(struct s3_prepared *prepared, const struct s3_request *request,
                      const struct endpoint *endpoint, const struct buffer *path) {
  struct buffer *url = &prepared->url;
  bool ok = buffer_append_format(url, "%s://%s%s", endpoint->secure ? "https" : "http", prepared->host.data,
                                 path->data);
  for (size_t i = 0; ok && i < request->query_count; i++) {
    const struct field *field = &request->query[i];
    ok = buffer_append_text(url, i ? "&" : "?") &&
         encoding_to_uri(url, field->name, field->name_length, false, NULL);
    if (ok && field->value_length) {
      ok = buffer_append_text(url, "=") &&
           encoding_to_uri(url, field->value, field->value_length, false, NULL);
    }
  }
  return ok;
}

static bool hash_body(struct s3_prepared *prepared, const struct s3_request *request, struct error *err) {
  unsigned char hash[DIGEST_LARGEST];
  const char *body = request->body ? request->body : "";
  if (!digest_bytes(DIGEST_SHA256, body, request->body_length, hash, err)) return false;
  encoding_hex(hash, DIGEST_SHA256_SIZE, prepared->payload_hash);
  return true;
}

static void add(struct s3_prepared *prepared, const char *name, const char *value) {
  prepared->headers[prepared->header_count++] = (struct field){name, strlen(name), value, strlen(value)};
}

static bool sign(struct s3_prepared *prepared, const struct s3_request *request, const struct buffer *path,
                 struct error *err) {
  prepared->headers = calloc(request->header_count + 4, sizeof *prepared->headers);
  if (!prepared->headers) return fail_memory(err);
  for (size_t i = 0; i < request->header_count; i++)
    prepared->headers[prepared->header_count++] = request->headers[i];
  add(prepared, "x-amz-content-sha256", prepared->payload_hash);
  add(prepared, "x-amz-date", prepared->date);
  add(prepared, "host", prepared->host.data);

  struct sigv4_request signing = {
      .method = request->method,
      .path = path->data,
      .query = request->query,
      .query_count = request->query_count,
      .headers = prepared->headers,
      .header_count = prepared->header_count,
      .payload_hash = prepared->payload_hash,
      .access_key = request->access_key,
      .secret_key = request->secret_key,
      .region = request->region,
      .service = "s3",
      .time = request->time,
  };
  struct sigv4_signature signature;
  bool ok = sigv4_sign(&signing, &signature, err);
  if (ok) {
    prepared->authorization = signature.authorization;
    signature.authorization = (struct buffer){0};
    prepared->header_count--; /* http makes the Host header from the URL */
    add(prepared, "authorization", prepared->authorization.data);
  }
  sigv4_free(&signature);
  return ok;
}

bool s3_prepare(const struct s3_request *request, struct s3_prepared *prepared, struct error *err) {
  *prepared = (struct s3_prepared){0};
  struct endpoint endpoint = {0};
  struct buffer path = {0};
  if (!split_endpoint(request->endpoint, &endpoint, err)) return false;
  if (request->bucket && !is_bucket(request->bucket)) {
    error_set(err, ERROR_INVALID, "not a bucket name: \"%.70s\"", request->bucket);
    return false;
  }
  if (request->key && !request->bucket) {
    error_set(err, ERROR_INVALID, "an object needs a bucket");
    return false;
  }
  if (!sigv4_date(request->time, prepared->date)) {
    error_set(err, ERROR_INVALID, "the clock is out of range");
    return false;
  }
  bool ok = write_host(prepared, request, &endpoint) && write_path(&path, request, &endpoint) &&
            write_url(prepared, request, &endpoint, &path);
  if (!ok) (void)fail_memory(err);
  ok = ok && hash_body(prepared, request, err) && sign(prepared, request, &path, err);
  buffer_free(&path);
  return ok;
}

void s3_free(struct s3_prepared *prepared) {
  buffer_free(&prepared->url);
  buffer_free(&prepared->host);
  buffer_wipe(&prepared->authorization);
  free(prepared->headers);
  prepared->headers = NULL;
}
