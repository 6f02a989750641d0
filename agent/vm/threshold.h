/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_THRESHOLD_H
#define AGENT_VM_THRESHOLD_H
/* One threshold of a KPI (virtualization-mo.md c.3.12). Pure; it takes one reading after the other. Values are in
 * thousandths. */
#include "base/arena.h"
#include "base/str.h"

enum threshold_op { THRESHOLD_NONE, THRESHOLD_GREATER, THRESHOLD_LESS, THRESHOLD_RATE }; /* KPI/Thr/<x>/Op */

struct threshold_rule {
    enum threshold_op op;
    int64_t value, clear; /* clear: the value itself, or on its uncrossed side */
    int64_t hold_ms;
};

struct threshold {
    bool active;
    int64_t since_ms; /* since when the value has been crossed without interruption; 0 = it is not */
    bool has_last;
    int64_t last, last_ms; /* the previous reading, for the rate */
};

enum threshold_news { THRESHOLD_SAME, THRESHOLD_CROSSED, THRESHOLD_CLEARED };

/** "-12.5" in thousandths; further digits are cut. @return false for a text that is not a decimal, or too large */
bool threshold_parse(struct str text, int64_t *out);
struct str threshold_format(int64_t value, struct arena *a);
/**
 * Take a reading. @param compared  the number that was compared: the reading, or its rate per minute; written with
 * CROSSED or CLEARED
 * @return CROSSED when it has lasted long enough, CLEARED when an active one has ended
 */
enum threshold_news threshold_take(const struct threshold_rule *r, struct threshold *t, int64_t reading, int64_t now_ms,
                                   int64_t *compared);
#endif
