/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <string.h>

#define IS(path, want) CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)

static void registers_a_device_and_shows_its_credentials_once(void)
{
    struct api_fixture *s = api_fixture_begin();
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", "/api/v1/devices",
                         "{\"id\":\"IMEI:001010000000017\",\"title\":\"Ada\",\"labels\":{\"department\":\"sales\"},"
                         "\"push\":{\"channel\":\"udp\",\"address\":\"192.0.2.7:2948\"}}"),
        201);
    IS("device.id", "IMEI:001010000000017");
    IS("device.labels.department", "sales");
    IS("device.authority", "acme-it");
    IS("device.push.address", "192.0.2.7:2948");
    IS("account.serverId", "com.acme.dm");
    IS("account.url", "https://dm.example.net:8443/dm/acme-it");
    IS("account.clientName", "IMEI:001010000000017");
    IS("account.auth", "md5");
    IS("account.pollS", "3600");
    CU_ASSERT_EQUAL(strlen(api_fixture_get(s, "account.clientPassword")), 24);
    CU_ASSERT_EQUAL(strlen(api_fixture_get(s, "account.clientNonce")), 24);
    char password[40];
    strcpy(password, api_fixture_get(s, "account.clientPassword"));
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Cache-Control"), "no-store");

    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/IMEI%3A001010000000017", NULL), 200);
    IS("title", "Ada");
    IS("summary", "new");
    CU_ASSERT_PTR_NULL(strstr(s->text, password));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit", NULL), 200);
    IS("items.0.action", "device.create");
    CU_ASSERT_PTR_NULL(strstr(s->text, password));
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/IMEI%3A001010000000017/credentials", ""), 200);
    CU_ASSERT_STRING_NOT_EQUAL(api_fixture_get(s, "account.clientPassword"), password);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"IMEI:001010000000017\"}"), 409);
    api_fixture_end(s);
}

static void refuses_what_is_wrong_with_a_pointer_to_it(void)
{
    static const struct {
        const char *body;
        int status;
        const char *pointer;
    } row[] = {
        { "", 400, "" },
        { "nonsense", 400, "" },
        { "[]", 400, "" },
        { "{}", 400, "/id" },
        { "{\"id\":7}", 400, "/id" },
        { "{\"id\":\"\"}", 400, "/id" },
        { "{\"id\":\"a b\"}", 400, "/id" },
        { "{\"id\":\"x\",\"id\":\"y\"}", 400, "" },
        { "{\"id\":\"x\",\"colour\":\"red\"}", 400, "/colour" },
        { "{\"id\":\"x\",\"labels\":[]}", 400, "/labels" },
        { "{\"id\":\"x\",\"labels\":{\"a\":1}}", 400, "/labels/a" },
        { "{\"id\":\"x\",\"labels\":{\"a b\":\"1\"}}", 400, "/labels/a b" },
        { "{\"id\":\"x\",\"push\":{\"channel\":\"carrier pigeon\"}}", 400, "/push/channel" },
        { "{\"id\":\"x\",\"push\":{\"channel\":\"udp\"}}", 400, "/push/address" },
        { "{\"id\":\"x\",\"push\":{\"channel\":\"udp\",\"address\":\"host\"}}", 400, "/push/address" },
        { "{\"id\":\"x\",\"push\":{\"channel\":\"udp\",\"address\":\"host:70000\"}}", 400, "/push/address" },
        { "{\"id\":\"x\",\"auth\":\"none\"}", 400, "/auth" },
        { "{\"id\":\"x\",\"auth\":\"basic\"}", 400, "/auth" },
        { "{\"id\":\"x\",\"authority\":\"other\"}", 404, "/authority" },
        { "{\"id\":\"x\",\"labels\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 400, "" },
    };
    struct api_fixture *s = api_fixture_begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", row[i].body), row[i].status);
        CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Content-Type"), "application/problem+json");
        IS("pointer", row[i].pointer);
        CU_ASSERT(strlen(api_fixture_get(s, "detail")) > 5);
    }
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM device"), 0);
    api_fixture_end(s);
}

