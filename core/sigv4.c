#include "sigv4.h"

#include "digest.h"
#include "encoding.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* A query parameter, encoded, or a header, canonical. */
struct pair {
  struct buffer name;
  struct buffer value;
};

struct pairs {
  struct pair *list; /* owned */
  size_t count;
};

static void free_pairs(struct pairs *pairs) {
  for (size_t i = 0; i < pairs->count; i++) {
    buffer_free(&pairs->list[i].name);
    buffer_wipe(&pairs->list[i].value);
  }
  free(pairs->list);
  *pairs = (struct pairs){0};
}

static int compare(const void *left, const void *right) {
  const struct pair *a = left;
  const struct pair *b = right;
  int order = strcmp(a->name.data, b->name.data);
  return order ? order : strcmp(a->value.data, b->value.data);
}

static bool append_encoded(struct buffer *out, const char *text, size_t length) {
  return buffer_reserve(out, 0) && encoding_to_uri(out, text, length, false, NULL);
}

static bool add_parameter(struct pairs *pairs, const char *name, size_t name_length, const char *value,
                          size_t value_length) {
  struct pair *pair = &pairs->list[pairs->count++];
  *pair = (struct pair){0};
  return append_encoded(&pair->name, name, name_length) && append_encoded(&pair->value, value, value_length);
}

static bool join_query(struct buffer *out, const struct pairs *pairs) {
  bool ok = buffer_reserve(out, 0);
  for (size_t i = 0; ok && i < pairs->count; i++) {
    ok = (i == 0 || buffer_append_text(out, "&")) && buffer_append_text(out, pairs->list[i].name.data) &&
         buffer_append_text(out, "=") && buffer_append_text(out, pairs->list[i].value.data);
  }
  return ok;
}

/* Surrounding blanks go, runs of blanks become one space. */
static bool append_trimmed(struct buffer *out, const char *value, size_t length) {
  bool ok = buffer_reserve(out, length);
  bool blank = false;
  for (size_t i = 0; ok && i < length; i++) {
    if (isspace((unsigned char)value[i])) {
      blank = true;
      continue;
    }
    if (blank && out->length) ok = buffer_append(out, " ", 1);
    blank = false;
    ok = ok && buffer_append(out, &value[i], 1);
  }
  return ok;
}

struct indexed {
  const struct field *field;
  size_t index;
};

static int compare_names(const void *left, const void *right) {
  const struct indexed *a = left;
  const struct indexed *b = right;
  int order = strcasecmp(a->field->name, b->field->name);
  if (order) return order;
  return a->index < b->index ? -1 : 1; /* equal names keep their order */
}

/* The canonical headers, one line each, equal names joined. */
static bool write_headers(const struct sigv4_request *request, struct buffer *lines, struct buffer *names) {
  struct indexed *sorted = calloc(request->header_count + 1, sizeof *sorted);
  if (!sorted) return false;
  for (size_t i = 0; i < request->header_count; i++) sorted[i] = (struct indexed){&request->headers[i], i};
  qsort(sorted, request->header_count, sizeof *sorted, compare_names);
  bool ok = buffer_reserve(lines, 0) && buffer_reserve(names, 0);
  for (size_t i = 0; ok && i < request->header_count; i++) {
    const struct field *field = sorted[i].field;
    struct buffer value = {0};
    bool again = i > 0 && strcasecmp(sorted[i - 1].field->name, field->name) == 0;
    ok = append_trimmed(&value, field->value, field->value_length);
    if (ok && again) {
      lines->length--; /* the newline */
      ok = buffer_append(lines, ",", 1);
    } else if (ok) {
      ok = names->length == 0 || buffer_append(names, ";", 1);
      for (const char *at = field->name; ok && *at; at++) {
        char lower = (char)tolower((unsigned char)*at);
        ok = buffer_append(names, &lower, 1) && buffer_append(lines, &lower, 1);
      }
      ok = ok && buffer_append(lines, ":", 1);
    }
    ok = ok && buffer_append(lines, value.data, value.length) && buffer_append(lines, "\n", 1);
    buffer_wipe(&value);
  }
  free(sorted);
  return ok;
}

/* Drops empty and dot segments, then encodes once more, as every service but S3 has it. */
static bool append_normal_path(struct buffer *out, const char *path) {
  struct buffer normal = {0};
  bool ok = buffer_append(&normal, "/", 1);
  bool directory = false;
  while (ok && *path) {
    path += strspn(path, "/");
    size_t length = strcspn(path, "/");
    directory = length == 0;
    if (length == 2 && path[0] == '.' && path[1] == '.') {
      while (normal.data[normal.length - 1] != '/') normal.length--;
      if (normal.length > 1) normal.length--;
      normal.data[normal.length] = '\0';
    } else if (length > 0 && !(length == 1 && path[0] == '.')) {
      if (normal.length > 1) ok = buffer_append(&normal, "/", 1);
      ok = ok && buffer_append(&normal, path, length);
    }
    path += length;
  }
  if (ok && directory && normal.length > 1) ok = buffer_append(&normal, "/", 1);
  ok = ok && encoding_to_uri(out, normal.data, normal.length, true, NULL);
  buffer_free(&normal);
  return ok;
}

static bool append_path(struct buffer *out, const struct sigv4_request *request) {
  if (strcmp(request->service, "s3") != 0) return append_normal_path(out, request->path);
  return buffer_append_text(out, request->path[0] ? request->path : "/");
}

bool sigv4_date(int64_t time, char out[SIGV4_DATE_SIZE]) {
  struct tm parts;
  time_t seconds = (time_t)time;
  if (!gmtime_r(&seconds, &parts) || parts.tm_year < -900 || parts.tm_year > 8099) return false;
  return strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &parts) == SIGV4_DATE_SIZE - 1;
}

