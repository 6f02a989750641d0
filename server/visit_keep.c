/* What follows from a message for lists and pages: rows of VMs, samples, assignments and the device. Only what differs is written. */
#include "server/visit.h"
#include "base/text.h"
#include "db/dm.h"
#include "ddf/uri.h"
#include <string.h>

enum { KEEP_VMS = 64, KEEP_ASSIGNMENTS = 1000 };

/* ---- samples ---- */

static int64_t sample_time(struct visit *v, struct str vm)
{
    enum ddf_scope scope = vm.n ? DDF_VM : DDF_DEVICE;
    const struct ddf_entry *en = DDF_ENTRY(v->l, scope, "kpi.sampleTime");
    const struct mirror_node *n = en ? mirror_at(&v->m, ddf_layout_uri(v->l, en, vm, (struct str){ 0 }, v->a)) : NULL;
    int64_t at = 0;
    /* A clock far in the future would hide every later sample. */
    return n && text_time_parse(n->value, &at) && at > 0 && at <= v->w->now_ms + 60000 ? at : v->w->now_ms;
}

static void keep_samples(struct visit *v)
{
    for (struct sample *s = v->samples; s && !v->rc; s = s->next) {
        int64_t at = sample_time(v, s->vm);
        char iso[25];
        buf_byte(&s->json, '}');
        if (!buf_ok(&s->json)) continue;        /* longer than a sample may be: not kept */
        visit_run(v, DM_STMT(SAMPLE_PUT), { "device_id", SQL_I(v->d.id) }, { "vm", SQL_T(s->vm) }, { "at_ms", SQL_I(at) },
                  { "data", SQL_T(buf_str(&s->json)) });
        text_time_iso(at, iso);
        visit_json(v);
        visit_json_s(v, "vm", s->vm);
        visit_json_s(v, "at", str_of(iso));
        buf_putz(&v->json, ",\"values\":");
        buf_put(&v->json, buf_str(&s->json));
        visit_event(v, "kpi");
    }
}

/* ---- VMs ---- */

struct vm { struct str name, title, image, summary, why; int64_t state, lock, reason, verified, state_ms; bool there, known; };

struct vms { struct vm row[KEEP_VMS]; size_t n; };

static struct vm *vm_of(struct vms *all, struct str name)
{
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(all->row[i].name, name)) return &all->row[i];
    if (all->n == KEEP_VMS) return NULL;
    all->row[all->n] = (struct vm){ .name = name };
    return &all->row[all->n++];
}

static void load_vms(struct visit *v, struct vms *old)
{
    struct sql_rows *r = NULL;
    enum rc rc = v->rc ? v->rc : sql_start(v->db, DM_STMT(VMS), SQL_ARGS({ "device_id", SQL_I(v->d.id) }), &r, v->e);
    while (!rc && old->n < KEEP_VMS && (rc = sql_step(r, v->e)) == RC_OK) {
        struct vm *x = &old->row[old->n++];
        *x = (struct vm){ .state = sql_int(r, 2), .lock = sql_int(r, 3), .reason = sql_int(r, 4), .verified = sql_int(r, 5),
                          .state_ms = sql_int(r, 6), .there = true };
        if (!arena_str(v->a, sql_text(r, 0), &x->name) || !arena_str(v->a, sql_text(r, 1), &x->title) ||
            !arena_str(v->a, sql_text(r, 7), &x->image) || !arena_str(v->a, sql_text(r, 8), &x->summary) ||
            !arena_str(v->a, sql_text(r, 9), &x->why))
            rc = err_set(v->e, RC_NOMEM, "no memory for the VMs of a device");
    }
    sql_end(r);
    if (!v->rc && rc && rc != RC_NOT_FOUND) v->rc = rc;
}

static const struct mirror_node *entry_node(struct visit *v, struct str vm, const char *name)
{
    const struct ddf_entry *en = ddf_layout_entry(v->l, DDF_VM, str_of(name));
    return en ? mirror_at(&v->m, ddf_layout_uri(v->l, en, vm, (struct str){ 0 }, v->a)) : NULL;
}

static int64_t entry_number(struct visit *v, struct str vm, const char *name)
{
    const struct mirror_node *n = entry_node(v, vm, name);
    int64_t x = 0;
    return n && str_to_i64(str_trim(n->value), &x) ? x : 0;
}

