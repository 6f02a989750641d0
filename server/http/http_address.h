/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_ADDRESS_H
#define SERVER_HTTP_HTTP_ADDRESS_H
/* Peer addresses, networks, and the number of connections of each address. */
#include "base/rc.h"
#include "base/str.h"

#include <sys/socket.h>

/* IPv4 as ::ffff:a.b.c.d. */
struct http_address {
    uint8_t octets[16];
};

/** @return false for other address families */
bool http_address_of(const struct sockaddr *from, struct http_address *out);
/** Format as text; at most INET6_ADDRSTRLEN bytes. */
void http_address_print(const struct http_address *a, char *out, size_t n);

struct http_network {
    struct http_address at;
    unsigned bits; /* of 128 */
};
/** "192.0.2.0/24", "2001:db8::/32", "192.0.2.7". @return RC_INVALID */
enum rc http_network_parse(struct str text, struct http_network *out, struct err *e);
bool http_network_has(const struct http_network *n, const struct http_address *a);

/* A counter for each address that has a connection; an IPv6 /64 counts as one address. */
struct http_peers;
struct http_peer {
    struct http_address who;
    unsigned connections;
    struct http_peer *next;
};
struct http_peers *http_peers_create(unsigned max_connections); /* NULL = no memory */
void http_peers_destroy(struct http_peers *p);
/** Count one more connection. @return NULL when out of memory */
struct http_peer *http_peer_join(struct http_peers *p, const struct http_address *a);
/** Count one connection less; the last one frees the counter. Accepts NULL. */
void http_peer_leave(struct http_peers *p, struct http_peer *peer);
/** The number of connections of the peer. */
unsigned http_peer_connections(const struct http_peers *p, const struct http_address *a);
#endif
