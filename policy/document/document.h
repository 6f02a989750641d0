/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_DOCUMENT_H
#define POLICY_DOCUMENT_DOCUMENT_H
/* A VmPolicy document (architecture.md 7.1): parsed, validated against the layout, flattened to settings. */
#include "base/doc.h"
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "policy/selector/selector.h"
#include "policy/document/window.h"

enum { POL_NAME_BYTES = 64, POL_VM_NAME_BYTES = 16, POL_SETTINGS = 500, POL_ERRORS = 100 };

/* What happens to a policy's VM on a device that the policy no longer applies to, or when the policy is deleted:
 * spec.vm.onLeave. The order is that of the words, and of strength. */
enum pol_leave { POL_LEAVE_KEEP, POL_LEAVE_STOP, POL_LEAVE_LOCK, POL_LEAVE_REMOVE, POL_LEAVE_COUNT };
/** "keep" ... */
const char *pol_leave_word(enum pol_leave x);
bool pol_leave_of(struct str word, enum pol_leave *out);

/* One desired value: resources.cpu.vcpus = 2. */
struct pol_setting {
    const struct ddf_entry *entry;
    struct str name; /* with its instance: "resources.storage.userdata.quota" */
    /* "userdata", or empty. entry->scope is DDF_VM, or DDF_DEVICE for a setting of the whole device */
    struct str instance;
    struct str word,
        wire; /* as written; as the node will hold it (DDF_K_IMAGE: the word, until resolution finds the image) */
    unsigned line, column;
};

struct pol_policy {
    struct str name, authority; /* metadata */
    int64_t priority;           /* higher wins; default 0 */
    struct str selector_text;
    struct pol_selector *selector; /* never NULL: a document without a selector is an error */
    struct str vm;                 /* node name of the VM, <= 16 of [A-Za-z0-9_-] */
    struct str goal;               /* "running", "stopped", "suspended", "absent"; empty = the state is not managed */
    bool has_locked, locked;
    enum pol_leave leave;
    struct pol_setting *settings; /* sorted by name */
    size_t n_settings;
    bool has_window;
    struct pol_window window; /* upgrade.window: when an upgrade is allowed; the plan computes the times */
    /* Of a stored document (pol_policy_load): the fields that are refused today, with the reason. Empty = none */
    struct str attention;
    struct str text; /* the document itself, for recordings; borrowed, empty when nobody keeps it */
    /* From the store, not from the document. */
    int64_t id, revision, created_ms, revised_ms; /* creation times of its first revision and of this one */
    bool deleted;                                 /* in a preview: treat it as deleted */
    struct pol_policy *next;
};

/**
 * Parse and validate one document. All errors are collected: `e` holds the first, `errors` (may be NULL) gets one line
 * for each, "file:line:column: /spec/vm/state: ..." with the allowed words. Unknown fields, wrong types and values that
 * the DDF does not allow are errors. `apiVersion: dmvisor/v1`, `kind: VmPolicy`.
 *
 * Settings are found in the layout by their names, so a layout with more entries accepts more fields without a change
 * here. A list of maps (kpi.thresholds) names its instances by the field `name`, else after the item's first text.
 *
 * @param s  checks values; may be NULL (only the layout's kinds are checked then)
 * @return RC_PARSE, RC_INVALID, RC_LIMIT, RC_NOMEM
 */
enum rc pol_policy_parse(struct str text, const char *name, const struct ddf_layout *l, const struct ddf_schema *s,
                         struct arena *a, struct pol_policy **out, struct buf *errors, struct err *e);
/**
 * Load a document that was stored when other fields were valid. A field that is refused today is ignored and listed in
 * `attention`, one line for each ("/spec/rollout: rollouts are not supported yet ..."); the other fields apply.
 * @return RC_INVALID, RC_PARSE only when its devices or its VM cannot be determined
 */
enum rc pol_policy_load(struct str text, const char *name, const struct ddf_layout *l, const struct ddf_schema *s,
                        struct arena *a, struct pol_policy **out, struct err *e);
/** The document's canonical JSON (map keys sorted): two texts with the same meaning are one revision. */
enum rc pol_policy_canonical(struct str text, const char *name, struct arena *a, struct buf *out, struct err *e);
#endif
