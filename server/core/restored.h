/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_RESTORED_H
#define SERVER_CORE_RESTORED_H
/* A database that was put back from an earlier moment knows nonces that were answered since: a message that was captured then
 * would be let in once more. So database and the file beside it have a mark in common that changes at each start and stop,
 * each hour, and with `dmvisord --backup`: with another one, no nonce of the database is good, and each device is challenged. */
#include "server/core/server.h"

/** At a start, with the database claimed. Says so in the log. */
enum rc restored_look(const struct server_config *c, struct err *e);
/** A new mark. @param db  any connection */
enum rc restored_mark(struct sql *db, const struct server_config *c, struct err *e);
/** A copy is one of an earlier moment from now on. @param file  its path */
enum rc restored_mark_copy(const char *file, int64_t now_ms, struct err *e);
#endif
