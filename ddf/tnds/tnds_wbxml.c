/* SPDX-License-Identifier: Apache-2.0 */
/* A strict codec of WBXML with code page 2 (ddf-tnds.md 2). It is iterative where a peer could nest. */
#include "base/cursor.h"
#include "ddf/tnds/tnds_int.h"

enum tnds_token { SWITCH_PAGE = 0x00, END = 0x01, ENTITY = 0x02, STR_I = 0x03, STR_T = 0x83, OPAQUE = 0xC3 };
enum { WITH_CONTENT = 0x40, WITH_ATTRIBUTES = 0x80, TOKEN_BITS = 0x3F };
enum { VERSION_1_3 = 0x03, UTF_8 = 0x6A, US_ASCII = 3, PAGE = 2 };
#define FPI "-//OMA//DTD-DM-DDF 1.2//EN"

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct tnds_wbxml_in {
    struct tnds_builder b;
    struct cursor c;
    struct str strings;
    unsigned page;
    bool begun; /* the outermost element has */
};

/* Any public identifier is accepted: the media type names the document. Characters must be UTF-8. */
static enum rc read_header(struct tnds_wbxml_in *r, struct err *e)
{
    uint8_t version = cursor_u8(&r->c);
    uint32_t charset;
    if (cursor_uintvar(&r->c) == 0) cursor_uintvar(&r->c); /* offset of the identifier in the string table */
    charset = cursor_uintvar(&r->c);
    r->strings = cursor_take(&r->c, cursor_uintvar(&r->c));
    if (r->c.failed || version > 0x0F) return err_set(e, RC_PARSE, "its header is not one of WBXML 1.x");
    if (charset != UTF_8 && charset != US_ASCII && charset != 0)
        return err_set(e, RC_UNSUPPORTED, "its character set is %lu: only UTF-8 is supported", (unsigned long)charset);
    return RC_OK;
}

static struct str from_table(struct tnds_wbxml_in *r)
{
    size_t at = cursor_uintvar(&r->c), end = str_find(r->strings, '\0', at); /* the last one may lack its NUL */
    if (at >= r->strings.n) {
        r->c.failed = true;
        r->c.p = r->c.end;
        return (struct str){ 0 };
    }
    return str_slice(r->strings, at, end);
}

