/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_OPERATION_H
#define DB_OPERATION_H
/* What somebody, or a plan, asked for once (table operation), and each step of its way (table operation_step). */
#include "db/sql/sql.h"

/* An operation as its device's sessions look at it. */
struct db_operation {
    int64_t id, scope, secret; /* scope: enum ddf_scope; secret: 0 open, 1 sealed, 2 gone */
    bool by_policy, has_data;
    struct str state, kind, owner, args, correlator;
    struct str tree_command, tree_uri, tree_format, tree_type, tree_data;
    int64_t tries, not_before_ms, expires_ms, updated_ms, created_ms;
};

/** Those of a device that are not over, in their order: rows for db_operation_next. */
enum rc db_operation_open(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_next(struct sql_rows *rows, struct db_operation *out, struct err *e);
/** Texts in the arena. @return RC_NOT_FOUND */
enum rc db_operation_by_correlator(struct sql *db, int64_t device, struct str correlator, struct arena *a,
                                   struct db_operation *out, struct err *e);
/** How far it is; -1 = nobody knows. @return RC_NOT_FOUND */
enum rc db_operation_percent(struct sql *db, int64_t id, int64_t *percent, struct err *e);
/** The number of the device's newest one; 0 = it never had one. */
enum rc db_operation_last(struct sql *db, int64_t device, int64_t *id, struct err *e);

/* What a person did to a VM. */
struct db_operation_by_hand {
    int64_t id, created_ms;
    struct str owner, kind, created_by;
};
/** Those that are verified, the newest first, a bounded number: rows for db_operation_by_hand_next. */
enum rc db_operation_by_hand(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_by_hand_next(struct sql_rows *rows, struct db_operation_by_hand *out, struct err *e);

/** This one, whatever its state; texts in the arena. @return RC_NOT_FOUND: it is none that a person did to a VM */
enum rc db_operation_by_hand_find(struct sql *db, int64_t id, struct arena *a, struct db_operation_by_hand *out,
                                  struct err *e);

/* Where an operation is on its way. */
struct db_operation_move {
    int64_t id;
    struct str state, reason;
    int64_t code, percent, tries; /* tries -1 = as before */
    int64_t now_ms;
    bool again; /* also of one that is over: the device knows better */
};
/** The one place that changes an operation's state. @return RC_CONFLICT when it is over (cancelled, for one) and not `again` */
enum rc db_operation_move(struct sql *db, const struct db_operation_move *m, struct err *e);
/** One line of its history, up to a ceiling. */
enum rc db_operation_step(struct sql *db, const struct db_operation_move *m, struct err *e);
/** Its last line, and itself, say why in other words. */
enum rc db_operation_explain(struct sql *db, int64_t id, struct str reason, struct err *e);
/** One that the plan made, as it is sent: id, scope, kind, owner, args and correlator. The number comes from db_operation_number. */
enum rc db_operation_add(struct sql *db, int64_t device, const struct db_operation *op, struct str reason,
                         int64_t now_ms, struct err *e);
/** One that a person asked for, queued, with the first line of its history: all but id, state, by_policy, tries, created_ms and
 * updated_ms of `op`. @param wake_ms  when its device is to be called for it; 0 = now */
enum rc db_operation_ask(struct sql *db, int64_t device, const struct db_operation *op, struct str reason,
                         struct str created_by, int64_t wake_ms, int64_t now_ms, int64_t *id, struct err *e);
/** The number of the next one; see db/sql/sequence.h. */
enum rc db_operation_number(struct sql *db, int64_t *id, struct err *e);
/** Those of a device that are queued and whose time has come: its notification is on its way. */
enum rc db_operation_notified(struct sql *db, int64_t device, struct str reason, int64_t now_ms, struct err *e);
/** A person takes back one that was not sent, or was refused by the device. @return RC_CONFLICT: it may have been done */
enum rc db_operation_cancel(struct sql *db, int64_t id, struct str reason, int64_t now_ms, struct err *e);

/* One whose time has come. */
struct db_operation_waking {
    int64_t id, device, authority;
    struct str kind;
    bool waits; /* else the device called by itself, and has it */
};
/** The longest waiting first: rows for db_operation_next_waking. */
enum rc db_operation_waking(struct sql *db, int64_t now_ms, int64_t limit, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_next_waking(struct sql_rows *rows, struct db_operation_waking *out, struct err *e);
/** @param reason  of one that still waits */
enum rc db_operation_woken(struct sql *db, int64_t id, struct str reason, struct err *e);

/** @param sealed  the whole of it, where `result` hides secrets; empty = nothing is hidden */
enum rc db_operation_result(struct sql *db, int64_t id, struct str result, struct str sealed, struct err *e);

/* One that failed, with what its device may say about it later. */
struct db_operation_failed {
    int64_t id, code;
    struct str kind, reason;
};
/** The device's failed one with this correlator; texts in the arena. @return RC_NOT_FOUND */
enum rc db_operation_failed(struct sql *db, int64_t device, struct str correlator, struct arena *a,
                            struct db_operation_failed *out, struct err *e);
/** Those of policies that are over go, but for the device's newest ones. @param gone  how many went */
enum rc db_operation_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
#endif
