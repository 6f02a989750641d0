/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "db/operation_record.h"
#include "db/image.h"
#include "server/api/call.h"

#include "server/events/vm_json.h"

#include <string.h>

#define VM_MISSING "missing" /* in place of a state: a policy defines the VM, but the device does not have it */

static struct str image_name(struct call *c, const struct device_row *d, struct str node)
{
    struct db_image i;
    if (!node.n || db_image_of_node(c->db, d->authority, node, c->a, &i, &c->e)) return (struct str){ 0 };
    return arena_printf(c->a, "%.*s:%.*s", STR_ARG(i.name), STR_ARG(i.version));
}

static void load_operation(struct call *c, const struct device_row *d, struct vm_object *vm)
{
    struct db_operation_of_vm v;
    if (db_operation_record_of_vm(c->db, d->id, vm->id, c->a, &v, &c->e)) return;
    vm->operation = v.id;
    vm->operation_kind = v.kind;
    vm->operation_percent = v.percent;
    vm->operation_state = v.state;
}

static json_t *row_json(struct call *c, const struct device_row *d, const struct db_vm *v)
{
    struct vm_object vm = { .id = api_keep(c, v->vm),
                            .title = v->title,
                            .state = v->state,
                            .lock = v->lock,
                            .reason = v->reason,
                            .verified = v->verified,
                            .since_ms = v->state_ms,
                            .image_id = api_keep(c, v->image),
                            .summary = v->summary,
                            .why = v->why,
                            .crashes = v->crashes,
                            .crashes_seen = v->crashes_seen,
                            .crash_time = v->crash_time,
                            .crash_cause = v->crash_why };
    vm.image = image_name(c, d, vm.image_id);
    load_operation(c, d, &vm);
    return vm_json(d->layout, &vm, c->a);
}

