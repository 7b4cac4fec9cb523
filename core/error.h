/* error.h: why something failed: a kind for programs, a fixed-size text for people. Setting one never
 * allocates. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdarg.h>

enum error_kind {
  ERROR_NONE = 0,
  ERROR_INVALID,   /* what was given cannot be right: malformed, truncated, of a newer version */
  ERROR_MEMORY,    /* an allocation failed */
  ERROR_IO,        /* the operating system or the network refused */
  ERROR_NOT_FOUND, /* nothing there */
  ERROR_EXISTS,    /* something is there already */
  ERROR_LOCKED,    /* someone else holds it */
  ERROR_DENIED,    /* no right, wrong key, failed authentication */
  ERROR_CONDITION, /* a condition on the present content did not hold */
  ERROR_TIMEOUT,   /* waited as long as was allowed */
  ERROR_CONNECT,   /* no connection: nothing was sent */
  ERROR_TLS,       /* certificate or protocol version refused */
  ERROR_CANCELLED, /* the task was cancelled while waiting */
  ERROR_LIMIT,     /* a ceiling (instructions, memory, size, depth) was reached */
};

struct error {
  enum error_kind kind;
  char message[512];
};

/* The kind as the word Lua sees ("not_found"). Never NULL. */
const char *error_word(enum error_kind kind);

/* Fills `err` (NULL is allowed and ignored). Long texts are cut. */
void error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void error_set_list(struct error *err, enum error_kind kind, const char *format, va_list arguments);

/* Puts "prefix: " before the message, to say what was being done. */
void error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
