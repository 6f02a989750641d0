/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_CONDITION_H
#define POLICY_RESOLVE_CONDITION_H
/* The condition of a device, and of a policy on it, from the known facts. REST, console, command line and metrics
 * all take it from here. db/condition.h has the same rules in SQL, for counts over a fleet; tests compare both. */
#include "base/str.h"
#include <stdint.h>

/* A device that missed this many polls in a row is overdue. */
enum { POL_MISSED_POLLS = 3 };

/* All times in UTC milliseconds; 0 = never. */
struct pol_device_facts {
    int64_t now_ms;
    int64_t seen_ms;             /* time of the last authenticated message */
    int64_t poll_ms;             /* poll interval of its account; 0 = the device does not poll */
    int64_t unreachable_ms;      /* when the last of its notifications was given up */
    int64_t want, planned, have; /* generations: desired; last compared with the device; known to be on the device */
    int64_t refused_ms;          /* when its credentials were last refused */
    struct str refused_why;      /* "wrong credentials" */
    struct str found, found_why; /* result of that comparison: new, settled, working, waiting, failed */
};

/* `word` is one of: new, unauthenticated, overdue, unreachable, pending, working, waiting, failed, settled. */
struct pol_condition {
    struct str word;
    struct str why;   /* for display; the same text for the same cause, so that devices can be counted by it */
    int64_t since_ms; /* start of the condition where the facts have its time, else 0 */
};

/**
 * Pure. "settled" (in sync) only when the device has connected lately, was authenticated, has the desired generation,
 * and every value is verified.
 */
struct pol_condition pol_device_condition(const struct pol_device_facts *f);

struct pol_assignment_facts {
    struct pol_condition device;
    int64_t revision, judged; /* revision of the policy; revision that `state` refers to */
    struct str state, why;    /* pending, working, waiting, settled, failed: for this policy's own settings */
};
/**
 * Pure. A policy is settled on a device when its own settings are, in its current revision, on a device that is not
 * lost.
 */
struct pol_condition pol_assignment_condition(const struct pol_assignment_facts *f);
#endif
