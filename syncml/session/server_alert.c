/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts from a client (protocol.md 5, 14): a table of those that are accepted. */
#include "syncml/session/server_int.h"

static void on_start(struct server_reader *r, const struct sml_cmd *c)
{
    r->news->server_alert |= str_is(c->data, "1200");
    sml_server_due(r, c, 200);
}

static void on_next(struct server_reader *r, const struct sml_cmd *c)
{
    r->s->turn.wants_next = true;
    sml_server_due(r, c, 200);
}

static void on_abort(struct server_reader *r, const struct sml_cmd *c)
{
    r->s->turn.stop = true; /* S-406 */
    sml_server_due(r, c, 200);
}

/* The client discarded the pieces it had: the step has failed, and may be sent again (S-308). */
static void on_lost(struct server_reader *r, const struct sml_cmd *c)
{
    struct sml_server *s = r->s;
    if (s->out && s->sent && s->sent->n) {
        sml_server_outcome(r, 0, 426);
        sml_server_out_free(s);
    }
    sml_server_due(r, c, 200);
}

static struct str type_of_alert(struct str type)
{
    static const struct {
        const char *p;
        size_t n;
    } prefix[] = { { "reversed-domain-name:", 21 }, { "content-type:", 13 } };
    type = str_trim(type);
    for (size_t i = 0; i < sizeof prefix / sizeof prefix[0]; i++)
        if (type.n >= prefix[i].n &&
            str_eq_fold(str_slice(type, 0, prefix[i].n), (struct str){ prefix[i].p, prefix[i].n }))
            return str_trim(str_slice(type, prefix[i].n, type.n));
    return type;
}

static bool format_is_known(struct str format)
{
    static const char *const name[] = { "chr",  "int",  "bool", "bin",  "b64", "float",
                                        "date", "time", "xml",  "node", "null" };
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        if (str_is(format, name[i])) return true;
    return false;
}

static void read_item(struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int code,
                      struct sml_alert_in *out)
{
    struct sml_item whole = *it;
    if (sml_server_is_piece(r, c, it, -1)) {
        out->status = sml_server_join(r, c, it, -1, &whole);
        if (out->status != 200) return;
    }
    const struct str mark = whole.meta.mark.n ? whole.meta.mark : c->meta.mark;
    struct str type;
    out->code = code;
    out->source = whole.source.n ? whole.source : whole.target;
    out->mark = mark.n ? mark : STR("informational");
    out->data = whole.data;
    out->correlator = c->correlator;
    sml_server_meta(r, &whole.meta, &c->meta, &out->format, &type);
    /* A Correlator says what the alert is about: whoever forgets type or format beside it is understood all the same. */
    const bool named = c->correlator.n > 0 && code == 1226, typed = whole.meta.type.n || c->meta.type.n;
    const bool complete = (typed || named) && (whole.has_data || code == 1224);
    out->type = typed ? type_of_alert(type) : (struct str){ 0 };
    out->status = !complete                                 ? (code == 1226 ? 412 : 406)
                  : !named && !format_is_known(out->format) ? (code == 1226 ? 415 : 406)
                                                            : 200;
    if (out->status != 200) return;
    *r->alerts = out;
    r->alerts = &out->next;
}

static void on_event(struct server_reader *r, const struct sml_cmd *c)
{
    int code = str_is(c->data, "1224") ? 1224 : 1226;
    size_t n = 0, i = 0;
    for (const struct sml_item *it = c->items; it; it = it->next) n++;
    struct owed_status *d = sml_server_due(r, c, code == 1226 ? 412 : 406);
    struct sml_alert_in *list = n ? ARENA_ARRAY(r->a, struct sml_alert_in, n) : NULL;
    if (!d || !n) return;
    if (!list) {
        r->rc = RC_NOMEM;
        return;
    }
    for (const struct sml_item *it = c->items; it && !r->rc; it = it->next) read_item(r, c, it, code, &list[i++]);
    d->alerts = list;
    d->n_alerts = n;
}

static const struct {
    const char *code;
    void (*act)(struct server_reader *, const struct sml_cmd *);
} alerts[] = {
    { "1200", on_start }, { "1201", on_start }, { "1222", on_next },  { "1223", on_abort },
    { "1224", on_event }, { "1225", on_lost },  { "1226", on_event },
};

void sml_server_read_alert(struct server_reader *r, const struct sml_cmd *c)
{
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
        if (str_is(c->data, alerts[i].code)) {
            alerts[i].act(r, c);
            return;
        }
    sml_server_due(r, c, 406); /* S-407, S-408: includes user interaction, which only a server may request */
}
