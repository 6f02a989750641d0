/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DEVICE_H
#define DB_DEVICE_H
/* Devices as people see and change them. What their sessions read and write is in db/device_state.h and db/account.h. */
#include "db/condition.h"
#include "db/selector.h"
#include "db/sql/sql.h"

struct db_device {
    int64_t id, authority;
    struct str authority_name, name, title;
    int64_t created_ms;
    int64_t seen_ms; /* 0 = never */
    struct str user_agent, remote, push_channel, push_address;
    struct str summary, summary_why; /* by its last plan */
    struct str layout_mo;
    int64_t generation, observed_generation, planned_generation;
    int record;                         /* flight recorder: 1, 0, -1 as the authority says */
    int64_t poll_ms;                    /* -1 = as configured */
    int64_t unreachable_ms, refused_ms; /* 0 = never */
    int64_t refused_times;
    struct str refused_remote, refused_why;
};

struct db_device_filter {
    int64_t authority;       /* 0 = all */
    int64_t cursor, limit;   /* ids after the cursor */
    struct str summary, why; /* empty = any; as db/condition.h says it */
    struct str
        like; /* pattern of identity, title or a label, in small letters, '!' before what is meant as it stands */
    struct db_condition now;
    struct db_selector selector;
};
/** Rows for db_device_next. */
enum rc db_device_list(struct sql *db, const struct db_device_filter *f, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_device_next(struct sql_rows *rows, struct db_device *out, struct err *e);
/** Copies its texts into the arena. */
enum rc db_device_keep(struct db_device *v, struct arena *a, struct err *e);
/** @param authority  0 = any. @param a  holds the texts of `out`. @param several  more than one authority has it
 *  @return RC_NOT_FOUND */
enum rc db_device_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_device *out,
                       bool *several, struct err *e);
/** What descriptions are meant for; empty when it is not known. @param a  holds the texts. @return RC_NOT_FOUND */
enum rc db_device_kind(struct sql *db, int64_t device, struct arena *a, struct str *man, struct str *mod,
                       struct str *mo, struct err *e);
/** Ids after `after`, in their order: @param out  room for `limit`. @param n  how many there were */
enum rc db_device_ids(struct sql *db, int64_t after, size_t limit, int64_t *out, size_t *n, struct err *e);

/** @param v  authority, name, title, created_ms, push_channel, push_address. @return RC_EXISTS */
enum rc db_device_add(struct sql *db, const struct db_device *v, int64_t *id, struct err *e);
enum rc db_device_set_title(struct sql *db, int64_t device, struct str title, struct err *e);
enum rc db_device_set_push(struct sql *db, int64_t device, struct str channel, struct str address, struct err *e);
/** @param record  -1 = as the authority says */
enum rc db_device_set_record(struct sql *db, int64_t device, int record, struct err *e);
enum rc db_device_set_poll(struct sql *db, int64_t device, int64_t poll_ms, struct err *e);
enum rc db_device_delete(struct sql *db, int64_t device, struct err *e);

/* What was noticed when somebody called as this device. Times are 0 when it did not happen. */
struct db_device_contact {
    int64_t seen_ms, certificate_until_ms;
    int64_t refused_ms, refused_since_ms, refused_times;
    struct str refused_remote, refused_why;
    int64_t contested_ms, contested_since_ms, contested_times;
    struct str contested_remote, contested_other; /* addresses of the two */
};
/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_device_contact(struct sql *db, int64_t device, struct arena *a, struct db_device_contact *out,
                          struct err *e);

/* How far a policy is on it. */
struct db_device_policy {
    struct str name;
    int64_t in_force; /* revision of the policy */
    int64_t revision; /* the one that the state speaks of */
    int64_t truth;    /* of the selector: enum pol_truth */
    struct str state, why;
    int64_t at_ms;
};
enum rc db_device_policies(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
enum rc db_device_next_policy(struct sql_rows *rows, struct db_device_policy *out, struct err *e);

/* ---- fleets ---- */

/* How many devices stand how. */
struct db_device_count {
    struct str state, why;
    int64_t n;
    struct str first, last; /* names: the least and the greatest */
};
/** By state alone, of all authorities: rows for db_device_next_count, without why and names. */
enum rc db_device_states(struct sql *db, const struct db_condition *now, struct sql_rows **rows, struct err *e);
/** By state and reason, the most frequent first: rows for db_device_next_count. */
enum rc db_device_reasons(struct sql *db, int64_t authority, const struct db_condition *now, int64_t limit,
                          struct sql_rows **rows, struct err *e);
enum rc db_device_next_count(struct sql_rows *rows, struct db_device_count *out, struct err *e);

/** For how many of an authority's devices a selector is true, and for how many it is unknown. */
enum rc db_device_count_selected(struct sql *db, int64_t authority, const struct db_selector *s, int64_t *affected,
                                 int64_t *unknown, struct err *e);
/** The names of those that it is true for: rows for db_device_next_name. */
enum rc db_device_selected(struct sql *db, int64_t authority, const struct db_selector *s, int64_t limit,
                           struct sql_rows **rows, struct err *e);

/* Devices that have a VM of this policy, for which its selector would be false or another VM be meant, and whose VM no other
 * policy gives a state. */
struct db_device_leaving {
    int64_t authority, policy;
    struct str vm;               /* that it would mean; empty = none */
    struct db_selector selector; /* that it would have; DB_SELECTOR_NONE without one */
};
enum rc db_device_count_leaving(struct sql *db, const struct db_device_leaving *l, int64_t *out, struct err *e);
/** Their names: rows for db_device_next_name. */
enum rc db_device_leaving(struct sql *db, const struct db_device_leaving *l, int64_t limit, struct sql_rows **rows,
                          struct err *e);
/** @param out  good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_device_next_name(struct sql_rows *rows, struct str *out, struct err *e);

/* Kinds of devices, as descriptions are meant for them, and how many there are of each. */
struct db_device_kind {
    struct str man, mod, mo;
    int64_t n;
};
/** Of those that a selector holds for, the most frequent first: rows for db_device_next_kind. */
enum rc db_device_kinds(struct sql *db, int64_t authority, const struct db_selector *s, int64_t limit,
                        struct sql_rows **rows, struct err *e);
/** Which management objects the authority's devices have that the selector takes, or may take once more is known of them;
 * "" = not told yet: rows for db_device_next_name. */
enum rc db_device_layouts(struct sql *db, int64_t authority, const struct db_selector *s, struct sql_rows **rows,
                          struct err *e);
enum rc db_device_next_kind(struct sql_rows *rows, struct db_device_kind *out, struct err *e);
#endif
