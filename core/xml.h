/* xml.h: small XML documents as trees, over expat, and back.
 *
 * Documents come from elsewhere: a document type (and with it every entity but the five predefined ones) is
 * refused, and depth, number of nodes, attributes of one element and size have ceilings. Comments and
 * processing instructions are skipped. Names are kept as written, with their prefix. */
#ifndef CORE_XML_H
#define CORE_XML_H

#include "buffer.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>

enum { XML_DEEPEST = 64, XML_MOST_NODES = 250000, XML_MOST_ATTRIBUTES = 256, XML_LARGEST = 64 * 1024 * 1024 };

struct xml_attribute {
  char *name;  /* owned */
  char *value; /* owned */
  struct xml_attribute *next;
};

struct xml_node {
  char *name;                       /* owned */
  struct buffer text;               /* all text directly inside; blank text beside children is dropped */
  struct xml_attribute *attributes; /* owned, in the order of their names */
  struct xml_node *children;        /* owned */
  struct xml_node *last_child;
  struct xml_node *next;
};

/* The root, to be freed with xml_free, or NULL with `err` set: ERROR_INVALID (with line and column),
 * ERROR_LIMIT, ERROR_MEMORY. */
struct xml_node *xml_decode(const char *text, size_t length, struct error *err);

/* Appends the document. ERROR_INVALID for names that are none and for text that XML cannot carry (control
 * characters, broken UTF-8). */
bool xml_encode(struct buffer *out, const struct xml_node *root, struct error *err);

/* Makes a node, appended to the children of `parent` unless that is NULL. NULL when out of memory. */
struct xml_node *xml_add(struct xml_node *parent, const char *name);
bool xml_add_attribute(struct xml_node *node, const char *name, const char *value);

/* Accepts NULL. */
void xml_free(struct xml_node *root);

#endif
