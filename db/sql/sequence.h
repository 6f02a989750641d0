/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_SEQUENCE_H
#define DB_SQL_SEQUENCE_H
/* Numbers of rows that are known before the rows are written. */
#include "db/sql/sql.h"

/** The number that the next row of `table` gets, of a table whose numbers are never given twice. Inside a transaction that writes:
 * until its end nobody else adds a row there. */
enum rc sql_next_id(struct sql *s, const char *table, int64_t *out, struct err *e);
#endif
