/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict decoder of WBXML 1.1 to 1.3 for SyncML (protocol.md 17). It is iterative: depth costs no stack.
 *
 * Markup inside Data (a DDF or TNDS tree written as tags of code page 2 instead of a document of its own) becomes the
 * XML text that an XML message would hold: names from the code pages, xmlns where the page changes, text escaped,
 * octets that are not text as base64. A whole WBXML document in an OPAQUE is a value like any other and is kept
 * unchanged.
 */
#include "base/cursor.h"
#include "base/text.h"
#include "syncml/build.h"
#include "syncml/codec.h"
#include <string.h>

enum wbxml_token {
    SWITCH_PAGE = 0x00,
    END = 0x01,
    ENTITY = 0x02,
    STR_I = 0x03,
    LITERAL = 0x04,
    EXT_I_0 = 0x40,
    EXT_I_2 = 0x42,
    PI = 0x43,
    LITERAL_C = 0x44,
    EXT_T_0 = 0x80,
    EXT_T_2 = 0x82,
    STR_T = 0x83,
    LITERAL_A = 0x84,
    EXT_0 = 0xC0,
    EXT_2 = 0xC2,
    OPAQUE = 0xC3,
    LITERAL_AC = 0xC4,
    WITH_CONTENT = 0x40,
    WITH_ATTRIBUTES = 0x80,
    TOKEN_BITS = 0x3F
};

enum { PUBLIC_UNKNOWN = 1, PUBLIC_SYNCML_1_1 = 0x0FD3, PUBLIC_SYNCML_1_2 = 0x1201 };
enum { CHARSET_UNKNOWN = 0, CHARSET_ASCII = 3, CHARSET_LATIN_1 = 4, CHARSET_UTF_8 = 106 };

struct wbxml_in {
    struct build b;
    struct cursor c;
    const uint8_t *start;
    struct str strings; /* the string table */
    unsigned page;
    bool latin_1;
    bool has_markup; /* the current Data holds tags */
    unsigned markup; /* number of its open tags */
    struct buf xml;  /* its text as XML, in that case */
    struct {
        struct str name;
        unsigned page;
    } open[SML_DEPTH];
};

static size_t offset(const struct wbxml_in *r)
{
    return (size_t)(r->c.p - r->start);
}

static void fail(struct wbxml_in *r, const char *what)
{
    build_fail(&r->b, RC_PARSE, "byte %zu: %s", offset(r), what);
}

static inline unsigned next(struct cursor *c)
{
    if (c->p == c->end) return cursor_u8(c); /* records the failure */
    return *c->p++;
}

/* ---- text ---- */

/* ISO 8859-1 is the first 256 characters of Unicode. */
static struct str utf8_of_latin_1(struct wbxml_in *r, struct str s)
{
    if (str_ascii_run(s) == s.n) return s;
    char *p = arena_bytes(r->b.a, s.n * 2);
    size_t n = 0;
    if (!p) {
        build_fail(&r->b, RC_NOMEM, "message is too large for its memory");
        return (struct str){ 0 };
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned c = (unsigned char)s.p[i];
        if (c >= 0x80) {
            p[n++] = (char)(0xC0 | c >> 6);
            c = 0x80 | (c & 0x3F);
        }
        p[n++] = (char)c;
    }
    return (struct str){ p, n };
}

static void put_markup_octets(struct wbxml_in *r, struct str s)
{
    size_t before = r->xml.n;
    if (sml_xml_escape(s, &r->xml)) return;
    buf_cut(&r->xml, before);
    text_b64_put(&r->xml, s);
}

static void put_text(struct wbxml_in *r, struct str s, unsigned how)
{
    if (r->has_markup)
        put_markup_octets(r, s);
    else if (build_place(&r->b) == SML_AT_DOC)
        fail(r, "text outside the message");
    else
        build_text(&r->b, s, how);
}

static void take_string(struct wbxml_in *r, struct str s)
{
    if (r->latin_1)
        s = utf8_of_latin_1(r, s);
    else if (!str_is_utf8(s)) {
        fail(r, "text that is not UTF-8");
        return;
    }
    put_text(r, s, BUILD_BORROW);
}

