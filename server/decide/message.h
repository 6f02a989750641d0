/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_MESSAGE_H
#define SERVER_DECIDE_MESSAGE_H
/* One message of an authenticated device that reports changes: its content updates mirror, operations and failures
 * (results.c, alerts.c), then the next steps are planned and the new state is stored (message.c, received.c). All reads
 * go through `facts`; changes are collected in `c`, which is applied at the end of the turn (server/dm/turn.h). `rc`
 * keeps the first failure. */
#include "server/decide/device_cache.h"
#include "base/world.h"
#include "server/decide/attributes.h"
#include "server/decide/facts.h"
#include "server/decide/session_work.h"

struct sample {
    struct str vm;
    struct buf json;
    struct sample *next;
}; /* KPI values of one VM; vm empty = the device's */

/* Settings that the decisions depend on, from the configuration. */
struct message_settings {
    const struct ddf_schema *schema; /* the shipped and configured descriptions */
    struct ddf_layout *const *layouts;
    size_t n_layouts;
    const uint8_t *secret_key; /* seals results that hold secrets */
    uint64_t max_object_bytes;
    int64_t alerts_per_hour, kpi_interval_s;
};

/* Counters for metrics and log. */
struct message_counts {
    unsigned alerts_refused, alerts_repeated, attributes_refused;
    bool tree_full; /* the device reported more nodes than the mirror keeps; once per session */
};

struct message_work {
    const struct dm_facts *facts;
    const struct message_settings *settings;
    struct attributes *attributes;
    struct dm_changes *c; /* the changes of the message */
    const struct world *w;
    struct arena *a;
    struct err *e;
    enum rc rc;
    struct session_work *s;
    struct str session_id;
    unsigned messages;  /* messages of the session, including this one */
    struct dm_device d; /* as loaded, then with the changes */
    struct message_counts counts;
    const struct ddf_layout *l;
    struct device_cache *r;          /* of the session */
    struct mirror *m;                /* its mirror */
    struct pol_facts f;              /* after message_plan */
    const struct ddf_schema *schema; /* see message_schema */
    struct pol_operation *ops;
    size_t n_ops; /* open ones; those that this message ends stay with their state */
    struct sample *samples;
    struct reported *told; /* VMs whose Progress/Text arrived with this message */
    struct buf json;
    bool root_unlisted; /* "?list=" was refused in this message */
    bool over;          /* the session ends with this message */
};

/** What the facts of a plan have of the device's row; the rest is zero. @param owner  of the authority as devices write it */
void message_facts(struct pol_facts *f, const struct dm_device *d, const struct ddf_schema *schema, int owner,
                   int64_t now_ms);
/** Load what there is. `d` is in place already. */
void message_begin(struct message_work *v);
void message_finish(struct message_work *v); /* frees memory only */
/** Package 1: device information, notification, state token. */
void message_first(struct message_work *v, const struct sml_news *news);
void message_outcomes(struct message_work *v, const struct sml_outcome *outcomes, bool package_end);
/** Process alerts. A repeated alert whose answer was lost changes nothing. */
void message_alerts(struct message_work *v, const struct sml_news *news);
/** Careful sending: limit the plan's steps in this message. */
void message_few(struct message_work *v, struct pol_plan *plan);
/** The session ends before all of `f` is answered: the next one sends carefully. */
void message_cut_short(struct message_work *v, struct inflight *f);
/** Plan the next steps. Steps that need an operation of their own get a Correlator. */
void message_plan(struct message_work *v, struct pol_plan *plan, struct pol_desired *desired);
/** Mark the operations of the n_sent steps in this reply, and remember the steps in the session. */
void message_sent(struct message_work *v, const struct pol_plan *plan, size_t n_sent, uint64_t first_tag);
/** Update the rows of VMs, assignments and the device after planning; plan NULL: only the reported state. */
void message_keep(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *desired);
/** The session has work: add its row to the history. */
void message_session_row(struct message_work *v);

