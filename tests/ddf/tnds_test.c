/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ddf/tnds_lib.h"
#include "ddf/tnds/tnds_int.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wbxml/wbxml.h>

enum { BYTES = 8 << 20 };

/* ddf-tnds.md 4.3 */
#define OFFICE                                                                                                         \
    "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD>\n<Node><NodeName>Office</NodeName>\n"                    \
    " <RTProperties><Format><node/></Format><Type><DDFName></DDFName></Type></RTProperties>\n"                         \
    " <Node><NodeName>SSID</NodeName>\n"                                                                               \
    "  <RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\n"                     \
    "  <Value>office</Value></Node>\n <Node><NodeName>Enabled</NodeName>\n"                                            \
    "  <RTProperties><Format><bool/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>\n"                    \
    "  <Value>true</Value></Node>\n</Node></MgmtTree>"

static struct ddf_tnds read_xml(const char *text, struct arena *a)
{
    struct ddf_tnds t = { .first = NULL };
    struct err e = { 0 };
    enum rc rc = ddf_tnds_parse_xml(str_of(text), a, &t, &e);
    if (rc) fprintf(stderr, "%s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    return t;
}

static void tokens_are_those_of_code_page_2(void)
{
    static const struct {
        unsigned token;
        const char *name;
    } row[] = {
        { 0x05, "AccessType" }, { 0x08, "b64" },          { 0x0A, "bool" },      { 0x10, "date" },  { 0x18, "DFType" },
        { 0x1B, "float" },      { 0x1E, "int" },          { 0x20, "MgmtTree" },  { 0x24, "Node" },  { 0x25, "node" },
        { 0x27, "null" },       { 0x2F, "RTProperties" }, { 0x32, "time" },      { 0x36, "Value" }, { 0x37, "VerDTD" },
        { 0x38, "VerNo" },      { 0x39, "xml" },          { 0x3C, "ZeroOrOne" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_STRING_EQUAL(tnds_element_name((enum tnds_element)row[i].token), row[i].name);
        CU_ASSERT_EQUAL((unsigned)tnds_element_of(str_of(row[i].name)), row[i].token);
    }
    CU_ASSERT_EQUAL(TNDS_END_OF_ELEMENTS, 0x3D);
    CU_ASSERT_EQUAL(tnds_element_of(STR("VALUE")), TNDS_UNKNOWN);
    for (int f = 0; f < DDF_FORMAT_COUNT; f++)
        CU_ASSERT_STRING_EQUAL(tnds_element_name(tnds_element_of_format((enum ddf_format)f)),
                               ddf_format_name((enum ddf_format)f));
}

static void reads_the_published_example(void)
{
    struct arena a;
    struct ddf_tnds t;
    const struct ddf_tnds_node *office, *ssid, *enabled;
    arena_init(&a, BYTES);
    t = read_xml(OFFICE, &a);
    office = t.first;
    ssid = ddf_tnds_child(office, STR("SSID"));
    enabled = ddf_tnds_child(office, STR("Enabled"));
    CU_ASSERT_FATAL(ssid && enabled);
    CU_ASSERT(str_is(office->name, "Office") && office->format == DDF_NODE &&
              office->has == (DDF_TNDS_FORMAT | DDF_TNDS_TYPE));
    CU_ASSERT(str_is(ssid->value, "office") && str_is(ssid->type, "text/plain") && ssid->format == DDF_CHR);
    CU_ASSERT(str_is(enabled->value, "true") && enabled->format == DDF_BOOL);
    CU_ASSERT_PTR_EQUAL(enabled->parent, office);
    CU_ASSERT_EQUAL(office->n_children, 2);
    CU_ASSERT_PTR_NULL(ddf_tnds_child(office, STR("ssid")));
    arena_finish(&a);
}

static void what_is_not_said_is_inherited(void)
{
    struct arena a;
    struct ddf_tnds t;
    arena_init(&a, BYTES);
    t = read_xml(
        "<MgmtTree><VerDTD>1.2</VerDTD><Man>M</Man><Mod>O</Mod><Node><Node><NodeName>a</NodeName><Value> x </Value></Node>"
        "<Node><NodeName>b</NodeName></Node><Node><NodeName>c</NodeName><RTProperties><ACL> Get=* </ACL><Format><bin/></Format>"
        "<Name/><Size>3</Size><Title> T </Title><TStamp>20310131T120000Z</TStamp><Type><MIME>a/b</MIME></Type><VerNo>7</VerNo>"
        "</RTProperties><Value>\nAAEC\n</Value></Node><Node><NodeName>d</NodeName><x:y xmlns:x='u'><Node/></x:y><DFProperties/>"
        "<Value/></Node></Node></MgmtTree>",
        &a);
    CU_ASSERT(str_is(t.man, "M") && str_is(t.mod, "O"));
    CU_ASSERT_EQUAL(t.first->name.n, 0);
    const struct ddf_tnds_node *c = ddf_tnds_child(t.first, STR("c"));
    CU_ASSERT_EQUAL(t.first->format, DDF_NODE);
    CU_ASSERT_EQUAL(t.first->first->format, DDF_CHR);
    CU_ASSERT(str_is(t.first->first->value, " x ")); /* blanks are part of a value */
    CU_ASSERT_EQUAL(ddf_tnds_child(t.first, STR("b"))->format, DDF_NODE);
    CU_ASSERT_EQUAL(ddf_tnds_child(t.first, STR("d"))->format, DDF_CHR);
    CU_ASSERT_EQUAL(c->has, DDF_TNDS_ALL);
    CU_ASSERT(str_is(c->acl, "Get=*") && str_is(c->title, " T ") && str_is(c->verno, "7") &&
              str_is(c->tstamp, "20310131T120000Z"));
    CU_ASSERT(str_eq(c->value, (struct str){ "\0\1\2", 3 })); /* bin: octets */
    arena_finish(&a);
}

#define NODE(x) "<MgmtTree>\n<Node><NodeName>a</NodeName>" x "</Node></MgmtTree>"

static void refuses_what_is_no_tree(void)
{
    static const struct {
        const char *text;
        enum rc want;
        unsigned line;
        const char *says;
    } row[] = {
        { "", RC_PARSE, 0, "empty" },
        { "<MgmtTree/>", RC_INVALID, 0, "no node" },
        { "<Node/>", RC_INVALID, 1, "MgmtTree" },
        { NODE("<Value>1</Value><Node><NodeName>b</NodeName></Node>"), RC_INVALID, 2, "has a value" },
        { NODE("<RTProperties><Format><int/></Format></RTProperties><Node><NodeName>b</NodeName></Node>"), RC_INVALID,
          2, "children" },
        { NODE("<RTProperties><Format><node/></Format></RTProperties><Value>x</Value>"), RC_INVALID, 2, "interior" },
        { NODE("<Value><b/></Value>"), RC_PARSE, 2, "escaped" },
        { NODE("<Node><NodeName>b</NodeName></Node><Node><NodeName>b</NodeName></Node>"), RC_INVALID, 2, "named b" },
        { NODE("<Node/>"), RC_INVALID, 2, "NodeName" },
        { NODE("<Node><NodeName>x/y</NodeName></Node>"), RC_INVALID, 2, "NodeName" },
        { NODE("<Node><NodeName>..</NodeName></Node>"), RC_INVALID, 2, "NodeName" },
        { NODE("<RTProperties><Format><bin/></Format></RTProperties><Value>!!</Value>"), RC_PARSE, 2, "base64" },
        { "<!DOCTYPE MgmtTree [<!ENTITY e 'x'>]>" NODE("<Value>&e;</Value>"), RC_PARSE, 1, "entity" },
        { "<MgmtTree><Node>", RC_PARSE, 1, "" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct ddf_tnds t;
        struct err e = { 0 };
        enum rc rc;
        arena_init(&a, BYTES);
        rc = ddf_tnds_parse_xml(str_of(row[i].text), &a, &t, &e);
        if (rc != row[i].want || e.line != row[i].line || !strstr(e.text, row[i].says))
            fprintf(stderr, "row %zu: %d line %u: %s\n", i, rc, e.line, e.text);
        CU_ASSERT_EQUAL(rc, row[i].want);
        CU_ASSERT_EQUAL(e.line, row[i].line);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
        arena_finish(&a);
    }
}

static void refuses_what_is_no_wbxml(void)
{
#define HEAD "\x03\x01\x6A\x00\x00\x02"
    static const struct {
        const char *p;
        size_t n;
        enum rc want;
    } row[] = {
        { "", 0, RC_PARSE },
        { HEAD, 6, RC_PARSE },
        { "\x11\x01\x6A\x00\x60", 5, RC_PARSE },       /* version 2 */
        { "\x03\x01\x04\x00\x60", 5, RC_UNSUPPORTED }, /* Latin-1 */
        { "\x03\x01\x6A\x7F\x60", 5, RC_PARSE },       /* string table longer than the document */
        { HEAD "\x60", 7, RC_PARSE },                  /* ends inside MgmtTree */
        { HEAD "\x20", 7, RC_INVALID },                /* <MgmtTree/> */
        { HEAD "\x60\x01", 8, RC_INVALID },
        { HEAD "\x01", 7, RC_PARSE }, /* END of nothing */
        { HEAD "\x60\x64\x66\x03"
               "a\0\x01\x01\x01",
          15, RC_OK }, /* MgmtTree, Node, NodeName "a" */
        { HEAD "\x60\x64\x66\x03"
               "a\0\x01\x01\x01x",
          16, RC_PARSE }, /* more behind */
        { HEAD "\x60\x64\x66\x03"
               "a\x01\x01\x01",
          14, RC_PARSE }, /* string without an end */
        { HEAD "\x60\x64\x66\xC3\x05"
               "a\x01\x01\x01",
          15, RC_PARSE }, /* OPAQUE past the end */
        { HEAD "\x60\x64\x66\xC3\x01"
               "a\x01\x01\x01",
          15, RC_OK },
        { HEAD "\x60\x64\x66\x02\x61\x01\x01\x01", 14, RC_OK }, /* ENTITY 'a' */
        { HEAD "\x60\x64\x66\x02\x00\x01\x01\x01", 14, RC_PARSE },
        { HEAD "\x60\x64\x66\x02\x83\xB0\x00\x01\x01\x01", 16, RC_PARSE }, /* a surrogate */
        { HEAD "\x60\x64\x66\x02\x8F\xFF\xFF\xFF\x7F\x01\x01\x01", 18, RC_PARSE },
        { HEAD "\x60\x64\x66\x83\x00\x01\x01\x01", 14, RC_PARSE }, /* STR_T into an empty table */
        { "\x03\x01\x6A\x02"
          "a\0\x00\x02\x60\x64\x66\x83\x00\x01\x01\x01",
          16, RC_OK },
        { "\x03\x01\x6A\x02"
          "a\0\x00\x02\x60\x64\x66\x83\x02\x01\x01\x01",
          16, RC_PARSE },
        { "\x03\x01\x6A\x02"
          "aa\x00\x02\x60\x64\x66\x83\x01\x01\x01\x01",
          16, RC_OK },                                     /* table string that ends with the table */
        { HEAD "\xE0\x01", 8, RC_PARSE },                  /* attributes */
        { HEAD "\x60\x3D\x01", 9, RC_PARSE },              /* no such token */
        { HEAD "\x60\x04\x00\x01", 10, RC_PARSE },         /* LITERAL */
        { HEAD "\x60\x00\x01\x64\x01\x01", 12, RC_PARSE }, /* page 1 */
        { "\x03\x01\x6A\x00\x60\x64\x66\x03"
          "a\0\x01\x01\x01",
          13, RC_OK }, /* page 0 all along */
        { "\x02\x00\x00\x6A\x00\x60\x64\x66\x03"
          "a\0\x01\x01\x01",
          14, RC_OK },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct ddf_tnds t;
        struct err e = { 0 };
        enum rc rc;
        arena_init(&a, BYTES);
        rc = ddf_tnds_parse_wbxml((struct str){ row[i].p, row[i].n }, &a, &t, &e);
        if (rc != row[i].want) fprintf(stderr, "row %zu: %d %s\n", i, rc, e.text);
        CU_ASSERT_EQUAL(rc, row[i].want);
        if (!rc) CU_ASSERT(str_is(t.first->name, "a"));
        arena_finish(&a);
    }
#undef HEAD
}

/* --- round trips ------------------------------------------------------------------------------------------------ */

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static struct str random_text(uint64_t *seed, bool tame, struct arena *a)
{
    static const char *const bits[] = {
        "a",   "B", "7", "-", "\xC3\xA4", "\xE2\x82\xAC", "x y", ".", "&amp;",    "\xF0\x9F\x98\x80", "\"",
        "]]>", "&", "<", ">", "\r",       "\n",           "\t",  " ", "</Value>", "<![CDATA[",        "'"
    };
    enum { TAME = 8, ALL = sizeof bits / sizeof bits[0] };
    struct str s = arena_printf(a, "%s", "");
    for (uint64_t n = next(seed) % 6; n; n--)
        s = arena_printf(a, "%.*s%s", STR_ARG(s), bits[next(seed) % (tame ? TAME : ALL)]);
    return s;
}

static void random_node(struct ddf_tnds *t, struct ddf_tnds_node *parent, unsigned depth, bool tame, uint64_t *seed,
                        struct arena *a)
{
    static const enum ddf_format leaf[] = { DDF_CHR, DDF_INT,   DDF_BOOL, DDF_BIN, DDF_B64,
                                            DDF_XML, DDF_FLOAT, DDF_DATE, DDF_NULL };
    struct ddf_tnds_node *n = ddf_tnds_append(t, parent, arena_printf(a, "n%u", parent ? parent->n_children : 0), a);
    unsigned children = depth < 4 ? (unsigned)(next(seed) % 5) : 0;
    n->has = (unsigned)(next(seed) & DDF_TNDS_ALL) | DDF_TNDS_FORMAT;
    if (!children && next(seed) % 8) n->format = leaf[next(seed) % (sizeof leaf / sizeof leaf[0])];
    if (n->format == DDF_NODE || n->format == DDF_NULL) n->has &= ~(unsigned)DDF_TNDS_VALUE;
    if (n->has & DDF_TNDS_ACL) n->acl = next(seed) & 1 ? STR("Get=*&Replace=it+ops") : STR("");
    if (n->has & DDF_TNDS_TITLE) n->title = random_text(seed, tame, a);
    if (n->has & DDF_TNDS_TSTAMP) n->tstamp = STR("20310131T120000Z");
    if (n->has & DDF_TNDS_VERNO) n->verno = STR("65535");
    if (n->has & DDF_TNDS_TYPE) n->type = n->format == DDF_NODE ? STR("urn:oma:mo:x:1.0") : STR("text/plain");
    if (n->has & DDF_TNDS_VALUE) n->value = random_text(seed, tame, a);
    if (n->has & DDF_TNDS_VALUE && n->format == DDF_BIN && !tame) {
        uint64_t octets = next(seed);
        n->value = (struct str){ arena_strz(a, (struct str){ (char *)&octets, sizeof octets }), sizeof octets };
    }
    if (!parent && next(seed) & 1) n->path = STR("./below/here");
    while (children--) random_node(t, n, depth + 1, tame, seed, a);
}

static void a_tree_survives_both_encodings(void)
{
    uint64_t seed = 4711;
    for (int round = 0; round < 400; round++) {
        struct arena a;
        struct buf out;
        struct ddf_tnds t = { .man = STR("Acme & Co"), .mod = STR("x") }, back;
        struct err e = { 0 };
        arena_init(&a, BYTES);
        random_node(&t, NULL, 0, false, &seed, &a);
        buf_init(&out, 0);
        CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_ALL, &out, &e), RC_OK);
        CU_ASSERT_EQUAL_FATAL(ddf_tnds_parse(STR(DDF_TNDS_XML), buf_str(&out), &a, &back, &e), RC_OK);
        CU_ASSERT(tnds_same(&t, &back));
        buf_reset(&out);
        CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&t, DDF_TNDS_ALL, &out, &e), RC_OK);
        CU_ASSERT_EQUAL_FATAL(ddf_tnds_parse(STR(DDF_TNDS_WBXML), buf_str(&out), &a, &back, &e), RC_OK);
        CU_ASSERT(tnds_same(&t, &back));
        buf_finish(&out);
        arena_finish(&a);
    }
}

