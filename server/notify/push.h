/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_NOTIFY_PUSH_H
#define SERVER_NOTIFY_PUSH_H
/* Push channels, which carry a WSP push PDU to a device. push.c has one row for each channel. */
#include "base/rc.h"
#include "base/str.h"

struct push; /* sockets and clients of all channels; for one thread */
enum rc push_create(struct push **out, struct err *e);
void push_destroy(struct push *p);
/**
 * Send one notification.
 * @param channel  as in device.push_channel; @param address in its form (udp: "host:port", "[v6]:port"; the port may be
 * left out: 2948)
 * @param body     package 0 (syncml/notify.h), without WSP headers
 * @return RC_OK when it was handed over (UDP confirms nothing more); RC_UNSUPPORTED for an unknown channel; RC_INVALID
 * for the address; RC_IO
 */
enum rc push_send(struct push *p, struct str channel, struct str address, struct str body, struct err *e);
/** Check that the address is well formed for the channel, before a registration stores it. */
enum rc push_check(struct str channel, struct str address, struct err *e);
#endif
