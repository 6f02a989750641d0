/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_LAYOUT_LAYOUT_H
#define DDF_LAYOUT_LAYOUT_H
/* Where each setting, state, operation and KPI of a VM is in one management object, and how a policy's words become
 * node values, so that no C code spells a node name. One YAML file for each management object in ddf/layout/;
 * x-virmo-1.0.yaml describes the form. */
#include "base/arena.h"
#include "base/rc.h"
#include "ddf/layout/role.h"

/* The node that an entry's path is relative to. */
enum ddf_scope {
    DDF_DEVICE, /* the root of the virtualization object: hypervisor facts, device-wide settings and operations */
    DDF_VM,     /* one VM's node */
    DDF_IMAGE,  /* one image's node in the image object */
    DDF_SCOPE_COUNT
};

/* How a policy's words become a node's text. */
enum ddf_kind {
    DDF_K_TEXT,    /* unchanged */
    DDF_K_INT,     /* decimal */
    DDF_K_BOOL,    /* true, false */
    DDF_K_ENUM,    /* one of words[]: wire[] */
    DDF_K_KIB,     /* "512Mi" -> KiB */
    DDF_K_KBPS,    /* "10M" (bits a second) -> kbit/s */
    DDF_K_SECONDS, /* "10m" -> seconds */
    DDF_K_PERCENT, /* "150%" or "150" -> 150 */
    DDF_K_TIME,    /* "2031-01-31T12:00:00Z" -> "20310131T120000Z" */
    DDF_K_LIST,    /* list of texts ("a, b") -> comma separated, no blanks */
    DDF_K_IMAGE,   /* "name:version" -> ImageID of the server's image store; ddf_entry_to_wire leaves the word
                    * unchanged */
    DDF_K_NONE,    /* fact that policy never writes */
    DDF_KIND_COUNT
};

/* When a change is allowed and takes effect. */
enum ddf_change {
    DDF_C_NEVER,   /* read only for policy */
    DDF_C_LIVE,    /* at once in any state */
    DDF_C_APPLY,   /* at once when the hypervisor can, else at the apply operation or the next start */
    DDF_C_STOPPED, /* only while stopped or defined */
    DDF_C_DEFINED, /* only before it is provisioned */
    DDF_C_UPGRADE, /* before provisioning by writing; afterwards through the upgrade operation */
    DDF_CHANGE_COUNT
};

struct ddf_word {
    struct str word, wire;
};

struct ddf_entry {
    enum ddf_scope scope;
    struct str role;   /* the role that the file gives it; empty: that of its name */
    struct str name;   /* the policy's word: "resources.cpu.vcpus", "kpi.cpu.usagePct", "state"; '*' = an instance's
                        * name. Interior nodes end in ".node": "kpi.node", "resources.storage.*.node" */
    struct str path;   /* relative to the scope's node: "Resources/CPU/VCPUs"; '*' = the instance's node name */
    struct str format; /* DDF format of the leaf: "int", "chr", ...; "node" for instances; "null" for Exec */
    enum ddf_kind kind;
    enum ddf_change change;
    struct ddf_word *words; /* DDF_K_ENUM, and facts whose values have names ("state") */
    size_t n_words;
    /* Words that play a role under another name: word = the role's name, wire = one of words[]. */
    struct ddf_word *word_roles;
    size_t n_word_roles;
    bool instance; /* has a '*': "resources.storage.*.quota" */
    /* Leaves that are written with a new instance: "peripherals.*" writes Periph/<x>/ID = "class:<x>" first. Every
     * entry of the instance has them. */
    struct ddf_word *with;
    size_t n_with; /* word = path relative to the instance's node, wire = value, '*' = instance name */
    bool kpi;      /* belongs to samples. Its name begins with "kpi.", as do settings ("kpi.interval") that are not
                    * samples */
    bool counter;  /* a KPI that only grows (until a restart) */
    /* Values from the safest to the least safe, where their numbers do not give that order; they override the
     * description's hint. */
    struct str *safest;
    size_t n_safest;
    /* A safety setting: a VM for which the device cannot fulfil it is neither created nor started. */
    bool fail_closed;
    bool only_grows; /* it holds data: a device refuses a value smaller than the current one */
    /* A setting's text when no policy sets it, where the description has no default. Of an instance's node: when it
     * may be removed with everything below it; DDF_C_NEVER = it holds data, an operator must decide. */
    bool has_default;
    struct str default_wire;
    enum ddf_change remove;
    struct str unit, label;       /* for display: "%", "KiB", "Memory used" */
    const struct ddf_entry *node; /* the instance's own node ("resources.storage.*.node"); NULL when there is no '*' */
};

