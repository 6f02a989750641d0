/* SPDX-License-Identifier: Apache-2.0 */
/* What was recorded is replayed to the octet, holds no secret, and tells what is different. */
#include "tests/syncml/session_lib.h"

static void replays(struct link *l, struct buf *rec, const char *what)
{
    struct sml_replay out;
    struct err e = { 0 };
    char why[700];
    l->record = rec;
    link_run(l);
    CU_ASSERT(buf_ok(rec));
    enum rc rc = sml_replay(buf_str(rec), "recording", NULL, false, NULL, &out, &e);
    if (rc || !out.same)
        fprintf(stderr, "\n%s: %s\n%s\n", what, err_format(&e, why, sizeof why), buf_z(&out.difference));
    CU_ASSERT(rc == RC_OK && out.same);
    CU_ASSERT_EQUAL(out.messages, l->posts);
    buf_finish(&out.difference);
}

static bool holds(const struct buf *b, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= b->n; i++)
        if (memcmp(b->p + i, text, n) == 0) return true;
    return false;
}

/* Every recorded message, decoded. */
static void decoded(const struct buf *rec, struct buf *out)
{
    struct str rest = buf_str(rec), line;
    struct arena a;
    arena_init(&a, 64 << 20);
    while (str_cut(&rest, '\n', &line))
        for (size_t i = 0; i + 8 < line.n; i++) {
            struct str at = str_slice(line, i, line.n), bytes;
            size_t from = str_starts(at, STR("\"in\":\"")) ? 6 : str_starts(at, STR("\"out\":\"")) ? 7 : 0;
            if (from && !text_b64_decode(str_slice(at, from, str_find(at, '"', from)), &a, &bytes)) buf_put(out, bytes);
        }
    arena_finish(&a);
}

/* S-010 in the small, and the flight recorder: md5 with and without nonces, MAC, basic, per-message, refusals */
static void every_kind_of_session_is_replayed(void)
{
    for (unsigned i = 0; i < 16; i++) {
        struct link l;
        struct buf rec, plain;
        char name[40], wrong[SML_HA1_BYTES + 1], nonce[2][32];
        buf_init(&rec, 0);
        buf_init(&plain, 0);
        link_init(&l, i & 1 ? SML_WBXML : SML_XML);
        snprintf(name, sizeof name, "kind %u", i);
        if (i < 8) link_share_nonces(&l);
        switch (i >> 1) {
        case 1: l.acc.auth = l.ca.pref = SML_AUTH_MAC; break;
        case 2: l.sc.per_message = true; break;
        case 3:
            l.acc.auth = l.ca.pref = SML_AUTH_BASIC;
            l.ca.client_password = STR("s3cr3t-Pa55");
            l.sc.allow_basic = true;
            break;
        case 5:
            sml_ha1(STR("dev-0001"), STR("guess"), wrong);
            l.ca.client_ha1 = str_of(wrong);
            break;
        case 6: l.unknown_device = true; break;
        case 7: link_nonce(l.row.server_nonce, &l.row.n_server, "something-else-1"); break;
        default: break;
        }
        link_set(&l, STR("./A"), STR("chr"), STR("found"));
        link_set(&l, STR("./A/AAuthSecret"), STR("chr"), STR("deviceSecret77"));
        link_step(&l, SML_GET, "./A");
        link_step(&l, SML_GET, "./A/AAuthSecret");
        link_write(&l, SML_ADD, "./DMAcc/x/AAuthSecret", "chr", STR("top<secret>&word"));
        link_write(&l, SML_ADD, "./DMAcc/x/AAuthData", "bin", STR("\x01\x02\xFFnonce-octets"));
        replays(&l, &rec, name);
        decoded(&rec, &plain);
        text_b64(l.row.client_nonce, l.row.n_client, nonce[0]);
        text_b64(l.row.server_nonce, l.row.n_server, nonce[1]);
        const char *const secrets[] = {
            "s3cr3t-Pa55",    "Srv-Pa55",      link_ha1_client, link_ha1_server,
            nonce[0],         nonce[1],        "9b0c41f2",      "ZGV2LTAwMDE6czNjcjN0LVBhNTU=",
            "deviceSecret77", "top&lt;secret", "top<secret",    "nonce-octets"
        };
        for (size_t k = 0; k < sizeof secrets / sizeof secrets[0]; k++) {
            bool there = secrets[k][0] && (holds(&rec, secrets[k]) || holds(&plain, secrets[k]));
            if (there) fprintf(stderr, "\n%s: %s is in the recording\n", name, secrets[k]);
            CU_ASSERT(!there);
        }
        CU_ASSERT(holds(&plain, "IMEI:001010000000017"));
        buf_finish(&plain);
        buf_finish(&rec);
        link_finish(&l);
    }
}

