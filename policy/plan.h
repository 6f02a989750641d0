#ifndef POLICY_PLAN_H
#define POLICY_PLAN_H
/* The ordered DM commands that take the mirror to the desired state (design.md 6 and 7). Computed anew for every message from the mirror,
 * so that losing a session costs nothing. */
#include "policy/desired.h"

/* A node of the device's tree as we know it. */
enum pol_known {
    POL_REPORTED,                   /* the device said so: verified */
    POL_ACKNOWLEDGED,               /* we wrote it and the device said 200: to be read back */
    POL_STALE                       /* something happened since: to be read again before it is believed */
};
struct pol_mirror_node { struct str uri, format, value; enum pol_known known; int64_t at_ms; };

/* Operations: asked for by a person or API client (origin "request"), or by the plan itself ("policy"). */
#define POL_OP_STATES(X)                                                                \
    X(QUEUED, "queued") X(NOTIFIED, "notified") X(SENT, "sent") X(ACCEPTED, "accepted") \
    X(ACKNOWLEDGED, "acknowledged") X(VERIFIED, "verified") X(FAILED, "failed")         \
    X(CANCELLED, "cancelled") X(SUPERSEDED, "superseded") X(EXPIRED, "expired")
enum pol_op_state {
#define X(id, name) POL_OP_##id,
    POL_OP_STATES(X)
#undef X
    POL_OP_STATE_COUNT
};
const char *pol_op_state_name(enum pol_op_state s);
bool pol_op_state_of(struct str name, enum pol_op_state *out);
static inline bool pol_op_finished(enum pol_op_state s) { return s >= POL_OP_VERIFIED; }

struct pol_operation {
    int64_t id;
    bool by_policy;
    enum pol_op_state state;
    struct str kind;                /* layout operation name ("lock", "provision"), or "tree" for a generic tree command */
    enum ddf_scope scope; struct str owner;     /* VM or image node name */
    struct str args;                /* "start=1;paused=0" */
    struct str correlator;          /* on the wire; unique for the device */
    struct str tree_command, tree_uri, tree_format, tree_data;     /* kind "tree": get, add, replace, delete, exec */
    int tries;                      /* times sent */
    int64_t not_before_ms, expires_ms;          /* 0 = none */
};

/* A step that failed before: not tried again until `retry_ms` (0 = not until the policy or the device changes). */
struct pol_failure { struct str key; int code; int tries; int64_t retry_ms; };
enum { POL_MAX_TRIES = 3 };

enum pol_verb { POL_GET, POL_ADD, POL_REPLACE, POL_DELETE, POL_EXEC, POL_ATOMIC };
enum pol_purpose {
    POL_FOR_DISCOVER,               /* learn what is there */
    POL_FOR_CHANGE,                 /* make it as desired */
    POL_FOR_VERIFY,                 /* read back what was acknowledged */
    POL_FOR_OPERATION,              /* carry out an operation */
    POL_FOR_INQUIRY,                /* ask after an operation whose answer was lost */
    POL_FOR_KPI
};

struct pol_step {
    enum pol_verb verb;
    enum pol_purpose purpose;
    struct str uri;                 /* with "?list=StructData" where wanted */
    struct str format, type, data; bool has_data;
    struct str correlator;          /* of Exec; for plan-made operations invented from `op_kind`, owner and the facts (deterministic) */
    struct str why;                 /* for people: "resources.cpu.vcpus 1 -> 2 (policy corporate-workspace)" */
    struct str key;                 /* stable name of this step for pol_failure: verb and uri */
    int64_t operation;              /* id of the operation it carries out, 0 = none yet (plan-made: the shell creates one before sending) */
    struct str op_kind, op_owner, op_args; enum ddf_scope op_scope;     /* for plan-made operations */
    struct pol_step *children;      /* POL_ATOMIC */
    struct pol_step *next;
};

/* Why nothing more is done now. */
struct pol_wait { struct str vm; struct str state; struct str why; int code; int64_t until_ms; struct pol_wait *next; };

struct pol_plan {
    struct pol_step *steps; size_t n_steps;         /* those that may be sent now, in order; each depends only on earlier ones' success */
    struct pol_wait *waits; size_t n_waits;
    bool settled;                   /* no steps, no waits: device and desired state agree and everything is verified */
    /* Operations whose end the mirror proves (lock asked for and LockState reported so): the shell moves them to verified. */
    int64_t *verified; size_t n_verified;
    struct { int64_t id; enum pol_op_state state; int code; struct str why; } *moves; size_t n_moves;   /* expired, superseded, failed ... */
};

/**
 * Pure: same facts, same plan; preview and enforcement both call it.
 * Order: discover what is unknown; inquiries; operations of people; for each VM: image (Add ./images entry, Download), VM node and its
 * leaves in one Atomic, provision, changes grouped per VM in Atomic, what needs a stop in between, goal route; verification reads; KPIs.
 * Nothing is re-sent that the mirror already has. Every step is checked with ddf_check before it enters the plan (a refused one becomes
 * a wait that says why). At most one unfinished operation for each VM.
 */
enum rc pol_make_plan(const struct pol_facts *f, const struct pol_desired *d, struct arena *a, struct pol_plan *out, struct err *e);
/** The steps as a person reads them, one line each with why; waits after them. */
void pol_plan_print(const struct pol_plan *p, struct buf *out);
#endif
