/* SPDX-License-Identifier: Apache-2.0 */
/* The client machine alone, spoken to in XML text. */
#include "base/world.h"
#include "syncml/session/client.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HDR(msgid, extra)                                                                                              \
    "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID><MsgID>" msgid "</MsgID>"        \
    "<Target><LocURI>IMEI:1</LocURI></Target><Source><LocURI>https://dm</LocURI></Source>" extra "</SyncHdr>"
#define MSG_X(msgid, extra, body)                                                                                      \
    "<SyncML xmlns='SYNCML:SYNCML1.2'>" HDR(msgid, extra) "<SyncBody>" body "</SyncBody></SyncML>"
#define MSG(msgid, body) MSG_X(msgid, "", body)
#define META(inner)      "<Meta xmlns='syncml:metinf'>" inner "</Meta>"
#define ST(msg, ref, cmd, code)                                                                                        \
    "<Status><CmdID>1</CmdID><MsgRef>" msg "</MsgRef><CmdRef>" ref "</CmdRef><Cmd>" cmd "</Cmd><Data>" code            \
    "</Data></Status>"
#define OK(n) ST(n, "0", "SyncHdr", "212")
#define CHAL(code, type, nonce)                                                                                        \
    "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Chal>" META(                       \
        "<Format>b64</Format><Type>" type "</Type>" nonce) "</Chal><Data>" code "</Data></Status>"
#define NONCE "<NextNonce>ABEiM0RVZneImaq7zN3u/w==</NextNonce>"

struct bench {
    struct sml_client_config c;
    struct sml_client_account acc;
    struct sml_client *s;
    uint64_t seed;
    size_t arena_bytes;
    struct sml_answer *answers; /* what the tree says; NULL = 200 to all, Get gives "value" */
    enum rc rc;
    struct sml_client_news news;
    struct sml_client_keep keep;
    char cmds[1024]; /* what was to be executed */
    bool over;
    struct buf out; /* as XML; empty when nothing is said */
};

static char ha1[SML_HA1_BYTES + 1], ha1_server[SML_HA1_BYTES + 1];

static void say_out(struct bench *b, struct sml_msg *m)
{
    buf_reset(&b->out);
    CU_ASSERT_EQUAL(sml_encode(SML_XML, m, &b->out, NULL), RC_OK);
}

static void open_bench(struct bench *b, uint64_t max_obj, bool by_tls)
{
    static const struct sml_leaf info[] = { { { "./DevInfo/DevId", 15 }, { 0 }, { 0 }, { "IMEI:1", 6 }, true } };
    struct arena a;
    struct sml_msg m;
    memset(b, 0, sizeof *b);
    sml_ha1(STR("dev"), STR("pw"), ha1);
    sml_ha1(STR("dm"), STR("srv"), ha1_server);
    b->seed = 4;
    b->arena_bytes = 1 << 20;
    b->c = (struct sml_client_config){
        .device_id = STR("IMEI:1"), .max_msg_bytes = 5000, .max_obj_bytes = max_obj, .type = SML_XML, .max_messages = 30
    };
    b->acc = (struct sml_client_account){ .server_id = STR("dm"),
                                          .url = STR("https://dm"),
                                          .client_name = STR("dev"),
                                          .client_ha1 = str_of(ha1),
                                          .server_name = STR("dm"),
                                          .server_ha1 = str_of(ha1_server),
                                          .client_nonce = STR("nonce-nonce-1234"),
                                          .pref = SML_AUTH_MD5,
                                          .server_by_tls = by_tls };
    buf_init(&b->out, 0);
    b->s = sml_client_create(&b->c, &b->acc, STR("2F"));
    struct world w = world_fixed(1900000000000, &b->seed);
    arena_init(&a, 1 << 20);
    CU_ASSERT_EQUAL(sml_client_first(b->s, 1201, info, 1, NULL, &w, &a, &m, NULL), RC_OK);
    say_out(b, &m);
    arena_finish(&a);
}

static void close_bench(struct bench *b)
{
    sml_client_destroy(b->s);
    buf_finish(&b->out);
}

static void name_cmds(struct bench *b, const struct sml_cmd *c, size_t n)
{
    size_t at = strlen(b->cmds);
    for (size_t i = 0; i < n && at < sizeof b->cmds; i++, c++)
        at += (size_t)snprintf(b->cmds + at, sizeof b->cmds - at, "%s%s %.*s", at ? ", " : "", sml_cmd_name(c->kind),
                               c->items ? (int)c->items->target.n : 0,
                               c->items && c->items->target.n ? c->items->target.p : "");
}

