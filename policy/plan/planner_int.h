/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PLAN_PLANNER_INT_H
#define POLICY_PLAN_PLANNER_INT_H
/* Shared by the files that make a plan; nobody else's business. Memory that runs out is remembered and told once at
 * the end. */
#include "policy/plan/plan.h"

/* An operation with the state that this plan already moved it to. */
struct live_op {
    const struct pol_operation *op;
    enum pol_op_state state;
    bool carried; /* a step of this plan carries it out */
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
    size_t n_images; /* looked at in this plan already */
    struct str *busy;
    size_t n_busy; /* VMs for which a person's operation goes out or waits */
    bool no_memory;
};

/* ---- the mirror ---- */
const struct pol_mirror_node *planner_mirror_find(const struct planning *p, struct str uri);
/** Nodes strictly below uri: [*first, *end). */
void planner_mirror_below(const struct planning *p, struct str uri, size_t *first, size_t *end);
/** The node or anything below it. */
bool planner_mirror_has(const struct planning *p, struct str uri);
/** Node of the entry that plays the role; NULL when the layout or the mirror has none. */
const struct pol_mirror_node *planner_mirror_entry(struct planning *p, enum ddf_role role, struct str owner);
/** Its number when it is one and was reported since something last happened to it. */
bool planner_mirror_number(struct planning *p, enum ddf_role role, struct str owner, int *out);
/** The word that the layout has for its value; NULL when there is none. */
const struct ddf_word *planner_mirror_word(struct planning *p, enum ddf_role role, struct str owner);
/** Is it the one that plays this role? */
bool planner_word_is(const struct planning *p, const struct ddf_word *word, enum ddf_word_role role);
/** Empty when the layout has none. */
struct str planner_entry_uri(struct planning *p, enum ddf_role role, struct str owner);
struct str planner_owner_uri(struct planning *p, enum ddf_scope scope, struct str owner);
/** Do two texts mean the same in this format? */
bool planner_same_value(struct str format, struct str x, struct str y);
bool planner_readable(const struct planning *p, struct str uri);

