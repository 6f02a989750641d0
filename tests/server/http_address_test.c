/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/http_address.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static struct http_address address(const char *text)
{
    struct http_address a;
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    bool four = inet_pton(AF_INET, text, &in4.sin_addr) == 1;
    if (!four) CU_ASSERT_EQUAL(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    CU_ASSERT(http_address_of(four ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6, &a));
    return a;
}

static void networks_are_what_people_write(void)
{
    static const struct {
        const char *network, *address;
        enum rc want;
        bool has;
    } row[] = {
        { "192.0.2.0/24", "192.0.2.77", RC_OK, true },
        { "192.0.2.0/24", "192.0.3.77", RC_OK, false },
        { "192.0.2.0/24", "::ffff:192.0.2.7", RC_OK, true },
        { "192.0.2.7", "192.0.2.7", RC_OK, true },
        { "192.0.2.7", "192.0.2.6", RC_OK, false },
        { "10.128.0.0/9", "10.200.0.1", RC_OK, true },
        { "10.128.0.0/9", "10.100.0.1", RC_OK, false },
        { "0.0.0.0/0", "203.0.113.9", RC_OK, true },
        { "0.0.0.0/0", "2001:db8::1", RC_OK, false },
        { "2001:db8::/32", "2001:db8:1::9", RC_OK, true },
        { "2001:db8::/32", "2001:db9::9", RC_OK, false },
        { "::/0", "2001:db8::1", RC_OK, true },
        { "192.0.2.0/33", "192.0.2.1", RC_INVALID, false },
        { "192.0.2.0/", "192.0.2.1", RC_INVALID, false },
        { "192.0.2", "192.0.2.1", RC_INVALID, false },
        { "2001:db8::/129", "192.0.2.1", RC_INVALID, false },
        { "balancer.example", "192.0.2.1", RC_INVALID, false },
        { "", "192.0.2.1", RC_INVALID, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct http_network n;
        struct err e = { 0 };
        struct http_address a = address(row[i].address);
        CU_ASSERT_EQUAL(http_network_parse(str_of(row[i].network), &n, &e), row[i].want);
        if (row[i].want) CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].network));
        if (!row[i].want) CU_ASSERT_EQUAL(http_network_has(&n, &a), row[i].has);
    }
}

static void connections_are_counted_by_address_and_by_site(void)
{
    struct http_peers *p = http_peers_create(2); /* fewer buckets than addresses */
    struct http_peer *held[100];
    char text[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, i % 2 ? "2001:db8::%x" : "192.0.2.%u", (unsigned)i);
        struct http_address a = address(text);
        held[i] = http_peer_join(p, &a);
        CU_ASSERT_PTR_NOT_NULL_FATAL(held[i]);
    }
    struct http_address one = address("192.0.2.8"), site = address("2001:db8::ffff"),
                        other = address("2001:db8:0:1::1");
    CU_ASSERT_EQUAL(http_peer_connections(p, &one), 1);
    CU_ASSERT_EQUAL(http_peer_connections(p, &site), 50);
    CU_ASSERT_EQUAL(http_peer_connections(p, &other), 0);
    for (int i = 0; i < 100; i++) http_peer_leave(p, held[i]);
    CU_ASSERT_EQUAL(http_peer_connections(p, &site), 0);
    http_peers_destroy(p);
}

TEST_MAIN("server.http_address", TEST(networks_are_what_people_write),
          TEST(connections_are_counted_by_address_and_by_site))