/* The text that we write is what a Value's reader in the field meets: no raw ]]> and nothing that a CDATA section
 * could not hold. */
static void nothing_in_a_value_can_end_a_cdata_section(void)
{
    struct arena a;
    struct buf out;
    struct ddf_tnds t = { .first = NULL };
    struct ddf_tnds_node *n;
    arena_init(&a, BYTES);
    n = ddf_tnds_append(&t, NULL, STR("a"), &a);
    n->format = DDF_CHR;
    n->has = DDF_TNDS_VALUE;
    n->value = STR("x]]></Data></Item><Exec>]]]]><![CDATA[>");
    buf_init(&out, 0);
    CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_ALL, &out, NULL), RC_OK);
    CU_ASSERT_PTR_NULL(strstr(buf_z(&out), "]]>"));
    CU_ASSERT_PTR_NULL(strstr(buf_z(&out), "<Exec"));
    buf_finish(&out);
    /* and one that arrives split into two sections is whole */
    t = read_xml(NODE("<Value><![CDATA[a]]]]><![CDATA[>b]]></Value>"), &a);
    CU_ASSERT(str_is(t.first->value, "a]]>b"));
    arena_finish(&a);
}

static void only_what_was_asked_for_is_written(void)
{
    static const struct {
        const char *arg;
        enum rc want;
        unsigned bits;
    } row[] = {
        { "", RC_OK, DDF_TNDS_ALL },
        { "+Value", RC_OK, DDF_TNDS_VALUE },
        { "+Value+ACL", RC_OK, DDF_TNDS_VALUE | DDF_TNDS_ACL },
        { "-Format-Type", RC_OK, DDF_TNDS_ALL & ~(DDF_TNDS_FORMAT | DDF_TNDS_TYPE) },
        { "+Name+Size", RC_OK, 0 },
        { "-Name", RC_OK, DDF_TNDS_ALL },
        { "+Value-ACL", RC_PARSE, 99 },
        { "Value", RC_PARSE, 99 },
        { "+", RC_PARSE, 99 },
        { "+value", RC_PARSE, 99 },
    };
    struct arena a;
    struct ddf_tnds t, back;
    struct buf out;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        unsigned bits = 99;
        CU_ASSERT_EQUAL(ddf_tnds_select(str_of(row[i].arg), &bits, NULL), row[i].want);
        CU_ASSERT_EQUAL(bits, row[i].bits);
    }
    arena_init(&a, BYTES);
    buf_init(&out, 0);
    t = read_xml(OFFICE, &a);
    CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_VALUE, &out, NULL), RC_OK);
    CU_ASSERT_STRING_EQUAL(buf_z(&out),
                           "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>Office</NodeName>"
                           "<RTProperties></RTProperties><Node><NodeName>SSID</NodeName><RTProperties></RTProperties>"
                           "<Value>office</Value></Node><Node><NodeName>Enabled</NodeName><RTProperties></RTProperties>"
                           "<Value>true</Value></Node></Node></MgmtTree>");
    buf_reset(&out);
    CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&t, DDF_TNDS_FORMAT, &out, NULL), RC_OK);
    CU_ASSERT_EQUAL(ddf_tnds_parse_wbxml(buf_str(&out), &a, &back, NULL), RC_OK);
    CU_ASSERT_EQUAL(back.first->first->has, DDF_TNDS_FORMAT);
    CU_ASSERT_EQUAL(back.first->last->format, DDF_BOOL);
    buf_finish(&out);
    arena_finish(&a);
}

