/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events/vm_json.h"

#include "base/text.h"
#include "server/events/json.h"

/* Labels and states come from the layout; no node name is spelled here. */
bool vm_json_locked(const struct ddf_layout *l, int64_t lock)
{
    static const enum ddf_operation_role locks[] = { DDF_OP_LOCK, DDF_OP_PARTIAL_LOCK };
    for (size_t i = 0; i < 2; i++) {
        const struct ddf_operation *op = l->operation[locks[i]];
        if (op && op->lock_to >= 0 && op->lock_to == lock) return true;
    }
    return false;
}

struct str vm_json_health(enum ddf_health health)
{
    return health == DDF_H_OK ? STR("ok") : health == DDF_H_FAILED ? STR("failed") : STR("none");
}

void vm_json_state(const struct ddf_layout *l, int64_t state, int64_t lock, json_t *j)
{
    const struct ddf_state *s = ddf_layout_state(l, (int)state);
    json_put_int(j, "state", state);
    json_put_str(j, "stateText", s ? s->name : STR("undefined"));
    json_put_str(j, "stateLabel", s ? s->label : STR("Unknown"));
    json_put_bool(j, "stable", s && s->stable);
    json_put_str(j, "health", vm_json_health(s ? s->health : DDF_H_NONE));
    json_put_bool(j, "locked", vm_json_locked(l, lock));
}

static void put_crashes(const struct vm_object *vm, json_t *j)
{
    json_t *o = json_object();
    int64_t at = 0;
    json_put_int(o, "total", vm->crashes);
    json_put_int(o, "unacknowledged", vm->crashes > vm->crashes_seen ? vm->crashes - vm->crashes_seen : 0);
    json_put_time(o, "last", text_time_parse(vm->crash_time, &at) ? at : 0);
    json_put_str(o, "cause", vm->crash_cause);
    json_object_set_new(j, "crashes", o);
}

static void put_operation(const struct ddf_layout *l, const struct vm_object *vm, json_t *j)
{
    const struct ddf_operation *op = ddf_layout_operation(l, DDF_VM, vm->operation_kind);
    json_t *o = json_object();
    json_put_int(o, "id", vm->operation);
    json_put_str(o, "kind", vm->operation_kind);
    json_put_str(o, "label", op ? op->label : vm->operation_kind);
    json_put_int(o, "percent", vm->operation_percent);
    json_put_str(o, "state", vm->operation_state);
    json_object_set_new(j, "operation", o);
}

json_t *vm_json(const struct ddf_layout *l, const struct vm_object *vm, struct arena *a)
{
    const struct ddf_entry *lock = l->entry[DDF_ROLE_LOCK_STATE];
    struct str wire = arena_printf(a, "%lld", (long long)vm->lock);
    json_t *j = json_object();
    json_put_str(j, "id", vm->id);
    json_put_str(j, "layout", l->mo);
    json_put_str(j, "title", vm->title);
    vm_json_state(l, vm->state, vm->lock, j);
    json_put_int(j, "lockState", vm->lock);
    json_put_str(j, "lockText", lock ? ddf_entry_to_word(lock, wire, a) : wire);
    json_put_int(j, "reason", vm->reason);
    json_put_str(j, "reasonText", ddf_layout_reason_text(l, (int)vm->reason));
    json_put_bool(j, "verified", vm->verified);
    json_put_time(j, "stateSince", vm->since_ms);
    json_put_str(j, "summary", vm->summary);
    json_put_str(j, "why", vm->why);
    json_put_str(j, "image", vm->image.n ? vm->image : vm->image_id);
    json_put_str(j, "imageId", vm->image_id);
    if (vm->crashes) put_crashes(vm, j);
    if (vm->operation) put_operation(l, vm, j);
    return j;
}
