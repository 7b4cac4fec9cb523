#include "retry.h"

#include "check.h"

static const struct retry_rule rule = {.attempts = 6, .base_ms = 500, .max_ms = 30000};

static double delay(int attempt, int status, double random) {
  struct retry_outcome outcome = {.attempt = attempt, .status = status, .retry_after = -1, .random = random};
  return retry_delay(&rule, &outcome);
}

static double after(const char *text, double now) {
  double seconds = -1;
  return retry_after_seconds(text, now, &seconds) ? seconds : -1;
}

static void waits_longer_and_longer(void) {
  double ceiling = 500;
  for (int attempt = 1; attempt < 6; attempt++) {
    CHECK(delay(attempt, 503, 0) == 0);
    for (int tenths = 1; tenths < 10; tenths++) {
      double random = tenths / 10.0;
      double ms = delay(attempt, 503, random);
      CHECK(ms > 0 && ms < ceiling);
      CHECK(ms > delay(attempt, 503, random - 0.1));
    }
    ceiling *= 2;
  }
  CHECK(delay(6, 503, 0.5) < 0);
  struct retry_rule patient = {.attempts = 1000, .base_ms = 500, .max_ms = 30000};
  struct retry_outcome outcome = {.attempt = 900, .status = 503, .retry_after = -1, .random = 0.5};
  CHECK(retry_delay(&patient, &outcome) == 15000);
}

static void knows_what_may_change(void) {
  static const int again[] = {408, 429, 500, 502, 503, 504, 599};
  static const int never[] = {200, 301, 400, 401, 403, 404, 409, 412, 422, 501};
  for (size_t i = 0; i < sizeof again / sizeof *again; i++) CHECK(delay(1, again[i], 0.5) >= 0);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) CHECK(delay(1, never[i], 0.5) < 0);
  CHECK(retry_worthwhile(0, ERROR_CONNECT) && retry_worthwhile(0, ERROR_TIMEOUT) &&
        retry_worthwhile(0, ERROR_IO));
  CHECK(!retry_worthwhile(0, ERROR_TLS) && !retry_worthwhile(0, ERROR_CANCELLED));
  CHECK(!retry_worthwhile(0, ERROR_LIMIT) && !retry_worthwhile(0, ERROR_INVALID));
}

static void obeys_the_server(void) {
  struct retry_outcome outcome = {.attempt = 1, .status = 429, .retry_after = 90, .random = 0.5};
  CHECK(retry_delay(&rule, &outcome) == 90250);
  outcome.retry_after = 0;
  CHECK(retry_delay(&rule, &outcome) == 250);
  outcome.retry_after = RETRY_AFTER_LONGEST + 1;
  CHECK(retry_delay(&rule, &outcome) < 0);
  outcome.retry_after = 1;
  outcome.attempt = 6;
  CHECK(retry_delay(&rule, &outcome) < 0);

  CHECK(after("120", 0) == 120);
  CHECK(after("0", 0) == 0);
  CHECK(after("Sun, 06 Nov 1994 08:49:37 GMT", 784111770) == 7);
  CHECK(after("Sun, 06 Nov 1994 08:49:37 GMT", 784111800) == 0);
  static const char *const wrong[] = {"", "soon", "-1", "1.5", "1 ", "Sun, 06 Nov 1994 08:49:37 GMT+1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CHECK(after(wrong[i], 0) < 0);
  CHECK(after("99999999999999999999999", 0) > RETRY_AFTER_LONGEST);
}

int main(void) {
  waits_longer_and_longer();
  knows_what_may_change();
  obeys_the_server();
  return check_report();
}
