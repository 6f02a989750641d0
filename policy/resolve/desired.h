/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_DESIRED_H
#define POLICY_RESOLVE_DESIRED_H
/* What all policies that hold for a device add up to, with the reason for every value (architecture.md 7.2). */
#include "base/crypto.h"
#include "policy/document/document.h"

struct pol_image { /* an image of our store */
    struct str name, version, guest_type, arch, format, sha256, url;
    uint64_t size_bytes;
    struct str id; /* ImageID and node name on devices: derived from name and hash, <= 16 characters */
};

/* A person's operation that stands against the policy: somebody locked or stopped the VM by hand after the policy's
 * present revision was applied. It holds for as long as the VM is where it was brought to, until a newer revision or
 * a contrary operation, so that an emergency lock is not undone by the next plan. The shell gives the last verified
 * operation of a person for each VM that leads to a lock state, and the last that leads to a state. */
struct pol_hold {
    struct str vm, kind;
    int64_t operation, at_ms;
    struct str by;
};

/* What a policy of this authority wrote at an address of the device's tree, and nobody else since: it goes back when no
 * policy says it any more. */
struct pol_set {
    struct str uri, value; /* a leaf's, as it was written last */
    struct str earlier;    /* and before that, in case the device did not take the last one; */
    bool has_earlier;
    bool row; /* an instance's own node that was added (an interface, a threshold) */
};

/* A VM that a policy has, or had, on this device. */
struct pol_charge {
    int64_t policy;
    struct str vm;
    bool goal;       /* the policy gives it a state */
    int64_t left_ms; /* when it was first seen that the policy no longer holds here; 0 = it holds */
    /* Of a policy that is not among the facts' policies: it was deleted, and what its last revision says; or it is in
     * force and cannot be read, and nothing is concluded from that. */
    bool unreadable;
    struct str name;
    enum pol_leave leave;
};

/* Everything the decision may look at. All lists sorted as said; nothing else is read. */
struct pol_mirror_node;
struct pol_operation;
struct pol_failure;
struct pol_wish;
struct pol_facts {
    const struct ddf_layout *layout;
    const struct ddf_schema *schema;
    struct str device, authority, server_id;
    int owner; /* of the authority as devices write it (authority.owner); 0 = leave the device's default */
    const struct pol_attribute *attrs;
    size_t n_attrs;
    /* candidates (any order); those whose selector says no are left out by resolve */
    const struct pol_policy *policies;
    const struct pol_image *images;
    size_t n_images;
    const struct pol_mirror_node *mirror;
    size_t n_mirror;  /* sorted by uri */
    bool mirror_read; /* the whole of root and images has been read at least once */
    const struct str *also_read;
    size_t n_also_read;        /* other objects to be read on first contact ("./DevDetail") */
    struct str reported_token; /* of this session; empty = the device does not send one */
    bool
        mirror_matches_token; /* the shell compared ddf_state_token over the mirror with it; true also once this session has
                                     * changed something on the device (the token is then an old one) */
    const struct pol_operation *operations;
    size_t n_operations; /* unfinished ones of this device, oldest first */
    const struct pol_failure *failures;
    size_t n_failures; /* steps set aside */
    const struct pol_wish *wishes;
    size_t n_wishes; /* those of the plan before; none: whatever failed still holds */
    const struct pol_hold *holds;
    size_t n_holds;
    const struct pol_set *sets;
    size_t n_sets;
    const struct pol_charge *charges;
    size_t n_charges;
    int64_t now_ms, session_ms; /* session_ms: when this session began (0: preview) */
    bool list_unsupported;      /* the device answered 406 or 404 to ?list= */
    int64_t kpi_due_before_ms;  /* samples older than this are read again; 0 = do not read KPIs in this session */
};

/* A value may lose against another policy's. */
struct pol_loser {
    struct str policy;
    struct str word;
    const char *rule;
    struct pol_loser *next;
};
struct pol_value {
    const struct pol_setting *setting; /* the winner's */
    struct str wire;                   /* final text of the node */
    const struct pol_policy *policy;
    /* "only policy", "same value", "higher priority", "safer value", "newer revision", "older policy" */
    const char *rule;
    struct str described; /* "safer value", "newer revision": the description that says so; else empty */
    bool unsupported;     /* the device says that it has no effect there: it is not sent, and a wait says so */
    struct pol_loser *losers;
};

/* Something that policies of this authority set and none says any more. */
struct pol_back {
    const struct ddf_entry *entry; /* a setting, or an instance's node, which is removed */
    struct str instance, uri, name;
    struct str word, wire; /* the default that it goes back to */
    struct str stays;      /* why it is left as it is; empty = it goes back */
};

struct pol_vm {
    struct str name;
    bool spoken; /* a policy that holds, or may hold, speaks of it */
    struct pol_back *back;
    size_t n_back;
    /* No policy that may hold gives it a state, and this one gave it to the device: its onLeave is the goal or the lock
     * below. NULL = none. */
    const struct pol_policy *left;
    enum pol_leave leave;
    int64_t left_ms;
    const struct ddf_goal *goal;
    const struct pol_policy *goal_policy; /* NULL = not managed */
    bool has_locked, locked;
    const struct pol_policy *locked_policy;
    const struct pol_image *image; /* NULL: none wanted, or `problem` */
    struct pol_value *values;
    size_t n_values;                     /* sorted by setting name */
    const struct pol_value *image_value; /* where `image` comes from, NULL when none is wanted */
    const struct pol_window *window;
    const struct pol_policy *window_policy; /* when an upgrade may happen; NULL = any time */
    /* Why this VM is neither made, started nor changed ("image corp-android:4.2.0 is not in the store", "9 virtual CPUs,
     * and the device has 2"), or empty; and the result code that a device would give for it, 0 = none. */
    struct str problem;
    int problem_code;
};

struct pol_desired {
    struct pol_vm *vms;
    size_t n_vms; /* sorted by name */
    struct pol_value *device_values;
    size_t n_device_values; /* device scope: kpi interval */
    struct pol_back *device_back;
    size_t n_device_back;
    /* What the shell keeps in place of the facts' charges; and which of the facts' sets (their uris) are over. */
    struct pol_charge *charges;
    size_t n_charges;
    struct str *over;
    size_t n_over;
    struct {
        const struct pol_policy *policy;
        struct str why;
    } * unknown;
    size_t n_unknown; /* selectors that cannot be decided yet */
    struct str *warnings;
    size_t n_warnings;
    char hash[SHA256_HEX_BYTES]; /* over VMs, goals and values: same hash, same plan for the same mirror */
};

/**
 * Pure. A policy whose selector is unknown keeps what the device already has of its VM: where it would win, nothing is
 * wished for by anybody, so nothing is changed or removed on its account. Rules, in this order: policies of this
 * authority only; higher priority; what the description of the very node hints at: the safe side (for `locked`: locked),
 * or the newer revision; the older policy, with a warning. Values that policies set and none says any
 * more go back to their defaults (the description's, else the layout's), unless somebody else has written there since. A policy that no
 * longer holds leaves its VM as its onLeave says, once no policy that may hold gives the VM a state; by default it stays, unmanaged. Only
 * `state: absent` of a policy that holds and `onLeave: remove` remove a VM. A policy that cannot be read takes nothing back.
 */
enum rc pol_resolve(const struct pol_facts *f, struct arena *a, struct pol_desired *out, struct err *e);
/** For people and REST: effective values with winners, losers and rules, as JSON. */
enum rc pol_desired_json(const struct pol_desired *d, const struct pol_facts *f, struct buf *out);
#endif
