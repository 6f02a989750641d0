/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_EVENTS_OPERATION_JSON_H
#define SERVER_EVENTS_OPERATION_JSON_H
/* An operation as JSON, for REST and the live stream. */
#include "db/operation_record.h"
#include "server/events/json.h"
#include "server/core/server.h"

/** @param authority 0 = any; @param steps include its history; @param finished  true when it has ended @return
 * RC_NOT_FOUND */
enum rc operation_json(const struct server *srv, struct sql *db, int64_t id, int64_t authority, bool steps,
                       json_t **out, bool *finished, struct err *e);
/** Without steps. */
json_t *operation_row_json(const struct server *srv, const struct db_operation_record *v);
#endif
