/* microhttpd.h: libmicrohttpd, loaded when the first server listens. */
#ifndef CORE_MICROHTTPD_H
#define CORE_MICROHTTPD_H

#include "error.h"

#include <microhttpd.h>

/* clang-format off */
#define MICROHTTPD_FUNCTIONS(use) \
  use(start_daemon) use(stop_daemon) use(run) use(get_timeout) use(get_daemon_info) \
  use(suspend_connection) use(resume_connection) use(get_connection_values_n) use(lookup_connection_value) \
  use(create_response_from_buffer) use(create_response_from_callback) use(add_response_header) \
  use(queue_response) use(destroy_response)
/* clang-format on */

struct microhttpd {
#define MICROHTTPD_MEMBER(name) __typeof__(MHD_##name) *(name);
  MICROHTTPD_FUNCTIONS(MICROHTTPD_MEMBER)
};

/* The library's functions, the same table every time; NULL with `err` set when it is not installed. */
const struct microhttpd *microhttpd_open(struct error *err);

#endif
