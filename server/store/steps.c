/* SPDX-License-Identifier: Apache-2.0 */
/* Plan steps as session steps, for devices and for people. */
#include "server/store/store.h"
#include "ddf/uri.h"
#include "server/core/credentials.h"
#include "syncml/cred.h"

/* policy/ and syncml/ do not know each other: what each command is in a message is said here. */
enum sml_cmd_kind store_kind_of(enum dm_command c)
{
    static const enum sml_cmd_kind kinds[DM_COMMAND_COUNT] = {
        [DM_GET] = SML_GET,           [DM_ADD] = SML_ADD,      [DM_REPLACE] = SML_REPLACE, [DM_DELETE] = SML_DELETE,
        [DM_EXEC] = SML_EXEC,         [DM_COPY] = SML_COPY,    [DM_DISPLAY] = SML_ALERT,   [DM_CONFIRM] = SML_ALERT,
        [DM_INPUT] = SML_ALERT,       [DM_CHOICE] = SML_ALERT, [DM_CHOICES] = SML_ALERT,   [DM_ATOMIC] = SML_ATOMIC,
        [DM_SEQUENCE] = SML_SEQUENCE, [DM_ACL] = SML_REPLACE,
    };
    return kinds[c];
}

/* A question's lines as Items: options (an empty Item when there are none), text, choices. */
static struct sml_item *question(struct str lines, struct arena *a)
{
    struct sml_item *first = NULL, **tail = &first;
    struct str line;
    while (str_cut(&lines, '\n', &line)) {
        if (!(*tail = ARENA_NEW(a, struct sml_item))) return NULL;
        **tail = (struct sml_item){ .data = line, .has_data = line.n > 0 || first != *tail };
        tail = &(*tail)->next;
    }
    return first;
}

static struct sml_step *one_step(const struct pol_step *p, uint64_t *tag, struct arena *a)
{
    struct sml_step *s = ARENA_NEW(a, struct sml_step);
    if (!s) return NULL;
    *s = (struct sml_step){ .kind = store_kind_of(p->verb),
                            .tag = (*tag)++,
                            .uri = p->uri,
                            .format = p->format,
                            .type = p->type,
                            .data = p->data,
                            .has_data = p->has_data,
                            .correlator = p->correlator };
    if (p->verb == DM_COPY) {
        s->source = p->data;
        s->format = s->type = s->data = (struct str){ 0 };
        s->has_data = false;
    } else if (dm_command_asks(p->verb)) {
        if (!(s->items = question(p->data, a))) return NULL;
        s->data = p->format;
        s->format = s->type = (struct str){ 0 };
        s->has_data = false;
    }
    struct sml_step **tail = &s->children;
    for (const struct pol_step *c = p->children; c; c = c->next) {
        if (!(*tail = one_step(c, tag, a))) return NULL;
        tail = &(*tail)->next;
    }
    return s;
}

enum rc store_steps(const struct pol_plan *p, struct arena *a, struct sml_step **out, struct err *e)
{
    struct sml_step *first = NULL, **tail = &first;
    uint64_t tag = 0;
    for (const struct pol_step *s = p->steps; s; s = s->next) {
        if (!(*tail = one_step(s, &tag, a))) return err_set(e, RC_NOMEM, "no memory for a plan's steps");
        tail = &(*tail)->next;
    }
    *out = first;
    return RC_OK;
}

/* ---- preview ---- */

static const struct str hidden = { "***", 3 };

/* What the device will not tell again, nobody else is shown either; an uploaded description makes no secret public. */
static void hide(const struct ddf_schema *shipped, const struct ddf_schema *own, struct sml_cmd *c)
{
    if (c->chal.present && c->chal.meta.next_nonce.n) c->chal.meta.next_nonce = hidden;
    for (struct sml_item *it = c->items; it; it = it->next) {
        if (it->has_data && it->target.n && credentials_item(shipped, own, it)) it->data = hidden;
    }
    for (struct sml_cmd *k = c->children; k; k = k->next) hide(shipped, own, k);
}

static void new_line(struct buf *out, int depth)
{
    buf_byte(out, '\n');
    while (depth-- > 0) buf_putz(out, "  ");
}

