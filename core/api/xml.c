/* XML documents as tables {name=, text=, attributes={}, [1]=child, ...}. */
#include "../xml.h"
#include "api.h"

#include <lauxlib.h>
#include <string.h>

#define DOCUMENT_METATABLE "core.document"

struct document {
  struct xml_node *root; /* owned */
};

static int collect(lua_State *L) {
  struct document *document = lua_touserdata(L, 1);
  xml_free(document->root);
  document->root = NULL;
  return 0;
}

static struct document *push_document(lua_State *L) {
  struct document *document = lua_newuserdatauv(L, sizeof *document, 0);
  *document = (struct document){0};
  luaL_setmetatable(L, DOCUMENT_METATABLE);
  return document;
}

/* As deep as documents may be. */
static void push_node(lua_State *L, const struct xml_node *node) {
  luaL_checkstack(L, 6, "XML is nested too deeply");
  lua_newtable(L);
  lua_pushstring(L, node->name);
  lua_setfield(L, -2, "name");
  lua_pushlstring(L, node->text.data ? node->text.data : "", node->text.length);
  lua_setfield(L, -2, "text");
  lua_newtable(L);
  for (const struct xml_attribute *at = node->attributes; at; at = at->next) {
    lua_pushstring(L, at->value);
    lua_setfield(L, -2, at->name);
  }
  lua_setfield(L, -2, "attributes");
  lua_Integer index = 0;
  for (const struct xml_node *child = node->children; child; child = child->next) {
    push_node(L, child);
    lua_rawseti(L, -2, ++index);
  }
}

/* xml_decode(text) -> node | nil, err */
static int api_xml_decode(lua_State *L) {
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  struct document *document = push_document(L);
  struct error err;
  document->root = xml_decode(text, length, &err);
  if (!document->root) return api_fail_error(L, &err);
  push_node(L, document->root);
  xml_free(document->root);
  document->root = NULL;
  return 1;
}

static const char *check_string(lua_State *L, const char *what) {
  size_t length = 0;
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
  if (!text || strlen(text) != length)
    luaL_error(L, "%s of an XML node must be a text without zero bytes", what);
  return text;
}

static void read_attributes(lua_State *L, struct xml_node *node) {
  for (lua_pushnil(L); lua_next(L, -2);) {
    const char *value = check_string(L, "an attribute");
    lua_pushvalue(L, -2);
    if (!xml_add_attribute(node, check_string(L, "an attribute's name"), value))
      luaL_error(L, "out of memory");
    lua_pop(L, 2);
  }
}

/* Adds the table on top of the stack to `parent` and returns the node made of it. */
static struct xml_node *read_node(lua_State *L, struct document *document, struct xml_node *parent,
                                  int depth) {
  luaL_checkstack(L, 10, "XML is nested too deeply");
  if (!lua_istable(L, -1)) luaL_error(L, "an XML node must be a table, not %s", luaL_typename(L, -1));
  if (depth > XML_DEEPEST) luaL_error(L, "XML is nested too deeply");
  lua_getfield(L, -1, "name");
  struct xml_node *node = xml_add(parent, check_string(L, "the name"));
  lua_pop(L, 1);
  if (!node) luaL_error(L, "out of memory");
  if (!parent) document->root = node;

  int type = lua_getfield(L, -1, "text");
  if (type != LUA_TNIL) {
    if (type != LUA_TSTRING && type != LUA_TNUMBER) luaL_error(L, "the text of an XML node must be a string");
    size_t length = 0;
    const char *text = lua_tolstring(L, -1, &length);
    if (!buffer_append(&node->text, text, length)) luaL_error(L, "out of memory");
  }
  lua_pop(L, 1);
  type = lua_getfield(L, -1, "attributes");
  if (type == LUA_TTABLE) {
    read_attributes(L, node);
  } else if (type != LUA_TNIL) {
    luaL_error(L, "the attributes of an XML node must be a table");
  }
  lua_pop(L, 1);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    (void)read_node(L, document, node, depth + 1);
    lua_pop(L, 1);
  }
  return node;
}

/* xml_encode(node) -> text | nil, err */
static int api_xml_encode(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct document *document = push_document(L);
  struct buffer *out = api_buffer(L);
  struct error err;
  lua_pushvalue(L, 1);
  (void)read_node(L, document, NULL, 0);
  if (!xml_encode(out, document->root, &err)) return api_fail_error(L, &err);
  lua_pushlstring(L, out->data, out->length);
  return 1;
}

void api_open_xml(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"xml_decode", api_xml_decode}, {"xml_encode", api_xml_encode}, {NULL, NULL}};
  static const struct luaL_Reg methods[] = {{NULL, NULL}};
  static const struct luaL_Reg metamethods[] = {{"__gc", collect}, {NULL, NULL}};
  api_class(L, DOCUMENT_METATABLE, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
