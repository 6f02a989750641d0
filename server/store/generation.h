/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_GENERATION_H
#define SERVER_STORE_GENERATION_H
/* Marks the devices that a change concerns, inside the caller's transaction: stamps device.generation, queues
 * notifications and writes events. Used by the REST API. The caller commits, then wakes events and notifier. */
#include "base/world.h"
#include "db/generation.h"
#include "policy/plan/plan.h"
#include "server/core/server.h"

/** Increment authority.stamp and return its new value. */
enum rc generation_stamp(struct sql *db, int64_t authority, int64_t *stamp, struct err *e);
/** A device has changes to fetch (a policy, an operation; a session reads operations only when the stamp has grown):
 * set generation to the stamp and queue a notification. A device has at most one open notification, so several changes
 * cause one session. No notification if its channel is "none". @param why  shown to users */
enum rc generation_touch_device(struct sql *db, int64_t device, int64_t stamp, struct str why, int64_t now_ms,
                                struct err *e);
/** Queue notifications for the devices after `after` up to `last` whose generation is `stamp`, that have a push channel
 * and no open notification. */
enum rc generation_call_devices(struct sql *db, int64_t authority, int64_t after, int64_t last, int64_t stamp,
                                struct str why, int64_t now_ms, struct err *e);
/** Count the devices for which a selector is true, and for which it is unknown. Reads the whole fleet, so call it
 * before a transaction. */
enum rc generation_reach(struct sql *db, int64_t authority, const struct pol_sql *selector, int64_t *affected,
                         int64_t *unknown, struct err *e);
/** Mark all devices for which the policy was or will be true or unknown: the first slice now, the rest of a large fleet
 * by server/store/replan.h, one slice per transaction. @param revision  0 when it was deleted
 * @param selector  of the new revision; NULL when it was deleted */
enum rc generation_policy(struct sql *db, int64_t authority, int64_t policy, int64_t revision,
                          const struct pol_sql *selector, struct str why, int64_t now_ms, struct err *e);
/** One slice of generation_policy, in a transaction. */
enum rc generation_policy_slice(struct sql *db, const struct db_generation_slice *s, const struct pol_sql *selector,
                                struct str why, int64_t now_ms, struct err *e);
/** Labels or attributes changed: the next session evaluates the policies that may concern the device. Marks the device
 * if any may apply. */
enum rc generation_attributes(struct sql *db, int64_t device, struct str why, int64_t now_ms, struct err *e);
#endif
