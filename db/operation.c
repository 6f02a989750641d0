/* SPDX-License-Identifier: Apache-2.0 */
#include "db/operation.h"
#include "db/sql/sequence.h"
#include "db/statements.h"

#define OPERATION_COLUMNS                                                                                              \
    "SELECT operation_id, by_policy, state, kind, scope, owner, args, correlator, tree_command, tree_uri,"             \
    " tree_format, tree_type, tree_data, tries, not_before_ms, expires_ms, updated_ms, created_ms, secret"             \
    " FROM operation"
#define OPERATION_IS_OPEN                                                                                              \
    "(state = 'queued' OR state = 'notified' OR state = 'sent' OR state = 'accepted' OR state = 'acknowledged')"
#define OPERATION_IS_OVER                                                                                              \
    "(state = 'verified' OR state = 'failed' OR state = 'cancelled' OR state = 'superseded' OR state = 'expired'"      \
    " OR state = 'unknown')"
#define OPERATION_SET                                                                                                  \
    "UPDATE operation SET state = :state, code = :code, reason = :reason, percent = :percent,"                         \
    " tries = CASE WHEN :tries < 0 THEN tries ELSE :tries END, updated_ms = :now_ms"                                   \
    " WHERE operation_id = :operation_id"
#define OPERATION_STATEMENTS(X)                                                                                        \
    X(OPEN, OPERATION_COLUMNS " WHERE device_id = :device_id AND " OPERATION_IS_OPEN " ORDER BY operation_id")         \
    X(BY_CORRELATOR, OPERATION_COLUMNS " WHERE device_id = :device_id AND correlator = :correlator")                   \
    X(PERCENT, "SELECT percent FROM operation WHERE operation_id = :operation_id")                                     \
    X(LAST, "SELECT coalesce(max(operation_id), 0) FROM operation WHERE device_id = :device_id")                       \
    X(BY_HAND, "SELECT operation_id, owner, kind, created_ms, created_by FROM operation WHERE device_id = :device_id"  \
               " AND by_policy = 0 AND scope = 1 AND state = 'verified' ORDER BY operation_id DESC LIMIT 200")         \
    X(BY_HAND_FIND, "SELECT operation_id, owner, kind, created_ms, created_by FROM operation"                          \
                    " WHERE operation_id = :operation_id AND by_policy = 0 AND scope = 1")                             \
    X(ADD, "INSERT INTO operation (operation_id, device_id, kind, by_policy, scope, owner, args, tree_command,"        \
           " tree_uri, tree_format, tree_type, tree_data, secret, correlator, state, reason, tries, created_by,"       \
           " created_ms, updated_ms, not_before_ms, expires_ms, wake_ms) VALUES (:operation_id, :device_id, :kind,"    \
           " :by_policy, :scope, :owner, :args, :tree_command, :tree_uri, :tree_format, :tree_type, :tree_data,"       \
           " :secret, :correlator, :state, :reason, :tries, :created_by, :now_ms, :now_ms, :not_before_ms,"            \
           " :expires_ms, :wake_ms)")                                                                                  \
    X(QUEUED, "SELECT operation_id, code, percent FROM operation WHERE device_id = :device_id AND state = 'queued'"    \
              " AND not_before_ms <= :now_ms ORDER BY operation_id LIMIT :limit")                                      \
    X(UNDONE, "SELECT code, percent FROM operation WHERE operation_id = :operation_id"                                 \
              " AND (state = 'queued' OR state = 'notified') AND (tries = 0 OR code <> 0)")                            \
    X(WAKING, "SELECT o.operation_id, o.device_id, d.authority_id, o.kind, o.state"                                    \
              " FROM operation o JOIN device d ON d.device_id = o.device_id"                                           \
              " WHERE o.wake_ms <= :now_ms ORDER BY o.wake_ms LIMIT :limit")                                           \
    X(WOKEN, "UPDATE operation SET wake_ms = NULL, reason = CASE WHEN state = 'queued' THEN :reason ELSE reason END"   \
             " WHERE operation_id = :operation_id")                                                                    \
    X(MOVE, OPERATION_SET " AND " OPERATION_IS_OPEN)                                                                   \
    X(MOVE_AGAIN, OPERATION_SET)                                                                                       \
    X(STEP, "INSERT INTO operation_step (operation_id, seq, at_ms, state, code, reason) SELECT :operation_id,"         \
            " coalesce(max(seq), 0) + 1, :now_ms, :state, :code, :reason FROM operation_step"                          \
            " WHERE operation_id = :operation_id HAVING coalesce(max(seq), 0) < 500")                                  \
    X(EXPLAIN, "UPDATE operation SET reason = :reason WHERE operation_id = :operation_id")                             \
    X(STEP_EXPLAIN, "UPDATE operation_step SET reason = :reason WHERE operation_id = :operation_id AND seq ="          \
                    " (SELECT max(s.seq) FROM operation_step s WHERE s.operation_id = :operation_id)")                 \
    X(RESULT, "UPDATE operation SET tree_result = :result, result_sealed = :sealed"                                    \
              " WHERE operation_id = :operation_id")                                                                   \
    X(FAILED, "SELECT operation_id, code, kind, reason FROM operation WHERE device_id = :device_id"                    \
              " AND correlator = :correlator AND state = 'failed'")                                                    \
    X(TRIM, "DELETE FROM operation WHERE device_id = :device_id AND by_policy = 1 AND " OPERATION_IS_OVER              \
            " AND operation_id <= (SELECT operation_id FROM operation WHERE device_id = :device_id"                    \
            " ORDER BY operation_id DESC LIMIT 1 OFFSET :keep)")
