/* SPDX-License-Identifier: Apache-2.0 */
/* Operations: the results of those in progress, and the new ones of users. */
#include "base/kv.h"
#include "policy/resolve/facts.h"
#include "policy/plan/planner_int.h"
#include "base/text.h"

/* ---- helpers ---- */

bool planner_has_int(const int *list, size_t n, int x)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

const char *planner_state_name(const struct planning *p, int state)
{
    const struct ddf_state *s = ddf_layout_state(p->l, state);
    return s ? s->name.p : "in an unknown state";
}

bool planner_state_is(const struct planning *p, int state, enum ddf_state_role role)
{
    return ddf_layout_state_is(p->l, state, role);
}

bool planner_is_locked(struct planning *p, struct str vm)
{
    const struct ddf_word *word = planner_mirror_word(p, DDF_ROLE_LOCK_STATE, vm);
    return planner_word_is(p, word, DDF_WORD_LOCKED) || planner_word_is(p, word, DDF_WORD_PARTLY_LOCKED);
}

enum whose planner_whose_is(struct planning *p, struct str vm)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_DOMAIN_SERVERS, vm);
    struct str rest = n ? n->value : (struct str){ 0 }, one;
    bool any = false;
    if (n && n->known != POL_REPORTED && planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(n->uri))))
        return NOBODY_KNOWS; /* an old value proves nothing when the device does not report it any more */
    while (str_cut(&rest, ',', &one)) {
        if (p->f->server_id.n && str_eq(str_trim(one), p->f->server_id)) return OURS;
        any |= str_trim(one).n > 0;
    }
    return any ? OF_OTHERS : NOBODY_KNOWS;
}

bool planner_is_ours(struct planning *p, struct str vm)
{
    return planner_whose_is(p, vm) == OURS;
}

bool planner_asks_whose(struct planning *p, struct str vm)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_DOMAIN_SERVERS, vm);
    if (n && n->known == POL_REPORTED) return false; /* reported as having no owner */
    return planner_add_read(p, planner_entry_uri(p, DDF_ROLE_DOMAIN_SERVERS, vm), false, POL_FOR_DISCOVER,
                            "the VM's owner decides what is allowed");
}

struct str planner_not_ours(struct planning *p, struct str vm)
{
    return planner_whose_is(p, vm) == OF_OTHERS
               ? planner_say(p, "VM %.*s belongs to another authority", STR_ARG(vm))
               : planner_say(p, "the device does not report the owner of VM %.*s, so nothing is sent to it",
                             STR_ARG(vm));
}

/* An operation that this plan found to be verified: the facts do not have it as a hold yet. */
static const struct pol_hold *just_done(struct planning *p, struct str vm, bool lock, const struct pol_policy *policy,
                                        int now)
{
    for (size_t i = 0; i < p->f->n_operations; i++) {
        const struct pol_operation *op = p->ops[i].op;
        const struct ddf_operation *o = ddf_layout_operation(p->l, DDF_VM, op->kind);
        if (op->by_policy || p->ops[i].state != POL_OP_VERIFIED || op->scope != DDF_VM || !str_eq(op->owner, vm) ||
            !pol_facts_leads_to(o, lock, now) || op->created_ms <= policy->revised_ms)
            continue;
        struct pol_hold *h = ARENA_NEW(p->a, struct pol_hold);
        if (!h) {
            p->no_memory = true;
            return NULL;
        }
        *h = (struct pol_hold){
            .vm = vm, .kind = op->kind, .operation = op->id, .at_ms = op->created_ms, .by = STR("a person")
        };
        return h;
    }
    return NULL;
}

const struct pol_hold *planner_hold_on(struct planning *p, struct str vm, bool lock, const struct pol_policy *policy,
                                       int now)
{
    const struct pol_hold *fresh = just_done(p, vm, lock, policy, now);
    return fresh ? fresh : pol_facts_hold(p->f, vm, lock, policy, now);
}

