/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/calls.h"
#include <string.h>

const char *calls_why_text(enum call_why why)
{
    static const char *const text[] = { "", "start", "push", "alerts", "poll", "retry", "asked" };

    return text[why];
}

void calls_pushed(struct calls *c, size_t account, const struct push_call *push, int64_t now_ms)
{
    if (c->of[account].n_pushes == CALLS_PUSHES) {
        memmove(c->of[account].push, c->of[account].push + 1, (CALLS_PUSHES - 1) * sizeof *push);
        c->of[account].n_pushes--;
    }
    c->of[account].push[c->of[account].n_pushes++] = *push;
    if (c->of[account].retry_ms > now_ms) c->of[account].retry_ms = now_ms; /* the server is reachable */
}

void calls_asked(struct calls *c, size_t account)
{
    c->of[account].asked = true;
    c->of[account].retry_ms = 0;
}

/* The earliest time of a session with this account, and its cause. */
static int64_t when(const struct calls *c, size_t i, const struct call_account *acc, int64_t coalesce_ms,
                    enum call_why *why)
{
    int64_t at = INT64_MAX, alert = acc->alerts_since_ms;

    *why = CALL_NONE;
    if (acc->poll_s > 0 && c->of[i].started) {
        at = c->of[i].poll_ms;
        *why = CALL_POLL;
    }
    if (alert != INT64_MAX) {
        alert += coalesce_ms;
        if (alert < c->of[i].alert_ms) alert = c->of[i].alert_ms;
        if (alert < at) {
            at = alert;
            *why = CALL_ALERT;
        }
    }
    if (c->of[i].failures && c->of[i].retry_ms < at) {
        at = c->of[i].retry_ms;
        *why = CALL_RETRY;
    }
    if (!c->of[i].started || c->of[i].asked) {
        at = 0;
        *why = c->of[i].asked ? CALL_ASKED : CALL_START;
    }
    if (c->of[i].n_pushes) {
        at = 0;
        *why = CALL_PUSH;
    }
    if (at < c->of[i].retry_ms) at = c->of[i].retry_ms; /* a server that fails is not contacted for a while */
    return at;
}

enum call_why calls_due(const struct calls *c, const struct call_account *accounts, size_t n, int64_t coalesce_ms,
                        int64_t now_ms, size_t *which, struct push_call *push)
{
    enum call_why best = CALL_NONE, why;
    int64_t earliest = INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        int64_t at = when(c, i, &accounts[i], coalesce_ms, &why);
        if (why == CALL_NONE || at > now_ms || at >= earliest) continue;
        earliest = at;
        best = why;
        *which = i;
    }
    if (best == CALL_PUSH) *push = c->of[*which].push[0];
    return best;
}

int64_t calls_next_ms(const struct calls *c, const struct call_account *accounts, size_t n, int64_t coalesce_ms)
{
    int64_t next = INT64_MAX;
    enum call_why why;

    for (size_t i = 0; i < n; i++) {
        int64_t at = when(c, i, &accounts[i], coalesce_ms, &why);
        if (why != CALL_NONE && at < next) next = at;
    }
    return next;
}

/* The pause doubles with each failure, up to a quarter of an hour; a quarter of it is random. */
static int64_t pause_ms(unsigned failures, uint32_t random)
{
    int64_t ms = CALLS_FIRST_RETRY_MS;

    for (unsigned i = 1; i < failures && ms < CALLS_LAST_RETRY_MS; i++) ms *= 2;
    if (ms > CALLS_LAST_RETRY_MS) ms = CALLS_LAST_RETRY_MS;
    return ms - ms / 8 + (int64_t)(random % (uint32_t)(ms / 4 + 1));
}

void calls_ended(struct calls *c, size_t account, const struct call_account *acc, bool ok, bool pushed, bool heard,
                 int64_t now_ms, uint32_t random)
{
    bool answered = pushed && c->of[account].n_pushes > 0;

    c->of[account].started = true;
    c->of[account].asked = false;
    c->of[account].failures = ok ? 0 : c->of[account].failures + 1;
    c->of[account].retry_ms = ok ? 0 : now_ms + pause_ms(c->of[account].failures, random);
    c->of[account].unheard = heard || !ok ? 0 : c->of[account].unheard + 1;
    c->of[account].alert_ms = c->of[account].unheard ? now_ms + 15 * pause_ms(c->of[account].unheard, random)
                                                     : 0; /* the server does not accept them: not retried at once */
    if (answered && (ok || c->of[account].failures >= 5)) {
        memmove(c->of[account].push, c->of[account].push + 1, (CALLS_PUSHES - 1) * sizeof c->of[account].push[0]);
        c->of[account].n_pushes--;
    }
    if (acc->poll_s > 0)
        c->of[account].poll_ms = now_ms + acc->poll_s * 1000 - acc->poll_s * 50 +
                                 (int64_t)(random % 1000) * acc->poll_s / 10;
}

int64_t calls_pause_ms(const struct calls *c, size_t account, int64_t now_ms)
{
    return c->of[account].retry_ms > now_ms ? c->of[account].retry_ms - now_ms : 0;
}