static void sizes_and_pieces_are_replayed(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct link l;
        struct buf rec;
        static char big[20000];
        static struct sml_alert_out out[30];
        buf_init(&rec, 0);
        memset(big, 'y', sizeof big);
        link_init(&l, i & 1 ? SML_WBXML : SML_XML);
        link_share_nonces(&l);
        if (i & 2) l.crow.n_server = 0;
        l.cc.max_msg_bytes = l.sc.max_msg_bytes = 1700;
        for (unsigned k = 0; k < 30; k++)
            out[k] = (struct sml_alert_out){ .tag = 100 + k,
                                             .code = 1226,
                                             .format = STR("int"),
                                             .type = STR("org.example.update"),
                                             .data = STR("200"),
                                             .next = k < 29 ? &out[k + 1] : NULL };
        l.alerts = out;
        l.alert_status = 202;
        link_write(&l, SML_ADD, "./A", "chr", (struct str){ big, sizeof big });
        link_step(&l, SML_GET, "./A");
        for (unsigned k = 0; k < 20; k++) link_write(&l, SML_ADD, "./B", "bin", (struct str){ "\0\1\2", 3 });
        replays(&l, &rec, "sizes");
        CU_ASSERT(l.posts > 20);
        buf_finish(&rec);
        link_finish(&l);
    }
}

/* A recording that says something else than the machine does: where, and what */
static void a_difference_is_told_in_words(void)
{
    static const struct {
        const char *from, *to, *told;
    } row[] = {
        { "\"kind\":\"Get\",\"tag\":1,\"uri\":\"./A\"", "\"kind\":\"Get\",\"tag\":1,\"uri\":\"./B\"",
          "message 1: the reply differs in line" },
        { "\"uri\":\"./A\"", "\"uri\":\"./B\"", "- <LocURI>./A</LocURI>\n+ <LocURI>./B</LocURI>\n" },
        { "#1=200", "#1=404", "message 2: the server's reading of the message differs in line 1\n- known" },
        { "\"sent\":1", "\"sent\":2", "message 1: 1 steps were sent, 2 in the recording" },
    };
    struct link l;
    struct buf rec;
    buf_init(&rec, 0);
    link_init(&l, SML_WBXML);
    link_share_nonces(&l);
    link_set(&l, STR("./A"), STR("chr"), STR("found"));
    link_step(&l, SML_GET, "./A");
    replays(&l, &rec, "plain");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct buf changed;
        struct sml_replay out;
        buf_init(&changed, 0);
        const char *all = buf_z(&rec), *at = strstr(all, row[i].from);
        CU_ASSERT_FATAL(at != NULL);
        buf_put(&changed, (struct str){ all, (size_t)(at - all) });
        buf_putz(&changed, row[i].to);
        buf_putz(&changed, at + strlen(row[i].from));
        CU_ASSERT_EQUAL(sml_replay(buf_str(&changed), "changed", NULL, false, NULL, &out, NULL), RC_OK);
        CU_ASSERT(!out.same);
        bool told = strstr(buf_z(&out.difference), row[i].told) != NULL;
        if (!told) fprintf(stderr, "\n%s\n", buf_z(&out.difference));
        CU_ASSERT(told);
        buf_finish(&out.difference);
        buf_finish(&changed);
    }
    buf_finish(&rec);
    link_finish(&l);
}

static void what_is_no_recording_is_refused_with_its_place(void)
{
    static const struct {
        const char *text;
        enum rc rc;
        const char *why;
    } row[] = {
        { "", RC_INVALID, "neither a recording" },
        { "recording: dmvisor/session/9\nserver: {url: x}\nmessages: []\n", RC_UNSUPPORTED, "dmvisor/session/1" },
        { "server: {id: x}\nmessages: []\n", RC_INVALID, "url" },
        { "server: {url: x}\n", RC_INVALID, "messages" },
        { "server: {url: x}\nmessages:\n- {}\n", RC_INVALID, "neither \"in\" nor \"device\"" },
        { "server: {url: x}\nmessages:\n- {in: '<SyncML/>'}\n", RC_INVALID, "base64" },
        { "server: {url: x}\nmessages:\n- {in: AAAA}\n", RC_PARSE, "" },
        { "server: {url: x}\naccount: {auth: sha}\nmessages: []\n", RC_INVALID, "not a scheme" },
        { "server: {url: x\n", RC_PARSE, "" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sml_replay out;
        struct err e = { 0 };
        enum rc rc = sml_replay(str_of(row[i].text), "file", NULL, false, NULL, &out, &e);
        if (rc != row[i].rc || !strstr(e.text, row[i].why))
            fprintf(stderr, "\n%s: %d %s\n", row[i].text, (int)rc, e.text);
        CU_ASSERT_EQUAL(rc, row[i].rc);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].why));
        buf_finish(&out.difference);
    }
}

TEST_MAIN("syncml.replay", TEST(every_kind_of_session_is_replayed), TEST(sizes_and_pieces_are_replayed),
          TEST(a_difference_is_told_in_words), TEST(what_is_no_recording_is_refused_with_its_place))
