/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_RESTORED_H
#define SERVER_CORE_RESTORED_H
/* A restored database contains nonces that were used since the backup, so a captured message could be replayed. The
 * database and the file beside it therefore share a mark, which changes at each start and stop, each hour, and with
 * `dmvisord --backup`. If the marks differ, every nonce is invalidated and each device is challenged. */
#include "server/core/server.h"

/** Compare the marks at start, with the database claimed. Logs a restored database. */
enum rc restored_look(const struct server_config *c, struct err *e);
/** Write a new mark. @param db  any connection */
enum rc restored_mark(struct sql *db, const struct server_config *c, struct err *e);
/** Mark a copy as older than the database. @param file  its path */
enum rc restored_mark_copy(const char *file, int64_t now_ms, struct err *e);
#endif