static bool under_way(enum pol_op_state s)
{
    return s == POL_OP_SENT || s == POL_OP_ACCEPTED || s == POL_OP_ACKNOWLEDGED;
}

struct live_op *planner_busy_with(struct planning *p, enum ddf_scope scope, struct str owner)
{
    for (size_t i = 0; i < p->f->n_operations; i++) {
        struct live_op *op = &p->ops[i];
        if (under_way(op->state) && op->op->scope == scope && str_eq(op->op->owner, owner) &&
            !str_is(op->op->kind, "tree"))
            return op;
    }
    return NULL;
}

static struct str label_of(struct planning *p, const struct pol_operation *op)
{
    const struct ddf_operation *o = ddf_layout_operation(p->l, op->scope, op->kind);
    return o && o->label.n ? o->label : op->kind;
}

void planner_wait_busy(struct planning *p, struct live_op *op, struct str vm)
{
    struct str label = label_of(p, op->op);
    const struct pol_mirror_node *since = NULL, *c = NULL;
    int percent = -1;
    if (op->op->scope == DDF_VM) {
        c = planner_mirror_entry(p, DDF_ROLE_PROGRESS_CORRELATOR, op->op->owner);
        if (c && str_eq(c->value, op->op->correlator)) {
            since = planner_mirror_entry(p, DDF_ROLE_PROGRESS_START, op->op->owner);
            planner_mirror_number(p, DDF_ROLE_PROGRESS_PCT, op->op->owner, &percent);
        }
    }
    struct str begun = { 0 };
    if (since && since->value.n) { /* the device's basic form is hard to read */
        char time[25];
        int64_t at_ms;
        bool known = text_time_parse(since->value, &at_ms);
        if (known) text_time_iso(at_ms, time);
        begun = known ? planner_say(p, " since %s", time) : planner_say(p, " since %.*s", STR_ARG(since->value));
    }
    struct str far = percent >= 0 ? planner_say(p, ", %d %%", percent) : (struct str){ 0 };
    if (op->state == POL_OP_ACKNOWLEDGED)
        planner_add_wait(p, vm, "working",
                         planner_say(p, "%.*s is done, its result is being read back", STR_ARG(label)), 0, 0);
    else if (op->state == POL_OP_SENT)
        planner_add_wait(p, vm, "working",
                         planner_say(p, "the answer to %.*s was lost, the device is being asked for the result",
                                     STR_ARG(label)),
                         0, 0);
    else
        planner_add_wait(p, vm, "working",
                         planner_say(p, "%.*s runs%.*s%.*s", STR_ARG(label), STR_ARG(begun), STR_ARG(far)), 202, 0);
}

/* ---- results ---- */

/* Operations that are proved by another node than the state. */
static const struct proof {
    enum ddf_operation_role operation;
    enum ddf_role entry;
    enum ddf_role same_as; /* where there is no value */
    const char *value;
    const char *else_why;
} proofs[] = {
    { DDF_OP_UPGRADE, DDF_ROLE_VM_IMAGE, DDF_ROLE_UPGRADE_TARGET, NULL,
      "the device reports success, but the VM has another image" },
    { DDF_OP_APPLY_RESOURCES, DDF_ROLE_RESOURCES_PENDING, DDF_ROLE_COUNT, "false",
      "the device reports success, but the resources still wait" },
};

void planner_op_fail(struct planning *p, struct live_op *op, int code, struct str why)
{
    struct pol_verdict v = { .state = POL_OP_FAILED, .code = code, .percent = -1, .why = why };
    planner_add_move(p, op, &v);
}

static bool proved_by_node(struct planning *p, struct live_op *op, const struct proof *x)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, x->entry, op->op->owner);
    const struct pol_mirror_node *same = x->value ? NULL : planner_mirror_entry(p, x->same_as, op->op->owner);
    struct str want = x->value ? str_of(x->value) : same ? same->value : (struct str){ 0 };
    if (n && n->known == POL_STALE) return false;
    if (!n || !want.n || planner_same_value(n->format, n->value, want))
        planner_add_verified(p, op);
    else
        planner_op_fail(p, op, 0, str_of(x->else_why));
    return true;
}

