/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_REPEATS_H
#define SERVER_DECIDE_REPEATS_H
/* Recorded alerts whose answer may not have reached the device: the server was killed between commit and answer, or the
 * connection broke. The device repeats such alerts in a new session with new numbers. A repeated alert has the same
 * octets as a recorded one whose answer has not verifiably arrived. The answer has arrived when the session's next
 * message comes, or when the next session uses the nonce of the answer. Only the following session is checked, because
 * a device repeats a kept alert there. The list is stored with the device (contact.booked), in the transaction that
 * records the alerts. */
#include "base/arena.h"
#include "syncml/session/server.h"

enum {
    REPEATS_MAX = 256,
    REPEAT_BYTES = 9,            /* in contact.booked: hash, then enum repeat_of */
    REPEAT_MS = 24 * 3600 * 1000 /* a later repetition counts as a new alert */
};

enum repeat_of {
    REPEAT_OF_NONCE = 1, /* recorded with a message whose answer carries the next session's nonce */
    REPEAT_OF_MESSAGE,   /* recorded with a later message of the session */
    REPEAT_OF_BEFORE     /* recorded in the previous session, not repeated yet */
};

struct repeats {
    struct {
        uint64_t hash;
        enum repeat_of of;
    } row[REPEATS_MAX];
    size_t n, n_before; /* those of the previous session come first */
    bool first;
};

/** @param kept  contact.booked, written at kept_ms; entries that are too old, or in the future, are skipped */
void repeats_load(struct repeats *x, struct str kept, int64_t kept_ms, const struct sml_news *news, int64_t now_ms);
/** Record an alert. @return true when it was recorded before: a repetition after a lost answer */
bool repeats_book(struct repeats *x, const struct sml_alert_in *alert);
/** Format for contact.booked; empty: no open alerts. @return false without memory */
bool repeats_text(const struct repeats *x, struct arena *a, struct str *out);
#endif
