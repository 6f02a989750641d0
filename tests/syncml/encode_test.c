/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder: order of the DTD, exact sizes, and that both encodings carry every message unchanged. */
#include "tests/syncml/codec_lib.h"
#include "tests/lib/test.h"

static const struct sml_msg header = { .ver_dtd = { "1.2", 3 },
                                       .ver_proto = { "DM/1.2", 6 },
                                       .session_id = { "2F", 2 },
                                       .msg_id = { "1", 1 },
                                       .target = { "https://dm.example.net/dm", 25 },
                                       .source = { "IMEI:001010000000017", 20 } };

static size_t frame_and_commands(enum sml_type type, const struct sml_msg *m)
{
    size_t n = sml_frame_bytes(type, m) - (m->final ? 0 : type == SML_XML ? strlen("<Final/>") : 1);
    for (const struct sml_cmd *c = m->cmds; c; c = c->next) n += sml_cmd_bytes(type, c);
    return n;
}

static void writes_the_order_of_the_dtd(void)
{
    struct sml_ref t2 = { STR("./t2"), NULL }, t1 = { STR("./t1"), &t2 }, s1 = { STR("./s"), NULL };
    struct sml_meta meta = { .present = true,
                             .format = STR("chr"),
                             .type = STR("text/plain"),
                             .mark = STR("minor"),
                             .next_nonce = STR("AA=="),
                             .has_size = true,
                             .size = 18446744073709551615u,
                             .has_max_msg = true,
                             .max_msg_bytes = 0,
                             .has_max_obj = true,
                             .max_obj_bytes = 7 };
    struct sml_item item = { STR("./t"), STR("tn"), STR("./s"), STR("sn"), meta, STR("d"), true, true, NULL };
    struct sml_cmd get = { .kind = SML_GET, .cmd_id = STR("6"), .tag = 9 };
    struct sml_cmd atomic = { .kind = SML_ATOMIC, .cmd_id = STR("5"), .children = &get };
    struct sml_cmd exec = { .kind = SML_EXEC,
                            .cmd_id = STR("4"),
                            .correlator = STR("c"),
                            .meta = { .present = true },
                            .items = &item,
                            .next = &atomic };
    struct sml_cmd alert = { .kind = SML_ALERT,
                             .cmd_id = STR("3"),
                             .no_resp = true,
                             .data = STR("1226"),
                             .correlator = STR("c"),
                             .next = &exec };
    struct sml_cmd results = { .kind = SML_RESULTS,
                               .cmd_id = STR("2"),
                               .msg_ref = STR("1"),
                               .cmd_ref = STR("4"),
                               .target_refs = &t1,
                               .source_refs = &s1,
                               .meta = { .present = true, .type = STR("t") },
                               .next = &alert };
    struct sml_cmd status = { .kind = SML_STATUS,
                              .cmd_id = STR("1"),
                              .msg_ref = STR("1"),
                              .cmd_ref = STR("0"),
                              .cmd = STR("SyncHdr"),
                              .target_refs = &t1,
                              .source_refs = &s1,
                              .data = STR("401"),
                              .cred = { true, { .present = true, .type = STR("syncml:auth-basic") }, STR("eHg6eQ==") },
                              .chal = { true, { .present = true, .next_nonce = STR("AA==") }, { 0 } },
                              .next = &results };
    struct sml_msg m = header;
    m.target_name = STR("tn"), m.source_name = STR("<sn>"), m.resp_uri = STR("http://x/?a&b"), m.no_resp = true,
    m.final = true, m.cmds = &status;
    m.cred = (struct sml_cred){ true, { .present = true, .format = STR("b64") }, STR("x") };
    m.meta = (struct sml_meta){ .present = true, .has_max_msg = true, .max_msg_bytes = 16384 };
#define META                                                                                                           \
    "<Meta><Format" M_ ">chr</Format><Type" M_ ">text/plain</Type><Mark" M_ ">minor</Mark><Size" M_                    \
    ">18446744073709551615</Size>"                                                                                     \
    "<NextNonce" M_ ">AA==</NextNonce><MaxMsgSize" M_ ">0</MaxMsgSize><MaxObjSize" M_ ">7</MaxObjSize></Meta>"
    static const char want[] = XML_DECL XML_ROOT
        "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID><MsgID>1</MsgID>"
        "<Target><LocURI>https://dm.example.net/dm</LocURI><LocName>tn</LocName></Target><Source><LocURI>IMEI:001010000000017</LocURI><LocName>&lt;sn&gt;</LocName></Source>"
        "<RespURI>http://x/?a&amp;b</RespURI><NoResp/><Cred><Meta><Format" M_
        ">b64</Format></Meta><Data>x</Data></Cred><Meta><MaxMsgSize" M_ ">16384</MaxMsgSize></Meta></SyncHdr>"
        "<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><TargetRef>./t1</TargetRef><TargetRef>./t2</TargetRef><SourceRef>./s</SourceRef>"
        "<Cred><Meta><Type" M_ ">syncml:auth-basic</Type></Meta><Data>eHg6eQ==</Data></Cred><Chal><Meta><NextNonce" M_
        ">AA==</NextNonce></Meta></Chal><Data>401</Data></Status>"
        "<Results><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Meta><Type" M_
        ">t</Type></Meta><TargetRef>./t1</TargetRef><TargetRef>./t2</TargetRef><SourceRef>./s</SourceRef></Results>"
        "<Alert><CmdID>3</CmdID><NoResp/><Data>1226</Data><Correlator>c</Correlator></Alert>"
        "<Exec><CmdID>4</CmdID><Meta></Meta><Correlator>c</Correlator><Item><Target><LocURI>./t</LocURI><LocName>tn</LocName></Target><Source><LocURI>./s</LocURI><LocName>sn</LocName></Source>" META
        "<Data>d</Data><MoreData/></Item></Exec><Atomic><CmdID>5</CmdID><Get><CmdID>6</CmdID></Get></Atomic><Final/></SyncBody></SyncML>";
    struct buf out;
    buf_init(&out, 0);
    buf_putz(&out, "before");
    CU_ASSERT_EQUAL(sml_encode(SML_XML, &m, &out, NULL), RC_OK);
    CU_ASSERT_TRUE(str_starts(buf_str(&out), STR("before")));
    CU_ASSERT_TRUE(same_text("all", str_slice(buf_str(&out), 6, out.n), str_of(want)));
    CU_ASSERT_EQUAL(frame_and_commands(SML_XML, &m), out.n - 6);
    buf_finish(&out);
}

