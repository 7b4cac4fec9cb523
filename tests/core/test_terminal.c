#include "terminal.h"

#include "check.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static uv_loop_t loop;

static void on_input(void *data) { *(bool *)data = true; }

/* Makes `fd` the standard input. */
static void take_input(int fd) {
  dup2(fd, STDIN_FILENO);
  close(fd);
}

static bool next_is(struct terminal_reader *reader, enum terminal_state state, const char *text) {
  struct buffer line = {0};
  struct error err = {0};
  bool ok = terminal_take(reader, &line, &err) == state && strcmp(line.data ? line.data : "", text) == 0;
  buffer_free(&line);
  return ok;
}

static void wait_for_input(struct terminal_reader *reader) {
  struct error err = {0};
  bool woken = false;
  CHECK(terminal_wait(reader, on_input, &woken, &err));
  CHECK(!terminal_wait(reader, on_input, &woken, &err) && err.kind == ERROR_LOCKED);
  while (!woken && uv_run(&loop, UV_RUN_ONCE)) continue;
  CHECK(woken);
}

static void finish(struct terminal_reader *reader) {
  terminal_reader_close(reader);
  uv_run(&loop, UV_RUN_DEFAULT);
}

static void test_pipe(void) {
  struct error err = {0};
  int ends[2];
  CHECK(pipe(ends) == 0);
  take_input(ends[0]);
  struct terminal_reader *reader = terminal_reader_new(&loop, &err);
  CHECK(reader && next_is(reader, TERMINAL_WAIT, ""));
  CHECK(write(ends[1], "one\ntwo\r\n\nthr", 13) == 13);
  wait_for_input(reader);
  CHECK(next_is(reader, TERMINAL_LINE, "one") && next_is(reader, TERMINAL_LINE, "two"));
  CHECK(next_is(reader, TERMINAL_LINE, "") && next_is(reader, TERMINAL_WAIT, ""));
  CHECK((fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK) == 0);
  CHECK(write(ends[1], "ee", 2) == 2);
  close(ends[1]);
  wait_for_input(reader);
  CHECK(next_is(reader, TERMINAL_LINE, "three") && next_is(reader, TERMINAL_END, ""));
  CHECK(next_is(reader, TERMINAL_END, ""));
  finish(reader);
}

static void test_too_long(void) {
  struct error err = {0};
  int ends[2];
  static char much[TERMINAL_LONGEST_LINE];
  memset(much, 'x', sizeof much);
  FILE *file = tmpfile();
  for (int i = 0; i < 2; i++) CHECK(file && fwrite(much, 1, sizeof much, file) == sizeof much);
  CHECK(file && fflush(file) == 0 && lseek(fileno(file), 0, SEEK_SET) == 0);
  take_input(dup(fileno(file)));
  struct terminal_reader *reader = terminal_reader_new(&loop, &err);
  struct buffer line = {0};
  CHECK(terminal_take(reader, &line, &err) == TERMINAL_FAILED && err.kind == ERROR_LIMIT);
  buffer_free(&line);
  finish(reader);
  (void)fclose(file);
  CHECK(pipe(ends) == 0); /* the other direction: reading what cannot be read */
  take_input(ends[1]);
  reader = terminal_reader_new(&loop, &err);
  CHECK(reader && terminal_take(reader, &line, &err) != TERMINAL_LINE);
  buffer_free(&line);
  finish(reader);
  close(ends[0]);
}

static void test_file(void) {
  struct error err = {0};
  FILE *file = tmpfile();
  CHECK(file && fputs("one\ntwo", file) >= 0 && fflush(file) == 0 && lseek(fileno(file), 0, SEEK_SET) == 0);
  take_input(dup(fileno(file)));
  struct terminal_reader *reader = terminal_reader_new(&loop, &err);
  CHECK(next_is(reader, TERMINAL_LINE, "one") && next_is(reader, TERMINAL_LINE, "two"));
  CHECK(next_is(reader, TERMINAL_END, ""));
  CHECK(terminal_hide(&err)); /* no terminal: nothing to hide */
  finish(reader);
  (void)fclose(file);
  take_input(open("/dev/null", O_RDONLY));
  reader = terminal_reader_new(&loop, &err);
  CHECK(next_is(reader, TERMINAL_END, ""));
  finish(reader);
}

