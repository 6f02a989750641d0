/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/alerts.h"
#include <stdlib.h>
#include <string.h>

enum worth { DROP_FIRST, DROP_LATER, NEVER }; /* DROP_LATER also for names that the table does not have */
static const struct {
    const char *name;
    enum worth worth;
} worths[] = {
    { "progress", DROP_FIRST }, { "threshold", DROP_FIRST }, { "operation_complete", NEVER },
    { "crash", NEVER },         { "lease_event", NEVER },    { "integrity_violation", NEVER },
};

struct pending_alert {
    struct pending_alert *next;
    struct state_alert what;
    bool sent;
};
struct alerts {
    struct state *state;
    const struct ddf_layout *layout;
    struct pending_alert *first, **end;
    size_t n;
    uint64_t last_id;
};

static enum worth worth_of(struct str name)
{
    for (size_t i = 0; i < sizeof worths / sizeof worths[0]; i++)
        if (str_is(name, worths[i].name)) return worths[i].worth;
    return DROP_LATER;
}

static void put(char **at, struct str *s)
{
    if (s->n) memcpy(*at, s->p, s->n);
    s->p = *at;
    *at += s->n;
}

static struct pending_alert *copy(const struct state_alert *from)
{
    size_t n = from->server_id.n + from->name.n + from->source.n + from->format.n + from->mark.n + from->data.n +
               from->correlator.n;
    struct pending_alert *x = calloc(1, sizeof *x + n + 1);
    char *at;

    if (!x) return NULL;
    x->what = *from;
    at = (char *)(x + 1);
    put(&at, &x->what.server_id);
    put(&at, &x->what.name);
    put(&at, &x->what.source);
    put(&at, &x->what.format);
    put(&at, &x->what.mark);
    put(&at, &x->what.data);
    put(&at, &x->what.correlator);
    return x;
}

static enum rc append(void *ctx, const struct state_alert *from)
{
    struct alerts *al = ctx;
    struct pending_alert *x = copy(from);

    if (!x) return RC_NOMEM;
    *al->end = x;
    al->end = &x->next;
    al->n++;
    if (from->id > al->last_id) al->last_id = from->id;
    return RC_OK;
}

enum rc alerts_create(struct state *s, const struct ddf_layout *layout, struct alerts **out, struct err *e)
{
    struct alerts *al = calloc(1, sizeof *al);
    enum rc rc;

    if (!al) return err_set(e, RC_NOMEM, "no memory for the alerts");
    al->state = s;
    al->layout = layout;
    al->end = &al->first;
    rc = persist_load_alerts(s, append, al, e);
    if (rc)
        alerts_destroy(al);
    else
        *out = al;
    return rc;
}

void alerts_destroy(struct alerts *al)
{
    if (!al) return;
    for (struct pending_alert *x = al->first, *next; x; x = next) {
        next = x->next;
        free(x);
    }
    free(al);
}

static enum rc unlink_at(struct alerts *al, struct pending_alert **at, struct err *e)
{
    struct pending_alert *x = *at;
    enum rc rc = persist_remove_alert(al->state, x->what.id, e);

    *at = x->next;
    if (!*at) al->end = at;
    al->n--;
    free(x);
    return rc;
}

/* Drop the oldest alert of the lowest worth, but never an important one. */
static enum rc make_room(struct alerts *al, struct err *e)
{
    for (enum worth w = DROP_FIRST; al->n >= ALERTS_KEPT && w < NEVER; w++)
        for (struct pending_alert **at = &al->first; *at && al->n >= ALERTS_KEPT;) {
            enum rc rc = RC_OK;
            if (worth_of((*at)->what.name) == w)
                rc = unlink_at(al, at, e);
            else
                at = &(*at)->next;
            if (rc) return rc;
        }
    return RC_OK;
}

enum rc alerts_add(struct alerts *al, const struct alert_new *n, int64_t now_ms, struct err *e)
{
    struct state_alert what = { 0,         n->server_id,  n->name,
                                n->source, n->format,     n->mark.n ? n->mark : STR("informational"),
                                n->data,   n->correlator, now_ms };
    enum rc rc = RC_OK;

    for (struct pending_alert **at = &al->first; !rc && *at && str_is(n->name, "progress");) {
        struct pending_alert *x = *at;
        if (!x->sent && str_eq(x->what.name, n->name) && str_eq(x->what.source, n->source) &&
            str_eq(x->what.server_id, n->server_id))
            rc = unlink_at(al, at, e);
        else
            at = &(*at)->next;
    }
    if (!rc) rc = make_room(al, e);
    what.id = al->last_id + 1;
    if (!rc) rc = persist_put_alert(al->state, &what, e);
    if (!rc && append(al, &what)) rc = err_set(e, RC_NOMEM, "no memory for an alert");
    return rc;
}

size_t alerts_waiting(const struct alerts *al, struct str server_id, int64_t *since_ms)
{
    size_t n = 0;

    *since_ms = INT64_MAX;
    for (const struct pending_alert *x = al->first; x; x = x->next)
        if (!x->sent && str_eq(x->what.server_id, server_id)) {
            if (x->what.raised_ms < *since_ms) *since_ms = x->what.raised_ms;
            n++;
        }
    return n;
}

enum rc alerts_take(struct alerts *al, struct str server_id, size_t max, struct arena *a, struct sml_alert_out **out,
                    struct err *e)
{
    struct sml_alert_out **end = out;

    *out = NULL;
    for (struct pending_alert *x = al->first; x && max; x = x->next) {
        const struct state_alert *w = &x->what;
        struct sml_alert_out *o;
        if (x->sent || !str_eq(w->server_id, server_id)) continue;
        o = ARENA_NEW(a, struct sml_alert_out);
        if (!o) return err_set(e, RC_NOMEM, "no memory for an alert");
        *o = (struct sml_alert_out){ .tag = w->id, .code = 1226, .type = ddf_layout_alert_type(al->layout, w->name) };
        if (!arena_str(a, w->source, &o->source) || !arena_str(a, w->format, &o->format) ||
            !arena_str(a, w->mark, &o->mark) || !arena_str(a, w->data, &o->data) ||
            !arena_str(a, w->correlator, &o->correlator))
            return err_set(e, RC_NOMEM, "no memory for an alert");
        x->sent = true;
        *end = o;
        end = &o->next;
        max--;
    }
    return RC_OK;
}

enum rc alerts_acked(struct alerts *al, uint64_t tag, struct err *e)
{
    for (struct pending_alert **at = &al->first; *at; at = &(*at)->next)
        if ((*at)->what.id == tag) return unlink_at(al, at, e);
    return RC_OK;
}

void alerts_session_over(struct alerts *al, struct str server_id)
{
    for (struct pending_alert *x = al->first; x; x = x->next)
        if (str_eq(x->what.server_id, server_id)) x->sent = false;
}

enum rc alerts_forget(struct alerts *al, struct str server_id, struct err *e)
{
    enum rc rc = RC_OK;

    for (struct pending_alert **at = &al->first; !rc && *at;)
        if (str_eq((*at)->what.server_id, server_id))
            rc = unlink_at(al, at, e);
        else
            at = &(*at)->next;
    return rc;
}

size_t alerts_count(const struct alerts *al)
{
    return al->n;
}
