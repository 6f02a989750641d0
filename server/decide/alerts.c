/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts of a device: ends of operations, progress, changes of state, crashes (protocol.md 14; the layout defines the
 * alert types). */
#include "base/kv.h"
#include "server/decide/message.h"
#include "ddf/uri.h"
#include "server/decide/repeats.h"

enum { ALERT_TEXT_BYTES = 1024 };

struct alert_row {
    const struct sml_alert_in *in;
    struct str name, uri;
    bool ours;
    struct ddf_match at;
};

/* "phase=3;pct=40": the value of a key, empty when it is absent. */
static struct str field(struct str data, const char *key)
{
    struct str value = { 0 };
    kv_get(data, ';', key, &value);
    return value;
}

static int number(struct str text, int otherwise)
{
    int64_t n;
    return str_to_i64(text, &n) && n >= INT32_MIN && n <= INT32_MAX ? (int)n : otherwise;
}

static void stale_entry(struct message_work *v, const struct alert_row *al, enum ddf_role role)
{
    const struct ddf_entry *en = v->l->entry[role];
    if (en) mirror_stale(v->m, ddf_layout_uri(v->l, en, al->at.owner, (struct str){ 0 }, v->a), v->w->now_ms);
}

/* An operation changes the hypervisor's free resources, and the first start shows whether KVM works. */
static void stale_hypervisor(struct message_work *v)
{
    const struct ddf_entry *en = v->l->entry[DDF_ROLE_HYPERVISOR_NODE];
    if (en) mirror_stale(v->m, ddf_layout_uri(v->l, en, (struct str){ 0 }, (struct str){ 0 }, v->a), v->w->now_ms);
}

/* Read the state of the VM again after any alert. */
static void stale_state(struct message_work *v, const struct alert_row *al)
{
    static const enum ddf_role roles[] = {
        DDF_ROLE_STATE,      DDF_ROLE_STATE_REASON,      DDF_ROLE_STATE_TIME,
        DDF_ROLE_LOCK_STATE, DDF_ROLE_RESOURCES_PENDING, DDF_ROLE_RESOURCES_EFFECTIVE
    };
    if (!al->ours || al->at.scope != DDF_VM) return;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) stale_entry(v, al, roles[i]);
}

static void tell(struct message_work *v, const struct alert_row *al, const char *type)
{
    message_json(v);
    if (al->ours && al->at.scope != DDF_DEVICE)
        message_json_s(v, al->at.scope == DDF_VM ? "vm" : "image", al->at.owner);
    message_json_s(v, "alert", al->name.n ? al->name : al->in->type);
    message_json_s(v, "uri", al->uri);
    message_json_s(v, "mark", al->in->mark);
    message_json_s(v, "data", str_slice(al->in->data, 0, ALERT_TEXT_BYTES));
    message_event(v, type);
}

/* Find the operation by Correlator; without one, or with an unknown one, by the subject of the alert. */
static struct pol_operation *operation_of(struct message_work *v, const struct alert_row *al, struct str correlator,
                                          struct str kind)
{
    struct pol_operation *found = NULL;
    for (size_t i = 0; i < v->n_ops; i++) {
        struct pol_operation *op = &v->ops[i];
        if (correlator.n && str_eq(op->correlator, correlator)) return op;
        if (correlator.n || !al->ours || op->scope != al->at.scope || !str_eq(op->owner, al->at.owner)) continue;
        if (kind.n && !str_eq(op->kind, kind)) continue;
        if (op->state == POL_OP_SENT || op->state == POL_OP_ACCEPTED) found = op;
    }
    return found;
}

/* The ended operation with this Correlator; NULL: none. */
static struct pol_operation *closed_operation(struct message_work *v, struct str correlator)
{
    struct pol_operation *op = ARENA_NEW(v->a, struct pol_operation);
    if (!op) {
        message_nomem(v);
        return NULL;
    }
    enum rc rc = v->facts->closed(v->facts->ctx, &v->d, correlator, v->a, op, v->e);
    if (rc != RC_NOT_FOUND) message_error(v, rc);
    if (rc) return NULL;
    const struct db_operation_move *m = dm_changes_of_operation(v->c, op->id);
    if (m) pol_op_state_of(m->state, &op->state);
    return op;
}

/* A result for an ended operation: the device's report is newer (its answer was lost, or it answered 200 before it
 * began). */
