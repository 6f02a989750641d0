/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_CONDITION_H
#define POLICY_RESOLVE_CONDITION_H
/* How a device and a policy on it stand, from what is known now: decided here alone, for REST, console, command line and
 * metrics. db/condition.h says the same in SQL, for counts over a fleet; tests hold the two equal. */
#include "base/str.h"
#include <stdint.h>

/* A device that missed this many polls in a row is overdue. */
enum { POL_MISSED_POLLS = 3 };

/* All times in UTC milliseconds; 0 = never. */
struct pol_device_facts {
    int64_t now_ms;
    int64_t seen_ms;        /* last authenticated message */
    int64_t poll_ms;        /* how often its account says that it calls; 0 = it does not poll */
    int64_t unreachable_ms; /* when the last of its notifications was given up */
    int64_t want, planned,
        have; /* generations: asked for; the one that was last compared with the device; the one it is known to have */
    int64_t refused_ms;          /* when it was last not let in */
    struct str refused_why;      /* "wrong credentials" */
    struct str found, found_why; /* what that comparison found: new, settled, working, waiting, failed */
};

/* `word` is one of: new, unauthenticated, overdue, unreachable, pending, working, waiting, failed, settled. */
struct pol_condition {
    struct str word;
    struct str why;   /* for people; the same text for the same cause, so that devices can be counted by it */
    int64_t since_ms; /* of what the facts tell a time for, else 0 */
};

/** Pure. "settled" (in sync) only when the device has called lately, was let in, has the generation that is wanted, and
 * everything was found verified. */
struct pol_condition pol_device_condition(const struct pol_device_facts *f);

struct pol_assignment_facts {
    struct pol_condition device;
    int64_t revision, judged; /* the policy's, and the one that `state` speaks of */
    struct str state, why;    /* pending, working, waiting, settled, failed: of this policy's own wishes */
};
/** Pure. A policy is settled on a device when its own wishes are, in its present revision, on a device that is not lost. */
struct pol_condition pol_assignment_condition(const struct pol_assignment_facts *f);
#endif
