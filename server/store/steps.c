/* SPDX-License-Identifier: Apache-2.0 */
/* The next message to a device as people read it before it is sent. */
#include "server/store/store.h"
#include "ddf/uri.h"
#include "server/core/credentials.h"
#include "syncml/cred.h"

static const struct str hidden = { "***", 3 };

/* Hide values that the device would not return; an uploaded description cannot make a secret value visible. */
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
    bool leaf = false; /* the last tag opened an element that is still empty */
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

/* One message of a session that has just begun; its XML into `out` unless that is NULL */
static enum rc one_message(const struct server *srv, const struct dm_device *d, const struct ddf_schema *schema,
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
                               STR_ARG(d->authority_name)); /* as in its account */
    struct sml_item id = { .source = STR("./DevInfo/DevId"), .data = d->name, .has_data = true };
    struct sml_transport t = { .tls = true };
    char digest[SML_DIGEST_BYTES + 1];
    if (d->account.auth == SML_AUTH_MD5 && d->account.client_nonce.n) { /* the credentials that the device will send */
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

enum rc store_preview_syncml(const struct server *srv, const struct dm_device *d, const struct ddf_schema *schema,
                             struct sml_step *steps, struct arena *a, struct buf *out, struct store_message *about,
                             struct err *e)
{
    enum { MESSAGES_MAX = 100 };
    size_t sent = 0;
    /* after a session that ended in the middle of commands, the first message has one command */
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
