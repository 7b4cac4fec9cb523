/* sigv4.h: pure: AWS Signature Version 4 of a request, in a header or in the query. The time is an argument.
 */
#ifndef CORE_SIGV4_H
#define CORE_SIGV4_H

#include "buffer.h"
#include "error.h"
#include "field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sigv4_request { /* everything borrowed */
  const char *method;
  const char *path; /* encoded, as sent; services other than s3 sign it normalised and encoded again */
  const struct field *query; /* decoded, in any order */
  size_t query_count;
  const struct field *headers; /* those to sign, any case, in any order; must have host, and x-amz-date unless
                                  presigned */
  size_t header_count;
  const char *payload_hash; /* hexadecimal SHA-256 of the body, or a word such as UNSIGNED-PAYLOAD */
  const char *access_key;
  const char *secret_key;
  const char *region;
  const char *service;
  int64_t time; /* seconds since 1970 */
  bool presign; /* sign the query instead of making an Authorization header */
  long expires; /* seconds a presigned query holds */
};

enum { SIGV4_SIGNATURE_SIZE = 65, SIGV4_DATE_SIZE = 17 };

struct sigv4_signature {
  struct buffer query;             /* canonical; with everything a presigned URL needs when presigned */
  struct buffer signed_headers;    /* "host;x-amz-date" */
  struct buffer canonical_request; /* what was hashed: for comparing with a server's idea of it */
  struct buffer authorization;     /* the header's value; empty when presigned */
  char signature[SIGV4_SIGNATURE_SIZE];
  char amz_date[SIGV4_DATE_SIZE]; /* 20130524T000000Z */
};

/* False with `err` set when out of memory or when the time has no four-digit year. Free the result either
 * way. */
bool sigv4_sign(const struct sigv4_request *request, struct sigv4_signature *signature, struct error *err);
void sigv4_free(struct sigv4_signature *signature);

/* The date as X-Amz-Date has it. False when the year has not four digits. */
bool sigv4_date(int64_t time, char out[SIGV4_DATE_SIZE]);

#endif
