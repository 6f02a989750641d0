/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PLAN_PLANNER_INT_H
#define POLICY_PLAN_PLANNER_INT_H
/* Shared by the files that make a plan, and private to them. Running out of memory is recorded and reported once at
 * the end. */
#include "policy/plan/plan.h"

/* An operation with the state that this plan has moved it to. */
struct live_op {
    const struct pol_operation *op;
    enum pol_op_state state;
    bool carried; /* a step of this plan executes it */
};

struct planning {
    const struct pol_facts *f;
    const struct pol_desired *d;
    const struct ddf_layout *l;
    struct arena *a;
    struct pol_plan *out;
    struct pol_step **tail;
    struct pol_wait **wait_tail;
    struct live_op *ops;
    struct str *images;
    size_t n_images; /* handled in this plan already */
    struct str *busy;
    size_t n_busy; /* VMs with a user's operation that is sent or waits */
    bool no_memory;
};

/* ---- the mirror ---- */
const struct pol_mirror_node *planner_mirror_find(const struct planning *p, struct str uri);
/** Nodes strictly below uri: [*first, *end). */
void planner_mirror_below(const struct planning *p, struct str uri, size_t *first, size_t *end);
/** The node or anything below it. */
bool planner_mirror_has(const struct planning *p, struct str uri);
/** Node of the entry that plays the role; NULL when the layout or the mirror does not have it. */
const struct pol_mirror_node *planner_mirror_entry(struct planning *p, enum ddf_role role, struct str owner);
/** Its number, when it is one and was reported since the last event that may have changed it. */
bool planner_mirror_number(struct planning *p, enum ddf_role role, struct str owner, int *out);
/** The layout's word for its value; NULL when there is none. */
const struct ddf_word *planner_mirror_word(struct planning *p, enum ddf_role role, struct str owner);
/** Does the word play this role? */
bool planner_word_is(const struct planning *p, const struct ddf_word *word, enum ddf_word_role role);
/** Empty when the layout does not have the entry. */
struct str planner_entry_uri(struct planning *p, enum ddf_role role, struct str owner);
struct str planner_owner_uri(struct planning *p, enum ddf_scope scope, struct str owner);
/** Are two texts equal in this format? */
bool planner_same_value(struct str format, struct str x, struct str y);
bool planner_readable(const struct planning *p, struct str uri);

