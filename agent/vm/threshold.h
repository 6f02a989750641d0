/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_THRESHOLD_H
#define AGENT_VM_THRESHOLD_H
/* One threshold of a KPI (virtualization-mo.md c.3.12): pure, reading by reading. Values are in thousandths. */
#include "base/arena.h"
#include "base/str.h"

enum threshold_op { THRESHOLD_NONE, THRESHOLD_GREATER, THRESHOLD_LESS, THRESHOLD_RATE }; /* KPI/Thr/<x>/Op */

struct threshold_rule {
    enum threshold_op op;
    int64_t value, clear; /* clear: at the value or on its quiet side */
    int64_t hold_ms;
};

struct threshold {
    bool active;
    int64_t since_ms; /* over the value without a break; 0 = not */
    bool has_last;
    int64_t last, last_ms; /* the reading before, for the rate */
};

enum threshold_news { THRESHOLD_SAME, THRESHOLD_CROSSED, THRESHOLD_CLEARED };

/** "-12.5" in thousandths; more digits are cut. @return false for what is no decimal, or too large */
bool threshold_parse(struct str text, int64_t *out);
struct str threshold_format(int64_t value, struct arena *a);
/** A new reading. @param compared  what was held against the value: the reading, or its rate per minute; written when the news are some
 * @return CROSSED when it has lasted, CLEARED when an active one is over */
enum threshold_news threshold_take(const struct threshold_rule *r, struct threshold *t, int64_t reading, int64_t now_ms,
                                   int64_t *compared);
#endif
