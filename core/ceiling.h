/* ceiling.h: ceilings on instructions and memory for code that is not trusted, and the allocator that knows
 * them.
 *
 * A ceiling holds while `ceiling_call` runs. Once it is reached every further instruction fails, so that code
 * which catches the error cannot go on. */
#ifndef CORE_CEILING_H
#define CORE_CEILING_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

struct allowance;

/* NULL when out of memory. Freed after the Lua state that allocates through it. */
struct allowance *allowance_new(void);
void allowance_free(struct allowance *allowance);

/* A lua_Alloc; `data` is the struct allowance. */
void *allowance_allocate(void *data, void *block, size_t old_size, size_t new_size);

/* Bytes in use by the Lua state. */
size_t allowance_used(const struct allowance *allowance);

struct ceiling {
  uint64_t instructions; /* VM instructions; 0: no ceiling */
  size_t memory;         /* bytes above what was in use at the start; 0: no ceiling */
};

enum ceiling_verdict { CEILING_KEPT, CEILING_INSTRUCTIONS, CEILING_MEMORY };

/* Like lua_pcall (function and `arguments` on the stack, all results kept) below a ceiling. `verdict` tells
 * whether one was reached. Cannot be nested and the code inside cannot wait. */
int ceiling_call(lua_State *L, struct allowance *allowance, struct ceiling ceiling, int arguments,
                 enum ceiling_verdict *verdict);

#endif
