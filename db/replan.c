/* SPDX-License-Identifier: Apache-2.0 */
#include "db/replan.h"
#include "db/statements.h"

#define HAS_ATTRIBUTE(attribute, parameter)                                                                            \
    "(" parameter " = '' OR EXISTS (SELECT 1 FROM attribute_row a WHERE a.device_id = device.device_id"                \
    " AND a.name = '" attribute "' AND a.value = " parameter "))"
#define REPLAN_STATEMENTS(X)                                                                                           \
    X(ADD, "INSERT INTO replan (authority_id, man, mod, mo, stamp, why, after, policy_id, revision)"                   \
           " VALUES (:authority, :man, :mod, :mo, :stamp, :why, :after, :policy, :revision)")                          \
    X(FIRST, "SELECT replan_id, authority_id, man, mod, mo, stamp, why, after, policy_id, revision FROM replan"        \
             " ORDER BY replan_id LIMIT 1")                                                                            \
    X(SLICE, "SELECT max(device_id), count(*) FROM (SELECT device_id FROM device WHERE device_id > :after"             \
             " ORDER BY device_id LIMIT :limit) x")                                                                    \
    X(STAMP, "UPDATE device SET generation = :stamp WHERE device_id > :after AND device_id <= :last"                   \
             " AND authority_id = :authority AND generation < :stamp AND (:mo = '' OR layout_mo = :mo)"                \
             " AND " HAS_ATTRIBUTE("devinfo.man", ":man") " AND " HAS_ATTRIBUTE("devinfo.mod", ":mod"))                \
    X(MOVE, "UPDATE replan SET after = :after WHERE replan_id = :id")                                                  \
    X(DELETE, "DELETE FROM replan WHERE replan_id = :id")
DB_STATEMENTS(replan, REPLAN_STATEMENTS)

enum rc db_replan_add(struct sql *db, const struct db_replan *v, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS({ "authority", SQL_I(v->authority) }, { "man", SQL_T(v->man) },
                                { "mod", SQL_T(v->mod) }, { "mo", SQL_T(v->mo) }, { "stamp", SQL_I(v->stamp) },
                                { "why", SQL_T(v->why) }, { "after", SQL_I(v->after) },
                                { "policy", v->policy ? SQL_I(v->policy) : SQL_N }, { "revision", SQL_I(v->revision) }),
                       NULL, e);
}

enum rc db_replan_first(struct sql *db, struct arena *a, struct db_replan *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, FIRST, NULL, 0, &r, e);
    if (!rc) {
        *out = (struct db_replan){ .id = sql_int(r, 0),
                                   .authority = sql_int(r, 1),
                                   .man = sql_text(r, 2),
                                   .mod = sql_text(r, 3),
                                   .mo = sql_text(r, 4),
                                   .stamp = sql_int(r, 5),
                                   .why = sql_text(r, 6),
                                   .after = sql_int(r, 7),
                                   .policy = sql_int(r, 8),
                                   .revision = sql_int(r, 9) };
        rc = DB_KEEP(a, e, &out->man, &out->mod, &out->mo, &out->why);
    }
    sql_end(r);
    return rc;
}

enum rc db_replan_slice(struct sql *db, int64_t after, int64_t limit, int64_t *last, int64_t *n, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, SLICE, SQL_ARGS({ "after", SQL_I(after) }, { "limit", SQL_I(limit) }), &r, e);
    if (!rc) {
        *last = sql_int(r, 0);
        *n = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

enum rc db_replan_stamp(struct sql *db, const struct db_replan *v, int64_t last, struct err *e)
{
    return sql_execute(db, STAMP,
                       SQL_ARGS({ "stamp", SQL_I(v->stamp) }, { "after", SQL_I(v->after) }, { "last", SQL_I(last) },
                                { "authority", SQL_I(v->authority) }, { "man", SQL_T(v->man) },
                                { "mod", SQL_T(v->mod) }, { "mo", SQL_T(v->mo) }),
                       NULL, e);
}

enum rc db_replan_move(struct sql *db, int64_t id, int64_t after, struct err *e)
{
    return sql_execute(db, MOVE, SQL_ARGS({ "id", SQL_I(id) }, { "after", SQL_I(after) }), NULL, e);
}

enum rc db_replan_delete(struct sql *db, int64_t id, struct err *e)
{
    return sql_execute(db, DELETE, SQL_ARGS({ "id", SQL_I(id) }), NULL, e);
}
