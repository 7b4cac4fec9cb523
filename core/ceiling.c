#include "ceiling.h"

#include <lauxlib.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
  HOOK_INTERVAL = 1000,    /* instructions between two looks at the count */
  CLOCK_INTERVAL = 16,     /* looks between two looks at the clock */
  LAST_MEMORY = 64 * 1024, /* for the error messages of code that has used up its memory */
};

static const double patience = 1; /* seconds from the ceiling to the end of the process */

struct limits {
  bool active;
  bool counts;           /* is there a ceiling on instructions? */
  uint64_t instructions; /* left */
  size_t memory;         /* of allowance.used; 0: none */
  double deadline;       /* processor time; 0: none */
};

/* A refused request. Lua collects garbage and repeats it once; if something else comes instead, or the
 * repetition is refused too, memory is out. */
struct refusal {
  bool pending;
  void *block;
  size_t size;
};

struct allowance {
  size_t used;
  struct limits limits;
  struct ceiling_outcome reached;
  struct refusal refusal;
  unsigned looks;
  int interval;                   /* of the hook */
  struct ceiling_outcome crowded; /* only `where`: what ran at the last look with half the memory gone */
};

struct allowance *allowance_new(void) {
  return calloc(1, sizeof(struct allowance));
}
void allowance_free(struct allowance *allowance) { free(allowance); }
size_t allowance_used(const struct allowance *allowance) { return allowance->used; }