DB_STATEMENTS(operation, OPERATION_STATEMENTS)

static void read_operation(struct sql_rows *r, struct db_operation *x)
{
    *x = (struct db_operation){ .id = sql_int(r, 0),
                                .by_policy = sql_int(r, 1) != 0,
                                .state = sql_text(r, 2),
                                .kind = sql_text(r, 3),
                                .scope = sql_int(r, 4),
                                .owner = sql_text(r, 5),
                                .args = sql_text(r, 6),
                                .correlator = sql_text(r, 7),
                                .tree_command = sql_text(r, 8),
                                .tree_uri = sql_text(r, 9),
                                .tree_format = sql_text(r, 10),
                                .tree_type = sql_text(r, 11),
                                .tree_data = sql_text(r, 12),
                                .has_data = !sql_is_null(r, 12),
                                .tries = sql_int(r, 13),
                                .not_before_ms = sql_int(r, 14),
                                .expires_ms = sql_int(r, 15),
                                .updated_ms = sql_int(r, 16),
                                .created_ms = sql_int(r, 17),
                                .secret = sql_int(r, 18) };
}

enum rc db_operation_open(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, OPEN, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_operation_next(struct sql_rows *rows, struct db_operation *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) read_operation(rows, out);
    return rc;
}

enum rc db_operation_by_correlator(struct sql *db, int64_t device, struct str correlator, struct arena *a,
                                   struct db_operation *out, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_operation x;
    enum rc rc = db_row(db, BY_CORRELATOR,
                        SQL_ARGS({ "device_id", SQL_I(device) }, { "correlator", SQL_T(correlator) }), &r, e);
    if (!rc) {
        read_operation(r, &x);
        *out = x;
        if (!arena_str(a, x.state, &out->state) || !arena_str(a, x.kind, &out->kind) ||
            !arena_str(a, x.owner, &out->owner) || !arena_str(a, x.args, &out->args) ||
            !arena_str(a, x.correlator, &out->correlator) || !arena_str(a, x.tree_command, &out->tree_command) ||
            !arena_str(a, x.tree_uri, &out->tree_uri) || !arena_str(a, x.tree_format, &out->tree_format) ||
            !arena_str(a, x.tree_type, &out->tree_type) || !arena_str(a, x.tree_data, &out->tree_data))
            rc = err_set(e, RC_NOMEM, "no memory for an operation");
    }
    sql_end(r);
    return rc;
}

enum rc db_operation_percent(struct sql *db, int64_t id, int64_t *percent, struct err *e)
{
    return db_number(db, PERCENT, SQL_ARGS({ "operation_id", SQL_I(id) }), percent, e);
}

enum rc db_operation_last(struct sql *db, int64_t device, int64_t *id, struct err *e)
{
    return db_number(db, LAST, SQL_ARGS({ "device_id", SQL_I(device) }), id, e);
}

enum rc db_operation_by_hand(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, BY_HAND, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_operation_by_hand_next(struct sql_rows *rows, struct db_operation_by_hand *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_operation_by_hand){ .id = sql_int(rows, 0),
                                          .owner = sql_text(rows, 1),
                                          .kind = sql_text(rows, 2),
                                          .created_ms = sql_int(rows, 3),
                                          .created_by = sql_text(rows, 4) };
    return RC_OK;
}

