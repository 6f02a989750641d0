/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "db/operation_record.h"
#include "db/image.h"
#include "server/api/call.h"

#include "base/text.h"

#include <string.h>

/* Words and states come from the layout; nothing here knows a node. */
static bool is_locked(const struct ddf_layout *l, int64_t lock_state)
{
    static const char *const locks[] = { "lock", "partialLock" };
    for (size_t i = 0; i < 2; i++) {
        const struct ddf_operation *op = ddf_layout_operation(l, DDF_VM, str_of(locks[i]));
        if (op && op->lock_to >= 0 && op->lock_to == lock_state) return true;
    }
    return false;
}

static struct str word_of(struct call *c, const struct ddf_layout *l, const char *name, int64_t value)
{
    const struct ddf_entry *en = ddf_layout_entry(l, DDF_VM, str_of(name));
    struct str wire = arena_printf(c->a, "%lld", (long long)value);
    return en ? ddf_entry_to_word(en, wire, c->a) : wire;
}

static void add_image(struct call *c, const struct device_row *d, struct str node, json_t *j)
{
    struct db_image i;
    struct str name = node;
    if (node.n && db_image_of_node(c->db, d->authority, node, c->a, &i, &c->e) == RC_OK)
        name = arena_printf(c->a, "%.*s:%.*s", STR_ARG(i.name), STR_ARG(i.version));
    j_str(j, "image", name);
    j_str(j, "imageId", node);
}

static void add_operation(struct call *c, const struct device_row *d, struct str vm, json_t *j)
{
    struct db_operation_of_vm v;
    if (db_operation_record_of_vm(c->db, d->id, vm, c->a, &v, &c->e)) return;
    json_t *o = json_object();
    j_int(o, "id", v.id);
    j_str(o, "kind", v.kind);
    j_int(o, "percent", v.percent);
    j_str(o, "state", v.state);
    json_object_set_new(j, "operation", o);
}

static void add_crashes(int64_t total, int64_t seen, struct str time, struct str why, json_t *j)
{
    json_t *o = json_object();
    int64_t at = 0;
    j_int(o, "total", total);
    j_int(o, "unacknowledged", total > seen ? total - seen : 0);
    j_time(o, "last", text_time_parse(time, &at) ? at : 0);
    j_str(o, "cause", why);
    json_object_set_new(j, "crashes", o);
}

static json_t *vm_json(struct call *c, const struct device_row *d, const struct db_vm *v)
{
    const struct ddf_layout *l = d->layout;
    json_t *j = json_object();
    int64_t state = v->state, lock = v->lock, reason = v->reason;
    const struct ddf_state *s = ddf_layout_state(l, (int)state);
    struct str vm = keep(c, v->vm);

    j_str(j, "id", vm);
    j_str(j, "title", v->title);
    j_int(j, "state", state);
    j_str(j, "stateText", s ? s->name : STR("undefined"));
    j_str(j, "stateLabel", s ? s->label : STR("Unknown"));
    j_bool(j, "stable", s && s->stable);
    j_int(j, "lockState", lock);
    j_str(j, "lockText", word_of(c, l, "lockState", lock));
    j_bool(j, "locked", is_locked(l, lock));
    j_int(j, "reason", reason);
    j_str(j, "reasonText", ddf_layout_reason_text(l, (int)reason));
    j_bool(j, "verified", v->verified != 0);
    j_time(j, "stateSince", v->state_ms);
    j_str(j, "summary", v->summary);
    j_str(j, "why", v->why);
    if (v->crashes) add_crashes(v->crashes, v->crashes_seen, v->crash_time, v->crash_why, j);
    add_image(c, d, keep(c, v->image), j);
    add_operation(c, d, vm, j);
    return j;
}

