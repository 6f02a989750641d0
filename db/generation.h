/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_GENERATION_H
#define DB_GENERATION_H
/* Which devices have something new to fetch (device.generation), and are notified of it. */
#include "db/selector.h"
#include "db/sql/sql.h"

/** generation is at least `stamp` from now on. @return RC_NOT_FOUND: there is no such device */
enum rc db_generation_touch(struct sql *db, int64_t device, int64_t stamp, int64_t *authority, struct err *e);
/** Its authority, and how many policies that has in force. @return RC_NOT_FOUND: there is no such device */
enum rc db_generation_of(struct sql *db, int64_t device, int64_t *authority, int64_t *policies, struct err *e);

/* A part of an authority's devices, and what is new for them. */
struct db_generation_slice {
    int64_t authority, after, last; /* devices after `after` up to `last` */
    int64_t stamp;
    int64_t policy, revision; /* that is new; policy 0 = none in particular, revision 0 = it was deleted */
};
/** Those of the slice whose generation is its stamp, that can be notified and have no open notification, get one. */
enum rc db_generation_notify(struct sql *db, const struct db_generation_slice *s, struct str why, int64_t now_ms,
                             struct err *e);
/** Those that the policy's selector is true or unknown for, and those that the policy held for before, get the stamp. */
enum rc db_generation_stamp(struct sql *db, const struct db_generation_slice *s, const struct db_selector *selector,
                            struct err *e);
/** The policy is pending on those that its selector is true or unknown for. */
enum rc db_generation_assign(struct sql *db, const struct db_generation_slice *s, const struct db_selector *selector,
                             int64_t now_ms, struct err *e);
/** What is known of an earlier revision says nothing about this one. */
enum rc db_generation_reassign(struct sql *db, const struct db_generation_slice *s, int64_t now_ms, struct err *e);
/** VMs of a policy that is gone, to which another policy gives a state, are that policy's from now on. */
enum rc db_generation_hand_over(struct sql *db, const struct db_generation_slice *s, struct err *e);
#endif
