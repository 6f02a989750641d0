/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_CALLS_H
#define AGENT_DM_CALLS_H
/* When the device calls which server: because it was pushed, because alerts wait (grouped for a moment), at its
 * polling time, again after a failure with growing pauses. Pure: the clock comes in. */
#include "agent/dm/push.h"

enum { CALLS_PUSHES = 4, CALLS_FIRST_RETRY_MS = 2000, CALLS_LAST_RETRY_MS = 900000 };
enum call_why { CALL_NONE, CALL_START, CALL_PUSH, CALL_ALERT, CALL_POLL, CALL_RETRY, CALL_ASKED };
const char *calls_why_text(enum call_why why);

/* What is known of one account. */
struct call_account {
    int64_t poll_s;
    int64_t alerts_since_ms;
}; /* alerts_since_ms: INT64_MAX = none wait */

struct calls {
    struct {
        bool started, asked;
        int64_t poll_ms, retry_ms, alert_ms; /* not before; 0 = at once */
        unsigned failures, unheard;          /* in a row; sessions after which alerts still waited */
        struct push_call push[CALLS_PUSHES];
        unsigned n_pushes;
    } of[ACCOUNTS_MAX];
};

/** A notification came. The oldest goes when too many wait (they all want the same: a session). */
void calls_pushed(struct calls *c, size_t account, const struct push_call *push, int64_t now_ms);
/** Somebody at the device wants a session now. */
void calls_asked(struct calls *c, size_t account);
/** Whom to call now. @return CALL_NONE = nobody; with CALL_PUSH and the retries of it *push is what to answer */
enum call_why calls_due(const struct calls *c, const struct call_account *accounts, size_t n, int64_t coalesce_ms,
                        int64_t now_ms, size_t *which, struct push_call *push);
/** When calls_due may say otherwise; INT64_MAX = only after something happened. */
int64_t calls_next_ms(const struct calls *c, const struct call_account *accounts, size_t n, int64_t coalesce_ms);
/** The session is over. @param pushed   it answered push[0] @param heard  no alerts wait any more @param random  spreads the pauses */
void calls_ended(struct calls *c, size_t account, const struct call_account *acc, bool ok, bool pushed, bool heard,
                 int64_t now_ms, uint32_t random);
/** Pause before the next try of this account, for the log; 0 = none. */
int64_t calls_pause_ms(const struct calls *c, size_t account, int64_t now_ms);
#endif
