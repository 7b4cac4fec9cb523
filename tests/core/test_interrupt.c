/* Signals, and how a program ends that does not listen to them. */
#include "interrupt.h"

#include "check.h"
#include "engine.h"
#include "file.h"
#include "program.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/test-interrupt-XXXXXX";

enum { MOST = 4 };
static atomic_bool sending; /* signals of this process to itself */

struct signals {
  int count;
  int after_ms[MOST]; /* after the one before */
  int numbers[MOST];
};

static void *send_signals(void *argument) {
  struct signals *signals = argument;
  for (int i = 0; i < signals->count; i++) {
    (void)usleep((useconds_t)signals->after_ms[i] * 1000);
    (void)kill(getpid(), signals->numbers[i]);
  }
  free(signals);
  atomic_store(&sending, false);
  return NULL;
}

/* signals(ms, number, ms, number, ...): from another thread, while the caller goes on. A busy machine may
 * bring two of them so close together that they count as one. */
static int start_signals(lua_State *L) {
  struct signals *signals = calloc(1, sizeof *signals); /* the thread's */
  pthread_t thread;
  if (!CHECK(signals != NULL)) return 0;
  for (int i = 1; i < lua_gettop(L) && signals->count < MOST; i += 2) {
    signals->after_ms[signals->count] = (int)lua_tointeger(L, i);
    signals->numbers[signals->count++] = (int)lua_tointeger(L, i + 1);
  }
  atomic_store(&sending, true);
  lua_pushboolean(L,
                  pthread_create(&thread, NULL, send_signals, signals) == 0 && pthread_detach(thread) == 0);
  return 1;
}

/* busy(ms): the loop does not run meanwhile, nor before all signals that were begun have come */
static int be_busy(lua_State *L) {
  uint64_t end = uv_hrtime() + (uint64_t)luaL_checkinteger(L, 1) * 1000000;
  while (uv_hrtime() < end || atomic_load(&sending)) (void)usleep(1000);
  return 0;
}

static const char prelude[] =
    "local core = require 'core'\n"
    "local function arm(name)\n"
    "  return assert(core.farewell_file({path = directory .. '/' .. name, guard = directory .. '/guard',\n"
    "    bytes = 'released', present = core.hex(core.digest('sha256', 'held'))}))\n"
    "end\n";

static void prepare(lua_State *L) {
  lua_register(L, "signals", start_signals);
  lua_register(L, "busy", be_busy);
  lua_pushstring(L, directory);
  lua_setglobal(L, "directory");
}

