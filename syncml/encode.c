/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes a message in either encoding, in the order of the DTD (protocol.md 3.1). One walk serves both encodings
 * and also counts: without a buffer it only sums the octets, so a computed size always equals the real one. */
#include "base/cursor.h"
#include "syncml/codec.h"
#include "syncml/elem.h"
#include <string.h>

struct encoder {
    struct buf *out; /* NULL: count only */
    char *at, *end;  /* free room at its end */
    size_t counted;  /* octets counted instead of written */
    bool xml;
    unsigned page; /* current WBXML code page */
    enum rc rc;
    struct err *e;
    const struct sml_cmd *cmd; /* current command, for errors */
};

enum { ROOM_BYTES = 512 };

#define METINF " xmlns=\"syncml:metinf\""
static const struct tag {
    struct str open, open_ns, close;
} tags[SML_ELEM_CODES] = {
#define S(lit)                                                                                                         \
    {                                                                                                                  \
        lit, sizeof(lit) - 1                                                                                           \
    }
#define X(id, name, code, first, middle, last) [code] = { S("<" name ">"), S("<" name METINF ">"), S("</" name ">") },
    SML_ELEMS(X)
#undef X
};

/* ---- octets ---- */

/* Return the unused part of the room to the buffer. */
static void settle(struct encoder *w)
{
    if (w->at) {
        buf_cut(w->out, w->out->n - (size_t)(w->end - w->at));
        w->at = w->end = NULL;
    }
}

static bool make_room(struct encoder *w, size_t n)
{
    if (!w->out) {
        w->counted += n;
        return false;
    }
    settle(w);
    size_t free_bytes = w->out->cap - w->out->n;
    size_t want = n > ROOM_BYTES ? n : ROOM_BYTES;
    if (free_bytes > want + 1 && free_bytes - 1 <= w->out->limit - w->out->n)
        want = free_bytes - 1; /* take all the room, so that the next request comes late */
    if (want > w->out->limit - w->out->n) want = n;
    w->at = buf_room(w->out, want);
    w->end = w->at ? w->at + want : NULL;
    return w->at != NULL;
}

/* Room for n octets that the caller fills in; NULL when octets are only counted, or when there is no room. */
static inline char *room(struct encoder *w, size_t n)
{
    if ((size_t)(w->end - w->at) < n && !make_room(w, n)) return NULL;
    char *p = w->at;
    w->at += n;
    return p;
}

static inline void put(struct encoder *w, const char *p, size_t n)
{
    char *to = room(w, n);
    if (to) memcpy(to, p, n);
}

static inline void put_str(struct encoder *w, struct str s)
{
    if (s.n) put(w, s.p, s.n);
}

static inline void put_byte(struct encoder *w, unsigned c)
{
    char *to = room(w, 1);
    if (to) *to = (char)(unsigned char)c;
}

static void put_uintvar(struct encoder *w, size_t n)
{
    char b[5];
    size_t i = sizeof b;
    b[--i] = (char)(n & 0x7F);
    for (n >>= 7; n && i; n >>= 7) b[--i] = (char)(0x80 | (n & 0x7F));
    put(w, b + i, sizeof b - i);
}

/* ---- XML text ---- */

enum { PLAIN, ESCAPE, MULTI, NEVER };
#define CONTROL NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER
#define M8      MULTI, MULTI, MULTI, MULTI, MULTI, MULTI, MULTI, MULTI
#define M64     M8, M8, M8, M8, M8, M8, M8, M8
static const uint8_t class_of[256] = {
    NEVER,   NEVER,   NEVER,          NEVER,          NEVER,          NEVER,        NEVER, NEVER,
    NEVER,   PLAIN,   PLAIN,          NEVER,          NEVER,          ESCAPE,       NEVER, NEVER,
    CONTROL, CONTROL, ['&'] = ESCAPE, ['<'] = ESCAPE, ['>'] = ESCAPE, [0x80] = M64, M64,
};

/*
 * Handle the next character of s, which is not plain. @return its length in octets, 0 when XML 1.0 cannot hold it; *as
 * is its
 * replacement (XML 1.0, section 2.2: no C0 controls but TAB, LF and CR, no U+FFFE and U+FFFF)
 */