/* A transient state is read again after a while. */
void planner_poll_state(struct planning *p, struct str vm)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_STATE, vm);
    if (n && n->known == POL_REPORTED && p->f->now_ms - n->at_ms >= POL_POLL_MS)
        planner_add_read(p, n->uri, false, POL_FOR_VERIFY, "the state was transient when it was last read");
}

static void prove_vm(struct planning *p, struct live_op *op)
{
    const struct ddf_operation *o = ddf_layout_operation(p->l, DDF_VM, op->op->kind);
    int state, lock;
    if (!o) {
        planner_add_verified(p, op);
        return;
    }
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++)
        if (ddf_operation_is(o, proofs[i].operation)) {
            proved_by_node(p, op, &proofs[i]);
            return;
        }
    if (!planner_mirror_number(p, DDF_ROLE_STATE, op->op->owner, &state)) return; /* being read */
    if (o->lock_to >= 0) {
        if (!planner_mirror_number(p, DDF_ROLE_LOCK_STATE, op->op->owner, &lock)) return;
        if (lock == o->lock_to)
            planner_add_verified(p, op);
        else
            planner_op_fail(p, op, 0, planner_say(p, "the device reports success, but the lock state is %d", lock));
        return;
    }
    const struct ddf_state *s = ddf_layout_state(p->l, state);
    if (o->to < 0 || state == o->to || (s && s->stable && !planner_has_int(o->from, o->n_from, state)))
        planner_add_verified(p, op);
    else if (s && s->stable)
        planner_op_fail(p, op, 0, planner_say(p, "the device reports success, but the VM is %s", s->name.p));
    else
        planner_poll_state(p, op->op->owner);
}

static void inquire_vm(struct planning *p, struct live_op *op)
{
    struct str vm = op->op->owner;
    const struct pol_mirror_node *c = planner_mirror_entry(p, DDF_ROLE_PROGRESS_CORRELATOR, vm);
    bool accepted = op->state == POL_OP_ACCEPTED;
    int64_t now = p->f->now_ms;

    if (c && c->known == POL_REPORTED) {
        const struct pol_mirror_node *text = planner_mirror_entry(p, DDF_ROLE_PROGRESS_TEXT, vm);
        struct pol_progress at = { .correlator = c->value,
                                   .percent = -1,
                                   .text = text ? text->value : (struct str){ 0 } };
        struct pol_verdict v;
        planner_mirror_number(p, DDF_ROLE_PROGRESS_PHASE, vm, &at.phase);
        planner_mirror_number(p, DDF_ROLE_PROGRESS_PCT, vm, &at.percent);
        planner_mirror_number(p, DDF_ROLE_PROGRESS_RESULT, vm, &at.result);
        bool same = str_eq(c->value, op->op->correlator);
        /* Progress of another operation long after this one was accepted: this one is over. Soon after, the device
         * may not have written its Progress yet. */
        if (!accepted || (same && at.result) || (!same && now - op->op->updated_ms > 60000)) {
            pol_op_on_progress(p->l, op->op, &at, p->a, &v);
            planner_add_move(p, op, &v);
            return;
        }
        if (now - c->at_ms < POL_POLL_MS) return;
    }
    if (accepted && now - op->op->updated_ms < POL_POLL_MS)
        return; /* it will report; the session is not kept open for it */
    if (!planner_add_progress_read(p, DDF_VM, vm, POL_FOR_INQUIRY, "result of the operation") && !accepted)
        planner_op_unknown(p, op, "its answer was lost, and the device cannot report its result");
}

