/* SPDX-License-Identifier: Apache-2.0 */
/* A message as readable text, for traces and dmtool. Secrets never appear in it. */
#include "syncml/msg.h"
#include "syncml/status.h"

enum { VALUE_BYTES = 400, INDENT = 2, NAME_BYTES = 1024 };

/* Words that mark a node as secret anywhere in its last name, in any case. */
static const struct str secret_words[] = {
    { "secret", 6 },    { "password", 8 },    { "passwd", 6 }, { "passphrase", 10 },
    { "aauthdata", 9 }, { "privatekey", 10 }, { "token", 5 },  { "credential", 10 },
    { "sharedkey", 9 }, { "wepkey", 6 },      { "wpakey", 6 },
};

/* Words that mark it as the whole name, or in capitals at its end: inside a word they mean nothing ("Mapping"). */
static const struct str secret_ends[] = { { "PIN", 3 }, { "PUK", 3 }, { "PSK", 3 } };

static bool contains_fold(struct str s, struct str word)
{
    for (size_t i = 0; i + word.n <= s.n; i++)
        if (str_eq_fold(str_slice(s, i, i + word.n), word)) return true;
    return false;
}

static bool has_secret_word(struct str s)
{
    for (size_t i = 0; i < sizeof secret_words / sizeof secret_words[0]; i++)
        if (contains_fold(s, secret_words[i])) return true;
    return false;
}

static bool is_secret_name(struct str name)
{
    for (size_t i = 0; i < sizeof secret_ends / sizeof secret_ends[0]; i++)
        if (str_eq_fold(name, secret_ends[i]) || str_ends(name, secret_ends[i])) return true;
    return has_secret_word(name);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The name with its escapes decoded: "AAuth%53ecret" is AAuthSecret. @return false when it is too long for any node */
static bool unescaped(struct str s, char *out, size_t size, struct str *name)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        const int high = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        const int low = high >= 0 ? hex(s.p[i + 2]) : -1;
        if (n == size) return false;
        out[n++] = low >= 0 ? (char)(high * 16 + low) : s.p[i];
        i += low >= 0 ? 2 : 0;
    }
    *name = (struct str){ out, n };
    return true;
}

bool sml_uri_is_secret(struct str uri)
{
    char text[NAME_BYTES];
    struct str name;
    size_t from = uri.n;
    while (from > 0 && uri.p[from - 1] != '/') from--;
    name = str_slice(uri, from, uri.n);
    if (is_secret_name(name)) return true;
    if (str_find(name, '%', 0) == name.n) return false;
    return !unescaped(name, text, sizeof text, &name) || is_secret_name(name);
}

/* A serialised tree may contain a secret node, so it is shown whole or not at all. */
bool sml_item_is_document(const struct sml_item *i)
{
    return str_starts(str_trim(i->data), STR("<")) || contains_fold(i->meta.type, STR("xml"));
}

bool sml_item_is_secret(const struct sml_item *i)
{
    return sml_uri_is_secret(i->target) || sml_uri_is_secret(i->source) ||
           (sml_item_is_document(i) && has_secret_word(i->data));
}

/* Print a value on one line, with printable characters only, cut when it is long. */
static void put_value(struct buf *out, struct str s)
{
    struct str head = str_slice(s, 0, VALUE_BYTES);
    if (!str_is_utf8(s)) {
        buf_printf(out, "<%zu octets", s.n);
        for (size_t i = 0; i < s.n && i < 16; i++)
            buf_printf(out, "%s%02x", i ? " " : ": ", (unsigned)(unsigned char)s.p[i]);
        buf_putz(out, s.n > 16 ? " ...>" : ">");
        return;
    }
    while (head.n < s.n && head.n && ((unsigned char)s.p[head.n] & 0xC0) == 0x80) head.n--; /* do not cut a character */
    buf_byte(out, '"');
    buf_json(out, head);
    buf_byte(out, '"');
    if (head.n < s.n) buf_printf(out, "... (%zu octets)", s.n);
}

