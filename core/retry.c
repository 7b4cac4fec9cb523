#include "retry.h"

#include <string.h>
#include <time.h>

bool retry_worthwhile(int status, enum error_kind kind) {
  if (status == 0) return kind == ERROR_CONNECT || kind == ERROR_TIMEOUT || kind == ERROR_IO;
  return status == 408 || status == 429 || (status >= 500 && status != 501);
}

double retry_delay(const struct retry_rule *rule, const struct retry_outcome *outcome) {
  if (outcome->attempt >= rule->attempts || !retry_worthwhile(outcome->status, outcome->kind)) return -1;
  if (outcome->retry_after > RETRY_AFTER_LONGEST) return -1;
  double ceiling = rule->base_ms;
  for (int i = 1; i < outcome->attempt && ceiling < rule->max_ms; i++) ceiling *= 2;
  if (ceiling > rule->max_ms) ceiling = rule->max_ms;
  double jitter = ceiling * outcome->random;
  /* on top of what the server asks, jitter only spreads the crowd that it asked the same */
  if (outcome->retry_after >= 0) return outcome->retry_after * 1000 + rule->base_ms * outcome->random;
  return jitter;
}

bool retry_after_seconds(const char *text, double now, double *seconds) {
  size_t digits = strspn(text, "0123456789");
  if (digits > 0 && text[digits] == '\0') {
    double value = 0;
    for (size_t i = 0; i < digits && value < 1e12; i++) value = value * 10 + (text[i] - '0');
    *seconds = value;
    return true;
  }
  struct tm parts = {0};
  const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (!end || *end) return false;
  double due = (double)timegm(&parts);
  *seconds = due > now ? due - now : 0;
  return true;
}
