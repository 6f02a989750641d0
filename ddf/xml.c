/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/xml.h"
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xml_walk {
    const struct ddf_xml_events *ev;
    void *ctx;
    const char *name;
    xmlParserCtxtPtr parser;
    unsigned depth;
    enum rc rc;
    struct err *e;
};

static unsigned line_of(const struct xml_walk *w)
{
    return w->parser->input && w->parser->input->line > 0 ? (unsigned)w->parser->input->line : 0;
}

static void stop(struct xml_walk *w, enum rc rc)
{
    if (!rc || w->rc) return;
    w->rc = rc;
    xmlStopParser(w->parser);
}

static void refuse(struct xml_walk *w, enum rc rc, const char *why)
{
    if (!w->rc) err_at(w->e, rc, w->name, line_of(w), 0, "%s", why);
    stop(w, rc);
}

/* --- from libxml2 --------------------------------------------------------------------------------------------- */

static void on_start(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **ns, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    (void)n_ns, (void)ns, (void)n_defaulted;
    struct xml_walk *w = ctx;
    struct ddf_xml_attribute a[DDF_XML_ATTRIBUTES];
    struct ddf_xml_tag tag = { .ns = str_of((const char *)uri),
                               .prefix = str_of((const char *)prefix),
                               .name = str_of((const char *)local),
                               .attributes = a,
                               .line = line_of(w) };
    if (w->rc) return;
    if (++w->depth > DDF_XML_DEPTH) {
        refuse(w, RC_LIMIT, "elements are nested too deep");
        return;
    }
    for (int i = 0; i < n_attributes && i < DDF_XML_ATTRIBUTES; i++) {
        const xmlChar **at = attributes + 5 * i; /* local name, prefix, URI, value, end of value */
        a[i].name = str_of((const char *)at[0]);
        a[i].value = (struct str){ (const char *)at[3], (size_t)(at[4] - at[3]) };
        tag.n_attributes++;
    }
    stop(w, w->ev->start(w->ctx, &tag, w->e));
}

static void on_end(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    (void)local, (void)prefix, (void)uri;
    struct xml_walk *w = ctx;
    if (w->rc) return;
    w->depth--;
    stop(w, w->ev->end(w->ctx, line_of(w), w->e));
}

static void on_text(void *ctx, const xmlChar *p, int n)
{
    struct xml_walk *w = ctx;
    if (!w->rc && w->depth) stop(w, w->ev->text(w->ctx, (struct str){ (const char *)p, (size_t)n }, w->e));
}

static void on_entity(void *ctx, const xmlChar *name, int type, const xmlChar *public_id, const xmlChar *system_id,
                      xmlChar *content)
{
    (void)name, (void)type, (void)public_id, (void)system_id, (void)content;
    refuse(ctx, RC_PARSE, "it declares an entity: not accepted");
}

static void on_attribute_decl(void *ctx, const xmlChar *elem, const xmlChar *name, int type, int def,
                              const xmlChar *value, xmlEnumerationPtr tree)
{
    (void)elem, (void)name, (void)type, (void)def, (void)value;
    xmlFreeEnumeration(tree);
    refuse(ctx, RC_PARSE, "it declares an attribute: not accepted");
}

static void on_reference(void *ctx, const xmlChar *name)
{
    (void)name;
    refuse(ctx, RC_PARSE, "reference to an entity that XML does not predefine");
}

/* Namespace errors are tolerated: vendors use prefixes that they never declare. */
static void on_complaint(void *ctx, xmlErrorPtr error)
{
    struct xml_walk *w = ctx;
    size_t n = error->message ? strcspn(error->message, "\n") : 0;
    if (error->level < XML_ERR_ERROR || error->domain == XML_FROM_NAMESPACE || w->rc) return;
    w->rc = error->code == XML_ERR_NO_MEMORY ? RC_NOMEM : RC_PARSE;
    err_at(w->e, w->rc, w->name, error->line > 0 ? (unsigned)error->line : 0,
           error->int2 > 0 ? (unsigned)error->int2 : 0, "%.*s", (int)n, n ? error->message : "not well-formed XML");
}

static const xmlSAXHandler handlers = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_text,
    .ignorableWhitespace = on_text,
    .cdataBlock = on_text,
    .entityDecl = on_entity,
    .attributeDecl = on_attribute_decl,
    .reference = on_reference,
    .serror = on_complaint,
};

