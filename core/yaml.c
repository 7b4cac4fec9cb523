#include "yaml.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A collection that is being read. */
struct level {
  json_t *value; /* owned by the level above, or by the reader at the root */
  json_t *key;   /* owned; of the entry that comes next in an object */
};

struct reader {
  yaml_parser_t parser;
  json_t *root; /* owned */
  struct level levels[YAML_DEPTH];
  int depth;
  struct error *err; /* borrowed */
};

static bool fail_at(struct reader *reader, yaml_mark_t mark, const char *problem) {
  error_set(reader->err, ERROR_INVALID, "%s at line %zu", problem, mark.line + 1);
  return false;
}

static bool out_of_memory(struct reader *reader) {
  error_set(reader->err, ERROR_MEMORY, "out of memory");
  return false;
}

static bool is_one_of(const char *text, const char *const *words) {
  for (; *words; words++) {
    if (strcmp(text, *words) == 0) return true;
  }
  return false;
}

/* Digits of an integer: sets base and where they start; false when it is none. */
static bool integer_form(const char *text, int *base, const char **digits) {
  static const char allowed[] = "0123456789abcdefABCDEF";
  size_t count = 10;
  *base = 10;
  *digits = text + (*text == '-' || *text == '+');
  if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
    *base = text[1] == 'o' ? 8 : 16;
    count = text[1] == 'o' ? 8 : sizeof allowed - 1;
    *digits = text + 2;
  }
  if (!**digits) return false;
  for (const char *at = *digits; *at; at++) {
    if (!memchr(allowed, *at, count)) return false;
  }
  return true;
}

static bool is_float(const char *text) {
  const char *at = text + (*text == '-' || *text == '+');
  size_t whole = strspn(at, "0123456789");
  at += whole;
  size_t fraction = 0;
  if (*at == '.') {
    fraction = strspn(++at, "0123456789");
    at += fraction;
  }
  if (whole + fraction == 0) return false;
  if (*at == 'e' || *at == 'E') {
    at++;
    at += *at == '-' || *at == '+';
    size_t digits = strspn(at, "0123456789");
    if (digits == 0) return false;
    at += digits;
  }
  return *at == '\0';
}

static json_t *read_integer(const char *text, const char *digits, int base) {
  errno = 0;
  long long value = strtoll(base == 10 ? text : digits, NULL, base);
  return errno == 0 ? json_integer(value) : NULL;
}

static json_t *read_float(const char *text) {
  double value = strtod(text, NULL);
  return isfinite(value) ? json_real(value) : NULL;
}

/* NULL: a number that JSON cannot hold, or out of memory. */
static json_t *read_plain(const char *text, size_t length) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const trues[] = {"true", "True", "TRUE", NULL};
  static const char *const falses[] = {"false", "False", "FALSE", NULL};
  static const char *const numbers[] = {".inf",  ".Inf",  ".INF", "-.inf", "-.Inf", "-.INF", "+.inf",
                                        "+.Inf", "+.INF", ".nan", ".NaN",  ".NAN",  NULL};
  const char *digits = NULL;
  int base = 10;
  if (strlen(text) != length) return json_stringn(text, length);
  if (is_one_of(text, nulls)) return json_null();
  if (is_one_of(text, trues)) return json_true();
  if (is_one_of(text, falses)) return json_false();
  if (is_one_of(text, numbers)) return NULL;
  if (integer_form(text, &base, &digits)) return read_integer(text, digits, base);
  if (is_float(text)) return read_float(text);
  return json_stringn(text, length);
}

static bool check_properties(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
                             const yaml_char_t *tag) {
  static const char *const standard[] = {"!",           YAML_STR_TAG,  YAML_INT_TAG, YAML_FLOAT_TAG,
                                         YAML_BOOL_TAG, YAML_NULL_TAG, YAML_MAP_TAG, YAML_SEQ_TAG,
                                         NULL};
  if (anchor) return fail_at(reader, event->start_mark, "an anchor, which is not allowed,");
  if (tag && !is_one_of((const char *)tag, standard))
    return fail_at(reader, event->start_mark, "an unknown tag");
  return true;
}