static void what_an_encoding_cannot_hold_is_an_error(void)
{
    static const struct {
        struct str value;
        enum rc xml, wbxml;
    } row[] = {
        { { "\1", 1 }, RC_INVALID, RC_OK },        { { "a\0b", 3 }, RC_INVALID, RC_INVALID },
        { { "\xFF", 1 }, RC_INVALID, RC_INVALID }, { { "\xEF\xBF\xBF", 3 }, RC_INVALID, RC_OK },
        { { "\xEF\xBF\xBD", 3 }, RC_OK, RC_OK },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct buf out;
        struct ddf_tnds t = { .first = NULL };
        struct ddf_tnds_node *n;
        arena_init(&a, BYTES);
        buf_init(&out, 0);
        n = ddf_tnds_append(&t, NULL, STR("a"), &a);
        n->format = DDF_CHR;
        n->has = DDF_TNDS_VALUE;
        n->value = row[i].value;
        CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_ALL, &out, NULL), row[i].xml);
        CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&t, DDF_TNDS_ALL, &out, NULL), row[i].wbxml);
        buf_finish(&out);
        arena_finish(&a);
    }
}

static void the_type_decides_unless_it_lies(void)
{
    static const struct {
        const char *type;
        bool wbxml;
        enum rc want;
    } row[] = {
        { "application/vnd.syncml.dmtnds+xml", false, RC_OK },
        { "Application/Vnd.SyncML.DMTNDS+XML; charset=utf-8", false, RC_OK },
        { "application/vnd.syncml.dmtnds+wbxml", true, RC_OK },
        { "application/vnd.syncml.dmtnds+wbxml", false, RC_OK }, /* libwbxml rewrites the Type of text */
        { "application/vnd.syncml.dmtnds+xml", true, RC_OK },
        { "application/vnd.syncml.dmddf+xml", false, RC_UNSUPPORTED },
        { "text/plain", false, RC_UNSUPPORTED },
        { "", false, RC_UNSUPPORTED },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct buf out;
        struct ddf_tnds t, back;
        arena_init(&a, BYTES);
        buf_init(&out, 0);
        t = read_xml(OFFICE, &a);
        CU_ASSERT_EQUAL((row[i].wbxml ? ddf_tnds_write_wbxml : ddf_tnds_write_xml)(&t, DDF_TNDS_ALL, &out, NULL),
                        RC_OK);
        CU_ASSERT_EQUAL(ddf_tnds_parse(str_of(row[i].type), buf_str(&out), &a, &back, NULL), row[i].want);
        buf_finish(&out);
        arena_finish(&a);
    }
}

