#include "embed.h"

#include "check.h"
#include "file.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <unistd.h>

static char root[] = "/tmp/test-embed-XXXXXX";

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  embed_open(L);
  lua_pushcfunction(L, embed_modules_list);
  lua_setglobal(L, "modules");
  lua_pushcfunction(L, embed_module_chunk);
  lua_setglobal(L, "module_chunk");
  return L;
}

static bool run(lua_State *L, const char *code) {
  bool ok = luaL_dostring(L, code) == LUA_OK;
  if (!ok) (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
  lua_settop(L, 0);
  return ok;
}

static void write_module(const char *name, const char *text) {
  struct error err = {0};
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", root, name);
  CHECK(file_write(path, text, strlen(text), FILE_PRIVATE, &err));
}

static void remove_file(const char *name) {
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", root, name);
  (void)remove(path);
}

static void test_built_in(void) {
  for (size_t i = 1; i < embed_module_count; i++)
    CHECK(strcmp(embed_modules[i - 1].name, embed_modules[i].name) < 0); /* searched by halves */
  lua_State *L = open_state();
  CHECK(run(L, "assert(type(require 'argparse') == 'function' or type(package.loaded.argparse) == 'table')"));
  CHECK(run(L, "local ok, reason = pcall(require, 'scw.no_such_module') assert(not ok and reason:find('no "
               "built%-in'))"));
  CHECK(run(L, "local ok = pcall(require, '../../etc/passwd') assert(not ok)"));
  CHECK(run(L, "local names = modules('scw.') assert(#names > 0)"
               "for i = 2, #names do assert(names[i - 1] < names[i]) end "
               "for _, name in ipairs(names) do assert(name:sub(1, 4) == 'scw.') end"));
  CHECK(run(L, "assert(#modules('no.such.prefix') == 0)"));
  CHECK(run(
      L, "local chunk, name = module_chunk('scw.main') assert(load(chunk, name)) assert(name:find('main'))"));
  CHECK(run(L, "assert(module_chunk('scw.no_such_module') == nil)"));
  lua_close(L);
}

/* Nothing of the surroundings is loaded: not from the present directory, not from LUA_PATH. */
static void test_isolation(void) {
  write_module("stray.lua", "return 'stray'");
  CHECK(chdir(root) == 0);
  CHECK(setenv("LUA_PATH_5_4", "/tmp/?.lua;./?.lua", 1) == 0);
  lua_State *L = open_state();
  CHECK(run(L, "assert(not pcall(require, 'stray'))"));
  lua_close(L);
  CHECK(unsetenv("LUA_PATH_5_4") == 0);
  remove_file("stray.lua");
}

static void test_source_tree(void) {
  struct error err = {0};
  char path[256];
  (void)snprintf(path, sizeof path, "%s/lua/scw/sub", root);
  CHECK(directory_create(path, &err));
  write_module("lua/scw/main.lua", "return { fresh = true }");
  write_module("lua/scw/sub/init.lua", "return 'init'");
  write_module("lua/scw/broken.lua", "return (");
  CHECK(setenv("SCWLUA_SOURCE", root, 1) == 0);
  lua_State *L = open_state();
  CHECK(run(L, "assert(require('scw.main').fresh)")); /* instead of the built-in one */
  CHECK(run(L, "assert(require('scw.sub') == 'init')"));
  CHECK(run(L, "local ok, reason = pcall(require, 'scw.broken') assert(not ok and "
               "reason:find('lua/scw/broken.lua:1'))"));
  CHECK(run(L, "local found = {} for _, name in ipairs(modules('scw.')) do assert(not found[name]) "
               "found[name] = true end "
               "assert(found['scw.sub'] and found['scw.broken'] and found['scw.main'])"));
  lua_close(L);
  CHECK(unsetenv("SCWLUA_SOURCE") == 0);
  static const char *const files[] = {
      "lua/scw/main.lua", "lua/scw/sub/init.lua", "lua/scw/broken.lua", "lua/scw/sub", "lua/scw", "lua"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) remove_file(files[i]);
}

int main(void) {
  if (!mkdtemp(root)) return 1;
  CHECK(unsetenv("SCWLUA_SOURCE") == 0);
  test_built_in();
  test_isolation();
  test_source_tree();
  CHECK(chdir("/") == 0 && rmdir(root) == 0);
  return check_report();
}
