/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/uri.h"
#include "tests/policy/sim.h"
#include <stdlib.h>
#include <string.h>

unsigned sim_dice(struct policy_sim_device *d, unsigned n)
{
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(d->seed >> 33) % n;
}

static struct str keep(struct policy_sim_device *d, struct str s)
{
    struct str out = { 0 };
    if (!arena_str(&d->a, s, &out)) abort();
    return out;
}

static size_t place(const struct policy_sim_device *d, struct str uri)
{
    size_t lo = 0, hi = d->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(d->node[mid].uri, uri) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct sim_node *sim_find(struct policy_sim_device *d, struct str uri)
{
    size_t i = place(d, uri);
    return i < d->n && str_eq(d->node[i].uri, uri) ? &d->node[i] : NULL;
}

static struct sim_node *put(struct policy_sim_device *d, struct str uri, struct str format, struct str value)
{
    size_t i = place(d, uri);
    if (i == d->n || !str_eq(d->node[i].uri, uri)) {
        if (d->n == SIM_NODES) abort();
        memmove(&d->node[i + 1], &d->node[i], (d->n - i) * sizeof d->node[0]);
        d->node[i].uri = keep(d, uri);
        d->n++;
    }
    d->node[i].format = format;
    d->node[i].value = keep(d, value);
    return &d->node[i];
}

void sim_remove(struct policy_sim_device *d, struct str uri)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        if (!ddf_uri_within(d->node[i].uri, uri)) d->node[n++] = d->node[i];
    d->n = n;
}

static struct str uri_of(struct policy_sim_device *d, enum ddf_scope scope, const char *name, struct str owner)
{
    const struct ddf_entry *en = ddf_layout_entry(d->l, scope, str_of(name));
    return en ? ddf_layout_uri(d->l, en, owner, (struct str){ 0 }, &d->a) : (struct str){ 0 };
}

struct str sim_value(struct policy_sim_device *d, enum ddf_scope scope, const char *name, struct str owner)
{
    const struct sim_node *n = sim_find(d, uri_of(d, scope, name, owner));
    return n ? n->value : (struct str){ 0 };
}

void sim_set(struct policy_sim_device *d, enum ddf_scope scope, const char *name, struct str owner, const char *value)
{
    const struct ddf_entry *en = ddf_layout_entry(d->l, scope, str_of(name));
    if (en) put(d, uri_of(d, scope, name, owner), en->format, str_of(value));
}

/* ---- making nodes as the description says ---- */

static struct str default_of(const struct ddf_node *n)
{
    if (n->has_default) return n->default_value;
    if (n->allowed.kind == DDF_ALLOW_ENUM && n->allowed.n) return n->allowed.values[0];
    if (n->allowed.kind == DDF_ALLOW_RANGE) return n->allowed.min > 0 ? STR("1") : STR("0");
    return n->format == DDF_INT ? STR("0") : n->format == DDF_BOOL ? STR("false") : (struct str){ 0 };
}

static void make(struct policy_sim_device *d, const struct ddf_node *n, struct str uri)
{
    bool node = n->format == DDF_NODE;
    if (n->format == DDF_NULL || !(n->access & DDF_GET)) return;
    put(d, uri, str_of(ddf_format_name(n->format)), node ? (struct str){ 0 } : default_of(n));
    for (const struct ddf_node *c = n->first; c; c = c->next)
        if (c->name.n && (c->min_occurs > 0 || (!(c->access & DDF_ADD) && (c->format == DDF_NODE || sim_dice(d, 4)))))
            make(d, c, ddf_uri_join(&d->a, uri, c->name));
}

static void new_vm(struct policy_sim_device *d, struct str name, int state)
{
    char text[16];
    snprintf(text, sizeof text, "%d", state);
    sim_set(d, DDF_VM, "state", name, text);
    sim_set(d, DDF_VM, "lockState", name, "30");
    sim_set(d, DDF_VM, "resources.pending", name, "false");
    sim_set(d, DDF_VM, "progress.correlator", name, "");
    sim_set(d, DDF_VM, "progress.result", name, "0");
}

void sim_make_vm(struct policy_sim_device *d, const char *name, int state)
{
    struct str uri = ddf_layout_owner_uri(d->l, DDF_VM, str_of(name), &d->a);
    make(d, ddf_schema_find(d->s, uri), uri);
    new_vm(d, str_of(name), state);
    sim_set(d, DDF_VM, "domain.servers", str_of(name), d->server);
}

bool sim_reworded;