enum rc db_operation_by_hand_find(struct sql *db, int64_t id, struct arena *a, struct db_operation_by_hand *out,
                                  struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, BY_HAND_FIND, SQL_ARGS({ "operation_id", SQL_I(id) }), &r, e);
    if (!rc) rc = db_operation_by_hand_next(r, out, e);
    if (!rc) rc = DB_KEEP(a, e, &out->owner, &out->kind, &out->created_by);
    sql_end(r);
    return rc;
}

enum rc db_operation_move(struct sql *db, const struct db_operation_move *m, struct err *e)
{
    int64_t changed = 0;
    enum rc rc = sql_execute(db, m->again ? MOVE_AGAIN : MOVE,
                             SQL_ARGS({ "state", SQL_T(m->state) }, { "code", SQL_I(m->code) },
                                      { "reason", SQL_T(m->reason) }, { "percent", SQL_I(m->percent) },
                                      { "tries", SQL_I(m->tries) }, { "now_ms", SQL_I(m->now_ms) },
                                      { "operation_id", SQL_I(m->id) }),
                             &changed, e);
    return rc || changed ? rc : err_set(e, RC_CONFLICT, "the operation has ended or was removed");
}

enum rc db_operation_step(struct sql *db, const struct db_operation_move *m, struct err *e)
{
    return sql_execute(db, STEP,
                       SQL_ARGS({ "operation_id", SQL_I(m->id) }, { "now_ms", SQL_I(m->now_ms) },
                                { "state", SQL_T(m->state) }, { "code", SQL_I(m->code) },
                                { "reason", SQL_T(m->reason) }),
                       NULL, e);
}

enum rc db_operation_explain(struct sql *db, int64_t id, struct str reason, struct err *e)
{
    enum rc rc = sql_execute(db, EXPLAIN, SQL_ARGS({ "reason", SQL_T(reason) }, { "operation_id", SQL_I(id) }), NULL,
                             e);
    if (rc) return rc;
    return sql_execute(db, STEP_EXPLAIN, SQL_ARGS({ "reason", SQL_T(reason) }, { "operation_id", SQL_I(id) }), NULL, e);
}

struct adding {
    int64_t id, device, tries, wake_ms, now_ms;
    bool by_policy;
    struct str state, reason, created_by;
};

static enum rc add(struct sql *db, const struct db_operation *op, const struct adding *x, struct err *e)
{
    return sql_execute(
        db, ADD,
        SQL_ARGS({ "operation_id", SQL_I(x->id) }, { "device_id", SQL_I(x->device) }, { "kind", SQL_T(op->kind) },
                 { "by_policy", SQL_I(x->by_policy) }, { "scope", SQL_I(op->scope) }, { "owner", SQL_T(op->owner) },
                 { "args", SQL_T(op->args) }, { "tree_command", SQL_TN(op->tree_command) },
                 { "tree_uri", SQL_TN(op->tree_uri) }, { "tree_format", SQL_TN(op->tree_format) },
                 { "tree_type", SQL_TN(op->tree_type) }, { "tree_data", op->has_data ? SQL_T(op->tree_data) : SQL_N },
                 { "secret", SQL_I(op->secret) }, { "correlator", SQL_T(op->correlator) }, { "state", SQL_T(x->state) },
                 { "reason", SQL_T(x->reason) }, { "tries", SQL_I(x->tries) }, { "created_by", SQL_T(x->created_by) },
                 { "now_ms", SQL_I(x->now_ms) }, { "not_before_ms", SQL_I(op->not_before_ms) },
                 { "expires_ms", SQL_I(op->expires_ms) }, { "wake_ms", x->wake_ms ? SQL_I(x->wake_ms) : SQL_N }),
        NULL, e);
}

enum rc db_operation_add(struct sql *db, int64_t device, const struct db_operation *op, struct str reason,
                         int64_t now_ms, struct err *e)
{
    const struct adding x = { .id = op->id,
                              .device = device,
                              .tries = 1,
                              .now_ms = now_ms,
                              .by_policy = true,
                              .state = STR("sent"),
                              .reason = reason,
                              .created_by = STR("policy") };
    return add(db, op, &x, e);
}

enum rc db_operation_ask(struct sql *db, int64_t device, const struct db_operation *op, struct str reason,
                         struct str created_by, int64_t wake_ms, int64_t now_ms, int64_t *id, struct err *e)
{
    struct adding x = { .device = device,
                        .wake_ms = wake_ms,
                        .now_ms = now_ms,
                        .state = STR("queued"),
                        .reason = reason,
                        .created_by = created_by };
    enum rc rc = db_operation_number(db, &x.id, e);
    if (!rc) rc = add(db, op, &x, e);
    const struct db_operation_move first = { .id = x.id, .state = x.state, .reason = reason, .now_ms = now_ms };
    if (!rc) rc = db_operation_step(db, &first, e);
    if (!rc) *id = x.id;
    return rc;
}

