/* ceiling.h: ceilings on instructions, memory and time for code that is not trusted, and the allocator that
 * knows them.
 *
 * A ceiling holds while `ceiling_call` runs, in the function it calls and in every coroutine made inside.
 * Once one is reached every further instruction fails, so that code which catches the error cannot go on.
 *
 * Instructions are counted by a hook of Lua, in steps of a thousand. C code called by Lua (a pattern match
 * that backtracks for hours) and finalizers run no hook. For them the time ceiling has a second stage: a
 * timer of the process. Nothing can leave such a C function safely, for it may hold the Lua state, or the
 * allocator's lock, in the middle of a change. So when the code is not back one second after its time the
 * process ends, with one message on stderr and exit code 1. Time is processor time: a busy machine does not
 * change the outcome, and code below a ceiling cannot wait anyway. */
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
  uint64_t instructions;  /* VM instructions; 0: no ceiling */
  size_t memory;          /* bytes above what was in use at the start; 0: no ceiling */
  double seconds;         /* of processor time; 0: no ceiling */
  const char *last_words; /* borrowed: the message when the process must end; NULL: a general one */
};

enum ceiling_verdict { CEILING_KEPT, CEILING_INSTRUCTIONS, CEILING_MEMORY, CEILING_TIME };

struct ceiling_outcome {
  enum ceiling_verdict verdict;
  char where[LUA_IDSIZE + 16]; /* "file:line" that ran when the ceiling was reached, or, of memory,
                                  a little before; empty when not known */
};

/* Like lua_pcall (function and `arguments` on the stack, all results kept; `handler` as there) below a
 * ceiling. `outcome` tells whether one was reached, which may be although the result is LUA_OK: when C code,
 * such as xpcall itself, caught the error. Inside another call the lower ceilings count, and what is used is
 * used from both. The code inside cannot wait. */
int ceiling_call(lua_State *L, struct allowance *allowance, struct ceiling ceiling, int arguments,
                 int handler, struct ceiling_outcome *outcome);

/* "instruction ceiling reached" and so on. */
const char *ceiling_describe(enum ceiling_verdict verdict);

#endif
