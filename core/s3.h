/* s3.h: pure: a request to an S3 service as URL and signed headers, ready for http.h. */
#ifndef CORE_S3_H
#define CORE_S3_H

#include "buffer.h"
#include "error.h"
#include "field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_request { /* everything borrowed */
  const char *method;
  const char *endpoint; /* "https://s3.example.org", perhaps with port and path */
  const char *region;
  const char *bucket; /* NULL: the service itself */
  const char *key;    /* decoded; NULL: the bucket */
  size_t key_length;
  const struct field *query; /* decoded; an empty value is sent as the name alone */
  size_t query_count;
  const struct field *headers; /* all are signed */
  size_t header_count;
  const char *body;
  size_t body_length;
  const char *access_key;
  const char *secret_key;
  int64_t time;    /* seconds since 1970 */
  bool path_style; /* bucket in the path; otherwise in the host */
};

struct s3_prepared {
  struct buffer url;
  struct field
      *headers; /* owned; those of the request (borrowed texts), host excepted, and the signature's */
  size_t header_count;
  struct buffer host; /* what the headers of the signature point into */
  struct buffer authorization;
  char date[17];
  char payload_hash[65];
};

/* False with `err` set (ERROR_INVALID for an endpoint or a bucket that cannot be). Free the result either
 * way. */
bool s3_prepare(const struct s3_request *request, struct s3_prepared *prepared, struct error *err);
void s3_free(struct s3_prepared *prepared);

#endif
