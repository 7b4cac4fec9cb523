/* starved.c: the program, except that its Lua gets no more memory once it received SIGUSR1, or once it asked
 * for some as often as STARVED_AFTER says. It tells on stderr how often it asked. */
#include "engine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static long asked;
static long enough;
static volatile sig_atomic_t starved;

static lua_Alloc inner;

static void on_signal(int number) {
  (void)number;
  starved = 1;
}

static void *allocate(void *data, void *block, size_t old_size, size_t new_size) {
  if (new_size > (block ? old_size : 0)) {
    if (++asked == enough) starved = 1;
    if (starved) return NULL;
  }
  return inner(data, block, old_size, new_size);
}

int main(int count, char **arguments) {
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGUSR1, on_signal);
  const char *after = getenv("STARVED_AFTER");
  enough = after ? strtol(after, NULL, 10) : 0;
  struct error err = {0};
  struct engine *engine = engine_new(&err);
  if (!engine) return 2;
  void *data = NULL;
  inner = lua_getallocf(engine_lua(engine), &data);
  lua_setallocf(engine_lua(engine), allocate, data); /* whose it is finds it there */
  int code = engine_run(engine, ENTRY_MODULE, count - 1, arguments + 1, &err);
  engine_free(engine);
  if (err.kind != ERROR_NONE) (void)fprintf(stderr, "starved: %s\n", err.message);
  (void)fprintf(stderr, "asked %ld times\n", asked);
  return code;
}
