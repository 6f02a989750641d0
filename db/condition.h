/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CONDITION_H
#define DB_CONDITION_H
/* The condition of devices and policies in SQL, equal to policy/resolve/condition.c: for counts and filters over a
 * fleet. d is a device, c its contact, x its last refusal (both may be absent), s an assignment, p its policy. :now_ms
 * is the time, :poll_ms the polling interval of devices whose account sets none. */

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
#define CONDITION_WHY                                                                                                  \
    "CASE WHEN " CONDITION_REFUSED " THEN x.why WHEN " CONDITION_AWAY                                                  \
    " THEN 'notifications were not answered; work resumes when the device next connects'"                              \
    " WHEN " CONDITION_SEEN " = 0 THEN 'the device has not connected yet' WHEN " CONDITION_OVERDUE                     \
    " THEN 'the device missed its last polls' WHEN d.generation > d.planned_generation"                                \
    " THEN 'the device has not connected since the last change'"                                                       \
    " WHEN d.summary = 'settled' AND d.generation > d.observed_generation"                                             \
    " THEN 'the requested changes are not finished' ELSE d.summary_why END"

/* Of an assignment. */
#define CONDITION_LOST                                                                                                 \
    "(" CONDITION_REFUSED " OR " CONDITION_AWAY " OR " CONDITION_SEEN " > 0 AND " CONDITION_OVERDUE ")"
#define CONDITION_POLICY_WORD                                                                                          \
    "CASE WHEN s.state = 'failed' AND p.revision <= s.revision THEN s.state WHEN " CONDITION_LOST                      \
    " THEN " CONDITION_WORD " WHEN p.revision > s.revision THEN 'pending' ELSE s.state END"
#define CONDITION_POLICY_WHY                                                                                           \
    "CASE WHEN s.state = 'failed' AND p.revision <= s.revision THEN s.why WHEN " CONDITION_LOST " THEN " CONDITION_WHY \
    " WHEN p.revision > s.revision THEN 'the device has not connected since the policy changed' ELSE s.why END"
#endif
