/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_NOTIFY_UDP_H
#define SERVER_NOTIFY_UDP_H
/* WSP push in a UDP datagram to port 2948 (notification-bootstrap.md 3.2), for devices reachable by IP. */
#include "base/rc.h"
#include "base/str.h"

enum { PUSH_UDP_PORT = 2948 };
struct push_udp {
    int v4, v6;
    uint8_t tid;
};
void udp_init(struct push_udp *u);
void udp_finish(struct push_udp *u);
enum rc udp_check(struct str address, struct err *e);
enum rc udp_send(struct push_udp *u, struct str address, struct str body, struct err *e);
#endif
