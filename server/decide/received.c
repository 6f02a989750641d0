/* SPDX-License-Identifier: Apache-2.0 */
/* Derives the rows that lists and pages show: VMs, samples, assignments and the device. Only differences are written.
 * */
#include "policy/resolve/condition.h"
#include "server/decide/message.h"
#include "server/events/json.h"
#include "server/events/vm_json.h"
#include "base/text.h"
#include "ddf/uri.h"
#include <string.h>

/* ---- samples ---- */

static int64_t sample_time(struct message_work *v, struct str vm)
{
    const struct ddf_entry *en = v->l->entry[vm.n ? DDF_ROLE_SAMPLE_TIME : DDF_ROLE_DEVICE_SAMPLE_TIME];
    const struct mirror_node *n = en ? mirror_at(v->m, ddf_layout_uri(v->l, en, vm, (struct str){ 0 }, v->a)) : NULL;
    int64_t at = 0;
    /* A clock far in the future would hide every later sample. */
    return n && text_time_parse(n->value, &at) && at > 0 && at <= v->w->now_ms + 60000 ? at : v->w->now_ms;
}

static void keep_samples(struct message_work *v)
{
    for (struct sample *s = v->samples; s; s = s->next) {
        int64_t at = sample_time(v, s->vm);
        char iso[25];
        buf_byte(&s->json, '}');
        if (!buf_ok(&s->json)) continue; /* exceeds the size of a sample: not stored */
        dm_change_sample(v->c, s->vm, at, buf_str(&s->json));
        text_time_iso(at, iso);
        message_json(v);
        message_json_s(v, "vm", s->vm);
        message_json_s(v, "at", str_of(iso));
        buf_putz(&v->json, ",\"values\":");
        buf_put(&v->json, buf_str(&s->json));
        message_event(v, "kpi");
    }
}

/* ---- VMs ---- */

struct vms {
    struct recall_vm row[RECALL_VMS];
    size_t n;
};

static struct recall_vm *vm_of(struct vms *all, struct str name)
{
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(all->row[i].name, name)) return &all->row[i];
    if (all->n == RECALL_VMS) return NULL;
    all->row[all->n] = (struct recall_vm){ .name = name };
    return &all->row[all->n++];
}

/* The rows of the database. */
static void load_vms(struct message_work *v)
{
    struct device_cache *k = v->r;
    if (k->has_vms) return;
    if (!k->vms && !(k->vms = ARENA_ARRAY(&k->arena, struct recall_vm, RECALL_VMS))) {
        message_nomem(v);
        return;
    }
    enum rc rc = v->facts->vms(v->facts->ctx, &v->d, k, v->e);
    k->has_vms = !rc;
    message_error(v, rc);
}

static const struct mirror_node *entry_node(struct message_work *v, struct str vm, enum ddf_role role)
{
    const struct ddf_entry *en = v->l->entry[role];
    return en ? mirror_at(v->m, ddf_layout_uri(v->l, en, vm, (struct str){ 0 }, v->a)) : NULL;
}

static int64_t entry_number(struct message_work *v, struct str vm, enum ddf_role role)
{
    const struct mirror_node *n = entry_node(v, vm, role);
    int64_t x = 0;
    return n && str_to_i64(str_trim(n->value), &x) ? x : 0;
}

static struct str entry_text(struct message_work *v, struct str vm, enum ddf_role role)
{
    const struct mirror_node *n = entry_node(v, vm, role);
    return n ? n->value : (struct str){ 0 };
}

/* The device reported the state after the last change, and all resource changes are in force. */
static bool is_verified(struct message_work *v, struct str vm)
{
    const struct mirror_node *state = entry_node(v, vm, DDF_ROLE_STATE),
                             *waits = entry_node(v, vm, DDF_ROLE_RESOURCES_PENDING);
    return state && state->known == POL_REPORTED &&
           (!waits || (waits->known == POL_REPORTED && !str_eq_fold(waits->value, STR("true"))));
}

