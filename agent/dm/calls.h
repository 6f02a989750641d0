/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_CALLS_H
#define AGENT_DM_CALLS_H
/* When the device starts a session with which server: after a notification, when alerts wait (grouped for a short
 * time), at its polling time, and after a failure with growing pauses. Pure: the time is an argument. */
#include "agent/dm/push.h"

enum { CALLS_PUSHES = 4, CALLS_FIRST_RETRY_MS = 2000, CALLS_LAST_RETRY_MS = 900000 };
enum call_why { CALL_NONE, CALL_START, CALL_PUSH, CALL_ALERT, CALL_POLL, CALL_RETRY, CALL_ASKED };
const char *calls_why_text(enum call_why why);

/* The facts of one account. */
struct call_account {
    int64_t poll_s;
    int64_t alerts_since_ms;
}; /* alerts_since_ms: INT64_MAX = no alerts wait */

struct calls {
    struct {
        bool started, asked;
        int64_t poll_ms, retry_ms, alert_ms; /* not before these times; 0 = at once */
        unsigned failures, unheard;          /* in a row; sessions after which alerts still waited */
        struct push_call push[CALLS_PUSHES];
        unsigned n_pushes;
    } of[ACCOUNTS_MAX];
};

/** A notification arrived. The oldest one is dropped when too many wait (they all request a session). */
void calls_pushed(struct calls *c, size_t account, const struct push_call *push, int64_t now_ms);
/** A local request for a session now. */
void calls_asked(struct calls *c, size_t account);
/**
 * The account of the next session. @return CALL_NONE = none; with CALL_PUSH and its retries *push is the notification
 * to answer
 */
enum call_why calls_due(const struct calls *c, const struct call_account *accounts, size_t n, int64_t coalesce_ms,
                        int64_t now_ms, size_t *which, struct push_call *push);
/** When calls_due may change; INT64_MAX = only after an event. */
int64_t calls_next_ms(const struct calls *c, const struct call_account *accounts, size_t n, int64_t coalesce_ms);
/**
 * The session has ended. @param pushed   it answered push[0] @param heard  no alerts wait any more @param random
 * spreads the pauses
 */
void calls_ended(struct calls *c, size_t account, const struct call_account *acc, bool ok, bool pushed, bool heard,
                 int64_t now_ms, uint32_t random);
/** Pause before the next attempt of this account, for the log; 0 = none. */
int64_t calls_pause_ms(const struct calls *c, size_t account, int64_t now_ms);
#endif