/* ---- steps and waits ---- */
struct str planner_say(struct planning *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const struct pol_failure *planner_failure_of(const struct planning *p, struct str key);
/** Set aside, or to be tried again later. */
bool planner_held_back(const struct planning *p, const struct pol_failure *x);
void planner_add_wait(struct planning *p, struct str vm, const char *state, struct str why, int code, int64_t until_ms);
/** The same of one setting. */
void planner_add_wait_at(struct planning *p, struct str vm, struct str uri, const char *state, struct str why, int code,
                         int64_t until_ms);
/** "set aside: 404 not found" as a wait. */
void planner_wait_failure(struct planning *p, struct str vm, struct str what, const struct pol_failure *x);
struct pol_step *planner_new_step(struct planning *p, enum dm_command verb, enum pol_purpose purpose, struct str uri,
                                  struct str why);
/** Is it in order? A refused step becomes a wait for `vm`. */
bool planner_step_in_order(struct planning *p, struct pol_step *s, struct str vm);
/** Append when nothing holds it back and the DDF allows it; else a wait for `vm` says why. */
bool planner_add_step(struct planning *p, struct pol_step *s, struct str vm);
/** A Get (of the whole tree below when `tree` and the device can). @return false when it is held back; nothing is
 * said then */
bool planner_add_read(struct planning *p, struct str uri, bool tree, enum pol_purpose purpose, const char *why);
/** What tells how far the owner's operation is: a VM's Progress, an image's status. */
bool planner_add_progress_read(struct planning *p, enum ddf_scope scope, struct str owner, enum pol_purpose purpose,
                               const char *why);
/** A plan-made operation. @param o  NULL: this management object has none, and a wait says so @return false when it waits */
bool planner_add_operation(struct planning *p, const struct ddf_operation *o, struct str owner, struct str args,
                           struct str why);
void planner_add_move(struct planning *p, struct live_op *op, const struct pol_verdict *v);
void planner_add_verified(struct planning *p, struct live_op *op);

/* ---- the parts, in their order ---- */
void plan_failures(struct planning *p);
/** Everything is as desired: of the failures only those of looking somewhere still say something. */
void plan_settled_failures(struct pol_plan *out);
bool plan_discover(struct planning *p); /* false: first contact goes on, nothing else yet */
void plan_inquiries(struct planning *p);
void plan_requests(struct planning *p);
void plan_device(struct planning *p);
void plan_vm(struct planning *p, const struct pol_vm *vm);
bool plan_image(struct planning *p, const struct pol_vm *vm); /* true: the VM's image is ready on the device */
void plan_supersede(struct planning *p);
void plan_reads(struct planning *p);
void plan_drift(struct planning *p);
void plan_kpis(struct planning *p);

/* What the layout's operations and states mean to a VM (plan_ops.c). */
struct live_op *planner_busy_with(struct planning *p, enum ddf_scope scope, struct str owner);
void planner_wait_busy(struct planning *p, struct live_op *op, struct str vm);
void planner_poll_state(struct planning *p, struct str vm);
/** Whose VM it is, as the device tells it (Domain/Servers). What it does not tell is nobody's to guess: only OURS is
 * ever sent a command. */
enum whose { OURS, OF_OTHERS, NOBODY_KNOWS };
enum whose planner_whose_is(struct planning *p, struct str vm);
bool planner_is_ours(struct planning *p, struct str vm);
/** Reads it. @return false when the device was asked and does not say */
bool planner_asks_whose(struct planning *p, struct str vm);
struct str planner_not_ours(struct planning *p, struct str vm); /* in words, why nothing is done */
bool planner_has_int(const int *list, size_t n, int x);
bool planner_is_locked(struct planning *p, struct str vm);
const char *planner_state_name(const struct planning *p, int state);
bool planner_state_is(const struct planning *p, int state, enum ddf_state_role role);
/** Somebody's operation that brought the VM to where it is now (`now`: its lock state or its state), against the
 * policy's older wish. */
const struct pol_hold *planner_hold_on(struct planning *p, struct str vm, bool lock, const struct pol_policy *policy,
                                       int now);

/* Operations of people (plan_ops.c). */
void planner_op_fail(struct planning *p, struct live_op *op, int code, struct str why);
/** This step carries it out; one that is not in order fails it. */
void planner_op_send(struct planning *p, struct live_op *op, struct pol_step *s);
/** Look at something for it, without moving it. The answer comes back in its items. @return false when it is held back
 */
bool planner_op_look(struct planning *p, struct live_op *op, struct str uri, struct str why);
bool planner_op_forced(struct str args);
/* Commands to the tree (plan_tree.c, plan_acl.c): send what waits; find out what became of what was sent. */
void planner_tree_send(struct planning *p, struct live_op *op);
void planner_tree_inquire(struct planning *p, struct live_op *op);
void planner_acl_send(struct planning *p, struct live_op *op);
void planner_acl_inquire(struct planning *p, struct live_op *op);
/** It may have been done or not, and nothing tells. */
void planner_op_unknown(struct planning *p, struct live_op *op, const char *why);
/** Its answer was lost: once more, or never again. */
void planner_tree_again(struct planning *p, struct live_op *op);

/* Settings of one owner to be written (plan_settings.c). */
struct batch {
    enum ddf_scope scope;
    struct str owner;
    struct pol_step *first, **tail;
    size_t n; /* together */
    struct pol_step *alone, **alone_tail;
    size_t n_alone; /* optional nodes that the device may not have: each for itself */
    bool creating;  /* the owner's node is new: the client makes what is required */
    bool ours;      /* what is put in now are policies' values */
};
void planner_batch_init(struct batch *b, enum ddf_scope scope, struct str owner, bool creating);
/** Write one entry's node (and the instance around it, when that is new). What a new owner or instance may turn out
 * not to have is left for the plan after it was read. @return false when it is held back (a wait says so) */
bool planner_batch_set(struct planning *p, struct batch *b, const struct ddf_entry *en, struct str instance,
                       struct str wire, struct str why);
/** True, and nothing is written, when the layout has none. */
bool planner_batch_set_role(struct planning *p, struct batch *b, enum ddf_role role, struct str wire, struct str why);
/** Remove an instance's node, by a step of its own. */
bool planner_batch_remove(struct planning *p, struct batch *b, struct str uri, struct str why);
bool planner_batch_add_node(struct planning *p, struct batch *b, struct str uri, struct str why);
/** One step, or one Atomic; single steps when the device would not take the Atomic. @return false when it all is held
 * back */
bool planner_batch_send(struct planning *p, struct batch *b, struct str why);
#endif
