/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_MIGRATE_H
#define DB_SQL_MIGRATE_H
/* Private to this folder: the engine's number of the last schema step, and the path of a database. */
#include "db/sql/sql.h"

enum { SQL_SCHEMA_STEPS = 999, SQL_SCHEMA_BYTES = 1 << 20 };
enum rc sql_user_version(struct sql *s, int64_t *version, struct err *e);
enum rc sql_set_user_version(struct sql *s, int64_t version, struct err *e);
/** Rewrite a file that has no page checksums yet (db/sql/checksum.h). Not inside a transaction. */
enum rc sql_give_checksums(struct sql *s, struct err *e);
/** "sqlite:/path", "sqlite::memory:" or a bare path. @param path  part of target. @return RC_UNSUPPORTED, RC_INVALID */
enum rc sql_path(const char *target, const char **path, struct err *e);
#endif