static size_t special(struct str s, struct str *as)
{
    switch (s.p[0]) {
    case '&': *as = STR("&amp;"); return 1;
    case '<': *as = STR("&lt;"); return 1;
    case '>': *as = STR("&gt;"); return 1;
    case '\r': *as = STR("&#13;"); return 1;
    default: break;
    }
    size_t n = (unsigned char)s.p[0] < 0x80 ? 0 : str_utf8(s);
    if (n == 3 && memcmp(s.p, "\xEF\xBF", 2) == 0 && (unsigned char)s.p[2] >= 0xBE) return 0;
    *as = str_slice(s, 0, n);
    return n;
}

/* Length of the prefix of s that XML holds unescaped. Tests eight octets at a time: none from 0x80 on, none below
 * 0x20, no &, no < and > (which differ in one bit only). */
static inline size_t plain_run(struct str s)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    size_t n = 0;
    for (uint64_t w; n + sizeof w <= s.n; n += sizeof w) {
        memcpy(&w, s.p + n, sizeof w);
        uint64_t amp = w ^ ones * '&', angle = (w & ~(ones * 2)) ^ ones * '<';
        if ((w | (w - ones * 0x20) | (amp - ones) | (angle - ones)) & high) break;
    }
    while (n < s.n && class_of[(unsigned char)s.p[n]] == PLAIN) n++;
    return n;
}

/* @return number of octets of s that were written: s.n unless one of them is not allowed */
static size_t put_escaped(struct encoder *w, struct str s)
{
    for (size_t at = 0;;) {
        size_t run = plain_run(str_slice(s, at, s.n));
        if (run) put(w, s.p + at, run);
        at += run;
        if (at == s.n) return at;
        struct str as;
        size_t n = special(str_slice(s, at, s.n), &as);
        if (n == 0) return at;
        put_str(w, as);
        at += n;
    }
}

bool sml_xml_escape(struct str s, struct buf *out)
{
    struct encoder w = { .out = out, .xml = true };
    bool all = put_escaped(&w, s) == s.n;
    settle(&w);
    return all;
}

/* ---- elements ---- */

static void on_page(struct encoder *w, unsigned page)
{
    if (w->page != page) {
        put(w, (const char[]){ 0, (char)page }, 2);
        w->page = page;
    }
}

static struct str open_tag(unsigned elem)
{
    return sml_elem_page(elem) == SML_PAGE_METINF ? tags[elem].open_ns : tags[elem].open;
}

static void start(struct encoder *w, unsigned elem)
{
    if (w->xml) {
        put_str(w, open_tag(elem));
        return;
    }
    on_page(w, sml_elem_page(elem));
    put_byte(w, (elem & 0x3F) | 0x40);
}

static void finish(struct encoder *w, unsigned elem)
{
    if (w->xml)
        put_str(w, tags[elem].close);
    else
        put_byte(w, 0x01);
}

static void empty(struct encoder *w, unsigned elem)
{
    if (w->xml) {
        struct str open = open_tag(elem);
        put(w, open.p, open.n - 1);
        put(w, "/>", 2);
        return;
    }
    on_page(w, sml_elem_page(elem));
    put_byte(w, elem & 0x3F);
}

static void cannot(struct encoder *w, unsigned elem, size_t at)
{
    if (w->rc || !w->out) return;
    struct str cmd = w->cmd ? w->cmd->name : STR("SyncHdr"), id = w->cmd ? w->cmd->cmd_id : STR("0");
    w->rc = err_set(w->e, RC_INVALID,
                    "%.*s of %.*s (CmdID %.*s): XML cannot hold the octet at byte %zu: send it as base64 or in WBXML",
                    STR_ARG(sml_elem_name(elem)), STR_ARG(cmd), STR_ARG(id), at);
}

static void xml_text(struct encoder *w, unsigned elem, struct str s)
{
    struct str open = open_tag(elem), close = tags[elem].close;
    if (plain_run(s) == s.n) {
        char *to = room(w, open.n + s.n + close.n);
        if (to) {
            memcpy(to, open.p, open.n);
            memcpy(to + open.n, s.p, s.n);
            memcpy(to + open.n + s.n, close.p, close.n);
        }
        return;
    }
    put_str(w, open);
    size_t n = put_escaped(w, s);
    if (n != s.n) cannot(w, elem, n);
    put_str(w, close);
}

static void opaque(struct encoder *w, unsigned elem, struct str s)
{
    put_byte(w, (elem & 0x3F) | 0x40);
    put_byte(w, 0xC3); /* OPAQUE */
    put_uintvar(w, s.n);
    put(w, s.p, s.n);
    put_byte(w, 0x01);
}

