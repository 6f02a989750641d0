/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document/rules.h"

/* ---- numbers, lists ---- */

bool rules_among(struct str list, char separator, struct str word)
{
    struct str one;
    while (str_cut(&list, separator, &one))
        if (str_eq(str_trim(one), word)) return true;
    return false;
}

/* What is no number holds: its kind is checked elsewhere. */
bool rules_at_most(const struct ddf_rule *r, int64_t left, struct str right)
{
    int64_t most;
    if (!str_to_i64(right, &most)) return true;
    return (r->zero_is_none && (left == 0 || most == 0)) || left <= most;
}

bool rules_hold(const struct ddf_rule *r, struct str left, struct str right)
{
    int64_t n;
    if (!left.n || !right.n || (r->unless.n && str_eq(left, r->unless))) return true;
    switch (r->relation) {
    case DDF_R_AT_MOST: return !str_to_i64(left, &n) || rules_at_most(r, n, right);
    case DDF_R_ONE_OF: return rules_among(right, ',', left);
    case DDF_R_EQUALS: return str_eq(left, right);
    }
    return true;
}

const char *rules_words(const struct ddf_rule *r)
{
    return r->relation == DDF_R_AT_MOST  ? "must be at most"
           : r->relation == DDF_R_ONE_OF ? "must be one of"
                                         : "must be";
}

/* ---- in a document ---- */

static const struct pol_setting *set_in(const struct pol_policy *p, const struct ddf_entry *en, struct str instance)
{
    for (size_t i = 0; i < p->n_settings; i++)
        if (p->settings[i].entry == en && str_eq(p->settings[i].instance, instance)) return &p->settings[i];
    return NULL;
}

void reader_rules(struct reader *r)
{
    for (size_t k = 0; k < r->l->n_rules; k++) {
        const struct ddf_rule *rule = &r->l->rules[k];
        if (rule->left->scope != DDF_VM || rule->right->scope != DDF_VM) continue;
        for (size_t i = 0; i < r->p->n_settings; i++) {
            const struct pol_setting *left = &r->p->settings[i], *right;
            if (left->entry != rule->left || !(right = set_in(r->p, rule->right, left->instance)) ||
                rules_hold(rule, left->wire, right->wire))
                continue;
            reader_setting_error(r, left, "%.*s %s %.*s, which is %.*s (line %u)", STR_ARG(left->word),
                                 rules_words(rule), STR_ARG(right->name), STR_ARG(right->word), right->line);
        }
    }
}
