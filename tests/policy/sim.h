/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POLICY_SIM_H
#define TESTS_POLICY_SIM_H
/* A device as a small tree that carries steps out, and a shell that does with plans what plan.h says, both without a
 * protocol between them. Everything lives as long as the simulation. */
#include "policy/plan/plan.h"
#include "tests/policy/world.h"

enum { SIM_NODES = 4000, SIM_OPS = 600, SIM_FAILURES = 200, SIM_JOBS = 16 };

struct sim_node {
    struct str uri, format, value;
};

/* An asynchronous operation on the device. */
struct sim_job {
    const struct ddf_operation *op;
    struct str owner, args, correlator, uri;
    int ticks;
    bool used;
};

struct policy_sim_device {
    struct arena a;
    const struct ddf_layout *l;
    const struct ddf_schema *s;
    struct sim_node node[SIM_NODES];
    size_t n; /* sorted */
    struct sim_job job[SIM_JOBS];
    bool no_list, no_atomic;
    bool synchronous;   /* Exec ends at once with a result */
    int refuse_percent; /* of commands, with a random status */
    int fail_percent;   /* of operations, with a random result */
    const char *server; /* who is connected: whoever adds a VM owns it (c.3.1) */
    int ticks;          /* how long an operation takes */
    uint64_t seed;
    int64_t now_ms;
    struct str done[SIM_OPS];
    size_t n_done;    /* correlators that were carried out */
    unsigned twice;   /* correlators that came a second time */
    unsigned refused; /* commands the device did not like, without injected ones */
    unsigned changes; /* commands and operations that changed something */
    char refusal[200];
};

struct sim_alert {
    struct str uri, correlator;
    int result;
    bool complete;
};

/** Devices from now on have the shipped layout with each text for people replaced, and each name that no policy document
 * says. */
extern bool sim_reworded;
void sim_device_init(struct policy_sim_device *d, uint64_t seed);
void sim_device_finish(struct policy_sim_device *d);
unsigned sim_dice(struct policy_sim_device *d, unsigned n);
struct sim_node *sim_find(struct policy_sim_device *d, struct str uri);
struct str sim_value(struct policy_sim_device *d, enum ddf_scope scope, const char *name, struct str owner);
void sim_set(struct policy_sim_device *d, enum ddf_scope scope, const char *name, struct str owner, const char *value);
/** Make a VM as if somebody had, in this state. */
void sim_make_vm(struct policy_sim_device *d, const char *name, int state);
void sim_remove(struct policy_sim_device *d, struct str uri);
/** Time goes on: operations under way come nearer to their end. @return alerts of those that ended (in the device's
 * arena) */
struct sim_alert *sim_tick(struct policy_sim_device *d, size_t *n);
/** One command that is no Atomic. `values` takes what a Get finds. */
int sim_command(struct policy_sim_device *d, const struct pol_step *s, struct sim_node *values, size_t *n_values);

struct sim_shell {
    struct arena a; /* lives long */
    struct policy_sim_device *d;
    struct pol_mirror_node mirror[SIM_NODES];
    size_t n_mirror;
    struct pol_operation op[SIM_OPS];
    size_t n_ops;
    struct str op_why[SIM_OPS];
    struct pol_failure failure[SIM_FAILURES];
    size_t n_failures;
    struct pol_image image[8];
    size_t n_images;
    struct pol_hold hold[8];
    size_t n_holds;
    struct pol_policy *policies;
    struct pol_attribute attrs[64];
    size_t n_attrs;
    bool mirror_read, list_unsupported, changed;
    bool token;       /* the device reports its state token */
    bool token_ok;    /* ... and it was the mirror's when this session began */
    int lose_percent; /* of answers */
    int64_t session_ms, kpi_due_ms;
    struct pol_plan plan; /* the last one */
    struct arena message; /* it lives here */
    unsigned messages, steps;
    bool verbose;
};

void sim_shell_init(struct sim_shell *s, struct policy_sim_device *d);
void sim_shell_finish(struct sim_shell *s);
void sim_image(struct sim_shell *s, const char *name, const char *version, const char *id);
/** Parse and put in force (in place of one with the same name). Ends the test program when it has mistakes. */
void sim_policy(struct sim_shell *s, const char *yaml);
int64_t sim_request(struct sim_shell *s, const char *vm, const char *kind, const char *args);
const struct pol_operation *sim_op(const struct sim_shell *s, int64_t id);
/** One plan against the facts as they stand; nothing is sent. */
enum rc sim_plan(struct sim_shell *s);
/** One message: a plan, and its steps. @return false when there was nothing to send */
bool sim_session_step(struct sim_shell *s);
/** One session: plans are made and sent until there is nothing more to send. @return messages sent */
unsigned sim_session(struct sim_shell *s);
/** Sessions, with time and ticks between them, until the plan is settled or nothing has moved for a while. @return
 * settled */
bool sim_run(struct sim_shell *s, unsigned most_sessions);
void sim_print(const struct sim_shell *s);
#endif
