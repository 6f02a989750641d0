/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_INFLIGHT_H
#define SERVER_DECIDE_INFLIGHT_H
/* The steps that a session has sent and that are not answered yet, with the data needed to interpret their results. One
 * block of memory. */
#include "policy/plan/plan.h"

struct flown {
    uint64_t tag;
    struct pol_step step; /* without children and next */
    struct str key;       /* key of the failure row */
    int64_t operation;
    uint32_t group;    /* of a child: index of its Atomic + 1; 0 = none */
    int code;          /* of an Atomic and its children: last Status */
    bool told, listed; /* told: a result arrived; listed: values of a "?list=" arrived */
    int64_t first_ms;  /* when the first values arrived */
    size_t shortest,
        limit; /* for a step that does not fit: size of a message with it, and the device's limit; 0 = sent */
};

struct inflight {
    size_t n, bytes;
    struct flown *row;
};

/** Copy the first n_steps top level steps with their children; tags count up from first_tag as in steps_of_plan. */
enum rc inflight_make(const struct pol_step *steps, size_t n_steps, uint64_t first_tag, struct inflight **out,
                      struct err *e);
struct flown *inflight_find(struct inflight *f, uint64_t tag); /* NULL when unknown; f may be NULL */
/** The step that was sent alone and not answered, and so ended the session; NULL = none or several. */
const struct flown *inflight_culprit(const struct inflight *f);
bool inflight_unanswered(const struct inflight *f); /* any step is unanswered */
void inflight_free(struct inflight *f);
#endif