enum rc api_vms_count(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    struct db_vm_count v;
    enum rc rc = db_vm_counts(c->db, c->scope, &r, &c->e);
    while (!rc && (rc = db_vm_next_count(r, &v, &c->e)) == RC_OK) {
        json_t *j = json_object();
        vm_json_state(server_layout(c->api->srv, v.layout_mo), v.state, v.lock, j);
        json_put_int(j, "count", v.n);
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc api_vms_json(struct call *c, const struct device_row *d, json_t *out)
{
    enum { MOST = 1000 };
    struct sql_rows *r = NULL;
    struct db_vm v;
    enum rc rc = db_vm_list(c->db, d->id, &r, &c->e);
    while (!rc && json_array_size(out) < MOST && (rc = db_vm_next(r, &v, &c->e)) == RC_OK)
        json_array_append_new(out, row_json(c, d, &v));
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

json_t *api_operations_there(struct call *c, const struct preview *p, enum ddf_scope scope, struct str owner)
{
    const struct ddf_layout *l = p->facts.layout;
    json_t *list = json_array();
    bool any = false;
    for (size_t i = 0; i < l->n_operations; i++) {
        const struct ddf_operation *op = &l->operations[i];
        if (op->scope != scope || op->instance) continue;
        struct str uri = ddf_layout_operation_uri(l, op, owner, c->a);
        bool there = op->delete_node;
        for (size_t k = 0; k < p->facts.n_mirror && !there; k++) there = str_eq(p->facts.mirror[k].uri, uri);
        any |= there && !op->delete_node;
        if (there) json_array_append_new(list, json_put_text(op->name));
    }
    if (any) return list;
    json_decref(list);
    return NULL;
}

/* Add the desired state of these VMs; a VM that a policy defines but the device lacks is included. */
static enum rc add_goals(struct call *c, const struct device_row *d, json_t *vms, bool missing_too)
{
    struct preview p;
    enum rc rc = api_preview_resolve(c, d, NULL, &p);
    for (size_t i = 0; !rc && i < p.desired.n_vms; i++) {
        const struct pol_vm *want = &p.desired.vms[i];
        json_t *vm = NULL;
        for (size_t k = 0; k < json_array_size(vms) && !vm; k++) {
            json_t *one = json_array_get(vms, k);
            if (str_is(want->name, json_string_value(json_object_get(one, "id")))) vm = one;
        }
        if (!vm && (!missing_too || !want->goal || want->goal->gone)) continue;
        if (!vm) {
            vm = json_object();
            json_put_str(vm, "id", want->name);
            json_put_str(vm, "layout", d->layout->mo);
            json_put_int(vm, "state", 0);
            json_put_str(vm, "stateText", STR(VM_MISSING));
            json_put_str(vm, "stateLabel", STR("Missing"));
            json_put_bool(vm, "stable", false);
            json_put_str(vm, "health", STR("none"));
            const struct pol_condition *of = &d->condition; /* the cause of the delay is known for the device only */
            bool told = of->why.n && !str_is(of->word, "settled");
            json_put_str(vm, "summary", told ? of->word : STR("working"));
            json_put_str(vm, "why",
                         want->problem.n ? want->problem
                         : told          ? of->why
                                         : STR("a policy defines it; the device does not have it yet"));
            json_put_bool(vm, "verified", false);
            json_put_bool(vm, "locked", false);
            json_array_append_new(vms, vm);
        }
        if (want->goal) json_put_str(vm, "goal", want->goal->name);
        if (want->goal_policy && !want->left) json_put_str(vm, "goalPolicy", want->goal_policy->name);
        if (want->has_locked) json_put_bool(vm, "goalLocked", want->locked);
        json_put_strn(vm, "problem", want->problem);
    }
    for (size_t k = 0; !rc && k < json_array_size(vms); k++) {
        json_t *vm = json_array_get(vms, k);
        json_t *can = api_operations_there(c, &p, DDF_VM, str_of(json_string_value(json_object_get(vm, "id"))));
        if (can) json_object_set_new(vm, "operations", can);
    }
    return rc;
}

/* `state` is the name of a state of this device's layout, or "missing". */
static enum rc check_state(struct call *c, const struct ddf_layout *l, struct str state)
{
    struct buf names;
    if (!state.n || str_is(state, VM_MISSING)) return RC_OK;
    for (size_t i = 0; i < l->n_states; i++)
        if (str_eq(l->states[i].name, state)) return RC_OK;
    buf_init(&names, 1000);
    for (size_t i = 0; i < l->n_states; i++) buf_printf(&names, "%.*s, ", STR_ARG(l->states[i].name));
    buf_putz(&names, VM_MISSING);
    enum rc rc = api_refuse_word(c, NULL, "state", state, buf_str(&names));
    buf_finish(&names);
    return rc;
}

static void only_state(json_t *vms, struct str state)
{
    for (size_t i = json_array_size(vms); state.n && i-- > 0;)
        if (!str_is(state, json_string_value(json_object_get(json_array_get(vms, i), "stateText"))))
            json_array_remove(vms, i);
}

static enum rc vms(struct call *c)
{
    struct device_row d;
    struct page p = { .limit = API_PAGE_MAX };
    struct str state = api_query(c, "state");
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = check_state(c, d.layout, state);
    if (rc) return rc;
    p.items = json_array();
    rc = api_vms_json(c, &d, p.items);
    if (!rc) rc = add_goals(c, &d, p.items, true);
    only_state(p.items, state);
    return api_page_end(c, &p, rc);
}

static enum rc vm(struct call *c)
{
    struct device_row d;
    struct db_vm v;
    json_t *list = NULL, *j = NULL;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (rc) return rc;
    rc = db_vm_find(c->db, d.id, c->param[1], c->a, &v, &c->e);
    if (!rc) j = row_json(c, &d, &v);
    if (rc == RC_NOT_FOUND) return api_missing(c, "VM", c->param[1]);
    if (rc) return rc;
    list = json_array();
    json_array_append(list, j);
    rc = add_goals(c, &d, list, false);
    json_decref(list);
    json_t *kpis = NULL;
    if (!rc) rc = api_kpis_latest(c, &d, c->param[1], &kpis);
    if (rc) {
        json_decref(j);
        return rc;
    }
    json_object_set_new(j, "kpis", kpis);
    return api_answer(c, 200, j);
}

/* Acknowledge the crashes so far, so that the overview no longer lists them. */
static enum rc acknowledge(struct call *c)
{
    struct device_row d;
    struct db_vm v;
    json_t *after = json_object();
    enum rc rc = api_write_begin(c);
    if (!rc) rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = db_vm_find(c->db, d.id, c->param[1], c->a, &v, &c->e);
    if (!rc) json_put_int(after, "crashes", v.crashes);
    if (rc == RC_NOT_FOUND) rc = api_missing(c, "VM", c->param[1]);
    if (!rc) rc = db_vm_acknowledge(c->db, d.id, c->param[1], &c->e);
    if (!rc)
        rc = api_audit(c, d.authority, "vm.acknowledge",
                       arena_printf(c->a, "devices/%.*s/vms/%.*s", STR_ARG(d.name), STR_ARG(c->param[1])), NULL, after);
    if (!rc) rc = db_vm_find(c->db, d.id, c->param[1], c->a, &v, &c->e);
    if (!rc) {
        json_t *j = json_object();
        json_put_str(j, "vm", c->param[1]);
        json_put_str(j, "change", STR("acknowledged"));
        json_object_set_new(j, "object", row_json(c, &d, &v));
        rc = api_event(c, d.authority, "vm", d.name, j);
    }
    json_decref(after);
    return rc ? rc : api_answer_nothing(c);
}

const struct route routes_vms[] = {
    { "GET", "/api/v1/devices/{id}/vms", ROLE_VIEWER, vms },
    { "GET", "/api/v1/devices/{id}/vms/{vm}", ROLE_VIEWER, vm },
    { "GET", "/api/v1/devices/{id}/vms/{vm}/kpis", ROLE_VIEWER, api_kpis },
    { "POST", "/api/v1/devices/{id}/vms/{vm}:acknowledge", ROLE_OPERATOR, acknowledge },
    { NULL, NULL, ROLE_NONE, NULL },
};