/* --- addresses -------------------------------------------------------------------------------------------------- */

#define LEAF(name) "<Node><NodeName>" name "</NodeName><Value/></Node>"

static void both_readings_of_the_target_are_understood(void)
{
    static const struct {
        const char *body, *target;
        enum ddf_tnds_reading reading;
        bool parent;
        const char *want;
    } row[] = {
        { "<Node><NodeName>B</NodeName>" LEAF("x") "</Node>", "./A", DDF_TNDS_AUTO, true, "./A/B ./A/B/x" },
        { "<Node><NodeName>B</NodeName>" LEAF("x") "</Node>", "./A/B", DDF_TNDS_AUTO, true, "./A/B ./A/B/x" },
        { "<Node><NodeName>B</NodeName>" LEAF("x") "</Node>", "./A/B", DDF_TNDS_AUTO, false, "./A/B/B ./A/B/B/x" },
        { "<Node><NodeName>B</NodeName>" LEAF("x") "</Node>", "./A/B", DDF_TNDS_BELOW, true, "./A/B/B ./A/B/B/x" },
        { "<Node><NodeName>C</NodeName>" LEAF("x") "</Node>", "./A/B", DDF_TNDS_AT, true, "./A/B ./A/B/x" },
        { "<Node><NodeName>B</NodeName></Node>", "A/B", DDF_TNDS_AUTO, true, "./A/B" },
        { "<Node><NodeName/>" LEAF("x") "</Node>", "./A/B", DDF_TNDS_BELOW, true,
          "./A/B ./A/B/x" }, /* no name: the target's */
        { "<Node>" LEAF("x") "</Node>", "./A", DDF_TNDS_AUTO, true, "./A ./A/x" },
        { "<Node><NodeName>B</NodeName></Node>", ".", DDF_TNDS_AUTO, true, "./B" },
        { "<Node><NodeName>B</NodeName><Path>p/q</Path>" LEAF("x") "</Node>", "./A", DDF_TNDS_AUTO, true,
          "./A/p/q/B ./A/p/q/B/x" },
        { "<Node><NodeName>B</NodeName><Path>./p</Path></Node>", "./A", DDF_TNDS_AUTO, true, "./A/p/B" },
        { "<Node><NodeName>B</NodeName><Path>.</Path></Node>", "./A", DDF_TNDS_AUTO, true, "./A/B" },
        { "<Node><NodeName>B</NodeName></Node><Node><NodeName>C</NodeName><Path>B</Path>" LEAF("x") "</Node>", "./A",
          DDF_TNDS_AUTO, true, "./A/B ./A/B/C ./A/B/C/x" },
        { LEAF("x"), "./A/", DDF_TNDS_AUTO, true, NULL },
        { "<Node><NodeName>B</NodeName><Path>../p</Path></Node>", "./A", DDF_TNDS_AUTO, true, NULL },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct buf text, got;
        struct ddf_tnds t;
        struct ddf_tnds_item *items = NULL;
        size_t n = 0;
        enum rc rc;
        arena_init(&a, BYTES);
        buf_init(&text, 0);
        buf_init(&got, 0);
        buf_printf(&text, "<MgmtTree>%s</MgmtTree>", row[i].body);
        t = read_xml(buf_z(&text), &a);
        rc = ddf_tnds_flatten(&t, str_of(row[i].target), row[i].reading, row[i].parent, &a, &items, &n, NULL);
        CU_ASSERT_EQUAL(rc, row[i].want ? RC_OK : RC_PARSE);
        for (size_t k = 0; k < n; k++) buf_printf(&got, "%s%.*s", k ? " " : "", STR_ARG(items[k].uri));
        CU_ASSERT_STRING_EQUAL(buf_z(&got), row[i].want ? row[i].want : "");
        buf_finish(&text);
        buf_finish(&got);
        arena_finish(&a);
    }
}

