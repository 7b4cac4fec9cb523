/* yaml.h: one YAML document as a tree of JSON values (libyaml and jansson).
 *
 * Plain scalars are read by the core schema of YAML 1.2: null, true, false, integers (decimal, 0o, 0x),
 * floats, else texts; "yes" and "no" are texts. Keys become texts. */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include "error.h"

#include <jansson.h>
#include <stddef.h>

enum { YAML_DEPTH = 100 };

/* The caller releases the value (json_decref). An empty text is null. NULL with `err` set (ERROR_INVALID) and
 * the line in its text, never content. Refused: aliases and anchors (small texts could become huge values),
 * other tags than the standard ones, duplicate keys, collections as keys, more than one document, nesting
 * beyond YAML_DEPTH, integers beyond 64 bits, infinite numbers. */
json_t *yaml_parse(const char *text, size_t length, struct error *err);

#endif