static void hear(struct bench *b, const char *xml)
{
    struct arena text, a;
    struct sml_msg m = { 0 }, next;
    struct sml_client_keep more;
    struct err e = { 0 };
    struct world w = world_fixed(1900000000000, &b->seed);
    arena_init(&text, 1 << 20);
    arena_init(&a, b->arena_bytes);
    buf_reset(&b->out);
    b->cmds[0] = '\0';
    CU_ASSERT_EQUAL_FATAL(sml_decode(SML_XML, str_of(xml), &text, &m, &e), RC_OK);
    b->rc = sml_client_take(b->s, &m, NULL, str_of(xml), &w, &a, &b->news, &b->keep, &e);
    b->over = b->rc != RC_OK || b->news.over;
    if (!b->over) {
        name_cmds(b, b->news.cmds, b->news.n_cmds);
        struct sml_leaf value = { STR("./A"), STR("chr"), { 0 }, STR("value"), true };
        struct sml_answer plain[16] = { { 0 } };
        for (size_t i = 0; i < b->news.n_cmds && i < 16; i++) {
            bool get = b->news.cmds[i].kind == SML_GET;
            plain[i] = (struct sml_answer){ .code = 200, .results = get ? &value : NULL, .n_results = get };
        }
        b->rc = sml_client_answer(b->s, b->answers ? b->answers : plain, NULL, &w, &a, &next, &b->over, &more, &e);
        if (!b->rc && !b->over) say_out(b, &next);
        if (more.server_nonce.n) b->keep.server_nonce = more.server_nonce;
    }
    arena_finish(&text);
    arena_finish(&a);
}

static bool says(struct bench *b, const char *part)
{
    return strstr(buf_z(&b->out), part) != NULL;
}
#define SAYS(b, part)                                                                                                  \
    do {                                                                                                               \
        if (!says(b, part)) fprintf(stderr, "\nno %s in\n%s\n", part, buf_z(&(b)->out));                               \
        CU_ASSERT(says(b, part));                                                                                      \
    } while (0)
#define SAYS_NOT(b, part) CU_ASSERT(!says(b, part))

/* C-001 C-002 C-007 */
static void package_one_has_all_that_it_must(void)
{
    struct bench b;
    open_bench(&b, 100, true);
    SAYS(
        &b,
        "<MsgID>1</MsgID><Target><LocURI>https://dm</LocURI></Target><Source><LocURI>IMEI:1</LocURI><LocName>dev</LocName></Source>");
    SAYS(&b, "syncml:auth-md5");
    SAYS(&b, "<MaxMsgSize xmlns=\"syncml:metinf\">5000</MaxMsgSize>");
    SAYS(
        &b,
        "<SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Replace><CmdID>2</CmdID><Item><Source><LocURI>./DevInfo/DevId"
        "</LocURI></Source><Data>IMEI:1</Data></Item></Replace><Final/></SyncBody>");
    close_bench(&b);
}

/* C-003: same session, next MsgID, to RespURI, with a Status for the challenger's header */
static void a_challenge_gets_package_one_again(void)
{
    struct bench b;
    open_bench(&b, 100, true);
    hear(&b, MSG_X("1", "<RespURI>https://dm?s=x</RespURI>",
                   CHAL("401", "syncml:auth-md5", NONCE) ST("1", "1", "Alert", "401") "<Final/>"));
    CU_ASSERT(b.news.resend && !b.news.refused && b.news.n_cmds == 0);
    SAYS(&b, "<SessionID>2F</SessionID><MsgID>2</MsgID><Target><LocURI>https://dm?s=x</LocURI>");
    SAYS(&b, "<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>");
    SAYS(&b, "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Replace><CmdID>3</CmdID>");
    CU_ASSERT(str_is(sml_client_url(b.s), "https://dm?s=x"));
    hear(&b, MSG("2", CHAL("401", "syncml:auth-md5",
                           NONCE) "<Final/>")); /* with the server's own nonce: the password is wrong */
    CU_ASSERT(b.news.refused && b.over);
    close_bench(&b);
}

/* Silence is no proof: a session that a stranger lets end well is no contact with the server. */
static void who_says_nothing_has_not_proved_itself(void)
{
    struct bench b;
    open_bench(&b, 100, false);
    hear(&b, MSG("1", OK("1") "<Final/>"));
    CU_ASSERT(b.over && !sml_client_proved(b.s));
    close_bench(&b);
}

