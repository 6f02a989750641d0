/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_FACTS_H
#define SERVER_DECIDE_FACTS_H
/*
 * Where the DM line reads what it decides on. The server answers from its database (server/store/store_facts.c), `dmtool replay
 * --server` from what a recording kept of those answers (server/decide/facts_read.c); facts_write.c stands between and writes
 * them down. Nothing else in this room reaches outside, and the room links without the database.
 *
 * Each function allocates its outputs in the given arena, or in memory that lives as long as the message. Empty lists
 * are NULL and 0. A failure ends the message.
 */
#include "server/decide/device.h"
#include "server/decide/device_cache.h"
#include "server/decide/dm_changes.h"

/* A failed operation, for later reports of the device. */
struct facts_failed {
    int64_t id, code;
    struct str kind, reason;
};

/* Data related to a VM's row. */
struct facts_beside {
    int64_t crashes_seen;
    struct str image; /* "name:version"; empty: the image is not in the store */
};

struct dm_facts {
    void *ctx;
    /** Load the device's mirror, failures and last desired state into `r`, and the members of its row that most
     * messages do not need (mirror_read, lists, large_objects, careful, summary..., title, created_ms,
     * planned_generation). */
    enum rc (*device)(void *ctx, struct dm_device *d, struct device_cache *r, struct err *e);
    /** Labels and reported attributes. */
    enum rc (*attributes)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_attribute **out, size_t *n,
                          struct err *e);
    /** Whether its authority has uploaded descriptions. */
    enum rc (*described)(void *ctx, const struct dm_device *d, bool *out, struct err *e);
    /** f->schema for a device with f->attrs. */
    enum rc (*schema)(void *ctx, const struct dm_device *d, struct pol_facts *f, struct err *e);
    /** Operations that have not ended, oldest first. */
    enum rc (*operations)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_operation **out, size_t *n,
                          struct err *e);
    /** Policies, images, and what of `f` is in the device's row; the rest of `f` is zero. Policies whose selector says no
     * of the attributes may be left out. */
    enum rc (*wanted)(void *ctx, const struct dm_device *d, const struct pol_attribute *attrs, size_t n_attrs,
                      int64_t now_ms, struct arena *a, struct pol_facts *f, struct err *e);
    /** f->holds, as if `c` was written. */
    enum rc (*holds)(void *ctx, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                     struct pol_facts *f, struct err *e);
    /** Values that policies set on the device. */
    enum rc (*sets)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_set **out, size_t *n,
                    struct err *e);
    /** f->charges; f->policies must be loaded. */
    enum rc (*charges)(void *ctx, const struct dm_device *d, struct arena *a, struct pol_facts *f, struct err *e);
    /** @return RC_NOT_FOUND: no failed operation has this Correlator */
    enum rc (*failed)(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct facts_failed *out, struct err *e);
    /** An operation by its Correlator, including ended ones. @return RC_NOT_FOUND */
    enum rc (*closed)(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct pol_operation *out, struct err *e);
    enum rc (*percent)(void *ctx, int64_t operation, int64_t *out, struct err *e);
    /** r->vms and r->assignments, up to their limits. */
    enum rc (*vms)(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e);
    enum rc (*assignments)(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e);
    enum rc (*beside)(void *ctx, const struct dm_device *d, struct str vm, struct str image_id, struct arena *a,
                      struct facts_beside *out, struct err *e);
    /** Numbers of rows that are written later. */
    enum rc (*operation_number)(void *ctx, int64_t *out, struct err *e);
    enum rc (*session_number)(void *ctx, int64_t *out, struct err *e);
    /** Unguessable Correlators for the steps that need one. */
    enum rc (*correlators)(void *ctx, const struct dm_device *d, struct pol_step *steps, struct arena *a,
                           struct err *e);
};
#endif
