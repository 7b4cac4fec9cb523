/* buffer.h: growable bytes. A failed append leaves the buffer as it was; `buffer_free` accepts a zeroed
 * buffer. Growing wipes the memory that it leaves, so that `buffer_wipe` is enough for secrets. */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
  char *data;      /* owned; NUL-terminated when not NULL, the NUL not counted in `length` */
  size_t length;   /* bytes in use */
  size_t capacity; /* bytes allocated */
};

/* Makes room for `extra` more bytes. False when out of memory or when the size would overflow. */
bool buffer_reserve(struct buffer *buffer, size_t extra);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t length);
bool buffer_append_text(struct buffer *buffer, const char *text);
bool buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void buffer_free(struct buffer *buffer);
/* Overwrites the content (in a way that is not optimised away), then frees: for keys and secrets. */
void buffer_wipe(struct buffer *buffer);

#endif