/* ---- steps and waits ---- */
struct str planner_say(struct planning *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const struct pol_failure *planner_failure_of(const struct planning *p, struct str key);
/** Is it set aside, or waiting for its next attempt? */
bool planner_held_back(const struct planning *p, const struct pol_failure *x);
void planner_add_wait(struct planning *p, struct str vm, const char *state, struct str why, int code, int64_t until_ms);
/** The same for one setting. */
void planner_add_wait_at(struct planning *p, struct str vm, struct str uri, const char *state, struct str why, int code,
                         int64_t until_ms);
/** "set aside: 404 not found" as a wait. */
void planner_wait_failure(struct planning *p, struct str vm, struct str what, const struct pol_failure *x);
struct pol_step *planner_new_step(struct planning *p, enum dm_command verb, enum pol_purpose purpose, struct str uri,
                                  struct str why);
/** Is the step valid? An invalid one becomes a wait of `vm`. */
bool planner_step_in_order(struct planning *p, struct pol_step *s, struct str vm);
/** Append when it is not held back and the DDF allows it; otherwise a wait of `vm` has the reason. */
bool planner_add_step(struct planning *p, struct pol_step *s, struct str vm);
/**
 * A Get (of the whole tree below, when `tree` is set and the device supports it). @return false, without a wait, when
 * it is held back
 */
bool planner_add_read(struct planning *p, struct str uri, bool tree, enum pol_purpose purpose, const char *why);
/** Read the progress of the owner's operation: a VM's Progress, an image's status. */
bool planner_add_progress_read(struct planning *p, enum ddf_scope scope, struct str owner, enum pol_purpose purpose,
                               const char *why);
/**
 * An operation of the plan. @param o  NULL: this management object does not have it, and a wait reports that @return
 * false when it waits
 */
bool planner_add_operation(struct planning *p, const struct ddf_operation *o, struct str owner, struct str args,
                           struct str why);
void planner_add_move(struct planning *p, struct live_op *op, const struct pol_verdict *v);
void planner_add_verified(struct planning *p, struct live_op *op);

/* ---- the parts, in their order ---- */
void plan_failures(struct planning *p);
/** The device is in the desired state: only failures of reads remain relevant. */
void plan_settled_failures(struct pol_plan *out);
bool plan_discover(struct planning *p); /* false: first contact continues, nothing else yet */
void plan_inquiries(struct planning *p);
void plan_requests(struct planning *p);
void plan_device(struct planning *p);
void plan_vm(struct planning *p, const struct pol_vm *vm);
bool plan_image(struct planning *p, const struct pol_vm *vm); /* true: the VM's image is ready on the device */
void plan_supersede(struct planning *p);
void plan_reads(struct planning *p);
void plan_drift(struct planning *p);
void plan_kpis(struct planning *p);

/* The layout's operations and states of a VM (plan_ops.c). */
struct live_op *planner_busy_with(struct planning *p, enum ddf_scope scope, struct str owner);
void planner_wait_busy(struct planning *p, struct live_op *op, struct str vm);
void planner_poll_state(struct planning *p, struct str vm);
/**
 * The owner of a VM, as the device reports it (Domain/Servers). It is never guessed: commands are sent to OURS only.
 */
enum whose { OURS, OF_OTHERS, NOBODY_KNOWS };
enum whose planner_whose_is(struct planning *p, struct str vm);
bool planner_is_ours(struct planning *p, struct str vm);
/** Read it. @return false when the device was asked and does not report it */
bool planner_asks_whose(struct planning *p, struct str vm);
struct str planner_not_ours(struct planning *p, struct str vm); /* the reason in words why nothing is sent */
bool planner_has_int(const int *list, size_t n, int x);
bool planner_is_locked(struct planning *p, struct str vm);
const char *planner_state_name(const struct planning *p, int state);
bool planner_state_is(const struct planning *p, int state, enum ddf_state_role role);
/**
 * An operation that brought the VM to where it is now (`now`: its lock state or its state), and that overrides the
 * older policy.
 */
const struct pol_hold *planner_hold_on(struct planning *p, struct str vm, bool lock, const struct pol_policy *policy,
                                       int now);

/* Operations of users (plan_ops.c). */
void planner_op_fail(struct planning *p, struct live_op *op, int code, struct str why);
/** This step executes it; an invalid step fails it. */
void planner_op_send(struct planning *p, struct live_op *op, struct pol_step *s);
/** Read a node for it, without moving it. The answer is stored in its items. @return false when it is held back */
bool planner_op_look(struct planning *p, struct live_op *op, struct str uri, struct str why);
bool planner_op_forced(struct str args);
/* Tree commands (commands.c, plan_acl.c): send those that wait; determine the results of those sent. */
void planner_tree_send(struct planning *p, struct live_op *op);
void planner_tree_inquire(struct planning *p, struct live_op *op);
void planner_acl_send(struct planning *p, struct live_op *op);
void planner_acl_inquire(struct planning *p, struct live_op *op);
/** Its effect cannot be determined. */
void planner_op_unknown(struct planning *p, struct live_op *op, const char *why);
/** Its answer was lost: send it again, or give up. */
void planner_tree_again(struct planning *p, struct live_op *op);

/* The settings of one owner that are written together (plan_settings.c). */
struct batch {
    enum ddf_scope scope;
    struct str owner;
    struct pol_step *first, **tail;
    size_t n; /* in the Atomic */
    struct pol_step *alone, **alone_tail;
    size_t n_alone; /* optional nodes that the device may lack: each on its own */
    bool creating;  /* the owner's node is new: the client creates the required children */
    bool ours;      /* the values added now are a policy's */
};
void planner_batch_init(struct batch *b, enum ddf_scope scope, struct str owner, bool creating);
/**
 * Write one entry's node (and the instance around it, when that is new). Nodes that a new owner or instance may lack
 * wait until it has been read. @return false when it is held back (with a wait)
 */
bool planner_batch_set(struct planning *p, struct batch *b, const struct ddf_entry *en, struct str instance,
                       struct str wire, struct str why);
/** True, with nothing written, when the layout does not have it. */
bool planner_batch_set_role(struct planning *p, struct batch *b, enum ddf_role role, struct str wire, struct str why);
/** Remove an instance's node, in a step of its own. */
bool planner_batch_remove(struct planning *p, struct batch *b, struct str uri, struct str why);
bool planner_batch_add_node(struct planning *p, struct batch *b, struct str uri, struct str why);
/**
 * Send one step, or one Atomic; single steps when the device refuses the Atomic. @return false when all of it is held
 * back
 */
bool planner_batch_send(struct planning *p, struct batch *b, struct str why);
#endif
