/* SPDX-License-Identifier: Apache-2.0 */
/* vm ...: the VMs of a device and their KPIs. */
#include "cli/dmvisorctl/ctl_views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ctl_exit cmd_vm_list(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}/vms", c->args->arg[0]), &r);
    if (!code) code = show_list(c, &r, &view_vms_of);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_vm_show(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}/vms/{}", c->args->arg[0], c->args->arg[1]), &r);
    if (!code) code = show_one(c, &r, &view_vm);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_vm_acknowledge(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *device = c->args->arg[0], *vm = c->args->arg[1];
    const struct ctl_request q = { .method = "POST",
                                   .path = ctl_path(c, "/devices/{}/vms/{}:acknowledge", device, vm) };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && c->format == FORMAT_TABLE) ctl_print("the crashes of %s on %s are acknowledged\n", vm, device);
    ctl_reply_finish(&r);
    return code;
}

/* ---- KPIs now ---- */

static void show_latest(struct ctl *c, const json_t *j)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { ctl_at(j, "values") };
    const json_t *units = ctl_at(j, "units");
    struct table t;
    struct arena a;
    struct buf b;
    const char *key;
    json_t *v;
    arena_init(&a, 1 << 24);
    buf_init(&b, 0);
    table_init(&t, &a);
    table_column(&t, "NAME", false);
    table_column(&t, "VALUE", true);
    table_column(&t, "UNIT", false);
    json_object_foreach(u.out, key, v)
    {
        buf_reset(&b);
        ctl_scalar(v, &b);
        table_cell(&t, str_of(key), TABLE_PLAIN);
        table_cell(&t, buf_str(&b), TABLE_PLAIN);
        table_cell(&t, str_of(json_string_value(json_object_get(units, key))), TABLE_PLAIN);
    }
    buf_reset(&b);
    show_age(ctl_text(j, "at"), &b);
    ctl_print("%s on %s, sampled %s\n", c->args->arg[1], c->args->arg[0], buf_z(&b));
    show_table(c, &t);
    buf_finish(&b);
    arena_finish(&a);
}

/* ---- KPIs over time: a row for each time that any series has, a column for each series ---- */

struct grid {
    const json_t *points[TABLE_COLUMNS];
    size_t at[TABLE_COLUMNS], n;
};

static const char *time_at(const struct grid *g, size_t i)
{
    return json_string_value(json_array_get(json_array_get(g->points[i], g->at[i]), 0));
}

/* The earliest time that is not printed yet; RFC 3339 in UTC sorts as text. */
static const char *earliest(const struct grid *g)
{
    const char *first = NULL;
    for (size_t i = 0; i < g->n; i++) {
        const char *t = time_at(g, i);
        if (t && (!first || strcmp(t, first) < 0)) first = t;
    }
    return first;
}

static void show_history(struct ctl *c, const json_t *series)
{
    struct grid g = { .n = 0 };
    struct table t;
    struct arena a;
    struct buf b;
    const char *when;
    arena_init(&a, CTL_ARENA_BYTES);
    buf_init(&b, 0);
    table_init(&t, &a);
    table_column(&t, c->format == FORMAT_CSV ? "time" : "TIME", false);
    for (size_t i = 0; i < json_array_size(series) && g.n < TABLE_COLUMNS - 1; i++) {
        const json_t *s = json_array_get(series, i);
        const char *unit = ctl_text(s, "unit");
        struct str title = arena_printf(&a, unit[0] ? "%s (%s)" : "%s", ctl_text(s, "metric"), unit);
        table_column(&t, title.n ? title.p : "", true);
        g.points[g.n++] = ctl_at(s, "points");
    }
    while ((when = earliest(&g)) != NULL) {
        buf_reset(&b);
        if (c->format == FORMAT_CSV)
            buf_putz(&b, when);
        else
            show_local(when, &b);
        table_cell(&t, buf_str(&b), TABLE_PLAIN);
        for (size_t i = 0; i < g.n; i++) {
            const char *mine = time_at(&g, i);
            buf_reset(&b);
            if (mine && strcmp(mine, when) == 0) {
                const json_t *v = json_array_get(json_array_get(g.points[i], g.at[i]), 1);
                if (c->format == FORMAT_CSV && json_is_real(v))
                    buf_printf(&b, "%.15g", json_real_value(v));
                else
                    ctl_scalar(v, &b);
            }
            table_cell(&t, buf_str(&b), TABLE_PLAIN);
        }
        for (size_t i = 0; i < g.n; i++)
            if (time_at(&g, i) && strcmp(time_at(&g, i), when) == 0) g.at[i]++;
    }
    if (t.n_cells || c->format == FORMAT_CSV)
        show_table(c, &t);
    else
        ctl_note("no samples in this time");
    if (json_array_size(series) > g.n)
        ctl_note("%zu more metrics are not shown: --metric NAME chooses, -o json has all",
                 json_array_size(series) - g.n);
    buf_finish(&b);
    arena_finish(&a);
}

enum ctl_exit cmd_vm_kpis(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *path = ctl_path(c, "/devices/{}/vms/{}/kpis", c->args->arg[0], c->args->arg[1]), *metric;
    const char *from = ctl_opt(c, OPT_FROM);
    bool range = from || ctl_has(c, OPT_TO);
    if (!range && (ctl_has(c, OPT_STEP) || ctl_has(c, OPT_METRIC) || c->format == FORMAT_CSV)) {
        from = "-1h"; /* steps need a time range: the last hour */
        range = true;
    }
    path = ctl_query(c, path, "from", from);
    path = ctl_query(c, path, "to", ctl_opt(c, OPT_TO));
    path = ctl_query(c, path, "step", ctl_opt(c, OPT_STEP));
    for (size_t at = 0; (metric = ctl_args_next(c->args, OPT_METRIC, &at)) != NULL;)
        path = ctl_query(c, path, "metric", metric);
    enum ctl_exit code = ctl_get(c, path, &r);
    if (!code && !show_raw(c, &r, NULL)) {
        if (range)
            show_history(c, ctl_at(r.json, "series"));
        else
            show_latest(c, r.json);
    }
    ctl_reply_finish(&r);
    return code;
}