static void wbxml_text(struct encoder *w, unsigned elem, struct str s)
{
    on_page(w, sml_elem_page(elem));
    if (str_is_ascii(s) || str_is_utf8(s)) {
        char *to = room(w, s.n + 4);
        if (to) {
            to[0] = (char)((elem & 0x3F) | 0x40);
            to[1] = 0x03; /* STR_I */
            memcpy(to + 2, s.p, s.n);
            to[2 + s.n] = 0;
            to[3 + s.n] = 0x01; /* END */
        }
        return;
    }
    opaque(w, elem, s);
}

static void text(struct encoder *w, unsigned elem, struct str s)
{
    if (s.n == 0)
        empty(w, elem);
    else if (w->xml)
        xml_text(w, elem, s);
    else
        wbxml_text(w, elem, s);
}

/* Write octets unchanged, whether they look like text or not. In XML they are base64 already. */
static void value(struct encoder *w, struct str s, struct str format)
{
    if (w->xml || s.n == 0 || !str_eq_fold(format, STR("bin"))) {
        text(w, SML_E_DATA, s);
        return;
    }
    on_page(w, sml_elem_page(SML_E_DATA));
    opaque(w, SML_E_DATA, s);
}

static void optional(struct encoder *w, unsigned elem, struct str s)
{
    if (s.n) text(w, elem, s);
}

static void number(struct encoder *w, unsigned elem, uint64_t n)
{
    char digits[20];
    size_t i = sizeof digits;
    do digits[--i] = (char)('0' + n % 10);
    while (n /= 10);
    text(w, elem, (struct str){ digits + i, sizeof digits - i });
}

/* ---- the parts of a message ---- */

static void meta(struct encoder *w, const struct sml_meta *m)
{
    if (!m->present) return;
    start(w, SML_E_META);
    optional(w, SML_E_FORMAT, m->format);
    optional(w, SML_E_TYPE, m->type);
    optional(w, SML_E_MARK, m->mark);
    if (m->has_size) number(w, SML_E_SIZE, m->size);
    optional(w, SML_E_NEXTNONCE, m->next_nonce);
    if (m->has_max_msg) number(w, SML_E_MAXMSGSIZE, m->max_msg_bytes);
    if (m->has_max_obj) number(w, SML_E_MAXOBJSIZE, m->max_obj_bytes);
    finish(w, SML_E_META);
}

static void cred(struct encoder *w, const struct sml_cred *c)
{
    if (!c->present) return;
    start(w, SML_E_CRED);
    meta(w, &c->meta);
    text(w, SML_E_DATA, c->data);
    finish(w, SML_E_CRED);
}

static void chal(struct encoder *w, const struct sml_cred *c)
{
    if (!c->present) return;
    start(w, SML_E_CHAL);
    meta(w, &c->meta);
    finish(w, SML_E_CHAL);
}

static void party(struct encoder *w, unsigned elem, struct str uri, struct str name)
{
    if (uri.n == 0 && name.n == 0) return;
    start(w, elem);
    text(w, SML_E_LOCURI, uri);
    optional(w, SML_E_LOCNAME, name);
    finish(w, elem);
}

static void item(struct encoder *w, const struct sml_item *i)
{
    start(w, SML_E_ITEM);
    party(w, SML_E_TARGET, i->target, i->target_name);
    party(w, SML_E_SOURCE, i->source, i->source_name);
    meta(w, &i->meta);
    if (i->has_data) value(w, i->data, i->meta.format);
    if (i->more_data) empty(w, SML_E_MOREDATA);
    finish(w, SML_E_ITEM);
}

static void refs(struct encoder *w, const struct sml_cmd *c)
{
    for (const struct sml_ref *r = c->target_refs; r; r = r->next) text(w, SML_E_TARGETREF, r->uri);
    for (const struct sml_ref *r = c->source_refs; r; r = r->next) text(w, SML_E_SOURCEREF, r->uri);
}

static const uint8_t elem_of_kind[SML_CMD_KINDS] = {
#define X(id, name) [SML_##id] = SML_E_##id,
    SML_CMDS(X)
#undef X
};

/* 0 for an element that is not a SyncML command (a tag Type of another code page was read as one): such a command
 * must not be sent. */
static unsigned elem_of_cmd(struct encoder *w, const struct sml_cmd *c)
{
    unsigned elem = (unsigned)c->kind < SML_UNKNOWN ? elem_of_kind[c->kind] : sml_elem_of_name(c->name);
    if (sml_elem_page(elem) != SML_PAGE_SYNCML) elem = 0;
    if (!elem && !w->rc && w->out)
        w->rc = err_set(w->e, RC_INVALID, "SyncML has no command \"%.*s\"", STR_ARG(c->name));
    return elem;
}

