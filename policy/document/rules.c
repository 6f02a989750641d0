/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document/rules.h"

/* ---- numbers, lists ---- */

bool pol_rules_among(struct str list, char separator, struct str word)
{
    struct str one;
    while (str_cut(&list, separator, &one))
        if (str_eq(str_trim(one), word)) return true;
    return false;
}

/* A decimal number split into its parts, so that any number of digits can be compared. */
struct decimal {
    bool minus;
    struct str whole, part; /* without leading and trailing zeroes */
};

static bool decimal_of(struct str text, struct decimal *out)
{
    struct str s = str_trim(text);
    *out = (struct decimal){ .minus = s.n && s.p[0] == '-' };
    if (out->minus) s = str_slice(s, 1, s.n);
    size_t dot = str_find(s, '.', 0);
    out->whole = str_slice(s, 0, dot);
    out->part = dot < s.n ? str_slice(s, dot + 1, s.n) : (struct str){ 0 };
    if (!out->whole.n || (dot < s.n && !out->part.n)) return false;
    for (size_t i = 0; i < s.n; i++)
        if (i != dot && (s.p[i] < '0' || s.p[i] > '9')) return false;
    while (out->whole.n > 1 && out->whole.p[0] == '0') out->whole = str_slice(out->whole, 1, out->whole.n);
    while (out->part.n && out->part.p[out->part.n - 1] == '0') out->part.n--;
    if (str_is(out->whole, "0") && !out->part.n) out->minus = false;
    return true;
}

static bool is_zero(const struct decimal *d)
{
    return str_is(d->whole, "0") && !d->part.n;
}

static int size_of(const struct decimal *x, const struct decimal *y)
{
    if (x->whole.n != y->whole.n) return x->whole.n < y->whole.n ? -1 : 1;
    int c = str_cmp(x->whole, y->whole);
    return c ? c : str_cmp(x->part, y->part);
}

/* A pair that is neither two numbers nor two times satisfies the rule: its kind is checked elsewhere. */
static bool ordered(const struct ddf_rule *r, struct str left, struct str right)
{
    struct decimal x, y;
    bool x_is = decimal_of(left, &x), y_is = decimal_of(right, &y);
    int c;
    if (x_is != y_is) return true;
    if (x_is && r->zero_is_none && (is_zero(&x) || is_zero(&y))) return true;
    if (!x_is)
        c = r->left->kind == DDF_K_TIME ? str_cmp(left, right) : 0; /* one form, so texts sort like times */
    else if (x.minus != y.minus)
        c = x.minus ? -1 : 1;
    else
        c = x.minus ? size_of(&y, &x) : size_of(&x, &y);
    if (!x_is && r->left->kind != DDF_K_TIME) return true;
    return r->relation == DDF_R_AT_MOST ? c <= 0 : r->relation == DDF_R_AT_LEAST ? c >= 0 : c < 0;
}

bool pol_rules_apply(const struct ddf_rule *r, struct str when)
{
    for (size_t i = 0; i < r->n_when; i++)
        if (str_eq(r->when_wire[i], when)) return true;
    return !r->when;
}

bool pol_rules_hold(const struct ddf_rule *r, struct str left, struct str right)
{
    if (!left.n || !right.n || (r->unless.n && str_eq(left, r->unless))) return true;
    switch (r->relation) {
    case DDF_R_AT_MOST:
    case DDF_R_AT_LEAST:
    case DDF_R_BELOW: return ordered(r, left, right);
    case DDF_R_ONE_OF: return pol_rules_among(right, ',', left);
    case DDF_R_EQUALS: return str_eq(left, right);
    }
    return true;
}

const char *pol_rules_words(const struct ddf_rule *r)
{
    static const char *const words[] = { [DDF_R_AT_MOST] = "must be at most",
                                         [DDF_R_AT_LEAST] = "must be at least",
                                         [DDF_R_BELOW] = "must be less than",
                                         [DDF_R_ONE_OF] = "must be one of",
                                         [DDF_R_EQUALS] = "must be" };
    return words[r->relation];
}

/* ---- in a document ---- */

static const struct pol_setting *set_in(const struct pol_policy *p, const struct ddf_entry *en, struct str instance)
{
    for (size_t i = 0; i < p->n_settings; i++)
        if (p->settings[i].entry == en && str_eq(p->settings[i].instance, instance)) return &p->settings[i];
    return NULL;
}

static bool applies_in(const struct pol_policy *p, const struct ddf_rule *rule, struct str instance)
{
    const struct pol_setting *when = rule->when ? set_in(p, rule->when, instance) : NULL;
    return pol_rules_apply(rule, when ? when->wire : (struct str){ 0 });
}

void pol_reader_rules(struct doc_reader *r)
{
    for (size_t k = 0; k < r->l->n_rules; k++) {
        const struct ddf_rule *rule = &r->l->rules[k];
        if (rule->left->scope != DDF_VM || rule->right->scope != DDF_VM) continue;
        for (size_t i = 0; i < r->p->n_settings; i++) {
            const struct pol_setting *left = &r->p->settings[i], *right;
            if (left->entry != rule->left || !applies_in(r->p, rule, left->instance) ||
                !(right = set_in(r->p, rule->right, left->instance)) || pol_rules_hold(rule, left->wire, right->wire))
                continue;
            pol_reader_setting_error(r, left, "%.*s %s %.*s, which is %.*s (line %u)", STR_ARG(left->word),
                                     pol_rules_words(rule), STR_ARG(right->name), STR_ARG(right->word), right->line);
        }
    }
}
