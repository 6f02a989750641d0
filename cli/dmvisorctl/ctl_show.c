/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_show.h"

#include "base/text.h"
#include "cli/dmvisorctl/ctl_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- values ---- */

void show_age(const char *iso, struct buf *out)
{
    static const struct {
        int64_t unit_ms, below_ms;
        const char *name;
    } row[] = {
        { 1000, 60 * 1000, "s" },
        { 60 * 1000, 3600 * 1000, "m" },
        { 3600 * 1000, 48 * 3600 * 1000, "h" },
        { 24 * 3600 * 1000, INT64_MAX, "d" },
    };
    int64_t at;
    if (!text_time_parse(str_of(iso), &at)) {
        buf_putz(out, iso);
        return;
    }
    int64_t ms = ctl_now_ms() - at, size = ms < 0 ? -ms : ms;
    if (size < 1000) {
        buf_putz(out, "now");
        return;
    }
    size_t i = 0;
    while (size >= row[i].below_ms) i++;
    buf_printf(out, "%s%lld %s%s", ms < 0 ? "in " : "", (long long)(size / row[i].unit_ms), row[i].name,
               ms < 0 ? "" : " ago");
}

void show_local(const char *iso, struct buf *out)
{
    char text[32];
    int64_t at;
    struct tm tm;
    if (!text_time_parse(str_of(iso), &at)) {
        buf_putz(out, iso);
        return;
    }
    time_t t = (time_t)(at / 1000);
    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    buf_putz(out, text);
}

void show_size(double bytes, struct buf *out)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t i = 0;
    while (bytes >= 1024 && i < 4) {
        bytes /= 1024;
        i++;
    }
    buf_printf(out, i && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
}

enum table_color show_color(struct str word)
{
    static const struct {
        const char *word;
        enum table_color color;
    } row[] = {
        { "settled", TABLE_GOOD },  { "verified", TABLE_GOOD }, { "answered", TABLE_GOOD },
        { "done", TABLE_GOOD },     { "working", TABLE_BUSY },  { "waiting", TABLE_BUSY },
        { "pending", TABLE_BUSY },  { "queued", TABLE_BUSY },   { "sent", TABLE_BUSY },
        { "accepted", TABLE_BUSY }, { "failed", TABLE_BAD },    { "unreachable", TABLE_BAD },
        { "expired", TABLE_BAD },   { "aborted", TABLE_BAD },   { "refused", TABLE_BAD },
        { "lost", TABLE_BAD },      { "overdue", TABLE_BAD },   { "unauthenticated", TABLE_BAD },
        { "unknown", TABLE_BAD },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (str_is(word, row[i].word)) return row[i].color;
    return TABLE_PLAIN;
}

/* A VM's state is shown in the colour of its health. */
static enum table_color color_of(const json_t *item, const struct show_column *k, struct str text)
{
    const char *health = ctl_text(item, "health");
    if (k->kind == SHOW_WORD) return show_color(text);
    if (k->kind != SHOW_STATE) return TABLE_PLAIN;
    return strcmp(health, "ok") == 0 ? TABLE_GOOD : strcmp(health, "failed") == 0 ? TABLE_BAD : TABLE_PLAIN;
}

static void pairs(const json_t *j, bool counts, struct buf *out)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { j };
    const char *key;
    json_t *v;
    bool first = true;
    json_object_foreach(u.out, key, v)
    {
        if (!first) buf_putz(out, counts ? ", " : " ");
        first = false;
        if (!counts) buf_printf(out, "%s=", key);
        ctl_scalar(v, out);
        if (counts) buf_printf(out, " %s", key);
    }
}

static void ids(const json_t *list, struct buf *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *state = ctl_text(one, "stateText");
        if (i) buf_putz(out, ", ");
        ctl_scalar(json_is_object(one) ? ctl_at(one, "id") : one, out);
        if (state[0]) buf_printf(out, " %s", state);
    }
}

void show_cell(const json_t *item, const struct show_column *k, struct buf *out)
{
    const json_t *v = k->path ? ctl_at(item, k->path) : item;
    switch (k->kind) {
    case SHOW_OWN: k->own(item, out); break;
    case SHOW_AGE:
        if (json_is_string(v)) show_age(json_string_value(v), out);
        break;
    case SHOW_SIZE:
        if (json_is_number(v)) show_size(json_number_value(v), out);
        break;
    case SHOW_LABELS: pairs(v, false, out); break;
    case SHOW_COUNTS: pairs(v, true, out); break;
    case SHOW_LIST: ids(v, out); break;
    case SHOW_TEXT:
    case SHOW_NUMBER:
    case SHOW_WORD:
    case SHOW_STATE: ctl_scalar(v, out); break;
    }
}

/* ---- formats ---- */

void show_table(struct ctl *c, const struct table *t)
{
    struct buf b;
    buf_init(&b, 0);
    if (c->format == FORMAT_CSV)
        table_write_csv(t, &b);
    else
        table_write(t, c->color, &b);
    ctl_put(buf_str(&b));
    buf_finish(&b);
}

