/* The machine and the environment the program runs in. */
#include "api.h"

#include <lauxlib.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* environment() -> {NAME=value} */
static int api_environment(lua_State *L) {
  lua_newtable(L);
  for (char **entry = environ; entry && *entry; entry++) {
    const char *equals = strchr(*entry, '=');
    if (!equals || equals == *entry) continue;
    lua_pushlstring(L, *entry, (size_t)(equals - *entry));
    lua_pushstring(L, equals + 1);
    lua_rawset(L, -3);
  }
  return 1;
}

/* The name of the user that runs this process; its number when it has no name. */
static void push_user(lua_State *L) {
  char space[4096];
  struct passwd entry;
  struct passwd *found = NULL;
  if (getpwuid_r(geteuid(), &entry, space, sizeof space, &found) == 0 && found) {
    lua_pushstring(L, found->pw_name);
  } else {
    lua_pushfstring(L, "%d", (int)geteuid());
  }
}

/* host() -> {name=, user=, pid=} */
static int api_host(lua_State *L) {
  char name[HOST_NAME_MAX + 1] = "unknown";
  (void)gethostname(name, sizeof name - 1);
  name[sizeof name - 1] = '\0';
  lua_createtable(L, 0, 3);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  push_user(L);
  lua_setfield(L, -2, "user");
  lua_pushinteger(L, getpid());
  lua_setfield(L, -2, "pid");
  return 1;
}

void api_open_host(lua_State *L) {
  static const struct luaL_Reg functions[] = {
      {"environment", api_environment}, {"host", api_host}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