static void inquire_image(struct planning *p, struct live_op *op)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_IMAGE_STATUS, op->op->owner);
    const struct ddf_word *word = planner_mirror_word(p, DDF_ROLE_IMAGE_STATUS, op->op->owner);
    struct pol_verdict v = { .state = op->state, .percent = -1 };
    int result = 0;

    if (planner_word_is(p, word, DDF_WORD_IMAGE_READY)) {
        planner_add_verified(p, op);
    } else if (planner_word_is(p, word, DDF_WORD_DOWNLOAD_FAILED) ||
               planner_word_is(p, word, DDF_WORD_VERIFICATION_FAILED)) {
        planner_mirror_number(p, DDF_ROLE_IMAGE_RESULT, op->op->owner, &result);
        planner_op_fail(p, op, result, pol_code_text(p->l, result ? result : 1412, p->a));
    } else if (word && op->state == POL_OP_SENT) {
        bool idle = planner_word_is(p, word, DDF_WORD_IMAGE_IDLE), more = op->op->tries < POL_MAX_TRIES;
        v.state = !idle ? POL_OP_ACCEPTED : more ? POL_OP_QUEUED : POL_OP_FAILED;
        v.why = !idle  ? STR("the device works on it")
                : more ? STR("it did not reach the device; it is sent again")
                       : STR("it did not reach the device; given up after the last try");
        planner_add_move(p, op, &v);
    } else if (op->state == POL_OP_SENT || p->f->now_ms - op->op->updated_ms >= POL_POLL_MS) {
        if ((!n || n->known != POL_REPORTED || p->f->now_ms - n->at_ms >= POL_POLL_MS) &&
            !planner_add_progress_read(p, DDF_IMAGE, op->op->owner, POL_FOR_INQUIRY, "progress of the image") &&
            op->state == POL_OP_SENT)
            planner_op_unknown(p, op, "its answer was lost, and the device cannot report its result");
    }
}

/* Operations of the whole device, like locking all VMs: their result cannot be read, and repeating them is harmless. */
static void inquire_device(struct planning *p, struct live_op *op)
{
    if (op->state == POL_OP_SENT) {
        struct pol_verdict v = { .state = POL_OP_QUEUED,
                                 .percent = -1,
                                 .why = STR("its answer was lost; it is sent again") };
        if (op->op->tries < POL_MAX_TRIES)
            planner_add_move(p, op, &v);
        else
            planner_op_unknown(p, op, "its answer was lost each time; given up after the last try");
    } else if (op->state == POL_OP_ACKNOWLEDGED) {
        planner_add_verified(p, op);
    }
}

static void inquire(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    const struct ddf_operation *kind = ddf_layout_operation(p->l, o->scope, o->kind);
    if (str_is(o->kind, "tree")) {
        planner_tree_inquire(p, op);
    } else if (o->scope == DDF_DEVICE) {
        inquire_device(p, op);
    } else if (!planner_mirror_has(p, planner_owner_uri(p, o->scope, o->owner))) {
        if (ddf_operation_removes(kind))
            planner_add_verified(p, op);
        else
            planner_op_fail(p, op, 404, planner_say(p, "%.*s is no longer on the device", STR_ARG(o->owner)));
    } else if (o->scope == DDF_IMAGE) {
        if (op->state == POL_OP_ACKNOWLEDGED && !ddf_operation_is(kind, DDF_OP_DOWNLOAD))
            planner_add_verified(p, op);
        else
            inquire_image(p, op);
    } else if (op->state != POL_OP_ACKNOWLEDGED) {
        inquire_vm(p, op);
    } else if (ddf_operation_removes(kind)) {
        planner_add_read(p, planner_owner_uri(p, DDF_VM, o->owner), false, POL_FOR_VERIFY, "check that it is gone");
    } else {
        prove_vm(p, op);
    }
}

void plan_inquiries(struct planning *p)
{
    for (size_t i = 0; i < p->f->n_operations; i++) {
        struct live_op *op = &p->ops[i];
        if (op->state == POL_OP_ACCEPTED || op->state == POL_OP_SENT) inquire(p, op);
        if (op->state == POL_OP_ACKNOWLEDGED) inquire(p, op);
    }
}

/* ---- operations of users ---- */

