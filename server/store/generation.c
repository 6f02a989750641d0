/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/generation.h"
#include "db/changes.h"
#include "db/replan.h"
#include "server/store/replan.h"
#include <stdio.h>

enum { CHANGE_PARAMS = 400 };

/* One statement of few, run to its end. */
static enum rc run(struct sql *db, struct str text, const struct sql_arg *args, size_t n_args, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start_text(db, text, args, n_args, &r, e);
    while (!rc) rc = sql_step(r, e);
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Two numbers of the first row. @return RC_NOT_FOUND without a row */
static enum rc numbers(struct sql *db, struct str text, const struct sql_arg *args, size_t n_args, int64_t *one,
                       int64_t *two, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start_text(db, text, args, n_args, &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        *one = sql_int(r, 0);
        if (two) *two = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

enum rc change_stamp(struct sql *db, int64_t authority, int64_t *stamp, struct err *e)
{
    enum rc rc = numbers(db, STR(CHANGE_STAMP), SQL_ARGS({ "authority", SQL_I(authority) }), stamp, NULL, e);
    return rc == RC_NOT_FOUND ? err_set(e, rc, "there is no such authority") : rc;
}

enum rc change_call_devices(struct sql *db, int64_t authority, int64_t after, int64_t last, int64_t stamp,
                            struct str why, int64_t now_ms, struct err *e)
{
    enum rc rc = run(db, STR(CHANGE_TRIGGERS),
                     SQL_ARGS({ "why", SQL_T(why) }, { "now_ms", SQL_I(now_ms) }, { "authority", SQL_I(authority) },
                              { "after", SQL_I(after) }, { "last", SQL_I(last) }, { "stamp", SQL_I(stamp) }),
                     e);
    if (rc) return rc;
    return run(db, STR(CHANGE_NUMBERS),
               SQL_ARGS({ "authority", SQL_I(authority) }, { "after", SQL_I(after) }, { "last", SQL_I(last) },
                        { "stamp", SQL_I(stamp) }),
               e);
}

enum rc change_touch_device(struct sql *db, int64_t device, int64_t stamp, struct str why, int64_t now_ms,
                            struct err *e)
{
    int64_t authority = 0;
    enum rc rc = numbers(db, STR(CHANGE_DEVICE), SQL_ARGS({ "stamp", SQL_I(stamp) }, { "device", SQL_I(device) }),
                         &authority, NULL, e);
    if (rc) return rc == RC_NOT_FOUND ? err_set(e, rc, "there is no such device") : rc;
    return change_call_devices(db, authority, device - 1, device, stamp, why, now_ms, e);
}

/* Arguments :p0, :p1 ... of a selector behind our own. */
struct selector_args {
    struct sql_arg arg[CHANGE_PARAMS];
    char name[CHANGE_PARAMS][24];
    size_t n;
};

static enum rc gather(struct selector_args *s, const struct pol_sql *selector, const struct sql_arg *own, size_t n_own,
                      struct err *e)
{
    s->n = 0;
    for (size_t i = 0; i < n_own; i++) s->arg[s->n++] = own[i];
    for (size_t i = 0; selector && i < selector->n_params; i++) {
        if (s->n == CHANGE_PARAMS)
            return err_set(e, RC_LIMIT, "the selector has more than %d values", (int)CHANGE_PARAMS);
        snprintf(s->name[i], sizeof s->name[i], "p%zu", i);
        s->arg[s->n++] = (struct sql_arg){ s->name[i], SQL_T(selector->params[i]) };
    }
    return RC_OK;
}

enum rc change_reach(struct sql *db, int64_t authority, const struct pol_sql *selector, int64_t *affected,
                     int64_t *unknown, struct err *e)
{
    struct selector_args args;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct str count = arena_printf(&a, CHANGE_COUNT, STR_ARG(selector->text));
    enum rc rc = !count.n ? err_set(e, RC_NOMEM, "the selector is too long")
                          : gather(&args, selector, SQL_ARGS({ "authority", SQL_I(authority) }), e);
    if (!rc) rc = numbers(db, count, args.arg, args.n, affected, unknown, e);
    arena_finish(&a);
    return rc;
}

/* @param text  with the selector in it */
static enum rc run_selected(struct sql *db, struct str text, const struct pol_sql *selector, const struct sql_arg *own,
                            size_t n_own, struct err *e)
{
    struct selector_args args;
    enum rc rc = !text.n ? err_set(e, RC_NOMEM, "the selector is too long") : gather(&args, selector, own, n_own, e);
    return rc ? rc : run(db, text, args.arg, args.n, e);
}

enum rc change_policy_slice(struct sql *db, const struct change_slice *s, const struct pol_sql *selector,
                            struct str why, int64_t now_ms, struct err *e)
{
    const struct sql_arg touched[] = { { "authority", SQL_I(s->authority) },
                                       { "after", SQL_I(s->after) },
                                       { "last", SQL_I(s->last) },
                                       { "policy", SQL_I(s->policy) },
                                       { "stamp", SQL_I(s->stamp) } };
    const struct sql_arg pending[] = { { "authority", SQL_I(s->authority) }, { "after", SQL_I(s->after) },
                                       { "last", SQL_I(s->last) },           { "policy", SQL_I(s->policy) },
                                       { "revision", SQL_I(s->revision) },   { "now_ms", SQL_I(now_ms) } };
    struct arena a;
    arena_init(&a, 1 << 20);
    enum rc rc = selector ? run_selected(db, arena_printf(&a, CHANGE_SELECTED, STR_ARG(selector->text)), selector,
                                         touched, sizeof touched / sizeof *touched, e)
                          : run(db, STR(CHANGE_ASSIGNED), touched, sizeof touched / sizeof *touched, e);
    if (!rc && !selector) rc = run(db, STR(CHANGE_HANDED_OVER), touched + 1, 3, e);
    if (!rc && s->revision) /* what is known of the revision before says nothing about this one */
        rc = run(db, STR(CHANGE_ASSIGNMENTS), pending + 1, sizeof pending / sizeof *pending - 1, e);
    if (!rc && s->revision && selector)
        rc = run_selected(db, arena_printf(&a, CHANGE_PENDING, STR_ARG(selector->text)), selector, pending,
                          sizeof pending / sizeof *pending, e);
    arena_finish(&a);
    return rc ? rc : change_call_devices(db, s->authority, s->after, s->last, s->stamp, why, now_ms, e);
}

enum rc change_policy(struct sql *db, int64_t authority, int64_t policy, int64_t revision,
                      const struct pol_sql *selector, struct str why, int64_t now_ms, struct err *e)
{
    struct change_slice s = { .authority = authority, .policy = policy, .revision = revision };
    int64_t n = 0;
    enum rc rc = change_stamp(db, authority, &s.stamp, e);
    if (!rc) rc = db_replan_slice(db, 0, REPLAN_DEVICES, &s.last, &n, e);
    if (!rc) rc = change_policy_slice(db, &s, selector, why, now_ms, e);
    if (rc || n < REPLAN_DEVICES) return rc;
    const struct db_replan rest = {
        .authority = authority, .stamp = s.stamp, .why = why, .after = s.last, .policy = policy, .revision = revision
    };
    return db_replan_add(db, &rest, e);
}

enum rc change_attributes(struct sql *db, int64_t device, struct str why, int64_t now_ms, struct err *e)
{
    int64_t authority = 0, policies = 0, stamp = 0;
    enum rc rc = numbers(db, STR(CHANGE_OF_DEVICE), SQL_ARGS({ "device", SQL_I(device) }), &authority, &policies, e);
    if (rc) return rc == RC_NOT_FOUND ? err_set(e, rc, "there is no such device") : rc;
    if (!policies) return RC_OK;
    rc = change_stamp(db, authority, &stamp, e);
    return rc ? rc : change_touch_device(db, device, stamp, why, now_ms, e);
}