/* An argument of an operation: "k=v" on the wire. */
struct ddf_arg {
    struct str name;
    struct str role;  /* as for an entry */
    struct str type;  /* "bool" 0 or 1, "int", "text", or the words, "listed|user|all" */
    struct str label; /* for display; the name when the layout has none */
    struct str
        default_to; /* the value that console and command line send unless the user chooses another; empty = not sent */
};

/* Exec targets of the device, of a VM and of an image; and "delete-node", which is not an Exec but a DM Delete of
 * the VM's or image's own node. */
struct ddf_operation {
    enum ddf_scope scope;
    enum ddf_operation_role plays;
    struct str role;       /* as for an entry */
    struct str name, path; /* "lock", "Operations/Lock" */
    struct str label;      /* "Lock" */
    struct str help;       /* one line that says what it does */
    struct str confirm;    /* shown before the operation, for confirmation; empty: no confirmation */
    bool primary;          /* shown as a button, not in a menu */
    bool interrupts;       /* ends the running operation, so there must be one */
    int *from;
    size_t n_from; /* stable states it can start in; none = any */
    int to;        /* state it leads to, -1 = unchanged */
    int lock_to;   /* LockState it leads to, -1 = unchanged */
    bool while_locked;
    bool destructive;     /* it loses data or service: "confirm" is never empty */
    struct ddf_arg *args; /* those it takes: "k=v;k=v" on the wire */
    size_t n_args;
    int *from_forced;
    size_t n_from_forced; /* stable states in which it needs the argument force=1 */
    /* Entries that it may change besides its owner's state and progress: read again after it. */
    const struct ddf_entry **touches;
    size_t n_touches;
    /* path is empty; ddf_layout_operation_uri gives the VM's or image's node: send Delete, not Exec */
    bool delete_node;
    bool removes;  /* it removes its owner: it deletes the node, or a goal that is "gone" uses it */
    bool instance; /* path has a '*' ("snapshots.restore"): use ddf_layout_instance_operation_uri */
};

/* A VM's condition in a state, whatever the state's name. */
enum ddf_health { DDF_H_NONE, DDF_H_OK, DDF_H_FAILED, DDF_HEALTH_COUNT };

struct ddf_state {
    int value;
    struct str name; /* 50, "running" */
    struct str role; /* as for an entry */
    bool stable;
    struct str label;
    enum ddf_health health;
};

/* The operation that leads from each stable state towards a goal: goal "running" from 30 by "start". Without a route
 * an operator must act (160 "failed"). The operation is always one of the VM's (ddf_layout_operation finds it);
 * check its delete_node. */
struct ddf_route {
    int from;
    struct str operation;
    struct str args;
};
struct ddf_goal {
    struct str name;
    int state;
    bool gone;
    struct ddf_route *routes;
    size_t n_routes;
};

