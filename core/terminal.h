/* terminal.h: facts about the three standard streams, whole writes, lines from standard input, hidden on
 * request.
 *
 * Standard input may be a terminal, a pipe, a socket or a file. Its flags are never changed: a terminal
 * shares them with other programs. */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include "buffer.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct terminal_facts {
  bool input; /* is it a terminal? */
  bool output;
  bool error;
  int columns; /* COLUMNS of the environment, else what the terminal says, else 80 */
  int rows;    /* LINES of the environment, else what the terminal says, else 24 */
};
struct terminal_facts terminal_facts(void);

/* Writes everything, waiting while the reader is slow. ERROR_NOT_FOUND when nobody reads any more (SIGPIPE
 * must be ignored), ERROR_IO when it cannot for another reason, such as a full disk. */
bool terminal_write(int fd, const void *bytes, size_t length, struct error *err);

/* Stops the echo of what is typed, until terminal_show, the end of the process, or a deadly signal. True
 * without effect when standard input is no terminal. Suspending (SIGTSTP) is impossible meanwhile. */
bool terminal_hide(struct error *err);
void terminal_show(void);
/* For a process that ends without what follows otherwise: echo and cursor are as before. */
void terminal_restore(void);
/* The same for what it still has to say: not at all where nobody takes it. */
void terminal_offer(int fd, const char *text, size_t length);

/* Lines of standard input. One a process: what it has read ahead is gone for others. */
struct terminal_reader;
enum { TERMINAL_LONGEST_LINE = 65536 };

struct terminal_reader *terminal_reader_new(uv_loop_t *loop, struct error *err);
/* Accepts NULL. The loop frees the rest. */
void terminal_reader_close(struct terminal_reader *reader);

enum terminal_state { TERMINAL_LINE, TERMINAL_WAIT, TERMINAL_END, TERMINAL_FAILED };

/* Appends the next line without its end, if it is there already; never blocks. The last line needs no end.
 * Bytes that were taken are wiped inside. TERMINAL_FAILED sets `err`. */
enum terminal_state terminal_take(struct terminal_reader *reader, struct buffer *line, struct error *err);

/* After TERMINAL_WAIT: calls `on_input(data)` once, when trying again makes sense. False when somebody waits
 * already (ERROR_LOCKED) or the loop refuses. */
bool terminal_wait(struct terminal_reader *reader, void (*on_input)(void *data), void *data,
                   struct error *err);
/* No longer. */
void terminal_stop(struct terminal_reader *reader);

#endif
