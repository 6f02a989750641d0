/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_FACTS_H
#define POLICY_RESOLVE_FACTS_H
/* What is known of a device: its mirrored nodes, operations, failures and wishes; and the questions that plans, what goes back
 * and what is shown ask alike. */
#include "policy/resolve/desired.h"

/* A node of the device's tree as we know it. Interior nodes have the format "node"; their value is the child list
 * when the device gave one ("A/B/C"), else empty. at_ms is when it was last reported or acknowledged and moves on
 * although the value stays the same: the plan sees by it what it has read already. */
enum pol_known {
    POL_REPORTED,     /* the device said so: verified */
    POL_ACKNOWLEDGED, /* we wrote it and the device said 200: to be read back */
    POL_STALE         /* something happened since: to be read again before it is believed */
};
struct pol_mirror_node {
    struct str uri, format, value;
    enum pol_known known;
    int64_t at_ms;
};

/* Operations: asked for by a person or API client (origin "request"), or by the plan itself ("policy"). */
/* clang-format off */
#define POL_OP_STATES(X)                                                                \
    X(QUEUED, "queued") X(NOTIFIED, "notified") X(SENT, "sent") X(ACCEPTED, "accepted") \
    X(ACKNOWLEDGED, "acknowledged") X(VERIFIED, "verified") X(FAILED, "failed")         \
    X(CANCELLED, "cancelled") X(SUPERSEDED, "superseded") X(EXPIRED, "expired")         \
    X(UNKNOWN, "unknown") /* it went out, its answer was lost, nothing tells whether it was done */
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

/* A command of an Atomic or a Sequence; of "acl" what was done so far: each ACL that was read, and the one written. */
struct pol_item {
    struct str command, uri, format, type, data;
    bool secret;        /* nobody else keeps the value: what the device reports of it is not compared */
    bool has_data;      /* somebody gave data, be it empty */
    int code;           /* last Status; 0 = none came */
    int seen_code;      /* what a look afterwards was answered, */
    struct str seen;    /* the value it found, */
    int64_t seen_ms;    /* and when; 0 = not looked since it was sent */
    bool no_value;      /* a Get: the last Status is 2xx, and no Results of its node came */
    bool unanswered;    /* a Get or a question: the last answer had neither Status nor Results of it */
    bool changed;       /* somebody of ours wrote there afterwards, */
    int64_t changed_by; /* this operation; 0 = a policy */
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
    bool secret;   /* as of an item */
    bool has_data; /* somebody gave data, be it empty */
    struct pol_item *items;
    size_t n_items;                    /* atomic, sequence, acl */
    int tries;                         /* times sent */
    int64_t not_before_ms, expires_ms; /* 0 = none */
    int64_t created_ms, updated_ms;    /* when it was asked for; when it came into its state */
};

/* A step that failed before: not tried again until `retry_ms` (0 = not until the wish changes). */
struct pol_failure {
    struct str key;
    int code;
    int tries;
    int64_t retry_ms, at_ms; /* at_ms: the last time it failed */
};

/* What was last wished for a VM or an image (by its address), or for the device as a whole (""). */
struct pol_wish {
    struct str uri, hash; /* same hash, same wish: values, image and revisions of the policies they come from */
    int64_t since_ms;
};

/** Did the device report something else than what it acknowledged? Formats decide what is the same (true and 1, 07
 * and 7). */
bool pol_read_back_differs(const struct pol_mirror_node *before, struct str reported);
/** Place of the first node of the mirror whose address is not before `uri`. */
size_t pol_facts_from(const struct pol_facts *f, struct str uri);
/** NULL = the mirror does not have it. */
const struct pol_mirror_node *pol_facts_node(const struct pol_facts *f, struct str uri);
/** Does this operation lead a VM to the lock state, or to the state, `now`? */
bool pol_facts_leads_to(const struct ddf_operation *o, bool lock, int now);
/** A person's operation that brought the VM to where it is now (`now`: its lock state or its state), against the policy's
 * older wish; NULL = there is none. */
const struct pol_hold *pol_facts_hold(const struct pol_facts *f, struct str vm, bool lock,
                                      const struct pol_policy *policy, int now);
#endif