static struct ddf_layout *reworded_layout(struct arena *a)
{
    char file[512];
    struct ddf_layout *l = NULL;
    if (ddf_layout_load(world_file("layout/x-virmo-1.0.yaml", file), a, &l, NULL)) abort();
    for (size_t i = 0; i < l->n_entries; i++) {
        struct ddf_entry *en = &l->entries[i];
        en->label = arena_printf(a, "entry %zu", i);
        for (size_t k = 0; en->kind == DDF_K_NONE && k < en->n_words; k++)
            en->words[k].word = arena_printf(a, "word %zu", k);
    }
    for (size_t i = 0; i < l->n_operations; i++) {
        struct ddf_operation *op = &l->operations[i];
        op->label = op->help = op->confirm = arena_printf(a, "operation %zu", i);
    }
    for (size_t i = 0; i < l->n_states; i++) l->states[i].name = l->states[i].label = arena_printf(a, "state %zu", i);
    for (size_t i = 0; i < l->n_reasons; i++) l->reasons[i].text = arena_printf(a, "reason %zu", i);
    for (size_t i = 0; i < l->n_phases; i++) l->phases[i].text = arena_printf(a, "phase %zu", i);
    for (size_t i = 0; i < l->n_results; i++) l->results[i].text = arena_printf(a, "result %zu", i);
    return l;
}

void sim_device_init(struct policy_sim_device *d, uint64_t seed)
{
    memset(d, 0, sizeof *d);
    arena_init(&d->a, (size_t)256 << 20);
    d->server = "dm.acme.example";
    d->l = sim_reworded ? reworded_layout(&d->a) : world_layout();
    d->s = world_schema();
    d->seed = seed;
    d->ticks = 1;
    d->now_ms = 1893456000000;
    make(d, ddf_schema_find(d->s, d->l->root), d->l->root);
    make(d, ddf_schema_find(d->s, d->l->images), d->l->images);
    sim_set(d, DDF_DEVICE, "hypervisor.maxVms", (struct str){ 0 }, "0");
    sim_set(d, DDF_DEVICE, "hypervisor.arch", (struct str){ 0 }, "aarch64");
}

void sim_device_finish(struct policy_sim_device *d)
{
    arena_finish(&d->a);
}

/* ---- operations ---- */

static bool has_arg(struct str args, const char *want)
{
    struct str one;
    while (str_cut(&args, ';', &one))
        if (str_is(one, want)) return true;
    return false;
}

static int number_of(struct str s)
{
    int64_t v = 0;
    str_to_i64(s, &v);
    return (int)v;
}

static void set_state(struct policy_sim_device *d, struct str vm, int state)
{
    char text[16];
    snprintf(text, sizeof text, "%d", state);
    sim_set(d, DDF_VM, "state", vm, text);
}

static void effect(struct policy_sim_device *d, const struct ddf_operation *op, struct str owner, struct str args)
{
    int state = number_of(sim_value(d, DDF_VM, "state", owner));
    char text[64];

    d->changes++;
    if (op->scope == DDF_IMAGE) {
        if (str_is(op->name, "download")) sim_set(d, DDF_IMAGE, "status", owner, "70");
        return;
    }
    if (op->scope != DDF_VM) return;
    if (op->lock_to >= 0) {
        snprintf(text, sizeof text, "%d", op->lock_to);
        sim_set(d, DDF_VM, "lockState", owner, text);
        if (op->lock_to == 10 && state == 50) set_state(d, owner, 60); /* lock action: pause */
        if (op->lock_to == 30 && state == 60) set_state(d, owner, 50);
    } else if (str_is(op->name, "delete")) {
        sim_remove(d, ddf_layout_owner_uri(d->l, DDF_VM, owner, &d->a));
    } else if (str_is(op->name, "upgrade")) {
        snprintf(text, sizeof text, "%.*s", STR_ARG(sim_value(d, DDF_VM, "upgrade.target", owner)));
        sim_set(d, DDF_VM, "image", owner, text);
        sim_set(d, DDF_VM, "upgrade.state", owner, "90");
    } else if (str_is(op->name, "applyResources")) {
        sim_set(d, DDF_VM, "resources.pending", owner, "false");
    } else if (op->to >= 0) {
        int to = has_arg(args, "start=1") ? 50 : has_arg(args, "paused=1") ? 60 : op->to;
        set_state(d, owner, to);
        if (to == 50) sim_set(d, DDF_VM, "resources.pending", owner, "false");
    }
}