static void what_refuses_us_for_good(void)
{
    static const struct {
        const char *xml, *why;
    } row[] = {
        { CHAL("401", "syncml:auth-basic", ""), "weaker" },    { CHAL("407", "syncml:auth-SHA256", NONCE), "weaker" },
        { ST("1", "0", "SyncHdr", "401"), "does not accept" }, { ST("1", "0", "SyncHdr", "503"), "refuses" },
        { ST("1", "0", "SyncHdr", "513"), "refuses" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct bench b;
        char xml[2000];
        open_bench(&b, 100, true);
        snprintf(xml, sizeof xml, MSG("1", "%s<Final/>"), row[i].xml);
        hear(&b, xml);
        CU_ASSERT(b.news.refused && b.over && !b.news.aborted);
        CU_ASSERT_PTR_NOT_NULL(strstr(b.news.why, row[i].why));
        hear(&b, xml);
        CU_ASSERT_EQUAL(b.rc, RC_INVALID);
        close_bench(&b);
    }
}

/* C-009 C-016 */
static void silence_ends_a_session(void)
{
    static const struct {
        const char *body;
        bool over, aborted;
    } row[] = {
        { OK("1") ST("1", "1", "Alert", "200") "<Final/>", true, false },
        { OK("1") "<Alert><CmdID>2</CmdID><Data>1223</Data></Alert><Final/>", true, true },
        { OK("1") "<Get><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get><Final/>", false,
          false },
        { OK("1") "<Alert><CmdID>2</CmdID><Data>1222</Data></Alert>", false, false },
        { OK("1"), false, false }, /* no Final: the server is not done */
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct bench b;
        char xml[2000];
        open_bench(&b, 100, true);
        snprintf(xml, sizeof xml, MSG("1", "%s"), row[i].body);
        hear(&b, xml);
        CU_ASSERT_EQUAL(b.over, row[i].over);
        CU_ASSERT_EQUAL(b.news.aborted, row[i].aborted);
        CU_ASSERT_EQUAL(b.out.n == 0, row[i].over);
        close_bench(&b);
    }
}

/* C-008: in the order of the commands, Results behind the Status, per Item where they differ, children behind their
 * container */
static void statuses_come_in_order(void)
{
    struct bench b;
    const int two[] = { 200, 404 }, same[] = { 425, 425 };
    struct sml_leaf value[] = { { STR("./A"), STR("chr"), { 0 }, STR("a"), true },
                                { STR("./A/2"), STR("int"), STR("t/x"), STR("2"), true } };
    struct sml_answer kid[] = { { .code = 216 }, { .code = 418 } };
    struct sml_answer ans[] = { { .code = 200, .results = value, .n_results = 2 },
                                { .item_codes = two },
                                { .item_codes = same },
                                { .code = 507, .children = kid },
                                { .code = 406 },
                                { .code = 200 } };
    open_bench(&b, 100, true);
    b.answers = ans;
    hear(
        &b,
        MSG("1",
            OK("1") "<Get><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>"
                    "<Frob><CmdID>3</CmdID></Frob>"
                    "<Delete><CmdID>4</CmdID><Item><Target><LocURI>./X</LocURI></Target></Item><Item><Target><LocURI>./Y</LocURI></Target></Item></Delete>"
                    "<Delete><CmdID>5</CmdID><Item><Target><LocURI>./X</LocURI></Target></Item><Item><Target><LocURI>./Y</LocURI></Target></Item></Delete>"
                    "<Alert><CmdID>6</CmdID><Data>1199</Data></Alert>"
                    "<Atomic><CmdID>7</CmdID><Add><CmdID>8</CmdID><Item/></Add><Add><CmdID>9</CmdID><Item/></Add></Atomic>"
                    "<Atomic><CmdID>10</CmdID><Add><CmdID>11</CmdID><Item/></Add></Atomic>"
                    "<Alert><CmdID>12</CmdID><Data>1101</Data></Alert><Results><CmdID>13</CmdID></Results><Put><CmdID>14</CmdID></Put><Final/>"));
    CU_ASSERT_STRING_EQUAL(b.cmds, "Get ./A, Delete ./X, Delete ./X, Atomic , Atomic , Alert ");
    static const char *const order[] = {
        "<CmdRef>2</CmdRef><Cmd>Get</Cmd><TargetRef>./A</TargetRef><Data>200</Data>",
        "<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Item><Source><LocURI>./A</LocURI></Source>",
        "<Item><Source><LocURI>./A/2</LocURI></Source>",
        "<CmdRef>3</CmdRef><Cmd>Frob</Cmd><Data>501</Data>",
        "<CmdRef>4</CmdRef><Cmd>Delete</Cmd><TargetRef>./X</TargetRef><Data>200</Data>",
        "<CmdRef>4</CmdRef><Cmd>Delete</Cmd><TargetRef>./Y</TargetRef><Data>404</Data>",
        "<CmdRef>5</CmdRef><Cmd>Delete</Cmd><Data>425</Data>",
        "<CmdRef>6</CmdRef><Cmd>Alert</Cmd><Data>406</Data>",
        "<CmdRef>7</CmdRef><Cmd>Atomic</Cmd><Data>507</Data>",
        "<CmdRef>8</CmdRef><Cmd>Add</Cmd><Data>216</Data>",
        "<CmdRef>9</CmdRef><Cmd>Add</Cmd><Data>418</Data>",
        "<CmdRef>10</CmdRef><Cmd>Atomic</Cmd><Data>406</Data>",
        "<CmdRef>11</CmdRef><Cmd>Add</Cmd><Data>215</Data>",
        "<CmdRef>12</CmdRef><Cmd>Alert</Cmd><Data>200</Data>",
        "<CmdRef>13</CmdRef><Cmd>Results</Cmd><Data>405</Data>",
        "<CmdRef>14</CmdRef><Cmd>Put</Cmd><Data>501</Data>",
        "<Final/>"
    };
    const char *at = buf_z(&b.out);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const char *found = strstr(at, order[i]);
        if (!found) fprintf(stderr, "\nno %s after\n%s\n", order[i], at);
        CU_ASSERT_FATAL(found != NULL);
        at = found;
    }
    close_bench(&b);
}

