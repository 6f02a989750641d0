/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { IPV4_AT = 12, SITE_OCTETS = 8 };
static const uint8_t ipv4_prefix[IPV4_AT] = { [10] = 0xff, [11] = 0xff };

struct http_peers {
    size_t mask;
    struct http_peer *bucket[];
};

static bool is_ipv4(const struct http_address *a)
{
    return memcmp(a->octets, ipv4_prefix, IPV4_AT) == 0;
}

bool http_address_of(const struct sockaddr *from, struct http_address *out)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    memset(out, 0, sizeof *out);
    if (from && from->sa_family == AF_INET) {
        memcpy(&in4, from, sizeof in4);
        memcpy(out->octets, ipv4_prefix, IPV4_AT);
        memcpy(out->octets + IPV4_AT, &in4.sin_addr, 4);
        return true;
    }
    if (from && from->sa_family == AF_INET6) {
        memcpy(&in6, from, sizeof in6);
        memcpy(out->octets, &in6.sin6_addr, sizeof out->octets);
        return true;
    }
    return false;
}

void http_address_print(const struct http_address *a, char *out, size_t n)
{
    const bool four = is_ipv4(a);
    if (!inet_ntop(four ? AF_INET : AF_INET6, a->octets + (four ? IPV4_AT : 0), out, (socklen_t)n) && n) out[0] = '\0';
}

enum rc http_network_parse(struct str text, struct http_network *out, struct err *e)
{
    char address[INET6_ADDRSTRLEN];
    const size_t slash = str_find(text, '/', 0);
    int64_t bits = -1;
    struct http_network n = { .bits = 128 };
    bool ok = slash < sizeof address;
    if (ok) {
        memcpy(address, text.p, slash);
        address[slash] = '\0';
        const bool four = inet_pton(AF_INET, address, n.at.octets + IPV4_AT) == 1;
        const unsigned most = four ? 32 : 128;
        if (four) memcpy(n.at.octets, ipv4_prefix, IPV4_AT);
        ok = four || inet_pton(AF_INET6, address, n.at.octets) == 1;
        if (ok && slash < text.n) {
            ok = str_to_i64(str_slice(text, slash + 1, text.n), &bits) && bits >= 0 && bits <= most;
            n.bits = 128 - most + (unsigned)(ok ? bits : 0);
        }
    }
    if (!ok)
        return err_set(e, RC_INVALID, "\"%.*s\" is not a network such as 192.0.2.0/24 or 2001:db8::/32",
                       STR_ARG(str_slice(text, 0, 60)));
    *out = n;
    return RC_OK;
}

bool http_network_has(const struct http_network *n, const struct http_address *a)
{
    const unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->at.octets, a->octets, whole) != 0) return false;
    return !rest || ((n->at.octets[whole] ^ a->octets[whole]) >> (8 - rest)) == 0;
}

/* The /64 of an IPv6 address: one holder usually has 2^64 addresses. */
static struct http_address site_of(const struct http_address *a)
{
    struct http_address s = *a;
    if (!is_ipv4(a)) memset(s.octets + SITE_OCTETS, 0, sizeof s.octets - SITE_OCTETS);
    return s;
}

struct http_peers *http_peers_create(unsigned max_connections)
{
    size_t n = 16;
    while (n < max_connections) n *= 2;
    struct http_peers *p = calloc(1, sizeof *p + n * sizeof *p->bucket);
    if (p) p->mask = n - 1;
    return p;
}

void http_peers_destroy(struct http_peers *p)
{
    for (size_t i = 0; p && i <= p->mask; i++)
        for (struct http_peer *x = p->bucket[i], *next; x; x = next) {
            next = x->next;
            free(x);
        }
    free(p);
}

static size_t bucket_of(const struct http_peers *p, const struct http_address *site)
{
    return (size_t)str_hash((struct str){ (const char *)site->octets, sizeof site->octets }) & p->mask;
}

static struct http_peer *find(const struct http_peers *p, const struct http_address *site)
{
    struct http_peer *x = p->bucket[bucket_of(p, site)];
    while (x && memcmp(&x->who, site, sizeof *site) != 0) x = x->next;
    return x;
}

struct http_peer *http_peer_join(struct http_peers *p, const struct http_address *a)
{
    const struct http_address site = site_of(a);
    struct http_peer *x = find(p, &site);
    if (!x) {
        const size_t at = bucket_of(p, &site);
        x = calloc(1, sizeof *x);
        if (!x) return NULL;
        x->who = site;
        x->next = p->bucket[at];
        p->bucket[at] = x;
    }
    x->connections++;
    return x;
}

void http_peer_leave(struct http_peers *p, struct http_peer *peer)
{
    if (!peer || --peer->connections) return;
    struct http_peer **at = &p->bucket[bucket_of(p, &peer->who)];
    while (*at != peer) at = &(*at)->next;
    *at = peer->next;
    free(peer);
}

unsigned http_peer_connections(const struct http_peers *p, const struct http_address *a)
{
    const struct http_address site = site_of(a);
    const struct http_peer *x = find(p, &site);
    return x ? x->connections : 0;
}