/* A string of the string table. The last one may lack its NUL; it ends with the table. */
static struct str table_string(struct wbxml_in *r, uint32_t at)
{
    struct str s = str_slice(r->strings, at, r->strings.n);
    if (at >= r->strings.n) fail(r, "reference to a string that the string table does not have");
    return str_slice(s, 0, str_find(s, '\0', 0));
}

static void take_opaque(struct wbxml_in *r)
{
    uint32_t n = cursor_uintvar(&r->c);
    put_text(r, cursor_take(&r->c, n), BUILD_BORROW | BUILD_OPAQUE);
}

static void take_entity(struct wbxml_in *r)
{
    uint32_t c = cursor_uintvar(&r->c);
    char p[4];
    size_t n = 0;
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        fail(r, "entity that is no character");
        return;
    }
    if (c < 0x80) {
        p[n++] = (char)c;
    } else {
        unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        static const unsigned lead[] = { 0, 0xC0, 0xE0, 0xF0 };
        p[n++] = (char)(lead[more] | c >> 6 * more);
        while (more--) p[n++] = (char)(0x80 | (c >> 6 * more & 0x3F));
    }
    put_text(r, (struct str){ p, n }, 0);
}

/* ---- tags ---- */

/* Skip attributes, or a processing instruction, up to the END. SyncML has no attributes, but some phones send xmlns. */
static void skip_attributes(struct wbxml_in *r)
{
    for (;;) {
        unsigned t = next(&r->c);
        if (r->c.failed || t == END) return;
        if (t == SWITCH_PAGE) /* a code page of attributes */
            next(&r->c);
        else if (t == STR_I || (t >= EXT_I_0 && t <= EXT_I_2))
            cursor_strz(&r->c);
        else if (t == ENTITY || t == LITERAL || t == STR_T || (t >= EXT_T_0 && t <= EXT_T_2))
            cursor_uintvar(&r->c);
        else if (t == OPAQUE)
            cursor_take(&r->c, cursor_uintvar(&r->c));
    }
}

static void end_markup(struct wbxml_in *r)
{
    buf_put(&r->xml, STR("</"));
    buf_put(&r->xml, r->open[--r->markup].name);
    buf_byte(&r->xml, '>');
}

static void start_markup(struct wbxml_in *r, unsigned page, struct str name)
{
    if (!build_count(&r->b, r->markup + 1)) return;
    if (!r->has_markup) {
        r->has_markup = true;
        buf_reset(&r->xml);
        put_markup_octets(r, r->b.text);
    }
    buf_byte(&r->xml, '<');
    buf_put(&r->xml, name);
    unsigned around = r->markup ? r->open[r->markup - 1].page : SML_PAGES;
    if (page != around && page < SML_PAGES) {
        buf_put(&r->xml, STR(" xmlns=\""));
        buf_put(&r->xml, sml_page_namespace(page));
        buf_byte(&r->xml, '"');
    }
    buf_byte(&r->xml, '>');
    r->open[r->markup].name = name;
    r->open[r->markup++].page = page;
}

/* At the END of Data with tags in it: the text of the tags is the value. */
static void end_markup_data(struct wbxml_in *r)
{
    struct str s;
    r->has_markup = false;
    if (!buf_ok(&r->xml) || !arena_str(r->b.a, buf_str(&r->xml), &s))
        build_fail(&r->b, buf_ok(&r->xml) ? RC_NOMEM : r->xml.failed, "markup inside Data is too large");
    else
        build_set_text(&r->b, s);
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c >= 0x80 ||
              (i && ((c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':'))))
            return false;
    }
    return s.n > 0;
}

static inline void start_element(struct wbxml_in *r, unsigned page, unsigned elem, struct str name, unsigned bits)
{
    bool inside = build_place(&r->b) == SML_AT_DATA;
    if (inside)
        start_markup(r, page, name);
    else
        build_start(&r->b, elem, name);
    if (bits & WITH_ATTRIBUTES) skip_attributes(r);
    if (!(bits & WITH_CONTENT) && !r->b.rc) {
        if (inside)
            end_markup(r);
        else
            build_end(&r->b);
    }
}

