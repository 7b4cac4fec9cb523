/* What is done last when a program ends in whatever way: it fails, is interrupted, runs out of memory, breaks
 * Lua. */
#include "farewell.h"

#include "check.h"
#include "engine.h"
#include "file.h"
#include "http_peer.h"
#include "program.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct http_peer peer;
static char directory[] = "/tmp/test-farewell-XXXXXX";

/* An allocator that gives nothing more from a moment on. */
static struct hunger {
  lua_Alloc allocate;
  bool starved;
} hunger;

static void *allocate(void *data, void *block, size_t old_size, size_t new_size) {
  if (hunger.starved && new_size > (block ? old_size : 0)) return NULL;
  return hunger.allocate(data, block, old_size, new_size);
}

static int starve(lua_State *L) {
  (void)L;
  hunger.starved = true;
  return 0;
}

/* How many requests reached the peer. */
static int arrived(lua_State *L) {
  lua_pushinteger(L, atomic_load(&peer.requests));
  return 1;
}

static int send_signal(lua_State *L) {
  lua_pushboolean(L, raise((int)luaL_checkinteger(L, 1)) == 0);
  return 1;
}

static void on_break(uv_timer_t *timer) { (void)lua_error(timer->data); }

/* From the loop, an error that nothing protects: Lua panics. */
static int break_lua(lua_State *L) {
  static uv_timer_t timer;
  struct engine *engine = engine_from(L);
  lua_State *main = engine_lua(engine);
  lua_pushliteral(main, "broken");
  timer.data = main;
  (void)uv_timer_init(engine_loop(engine), &timer);
  (void)uv_timer_start(&timer, on_break, 1, 0);
  return 0;
}

static const char prelude[] =
    "local core = require 'core'\n"
    "local function arm(key, more)\n"
    "  local options = {method = 'PUT', endpoint = 'http://127.0.0.1:' .. port, region = 'here', bucket = "
    "key,\n"
    "    path_style = true, access_key = 'AK', secret_key = 'SK', body = 'farewell', headers = {['if-match'] "
    "= 'e1'}}\n"
    "  for name, value in pairs(more or {}) do options[name] = value end\n"
    "  return assert(core.farewell_s3(options))\n"
    "end\n"
    "local before = arrived()\n"
    "local function await(count) while arrived() < before + count do core.sleep(1) end end\n"
    "local function arm_file(name, present, more)\n"
    "  local options = {path = directory .. '/' .. name, guard = directory .. '/guard', bytes = 'new',\n"
    "    present = core.hex(core.digest('sha256', present))}\n"
    "  for key, value in pairs(more or {}) do options[key] = value end\n"
    "  return assert(core.farewell_file(options))\n"
    "end\n";

static void prepare(lua_State *L) {
  hunger.starved = false;
  void *data = NULL;
  hunger.allocate = lua_getallocf(L, &data);
  lua_setallocf(L, allocate, data);
  lua_register(L, "signal", send_signal);
  lua_register(L, "arrived", arrived);
  lua_register(L, "starve", starve);
  lua_register(L, "break_lua", break_lua);
  lua_pushinteger(L, peer.port);
  lua_setglobal(L, "port");
  lua_pushstring(L, directory);
  lua_setglobal(L, "directory");
}

/* `requests` counts what reached the peer. */
static int run(const char *code, struct error *err, int *requests) {
  int before = atomic_load(&peer.requests);
  int exit_code = program_run(prelude, code, prepare, err);
  *requests = atomic_load(&peer.requests) - before;
  return exit_code;
}

static bool got_farewell(void) {
  return http_peer_got(&peer, "PUT /echo HTTP/1.1\r\n") && http_peer_got(&peer, "\r\nif-match: e1\r\n") &&
         http_peer_got(&peer, "\r\nauthorization: AWS4-HMAC-SHA256 Credential=AK/") &&
         http_peer_got(&peer, "\r\n\r\nfarewell");
}