/* Print a name or number without control characters and with a bounded length. */
static void put_word(struct buf *out, struct str s)
{
    if (s.n > VALUE_BYTES || !str_is_utf8(s)) {
        put_value(out, s);
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        buf_byte(out, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : (unsigned char)s.p[i]);
}

static void put_field(struct buf *out, const char *label, struct str s)
{
    if (s.n) {
        buf_putz(out, label);
        put_word(out, s);
    }
}

static void put_party(struct buf *out, const char *label, struct str uri, struct str name)
{
    if (uri.n == 0 && name.n == 0) return;
    put_field(out, label, uri.n ? uri : STR("(no address)"));
    if (name.n) {
        buf_putz(out, " (");
        put_word(out, name);
        buf_byte(out, ')');
    }
}

static void put_meta(struct buf *out, const struct sml_meta *m)
{
    if (!m->present) return;
    put_field(out, " ", m->format);
    put_field(out, " ", m->type);
    put_field(out, " ", m->mark);
    if (m->has_size) buf_printf(out, " size %llu", (unsigned long long)m->size);
    if (m->has_max_msg) buf_printf(out, " MaxMsgSize %llu", (unsigned long long)m->max_msg_bytes);
    if (m->has_max_obj) buf_printf(out, " MaxObjSize %llu", (unsigned long long)m->max_obj_bytes);
    if (m->next_nonce.n) buf_putz(out, " NextNonce ***");
}

static void indent(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth * INDENT; i++) buf_byte(out, ' ');
}

static void put_item(struct buf *out, const struct sml_item *i, unsigned depth)
{
    indent(out, depth);
    buf_byte(out, '-');
    put_party(out, " ", i->target, i->target_name);
    put_party(out, i->target.n ? " from " : " ", i->source, i->source_name);
    put_meta(out, &i->meta);
    if (i->has_data) {
        buf_putz(out, " = ");
        if (sml_item_is_secret(i))
            buf_putz(out, "***");
        else
            put_value(out, i->data);
    }
    if (i->more_data) buf_putz(out, " ... more pieces follow");
    buf_byte(out, '\n');
}

static void put_status(struct buf *out, const struct sml_cmd *c)
{
    int64_t code;
    put_field(out, " for ", c->cmd);
    put_field(out, " ", c->cmd_ref);
    put_field(out, " of message ", c->msg_ref);
    put_field(out, ": ", c->data);
    if (c->kind == SML_STATUS && str_to_i64(c->data, &code) && code > 0 && code < 10000)
        buf_printf(out, " %s", sml_status_text((int)code));
    for (const struct sml_ref *r = c->target_refs; r; r = r->next) put_field(out, " target ", r->uri);
    for (const struct sml_ref *r = c->source_refs; r; r = r->next) put_field(out, " source ", r->uri);
}

static void put_cred(struct buf *out, const char *label, const struct sml_cred *c)
{
    if (!c->present) return;
    buf_putz(out, label);
    put_meta(out, &c->meta);
    if (c->data.n) buf_putz(out, " ***");
}

static void put_cmd(struct buf *out, const struct sml_cmd *c, unsigned depth)
{
    indent(out, depth);
    put_word(out, c->cmd_id.n ? c->cmd_id : STR("-"));
    put_field(out, " ", c->name.n ? c->name : str_of(sml_cmd_name(c->kind)));
    if (c->kind == SML_STATUS || c->kind == SML_RESULTS)
        put_status(out, c);
    else
        put_field(out, " ", c->data);
    put_field(out, " correlator ", c->correlator);
    put_meta(out, &c->meta);
    put_cred(out, " Cred", &c->cred);
    put_cred(out, " Chal", &c->chal);
    if (c->no_resp) buf_putz(out, " NoResp");
    buf_byte(out, '\n');
    for (const struct sml_item *i = c->items; i; i = i->next) put_item(out, i, depth + 1);
    for (const struct sml_cmd *child = c->children; child; child = child->next) put_cmd(out, child, depth + 1);
}

void sml_print(const struct sml_msg *m, struct buf *out)
{
    buf_putz(out, m->dtd == SML_DTD_1_1 ? "SyncML 1.1" : "SyncML 1.2");
    put_field(out, " ", m->ver_proto);
    put_field(out, " session ", m->session_id);
    put_field(out, " message ", m->msg_id);
    buf_byte(out, '\n');
    put_party(out, "  from ", m->source, m->source_name);
    put_party(out, "  to ", m->target, m->target_name);
    buf_byte(out, '\n');
    if (m->resp_uri.n) {
        put_field(out, "  answer to ", m->resp_uri);
        buf_byte(out, '\n');
    }
    if (m->cred.present) {
        put_cred(out, "  Cred", &m->cred);
        buf_byte(out, '\n');
    }
    if (m->meta.present) {
        buf_byte(out, ' ');
        put_meta(out, &m->meta);
        buf_byte(out, '\n');
    }
    if (m->no_resp) buf_putz(out, "  NoResp\n");
    for (const struct sml_cmd *c = m->cmds; c; c = c->next) put_cmd(out, c, 0);
    buf_putz(out, m->final ? "Final\n" : "(no Final: more messages of this package follow)\n");
}
