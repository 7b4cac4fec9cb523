#include "embed.h"

#include "api/api.h"
#include "buffer.h"
#include "file.h"

#include <dirent.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where modules stand in a source tree, and the prefix of their names. Must agree with the build. */
static const struct {
  const char *directory;
  const char *prefix;
} roots[] = {{"lua", ""}, {"", ""}};

static const char *source_tree(void) {
  const char *tree = getenv(SOURCE_TREE_VARIABLE);
  return tree && *tree ? tree : NULL;
}

static const struct embed_module *find_built_in(const char *name) {
  size_t low = 0;
  size_t high = embed_module_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(name, embed_modules[middle].name);
    if (order == 0) return &embed_modules[middle];
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return NULL;
}

static bool is_file(const char *path) {
  struct stat facts;
  return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

/* Writes the path of module `name` in the source tree; false when it has none (or its name is no module
 * name). */
static bool find_in_tree(const char *tree, const char *name, char *path, size_t size) {
  char relative[256];
  size_t length = strlen(name);
  if (length == 0 || length >= sizeof relative || strstr(name, "..") || strchr(name, '/')) return false;
  for (size_t i = 0; i <= length; i++) relative[i] = name[i] == '.' ? '/' : name[i];
  for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
    const char *between = *roots[i].directory ? "/" : "";
    const char *const endings[] = {".lua", "/init.lua"};
    for (size_t j = 0; j < 2; j++) {
      int used = snprintf(path, size, "%s/%s%s%s%s", tree, roots[i].directory, between, relative, endings[j]);
      if (used > 0 && (size_t)used < size && is_file(path)) return true;
    }
  }
  return false;
}

/* Pushes chunk and chunk name, or returns false. */
static bool push_chunk(lua_State *L, const char *name) {
  const char *tree = source_tree();
  char path[4096];
  if (tree && find_in_tree(tree, name, path, sizeof path)) {
    struct buffer *source = api_buffer(L);
    struct error err;
    if (!file_read(path, source, &err)) luaL_error(L, "%s", err.message);
    lua_pushlstring(L, source->data, source->length);
    buffer_wipe(source);
    lua_remove(L, -2);
    lua_pushfstring(L, "@%s", path + strlen(tree) + 1);
    return true;
  }
  const struct embed_module *module = find_built_in(name);
  if (!module) return false;
  lua_pushlstring(L, (const char *)module->begin, (size_t)(module->end - module->begin));
  lua_pushfstring(L, "=%s", name); /* a compiled chunk brings its own */
  return true;
}

static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  if (!push_chunk(L, name)) {
    lua_pushfstring(L, "no built-in module '%s'", name);
    return 1;
  }
  size_t size = 0;
  const char *chunk = lua_tolstring(L, -2, &size);
  if (luaL_loadbuffer(L, chunk, size, lua_tostring(L, -1)) != LUA_OK) return lua_error(L);
  lua_pushvalue(L, -2);
  return 2;
}

int embed_module_chunk(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  if (push_chunk(L, name)) return 2;
  lua_pushnil(L);
  return 1;
}

static void add_name(lua_State *L, const char *name, const char *prefix) {
  if (strncmp(name, prefix, strlen(prefix)) != 0) return;
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, name); /* a set: a module in the tree and built in counts once */
}

/* Adds the modules below `path`, whose names start with `module` (a dot at its end, or empty). */
static void add_directory(lua_State *L, const char *path, const char *module, const char *prefix, int depth) {
  DIR *directory = depth > 0 ? opendir(path) : NULL;
  if (!directory) return;
  struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    char child[4096];
    char name[256];
    size_t length = strlen(entry->d_name);
    int used = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
    if (used < 0 || (size_t)used >= sizeof child) continue;
    if (length > 4 && strcmp(entry->d_name + length - 4, ".lua") == 0) {
      bool init = strcmp(entry->d_name, "init.lua") == 0;
      int cut = init ? (int)strlen(module) - 1 : (int)(length - 4);
      used = init ? snprintf(name, sizeof name, "%.*s", cut, module)
                  : snprintf(name, sizeof name, "%s%.*s", module, cut, entry->d_name);
      if (used > 0 && (size_t)used < sizeof name) add_name(L, name, prefix);
      continue;
    }
    used = snprintf(name, sizeof name, "%s%s.", module, entry->d_name);
    if (used > 0 && (size_t)used < sizeof name) add_directory(L, child, name, prefix, depth - 1);
  }
  closedir(directory);
}

int embed_modules_list(lua_State *L) {
  const char *prefix = luaL_optstring(L, 1, "");
  lua_newtable(L);
  for (size_t i = 0; i < embed_module_count; i++) add_name(L, embed_modules[i].name, prefix);
  const char *tree = source_tree();
  char path[4096];
  if (tree && snprintf(path, sizeof path, "%s/lua", tree) < (int)sizeof path)
    add_directory(L, path, "", prefix, 6);
  if (tree && snprintf(path, sizeof path, "%s/modules", tree) < (int)sizeof path) {
    add_directory(L, path, "modules.", prefix, 2);
  }
  lua_newtable(L); /* set to array, then sorted */
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, -3)) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, ++count);
  }
  lua_getglobal(L, LUA_TABLIBNAME);
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, -3);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  return 1;
}

void embed_open(lua_State *L) {
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, search);
  lua_rawseti(L, -2, 2);
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i > 2; i--) {
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 2);
}
