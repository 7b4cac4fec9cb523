/* http_pool.h: the connections of an engine: libcurl's multi interface driven by the loop, one poll handle a
 * socket and one timer. For http.c alone. */
#ifndef CORE_HTTP_POOL_H
#define CORE_HTTP_POOL_H

#include "curl.h"
#include "error.h"

#include <stdbool.h>

struct engine;
struct http_pool;

/* Called from the loop when a transfer ended and was taken out of the pool, with its CURLOPT_PRIVATE. */
typedef void (*http_pool_end_fn)(void *transfer, CURLcode code);

/* The engine's pool; the first call loads libcurl and makes it. The engine closes it. */
struct http_pool *http_pool_of(struct engine *engine, http_pool_end_fn end, struct error *err);
const struct curl_library *http_pool_curl(const struct http_pool *pool);

/* Starts a transfer; nothing is called back before the loop runs. */
bool http_pool_add(struct http_pool *pool, CURL *easy, struct error *err);
/* Takes a transfer out before its end. */
void http_pool_remove(struct http_pool *pool, CURL *easy);

#endif
