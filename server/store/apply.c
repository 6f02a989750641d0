/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/apply.h"
#include "db/attribute.h"
#include "db/notification.h"
#include "db/policy_set.h"
#include "db/sample.h"
#include "server/store/ceilings.h"

static enum rc apply_device(struct sql *db, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    if (c->has_caller) rc = db_device_state_caller(db, c->device, c->user_agent, c->remote, e);
    if (!rc && c->has_devinfo) rc = db_device_state_devinfo(db, c->device, c->devinfo_hash, e);
    if (!rc && c->has_state) rc = db_device_state_put(db, &c->state, e);
    if (!rc && c->careful) rc = db_device_state_careful(db, c->device, e);
    if (!rc && c->has_booked) rc = db_contact_book(db, c->device, c->booked, c->alerts_left, c->now_ms, e);
    if (!rc && c->has_contact) rc = db_contact_put(db, &c->contact, e);
    return rc;
}

static enum rc apply_attributes(struct sql *db, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    if (c->devinfo_forgotten) rc = db_attribute_delete_devinfo(db, c->device, e);
    for (const struct dm_attribute *x = c->attributes.first; x && !rc; x = x->next)
        rc = x->remove ? db_attribute_delete(db, c->device, x->name, e)
                       : db_attribute_set(db, c->device, x->name, x->value, e);
    return rc;
}

static enum rc apply_sets(struct store *st, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct dm_policy_set *x = c->sets.first; x && !rc; x = x->next) {
        int64_t path = 0;
        rc = uri_table_id(store_paths(st), x->uri, str_hash(x->uri), &path, e);
        if (!rc && x->remove)
            rc = db_policy_set_remove(store_sql(st), c->device, path, e);
        else if (!rc)
            rc = db_policy_set_put(store_sql(st), c->device, path, x->row ? NULL : &x->value, e);
    }
    return rc;
}

static enum rc apply_node(struct sql *db, struct paths *paths, int64_t device, const struct dm_node *x, struct err *e)
{
    struct db_node row = x->row;
    enum rc rc = row.path ? RC_OK : uri_table_id(paths, x->uri, x->hash, &row.path, e);
    if (rc) return rc;
    switch (x->what) {
    case DM_NODE_ADD: return db_node_add(db, device, &row, e);
    case DM_NODE_SET: return db_node_set(db, device, &row, e);
    case DM_NODE_REMOVE:
        rc = db_node_remove(db, device, row.path, e);
        return rc ? rc : uri_table_drop(paths, row.path, e);
    }
    return RC_INTERNAL;
}

enum rc store_apply_nodes(struct sql *db, struct paths *paths, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct dm_node *x = c->nodes.first; x && !rc; x = x->next) rc = apply_node(db, paths, c->device, x, e);
    uri_table_trim(paths);
    return rc;
}

static enum rc apply_known(struct store *st, const struct dm_changes *c, uint64_t *samples, struct err *e)
{
    struct sql *db = store_sql(st);
    enum rc rc = apply_attributes(db, c, e);
    if (!rc) rc = apply_sets(st, c, e);
    if (!rc) rc = store_apply_nodes(db, store_paths(st), c, e);
    for (const struct dm_vm *x = c->vms.first; x && !rc; x = x->next)
        rc = x->remove ? db_vm_remove(db, c->device, x->row.vm, e) : db_vm_put(db, c->device, &x->row, e);
    for (const struct dm_sample *x = c->samples.first; x && !rc; x = x->next) {
        rc = db_sample_put(db, c->device, x->vm, &(struct db_sample){ .at_ms = x->at_ms, .data = x->json }, e);
        if (!rc) rc = ceilings_sample(db, store_server(st), c->device, ++*samples, e);
    }
    return rc;
}

static enum rc apply_operation(struct sql *db, int64_t device, const struct dm_operation *x, struct err *e)
{
    enum rc rc = RC_OK;
    switch (x->what) {
    case DM_OPERATION_ADD: rc = db_operation_add(db, device, &x->row, x->move.reason, x->move.now_ms, e); break;
    case DM_OPERATION_MOVE: rc = db_operation_move(db, &x->move, e); break;
    case DM_OPERATION_EXPLAIN: rc = db_operation_explain(db, x->move.id, x->move.reason, e); break;
    case DM_OPERATION_RESULT: rc = db_operation_result(db, x->row.id, x->result, x->sealed, e); break;
    }
    return !rc && x->step ? db_operation_step(db, &x->move, e) : rc;
}

