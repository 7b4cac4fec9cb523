/* Files, directories and locks between processes. */
#include "../file.h"
#include "../buffer.h"
#include "api.h"

#include <lauxlib.h>
#include <string.h>

#define LOCK_METATABLE "core.file_lock"
#define NAMES_METATABLE "core.file_names"

struct lock_handle {
  struct file_lock *lock; /* owned; NULL once released */
};

struct names_handle {
  struct file_names *names; /* owned */
};

static const char *check_path(lua_State *L, int index) {
  size_t length = 0;
  const char *path = luaL_checklstring(L, index, &length);
  luaL_argcheck(L, length > 0 && strlen(path) == length, index, "not a possible path");
  return path;
}

/* Pushes true, or nil and the error. */
static int push_outcome(lua_State *L, bool ok, const struct error *err) {
  if (!ok) return api_fail_error(L, err);
  lua_pushboolean(L, true);
  return 1;
}

/* file_read(path) -> bytes | nil, err */
static int api_file_read(lua_State *L) {
  const char *path = check_path(L, 1);
  struct error err = {0};
  struct buffer *content = api_buffer(L);
  if (!file_read(path, content, &err)) {
    buffer_wipe(content);
    return api_fail_error(L, &err);
  }
  lua_pushlstring(L, content->data, content->length);
  buffer_wipe(content);
  return 1;
}

typedef bool (*write_fn)(const char *path, const void *bytes, size_t length, unsigned mode,
                         struct error *err);

static int write_with(lua_State *L, write_fn write) {
  const char *path = check_path(L, 1);
  size_t length = 0;
  const char *bytes = luaL_checklstring(L, 2, &length);
  lua_Integer mode = api_option_integer(L, 3, "mode", FILE_PRIVATE);
  luaL_argcheck(L, mode >= 0 && mode <= 07777, 3, "mode must be permission bits");
  struct error err = {0};
  bool ok = write(path, bytes, length, (unsigned)mode, &err);
  return push_outcome(L, ok, &err);
}

/* file_write(path, bytes [, {mode=384}]) -> true | nil, err: replaces the file, all or nothing */
static int api_file_write(lua_State *L) { return write_with(L, file_write); }

/* file_create(path, bytes [, {mode=384}]) -> true | nil, err(exists) */
static int api_file_create(lua_State *L) { return write_with(L, file_create); }

/* file_copy(from, to) -> true | nil, err: replaces `to`, all or nothing */
static int api_file_copy(lua_State *L) {
  struct error err = {0};
  bool ok = file_copy(check_path(L, 1), check_path(L, 2), &err);
  return push_outcome(L, ok, &err);
}

/* file_remove(path) -> true | nil, err(not_found) */
static int api_file_remove(lua_State *L) {
  struct error err = {0};
  bool ok = file_remove(check_path(L, 1), &err);
  return push_outcome(L, ok, &err);
}

static int names_close(lua_State *L) {
  struct names_handle *handle = luaL_checkudata(L, 1, NAMES_METATABLE);
  file_names_free(handle->names);
  handle->names = NULL;
  return 0;
}

/* file_list(directory) -> sorted names | nil, err */
static int api_file_list(lua_State *L) {
  const char *path = check_path(L, 1);
  struct error err = {0};
  struct names_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->names = NULL;
  luaL_setmetatable(L, NAMES_METATABLE);
  handle->names = file_names_new(path, &err);
  if (!handle->names) return api_fail_error(L, &err);
  size_t count = file_names_count(handle->names);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushstring(L, file_names_at(handle->names, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* file_stat(path) -> {size=, kind="file"|"directory"|"other", mode=, mtime=} | nil, err */
static int api_file_stat(lua_State *L) {
  struct file_facts facts;
  struct error err = {0};
  if (!file_stat(check_path(L, 1), &facts, &err)) return api_fail_error(L, &err);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)facts.size);
  lua_setfield(L, -2, "size");
  lua_pushstring(L, facts.kind);
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, facts.mode);
  lua_setfield(L, -2, "mode");
  lua_pushnumber(L, facts.mtime);
  lua_setfield(L, -2, "mtime");
  return 1;
}

/* directory_create(path) -> true | nil, err: with its parents; fine when it exists */
static int api_directory_create(lua_State *L) {
  struct error err = {0};
  bool ok = directory_create(check_path(L, 1), &err);
  return push_outcome(L, ok, &err);
}

/* directory_remove(path) -> true | nil, err: an empty one */
static int api_directory_remove(lua_State *L) {
  struct error err = {0};
  bool ok = directory_remove(check_path(L, 1), &err);
  return push_outcome(L, ok, &err);
}

/* file_lock(path) -> lock | nil, err(locked). Released by lock:release(), at the end of its scope as a
 * `<close>` variable, or by the collector. */
static int api_file_lock(lua_State *L) {
  const char *path = check_path(L, 1);
  struct error err = {0};
  struct lock_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->lock = NULL;
  luaL_setmetatable(L, LOCK_METATABLE);
  handle->lock = file_lock_acquire(path, &err);
  if (!handle->lock) return api_fail_error(L, &err);
  return 1;
}

/* lock:release(): twice is fine */
static int lock_release(lua_State *L) {
  struct lock_handle *handle = luaL_checkudata(L, 1, LOCK_METATABLE);
  file_lock_release(handle->lock);
  handle->lock = NULL;
  return 0;
}

void api_open_file(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"file_read", api_file_read},
      {"file_write", api_file_write},
      {"file_create", api_file_create},
      {"file_copy", api_file_copy},
      {"file_remove", api_file_remove},
      {"file_list", api_file_list},
      {"file_stat", api_file_stat},
      {"file_lock", api_file_lock},
      {"directory_create", api_directory_create},
      {"directory_remove", api_directory_remove},
      {NULL, NULL},
  };
  static const struct luaL_Reg lock_methods[] = {{"release", lock_release}, {NULL, NULL}};
  static const struct luaL_Reg lock_metamethods[] = {
      {"__gc", lock_release}, {"__close", lock_release}, {NULL, NULL}};
  static const struct luaL_Reg nothing[] = {{NULL, NULL}};
  static const struct luaL_Reg names_metamethods[] = {{"__gc", names_close}, {NULL, NULL}};
  api_class(L, LOCK_METATABLE, lock_methods, lock_metamethods);
  api_class(L, NAMES_METATABLE, nothing, names_metamethods);
  luaL_setfuncs(L, functions, 0);
}
