/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_DEVICE_CACHE_H
#define SERVER_DECIDE_DEVICE_CACHE_H
/* Cache of a device's rows between the messages of a session with changes: mirror, derived rows, failures. Bounded over
 * all sessions; a dropped cache is read again from the database. */
#include "server/decide/device.h"
#include "server/decide/mirror.h"

enum {
    RECALL_BYTES = 4 << 20, /* for all sessions together */
    RECALL_IDLE_MS = 2000,  /* after a longer pause the device is read again from the database */
    RECALL_ARENA_BYTES = 16 << 20,
    RECALL_VMS = 64,
    RECALL_ASSIGNMENTS = 1000,
    RECALL_GARBAGE_BYTES = 1 << 20
};

struct recall_vm {
    struct str name, title, image, summary, why, crash_time, crash_why;
    int64_t state, lock, reason, verified, state_ms, crashes;
    bool there;
};

struct recall_assignment {
    int64_t policy, revision, truth;
    struct str state, why;
    bool used, gone;
};

struct device_cache {
    struct arena arena;
    int64_t stamp; /* generation at reading; a newer one means that other writers may have changed rows */
    struct mirror m;
    bool told_full;
    struct dm_device rest; /* the part of the row filled by facts.device */
    struct pol_failure *failures;
    size_t n_failures, failures_cap;
    struct pol_wish *wishes; /* of the last plan */
    size_t n_wishes;
    struct pol_attribute *attr_rows; /* labels and reported attributes */
    size_t n_attr_rows, attr_cap;
    const struct pol_attribute *attrs; /* including the facts of the mirror */
    size_t n_attrs;
    const struct pol_hold *holds;
    size_t n_holds;
    bool has_attr_rows, has_attrs, has_holds; /* these are up to date */
    struct recall_vm *vms;
    size_t n_vms;
    bool has_vms;
    struct recall_assignment *assignments;
    size_t n_assignments, assignments_cap;
    bool has_assignments;
    struct pol_set *sets;
    size_t n_sets, sets_cap;
    bool has_sets;
};

struct device_cache *device_cache_create(void); /* NULL when out of memory */
/** Add an assignment, all zero except `gone`; NULL when out of memory. */
struct recall_assignment *device_cache_assignment(struct device_cache *r);
void device_cache_free(struct device_cache *r);
static inline size_t recall_bytes(const struct device_cache *r)
{
    return r ? sizeof *r + r->arena.used : 0;
}
#endif