static void keeps_room_for_final(void)
{
    struct sml_msg m = header;
    for (int type = 0; type < 2; type++) {
        struct buf out;
        buf_init(&out, 0);
        m.final = false;
        size_t frame = sml_frame_bytes((enum sml_type)type, &m);
        CU_ASSERT_EQUAL(sml_encode((enum sml_type)type, &m, &out, NULL), RC_OK);
        CU_ASSERT_EQUAL(out.n + (type == SML_XML ? strlen("<Final/>") : 1), frame);
        m.final = true;
        CU_ASSERT_EQUAL(sml_frame_bytes((enum sml_type)type, &m), frame);
        buf_finish(&out);
    }
}

/* ---- messages made by chance ---- */

struct maker {
    uint64_t seed;
    struct arena *a;
    bool any_octets;
};

static unsigned chance(struct maker *k, unsigned n)
{
    k->seed = k->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(k->seed >> 33) % n;
}

static struct str some_text(struct maker *k)
{
    static const char *const parts[] = {
        "a", "Zz0", "<", ">", "&", "]]>", "\"'", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "/", "%20", "="
    };
    struct buf b;
    struct str s = { 0 };
    buf_init(&b, 0);
    for (unsigned n = 1 + chance(k, 6); n--;) buf_putz(&b, parts[chance(k, sizeof parts / sizeof parts[0])]);
    if (!arena_str(k->a, buf_str(&b), &s)) abort();
    buf_finish(&b);
    return s;
}

static struct str some_data(struct maker *k)
{
    unsigned n = chance(k, 10) == 0 ? chance(k, 3000) : chance(k, 30);
    char *p = arena_bytes(k->a, n);
    if (!p) abort();
    for (unsigned i = 0; i < n; i++) p[i] = k->any_octets ? (char)chance(k, 256) : "\t\n\r ab<>&;]"[chance(k, 11)];
    return (struct str){ p, n };
}

static struct str maybe_text(struct maker *k)
{
    return chance(k, 2) ? some_text(k) : (struct str){ 0 };
}

