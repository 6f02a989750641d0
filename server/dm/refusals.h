/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_REFUSALS_H
#define SERVER_DM_REFUSALS_H
/* Refused logins are counted, rate-limited, logged (base/log.h bounds the lines) and stored for known devices (the last
 * refusal, in one row). Also handles two devices with one identity. Rows are written later, not before the answer: the
 * time of an answer must not reveal which devices exist. */
#include "server/core/brake.h"
#include "server/dm/exchange.h"

struct refusals;

/* What the refused message carried; in the order of METRIC_UNPROVEN_NONE and the following metrics. */
enum refusal_kind {
    REFUSAL_NOTHING,     /* no credentials: asks for a challenge */
    REFUSAL_CREDENTIALS, /* wrong credentials, or an invalid nonce */
    REFUSAL_TOKEN,       /* a token of no open session */
    REFUSAL_SESSION,     /* continues a session without its token */
    REFUSAL_CERTIFICATE  /* an invalid certificate, or one of another device */
};

struct refusal {
    enum refusal_kind kind;
    int64_t device, authority; /* device 0: unknown */
    struct str name, session_id, msg_id, remote;
    const char *why;
};

struct refusals *refusals_create(void); /* NULL when out of memory */
void refusals_destroy(struct refusals *r);
/** Record a refusal. @return milliseconds by which the answer is delayed */
int refusals_add(struct refusals *r, const struct server *srv, const struct refusal *f, int64_t now_ms);
/** The device has authenticated from this address: the preceding challenge was not a refusal. */
void refusals_forget(struct refusals *r, int64_t device, struct str remote);
/** Two devices use one identity: the one at `remote` continues a session that the other, the owner of s, has ended. */
void refusals_contest(struct refusals *r, const struct server *srv, const struct session *s, struct str remote,
                      int64_t now_ms);
/** Write the collected refusals (in its own transactions). */
enum rc refusals_keep(struct dm *dm, int64_t now_ms, struct err *e);
/** A TLS connection ended without a request. */
void refusals_no_request(const struct server *srv, struct str remote, const char *why);
#endif