static void test_ends(void) {
  struct error err;
  int requests = 0;
  CHECK(run("arm('echo') return 3", &err, &requests) == 3 && requests == 1 && got_farewell());
  CHECK(run("arm('echo'):withdraw() return 4", &err, &requests) == 4 && requests == 0);
  CHECK(run("local f = arm('echo') f:withdraw() f:withdraw() collectgarbage() return 5", &err, &requests) ==
        5);
  CHECK(run("arm('echo') collectgarbage() arm('echo') return 6", &err, &requests) == 6 && requests == 2);
  CHECK(run("arm('echo') error('boom')", &err, &requests) == 1 && requests == 1 && got_farewell());
  CHECK(strstr(err.message, "boom"));
}

static void test_answers(void) {
  struct error err;
  int requests = 0;
  CHECK(run("arm('fixed', {key = 'refused'}) return 0", &err, &requests) == 0 && requests == 1);
  CHECK(run("arm('busy') return 0", &err, &requests) == 0 && requests == 2);
  CHECK(run("return core.farewell_s3 {endpoint = 'no', region = 'r', access_key = 'a', secret_key = 's'} and "
            "0 or 7",
            &err, &requests) == 7);
  CHECK(run("arm('echo', {query = {{'a', 'b'}}})", &err, &requests) == 1 && strstr(err.message, "no query"));
}

/* What is in flight ends before. */
static void test_interrupted(void) {
  struct error err;
  int requests = 0;
  CHECK(run("arm('echo') core.spawn(function() await(1) signal(15) end) core.http {url = 'http://127.0.0.1:' "
            ".. port .. '/hang'} error({message "
            "= ''})",
            &err, &requests) == 143);
  CHECK(requests == 2 && got_farewell());
  CHECK(run("arm('echo') for i = 1, 9 do core.spawn(core.http, {url = 'http://127.0.0.1:' .. port .. "
            "'/hang'}) end "
            "await(9) signal(2) core.interrupt() signal(2) core.interrupt() return 8",
            &err, &requests) == 8);
  CHECK(requests == 10 && got_farewell());
}

static void test_without_memory(void) {
  struct error err;
  int requests = 0;
  CHECK(run("arm('echo') starve() local t = {} for i = 1, 1e6 do t[i] = {} end", &err, &requests) == 1);
  CHECK_TEXT(err.message, "not enough memory");
  CHECK(requests == 1 && got_farewell());
  /* tasks that wait, clean up and spawn, all without memory */
  CHECK(run("arm('echo') for i = 1, 20 do core.spawn(function() "
            "local _ <close> = setmetatable({}, {__close = function() local text = ('x'):rep(1000 + i) "
            "core.sleep(1) end}) "
            "while true do core.http {url = 'http://127.0.0.1:' .. port .. '/hang'} core.spawn(core.sleep, "
            "1) end end) end "
            "await(20) starve() local _ <close> = setmetatable({}, {__close = function() core.sleep(1) "
            "end}) "
            "pcall(string.rep, 'x', 1e6) core.spawn(function() end) return 0",
            &err, &requests) == 1);
  CHECK_TEXT(err.message, "not enough memory");
  CHECK(requests == 21 && got_farewell());
  /* nobody tells the one who waits for the task that died */
  CHECK(run("arm('echo') local event = core.event() core.spawn(function() core.sleep(1) starve() return {}, "
            "event:set() "
            "end) core.spawn(core.sleep, 60000) while true do event:wait() end",
            &err, &requests) == 1);
  CHECK_TEXT(err.message, "not enough memory");
  CHECK(requests == 1 && got_farewell());
  /* an error whose description needs memory */
  CHECK(run("arm('echo') local object = setmetatable({}, {}) starve() error(1)", &err, &requests) == 1);
  CHECK(requests == 1 && got_farewell());
  CHECK(run("arm('echo') local told = {message = 'told'} starve() error(told)", &err, &requests) == 1);
  CHECK(requests == 1 && got_farewell());
}

