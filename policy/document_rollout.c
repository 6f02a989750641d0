/* spec.rollout: accepted and checked for its shape, so that documents written for rollouts can be applied already. */
#include "policy/document_read.h"
#include "base/text.h"

static bool percent(struct str s, double *out)
{
    int64_t whole, part = 0, scale = 1;
    if (!str_ends(s, STR("%"))) return false;
    s = str_slice(s, 0, s.n - 1);
    size_t point = str_find(s, '.', 0);
    if (!str_to_i64(str_slice(s, 0, point), &whole) || whole < 0) return false;
    if (point < s.n) {
        if (s.n - point - 1 > 4 || !str_to_i64(str_slice(s, point + 1, s.n), &part) || part < 0) return false;
        for (size_t i = point + 1; i < s.n; i++) scale *= 10;
    }
    *out = (double)whole + (double)part / (double)scale;
    return *out <= 100;
}

static void cohorts(struct reader *r, const struct doc *d)
{
    double last = 0, now;
    if (d->kind != DOC_LIST || !d->first) {
        reader_error(r, d, "must be a list of growing percentages, such as [1%%, 10%%, 100%%]");
        return;
    }
    for (const struct doc *c = d->first; c && r->n_errors <= POL_ERRORS; c = c->next) {
        if (c->kind != DOC_SCALAR || !percent(c->text, &now) || now <= last)
            reader_error(r, c, "must be a percentage such as 10%%, larger than the one before");
        else
            last = now;
    }
    if (last > 0 && last < 100)
        reader_warn(r, d, "the last cohort is less than 100%%: the others never get this revision");
}

static void gate(struct reader *r, const struct doc *d)
{
    double p;
    int64_t ms;
    if (!reader_keys(r, d, "success failure after kpi")) return;
    for (const struct doc *c = d->first; c; c = c->next) {
        bool share = str_is(c->key, "success") || str_is(c->key, "failure");
        if (c->kind != DOC_SCALAR)
            reader_error(r, c, "must be a single value");
        else if (share && !percent(c->text, &p))
            reader_error(r, c, "must be a percentage such as 98%%");
        else if (str_is(c->key, "after") && !text_duration_parse(c->text, &ms))
            reader_error(r, c, "must be a time such as 30m");
    }
}

void reader_rollout(struct reader *r, const struct doc *d)
{
    const struct doc *c;
    if (!reader_keys(r, d, "cohorts gate approval")) return;
    if ((c = doc_get(d, "cohorts"))) cohorts(r, c);
    if ((c = doc_get(d, "gate"))) gate(r, c);
    if ((c = doc_get(d, "approval")) &&
        !(c->kind == DOC_SCALAR && reader_in_list(c->text, "none before-start between-cohorts")))
        reader_error(r, c, "must be none, before-start or between-cohorts");
    reader_warn(r, d, "cohorts and gates are not enforced yet: the revision goes to all devices at once");
}