/* --- ceilings --------------------------------------------------------------------------------------------------- */

static enum rc parse_buf(struct buf *b)
{
    struct arena a;
    struct ddf_tnds t;
    enum rc rc;
    arena_init(&a, 64 << 20);
    rc = ddf_tnds_parse_xml(buf_str(b), &a, &t, NULL);
    arena_finish(&a);
    buf_finish(b);
    return rc;
}

static void ceilings_are_ordinary_outcomes(void)
{
    struct buf b;
    for (unsigned depth = DDF_TNDS_DEPTH; depth <= DDF_TNDS_DEPTH + 1; depth++) {
        buf_init(&b, 0);
        buf_putz(&b, "<MgmtTree>");
        for (unsigned i = 0; i < depth; i++) buf_putz(&b, "<Node><NodeName>n</NodeName>");
        for (unsigned i = 0; i < depth; i++) buf_putz(&b, "</Node>");
        buf_putz(&b, "</MgmtTree>");
        CU_ASSERT_EQUAL(parse_buf(&b), depth == DDF_TNDS_DEPTH ? RC_OK : RC_LIMIT);
    }
    for (unsigned n = DDF_TNDS_CHILDREN; n <= DDF_TNDS_CHILDREN + 1; n++) {
        buf_init(&b, 0);
        buf_putz(&b, "<MgmtTree><Node><NodeName>a</NodeName>");
        for (unsigned i = 0; i < n; i++) buf_printf(&b, "<Node><NodeName>n%u</NodeName></Node>", i);
        buf_putz(&b, "</Node></MgmtTree>");
        CU_ASSERT_EQUAL(parse_buf(&b), n == DDF_TNDS_CHILDREN ? RC_OK : RC_LIMIT);
    }
    buf_init(&b, 0);
    buf_putz(&b, "<MgmtTree>");
    for (unsigned i = 0; i <= DDF_TNDS_NODES; i++) buf_printf(&b, "<Node><NodeName>n%u</NodeName></Node>", i);
    buf_putz(&b, "</MgmtTree>");
    CU_ASSERT_EQUAL(parse_buf(&b), RC_LIMIT);
    buf_init(&b, 0);
    buf_putz(&b, "<MgmtTree><x>");
    for (unsigned i = 0; i <= TNDS_OPEN; i++) buf_putz(&b, "<y>");
    CU_ASSERT_EQUAL(parse_buf(&b), RC_LIMIT);
    buf_init(&b, 0);
    memset(buf_room(&b, DDF_TNDS_BYTES + 1), ' ', DDF_TNDS_BYTES + 1);
    CU_ASSERT_EQUAL(parse_buf(&b), RC_LIMIT);

    /* what we would write must be what a peer would read */
    struct arena a;
    struct ddf_tnds t = { .first = NULL };
    struct ddf_tnds_node *n = NULL;
    arena_init(&a, BYTES);
    for (unsigned i = 0; i <= DDF_TNDS_DEPTH; i++) n = ddf_tnds_append(&t, n, STR("n"), &a);
    buf_init(&b, 0);
    CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_ALL, &b, NULL), RC_LIMIT);
    CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&t, DDF_TNDS_ALL, &b, NULL), RC_LIMIT);
    buf_finish(&b);
    buf_init(&b, 20);
    t.first->first = NULL;
    CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_ALL, &b, NULL), RC_LIMIT);
    buf_finish(&b);
    arena_finish(&a);
}

