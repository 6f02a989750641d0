/* SPDX-License-Identifier: Apache-2.0 */
/* The WBXML decoder and encoder, to the octet, and libwbxml's opinion of both (protocol.md 17 and 18). */
#include "tests/syncml/codec_lib.h"
#include "tests/lib/test.h"
#include <wbxml/wbxml.h>

#define P(lit)                                                                                                         \
    {                                                                                                                  \
        lit, sizeof(lit) - 1                                                                                           \
    }
#define HEAD    "\x03\xA4\x01\x6A\x00"
#define S(text) "\x03" text "\0" /* STR_I */
#define HDR                                                                                                            \
    "\x6C\x71" S("1.2") "\x01\x72" S("DM/1.2") "\x01\x65" S("2F") "\x01\x5B" S(                                        \
        "1") "\x01"                                                                                                    \
             "\x6E\x57" S("s") "\x01\x01\x67\x57" S("d") "\x01\x01\x01"
#define DOC(body) "\x6D" HDR "\x6B" body "\x01\x01"
#define MSG(body) HEAD DOC(body)
/* <Get><CmdID>text</CmdID></Get> */
#define GET(text)       "\x53\x4B" text "\x01\x01"
#define ITEM_DATA(text) "\x45\x54\x4F" text "\x01\x01\x01"

