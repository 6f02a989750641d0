/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_REFUSALS_H
#define SERVER_DM_REFUSALS_H
/* Who has not proved himself: counted, braked, logged (base/log.h bounds the lines), and kept for a device that is known (its last
 * refusal, in one row). Also two holders of one identity. Nothing of it is written while somebody waits for an answer:
 * how long an answer takes must not tell which devices exist. */
#include "server/core/brake.h"
#include "server/dm/exchange.h"

struct refusals;

/* What somebody brought who did not prove himself; the order is that of METRIC_UNPROVEN_NONE and what follows. */
enum refusal_kind {
    REFUSAL_NOTHING,     /* asks to be challenged */
    REFUSAL_CREDENTIALS, /* wrong ones, or a nonce that is not good (any more) */
    REFUSAL_TOKEN,       /* of no session that is open */
    REFUSAL_SESSION,     /* goes on with a session without its token */
    REFUSAL_CERTIFICATE  /* one that does not count, or is for another device */
};

struct refusal {
    enum refusal_kind kind;
    int64_t device, authority; /* device 0: not known */
    struct str name, session_id, msg_id, remote;
    const char *why;
};

struct refusals *refusals_create(void); /* NULL when out of memory */
void refusals_destroy(struct refusals *r);
/** Note it. @return milliseconds that the answer has to wait */
int refusals_add(struct refusals *r, const struct server *srv, const struct refusal *f, int64_t now_ms);
/** The device has proved itself from there: that it was challenged first is no refusal. */
void refusals_forget(struct refusals *r, int64_t device, struct str remote);
/** Two hold the device's identity: one goes on from `remote` with what the other one, the holder of s, has ended. */
void refusals_contest(struct refusals *r, const struct server *srv, const struct session *s, struct str remote,
                      int64_t now_ms);
/** Write down what has come together (in transactions of its own). */
enum rc refusals_keep(struct dm *dm, int64_t now_ms, struct err *e);
/** A TLS connection ended without a request. */
void refusals_no_request(const struct server *srv, struct str remote, const char *why);
#endif
