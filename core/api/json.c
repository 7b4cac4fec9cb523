/* Lua values to canonical JSON and back. */
#include "../json.h"
#include "api.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#define ARRAY_METATABLE "core.array"

enum { PATH_TEXT = 300, FEW = 12, MOST_KEYS = 900000 /* Lua's stack holds a million values */ };

/* The way from the root to the present value, for messages and to notice cycles. */
struct step {
  const void *table;
  const char *key; /* NULL inside an array */
  lua_Integer index;
};

struct key {
  const char *bytes; /* of a string on the Lua stack */
  size_t length;
  int slot;
};

struct writer {
  lua_State *L;
  struct buffer out;
  struct key *keys; /* owned; the sorted keys of every open object, one behind the other */
  size_t key_count;
  size_t key_capacity;
  int indent;
  int array_metatable; /* stack index */
  int depth;
  struct step steps[JSON_DEPTH];
  struct error *err; /* borrowed */
};

static bool write_value(struct writer *writer, int index);

/* Appends " (at a.b[3])" to the error, once it is known where. */
static bool fail_here(struct writer *writer) {
  struct buffer path = {0};
  for (int i = 0; i < writer->depth && path.length < PATH_TEXT; i++) {
    const struct step *step = &writer->steps[i];
    if (!step->key && step->index == 0) break; /* the table itself */
    if (step->key) {
      (void)buffer_append_format(&path, "%s%.80s", i ? "." : "", step->key);
    } else {
      (void)buffer_append_format(&path, "[%lld]", (long long)step->index);
    }
  }
  struct error plain = *writer->err;
  if (path.data) error_set(writer->err, plain.kind, "%.200s (at %.300s)", plain.message, path.data);
  buffer_free(&path);
  return false;
}

static bool fail(struct writer *writer, enum error_kind kind, const char *message) {
  error_set(writer->err, kind, "%s", message);
  return fail_here(writer);
}

static bool append(struct writer *writer, const char *bytes, size_t length) {
  if (buffer_append(&writer->out, bytes, length)) return true;
  return fail(writer, ERROR_MEMORY, "out of memory");
}

static bool new_line(struct writer *writer) {
  static const char blanks[] = "                                ";
  if (writer->indent == 0) return true;
  if (!append(writer, "\n", 1)) return false;
  for (size_t left = (size_t)writer->indent * (size_t)writer->depth; left > 0;) {
    size_t step = left < sizeof blanks - 1 ? left : sizeof blanks - 1;
    if (!append(writer, blanks, step)) return false;
    left -= step;
  }
  return true;
}

static bool enter(struct writer *writer, const void *table) {
  for (int i = 0; i < writer->depth; i++) {
    if (writer->steps[i].table == table) return fail(writer, ERROR_INVALID, "a table contains itself");
  }
  if (writer->depth == JSON_DEPTH) return fail(writer, ERROR_LIMIT, "nested too deeply");
  if (!lua_checkstack(writer->L, 8)) return fail(writer, ERROR_MEMORY, "out of memory");
  writer->steps[writer->depth++] = (struct step){.table = table};
  return true;
}

/* Are the keys of the table at `index` exactly 1 to `length`? */
static bool is_sequence(lua_State *L, int index, lua_Integer length) {
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    lua_Integer key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    if (key < 1 || key > length) {
      lua_pop(L, 1);
      return false;
    }
    count++;
  }
  return count == length;
}

static bool write_array(struct writer *writer, int index,
                        lua_Integer length) { /* NOLINT(misc-no-recursion) */
  if (!is_sequence(writer->L, index, length))
    return fail(writer, ERROR_INVALID, "a table is neither a sequence without holes nor has only text keys");
  if (!append(writer, "[", 1)) return false;
  struct step *step = &writer->steps[writer->depth - 1];
  for (lua_Integer i = 1; i <= length; i++) {
    step->index = i;
    if ((i > 1 && !append(writer, ",", 1)) || !new_line(writer)) return false;
    lua_rawgeti(writer->L, index, i);
    if (!write_value(writer, lua_gettop(writer->L))) return false;
    lua_pop(writer->L, 1);
  }
  writer->depth--;
  if (length > 0 && !new_line(writer)) return false;
  return append(writer, "]", 1);
}

static int compare(const void *one, const void *other) {
  const struct key *a = one;
  const struct key *b = other;
  return json_compare_keys(a->bytes, a->length, b->bytes, b->length);
}

static void sort(struct key *keys, size_t count) {
  if (count > FEW) {
    qsort(keys, count, sizeof *keys, compare);
    return;
  }
  for (size_t i = 1; i < count; i++) {
    struct key key = keys[i];
    size_t at = i;
    for (; at > 0 && compare(&key, &keys[at - 1]) < 0; at--) keys[at] = keys[at - 1];
    keys[at] = key;
  }
}