/* The crash counter and the last crash, from the mirror. */
static void crashes_of_mirror(struct message_work *v, struct recall_vm *x)
{
    const struct ddf_entry *cause = v->l->entry[DDF_ROLE_CRASH_LAST_REASON];
    struct str wire = entry_text(v, x->name, DDF_ROLE_CRASH_LAST_REASON);
    x->crashes = entry_number(v, x->name, DDF_ROLE_CRASH_COUNT);
    x->crash_time = entry_text(v, x->name, DDF_ROLE_CRASH_LAST_TIME);
    x->crash_why = cause && wire.n ? ddf_entry_to_word(cause, wire, v->a) : wire;
    if (x->crash_why.n)
        x->crash_why = pol_with_text(x->crash_why, entry_text(v, x->name, DDF_ROLE_CRASH_LAST_INFO), v->a);
}

static void vms_of_mirror(struct message_work *v, struct vms *now)
{
    for (size_t i = 0; i < v->m->n; i++) {
        const struct mirror_node *n = &v->m->nodes[i];
        if (n->gone || !str_eq(ddf_uri_parent(n->uri), v->l->vms)) continue;
        struct recall_vm *x = vm_of(now, ddf_uri_name(n->uri));
        if (!x) continue;
        const struct mirror_node *state = entry_node(v, x->name, DDF_ROLE_STATE);
        x->there = true;
        x->title = entry_text(v, x->name, DDF_ROLE_VM_TITLE);
        x->image = entry_text(v, x->name, DDF_ROLE_VM_IMAGE);
        x->state = entry_number(v, x->name, DDF_ROLE_STATE);
        x->lock = entry_number(v, x->name, DDF_ROLE_LOCK_STATE);
        x->reason = entry_number(v, x->name, DDF_ROLE_STATE_REASON);
        x->verified = is_verified(v, x->name);
        x->state_ms = state ? state->at_ms : 0;
        crashes_of_mirror(v, x);
    }
}

/* The VM's oldest open operation, including changes of this message. */
static void load_operation(struct message_work *v, struct vm_object *vm)
{
    const struct pol_operation *op = NULL;
    const struct dm_operation *fresh = v->c->operations.first;
    for (size_t i = 0; i < v->n_ops && !op; i++)
        if (v->ops[i].scope == DDF_VM && str_eq(v->ops[i].owner, vm->id) && !pol_op_finished(v->ops[i].state))
            op = &v->ops[i];
    while (fresh &&
           !(fresh->what == DM_OPERATION_ADD && fresh->row.scope == DDF_VM && str_eq(fresh->row.owner, vm->id)))
        fresh = fresh->next;
    if (!op && !fresh) return;
    vm->operation = op ? op->id : fresh->row.id;
    vm->operation_kind = op ? op->kind : fresh->row.kind;
    const struct db_operation_move *m = dm_changes_of_operation(v->c, vm->operation);
    vm->operation_state = m ? m->state : str_of(pol_op_state_name(op->state));
    vm->operation_percent = m ? m->percent : -1;
    if (!m) message_error(v, v->facts->percent(v->facts->ctx, vm->operation, &vm->operation_percent, v->e));
}

/* Load data related to a VM's row: acknowledged crashes and the open operation. */
static void load_beside(struct message_work *v, struct vm_object *vm)
{
    struct facts_beside beside = { .crashes_seen = 0 };
    message_error(v, v->facts->beside(v->facts->ctx, &v->d, vm->id, vm->image_id, v->a, &beside, v->e));
    vm->crashes_seen = beside.crashes_seen < vm->crashes ? beside.crashes_seen : vm->crashes;
    vm->image = beside.image;
    load_operation(v, vm);
}

