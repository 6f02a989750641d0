/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "ddf/tnds/tnds_int.h"
#include "ddf/xml.h"

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct tnds_xml_in {
    struct tnds_builder b;
};

static enum rc placed(enum rc rc, unsigned line, const struct err *why, struct err *e)
{
    return rc ? err_at(e, rc, "TNDS", line, 0, "%s", why->text) : RC_OK;
}

static enum rc on_start(void *ctx, const struct ddf_xml_tag *tag, struct err *e)
{
    struct tnds_xml_in *r = ctx;
    struct err why = { 0 };
    /* No namespace, a known one, or any other that an older peer uses; but an element with another prefix is an
     * addition of a vendor. */
    bool foreign = tag->prefix.n && !str_starts(tag->ns, STR("syncml:dmddf"));
    return placed(tnds_start(&r->b, foreign ? TNDS_UNKNOWN : tnds_element_of(tag->name), &why), tag->line, &why, e);
}

static enum rc on_end(void *ctx, unsigned line, struct err *e)
{
    struct tnds_xml_in *r = ctx;
    struct err why = { 0 };
    return placed(tnds_end(&r->b, &why), line, &why, e);
}

static enum rc on_text(void *ctx, struct str s, struct err *e)
{
    struct tnds_xml_in *r = ctx;
    return tnds_text(&r->b, s, false, e);
}

enum rc ddf_tnds_parse_xml(struct str text, struct arena *a, struct ddf_tnds *out, struct err *e)
{
    static const struct ddf_xml_events events = { on_start, on_end, on_text };
    struct tnds_xml_in r = { .b = { .a = a } };
    enum rc rc;
    if (text.n > DDF_TNDS_BYTES)
        return err_set(e, RC_LIMIT, "a serialised tree has more than %d bytes", DDF_TNDS_BYTES);
    buf_init(&r.b.text, DDF_TNDS_BYTES);
    rc = ddf_xml_walk(text, "TNDS", &events, &r, e);
    if (!rc) rc = tnds_complete(&r.b, e);
    buf_finish(&r.b.text);
    if (!rc) *out = r.b.doc;
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct tnds_xml_out {
    struct buf *out;
    unsigned properties, depth;
    struct err *e;
};

/* XML 1.0 cannot express most control characters; CR would be read back as LF. */
static enum rc put_text(struct tnds_xml_out *w, struct str s)
{
    if (!str_is_utf8(s)) return err_set(w->e, RC_INVALID, "a text that is not UTF-8 cannot be written as XML");
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        switch (c) {
        case '&': buf_putz(w->out, "&amp;"); break;
        case '<': buf_putz(w->out, "&lt;"); break;
        case '>': buf_putz(w->out, "&gt;"); break; /* prevents "]]>" */
        case '\r': buf_putz(w->out, "&#13;"); break;
        default:
            if (c < ' ' && c != '\t' && c != '\n')
                return err_set(w->e, RC_INVALID, "a control character (0x%02X) cannot be written as XML", c);
            /* U+FFFE and U+FFFF are EF BF BE and EF BF BF */
            if (c == 0xEF && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0xBF && (unsigned char)s.p[i + 2] >= 0xBE)
                return err_set(w->e, RC_INVALID, "U+FFFE and U+FFFF cannot be written as XML");
            buf_byte(w->out, c);
        }
    }
    return RC_OK;
}

static enum rc put_element(struct tnds_xml_out *w, enum tnds_element el, struct str s)
{
    enum rc rc;
    if (!s.n) {
        buf_printf(w->out, "<%s/>", tnds_element_name(el));
        return RC_OK;
    }
    buf_printf(w->out, "<%s>", tnds_element_name(el));
    rc = put_text(w, s);
    buf_printf(w->out, "</%s>", tnds_element_name(el));
    return rc;
}

static enum rc put_property(struct tnds_xml_out *w, const struct ddf_tnds_node *n, unsigned bit, enum tnds_element el,
                            struct str s)
{
    return n->has & w->properties & bit ? put_element(w, el, s) : RC_OK;
}

static enum rc put_value(struct tnds_xml_out *w, const struct ddf_tnds_node *n)
{
    if (n->format != DDF_BIN) return put_element(w, TNDS_EL_Value, n->value);
    buf_putz(w->out, "<Value>");
    text_b64_put(w->out, n->value);
    buf_putz(w->out, "</Value>");
    return RC_OK;
}

static enum rc put_type(struct tnds_xml_out *w, const struct ddf_tnds_node *n)
{
    enum rc rc;
    buf_putz(w->out, "<Type>");
    rc = put_element(w, n->format == DDF_NODE ? TNDS_EL_DDFName : TNDS_EL_MIME, n->type);
    buf_putz(w->out, "</Type>");
    return rc;
}

static enum rc put_node(struct tnds_xml_out *w, const struct ddf_tnds_node *n)
{
    unsigned have = n->has & w->properties;
    enum rc rc;
    if (++w->depth > DDF_TNDS_DEPTH) return err_set(w->e, RC_LIMIT, "nodes are nested deeper than %d", DDF_TNDS_DEPTH);
    buf_putz(w->out, "<Node>");
    rc = put_element(w, TNDS_EL_NodeName, n->name);
    if (!rc && n->path.n) rc = put_element(w, TNDS_EL_Path, n->path);
    buf_putz(w->out, "<RTProperties>");
    if (!rc) rc = put_property(w, n, DDF_TNDS_ACL, TNDS_EL_ACL, n->acl);
    if (!rc && have & DDF_TNDS_FORMAT) buf_printf(w->out, "<Format><%s/></Format>", ddf_format_name(n->format));
    if (!rc) rc = put_property(w, n, DDF_TNDS_TITLE, TNDS_EL_Title, n->title);
    if (!rc) rc = put_property(w, n, DDF_TNDS_TSTAMP, TNDS_EL_TStamp, n->tstamp);
    if (!rc && have & DDF_TNDS_TYPE) rc = put_type(w, n);
    if (!rc) rc = put_property(w, n, DDF_TNDS_VERNO, TNDS_EL_VerNo, n->verno);
    buf_putz(w->out, "</RTProperties>");
    if (!rc && have & DDF_TNDS_VALUE && n->format != DDF_NODE) rc = put_value(w, n);
    for (const struct ddf_tnds_node *c = n->first; !rc && c; c = c->next) rc = put_node(w, c);
    buf_putz(w->out, "</Node>");
    w->depth--;
    return rc;
}

enum rc ddf_tnds_write_xml(const struct ddf_tnds *t, unsigned properties, struct buf *out, struct err *e)
{
    struct tnds_xml_out w = { .out = out, .properties = properties, .e = e };
    enum rc rc = RC_OK;
    buf_putz(out, "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD>");
    if (t->man.n) rc = put_element(&w, TNDS_EL_Man, t->man);
    if (!rc && t->mod.n) rc = put_element(&w, TNDS_EL_Mod, t->mod);
    for (const struct ddf_tnds_node *n = t->first; !rc && n; n = n->next) rc = put_node(&w, n);
    buf_putz(out, "</MgmtTree>");
    if (!rc && !buf_ok(out)) rc = err_set(e, out->failed, "a serialised tree is too large");
    return rc;
}