static const char *path_of(const char *name) {
  static char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

/* Runs a program in a process of its own; its exit status, and what it wrote to stderr. The file "lock" holds
 * "held" when it begins. */
static int run_apart(const char *code, char *said, size_t size) {
  int ends[2];
  size_t length = 0;
  int status = 0;
  if (!CHECK(pipe(ends) == 0) || !CHECK(file_write(path_of("lock"), "held", 4, FILE_PRIVATE, NULL)))
    return -1;
  pid_t child = fork();
  if (child == 0) {
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    struct error err;
    _exit(program_run(prelude, code, prepare, &err));
  }
  (void)close(ends[1]);
  for (ssize_t got = 1; got > 0; length += got > 0 ? (size_t)got : 0)
    got = read(ends[0], said + length, size - 1 - length);
  said[length] = '\0';
  (void)close(ends[0]);
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool is_released(void) {
  struct buffer content = {0};
  bool same = file_read(path_of("lock"), &content, NULL) && strcmp(content.data, "released") == 0;
  buffer_free(&content);
  return same;
}

static const char line[] =
    "interrupted again, but the code that runs does not return: the program ends without it\n";

static void test_deaf(void) {
  static const struct {
    const char *code;
    int status;
  } cases[] = {
      {"arm('lock') signals(20, 15, 100, 15, 200, 15) while true do pcall(error) end", 143},
      {"arm('lock') signals(20, 2, 100, 1, 200, 1); (('a'):rep(99)):find(('a*'):rep(99) .. 'b')", 129},
      /* the first one was heard; in a coroutine */
      {"arm('lock') core.spawn(function() core.interrupt() signals(1, 2, 100, 2, 200, 2) "
       "coroutine.wrap(function() while true do end end)() end) signals(1, 2) core.sleep(60000)",
       130},
      /* when everything else has ended */
      {"arm('lock') keep = setmetatable({}, {__gc = function() signals(1, 2, 100, 2, 200, 2) while true do "
       "end end})",
       130},
      /* it goes on with farewells meanwhile */
      {"arm('lock') signals(20, 2, 100, 2, 200, 2) while true do arm('other'):withdraw() end", 130},
  };
  char said[4096];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(run_apart(cases[i].code, said, sizeof said) == cases[i].status);
    CHECK_TEXT(said, line);
    CHECK(is_released());
  }
}

/* Whoever comes back to the loop in time has heard one signal. */
static void test_slow(void) {
  char said[4096];
  CHECK(
      run_apart("local count = 0 core.spawn(function() while core.interrupt() do count = count + 1 end end) "
                "core.sleep(1) signals(10, 2, 60, 2, 1, 15) busy(200) core.sleep(450) return count",
                said, sizeof said) == 1);
  CHECK_TEXT(said, "");
  /* tools signal the process and then its group: that is one, however long it takes */
  CHECK(run_apart("signals(1, 2, 0, 2) busy(600) return core.sleep(60000) and 1 or 7", said, sizeof said) ==
        7);
  CHECK_TEXT(said, "");
  /* repeated, but heard: what came later stands alone */
  CHECK(run_apart("core.spawn(function() core.interrupt() busy(600) end) signals(1, 2, 200, 2) "
                  "return core.sleep(60000) and 1 or 8",
                  said, sizeof said) == 8);
  CHECK_TEXT(said, "");
}

/* Another process that holds the guard of the files for so long. */
static pid_t hold_guard(useconds_t microseconds) {
  int ends[2];
  char byte = 0;
  if (!CHECK(pipe(ends) == 0)) return -1;
  pid_t child = fork();
  if (child == 0) {
    struct file_lock *guard = file_lock_acquire(path_of("guard"), NULL);
    (void)(write(ends[1], "x", 1) == 1 && usleep(microseconds) == 0);
    file_lock_release(guard);
    _exit(0);
  }
  CHECK(child > 0 && read(ends[0], &byte, 1) == 1);
  (void)close(ends[0]);
  (void)close(ends[1]);
  return child;
}

/* The main thread gets back to the loop, and no further, while the program is being ended. */
static void test_stands_still(void) {
  char said[4096];
  pid_t holder = hold_guard(1200000);
  CHECK(run_apart(
            "arm('lock') core.spawn(function() core.sleep(1) core.file_write(directory .. '/after', '') end) "
            "signals(1, 2, 100, 2, 200, 2) busy(900) core.sleep(60000)",
            said, sizeof said) == 130);
  CHECK_TEXT(said, line);
  CHECK(is_released() && access(path_of("after"), F_OK) != 0);
  CHECK(waitpid(holder, NULL, 0) == holder);
}

/* What the code that does not return withdraws while farewells are said may be gone already. */
static void test_withdrawn_meanwhile(void) {
  char said[4096];
  pid_t holder = hold_guard(1500000);
  CHECK(file_write(path_of("two"), "held", 4, FILE_PRIVATE, NULL));
  CHECK(run_apart("arm('lock')\n"
                  "local two = assert(core.farewell_file({path = directory .. '/two', guard = directory .. "
                  "'/guard2',\n"
                  "  bytes = 'released', present = core.hex(core.digest('sha256', 'held'))}))\n"
                  "signals(20, 15, 100, 15, 200, 15) busy(1200) two:withdraw() while true do end",
                  said, sizeof said) == 143);
  CHECK_TEXT(said, line);
  CHECK(is_released());
  CHECK(waitpid(holder, NULL, 0) == holder);
}

/* Nobody reads what the program says last: it ends all the same. */
static void test_full(void) {
  int ends[2];
  int status = 0;
  char block[4096] = {0};
  if (!CHECK(pipe(ends) == 0)) return;
  CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  while (write(ends[1], block, sizeof block) > 0) {
  }
  CHECK(fcntl(ends[1], F_SETFL, 0) == 0);
  pid_t child = fork();
  if (child == 0) {
    struct error err;
    (void)dup2(ends[1], STDERR_FILENO);
    _exit(program_run(prelude, "signals(1, 2, 100, 2, 200, 2) while true do end", prepare, &err));
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 130);
  (void)close(ends[0]);
  (void)close(ends[1]);
}

int main(void) {
  if (!CHECK(mkdtemp(directory))) return check_report();
  test_deaf();
  test_slow();
  test_stands_still();
  test_withdrawn_meanwhile();
  test_full();
  for (const char *const *name = (const char *const[]){"lock", "guard", "two", "guard2", NULL}; *name; name++)
    (void)unlink(path_of(*name));
  CHECK(rmdir(directory) == 0);
  return check_report();
}