static bool add_key(struct writer *writer, int slot) {
  if (writer->key_count == writer->key_capacity) {
    size_t capacity = writer->key_capacity ? writer->key_capacity * 2 : 64;
    struct key *keys = realloc(writer->keys, capacity * sizeof *keys);
    if (!keys) return fail(writer, ERROR_MEMORY, "out of memory");
    writer->keys = keys;
    writer->key_capacity = capacity;
  }
  struct key *key = &writer->keys[writer->key_count++];
  key->bytes = lua_tolstring(writer->L, slot, &key->length);
  key->slot = slot;
  return true;
}

/* Leaves the keys of the object on the Lua stack, where `keys` points at them: looking a value up by a string
 * that exists already is cheap. */
static bool collect_keys(struct writer *writer, int index) {
  lua_State *L = writer->L;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      return fail(writer, ERROR_INVALID,
                  "a table is neither a sequence without holes nor has only text keys");
    if (writer->key_count == MOST_KEYS) return fail(writer, ERROR_LIMIT, "too many keys");
    if (!lua_checkstack(L, 8)) return fail(writer, ERROR_MEMORY, "out of memory");
    if (!add_key(writer, lua_gettop(L))) return false;
    lua_pushvalue(L, -1);
  }
  return true;
}

static bool write_object(struct writer *writer, int index) { /* NOLINT(misc-no-recursion) */
  size_t first = writer->key_count;
  if (!collect_keys(writer, index)) return false;
  size_t end = writer->key_count;
  if (end > first) sort(writer->keys + first, end - first);
  if (!append(writer, "{", 1)) return false;
  struct step *step = &writer->steps[writer->depth - 1];
  for (size_t i = first; i < end; i++) {
    struct key key = writer->keys[i];
    step->key = key.bytes;
    if ((i > first && !append(writer, ",", 1)) || !new_line(writer)) return false;
    if (!json_write_text(&writer->out, key.bytes, key.length, writer->err)) return fail_here(writer);
    if (!append(writer, ": ", writer->indent ? 2 : 1)) return false;
    lua_pushvalue(writer->L, key.slot);
    lua_rawget(writer->L, index);
    if (!write_value(writer, lua_gettop(writer->L))) return false;
    lua_pop(writer->L, 1);
  }
  writer->key_count = first;
  writer->depth--;
  if (end > first && !new_line(writer)) return false;
  return append(writer, "}", 1);
}

static bool is_marked(lua_State *L, int index, int array_metatable) {
  if (!lua_getmetatable(L, index)) return false;
  bool marked = lua_rawequal(L, -1, array_metatable);
  lua_pop(L, 1);
  return marked;
}

static bool write_table(struct writer *writer, int index) { /* NOLINT(misc-no-recursion) */
  lua_State *L = writer->L;
  if (!enter(writer, lua_topointer(L, index))) return false;
  int top = lua_gettop(L);
  lua_Integer length = (lua_Integer)lua_rawlen(L, index);
  bool array = length > 0 || is_marked(L, index, writer->array_metatable);
  if (!(array ? write_array(writer, index, length) : write_object(writer, index))) return false;
  lua_settop(L, top);
  return true;
}

static bool write_value(struct writer *writer, int index) { /* NOLINT(misc-no-recursion) */
  lua_State *L = writer->L;
  switch (lua_type(L, index)) {
  case LUA_TTABLE:
    return write_table(writer, index);
  case LUA_TSTRING: {
    size_t length = 0;
    const char *text = lua_tolstring(L, index, &length);
    return json_write_text(&writer->out, text, length, writer->err) || fail_here(writer);
  }
  case LUA_TNUMBER: {
    bool ok = lua_isinteger(L, index) ? json_write_integer(&writer->out, lua_tointeger(L, index), writer->err)
                                      : json_write_number(&writer->out, lua_tonumber(L, index), writer->err);
    return ok || fail_here(writer);
  }
  case LUA_TBOOLEAN:
    return lua_toboolean(L, index) ? append(writer, "true", 4) : append(writer, "false", 5);
  case LUA_TNIL:
    return append(writer, "null", 4);
  default:
    if (lua_islightuserdata(L, index) && !lua_touserdata(L, index)) return append(writer, "null", 4);
    error_set(writer->err, ERROR_INVALID, "a %s has no JSON form", luaL_typename(L, index));
    return fail_here(writer);
  }
}

/* The text may hold secrets. */
static void free_writer(struct writer *writer) {
  buffer_wipe(&writer->out);
  free(writer->keys);
  writer->keys = NULL;
}

static int writer_close(lua_State *L) {
  free_writer(lua_touserdata(L, 1));
  return 0;
}

/* json_encode(value [, {indent=0}]) -> text | nil, err. Keys are sorted by bytes. An empty table is an object
 * unless array() marked it. Metatables are not consulted otherwise. */
