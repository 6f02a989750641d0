/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/cred.h"
#include "base/text.h"
#include "tests/lib/test.h"
#include <string.h>

#define HA1_DEV STR("R566Lkfl7IHi5Vi1m71Dqw==")
static const struct str nonce16 = { "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16 };

/* protocol.md 7.2 */
static void computes_the_vectors_of_the_reference(void)
{
    char out[SML_DIGEST_BYTES + 1];
    sml_ha1(STR("Bruce2"), STR("OhBehave"), out);
    CU_ASSERT_STRING_EQUAL(out, "PtEdr8lBQ45IbT1bZIkrOQ==");
    sml_ha1(STR("dev-0001"), STR("s3cr3t-Pa55"), out);
    CU_ASSERT_STRING_EQUAL(out, "R566Lkfl7IHi5Vi1m71Dqw==");
    static const struct {
        struct str ha1, nonce;
        const char *want;
    } row[] = {
        { { "PtEdr8lBQ45IbT1bZIkrOQ==", 24 }, { "Nonce", 5 }, "Zz6EivR3yeaaENcRN6lpAQ==" },
        { { "R566Lkfl7IHi5Vi1m71Dqw==", 24 },
          { "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16 },
          "/aY76urMO8ZkoyyV45V7yQ==" },
        { { "R566Lkfl7IHi5Vi1m71Dqw==", 24 }, { "\0\0\0\0", 4 }, "//zVYA8539AbFiTcdxPqrw==" },
        { { "R566Lkfl7IHi5Vi1m71Dqw==", 24 }, { "0x00000000", 10 }, "2vB0+m3e9pCzhMVbfptWhA==" },
        { { "R566Lkfl7IHi5Vi1m71Dqw==", 24 }, { "ABEiM0RVZneImaq7zN3u/w==", 24 }, "+nhtwnHMcMZ0qt03JYvCZw==" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        sml_md5_digest(row[i].ha1, row[i].nonce, out);
        CU_ASSERT_STRING_EQUAL(out, row[i].want);
    }
    sml_mac(HA1_DEV, nonce16, STR("<SyncML/>"), out);
    CU_ASSERT_STRING_EQUAL(out, "ySbh0ouRgQ6JHZFP6k5TTg==");
}

static void names_schemes_in_any_case(void)
{
    static const struct {
        const char *name;
        enum sml_auth auth;
    } row[] = {
        { "syncml:auth-basic", SML_AUTH_BASIC },
        { " Syncml:Auth-MD5\n", SML_AUTH_MD5 },
        { "syncml:auth-mac", SML_AUTH_MAC },
        { "syncml:auth-MAC", SML_AUTH_MAC },
        { "", SML_AUTH_NONE },
        { "  ", SML_AUTH_NONE },
        { "syncml:auth-SHA256", SML_AUTH_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        CU_ASSERT_EQUAL(sml_auth_of_name(str_of(row[i].name)), row[i].auth);
    for (int a = SML_AUTH_BASIC; a <= SML_AUTH_MAC; a++)
        CU_ASSERT_EQUAL(sml_auth_of_name(str_of(sml_auth_name((enum sml_auth)a))), (enum sml_auth)a);
    CU_ASSERT_STRING_EQUAL(sml_auth_name(SML_AUTH_NONE), "");
}

static void cuts_basic_credentials_at_the_first_colon(void)
{
    static const struct {
        const char *data;
        enum rc rc;
        const char *user, *password;
    } row[] = {
        { "QnJ1Y2UyOk9oQmVoYXZl", RC_OK, "Bruce2", "OhBehave" },
        { "YTpiOmM=", RC_OK, "a", "b:c" },
        { "Og==", RC_OK, "", "" },
        { "YWJj", RC_PARSE, "", "" }, /* "abc": no colon */
        { "!!!", RC_PARSE, "", "" },
        { "", RC_PARSE, "", "" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct str user = { 0 }, password = { 0 };
        arena_init(&a, 4096);
        CU_ASSERT_EQUAL(sml_basic_decode(str_of(row[i].data), &a, &user, &password), row[i].rc);
        CU_ASSERT_TRUE(str_is(user, row[i].user));
        CU_ASSERT_TRUE(str_is(password, row[i].password));
        arena_finish(&a);
    }
}

static void reads_the_hmac_header_as_clients_write_it(void)
{
    static const struct {
        const char *header;
        enum rc rc;
        const char *user, *mac;
    } row[] = {
        { "algorithm=MD5, username=\"dev-0001\", mac=ySbh0ouRgQ6JHZFP6k5TTg==", RC_OK, "dev-0001",
          "ySbh0ouRgQ6JHZFP6k5TTg==" },
        { "mac=ySbh0ouRgQ6JHZFP6k5TTg==,username=\"dev-0001\"", RC_OK, "dev-0001", "ySbh0ouRgQ6JHZFP6k5TTg==" },
        { " username = \"a,b\" , MAC = \"Zz6EivR3yeaaENcRN6lpAQ==\" ", RC_OK, "a,b", "Zz6EivR3yeaaENcRN6lpAQ==" },
        { "username=\"q\\\"uo\\\\te\", mac=AA==", RC_OK, "q\"uo\\te", "AA==" },
        { "username=\"\", mac=AA==", RC_OK, "", "AA==" },
        { "username=plain, mac=AA==, extra=1", RC_OK, "plain", "AA==" },
        { "algorithm=md5, username=\"u\", mac=AA==", RC_OK, "u", "AA==" },
        { "algorithm=SHA256, username=\"u\", mac=AA==", RC_UNSUPPORTED, "", "" },
        { "username=\"u\"", RC_PARSE, "", "" },
        { "mac=AA==", RC_PARSE, "", "" },
        { "", RC_PARSE, "", "" },
        { "username=\"u, mac=AA==", RC_PARSE, "", "" },
        { "username=\"u\\", RC_PARSE, "", "" },
        { "username=\"u\" mac=AA==", RC_PARSE, "", "" },
        { "nonsense", RC_PARSE, "", "" },
        { "username=\"a\x01\", mac=AA==", RC_PARSE, "", "" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct sml_hmac h = { 0 };
        arena_init(&a, 4096);
        CU_ASSERT_EQUAL(sml_hmac_parse(str_of(row[i].header), &a, &h, NULL), row[i].rc);
        CU_ASSERT_EQUAL(h.present, row[i].rc == RC_OK);
        CU_ASSERT_TRUE(str_is(h.username, row[i].user));
        CU_ASSERT_TRUE(str_is(h.mac, row[i].mac));
        arena_finish(&a);
    }
}

static void writes_a_header_that_reads_back(void)
{
    struct arena a;
    struct sml_hmac h;
    arena_init(&a, 4096);
    struct str s = sml_hmac_format(STR("dev-0001"), STR("ySbh0ouRgQ6JHZFP6k5TTg=="), &a);
    CU_ASSERT_TRUE(str_is(s, "algorithm=MD5, username=\"dev-0001\", mac=ySbh0ouRgQ6JHZFP6k5TTg=="));
    s = sml_hmac_format(STR("a\"b\\c"), STR("AA=="), &a);
    CU_ASSERT_EQUAL(sml_hmac_parse(s, &a, &h, NULL), RC_OK);
    CU_ASSERT_TRUE(str_is(h.username, "a\"b\\c"));
    arena_finish(&a);
}

static void basic_names_and_passwords_may_have_colons(void)
{
    static const struct {
        const char *user, *password, *text;
        bool good;
    } row[] = {
        { "IMEI:001", "secret", "IMEI:001:secret", true },   { "IMEI:001", "a:b", "IMEI:001:a:b", true },
        { "IMEI", "001:secret", "IMEI:001:secret", true },   { "IMEI:001", "secret", "IMEI:002:secret", false },
        { "IMEI:001", "secret", "IMEI:001:Secret", false },  { "IMEI:001", "secret", "IMEI:001", false },
        { "IMEI:001", "secret", "IMEI:001secret", false },   { "IMEI:001", "", "IMEI:001:", true },
        { "IMEI:0011", "secret", "IMEI:001:secret", false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        char ha1[SML_HA1_BYTES + 1], data[64];
        arena_init(&a, 4096);
        sml_ha1(str_of(row[i].user), str_of(row[i].password), ha1);
        text_b64(row[i].text, strlen(row[i].text), data);
        CU_ASSERT_EQUAL(sml_basic_is(str_of(data), str_of(row[i].user), str_of(ha1), &a), row[i].good);
        CU_ASSERT_FALSE(sml_basic_is(STR("%%%"), str_of(row[i].user), str_of(ha1), &a));
        arena_finish(&a);
    }
}

TEST_MAIN("syncml.cred", TEST(basic_names_and_passwords_may_have_colons), TEST(computes_the_vectors_of_the_reference),
          TEST(names_schemes_in_any_case), TEST(cuts_basic_credentials_at_the_first_colon),
          TEST(reads_the_hmac_header_as_clients_write_it), TEST(writes_a_header_that_reads_back))
