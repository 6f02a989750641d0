/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/build.h"
#include "syncml/codec.h"
#include <libxml/encoding.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ATTRIBUTES_SEEN = 512, /* tags of a message are checked one by one when it has more attributes than this */
    TAG_ATTRIBUTES = 64,   /* limit for one tag; libxml2 compares each with each */
    KNOWN_NAMES = 256,     /* a power of two */
    DICT_NAMES = 4096,     /* a parser that has seen this many different names is replaced */
};

/* libxml2 keeps one copy of each name, so a name that was used before is recognised by its address. */
struct known_element {
    const xmlChar *name;
    enum sml_elem elem;
};

/* What a thread keeps from one message to the next. */
struct xml_parser {
    xmlParserCtxtPtr ctxt;
    struct known_element known[KNOWN_NAMES];
};

struct xml_in {
    struct build b;
    xmlParserCtxtPtr ctxt;
    struct known_element *known;
    struct str text;  /* libxml2's input: a copy in the arena, so parts of it may be borrowed */
    const char *data; /* first octet inside the current Data */
    unsigned markup;  /* depth of elements inside the current Data */
    bool has_markup;
    unsigned line, column; /* place of libxml2's first error */
    char complaint[200];
};

/* ---- from libxml2 to build ---- */

static const char *here(const struct xml_in *r)
{
    return (const char *)r->ctxt->input->cur;
}

static inline enum sml_elem elem_of(struct xml_in *r, const xmlChar *name)
{
    uintptr_t at = (uintptr_t)name;
    struct known_element *k = &r->known[(at ^ at >> 8) % KNOWN_NAMES];
    if (k->name != name) *k = (struct known_element){ name, sml_elem_of_name(str_of((const char *)name)) };
    return k->elem;
}

static inline void stop_on_failure(struct xml_in *r)
{
    if (r->b.rc) xmlStopParser(r->ctxt);
}

/* The root's namespace names the DTD of the peer; no other namespace matters (traps 25 and 26). */
static void see_root(struct build *b, const xmlChar *uri)
{
    struct str ns = str_of((const char *)uri);
    if (str_eq_fold(ns, STR("SYNCML:SYNCML1.1"))) b->msg->dtd = SML_DTD_1_1;
    b->dtd_known = ns.n > 0;
}

static void on_start(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **ns, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    (void)prefix, (void)n_ns, (void)ns, (void)n_attributes, (void)n_defaulted, (void)attributes;
    struct xml_in *r = ctx;
    struct build *b = &r->b;
    if (b->rc) return;
    if (build_place(b) == SML_AT_DATA) { /* an unescaped document inside Data: its text is the value */
        r->has_markup = true;
        build_count(b, ++r->markup);
        stop_on_failure(r);
        return;
    }
    if (b->depth == 0) see_root(b, uri);
    enum sml_elem elem = elem_of(r, local);
    build_start(b, elem, elem ? (struct str){ 0 } : str_of((const char *)local));
    if (elem == SML_E_DATA && build_place(b) == SML_AT_DATA) {
        r->data = here(r) + 1; /* libxml2 stands at the '>' */
        r->has_markup = false;
    }
    stop_on_failure(r);
}

static void on_end(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    (void)local, (void)prefix, (void)uri;
    struct xml_in *r = ctx;
    if (r->b.rc) return;
    if (r->markup) {
        r->markup--;
        return;
    }
    if (r->has_markup && build_place(&r->b) == SML_AT_DATA) {
        const char *to = here(r) - 1; /* the '>' of "</Data>" */
        while (to > r->data && *to != '<') to--;
        build_set_text(&r->b, (struct str){ r->data, (size_t)(to - r->data) });
    }
    build_end(&r->b);
    stop_on_failure(r);
}

static void on_text(void *ctx, const xmlChar *p, int n)
{
    struct xml_in *r = ctx;
    const char *s = (const char *)p, *end = r->text.p + r->text.n;
    if (r->has_markup && build_place(&r->b) == SML_AT_DATA) return;
    build_text(&r->b, (struct str){ s, (size_t)n }, s >= r->text.p && s < end ? BUILD_BORROW : 0);
    stop_on_failure(r);
}

static void refuse(struct xml_in *r, const char *what)
{
    r->line = (unsigned)r->ctxt->input->line;
    r->column = (unsigned)r->ctxt->input->col;
    snprintf(r->complaint, sizeof r->complaint, "%s", what);
    build_fail(&r->b, RC_PARSE, "%s", what);
    xmlStopParser(r->ctxt);
}