/* {"vm": id, "gone": true}, or {"vm": id, "object": as the API shows it} */
static void vm_event(struct message_work *v, const struct recall_vm *x)
{
    struct vm_object vm = { .id = x->name,
                            .title = x->title,
                            .image_id = x->image,
                            .summary = x->summary,
                            .why = x->why,
                            .state = x->state,
                            .lock = x->lock,
                            .reason = x->reason,
                            .since_ms = x->state_ms,
                            .verified = x->verified != 0,
                            .crashes = x->crashes,
                            .crash_time = x->crash_time,
                            .crash_cause = x->crash_why };
    message_json(v);
    message_json_s(v, "vm", x->name);
    message_json_b(v, "gone", !x->there);
    if (x->there) {
        struct buf text;
        buf_init(&text, 0);
        load_beside(v, &vm);
        json_t *j = vm_json(v->l, &vm, v->a);
        json_write(j, &text);
        message_json_raw(v, "object", buf_ok(&text) ? buf_str(&text) : STR("null"));
        if (!buf_ok(&text)) message_nomem(v);
        json_decref(j);
        buf_finish(&text);
    }
    message_event(v, "vm");
}

/* Store the row in the cache, with copied texts: those of a message do not outlive it. */
static void note(struct message_work *v, struct recall_vm *was, const struct recall_vm *x)
{
    struct arena *a = &v->r->arena;
    struct recall_vm now = *x;
    if ((was->name.n ? (now.name = was->name, true) : arena_str(a, x->name, &now.name)) &&
        (str_eq(was->title, x->title) ? (now.title = was->title, true) : arena_str(a, x->title, &now.title)) &&
        (str_eq(was->image, x->image) ? (now.image = was->image, true) : arena_str(a, x->image, &now.image)) &&
        (str_eq(was->summary, x->summary) ? (now.summary = was->summary, true)
                                          : arena_str(a, x->summary, &now.summary)) &&
        (str_eq(was->why, x->why) ? (now.why = was->why, true) : arena_str(a, x->why, &now.why)) &&
        arena_str(a, x->crash_time, &now.crash_time) && arena_str(a, x->crash_why, &now.crash_why))
        *was = now;
    else
        message_nomem(v);
}

static void write_vm(struct message_work *v, struct recall_vm *x, struct recall_vm *was)
{
    bool state_same = was->state == x->state && was->lock == x->lock && was->reason == x->reason &&
                      was->verified == x->verified;
    if (was->there && state_same && str_eq(was->title, x->title) && str_eq(was->image, x->image) &&
        str_eq(was->summary, x->summary) && str_eq(was->why, x->why) && was->crashes == x->crashes &&
        str_eq(was->crash_time, x->crash_time) && str_eq(was->crash_why, x->crash_why))
        return;
    if (was->there && was->state == x->state && was->state_ms) x->state_ms = was->state_ms;
    dm_change_vm(v->c, &(struct db_vm){ .vm = x->name,
                                        .title = x->title,
                                        .image = x->image,
                                        .summary = x->summary,
                                        .why = x->why,
                                        .state = x->state,
                                        .lock = x->lock,
                                        .reason = x->reason,
                                        .verified = x->verified,
                                        .state_ms = x->state_ms,
                                        .crashes = x->crashes,
                                        .crash_time = x->crash_time,
                                        .crash_why = x->crash_why });
    vm_event(v, x);
    note(v, was, x);
}

static struct recall_vm *row_of(struct device_cache *k, struct str name)
{
    for (size_t i = 0; i < k->n_vms; i++)
        if (str_eq(k->vms[i].name, name)) return &k->vms[i];
    if (k->n_vms == RECALL_VMS) return NULL;
    k->vms[k->n_vms] = (struct recall_vm){ .there = false };
    return &k->vms[k->n_vms++];
}

/* @param looking  the device has not told all of its object: what is not there may follow */
static void keep_vms(struct message_work *v, struct vms *now, bool looking)
{
    load_vms(v);
    if (!v->r->has_vms) return;
    for (size_t i = 0; i < now->n; i++) {
        struct recall_vm *x = &now->row[i], *was = x->there ? row_of(v->r, x->name) : NULL;
        if (!was) continue;
        if (!x->summary.n) { /* not planned, or not completely: unchanged */
            x->summary = was->there ? was->summary : STR("working");
            x->why = was->there ? was->why : STR("the device is being read");
        }
        write_vm(v, x, was);
    }
    for (size_t i = 0; i < v->r->n_vms; i++) {
        struct recall_vm *was = &v->r->vms[i];
        bool there = false;
        for (size_t k = 0; k < now->n; k++) there |= now->row[k].there && str_eq(now->row[k].name, was->name);
        if (!was->there || there || looking) continue;
        dm_change_vm_removed(v->c, was->name);
        was->there = false;
        vm_event(v, was);
    }
}

