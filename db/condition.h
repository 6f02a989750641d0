/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CONDITION_H
#define DB_CONDITION_H
/* How devices and policies stand, as policy/resolve/condition.c decides it: for counts and filters over a fleet. d is a device, c its
 * contact, x its last refusal (both may be absent), s an assignment, p its policy. :now_ms; :poll_ms is how often devices call
 * whose account does not say. */

#include <stdint.h>

struct db_condition {
    int64_t now_ms, poll_ms;
};
#define CONDITION_NOW(now)                                                                                             \
    { "now_ms", SQL_I((now)->now_ms) },                                                                                \
    {                                                                                                                  \
        "poll_ms", SQL_I((now)->poll_ms)                                                                               \
    }

#define CONDITION_TABLES                                                                                               \
    "device d LEFT JOIN contact c ON c.device_id = d.device_id LEFT JOIN refusal x ON x.device_id = d.device_id"
#define CONDITION_SEEN    "coalesce(c.seen_ms, 0)"
#define CONDITION_POLL    "coalesce(d.poll_ms, :poll_ms)"
#define CONDITION_REFUSED "coalesce(x.at_ms, 0) > " CONDITION_SEEN
#define CONDITION_AWAY    "coalesce(d.unreachable_ms, 0) > " CONDITION_SEEN
#define CONDITION_OVERDUE CONDITION_POLL " > 0 AND :now_ms - " CONDITION_SEEN " > 3 * " CONDITION_POLL
#define CONDITION_WORD                                                                                                 \
    "CASE WHEN " CONDITION_REFUSED " THEN 'unauthenticated' WHEN " CONDITION_AWAY " THEN 'unreachable'"                \
    " WHEN " CONDITION_SEEN " = 0 THEN 'new' WHEN " CONDITION_OVERDUE " THEN 'overdue'"                                \
    " WHEN d.generation > d.planned_generation THEN 'pending'"                                                         \
    " WHEN d.summary = 'settled' AND d.generation > d.observed_generation THEN 'working' ELSE d.summary END"
#define CONDITION_WHY                                                                                                       \
    "CASE WHEN " CONDITION_REFUSED " THEN x.why WHEN " CONDITION_AWAY                                                       \
    " THEN 'notifications were not answered; it is picked up when it calls by itself'"                                      \
    " WHEN " CONDITION_SEEN " = 0 THEN 'it has not called yet' WHEN " CONDITION_OVERDUE                                     \
    " THEN 'it missed its last polls' WHEN d.generation > d.planned_generation"                                             \
    " THEN 'it has not called since something changed' WHEN d.summary = 'settled' AND d.generation > d.observed_generation" \
    " THEN 'what was asked for is not finished' ELSE d.summary_why END"

/* Of an assignment. */
#define CONDITION_LOST                                                                                                 \
    "(" CONDITION_REFUSED " OR " CONDITION_AWAY " OR " CONDITION_SEEN " > 0 AND " CONDITION_OVERDUE ")"
#define CONDITION_POLICY_WORD                                                                                          \
    "CASE WHEN s.state = 'failed' AND p.revision <= s.revision THEN s.state WHEN " CONDITION_LOST                      \
    " THEN " CONDITION_WORD " WHEN p.revision > s.revision THEN 'pending' ELSE s.state END"
#define CONDITION_POLICY_WHY                                                                                           \
    "CASE WHEN s.state = 'failed' AND p.revision <= s.revision THEN s.why WHEN " CONDITION_LOST " THEN " CONDITION_WHY \
    " WHEN p.revision > s.revision THEN 'it has not called since the policy changed' ELSE s.why END"
#endif
