/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_GENERATION_H
#define DB_GENERATION_H
/* Marks devices that have changes to fetch (device.generation), and queues their notifications. */
#include "db/selector.h"
#include "db/sql/sql.h"

/** Raise the device's generation to at least `stamp`. @return RC_NOT_FOUND: there is no such device */
enum rc db_generation_touch(struct sql *db, int64_t device, int64_t stamp, int64_t *authority, struct err *e);
/** The device's authority, and the number of that authority's policies in force. @return RC_NOT_FOUND: there is no such
 * device */
enum rc db_generation_of(struct sql *db, int64_t device, int64_t *authority, int64_t *policies, struct err *e);

/* A part of an authority's devices, and the change that concerns them. */
struct db_generation_slice {
    int64_t authority, after, last; /* devices after `after` up to `last` */
    int64_t stamp;
    int64_t policy, revision; /* the changed policy; policy 0 = no single policy, revision 0 = deleted */
};
/** Queue a notification for each device of the slice whose generation equals the stamp, that has a push address and no
 * open notification. */
enum rc db_generation_notify(struct sql *db, const struct db_generation_slice *s, struct str why, int64_t now_ms,
                             struct err *e);
/** Stamp the devices for which the policy's selector is true or unknown, and the devices to which the policy applied
 * before. */
enum rc db_generation_stamp(struct sql *db, const struct db_generation_slice *s, const struct db_selector *selector,
                            struct err *e);
/** Add the policy as pending on the devices for which its selector is true or unknown. */
enum rc db_generation_assign(struct sql *db, const struct db_generation_slice *s, const struct db_selector *selector,
                             int64_t now_ms, struct err *e);
/** Reset the state that belongs to an earlier revision. */
enum rc db_generation_reassign(struct sql *db, const struct db_generation_slice *s, int64_t now_ms, struct err *e);
/** Hand the VMs of a deleted policy over to another policy that gives them a state. */
enum rc db_generation_hand_over(struct sql *db, const struct db_generation_slice *s, struct err *e);
#endif
