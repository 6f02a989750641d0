/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql/sequence.h"

enum rc sql_next_id(struct sql *s, const char *table, int64_t *out, struct err *e)
{
    static const char last[] = "SELECT seq FROM sqlite_sequence WHERE name = :name";
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(s, last, SQL_ARGS({ "name", SQL_T(str_of(table)) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc || rc == RC_NOT_FOUND) *out = rc ? 1 : sql_int(r, 0) + 1;
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
