/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PLAN_PLAN_H
#define POLICY_PLAN_PLAN_H
/* The ordered DM commands that take the mirror to the desired state (architecture.md 6.3 and 7.3). Computed for
 * every message from the mirror, so that losing a session costs nothing. */
#include "base/dm_command.h"
#include "policy/resolve/facts.h"

const char *pol_op_state_name(enum pol_op_state s);
bool pol_op_state_of(struct str name, enum pol_op_state *out);
/** NULL when there is none. */
const struct pol_wish *pol_wish_at(const struct pol_wish *list, size_t n, struct str uri);
/** The desired state that a failure with this key belongs to; NULL only when the list is empty. */
const struct pol_wish *pol_wish_of(const struct pol_wish *list, size_t n, struct str key);
enum { POL_MAX_TRIES = 3, POL_RETRY_MS = 30000, POL_POLL_MS = 5000, POL_ATOMIC_CHILDREN = 100 };
/* Code of a failure: the session ended each time the step was sent alone. */
enum { POL_CODE_LOST = -1 };

enum pol_purpose {
    POL_FOR_DISCOVER,  /* read what the device has */
    POL_FOR_CHANGE,    /* change it to the desired state */
    POL_FOR_VERIFY,    /* read back what was acknowledged */
    POL_FOR_OPERATION, /* execute an operation */
    POL_FOR_INQUIRY,   /* read the result of an operation, or what it needs; does not move it */
    POL_FOR_KPI
};

struct pol_step {
    enum dm_command verb; /* of a user interaction, format is its alert code and data its lines */
    enum pol_purpose purpose;
    struct str uri; /* with "?list=StructData" where needed */
    struct str format, type, data;
    bool has_data;
    /* of Exec; for operations of the plan computed from `op_kind`, owner and the facts (deterministic) */
    struct str correlator;
    struct str why; /* for display: "resources.cpu.vcpus 1 -> 2 (policy corporate-workspace)" */
    /* stable name of this step for pol_failure: "set", "add", "delete", "exec", "get" or "atomic" and uri */
    struct str key;
    /* id of the operation that it executes, 0 = none yet (of the plan: the caller creates one before sending) */
    int64_t operation;
    bool ours; /* it writes a policy's value, which is kept as pol_set so that it can return to the default */
    struct str op_kind, op_owner, op_args;
    enum ddf_scope op_scope;   /* for operations of the plan */
    struct pol_step *children; /* DM_ATOMIC, DM_SEQUENCE */
    struct pol_step *next;
};

/* Why a further change waits. */
struct pol_wait {
    struct str vm;
    struct str uri; /* the setting that waits; empty = the VM, or the device, as a whole */
    struct str state;
    struct str why;
    int code;
    int64_t until_ms;
    struct pol_wait *next;
};

struct pol_plan {
    struct pol_step *steps;
    size_t n_steps; /* steps that may be sent now, in order; each depends only on earlier ones' success */
    struct pol_wait *waits;
    size_t n_waits;
    bool settled; /* no steps, no waits: device and desired state agree and every value is verified */
    /* Operations whose effect the mirror proves (a lock, with LockState reported so): the caller moves them to
     * verified. */
    int64_t *verified;
    size_t n_verified;
    struct {
        int64_t id;
        enum pol_op_state state;
        int code;
        struct str why;
        int percent;
    } * moves;
    size_t n_moves;       /* expired, superseded, failed ... */
    bool mirror_complete; /* first contact is complete: the caller sets mirror_read */
    struct pol_failure *failures;
    size_t n_failures; /* those of the facts that still apply; the caller removes the others */
    struct pol_wish *wishes;
    size_t n_wishes;
    bool wishes_changed; /* the desired states differ from the facts': the caller stores them */
};

/**
 * Pure: the same facts give the same plan; preview and enforcement both call it.
 *
 * Order: read what is unknown; inquiries; operations of users; for each VM: image (Add ./images entry, Download), VM
 * node and its leaves in one Atomic, provision, changes grouped per VM in an Atomic, changes that need a stop in
 * between, goal route; verification reads; KPIs. A value that the mirror already has is not sent again. Every step is
 * checked with ddf_check before it enters the plan (an invalid one becomes a wait with the reason). At most one
 * unfinished operation for each VM.
 */