static void on_entity(void *ctx, const xmlChar *name, int type, const xmlChar *public_id, const xmlChar *system_id,
                      xmlChar *content)
{
    (void)name, (void)type, (void)public_id, (void)system_id, (void)content;
    refuse(ctx, "the document declares an entity: not accepted");
}

static void on_element_decl(void *ctx, const xmlChar *name, int type, xmlElementContentPtr content)
{
    (void)name, (void)type, (void)content;
    refuse(ctx, "the document carries a DTD of its own: not accepted");
}

static void on_attribute_decl(void *ctx, const xmlChar *elem, const xmlChar *name, int type, int def,
                              const xmlChar *value, xmlEnumerationPtr tree)
{
    (void)elem, (void)name, (void)type, (void)def, (void)value;
    xmlFreeEnumeration(tree);
    refuse(ctx, "the document carries a DTD of its own: not accepted");
}

static void on_notation(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    refuse(ctx, "the document carries a DTD of its own: not accepted");
}

static void on_unparsed(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id,
                        const xmlChar *notation)
{
    (void)notation;
    on_notation(ctx, name, public_id, system_id);
}

static void on_reference(void *ctx, const xmlChar *name)
{
    (void)name;
    refuse(ctx, "reference to an entity that XML does not predefine");
}

static void on_complaint(void *ctx, xmlErrorPtr error)
{
    struct xml_in *r = ctx;
    if (error->level < XML_ERR_ERROR || r->complaint[0] || error->domain == XML_FROM_NAMESPACE) return;
    r->line = error->line > 0 ? (unsigned)error->line : 0;
    r->column = error->int2 > 0 ? (unsigned)error->int2 : 0;
    size_t n = error->message ? strcspn(error->message, "\n") : 0;
    snprintf(r->complaint, sizeof r->complaint, "%.*s", (int)n, n ? error->message : "");
}

/* ---- one parser for each thread ---- */

static const xmlSAXHandler handlers = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_text,
    .ignorableWhitespace = on_text,
    .cdataBlock = on_text,
    .entityDecl = on_entity,
    .elementDecl = on_element_decl,
    .attributeDecl = on_attribute_decl,
    .notationDecl = on_notation,
    .unparsedEntityDecl = on_unparsed,
    .reference = on_reference,
    .serror = on_complaint,
};

/* Creating a parser costs more than reading a small message, so each thread keeps one; the key owns it and frees it
 * when the thread ends. Between messages the parser holds nothing but the names that it has seen. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t parser_key;

static void free_parser(void *p)
{
    struct xml_parser *parser = p;
    xmlFreeParserCtxt(parser->ctxt);
    free(parser);
}

static void make_key(void)
{
    xmlInitParser();
    if (pthread_key_create(&parser_key, free_parser) != 0) abort(); /* only at the first message, on a broken system */
}

