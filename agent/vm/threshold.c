/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/threshold.h"

enum { WHOLE_MAX = 15 };

bool threshold_parse(struct str text, int64_t *out)
{
    struct str s = str_trim(text), whole, part;
    const bool minus = s.n && s.p[0] == '-';
    int64_t n, thousandths = 0, unit = 100;
    size_t dot;

    if (minus) s = str_slice(s, 1, s.n);
    dot = str_find(s, '.', 0);
    whole = str_slice(s, 0, dot);
    part = dot < s.n ? str_slice(s, dot + 1, s.n) : (struct str){ 0 };
    if (!whole.n || whole.n > WHOLE_MAX || (dot < s.n && !part.n)) return false;
    for (size_t i = 0; i < whole.n; i++)
        if (whole.p[i] < '0' || whole.p[i] > '9') return false;
    if (!str_to_i64(whole, &n)) return false;
    for (size_t i = 0; i < part.n; i++, unit /= 10) {
        if (part.p[i] < '0' || part.p[i] > '9') return false;
        thousandths += (part.p[i] - '0') * unit;
    }
    *out = (minus ? -1 : 1) * (n * 1000 + thousandths);
    return true;
}

struct str threshold_format(int64_t value, struct arena *a)
{
    const char *sign = value < 0 ? "-" : "";
    const int64_t v = value < 0 ? -value : value;
    struct str text = v % 1000 ? arena_printf(a, "%s%lld.%03lld", sign, (long long)(v / 1000), (long long)(v % 1000))
                               : arena_printf(a, "%s%lld", sign, (long long)(v / 1000));

    while (v % 1000 && text.n && text.p[text.n - 1] == '0') text.n--;
    return text;
}

/* The compared number. @return false when two readings give no rate: the first one, a counter that decreased, a
 * clock that was set back */
static bool compare_with(const struct threshold_rule *r, struct threshold *t, int64_t reading, int64_t now_ms,
                         int64_t *out)
{
    const struct threshold before = *t;

    t->has_last = true;
    t->last = reading;
    t->last_ms = now_ms;
    *out = reading;
    if (r->op != THRESHOLD_RATE) return true;
    if (!before.has_last || now_ms <= before.last_ms || reading < before.last) return false;
    *out = (int64_t)((double)(reading - before.last) * 60000.0 / (double)(now_ms - before.last_ms));
    return true;
}

enum threshold_news threshold_take(const struct threshold_rule *r, struct threshold *t, int64_t reading, int64_t now_ms,
                                   int64_t *compared)
{
    const bool less = r->op == THRESHOLD_LESS;
    int64_t v;

    if (r->op == THRESHOLD_NONE || !compare_with(r, t, reading, now_ms, &v)) return THRESHOLD_SAME;
    if (t->active) {
        if (less ? v < r->clear : v > r->clear) return THRESHOLD_SAME;
        t->active = false;
        t->since_ms = 0;
        *compared = v;
        return THRESHOLD_CLEARED;
    }
    if (less ? v >= r->value : v <= r->value) {
        t->since_ms = 0;
        return THRESHOLD_SAME;
    }
    if (!t->since_ms || t->since_ms > now_ms) t->since_ms = now_ms;
    if (now_ms - t->since_ms < r->hold_ms) return THRESHOLD_SAME;
    t->active = true;
    *compared = v;
    return THRESHOLD_CROSSED;
}