void store_indent_xml(struct str xml, struct buf *out)
{
    int depth = 0;
    bool leaf = false; /* the last tag opened an element and nothing followed yet */
    for (size_t at = 0; at < xml.n;) {
        size_t end = xml.p[at] == '<' ? str_find(xml, '>', at) + 1 : str_find(xml, '<', at);
        struct str part = str_slice(xml, at, end);
        at = end;
        if (!str_starts(part, STR("<"))) {
            buf_put(out, part);
            continue;
        }
        bool close = str_starts(part, STR("</")), alone = str_ends(part, STR("/>")) || str_starts(part, STR("<?"));
        if (close) depth--;
        if (!(close && leaf) && out->n) new_line(out, depth);
        buf_put(out, part);
        leaf = !close && !alone;
        if (leaf) depth++;
    }
    buf_byte(out, '\n');
}

/* One message of a session that has just begun. @return through `out` when that is not NULL */
static enum rc one_message(const struct server *srv, const struct store_device *d, const struct ddf_schema *schema,
                           struct sml_step *steps, struct arena *a, struct buf *out, size_t *n_sent, struct err *e)
{
    struct sml_cmd devinfo = { .kind = SML_REPLACE, .name = STR("Replace"), .cmd_id = STR("2") };
    struct sml_cmd alert = {
        .kind = SML_ALERT, .name = STR("Alert"), .cmd_id = STR("1"), .data = STR("1201"), .next = &devinfo
    };
    struct sml_msg call = { .ver_dtd = STR("1.2"),
                            .ver_proto = STR("DM/1.2"),
                            .session_id = STR("1"),
                            .msg_id = STR("1"),
                            .target = d->au->sml.url,
                            .source = d->name,
                            .final = true,
                            .cmds = &alert };
    call.target = arena_printf(a, "%.*s/%.*s", STR_ARG(d->au->sml.url),
                               STR_ARG(d->authority_name)); /* as its account has it */
    struct sml_item id = { .source = STR("./DevInfo/DevId"), .data = d->name, .has_data = true };
    struct sml_transport t = { .tls = true };
    char digest[SML_DIGEST_BYTES + 1];
    if (d->account.auth == SML_AUTH_MD5 && d->account.client_nonce.n) { /* as it will prove itself */
        sml_md5_digest(d->account.client_ha1, d->account.client_nonce, digest);
        call.source_name = d->account.client_name;
        call.cred = (struct sml_cred){ .present = true, .data = str_of(digest) };
        call.cred.meta.format = STR("b64");
        call.cred.meta.type = STR("syncml:auth-md5");
    } else {
        t.client_cert_subject = d->name;
    }
    struct sml_server *s = sml_server_create(&d->au->sml, call.session_id, d->name, d->au->sml.url, hidden);
    uint64_t seed = 1;
    const struct world w = world_fixed(0, &seed);
    struct sml_news news;
    struct sml_msg reply;
    struct sml_keep keep = { 0 };
    struct buf xml;

    *n_sent = 0;
    devinfo.items = &id;
    if (!s) return err_set(e, RC_NOMEM, "no memory for a preview");
    buf_init(&xml, SML_MSG_BYTES * 4);
    enum rc rc = sml_server_take(s, &call, &t, &d->account, &w, a, &news, e);
    if (!rc) rc = sml_server_answer(s, steps, d->large_objects, SML_XML, &d->account, &w, a, &reply, n_sent, &keep, e);
    if (!rc && out) {
        if (reply.cred.present) reply.cred.data = hidden;
        for (struct sml_cmd *c = reply.cmds; c; c = c->next) hide(srv->schema, schema, c);
        rc = sml_encode(SML_XML, &reply, &xml, e);
    }
    if (!rc && out) store_indent_xml(buf_str(&xml), out);
    buf_finish(&xml);
    sml_server_destroy(s);
    return rc || !out ? rc : out->failed;
}

enum rc store_preview_syncml(const struct server *srv, const struct store_device *d, const struct ddf_schema *schema,
                             struct sml_step *steps, struct arena *a, struct buf *out, struct store_message *about,
                             struct err *e)
{
    enum { MESSAGES_MAX = 100 };
    size_t sent = 0;
    /* after a session that ended in the middle of commands the first message has one (visit_care.c) */
    struct sml_step *rest = d->careful && steps ? steps->next : NULL;
    if (rest) steps->next = NULL;
    enum rc rc = one_message(srv, d, schema, steps, a, out, &sent, e);
    if (rest) steps->next = rest;
    *about = (struct store_message){ .steps = sent, .messages = 1 };
    while (!rc && sent && about->messages < MESSAGES_MAX) {
        while (steps && sent--) steps = steps->next;
        if (!steps) break;
        about->messages++;
        rc = one_message(srv, d, schema, steps, a, NULL, &sent, e);
    }
    return rc;
}