static void progress(struct policy_sim_device *d, const struct sim_job *j, int percent, int result)
{
    char text[128];
    if (j->op->scope != DDF_VM || !sim_find(d, ddf_layout_owner_uri(d->l, DDF_VM, j->owner, &d->a))) return;
    snprintf(text, sizeof text, "%.*s", STR_ARG(j->correlator));
    sim_set(d, DDF_VM, "progress.correlator", j->owner, text);
    snprintf(text, sizeof text, "%d", percent);
    sim_set(d, DDF_VM, "progress.pct", j->owner, text);
    snprintf(text, sizeof text, "%d", result);
    sim_set(d, DDF_VM, "progress.result", j->owner, text);
}

/* Once more for the same correlator is the mistake that everything here is about. */
static void note(struct policy_sim_device *d, struct str correlator)
{
    for (size_t i = 0; i < d->n_done; i++)
        if (str_eq(d->done[i], correlator)) d->twice++;
    if (d->n_done < SIM_OPS) d->done[d->n_done++] = keep(d, correlator);
}

static struct sim_job *job_of(struct policy_sim_device *d, enum ddf_scope scope, struct str owner)
{
    for (size_t i = 0; i < SIM_JOBS; i++)
        if (d->job[i].used && d->job[i].op->scope == scope && str_eq(d->job[i].owner, owner)) return &d->job[i];
    return NULL;
}

static int exec(struct policy_sim_device *d, const struct pol_step *s)
{
    struct ddf_match m = { 0 };
    if (!ddf_layout_match(d->l, s->uri, &m) || !m.operation) return 404;
    const struct ddf_operation *op = m.operation;
    if (m.scope != DDF_DEVICE && !sim_find(d, ddf_layout_owner_uri(d->l, m.scope, m.owner, &d->a))) return 404;
    int state = number_of(sim_value(d, DDF_VM, "state", m.owner));
    if (job_of(d, m.scope, m.owner)) return 1444;
    if (m.scope == DDF_VM) {
        bool from = !op->n_from, locked = !str_is(sim_value(d, DDF_VM, "lockState", m.owner), "30");
        for (size_t i = 0; i < op->n_from; i++) from |= op->from[i] == state;
        for (size_t i = 0; i < op->n_from_forced; i++)
            from |= op->from_forced[i] == state && has_arg(s->data, "force=1");
        if (!from) return 1410;
        if (locked && !op->while_locked) return 1442;
    }
    note(d, s->correlator);
    if (d->synchronous) {
        struct sim_job now = { .op = op, .owner = m.owner, .correlator = s->correlator };
        if ((int)sim_dice(d, 100) < d->fail_percent) {
            progress(d, &now, 100, 1428);
            if (op->scope == DDF_IMAGE) sim_set(d, DDF_IMAGE, "status", m.owner, "20");
            return 1428;
        }
        effect(d, op, m.owner, s->data);
        progress(d, &now, 100, 1200);
        return sim_dice(d, 2) ? 200 : 1200;
    }
    for (size_t i = 0; i < SIM_JOBS; i++) {
        struct sim_job *j = &d->job[i];
        if (j->used) continue;
        *j = (struct sim_job){ op,
                               keep(d, m.owner),
                               keep(d, s->data),
                               keep(d, s->correlator),
                               keep(d, s->uri),
                               (int)sim_dice(d, (unsigned)d->ticks) + 1,
                               true };
        progress(d, j, 0, 0);
        if (op->scope == DDF_IMAGE && str_is(op->name, "download")) sim_set(d, DDF_IMAGE, "status", j->owner, "30");
        return 202;
    }
    return 417;
}

struct sim_alert *sim_tick(struct policy_sim_device *d, size_t *n)
{
    struct sim_alert *out = ARENA_ARRAY(&d->a, struct sim_alert, SIM_JOBS);
    *n = 0;
    for (size_t i = 0; i < SIM_JOBS; i++) {
        struct sim_job *j = &d->job[i];
        if (!j->used) continue;
        if (--j->ticks > 0) {
            progress(d, j, 50, 0);
            continue;
        }
        bool fails = (int)sim_dice(d, 100) < d->fail_percent;
        int result = fails ? 1428 : 1200;
        j->used = false;
        if (!fails)
            effect(d, j->op, j->owner, j->args);
        else if (j->op->scope == DDF_IMAGE)
            sim_set(d, DDF_IMAGE, "status", j->owner, "20");
        progress(d, j, 100, result);
        out[(*n)++] = (struct sim_alert){ j->uri, j->correlator, result, true };
    }
    return out;
}

/* ---- commands ---- */

static int refuse(struct policy_sim_device *d, const struct pol_step *s, int status)
{
    d->refused++;
    snprintf(d->refusal, sizeof d->refusal, "%d to %d %.*s", status, (int)s->verb, STR_ARG(s->uri));
    return status;
}