/* ---- progress ---- */

static bool is_work(const struct pol_step *s)
{
    return s->purpose == POL_FOR_CHANGE || s->purpose == POL_FOR_OPERATION;
}

/* The stronger state wins: a step in progress, then a failure, then waiting. */
static int weight(struct str word)
{
    return str_is(word, "working") ? 3 : str_is(word, "failed") ? 2 : str_is(word, "settled") || !word.n ? 0 : 1;
}

static struct str state_word(struct str wait)
{
    return str_is(wait, "failed") || str_is(wait, "working") ? wait : STR("waiting");
}

static void judge(struct recall_vm *x, struct str word, struct str why)
{
    if (!x || weight(word) <= weight(x->summary)) return;
    x->summary = word;
    x->why = why;
}

/* The VMs that an image belongs to. */
static void judge_image(struct vms *all, const struct pol_desired *d, struct str image, struct str word, struct str why)
{
    for (size_t i = 0; i < d->n_vms; i++)
        if (d->vms[i].image && str_eq(d->vms[i].image->id, image)) judge(vm_of(all, d->vms[i].name), word, why);
}

static void judge_vms(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *d, struct vms *all)
{
    for (size_t i = 0; i < d->n_vms; i++) vm_of(all, d->vms[i].name);
    for (const struct pol_step *s = plan->steps; s; s = s->next) {
        struct ddf_match m;
        const struct pol_step *at = s->children ? s->children : s;
        struct str uri = str_slice(at->uri, 0, str_find(at->uri, '?', 0));
        if (!is_work(s) || !ddf_layout_match(v->l, uri, &m)) continue;
        if (m.scope == DDF_VM) judge(vm_of(all, m.owner), STR("working"), at->why);
        if (m.scope == DDF_IMAGE) judge_image(all, d, m.owner, STR("working"), at->why);
    }
    for (const struct pol_wait *w = plan->waits; w; w = w->next)
        if (w->vm.n) judge(vm_of(all, w->vm), state_word(w->state), w->why);
    for (size_t i = 0; i < all->n && !plan->steps;
         i++) /* while the VM is only being read, its progress stays unchanged */
        if (!all->row[i].summary.n) all->row[i].summary = STR("settled");
}

/* ---- assignments ---- */

static void load_assignments(struct message_work *v)
{
    struct device_cache *k = v->r;
    if (k->has_assignments) return;
    enum rc rc = v->facts->assignments(v->facts->ctx, &v->d, k, v->e);
    k->has_assignments = !rc;
    message_error(v, rc);
}

static void keep_assignment(struct message_work *v, const struct recall_assignment *now)
{
    struct device_cache *k = v->r;
    struct recall_assignment *was = NULL;
    for (size_t i = 0; i < k->n_assignments; i++)
        if (k->assignments[i].policy == now->policy) was = &k->assignments[i];
    if (!was && !(was = device_cache_assignment(k))) {
        message_nomem(v);
        return;
    }
    if (!was->gone && was->revision == now->revision && was->truth == now->truth && str_eq(was->state, now->state) &&
        str_eq(was->why, now->why)) {
        was->used = true;
        return;
    }
    dm_change_assignment(v->c, &(struct db_assignment){ .policy = now->policy,
                                                        .revision = now->revision,
                                                        .truth = now->truth,
                                                        .state = now->state,
                                                        .why = now->why });
    *was = (struct recall_assignment){
        .policy = now->policy, .revision = now->revision, .truth = now->truth, .used = true
    };
    if (!arena_str(&k->arena, now->state, &was->state) || !arena_str(&k->arena, now->why, &was->why)) message_nomem(v);
}

