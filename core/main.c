/* main.c: arguments in, exit code out. Everything the program knows is Lua; see lua/. */
#include "engine.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Secrets pass through memory: a crash must not write them to disk. */
static void forbid_core_dumps(void) {
  const struct rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0);
}

int main(int count, char **arguments) {
  forbid_core_dumps();
  (void)signal(SIGPIPE, SIG_IGN); /* a closed connection or pipe is an error code, not a death */

  struct error err = {0};
  struct engine *engine = engine_new(&err);
  int code = engine ? engine_run(engine, ENTRY_MODULE, count - 1, arguments + 1, &err) : 1;
  engine_free(engine);
  if (err.kind != ERROR_NONE) (void)fprintf(stderr, "%s: %s\n", PROGRAM_NAME, err.message);
  return code;
}
