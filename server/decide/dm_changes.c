/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/dm_changes.h"

void dm_changes_init(struct dm_changes *c, struct arena *a, int64_t device, int64_t now_ms)
{
    *c = (struct dm_changes){ .a = a, .device = device, .now_ms = now_ms };
}

/* Copy a text into the arena. */
static struct str keep(struct dm_changes *c, struct str s)
{
    struct str out = { 0 };
    if (!arena_str(c->a, s, &out)) c->nomem = true;
    return out;
}

/* Append an element to a list; NULL without memory. */
#define APPEND(c, list, type)                                                                                          \
    do {                                                                                                               \
        struct type *new_ = ARENA_NEW((c)->a, struct type);                                                            \
        if (!new_) {                                                                                                   \
            (c)->nomem = true;                                                                                         \
            return;                                                                                                    \
        }                                                                                                              \
        if ((list).last)                                                                                               \
            (list).last->next = new_;                                                                                  \
        else                                                                                                           \
            (list).first = new_;                                                                                       \
        (list).last = new_;                                                                                            \
    } while (0)

/* ---- device ---- */

void dm_change_contact(struct dm_changes *c, const struct db_contact *x)
{
    c->has_contact = true;
    c->contact = *x;
    c->contact.client_nonce = keep(c, x->client_nonce);
    c->contact.server_nonce = keep(c, x->server_nonce);
}

void dm_change_booked(struct dm_changes *c, struct str booked, int64_t alerts_left)
{
    c->has_booked = true;
    c->booked = keep(c, booked);
    c->alerts_left = alerts_left;
}

void dm_change_caller(struct dm_changes *c, struct str user_agent, struct str remote)
{
    c->has_caller = true;
    c->user_agent = keep(c, user_agent);
    c->remote = keep(c, remote);
}

void dm_change_devinfo(struct dm_changes *c, int64_t hash)
{
    c->has_devinfo = true;
    c->devinfo_hash = hash;
}

void dm_change_state(struct dm_changes *c, const struct db_device_state *x)
{
    c->has_state = true;
    c->state = *x;
    c->state.layout_mo = keep(c, x->layout_mo);
    c->state.mo_root = keep(c, x->mo_root);
    c->state.mo_images = keep(c, x->mo_images);
    c->state.settled_token = keep(c, x->settled_token);
    c->state.summary = keep(c, x->summary);
    c->state.summary_why = keep(c, x->summary_why);
}

/* ---- reported state ---- */

void dm_change_attribute(struct dm_changes *c, struct str name, struct str value)
{
    APPEND(c, c->attributes, dm_attribute);
    c->attributes.last->name = keep(c, name);
    c->attributes.last->value = keep(c, value);
}

void dm_change_attribute_removed(struct dm_changes *c, struct str name)
{
    APPEND(c, c->attributes, dm_attribute);
    c->attributes.last->name = keep(c, name);
    c->attributes.last->remove = true;
}

void dm_change_set(struct dm_changes *c, struct str uri, const struct str *value)
{
    APPEND(c, c->sets, dm_policy_set);
    c->sets.last->uri = keep(c, uri);
    c->sets.last->row = !value;
    if (value) c->sets.last->value = keep(c, *value);
}

void dm_change_set_removed(struct dm_changes *c, struct str uri)
{
    APPEND(c, c->sets, dm_policy_set);
    c->sets.last->uri = keep(c, uri);
    c->sets.last->remove = true;
}

void dm_change_node(struct dm_changes *c, enum dm_node_what what, struct str uri, uint64_t hash,
                    const struct db_node *row)
{
    APPEND(c, c->nodes, dm_node);
    struct dm_node *n = c->nodes.last;
    n->what = what;
    n->uri = keep(c, uri);
    n->hash = hash;
    n->row = *row;
    n->row.value = keep(c, row->value);
}

void dm_change_vm(struct dm_changes *c, const struct db_vm *x)
{
    APPEND(c, c->vms, dm_vm);
    struct db_vm *row = &c->vms.last->row;
    *row = *x;
    row->vm = keep(c, x->vm);
    row->title = keep(c, x->title);
    row->image = keep(c, x->image);
    row->summary = keep(c, x->summary);
    row->why = keep(c, x->why);
    row->crash_time = keep(c, x->crash_time);
    row->crash_why = keep(c, x->crash_why);
}

void dm_change_vm_removed(struct dm_changes *c, struct str vm)
{
    APPEND(c, c->vms, dm_vm);
    c->vms.last->remove = true;
    c->vms.last->row.vm = keep(c, vm);
}

void dm_change_sample(struct dm_changes *c, struct str vm, int64_t at_ms, struct str json)
{
    APPEND(c, c->samples, dm_sample);
    c->samples.last->vm = keep(c, vm);
    c->samples.last->json = keep(c, json);
    c->samples.last->at_ms = at_ms;
}

/* ---- operations and desired state ---- */

void dm_change_operation_added(struct dm_changes *c, const struct db_operation *x, struct str reason)
{
    APPEND(c, c->operations, dm_operation);
    struct dm_operation *op = c->operations.last;
    *op = (struct dm_operation){ .what = DM_OPERATION_ADD, .row = *x, .step = true };
    op->row.kind = keep(c, x->kind);
    op->row.owner = keep(c, x->owner);
    op->row.args = keep(c, x->args);
    op->row.correlator = keep(c, x->correlator);
    op->move = (struct db_operation_move){
        .id = x->id, .state = STR("sent"), .reason = keep(c, reason), .percent = -1, .tries = 1, .now_ms = c->now_ms
    };
}