/* ---- policies ---- */

/* The progress of one policy on this device. */
struct judged {
    const struct pol_policy *policy;
    struct str word, why;
};

struct judgement {
    struct judged *row;
    size_t n;
};

static void judge_row(struct judged *x, struct str word, struct str why)
{
    if (weight(word) <= weight(x->word)) return;
    x->word = word;
    x->why = why;
}

static const struct pol_policy *winner(const struct pol_value *values, size_t n, const struct ddf_match *m)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(values[i].setting->name, m->entry->name) && str_eq(values[i].setting->instance, m->instance))
            return values[i].policy;
    return NULL;
}

/* The policy that sets the value at this address; NULL when there is no single one. */
static const struct pol_policy *policy_at(struct message_work *v, const struct pol_desired *d, struct str uri)
{
    struct ddf_match m;
    if (!uri.n || !ddf_layout_match(v->l, str_slice(uri, 0, str_find(uri, '?', 0)), &m) || !m.entry) return NULL;
    if (m.scope == DDF_DEVICE) return winner(d->device_values, d->n_device_values, &m);
    for (size_t i = 0; i < d->n_vms && m.scope == DDF_VM; i++)
        if (str_eq(d->vms[i].name, m.owner)) return winner(d->vms[i].values, d->vms[i].n_values, &m);
    return NULL;
}

/* Attribute a step or a wait to the policy that sets the value, or to all policies of the VM. */
static void judge_at(struct message_work *v, struct judgement *all, const struct pol_desired *d, struct str uri,
                     struct str vm, struct str word, struct str why)
{
    const struct pol_policy *one = policy_at(v, d, uri);
    for (size_t i = 0; i < all->n; i++) {
        const struct pol_policy *p = all->row[i].policy;
        if (one ? p == one : vm.n ? str_eq(p->vm, vm) : true) judge_row(&all->row[i], word, why);
    }
}

static void judge_step(struct message_work *v, struct judgement *all, const struct pol_desired *d,
                       const struct pol_step *s)
{
    struct ddf_match m;
    for (const struct pol_step *at = s->children ? s->children : s; at; at = s->children ? at->next : NULL) {
        struct str uri = str_slice(at->uri, 0, str_find(at->uri, '?', 0));
        if (!ddf_layout_match(v->l, uri, &m)) continue;
        if (m.scope == DDF_VM || m.scope == DDF_DEVICE)
            judge_at(v, all, d, uri, m.scope == DDF_VM ? m.owner : (struct str){ 0 }, STR("working"), at->why);
        for (size_t i = 0; i < d->n_vms && m.scope == DDF_IMAGE; i++)
            if (d->vms[i].image && str_eq(d->vms[i].image->id, m.owner))
                judge_at(v, all, d, (struct str){ 0 }, d->vms[i].name, STR("working"), at->why);
    }
}

static struct judgement judge_policies(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *d)
{
    struct judgement all = { 0 };
    size_t n = 0;
    for (const struct pol_policy *p = v->f.policies; p; p = p->next) n++;
    if (!n) return all;
    if (!(all.row = ARENA_ARRAY(v->a, struct judged, n))) {
        message_nomem(v);
        return all;
    }
    for (const struct pol_policy *p = v->f.policies; p; p = p->next) all.row[all.n++] = (struct judged){ .policy = p };
    for (const struct pol_step *s = plan->steps; s; s = s->next)
        if (s->purpose == POL_FOR_CHANGE) judge_step(v, &all, d, s);
    for (const struct pol_wait *w = plan->waits; w; w = w->next)
        judge_at(v, &all, d, w->uri, w->vm, state_word(w->state), w->why);
    return all;
}

static struct recall_assignment *assignment_of(struct device_cache *k, int64_t policy)
{
    for (size_t i = 0; i < k->n_assignments; i++)
        if (k->assignments[i].policy == policy && !k->assignments[i].gone) return &k->assignments[i];
    return NULL;
}

