/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_MESSAGE_H
#define SERVER_DECIDE_MESSAGE_H
/* One message of an authenticated device that is not simply "nothing has changed": what it said is put into mirror,
 * operations and failures (results.c, alerts.c), then what follows is planned and what was learnt is kept (message.c,
 * received.c). Nothing is read or written here but by `facts`: what changes is collected in `c`, which is applied at the end of the
 * turn (server/dm/turn.h). The first failure is remembered in `rc`. */
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

/* What the decisions depend on beside facts and message: of the configuration, and made from it. */
struct message_settings {
    const struct ddf_schema *schema; /* the shipped and configured descriptions */
    struct ddf_layout *const *layouts;
    size_t n_layouts;
    const uint8_t *secret_key; /* seals results that hold secrets */
    uint64_t max_object_bytes;
    int64_t alerts_per_hour, kpi_interval_s;
};

/* What is worth a metric or a line of the log. */
struct message_counts {
    unsigned alerts_refused, alerts_repeated, attributes_refused;
    bool tree_full; /* the device told more than is kept of one tree; once in a session */
};

struct message_work {
    const struct dm_facts *facts;
    const struct message_settings *settings;
    struct attributes *attributes;
    struct dm_changes *c; /* what it changes */
    const struct world *w;
    struct arena *a;
    struct err *e;
    enum rc rc;
    struct session_work *s;
    struct str session_id;
    unsigned messages;  /* of the session, this one included */
    struct dm_device d; /* as loaded, then as it shall be */
    struct message_counts counts;
    const struct ddf_layout *l;
    struct device_cache *r;          /* the session's */
    struct mirror *m;                /* its mirror */
    struct pol_facts f;              /* after message_plan */
    const struct ddf_schema *schema; /* see message_schema */
    struct pol_operation *ops;
    size_t n_ops; /* unfinished ones; finished in this message stay with their state */
    struct sample *samples;
    struct reported *told; /* VMs whose Progress/Text came with this message */
    struct buf json;
    bool root_unlisted; /* "?list=" was refused in this message */
    bool over;          /* the session ends with this message, by the device's or our own doing */
};

/** Load what there is. `d` is in place already. */
void message_begin(struct message_work *v);
void message_finish(struct message_work *v); /* memory only */
/** Package 1: device information, notification, state token. */
void message_first(struct message_work *v, const struct sml_news *news);
void message_outcomes(struct message_work *v, const struct sml_outcome *outcomes, bool package_end);
/** Alerts that were booked before and are told again, because their answer was lost, change nothing. */
void message_alerts(struct message_work *v, const struct sml_news *news);
/** With care: only so many of the plan's steps go out in this message. */
void message_few(struct message_work *v, struct pol_plan *plan);
/** The session ends before all of `f` was answered: the next one goes carefully. */
void message_cut_short(struct message_work *v, struct inflight *f);
/** What shall be sent now. Steps that need an operation of their own have a correlator. */
void message_plan(struct message_work *v, struct pol_plan *plan, struct pol_desired *desired);
/** n_sent steps of the plan go out with this reply: operations are marked, the session remembers them. */
void message_sent(struct message_work *v, const struct pol_plan *plan, size_t n_sent, uint64_t first_tag);
/** Rows of VMs, assignments and the device itself after planning; plan NULL: only what was learnt. */
void message_keep(struct message_work *v, const struct pol_plan *plan, const struct pol_desired *desired);
/** The session has something to do: it gets a row in the history. */
void message_session_row(struct message_work *v);

/* What policies set, and the VMs they gave (defaults.c). message_load_back: f->policies are in place. */
void message_load_back(struct message_work *v);
void message_keep_back(struct message_work *v, const struct pol_desired *d);
/** This step, or what is in it, is about to be sent. */
void message_set(struct message_work *v, const struct pol_step *s);
void message_set_lock(struct message_work *v, const struct pol_operation *op);
/** A person wrote there: no policy takes it back. */
void message_disown(struct message_work *v, struct str uri);

/* Shared by the files above. */
/** What went wrong first is what the message fails of: looked at between the stages, each of which goes on to its end. */
void message_error(struct message_work *v, enum rc rc);
void message_nomem(struct message_work *v);
/** Address as we write it; false for none of ours (ignored). */
bool message_uri(struct message_work *v, struct str text, struct str *out);
struct pol_operation *message_operation(struct message_work *v, int64_t id);
void message_move(struct message_work *v, struct pol_operation *op, const struct pol_verdict *to);
/** One that was finished in the books is what `to` says after all. */
void message_correct(struct message_work *v, struct pol_operation *op, const struct pol_verdict *to);
void message_touches(struct message_work *v, const struct pol_operation *op);
/** "this device takes 400 octets, the shortest message for it has 523" */
struct str message_too_large(struct message_work *v, size_t limit, size_t shortest);
/** The session cannot go on within what the device takes: what waits for it fails. */
void message_unfit(struct message_work *v, size_t limit, size_t shortest);
/** The device has told what became of the VM's operation: one that failed says so in the device's own words. */
void message_explain(struct message_work *v, struct str vm);
/* Of an operation with several commands (command_results.c): `i` counts from 0; what a look at `uri` was answered, value NULL
 * = as it came before the Status. */
void message_item_code(struct message_work *v, struct pol_operation *op, size_t i, int code);
void message_item_result(struct message_work *v, const struct pol_operation *op, size_t i, struct str json);
void message_item_seen(struct message_work *v, struct pol_operation *op, struct str uri, int code,
                       const struct str *value);
/** Somebody of ours wrote at `uri` afterwards. @param by  operation; 0 = a policy */
void message_item_changed(struct message_work *v, struct pol_operation *op, struct str uri, int64_t by);
void message_items_sent(struct message_work *v, struct pol_operation *op, const struct pol_step *s);
/** Of "acl": how writing the list ended. */
void message_acl_code(struct message_work *v, struct pol_operation *op, int code);
void message_failed(struct message_work *v, struct str key, int code, struct str why);
void message_forget(struct message_work *v, struct str key);
void message_attribute(struct message_work *v, struct str name, struct str value);
/** What this very device's tree may contain, worked out when it is first asked for in a message. Never NULL. */
const struct ddf_schema *message_schema(struct message_work *v);
/** It said something else of itself: another description may hold. */
void message_schema_changes(struct message_work *v);
/* Events: message_json starts an object, fields follow, message_event writes the row. */
void message_json(struct message_work *v);
void message_json_s(struct message_work *v, const char *key, struct str value);
void message_json_i(struct message_work *v, const char *key, int64_t value);
void message_json_b(struct message_work *v, const char *key, bool value);
void message_json_raw(struct message_work *v, const char *key, struct str json);
void message_event(struct message_work *v, const char *type);
#endif
