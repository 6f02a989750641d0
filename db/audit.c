/* SPDX-License-Identifier: Apache-2.0 */
#include "db/audit.h"
#include "db/statements.h"

#define AUDIT                                                                                                          \
    "SELECT a.audit_id, a.authority_id, au.name, a.at_ms, a.who, a.action, a.target, a.before_json, a.after_json,"     \
    " a.hash FROM audit a LEFT JOIN authority au ON au.authority_id = a.authority_id"
#define AUDIT_STATEMENTS(X)                                                                                            \
    X(LAST_HASH, "SELECT hash FROM audit ORDER BY audit_id DESC LIMIT 1")                                              \
    X(ADD, "INSERT INTO audit (authority_id, at_ms, who, action, target, before_json, after_json, hash)"               \
           " VALUES (:authority, :at_ms, :who, :action, :target, :before, :after, :hash)")                             \
    X(LIST, AUDIT " WHERE a.audit_id < :cursor AND a.at_ms >= :from_ms AND a.at_ms < :to_ms"                           \
                  " AND " DB_OF_AUTHORITY("a.authority_id") " ORDER BY a.audit_id DESC LIMIT :limit")                  \
    X(WALK, AUDIT " WHERE a.audit_id > :after ORDER BY a.audit_id LIMIT :limit")
DB_STATEMENTS(audit, AUDIT_STATEMENTS)

enum rc db_audit_last_hash(struct sql *db, struct arena *a, struct str *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, LAST_HASH, NULL, 0, &r, e);
    if (!rc) {
        *out = sql_text(r, 0);
        rc = DB_KEEP(a, e, out);
    }
    sql_end(r);
    return rc;
}

enum rc db_audit_add(struct sql *db, const struct db_audit *v, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS({ "authority", v->authority ? SQL_I(v->authority) : SQL_N },
                                { "at_ms", SQL_I(v->at_ms) }, { "who", SQL_T(v->who) }, { "action", SQL_T(v->action) },
                                { "target", SQL_T(v->target) }, { "before", SQL_TN(v->before) },
                                { "after", SQL_TN(v->after) }, { "hash", SQL_B(v->hash) }),
                       NULL, e);
}

enum rc db_audit_list(struct sql *db, const struct db_audit_filter *f, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST,
                     SQL_ARGS({ "cursor", SQL_I(f->cursor) }, { "from_ms", SQL_I(f->from_ms) },
                              { "to_ms", SQL_I(f->to_ms) }, { "authority", SQL_I(f->authority) },
                              { "limit", SQL_I(f->limit) }),
                     rows, e);
}

enum rc db_audit_walk(struct sql *db, int64_t after, int64_t limit, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, WALK, SQL_ARGS({ "after", SQL_I(after) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_audit_next(struct sql_rows *rows, struct db_audit *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_audit){ .id = sql_int(rows, 0),
                              .authority = sql_int(rows, 1),
                              .authority_name = sql_text(rows, 2),
                              .at_ms = sql_int(rows, 3),
                              .who = sql_text(rows, 4),
                              .action = sql_text(rows, 5),
                              .target = sql_text(rows, 6),
                              .before = sql_text(rows, 7),
                              .after = sql_text(rows, 8),
                              .hash = sql_text(rows, 9) };
    return RC_OK;
}