enum rc pol_make_plan(const struct pol_facts *f, const struct pol_desired *d, struct arena *a, struct pol_plan *out,
                      struct err *e);
/** Format the steps for display, one line each with its reason, then the waits. */
void pol_plan_print(const struct pol_plan *p, struct buf *out);

/*
 * What the caller does with the outcome of a step (pol_step_outcome), besides moving operations:
 *
 *   DONE     GET: the values reported go into the mirror as REPORTED with at_ms = now. After "?list=" everything in the mirror at or
 *            below the address that was not reported is dropped; after a plain Get of an interior node, children that are no longer in
 *            its list are dropped with all below them. A value that differs from what the mirror holds as ACKNOWLEDGED
 *            (pol_read_back_differs) is a failure of "set <uri>" with code 0.
 *            ADD, REPLACE: the mirror gets uri, format and data as ACKNOWLEDGED. DELETE: the node and all below it leave the mirror.
 *            The failure with the step's key is removed; after an Add or a Delete all failures at or below the address are
 *            (pol_failure_within), because the node is another one now.
 *   RUNS     202 to an Exec.
 *   THERE    Add of what exists: the node goes into the mirror as STALE. No failure.
 *   GONE     GET: node and all below it leave the mirror; if it was ACKNOWLEDGED it is a failure of "set <uri>"; on first contact
 *            (POL_FOR_DISCOVER) also of the step's own key, so that it is not read again. DELETE: as DONE.
 *            REPLACE: it leaves the mirror, and is a failure.
 *            (When a node leaves the mirror while list_unsupported, its parent becomes STALE, so that its child list is read again.)
 *   SKIPPED  215, 216: another command of the Atomic failed. No change.
 *   AGAIN    busy or no Status: failure that is retried later.
 *   FAILED   failure. Of an Atomic only when no child failed on its own.
 *            A GET of "?list=" answered 404 or 406 on the root: list_unsupported.
 *
 * pol_failure_after makes the failures. An operation of the plan (by_policy) that ends FAILED is a failure with
 * pol_op_key; one that ends VERIFIED removes that failure. A step that was sent before the desired state changed fails
 * without a record. Failures of a VM are removed when its desired state changes, or when a user brings it to another
 * state; operations on other VMs and reads keep them.
 */
enum pol_outcome {
    POL_STEP_DONE,
    POL_STEP_RUNS,
    POL_STEP_THERE,
    POL_STEP_GONE,
    POL_STEP_SKIPPED,
    POL_STEP_AGAIN,
    POL_STEP_FAILED
};
/** @param code  Status, or 0 when none arrived before the package ended; for Exec also a result code (12xx ...) */
enum pol_outcome pol_step_outcome(const struct ddf_layout *l, const struct pol_step *s, int code);
/**
 * The failure to store after one more attempt. A step that can never succeed (404 405 406 413 414 415 425 501, 1411,
 * 1413 ...) is set aside at once; a busy device never leads to that; other failures do after POL_MAX_TRIES. A step that
 * ended sessions (POL_CODE_LOST) is retried with growing delays.
 * @param before the failure so far, or NULL
 */
struct pol_failure pol_failure_after(const struct pol_failure *before, struct str key, int code, int64_t now_ms);
/** Set aside until the policy or the device changes. */
bool pol_failure_final(const struct pol_failure *f);
/** Is it a failure at `uri` or below it? */
bool pol_failure_within(struct str key, struct str uri);
/** "not found"; for results from 1000 on the layout's text. */
struct str pol_code_words(const struct ddf_layout *l, int code);
/** "404 not found", "1428 start failed or took too long": for waits, operations and pages. */
struct str pol_code_text(const struct ddf_layout *l, int code, struct arena *a);

