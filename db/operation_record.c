/* SPDX-License-Identifier: Apache-2.0 */
#include "db/operation_record.h"
#include "db/statements.h"

#define RECORD                                                                                                         \
    "SELECT o.operation_id, o.device_id, d.authority_id, d.name, au.name, d.layout_mo, o.by_policy, o.scope, o.kind,"  \
    " o.owner, o.args, o.tree_command, o.tree_uri, o.tree_format, o.tree_type, o.tree_data, o.secret, o.tree_result,"  \
    " o.state, o.reason, o.code, o.percent, o.tries, o.created_by, o.created_ms, o.updated_ms, o.not_before_ms,"       \
    " o.expires_ms FROM operation o JOIN device d ON d.device_id = o.device_id"                                        \
    " JOIN authority au ON au.authority_id = d.authority_id"
#define IS_OPEN(state)                                                                                                 \
    "(" state " = 'queued' OR " state " = 'notified' OR " state " = 'sent' OR " state " = 'accepted' OR " state        \
    " = 'acknowledged')"
#define IS_OVER(state)                                                                                                 \
    "(" state " = 'verified' OR " state " = 'failed' OR " state " = 'cancelled' OR " state " = 'superseded' OR " state \
    " = 'expired' OR " state " = 'unknown')"
#define HAS_STATE "(:state = '' OR o.state = :state OR (:state = 'open' AND " IS_OPEN("o.state") "))"
#define NEWEST    " ORDER BY o.operation_id DESC LIMIT :limit"
#define OPERATION_RECORD_STATEMENTS(X)                                                                                 \
    X(LIST, RECORD " WHERE o.operation_id < :cursor AND " DB_OF_AUTHORITY("d.authority_id") " AND " HAS_STATE NEWEST)  \
    X(LIST_OF, RECORD " WHERE o.device_id = :device AND o.operation_id < :cursor AND " HAS_STATE NEWEST)               \
    X(FIND, RECORD " WHERE o.operation_id = :id AND " DB_OF_AUTHORITY("d.authority_id"))                               \
    X(COUNT_OPEN, "SELECT count(*) FROM operation WHERE device_id = :device AND " IS_OPEN("state"))                    \
    X(SEALED, "SELECT correlator, result_sealed FROM operation WHERE operation_id = :id"                               \
              " AND result_sealed IS NOT NULL")                                                                        \
    X(STEPS, "SELECT at_ms, code, state, reason FROM operation_step WHERE operation_id = :id ORDER BY seq")            \
    X(OF_VM, "SELECT operation_id, percent, kind, state FROM operation WHERE device_id = :device AND owner = :vm"      \
             " AND scope = 1 AND " IS_OPEN("state") " ORDER BY operation_id LIMIT 1")                                  \
    X(EXPIRE, "DELETE FROM operation WHERE operation_id IN (SELECT o.operation_id FROM operation o"                    \
              " WHERE o.updated_ms < :before_ms AND " IS_OVER(                                                         \
                  "o.state") " AND (o.by_policy = 1 OR o.scope <> 1 OR o.state <> 'verified' OR EXISTS (SELECT 1"      \
                             " FROM operation n WHERE n.device_id = o.device_id AND n.operation_id > o.operation_id"   \
                             " AND n.owner = o.owner AND n.kind = o.kind AND n.by_policy = 0 AND n.scope = 1"          \
                             " AND n.state = 'verified')) ORDER BY o.updated_ms LIMIT :limit)")                        \
    X(EXPIRE_SEALED,                                                                                                   \
      "UPDATE operation SET result_sealed = NULL WHERE operation_id IN (SELECT operation_id FROM operation"            \
      " WHERE result_sealed IS NOT NULL AND updated_ms < :before_ms ORDER BY updated_ms LIMIT :limit)")
DB_STATEMENTS(operation_record, OPERATION_RECORD_STATEMENTS)