static void take_literal(struct wbxml_in *r, unsigned t)
{
    struct str name = table_string(r, cursor_uintvar(&r->c));
    if (!r->b.rc && !(is_name(name) && str_is_utf8(name))) fail(r, "literal tag whose name is no name");
    enum sml_elem elem = sml_elem_of_name(name);
    if (!r->b.rc) start_element(r, SML_PAGES, elem, name, t);
}

/* A tag that is on none of the code pages is an element that SyncML does not have, as in XML: in SyncBody it is
 * answered, elsewhere it is skipped. */
static struct str unknown_name(struct wbxml_in *r, unsigned token)
{
    if (build_place(&r->b) == SML_AT_SKIP) return STR("Tag");
    struct str name = arena_printf(r->b.a, "Tag-%u-%02X", r->page, token);
    if (!name.p) build_fail(&r->b, RC_NOMEM, "message is too large for its memory");
    return name;
}

static void take_tag(struct wbxml_in *r, unsigned t)
{
    unsigned token = t & TOKEN_BITS, elem = r->page < SML_PAGE_DDF ? r->page << 6 | token : SML_E_UNKNOWN;
    struct str name = elem ? sml_elem_name(elem) : sml_token_name(r->page, token);
    if (name.n == 0) {
        name = unknown_name(r, token);
        elem = SML_E_UNKNOWN;
    }
    if (!r->b.rc) start_element(r, r->page, elem, name, t);
}

/* SyncML does not use extension tokens: skip them with their operands. */
static void take_extension(struct wbxml_in *r, unsigned t)
{
    if (t <= EXT_I_2)
        cursor_strz(&r->c);
    else if (t >= EXT_T_0 && t <= EXT_T_2)
        cursor_uintvar(&r->c);
}

static void take_end(struct wbxml_in *r)
{
    if (r->markup) {
        end_markup(r);
        return;
    }
    if (r->has_markup) end_markup_data(r);
    build_end(&r->b);
}

/* STR_I. Nearly all are short and ASCII and take the fast path. */
static inline void take_inline(struct wbxml_in *r)
{
    struct str s = { (const char *)r->c.p, cursor_left(&r->c) };
    size_t n = str_ascii_run(s);
    if (n < s.n && s.p[n] == '\0') {
        s.n = n;
        r->c.p += n + 1;
        put_text(r, s, BUILD_BORROW);
    } else {
        take_string(r, cursor_strz(&r->c));
    }
}

static void take_rare(struct wbxml_in *r, unsigned t)
{
    switch (t) {
    case SWITCH_PAGE: r->page = next(&r->c); break;
    case STR_T: take_string(r, table_string(r, cursor_uintvar(&r->c))); break;
    case OPAQUE: take_opaque(r); break;
    case ENTITY: take_entity(r); break;
    case LITERAL:
    case LITERAL_C:
    case LITERAL_A:
    case LITERAL_AC: take_literal(r, t); break;
    case PI: skip_attributes(r); break;
    default: take_extension(r, t);
    }
}

static inline void take_token(struct wbxml_in *r, unsigned t)
{
    if ((t & TOKEN_BITS) > LITERAL) /* the global tokens are 0 to 4 in each quarter */
        take_tag(r, t);
    else if (t == END)
        take_end(r);
    else if (t == STR_I)
        take_inline(r);
    else
        take_rare(r, t);
}

/* ---- the whole ---- */

static uint32_t public_id_of(struct str name)
{
    return str_eq_fold(name, STR("-//SYNCML//DTD SyncML 1.1//EN"))   ? PUBLIC_SYNCML_1_1
           : str_eq_fold(name, STR("-//SYNCML//DTD SyncML 1.2//EN")) ? PUBLIC_SYNCML_1_2
                                                                     : PUBLIC_UNKNOWN;
}

/* The public id: a number, or 0 and the offset of a formal name in the string table. An unknown one is read as
 * SyncML 1.2, since the media type is SyncML's; VerDTD decides in the end (protocol.md 18 row 13). */