static bool expired(struct planning *p, struct live_op *op)
{
    if (!op->op->expires_ms || op->op->expires_ms > p->f->now_ms) return false;
    struct pol_verdict v = { .state = POL_OP_EXPIRED, .percent = -1, .why = STR("it expired before it could be sent") };
    planner_add_move(p, op, &v);
    return true;
}

void planner_op_send(struct planning *p, struct live_op *op, struct pol_step *s)
{
    if (!s) return;
    s->operation = op->op->id;
    s->correlator = op->op->correlator;
    op->carried = true;
    if (!planner_step_in_order(p, s, op->op->scope == DDF_VM ? op->op->owner : (struct str){ 0 })) {
        const struct pol_wait *last = p->out->waits;
        while (last && last->next) last = last->next;
        planner_op_fail(p, op, last ? last->code : 400,
                        last ? last->why : STR("the device's description does not allow it"));
        return;
    }
    *p->tail = s;
    p->tail = &s->next;
    p->out->n_steps++;
}

bool planner_op_look(struct planning *p, struct live_op *op, struct str uri, struct str why)
{
    struct pol_step *s = planner_new_step(p, DM_GET, POL_FOR_INQUIRY, uri, why);
    if (!s || planner_held_back(p, planner_failure_of(p, s->key))) return false;
    s->operation = op->op->id;
    *p->tail = s;
    p->tail = &s->next;
    p->out->n_steps++;
    return true;
}

bool planner_op_forced(struct str args)
{
    struct str force;
    return kv_get(args, ';', "force", &force) && str_is(force, "1");
}

/* May it start now? Otherwise it waits, is done already, or fails. */
static bool may_start(struct planning *p, struct live_op *op, const struct ddf_operation *o)
{
    struct str vm = op->op->owner;
    const struct ddf_state *s;
    int state, lock = -1;

    if (!planner_mirror_number(p, DDF_ROLE_STATE, vm, &state)) {
        if (!planner_add_read(p, planner_entry_uri(p, DDF_ROLE_STATE, vm), false, POL_FOR_VERIFY,
                              "the state decides what is allowed"))
            planner_op_fail(p, op, 0, STR("the device does not report the VM's state"));
        return false;
    }
    s = ddf_layout_state(p->l, state);
    if (s && !s->stable) {
        planner_add_wait(p, vm, "working",
                         planner_say(p, "%.*s waits: the VM is %s", STR_ARG(label_of(p, op->op)), s->name.p), 0, 0);
        planner_poll_state(p, vm);
        return false;
    }
    planner_mirror_number(p, DDF_ROLE_LOCK_STATE, vm, &lock);
    struct pol_verdict done = {
        .state = POL_OP_VERIFIED, .code = 1203, .percent = 100, .why = ddf_layout_result_text(p->l, 1203)
    };
    if (o->lock_to >= 0 && lock == o->lock_to) {
        planner_add_move(p, op, &done);
        return false;
    }
    if (!o->while_locked && planner_is_locked(p, vm)) {
        planner_op_fail(p, op, 1442,
                        planner_say(p, "the VM is locked: unlock it before %.*s", STR_ARG(label_of(p, op->op))));
        return false;
    }
    if (!o->n_from || planner_has_int(o->from, o->n_from, state) ||
        (planner_op_forced(op->op->args) && planner_has_int(o->from_forced, o->n_from_forced, state)))
        return true;
    if (o->to == state) {
        planner_add_move(p, op, &done);
        return false;
    }
    bool force = planner_has_int(o->from_forced, o->n_from_forced, state);
    planner_op_fail(p, op, 1410,
                    planner_say(p, "%.*s is not possible while the VM is %s%s", STR_ARG(label_of(p, op->op)),
                                planner_state_name(p, state), force ? " (only with force=1)" : ""));
    return false;
}

static bool has_request(const struct planning *p, struct str vm)
{
    for (size_t i = 0; i < p->n_busy; i++)
        if (str_eq(p->busy[i], vm)) return true;
    return false;
}