/* Puts a value where it belongs; takes it over. */
static bool place(struct reader *reader, const yaml_event_t *event, json_t *value) {
  if (!value) return out_of_memory(reader);
  if (reader->depth == 0) {
    reader->root = value;
    return true;
  }
  struct level *level = &reader->levels[reader->depth - 1];
  if (json_is_array(level->value)) {
    return json_array_append_new(level->value, value) == 0 ? true : out_of_memory(reader);
  }
  if (!level->key) {
    level->key = value; /* a text, see read_key */
    return true;
  }
  const char *key = json_string_value(level->key);
  size_t length = json_string_length(level->key);
  bool again = json_object_getn(level->value, key, length) != NULL;
  bool ok = !again && json_object_setn_new(level->value, key, length, value) == 0;
  if (again) json_decref(value);
  json_decref(level->key);
  level->key = NULL;
  if (again) return fail_at(reader, event->start_mark, "a key appears twice");
  return ok ? true : out_of_memory(reader);
}

static bool expects_key(const struct reader *reader) {
  if (reader->depth == 0) return false;
  const struct level *level = &reader->levels[reader->depth - 1];
  return json_is_object(level->value) && !level->key;
}

static bool read_scalar(struct reader *reader, const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  size_t length = event->data.scalar.length;
  const char *tag = (const char *)event->data.scalar.tag;
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
               !(tag && (strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0));
  if (!check_properties(reader, event, event->data.scalar.anchor, event->data.scalar.tag)) return false;
  if (expects_key(reader)) {
    if (memchr(text, '\0', length)) return fail_at(reader, event->start_mark, "a NUL in a key");
    return place(reader, event, json_stringn(text, length));
  }
  json_t *value = plain ? read_plain(text, length) : json_stringn(text, length);
  if (!value) return fail_at(reader, event->start_mark, "a number that is too large");
  return place(reader, event, value);
}

static bool begin(struct reader *reader, const yaml_event_t *event, json_t *value, const yaml_char_t *anchor,
                  const yaml_char_t *tag) {
  if (!value) return out_of_memory(reader);
  bool ok = check_properties(reader, event, anchor, tag);
  if (ok && expects_key(reader)) ok = fail_at(reader, event->start_mark, "a collection as a key");
  if (ok && reader->depth == YAML_DEPTH) ok = fail_at(reader, event->start_mark, "nested too deeply");
  if (!ok) {
    json_decref(value);
    return false;
  }
  if (!place(reader, event, value)) return false;
  reader->levels[reader->depth++] = (struct level){.value = value};
  return true;
}

static bool read_event(struct reader *reader, const yaml_event_t *event) {
  switch (event->type) {
  case YAML_ALIAS_EVENT:
    return fail_at(reader, event->start_mark, "an alias, which is not allowed,");
  case YAML_SCALAR_EVENT:
    return read_scalar(reader, event);
  case YAML_SEQUENCE_START_EVENT:
    return begin(reader, event, json_array(), event->data.sequence_start.anchor,
                 event->data.sequence_start.tag);
  case YAML_MAPPING_START_EVENT:
    return begin(reader, event, json_object(), event->data.mapping_start.anchor,
                 event->data.mapping_start.tag);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT:
    reader->depth--;
    return true;
  case YAML_DOCUMENT_START_EVENT:
    return reader->root ? fail_at(reader, event->start_mark, "a second document") : true;
  default:
    return true;
  }
}

static bool read_document(struct reader *reader) {
  for (bool end = false; !end;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&reader->parser, &event)) {
      const char *problem = reader->parser.problem ? reader->parser.problem : "not YAML";
      return reader->parser.error == YAML_MEMORY_ERROR
                 ? out_of_memory(reader)
                 : fail_at(reader, reader->parser.problem_mark, problem);
    }
    end = event.type == YAML_STREAM_END_EVENT;
    bool ok = read_event(reader, &event);
    yaml_event_delete(&event);
    if (!ok) return false;
  }
  return true;
}

json_t *yaml_parse(const char *text, size_t length, struct error *err) {
  struct reader reader = {.err = err};
  if (!yaml_parser_initialize(&reader.parser)) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
  bool ok = read_document(&reader);
  yaml_parser_delete(&reader.parser);
  for (int i = 0; i < reader.depth; i++) json_decref(reader.levels[i].key);
  if (!ok) {
    json_decref(reader.root);
    return NULL;
  }
  return reader.root ? reader.root : json_null();
}
