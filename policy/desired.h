/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DESIRED_H
#define POLICY_DESIRED_H
/* What all policies that hold for a device add up to, with the reason for every value (architecture.md 7.2). */
#include "base/crypto.h"
#include "policy/document.h"

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

struct pol_vm {
    struct str name;
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
 * or the newer revision; the older policy, with a warning. A policy that is deleted leaves its VM on the device unmanaged. Only `state: absent` of a policy that holds
 * removes a VM.
 */
enum rc pol_resolve(const struct pol_facts *f, struct arena *a, struct pol_desired *out, struct err *e);
/** For people and REST: effective values with winners, losers and rules, as JSON. */
enum rc pol_desired_json(const struct pol_desired *d, const struct pol_facts *f, struct buf *out);
#endif
