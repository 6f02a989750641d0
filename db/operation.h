/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_OPERATION_H
#define DB_OPERATION_H
/* One-time requests of a user or of a plan (table operation), and the history of each (table operation_step). */
#include "db/sql/sql.h"

/* An operation as the device's sessions see it. */
struct db_operation {
    int64_t id, scope, secret; /* scope: enum ddf_scope; secret: 0 clear text, 1 sealed, 2 erased */
    bool by_policy, has_data;
    struct str state, kind, owner, args, correlator;
    struct str tree_command, tree_uri, tree_format, tree_type, tree_data;
    int64_t tries, not_before_ms, expires_ms, updated_ms, created_ms;
};

/** A device's operations that have not ended, oldest first: rows for db_operation_next. */
enum rc db_operation_open(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_next(struct sql_rows *rows, struct db_operation *out, struct err *e);
/** Texts in the arena. @return RC_NOT_FOUND */
enum rc db_operation_by_correlator(struct sql *db, int64_t device, struct str correlator, struct arena *a,
                                   struct db_operation *out, struct err *e);
/** Progress of the operation; -1 = unknown. @return RC_NOT_FOUND */
enum rc db_operation_percent(struct sql *db, int64_t id, int64_t *percent, struct err *e);
/** The number of the device's newest operation; 0 = none so far. */
enum rc db_operation_last(struct sql *db, int64_t device, int64_t *id, struct err *e);

/* A VM operation that a user requested. */
struct db_operation_by_hand {
    int64_t id, created_ms;
    struct str owner, kind, created_by;
};
/** The verified ones, newest first, a bounded number: rows for db_operation_by_hand_next. */
enum rc db_operation_by_hand(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_by_hand_next(struct sql_rows *rows, struct db_operation_by_hand *out, struct err *e);

/** One of them in any state; texts in the arena. @return RC_NOT_FOUND: it is not a user's operation on a VM */
enum rc db_operation_by_hand_find(struct sql *db, int64_t id, struct arena *a, struct db_operation_by_hand *out,
                                  struct err *e);

/* A new state of an operation. */
struct db_operation_move {
    int64_t id;
    struct str state, reason;
    int64_t code, percent, tries; /* tries -1 = unchanged */
    int64_t now_ms;
    bool again; /* also if the operation has ended: the device's report is newer */
};
/** The one place that changes an operation's state. @return RC_CONFLICT when the operation has ended (for example
 * cancelled) and `again` is false */
enum rc db_operation_move(struct sql *db, const struct db_operation_move *m, struct err *e);
/** Add one step to its history, up to a maximum number. */
enum rc db_operation_step(struct sql *db, const struct db_operation_move *m, struct err *e);
/** Replace the reason in the operation and in its last step. */
enum rc db_operation_explain(struct sql *db, int64_t id, struct str reason, struct err *e);
/** Add an operation of a plan, when it is sent: id, scope, kind, owner, args and correlator. The id comes from
 * db_operation_number. */
enum rc db_operation_add(struct sql *db, int64_t device, const struct db_operation *op, struct str reason,
                         int64_t now_ms, struct err *e);
/** Add a user's operation, queued, with the first step of its history: all of `op` but id, state, by_policy, tries,
 * created_ms and updated_ms. @param wake_ms  when to notify its device; 0 = now */
enum rc db_operation_ask(struct sql *db, int64_t device, const struct db_operation *op, struct str reason,
                         struct str created_by, int64_t wake_ms, int64_t now_ms, int64_t *id, struct err *e);
/** The id of the next operation; see db/sql/sequence.h. */
enum rc db_operation_number(struct sql *db, int64_t *id, struct err *e);
/** Move a device's due queued operations to `notified`: the notification was sent. */
enum rc db_operation_notified(struct sql *db, int64_t device, struct str reason, int64_t now_ms, struct err *e);
/** Cancel an operation that was not sent, or that the device refused. @return RC_CONFLICT: it may already have taken
 * effect */
enum rc db_operation_cancel(struct sql *db, int64_t id, struct str reason, int64_t now_ms, struct err *e);

/* An operation whose scheduled time has come. */
struct db_operation_waking {
    int64_t id, device, authority;
    struct str kind;
    bool waits; /* false: the device has connected already and has it */
};
/** The longest overdue first: rows for db_operation_next_waking. */
enum rc db_operation_waking(struct sql *db, int64_t now_ms, int64_t limit, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_next_waking(struct sql_rows *rows, struct db_operation_waking *out, struct err *e);
/** @param reason  new reason, if the operation still waits */
enum rc db_operation_woken(struct sql *db, int64_t id, struct str reason, struct err *e);

/** @param sealed  the complete result if `result` hides secrets; empty = nothing is hidden */
enum rc db_operation_result(struct sql *db, int64_t id, struct str result, struct str sealed, struct err *e);

/* A failed operation, about which its device may still report. */
struct db_operation_failed {
    int64_t id, code;
    struct str kind, reason;
};
/** The device's failed operation with this correlator; texts in the arena. @return RC_NOT_FOUND */
enum rc db_operation_failed(struct sql *db, int64_t device, struct str correlator, struct arena *a,
                            struct db_operation_failed *out, struct err *e);
/** Delete a device's ended policy operations, except the newest `keep`. @param gone  number of deleted rows */
enum rc db_operation_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
#endif
