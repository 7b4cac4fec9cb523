#include "error.h"

#include <stdio.h>
#include <string.h>

static const char *const words[] = {
    [ERROR_NONE] = "none",           [ERROR_INVALID] = "invalid",
    [ERROR_MEMORY] = "memory",       [ERROR_IO] = "io",
    [ERROR_NOT_FOUND] = "not_found", [ERROR_EXISTS] = "exists",
    [ERROR_LOCKED] = "locked",       [ERROR_DENIED] = "denied",
    [ERROR_CONDITION] = "condition", [ERROR_TIMEOUT] = "timeout",
    [ERROR_CONNECT] = "connect",     [ERROR_TLS] = "tls",
    [ERROR_CANCELLED] = "cancelled", [ERROR_LIMIT] = "limit",
};

const char *error_word(enum error_kind kind) {
  if ((size_t)kind >= sizeof words / sizeof *words) return "unknown";
  return words[kind];
}

void error_set_list(struct error *err, enum error_kind kind, const char *format, va_list arguments) {
  if (!err) return;
  err->kind = kind;
  if (vsnprintf(err->message, sizeof err->message, format, arguments) < 0) err->message[0] = '\0';
}

void error_set(struct error *err, enum error_kind kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error_set_list(err, kind, format, arguments);
  va_end(arguments);
}

void error_wrap(struct error *err, const char *format, ...) {
  if (!err) return;
  struct error outer;
  va_list arguments;
  va_start(arguments, format);
  error_set_list(&outer, err->kind, format, arguments);
  va_end(arguments);
  size_t used = strlen(outer.message);
  size_t room = sizeof outer.message - 1 - used;
  strncat(outer.message, ": ", room);
  used = strlen(outer.message);
  strncat(outer.message, err->message, sizeof outer.message - 1 - used);
  *err = outer;
}