static void put_yaml(const json_t *j)
{
    struct buf b;
    buf_init(&b, 0);
    yaml_write(j, &b);
    ctl_put(buf_str(&b));
    buf_finish(&b);
}

void show_json(struct ctl *c, const json_t *j)
{
    if (c->format == FORMAT_YAML) {
        put_yaml(j);
        return;
    }
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
    ctl_print("%s\n", text ? text : "null");
    free(text);
}

static void put_name(const json_t *item, const struct show_view *v)
{
    struct buf b, clean;
    buf_init(&b, 0);
    buf_init(&clean, 0);
    if (v->named)
        v->named(item, &b);
    else
        ctl_scalar(ctl_at(item, v->name), &b);
    table_clean(&clean, buf_str(&b));
    if (clean.n) ctl_print("%s\n", buf_z(&clean));
    buf_finish(&b);
    buf_finish(&clean);
}

bool show_raw(struct ctl *c, const struct ctl_reply *r, const struct show_view *v)
{
    switch (c->format) {
    case FORMAT_JSON:
        ctl_put(buf_str(&r->text));
        if (r->text.n && r->text.p[r->text.n - 1] != '\n') ctl_print("\n");
        return true;
    case FORMAT_YAML:
        if (r->json) put_yaml(r->json);
        return true;
    case FORMAT_NAME:
        if (v) put_name(r->json, v);
        return true;
    case FORMAT_TABLE:
    case FORMAT_CSV: break;
    }
    return false;
}

static void columns(struct table *t, const struct show_view *v, bool titles)
{
    for (const struct show_column *k = v->column; k->title; k++)
        table_column(t, titles ? k->title : NULL, k->kind == SHOW_NUMBER || k->kind == SHOW_SIZE);
}

static void row(struct table *t, const json_t *item, const struct show_view *v)
{
    struct buf b;
    buf_init(&b, 0);
    for (const struct show_column *k = v->column; k->title; k++) {
        buf_reset(&b);
        show_cell(item, k, &b);
        table_cell(t, buf_str(&b), color_of(item, k, buf_str(&b)));
    }
    buf_finish(&b);
}

enum ctl_exit show_items(struct ctl *c, const json_t *items, const struct show_view *v)
{
    struct table t;
    struct arena a;
    if (c->format == FORMAT_NAME) {
        for (size_t i = 0; i < json_array_size(items); i++) put_name(json_array_get(items, i), v);
        return CTL_OK;
    }
    if (!json_array_size(items)) {
        ctl_note("no %s", v->what);
        return CTL_OK;
    }
    arena_init(&a, CTL_ARENA_BYTES);
    table_init(&t, &a);
    columns(&t, v, true);
    for (size_t i = 0; i < json_array_size(items); i++) row(&t, json_array_get(items, i), v);
    show_table(c, &t);
    arena_finish(&a);
    return CTL_OK;
}

enum ctl_exit show_list(struct ctl *c, const struct ctl_reply *r, const struct show_view *v)
{
    const json_t *items = ctl_at(r->json, "items");
    if (c->format != FORMAT_NAME && show_raw(c, r, v)) return CTL_OK;
    enum ctl_exit code = show_items(c, items, v);
    const char *next = ctl_text(r->json, "next");
    if (next[0] && c->format == FORMAT_TABLE) ctl_note("there are more; use a larger --limit");
    return code;
}

void show_section(struct ctl *c, const char *heading, const json_t *items, const struct show_view *v)
{
    if (!json_array_size(items)) return;
    ctl_print("\n%s\n", heading);
    show_items(c, items, v);
}

enum ctl_exit show_one(struct ctl *c, const struct ctl_reply *r, const struct show_view *v)
{
    struct table t;
    struct arena a;
    struct buf b;
    if (show_raw(c, r, v)) return CTL_OK;
    arena_init(&a, 1 << 24);
    buf_init(&b, 0);
    table_init(&t, &a);
    table_column(&t, NULL, false);
    table_column(&t, NULL, false);
    for (const struct show_column *k = v->column; k->title; k++) {
        buf_reset(&b);
        show_cell(r->json, k, &b);
        if (!b.n) continue;
        struct str title = arena_printf(&a, "%s:", k->title);
        table_cell(&t, title, TABLE_PLAIN);
        table_cell(&t, buf_str(&b), color_of(r->json, k, buf_str(&b)));
    }
    show_table(c, &t);
    buf_finish(&b);
    arena_finish(&a);
    return CTL_OK;
}

void show_row(struct ctl *c, const json_t *item, const struct show_view *v, struct buf *out)
{
    struct table t;
    struct arena a;
    arena_init(&a, 1 << 20);
    table_init(&t, &a);
    columns(&t, v, false);
    row(&t, item, v);
    table_write(&t, c->color, out);
    arena_finish(&a);
}
