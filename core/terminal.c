#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct terminal_reader {
  uv_poll_t poll; /* first member; watches `watched` */
  int watched; /* an epoll of standard input, so that the loop changes flags there and not here; -1: a file */
  struct buffer pending;
  bool at_end;
  bool waiting;
  void (*on_input)(void *data);
  void *data; /* borrowed */
};

static int size_of_environment(const char *name) {
  const char *text = getenv(name);
  char *end = NULL;
  long size = text ? strtol(text, &end, 10) : 0;
  return text && *text && !*end && size > 0 && size <= 10000 ? (int)size : 0;
}

struct terminal_facts terminal_facts(void) {
  struct terminal_facts facts = {
      .input = isatty(STDIN_FILENO) == 1,
      .output = isatty(STDOUT_FILENO) == 1,
      .error = isatty(STDERR_FILENO) == 1,
      .columns = size_of_environment("COLUMNS"),
      .rows = size_of_environment("LINES"),
  };
  static const int streams[] = {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO};
  for (size_t i = 0; (facts.columns == 0 || facts.rows == 0) && i < sizeof streams / sizeof *streams; i++) {
    struct winsize size;
    if (ioctl(streams[i], TIOCGWINSZ, &size) != 0) continue;
    if (facts.columns == 0) facts.columns = size.ws_col;
    if (facts.rows == 0) facts.rows = size.ws_row;
  }
  if (facts.columns == 0) facts.columns = 80;
  if (facts.rows == 0) facts.rows = 24;
  return facts;
}

bool terminal_write(int fd, const void *bytes, size_t length, struct error *err) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t written = write(fd, at, length);
    if (written >= 0) {
      at += written;
      length -= (size_t)written;
    } else if (errno == EAGAIN) { /* another program made the terminal non-blocking */
      struct pollfd room = {.fd = fd, .events = POLLOUT};
      (void)poll(&room, 1, -1);
    } else if (errno != EINTR) {
      error_set(err, errno == EPIPE ? ERROR_NOT_FOUND : ERROR_IO, "cannot write: %s", strerror(errno));
      return false;
    }
  }
  return true;
}

/* Hidden input
 * ------------------------------------------------------------------------------------------------------- */

/* The only state here that is global: signal handlers and the end of the process must find it. */
static struct termios visible;
static volatile sig_atomic_t hidden;
static const int deadly[] = {SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
                             SIGALRM}; /* SIGINT and SIGTERM: the engine's */
enum { DEADLY = sizeof deadly / sizeof *deadly };
static struct sigaction actions_before[DEADLY];
static struct sigaction suspend_before;

static void show(void) {
  if (!hidden) return;
  hidden = 0;
  (void)tcsetattr(STDIN_FILENO, TCSANOW, &visible); /* waits for nothing: the output may be stopped */
}

static void on_deadly(int number) {
  show();
  (void)signal(number, SIG_DFL);
  (void)raise(number);
}

bool terminal_hide(struct error *err) {
  static bool at_exit;
  if (hidden || isatty(STDIN_FILENO) != 1) return true;
  if (!at_exit) at_exit = atexit(show) == 0;
  struct termios settings;
  if (!at_exit || tcgetattr(STDIN_FILENO, &visible) != 0) {
    error_set(err, ERROR_IO, "cannot hide what is typed: %s", strerror(errno));
    return false;
  }
  struct sigaction action = {.sa_handler = on_deadly};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  (void)sigemptyset(&action.sa_mask);
  hidden = 1; /* before it is true: a signal in between restores too much, which is harmless */
  for (size_t i = 0; i < DEADLY; i++) (void)sigaction(deadly[i], &action, &actions_before[i]);
  (void)sigaction(SIGTSTP, &ignore, &suspend_before);
  settings = visible;
  settings.c_lflag &= ~(tcflag_t)ECHO;
  if (tcsetattr(STDIN_FILENO, TCSADRAIN, &settings) != 0) {
    error_set(err, ERROR_IO, "cannot hide what is typed: %s", strerror(errno));
    terminal_show();
    return false;
  }
  return true;
}

void terminal_show(void) {
  if (!hidden) return;
  show();
  for (size_t i = 0; i < DEADLY; i++) (void)sigaction(deadly[i], &actions_before[i], NULL);
  (void)sigaction(SIGTSTP, &suspend_before, NULL);
}

void terminal_restore(void) {
  static const char cursor[] = "\033[?25h";
  show();
  if (isatty(STDOUT_FILENO) == 1) terminal_offer(STDOUT_FILENO, cursor, sizeof cursor - 1);
}

void terminal_offer(int fd, const char *text, size_t length) {
  enum { PATIENCE_MS = 100 };
  struct pollfd taker = {.fd = fd, .events = POLLOUT};
  if (poll(&taker, 1, PATIENCE_MS) != 1 || !(taker.revents & POLLOUT)) return;
  ssize_t ignored = write(fd, text, length);
  (void)ignored;
}

