/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_PATH_H
#define DB_PATH_H
/* The node addresses of all devices' trees, each stored once (table path). */
#include "db/sql/sql.h"

/** @param uri  copied into the arena. @return RC_NOT_FOUND */
enum rc db_path_uri(struct sql *db, int64_t id, struct arena *a, struct str *uri, struct err *e);
/** @return RC_NOT_FOUND */
enum rc db_path_id(struct sql *db, struct str uri, int64_t *id, struct err *e);
enum rc db_path_add(struct sql *db, struct str uri, int64_t *id, struct err *e);
/** Delete an address that no tree uses any more. The newest address stays, so that no number is reused: caches hold the
 * numbers. */
enum rc db_path_release(struct sql *db, int64_t id, bool *gone, struct err *e);
/** As db_path_release, for all addresses after `after` up to `last`. @param gone  number of deleted rows */
enum rc db_path_sweep(struct sql *db, int64_t after, int64_t last, int64_t *gone, struct err *e);
/** The number of the newest address; 0 = none. */
enum rc db_path_last(struct sql *db, int64_t *id, struct err *e);
#endif
