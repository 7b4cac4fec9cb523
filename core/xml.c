#include "xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct reading {
  XML_Parser parser;
  struct xml_node *root;              /* owned until returned */
  struct xml_node *open[XML_DEEPEST]; /* borrowed */
  int depth;
  int nodes;
  struct error err;
};

struct xml_node *xml_add(struct xml_node *parent, const char *name) {
  struct xml_node *node = calloc(1, sizeof *node);
  if (!node) return NULL;
  node->name = strdup(name);
  if (!node->name) {
    free(node);
    return NULL;
  }
  if (parent && parent->last_child) {
    parent->last_child->next = node;
  } else if (parent) {
    parent->children = node;
  }
  if (parent) parent->last_child = node;
  return node;
}

bool xml_add_attribute(struct xml_node *node, const char *name, const char *value) {
  struct xml_attribute *attribute = calloc(1, sizeof *attribute);
  if (!attribute) return false;
  attribute->name = strdup(name);
  attribute->value = strdup(value);
  if (!attribute->name || !attribute->value) {
    free(attribute->name);
    free(attribute->value);
    free(attribute);
    return false;
  }
  struct xml_attribute **place = &node->attributes;
  while (*place && strcmp((*place)->name, name) < 0) place = &(*place)->next;
  attribute->next = *place;
  *place = attribute;
  return true;
}

/* Without recursion: the children of a freed node join the list of what is left to free. */
void xml_free(struct xml_node *root) {
  while (root) {
    struct xml_node *next = root->next;
    if (root->children) {
      root->last_child->next = next;
      next = root->children;
    }
    for (struct xml_attribute *attribute = root->attributes; attribute;) {
      struct xml_attribute *following = attribute->next;
      free(attribute->name);
      free(attribute->value);
      free(attribute);
      attribute = following;
    }
    buffer_wipe(&root->text);
    free(root->name);
    free(root);
    root = next;
  }
}

static void stop(struct reading *reading, enum error_kind kind, const char *message) {
  if (reading->err.kind == ERROR_NONE) error_set(&reading->err, kind, "%s", message);
  (void)XML_StopParser(reading->parser, XML_FALSE);
}

static void on_start(void *argument, const XML_Char *name, const XML_Char **attributes) {
  struct reading *reading = argument;
  if (reading->err.kind != ERROR_NONE) return;
  if (reading->depth == XML_DEEPEST) {
    stop(reading, ERROR_LIMIT, "XML is nested too deeply");
    return;
  }
  struct xml_node *parent = reading->depth ? reading->open[reading->depth - 1] : NULL;
  struct xml_node *node = ++reading->nodes > XML_MOST_NODES ? NULL : xml_add(parent, name);
  if (!node) {
    if (reading->nodes > XML_MOST_NODES) {
      stop(reading, ERROR_LIMIT, "XML has too many elements");
    } else {
      stop(reading, ERROR_MEMORY, "out of memory");
    }
    return;
  }
  if (!parent) reading->root = node;
  reading->open[reading->depth++] = node;
  for (int count = 1; *attributes; attributes += 2, count++) {
    if (count > XML_MOST_ATTRIBUTES || ++reading->nodes > XML_MOST_NODES) {
      stop(reading, ERROR_LIMIT, "XML has too many attributes");
      return;
    }
    if (!xml_add_attribute(node, attributes[0], attributes[1])) {
      stop(reading, ERROR_MEMORY, "out of memory");
      return;
    }
  }
}

static bool is_blank(const struct buffer *text) {
  return text->length == 0 || strspn(text->data, " \t\r\n") == text->length;
}

static void on_end(void *argument, const XML_Char *name) {
  struct reading *reading = argument;
  (void)name;
  if (reading->err.kind != ERROR_NONE) return;
  struct xml_node *node = reading->open[--reading->depth];
  if (node->children && is_blank(&node->text)) buffer_free(&node->text);
}

static void on_text(void *argument, const XML_Char *text, int length) {
  struct reading *reading = argument;
  if (reading->err.kind != ERROR_NONE || reading->depth == 0) return;
  if (!buffer_append(&reading->open[reading->depth - 1]->text, text, (size_t)length))
    stop(reading, ERROR_MEMORY, "out of memory");
}

static void on_doctype(void *argument, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                       int internal) {
  (void)name, (void)system, (void)public, (void)internal;
  stop(argument, ERROR_INVALID, "XML with a document type is refused");
}