/* While the device is only being read, the progress of a policy stays unchanged. */
static void judge_look(struct message_work *v, const struct judged *x, const struct pol_plan *plan,
                       struct recall_assignment *now)
{
    const struct recall_assignment *was = assignment_of(v->r, now->policy);
    now->state = x->word;
    now->why = x->why;
    if (now->state.n) return;
    now->state = STR("settled");
    if (!plan->steps) return;
    bool same = was && was->revision == now->revision && !str_is(was->state, "pending");
    now->state = same ? was->state : STR("working");
    now->why = same ? was->why : STR("the device is being read");
}

static void keep_assignments(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *d)
{
    struct device_cache *k = v->r;
    load_assignments(v);
    struct judgement all = judge_policies(v, plan, d);
    for (size_t i = 0; i < k->n_assignments; i++) k->assignments[i].used = false;
    for (size_t i = 0; i < all.n; i++) {
        const struct pol_policy *p = all.row[i].policy;
        struct str unknown = { 0 };
        enum pol_truth truth = pol_selector_eval(p->selector, v->f.attrs, v->f.n_attrs, v->a, &unknown);
        if (truth == POL_FALSE) continue;
        struct recall_assignment now = { .policy = p->id, .revision = p->revision, .truth = truth };
        judge_look(v, &all.row[i], plan, &now);
        if (truth == POL_UNKNOWN) {
            now.state = STR("waiting");
            now.why = arena_printf(v->a, "not known yet whether the policy applies: the device has not reported %.*s",
                                   STR_ARG(unknown));
        }
        keep_assignment(v, &now);
    }
    for (size_t i = 0; i < k->n_assignments; i++) {
        struct recall_assignment *was = &k->assignments[i];
        if (was->used || was->gone) continue;
        dm_change_assignment_removed(v->c, was->policy);
        was->gone = true;
    }
}

/* ---- the device ---- */

static int64_t kpi_interval_ms(struct message_work *v, const struct pol_desired *d)
{
    int64_t seconds = v->settings->kpi_interval_s;
    for (size_t i = 0; i < d->n_device_values; i++)
        if (d->device_values[i].setting->entry == v->l->entry[DDF_ROLE_KPI_INTERVAL])
            str_to_i64(d->device_values[i].wire, &seconds);
    return seconds > 0 ? seconds * 1000 : 0;
}

/* The token that a device in this state reports. */
static struct str token_now(struct message_work *v)
{
    char *hex = arena_bytes(v->a, SHA256_HEX_BYTES);
    if (v->s->token_reported[0] && !v->s->changed) return str_of(v->s->token_reported);
    if (!hex) {
        message_nomem(v);
        return (struct str){ 0 };
    }
    enum rc rc = mirror_token(v->m, v->a, message_schema(v), v->l, v->d.server_id, hex, v->e);
    message_error(v, rc);
    return str_of(rc ? "" : hex);
}

static void summarise(struct message_work *v, const struct pol_plan *plan, struct str *word, struct str *why)
{
    *word = v->d.summary;
    *why = v->d.summary_why;
    for (const struct pol_step *s = plan->steps; s; s = s->next)
        if (is_work(s)) {
            *word = STR("working");
            *why = s->children ? s->children->why : s->why;
            return;
        }
    if (plan->steps) return; /* only reading: unchanged */
    *word = STR("settled");
    *why = (struct str){ 0 };
    for (const struct pol_wait *w = plan->waits; w; w = w->next)
        if (weight(state_word(w->state)) > weight(*word)) {
            *word = state_word(w->state);
            *why = w->why;
        }
}

/* Its condition at this moment of its own session. */
static struct pol_condition condition_of(const struct message_work *v)
{
    struct pol_device_facts f = { .now_ms = v->w->now_ms,
                                  .seen_ms = v->w->now_ms,
                                  .want = v->d.generation,
                                  .planned = v->d.planned_generation,
                                  .have = v->d.observed_generation,
                                  .found = v->d.summary,
                                  .found_why = v->d.summary_why };
    return pol_device_condition(&f);
}