/* Runs what ends its process, in one of its own; the exit code. */
static int run_apart(const char *code) {
  pid_t child = fork();
  if (child == 0) {
    struct error err;
    int requests = 0;
    int output = open("/dev/null", O_WRONLY);
    (void)dup2(output, STDERR_FILENO);
    (void)run(code, &err, &requests);
    _exit(99);
  }
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_without_lua(void) {
  int before = atomic_load(&peer.requests);
  CHECK(run_apart("arm('echo') break_lua() core.sleep(60000)") == 1);
  CHECK(atomic_load(&peer.requests) == before + 1 && got_farewell());
  CHECK(
      run_apart("arm('echo') core.spawn(core.exec, {argv = {'sh', '-c', 'for i in 1 2 3; do sleep 0.1; kill "
                "-TERM $PPID; done'}}) core.sleep(1) while true do end") == 143);
  CHECK(atomic_load(&peer.requests) == before + 2 && got_farewell());
}

static const char *path_of(const char *name) {
  static char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static bool holds(const char *name, const char *expected) {
  struct buffer content = {0};
  bool same = file_read(path_of(name), &content, NULL) && strcmp(content.data, expected) == 0;
  buffer_free(&content);
  return same;
}

static void *release_later(void *lock) {
  (void)usleep(200000);
  file_lock_release(lock);
  return NULL;
}

static void test_files(void) {
  struct error err;
  struct stat facts;
  int requests = 0;
  CHECK(file_write(path_of("one"), "old", 3, FILE_PRIVATE, &err));
  CHECK(file_write(path_of("two"), "mine no more", 12, FILE_PRIVATE, &err));
  CHECK(file_write(path_of("left"), "", 0, FILE_PRIVATE, &err));
  CHECK(file_write(path_of("kept"), "", 0, FILE_PRIVATE, &err));
  CHECK(run("arm_file('one', 'old', {leftover = directory .. '/left'}) arm_file('none', 'old') "
            "arm_file('two', 'old', {leftover = directory .. '/kept'}) starve() return ('x'):rep(1e6)",
            &err, &requests) == 1);
  CHECK(holds("one", "new") && holds("two", "mine no more"));
  CHECK(stat(path_of("none"), &facts) != 0 && stat(path_of("left"), &facts) != 0);
  CHECK(stat(path_of("kept"), &facts) == 0);

  struct file_lock *guard = file_lock_acquire(path_of("guard"), &err);
  pthread_t thread = {0};
  CHECK(guard && pthread_create(&thread, NULL, release_later, guard) == 0);
  CHECK(run("arm_file('two', 'mine no more') return 0", &err, &requests) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(holds("two", "new"));
}

/* Neither a silent service nor a guard that somebody keeps holds the end up for long. */
static void test_bound(void) {
  struct error err;
  int requests = 0;
  CHECK(file_write(path_of("one"), "old", 3, FILE_PRIVATE, &err));
  uint64_t began = uv_hrtime();
  CHECK(run("arm_file('one', 'old') arm('hang') return 0", &err, &requests) == 0);
  double seconds = (double)(uv_hrtime() - began) / 1e9;
  CHECK(seconds > 4 && seconds < 20);
  CHECK(holds("one", "new"));
}

int main(void) {
  (void)signal(SIGPIPE, SIG_IGN);
  if (!CHECK(http_peer_start(&peer, true)) || !CHECK(mkdtemp(directory))) return check_report();
  test_ends();
  test_answers();
  test_interrupted();
  test_without_memory();
  test_without_lua();
  test_files();
  test_bound();
  http_peer_stop(&peer);
  for (const char *const *name = (const char *const[]){"one", "two", "kept", "guard", NULL}; *name; name++)
    (void)unlink(path_of(*name));
  CHECK(rmdir(directory) == 0);
  return check_report();
}
