/* SPDX-License-Identifier: Apache-2.0 */
#include "db/clock.h"
#include "db/statements.h"

#define CLOCK_STATEMENTS(X)                                                                                            \
    X(GET, "SELECT trusted_ms, waited_ms, leapt_ms FROM clock")                                                        \
    X(PUT, "INSERT INTO clock (clock_id, trusted_ms, waited_ms, leapt_ms) VALUES (1, :trusted_ms, :waited_ms,"         \
           " :leapt_ms) ON CONFLICT (clock_id) DO UPDATE SET trusted_ms = excluded.trusted_ms,"                        \
           " waited_ms = excluded.waited_ms, leapt_ms = excluded.leapt_ms")                                            \
    X(PROBE, "UPDATE clock SET probe_ms = :now_ms")
DB_STATEMENTS(clock, CLOCK_STATEMENTS)

enum rc db_clock_get(struct sql *db, struct db_clock *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, GET, NULL, 0, &r, e);
    if (!rc)
        *out = (struct db_clock){ .trusted_ms = sql_int(r, 0), .waited_ms = sql_int(r, 1), .leapt_ms = sql_int(r, 2) };
    sql_end(r);
    return rc;
}

enum rc db_clock_put(struct sql *db, const struct db_clock *v, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "trusted_ms", SQL_I(v->trusted_ms) }, { "waited_ms", SQL_I(v->waited_ms) },
                                { "leapt_ms", SQL_I(v->leapt_ms) }),
                       NULL, e);
}

enum rc db_clock_probe(struct sql *db, int64_t now_ms, struct err *e)
{
    return sql_execute(db, PROBE, SQL_ARGS({ "now_ms", SQL_I(now_ms) }), NULL, e);
}
