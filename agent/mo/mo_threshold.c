/* SPDX-License-Identifier: Apache-2.0 */
/* KPI/Thr of a VM: thresholds that the device checks with each reading (virtualization-mo.md c.3.12, c.7). A crossed
 * threshold is not kept over a restart of the agent, because the readings start again as well. */
#include "agent/mo/mo.h"
#include "agent/vm/threshold.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THRESHOLDS = 16, THRESHOLD_NAME_BYTES = 64 };

struct mo_threshold {
    char name[THRESHOLD_NAME_BYTES];
    struct threshold is;
};

static struct mo_threshold *find(struct mo_vm *v, struct str name, bool make)
{
    if (!v || !name.n || name.n >= THRESHOLD_NAME_BYTES) return NULL;
    for (size_t i = 0; i < v->n_thresholds; i++)
        if (str_is(name, v->thresholds[i].name)) return &v->thresholds[i];
    if (!make || v->n_thresholds == THRESHOLDS) return NULL;
    if (!v->thresholds && !(v->thresholds = calloc(THRESHOLDS, sizeof *v->thresholds))) return NULL;
    struct mo_threshold *t = &v->thresholds[v->n_thresholds++];
    *t = (struct mo_threshold){ .is.active = false };
    snprintf(t->name, sizeof t->name, "%.*s", STR_ARG(name));
    return t;
}

/* Evaluated again from the next reading on. */
static void forget(struct mo_vm *v, struct str name)
{
    struct mo_threshold *t = find(v, name, false);

    if (t) *t = v->thresholds[--v->n_thresholds];
}

static struct str text_of(struct mo_env *env, const char *leaf, struct str id, struct str name, struct arena *a)
{
    struct str v;

    return mo_kept(env, DDF_VM, leaf, id, name, a, &v) ? v : (struct str){ 0 };
}

static struct str metric_uri(struct mo_env *env, struct str id, struct str metric, struct arena *a)
{
    return arena_printf(a, "%.*s/%.*s", STR_ARG(mo_uri(env, DDF_VM, "kpi.node", id, (struct str){ 0 }, a)),
                        STR_ARG(metric));
}

/* @return false for an incomplete one */
static bool rule_of(struct mo_env *env, struct str id, struct str name, struct arena *a, struct threshold_rule *out)
{
    int64_t op, hold_s;

    if (!str_to_i64(text_of(env, "kpi.thresholds.*.op", id, name, a), &op) || op < THRESHOLD_GREATER ||
        op > THRESHOLD_RATE || !threshold_parse(text_of(env, "kpi.thresholds.*.value", id, name, a), &out->value))
        return false;
    out->op = (enum threshold_op)op;
    if (!threshold_parse(text_of(env, "kpi.thresholds.*.clear", id, name, a), &out->clear)) out->clear = out->value;
    if (!str_to_i64(text_of(env, "kpi.thresholds.*.hold", id, name, a), &hold_s) || hold_s < 0) hold_s = 0;
    out->hold_ms = hold_s * 1000;
    return true;
}

/* It clears on its uncrossed side; a value that would clear while it is crossed is invalid. */
static bool clears(const struct threshold_rule *r, int64_t clear)
{
    return r->op == THRESHOLD_LESS ? clear >= r->value : clear <= r->value;
}

static void tell(struct mo_env *env, struct str id, struct str name, struct str value, bool active, struct arena *a)
{
    struct str mark = text_of(env, "kpi.thresholds.*.mark", id, name, a);
    char data[80], as[32];

    snprintf(data, sizeof data, "value=%.*s;active=%d", STR_ARG(value), active);
    snprintf(as, sizeof as, "%.*s", STR_ARG(mark.n ? mark : STR("warning")));
    mo_alert_owners(env, id, "threshold", mo_uri(env, DDF_VM, "kpi.thresholds.*.node", id, name, a), "chr", as, data);
}

static void judge(struct mo_env *env, struct mo_vm *v, struct str name, struct arena *a)
{
    struct str id = str_of(v->is->id), text;
    struct threshold_rule rule;
    struct mo_threshold *t;
    enum threshold_news news;
    int64_t reading, compared;

    if (!rule_of(env, id, name, a, &rule) ||
        !tree_value(env->tree, metric_uri(env, id, text_of(env, "kpi.thresholds.*.metric", id, name, a), a), a,
                    &text) ||
        !threshold_parse(text, &reading) || !(t = find(v, name, true)))
        return;
    news = threshold_take(&rule, &t->is, reading, env->w->now_ms, &compared);
    if (news != THRESHOLD_SAME) tell(env, id, name, threshold_format(compared, a), news == THRESHOLD_CROSSED, a);
}

void mo_threshold_sampled(struct mo_env *env, struct mo_vm *v)
{
    struct arena a;
    struct tree_at at;

    arena_init(&a, 1 << 20);
    struct tree_names names = { &a, NULL, 0, false };
    if (tree_find(env->tree, mo_uri(env, DDF_VM, "kpi.thresholds.node", str_of(v->is->id), (struct str){ 0 }, &a), &a,
                  &at) &&
        tree_children(env->tree, &at, &names))
        for (size_t i = 0; i < names.n; i++) judge(env, v, names.list[i], &a);
    arena_finish(&a);
}

