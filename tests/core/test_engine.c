/* How programs end: by themselves, by signals, with tasks and transfers left over. */
#include "engine.h"

#include "check.h"
#include "http_peer.h"
#include "program.h"

#include <lauxlib.h>
#include <signal.h>

static struct http_peer peer;

static int send_signal(lua_State *L) {
  lua_pushboolean(L, raise((int)luaL_checkinteger(L, 1)) == 0);
  return 1;
}

/* How many requests reached the peer. */
static int arrived(lua_State *L) {
  lua_pushinteger(L, atomic_load(&peer.requests));
  return 1;
}

static void prepare(lua_State *L) {
  lua_register(L, "arrived", arrived);
  lua_register(L, "signal", send_signal);
  lua_pushinteger(L, peer.port);
  lua_setglobal(L, "port");
}

static int run(const char *code, struct error *err) {
  static const char prelude[] =
      "local core = require 'core'\n"
      "local before = arrived()\n"
      "local function await(count) while arrived() < before + count do core.sleep(1) end end\n";
  return program_run(prelude, code, prepare, err);
}

static void test_ends(void) {
  struct error err;
  CHECK(run("return 7", &err) == 7 && err.kind == ERROR_NONE);
  CHECK(run("core.sleep(1)", &err) == 0 && err.kind == ERROR_NONE);
  CHECK(run("error('boom')", &err) == 1 && strstr(err.message, "boom") && strstr(err.message, "traceback"));
  CHECK(run("error({message = 'said'})", &err) == 1);
  CHECK_TEXT(err.message, "said");
  CHECK(run("coroutine.yield()", &err) == 1 && strstr(err.message, "outside a waiting call"));
  CHECK(run("coroutine.yield(1, 2)", &err) == 1 && strstr(err.message, "outside a waiting call"));
  CHECK(run("core.event():wait()", &err) == 1 && strstr(err.message, "cannot happen"));
}

static void test_tasks_left(void) {
  struct error err;
  CHECK(run("for i = 1, 100 do core.spawn(core.sleep, 60000) end core.sleep(1) return 3", &err) == 3);
  CHECK(run("core.spawn(function() core.sleep(60000) for i = 1, 50 do core.sleep(1) end signal(0) end) "
            "return 4",
            &err) == 4);
  /* these do not care for cancellation */
  CHECK(run("core.spawn(function() while true do core.sleep(1000) end end) return 5", &err) == 5);
  CHECK(run("core.spawn(function() while true do pcall(function() core.event():wait() end) end end) return 6",
            &err) == 6);
}

static void test_transfers_left(void) {
  struct error err;
  CHECK(run("for i = 1, 20 do core.spawn(core.http, {url = 'http://127.0.0.1:' .. port .. '/hang'}) end "
            "await(20) return 8",
            &err) == 8);
  CHECK(run("core.spawn(function() await(1) signal(2) end) "
            "local answer, err = core.http {url = 'http://127.0.0.1:' .. port .. '/hang'} "
            "return err.kind == 'cancelled' and err.sent and 9",
            &err) == 9);
}

static void test_signals(void) {
  struct error err;
  CHECK(run("signal(2) local _, err = core.sleep(60000) error(err)", &err) == 130);
  CHECK(run("signal(15) local _, err = core.sleep(60000) error(err)", &err) == 143);
  CHECK(run("core.spawn(function() core.sleep(1) signal(15) end) return core.interrupt() == 'SIGTERM' and 10",
            &err) == 10);
  CHECK(run("core.spawn(function() core.sleep(1) signal(1) end) return core.interrupt() == 'SIGHUP' and 13",
            &err) == 13);
  (void)signal(SIGHUP, SIG_IGN); /* as under nohup: the terminal may go */
  CHECK(run("core.spawn(function() core.sleep(1) signal(1) end) return core.sleep(20) and 14", &err) == 14);
  (void)signal(SIGHUP, SIG_DFL);
  /* twice at a time is one: tools signal the process and then its group */
  CHECK(run("core.spawn(function() core.sleep(1) signal(2) signal(2) end) core.interrupt() "
            "return core.sleep(50) and 11",
            &err) == 11);
  /* one after the other are two */
  CHECK(run("local heard = core.event() "
            "core.spawn(function() core.sleep(1) signal(2) heard:wait() signal(2) end) core.interrupt() "
            "heard:set() "
            "local ok, err = core.sleep(60000) return not ok and err.kind == 'cancelled' and 12",
            &err) == 12);
}

int main(void) {
  if (!CHECK(http_peer_start(&peer, true))) return check_report();
  test_ends();
  test_tasks_left();
  test_transfers_left();
  test_signals();
  http_peer_stop(&peer);
  return check_report();
}
