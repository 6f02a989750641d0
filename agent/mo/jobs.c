/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the device and of images (virtualization-mo.md c.8): 202, then one alert; the same correlator never
 * starts a second one. The last ones are remembered with their results. */
#include "agent/device_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLLECT_MS = 30000 }; /* a reading that does not come by then will not come */

int jobs_known(struct device *d, struct str uri, const struct tree_call *call)
{
    for (size_t i = 0; call->correlator.n && i < d->n_jobs; i++) {
        const struct job *j = &d->jobs[i];
        if (str_is(call->correlator, j->correlator) && str_is(call->server, j->server_id) && str_is(uri, j->uri))
            return j->waiting ? 202 : j->result;
    }
    return 0;
}

static struct job *find(struct device *d, uint64_t id)
{
    for (size_t i = 0; i < d->n_jobs; i++)
        if (d->jobs[i].id == id) return &d->jobs[i];
    return NULL;
}

struct job *jobs_running(struct device *d, const char *op, struct str owner)
{
    for (size_t i = 0; i < d->n_jobs; i++)
        if (d->jobs[i].waiting && !strcmp(d->jobs[i].op, op) && str_is(owner, d->jobs[i].owner)) return &d->jobs[i];
    return NULL;
}

static void drop(struct device *d, size_t i)
{
    device_note(d, state_remove_job(d->state, d->jobs[i].id, &d->trouble), "job");
    memmove(d->jobs + i, d->jobs + i + 1, (d->n_jobs - i - 1) * sizeof d->jobs[0]);
    d->n_jobs--;
}

bool jobs_room(struct device *d)
{
    if (!d->jobs) d->jobs = calloc(DEVICE_JOBS, sizeof *d->jobs);
    return d->jobs && d->n_jobs < DEVICE_JOBS;
}

struct job *jobs_begin(struct device *d, const char *op, struct str owner, struct str uri, const struct tree_call *call)
{
    struct job *j;

    if (call->correlator.n >= sizeof j->correlator || uri.n >= sizeof j->uri || owner.n >= sizeof j->owner) return NULL;
    for (size_t i = 0; d->n_jobs == DEVICE_JOBS && i < d->n_jobs; i++)
        if (!d->jobs[i].waiting) drop(d, i); /* the oldest finished one is forgotten */
    if (d->n_jobs == DEVICE_JOBS || !jobs_room(d)) return NULL;
    j = &d->jobs[d->n_jobs++];
    *j = (struct job){ .id = ++d->last_job, .started_ms = d->w->now_ms };
    snprintf(j->op, sizeof j->op, "%s", op);
    snprintf(j->owner, sizeof j->owner, "%.*s", STR_ARG(owner));
    snprintf(j->uri, sizeof j->uri, "%.*s", STR_ARG(uri));
    snprintf(j->correlator, sizeof j->correlator, "%.*s", STR_ARG(call->correlator));
    snprintf(j->server_id, sizeof j->server_id, "%.*s", STR_ARG(call->server));
    return j;
}

void jobs_save(struct device *d, const struct job *j)
{
    device_note(d, state_put_job(d->state, j, &d->trouble), "job");
}

int jobs_end_now(struct device *d, struct job *j, int result)
{
    j->waiting = 0;
    j->result = result;
    jobs_save(d, j);
    return result;
}

void jobs_part(struct device *d, uint64_t id, int result)
{
    struct job *j = find(d, id);
    char data[16];

    if (!j || !j->waiting) return;
    if (result >= 1400 ? result > j->result : !j->result)
        j->result = result; /* the worst of all, or the first success */
    if (--j->waiting == 0) {
        snprintf(data, sizeof data, "%d", j->result);
        device_alert(d, j->server_id, "operation_complete", str_of(j->uri), "int", device_mark(j->result), data,
                     j->correlator);
    }
    jobs_save(d, j);
}

void jobs_part_name(const struct job *j, char out[VM_CORRELATOR_BYTES])
{
    snprintf(out, VM_CORRELATOR_BYTES, "@%llu", (unsigned long long)j->id);
}

uint64_t jobs_of_part(struct str correlator)
{
    uint64_t id;

    return str_starts(correlator, STR("@")) && str_to_u64(str_slice(correlator, 1, correlator.n), &id) ? id : 0;
}

static bool collects(const struct job *j)
{
    return !strcmp(j->op, "kpi.collect") || !strcmp(j->op, "collectAll");
}

void jobs_sampled(struct device *d, struct str vm, bool ok)
{
    for (size_t i = 0; i < d->n_jobs; i++) {
        struct job *j = &d->jobs[i];
        if (j->waiting && collects(j) && (!j->owner[0] || str_is(vm, j->owner))) jobs_part(d, j->id, ok ? 1200 : 1510);
    }
}

/* A reading that was asked for before the restart never comes. */
void jobs_recover(struct device *d)
{
    for (size_t i = 0; i < d->n_jobs; i++) {
        if (d->jobs[i].id > d->last_job) d->last_job = d->jobs[i].id;
        while (d->jobs[i].waiting && collects(&d->jobs[i])) jobs_part(d, d->jobs[i].id, 1448);
    }
}

void jobs_tick(struct device *d)
{
    for (size_t i = 0; i < d->n_jobs; i++)
        while (d->jobs[i].waiting && collects(&d->jobs[i]) && d->w->now_ms >= d->jobs[i].started_ms + COLLECT_MS)
            jobs_part(d, d->jobs[i].id, 1446);
}

int64_t jobs_next_ms(const struct device *d)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < d->n_jobs; i++)
        if (d->jobs[i].waiting && collects(&d->jobs[i]) && d->jobs[i].started_ms + COLLECT_MS < next)
            next = d->jobs[i].started_ms + COLLECT_MS;
    return next;
}