/* Values that policies set, and VMs that they place (defaults.c). message_load_back: f->policies must be loaded. */
void message_load_back(struct message_work *v);
void message_keep_back(struct message_work *v, const struct pol_desired *d);
/** Record a step, with its children, before it is sent. */
void message_set(struct message_work *v, const struct pol_step *s);
void message_set_lock(struct message_work *v, const struct pol_operation *op);
/** A user wrote the node: no policy restores its default. */
void message_disown(struct message_work *v, struct str uri);

/* Where the device has its objects (objects.c). */
/** The node at `uri` is the root of the management object of this type. */
void message_object(struct message_work *v, struct str uri, struct str type);
/** The state token's Source is the object's root. */
void message_token_source(struct message_work *v, const struct sml_alert_in *alerts);
/** What was known to be there is not: its folder is looked at again, up to the object's root, which may lie elsewhere now. */
void message_node_gone(struct message_work *v, struct str uri);
/** Of a device with roots of its own the facts are kept as attributes: the view `attribute` knows the layouts' alone. */
void message_fact(struct message_work *v, const struct ddf_match *m, struct str value);
/** Its root was read as a whole: facts that are no longer there go. */
void message_facts_gone(struct message_work *v);
/** What policies set below `from` stands below `to`. */
void message_sets_move(struct message_work *v, struct str from, struct str to);

/* Shared by the files above. */
/** Remember the first error; it is checked between the stages, each of which runs to its end. */
void message_error(struct message_work *v, enum rc rc);
void message_nomem(struct message_work *v);
/** Canonical address; false for an invalid one, which is ignored. */
bool message_uri(struct message_work *v, struct str text, struct str *out);
struct pol_operation *message_operation(struct message_work *v, int64_t id);
void message_move(struct message_work *v, struct pol_operation *op, const struct pol_verdict *to);
/** Correct the state of an ended operation to `to`. */
void message_correct(struct message_work *v, struct pol_operation *op, const struct pol_verdict *to);
void message_touches(struct message_work *v, const struct pol_operation *op);
/** "this device accepts 400 octets, the shortest message has 523" */
struct str message_too_large(struct message_work *v, size_t limit, size_t shortest);
/** The session cannot continue within the device's message size: waiting operations fail. */
void message_unfit(struct message_work *v, size_t limit, size_t shortest);
/** The device reported a text for the VM's operation: a failed operation takes it as its reason. */
void message_explain(struct message_work *v, struct str vm);
/* For an operation with several commands (command_results.c): `i` counts from 0; value NULL = the value that arrived
 * before the Status. */
void message_item_code(struct message_work *v, struct pol_operation *op, size_t i, int code);
void message_item_result(struct message_work *v, const struct pol_operation *op, size_t i, struct str json);
void message_item_seen(struct message_work *v, struct pol_operation *op, struct str uri, int code,
                       const struct str *value);
/** The server wrote at `uri` afterwards. @param by  operation; 0 = a policy */
void message_item_changed(struct message_work *v, struct pol_operation *op, struct str uri, int64_t by);
void message_items_sent(struct message_work *v, struct pol_operation *op, const struct pol_step *s);
/** For "acl": the status of writing the list. */
void message_acl_code(struct message_work *v, struct pol_operation *op, int code);
void message_failed(struct message_work *v, struct str key, int code, struct str why);
void message_forget(struct message_work *v, struct str key);
void message_attribute(struct message_work *v, struct str name, struct str value);
void message_attribute_gone(struct message_work *v, struct str name);
/** The description of this device's tree, selected at its first use in a message. Never NULL. */
const struct ddf_schema *message_schema(struct message_work *v);
/** The device information changed: another description may apply. */
void message_schema_changes(struct message_work *v);
/* Events: message_json starts an object, fields follow, message_event writes the row. */
void message_json(struct message_work *v);
void message_json_s(struct message_work *v, const char *key, struct str value);
void message_json_i(struct message_work *v, const char *key, int64_t value);
void message_json_b(struct message_work *v, const char *key, bool value);
void message_json_raw(struct message_work *v, const char *key, struct str json);
void message_event(struct message_work *v, const char *type);
#endif
