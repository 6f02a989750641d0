/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_NOTIFY_H
#define SYNCML_NOTIFY_H
/* Package 0 and its WAP push (notification-bootstrap.md 1 to 3). */
#include "base/arena.h"
#include "base/rc.h"

enum { SML_NOTIFY_MAX = 16 + 8 + 255 + 512, SML_WSP_HEAD = 6 };
enum sml_ui { SML_UI_ANY, SML_UI_BACKGROUND, SML_UI_INFORM, SML_UI_ASK };

struct sml_notify {
    unsigned version; /* 11 for DM 1.2; 10..12 accepted */
    enum sml_ui ui;
    bool by_server;       /* initiator */
    uint16_t session;     /* 1..0xFFFF */
    struct str server_id; /* 1..255 octets */
    struct str vendor;    /* may be empty */
};

/** @param ha1  B64(MD5(server id ":" password)); @param nonce current server nonce, decoded octets
 *  @return bytes in the arena: digest and notification. RC_INVALID for a session of 0 or a bad id length */
enum rc sml_notify_encode(const struct sml_notify *n, struct str ha1, struct str nonce, struct arena *a,
                          struct str *out, struct err *e);
/** Decode the fields of a notification, borrowed from `in`; its digest is not checked. */
enum rc sml_notify_decode(struct str in, struct sml_notify *out, struct err *e);
/** Check the digest in constant time. */
bool sml_notify_verify(struct str in, struct str ha1, struct str nonce);
/** Session id as it appears in SyncHdr: upper-case hex without leading zeros, into out[5]. */
void sml_notify_session_text(uint16_t session, char out[5]);
/** WSP push PDU: TID, Push, content type 0x44, application id 0x07, then the body. */
enum rc sml_wsp_push_encode(uint8_t tid, struct str body, struct arena *a, struct str *out);
/**
 * The body of a DM push PDU, borrowed. RC_UNSUPPORTED for another PDU type, content type or application id; other
 * headers are skipped.
 */
enum rc sml_wsp_push_decode(struct str in, struct str *body, struct err *e);
#endif