static void survives_running_out_of_memory(void)
{
    struct arena big;
    struct buf wbxml;
    struct ddf_tnds t;
    arena_init(&big, BYTES);
    buf_init(&wbxml, 0);
    t = read_xml(OFFICE, &big);
    CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&t, DDF_TNDS_ALL, &wbxml, NULL), RC_OK);
    for (int form = 0; form < 2; form++) {
        enum rc rc = RC_NOMEM;
        for (size_t limit = 0; rc == RC_NOMEM; limit += 32) {
            struct arena a;
            struct ddf_tnds back;
            struct ddf_tnds_item *items;
            size_t n;
            CU_ASSERT_FATAL(limit < 100000);
            arena_init(&a, limit);
            rc = form ? ddf_tnds_parse_wbxml(buf_str(&wbxml), &a, &back, NULL)
                      : ddf_tnds_parse_xml(STR(OFFICE), &a, &back, NULL);
            if (!rc) rc = ddf_tnds_flatten(&back, STR("./Acme/Wifi"), DDF_TNDS_AUTO, true, &a, &items, &n, NULL);
            arena_finish(&a);
        }
        CU_ASSERT_EQUAL(rc, RC_OK);
    }
    buf_finish(&wbxml);
    arena_finish(&big);
}

/* --- libwbxml as an independent opinion (tame texts: it alters others) -------------------------------------------- */

