/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_REPEATS_H
#define SERVER_DECIDE_REPEATS_H
/* Alerts of a device that were booked and whose answer may not have reached it: the server was killed between the commit and
 * the answer, or the connection broke. A device tells such alerts again, in a new session and under new numbers; what tells
 * them from new ones is that they are the same to the octet and that nothing shows that the answer arrived. It has arrived
 * when the session's next message comes, or when the next session is opened with the nonce that the answer carried. Only
 * the session after that is looked at: a device that kept an alert tells it then. The list is kept with the device
 * (contact.booked), in the transaction that books the alerts. */
#include "base/arena.h"
#include "syncml/session/server.h"

enum {
    REPEATS_MAX = 256,
    REPEAT_BYTES = 9,            /* in contact.booked: hash, then what it is of */
    REPEAT_MS = 24 * 3600 * 1000 /* an alert told again later than that is a new one */
};

enum repeat_of {
    REPEAT_OF_NONCE = 1, /* booked with a message whose answer carries the next session's nonce */
    REPEAT_OF_MESSAGE,   /* booked with a later message of the session */
    REPEAT_OF_BEFORE     /* booked in the session before, not told again yet */
};

struct repeats {
    struct {
        uint64_t hash;
        enum repeat_of of;
    } row[REPEATS_MAX];
    size_t n, n_before; /* those of the session before stand first */
    bool first;
};

/** @param kept  contact.booked, written at kept_ms; what is too old (or from a future that did not come) is left out */
void repeats_load(struct repeats *x, struct str kept, int64_t kept_ms, const struct sml_news *news, int64_t now_ms);
/** Book an alert. @return true when it was booked before: it is told again because its answer was lost */
bool repeats_book(struct repeats *x, const struct sml_alert_in *alert);
/** As contact.booked has it; empty: nothing is open. @return false without memory */
bool repeats_text(const struct repeats *x, struct arena *a, struct str *out);
#endif
