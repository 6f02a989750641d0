/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the checklist about what a device is given. */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <stdio.h>
#include <string.h>

static void s_115_each_device_gets_secrets_of_its_own(void)
{
    enum { N = 20 };
    static const char *const what[] = { "account.serverPassword", "account.clientPassword", "account.clientNonce",
                                        "account.serverNonce" };
    char secret[N * 4][80], body[100];
    struct api_fixture *s = api_fixture_begin();
    size_t n = 0;
    for (int i = 0; i < N; i++) {
        snprintf(body, sizeof body, "{\"id\":\"IMEI:%015d\"}", i);
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", body), 201);
        for (int k = 0; k < 4; k++, n++) {
            snprintf(secret[n], sizeof secret[n], "%s", api_fixture_get(s, what[k]));
            CU_ASSERT(strlen(secret[n]) >= 24);
            for (size_t j = 0; j < n; j++) CU_ASSERT_STRING_NOT_EQUAL(secret[j], secret[n]);
        }
    }
    api_fixture_end(s);
}

static void n_003_each_notification_has_a_session_id_of_its_own(void)
{
    char id[30][8];
    struct api_fixture *s = api_fixture_begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices",
                                     "{\"id\":\"phone\",\"push\":{\"channel\":\"udp\",\"address\":\"127.0.0.1:9\"}}"),
                    201);
    for (size_t i = 0; i < 30; i++) {
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/phone/notifications", ""), 202);
        snprintf(id[i], sizeof id[i], "%s", api_fixture_get(s, "sessionId"));
        CU_ASSERT(id[i][0] != '\0' && id[i][0] != '0');
        for (size_t k = 0; k < i; k++) CU_ASSERT_STRING_NOT_EQUAL(id[k], id[i]);
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/phone/notifications", ""),
                        202); /* asked again while it is open */
        CU_ASSERT_STRING_EQUAL(api_fixture_get(s, "sessionId"), id[i]);
        api_fixture_sql(
            s, "UPDATE notification SET state = 'answered', sent_ms = 1000, answered_ms = 1250, next_ms = NULL");
    }
    api_fixture_end(s);
}

TEST_MAIN("conformance.provision", TEST(n_003_each_notification_has_a_session_id_of_its_own),
          TEST(s_115_each_device_gets_secrets_of_its_own))
