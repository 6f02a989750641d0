/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/selector/selector_tree.h"
#include <string.h>

bool selector_is_label(struct str attribute)
{
    return str_starts(attribute, STR("label."));
}

bool selector_is_device_id(struct str attribute)
{
    return str_is(attribute, "device.id");
}

bool selector_number(struct str s, double *out)
{
    static const double ten[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    int64_t mantissa = 0;
    size_t i = 0, point = 0, fraction = 0;
    bool negative = s.n && s.p[0] == '-';

    if (s.n > 15) return false;
    for (i = negative; i < s.n; i++) {
        if (s.p[i] == '.' && !point && i > negative)
            point = i;
        else if (s.p[i] >= '0' && s.p[i] <= '9')
            mantissa = mantissa * 10 + (s.p[i] - '0');
        else
            return false;
    }
    if (s.n == negative || (point && point == s.n - 1)) return false;
    if (point) fraction = s.n - 1 - point;
    *out = (double)(negative ? -mantissa : mantissa) / ten[fraction];
    return true;
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return true;
}

bool selector_version_key(struct str version, struct arena *a, struct str *key)
{
    static const char zeroes[] = "000000000000000000";
    _Static_assert(sizeof zeroes == SEL_PART_BYTES + 1, "one zero for each place");
    size_t room = version.n + SEL_PARTS * (SEL_PART_BYTES + 1), n = 0;
    char *p = arena_bytes(a, room);
    if (!p) return false;
    for (unsigned i = 0; i < SEL_PARTS; i++) {
        struct str part = { 0 };
        str_cut(&version, '.', &part);
        if (part.n < SEL_PART_BYTES && all_digits(part)) {
            memcpy(p + n, zeroes, SEL_PART_BYTES - part.n);
            n += SEL_PART_BYTES - part.n;
        }
        if (part.n) memcpy(p + n, part.p, part.n);
        n += part.n;
        p[n++] = '.';
    }
    *key = (struct str){ p, n };
    return true;
}

/* '*' matches any run, '?' one character. Iterative: only the last '*' needs backtracking. */
static bool glob(struct str pattern, struct str s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, back = 0;
    while (i < s.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            back = i;
        } else if (p < pattern.n && pattern.p[p] == '?') {
            size_t n = str_utf8(str_slice(s, i, s.n));
            i += n ? n : 1;
            p++;
        } else if (p < pattern.n && pattern.p[p] == s.p[i]) {
            i++;
            p++;
        } else if (star != SIZE_MAX) {
            size_t n = str_utf8(str_slice(s, back, s.n));
            back += n ? n : 1;
            i = back;
            p = star + 1;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') p++;
    return p == pattern.n;
}

struct evaluation {
    const struct pol_attribute *attrs;
    size_t n;
    struct arena *a;
    bool no_memory;
};

static bool equals(const struct sel_literal *l, struct str value)
{
    double number;
    return l->kind == SEL_NUMBER ? selector_number(value, &number) && number == l->number : str_eq(l->text, value);
}

/* <0, 0, >0; false when the two cannot be compared. */
static bool order(struct evaluation *v, const struct sel_literal *l, struct str value, int *out)
{
    double number;
    struct str have, want;
    if (l->kind == SEL_NUMBER) {
        if (!selector_number(value, &number)) return false;
        *out = (number > l->number) - (number < l->number);
        return true;
    }
    if (!selector_version_key(value, v->a, &have) || !selector_version_key(l->text, v->a, &want)) {
        v->no_memory = true;
        return false;
    }
    *out = str_cmp(have, want);
    return true;
}

static bool holds(struct evaluation *v, const struct sel_node *s, struct str value)
{
    int c = 0;
    switch (s->kind) {
    case SEL_SET: return !str_is(value, "false");
    case SEL_EQ: return equals(s->literals, value);
    case SEL_IN:
        for (size_t i = 0; i < s->n_literals; i++)
            if (equals(&s->literals[i], value)) return true;
        return false;
    case SEL_MATCHES: return glob(s->literals[0].text, value);
    case SEL_LT: return order(v, s->literals, value, &c) && c < 0;
    case SEL_LE: return order(v, s->literals, value, &c) && c <= 0;
    case SEL_GT: return order(v, s->literals, value, &c) && c > 0;
    case SEL_GE: return order(v, s->literals, value, &c) && c >= 0;
    case SEL_CONST:
    case SEL_AND:
    case SEL_OR:
    case SEL_NOT: break;
    }
    return false;
}

/* Look an attribute up: TRUE with its value, FALSE when it is known to be unset. */
static enum pol_truth look_up(const struct evaluation *v, struct str name, struct str *value)
{
    for (size_t i = 0; i < v->n; i++)
        if (str_eq(v->attrs[i].name, name)) {
            if (v->attrs[i].unknown) return POL_UNKNOWN;
            *value = v->attrs[i].value;
            return POL_TRUE;
        }
    return selector_is_label(name) ? POL_FALSE : POL_UNKNOWN;
}

static enum pol_truth truth(struct evaluation *v, const struct sel_node *s)
{
    enum pol_truth all;
    struct str value = { 0 };

    switch (s->kind) {
    case SEL_CONST: return s->constant ? POL_TRUE : POL_FALSE;
    case SEL_NOT:
        all = truth(v, s->first);
        return all == POL_UNKNOWN ? POL_UNKNOWN : all == POL_TRUE ? POL_FALSE : POL_TRUE;
    case SEL_AND:
    case SEL_OR: {
        enum pol_truth decides = s->kind == SEL_OR ? POL_TRUE : POL_FALSE;
        all = s->kind == SEL_OR ? POL_FALSE : POL_TRUE;
        for (const struct sel_node *c = s->first; c; c = c->next) {
            enum pol_truth t = truth(v, c);
            if (t == decides) return t;
            if (t == POL_UNKNOWN) all = POL_UNKNOWN;
        }
        return all;
    }
    default:
        all = look_up(v, s->attribute, &value);
        return all != POL_TRUE ? all : holds(v, s, value) ? POL_TRUE : POL_FALSE;
    }
}

static bool listed(struct str list, struct str name)
{
    struct str part;
    while (str_cut(&list, ',', &part))
        if (str_eq(str_trim(part), name)) return true;
    return false;
}

/* Collect only attributes that could change the result: none below a decided branch. */
static void collect_unknown(struct evaluation *v, const struct sel_node *s, struct str *out)
{
    struct str value;
    if (truth(v, s) != POL_UNKNOWN) return;
    if (s->first) {
        for (const struct sel_node *c = s->first; c; c = c->next) collect_unknown(v, c, out);
    } else if (look_up(v, s->attribute, &value) == POL_UNKNOWN && !listed(*out, s->attribute)) {
        struct str more = out->n ? arena_printf(v->a, "%.*s, %.*s", STR_ARG(*out), STR_ARG(s->attribute))
                                 : s->attribute;
        if (more.n) *out = more;
    }
}

enum pol_truth pol_selector_eval(const struct pol_selector *s, const struct pol_attribute *attrs, size_t n,
                                 struct arena *a, struct str *unknown)
{
    struct evaluation v = { attrs, n, a, false };
    enum pol_truth t = truth(&v, s->root);
    if (v.no_memory) t = POL_UNKNOWN; /* unknown is better than a wrong answer */
    if (unknown) {
        *unknown = (struct str){ 0 };
        if (t == POL_UNKNOWN) collect_unknown(&v, s->root, unknown);
    }
    return t;
}

static void each_attribute(const struct sel_node *s, struct str *out, size_t *n, size_t most)
{
    if (s->attribute.n) {
        for (size_t i = 0; i < *n; i++)
            if (str_eq(out[i], s->attribute)) return;
        if (*n < most) out[(*n)++] = s->attribute;
    }
    for (const struct sel_node *c = s->first; c; c = c->next) each_attribute(c, out, n, most);
}

enum rc pol_selector_attributes(const struct pol_selector *s, struct arena *a, struct str **out, size_t *n)
{
    struct str *names = ARENA_ARRAY(a, struct str, POL_SELECTOR_TERMS);
    size_t count = 0;
    if (!names) return RC_NOMEM;
    each_attribute(s->root, names, &count, POL_SELECTOR_TERMS);
    *out = names;
    *n = count;
    return RC_OK;
}
