/* process.h: runs another program: input in, output captured, ended with everything it started when its time
 * is up.
 *
 * The program is the leader of a process group of its own and inherits nothing but its three standard
 * streams. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include "buffer.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct process;

/* All of it is borrowed during process_start only. */
struct process_request {
  char **argv;           /* ends with NULL; argv[0] is looked up in PATH */
  char **env;            /* ends with NULL; NULL: the environment of this process */
  const char *directory; /* NULL: the present one */
  const void *input;     /* what it reads; NULL: nothing */
  size_t input_length;
  uint64_t timeout_ms; /* 0: none */
  size_t output_limit; /* bytes of standard output, and of standard error */
};

enum process_ending { PROCESS_EXITED, PROCESS_TIMED_OUT, PROCESS_TOO_MUCH_OUTPUT, PROCESS_OUT_OF_MEMORY };

struct process_result {
  enum process_ending ending;
  int status;           /* exit code; meaningless when ended by a signal */
  int signal;           /* 0: ended by itself */
  struct buffer output; /* what was captured, whatever the ending */
  struct buffer errors;
};

/* Calls `on_end(data)` once, from the loop, when the program and its output ended. NULL with `err` set when
 * it cannot be started: ERROR_NOT_FOUND, ERROR_DENIED, ERROR_MEMORY, ERROR_IO. */
struct process *process_start(uv_loop_t *loop, const struct process_request *request,
                              void (*on_end)(void *data), void *data, struct error *err);

/* Valid between on_end and process_release. */
const struct process_result *process_result(const struct process *process);

/* Before the end: on_end never comes, and the whole group is asked to end (SIGTERM), then made to (SIGKILL,
 * two seconds later). The loop frees the rest. */
void process_release(struct process *process);

#endif
