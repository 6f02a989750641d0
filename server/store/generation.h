/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_GENERATION_H
#define SERVER_STORE_GENERATION_H
/* Changes that people ask for, each as one function inside a transaction that the caller began: used by the REST
 * API. They write the rows, stamp the devices concerned (device.generation), put notifications and events. The caller
 * commits, then wakes events and notifier. */
#include "base/world.h"
#include "db/generation.h"
#include "policy/plan/plan.h"
#include "server/core/server.h"

/** authority.stamp + 1, and the new value. */
enum rc generation_stamp(struct sql *db, int64_t authority, int64_t *stamp, struct err *e);
/** A device has something new to fetch (a policy, an operation: a session looks for operations only when the stamp
 * has grown): generation := stamp, and a pending notification (one open notification a device: an open one is kept, so that
 * several changes cause one call). No notification when its channel is "none". @param why for people */
enum rc generation_touch_device(struct sql *db, int64_t device, int64_t stamp, struct str why, int64_t now_ms,
                                struct err *e);
/** Calls those devices after `after` up to `last` whose generation is `stamp`, that can be called and are not being called
 * already. */
enum rc generation_call_devices(struct sql *db, int64_t authority, int64_t after, int64_t last, int64_t stamp,
                                struct str why, int64_t now_ms, struct err *e);
/** How many devices a selector is true for, and for how many it cannot be told. Reads a fleet: before a transaction. */
enum rc generation_reach(struct sql *db, int64_t authority, const struct pol_sql *selector, int64_t *affected,
                         int64_t *unknown, struct err *e);
/** All devices for which the policy was or will be true or unknown: the first ones now, the rest of a large fleet by
 * server/store/replan.h, a slice of them in a transaction. @param revision  0 when it was deleted
 *  @param selector  of the new revision; NULL when it was deleted */
enum rc generation_policy(struct sql *db, int64_t authority, int64_t policy, int64_t revision,
                          const struct pol_sql *selector, struct str why, int64_t now_ms, struct err *e);
/** A part of that, in a transaction. */
enum rc generation_policy_slice(struct sql *db, const struct db_generation_slice *s, const struct pol_sql *selector,
                                struct str why, int64_t now_ms, struct err *e);
/** Labels or facts changed: policies that may concern the device are evaluated again at its next session; touched now
 * if any may hold. */
enum rc generation_attributes(struct sql *db, int64_t device, struct str why, int64_t now_ms, struct err *e);
#endif