static void lists_by_pages_and_by_selector(void)
{
    struct api_fixture *s = api_fixture_begin();
    char id[40], next[40];
    for (int i = 0; i < 7; i++) {
        snprintf(id, sizeof id, "phone-%d", i);
        api_fixture_device(s, id, i % 2 ? "{\"department\":\"sales\"}" : "{\"department\":\"field\"}");
    }
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?limit=3", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 3);
    IS("items.0.id", "phone-0");
    strcpy(next, api_fixture_get(s, "next"));
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "/api/v1/devices?limit=3&cursor=%s", next), 200);
    IS("items.0.id", "phone-3");
    strcpy(next, api_fixture_get(s, "next"));
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "/api/v1/devices?limit=3&cursor=%s", next), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    IS("next", "null");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?filter=label.department%20==%20%22sales%22", NULL),
                    200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 3);
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "GET", "/api/v1/devices?filter=label.department+in+('sales','field')&limit=5", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 5);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?filter=label.department%20==", NULL), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), "column"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?limit=0", NULL), 400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?limit=1001", NULL), 400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?cursor=x", NULL), 400);
    api_fixture_end(s);
}

static void changes_only_what_was_read(void)
{
    struct api_fixture *s = api_fixture_begin();
    char tag[80], header[120];
    api_fixture_device(s, "phone", "{\"a\":\"1\",\"b\":\"2\"}");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 200);
    strcpy(tag, api_fixture_header(s, "ETag"));
    CU_ASSERT_EQUAL(strlen(tag), 34);
    snprintf(header, sizeof header, "If-Match: %s\r\n", tag);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone",
                                     "{\"title\":\"T\",\"labels\":{\"a\":null,\"c\":\"3\"}}"),
                    200);
    IS("title", "T");
    IS("labels.a", "");
    IS("labels.b", "2");
    IS("labels.c", "3");
    CU_ASSERT_STRING_NOT_EQUAL(api_fixture_header(s, "ETag"), tag);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone", "{\"title\":\"U\"}"), 412);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/devices/phone", NULL), 412);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 200);
    IS("title", "T");
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/devices/phone", NULL), 204);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/devices/phone", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit", NULL), 200);
    IS("items.0.action", "device.delete");
    IS("items.1.before.title", "");
    IS("items.1.after.title", "T");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit:verify", NULL), 200);
    IS("intact", "true");
    IS("rows", "3");
    api_fixture_sql(s, "UPDATE audit SET who = 'somebody else' WHERE audit_id = 2");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit:verify", NULL), 200);
    IS("intact", "false");
    IS("firstBroken", "2");
    api_fixture_end(s);
}

static void shows_the_tree_as_last_reported(void)
{
    struct api_fixture *s = api_fixture_begin();
    api_fixture_device(s, "phone", NULL);
    api_fixture_sql(
        s,
        "INSERT INTO path (path_id, uri) VALUES (1, './A'), (2, './A/B'), (3, './A/B/C'), (4, './AB'), (5, './A/D')");
    api_fixture_sql(
        s, "INSERT INTO node (device_id, path_id, format, known, value, at_ms) SELECT d.device_id, p.path_id, 0, 0,"
           " CASE WHEN p.path_id IN (1, 2) THEN NULL ELSE 'v' || p.path_id END, 1700000000000 FROM device d, path p");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 5);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree?uri=./A", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 4);
    IS("items.0.uri", "./A");
    IS("items.0.value", "null");
    IS("items.2.value", "v3");
    IS("items.2.known", "reported");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree?uri=./A&depth=1", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 3);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree?limit=2", NULL), 200);
    IS("next", "./A/B");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree?limit=2&cursor=./A/B", NULL), 200);
    IS("items.0.uri", "./A/B/C");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree?uri=.//A", NULL), 400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/tree?depth=x", NULL), 400);
    api_fixture_end(s);
}

static void each_sees_only_its_authority(void)
{
    struct api_fixture *s = api_fixture_begin();
    api_fixture_sql(s, "INSERT INTO authority (name, server_id, created_ms) VALUES ('operator-x', 'net.x.dm', 1)");
    const char *x = api_fixture_token(s, "admin", "operator-x"), *acme = api_fixture_token(s, "operator", "acme-it");
    s->token = acme;
    api_fixture_device(s, "phone", NULL);
    s->token = x;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices?authority=acme-it", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"y\",\"authority\":\"acme-it\"}"), 404);
    api_fixture_device(s, "phone", NULL);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    IS("items.0.authority", "operator-x");
    s->token = NULL;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 2);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 409);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone?authority=operator-x", NULL), 200);
    IS("authority", "operator-x");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"z\"}"), 400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"z\",\"authority\":\"acme-it\"}"), 201);
    api_fixture_end(s);
}

TEST_MAIN("server.api.devices", TEST(registers_a_device_and_shows_its_credentials_once),
          TEST(refuses_what_is_wrong_with_a_pointer_to_it), TEST(lists_by_pages_and_by_selector),
          TEST(changes_only_what_was_read), TEST(shows_the_tree_as_last_reported), TEST(each_sees_only_its_authority))
