/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_APPLY_H
#define SERVER_STORE_APPLY_H
/* What messages changed becomes rows, at the end of a turn. */
#include "server/decide/dm_changes.h"
#include "server/store/store.h"

/** Inside the caller's transaction. Recordings are the recorder's (server/dm/recorder.h).
 * @param samples  that were written since the server's start @return RC_CONFLICT when somebody else was faster (an operation was
 * cancelled); on failure the caller takes back what was written of them */
enum rc store_apply(struct store *st, const struct dm_changes *c, uint64_t *samples, struct err *e);
/** The mirror's part of it. */
enum rc store_apply_nodes(struct sql *db, struct paths *paths, const struct dm_changes *c, struct err *e);
#endif