enum rc db_operation_record_list(struct sql *db, const struct db_operation_filter *f, struct sql_rows **rows,
                                 struct err *e)
{
    return sql_query(db, f->device ? LIST_OF : LIST,
                     SQL_ARGS({ f->device ? "device" : "authority", SQL_I(f->device ? f->device : f->authority) },
                              { "cursor", SQL_I(f->cursor) }, { "state", SQL_T(f->state) },
                              { "limit", SQL_I(f->limit) }),
                     rows, e);
}

enum rc db_operation_record_next(struct sql_rows *rows, struct db_operation_record *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_operation_record){ .id = sql_int(rows, 0),
                                         .device = sql_int(rows, 1),
                                         .authority = sql_int(rows, 2),
                                         .device_name = sql_text(rows, 3),
                                         .authority_name = sql_text(rows, 4),
                                         .layout_mo = sql_text(rows, 5),
                                         .by_policy = sql_int(rows, 6) != 0,
                                         .scope = sql_int(rows, 7),
                                         .kind = sql_text(rows, 8),
                                         .owner = sql_text(rows, 9),
                                         .args = sql_text(rows, 10),
                                         .tree_command = sql_text(rows, 11),
                                         .tree_uri = sql_text(rows, 12),
                                         .tree_format = sql_text(rows, 13),
                                         .tree_type = sql_text(rows, 14),
                                         .tree_data = sql_text(rows, 15),
                                         .secret = sql_int(rows, 16),
                                         .has_result = !sql_is_null(rows, 17),
                                         .tree_result = sql_text(rows, 17),
                                         .state = sql_text(rows, 18),
                                         .reason = sql_text(rows, 19),
                                         .code = sql_int(rows, 20),
                                         .percent = sql_int(rows, 21),
                                         .tries = sql_int(rows, 22),
                                         .created_by = sql_text(rows, 23),
                                         .created_ms = sql_int(rows, 24),
                                         .updated_ms = sql_int(rows, 25),
                                         .not_before_ms = sql_int(rows, 26),
                                         .expires_ms = sql_int(rows, 27) };
    return RC_OK;
}

enum rc db_operation_record_find(struct sql *db, int64_t id, int64_t authority, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, FIND, SQL_ARGS({ "id", SQL_I(id) }, { "authority", SQL_I(authority) }), rows, e);
}

enum rc db_operation_record_count_open(struct sql *db, int64_t device, int64_t *out, struct err *e)
{
    return db_number(db, COUNT_OPEN, SQL_ARGS({ "device", SQL_I(device) }), out, e);
}

enum rc db_operation_record_sealed(struct sql *db, int64_t id, struct arena *a, struct str *correlator,
                                   struct str *sealed, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, SEALED, SQL_ARGS({ "id", SQL_I(id) }), &r, e);
    if (!rc) {
        *correlator = sql_text(r, 0);
        *sealed = sql_text(r, 1);
        rc = DB_KEEP(a, e, correlator, sealed);
    }
    sql_end(r);
    return rc;
}

enum rc db_operation_record_steps(struct sql *db, int64_t id, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, STEPS, SQL_ARGS({ "id", SQL_I(id) }), rows, e);
}

enum rc db_operation_record_next_step(struct sql_rows *rows, struct db_operation_step *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc)
        *out = (struct db_operation_step){
            .at_ms = sql_int(rows, 0), .code = sql_int(rows, 1), .state = sql_text(rows, 2), .reason = sql_text(rows, 3)
        };
    return rc;
}

enum rc db_operation_record_of_vm(struct sql *db, int64_t device, struct str vm, struct arena *a,
                                  struct db_operation_of_vm *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, OF_VM, SQL_ARGS({ "device", SQL_I(device) }, { "vm", SQL_T(vm) }), &r, e);
    if (!rc) {
        *out = (struct db_operation_of_vm){ sql_int(r, 0), sql_int(r, 1), sql_text(r, 2), sql_text(r, 3) };
        rc = DB_KEEP(a, e, &out->kind, &out->state);
    }
    sql_end(r);
    return rc;
}

enum rc db_operation_record_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e)
{
    return sql_execute(db, EXPIRE, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }), removed, e);
}

enum rc db_operation_record_expire_sealed(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed,
                                          struct err *e)
{
    return sql_execute(db, EXPIRE_SEALED, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }),
                       removed, e);
}
