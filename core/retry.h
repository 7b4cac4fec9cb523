/* retry.h: pure: after a failed attempt, how long to wait before the next one, or whether to stop.
 *
 * Exponential backoff with full jitter: a random part of base * 2^(attempt - 1), at most the ceiling. What
 * the server asks for with Retry-After is the least wait. */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct retry_rule {
  int attempts;   /* in all, the first included */
  double base_ms; /* ceiling of the first wait */
  double max_ms;  /* ceiling of every wait; Retry-After may ask for more */
};

struct retry_outcome {
  int attempt;          /* of the attempt that failed; the first is 1 */
  int status;           /* of the answer; 0 when there was none */
  enum error_kind kind; /* why there was no answer */
  double retry_after;   /* seconds; negative when not given */
  double random;        /* in [0, 1) */
};

enum { RETRY_AFTER_LONGEST = 3600 }; /* seconds; a server that asks for more gets no further attempt */

/* May another attempt go better? Refusals (4xx but 408 and 429), 501 and failed certificates stay. */
bool retry_worthwhile(int status, enum error_kind kind);

/* Milliseconds to wait, or a negative number to stop. */
double retry_delay(const struct retry_rule *rule, const struct retry_outcome *outcome);

/* Retry-After's value, seconds or an HTTP date, as seconds from `now` (seconds since 1970). False when it is
 * neither. A date in the past gives 0. */
bool retry_after_seconds(const char *text, double now, double *seconds);

#endif
