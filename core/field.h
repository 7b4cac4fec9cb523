/* field.h: a name and a value, as headers and queries have them. Both borrowed, NUL-terminated as well as
 * counted. */
#ifndef CORE_FIELD_H
#define CORE_FIELD_H

#include <stddef.h>

struct field {
  const char *name;
  size_t name_length;
  const char *value;
  size_t value_length;
};

#endif
