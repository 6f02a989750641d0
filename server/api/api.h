/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_API_H
#define SERVER_API_API_H
/* The REST API and the console (server/api/openapi.yaml). One object for one listener: http_start(&config, api_handle,
 * &api_uploads, api, ...). The listener's thread checks heads and receives bodies; the API's own threads do the work.
 * The listener needs 32 KiB of connection memory, because queries carry selectors. */
#include "base/world.h"
#include "server/http/http.h"
#include "server/images/images.h"
#include "server/core/metrics.h"
#include "server/core/server.h"

enum { API_CONNECTION_MEMORY = 32 << 10, API_TOKEN_BYTES = 40 + 1 };

struct api;
/** Opens its own connections. Console files come from srv->config->webui_dir (NULL or "" = no console). */
enum rc api_create(const struct server *srv, struct images *images, struct api **out, struct err *e);
/** Stop the threads; waiting requests get 503. Call before http_stop of the listener, which owns the requests. Accepts
 * NULL. */
void api_stop(struct api *api);
/** Call after http_stop. Accepts NULL. */
void api_destroy(struct api *api);
void api_handle(void *ctx, struct http_request *r, struct http_reply *reply);
extern const struct http_upload api_uploads;
/** Set the clock (tests). */
void api_set_world(struct api *api, struct world (*now)(void));

/** Add a bearer token to an open database (first start, command line).
 * @param authority name, or empty = all; @param role "viewer", "operator", "admin", "auditor"; @param out the token
 * itself: shown once
 * @return RC_INVALID, RC_NOT_FOUND (authority) */
enum rc api_token_add(struct sql *db, struct str authority, struct str name, struct str role, int64_t expires_ms,
                      const struct world *w, char out[API_TOKEN_BYTES], struct err *e);
/** Whether the database has any token. */
enum rc api_token_any(struct sql *db, bool *any, struct err *e);
#endif
