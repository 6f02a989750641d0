/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/account.h"
#include "tests/lib/test.h"
#include <string.h>

#define GOOD                                                                                                           \
    "\"serverId\":\"dm.example.net\",\"url\":\"https://dm.example.net/dm\",\"clientName\":\"phone\",\"clientPassword\":\"pw\",\"serverPassword\":\"spw\""

static void reads_what_a_registration_answers(void)
{
    static const char text[] = "{\"device\":{\"id\":\"x\"},\"account\":{" GOOD
                               ",\"clientNonce\":\"AQIDBA==\",\"serverNonce\":\"\",\"auth\":\"md5\",\"pollS\":900}}";
    struct account acc;
    char ha1[SML_HA1_BYTES + 1];
    CU_ASSERT_EQUAL(account_parse(str_of(text), "t", &acc, NULL), RC_OK);
    CU_ASSERT_STRING_EQUAL(acc.server_id, "dm.example.net");
    CU_ASSERT_STRING_EQUAL(acc.server_name, "dm.example.net"); /* as the ServerID, when not said */
    CU_ASSERT_EQUAL(acc.poll_s, 900);
    CU_ASSERT(acc.n_client_nonce == 4 && acc.client_nonce[3] == 4 && acc.n_server_nonce == 0);
    sml_ha1(STR("phone"), STR("pw"), ha1);
    CU_ASSERT_STRING_EQUAL(acc.client_ha1, ha1);
    CU_ASSERT_EQUAL(acc.client_password[0], 0); /* only the digest is kept */
    CU_ASSERT_EQUAL(account_parse(STR("{" GOOD "}"), "t", &acc, NULL), RC_OK);
    CU_ASSERT_EQUAL(acc.poll_s, ACCOUNT_POLL_S);
    CU_ASSERT_EQUAL(acc.auth, SML_AUTH_MD5);
    CU_ASSERT_EQUAL(account_parse(STR("{" GOOD ",\"auth\":\"basic\"}"), "t", &acc, NULL), RC_OK);
    CU_ASSERT_STRING_EQUAL(acc.client_password, "pw"); /* this scheme needs it */
}

static void says_what_is_wrong_and_where(void)
{
    static const struct {
        const char *text, *says;
    } row[] = {
        { "", "account" },
        { "[]", "account" },
        { "{}", "serverId" },
        { "{\"serverId\":\"a b\"}", "serverId" },
        { "{\"serverId\":\"a=b\"}", "serverId" },
        { "{\"serverId\":\"a\",\"url\":\"ftp://x\"}", "url" },
        { "{\"serverId\":\"a\",\"url\":\"https://x\"}", "clientName" },
        { "{" GOOD ",\"auth\":\"magic\"}", "auth" },
        { "{" GOOD ",\"clientNonce\":\"***\"}", "clientNonce" },
        { "{" GOOD ",\"pollS\":-1}", "pollS" },
        { "{" GOOD ",\"pollS\":\"soon\"}", "pollS" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct account acc;
        struct err e = { 0 };
        CU_ASSERT_NOT_EQUAL(account_parse(str_of(row[i].text), "acc.json", &acc, &e), RC_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
        CU_ASSERT_PTR_NULL(strstr(e.text, "pw")); /* never a secret in an error */
    }
    struct account acc;
    struct err e = { 0 };
    CU_ASSERT_EQUAL(account_load("/nonexistent/account.json", &acc, &e), RC_IO);
}

TEST_MAIN("agent.account", TEST(reads_what_a_registration_answers), TEST(says_what_is_wrong_and_where))
