/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/replan.h"
#include "db/policy.h"
#include "db/replan.h"
#include "server/store/documents.h"
#include "server/store/generation.h"

enum { REPLAN_ARENA_BYTES = 8 << 20 };

enum rc replan_ask(struct sql *db, int64_t authority, const struct device_kind *kind, struct str why, struct err *e)
{
    struct db_replan v = { .authority = authority, .man = kind->man, .mod = kind->mod, .mo = kind->mo, .why = why };
    int64_t policies = 0;
    enum rc rc = db_policy_count(db, authority, &policies, e);
    if (rc || !policies) return rc;
    rc = generation_stamp(db, authority, &v.stamp, e);
    return rc ? rc : db_replan_add(db, &v, e);
}

struct replan_job {
    struct db_replan v;
    int64_t last; /* last device of this slice; 0 = none */
    bool whole;   /* more devices may follow */
};

/* @return RC_NOT_FOUND when there is none */
static enum rc next_job(struct sql *db, struct arena *a, struct replan_job *j, struct err *e)
{
    int64_t n = 0;
    enum rc rc = db_replan_first(db, a, &j->v, e);
    if (!rc) rc = db_replan_slice(db, j->v.after, REPLAN_DEVICES, &j->last, &n, e);
    j->whole = n == REPLAN_DEVICES;
    return rc;
}

static enum rc stamp_and_call(struct sql *db, const struct replan_job *j, int64_t now_ms, struct err *e)
{
    enum rc rc = db_replan_stamp(db, &j->v, j->last, e);
    return rc ? rc : generation_call_devices(db, j->v.authority, j->v.after, j->last, j->v.stamp, j->v.why, now_ms, e);
}

/* One slice of a policy change, unless the policy changed since: then a later job covers all these devices. */
static enum rc policy_slice(struct sql *db, const struct server *srv, struct replan_job *j, struct arena *a,
                            int64_t now_ms, struct err *e)
{
    const struct db_generation_slice s = { .authority = j->v.authority,
                                           .after = j->v.after,
                                           .last = j->last,
                                           .stamp = j->v.stamp,
                                           .policy = j->v.policy,
                                           .revision = j->v.revision };
    struct pol_policy *doc = NULL;
    struct pol_sql selector;
    struct db_policy p;
    bool stands = false;
    enum rc rc = db_policy_by_id(db, j->v.policy, a, &p, e);
    if (!rc) {
        const bool deleted = p.deleted_ms != 0;
        stands = j->v.revision ? !deleted && p.revision == j->v.revision : deleted;
        if (stands && j->v.revision) rc = documents_head(srv, p.document, a, &doc, e);
        if (doc && !rc) rc = pol_selector_sql(doc->selector, a, &selector, e);
    }
    if (!stands) j->whole = false;
    if (rc || !stands) return rc == RC_NOT_FOUND ? RC_OK : rc;
    return generation_policy_slice(db, &s, doc ? &selector : NULL, j->v.why, now_ms, e);
}

static enum rc one_slice(struct sql *db, const struct server *srv, struct replan_job *j, struct arena *a,
                         int64_t now_ms, struct err *e)
{
    if (!j->last) return RC_OK;
    return j->v.policy ? policy_slice(db, srv, j, a, now_ms, e) : stamp_and_call(db, j, now_ms, e);
}

enum rc replan_slice(struct sql *db, const struct server *srv, int64_t now_ms, bool *more, struct err *e)
{
    struct arena a;
    struct replan_job j;
    *more = false;
    arena_init(&a, REPLAN_ARENA_BYTES);
    enum rc rc = next_job(db, &a, &j, e);
    if (!rc && !(rc = sql_begin(db, true, e))) {
        rc = one_slice(db, srv, &j, &a, now_ms, e);
        if (!rc) rc = j.whole ? db_replan_move(db, j.v.id, j.last, e) : db_replan_delete(db, j.v.id, e);
        if (!rc) rc = sql_commit(db, e);
        if (rc) sql_rollback(db);
        *more = !rc;
    }
    arena_finish(&a);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
