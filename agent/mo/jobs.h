/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_JOBS_H
#define AGENT_MO_JOBS_H
/*
 * Jobs: operations of the device and of images, and KPI collections (virtualization-mo.md c.8). One is accepted with 202 and ended by
 * one alert; the same correlator has the same answer and never starts a second one. A job may have parts: an operation over all VMs
 * has one in each. The last ones are remembered with their results.
 */
#include "agent/mo/persist.h"
#include "agent/tree/tree.h"
#include "base/vec.h"

enum { JOBS_MAX = 32 };

struct jobs { /* room for JOBS_MAX from the first on: a job stays where it is until it is dropped */
    VEC(struct job) list;
    uint64_t last_id;
};

struct mo_env;
/** @return 0 = new; else the answer that this correlator has had (202, or its result) */
int jobs_known(const struct mo_env *env, struct str uri, const struct tree_call *call);
/** Start one; NULL without room (all others still run). waiting = parts that will end by themselves. */
struct job *jobs_begin(struct mo_env *env, const char *op, struct str owner, struct str uri,
                       const struct tree_call *call);
void jobs_save(struct mo_env *env, const struct job *j);
/** One that was kept; without room it is left out. */
void jobs_restore(struct mo_env *env, const struct job *j);
/** One part ended. The last one ends the job: an alert goes out. */
void jobs_part(struct mo_env *env, uint64_t id, int result);
/** Ended before the Exec was answered: no alert. @return the result */
int jobs_end_now(struct mo_env *env, struct job *j, int result);
struct job *jobs_running(struct mo_env *env, const char *op, struct str owner);
bool jobs_busy(const struct mo_env *env);
/** Correlator for a part given to a VM: "@17"; and the job it belongs to (0 = none of ours). */
void jobs_part_name(const struct job *j, char *out, size_t n);
uint64_t jobs_of_part(struct str correlator);
void jobs_recover(struct mo_env *env);
void jobs_tick(struct mo_env *env);
int64_t jobs_next_ms(const struct mo_env *env);
/** A reading of this VM's KPIs came. */
void jobs_sampled(struct mo_env *env, struct str vm, bool ok);
#endif