static struct str converted(struct str in, bool to_wbxml)
{
    WB_UTINY *out = NULL;
    WB_ULONG n = 0;
    unsigned char *p = malloc(in.n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    memcpy(p, in.p, in.n);
    if (to_wbxml) {
        WBXMLConvXML2WBXML *conv = NULL;
        CU_ASSERT_EQUAL_FATAL(wbxml_conv_xml2wbxml_create(&conv), WBXML_OK);
        wbxml_conv_xml2wbxml_enable_preserve_whitespaces(conv);
        CU_ASSERT_EQUAL_FATAL(wbxml_conv_xml2wbxml_run(conv, p, (WB_ULONG)in.n, &out, &n), WBXML_OK);
        wbxml_conv_xml2wbxml_destroy(conv);
    } else {
        WBXMLConvWBXML2XML *conv = NULL;
        CU_ASSERT_EQUAL_FATAL(wbxml_conv_wbxml2xml_create(&conv), WBXML_OK);
        wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_CANONICAL);
        wbxml_conv_wbxml2xml_enable_preserve_whitespaces(conv);
        CU_ASSERT_EQUAL_FATAL(wbxml_conv_wbxml2xml_run(conv, p, (WB_ULONG)in.n, &out, &n), WBXML_OK);
        wbxml_conv_wbxml2xml_destroy(conv);
    }
    free(p);
    return (struct str){ (char *)out, n };
}