static double processor_time(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void count(struct allowance *allowance, uint64_t instructions) {
  struct limits *limits = &allowance->limits;
  if (limits->counts) {
    if (limits->instructions <= instructions && allowance->reached.verdict == CEILING_KEPT)
      allowance->reached.verdict = CEILING_INSTRUCTIONS;
    limits->instructions -= limits->instructions < instructions ? limits->instructions : instructions;
  }
  if (limits->deadline > 0 && ++allowance->looks % CLOCK_INTERVAL == 0 &&
      processor_time() >= limits->deadline && allowance->reached.verdict == CEILING_KEPT)
    allowance->reached.verdict = CEILING_TIME;
}

static bool may_grow(struct allowance *allowance, void *block, size_t old_size, size_t new_size) {
  size_t limit = allowance->limits.memory;
  if (limit == 0) return true;
  if (allowance->reached.verdict != CEILING_KEPT) limit += LAST_MEMORY;
  bool repeated =
      allowance->refusal.pending && allowance->refusal.block == block && allowance->refusal.size == new_size;
  bool fits = allowance->used <= limit && new_size - old_size <= limit - allowance->used;
  if ((allowance->refusal.pending && !repeated) || (repeated && !fits)) {
    if (allowance->reached.verdict == CEILING_KEPT) allowance->reached.verdict = CEILING_MEMORY;
  }
  allowance->refusal = (struct refusal){.pending = !fits && !repeated, .block = block, .size = new_size};
  return fits;
}

void *allowance_allocate(void *data, void *block, size_t old_size, size_t new_size) {
  struct allowance *allowance = data;
  size_t old = block ? old_size : 0; /* without a block the old size is a type tag */
  if (new_size == 0) {
    free(block);
    allowance->used -= old;
    return NULL;
  }
  if (new_size > old && !may_grow(allowance, block, old, new_size)) return NULL;
  void *moved = realloc(block, new_size);
  if (!moved) return NULL;
  /* Every coroutine has a count of its own: charged in advance, many short ones cost what they run. */
  if (!block && old_size == LUA_TTHREAD && allowance->limits.active) count(allowance, HOOK_INTERVAL);
  allowance->used += new_size - old;
  return moved;
}

const char *ceiling_describe(enum ceiling_verdict verdict) {
  switch (verdict) {
  case CEILING_INSTRUCTIONS:
    return "instruction ceiling reached";
  case CEILING_MEMORY:
    return "memory ceiling reached";
  case CEILING_TIME:
    return "time ceiling reached";
  default:
    return "no ceiling reached";
  }
}

static void note_place(lua_State *L, lua_Debug *activation, char *where, size_t size) {
  if (lua_getinfo(L, "Sl", activation))
    (void)snprintf(where, size, "%s:%d", activation->short_src, activation->currentline);
}

static void on_count(lua_State *L, lua_Debug *activation) {
  void *data = NULL;
  lua_getallocf(L, &data);
  struct allowance *allowance = data;
  if (!allowance->limits.active) { /* a coroutine that outlived its ceiling */
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  count(allowance, (uint64_t)lua_gethookcount(L));
  struct ceiling_outcome *reached = &allowance->reached;
  if (reached->verdict == CEILING_KEPT) {
    /* A refused request has no place: the allocator does not see the code. */
    if (allowance->limits.memory && allowance->used > allowance->limits.memory / 2)
      note_place(L, activation, allowance->crowded.where, sizeof allowance->crowded.where);
    if (lua_gethookcount(L) != allowance->interval)
      lua_sethook(L, on_count, LUA_MASKCOUNT, allowance->interval);
    return;
  }
  lua_sethook(L, on_count, LUA_MASKCOUNT, 1); /* catching the error does not help */
  if (!reached->where[0]) note_place(L, activation, reached->where, sizeof reached->where);
  lua_pushfstring(L, "%s: %s", reached->where, ceiling_describe(reached->verdict));
  lua_error(L);
}

/* The second stage
 * ----------------------------------------------------------------------------------------------- */

/* A signal handler finds nothing else than this. */
static char last_words[512];
static size_t last_words_length;

static void on_timer(int number) {
  (void)number;
  ssize_t ignored = write(STDERR_FILENO, last_words, last_words_length);
  (void)ignored;
  _exit(1);
}

struct timer {
  bool armed;
  struct sigaction action;
  struct itimerval before;
};

static void arm(struct timer *timer, double seconds, const char *words) {
  static const char general[] =
      "code that may not run any longer cannot be stopped otherwise: the program ends";
  (void)snprintf(last_words, sizeof last_words - 1, "%s", words ? words : general);
  last_words_length = strlen(last_words);
  last_words[last_words_length++] = '\n';
  struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
  (void)sigemptyset(&action.sa_mask);
  double whole = floor(seconds);
  struct itimerval value = {
      .it_value = {.tv_sec = (time_t)whole, .tv_usec = (suseconds_t)((seconds - whole) * 1e6) + 1}};
  timer->armed =
      sigaction(SIGPROF, &action, &timer->action) == 0 && setitimer(ITIMER_PROF, &value, &timer->before) == 0;
}

static void disarm(const struct timer *timer) {
  static const struct itimerval nothing;
  if (!timer->armed) return;
  (void)setitimer(ITIMER_PROF, &nothing, NULL);
  (void)sigaction(SIGPROF, &timer->action, NULL);
}

/* The call
 * ------------------------------------------------------------------------------------------------------- */

static size_t lower(size_t one, size_t other) {
  if (one == 0 || other == 0) return one + other;
  return one < other ? one : other;
}

static struct limits inside(const struct limits *outer, const struct ceiling *ceiling, size_t used) {
  struct limits limits = *outer;
  limits.active = true;
  if (ceiling->instructions && (!outer->counts || ceiling->instructions < outer->instructions)) {
    limits.counts = true;
    limits.instructions = ceiling->instructions;
  }
  if (ceiling->memory) limits.memory = lower(outer->memory, used + ceiling->memory);
  if (ceiling->seconds > 0) {
    double deadline = processor_time() + ceiling->seconds;
    if (outer->deadline == 0 || deadline < outer->deadline) limits.deadline = deadline;
  }
  return limits;
}

/* Gives the outer call back what is left. Short inner calls run no hook, so each is charged a look; and the
 * outer hook, whose count begins anew, looks at once. */
static void leave(lua_State *L, struct allowance *allowance, const struct limits *outer, uint64_t used) {
  used += HOOK_INTERVAL;
  allowance->limits = *outer;
  allowance->limits.instructions -= used < outer->instructions ? used : outer->instructions;
  allowance->reached = (struct ceiling_outcome){.verdict = CEILING_KEPT}; /* found again at the next look */
  allowance->refusal = (struct refusal){0};
  allowance->interval = HOOK_INTERVAL;
  lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
}

int ceiling_call(lua_State *L, struct allowance *allowance, struct ceiling ceiling, int arguments,
                 int handler, struct ceiling_outcome *outcome) {
  struct limits outer = allowance->limits;
  lua_Hook hook = lua_gethook(L);
  int hook_mask = lua_gethookmask(L);
  int hook_count = lua_gethookcount(L);
  struct limits limits = inside(&outer, &ceiling, allowance->used);
  struct timer timer = {0};

  allowance->limits = limits;
  allowance->reached = (struct ceiling_outcome){.verdict = CEILING_KEPT};
  allowance->refusal = (struct refusal){0};
  allowance->crowded.where[0] = 0;
  allowance->interval = HOOK_INTERVAL;
  if (limits.counts && limits.instructions < HOOK_INTERVAL)
    allowance->interval = limits.instructions ? (int)limits.instructions : 1;
  lua_sethook(L, on_count, LUA_MASKCOUNT, allowance->interval);
  if (ceiling.seconds > 0 && outer.deadline == 0) arm(&timer, ceiling.seconds + patience, ceiling.last_words);
  int status = lua_pcall(L, arguments, LUA_MULTRET, handler);
  disarm(&timer);

  *outcome = allowance->reached;
  if (status == LUA_ERRMEM && allowance->refusal.pending && outcome->verdict == CEILING_KEPT)
    outcome->verdict = CEILING_MEMORY;
  if (outcome->verdict == CEILING_MEMORY && !outcome->where[0])
    memcpy(outcome->where, allowance->crowded.where, sizeof outcome->where);
  if (outer.active) {
    leave(L, allowance, &outer, limits.instructions - allowance->limits.instructions);
  } else {
    allowance->limits = outer;
    allowance->refusal = (struct refusal){0};
    lua_sethook(L, hook, hook_mask, hook_count);
  }
  return status;
}