static void make_meta(struct maker *k, struct sml_meta *m)
{
    m->present = chance(k, 2);
    if (!m->present) return;
    if (chance(k, 2)) m->format = STR("b64");
    m->type = maybe_text(k);
    m->mark = maybe_text(k);
    if (chance(k, 4) == 0) m->next_nonce = STR("AAAAAA==");
    if ((m->has_size = chance(k, 3) == 0)) m->size = (uint64_t)chance(k, 70000) * chance(k, 70000);
    if ((m->has_max_msg = chance(k, 4) == 0)) m->max_msg_bytes = chance(k, 70000);
    m->has_max_obj = chance(k, 4) == 0;
}

static struct sml_item *make_items(struct maker *k)
{
    struct sml_item *first = NULL;
    for (unsigned n = chance(k, 4); n--;) {
        struct sml_item *i = ARENA_NEW(k->a, struct sml_item);
        if (!i) abort();
        i->target = maybe_text(k);
        i->source = maybe_text(k);
        i->source_name = i->source.n ? maybe_text(k) : i->source;
        make_meta(k, &i->meta);
        if ((i->has_data = chance(k, 3) > 0)) i->data = some_data(k);
        i->more_data = chance(k, 5) == 0;
        i->next = first;
        first = i;
    }
    return first;
}

static struct sml_cmd *make_cmds(struct maker *k, unsigned depth)
{
    struct sml_cmd *first = NULL;
    for (unsigned n = 1 + chance(k, 5); n--;) {
        struct sml_cmd *c = ARENA_NEW(k->a, struct sml_cmd);
        if (!c) abort();
        c->kind = (enum sml_cmd_kind)chance(k, SML_UNKNOWN);
        c->cmd_id = some_text(k);
        c->msg_ref = maybe_text(k);
        c->cmd_ref = maybe_text(k);
        c->cmd = maybe_text(k);
        c->data = maybe_text(k);
        c->correlator = maybe_text(k);
        c->no_resp = chance(k, 5) == 0;
        make_meta(k, &c->meta);
        if (chance(k, 4) == 0) {
            c->target_refs = ARENA_NEW(k->a, struct sml_ref);
            c->target_refs->uri = some_text(k);
            c->chal.present = true;
            make_meta(k, &c->chal.meta);
        }
        c->items = make_items(k);
        if (depth && (c->kind == SML_ATOMIC || c->kind == SML_SEQUENCE)) c->children = make_cmds(k, depth - 1);
        c->next = first;
        first = c;
    }
    return first;
}

static bool comes_back(enum sml_type type, const struct sml_msg *m, struct arena *a)
{
    struct buf once, twice, xml[2];
    struct sml_msg back;
    struct err e = { 0 };
    buf_init(&once, 0), buf_init(&twice, 0), buf_init(&xml[0], 0), buf_init(&xml[1], 0);
    enum rc rc = sml_encode(type, m, &once, &e);
    if (!rc) rc = sml_decode(type, buf_str(&once), a, &back, &e);
    if (!rc) rc = sml_encode(type, &back, &twice, &e);
    bool same = !rc && str_eq(buf_str(&once), buf_str(&twice)) && frame_and_commands(type, m) == once.n;
    if (!rc &&
        type == SML_WBXML) { /* and what came out of it says the same in the other encoding, if that can hold it */
        enum rc one = sml_encode(SML_XML, m, &xml[0], NULL), two = sml_encode(SML_XML, &back, &xml[1], NULL);
        same = same && one == two && str_eq(buf_str(&xml[0]), buf_str(&xml[1]));
    }
    if (!same)
        fprintf(stderr, "\n%s %s\n%.*s\n", rc_text(rc), e.text, type == SML_XML ? (int)once.n : 0,
                once.p ? once.p : "");
    buf_finish(&once), buf_finish(&twice), buf_finish(&xml[0]), buf_finish(&xml[1]);
    return same;
}

static void carries_every_message_unchanged(void)
{
    for (unsigned i = 0; i < 600; i++) {
        struct arena a;
        arena_init(&a, SML_MSG_ARENA_BYTES);
        struct maker k = { .seed = i, .a = &a, .any_octets = false };
        struct sml_msg m = header;
        m.final = i % 2;
        m.dtd = i % 3 ? SML_DTD_1_2 : SML_DTD_1_1;
        m.cmds = make_cmds(&k, 2);
        CU_ASSERT_TRUE_FATAL(comes_back(SML_XML, &m, &a));
        CU_ASSERT_TRUE_FATAL(comes_back(SML_WBXML, &m, &a));
        k.any_octets = true;
        m.cmds = make_cmds(&k, 2);
        CU_ASSERT_TRUE_FATAL(comes_back(SML_WBXML, &m, &a));
        arena_finish(&a);
    }
}

