/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_FACTS_H
#define SERVER_DECIDE_FACTS_H
/*
 * Where the DM line reads what it decides on. The server answers from its database (server/store/store_facts.c), `dmtool replay
 * --server` from what a recording kept of those answers (server/decide/facts_read.c); facts_recorder stands between and writes
 * them down. Nothing else in this room reaches outside, and the room links without the database.
 *
 * Each function fills its outputs from the arena that it is given, or from memory that lasts as long as the message. Lists are
 * NULL and 0 when they are empty. A failure ends the message.
 */
#include "server/decide/device.h"
#include "server/decide/device_cache.h"
#include "server/decide/dm_changes.h"

/* A failed operation, for what the device says of it afterwards. */
struct facts_failed {
    int64_t id, code;
    struct str kind, reason;
};

/* What stands beside a VM's row. */
struct facts_beside {
    int64_t crashes_seen;
    struct str image; /* "name:version"; empty: the image is none of ours */
};

struct dm_facts {
    void *ctx;
    /** The device's mirror, failures and last wishes into `r`, and of its row what comes later than the message
     * (mirror_read, lists, large_objects, careful, summary..., title, created_ms, planned_generation). */
    enum rc (*device)(void *ctx, struct dm_device *d, struct device_cache *r, struct err *e);
    /** Labels, and what the device said of itself. */
    enum rc (*attributes)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_attribute **out, size_t *n,
                          struct err *e);
    /** Has its authority descriptions of its own? */
    enum rc (*described)(void *ctx, const struct dm_device *d, bool *out, struct err *e);
    /** f->schema for a device with f->attrs. */
    enum rc (*schema)(void *ctx, const struct dm_device *d, struct pol_facts *f, struct err *e);
    /** Those that are not over, oldest first. */
    enum rc (*operations)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_operation **out, size_t *n,
                          struct err *e);
    /** Policies, images, and what of `f` is in the device's row; the rest of `f` is zero. */
    enum rc (*wanted)(void *ctx, const struct dm_device *d, int64_t now_ms, struct arena *a, struct pol_facts *f,
                      struct err *e);
    /** f->holds, as if `c` was written. */
    enum rc (*holds)(void *ctx, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                     struct pol_facts *f, struct err *e);
    /** What policies set there. */
    enum rc (*sets)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_set **out, size_t *n,
                    struct err *e);
    /** f->charges; f->policies are in place. */
    enum rc (*charges)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_facts *f, struct err *e);
    /** @return RC_NOT_FOUND: no failed operation has this Correlator */
    enum rc (*failed)(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct facts_failed *out, struct err *e);
    /** An operation by its Correlator, also one that is over. @return RC_NOT_FOUND */
    enum rc (*closed)(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct pol_operation *out, struct err *e);
    enum rc (*percent)(void *ctx, int64_t operation, int64_t *out, struct err *e);
    /** r->vms and r->assignments, up to their ceilings. */
    enum rc (*vms)(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e);
    enum rc (*assignments)(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e);
    enum rc (*beside)(void *ctx, const struct dm_device *d, struct str vm, struct str image_id, struct arena *a,
                      struct facts_beside *out, struct err *e);
    /** Numbers for rows that are written later. */
    enum rc (*operation_number)(void *ctx, int64_t *out, struct err *e);
    enum rc (*session_number)(void *ctx, int64_t *out, struct err *e);
    /** Correlators of the steps that need one: nobody can guess them. */
    enum rc (*correlators)(void *ctx, const struct dm_device *d, struct pol_step *steps, struct arena *a,
                           struct err *e);
};
#endif