static enum rc take_entity(struct tnds_wbxml_in *r, struct err *e)
{
    uint32_t c = cursor_uintvar(&r->c);
    char p[4];
    size_t n = 0;
    if (r->c.failed || c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return err_set(e, RC_PARSE, "an entity is not a character");
    if (c < 0x80) {
        p[n++] = (char)c;
    } else if (c < 0x800) {
        p[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        p[n++] = (char)(0xE0 | c >> 12);
        p[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        p[n++] = (char)(0xF0 | c >> 18);
        p[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        p[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80) p[n++] = (char)(0x80 | (c & 0x3F));
    return tnds_text(&r->b, (struct str){ p, n }, false, e);
}

/* Some encoders keep page 0 in documents of their own. */
static enum rc take_tag(struct tnds_wbxml_in *r, unsigned octet, struct err *e)
{
    enum tnds_element el = (enum tnds_element)(octet & TOKEN_BITS);
    enum rc rc;
    if (octet & WITH_ATTRIBUTES || el <= TNDS_BEFORE_FIRST || el >= TNDS_END_OF_ELEMENTS)
        return err_set(e, RC_PARSE, "token 0x%02X is not one of this format", octet);
    if (r->page != PAGE && r->page != 0) return err_set(e, RC_PARSE, "code page %u is not allowed here", r->page);
    r->begun = true;
    rc = tnds_start(&r->b, el, e);
    if (!rc && !(octet & WITH_CONTENT)) rc = tnds_end(&r->b, e);
    return rc;
}

static enum rc step(struct tnds_wbxml_in *r, struct err *e)
{
    unsigned octet = cursor_u8(&r->c);
    switch (octet) {
    case SWITCH_PAGE: r->page = cursor_u8(&r->c); return RC_OK;
    case END: return tnds_end(&r->b, e);
    case ENTITY: return take_entity(r, e);
    case STR_I: return tnds_text(&r->b, cursor_strz(&r->c), false, e);
    case STR_T: return tnds_text(&r->b, from_table(r), false, e);
    case OPAQUE: return tnds_text(&r->b, cursor_take(&r->c, cursor_uintvar(&r->c)), true, e);
    default: return take_tag(r, octet, e);
    }
}

enum rc ddf_tnds_parse_wbxml(struct str octets, struct arena *a, struct ddf_tnds *out, struct err *e)
{
    struct tnds_wbxml_in r = { .b = { .a = a }, .c = cursor_of(octets) };
    struct err why = { 0 };
    enum rc rc;
    if (octets.n > DDF_TNDS_BYTES)
        return err_set(e, RC_LIMIT, "a serialised tree has more than %d bytes", DDF_TNDS_BYTES);
    buf_init(&r.b.text, DDF_TNDS_BYTES);
    rc = read_header(&r, &why);
    while (!rc && (r.b.depth || !r.begun)) {
        rc = step(&r, &why);
        if (!rc && r.c.failed) rc = err_set(&why, RC_PARSE, "it ends in the middle");
    }
    if (!rc && !cursor_done(&r.c)) rc = err_set(&why, RC_PARSE, "data follows its end");
    if (!rc) rc = tnds_complete(&r.b, &why);
    buf_finish(&r.b.text);
    if (rc) return err_set(e, rc, "serialised tree, byte %zu: %s", octets.n - cursor_left(&r.c), why.text);
    *out = r.b.doc;
    return RC_OK;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct tnds_wbxml_out {
    struct buf *out;
    unsigned properties, depth;
    struct err *e;
};

static void put_uintvar(struct buf *b, size_t v)
{
    unsigned shift = 28;
    while (shift && !(v >> shift)) shift -= 7;
    for (; shift; shift -= 7) buf_byte(b, (unsigned)(0x80 | (v >> shift & 0x7F)));
    buf_byte(b, (unsigned)(v & 0x7F));
}

static void put_opaque(struct buf *b, struct str s)
{
    buf_byte(b, OPAQUE);
    put_uintvar(b, s.n);
    buf_put(b, s);
}

static enum rc put_element(struct tnds_wbxml_out *w, enum tnds_element el, struct str s)
{
    if (!str_is_utf8(s)) /* a NUL would end the string */
        return err_set(w->e, RC_INVALID, "a text that is not UTF-8 cannot be written");
    if (!s.n) {
        buf_byte(w->out, el);
        return RC_OK;
    }
    buf_byte(w->out, el | WITH_CONTENT);
    buf_byte(w->out, STR_I);
    buf_put(w->out, s);
    buf_byte(w->out, 0);
    buf_byte(w->out, END);
    return RC_OK;
}

static enum rc put_property(struct tnds_wbxml_out *w, const struct ddf_tnds_node *n, unsigned bit, enum tnds_element el,
                            struct str s)
{
    return n->has & w->properties & bit ? put_element(w, el, s) : RC_OK;
}

static enum rc put_value(struct tnds_wbxml_out *w, const struct ddf_tnds_node *n)
{
    if (n->format != DDF_BIN) return put_element(w, TNDS_EL_Value, n->value);
    buf_byte(w->out, TNDS_EL_Value | WITH_CONTENT);
    put_opaque(w->out, n->value);
    buf_byte(w->out, END);
    return RC_OK;
}

static enum rc put_properties(struct tnds_wbxml_out *w, const struct ddf_tnds_node *n)
{
    unsigned have = n->has & w->properties;
    enum rc rc;
    if (!(have & ~(unsigned)DDF_TNDS_VALUE)) {
        buf_byte(w->out, TNDS_EL_RTProperties);
        return RC_OK;
    }
    buf_byte(w->out, TNDS_EL_RTProperties | WITH_CONTENT);
    rc = put_property(w, n, DDF_TNDS_ACL, TNDS_EL_ACL, n->acl);
    if (!rc && have & DDF_TNDS_FORMAT) {
        buf_byte(w->out, TNDS_EL_Format | WITH_CONTENT);
        buf_byte(w->out, tnds_element_of_format(n->format));
        buf_byte(w->out, END);
    }
    if (!rc) rc = put_property(w, n, DDF_TNDS_TITLE, TNDS_EL_Title, n->title);
    if (!rc) rc = put_property(w, n, DDF_TNDS_TSTAMP, TNDS_EL_TStamp, n->tstamp);
    if (!rc && have & DDF_TNDS_TYPE) {
        buf_byte(w->out, TNDS_EL_Type | WITH_CONTENT);
        rc = put_element(w, n->format == DDF_NODE ? TNDS_EL_DDFName : TNDS_EL_MIME, n->type);
        buf_byte(w->out, END);
    }
    if (!rc) rc = put_property(w, n, DDF_TNDS_VERNO, TNDS_EL_VerNo, n->verno);
    buf_byte(w->out, END);
    return rc;
}

static enum rc put_node(struct tnds_wbxml_out *w, const struct ddf_tnds_node *n)
{
    enum rc rc;
    if (++w->depth > DDF_TNDS_DEPTH) return err_set(w->e, RC_LIMIT, "nodes are nested deeper than %d", DDF_TNDS_DEPTH);
    buf_byte(w->out, TNDS_EL_Node | WITH_CONTENT);
    rc = put_element(w, TNDS_EL_NodeName, n->name);
    if (!rc && n->path.n) rc = put_element(w, TNDS_EL_Path, n->path);
    if (!rc) rc = put_properties(w, n);
    if (!rc && n->has & w->properties & DDF_TNDS_VALUE && n->format != DDF_NODE) rc = put_value(w, n);
    for (const struct ddf_tnds_node *c = n->first; !rc && c; c = c->next) rc = put_node(w, c);
    buf_byte(w->out, END);
    w->depth--;
    return rc;
}

enum rc ddf_tnds_write_wbxml(const struct ddf_tnds *t, unsigned properties, struct buf *out, struct err *e)
{
    struct tnds_wbxml_out w = { .out = out, .properties = properties, .e = e };
    enum rc rc;
    buf_byte(out, VERSION_1_3);
    buf_byte(out, 0); /* public identifier: at index 0 of the string table */
    buf_byte(out, 0);
    buf_byte(out, UTF_8);
    put_uintvar(out, sizeof FPI);
    buf_put(out, (struct str){ FPI, sizeof FPI });
    buf_byte(out, SWITCH_PAGE);
    buf_byte(out, PAGE);
    buf_byte(out, TNDS_EL_MgmtTree | WITH_CONTENT);
    rc = put_element(&w, TNDS_EL_VerDTD, STR("1.2"));
    if (!rc && t->man.n) rc = put_element(&w, TNDS_EL_Man, t->man);
    if (!rc && t->mod.n) rc = put_element(&w, TNDS_EL_Mod, t->mod);
    for (const struct ddf_tnds_node *n = t->first; !rc && n; n = n->next) rc = put_node(&w, n);
    buf_byte(out, END);
    if (!rc && !buf_ok(out)) rc = err_set(e, out->failed, "a serialised tree is too large");
    return rc;
}
