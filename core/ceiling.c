#include "ceiling.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>

enum { HOOK_INTERVAL = 1000 }; /* instructions between two looks at the count */

struct allowance {
  size_t used;
  size_t memory_ceiling; /* 0: none */
  uint64_t instructions; /* left */
  bool instructions_out;
  bool memory_out;
};

struct allowance *allowance_new(void) {
  return calloc(1, sizeof(struct allowance));
}
void allowance_free(struct allowance *allowance) { free(allowance); }
size_t allowance_used(const struct allowance *allowance) { return allowance->used; }

void *allowance_allocate(void *data, void *block, size_t old_size, size_t new_size) {
  struct allowance *allowance = data;
  size_t old = block ? old_size : 0; /* without a block the old size is a type tag */
  if (new_size == 0) {
    free(block);
    allowance->used -= old;
    return NULL;
  }
  if (allowance->memory_ceiling && new_size > old &&
      new_size - old > allowance->memory_ceiling - allowance->used) {
    allowance->memory_out = true;
    return NULL; /* Lua collects garbage and tries once more */
  }
  void *moved = realloc(block, new_size);
  if (!moved) return NULL;
  allowance->used += new_size - old;
  return moved;
}

static void on_count(lua_State *L, lua_Debug *activation) {
  (void)activation;
  void *data = NULL;
  lua_getallocf(L, &data);
  struct allowance *allowance = data;
  if (allowance->instructions > HOOK_INTERVAL && !allowance->instructions_out) {
    allowance->instructions -= HOOK_INTERVAL;
    return;
  }
  allowance->instructions_out = true;
  lua_sethook(L, on_count, LUA_MASKCOUNT, 1); /* catching the error does not help */
  luaL_error(L, "instruction ceiling reached");
}

int ceiling_call(lua_State *L, struct allowance *allowance, struct ceiling ceiling, int arguments,
                 enum ceiling_verdict *verdict) {
  allowance->instructions_out = false;
  allowance->memory_out = false;
  allowance->instructions = ceiling.instructions;
  allowance->memory_ceiling = ceiling.memory ? allowance->used + ceiling.memory : 0;
  if (ceiling.instructions) lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_INTERVAL);
  int status = lua_pcall(L, arguments, LUA_MULTRET, 0);
  allowance->memory_ceiling = 0;
  lua_sethook(L, NULL, 0, 0);
  *verdict = CEILING_KEPT;
  if (status != LUA_OK && allowance->instructions_out) *verdict = CEILING_INSTRUCTIONS;
  if (status == LUA_ERRMEM && allowance->memory_out) *verdict = CEILING_MEMORY;
  return status;
}