static struct str children(struct policy_sim_device *d, struct str uri)
{
    struct buf b;
    struct str out;
    buf_init(&b, 0);
    for (size_t i = 0; i < d->n; i++)
        if (str_eq(ddf_uri_parent(d->node[i].uri), uri))
            buf_printf(&b, "%s%.*s", b.n ? "/" : "", STR_ARG(ddf_uri_name(d->node[i].uri)));
    out = keep(d, buf_str(&b));
    buf_finish(&b);
    return out;
}

static int get(struct policy_sim_device *d, const struct pol_step *s, struct sim_node *values, size_t *n)
{
    size_t q = str_find(s->uri, '?', 0);
    struct str uri = str_slice(s->uri, 0, q);
    bool tree = q < s->uri.n;
    if (tree && d->no_list) return 406;
    if (!sim_find(d, uri)) return 404;
    for (size_t i = 0; i < d->n; i++) {
        struct sim_node *x = &d->node[i];
        if (tree ? !ddf_uri_within(x->uri, uri) : !str_eq(x->uri, uri)) continue;
        values[*n] = *x;
        if (!tree && str_is(x->format, "node")) values[*n].value = children(d, uri);
        (*n)++;
    }
    return 200;
}

static int add(struct policy_sim_device *d, const struct pol_step *s)
{
    const struct ddf_node *n = ddf_schema_find(d->s, s->uri);
    if (sim_find(d, s->uri)) return refuse(d, s, 418);
    if (!n || !sim_find(d, ddf_uri_parent(s->uri))) return refuse(d, s, 404);
    if (str_is(s->format, "node")) {
        struct ddf_match m = { 0 };
        make(d, n, s->uri);
        if (ddf_layout_match(d->l, s->uri, &m) && !m.entry && m.scope == DDF_VM && m.owner.n) {
            new_vm(d, m.owner, 10);
            sim_set(d, DDF_VM, "domain.servers", m.owner, d->server);
        }
        if (m.scope == DDF_IMAGE && !m.entry && m.owner.n) sim_set(d, DDF_IMAGE, "status", m.owner, "10");
    } else {
        put(d, s->uri, str_of(ddf_format_name(n->format)), s->data);
    }
    d->changes++;
    return 200;
}

static int replace(struct policy_sim_device *d, const struct pol_step *s)
{
    struct ddf_match m = { 0 };
    struct sim_node *n = sim_find(d, s->uri);
    const struct ddf_node *described = ddf_schema_find(d->s, s->uri);
    if (!n && described && !(described->access & DDF_ADD) && sim_find(d, ddf_uri_parent(s->uri)))
        n = put(d, s->uri, str_of(ddf_format_name(described->format)),
                (struct str){ 0 }); /* an optional leaf that stands by */
    if (!n) return refuse(d, s, 404);
    if (ddf_layout_match(d->l, s->uri, &m) && m.entry && m.scope == DDF_VM) {
        int state = number_of(sim_value(d, DDF_VM, "state", m.owner));
        if (m.entry->change == DDF_C_STOPPED && state != 10 && state != 30) return refuse(d, s, 500);
        if ((m.entry->change == DDF_C_DEFINED || m.entry->change == DDF_C_UPGRADE) && state != 10)
            return refuse(d, s, 500);
        if (m.entry->change == DDF_C_APPLY && state == 50 && sim_dice(d, 2))
            sim_set(d, DDF_VM, "resources.pending", m.owner, "true");
    }
    n = sim_find(d, s->uri);
    n->value = keep(d, s->data);
    d->changes++;
    return 200;
}

static int drop(struct policy_sim_device *d, const struct pol_step *s)
{
    if (!sim_find(d, s->uri)) return refuse(d, s, 404);
    sim_remove(d, s->uri);
    d->changes++;
    return 200;
}

int sim_command(struct policy_sim_device *d, const struct pol_step *s, struct sim_node *values, size_t *n_values)
{
    static const int statuses[] = { 500, 404, 417, 425, 420, 506 };
    *n_values = 0;
    if ((int)sim_dice(d, 100) < d->refuse_percent) return statuses[sim_dice(d, sizeof statuses / sizeof statuses[0])];
    switch (s->verb) {
    case DM_GET: return get(d, s, values, n_values);
    case DM_ADD: return add(d, s);
    case DM_REPLACE: return replace(d, s);
    case DM_DELETE: return drop(d, s);
    case DM_EXEC: return exec(d, s);
    case DM_ATOMIC:
    case DM_SEQUENCE:
    case DM_COPY:
    default: break; /* not of plans */
    }
    return 500;
}
