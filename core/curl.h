/* curl.h: libcurl, loaded when the first request is made. */
#ifndef CORE_CURL_H
#define CORE_CURL_H

#define CURL_DISABLE_TYPECHECK

#include "error.h"

#include <curl/curl.h>
#include <stdbool.h>

/* clang-format off */
#define CURL_FUNCTIONS(use) \
  use(global_init) use(global_cleanup) use(slist_append) use(slist_free_all) \
  use(easy_init) use(easy_setopt) use(easy_getinfo) use(easy_perform) use(easy_cleanup) use(easy_strerror) \
  use(multi_init) use(multi_setopt) use(multi_add_handle) use(multi_remove_handle) use(multi_socket_action) \
  use(multi_info_read) use(multi_assign) use(multi_cleanup)
/* clang-format on */

struct curl_library {
#define CURL_MEMBER(name) __typeof__(curl_##name) *(name);
  CURL_FUNCTIONS(CURL_MEMBER)
};

/* Fills the table and starts the library; end its use with `global_cleanup`. ERROR_NOT_FOUND when it is not
 * installed. */
bool curl_open(struct curl_library *library, struct error *err);

#endif