#define PIECE(id, uri, size, data, more)                                                                               \
    "<Add><CmdID>" id "</CmdID><Item><Target><LocURI>" uri                                                             \
    "</LocURI></Target>" META("<Format>chr</Format>" size) "<Data>" data "</Data>" more "</Item></Add>"
#define MORE "<MoreData/>"

/* C-014 C-015 */
static void pieces_are_joined_or_refused(void)
{
    static const struct {
        const char *what, *first, *first_says, *second, *second_says, *cmds;
        bool cut;
    } row[] = {
        { "good", PIECE("2", "./A", "<Size>8</Size>", "abcd", MORE), "<Data>213</Data>",
          PIECE("2", "./A", "", "efgh", "") "<Final/>", "<Data>200</Data>", "Add ./A", false },
        { "short", PIECE("2", "./A", "<Size>8</Size>", "abcd", MORE), "<Data>213</Data>",
          PIECE("2", "./A", "", "efg", "") "<Final/>", "<Data>424</Data>", "", false },
        { "long", PIECE("2", "./A", "<Size>8</Size>", "abcd", MORE), "<Data>213</Data>",
          PIECE("2", "./A", "", "efghi", MORE), "<Data>424</Data>", "", false },
        { "no Size", PIECE("2", "./A", "", "abcd", MORE), "<Data>411</Data>", "<Final/>", NULL, "", false },
        { "too large", PIECE("2", "./A", "<Size>101</Size>", "abcd", MORE), "<Data>413</Data>", "<Final/>", NULL, "",
          false },
        { "cut", PIECE("2", "./A", "<Size>8</Size>", "abcd", MORE), "<Data>213</Data>",
          PIECE("2", "./B", "", "b", "") "<Final/>", "<Data>200</Data>", "Add ./B", true },
        { "cut by the end", PIECE("2", "./A", "<Size>8</Size>", "abcd", MORE), "<Data>213</Data>", "<Final/>",
          "<Data>1225</Data>", "", true },
        { "in a container",
          "<Sequence><CmdID>2</CmdID>" PIECE("3", "./A", "<Size>8</Size>", "abcd", MORE) "</Sequence>",
          "<Data>426</Data>", "<Final/>", NULL, "", false },
        { "on Delete",
          "<Delete><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target><Data/>" MORE "</Item></Delete>",
          "<Data>426</Data>", "<Final/>", NULL, "", false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct bench b;
        char xml[2000];
        open_bench(&b, 100, true);
        snprintf(xml, sizeof xml, MSG("1", OK("1") "%s"), row[i].first);
        hear(&b, xml);
        SAYS(&b, row[i].first_says);
        SAYS(&b, "<Data>1222</Data>");
        SAYS_NOT(&b, "<Final/>");
        CU_ASSERT_EQUAL(b.news.n_cmds, 0);
        snprintf(xml, sizeof xml, MSG("2", OK("2") "%s"), row[i].second);
        hear(&b, xml);
        if (row[i].second_says) SAYS(&b, row[i].second_says);
        CU_ASSERT_EQUAL(says(&b, "<Data>1225</Data>"), row[i].cut);
        CU_ASSERT_STRING_EQUAL(b.cmds, row[i].cmds);
        close_bench(&b);
    }
}

/* C-005: who must prove itself, and who need not be asked */
static void a_server_proves_itself_or_is_not_obeyed(void)
{
    struct bench b;
    open_bench(&b, 100, false);
    hear(&b,
         MSG("1",
             OK("1") "<Delete><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Delete><Final/>"));
    CU_ASSERT(b.news.n_cmds == 0 && !b.over);
    SAYS(&b, "<CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>");
    SAYS(
        &b,
        "<Data>407</Data></Status><Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Delete</Cmd><TargetRef>./A</TargetRef><Data>407</Data>");
    SAYS(&b, "<Chal>");
    CU_ASSERT_EQUAL(b.keep.server_nonce.n, 0);
    for (int i = 0; i < 2; i++) { /* one more try, as the server is owed */
        CU_ASSERT(!b.over);
        hear(
            &b,
            MSG_X(
                "2", "<Cred>" META("<Type>syncml:auth-md5</Type>") "<Data>AAAAAAAAAAAAAAAAAAAAAA==</Data></Cred>",
                OK("2") "<Delete><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Delete><Final/>"));
    }
    CU_ASSERT(b.over && b.news.aborted && b.news.n_cmds == 0);
    close_bench(&b);

    open_bench(&b, 100, false); /* nothing asked for: no challenge, just silence; and its nonce is not kept */
    hear(&b, MSG("1", CHAL("212", "syncml:auth-md5", NONCE) "<Final/>"));
    CU_ASSERT(b.over && !b.news.aborted && b.keep.client_nonce.n == 0);
    close_bench(&b);

    open_bench(&b, 100, true); /* TLS vouches for it */
    hear(&b, MSG("1", CHAL("212", "syncml:auth-md5", NONCE) "<Final/>"));
    CU_ASSERT(b.over && b.keep.client_nonce.n == 16);
    close_bench(&b);
}

static void another_session_is_not_ours(void)
{
    struct bench b;
    open_bench(&b, 100, true);
    hear(
        &b,
        "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>30</SessionID><MsgID>1</MsgID><Target><LocURI>x</LocURI></Target>"
        "<Source><LocURI>y</LocURI></Source></SyncHdr><SyncBody><Final/></SyncBody></SyncML>");
    CU_ASSERT_EQUAL(b.rc, RC_INVALID);
    close_bench(&b);
}

/* C-016, and a ceiling on messages */
static void the_client_can_stop(void)
{
    struct bench b;
    struct arena a;
    struct sml_msg m;
    open_bench(&b, 100, true);
    arena_init(&a, 1 << 20);
    struct world w = world_fixed(0, &b.seed);
    CU_ASSERT_EQUAL(sml_client_abort(b.s, &w, &a, &m, NULL), RC_OK);
    say_out(&b, &m);
    SAYS(&b, "<Alert><CmdID>1</CmdID><Data>1223</Data></Alert><Final/>");
    arena_finish(&a);
    close_bench(&b);
    open_bench(&b, 100, true);
    unsigned n = 0;
    for (; n < 100 && !b.over; n++) hear(&b, MSG("1", OK("1") "<Alert><CmdID>2</CmdID><Data>1222</Data></Alert>"));
    CU_ASSERT(n <= 30 && b.news.aborted);
    close_bench(&b);
}

static void survives_running_out_of_memory(void)
{
    for (size_t limit = 16, good = 0; good < 2; limit += 16) {
        struct bench b;
        CU_ASSERT_FATAL(limit < (1 << 20));
        open_bench(&b, 100, false);
        b.arena_bytes = limit;
        hear(&b, MSG("1", CHAL("212", "syncml:auth-md5",
                               NONCE) "<Get><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>"
                                      "<Final/>"));
        CU_ASSERT(b.rc == RC_OK || b.rc == RC_NOMEM);
        good += b.rc == RC_OK;
        close_bench(&b);
    }
}

TEST_MAIN("syncml.client", TEST_OF("C-001 C-002", package_one_has_all_that_it_must),
          TEST_OF("C-003", a_challenge_gets_package_one_again), TEST(who_says_nothing_has_not_proved_itself),
          TEST(what_refuses_us_for_good), TEST_OF("C-009 C-016", silence_ends_a_session),
          TEST_OF("C-008", statuses_come_in_order), TEST_OF("C-014 C-015", pieces_are_joined_or_refused),
          TEST_OF("C-005", a_server_proves_itself_or_is_not_obeyed), TEST(another_session_is_not_ours),
          TEST_OF("C-016", the_client_can_stop), TEST(survives_running_out_of_memory))