void mo_threshold_stopped(struct mo_env *env, struct mo_vm *v)
{
    struct arena a;

    arena_init(&a, 1 << 18);
    for (size_t i = 0; i < v->n_thresholds; i++)
        if (v->thresholds[i].is.active)
            tell(env, str_of(v->is->id), str_of(v->thresholds[i].name), (struct str){ 0 }, false, &a);
    v->n_thresholds = 0;
    arena_finish(&a);
}

/* --- rows --- */

static int check_node(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    struct str name = command == DDF_REPLACE ? value : at->names[1];
    struct tree_at parent;
    struct arena a;
    size_t n = 0;

    if (command == DDF_DELETE) return 200;
    if (!name.n || name.n >= THRESHOLD_NAME_BYTES) return 414;
    arena_init(&a, 1 << 20);
    struct tree_names names = { &a, NULL, 0, false };
    if (command == DDF_ADD && tree_find(env->tree, ddf_uri_parent(at->uri), &a, &parent) &&
        tree_children(env->tree, &parent, &names))
        n = names.n;
    arena_finish(&a);
    return n < THRESHOLDS ? 200 : 420;
}

/* The metric must be a figure of this device; whether its volume or interface exists is not checked. */
static int check_metric(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    const struct tree_row *row;
    const struct ddf_node *n;
    struct ddf_match m;
    struct arena a;
    struct str uri;
    int status = 200;

    (void)command;
    arena_init(&a, 1 << 16);
    uri = metric_uri(env, at->names[0], value, &a);
    n = uri.n ? ddf_schema_find(tree_model_schema(env->shared->model), uri) : NULL;
    row = n ? tree_model_row_of(env->shared->model, n) : NULL;
    if (!n || !ddf_layout_match(mo_layout(env), uri, &m) || !m.entry || !m.entry->kpi)
        status = 400;
    else if (!row || !row->get)
        status = 1411;
    arena_finish(&a);
    return status;
}

static int check_decimal(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    int64_t unused;

    (void)ctx, (void)at, (void)command;
    return threshold_parse(value, &unused) || (at->row->arg && !value.n) ? 200 : 400;
}

/* Check against the current Value and Op; while one of them is missing, changed() does it. */
static int check_clear(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct threshold_rule rule;
    struct arena a;
    int64_t clear;
    int status = check_decimal(ctx, at, command, value);

    arena_init(&a, 1 << 16);
    if (status == 200 && threshold_parse(value, &clear) && rule_of(ctx, at->names[0], at->names[1], &a, &rule) &&
        !clears(&rule, clear))
        status = 1411;
    arena_finish(&a);
    return status;
}

/* A Clear that a new Value or Op makes invalid is removed, and read as unset. */
static void drop_clear(struct mo_env *env, struct str id, struct str name)
{
    struct threshold_rule rule;
    struct arena a;

    arena_init(&a, 1 << 16);
    if (rule_of(env, id, name, &a, &rule) && !clears(&rule, rule.clear))
        mo_note(env, tree_put(env->tree, mo_uri(env, DDF_VM, "kpi.thresholds.*.clear", id, name, &a), STR("")),
                "a threshold's Clear");
    arena_finish(&a);
}

static void changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct mo_env *env = ctx;

    env->changes++;
    if (what == TREE_ADDED || what == TREE_CHANGED) drop_clear(env, at->names[0], at->names[1]);
    forget(mo_find_vm(env, at->names[0]), what == TREE_RENAMED ? old : at->names[1]);
}

static bool get_active(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_threshold *t = find(mo_find_vm(ctx, at->names[0]), at->names[1], false);

    (void)a;
    *out = t && t->is.active ? STR("true") : STR("false");
    return true;
}

enum rc mo_threshold_rows(struct mo_shared *s, struct err *e)
{
    static const char may_be_empty[] = "clear";
    const struct {
        const char *name;
        struct tree_row row;
    } rows[] = {
        { "kpi.thresholds.node", { .arg = NULL } },
        { "kpi.thresholds.*.node", { .check = check_node, .changed = changed } },
        { "kpi.thresholds.*.metric", { .check = check_metric, .changed = changed } },
        { "kpi.thresholds.*.op", { .changed = changed } },
        { "kpi.thresholds.*.value", { .check = check_decimal, .changed = changed } },
        { "kpi.thresholds.*.hold", { .changed = changed } },
        { "kpi.thresholds.*.clear", { .check = check_clear, .changed = changed, .arg = may_be_empty } },
        { "kpi.thresholds.*.mark", { .arg = NULL } },
        { "kpi.thresholds.*.active", { .get = get_active } },
    };
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(rows); i++) rc = mo_row(s, DDF_VM, rows[i].name, &rows[i].row, e);
    return rc;
}