/* The progress of the device, after planning. */
static void conclude(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *d, bool has_vms)
{
    struct str word, why;
    bool settled = plan->settled && !plan->steps && v->n_ops == 0;
    int64_t interval = kpi_interval_ms(v, d);
    summarise(v, plan, &word, &why);
    bool news = !str_eq(word, v->d.summary) || !str_eq(why, v->d.summary_why);
    v->d.summary = word;
    v->d.summary_why = why;
    v->d.planned_generation = v->d.generation;
    if (!plan->steps) {
        if (!has_vms || !interval)
            v->d.next_kpi_ms = 0;
        else if (v->s->kpi_before_ms || !v->d.next_kpi_ms)
            v->d.next_kpi_ms = v->w->now_ms + interval;
        v->d.settled_token = settled ? token_now(v) : (struct str){ 0 };
        if (settled) v->d.observed_generation = v->d.generation;
    }
    if (!news) return;
    v->d.summary_ms = v->w->now_ms;
    struct pol_condition now = condition_of(v);
    message_json(v);
    message_json_s(v, "summary", now.word);
    message_json_s(v, "why", now.why);
    message_event(v, "device");
}

static bool same_row(const struct dm_device *x, const struct dm_device *y)
{
    return x->mirror_read == y->mirror_read && x->lists == y->lists && x->large_objects == y->large_objects &&
           x->careful == y->careful && x->observed_generation == y->observed_generation &&
           x->planned_generation == y->planned_generation && x->next_kpi_ms == y->next_kpi_ms &&
           x->summary_ms == y->summary_ms && str_eq(x->layout_mo, y->layout_mo) && str_eq(x->mo_root, y->mo_root) &&
           str_eq(x->mo_images, y->mo_images) && str_eq(x->settled_token, y->settled_token) &&
           str_eq(x->summary, y->summary) && str_eq(x->summary_why, y->summary_why);
}

static void keep_device(struct message_work *v)
{
    struct dm_device *was = &v->r->rest, *d = &v->d;
    struct arena *a = &v->r->arena;
    if (same_row(was, d)) return;
    dm_change_state(v->c, &(struct db_device_state){ .device = d->id,
                                                     .layout_mo = d->layout_mo,
                                                     .mo_root = d->mo_root,
                                                     .mo_images = d->mo_images,
                                                     .settled_token = d->settled_token,
                                                     .mirror_read = d->mirror_read,
                                                     .large_objects = d->large_objects,
                                                     .careful = d->careful,
                                                     .lists = d->lists,
                                                     .observed_generation = d->observed_generation,
                                                     .planned_generation = d->planned_generation,
                                                     .next_kpi_ms = d->next_kpi_ms,
                                                     .summary_ms = d->summary_ms,
                                                     .summary = d->summary,
                                                     .summary_why = d->summary_why });
    *was = *d;
    if (!arena_str(a, d->layout_mo, &was->layout_mo) || !arena_str(a, d->mo_root, &was->mo_root) ||
        !arena_str(a, d->mo_images, &was->mo_images) || !arena_str(a, d->settled_token, &was->settled_token) ||
        !arena_str(a, d->summary, &was->summary) || !arena_str(a, d->summary_why, &was->summary_why))
        message_nomem(v);
}

/* Note that the device has more nodes or octets than the mirror keeps: the rest is unknown. */
static void note_full(struct message_work *v)
{
    if (!v->m->full || v->r->told_full) return;
    v->r->told_full = true;
    v->counts.tree_full = true;
}

void message_keep(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *desired)
{
    struct vms all;
    all.n = 0; /* the rest is skipped */
    mirror_changes(v->m, v->c);
    note_full(v);
    keep_samples(v);
    if (plan || v->m->changed) vms_of_mirror(v, &all);
    size_t there = all.n;
    if (plan) judge_vms(v, plan, desired, &all);
    if (plan || v->m->changed) keep_vms(v, &all, !v->d.mirror_read && (!plan || plan->steps));
    if (plan) keep_assignments(v, plan, desired);
    if (plan) conclude(v, plan, desired, there > 0);
    keep_device(v);
}