static struct xml_parser *make_parser(void)
{
    struct xml_parser *parser = calloc(1, sizeof *parser);
    if (!parser) return NULL;
    parser->ctxt = xmlNewParserCtxt();
    if (!parser->ctxt || pthread_setspecific(parser_key, parser) != 0) {
        xmlFreeParserCtxt(parser->ctxt);
        free(parser);
        return NULL;
    }
    *parser->ctxt->sax = handlers;
    xmlCtxtUseOptions(parser->ctxt, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
    return parser;
}

static struct xml_parser *take_parser(void)
{
    pthread_once(&once, make_key);
    struct xml_parser *parser = pthread_getspecific(parser_key);
    return parser ? parser : make_parser();
}

static void give_parser(struct xml_parser *parser)
{
    parser->ctxt->userData = parser->ctxt;
    xmlCtxtReset(parser->ctxt); /* the parser must not keep pointers to freed text */
    if (xmlDictSize(parser->ctxt->dict) > DICT_NAMES) {
        pthread_setspecific(parser_key, NULL);
        free_parser(parser);
    }
}

/* ---- what stands before the parser ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Convert to UTF-8 with one of libxml2's own converters; one octet becomes at most three. */
static enum rc convert(struct str in, xmlCharEncoding from, struct arena *a, struct str *out, struct err *e)
{
    xmlCharEncodingHandlerPtr h = xmlGetCharEncodingHandler(from);
    int n_out = (int)(in.n * 3 + 1), n_in = (int)in.n;
    char *p = arena_bytes(a, (size_t)n_out);
    if (!p) return err_set(e, RC_NOMEM, "message is too large for its memory");
    if (!h || !h->input || h->input((unsigned char *)p, &n_out, (const unsigned char *)in.p, &n_in) < 0 ||
        (size_t)n_in != in.n)
        return err_set(e, RC_PARSE, "octets that its encoding does not have: send UTF-8");
    *out = (struct str){ p, (size_t)n_out };
    return RC_OK;
}

/* The encoding named in the XML declaration, empty when none is. */
static struct str declared_encoding(struct str in)
{
    if (!str_starts(in, STR("<?xml"))) return (struct str){ 0 };
    struct str decl = str_slice(in, 0, str_find(in, '>', 0));
    for (size_t at = str_find(decl, 'e', 5); at < decl.n; at = str_find(decl, 'e', at + 1)) {
        struct str rest = str_slice(decl, at, decl.n);
        if (!str_starts(rest, STR("encoding"))) continue;
        rest = str_trim(str_slice(rest, 8, rest.n));
        rest = str_trim(str_slice(rest, 1, rest.n)); /* behind "=" */
        if (rest.n && (rest.p[0] == '"' || rest.p[0] == '\'')) return str_slice(rest, 1, str_find(rest, rest.p[0], 1));
    }
    return (struct str){ 0 };
}

/* A BOM marks UTF-16; the declaration names every other encoding. */
static enum rc from_utf16(struct str *in, struct arena *a, bool *done, struct err *e)
{
    *done = str_starts(*in, STR("\xFF\xFE")) || str_starts(*in, STR("\xFE\xFF"));
    if (!*done) return RC_OK;
    bool little = in->p[0] == '\xFF';
    return convert(str_slice(*in, 2, in->n), little ? XML_CHAR_ENCODING_UTF16LE : XML_CHAR_ENCODING_UTF16BE, a, in, e);
}

static enum rc from_declared(struct str *in, struct arena *a, struct err *e)
{
    struct str name = declared_encoding(*in);
    if (name.n == 0 || str_eq_fold(name, STR("utf-8")) || str_eq_fold(name, STR("utf8")) ||
        str_eq_fold(name, STR("us-ascii")))
        return RC_OK;
    if (str_eq_fold(name, STR("iso-8859-1"))) return convert(*in, XML_CHAR_ENCODING_8859_1, a, in, e);
    name = str_slice(name, 0, 40);
    return err_set(e, RC_PARSE, "encoding %.*s is not supported: send UTF-8", STR_ARG(name));
}

/* Skip the first n octets and count their lines. */
static struct str behind(struct str in, size_t n, unsigned *lines)
{
    for (size_t i = str_find(in, '\n', 0); i < n && i < in.n; i = str_find(in, '\n', i + 1)) ++*lines;
    return str_slice(in, n, in.n);
}

/* A BOM, blanks before the declaration and NULs after the end are not part of the document (traps 24 and 27). */
static struct str strip(struct str in, unsigned *lines)
{
    static const struct str bom = { "\xEF\xBB\xBF", 3 };
    size_t blanks = 0;
    if (str_starts(in, bom)) in = str_slice(in, bom.n, in.n);
    while (blanks < in.n && is_blank(in.p[blanks])) blanks++;
    in = behind(in, blanks, lines);
    if (str_starts(in, bom)) in = str_slice(in, bom.n, in.n);
    while (in.n && in.p[in.n - 1] == '\0') in = str_slice(in, 0, in.n - 1);
    return in;
}

/* Skip the XML declaration: its encoding has been handled, so libxml2 need not read it again. */
static struct str skip_declaration(struct str in, unsigned *lines)
{
    size_t end = str_find(in, '>', 0);
    bool is = str_starts(in, STR("<?xml")) && in.n > 5 && is_blank(in.p[5]) && end < in.n && in.p[end - 1] == '?';
    return is ? behind(in, end + 1, lines) : in;
}

/* Drop the NUL that a C program left at the end of a text (trap 18); any other NUL is not XML. */
static enum rc drop_nuls(char *p, size_t *n, struct err *e)
{
    size_t to = 0;
    for (size_t from = 0; from < *n; from++) {
        if (p[from] != '\0')
            p[to++] = p[from];
        else if (from + 1 < *n && p[from + 1] != '<')
            return err_set(e, RC_PARSE, "byte %zu: a NUL inside the text", from);
    }
    *n = to;
    p[to] = '\0';
    return RC_OK;
}

/* Count the attributes of the tag that starts at p[at] == '<'; *at moves behind it. */
static unsigned tag_attributes(struct str s, size_t *at)
{
    unsigned n = 0;
    size_t i = *at + 1;
    while (i < s.n && s.p[i] != '>' && s.p[i] != '<') {
        if (s.p[i] == '"' || s.p[i] == '\'') {
            i = str_find(s, s.p[i], i + 1);
            n++;
        }
        i++;
    }
    *at = i;
    return n;
}

/* libxml2 needs quadratic time for the attributes of one tag. Messages have few, so an exact count is made only
 * where a quick one finds many. */
static bool too_many_attributes(struct str s)
{
    unsigned seen = 0;
    for (size_t at = str_find(s, '=', 0); at < s.n; at = str_find(s, '=', at + 1)) {
        size_t next = at + 1;
        while (next < s.n && is_blank(s.p[next])) next++;
        seen += next < s.n && (s.p[next] == '"' || s.p[next] == '\'');
    }
    if (seen <= ATTRIBUTES_SEEN) return false;
    for (size_t at = str_find(s, '<', 0); at < s.n; at = str_find(s, '<', at))
        if (s.p[at + 1] == '!' || s.p[at + 1] == '?') /* s is NUL-terminated */
            at++;
        else if (tag_attributes(s, &at) > TAG_ATTRIBUTES)
            return true;
    return false;
}

/* Prepare libxml2's input: UTF-8, NUL-terminated, in the arena. */
static enum rc prepare(struct str in, struct arena *a, struct str *out, unsigned *lines, struct err *e)
{
    bool converted;
    enum rc rc = from_utf16(&in, a, &converted, e);
    if (rc) return rc;
    in = strip(in, lines);
    if (!converted && (rc = from_declared(&in, a, e)) != RC_OK) return rc;
    in = skip_declaration(in, lines);
    char *p = arena_strz(a, in);
    if (!p) return err_set(e, RC_NOMEM, "message is too large for its memory");
    size_t n = in.n;
    if (n && memchr(p, 0, n) && (rc = drop_nuls(p, &n, e)) != RC_OK) return rc;
    *out = (struct str){ p, n };
    if (n == 0) return err_set(e, RC_PARSE, "empty message");
    if (too_many_attributes(*out)) return err_set(e, RC_LIMIT, "a tag with more than %d attributes", TAG_ATTRIBUTES);
    return RC_OK;
}

/* ---- the whole ---- */

static bool parse(struct xml_in *r)
{
    xmlParserCtxtPtr ctxt = r->ctxt;
    ctxt->userData = r;
    xmlParserInputPtr input = xmlNewStringInputStream(ctxt, (const xmlChar *)r->text.p);
    if (!input || inputPush(ctxt, input) < 0) {
        xmlFreeInputStream(input);
        return false;
    }
    xmlParseDocument(ctxt);
    if (r->b.rc && !r->line && ctxt->input) {
        r->line = (unsigned)ctxt->input->line;
        r->column = (unsigned)ctxt->input->col;
    }
    return true;
}

/* Choose the error: the builder's, which only lacks its place; libxml2's about the syntax; or the builder's about
 * what is missing. */
static enum rc judge(struct xml_in *r, bool well_formed, struct err *e)
{
    if (r->b.rc) {
        if (e && e->rc == r->b.rc) {
            e->line = r->line;
            e->column = r->column;
        }
        return r->b.rc;
    }
    if (!well_formed)
        return err_at(e, RC_PARSE, NULL, r->line, r->column, "%s",
                      r->complaint[0] ? r->complaint : "not well-formed XML");
    return build_finish(&r->b);
}

enum rc sml_xml_decode(struct str in, struct arena *a, struct sml_msg *out, struct err *e)
{
    struct xml_in r;
    unsigned lines = 0;
    struct sml_msg msg = { 0 };
    enum rc rc = prepare(in, a, &r.text, &lines, e);
    if (rc) return rc;
    struct xml_parser *parser = take_parser();
    if (!parser) return err_set(e, RC_NOMEM, "no memory for an XML parser");
    build_init(&r.b, a, &msg, e);
    r.ctxt = parser->ctxt;
    r.known = parser->known;
    r.data = NULL;
    r.markup = r.line = r.column = 0;
    r.has_markup = false;
    r.complaint[0] = '\0';
    bool read = parse(&r), well_formed = r.ctxt->wellFormed != 0;
    give_parser(parser);
    if (!read) return err_set(e, RC_NOMEM, "no memory for an XML parser");
    if (r.line) r.line += lines;
    rc = judge(&r, well_formed, e);
    if (!rc) *out = msg;
    return rc;
}
