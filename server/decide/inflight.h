/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_INFLIGHT_H
#define SERVER_DECIDE_INFLIGHT_H
/* What a session remembers of the steps that are on their way: enough to know what their outcomes mean. One block of
 * memory. */
#include "policy/plan/plan.h"

struct flown {
    uint64_t tag;
    struct pol_step step; /* children and next are not kept */
    struct str key;       /* of the failure it counts against */
    int64_t operation;
    uint32_t group;         /* of a child: index of its Atomic + 1; 0 = none */
    int code;               /* of an Atomic and its children: last Status */
    bool told, listed;      /* an outcome came; values of a "?list=" came */
    int64_t first_ms;       /* when the first values came */
    size_t shortest, limit; /* never sent: octets of a message with it, and those the device takes; 0 = sent */
};

struct inflight {
    size_t n, bytes;
    struct flown *row;
};

/** Copy the first n_steps top level steps with their children; tags count up from first_tag as in steps_of_plan. */
enum rc inflight_make(const struct pol_step *steps, size_t n_steps, uint64_t first_tag, struct inflight **out,
                      struct err *e);
struct flown *inflight_find(struct inflight *f, uint64_t tag); /* NULL when it is none of these; f may be NULL */
/** What went out alone and was not answered: it is what ended the session; NULL = none, or several. */
const struct flown *inflight_culprit(const struct inflight *f);
bool inflight_unanswered(const struct inflight *f); /* any of them */
void inflight_free(struct inflight *f);
#endif
