/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_JOBS_H
#define AGENT_MO_JOBS_H
/*
 * Jobs: operations of the device and of images, and KPI collections (virtualization-mo.md c.8). A job is accepted with
 * 202 and ended by one alert; the same correlator always gets the same answer and never starts a second job. A job may
 * have parts: an operation over all VMs has one in each. The last jobs are kept with their results.
 */
#include "agent/mo/persist.h"
#include "agent/tree/tree.h"
#include "base/vec.h"

enum { JOBS_MAX = 32 };

struct jobs { /* room for JOBS_MAX is reserved: a job's address is valid until it is dropped */
    VEC(struct job) list;
    uint64_t last_id;
};

struct mo_env;
/** @return 0 = new; otherwise the earlier answer to this correlator (202, or its result) */
int jobs_known(const struct mo_env *env, struct str uri, const struct tree_call *call);
/** Start a job; NULL without room (all others are in progress). waiting = number of parts that end later. */
struct job *jobs_begin(struct mo_env *env, const char *op, struct str owner, struct str uri,
                       const struct tree_call *call);
void jobs_save(struct mo_env *env, const struct job *j);
/** Restore a persisted job; without room it is dropped. */
void jobs_restore(struct mo_env *env, const struct job *j);
/** One part has ended. The last one ends the job with an alert. */
void jobs_part(struct mo_env *env, uint64_t id, int result);
/** Ended before the Exec was answered: no alert. @return the result */
int jobs_end_now(struct mo_env *env, struct job *j, int result);
struct job *jobs_running(struct mo_env *env, const char *op, struct str owner);
bool jobs_busy(const struct mo_env *env);
/** Correlator of a VM's part: "@17"; and the job that it belongs to (0 = not a job's). */
void jobs_part_name(const struct job *j, char *out, size_t n);
uint64_t jobs_of_part(struct str correlator);
void jobs_recover(struct mo_env *env);
void jobs_tick(struct mo_env *env);
int64_t jobs_next_ms(const struct mo_env *env);
/** A reading of this VM's KPIs arrived. */
void jobs_sampled(struct mo_env *env, struct str vm, bool ok);
#endif
