/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/resolve/condition.h"

#define WHY_NEW         "the device has not connected yet"
#define WHY_OVERDUE     "the device missed its last polls"
#define WHY_UNREACHABLE "notifications were not answered; work resumes when the device next connects"
#define WHY_PENDING     "the device has not connected since the last change"
#define WHY_UNFINISHED  "the requested changes are not finished"
#define WHY_REVISION    "the device has not connected since the policy changed"

static struct pol_condition is(const char *word, struct str why, int64_t since_ms)
{
    return (struct pol_condition){ str_of(word), why, since_ms };
}

static bool is_overdue(const struct pol_device_facts *f)
{
    return f->poll_ms > 0 && f->now_ms - f->seen_ms > POL_MISSED_POLLS * f->poll_ms;
}

/* In the order of db/condition.h. */
struct pol_condition pol_device_condition(const struct pol_device_facts *f)
{
    if (f->refused_ms > f->seen_ms) return is("unauthenticated", f->refused_why, f->refused_ms);
    if (f->unreachable_ms > f->seen_ms) return is("unreachable", STR(WHY_UNREACHABLE), f->unreachable_ms);
    if (!f->seen_ms) return is("new", STR(WHY_NEW), 0);
    if (is_overdue(f)) return is("overdue", STR(WHY_OVERDUE), f->seen_ms + f->poll_ms);
    if (f->want > f->planned) return is("pending", STR(WHY_PENDING), 0);
    if (str_is(f->found, "settled") && f->want > f->have) return is("working", STR(WHY_UNFINISHED), 0);
    return (struct pol_condition){ f->found, f->found_why, 0 };
}

static bool is_lost(struct str word)
{
    return str_is(word, "unauthenticated") || str_is(word, "unreachable") || str_is(word, "overdue");
}

struct pol_condition pol_assignment_condition(const struct pol_assignment_facts *f)
{
    bool behind = f->revision > f->judged;
    if (str_is(f->state, "failed") && !behind) return (struct pol_condition){ f->state, f->why, 0 };
    if (is_lost(f->device.word)) return f->device;
    if (behind) return is("pending", STR(WHY_REVISION), 0);
    return (struct pol_condition){ f->state, f->why, 0 };
}