static void commands(struct encoder *w, const struct sml_cmd *c);

/* One order that fits the DTD for every command; only Results has its Meta before the references. */
static void command(struct encoder *w, const struct sml_cmd *c)
{
    unsigned elem = elem_of_cmd(w, c);
    if (!elem) return;
    w->cmd = c;
    start(w, elem);
    optional(w, SML_E_CMDID, c->cmd_id);
    if (c->no_resp) empty(w, SML_E_NORESP);
    optional(w, SML_E_MSGREF, c->msg_ref);
    optional(w, SML_E_CMDREF, c->cmd_ref);
    optional(w, SML_E_CMD, c->cmd);
    if (c->kind == SML_RESULTS) meta(w, &c->meta);
    refs(w, c);
    cred(w, &c->cred);
    chal(w, &c->chal);
    if (c->kind != SML_RESULTS) meta(w, &c->meta);
    optional(w, SML_E_DATA, c->data);
    optional(w, SML_E_CORRELATOR, c->correlator);
    for (const struct sml_item *i = c->items; i; i = i->next) item(w, i);
    commands(w, c->children);
    w->cmd = c;
    finish(w, elem);
    if (!w->xml) on_page(w, SML_PAGE_SYNCML); /* each command begins and ends on the same code page */
}

static void commands(struct encoder *w, const struct sml_cmd *c)
{
    for (; c; c = c->next) command(w, c);
}

static void root(struct encoder *w, const struct sml_msg *m)
{
    bool old = m->dtd == SML_DTD_1_1;
    unsigned minor = m->wbxml && m->wbxml_minor < 3 ? m->wbxml_minor : 3;
    if (w->xml) {
        put_str(w, old ? STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?><SyncML xmlns=\"SYNCML:SYNCML1.1\">")
                       : STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?><SyncML xmlns=\"SYNCML:SYNCML1.2\">"));
        return;
    }
    /* version, public id 0x1201 or 0x0FD3, UTF-8 (WBXML 1.0 has no charset), no string table */
    put_byte(w, minor);
    put_str(w, old ? STR("\x9F\x53") : STR("\xA4\x01"));
    if (minor > 0) put_byte(w, 0x6A);
    put_byte(w, 0);
    start(w, SML_E_SYNCML);
}

static void header(struct encoder *w, const struct sml_msg *m)
{
    start(w, SML_E_SYNCHDR);
    text(w, SML_E_VERDTD, m->ver_dtd);
    text(w, SML_E_VERPROTO, m->ver_proto);
    text(w, SML_E_SESSIONID, m->session_id);
    text(w, SML_E_MSGID, m->msg_id);
    party(w, SML_E_TARGET, m->target, m->target_name);
    party(w, SML_E_SOURCE, m->source, m->source_name);
    optional(w, SML_E_RESPURI, m->resp_uri);
    if (m->no_resp) empty(w, SML_E_NORESP);
    cred(w, &m->cred);
    meta(w, &m->meta);
    finish(w, SML_E_SYNCHDR);
}

static void message(struct encoder *w, const struct sml_msg *m, bool with_cmds, bool with_final)
{
    root(w, m);
    header(w, m);
    start(w, SML_E_SYNCBODY);
    if (with_cmds) commands(w, m->cmds);
    if (with_final) empty(w, SML_E_FINAL);
    finish(w, SML_E_SYNCBODY);
    finish(w, SML_E_SYNCML);
}

enum rc sml_encode(enum sml_type type, const struct sml_msg *m, struct buf *out, struct err *e)
{
    struct encoder w = { .out = out, .xml = type == SML_XML, .e = e };
    size_t before = out->n;
    message(&w, m, true, m->final);
    settle(&w);
    if (!w.rc && !buf_ok(out)) w.rc = err_set(e, out->failed, "message is too large");
    if (w.rc && out->n > before) buf_cut(out, before);
    return w.rc;
}

size_t sml_frame_bytes(enum sml_type type, const struct sml_msg *m)
{
    struct encoder w = { .xml = type == SML_XML };
    message(&w, m, false, true);
    return w.counted;
}

size_t sml_cmd_bytes(enum sml_type type, const struct sml_cmd *c)
{
    struct encoder w = { .xml = type == SML_XML };
    command(&w, c);
    return w.counted;
}