static enum rc apply_item(struct sql *db, const struct dm_item *x, struct err *e)
{
    const struct db_operation_item *r = &x->row;
    switch (x->what) {
    case DM_ITEM_ADD: return db_operation_item_add(db, r, e);
    case DM_ITEM_SENT: return db_operation_items_sent(db, r->operation, e);
    case DM_ITEM_CODE: return db_operation_item_code(db, r->operation, r->seq, r->code, e);
    case DM_ITEM_RESULT: return db_operation_item_result(db, r->operation, r->seq, x->result, e);
    case DM_ITEM_SEEN: return db_operation_item_seen(db, r->operation, r->seq, r->seen_code, r->seen, r->seen_ms, e);
    case DM_ITEM_CHANGED: return db_operation_item_changed(db, r->operation, r->seq, r->changed_by, e);
    }
    return RC_INTERNAL;
}

static enum rc apply_wanted(struct sql *db, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct dm_operation *x = c->operations.first; x && !rc; x = x->next)
        rc = apply_operation(db, c->device, x, e);
    for (const struct dm_item *x = c->items.first; x && !rc; x = x->next) rc = apply_item(db, x, e);
    for (const struct dm_failure *x = c->failures.first; x && !rc; x = x->next)
        rc = x->remove ? db_failure_remove(db, c->device, x->row.key, e) : db_failure_put(db, c->device, &x->row, e);
    if (!rc && c->wishes_replaced) rc = db_wish_clear(db, c->device, e);
    for (const struct dm_wish *x = c->wishes.first; x && !rc; x = x->next) rc = db_wish_add(db, c->device, &x->row, e);
    for (const struct dm_assignment *x = c->assignments.first; x && !rc; x = x->next)
        rc = x->remove ? db_assignment_remove(db, c->device, x->row.policy, e)
                       : db_assignment_put(db, c->device, &x->row, c->now_ms, e);
    for (const struct dm_policy_vm *x = c->policy_vms.first; x && !rc; x = x->next)
        rc = x->remove ? db_policy_vm_remove(db, c->device, x->row.policy, x->row.vm, e)
                       : db_policy_vm_put(db, c->device, &x->row, e);
    return rc;
}

static enum rc apply_notifications(struct sql *db, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    if (c->answered) rc = db_notification_answered(db, c->answered, c->now_ms, e);
    if (!rc && c->needless) rc = db_notification_needless(db, c->device, e);
    if (!rc && c->again_nonce_ms) rc = db_notification_again(db, c->device, c->now_ms, c->again_nonce_ms, e);
    return rc;
}

static enum rc apply_session(struct store *st, const struct dm_changes *c, struct err *e)
{
    struct sql *db = store_sql(st);
    enum rc rc = RC_OK;
    if (c->has_session) rc = db_session_add(db, &c->session, e);
    if (!rc && c->has_session) rc = ceilings_session(db, store_server(st), c->session.device, c->session.row, e);
    return !rc && c->has_end ? db_session_end(db, &c->end, e) : rc;
}

static enum rc apply_events(struct store *st, const struct dm_changes *c, struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct dm_event *x = c->events.first; x && !rc; x = x->next) {
        int64_t id = 0;
        rc = db_event_add(store_sql(st), &x->row, &id, e);
        if (!rc) rc = ceilings_event(store_sql(st), store_server(st), x->row.authority, x->row.device, id, e);
    }
    return rc;
}

enum rc store_apply(struct store *st, const struct dm_changes *c, uint64_t *samples, struct err *e)
{
    if (c->nomem) return err_set(e, RC_NOMEM, "no memory for a message's changes");
    enum rc rc = apply_device(store_sql(st), c, e);
    if (!rc) rc = apply_known(st, c, samples, e);
    if (!rc) rc = apply_wanted(store_sql(st), c, e);
    if (!rc) rc = apply_notifications(store_sql(st), c, e);
    if (!rc) rc = apply_session(st, c, e);
    return rc ? rc : apply_events(st, c, e);
}