static void late_result(struct message_work *v, const struct alert_row *al)
{
    struct pol_operation *op = NULL;
    struct pol_verdict to;
    for (size_t i = 0; i < v->n_ops && !op; i++)
        if (str_eq(v->ops[i].correlator, al->in->correlator)) op = &v->ops[i];
    if (!op) op = closed_operation(v, al->in->correlator);
    if (!op || !pol_op_finished(op->state)) return;
    pol_op_on_alert(v->l, op, al->in->type, al->in->data, v->a, &to);
    if (to.state != op->state) message_correct(v, op, &to);
}

/* The end of an Exec, under the alert type of any management object: the Correlator identifies it. */
static void exec_result(struct message_work *v, const struct alert_row *al)
{
    struct pol_verdict to;
    for (size_t i = 0; i < v->n_ops; i++) {
        struct pol_operation *op = &v->ops[i];
        if (!str_eq(op->correlator, al->in->correlator)) continue;
        if (pol_op_finished(op->state)) break;
        pol_op_on_alert(v->l, op, al->in->type, al->in->data, v->a, &to);
        if (op->state == POL_OP_ACKNOWLEDGED && to.state == op->state) return;
        message_move(v, op, &to);
        message_touches(v, op);
        return;
    }
    late_result(v, al);
}

static void operation_complete(struct message_work *v, const struct alert_row *al)
{
    struct str kind = al->ours && al->at.operation ? al->at.operation->name : (struct str){ 0 };
    struct pol_operation *op = operation_of(v, al, al->in->correlator, kind);
    int result = number(str_trim(al->in->data), 1412);
    struct pol_operation foreign = { .kind = kind, .scope = al->at.scope, .owner = al->at.owner };
    if (op && (op->state == POL_OP_SENT || op->state == POL_OP_ACCEPTED || op->state == POL_OP_QUEUED)) {
        struct pol_verdict to;
        pol_op_on_complete(v->l, op, result, (struct str){ 0 }, v->a, &to);
        message_move(v, op, &to);
    }
    if (al->ours && al->at.scope == DDF_VM) stale_hypervisor(v);
    if (!op && al->in->correlator.n) late_result(v, al);
    if (op)
        message_touches(v, op);
    else if (kind.n)
        message_touches(v, &foreign); /* of another server, or already ended */
}

static void progress(struct message_work *v, const struct alert_row *al)
{
    struct str data = al->in->data;
    struct pol_operation *op = operation_of(v, al, al->in->correlator, (struct str){ 0 });
    struct pol_progress p = { .correlator = al->in->correlator,
                              .phase = number(field(data, "phase"), 0),
                              .percent = number(field(data, "pct"), -1),
                              .text = field(data, "text") };
    struct pol_verdict to;
    if (!op || (op->state != POL_OP_SENT && op->state != POL_OP_ACCEPTED)) return;
    if (!p.correlator.n) p.correlator = op->correlator;
    pol_op_on_progress(v->l, op, &p, v->a, &to);
    message_move(v, op, &to);
}

static void state_change(struct message_work *v, const struct alert_row *al)
{
    stale_state(v, al);
    tell(v, al, "vm");
}

static void something_with_vm(struct message_work *v, const struct alert_row *al)
{
    mirror_stale(v->m, al->uri, v->w->now_ms);
    stale_state(v, al);
    tell(v, al, "vm");
}

static void vm_appeared(struct message_work *v, const struct alert_row *al)
{
    struct str uri = al->ours && al->at.scope == DDF_VM ? ddf_layout_owner_uri(v->l, DDF_VM, al->at.owner, v->a)
                                                        : (struct str){ 0 };
    if (uri.n && !mirror_at(v->m, uri))
        mirror_put(v->m, uri, DDF_NODE, (struct str){ 0 }, POL_STALE, v->w->now_ms);
    else if (uri.n)
        mirror_stale(v->m, uri, v->w->now_ms);
    tell(v, al, "vm");
}

static void something_with_image(struct message_work *v, const struct alert_row *al)
{
    if (al->ours && al->at.scope == DDF_IMAGE)
        mirror_stale(v->m, ddf_layout_owner_uri(v->l, DDF_IMAGE, al->at.owner, v->a), v->w->now_ms);
    tell(v, al, "image");
}

static void threshold(struct message_work *v, const struct alert_row *al)
{
    tell(v, al, "kpi");
}