/* A condition on two values of one VM, or on a value of a VM (or its image) and a fact of the device. */
enum ddf_relation {
    DDF_R_AT_MOST, /* left <= right */
    DDF_R_AT_LEAST,
    DDF_R_BELOW,  /* left < right */
    DDF_R_ONE_OF, /* left is one of right's comma separated words */
    DDF_R_EQUALS
};
struct ddf_rule {
    const struct ddf_entry *left;  /* a VM's setting, or an image's */
    const struct ddf_entry *right; /* a VM's setting, or a fact of the device; an unknown right side satisfies the
                                    * rule */
    enum ddf_relation relation;
    bool zero_is_none;            /* "0" on either side means no limit and satisfies the rule */
    struct str unless;            /* a left side that always satisfies the rule ("any"); empty = none */
    bool sum;                     /* left has instances, and the sum of all of the VM's is compared */
    const struct ddf_entry *when; /* the rule applies only when this setting (of the same instance) ... */
    struct str *when_wire;        /* ... has one of these texts; NULL: always */
    size_t n_when;
    int code; /* result code of a violation (1421 not enough CPU ...) */
};

struct ddf_code {
    int code;
    struct str text;
    int last;
    struct str id; /* of a state reason: "crashAction" */
};                 /* result codes, state reasons; a range has last > code */
struct ddf_alert {
    enum ddf_alert_kind kind;
    struct str name, type;
}; /* "operation_complete" -> "urn:..."; several types may share a name (aliases) */

struct ddf_layout {
    struct str mo, image_mo;      /* MO identifiers that this layout describes */
    struct str root, vms, images; /* "./Virtualization", "./Virtualization/VM", "./VMImages" */
    /* What was loaded, when this is one of its devices' with roots of their own (ddf_layout_at); NULL: this is it.
     * Entries, operations, rules are the same ones. */
    const struct ddf_layout *model;
    struct ddf_entry *entries;
    size_t n_entries;
    struct ddf_operation *operations;
    size_t n_operations;
    struct ddf_state *states;
    size_t n_states;
    struct ddf_goal *goals;
    size_t n_goals;
    struct ddf_code *results;
    size_t n_results;
    struct ddf_code *reasons;
    size_t n_reasons; /* StateReason */
    struct ddf_code *phases;
    size_t n_phases; /* Progress/Phase */
    struct ddf_alert *alerts;
    size_t n_alerts;
    struct ddf_rule *rules;
    size_t n_rules;
    int ok_first, ok_last; /* result codes that mean success */
    /* What plays each role; NULL: this management object does not have it. */
    const struct ddf_entry *entry[DDF_ROLE_COUNT];
    const struct ddf_operation *operation[DDF_OP_COUNT];
    const struct ddf_state *state[DDF_STATE_COUNT];
    const struct ddf_code *reason[DDF_REASON_COUNT];
    const struct ddf_word *word[DDF_WORD_COUNT];
    const struct ddf_arg *arg[DDF_ARG_COUNT];
    const struct ddf_goal *stopped, *absent; /* the goals that lead there; never NULL */
    const struct ddf_layout_index *index;    /* private to layout.c */
};
enum { DDF_LAYOUT_ENTRIES = 4096, DDF_LAYOUT_SEGMENTS = 16 };

/** Everything is in the arena. @return RC_PARSE, RC_INVALID with line and column of the entry */
enum rc ddf_layout_load(const char *file, struct arena *a, struct ddf_layout **out, struct err *e);
enum rc ddf_layout_parse(struct str text, const char *name, struct arena *a, struct ddf_layout **out, struct err *e);

/** The layout as its file says it. */
const struct ddf_layout *ddf_layout_model(const struct ddf_layout *l);
/**
 * The same objects elsewhere in a tree: a device has them where its maker put them. Only the addresses differ.
 *
 * @param root, images  canonical addresses; empty = where the model has it. They are borrowed
 * @param a             owns *out, which is the model itself where nothing differs
 * @return RC_INVALID when one is the tree's root, when both are the same or the images lie above the other, when one lies within
 *   where the model has one, or above; RC_NOMEM
 */
enum rc ddf_layout_at(const struct ddf_layout *l, struct str root, struct str images, struct arena *a,
                      const struct ddf_layout **out, struct err *e);

/**
 * By exact name ('*' literally in instance entries) or alias; NULL when there is none. Hashed, so suitable for hot
 * paths.
 */