static void drop_bin(struct ddf_tnds_node *n)
{
    for (; n; n = n->next) {
        if (n->format == DDF_BIN) n->format = DDF_CHR; /* libwbxml copies octets into its XML as they are */
        drop_bin(n->first);
    }
}

static void agrees_with_libwbxml(void)
{
    uint64_t seed = 99;
    for (int round = 0; round < 100; round++) {
        struct arena a;
        struct buf ours;
        struct ddf_tnds t = { .man = STR("Acme") }, back;
        struct str theirs;
        arena_init(&a, BYTES);
        random_node(&t, NULL, 0, true, &seed, &a);
        drop_bin(t.first);
        buf_init(&ours, 0);
        CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&t, DDF_TNDS_ALL, &ours, NULL), RC_OK); /* we write, they read */
        theirs = converted(buf_str(&ours), false);
        CU_ASSERT_EQUAL_FATAL(ddf_tnds_parse_xml(theirs, &a, &back, NULL), RC_OK);
        CU_ASSERT(tnds_same(&t, &back));
        free((void *)(uintptr_t)theirs.p);
        buf_reset(&ours);
        buf_putz(&ours, "<?xml version=\"1.0\"?><!DOCTYPE MgmtTree PUBLIC \"-//OMA//DTD-DM-DDF 1.2//EN\" \"x\">");
        CU_ASSERT_EQUAL(ddf_tnds_write_xml(&t, DDF_TNDS_ALL, &ours, NULL), RC_OK); /* they write, we read */
        theirs = converted(buf_str(&ours), true);
        CU_ASSERT_EQUAL_FATAL(ddf_tnds_parse_wbxml(theirs, &a, &back, NULL), RC_OK);
        CU_ASSERT(tnds_same(&t, &back));
        free((void *)(uintptr_t)theirs.p);
        buf_finish(&ours);
        arena_finish(&a);
    }
}

TEST_MAIN("ddf.tnds", TEST(tokens_are_those_of_code_page_2), TEST_OF("X-001", reads_the_published_example),
          TEST(what_is_not_said_is_inherited), TEST(refuses_what_is_no_tree), TEST(refuses_what_is_no_wbxml),
          TEST_OF("X-001 X-006 X-008", a_tree_survives_both_encodings),
          TEST_OF("X-006", nothing_in_a_value_can_end_a_cdata_section),
          TEST_OF("X-005", only_what_was_asked_for_is_written), TEST(what_an_encoding_cannot_hold_is_an_error),
          TEST(the_type_decides_unless_it_lies), TEST(both_readings_of_the_target_are_understood),
          TEST(ceilings_are_ordinary_outcomes), TEST(survives_running_out_of_memory), TEST(agrees_with_libwbxml))