static struct str entry_text(struct visit *v, struct str vm, const char *name)
{
    const struct mirror_node *n = entry_node(v, vm, name);
    return n ? n->value : (struct str){ 0 };
}

static void vms_of_mirror(struct visit *v, struct vms *now)
{
    for (size_t i = 0; i < v->m.n; i++) {
        const struct mirror_node *n = &v->m.nodes[i];
        if (n->gone || !str_eq(ddf_uri_parent(n->uri), v->l->vms)) continue;
        struct vm *x = vm_of(now, ddf_uri_name(n->uri));
        if (!x) continue;
        const struct mirror_node *state = entry_node(v, x->name, "state");
        x->there = true;
        x->title = entry_text(v, x->name, "name");
        x->image = entry_text(v, x->name, "image");
        x->state = entry_number(v, x->name, "state");
        x->lock = entry_number(v, x->name, "lockState");
        x->reason = entry_number(v, x->name, "stateReason");
        x->verified = state && state->known == POL_REPORTED;
        x->state_ms = state ? state->at_ms : 0;
    }
}

static void vm_event(struct visit *v, const struct vm *x)
{
    const struct ddf_state *state = ddf_layout_state(v->l, (int)x->state);
    const struct ddf_entry *lock = DDF_ENTRY(v->l, DDF_VM, "lockState");
    struct str wire = arena_printf(v->a, "%lld", (long long)x->lock);
    visit_json(v);
    visit_json_s(v, "vm", x->name);
    visit_json_b(v, "gone", !x->there);
    if (x->there) {
        visit_json_i(v, "state", x->state);
        visit_json_s(v, "stateText", state ? state->label : STR(""));
        visit_json_i(v, "lockState", x->lock);
        visit_json_s(v, "lockText", lock ? ddf_entry_to_word(lock, wire, v->a) : wire);
        visit_json_i(v, "reason", x->reason);
        visit_json_s(v, "reasonText", ddf_layout_reason_text(v->l, (int)x->reason));
        visit_json_b(v, "verified", x->verified);
        visit_json_s(v, "summary", x->summary);
        visit_json_s(v, "why", x->why);
    }
    visit_event(v, "vm");
}

static void write_vm(struct visit *v, const struct vm *x, const struct vm *was)
{
    bool state_same = was && was->state == x->state && was->lock == x->lock && was->reason == x->reason && was->verified == x->verified;
    if (was && state_same && str_eq(was->title, x->title) && str_eq(was->image, x->image) && str_eq(was->summary, x->summary) &&
        str_eq(was->why, x->why))
        return;
    visit_run(v, DM_STMT(VM_PUT), { "device_id", SQL_I(v->d.id) }, { "vm", SQL_T(x->name) }, { "title", SQL_T(x->title) },
              { "state", SQL_I(x->state) }, { "lock_state", SQL_I(x->lock) }, { "reason", SQL_I(x->reason) },
              { "verified", SQL_I(x->verified) },
              { "state_ms", SQL_I(was && was->state == x->state && was->state_ms ? was->state_ms : x->state_ms) },
              { "image", SQL_T(x->image) }, { "summary", SQL_T(x->summary) }, { "summary_why", SQL_T(x->why) });
    vm_event(v, x);
}

static void keep_vms(struct visit *v, struct vms *now)
{
    struct vms old = { .n = 0 };
    load_vms(v, &old);
    for (size_t i = 0; i < now->n && !v->rc; i++) {
        struct vm *x = &now->row[i], *was = NULL;
        for (size_t k = 0; k < old.n; k++)
            if (str_eq(old.row[k].name, x->name)) was = &old.row[k];
        if (was) was->known = true;
        if (!x->there) {
            if (was) was->known = false;
            continue;
        }
        if (was && !x->summary.n) {             /* not planned in this message: as before */
            x->summary = was->summary;
            x->why = was->why;
        }
        write_vm(v, x, was);
    }
    for (size_t i = 0; i < old.n && !v->rc; i++) {
        if (old.row[i].known) continue;
        visit_run(v, DM_STMT(VM_DROP), { "device_id", SQL_I(v->d.id) }, { "vm", SQL_T(old.row[i].name) });
        old.row[i].there = false;
        vm_event(v, &old.row[i]);
    }
}

/* ---- how far things are ---- */

