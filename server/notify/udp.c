/* SPDX-License-Identifier: Apache-2.0 */
#include "server/notify/udp.h"
#include "syncml/notify.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_BYTES = 256, PORT_BYTES = 8, ARENA_BYTES = 8 << 10 };

void udp_init(struct push_udp *u)
{
    *u = (struct push_udp){ -1, -1, 0 };
}

void udp_finish(struct push_udp *u)
{
    if (u->v4 >= 0) close(u->v4);
    if (u->v6 >= 0) close(u->v6);
    udp_init(u);
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static enum rc split(struct str address, char host[HOST_BYTES], char port[PORT_BYTES], struct err *e)
{
    struct str name = address, number = { 0 };
    int64_t n = PUSH_UDP_PORT;
    size_t colon;
    if (address.n && address.p[0] == '[') {
        size_t close = str_find(address, ']', 0);
        name = str_slice(address, 1, close);
        number = str_slice(address, close + 1, address.n);
        if (close == address.n || (number.n && number.p[0] != ':'))
            return err_set(e, RC_INVALID, "the address \"%.*s\" is not of the form [address]:port", STR_ARG(address));
        number = str_slice(number, 1, number.n);
    } else if ((colon = str_find(address, ':', 0)) < address.n) {
        name = str_slice(address, 0, colon);
        number = str_slice(address, colon + 1, address.n);
        if (number.n == 0)
            return err_set(e, RC_INVALID, "the address \"%.*s\" has no port after the colon", STR_ARG(address));
    }
    if (number.n && (!str_to_i64(number, &n) || n < 1 || n > 65535))
        return err_set(e, RC_INVALID, "the address \"%.*s\" needs a port from 1 to 65535 after the colon",
                       STR_ARG(address));
    if (name.n == 0 || name.n >= HOST_BYTES || memchr(name.p, '\0', name.n))
        return err_set(e, RC_INVALID, "the address \"%.*s\" has no host", STR_ARG(address));
    snprintf(host, HOST_BYTES, "%.*s", STR_ARG(name));
    snprintf(port, PORT_BYTES, "%d", (int)n);
    return RC_OK;
}

enum rc udp_check(struct str address, struct err *e)
{
    char host[HOST_BYTES], port[PORT_BYTES];
    return split(address, host, port, e);
}

/* One socket per address family, created on first use. */
static int socket_for(struct push_udp *u, int family)
{
    int *fd = family == AF_INET6 ? &u->v6 : &u->v4;
    if (*fd < 0) *fd = socket(family, SOCK_DGRAM, 0);
    return *fd;
}

enum rc udp_send(struct push_udp *u, struct str address, struct str body, struct err *e)
{
    char host[HOST_BYTES], port[PORT_BYTES];
    const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    struct arena a;
    struct str pdu;
    enum rc rc = split(address, host, port, e);
    if (rc) return rc;
    int bad = getaddrinfo(host, port, &hints, &found);
    if (bad) return err_set(e, RC_IO, "the host %s is not found: %s", host, gai_strerror(bad));
    arena_init(&a, ARENA_BYTES);
    rc = sml_wsp_push_encode(u->tid++, body, &a, &pdu);
    if (rc) {
        err_set(e, rc, "the notification does not fit into a datagram");
    } else {
        int fd = socket_for(u, found->ai_family);
        if (fd < 0 || sendto(fd, pdu.p, pdu.n, 0, found->ai_addr, found->ai_addrlen) != (ssize_t)pdu.n)
            rc = err_set(e, RC_IO, "the datagram to %s port %s could not be sent: %s", host, port, strerror(errno));
    }
    arena_finish(&a);
    freeaddrinfo(found);
    return rc;
}