enum rc db_operation_notified(struct sql *db, int64_t device, struct str reason, int64_t now_ms, struct err *e)
{
    enum { AT_A_TIME = 64 };
    struct db_operation_move m[AT_A_TIME];
    size_t n;
    do {
        struct sql_rows *r = NULL;
        n = 0;
        enum rc rc = sql_query(db, QUEUED,
                               SQL_ARGS({ "device_id", SQL_I(device) }, { "now_ms", SQL_I(now_ms) },
                                        { "limit", SQL_I(AT_A_TIME) }),
                               &r, e);
        for (; !rc && n < AT_A_TIME && (rc = sql_step(r, e)) == RC_OK; n++)
            m[n] = (struct db_operation_move){ .id = sql_int(r, 0),
                                               .state = STR("notified"),
                                               .reason = reason,
                                               .code = sql_int(r, 1),
                                               .percent = sql_int(r, 2),
                                               .tries = -1,
                                               .now_ms = now_ms };
        sql_end(r);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
        for (size_t i = 0; !rc && i < n; i++) {
            rc = db_operation_move(db, &m[i], e);
            m[i].code = 0; /* the step itself had no code */
            if (!rc) rc = db_operation_step(db, &m[i], e);
        }
        if (rc) return rc;
    } while (n == AT_A_TIME);
    return RC_OK;
}

enum rc db_operation_cancel(struct sql *db, int64_t id, struct str reason, int64_t now_ms, struct err *e)
{
    struct db_operation_move m = {
        .id = id, .state = STR("cancelled"), .reason = reason, .tries = -1, .now_ms = now_ms
    };
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, UNDONE, SQL_ARGS({ "operation_id", SQL_I(id) }), &r, e);
    if (!rc) {
        m.code = sql_int(r, 0);
        m.percent = sql_int(r, 1);
    }
    sql_end(r);
    if (rc == RC_NOT_FOUND) return err_set(e, RC_CONFLICT, "the operation may already have taken effect");
    if (!rc) rc = db_operation_move(db, &m, e);
    if (!rc) rc = db_operation_woken(db, id, reason, e);
    m.code = 0; /* the step itself has no code */
    return rc ? rc : db_operation_step(db, &m, e);
}

enum rc db_operation_waking(struct sql *db, int64_t now_ms, int64_t limit, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, WAKING, SQL_ARGS({ "now_ms", SQL_I(now_ms) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_operation_next_waking(struct sql_rows *rows, struct db_operation_waking *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_operation_waking){ .id = sql_int(rows, 0),
                                         .device = sql_int(rows, 1),
                                         .authority = sql_int(rows, 2),
                                         .kind = sql_text(rows, 3),
                                         .waits = str_is(sql_text(rows, 4), "queued") };
    return RC_OK;
}

enum rc db_operation_woken(struct sql *db, int64_t id, struct str reason, struct err *e)
{
    return sql_execute(db, WOKEN, SQL_ARGS({ "operation_id", SQL_I(id) }, { "reason", SQL_T(reason) }), NULL, e);
}

enum rc db_operation_number(struct sql *db, int64_t *id, struct err *e)
{
    return sql_next_id(db, "operation", id, e);
}

enum rc db_operation_result(struct sql *db, int64_t id, struct str result, struct str sealed, struct err *e)
{
    return sql_execute(
        db, RESULT, SQL_ARGS({ "result", SQL_T(result) }, { "sealed", SQL_TN(sealed) }, { "operation_id", SQL_I(id) }),
        NULL, e);
}

enum rc db_operation_failed(struct sql *db, int64_t device, struct str correlator, struct arena *a,
                            struct db_operation_failed *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, FAILED, SQL_ARGS({ "device_id", SQL_I(device) }, { "correlator", SQL_T(correlator) }), &r,
                        e);
    if (!rc) {
        *out = (struct db_operation_failed){ .id = sql_int(r, 0), .code = sql_int(r, 1) };
        if (!arena_str(a, sql_text(r, 2), &out->kind) || !arena_str(a, sql_text(r, 3), &out->reason))
            rc = err_set(e, RC_NOMEM, "no memory for an operation");
    }
    sql_end(r);
    return rc;
}

enum rc db_operation_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM, SQL_ARGS({ "device_id", SQL_I(device) }, { "keep", SQL_I(keep) }), gone, e);
}
