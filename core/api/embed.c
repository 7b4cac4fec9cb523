/* Built-in Lua modules by name. */
#include "../embed.h"
#include "api.h"

#include <lauxlib.h>

static const struct luaL_Reg functions[] = {
    {"modules", embed_modules_list},
    {"module_chunk", embed_module_chunk},
    {NULL, NULL},
};

void api_open_embed(lua_State *L) {
  luaL_setfuncs(L, functions, 0);
  lua_pushstring(L, PROGRAM_NAME);
  lua_setfield(L, -2, "program");
  lua_pushstring(L, PROGRAM_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, PROGRAM_SYSTEM "; " PROGRAM_MACHINE);
  lua_setfield(L, -2, "platform");
}