/* The query in canonical form, with the parameters of a presigned one. */
static bool write_query(const struct sigv4_request *request, const char *scope,
                        struct sigv4_signature *signature) {
  struct pairs pairs = {.list = calloc(request->query_count + 5, sizeof *pairs.list)};
  struct buffer credential = {0};
  struct buffer expires = {0};
  bool ok = pairs.list != NULL;
  for (size_t i = 0; ok && i < request->query_count; i++) {
    const struct field *field = &request->query[i];
    ok = add_parameter(&pairs, field->name, field->name_length, field->value, field->value_length);
  }
  if (ok && request->presign) {
    ok = buffer_append_format(&credential, "%s/%s", request->access_key, scope) &&
         buffer_append_format(&expires, "%ld", request->expires) &&
         add_parameter(&pairs, "X-Amz-Algorithm", 15, algorithm, sizeof algorithm - 1) &&
         add_parameter(&pairs, "X-Amz-Credential", 16, credential.data, credential.length) &&
         add_parameter(&pairs, "X-Amz-Date", 10, signature->amz_date, SIGV4_DATE_SIZE - 1) &&
         add_parameter(&pairs, "X-Amz-Expires", 13, expires.data, expires.length) &&
         add_parameter(&pairs, "X-Amz-SignedHeaders", 19, signature->signed_headers.data,
                       signature->signed_headers.length);
  }
  if (ok) {
    qsort(pairs.list, pairs.count, sizeof *pairs.list, compare);
    ok = join_query(&signature->query, &pairs);
  }
  free_pairs(&pairs);
  buffer_free(&credential);
  buffer_free(&expires);
  return ok;
}

static bool hash_hex(const struct buffer *text, char out[SIGV4_SIGNATURE_SIZE], struct error *err) {
  unsigned char hash[DIGEST_LARGEST];
  if (!digest_bytes(DIGEST_SHA256, text->data, text->length, hash, err)) return false;
  encoding_hex(hash, DIGEST_SHA256_SIZE, out);
  return true;
}

/* The chain of keys: date, region, service, request; then the text. */
static bool sign_text(const struct sigv4_request *request, const char *date, const struct buffer *text,
                      char out[SIGV4_SIGNATURE_SIZE], struct error *err) {
  unsigned char key[DIGEST_LARGEST];
  unsigned char next[DIGEST_LARGEST];
  struct buffer first = {0};
  bool ok = buffer_append_text(&first, "AWS4") && buffer_append_text(&first, request->secret_key);
  if (!ok) error_set(err, ERROR_MEMORY, "out of memory");
  ok = ok && digest_hmac(DIGEST_SHA256, first.data, first.length, date, 8, key, err);
  const char *const chain[] = {request->region, request->service, "aws4_request", text->data};
  for (size_t i = 0; ok && i < 4; i++) {
    size_t length = i == 3 ? text->length : strlen(chain[i]);
    ok = digest_hmac(DIGEST_SHA256, key, DIGEST_SHA256_SIZE, chain[i], length, next, err);
    memcpy(key, next, sizeof key);
  }
  if (ok) encoding_hex(key, DIGEST_SHA256_SIZE, out);
  buffer_wipe(&first);
  explicit_bzero(key, sizeof key);
  explicit_bzero(next, sizeof next);
  return ok;
}

bool sigv4_sign(const struct sigv4_request *request, struct sigv4_signature *signature, struct error *err) {
  *signature = (struct sigv4_signature){0};
  struct buffer headers = {0};
  struct buffer scope = {0};
  struct buffer text = {0};
  char hash[SIGV4_SIGNATURE_SIZE];
  struct buffer *canonical = &signature->canonical_request;
  if (!sigv4_date(request->time, signature->amz_date)) {
    error_set(err, ERROR_INVALID, "a request cannot be signed for a time outside the years 1000 to 9999");
    return false;
  }
  bool ok =
      buffer_append_format(&scope, "%.8s/%s/%s/aws4_request", signature->amz_date, request->region,
                           request->service) &&
      write_headers(request, &headers, &signature->signed_headers) &&
      write_query(request, scope.data, signature) && buffer_append_text(canonical, request->method) &&
      buffer_append_text(canonical, "\n") && append_path(canonical, request) &&
      buffer_append_format(canonical, "\n%s\n", signature->query.data) &&
      buffer_append(canonical, headers.data, headers.length) &&
      buffer_append_format(canonical, "\n%s\n%s", signature->signed_headers.data, request->payload_hash);
  if (!ok) error_set(err, ERROR_MEMORY, "out of memory");
  ok = ok && hash_hex(canonical, hash, err);
  if (ok) {
    ok = buffer_append_format(&text, "%s\n%s\n%s\n%s", algorithm, signature->amz_date, scope.data, hash);
    if (!ok) error_set(err, ERROR_MEMORY, "out of memory");
  }
  ok = ok && sign_text(request, signature->amz_date, &text, signature->signature, err);
  if (ok) {
    ok = request->presign
             ? buffer_append_format(&signature->query, "&X-Amz-Signature=%s", signature->signature)
             : buffer_append_format(
                   &signature->authorization, "%s Credential=%s/%s,SignedHeaders=%s,Signature=%s", algorithm,
                   request->access_key, scope.data, signature->signed_headers.data, signature->signature);
    if (!ok) error_set(err, ERROR_MEMORY, "out of memory");
  }
  buffer_wipe(&headers);
  buffer_free(&scope);
  buffer_wipe(&text);
  return ok;
}

void sigv4_free(struct sigv4_signature *signature) {
  buffer_wipe(&signature->query);
  buffer_free(&signature->signed_headers);
  buffer_wipe(&signature->canonical_request);
  buffer_wipe(&signature->authorization);
}