static bool is_work(const struct pol_step *s) { return s->purpose == POL_FOR_CHANGE || s->purpose == POL_FOR_OPERATION; }

/* A word that says more wins: a step under way, then a failure, then waiting. */
static int weight(struct str word)
{
    return str_is(word, "working") ? 3 : str_is(word, "failed") ? 2 : str_is(word, "settled") || !word.n ? 0 : 1;
}

static struct str state_word(struct str wait) { return str_is(wait, "failed") || str_is(wait, "working") ? wait : STR("waiting"); }

static void judge(struct vm *x, struct str word, struct str why)
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

static void judge_vms(struct visit *v, const struct pol_plan *plan, const struct pol_desired *d, struct vms *all)
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
    for (size_t i = 0; i < all->n; i++)
        if (!all->row[i].summary.n) all->row[i].summary = STR("settled");
}

/* ---- assignments ---- */

struct assignment { int64_t policy, revision, truth; struct str state, why; bool used; };

static size_t load_assignments(struct visit *v, struct assignment *old)
{
    struct sql_rows *r = NULL;
    size_t n = 0;
    enum rc rc = v->rc ? v->rc : sql_start(v->db, DM_STMT(ASSIGNMENTS), SQL_ARGS({ "device_id", SQL_I(v->d.id) }), &r, v->e);
    while (!rc && n < KEEP_ASSIGNMENTS && (rc = sql_step(r, v->e)) == RC_OK) {
        struct assignment *x = &old[n++];
        *x = (struct assignment){ .policy = sql_int(r, 0), .revision = sql_int(r, 1), .truth = sql_int(r, 2) };
        if (!arena_str(v->a, sql_text(r, 3), &x->state) || !arena_str(v->a, sql_text(r, 4), &x->why))
            rc = err_set(v->e, RC_NOMEM, "no memory for the assignments of a device");
    }
    sql_end(r);
    if (!v->rc && rc && rc != RC_NOT_FOUND) v->rc = rc;
    return n;
}

static void keep_assignment(struct visit *v, const struct assignment *now, struct assignment *old, size_t n_old)
{
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].policy != now->policy) continue;
        old[i].used = true;
        if (old[i].revision == now->revision && old[i].truth == now->truth && str_eq(old[i].state, now->state) && str_eq(old[i].why, now->why))
            return;
    }
    visit_run(v, DM_STMT(ASSIGNMENT_PUT), { "device_id", SQL_I(v->d.id) }, { "policy_id", SQL_I(now->policy) },
              { "revision", SQL_I(now->revision) }, { "truth", SQL_I(now->truth) }, { "state", SQL_T(now->state) },
              { "why", SQL_T(now->why) }, { "now_ms", SQL_I(v->w->now_ms) });
}

static void keep_assignments(struct visit *v, struct vms *all)
{
    struct assignment *old = ARENA_ARRAY(v->a, struct assignment, KEEP_ASSIGNMENTS);
    struct pol_facts f;
    if (!old) {
        visit_nomem(v);
        return;
    }
    size_t n_old = load_assignments(v, old);
    if (!v->rc) v->rc = store_load_wishes(v->st, &v->d, NULL, v->w->now_ms, v->a, &f, v->e);
    if (v->rc) return;
    for (const struct pol_policy *p = f.policies; p && !v->rc; p = p->next) {
        struct str unknown = { 0 };
        enum pol_truth truth = pol_selector_eval(p->selector, f.attrs, f.n_attrs, v->a, &unknown);
        const struct vm *x = vm_of(all, p->vm);
        if (truth == POL_FALSE) continue;
        struct assignment now = { .policy = p->id, .revision = p->revision, .truth = truth, .state = x ? x->summary : STR("settled"),
                                  .why = x ? x->why : (struct str){ 0 } };
        if (truth == POL_UNKNOWN) {
            now.state = STR("waiting");
            now.why = arena_printf(v->a, "not known yet whether it holds: the device has not told %.*s", STR_ARG(unknown));
        }
        if (!now.state.n) now.state = STR("settled");
        keep_assignment(v, &now, old, n_old);
    }
    for (size_t i = 0; i < n_old && !v->rc; i++)
        if (!old[i].used)
            visit_run(v, DM_STMT(ASSIGNMENT_DROP), { "device_id", SQL_I(v->d.id) }, { "policy_id", SQL_I(old[i].policy) });
}

/* ---- the device ---- */