enum rc vms_count(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    struct db_vm_count v;
    enum rc rc = db_vm_counts(c->db, c->scope, &r, &c->e);
    while (!rc && (rc = db_vm_next_count(r, &v, &c->e)) == RC_OK) {
        const struct ddf_layout *l = server_layout(c->api->srv, v.layout_mo);
        const struct ddf_state *s = ddf_layout_state(l, (int)v.state);
        json_t *j = json_object();
        j_int(j, "state", v.state);
        j_str(j, "stateText", s ? s->name : STR("undefined"));
        j_str(j, "stateLabel", s ? s->label : STR("Unknown"));
        j_bool(j, "stable", s && s->stable);
        j_bool(j, "locked", is_locked(l, v.lock));
        j_int(j, "count", v.n);
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc vms_json(struct call *c, const struct device_row *d, json_t *out)
{
    enum { MOST = 1000 };
    struct sql_rows *r = NULL;
    struct db_vm v;
    enum rc rc = db_vm_list(c->db, d->id, &r, &c->e);
    while (!rc && json_array_size(out) < MOST && (rc = db_vm_next(r, &v, &c->e)) == RC_OK)
        json_array_append_new(out, vm_json(c, d, &v));
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

json_t *operations_there(struct call *c, const struct preview *p, enum ddf_scope scope, struct str owner)
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
        if (there) json_array_append_new(list, j_text(op->name));
    }
    if (any) return list;
    json_decref(list);
    return NULL;
}

/* What the policies want of these VMs; a VM that is wanted but not there yet is shown too. */
static enum rc add_goals(struct call *c, const struct device_row *d, json_t *vms, bool missing_too)
{
    struct preview p;
    enum rc rc = preview_resolve(c, d, NULL, &p);
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
            j_str(vm, "id", want->name);
            j_int(vm, "state", 0);
            j_str(vm, "stateText", STR("missing"));
            j_str(vm, "stateLabel", STR("Not there yet"));
            const struct pol_condition *of = &d->condition; /* what holds it up is known of the device only */
            bool told = of->why.n && !str_is(of->word, "settled");
            j_str(vm, "summary", told ? of->word : STR("working"));
            j_str(vm, "why",
                  want->problem.n ? want->problem
                  : told          ? of->why
                                  : STR("a policy wants it; the device does not have it yet"));
            j_bool(vm, "verified", false);
            j_bool(vm, "locked", false);
            json_array_append_new(vms, vm);
        }
        if (want->goal) j_str(vm, "goal", want->goal->name);
        if (want->goal_policy && !want->left) j_str(vm, "goalPolicy", want->goal_policy->name);
        if (want->has_locked) j_bool(vm, "goalLocked", want->locked);
        j_strn(vm, "problem", want->problem);
    }
    for (size_t k = 0; !rc && k < json_array_size(vms); k++) {
        json_t *vm = json_array_get(vms, k);
        json_t *can = operations_there(c, &p, DDF_VM, str_of(json_string_value(json_object_get(vm, "id"))));
        if (can) json_object_set_new(vm, "operations", can);
    }
    return rc;
}

static enum rc vms(struct call *c)
{
    struct device_row d;
    struct page p = { .limit = API_PAGE_MAX };
    enum rc rc = device_find(c, c->param[0], &d);
    if (rc) return rc;
    p.items = json_array();
    rc = vms_json(c, &d, p.items);
    if (!rc) rc = add_goals(c, &d, p.items, true);
    return page_end(c, &p, rc);
}

static enum rc vm(struct call *c)
{
    struct device_row d;
    struct db_vm v;
    json_t *list = NULL, *j = NULL;
    enum rc rc = device_find(c, c->param[0], &d);
    if (rc) return rc;
    rc = db_vm_find(c->db, d.id, c->param[1], c->a, &v, &c->e);
    if (!rc) j = vm_json(c, &d, &v);
    if (rc == RC_NOT_FOUND) return missing(c, "VM", c->param[1]);
    if (rc) return rc;
    list = json_array();
    json_array_append(list, j);
    rc = add_goals(c, &d, list, false);
    json_decref(list);
    json_t *kpis = NULL;
    if (!rc) rc = kpis_latest(c, &d, c->param[1], &kpis);
    if (rc) {
        json_decref(j);
        return rc;
    }
    json_object_set_new(j, "kpis", kpis);
    return answer(c, 200, j);
}

/* Somebody has seen the crashes so far: they are no trouble of the fleet any more. */
static enum rc acknowledge(struct call *c)
{
    struct device_row d;
    struct db_vm v;
    json_t *after = json_object();
    enum rc rc = write_begin(c);
    if (!rc) rc = device_find(c, c->param[0], &d);
    if (!rc) rc = db_vm_find(c->db, d.id, c->param[1], c->a, &v, &c->e);
    if (!rc) j_int(after, "crashes", v.crashes);
    if (rc == RC_NOT_FOUND) rc = missing(c, "VM", c->param[1]);
    if (!rc) rc = db_vm_acknowledge(c->db, d.id, c->param[1], &c->e);
    if (!rc)
        rc = audit(c, d.authority, "vm.acknowledge",
                   arena_printf(c->a, "devices/%.*s/vms/%.*s", STR_ARG(d.name), STR_ARG(c->param[1])), NULL, after);
    json_t *j = json_object();
    j_str(j, "vm", c->param[1]);
    j_str(j, "change", STR("acknowledged"));
    if (!rc)
        rc = event(c, d.authority, "vm", d.name, j);
    else
        json_decref(j);
    json_decref(after);
    return rc ? rc : answer_nothing(c);
}

const struct route routes_vms[] = {
    { "GET", "/api/v1/devices/{id}/vms", ROLE_VIEWER, vms },
    { "GET", "/api/v1/devices/{id}/vms/{vm}", ROLE_VIEWER, vm },
    { "GET", "/api/v1/devices/{id}/vms/{vm}/kpis", ROLE_VIEWER, kpis },
    { "POST", "/api/v1/devices/{id}/vms/{vm}:acknowledge", ROLE_OPERATOR, acknowledge },
    { NULL, NULL, ROLE_NONE, NULL },
};
