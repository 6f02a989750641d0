/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_DESIRED_H
#define POLICY_RESOLVE_DESIRED_H
/* The effective values of all policies that apply to a device, with the reason for every value (architecture.md
 * 7.2). */
#include "base/crypto.h"
#include "policy/document/document.h"

struct pol_image { /* an image of the server's store */
    struct str name, version, guest_type, arch, format, sha256, url;
    uint64_t size_bytes;
    struct str id; /* ImageID and node name on devices: derived from name and hash, <= 16 characters */
};

/* An operator's operation that overrides the policy: a VM was locked or stopped by hand after the policy's current
 * revision was applied. It is in force as long as the VM is where it was brought to, until a newer revision or a
 * contrary operation, so that the next plan does not undo an emergency lock. The caller passes, for each VM, the
 * last verified operation of an operator that leads to a lock state, and the last that leads to a state. */
struct pol_hold {
    struct str vm, kind;
    int64_t operation, at_ms;
    struct str by;
};

/* A value that a policy of this authority wrote in the device's tree, and that nothing else has written since: it
 * returns to its default when no policy sets it any more. */
struct pol_set {
    struct str uri, value; /* of a leaf: the value written last */
    struct str earlier;    /* the value before that, in case the device did not accept the last one */
    bool has_earlier;
    bool row; /* an instance's own node that was added (an interface, a threshold) */
};

/* A VM that a policy manages, or managed, on this device. */
struct pol_charge {
    int64_t policy;
    struct str vm;
    bool goal;       /* the policy gives it a state */
    int64_t left_ms; /* when the policy was first seen not to apply here any more; 0 = it applies */
    /* For a policy that is not among the facts' policies. Either it was deleted, and the fields are those of its
     * last revision; or it is in force and cannot be read, and then nothing is concluded from it. */
    bool unreadable;
    struct str name;
    enum pol_leave leave;
};

/* Everything the decision may use. All lists are sorted as described; no other input is read. */
struct pol_mirror_node;
struct pol_operation;
struct pol_failure;
struct pol_wish;
struct pol_facts {
    const struct ddf_layout *layout;
    const struct ddf_schema *schema;
    struct str device, authority, server_id;
    int owner; /* owner number of the authority on devices (authority.owner); 0 = leave the device's default */
    const struct pol_attribute *attrs;
    size_t n_attrs;
    /* candidates (any order); resolve skips those whose selector does not match */
    const struct pol_policy *policies;
    const struct pol_image *images;
    size_t n_images;
    const struct pol_mirror_node *mirror;
    size_t n_mirror;  /* sorted by uri */
    bool mirror_read; /* all of root and images has been read at least once */
    bool searched;    /* this session has asked for the tree's structure, to find objects that lie elsewhere */
    const struct str *also_read;
    size_t n_also_read;        /* other objects to read on first contact ("./DevDetail") */
    struct str reported_token; /* of this session; empty = the device does not report one */
    bool mirror_matches_token; /* the caller compared it with ddf_state_token of the mirror; also true once this
                               * session has changed the device (the token is outdated then) */
    const struct pol_operation *operations;
    size_t n_operations; /* unfinished ones of this device, oldest first */
    const struct pol_failure *failures;
    size_t n_failures; /* failed steps */
    const struct pol_wish *wishes;
    size_t n_wishes; /* desired states of the previous plan; none: all failures still apply */
    const struct pol_hold *holds;
    size_t n_holds;
    const struct pol_set *sets;
    size_t n_sets;
    const struct pol_charge *charges;
    size_t n_charges;
    int64_t now_ms, session_ms; /* session_ms: when this session began (0: preview) */
    bool list_unsupported;      /* the device answered 406 or 404 to ?list= */
    int64_t kpi_due_before_ms;  /* samples older than this are read again; 0 = read no KPIs in this session */
};

/* A value that lost against another policy's. */
struct pol_loser {
    struct str policy;
    struct str word;
    const char *rule;
    struct pol_loser *next;
};
struct pol_value {
    const struct pol_setting *setting; /* the winner's */
    struct str wire;                   /* the node's final text */
    const struct pol_policy *policy;
    /* "only policy", "same value", "higher priority", "safer value", "newer revision", "older policy" */
    const char *rule;
    struct str described; /* "safer value", "newer revision": the description that decides; else empty */
    bool unsupported;     /* the device reports no support for the setting: it is not sent, and a wait says so */
    struct pol_loser *losers;
};

/* A value that policies of this authority set, and that no policy sets any more. */
struct pol_back {
    const struct ddf_entry *entry; /* a setting, or an instance's node, which is removed */
    struct str instance, uri, name;
    struct str word, wire; /* the default that it returns to */
    struct str stays;      /* why it keeps its value; empty = it returns to the default */
};

struct pol_vm {
    struct str name;
    bool spoken; /* a policy that applies, or may apply, manages it */
    struct pol_back *back;
    size_t n_back;
    /* No policy that may apply gives it a state, and this one managed it before: its onLeave is the goal or the lock
     * below. NULL = none. */
    const struct pol_policy *left;
    enum pol_leave leave;
    int64_t left_ms;
    const struct ddf_goal *goal;
    const struct pol_policy *goal_policy; /* NULL = not managed */
    bool has_locked, locked;
    const struct pol_policy *locked_policy;
    const struct pol_image *image; /* NULL: none desired, or `problem` */
    struct pol_value *values;
    size_t n_values;                     /* sorted by setting name */
    const struct pol_value *image_value; /* source of `image`, NULL when none is desired */
    const struct pol_window *window;
    const struct pol_policy *window_policy; /* when an upgrade is allowed; NULL = any time */
    /* Why this VM is neither created, started nor changed ("image corp-android:4.2.0 is not in the store", "9
     * virtual CPUs, and the device has 2"), or empty; and the result code that a device would give for it, 0 = none. */
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
    /* What the caller stores in place of the facts' charges; and which of the facts' sets (their uris) are finished. */
    struct pol_charge *charges;
    size_t n_charges;
    struct str *over;
    size_t n_over;
    struct {
        const struct pol_policy *policy;
        struct str why;
    } * unknown;
    size_t n_unknown; /* selectors that cannot be evaluated yet */
    struct str *warnings;
    size_t n_warnings;
    char hash[SHA256_HEX_BYTES]; /* over VMs, goals and values: the same hash gives the same plan for the same mirror */
};

/**
 * Pure. A policy whose selector is unknown keeps what the device already has of its VM: where it would win, no value is
 * set, so nothing is changed or removed because of it.
 *
 * Rules, in this order: policies of this authority only; higher priority; the hint in the node's description: the safe
 * side (for `locked`: locked), or the newer revision; the older policy, with a warning.
 *
 * Values that policies set and no policy sets any more return to their defaults (the description's, else the layout's),
 * unless they were written by others since. When a policy no longer applies, its onLeave decides about its VM, once no
 * policy that may apply gives the VM a state; by default the VM stays, unmanaged. Only `state: absent` of a policy that
 * applies and `onLeave: remove` remove a VM. A policy that cannot be read changes nothing back.
 */
enum rc pol_resolve(const struct pol_facts *f, struct arena *a, struct pol_desired *out, struct err *e);
/** The effective values with winners, losers and rules, as JSON for REST and display. */
enum rc pol_desired_json(const struct pol_desired *d, const struct pol_facts *f, struct buf *out);
#endif
