/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_SEQUENCE_H
#define DB_SQL_SEQUENCE_H
/* Row numbers that are known before the rows are written. */
#include "db/sql/sql.h"

/** The number of the next row of `table`, a table that never reuses numbers. Call it inside a write transaction: until
 * its end no other connection adds a row. */
enum rc sql_next_id(struct sql *s, const char *table, int64_t *out, struct err *e);
#endif