struct xml_node *xml_decode(const char *text, size_t length, struct error *err) {
  if (length > XML_LARGEST) {
    error_set(err, ERROR_LIMIT, "XML of more than %d bytes", XML_LARGEST);
    return NULL;
  }
  struct reading *reading = calloc(1, sizeof *reading);
  XML_Parser parser = reading ? XML_ParserCreate("UTF-8") : NULL;
  if (!parser) {
    free(reading);
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  reading->parser = parser;
  XML_SetUserData(parser, reading);
  XML_SetElementHandler(parser, on_start, on_end);
  XML_SetCharacterDataHandler(parser, on_text);
  XML_SetStartDoctypeDeclHandler(parser, on_doctype);
  if (XML_Parse(parser, text, (int)length, XML_TRUE) != XML_STATUS_OK && reading->err.kind == ERROR_NONE) {
    enum XML_Error code = XML_GetErrorCode(parser);
    error_set(&reading->err, code == XML_ERROR_NO_MEMORY ? ERROR_MEMORY : ERROR_INVALID,
              "malformed XML: %s at line %lu, column %lu", XML_ErrorString(code),
              (unsigned long)XML_GetCurrentLineNumber(parser),
              (unsigned long)XML_GetCurrentColumnNumber(parser) + 1);
  }
  XML_ParserFree(parser);
  struct xml_node *root = reading->root;
  if (reading->err.kind != ERROR_NONE) {
    xml_free(root);
    root = NULL;
    if (err) *err = reading->err;
  }
  free(reading);
  return root;
}

/* Length of the UTF-8 sequence at `text` when XML 1.0 allows the character, 0 otherwise. */
static size_t character_length(const unsigned char *text, size_t left) {
  unsigned char first = text[0];
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || length > left) return 0;
  unsigned long point = first & (0x7fU >> length);
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    point = point << 6 | (text[i] & 0x3fU);
  }
  static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < least[length] || point > 0x10ffff || surrogate || point == 0xfffe || point == 0xffff) return 0;
  return length;
}

/* Everything that means something anywhere is escaped, so that one function serves text and attributes; line
 * breaks too where a reader would change them. */
static bool append_escaped(struct buffer *out, const char *text, size_t length, bool attribute,
                           struct error *err) {
  for (size_t i = 0; i < length;) {
    size_t size = character_length((const unsigned char *)text + i, length - i);
    if (size == 0) {
      error_set(err, ERROR_INVALID, "text with a character that XML cannot carry (byte %zu)", i + 1);
      return false;
    }
    const char *escape = NULL;
    switch (text[i]) {
    case '&':
      escape = "&amp;";
      break;
    case '<':
      escape = "&lt;";
      break;
    case '>':
      escape = "&gt;";
      break;
    case '"':
      escape = "&quot;";
      break;
    case '\'':
      escape = "&apos;";
      break;
    case '\r':
      escape = "&#13;";
      break;
    case '\n':
      escape = attribute ? "&#10;" : NULL;
      break;
    case '\t':
      escape = attribute ? "&#9;" : NULL;
      break;
    default:
      break;
    }
    bool ok = escape ? buffer_append_text(out, escape) : buffer_append(out, text + i, size);
    if (!ok) {
      error_set(err, ERROR_MEMORY, "out of memory");
      return false;
    }
    i += size;
  }
  return true;
}

static bool is_name(const char *name) {
  static const char start[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  if (!*name || !strchr(start, *name)) return false;
  for (; *name; name++) {
    if (!strchr(start, *name) && !strchr("0123456789-.:", *name)) return false;
  }
  return true;
}

static bool append_node(struct buffer *out, const struct xml_node *node, int depth, struct error *err) {
  if (depth == XML_DEEPEST) {
    error_set(err, ERROR_LIMIT, "XML is nested too deeply");
    return false;
  }
  if (!is_name(node->name)) {
    error_set(err, ERROR_INVALID, "not a name for an XML element: \"%.40s\"", node->name);
    return false;
  }
  bool ok = buffer_append_format(out, "<%s", node->name);
  for (const struct xml_attribute *at = node->attributes; ok && at; at = at->next) {
    if (!is_name(at->name)) {
      error_set(err, ERROR_INVALID, "not a name for an XML attribute: \"%.40s\"", at->name);
      return false;
    }
    ok = buffer_append_format(out, " %s=\"", at->name);
    if (ok && !append_escaped(out, at->value, strlen(at->value), true, err)) return false;
    ok = ok && buffer_append_text(out, "\"");
  }
  ok = ok && buffer_append_text(out, ">");
  if (ok && !append_escaped(out, node->text.data, node->text.length, false, err)) return false;
  for (const struct xml_node *child = node->children; ok && child; child = child->next) {
    if (!append_node(out, child, depth + 1, err)) return false;
  }
  ok = ok && buffer_append_format(out, "</%s>", node->name);
  if (!ok) error_set(err, ERROR_MEMORY, "out of memory");
  return ok;
}

bool xml_encode(struct buffer *out, const struct xml_node *root, struct error *err) {
  if (!buffer_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return false;
  }
  return append_node(out, root, 0, err);
}
