/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sample.h"
#include "db/statements.h"

#define SAMPLE_STATEMENTS(X)                                                                                           \
    X(LAST, "SELECT at_ms, data FROM sample WHERE device_id = :device AND vm = :vm ORDER BY at_ms DESC LIMIT 1")       \
    X(RANGE, "SELECT at_ms, data FROM sample WHERE device_id = :device AND vm = :vm"                                   \
             " AND at_ms >= coalesce((SELECT max(at_ms) FROM sample WHERE device_id = :device AND vm = :vm"            \
             " AND at_ms < :from_ms), :from_ms) AND at_ms < :to_ms ORDER BY at_ms LIMIT :limit")                       \
    X(PUT, "INSERT INTO sample (device_id, vm, at_ms, data) VALUES (:device, :vm, :at_ms, :data)"                      \
           " ON CONFLICT (device_id, vm, at_ms) DO UPDATE SET data = excluded.data")                                   \
    X(TRIM, "DELETE FROM sample WHERE device_id = :device AND at_ms <= (SELECT at_ms FROM sample"                      \
            " WHERE device_id = :device ORDER BY at_ms DESC LIMIT 1 OFFSET :keep)")                                    \
    X(EXPIRE, "DELETE FROM sample WHERE (device_id, vm, at_ms) IN (SELECT device_id, vm, at_ms FROM sample"            \
              " WHERE device_id = :device AND at_ms < :before_ms LIMIT :limit)")
DB_STATEMENTS(sample, SAMPLE_STATEMENTS)

enum rc db_sample_next(struct sql_rows *rows, struct db_sample *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = (struct db_sample){ .at_ms = sql_int(rows, 0), .data = sql_text(rows, 1) };
    return rc;
}

enum rc db_sample_last(struct sql *db, int64_t device, struct str vm, struct arena *a, struct db_sample *out,
                       struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, LAST, SQL_ARGS({ "device", SQL_I(device) }, { "vm", SQL_T(vm) }), &r, e);
    if (!rc) rc = db_sample_next(r, out, e);
    if (!rc) rc = DB_KEEP(a, e, &out->data);
    sql_end(r);
    return rc;
}

enum rc db_sample_range(struct sql *db, int64_t device, struct str vm, int64_t from_ms, int64_t to_ms, int64_t limit,
                        struct sql_rows **rows, struct err *e)
{
    return sql_query(db, RANGE,
                     SQL_ARGS({ "device", SQL_I(device) }, { "vm", SQL_T(vm) }, { "from_ms", SQL_I(from_ms) },
                              { "to_ms", SQL_I(to_ms) }, { "limit", SQL_I(limit) }),
                     rows, e);
}

enum rc db_sample_put(struct sql *db, int64_t device, struct str vm, const struct db_sample *v, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "device", SQL_I(device) }, { "vm", SQL_T(vm) }, { "at_ms", SQL_I(v->at_ms) },
                                { "data", SQL_T(v->data) }),
                       NULL, e);
}

enum rc db_sample_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM, SQL_ARGS({ "device", SQL_I(device) }, { "keep", SQL_I(keep) }), gone, e);
}

enum rc db_sample_expire(struct sql *db, int64_t device, int64_t before_ms, int64_t limit, int64_t *removed,
                         struct err *e)
{
    return sql_execute(
        db, EXPIRE, SQL_ARGS({ "device", SQL_I(device) }, { "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }),
        removed, e);
}