static void send_request(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    const struct ddf_operation *kind = ddf_layout_operation(p->l, o->scope, o->kind);
    struct str uri = kind ? ddf_layout_operation_uri(p->l, kind, o->owner, p->a) : (struct str){ 0 };
    bool cancel = ddf_operation_is(kind, DDF_OP_CANCEL) || ddf_operation_is(kind, DDF_OP_CANCEL_DOWNLOAD);

    if (!kind || !uri.n) {
        planner_op_fail(p, op, 400,
                        planner_say(p, "this management object has no operation \"%.*s\"", STR_ARG(o->kind)));
        return;
    }
    if (o->scope != DDF_DEVICE && !planner_mirror_has(p, planner_owner_uri(p, o->scope, o->owner))) {
        planner_op_fail(p, op, 404,
                        planner_say(p, "%s %.*s is not on the device", o->scope == DDF_VM ? "VM" : "image",
                                    STR_ARG(o->owner)));
        return;
    }
    if (o->scope == DDF_VM) {
        if (!planner_is_ours(p, o->owner)) {
            if (planner_whose_is(p, o->owner) == OF_OTHERS || !planner_asks_whose(p, o->owner))
                planner_op_fail(p, op, 1443, planner_not_ours(p, o->owner));
            return;
        }
        if (!cancel && has_request(p, o->owner)) {
            planner_add_wait(p, o->owner, "waiting",
                             planner_say(p, "%.*s waits for the operation before it", STR_ARG(label_of(p, o))), 0, 0);
            return;
        }
        if (!cancel) p->busy[p->n_busy++] = o->owner;
    }
    struct live_op *other = o->scope == DDF_DEVICE ? NULL : planner_busy_with(p, o->scope, o->owner);
    if (other && !cancel) {
        planner_wait_busy(p, other, o->scope == DDF_VM ? o->owner : (struct str){ 0 });
        return;
    }
    if (o->scope == DDF_VM && !cancel && !may_start(p, op, kind)) return;
    struct pol_step *s = planner_new_step(p, kind->delete_node ? DM_DELETE : DM_EXEC, POL_FOR_OPERATION, uri,
                                          planner_say(p, "%.*s (operation %lld)", STR_ARG(label_of(p, o)),
                                                      (long long)o->id));
    if (s && o->args.n && !kind->delete_node) {
        s->format = STR("chr");
        s->type = STR("text/plain");
        s->data = o->args;
        s->has_data = true;
    }
    planner_op_send(p, op, s);
}

void plan_requests(struct planning *p)
{
    if (!p->f->n_operations) return;
    if (!(p->busy = ARENA_ARRAY(p->a, struct str, p->f->n_operations))) {
        p->no_memory = true;
        return;
    }
    for (size_t i = 0; i < p->f->n_operations && !p->no_memory; i++) {
        struct live_op *op = &p->ops[i];
        if ((op->state != POL_OP_QUEUED && op->state != POL_OP_NOTIFIED) || expired(p, op) || op->op->by_policy)
            continue;
        if (op->op->not_before_ms > p->f->now_ms) continue; /* not due; delays no other operation */
        if (str_is(op->op->kind, "tree"))
            planner_tree_send(p, op);
        else
            send_request(p, op);
    }
}

void plan_supersede(struct planning *p)
{
    for (const struct pol_step *s = p->out->steps; s; s = s->next)
        if (s->verb == DM_GET) return; /* a read in progress may still request them */
    for (size_t i = 0; i < p->f->n_operations; i++) {
        struct live_op *op = &p->ops[i];
        if (!op->op->by_policy || op->carried || (op->state != POL_OP_QUEUED && op->state != POL_OP_NOTIFIED)) continue;
        struct pol_verdict v = { .state = POL_OP_SUPERSEDED,
                                 .percent = -1,
                                 .why = STR("the policy does not require it any more") };
        planner_add_move(p, op, &v);
    }
}
