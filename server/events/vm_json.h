/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_EVENTS_VM_JSON_H
#define SERVER_EVENTS_VM_JSON_H
/* The JSON form of a VM, the same in the API and in "object" of a "vm" event. */
#include "base/arena.h"
#include "ddf/layout/layout.h"
#include <jansson.h>

/* A VM's row with related data. */
struct vm_object {
    struct str id, title;
    struct str image_id,
        image; /* node of the image, "name:version"; image empty: the image is not in the store, the node's name is shown */
    struct str summary, why;
    int64_t state, lock, reason, since_ms;
    bool verified;
    int64_t crashes, crashes_seen;
    struct str crash_time, crash_cause;
    int64_t operation; /* the oldest operation that has not ended; 0 = none */
    struct str operation_kind, operation_state;
    int64_t operation_percent;
};

json_t *vm_json(const struct ddf_layout *l, const struct vm_object *vm, struct arena *a);
/** Add name, label, health and stability of a state, and whether the VM is locked, to `j`. */
void vm_json_state(const struct ddf_layout *l, int64_t state, int64_t lock, json_t *j);
/** "ok", "failed", "none" */
struct str vm_json_health(enum ddf_health health);
/** True when this value of the lock state means locked. */
bool vm_json_locked(const struct ddf_layout *l, int64_t lock);
#endif
