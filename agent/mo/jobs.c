/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/jobs.h"
#include "agent/mo/env.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLLECT_MS = 30000 }; /* a reading that has not arrived by then will not arrive */

int jobs_known(const struct mo_env *env, struct str uri, const struct tree_call *call)
{
    for (size_t i = 0; call->correlator.n && i < env->jobs.list.n; i++) {
        const struct job *j = &env->jobs.list.at[i];
        if (str_is(call->correlator, j->correlator) && str_is(call->server, j->server_id) && str_is(uri, j->uri))
            return j->waiting ? 202 : j->result;
    }
    return 0;
}

static struct job *find(struct mo_env *env, uint64_t id)
{
    for (size_t i = 0; i < env->jobs.list.n; i++)
        if (env->jobs.list.at[i].id == id) return &env->jobs.list.at[i];
    return NULL;
}

struct job *jobs_running(struct mo_env *env, const char *op, struct str owner)
{
    for (size_t i = 0; i < env->jobs.list.n; i++)
        if (env->jobs.list.at[i].waiting && !strcmp(env->jobs.list.at[i].op, op) &&
            str_is(owner, env->jobs.list.at[i].owner))
            return &env->jobs.list.at[i];
    return NULL;
}

static void drop(struct mo_env *env, size_t i)
{
    mo_note(env, persist_remove_job(env->state, env->jobs.list.at[i].id, &env->trouble), "job");
    VEC_REMOVE(&env->jobs.list, i);
}

/* Room for all jobs is reserved, so that a job's address stays valid while others begin. */
static struct job *add(struct mo_env *env)
{
    struct jobs *j = &env->jobs;

    if (j->list.n == JOBS_MAX || !VEC_RESERVE(&j->list, JOBS_MAX - j->list.n)) return NULL;
    return VEC_ADD(&j->list);
}

void jobs_restore(struct mo_env *env, const struct job *j)
{
    struct job *kept = add(env);

    if (kept) *kept = *j;
}

struct job *jobs_begin(struct mo_env *env, const char *op, struct str owner, struct str uri,
                       const struct tree_call *call)
{
    struct job *j;

    if (call->correlator.n >= sizeof j->correlator || uri.n >= sizeof j->uri || owner.n >= sizeof j->owner) return NULL;
    for (size_t i = 0; env->jobs.list.n == JOBS_MAX && i < env->jobs.list.n; i++)
        if (!env->jobs.list.at[i].waiting) drop(env, i); /* drop the oldest finished one */
    if (!(j = add(env))) return NULL;
    *j = (struct job){ .id = ++env->jobs.last_id, .started_ms = env->w->now_ms };
    snprintf(j->op, sizeof j->op, "%s", op);
    snprintf(j->owner, sizeof j->owner, "%.*s", STR_ARG(owner));
    snprintf(j->uri, sizeof j->uri, "%.*s", STR_ARG(uri));
    snprintf(j->correlator, sizeof j->correlator, "%.*s", STR_ARG(call->correlator));
    snprintf(j->server_id, sizeof j->server_id, "%.*s", STR_ARG(call->server));
    return j;
}

void jobs_save(struct mo_env *env, const struct job *j)
{
    mo_note(env, persist_put_job(env->state, j, &env->trouble), "job");
}

int jobs_end_now(struct mo_env *env, struct job *j, int result)
{
    j->waiting = 0;
    j->result = result;
    jobs_save(env, j);
    return result;
}

void jobs_part(struct mo_env *env, uint64_t id, int result)
{
    struct job *j = find(env, id);
    char data[16];

    if (!j || !j->waiting) return;
    if (result >= 1400 ? result > j->result : !j->result)
        j->result = result; /* the worst of all results, or the first success */
    if (--j->waiting == 0) {
        snprintf(data, sizeof data, "%d", j->result);
        mo_alert(env, j->server_id, "operation_complete", str_of(j->uri), "int", mo_mark(j->result), data,
                 j->correlator);
    }
    jobs_save(env, j);
}

void jobs_part_name(const struct job *j, char *out, size_t n)
{
    snprintf(out, n, "@%llu", (unsigned long long)j->id);
}

uint64_t jobs_of_part(struct str correlator)
{
    uint64_t id;

    return str_starts(correlator, STR("@")) && str_to_u64(str_slice(correlator, 1, correlator.n), &id) ? id : 0;
}

bool jobs_busy(const struct mo_env *env)
{
    for (size_t i = 0; i < env->jobs.list.n; i++)
        if (env->jobs.list.at[i].waiting) return true;
    return false;
}

static bool collects(const struct job *j)
{
    return !strcmp(j->op, "kpi.collect") || !strcmp(j->op, "collectAll");
}

void jobs_sampled(struct mo_env *env, struct str vm, bool ok)
{
    for (size_t i = 0; i < env->jobs.list.n; i++) {
        struct job *j = &env->jobs.list.at[i];
        if (j->waiting && collects(j) && (!j->owner[0] || str_is(vm, j->owner)))
            jobs_part(env, j->id, ok ? 1200 : 1510);
    }
}

/* A reading that was requested before the restart never arrives. */
void jobs_recover(struct mo_env *env)
{
    for (size_t i = 0; i < env->jobs.list.n; i++) {
        if (env->jobs.list.at[i].id > env->jobs.last_id) env->jobs.last_id = env->jobs.list.at[i].id;
        while (env->jobs.list.at[i].waiting && collects(&env->jobs.list.at[i]))
            jobs_part(env, env->jobs.list.at[i].id, 1448);
    }
}

void jobs_tick(struct mo_env *env)
{
    for (size_t i = 0; i < env->jobs.list.n; i++)
        while (env->jobs.list.at[i].waiting && collects(&env->jobs.list.at[i]) &&
               env->w->now_ms >= env->jobs.list.at[i].started_ms + COLLECT_MS)
            jobs_part(env, env->jobs.list.at[i].id, 1446);
}

int64_t jobs_next_ms(const struct mo_env *env)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < env->jobs.list.n; i++)
        if (env->jobs.list.at[i].waiting && collects(&env->jobs.list.at[i]) &&
            env->jobs.list.at[i].started_ms + COLLECT_MS < next)
            next = env->jobs.list.at[i].started_ms + COLLECT_MS;
    return next;
}
