/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/notify.h"
#include "base/text.h"
#include "syncml/cred.h"
#include "tests/lib/test.h"
#include <string.h>

#define NONCE          STR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10")
#define RESYNC         STR("\0\0\0\0")
#define NOTIFICATION_A "02d80000001a2b0e646d2e6578616d706c652e6e6574"
#define NOTIFICATION_B "02f000000000070e646d2e6578616d706c652e6e6574"

static const struct sml_notify example_a = {
    11, SML_UI_BACKGROUND, true, 0x1A2B, { "dm.example.net", 14 }, { NULL, 0 }
};
static const struct sml_notify example_b = { 11, SML_UI_ASK, false, 0x0007, { "dm.example.net", 14 }, { NULL, 0 } };

static struct str ha1(char out[SML_HA1_BYTES + 1])
{
    sml_ha1(STR("dm.example.net"), STR("srv-Pa55w0rd"), out);
    return (struct str){ out, SML_HA1_BYTES };
}

/* notification-bootstrap.md 2 */
static void computes_the_examples_of_the_reference(void)
{
    static const struct {
        const struct sml_notify *n;
        struct str nonce;
        const char *hex;
    } row[] = {
        { &example_a,
          { "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16 },
          "c7bc38808b9a71c993bb2c9fd59cf0b5" NOTIFICATION_A },
        { &example_b,
          { "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16 },
          "a27dbd1479cc271000716a750a81edb3" NOTIFICATION_B },
        { &example_a, { "\0\0\0\0", 4 }, "9d38a439f9f46af14dd95d6746a0360a" NOTIFICATION_A },
        { &example_b, { "\0\0\0\0", 4 }, "41ea553baccc16d1b1dcc4ee922a91e9" NOTIFICATION_B },
    };
    char h[SML_HA1_BYTES + 1];
    CU_ASSERT_TRUE(str_is(ha1(h), "U7EIII42Njb1eLQ8SPG4Fg=="));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct str out = { 0 };
        char hex[200] = "";
        arena_init(&a, 4096);
        CU_ASSERT_EQUAL(sml_notify_encode(row[i].n, ha1(h), row[i].nonce, &a, &out, NULL), RC_OK);
        CU_ASSERT_EQUAL_FATAL(out.n, 38);
        text_hex(out.p, out.n, hex);
        CU_ASSERT_STRING_EQUAL(hex, row[i].hex);
        arena_finish(&a);
    }
}

static void writes_the_header_of_the_specifications_figure(void)
{
    struct sml_notify n = { 11, SML_UI_BACKGROUND, false, 0x1234, STR("com.mgmtsrv.manage"), { 0 } };
    struct arena a;
    struct str out = { 0 };
    arena_init(&a, 4096);
    CU_ASSERT_EQUAL(sml_notify_encode(&n, STR("x"), STR("y"), &a, &out, NULL), RC_OK);
    CU_ASSERT_EQUAL_FATAL(out.n, 16 + 8 + 18);
    CU_ASSERT_EQUAL(memcmp(out.p + 16,
                           "\x02\xD0\x00\x00\x00\x12\x34\x12"
                           "com",
                           11),
                    0);
    static const unsigned char octet1[2][4] = { { 0xC0, 0xD0, 0xE0, 0xF0 }, { 0xC8, 0xD8, 0xE8, 0xF8 } };
    for (int i = 0; i < 8; i++) {
        n.by_server = i >= 4;
        n.ui = (enum sml_ui)(i % 4);
        CU_ASSERT_EQUAL(sml_notify_encode(&n, STR("x"), STR("y"), &a, &out, NULL), RC_OK);
        CU_ASSERT_EQUAL((unsigned char)out.p[16], 0x02);
        CU_ASSERT_EQUAL((unsigned char)out.p[17], octet1[i / 4][i % 4]);
    }
    arena_finish(&a);
}

static void reads_back_what_it_wrote(void)
{
    struct sml_notify n = { 11, SML_UI_INFORM, true, 0xFFFF, STR("s"), STR("vendor\0part") }, got = { 0 };
    struct arena a;
    struct str out = { 0 };
    arena_init(&a, 4096);
    CU_ASSERT_EQUAL_FATAL(sml_notify_encode(&n, STR("h"), NONCE, &a, &out, NULL), RC_OK);
    CU_ASSERT_EQUAL_FATAL(sml_notify_decode(out, &got, NULL), RC_OK);
    CU_ASSERT_EQUAL(got.version, 11);
    CU_ASSERT_EQUAL(got.ui, SML_UI_INFORM);
    CU_ASSERT_TRUE(got.by_server);
    CU_ASSERT_EQUAL(got.session, 0xFFFF);
    CU_ASSERT_TRUE(str_eq(got.server_id, n.server_id));
    CU_ASSERT_TRUE(str_eq(got.vendor, n.vendor));
    arena_finish(&a);
}

/* One wrong bit anywhere, another nonce or another password: not ours. */
static void verifies_every_bit(void)
{
    struct arena a;
    struct str out = { 0 };
    char h[SML_HA1_BYTES + 1];
    arena_init(&a, 4096);
    CU_ASSERT_EQUAL_FATAL(sml_notify_encode(&example_a, ha1(h), NONCE, &a, &out, NULL), RC_OK);
    CU_ASSERT_TRUE(sml_notify_verify(out, ha1(h), NONCE));
    CU_ASSERT_FALSE(sml_notify_verify(out, ha1(h), RESYNC));
    CU_ASSERT_FALSE(sml_notify_verify(out, STR("PtEdr8lBQ45IbT1bZIkrOQ=="), NONCE));
    char copy[64];
    memcpy(copy, out.p, out.n);
    for (size_t bit = 0; bit < out.n * 8; bit++) {
        copy[bit / 8] ^= (char)(1 << bit % 8);
        CU_ASSERT_FALSE(sml_notify_verify((struct str){ copy, out.n }, ha1(h), NONCE));
        copy[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t n = 0; n < out.n; n++) CU_ASSERT_FALSE(sml_notify_verify(str_slice(out, 0, n), ha1(h), NONCE));
    CU_ASSERT_EQUAL(sml_notify_encode(&example_a, ha1(h), RESYNC, &a, &out, NULL), RC_OK);
    CU_ASSERT_TRUE(sml_notify_verify(out, ha1(h), RESYNC));
    arena_finish(&a);
}

static void refuses_what_does_not_fit(void)
{
    static const char long_id[256];
    static const char vendor[600];
    const struct sml_notify bad[] = {
        { 11, SML_UI_ANY, true, 0, STR("s"), { 0 } },
        { 11, SML_UI_ANY, true, 1, { 0 }, { 0 } },
        { 11, SML_UI_ANY, true, 1, { long_id, 256 }, { 0 } },
        { 1024, SML_UI_ANY, true, 1, STR("s"), { 0 } },
        { 11, (enum sml_ui)4, true, 1, STR("s"), { 0 } },
        { 11, SML_UI_ANY, true, 1, STR("s"), { vendor, sizeof vendor } },
    };
    struct arena a;
    struct str out = { 0 };
    struct sml_notify n;
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(sml_notify_encode(&bad[i], STR("h"), STR("n"), &a, &out, NULL), RC_INVALID);
    n = (struct sml_notify){ 11, SML_UI_ANY, true, 1, { long_id, 255 }, { 0 } };
    CU_ASSERT_EQUAL(sml_notify_encode(&n, STR("h"), STR("n"), &a, &out, NULL), RC_OK);
    CU_ASSERT_EQUAL(sml_notify_decode(out, &n, NULL), RC_OK);
    for (size_t k = 0; k < out.n; k++) CU_ASSERT_EQUAL(sml_notify_decode(str_slice(out, 0, k), &n, NULL), RC_PARSE);
    static const struct {
        unsigned version;
        enum rc rc;
    } row[] = { { 9, RC_UNSUPPORTED }, { 10, RC_OK }, { 12, RC_OK }, { 13, RC_UNSUPPORTED }, { 1023, RC_UNSUPPORTED } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sml_notify v = { row[i].version, SML_UI_ANY, true, 1, STR("s"), { 0 } };
        CU_ASSERT_EQUAL(sml_notify_encode(&v, STR("h"), STR("n"), &a, &out, NULL), RC_OK);
        CU_ASSERT_EQUAL(sml_notify_decode(out, &v, NULL), row[i].rc);
    }
    arena_finish(&a);
    arena_init(&a, 10);
    CU_ASSERT_EQUAL(sml_notify_encode(&example_a, STR("h"), STR("n"), &a, &out, NULL), RC_NOMEM);
    arena_finish(&a);
}

static void shows_a_session_as_the_device_will(void)
{
    static const struct {
        uint16_t session;
        const char *text;
    } row[] = { { 0x1A2B, "1A2B" }, { 7, "7" }, { 0x2F, "2F" }, { 0xFFFF, "FFFF" }, { 0xA00, "A00" } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char out[5];
        sml_notify_session_text(row[i].session, out);
        CU_ASSERT_STRING_EQUAL(out, row[i].text);
    }
}

static void wraps_a_notification_in_a_push(void)
{
    struct arena a;
    struct str out = { 0 }, body = { 0 };
    arena_init(&a, 4096);
    CU_ASSERT_EQUAL_FATAL(sml_wsp_push_encode(1, STR("body"), &a, &out), RC_OK);
    CU_ASSERT_TRUE(str_eq(out, STR("\x01\x06\x03\xC4\xAF\x87"
                                   "body")));
    CU_ASSERT_EQUAL(sml_wsp_push_decode(out, &body, NULL), RC_OK);
    CU_ASSERT_TRUE(str_is(body, "body"));
    CU_ASSERT_EQUAL(sml_wsp_push_encode(0, (struct str){ 0 }, &a, &out), RC_OK);
    CU_ASSERT_EQUAL(out.n, SML_WSP_HEAD);
    arena_finish(&a);
}

#define P(lit)                                                                                                         \
    {                                                                                                                  \
        lit, sizeof(lit) - 1                                                                                           \
    }
static void takes_the_pushes_that_gateways_make(void)
{
    static const struct {
        struct str in;
        enum rc rc;
    } row[] = {
        { P("\x00\x06\x03\xC4\xAF\x87"
            "body"),
          RC_OK },
        { P("\xFF\x06\x01\xC4"
            "body"),
          RC_OK }, /* no application id */
        { P("\x01\x06\x06\x01\xC4\xAF\x87\x8D\x80"
            "body"),
          RC_OK }, /* type with a length; Content-Length after it */
        { P("\x01\x06\x05\x01\xC4\xAF\x01\x07"
            "body"),
          RC_OK }, /* id as a long integer */
        { P("\x01\x06\x0B\xC4\xB1\x32"
            "abc\0"
            "\xAF\x87"
            "\x8D\x80"
            "body"),
          RC_OK },
        { P("\x01\x06\x2A"
            "application/vnd.syncml.notification\0"
            "\xAF\x87\xB4\x02\x01\x02"
            "body"),
          RC_OK },
        { P("\x01\x06\x20\xC4\xAF"
            "x-wap-application:syncml.dm\0"
            "\x8D\x80"
            "body"),
          RC_OK },
        { P("\x01\x06\x1E\xC4\xAF"
            "x-wap-application:syncml.dm\0"
            "body"),
          RC_OK },
        { P("\x01\x06\x81\x03\xC4\xAF\x87"
            "body"),
          RC_PARSE }, /* header length past the end */
        { P("\x01\x06\x05\xC4"
            "X-\0"
            "\x81"
            "body"),
          RC_OK }, /* a header spelled out */
        { P("\x01\x07\x03\xC4\xAF\x87"
            "body"),
          RC_UNSUPPORTED }, /* confirmed push */
        { P("\x01\x06\x03\xCE\xAF\x85"
            "body"),
          RC_UNSUPPORTED }, /* data synchronisation */
        { P("\x01\x06\x03\xC4\xAF\x85"
            "body"),
          RC_UNSUPPORTED },
        { P("\x01\x06\x03\xC4\xAF"), RC_PARSE },
        { P("\x01\x06\x02\xC4\xAF"
            "body"),
          RC_PARSE },
        { P("\x01\x06\x00"
            "body"),
          RC_PARSE },
        { P("\x01\x06"), RC_PARSE },
        { P("\x01"), RC_PARSE },
        { P(""), RC_PARSE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str body = { 0 };
        struct err e = { 0 };
        enum rc rc = sml_wsp_push_decode(row[i].in, &body, &e);
        if (rc != row[i].rc) printf("\nrow %zu: %s %s\n", i, rc_text(rc), e.text);
        CU_ASSERT_EQUAL(rc, row[i].rc);
        CU_ASSERT_EQUAL(str_is(body, "body"), rc == RC_OK);
    }
}

TEST_MAIN("syncml.notify", TEST_OF("N-002", computes_the_examples_of_the_reference),
          TEST_OF("N-001", writes_the_header_of_the_specifications_figure), TEST(reads_back_what_it_wrote),
          TEST_OF("N-002", verifies_every_bit), TEST(refuses_what_does_not_fit),
          TEST_OF("N-005", shows_a_session_as_the_device_will), TEST_OF("N-008", wraps_a_notification_in_a_push),
          TEST(takes_the_pushes_that_gateways_make))
