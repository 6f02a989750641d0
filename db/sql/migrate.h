#ifndef DB_SQL_MIGRATE_H
#define DB_SQL_MIGRATE_H
/* Between migrate.c and the driver: where an engine keeps the number of the last schema step. */
#include "db/sql/sql.h"

enum { SQL_SCHEMA_STEPS = 999, SQL_SCHEMA_BYTES = 1 << 20 };
enum rc sql_user_version(struct sql *s, int64_t *version, struct err *e);
enum rc sql_set_user_version(struct sql *s, int64_t version, struct err *e);
#endif
