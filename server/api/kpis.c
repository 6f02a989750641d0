/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "server/api/call.h"
#include "db/sample.h"

#include "base/text.h"
#include "base/suggest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KPI_POINTS = 2000, /* points per series */
    KPI_SERIES = 64,
    KPI_ROWS = 200000, /* samples read for one answer */
    KPI_DEFAULT_POINTS = 300,
    KPI_HOUR_MS = 3600 * 1000
};

/* The layout's entry for a name in a sample, with or without the prefix "kpi.". */
static const struct ddf_entry *entry_of(struct call *c, const struct ddf_layout *l, struct str name)
{
    struct str instance;
    const struct ddf_entry *en = ddf_layout_resolve(l, DDF_VM, name, &instance);
    if (en) return en;
    return ddf_layout_resolve(l, DDF_VM, arena_printf(c->a, "kpi.%.*s", STR_ARG(name)), &instance);
}

enum rc api_kpis_latest(struct call *c, const struct device_row *d, struct str vm, json_t **out)
{
    struct db_sample last;
    const char *key;
    json_t *v;
    enum rc rc = db_sample_last(c->db, d->id, vm, c->a, &last, &c->e);
    if (rc) {
        *out = json_null();
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    json_t *j = json_object(), *units = json_object(), *labels = json_object();
    json_put_time(j, "at", last.at_ms);
    json_put_raw(j, "values", last.data);
    json_t *values = json_object_get(j, "values");
    json_object_foreach(values, key, v)
    {
        const struct ddf_entry *en = entry_of(c, d->layout, str_of(key));
        if (en && en->unit.n) json_object_set_new(units, key, json_put_text(en->unit));
        if (en && en->label.n) json_object_set_new(labels, key, json_put_text(en->label));
    }
    json_object_set_new(j, "units", units);
    json_object_set_new(j, "labels", labels);
    *out = j;
    return RC_OK;
}

/* History. A sample is a flat JSON object that the server wrote; it is read without building a tree, because a month
 * has 40,000 of them. */

struct series {
    struct str name; /* as in the sample */
    bool rate, counter;
    const struct ddf_entry *entry;
    /* sums of the current bucket */
    double sum, last, span_s;
    int64_t n;
    /* the sample before, for rates */
    double before;
    int64_t before_ms;
    bool has_before;
    json_t *points;
};

struct history {
    int64_t from_ms, to_ms, step_ms;
    struct series s[KPI_SERIES];
    size_t n;
    bool all;       /* no metrics requested: all that the samples contain */
    int64_t bucket; /* current one, -1 = none */
};

struct member {
    struct str name, value;
    bool number;
};

/* The next "name": value of a flat object. @return false at its end or when it is malformed */
static bool next_member(struct str text, size_t *at, struct member *m)
{
    size_t i = str_find(text, '"', *at), end;
    if (i >= text.n) return false;
    end = str_find(text, '"', i + 1);
    m->name = str_slice(text, i + 1, end);
    i = end + 1;
    while (i < text.n && (text.p[i] == ' ' || text.p[i] == ':')) i++;
    if (i >= text.n) return false;
    if (text.p[i] == '"') {
        end = i + 1;
        while (end < text.n && text.p[end] != '"') end += text.p[end] == '\\' ? 2 : 1;
        m->value = str_slice(text, i + 1, end);
        m->number = false;
        *at = end + 1;
        return end < text.n;
    }
    for (end = i; end < text.n && text.p[end] != ',' && text.p[end] != '}'; end++)
        if (text.p[end] == '{' || text.p[end] == '[') return false;
    m->value = str_trim(str_slice(text, i, end));
    m->number = true;
    *at = end;
    return true;
}

static bool number_of(struct str s, double *out)
{
    char text[40], *end;
    if (!s.n || s.n >= sizeof text) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static void flush(struct history *h, struct series *s)
{
    char at[25];
    double v;
    if (s->rate ? s->span_s <= 0 : s->n == 0) return;
    if (s->rate)
        v = s->sum / s->span_s;
    else
        v = s->counter ? s->last : s->sum / (double)s->n;
    text_time_iso(h->from_ms + h->bucket * h->step_ms, at);
    json_t *point = json_array();
    json_array_append_new(point, json_string(at));
    json_array_append_new(point, json_real(v));
    json_array_append_new(s->points, point);
    s->sum = s->span_s = 0;
    s->n = 0;
}

static void take_value(struct series *s, int64_t at_ms, bool inside, double v)
{
    if (s->rate) {
        /* A counter that decreased was reset: the interval has no known rate. */
        if (inside && s->has_before && v >= s->before && at_ms > s->before_ms) {
            s->sum += v - s->before;
            s->span_s += (double)(at_ms - s->before_ms) / 1000;
        }
        s->before = v;
        s->before_ms = at_ms;
        s->has_before = true;
    } else if (inside) {
        s->sum += v;
        s->last = v;
        s->n++;
    }
}

static struct series *add_series(struct call *c, struct history *h, const struct ddf_layout *l, struct str name,
                                 bool rate)
{
    if (h->n == KPI_SERIES) return NULL;
    struct series *s = &h->s[h->n];
    *s = (struct series){ .name = name, .rate = rate, .entry = entry_of(c, l, name), .points = json_array() };
    s->counter = s->entry && s->entry->counter;
    h->n++;
    return s;
}

static void take_sample(struct call *c, struct history *h, const struct ddf_layout *l, int64_t at_ms, struct str data)
{
    struct member m;
    size_t at = 0;
    bool inside = at_ms >= h->from_ms;
    int64_t bucket = inside ? (at_ms - h->from_ms) / h->step_ms : -1;
    if (bucket != h->bucket && h->bucket >= 0)
        for (size_t i = 0; i < h->n; i++) flush(h, &h->s[i]);
    h->bucket = bucket;
    while (next_member(data, &at, &m)) {
        double v;
        bool known = false;
        if (!number_of(m.value, &v)) continue;
        for (size_t i = 0; i < h->n; i++)
            if (str_eq(h->s[i].name, m.name)) {
                take_value(&h->s[i], at_ms, inside, v);
                known = true;
            }
        if (known || !h->all) continue;
        const struct ddf_entry *en = entry_of(c, l, m.name);
        if (!en || (!m.number && !en->counter)) continue;
        struct series *s = add_series(c, h, l, api_keep(c, m.name), false);
        if (s) take_value(s, at_ms, inside, v);
        if (s && s->counter && (s = add_series(c, h, l, api_keep(c, m.name), true)) != NULL)
            take_value(s, at_ms, inside, v);
    }
}

static enum rc read_range(struct call *c, struct history *h)
{
    struct str step = api_query(c, "step"), name;
    size_t from = 0;
    bool present = false;
    enum rc rc = api_query_time(c, "to", c->w.now_ms, &h->to_ms);
    if (!rc) rc = api_query_time(c, "from", h->to_ms - KPI_HOUR_MS, &h->from_ms);
    if (rc) return rc;
    if (h->from_ms >= h->to_ms) return api_refuse(c, 400, "Bad request", NULL, "from is not before to");
    h->step_ms = (h->to_ms - h->from_ms) / KPI_DEFAULT_POINTS;
    h->step_ms = h->step_ms < 1000 ? 1000 : (h->step_ms + 999) / 1000 * 1000;
    if (step.n && (!text_duration_parse(step, &h->step_ms) || h->step_ms < 1))
        return api_refuse(c, 400, "Bad request", NULL, "step is \"%.*s\"; expected a duration such as 60s or 5m",
                          STR_ARG(step));
    if ((h->to_ms - h->from_ms) / h->step_ms > KPI_POINTS)
        return api_refuse(c, 400, "Over a limit", NULL,
                          "a step of %" PRId64 " s gives more than %d points: use a longer step", h->step_ms / 1000,
                          KPI_POINTS);
    h->all = true;
    for (;;) {
        name = http_query_find(c->r->query, "metric", &from, c->a, &present);
        if (!present) return RC_OK;
        h->all = false;
        bool rate = str_ends(name, STR(".rate"));
        struct str base = rate ? str_slice(name, 0, name.n - 5) : name;
        if (!add_series(c, h, server_layout(c->api->srv, (struct str){ 0 }), base, rate))
            return api_refuse(c, 400, "Over a limit", NULL, "at most %d metrics at once", KPI_SERIES);
    }
}

static enum rc send_history(struct call *c, struct history *h)
{
    json_t *j = json_object(), *list = json_array();
    json_put_time(j, "from", h->from_ms);
    json_put_time(j, "to", h->to_ms);
    json_put_int(j, "step", h->step_ms / 1000);
    for (size_t i = 0; i < h->n; i++) {
        struct series *s = &h->s[i];
        json_t *one = json_object();
        if (h->bucket >= 0) flush(h, s);
        json_put_str(one, "metric", s->rate ? arena_printf(c->a, "%.*s.rate", STR_ARG(s->name)) : s->name);
        struct str unit = s->entry ? s->entry->unit : (struct str){ 0 };
        json_put_str(one, "unit", s->rate ? arena_printf(c->a, "%.*s/s", STR_ARG(unit.n ? unit : STR("1"))) : unit);
        json_put_str(one, "label", s->entry ? s->entry->label : s->name);
        json_object_set(one, "points", s->points);
        json_array_append_new(list, one);
    }
    json_object_set_new(j, "series", list);
    return api_answer(c, 200, j);
}

static enum rc unknown_metric(struct call *c, const struct ddf_layout *l, struct str name)
{
    struct suggestion near = suggest_for(name);
    for (size_t i = 0; i < l->n_entries; i++)
        if (l->entries[i].kpi && l->entries[i].scope == DDF_VM) suggest_try(&near, l->entries[i].name);
    struct str best = suggest_best(&near);
    return api_refuse(c, 400, "Bad request", NULL, "metric: unknown name \"%.*s\"%s%.*s%s", STR_ARG(name),
                      best.n ? ": did you mean \"" : "; the VM's latest KPIs list all names", STR_ARG(best),
                      best.n ? "\"?" : "");
}

static enum rc history(struct call *c, const struct device_row *d, struct str vm)
{
    struct history *h = arena_alloc(c->a, sizeof *h);
    struct sql_rows *r = NULL;
    struct db_sample v;
    int64_t rows = 0;
    if (!h) return err_set(&c->e, RC_NOMEM, "no memory");
    h->bucket = -1;
    enum rc rc = read_range(c, h);
    for (size_t i = 0; !rc && i < h->n; i++) {
        h->s[i].entry = entry_of(c, d->layout, h->s[i].name);
        if (!h->s[i].entry || !h->s[i].entry->kpi) rc = unknown_metric(c, d->layout, h->s[i].name);
        h->s[i].counter = h->s[i].entry && h->s[i].entry->counter;
    }
    if (!rc) rc = db_sample_range(c->db, d->id, vm, h->from_ms, h->to_ms, KPI_ROWS, &r, &c->e);
    while (!rc && (rc = db_sample_next(r, &v, &c->e)) == RC_OK) {
        take_sample(c, h, d->layout, v.at_ms, v.data);
        rows++;
    }
    sql_end(r);
    if (rc == RC_NOT_FOUND)
        rc = rows == KPI_ROWS ? api_refuse(c, 400, "Over a limit", NULL,
                                           "more than %d samples in this time range: narrow it", KPI_ROWS)
                              : send_history(c, h);
    for (size_t i = 0; i < h->n; i++) json_decref(h->s[i].points);
    return rc;
}

enum rc api_kpis(struct call *c)
{
    struct device_row d;
    struct db_vm vm;
    json_t *j = NULL;
    bool from = false, to = false;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (rc) return rc;
    rc = db_vm_find(c->db, d.id, c->param[1], c->a, &vm, &c->e);
    if (rc == RC_NOT_FOUND) return api_missing(c, "VM", c->param[1]);
    if (rc) return rc;
    http_query(c->r, "from", &from);
    http_query(c->r, "to", &to);
    if (from || to) return history(c, &d, c->param[1]);
    rc = api_kpis_latest(c, &d, c->param[1], &j);
    if (!rc && json_is_null(j))
        return api_refuse(c, 404, "Not found", NULL, "no sample of \"%.*s\" yet", STR_ARG(c->param[1]));
    return rc ? rc : api_answer(c, 200, j);
}
