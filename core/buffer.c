#include "buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 64 };

bool buffer_reserve(struct buffer *buffer, size_t extra) {
  if (extra > SIZE_MAX - buffer->length - 1) return false;
  size_t needed = buffer->length + extra + 1;
  if (needed <= buffer->capacity) return true;
  size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;
  while (capacity < needed) capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
  char *data = malloc(capacity);
  if (!data) return false;
  if (buffer->length) memcpy(data, buffer->data, buffer->length);
  if (buffer->data) explicit_bzero(buffer->data, buffer->capacity); /* realloc would leave it behind */
  free(buffer->data);
  buffer->data = data;
  buffer->capacity = capacity;
  buffer->data[buffer->length] = '\0';
  return true;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
  if (!buffer_reserve(buffer, length)) return false;
  if (length) memcpy(buffer->data + buffer->length, bytes, length);
  buffer->length += length;
  buffer->data[buffer->length] = '\0';
  return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text) {
  return buffer_append(buffer, text, strlen(text));
}

bool buffer_append_format(struct buffer *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  bool ok = length >= 0 && buffer_reserve(buffer, (size_t)length);
  if (ok) {
    (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
    buffer->length += (size_t)length;
  }
  va_end(again);
  return ok;
}

void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  *buffer = (struct buffer){0};
}

void buffer_wipe(struct buffer *buffer) {
  if (buffer->data) explicit_bzero(buffer->data, buffer->capacity);
  buffer_free(buffer);
}