/* --- tags with too many attributes ---------------------------------------------------------------------------- */

/* Position after `mark`, searched from `at` on, or the end. */
static size_t past(struct str s, size_t at, const char *mark)
{
    size_t n = strlen(mark);
    for (; at + n <= s.n; at++)
        if (memcmp(s.p + at, mark, n) == 0) return at + n;
    return s.n;
}

/* Position after the '>' of a tag or declaration that begins at `at`; counts its '=' outside quotes. */
static size_t past_tag(struct str s, size_t at, unsigned *equals)
{
    while (at < s.n && s.p[at] != '>') {
        char c = s.p[at++];
        if (c == '"' || c == '\'')
            at = str_find(s, c, at) + 1;
        else if (c == '[' && *equals == UINT_MAX)
            return at; /* the internal subset of a DOCTYPE: continue inside it */
        else if (c == '=' && *equals != UINT_MAX)
            ++*equals;
    }
    return at + 1;
}

/* libxml2 compares each attribute of a tag with each other before it reports them, so they are counted first. */
static bool has_crowded_tag(struct str s)
{
    for (size_t at = str_find(s, '<', 0); at < s.n; at = at < s.n ? str_find(s, '<', at) : at) {
        unsigned equals = 0, none = UINT_MAX;
        struct str rest = str_slice(s, at, s.n);
        if (str_starts(rest, STR("<!--")))
            at = past(s, at + 4, "-->");
        else if (str_starts(rest, STR("<![CDATA[")))
            at = past(s, at + 9, "]]>");
        else if (str_starts(rest, STR("<?")))
            at = past(s, at + 2, "?>");
        else if (str_starts(rest, STR("<!")))
            at = past_tag(s, at, &none);
        else
            at = past_tag(s, at, &equals);
        if (equals > DDF_XML_ATTRIBUTES) return true;
    }
    return false;
}

/* --- the walk ------------------------------------------------------------------------------------------------- */

enum rc ddf_xml_walk(struct str text, const char *name, const struct ddf_xml_events *ev, void *ctx, struct err *e)
{
    struct xml_walk w = { .ev = ev, .ctx = ctx, .name = name, .e = e };
    if (str_starts(text, STR("\xEF\xBB\xBF"))) text = str_slice(text, 3, text.n);
    if (!text.n) return err_at(e, RC_PARSE, name, 0, 0, "it is empty");
    if (text.n > INT_MAX) return err_at(e, RC_LIMIT, name, 0, 0, "it is too large");
    if (!str_is_utf8(text)) return err_at(e, RC_PARSE, name, 0, 0, "it is not UTF-8: save it as UTF-8");
    if (has_crowded_tag(text))
        return err_at(e, RC_LIMIT, name, 0, 0, "a tag has more than %d attributes", DDF_XML_ATTRIBUTES);
    w.parser = xmlCreateMemoryParserCtxt(text.p, (int)text.n);
    if (!w.parser) return err_at(e, RC_NOMEM, name, 0, 0, "no memory left to read it");
    *w.parser->sax = handlers;
    w.parser->userData = &w;
    xmlCtxtUseOptions(w.parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
    xmlParseDocument(w.parser);
    if (!w.rc && !w.parser->wellFormed) w.rc = err_at(e, RC_PARSE, name, 0, 0, "not well-formed XML");
    if (w.parser->myDoc) xmlFreeDoc(w.parser->myDoc);
    xmlFreeParserCtxt(w.parser);
    return w.rc;
}

static enum rc pass_start(void *ctx, const struct ddf_xml_tag *tag, struct err *e)
{
    (void)ctx, (void)tag, (void)e;
    return RC_OK;
}

static enum rc pass_end(void *ctx, unsigned line, struct err *e)
{
    (void)ctx, (void)line, (void)e;
    return RC_OK;
}

static enum rc pass_text(void *ctx, struct str s, struct err *e)
{
    (void)ctx, (void)s, (void)e;
    return RC_OK;
}

bool ddf_xml_is_well_formed(struct str text)
{
    static const struct ddf_xml_events pass = { pass_start, pass_end, pass_text };
    return ddf_xml_walk(text, "", &pass, NULL, NULL) == RC_OK;
}