static void reads_every_form_of_a_text(void)
{
    static const struct {
        const char *what;
        struct str in;
        const char *want;
    } row[] = {
        { "inline", P(MSG(GET(S("1")))), "<Get><CmdID>1</CmdID></Get>" },
        { "opaque",
          P(MSG(GET("\xC3\x02"
                    "12"))),
          "<Get><CmdID>12</CmdID></Get>" },
        { "from the string table",
          P("\x03\xA4\x01\x6A\x08"
            "abc\0def\0" DOC(GET("\x83\x04"))),
          "<Get><CmdID>def</CmdID></Get>" },
        { "from the table's end, without a NUL",
          P("\x03\xA4\x01\x6A\x07"
            "abc\0def" DOC(GET("\x83\x04"))),
          "<Get><CmdID>def</CmdID></Get>" },
        { "with extensions in between", P(MSG(GET(S("1") "\xC0\x40x\0\x80\x01" S("2")))),
          "<Get><CmdID>12</CmdID></Get>" },
        { "beside a tag that page 1 does not have",
          P(MSG("\x53\x5A\x00\x01\x57" S("x") "\x01\x00\x00\x01\x4B" S("1") "\x01\x01")),
          "<Get><CmdID>1</CmdID><Meta></Meta></Get>" },
        { "beside a page that nobody has", P(MSG("\x53\x5A\x00\x09\x07\x00\x00\x01\x4B" S("1") "\x01\x01")),
          "<Get><CmdID>1</CmdID><Meta></Meta></Get>" },
        { "the middle of one",
          P("\x03\xA4\x01\x6A\x08"
            "abc\0def\0" DOC(GET("\x83\x05"))),
          "<Get><CmdID>ef</CmdID></Get>" },
        { "entities", P(MSG(GET("\x02\x41\x02\x81\x64\x02\xC1\x2C\x02\x87\xEC\x00"))),
          "<Get><CmdID>A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80</CmdID></Get>" },
        { "pieces",
          P(MSG(GET(S("1") "\xC3\x01"
                           "2"
                           "\x02\x33" S("4") S("")))),
          "<Get><CmdID>1234</CmdID></Get>" },
        { "nothing", P(MSG("\x53\x0B\x01" GET(""))), "<Get></Get><Get></Get>" },
        { "blanks around structure", P(MSG(GET(S(" 1\r\n")))), "<Get><CmdID>1</CmdID></Get>" },
        { "Data to the octet", P(MSG(ITEM_DATA(S(" a\r\n<&>]]>b ")))),
          "<Add><Item><Data> a&#13;\n&lt;&amp;&gt;]]&gt;b </Data></Item></Add>" },
        { "empty Data", P(MSG("\x45\x54\x0F\x01\x54\x4F\x01\x01\x54\x4F\xC3\x00\x01\x01\x14\x01")),
          "<Add><Item><Data/></Item><Item><Data/></Item><Item><Data/></Item><Item></Item></Add>" },
        { "Latin-1",
          P("\x03\xA4\x01\x04\x00" DOC(GET(S("\xE4"
                                             "1")))),
          "<Get><CmdID>\xC3\xA4"
          "1</CmdID></Get>" },
        { "pages",
          P(MSG("\x53\x5A\x00\x01\x47" S("CHR") "\x01\x00\x00\x01\x54\x5A\x00\x01\x53" S(
              "t") "\x01\x01\x00\x00\x01\x01")),
          "<Get><Meta><Format" M_ ">chr</Format></Meta><Item><Meta><Type" M_ ">t</Type></Meta></Item></Get>" },
        { "MetInf wrapper, and what Meta has besides",
          P(MSG("\x53\x5A\x00\x01\x4E\x45\x4F" S("1") "\x01\x01\x4C" S("5") "\x01\x52" S(
              "4") "\x01\x01\x01\x00\x00\x01")),
          "<Get><Meta><Size" M_ ">4</Size><MaxMsgSize" M_ ">5</MaxMsgSize></Meta></Get>" },
        { "a page switch in front of text changes tags only", P(MSG("\x53\x4B\x00\x01" S("1") "\x00\x00\x01\x01")),
          "<Get><CmdID>1</CmdID></Get>" },
        { "a nonce as octets",
          P(MSG("\x69\x49\x5A\x00\x01\x50\xC3\x05"
                "Nonce\x01\x01\x00\x00\x01\x01")),
          "<Status><Chal><Meta><NextNonce" M_ ">Tm9uY2U=</NextNonce></Meta></Chal></Status>" },
        { "a nonce as base64 in an OPAQUE",
          P(MSG("\x69\x49\x5A\x00\x01\x50\xC3\x08"
                "Tm9uY2U=\x01\x01\x00\x00\x01\x01")),
          "<Status><Chal><Meta><NextNonce" M_ ">Tm9uY2U=</NextNonce></Meta></Chal></Status>" },
        { "credentials as octets", P(MSG("\x69\x4E\x4F\xC3\x03\xFF\xFE\xFD\x01\x01\x01")),
          "<Status><Cred><Data>//79</Data></Cred></Status>" },
        { "credentials as octets that nearly look like base64",
          P(MSG("\x69\x4E\x4F\xC3\x04"
                "a=bc\x01\x01\x01")),
          "<Status><Cred><Data>YT1iYw==</Data></Cred></Status>" },
        { "attributes are passed over",
          P(MSG("\x93\x05\x03x\0\x85\xC3\x02\x01\x01\x00\x02\x02\x44\x83\x00\x04\x00\x41x\0\x81\x07\xC1\x01"
                "\xD3\x01\xCB\x05\x01" S("1") "\x01\x01")),
          "<Get></Get><Get><CmdID>1</CmdID></Get>" },
        { "a literal with attributes, as some phones send xmlns",
          P("\x03\xA4\x01\x6A\x06"
            "xmlns\0"
            "\xED\x04\x00\x03SYNCML:SYNCML1.2\0\x01" HDR "\x6B" GET(S("1")) "\x01\x01"),
          "<Get><CmdID>1</CmdID></Get>" },
        { "a literal that spells an element we know",
          P("\x03\xA4\x01\x6A\x04"
            "Get\0" DOC("\x44\x00\x4B" S("1") "\x01\x01")),
          "<Get><CmdID>1</CmdID></Get>" },
        { "a literal inside a command is passed over, whatever is in it",
          P("\x03\xA4\x01\x6A\x05"
            "Frob\0" DOC("\x53\x44\x00" S("x") "\x70\x42x\0\x01\x82\x05\x3F\xC1\xBF\x01\x01"
                                               "\x4B" S("1") "\x01\x01")),
          "<Get><CmdID>1</CmdID></Get>" },
        { "processing instructions", P(HEAD "\x43\x05\x03x\0\x01" DOC("\x43\x06\x01" GET(S("1"))) "\x43\x05\x01"),
          "<Get><CmdID>1</CmdID></Get>" },
        { "containers", P(MSG("\x64\x4B" S("1") "\x01\x48\x45\x4B" S("2") "\x01\x01\x01\x01\x12")),
          "<Sequence><CmdID>1</CmdID><Atomic><Add><CmdID>2</CmdID></Add></Atomic></Sequence><Final/>" },
        { "everything of a command",
          P(MSG("\x69\x4B" S("1") "\x01\x5C" S("2") "\x01\x4C" S("3") "\x01\x4A" S("Get") "\x01\x6F" S(
              "./t") "\x01\x68" S("./s") "\x01\x4F" S("200") "\x01\x7C" S("c") "\x01\x1D"
                                                                               "\x54\x34\x01\x01")),
          "<Status><CmdID>1</CmdID><NoResp/><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Get</Cmd><TargetRef>./t</TargetRef><SourceRef>./s</SourceRef><Data>200</Data>"
          "<Correlator>c</Correlator><Item><MoreData/></Item></Status>" },
        { "a tree as tags of page 2 in Data",
          P(MSG(ITEM_DATA("\x00\x02\x60\x77" S("1.2") "\x01\x64\x66" S("A&B") "\x01\x25\x01\x01\x00\x00"))),
          "<Add><Item><Data>&lt;MgmtTree xmlns=\"syncml:dmddf1.2\"&gt;&lt;VerDTD&gt;1.2&lt;/VerDTD&gt;&lt;Node&gt;&lt;NodeName&gt;A&amp;amp;B&lt;/NodeName&gt;"
          "&lt;node&gt;&lt;/node&gt;&lt;/Node&gt;&lt;/MgmtTree&gt;</Data></Item></Add>" },
        { "octets, text, pages and literals in such a tree",
          P("\x03\xA4\x01\x6A\x04"
            "m:x\0" DOC(ITEM_DATA(
                S("<") "\x00\x02\x76\xC3\x02\xFF\xFE\x02\x3C\x04\x00\x00\x01\x47" S("b") "\x01\x01\x00\x00" S("&")))),
          "<Add><Item><Data>&amp;lt;&lt;Value xmlns=\"syncml:dmddf1.2\"&gt;//4=&amp;lt;&lt;m:x&gt;&lt;/m:x&gt;&lt;Format xmlns=\"syncml:metinf\"&gt;b&lt;/Format&gt;&lt;/Value&gt;&amp;amp;</Data></Item></Add>" },
        { "two such items", P(MSG("\x45\x54\x4F\x00\x02\x25\x00\x00\x01\x01\x54\x4F" S("x<") "\x01\x01\x01")),
          "<Add><Item><Data>&lt;node xmlns=\"syncml:dmddf1.2\"&gt;&lt;/node&gt;</Data></Item><Item><Data>x&lt;</Data></Item></Add>" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        arena_init(&a, SML_MSG_ARENA_BYTES);
        CU_ASSERT_TRUE(same_text(row[i].what, xml_body(SML_WBXML, row[i].in, &a), str_of(row[i].want)));
        arena_finish(&a);
    }
}

static void takes_every_header(void)
{
    static const struct {
        const char *what;
        struct str in;
        enum sml_dtd dtd;
    } row[] = {
        { "1.3, 1.2", P(HEAD), SML_DTD_1_2 },
        { "WBXML 1.2", P("\x02\xA4\x01\x6A\x00"), SML_DTD_1_2 },
        { "WBXML 1.1", P("\x01\xA4\x01\x6A\x00"), SML_DTD_1_2 },
        { "WBXML 1.0 has no charset", P("\x00\xA4\x01\x00"), SML_DTD_1_2 },
        { "WBXML 1.9", P("\x09\xA4\x01\x6A\x00"), SML_DTD_1_2 },
        { "SyncML 1.1", P("\x02\x9F\x53\x6A\x00"), SML_DTD_1_1 },
        { "formal name 1.2",
          P("\x03\x00\x00\x6A\x1E"
            "-//SYNCML//DTD SyncML 1.2//EN\0"),
          SML_DTD_1_2 },
        { "formal name 1.1 behind another text",
          P("\x03\x00\x02\x6A\x20"
            "x\0-//SYNCML//DTD SyncML 1.1//EN\0"),
          SML_DTD_1_1 },
        { "formal name of something else: the media type knows better",
          P("\x03\x00\x00\x6A\x02"
            "x\0"),
          SML_DTD_1_2 },
        { "a formal name that ends with the table",
          P("\x03\x00\x00\x6A\x1D"
            "-//SYNCML//DTD SyncML 1.1//EN"),
          SML_DTD_1_1 },
        { "the same behind another string",
          P("\x02\x00\x02\x6A\x1F"
            "x\0-//SYNCML//DTD SyncML 1.1//EN"),
          SML_DTD_1_1 },
        { "1.2 without a NUL",
          P("\x03\x00\x00\x6A\x1D"
            "-//SYNCML//DTD SyncML 1.2//EN"),
          SML_DTD_1_2 },
        { "1.0 without a NUL",
          P("\x01\x00\x00\x6A\x1D"
            "-//SYNCML//DTD SyncML 1.0//EN"),
          SML_DTD_1_2 },
        { "a formal name past the table",
          P("\x03\x00\x07\x6A\x02"
            "x\0"),
          SML_DTD_1_2 },
        { "unknown", P("\x03\x01\x6A\x00"), SML_DTD_1_2 },
        { "another number", P("\x03\xFD\x11\x6A\x00"), SML_DTD_1_2 },
        { "charset unknown", P("\x03\xA4\x01\x00\x00"), SML_DTD_1_2 },
        { "charset ASCII", P("\x03\xA4\x01\x03\x00"), SML_DTD_1_2 },
        { "charset Latin-1", P("\x03\xA4\x01\x04\x00"), SML_DTD_1_2 },
        { "a string table nobody uses",
          P("\x03\xA4\x01\x6A\x03"
            "abc"),
          SML_DTD_1_2 },
    };
    static const char doc[] = DOC(GET(S("1"))), doc11[] = "\x6D\x6C\x71" S("1.1") "\x01\x01\x6B" GET(S("1")) "\x01\x01";
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct sml_msg m = { 0 };
        struct err e = { 0 };
        char in[512];
        arena_init(&a, SML_MSG_ARENA_BYTES);
        memcpy(in, row[i].in.p, row[i].in.n);
        memcpy(in + row[i].in.n, doc, sizeof doc - 1);
        enum rc rc = sml_decode(SML_WBXML, (struct str){ in, row[i].in.n + sizeof doc - 1 }, &a, &m, &e);
        if (rc) fprintf(stderr, "\n%s: %s\n", row[i].what, e.text);
        CU_ASSERT_EQUAL(rc, RC_OK);
        CU_ASSERT_EQUAL(m.dtd, row[i].dtd);
        CU_ASSERT_TRUE(!rc && str_is(m.cmds->cmd_id, "1"));
        arena_finish(&a);
    }
    struct arena a;
    struct sml_msg m = { 0 };
    char in[512] = "\x03\x01\x6A";
    arena_init(&a, SML_MSG_ARENA_BYTES);
    memcpy(in + 4, doc11, sizeof doc11 - 1);
    CU_ASSERT_EQUAL(sml_decode(SML_WBXML, (struct str){ in, 4 + sizeof doc11 - 1 }, &a, &m, NULL), RC_OK);
    CU_ASSERT_EQUAL(m.dtd, SML_DTD_1_1); /* VerDTD has the last word */
    arena_finish(&a);
}

