/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/generation.h"
#include "db/authority.h"
#include "db/device.h"
#include "db/generation.h"
#include "db/replan.h"
#include "server/store/replan.h"
#include <stdio.h>

static struct db_selector selector_of(const struct pol_sql *sql)
{
    return (struct db_selector){ sql->text, sql->params, sql->n_params };
}

enum rc generation_stamp(struct sql *db, int64_t authority, int64_t *stamp, struct err *e)
{
    enum rc rc = db_authority_stamp(db, authority, stamp, e);
    return rc == RC_NOT_FOUND ? err_set(e, rc, "no such authority") : rc;
}

enum rc generation_call_devices(struct sql *db, int64_t authority, int64_t after, int64_t last, int64_t stamp,
                                struct str why, int64_t now_ms, struct err *e)
{
    const struct db_generation_slice s = { .authority = authority, .after = after, .last = last, .stamp = stamp };
    return db_generation_notify(db, &s, why, now_ms, e);
}

enum rc generation_touch_device(struct sql *db, int64_t device, int64_t stamp, struct str why, int64_t now_ms,
                                struct err *e)
{
    int64_t authority = 0;
    enum rc rc = db_generation_touch(db, device, stamp, &authority, e);
    if (rc) return rc == RC_NOT_FOUND ? err_set(e, rc, "no such device") : rc;
    return generation_call_devices(db, authority, device - 1, device, stamp, why, now_ms, e);
}

enum rc generation_reach(struct sql *db, int64_t authority, const struct pol_sql *selector, int64_t *affected,
                         int64_t *unknown, struct err *e)
{
    const struct db_selector s = selector_of(selector);
    return db_device_count_selected(db, authority, &s, affected, unknown, e);
}

enum rc generation_policy_slice(struct sql *db, const struct db_generation_slice *s, const struct pol_sql *sql,
                                struct str why, int64_t now_ms, struct err *e)
{
    const struct db_selector selector = sql ? selector_of(sql) : DB_SELECTOR_NONE;
    enum rc rc = db_generation_stamp(db, s, sql ? &selector : NULL, e);
    if (!rc && !sql) rc = db_generation_hand_over(db, s, e);
    if (!rc && s->revision) rc = db_generation_reassign(db, s, now_ms, e);
    if (!rc && s->revision && sql) rc = db_generation_assign(db, s, &selector, now_ms, e);
    return rc ? rc : db_generation_notify(db, s, why, now_ms, e);
}

enum rc generation_policy(struct sql *db, int64_t authority, int64_t policy, int64_t revision,
                          const struct pol_sql *selector, struct str why, int64_t now_ms, struct err *e)
{
    struct db_generation_slice s = { .authority = authority, .policy = policy, .revision = revision };
    int64_t n = 0;
    enum rc rc = generation_stamp(db, authority, &s.stamp, e);
    if (!rc) rc = db_replan_slice(db, 0, REPLAN_DEVICES, &s.last, &n, e);
    if (!rc) rc = generation_policy_slice(db, &s, selector, why, now_ms, e);
    if (rc || n < REPLAN_DEVICES) return rc;
    const struct db_replan rest = {
        .authority = authority, .stamp = s.stamp, .why = why, .after = s.last, .policy = policy, .revision = revision
    };
    return db_replan_add(db, &rest, e);
}

enum rc generation_attributes(struct sql *db, int64_t device, struct str why, int64_t now_ms, struct err *e)
{
    int64_t authority = 0, policies = 0, stamp = 0;
    enum rc rc = db_generation_of(db, device, &authority, &policies, e);
    if (rc) return rc == RC_NOT_FOUND ? err_set(e, rc, "no such device") : rc;
    if (!policies) return RC_OK;
    rc = generation_stamp(db, authority, &stamp, e);
    return rc ? rc : generation_touch_device(db, device, stamp, why, now_ms, e);
}