/*
 * The states of operations. QUEUED -> NOTIFIED: by the notifier. -> SENT: by the caller, before the reply that carries
 * the operation is sent, with tries + 1; it also makes the nodes of pol_op_touches STALE. From there:
 *
 *   SENT          Status 202                               -> ACCEPTED
 *                 Status 200, 12xx                         -> ACKNOWLEDGED (a Get of kind "tree": VERIFIED)
 *                 busy: 417 503 1444, 215, 216             -> QUEUED while tries < POL_MAX_TRIES, else FAILED
 *                 no Status (0)                            stays SENT: the plan reads the result
 *                 anything else                            -> FAILED
 *   SENT          (seen by a plan: its answer was lost) the plan reads Progress. Correlator equal: ACCEPTED, ACKNOWLEDGED or FAILED after
 *                 Result; not equal: QUEUED, to be sent again with the same correlator, while tries < POL_MAX_TRIES, else FAILED.
 *   ACCEPTED      OperationComplete with its correlator: 12xx -> ACKNOWLEDGED; 1445 -> CANCELLED; else FAILED.
 *                 Progress alert or Progress read: stays, with percent.
 *   ACKNOWLEDGED  the mirror proves it (plan.verified)     -> VERIFIED; the mirror contradicts it (plan.moves) -> FAILED
 *   QUEUED        expires_ms passed                        -> EXPIRED (plan.moves); not needed by the plan any more -> SUPERSEDED (plan.moves)
 *
 * After OperationComplete and after a final Status the caller again makes the nodes of pol_op_touches STALE, so that
 * the plan reads them. StateChange, Crash, ImageReady, PeripheralChange ... make the nodes that they report STALE. Only
 * the caller applies changes; the functions below decide:
 */
struct pol_verdict {
    enum pol_op_state state;
    int code;
    int percent;
    struct str why;
};
void pol_op_on_status(const struct ddf_layout *l, const struct pol_operation *op, int code, struct arena *a,
                      struct pol_verdict *out);
/**
 * The same for an Atomic or a Sequence, whose items have codes of their own (protocol.md 4.1): the text names the
 * command that failed, and reports the others.
 */
void pol_group_on_status(const struct ddf_layout *l, const struct pol_operation *op, int code, struct arena *a,
                         struct pol_verdict *out);
bool pol_is_group(const struct pol_operation *op);
/** Does the command change nothing on the device: get, and user interaction? */
bool pol_is_look(struct str command);
/** A Get with Status 2xx and no Results of the node: its value is unknown. */
void pol_op_on_no_value(int code, struct arena *a, struct pol_verdict *out);
/**
 * This authority wrote at `uri` after `op` was acknowledged: a read proves nothing about `op` any more.
 * @param by  operation; 0 = a policy
 * @return false when `op` did not write there, or is a group (the caller marks its items then)
 */
bool pol_op_on_change(const struct pol_operation *op, struct str uri, int64_t by, struct arena *a,
                      struct pol_verdict *out);
/** Does the command write at `uri`, or above or below it so that the node may change? */
bool pol_item_meets(struct str command, struct str at, struct str uri);
/** Busy or overloaded: the same command may be retried. */
bool pol_code_is_busy(int code);
/** @param text  the device's text with the result; may be empty */
void pol_op_on_complete(const struct ddf_layout *l, const struct pol_operation *op, int result, struct str text,
                        struct arena *a, struct pol_verdict *out);
/** A device's own text, shortened for display. */
struct str pol_device_text(struct str text);
/** "<why>: <text>"; `why` alone when it contains the text already, or the text is empty. */
struct str pol_with_text(struct str why, struct str text, struct arena *a);
/**
 * The same for an alert of any type that carries the operation's Correlator (DM Protocol, Generic Alert: it ties the
 * alert to the Exec). 2xx and the layout's success results: success; other numbers: failure; no number: unknown.
 * @param type  of the alert, for the text: result codes mean what that management object defines
 */
void pol_op_on_alert(const struct ddf_layout *l, const struct pol_operation *op, struct str type, struct str data,
                     struct arena *a, struct pol_verdict *out);
struct pol_progress {
    struct str correlator;
    int phase, percent, result;
    struct str text;
};
void pol_op_on_progress(const struct ddf_layout *l, const struct pol_operation *op, const struct pol_progress *p,
                        struct arena *a, struct pol_verdict *out);
/** Addresses (each with everything below it) that an operation may change. */
enum rc pol_op_touches(const struct ddf_layout *l, const struct pol_operation *op, struct arena *a, struct str **uris,
                       size_t *n);
/** Failure key of an operation of the plan: that of the step that carries it. */
struct str pol_op_key(const struct ddf_layout *l, const struct pol_operation *op, struct arena *a);
/** Failure key of writing a node: "set <uri>", for Add and for Replace. */
struct str pol_set_key(struct str uri, struct arena *a);
#endif