static void refuses_what_is_malformed(void)
{
    static const struct {
        const char *what;
        struct str in;
        enum rc rc;
        const char *text;
    } row[] = {
        { "nothing", P(""), RC_PARSE, "header" },
        { "a header that ends", P("\x03\xA4"), RC_PARSE, "header" },
        { "no document", P(HEAD), RC_PARSE, "too early" },
        { "XML", P("<SyncML/>"), RC_PARSE, "" },
        { "WBXML 2.0", P("\x10\xA4\x01\x6A\x00" DOC(GET(S("1")))), RC_PARSE, "1.x" },
        { "UTF-16", P("\x03\xA4\x01\x87\x77\x00" DOC(GET(S("1")))), RC_PARSE, "charset 1015" },
        { "string table past the end", P("\x03\xA4\x01\x6A\x8F\xFF\xFF\xFF\x7F" DOC(GET(S("1")))), RC_PARSE, "header" },
        { "number of six octets", P("\x03\x81\x80\x80\x80\x80\x00\x6A\x00" DOC(GET(S("1")))), RC_PARSE, "header" },
        { "number over 32 bits", P("\x03\x9F\xFF\xFF\xFF\x7F\x6A\x00" DOC(GET(S("1")))), RC_PARSE, "header" },
        { "more behind the end", P(MSG(GET(S("1"))) "\x00"), RC_PARSE, "after the end" },
        { "a second document", P(MSG(GET(S("1"))) "\x2D"), RC_PARSE, "after the end" },
        { "an END too many", P(MSG(GET(S("1"))) "\x01"), RC_PARSE, "after the end" },
        { "an END first", P(HEAD "\x01"), RC_PARSE, "end without" },
        { "text first", P(HEAD S("x") "\x2D"), RC_PARSE, "outside" },
        { "too few ENDs", P(HEAD "\x6D" HDR "\x6B\x01"), RC_PARSE, "too early" },
        { "another root", P(HEAD "\x53\x01"), RC_PARSE, "root element is Get" },
        { "no body", P(HEAD "\x6D" HDR "\x01"), RC_PARSE, "without SyncBody" },
        { "no header", P(HEAD "\x6D\x2B\x01"), RC_PARSE, "without SyncHdr" },
        { "a tag inside an address", P(MSG("\x53\x54\x6E\x57\x7F" S("x") "\x01\x01\x01\x01\x01")), RC_PARSE,
          "inside a text" },
        { "an extension past the end", P(MSG(GET("\x80\xFF\xFF\xFF\xFF\xFF"))), RC_PARSE, "in the middle" },
        { "text without an end",
          P(HEAD "\x6D" HDR "\x6B\x53\x4B\x03"
                 "12"),
          RC_PARSE, "in the middle" },
        { "OPAQUE past the end",
          P(MSG(GET("\xC3\x7F"
                    "1"))),
          RC_PARSE, "in the middle" },
        { "OPAQUE of 4 GiB", P(MSG(GET("\xC3\x8F\xFF\xFF\xFF\x7F"))), RC_PARSE, "in the middle" },
        { "page switch at the end", P(HEAD "\x6D\x00"), RC_PARSE, "in the middle" },
        { "attributes without an end", P(HEAD "\xED\x05\x85"), RC_PARSE, "in the middle" },
        { "a string the table does not have", P(MSG(GET("\x83\x00"))), RC_PARSE, "string table" },
        { "a literal the table does not have", P(MSG("\x44\x00\x01")), RC_PARSE, "string table" },
        { "a literal that is no name",
          P("\x03\xA4\x01\x6A\x05"
            "a<b>\0" DOC("\x04\x00")),
          RC_PARSE, "no name" },
        { "an empty literal", P("\x03\xA4\x01\x6A\x01\0" DOC("\x04\x00")), RC_PARSE, "no name" },
        { "entity 0", P(MSG(GET("\x02\x00"))), RC_PARSE, "no character" },
        { "entity that is a surrogate", P(MSG(GET("\x02\x83\xB0\x00"))), RC_PARSE, "no character" },
        { "entity past Unicode", P(MSG(GET("\x02\xC4\x80\x00"))), RC_PARSE, "no character" },
        { "entity of 31 bits", P(MSG(GET("\x02\x88\x80\x80\x80\x00"))), RC_PARSE, "no character" },
        { "text that is not UTF-8", P(MSG(GET(S("\xC3\x28")))), RC_PARSE, "UTF-8" },
        { "structure that is not text", P(MSG(GET("\xC3\x02\x00\xFF"))), RC_PARSE, "not text" },
        { "structure of pieces that are no text", P(MSG(GET("\xC3\x01\xC3\xC3\x01\x28"))), RC_PARSE, "not text" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct sml_msg m = { .final = true };
        struct err e = { 0 };
        arena_init(&a, SML_MSG_ARENA_BYTES);
        enum rc rc = sml_decode(SML_WBXML, row[i].in, &a, &m, &e);
        if (rc != row[i].rc || !strstr(e.text, row[i].text))
            fprintf(stderr, "\n%s: %s: %s\n", row[i].what, rc_text(rc), e.text);
        CU_ASSERT_EQUAL(rc, row[i].rc);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].text));
        CU_ASSERT_TRUE(m.final); /* untouched */
        arena_finish(&a);
    }
}