static void something_with_device(struct message_work *v, const struct alert_row *al)
{
    if (al->ours) mirror_stale(v->m, al->uri, v->w->now_ms);
    tell(v, al, "device");
}

static void nothing(struct message_work *v, const struct alert_row *al)
{
    (void)v;
    (void)al;
}

static void (*const actions[DDF_ALERT_COUNT])(struct message_work *, const struct alert_row *) = {
    [DDF_ALERT_OPERATION_COMPLETE] = operation_complete,
    [DDF_ALERT_PROGRESS] = progress,
    [DDF_ALERT_STATE_TOKEN] = nothing, /* message_first has it */
    [DDF_ALERT_STATE_CHANGE] = state_change,
    [DDF_ALERT_CRASH] = something_with_vm,
    [DDF_ALERT_CRASH_LOOP] = something_with_vm,
    [DDF_ALERT_TRIAL_RESULT] = something_with_vm,
    [DDF_ALERT_INTEGRITY_VIOLATION] = something_with_vm,
    [DDF_ALERT_LEASE_EVENT] = something_with_vm,
    [DDF_ALERT_PERIPHERAL_CHANGE] = something_with_vm,
    [DDF_ALERT_VM_ATTACHED] = vm_appeared,
    [DDF_ALERT_VM_DETACHED] = vm_appeared,
    [DDF_ALERT_IMAGE_READY] = something_with_image,
    [DDF_ALERT_THRESHOLD] = threshold,
    [DDF_ALERT_RT_VIOLATION] = threshold,
    [DDF_ALERT_RESOURCE_SHORTAGE] = something_with_device,
    [DDF_ALERT_USER_REQUEST] = something_with_device,
};

/* ---- rate limit ---- */

/* The remaining alert budget, in thousandths: the hourly limit, also as a burst after a quiet time. Repeated alerts do
 * not count. Further alerts are refused: the device keeps them, and other devices keep their share of events. */
static int64_t alerts_left(const struct message_work *v)
{
    const int64_t most = v->settings->alerts_per_hour * 1000, passed = v->w->now_ms - v->d.alerts_ms;
    if (v->d.alerts_left < 0 || passed < 0 || passed > 3600000) return most;
    const int64_t left = v->d.alerts_left + passed * most / 3600000;
    return left < most ? left : most;
}

static void refuse_alert(struct message_work *v, struct sml_alert_in *x)
{
    enum { DEVICE_FULL = 420 }; /* protocol.md: the recipient has no room for it */
    x->status = DEVICE_FULL;
    v->counts.alerts_refused++;
}

/* Store the open alerts after this message; most messages have none and change nothing. */
static void keep_booked(struct message_work *v, const struct repeats *booked, int64_t left)
{
    struct str text = { 0 };
    if (!repeats_text(booked, v->a, &text)) message_nomem(v);
    if (str_eq(text, v->d.booked) && !text.n) return;
    dm_change_booked(v->c, text, left);
}

static void take_alert(struct message_work *v, struct sml_alert_in *x, struct repeats *booked, int64_t *left)
{
    struct alert_row al = { .in = x, .name = ddf_layout_alert_name(v->l, x->type) };
    void (*const act)(struct message_work *, const struct alert_row *) = actions[ddf_layout_alert(v->l, x->type)];
    const bool known = act != NULL;
    if (act == nothing) return;
    if (*left < 1000 || booked->n >= REPEATS_MAX) {
        refuse_alert(v, x);
        return;
    }
    if (repeats_book(booked, x)) {
        v->counts.alerts_repeated++;
        return;
    }
    *left -= 1000;
    if (x->source.n && message_uri(v, x->source, &al.uri)) al.ours = ddf_layout_match(v->l, al.uri, &al.at);
    if (!known && x->correlator.n) exec_result(v, &al);
    if (known)
        act(v, &al);
    else
        tell(v, &al, "device"); /* unknown to the server, but shown in the event stream */
}

void message_alerts(struct message_work *v, const struct sml_news *news)
{
    struct repeats booked;
    int64_t left = alerts_left(v);
    repeats_load(&booked, v->d.booked, v->d.booked_ms, news, v->w->now_ms);
    for (struct sml_alert_in *x = news->alerts; x; x = x->next)
        if (x->code == 1226) take_alert(v, x, &booked, &left); /* client events are accepted and ignored */
    keep_booked(v, &booked, left);
}
