/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_APPLY_H
#define SERVER_STORE_APPLY_H
/* Writes the changes of messages to the database, at the end of a turn. */
#include "server/decide/dm_changes.h"
#include "server/store/store.h"

/** Inside the caller's transaction. Recordings are written by server/dm/recorder.h. @param samples  samples written
 * since the server's start @return RC_CONFLICT when another writer came first (for example an operation was cancelled);
 * on failure the caller rolls back */
enum rc store_apply(struct store *st, const struct dm_changes *c, uint64_t *samples, struct err *e);
/** The part of it that concerns the mirror. */
enum rc store_apply_nodes(struct sql *db, struct paths *paths, const struct dm_changes *c, struct err *e);
#endif