/* No prefix of a message is a message, and none makes the decoder read past its end (the sanitizers look). */
static void refuses_every_prefix(void)
{
    static const char doc[] = MSG("\x69\x49\x5A\x00\x01\x50\xC3\x05Nonce\x01\x01\x00\x00\x01\x01" ITEM_DATA(
        "\x00\x02\x60\x77" S("1.2") "\x01\x01\x00\x00") "\x93\x05\x03x\0\x01\x53\x4B\x02\x81\x64\x01\x01");
    for (size_t n = 0; n < sizeof doc; n++) {
        struct arena a;
        struct sml_msg m;
        char *exact = malloc(n ? n : 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
        memcpy(exact, doc, n);
        arena_init(&a, SML_MSG_ARENA_BYTES);
        CU_ASSERT_EQUAL(sml_decode(SML_WBXML, (struct str){ exact, n }, &a, &m, NULL),
                        n == sizeof doc - 1 ? RC_OK : RC_PARSE);
        arena_finish(&a);
        free(exact);
    }
}

static enum rc decode_many(struct str unit, size_t n, struct str before)
{
    struct arena a;
    struct buf doc;
    struct sml_msg m;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    buf_init(&doc, 0);
    buf_put(&doc, before);
    while (n--) buf_put(&doc, unit);
    enum rc rc = sml_decode(SML_WBXML, buf_str(&doc), &a, &m, NULL);
    buf_finish(&doc);
    arena_finish(&a);
    return rc;
}

static void keeps_its_ceilings(void)
{
    struct str body = STR(HEAD "\x6D\x6B"), data = STR(HEAD "\x6D\x6B\x45\x54\x4F\x00\x02");
    CU_ASSERT_EQUAL(decode_many(STR("\x64"), 200000, body), RC_LIMIT); /* Sequence in Sequence */
    CU_ASSERT_EQUAL(decode_many(STR("\x64"), 200000, data), RC_LIMIT); /* Node in Node */
    CU_ASSERT_EQUAL(decode_many(STR("\x54"), 200000, body), RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many(STR("\x07"), 100000, STR(HEAD "\x6D\x6B\x50")), RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many(STR("\x25"), 100000, data), RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many(STR("\x02\x41"), SML_MSG_BYTES, body), RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many(STR("\x02\x81\x64"), 300000, STR(HEAD "\x6D\x6B\x45\x54\x4F")),
                    RC_PARSE); /* only its end is missing */
}

static void survives_running_out_of_memory(void)
{
    static const char doc[] = "\x03\xA4\x01\x04\x06"
                              "Frobx\0" DOC("\x44\x00\x4B" S("\xE4") "\x01\x01" ITEM_DATA(
                                  "\x00\x02\x60\x77" S("1.2") "\x01\x01\x00\x00")
                                                GET("\x02\x41") "\x69\x4E\x4F\xC3\x03\xFF\xFE\xFD\x01\x01\x01");
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 16) {
        struct arena a;
        struct sml_msg m;
        CU_ASSERT_FATAL(limit < 16384);
        arena_init(&a, limit);
        rc = sml_decode(SML_WBXML, (struct str){ doc, sizeof doc - 1 }, &a, &m, NULL);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

static void writes_the_octets_of_the_reference(void)
{
    struct sml_item item = { .target = STR("./A"),
                             .meta = { .present = true, .format = STR("bin"), .has_size = true, .size = 300 },
                             .data = STR("a\0b"),
                             .has_data = true,
                             .more_data = true };
    struct sml_cmd get = { .kind = SML_GET, .cmd_id = STR("2") },
                   add = { .kind = SML_ADD, .cmd_id = STR("1"), .items = &item, .next = &get };
    struct sml_msg m = { .ver_dtd = STR("1.2"),
                         .ver_proto = STR("DM/1.2"),
                         .session_id = STR("2F"),
                         .msg_id = STR("1"),
                         .target = STR("s"),
                         .source = STR("d"),
                         .final = true,
                         .cmds = &add };
    static const char want[] = HEAD
        "\x6D" HDR "\x6B\x45\x4B" S("1") "\x01\x54\x6E\x57" S("./A") "\x01\x01\x5A\x00\x01\x47" S("bin") "\x01\x52" S(
            "300") "\x01\x01\x00\x00\x4F\xC3\x03"
                   "a\0b\x01\x34\x01\x01" GET(S("2")) "\x12\x01\x01";
    struct buf out;
    buf_init(&out, 0);
    CU_ASSERT_EQUAL(sml_encode(SML_WBXML, &m, &out, NULL), RC_OK);
    CU_ASSERT_TRUE(str_eq(buf_str(&out), (struct str){ want, sizeof want - 1 }));
    m.dtd = SML_DTD_1_1;
    buf_reset(&out);
    CU_ASSERT_EQUAL(sml_encode(SML_WBXML, &m, &out, NULL), RC_OK);
    CU_ASSERT_TRUE(str_starts(buf_str(&out), STR("\x03\x9F\x53\x6A\x00\x6D")));
    /* an item that ends on page 1: the next command must not have to know */
    item = (struct sml_item){ .meta = item.meta };
    buf_reset(&out);
    CU_ASSERT_EQUAL(sml_encode(SML_WBXML, &m, &out, NULL), RC_OK);
    struct arena a;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    CU_ASSERT_TRUE(same_text("page", xml_body(SML_WBXML, buf_str(&out), &a),
                             STR("<Add><CmdID>1</CmdID><Item><Meta><Format" M_ ">bin</Format><Size" M_
                                 ">300</Size></Meta></Item></Add><Get><CmdID>2</CmdID></Get><Final/>")));
    arena_finish(&a);
    buf_finish(&out);
}

/* --- libwbxml as an independent opinion, where it has one (protocol.md 18): values without line breaks, not the
 * embedded types ---- */

static const char *const shared[] = {
    "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Replace><CmdID>2</CmdID><Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>IMEI:001010000000017</Data></Item>"
    "<Item><Source><LocURI>./DevInfo/Lang</LocURI></Source><Data>en-GB</Data></Item></Replace><Final/>",
    "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><TargetRef>https://dm.example.net/dm?a=1&amp;b=2</TargetRef><SourceRef>IMEI:1</SourceRef>"
    "<Chal><Meta><Format" M_ ">b64</Format><Type" M_ ">syncml:auth-md5</Type><NextNonce" M_
    ">3q2+796tvu/erb7v3q2+7w==</NextNonce></Meta></Chal><Data>212</Data></Status>"
    "<Get><CmdID>4</CmdID><Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item></Get><Final/>",
    "<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./a</LocURI></Source><Meta><Format" M_
    ">chr</Format><Type" M_ ">text/plain</Type>"
    "<Size" M_
    ">5</Size></Meta><Data>7.2.1 \xC3\xA4\xE2\x82\xAC &lt;x&gt; &amp;amp;</Data><MoreData/></Item></Results>",
    "<Atomic><CmdID>5</CmdID><Exec><CmdID>7</CmdID><Correlator>job-71</Correlator><Item><Target><LocURI>./x</LocURI></Target></Item></Exec><Delete><CmdID>8</CmdID><Item><Target>"
    "<LocURI>./y</LocURI></Target></Item></Delete></Atomic><Copy><CmdID>9</CmdID><Item><Target><LocURI>./z</LocURI></Target><Source><LocURI>./y</LocURI></Source></Item></Copy><Final/>",
};

static struct str libwbxml_encode(struct str xml, bool string_table)
{
    WBXMLConvXML2WBXML *conv = NULL;
    WB_UTINY *out = NULL;
    WB_ULONG n = 0;
    char *in = malloc(xml.n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    memcpy(in, xml.p, xml.n);
    CU_ASSERT_EQUAL_FATAL(wbxml_conv_xml2wbxml_create(&conv), WBXML_OK);
    wbxml_conv_xml2wbxml_enable_preserve_whitespaces(conv);
    if (!string_table) wbxml_conv_xml2wbxml_disable_string_table(conv);
    CU_ASSERT_EQUAL_FATAL(wbxml_conv_xml2wbxml_run(conv, (WB_UTINY *)in, (WB_ULONG)xml.n, &out, &n), WBXML_OK);
    wbxml_conv_xml2wbxml_destroy(conv);
    free(in);
    return (struct str){ (char *)out, n };
}

static struct str libwbxml_decode(struct str wbxml)
{
    WBXMLConvWBXML2XML *conv = NULL;
    WB_UTINY *out = NULL;
    WB_ULONG n = 0;
    char *in = malloc(wbxml.n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    memcpy(in, wbxml.p, wbxml.n);
    CU_ASSERT_EQUAL_FATAL(wbxml_conv_wbxml2xml_create(&conv), WBXML_OK);
    wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_CANONICAL);
    wbxml_conv_wbxml2xml_enable_preserve_whitespaces(conv);
    CU_ASSERT_EQUAL_FATAL(wbxml_conv_wbxml2xml_run(conv, (WB_UTINY *)in, (WB_ULONG)wbxml.n, &out, &n), WBXML_OK);
    wbxml_conv_wbxml2xml_destroy(conv);
    free(in);
    return (struct str){ (char *)out, n };
}

static void agrees_with_libwbxml(void)
{
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        struct arena a;
        struct buf xml, ours;
        struct sml_msg m;
        arena_init(&a, SML_MSG_ARENA_BYTES);
        buf_init(&xml, 0);
        buf_init(&ours, 0);
        buf_printf(&xml,
                   "<?xml version=\"1.0\"?><!DOCTYPE SyncML PUBLIC \"-//SYNCML//DTD SyncML 1.2//EN\" \"x\">%s%s%s",
                   XML_ROOT XML_HEAD "<SyncBody>", shared[i], "</SyncBody></SyncML>");
        for (int table = 0; table < 2; table++) { /* they write, we read */
            struct str theirs = libwbxml_encode(buf_str(&xml), table);
            CU_ASSERT_TRUE(same_text("theirs", xml_body(SML_WBXML, theirs, &a), str_of(shared[i])));
            free((void *)(uintptr_t)theirs.p);
        }
        CU_ASSERT_EQUAL(sml_decode(SML_XML, buf_str(&xml), &a, &m, NULL), RC_OK);
        CU_ASSERT_EQUAL(sml_encode(SML_WBXML, &m, &ours, NULL), RC_OK);
        struct str back = libwbxml_decode(buf_str(&ours)); /* we write, they read */
        CU_ASSERT_TRUE(same_text("ours", xml_body(SML_XML, back, &a), str_of(shared[i])));
        free((void *)(uintptr_t)back.p);
        buf_finish(&ours);
        buf_finish(&xml);
        arena_finish(&a);
    }
}

/* libwbxml turns an embedded tree into an OPAQUE with a document of its own: we hand out its octets. */
static void keeps_an_embedded_document_of_libwbxml(void)
{
    static const char xml[] =
        "<?xml version=\"1.0\"?><!DOCTYPE SyncML PUBLIC \"-//SYNCML//DTD SyncML 1.2//EN\" \"x\">" XML_MSG(
            "<Add><CmdID>1</CmdID><Item><Meta>"
            "<Format" M_ ">xml</Format><Type" M_
            ">application/vnd.syncml.dmtnds+xml</Type></Meta><Data><MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree></Data></Item></Add>");
    struct arena a;
    struct sml_msg m = { 0 };
    struct str theirs = libwbxml_encode(str_of(xml), false);
    arena_init(&a, SML_MSG_ARENA_BYTES);
    CU_ASSERT_EQUAL_FATAL(sml_decode(SML_WBXML, theirs, &a, &m, NULL), RC_OK);
    const struct sml_item *item = m.cmds->items;
    CU_ASSERT_TRUE(str_is(item->meta.type, "application/vnd.syncml.dmtnds+wbxml"));
    CU_ASSERT_TRUE(str_starts(item->data, STR("\x03\x00\x00\x6A\x1B-//OMA//DTD-DM-DDF 1.2//EN\0")));
    struct str tree = { 0 };
    CU_ASSERT_EQUAL(sml_tree_to_xml(item->data, &a, &tree, NULL), RC_OK);
    CU_ASSERT_TRUE(same_text("tree", tree, STR("<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree>")));
    struct buf out;
    struct sml_msg again = { 0 };
    buf_init(&out, 0);
    CU_ASSERT_EQUAL(sml_encode(SML_WBXML, &m, &out, NULL), RC_OK);
    CU_ASSERT_EQUAL(sml_decode(SML_WBXML, buf_str(&out), &a, &again, NULL), RC_OK);
    CU_ASSERT_TRUE(again.cmds && str_eq(again.cmds->items->data, item->data));
    buf_finish(&out);
    arena_finish(&a);
    free((void *)(uintptr_t)theirs.p);
}

static void reads_a_tree_document(void)
{
    static const struct {
        const char *what;
        struct str in;
        enum rc rc;
        const char *want;
    } row[] = {
        { "formal name, page switched",
          P("\x03\x00\x00\x6A\x1B-//OMA//DTD-DM-DDF 1.2//EN\0\x00\x02\x60\x77" S("1.2") "\x01\x01"), RC_OK,
          "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD></MgmtTree>" },
        { "unknown, nothing switched",
          P("\x02\x01\x6A\x00\x43\x05\x01\x60\x64\x66" S("a<b") "\x01\x76\xC3\x02\xFF\xFE\x01\x01\x01"), RC_OK,
          "<MgmtTree xmlns=\"syncml:dmddf1.2\"><Node><NodeName>a&lt;b</NodeName><Value>//4=</Value></Node></MgmtTree>" },
        { "empty root", P("\x03\x01\x6A\x00\x20"), RC_OK, "<MgmtTree xmlns=\"syncml:dmddf1.2\"></MgmtTree>" },
        { "nothing", P("\x03\x01\x6A\x00"), RC_PARSE, "" },
        { "no end", P("\x03\x01\x6A\x00\x60\x64"), RC_PARSE, "" },
        { "text first", P("\x03\x01\x6A\x00" S("x") "\x20"), RC_PARSE, "" },
        { "an end first", P("\x03\x01\x6A\x00\x01"), RC_PARSE, "" },
        { "more behind", P("\x03\x01\x6A\x00\x20\x20"), RC_PARSE, "" },
        { "cut", P("\x03\x01\x6A\x00\x60\x64\xC3\x05x"), RC_PARSE, "" },
        { "no tag", P("\x03\x01\x6A\x00\x7F"), RC_PARSE, "" },
        { "no WBXML", P("<MgmtTree/>"), RC_PARSE, "" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct str out = { 0 };
        struct err e = { 0 };
        arena_init(&a, SML_MSG_ARENA_BYTES);
        CU_ASSERT_EQUAL(sml_tree_to_xml(row[i].in, &a, &out, &e), row[i].rc);
        CU_ASSERT_EQUAL(e.text[0] != '\0', row[i].rc != RC_OK);
        CU_ASSERT_TRUE(same_text(row[i].what, out, str_of(row[i].want)));
        arena_finish(&a);
    }
    char deep[200] = "\x03\x01\x6A";
    memset(deep + 4, 0x64, sizeof deep - 4);
    struct arena a;
    struct str out;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    CU_ASSERT_EQUAL(sml_tree_to_xml((struct str){ deep, sizeof deep }, &a, &out, NULL), RC_LIMIT);
    arena_finish(&a);
}

TEST_MAIN("syncml.wbxml", TEST_OF("S-602", reads_every_form_of_a_text), TEST_OF("S-602", takes_every_header),
          TEST(refuses_what_is_malformed), TEST(refuses_every_prefix), TEST_OF("S-506", keeps_its_ceilings),
          TEST(survives_running_out_of_memory), TEST(writes_the_octets_of_the_reference), TEST(agrees_with_libwbxml),
          TEST(keeps_an_embedded_document_of_libwbxml), TEST(reads_a_tree_document))