static void take_header(struct wbxml_in *r, struct sml_msg *out)
{
    unsigned version = next(&r->c);
    uint32_t public_id = cursor_uintvar(&r->c), fpi = 0, charset = CHARSET_UTF_8;
    if (public_id == 0) fpi = cursor_uintvar(&r->c);
    if (version > 0) /* WBXML 1.0 has no charset */
        charset = cursor_uintvar(&r->c);
    r->strings = cursor_take(&r->c, cursor_uintvar(&r->c));
    if (r->c.failed || version > 0x0F)
        fail(r, r->c.failed ? "the header ends too early" : "not WBXML 1.x");
    else if (charset != CHARSET_UNKNOWN && charset != CHARSET_ASCII && charset != CHARSET_LATIN_1 &&
             charset != CHARSET_UTF_8)
        build_fail(&r->b, RC_PARSE, "charset %u is not supported: send UTF-8 (106)", (unsigned)charset);
    else if (public_id == 0 && fpi < r->strings.n)
        public_id = public_id_of(str_trim(table_string(r, fpi)));
    r->latin_1 = charset == CHARSET_LATIN_1;
    r->b.dtd_known = public_id == PUBLIC_SYNCML_1_1 || public_id == PUBLIC_SYNCML_1_2;
    out->dtd = public_id == PUBLIC_SYNCML_1_1 ? SML_DTD_1_1 : SML_DTD_1_2;
    out->wbxml_minor = (uint8_t)version;
}

static void reader_init(struct wbxml_in *r, struct str in, struct arena *a, struct sml_msg *msg, struct err *e)
{
    r->c = cursor_of(in);
    r->start = r->c.p;
    r->page = r->markup = 0;
    r->has_markup = false;
    buf_init(&r->xml, SML_MSG_ARENA_BYTES);
    build_init(&r->b, a, msg, e);
    take_header(r, msg);
}

enum rc sml_wbxml_decode(struct str in, struct arena *a, struct sml_msg *out, struct err *e)
{
    struct wbxml_in r;
    struct sml_msg msg = { 0 };
    reader_init(&r, in, a, &msg, e);
    while (!r.b.rc && !cursor_done(&r.c)) {
        unsigned t = next(&r.c);
        if (r.b.done && t != PI) {
            r.c.p--;
            fail(&r, "more after the end of the message");
            break;
        }
        take_token(&r, t);
        if (r.c.failed) fail(&r, "the message ends in the middle");
    }
    buf_finish(&r.xml);
    if (!r.b.rc && !r.b.done) fail(&r, "the message ends too early");
    enum rc rc = build_finish(&r.b);
    if (rc) return rc;
    *out = msg;
    return RC_OK;
}

/* Read the document as if it were inside Data, where every tag is markup; only its first page differs. */
enum rc sml_tree_to_xml(struct str in, struct arena *a, struct str *out, struct err *e)
{
    struct wbxml_in r;
    struct sml_msg msg = { 0 };
    if (in.n > SML_MSG_BYTES)
        return err_set(e, RC_LIMIT, "document of %zu bytes; the limit is %d", in.n, SML_MSG_BYTES);
    reader_init(&r, in, a, &msg, e);
    r.b.frame[0].place = SML_AT_DATA;
    r.page = SML_PAGE_DDF;
    while (!r.b.rc && !cursor_done(&r.c) && !(r.has_markup && r.markup == 0)) {
        unsigned t = next(&r.c);
        if (r.markup == 0 && t != SWITCH_PAGE && t != PI && (t & TOKEN_BITS) < LITERAL)
            fail(&r, "text outside the root element");
        else
            take_token(&r, t);
        if (r.c.failed) fail(&r, "the document ends in the middle");
    }
    if (!r.b.rc && (!r.has_markup || r.markup))
        fail(&r, "the document ends too early");
    else if (!r.b.rc && !cursor_done(&r.c))
        fail(&r, "more after the end of the document");
    if (!r.b.rc) end_markup_data(&r);
    buf_finish(&r.xml);
    if (!r.b.rc) *out = r.b.text;
    return r.b.rc;
}
