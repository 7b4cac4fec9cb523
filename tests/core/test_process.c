#include "process.h"

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static uv_loop_t loop;

static void wait_ms(unsigned ms) { usleep(ms * 1000); }

static void on_end(void *data) { *(bool *)data = true; }

static const struct process_request plain = {.output_limit = 1 << 20};

/* Runs a shell line to its end. With a marker the loop begins to run, and to hear timers, only when the line
 * has made that file. */
static struct process *run_marked(const char *line, struct process_request request, const char *marker) {
  char *argv[] = {(char *)"sh", (char *)"-c", (char *)line, (char *)marker, NULL};
  struct error err = {0};
  bool ended = false;
  request.argv = argv;
  struct process *process = process_start(&loop, &request, on_end, &ended, &err);
  CHECK(process);
  while (process && marker && unlink(marker) != 0) wait_ms(1);
  while (process && !ended) uv_run(&loop, UV_RUN_ONCE);
  return process;
}

static struct process *run(const char *line, struct process_request request) {
  return run_marked(line, request, NULL);
}

static bool wrote(const struct buffer *buffer, const char *text) {
  return buffer->length == strlen(text) &&
         (buffer->length == 0 || memcmp(buffer->data, text, buffer->length) == 0);
}

static void test_capture(void) {
  struct process *process = run("echo out; echo err >&2; exit 3", plain);
  const struct process_result *result = process_result(process);
  CHECK(result->ending == PROCESS_EXITED && result->status == 3 && result->signal == 0);
  CHECK(wrote(&result->output, "out\n") && wrote(&result->errors, "err\n"));
  process_release(process);

  process = run("kill -9 $$", plain);
  CHECK(process_result(process)->signal == SIGKILL);
  process_release(process);
}

static void test_input(void) {
  enum { MUCH = 3 << 20 };
  char *input = malloc(MUCH);
  memset(input, 'x', MUCH);
  struct process_request request = {.input = input, .input_length = MUCH, .output_limit = MUCH};
  struct process *process = run("cat", request);
  CHECK(process_result(process)->output.length == MUCH);
  process_release(process);
  process = run("exit 0", request); /* does not read it */
  CHECK(process_result(process)->status == 0);
  process_release(process);
  request.input_length = 0;
  process = run("cat; echo end", request);
  CHECK(wrote(&process_result(process)->output, "end\n"));
  process_release(process);
  process = run("cat; echo end", plain); /* no input at all: /dev/null */
  CHECK(wrote(&process_result(process)->output, "end\n"));
  process_release(process);
  free(input);
}

static void test_surroundings(void) {
  char *env[] = {(char *)"PATH=/usr/bin:/bin", (char *)"ONLY=this", NULL};
  struct process_request request = {.env = env, .directory = "/", .output_limit = 4096};
  int leaked = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
  struct process *process =
      run("pwd; echo $ONLY$HOME; ls /proc/self/fd | wc -l; ps -o pgid= -p $$ >/dev/null; "
          "test $$ = $(cut -d' ' -f5 /proc/$$/stat) && echo leader",
          request);
  CHECK(
      wrote(&process_result(process)->output, "/\nthis\n4\nleader\n")); /* 0, 1, 2 and the directory itself */
  process_release(process);
  close(leaked);
}

/* A process that ended but was not waited for, as its parent did not, counts as gone. */
static bool alive(long pid) {
  char path[64];
  char line[256] = "";
  (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = pid > 0 ? fopen(path, "r") : NULL;
  if (!file) return false;
  const char *read = fgets(line, sizeof line, file);
  (void)fclose(file);
  const char *state = read ? strrchr(line, ')') : NULL;
  return state && state[2] != 'Z' && state[2] != 'X';
}

/* On a timeout the whole group goes, also those that do not listen to SIGTERM. */
static void test_timeout(void) {
  struct process_request request = {.timeout_ms = 300, .output_limit = 4096};
  char marker[64];
  (void)snprintf(marker, sizeof marker, "/tmp/test-process-%ld", (long)getpid());
  struct process *process = run_marked("sleep 60 & echo $!; : >$0; wait", request, marker);
  const struct process_result *result = process_result(process);
  CHECK(result->ending == PROCESS_TIMED_OUT);
  long pid = strtol(result->output.data ? result->output.data : "0", NULL, 10);
  for (int i = 0; i < 10000 && alive(pid); i++) wait_ms(1);
  CHECK(pid > 0 && !alive(pid));
  process_release(process);

  uint64_t start = uv_hrtime();
  process = run_marked("trap '' TERM; : >$0; while true; do sleep 1; done", request, marker);
  result = process_result(process);
  CHECK(result->ending == PROCESS_TIMED_OUT && result->signal == SIGKILL);
  CHECK(uv_hrtime() - start < 30000000000ULL);
  process_release(process);
}

static void test_too_much(void) {
  struct process_request request = {.output_limit = 1000};
  struct process *process = run("yes", request);
  CHECK(process_result(process)->ending == PROCESS_TOO_MUCH_OUTPUT);
  CHECK(process_result(process)->output.length <= 1000);
  process_release(process);
  process = run("yes >&2", request);
  CHECK(process_result(process)->ending == PROCESS_TOO_MUCH_OUTPUT);
  process_release(process);
}

/* A daemon that keeps the output open does not keep us. */
static void test_left_behind(void) {
  uint64_t start = uv_hrtime();
  struct process *process = run("echo out; sleep 60 & echo $!", plain);
  const struct process_result *result = process_result(process);
  CHECK(result->ending == PROCESS_EXITED && result->status == 0);
  CHECK(uv_hrtime() - start < 30000000000ULL);
  long pid = result->output.data ? strtol(result->output.data + 4, NULL, 10) : 0;
  CHECK(alive(pid));
  if (pid > 0) (void)kill((pid_t)pid, SIGKILL);
  process_release(process);
}

/* Released while it runs: ended, and never heard of again. */
static void test_release(void) {
  char *argv[] = {(char *)"sleep", (char *)"60", NULL};
  struct process_request request = plain;
  struct error err = {0};
  bool ended = false;
  request.argv = argv;
  struct process *process = process_start(&loop, &request, on_end, &ended, &err);
  CHECK(process);
  process_release(process);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(!ended);
}

static void test_refusals(void) {
  char *argv[] = {(char *)"/does/not/exist", NULL};
  struct process_request request = plain;
  struct error err = {0};
  request.argv = argv;
  CHECK(!process_start(&loop, &request, on_end, NULL, &err) && err.kind == ERROR_NOT_FOUND);
  argv[0] = (char *)"/etc/passwd";
  CHECK(!process_start(&loop, &request, on_end, NULL, &err) && err.kind == ERROR_DENIED);
  argv[0] = (char *)"true";
  request.directory = "/does/not/exist";
  request.input = "x";
  request.input_length = 1;
  CHECK(!process_start(&loop, &request, on_end, NULL, &err) && err.kind == ERROR_NOT_FOUND);
}

int main(void) {
  (void)signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&loop);
  test_capture();
  test_input();
  test_surroundings();
  test_timeout();
  test_too_much();
  test_left_behind();
  test_release();
  test_refusals();
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
  return check_report();
}