static int64_t kpi_interval_ms(struct visit *v, const struct pol_desired *d)
{
    int64_t seconds = v->srv->config->kpi_interval_s;
    for (size_t i = 0; i < d->n_device_values; i++)
        if (str_is(d->device_values[i].setting->name, "kpi.interval")) str_to_i64(d->device_values[i].wire, &seconds);
    return seconds > 0 ? seconds * 1000 : 0;
}

/* The token that a device in this state reports. */
static struct str token_now(struct visit *v)
{
    char *hex = arena_bytes(v->a, SHA256_HEX_BYTES);
    if (v->s->token_reported[0] && !v->s->changed) return str_of(v->s->token_reported);
    if (!hex) visit_nomem(v);
    if (v->rc) return (struct str){ 0 };
    v->rc = mirror_token(&v->m, v->srv->schema, v->l, v->d.server_id, hex, v->e);
    return str_of(v->rc ? "" : hex);
}

static void summarise(struct visit *v, const struct pol_plan *plan, struct str *word, struct str *why)
{
    *word = v->d.summary;
    *why = v->d.summary_why;
    for (const struct pol_step *s = plan->steps; s; s = s->next)
        if (is_work(s)) {
            *word = STR("working");
            *why = s->children ? s->children->why : s->why;
            return;
        }
    if (plan->steps) return;                    /* only looking: as it was */
    *word = STR("settled");
    *why = (struct str){ 0 };
    for (const struct pol_wait *w = plan->waits; w; w = w->next)
        if (weight(state_word(w->state)) > weight(*word)) {
            *word = state_word(w->state);
            *why = w->why;
        }
}

static void keep_device(struct visit *v, const struct pol_plan *plan, const struct pol_desired *d, bool has_vms)
{
    struct str word, why;
    bool settled = plan->settled && !plan->steps && v->n_ops == 0;
    int64_t interval = kpi_interval_ms(v, d);
    summarise(v, plan, &word, &why);
    bool news = !str_eq(word, v->d.summary) || !str_eq(why, v->d.summary_why);
    if (news) v->d.summary_ms = v->w->now_ms;
    v->d.summary = word;
    v->d.summary_why = why;
    if (!plan->steps) {
        if (!has_vms || !interval) v->d.next_kpi_ms = 0;
        else if (v->s->kpi_before_ms || !v->d.next_kpi_ms) v->d.next_kpi_ms = v->w->now_ms + interval;
        v->d.settled_token = settled ? token_now(v) : (struct str){ 0 };
        if (settled) v->d.have_stamp = v->d.want_stamp;
    }
    visit_run(v, DM_STMT(DEVICE_RESULT), { "device_id", SQL_I(v->d.id) }, { "have_stamp", SQL_I(v->d.have_stamp) },
              { "settled_token", SQL_TN(v->d.settled_token) }, { "next_kpi_ms", v->d.next_kpi_ms ? SQL_I(v->d.next_kpi_ms) : SQL_N },
              { "summary", SQL_T(word) }, { "summary_why", SQL_T(why) }, { "summary_ms", v->d.summary_ms ? SQL_I(v->d.summary_ms) : SQL_N });
    if (!news) return;
    visit_json(v);
    visit_json_s(v, "summary", word);
    visit_json_s(v, "why", why);
    visit_event(v, "device");
}

void visit_keep(struct visit *v, const struct pol_plan *plan, const struct pol_desired *desired)
{
    struct vms all = { .n = 0 };
    if (v->rc) return;
    v->rc = mirror_write(&v->m, v->db, store_paths(v->st), v->d.id, v->e);
    keep_samples(v);
    vms_of_mirror(v, &all);
    size_t there = all.n;
    if (plan) judge_vms(v, plan, desired, &all);
    if (plan || v->m.changed) keep_vms(v, &all);
    if (plan) keep_assignments(v, &all);
    visit_run(v, DM_STMT(DEVICE_LEARNT), { "device_id", SQL_I(v->d.id) }, { "now_ms", SQL_I(v->w->now_ms) }, { "layout_mo", SQL_TN(v->d.layout_mo) },
              { "mirror_read", SQL_I(v->d.mirror_read) }, { "lists", SQL_I(v->d.lists) }, { "large_objects", SQL_I(v->d.large_objects) });
    if (plan) keep_device(v, plan, desired, there > 0);
}