static void refuses_what_xml_cannot_hold(void)
{
    static const struct {
        struct str data;
        enum rc rc;
    } row[] = {
        { { "a\0b", 3 }, RC_INVALID },         { { "\x01", 1 }, RC_INVALID },
        { { "\x7F\t\n\r", 4 }, RC_OK },        { { "\xC3", 1 }, RC_INVALID },
        { { "\xED\xA0\x80", 3 }, RC_INVALID }, { { "\xEF\xBF\xBE", 3 }, RC_INVALID },
        { { "\xEF\xBF\xBF", 3 }, RC_INVALID }, { { "\xEF\xBF\xBD", 3 }, RC_OK },
        { { "\xF4\x8F\xBF\xBF", 4 }, RC_OK },  { { "\xF4\x90\x80\x80", 4 }, RC_INVALID },
        { { "\x0B", 1 }, RC_INVALID },         { { "\xC2\x80", 2 }, RC_OK },
        { { "abc\x1F", 4 }, RC_INVALID },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sml_item item = { .data = row[i].data, .has_data = true };
        struct sml_cmd add = { .kind = SML_ADD, .name = STR("Add"), .cmd_id = STR("17"), .items = &item };
        struct sml_msg m = header;
        struct err e = { 0 };
        struct buf out;
        struct arena a;
        m.cmds = &add;
        buf_init(&out, 0);
        buf_putz(&out, "x");
        CU_ASSERT_EQUAL(sml_encode(SML_XML, &m, &out, &e), row[i].rc);
        if (row[i].rc) {
            CU_ASSERT_EQUAL(out.n, 1); /* nothing half written */
            CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "CmdID 17"));
            CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "Data of Add"));
        }
        arena_init(&a, SML_MSG_ARENA_BYTES);
        CU_ASSERT_TRUE(row[i].rc || comes_back(SML_XML, &m, &a));
        CU_ASSERT_TRUE(comes_back(SML_WBXML, &m, &a));
        arena_finish(&a);
        buf_finish(&out);
    }
}

static void refuses_a_command_it_cannot_spell(void)
{
    /* Type is an element, but none that could stand there; the decoder takes a tag of DDF's code page for one. */
    struct sml_cmd frob[] = { { .kind = SML_UNKNOWN, .name = STR("Frob") },
                              { .kind = SML_UNKNOWN, .name = STR("Type") } };
    struct sml_msg m = header;
    for (int type = 0; type < 4; type++) {
        struct buf out;
        m.cmds = &frob[type / 2];
        buf_init(&out, 0);
        CU_ASSERT_EQUAL(sml_encode((enum sml_type)(type % 2), &m, &out, NULL), RC_INVALID);
        buf_finish(&out);
    }
}

static void stops_at_the_buffers_limit(void)
{
    struct sml_item item = { .data = STR("0123456789"), .has_data = true };
    struct sml_cmd add = { .kind = SML_ADD, .cmd_id = STR("1"), .items = &item };
    struct sml_msg m = header;
    m.cmds = &add;
    m.final = true;
    for (int type = 0; type < 2; type++) {
        size_t n = frame_and_commands((enum sml_type)type, &m);
        for (size_t limit = 1; limit <= n + 2; limit++) {
            struct buf out;
            buf_init(&out, limit);
            CU_ASSERT_EQUAL(sml_encode((enum sml_type)type, &m, &out, NULL), limit < n ? RC_LIMIT : RC_OK);
            CU_ASSERT_EQUAL(out.n, limit < n ? 0 : n);
            buf_finish(&out);
        }
    }
}

TEST_MAIN("syncml.encode", TEST(writes_the_order_of_the_dtd), TEST(keeps_room_for_final),
          TEST(carries_every_message_unchanged), TEST(refuses_what_xml_cannot_hold),
          TEST(refuses_a_command_it_cannot_spell), TEST(stops_at_the_buffers_limit))