/* A slow reader behind a non-blocking pipe gets everything; a gone one is an error. */
static void test_write(void) {
  enum { MUCH = 500000 };
  struct error err = {0};
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    static char block[4096];
    size_t total = 0;
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], block, sizeof block)) > 0; usleep(100)) total += (size_t)got;
    _exit(total == MUCH ? 0 : 1);
  }
  close(ends[0]);
  CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  char *bytes = calloc(MUCH, 1);
  CHECK(terminal_write(ends[1], bytes, MUCH, &err));
  free(bytes);
  close(ends[1]);
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);

  CHECK(pipe(ends) == 0);
  close(ends[0]);
  CHECK(!terminal_write(ends[1], "x", 1, &err) && err.kind == ERROR_NOT_FOUND);
  close(ends[1]);
}

static bool echoes(int master) {
  struct termios settings;
  return tcgetattr(master, &settings) == 0 && (settings.c_lflag & ECHO) != 0;
}

enum way { SHOW, EXIT, HANG_UP, QUIT, SUSPEND };

/* In a terminal of its own: hides, tells so, and then goes on in one of the ways. */
static void hide_and(enum way way, int told, int seen) {
  struct error err = {0};
  if (!terminal_facts().input || !terminal_hide(&err) || !terminal_hide(&err)) _exit(9);
  char mark = 0;
  (void)!write(told, "x", 1);
  if (read(seen, &mark, 1) != 1) _exit(9);
  if (way == SHOW) terminal_show();
  if (way == EXIT) exit(7); /* NOLINT(concurrency-mt-unsafe) */
  if (way == HANG_UP) (void)raise(SIGHUP);
  if (way == QUIT) (void)raise(SIGQUIT);
  if (way == SUSPEND) {
    (void)raise(SIGTSTP); /* has no effect: the shell would show what is typed next */
    terminal_show();
  }
  (void)!write(told, "y", 1);
  pause();
}

static void test_hidden(enum way way, int exit_code, int signal_number) {
  int told[2];
  int seen[2];
  int master = -1;
  char mark = 0;
  int status = 0;
  CHECK(pipe(told) == 0 && pipe(seen) == 0);
  int slave = -1;
  CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
  CHECK(echoes(slave));
  pid_t child = fork();
  if (child == 0) {
    setsid();
    dup2(slave, STDIN_FILENO);
    hide_and(way, told[1], seen[0]);
    _exit(8);
  }
  close(told[1]);
  CHECK(read(told[0], &mark, 1) == 1 && mark == 'x');
  CHECK(!echoes(slave));
  CHECK(write(seen[1], "x", 1) == 1);
  if (way == SHOW || way == SUSPEND) {
    CHECK(read(told[0], &mark, 1) == 1 && mark == 'y');
    CHECK(echoes(slave));
    (void)kill(child, SIGKILL);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(echoes(slave));
  if (exit_code) CHECK(WIFEXITED(status) && WEXITSTATUS(status) == exit_code);
  if (signal_number) CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
  close(told[0]);
  close(seen[0]);
  close(seen[1]);
  close(slave);
  close(master);
}

static void test_facts(void) {
  take_input(open("/dev/null", O_RDONLY));
  CHECK(!terminal_facts().input);
  CHECK(setenv("COLUMNS", "123", 1) == 0 && terminal_facts().columns == 123);
  CHECK(setenv("COLUMNS", "12x", 1) == 0 && terminal_facts().columns > 0 && terminal_facts().columns != 12);
  CHECK(unsetenv("COLUMNS") == 0);
  int master = -1;
  int slave = -1;
  struct winsize size = {.ws_col = 55, .ws_row = 20};
  CHECK(openpty(&master, &slave, NULL, NULL, &size) == 0);
  int kept = dup(STDOUT_FILENO);
  dup2(slave, STDOUT_FILENO);
  struct terminal_facts facts = terminal_facts();
  dup2(kept, STDOUT_FILENO);
  CHECK(facts.output && facts.columns == 55);
  close(kept);
  close(master);
  close(slave);
}

int main(void) {
  (void)signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&loop);
  test_facts();
  test_write();
  test_pipe();
  test_file();
  test_too_long();
  test_hidden(SHOW, 0, SIGKILL);
  test_hidden(EXIT, 7, 0);
  test_hidden(HANG_UP, 0, SIGHUP);
  test_hidden(QUIT, 0, SIGQUIT);
  test_hidden(SUSPEND, 0, SIGKILL);
  CHECK(uv_loop_close(&loop) == 0);
  return check_report();
}
