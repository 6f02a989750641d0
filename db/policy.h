/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_POLICY_H
#define DB_POLICY_H
/* Policies, their revisions, and the state of each policy on its devices. */
#include "db/condition.h"
#include "db/sql/sql.h"

struct db_policy {
    int64_t id, authority;
    struct str authority_name, name;
    int64_t revision; /* the revision in force */
    int64_t created_ms;
    int64_t deleted_ms; /* 0 = not deleted */
    /* of the revision in force */
    int64_t revised_ms;
    struct str revised_by, document, hash;
};

/** Policies of an authority (0 = all) that are not deleted, with ids after `cursor`: rows for db_policy_next. */
enum rc db_policy_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                       struct err *e);
/** All policies of an authority that are not deleted, without their documents. */
enum rc db_policy_in_force(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e);
/** Policies of an authority that are not deleted and whose document contains a text: rows for db_policy_next. */
enum rc db_policy_naming(struct sql *db, int64_t authority, struct str text, int64_t limit, struct sql_rows **rows,
                         struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_policy_next(struct sql_rows *rows, struct db_policy *out, struct err *e);
/** Copies its texts into the arena. */
enum rc db_policy_keep(struct db_policy *v, struct arena *a, struct err *e);
/** Finds deleted policies too. @param authority  0 = any. @param a  holds the texts of `out`. @param several  more than
 * one authority has a policy of that name. @return RC_NOT_FOUND */
enum rc db_policy_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_policy *out,
                       bool *several, struct err *e);
/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_policy_by_id(struct sql *db, int64_t id, struct arena *a, struct db_policy *out, struct err *e);
/** The number of an authority's policies that are not deleted. */
enum rc db_policy_count(struct sql *db, int64_t authority, int64_t *out, struct err *e);

/** Add a policy; db_policy_add_revision then adds its revision 1. */
enum rc db_policy_add(struct sql *db, int64_t authority, struct str name, int64_t now_ms, int64_t *id, struct err *e);
/** Put this revision in force; the policy is no longer deleted. */
enum rc db_policy_revise(struct sql *db, int64_t id, int64_t revision, struct err *e);
enum rc db_policy_delete(struct sql *db, int64_t id, int64_t now_ms, struct err *e);

struct db_policy_revision {
    int64_t policy, revision;
    struct str document; /* empty in a list */
    struct str hash;     /* SHA-256 of its canonical JSON */
    int64_t created_ms;
    struct str created_by;
};
enum rc db_policy_add_revision(struct sql *db, const struct db_policy_revision *v, struct err *e);
/** The highest revision number so far. */
enum rc db_policy_last_revision(struct sql *db, int64_t policy, int64_t *out, struct err *e);
/** Revisions below the cursor, newest first: rows for db_policy_next_revision. */
enum rc db_policy_revisions(struct sql *db, int64_t policy, int64_t cursor, int64_t limit, struct sql_rows **rows,
                            struct err *e);
enum rc db_policy_next_revision(struct sql_rows *rows, struct db_policy_revision *out, struct err *e);
/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_policy_revision(struct sql *db, int64_t policy, int64_t revision, struct arena *a,
                           struct db_policy_revision *out, struct err *e);

/* The number of the policy's devices in the same state. */
struct db_policy_count {
    struct str state;
    int64_t n;
};
enum rc db_policy_states(struct sql *db, int64_t policy, const struct db_condition *now, struct sql_rows **rows,
                         struct err *e);
enum rc db_policy_next_state(struct sql_rows *rows, struct db_policy_count *out, struct err *e);

/* One device of the policy. */
struct db_policy_device {
    int64_t id;
    struct str name;
    int64_t revision; /* the revision that `state` describes */
    int64_t truth;    /* of the selector: enum pol_truth */
    struct str state, why;
    int64_t at_ms;
};
/** Devices with ids after `cursor`: rows for db_policy_next_device. @param state  empty = any */
enum rc db_policy_devices(struct sql *db, int64_t policy, struct str state, const struct db_condition *now,
                          int64_t cursor, int64_t limit, struct sql_rows **rows, struct err *e);
enum rc db_policy_next_device(struct sql_rows *rows, struct db_policy_device *out, struct err *e);
#endif
