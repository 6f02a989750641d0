/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/replan.h"
#include "db/replan.h"
#include "server/store/generation.h"

enum { REPLAN_ARENA_BYTES = 8 << 20 };

/* One statement of few, run to its end. */
static enum rc run(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start_text(db, str_of(text), args, n_args, &r, e);
    while (!rc) rc = sql_step(r, e);
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc replan_ask(struct sql *db, int64_t authority, const struct device_kind *kind, struct str why, struct err *e)
{
    struct sql_rows *r = NULL;
    int64_t policies = 0, stamp = 0;
    enum rc rc = sql_start_text(db, STR(REPLAN_POLICIES), SQL_ARGS({ "authority", SQL_I(authority) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) policies = sql_int(r, 0);
    sql_end(r);
    if (rc || !policies) return rc;
    rc = change_stamp(db, authority, &stamp, e);
    return rc ? rc
              : run(db, REPLAN_ADD,
                    SQL_ARGS({ "authority", SQL_I(authority) }, { "man", SQL_T(kind->man) },
                             { "mod", SQL_T(kind->mod) }, { "mo", SQL_T(kind->mo) }, { "stamp", SQL_I(stamp) },
                             { "why", SQL_T(why) }),
                    e);
}

struct job {
    int64_t id, authority, stamp, after, last;
    int64_t policy, revision; /* policy 0: of a description */
    bool whole;               /* there may be devices behind this slice */
    struct str man, mod, mo, why;
};

/* @return RC_NOT_FOUND when there is none */
static enum rc next_job(struct sql *db, struct arena *a, struct job *j, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start_text(db, STR(REPLAN_FIRST), NULL, 0, &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        *j = (struct job){ .id = sql_int(r, 0),
                           .authority = sql_int(r, 1),
                           .stamp = sql_int(r, 5),
                           .after = sql_int(r, 7),
                           .policy = sql_int(r, 8),
                           .revision = sql_int(r, 9) };
        if (!arena_str(a, sql_text(r, 2), &j->man) || !arena_str(a, sql_text(r, 3), &j->mod) ||
            !arena_str(a, sql_text(r, 4), &j->mo) || !arena_str(a, sql_text(r, 6), &j->why))
            rc = err_set(e, RC_NOMEM, "no memory to plan devices anew");
    }
    sql_end(r);
    if (rc) return rc;
    rc = sql_start_text(db, STR(REPLAN_SLICE),
                        SQL_ARGS({ "after", SQL_I(j->after) }, { "limit", SQL_I(REPLAN_DEVICES) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        j->last = sql_int(r, 0);
        j->whole = sql_int(r, 1) == REPLAN_DEVICES;
    }
    sql_end(r);
    return rc;
}

static enum rc stamp_and_call(struct sql *db, const struct job *j, int64_t now_ms, struct err *e)
{
    enum rc rc = run(db, REPLAN_STAMP,
                     SQL_ARGS({ "stamp", SQL_I(j->stamp) }, { "after", SQL_I(j->after) }, { "last", SQL_I(j->last) },
                              { "authority", SQL_I(j->authority) }, { "man", SQL_T(j->man) }, { "mod", SQL_T(j->mod) },
                              { "mo", SQL_T(j->mo) }),
                     e);
    return rc ? rc : change_call_devices(db, j->authority, j->after, j->last, j->stamp, j->why, now_ms, e);
}

/* What the policy says, unless it was changed since: then a later job reaches all of these devices. */
static enum rc policy_slice(struct sql *db, const struct server *srv, struct job *j, struct arena *a, int64_t now_ms,
                            struct err *e)
{
    const struct change_slice s = { j->authority, j->policy, j->revision, j->stamp, j->after, j->last };
    struct pol_policy *doc = NULL;
    struct pol_sql selector;
    struct sql_rows *r = NULL;
    bool stands = false;
    enum rc rc = sql_start_text(db, STR(REPLAN_POLICY), SQL_ARGS({ "policy", SQL_I(j->policy) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        const bool deleted = !sql_is_null(r, 0);
        stands = j->revision ? !deleted && sql_int(r, 1) == j->revision : deleted;
        if (stands && j->revision) rc = pol_policy_load(sql_text(r, 2), "policy", srv->layouts[0], NULL, a, &doc, e);
        if (doc && !rc) rc = pol_selector_sql(doc->selector, a, &selector, e);
    }
    sql_end(r);
    if (!stands) j->whole = false;
    if (rc || !stands) return rc == RC_NOT_FOUND ? RC_OK : rc;
    return change_policy_slice(db, &s, doc ? &selector : NULL, j->why, now_ms, e);
}

static enum rc one_slice(struct sql *db, const struct server *srv, struct job *j, struct arena *a, int64_t now_ms,
                         struct err *e)
{
    if (!j->last) return RC_OK;
    return j->policy ? policy_slice(db, srv, j, a, now_ms, e) : stamp_and_call(db, j, now_ms, e);
}

enum rc replan_slice(struct sql *db, const struct server *srv, int64_t now_ms, bool *more, struct err *e)
{
    struct arena a;
    struct job j;
    *more = false;
    arena_init(&a, REPLAN_ARENA_BYTES);
    enum rc rc = next_job(db, &a, &j, e);
    if (!rc && !(rc = sql_begin(db, true, e))) {
        rc = one_slice(db, srv, &j, &a, now_ms, e);
        if (!rc && j.whole)
            rc = run(db, REPLAN_AFTER, SQL_ARGS({ "last", SQL_I(j.last) }, { "id", SQL_I(j.id) }), e);
        else if (!rc)
            rc = run(db, REPLAN_DONE, SQL_ARGS({ "id", SQL_I(j.id) }), e);
        if (!rc) rc = sql_commit(db, e);
        if (rc) sql_rollback(db);
        *more = !rc;
    }
    arena_finish(&a);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