void dm_change_operation_moved(struct dm_changes *c, const struct db_operation_move *m, bool step)
{
    APPEND(c, c->operations, dm_operation);
    struct dm_operation *op = c->operations.last;
    *op = (struct dm_operation){ .what = DM_OPERATION_MOVE, .move = *m, .step = step };
    op->move.state = keep(c, m->state);
    op->move.reason = keep(c, m->reason);
}

void dm_change_operation_explained(struct dm_changes *c, int64_t id, struct str reason)
{
    APPEND(c, c->operations, dm_operation);
    c->operations.last->what = DM_OPERATION_EXPLAIN;
    c->operations.last->move.id = id;
    c->operations.last->move.reason = keep(c, reason);
}

void dm_change_operation_result(struct dm_changes *c, int64_t id, struct str result, struct str sealed)
{
    APPEND(c, c->operations, dm_operation);
    c->operations.last->what = DM_OPERATION_RESULT;
    c->operations.last->row.id = id;
    c->operations.last->result = keep(c, result);
    c->operations.last->sealed = keep(c, sealed);
}

void dm_change_item(struct dm_changes *c, enum dm_item_what what, const struct db_operation_item *x, struct str result)
{
    APPEND(c, c->items, dm_item);
    struct dm_item *it = c->items.last;
    it->what = what;
    it->row = *x;
    it->row.command = keep(c, x->command);
    it->row.uri = keep(c, x->uri);
    it->row.data = keep(c, x->data);
    it->row.seen = keep(c, x->seen);
    it->result = keep(c, result);
}

void dm_change_failure(struct dm_changes *c, const struct db_failure *x)
{
    APPEND(c, c->failures, dm_failure);
    c->failures.last->row = *x;
    c->failures.last->row.key = keep(c, x->key);
    c->failures.last->row.why = keep(c, x->why);
}

void dm_change_failure_removed(struct dm_changes *c, struct str key)
{
    APPEND(c, c->failures, dm_failure);
    c->failures.last->remove = true;
    c->failures.last->row.key = keep(c, key);
}

void dm_change_wishes(struct dm_changes *c)
{
    c->wishes_replaced = true;
    c->wishes.first = c->wishes.last = NULL;
}

void dm_change_wish_added(struct dm_changes *c, const struct db_wish *x)
{
    APPEND(c, c->wishes, dm_wish);
    c->wishes.last->row = *x;
    c->wishes.last->row.uri = keep(c, x->uri);
    c->wishes.last->row.hash = keep(c, x->hash);
}

void dm_change_assignment(struct dm_changes *c, const struct db_assignment *x)
{
    APPEND(c, c->assignments, dm_assignment);
    c->assignments.last->row = *x;
    c->assignments.last->row.state = keep(c, x->state);
    c->assignments.last->row.why = keep(c, x->why);
}

void dm_change_assignment_removed(struct dm_changes *c, int64_t policy)
{
    APPEND(c, c->assignments, dm_assignment);
    c->assignments.last->remove = true;
    c->assignments.last->row.policy = policy;
}

void dm_change_policy_vm(struct dm_changes *c, const struct db_policy_vm *x)
{
    APPEND(c, c->policy_vms, dm_policy_vm);
    c->policy_vms.last->row = *x;
    c->policy_vms.last->row.vm = keep(c, x->vm);
}

void dm_change_policy_vm_removed(struct dm_changes *c, int64_t policy, struct str vm)
{
    APPEND(c, c->policy_vms, dm_policy_vm);
    c->policy_vms.last->remove = true;
    c->policy_vms.last->row.policy = policy;
    c->policy_vms.last->row.vm = keep(c, vm);
}

/* ---- session ---- */

void dm_change_session(struct dm_changes *c, const struct db_session *x)
{
    c->has_session = true;
    c->session = *x;
    c->session.id = keep(c, x->id);
}

void dm_change_session_end(struct dm_changes *c, const struct db_session_end *x)
{
    c->has_end = true;
    c->end = *x;
    c->end.outcome = keep(c, x->outcome);
    c->end.why = keep(c, x->why);
}

void dm_change_recording(struct dm_changes *c, struct str why, bool cut, struct str data)
{
    c->has_recording = true;
    c->recording = (struct dm_recording){ .now_ms = c->now_ms, .why = keep(c, why), .data = keep(c, data), .cut = cut };
}

void dm_change_event(struct dm_changes *c, int64_t authority, struct str type, struct str device, struct str json)
{
    APPEND(c, c->events, dm_event);
    c->events.last->row = (struct db_event){ .authority = authority,
                                             .at_ms = c->now_ms,
                                             .type = keep(c, type),
                                             .device = keep(c, device),
                                             .data = keep(c, json) };
}

const struct db_operation_move *dm_changes_of_operation(const struct dm_changes *c, int64_t id)
{
    const struct db_operation_move *found = NULL;
    for (const struct dm_operation *op = c->operations.first; op; op = op->next)
        if (op->move.id == id && (op->what == DM_OPERATION_ADD || op->what == DM_OPERATION_MOVE)) found = &op->move;
    return found;
}