/* Lines
 * --------------------------------------------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle) {
  struct terminal_reader *reader = (struct terminal_reader *)handle;
  close(reader->watched);
  free(reader);
}

void terminal_reader_close(struct terminal_reader *reader) {
  if (!reader) return;
  buffer_wipe(&reader->pending);
  if (reader->watched >= 0) {
    uv_close((uv_handle_t *)&reader->poll, on_closed);
  } else {
    free(reader);
  }
}

struct terminal_reader *terminal_reader_new(uv_loop_t *loop, struct error *err) {
  struct terminal_reader *reader = calloc(1, sizeof *reader);
  if (!reader) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  struct epoll_event event = {.events = EPOLLIN};
  reader->watched = epoll_create1(EPOLL_CLOEXEC);
  if (reader->watched >= 0 && epoll_ctl(reader->watched, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) {
    close(reader->watched); /* a file, which is always ready */
    reader->watched = -1;
  }
  if (reader->watched >= 0 && uv_poll_init(loop, &reader->poll, reader->watched) != 0) {
    error_set(err, ERROR_IO, "cannot wait for input");
    close(reader->watched);
    free(reader);
    return NULL;
  }
  return reader;
}

/* Moves what lies before `end` to the line and forgets `skip` bytes more. */
static enum terminal_state hand_over(struct terminal_reader *reader, size_t end, size_t skip,
                                     struct buffer *line, struct error *err) {
  struct buffer *pending = &reader->pending;
  size_t length = end > 0 && skip > 0 && pending->data[end - 1] == '\r' ? end - 1 : end;
  bool ok = buffer_append(line, pending->data, length);
  size_t rest = pending->length - end - skip;
  memmove(pending->data, pending->data + end + skip, rest);
  explicit_bzero(pending->data + rest, pending->length - rest);
  pending->length = rest;
  if (ok) return TERMINAL_LINE;
  error_set(err, ERROR_MEMORY, "out of memory");
  return TERMINAL_FAILED;
}

/* Reads once if that does not block. False when it would. */
static bool read_more(struct terminal_reader *reader, struct error *err) {
  char block[4096];
  struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&ready, 1, 0) == 0) return false;
  ssize_t got = read(STDIN_FILENO, block, sizeof block);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got < 0 && errno != EIO) error_set(err, ERROR_IO, "cannot read input: %s", strerror(errno));
  reader->at_end = got <= 0; /* EIO: the terminal is gone */
  if (got > 0 && !buffer_append(&reader->pending, block, (size_t)got))
    error_set(err, ERROR_MEMORY, "out of memory");
  explicit_bzero(block, sizeof block);
  return true;
}

enum terminal_state terminal_take(struct terminal_reader *reader, struct buffer *line, struct error *err) {
  struct buffer *pending = &reader->pending;
  struct error reason = {0};
  if (!buffer_reserve(pending, TERMINAL_LONGEST_LINE + 4096)) { /* it never moves: no stale copies */
    error_set(err, ERROR_MEMORY, "out of memory");
    return TERMINAL_FAILED;
  }
  for (;;) {
    const char *end = memchr(pending->data, '\n', pending->length);
    if (end) return hand_over(reader, (size_t)(end - pending->data), 1, line, err);
    if (reader->at_end && pending->length > 0) return hand_over(reader, pending->length, 0, line, err);
    if (reader->at_end) return TERMINAL_END;
    if (pending->length > TERMINAL_LONGEST_LINE) {
      error_set(err, ERROR_LIMIT, "a line of input is too long");
      return TERMINAL_FAILED;
    }
    if (!read_more(reader, &reason)) return TERMINAL_WAIT;
    if (reason.kind != ERROR_NONE) {
      if (err) *err = reason;
      return TERMINAL_FAILED;
    }
  }
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  struct terminal_reader *reader = (struct terminal_reader *)poll;
  (void)status;
  (void)events;
  terminal_stop(reader);
  reader->on_input(reader->data);
}

bool terminal_wait(struct terminal_reader *reader, void (*on_input)(void *data), void *data,
                   struct error *err) {
  if (reader->waiting) {
    error_set(err, ERROR_LOCKED, "input is being waited for already");
    return false;
  }
  reader->on_input = on_input;
  reader->data = data;
  if (reader->watched < 0 || uv_poll_start(&reader->poll, UV_READABLE, on_ready) != 0) {
    error_set(err, ERROR_IO, "cannot wait for input");
    return false;
  }
  reader->waiting = true;
  return true;
}

void terminal_stop(struct terminal_reader *reader) {
  if (!reader->waiting) return;
  reader->waiting = false;
  (void)uv_poll_stop(&reader->poll);
}