static int api_json_encode(lua_State *L) {
  luaL_checkany(L, 1);
  lua_Integer indent = api_option_integer(L, 2, "indent", 0);
  luaL_argcheck(L, indent >= 0 && indent <= 16, 2, "indent must be 0 to 16");
  lua_settop(L, 1);
  struct error err = {0};
  struct writer *writer = lua_newuserdatauv(L, sizeof *writer, 0);
  *writer = (struct writer){.L = L, .indent = (int)indent, .err = &err};
  luaL_setmetatable(L, "core.json_writer"); /* frees when an error is raised below */
  luaL_getmetatable(L, ARRAY_METATABLE);
  writer->array_metatable = 3;
  if (write_value(writer, 1)) {
    lua_pushlstring(L, writer->out.data, writer->out.length);
    free_writer(writer);
    return 1;
  }
  free_writer(writer);
  error_wrap(&err, "cannot encode JSON");
  return api_fail_error(L, &err);
}

static void push_value(lua_State *L, const json_t *value,
                       int array_metatable) { /* NOLINT(misc-no-recursion) */
  switch (json_typeof(value)) {
  case JSON_OBJECT: {
    const char *key = NULL;
    size_t length = 0;
    json_t *child = NULL;
    luaL_checkstack(L, 6, "nested too deeply");
    lua_createtable(L, 0, (int)json_object_size(value));
    json_object_keylen_foreach((json_t *)value, key, length, child) {
      lua_pushlstring(L, key, length);
      push_value(L, child, array_metatable);
      lua_rawset(L, -3);
    }
    break;
  }
  case JSON_ARRAY: {
    size_t count = json_array_size(value);
    luaL_checkstack(L, 6, "nested too deeply");
    lua_createtable(L, (int)count, 0);
    lua_pushvalue(L, array_metatable);
    lua_setmetatable(L, -2);
    for (size_t i = 0; i < count; i++) {
      push_value(L, json_array_get(value, i), array_metatable);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    break;
  }
  case JSON_STRING:
    lua_pushlstring(L, json_string_value(value), json_string_length(value));
    break;
  case JSON_INTEGER:
    lua_pushinteger(L, json_integer_value(value));
    break;
  case JSON_REAL:
    lua_pushnumber(L, json_real_value(value));
    break;
  case JSON_TRUE:
    lua_pushboolean(L, 1);
    break;
  case JSON_FALSE:
    lua_pushboolean(L, 0);
    break;
  case JSON_NULL:
    lua_pushlightuserdata(L, NULL);
    break;
  }
}

static int push_document(lua_State *L) {
  const json_t *value = lua_touserdata(L, 1);
  luaL_getmetatable(L, ARRAY_METATABLE);
  push_value(L, value, 2);
  return 1;
}

enum { CREDIT_KIB = 1 << 20 }; /* a GiB: no document is larger in memory */

int api_push_json(lua_State *L, json_t *value) {
  lua_pushcfunction(L, push_document);
  lua_pushlightuserdata(L, value);
  /* Nothing of it is garbage: looking costs a third of the time. The collector gets a credit and pays
   * it back: stopped and started again it would forget its pause, and look all the time. */
  bool collecting = lua_gc(L, LUA_GCISRUNNING);
  if (collecting) lua_gc(L, LUA_GCSTEP, -CREDIT_KIB);
  int status = lua_pcall(L, 1, 1, 0);
  if (collecting) lua_gc(L, LUA_GCSTEP, CREDIT_KIB);
  json_decref(value);
  return status == LUA_OK ? 1 : lua_error(L);
}

/* json_decode(text) -> value | nil, err. Arrays are marked, null is core.null. */
static int api_json_decode(lua_State *L) {
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  struct error err = {0};
  luaL_checkstack(L, 8, "out of stack");
  json_t *value = json_parse(text, length, &err);
  if (!value) {
    error_wrap(&err, "cannot decode JSON");
    return api_fail_error(L, &err);
  }
  return api_push_json(L, value);
}

/* array(t) -> t, marked: an array in JSON even when empty. */
static int api_array(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_getmetatable(L, ARRAY_METATABLE);
  if (lua_getmetatable(L, 1)) {
    luaL_argcheck(L, lua_rawequal(L, -1, 2), 1, "has a metatable already");
    lua_pop(L, 1);
  }
  lua_setmetatable(L, 1);
  return 1;
}

/* is_array(v) -> boolean: would it be encoded as an array? */
static int api_is_array(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  luaL_getmetatable(L, ARRAY_METATABLE);
  lua_pushboolean(L, lua_istable(L, 1) && (lua_rawlen(L, 1) > 0 || is_marked(L, 1, 2)));
  return 1;
}

void api_open_json(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"json_encode", api_json_encode},
      {"json_decode", api_json_decode},
      {"array", api_array},
      {"is_array", api_is_array},
      {NULL, NULL},
  };
  luaL_setfuncs(L, functions, 0);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  luaL_newmetatable(L, "core.json_writer");
  lua_pushcfunction(L, writer_close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newmetatable(L, ARRAY_METATABLE);
  lua_pushliteral(L, "array");
  lua_setfield(L, -2, "__metatable"); /* shared by all arrays: not to be changed by anybody */
  lua_pop(L, 1);
}