const struct ddf_entry *ddf_layout_entry(const struct ddf_layout *l, enum ddf_scope scope, struct str name);
#define DDF_ENTRY(l, scope, lit) ddf_layout_entry((l), (scope), STR(lit))
/**
 * Resolve a name with an instance ("resources.storage.userdata.quota") to the entry "resources.storage.*.quota" and the
 * instance "userdata".
 */
const struct ddf_entry *ddf_layout_resolve(const struct ddf_layout *l, enum ddf_scope scope, struct str name,
                                           struct str *instance);
const struct ddf_operation *ddf_layout_operation(const struct ddf_layout *l, enum ddf_scope scope, struct str name);
const struct ddf_state *ddf_layout_state(const struct ddf_layout *l, int value);
const struct ddf_goal *ddf_layout_goal(const struct ddf_layout *l, struct str name);
/** Is `value` the number of the state with this role? */
bool ddf_layout_state_is(const struct ddf_layout *l, int value, enum ddf_state_role role);
/** Does it remove its owner? False for NULL. */
bool ddf_operation_removes(const struct ddf_operation *op);
/** Does it play this role? False for NULL. */
bool ddf_operation_is(const struct ddf_operation *op, enum ddf_operation_role role);
/** Is this result code a success (1200-1299)? */
bool ddf_layout_result_ok(const struct ddf_layout *l, int code);
struct str ddf_layout_result_text(const struct ddf_layout *l, int code); /* never empty */
struct str ddf_layout_reason_text(const struct ddf_layout *l, int code);
struct str ddf_layout_phase_text(const struct ddf_layout *l, int code);
/** DDF_ALERT_OPERATION_COMPLETE for "urn:oma:at:x-virmo:1.0:OperationComplete" or an alias; OTHER for an unknown type. */
enum ddf_alert_kind ddf_layout_alert(const struct ddf_layout *l, struct str type);
/** The alert's name, "operation_complete", for display and events; {0} for an unknown type. */
struct str ddf_layout_alert_name(const struct ddf_layout *l, struct str type);
struct str ddf_layout_alert_type(const struct ddf_layout *l, struct str name);

/** Full address: scope DEVICE: owner ignored; VM and IMAGE: owner = node name of the VM or image; instance for '*'
 * (else empty). {0} without room */
struct str ddf_layout_uri(const struct ddf_layout *l, const struct ddf_entry *en, struct str owner, struct str instance,
                          struct arena *a);
struct str ddf_layout_operation_uri(const struct ddf_layout *l, const struct ddf_operation *op, struct str owner,
                                    struct arena *a);
struct str ddf_layout_instance_operation_uri(const struct ddf_layout *l, const struct ddf_operation *op,
                                             struct str owner, struct str instance, struct arena *a);
/** The owner's own node: "./Virtualization/VM/corp"; for DDF_DEVICE the root. {0} without room */
struct str ddf_layout_owner_uri(const struct ddf_layout *l, enum ddf_scope scope, struct str owner, struct arena *a);

struct ddf_match {
    enum ddf_scope scope;
    struct str owner, instance;            /* borrowed from the uri; owner is empty for the images' root itself */
    const struct ddf_entry *entry;         /* NULL when the address is a scope's node itself, or not in the layout */
    const struct ddf_operation *operation; /* set when it is an Exec target */
};
/** Find the entry of a (canonical) address. @return false when it is outside root and images. Hashed, no allocation. */
bool ddf_layout_match(const struct ddf_layout *l, struct str uri, struct ddf_match *out);

/**
 * Convert a policy's word to the node's text, and back for display: to a word that to_wire accepts ("512Mi", "10m",
 * "running"), or to the text itself where there is no word. @return RC_INVALID with the allowed words
 */
enum rc ddf_entry_to_wire(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire,
                          struct err *e);
struct str ddf_entry_to_word(const struct ddf_entry *en, struct str wire, struct arena *a);
#endif
