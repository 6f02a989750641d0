/* SPDX-License-Identifier: Apache-2.0 */
#include "base/origin.h"
#include "tests/lib/test.h"

static void an_address_leads_to_one_host(void)
{
    static const struct {
        const char *url, *host; /* NULL: refused */
        bool tls;
        unsigned port;
    } row[] = {
        { "https://dm.example.net/dm?s=1", "dm.example.net", true, 443 },
        { "HTTP://dm.example.net", "dm.example.net", false, 80 },
        { "http://127.0.0.1:8080/dm/Acme", "127.0.0.1", false, 8080 },
        { "https://[::1]:8443/dm", "[::1]", true, 8443 },
        { "https://dm?s=x", "dm", true, 443 },
        { "https://dm#x@evil", "dm", true, 443 },
        { "https://[::1]", "[::1]", true, 443 },
        { "", NULL, false, 0 },
        { "https://", NULL, false, 0 },
        { "/dm?s=1", NULL, false, 0 },
        { "ftp://dm/", NULL, false, 0 },
        { "https:/dm", NULL, false, 0 },
        { "https://dm@evil.example/", NULL, false, 0 },
        { "https://dm:pw@evil.example/", NULL, false, 0 },
        { "https://dm\\@evil.example/", NULL, false, 0 },
        { "https://dm.example.net\t.evil/", NULL, false, 0 },
        { "https://dm/ HTTP/1.1", NULL, false, 0 },
        { "https://dm\r\nX: y/", NULL, false, 0 },
        { "https://d\xc3\xa4/", NULL, false, 0 },
        { "https://dm:0/", NULL, false, 0 },
        { "https://dm:65536/", NULL, false, 0 },
        { "https://dm:/", NULL, false, 0 },
        { "https://dm:+80/", NULL, false, 0 },
        { "https://dm:8%30/", NULL, false, 0 },
        { "https://%64m/", NULL, false, 0 },
        { "https://[::1/", NULL, false, 0 },
        { "https://[::1]x/", NULL, false, 0 },
        { "https://a:b:1/", NULL, false, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct origin o = { 0 };
        bool ok = origin_of(str_of(row[i].url), &o);
        CU_ASSERT_EQUAL(ok, row[i].host != NULL);
        if (ok != (row[i].host != NULL)) printf("row %s\n", row[i].url);
        if (!ok || !row[i].host) continue;
        CU_ASSERT(str_is(o.host, row[i].host));
        CU_ASSERT(o.tls == row[i].tls && o.port == row[i].port);
    }
}

static void the_same_origin_and_a_weaker_one(void)
{
    static const struct {
        const char *a, *b;
        bool same, weaker;
    } row[] = {
        { "https://dm/a", "https://DM:443/b?s=1", true, false },
        { "https://dm", "https://dm:8443", false, false },
        { "https://dm", "http://dm", false, true },
        { "http://dm", "https://dm", false, false },
        { "http://dm", "http://dm.", false, false },
        { "https://dm", "http://dm:443", false, true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct origin a = { 0 }, b = { 0 };
        CU_ASSERT_FATAL(origin_of(str_of(row[i].a), &a) && origin_of(str_of(row[i].b), &b));
        CU_ASSERT_EQUAL(origin_same(&a, &b), row[i].same);
        CU_ASSERT_EQUAL(origin_weaker(&a, &b), row[i].weaker);
    }
}

TEST_MAIN("base.origin", TEST(an_address_leads_to_one_host), TEST(the_same_origin_and_a_weaker_one))
