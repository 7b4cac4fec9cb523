/* exchange.h: parks the running task on one HTTP exchange; what the bindings of http and s3 share. */
#ifndef CORE_API_EXCHANGE_H
#define CORE_API_EXCHANGE_H

#include "../http.h"
#include "../s3.h"

#include <lua.h>

struct exchange;

/* Pushes an empty exchange: make it before anything else that must be freed, since it may raise. */
struct exchange *api_exchange(lua_State *L);

/* Starts the request and waits: use as `return api_exchange_run(...)`. The exchange and the string that holds
 * the body must be on the stack. The task gets the answer {status=, headers=, body=, ms=, version=}, or nil
 * and an error with `sent`. */
int api_exchange_run(lua_State *L, struct exchange *exchange, const struct http_request *request);

/* Reads what http and s3 requests share: body, timeout_ms, connect_timeout_ms, insecure, max_body, ca_file.
 * Pushes one value, the body. */
void api_exchange_options(lua_State *L, int index, struct http_request *request);

/* Reads what makes a request to an S3 service, and the above. Pushes values that it borrows from. */
void api_s3_options(lua_State *L, int index, struct s3_request *request, struct http_request *http);

#endif
