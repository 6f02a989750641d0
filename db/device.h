/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DEVICE_H
#define DB_DEVICE_H
/* Devices as the API shows and changes them. The columns that sessions read and write are in db/device_state.h and
 * db/account.h. */
#include "db/condition.h"
#include "db/selector.h"
#include "db/sql/sql.h"

struct db_device {
    int64_t id, authority;
    struct str authority_name, name, title;
    int64_t created_ms;
    int64_t seen_ms; /* 0 = never */
    struct str user_agent, remote, push_channel, push_address;
    struct str summary, summary_why; /* of the last plan */
    struct str layout_mo;
    int64_t generation, observed_generation, planned_generation;
    int record;                         /* flight recorder: 1, 0, -1 the authority's setting */
    int64_t poll_ms;                    /* -1 = the configured default */
    int64_t unreachable_ms, refused_ms; /* 0 = never */
    int64_t refused_times;
    struct str refused_remote, refused_why;
};

struct db_device_filter {
    int64_t authority;       /* 0 = all */
    int64_t cursor, limit;   /* ids after the cursor */
    struct str summary, why; /* empty = any; as computed by db/condition.h */
    struct str like;         /* LIKE pattern for identity, title or a label: lower case, '!' escapes a wildcard */
    struct db_condition now;
    struct db_selector selector;
};
/** Rows for db_device_next. */
enum rc db_device_list(struct sql *db, const struct db_device_filter *f, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_device_next(struct sql_rows *rows, struct db_device *out, struct err *e);
/** Copies its texts into the arena. */
enum rc db_device_keep(struct db_device *v, struct arena *a, struct err *e);
/** @param authority  0 = any. @param a  holds the texts of `out`. @param several  more than one authority has this name
 * @return RC_NOT_FOUND */
enum rc db_device_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_device *out,
                       bool *several, struct err *e);
/* Devices as descriptions distinguish them, and how many there are of each kind. */
struct db_device_kind {
    struct str man, mod, mo; /* empty = unknown */
    struct str root, images; /* where they have their objects; empty = where the layout has them */
    int64_t n;
};
/** Manufacturer, model and management object of one, by which descriptions are matched. @param a  holds the texts.
 * @return RC_NOT_FOUND */
enum rc db_device_kind(struct sql *db, int64_t device, struct arena *a, struct db_device_kind *out, struct err *e);
/** Device ids after `after`, ascending. @param out  room for `limit`. @param n  how many were found */
enum rc db_device_ids(struct sql *db, int64_t after, size_t limit, int64_t *out, size_t *n, struct err *e);

/** @param v  authority, name, title, created_ms, push_channel, push_address. @return RC_EXISTS */
enum rc db_device_add(struct sql *db, const struct db_device *v, int64_t *id, struct err *e);
enum rc db_device_set_title(struct sql *db, int64_t device, struct str title, struct err *e);
enum rc db_device_set_push(struct sql *db, int64_t device, struct str channel, struct str address, struct err *e);
/** @param record  -1 = the authority's setting */
enum rc db_device_set_record(struct sql *db, int64_t device, int record, struct err *e);
enum rc db_device_set_poll(struct sql *db, int64_t device, int64_t poll_ms, struct err *e);
enum rc db_device_delete(struct sql *db, int64_t device, struct err *e);

/* What the server noticed about connections with this device's identity. A time of 0 means never. */
struct db_device_contact {
    int64_t seen_ms, certificate_until_ms;
    int64_t refused_ms, refused_since_ms, refused_times;
    struct str refused_remote, refused_why;
    int64_t contested_ms, contested_since_ms, contested_times;
    struct str contested_remote, contested_other; /* addresses of the two devices */
};
/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_device_contact(struct sql *db, int64_t device, struct arena *a, struct db_device_contact *out,
                          struct err *e);

/* The progress of a policy on a device. */
struct db_device_policy {
    struct str name;
    int64_t in_force; /* current revision of the policy */
    int64_t revision; /* the revision that `state` describes */
    int64_t truth;    /* of the selector: enum pol_truth */
    struct str state, why;
    int64_t at_ms;
};
enum rc db_device_policies(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
enum rc db_device_next_policy(struct sql_rows *rows, struct db_device_policy *out, struct err *e);

/* ---- fleets ---- */

/* The number of devices in the same condition. */
struct db_device_count {
    struct str state, why;
    int64_t n;
    struct str first, last; /* names: the first and the last in order */
};
/** By state alone, over all authorities: rows for db_device_next_count, without why and names. */
enum rc db_device_states(struct sql *db, const struct db_condition *now, struct sql_rows **rows, struct err *e);
/** By state and reason, the most frequent first: rows for db_device_next_count. */
enum rc db_device_reasons(struct sql *db, int64_t authority, const struct db_condition *now, int64_t limit,
                          struct sql_rows **rows, struct err *e);
enum rc db_device_next_count(struct sql_rows *rows, struct db_device_count *out, struct err *e);

/** Count an authority's devices for which a selector is true, and those for which it is unknown. */
enum rc db_device_count_selected(struct sql *db, int64_t authority, const struct db_selector *s, int64_t *affected,
                                 int64_t *unknown, struct err *e);
/** The names of the devices for which a selector is true: rows for db_device_next_name. */
enum rc db_device_selected(struct sql *db, int64_t authority, const struct db_selector *s, int64_t limit,
                           struct sql_rows **rows, struct err *e);

/* Devices that have a VM of this policy, that a new revision would leave (its selector is false for them, or it names
 * another VM), and whose VM has no state from another policy. */
struct db_device_leaving {
    int64_t authority, policy;
    struct str vm;               /* VM of the new revision; empty = none */
    struct db_selector selector; /* selector of the new revision; DB_SELECTOR_NONE without one */
};
enum rc db_device_count_leaving(struct sql *db, const struct db_device_leaving *l, int64_t *out, struct err *e);
/** Their names: rows for db_device_next_name. */
enum rc db_device_leaving(struct sql *db, const struct db_device_leaving *l, int64_t limit, struct sql_rows **rows,
                          struct err *e);
/** @param out  good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_device_next_name(struct sql_rows *rows, struct str *out, struct err *e);

/** Kinds of the devices for which a selector is true, the most frequent first: rows for db_device_next_kind. */
enum rc db_device_kinds(struct sql *db, int64_t authority, const struct db_selector *s, int64_t limit,
                        struct sql_rows **rows, struct err *e);
/** The management objects of an authority's devices for which the selector is true or unknown; "" = not reported yet:
 * rows for db_device_next_name. */
enum rc db_device_layouts(struct sql *db, int64_t authority, const struct db_selector *s, struct sql_rows **rows,
                          struct err *e);
enum rc db_device_next_kind(struct sql_rows *rows, struct db_device_kind *out, struct err *e);
#endif
