/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_FACTS_H
#define POLICY_RESOLVE_FACTS_H
/* The known facts of a device: mirrored nodes, operations, failures and desired states; and the questions about them
 * that plans, defaults and displays share. */
#include "policy/resolve/desired.h"

/* A node of the device's tree in the mirror. Interior nodes have the format "node"; their value is the child list
 * when the device reported one ("A/B/C"), else empty. at_ms is when the node was last reported or acknowledged; it
 * advances also when the value stays the same, so that the plan sees what it has read already. */
enum pol_known {
    POL_REPORTED,     /* reported by the device: verified */
    POL_ACKNOWLEDGED, /* written and answered with 200: must be read back */
    POL_STALE         /* outdated by a later event: must be read again before it is used */
};
struct pol_mirror_node {
    struct str uri, format, value;
    enum pol_known known;
    int64_t at_ms;
};

/* Operations: requested by a user or API client (origin "request"), or by the plan itself ("policy"). */
/* clang-format off */
#define POL_OP_STATES(X)                                                                \
    X(QUEUED, "queued") X(NOTIFIED, "notified") X(SENT, "sent") X(ACCEPTED, "accepted") \
    X(ACKNOWLEDGED, "acknowledged") X(VERIFIED, "verified") X(FAILED, "failed")         \
    X(CANCELLED, "cancelled") X(SUPERSEDED, "superseded") X(EXPIRED, "expired")         \
    X(UNKNOWN, "unknown") /* it was sent, its answer was lost, and its effect cannot be determined */
/* clang-format on */
enum pol_op_state {
#define X(id, name) POL_OP_##id,
    POL_OP_STATES(X)
#undef X
        POL_OP_STATE_COUNT
};
static inline bool pol_op_finished(enum pol_op_state s)
{
    return s >= POL_OP_VERIFIED;
}

/* A command of an Atomic or a Sequence; for "acl" the steps so far: each ACL that was read, and the one written. */
struct pol_item {
    struct str command, uri, format, type, data;
    bool secret;        /* only the device keeps the value: what it reports is not compared */
    bool has_data;      /* the request had data, possibly empty */
    int code;           /* last Status; 0 = none arrived */
    int seen_code;      /* status of a later read, */
    struct str seen;    /* the value it returned, */
    int64_t seen_ms;    /* and its time; 0 = not read since the command was sent */
    bool no_value;      /* a Get: the last Status is 2xx, and no Results of its node arrived */
    bool unanswered;    /* a Get or a user interaction: the last answer had neither Status nor Results of it */
    bool changed;       /* this authority wrote there afterwards, */
    int64_t changed_by; /* by this operation; 0 = by a policy */
};

struct pol_operation {
    int64_t id;
    bool by_policy;
    enum pol_op_state state;
    struct str kind; /* layout operation name ("lock", "provision"), or "tree" for a generic tree command */
    enum ddf_scope scope;
    struct str owner;      /* VM or image node name */
    struct str args;       /* "start=1;paused=0" */
    struct str correlator; /* on the wire; unique for the device */
    struct str tree_command, tree_uri, tree_format, tree_type,
        tree_data; /* kind "tree": get, add, replace, delete, exec, copy; display ... choices; atomic, sequence; acl */
    bool secret;   /* as for an item */
    bool has_data; /* the request had data, possibly empty */
    struct pol_item *items;
    size_t n_items;                    /* atomic, sequence, acl */
    int tries;                         /* number of times it was sent */
    int64_t not_before_ms, expires_ms; /* 0 = none */
    int64_t created_ms, updated_ms;    /* time of the request; time of the last change of state */
};

/* A step that failed: not tried again until `retry_ms` (0 = not until the desired state changes). */
struct pol_failure {
    struct str key;
    int code;
    int tries;
    int64_t retry_ms, at_ms; /* at_ms: time of the last failure */
};

/* The last desired state of a VM or an image (by its address), or of the device as a whole (""). */
struct pol_wish {
    struct str uri, hash; /* equal hashes mean equal desired states: values, image and revisions of their policies */
    int64_t since_ms;
};

/**
 * Does the reported value differ from the acknowledged one? The format decides which texts are equal (true and 1, 07
 * and 7).
 */
bool pol_read_back_differs(const struct pol_mirror_node *before, struct str reported);
/** Index of the first node of the mirror whose address is not before `uri`. */
size_t pol_facts_from(const struct pol_facts *f, struct str uri);
/** NULL when the mirror does not have it. */
const struct pol_mirror_node *pol_facts_node(const struct pol_facts *f, struct str uri);
/** Does this operation lead a VM to the lock state, or to the state, `now`? */
bool pol_facts_leads_to(const struct ddf_operation *o, bool lock, int now);
/**
 * An operator's operation that brought the VM to where it is now (`now`: its lock state or its state), and that
 * overrides the older policy; NULL = none.
 */
const struct pol_hold *pol_facts_hold(const struct pol_facts *f, struct str vm, bool lock,
                                      const struct pol_policy *policy, int now);
#endif
