/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/vm_int.h"
#include "base/kv.h"
#include "base/crypto.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The steps of each operation. The layout has the states in which it may start (c.5.3), so this is the whole of
 * c.5.2's middle column. */
static const struct vm_operation_kind kinds[] = {
    { "provision",
      { STEP_ADMIT, STEP_IMAGE, STEP_FILES, STEP_VOLUMES, STEP_DEFINE, STEP_PROVISIONED, STEP_START, STEP_READY },
      VM_OK,
      VM_PROVISION_FAILED,
      false },
    { "start",
      { STEP_ADMIT, STEP_STOP, STEP_IMAGE, STEP_FILES, STEP_VOLUMES, STEP_DEFINE, STEP_START, STEP_READY },
      VM_OK,
      VM_START_FAILED,
      true },
    { "stop", { STEP_STOP }, VM_OK, VM_STOP_FAILED, true },
    { "shutdown", { STEP_SHUTDOWN }, VM_OK, VM_STOP_FAILED, false },
    { "reboot",
      { STEP_ADMIT, STEP_SHUTDOWN, STEP_VOLUMES, STEP_DEFINE, STEP_START, STEP_READY },
      VM_OK,
      VM_RESET_FAILED,
      false },
    { "reset",
      { STEP_ADMIT, STEP_STOP, STEP_VOLUMES, STEP_DEFINE, STEP_START, STEP_READY },
      VM_OK,
      VM_RESET_FAILED,
      false },
    { "pause", { STEP_PAUSE }, VM_OK, VM_PAUSE_FAILED, true },
    { "resume", { STEP_RESUME }, VM_OK, VM_RESUME_FAILED, true },
    { "suspend", { STEP_SAVE }, VM_OK, VM_SUSPEND_FAILED, true },
    { "lock", { STEP_LOCK_ACTION, STEP_LOCKED }, VM_OK, VM_LOCK_FAILED, false },
    { "unlock", { STEP_UNLOCKED, STEP_UNLOCK_ACTION }, VM_OK, VM_UNLOCK_FAILED, false },
    { "wipe",
      { STEP_SCOPE, STEP_STOP, STEP_FORGET, STEP_WIPE, STEP_IMAGE, STEP_FILES, STEP_VOLUMES, STEP_WIPED },
      VM_WIPED,
      VM_WIPE_FAILED,
      false },
    { "delete", { STEP_STOP, STEP_FORGET, STEP_UNDEFINE, STEP_REMOVE }, VM_OK, VM_DELETE_FAILED, false },
    { "applyResources",
      { STEP_ADMIT, STEP_SET_LIVE, STEP_SHUTDOWN, STEP_VOLUMES, STEP_DEFINE, STEP_START, STEP_READY, STEP_IN_FORCE },
      VM_OK,
      VM_RESET_FAILED,
      false },
};

const struct vm_operation_kind *vm_kind_of(const char *op)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].op, op) == 0) return &kinds[i];
    return NULL;
}

bool vm_knows_operation(const char *op)
{
    return vm_kind_of(op) != NULL;
}

enum rc vm_create(const char *id, const char *uuid, int64_t now_ms, struct vm **out)
{
    struct vm *vm = calloc(1, sizeof *vm);
    if (!vm) return RC_NOMEM;
    snprintf(vm->pub.id, sizeof vm->pub.id, "%s", id);
    snprintf(vm->pub.want.uuid, sizeof vm->pub.want.uuid, "%s", uuid);
    snprintf(vm->pub.want.name, sizeof vm->pub.want.name, "dmvisor-%s-%.8s", id, uuid);
    vm->pub.state = VM_DEFINED;
    vm->pub.state_ms = now_ms;
    vm->pub.lock = VM_UNLOCKED;
    vm->pub.boot_time_ms = -1;
    vm->pub.policy = (struct vm_policy){ .auto_start = 1,
                                         .boot_timeout_s = 120,
                                         .shut_timeout_s = 60,
                                         .lock_action = VM_LA_PAUSE,
                                         .crash_action = VM_CA_RESTART,
                                         .max_restarts = 3,
                                         .window_s = 600,
                                         .restart_delay_s = 2,
                                         .escalation = VM_CA_STOP,
                                         .health = 1 };
    *out = vm;
    return RC_OK;
}

void vm_destroy(struct vm *vm)
{
    if (!vm) return;
    vm_work_end(vm);
    free(vm);
}

bool vm_is_on(const struct vm_view *vm)
{
    const enum vm_state s = vm->state;
    return s == VM_RUNNING || s == VM_PAUSED || s == VM_STARTING || s == VM_RESUMING || s == VM_SUSPENDING ||
           s == VM_SHUTTING_DOWN;
}

/* --- what others see and set --- */

const struct vm_view *vm_view(const struct vm *vm)
{
    return &vm->pub;
}

bool vm_configure(struct vm *vm, const struct vm_settings *s)
{
    const bool changed = memcmp(&vm->pub.want, &s->want, sizeof s->want) != 0; /* NOLINT: a copy has its padding, too */
    memcpy(&vm->pub.want, &s->want, sizeof s->want);
    vm->pub.policy = s->policy;
    return changed;
}

void vm_set_image(struct vm *vm, const struct vm_image *image)
{
    vm->pub.image = *image;
}

void vm_set_wipe_list(struct vm *vm, const struct vm_name *names, int n)
{
    vm->pub.n_to_wipe = n < VM_WIPE_NAMES ? n : VM_WIPE_NAMES;
    for (int i = 0; i < vm->pub.n_to_wipe; i++) vm->pub.to_wipe[i] = names[i];
}

void vm_rename(struct vm *vm, const char *id)
{
    snprintf(vm->pub.id, sizeof vm->pub.id, "%s", id);
}

void vm_heard(struct vm *vm, int64_t now_ms)
{
    vm->pub.contact_ms = now_ms;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void tell_state(struct vm *vm, struct vm_world *w, enum vm_state old, int reason)
{
    const struct vm_event ev = { .kind = VM_EV_STATE, .state = { old, reason } };
    w->sink->event(w->sink->ctx, vm, &ev);
}

void vm_tell_state(struct vm *vm, struct vm_world *w, int reason)
{
    tell_state(vm, w, vm->pub.state, reason);
}

void vm_set_state(struct vm *vm, struct vm_world *w, enum vm_state to, int reason)
{
    enum vm_state old = vm->pub.state;
    if (old == to) return;
    vm->pub.state = to;
    vm->pub.reason = reason;
    vm->pub.state_ms = w->now_ms;
    if (to == VM_RUNNING && old != VM_PAUSED) vm->pub.started_ms = w->now_ms;
    w->sink->save(w->sink->ctx, vm);
    tell_state(vm, w, old, reason);
}

void vm_set_lock(struct vm *vm, struct vm_world *w, enum vm_lock to, int reason)
{
    if (vm->pub.lock == to) return;
    vm->pub.lock = to;
    vm->pub.reason = reason;
    w->sink->save(w->sink->ctx, vm);
    tell_state(vm, w, vm->pub.state, reason);
}

/* For an operation of the device itself, its description comes before the progress. */
static void say_text(struct vm *vm, const char *text)
{
    const char *why = vm->priv.operation.why;
    char all[sizeof vm->pub.progress.text];
    snprintf(all, sizeof all, "%s%s%s", why, why[0] && text[0] ? ": " : "", text);
    memcpy(vm->pub.progress.text, all, sizeof all);
}

/* A destruction that has begun is completed; an operation of the device itself cannot be cancelled by a server. */
static bool can_be_cancelled(const struct vm *vm, enum vm_phase phase)
{
    const struct vm_operation *o = &vm->priv.operation;
    return !o->internal && o->kind && strcmp(o->kind->op, "wipe") != 0 && strcmp(o->kind->op, "delete") != 0 &&
           (phase == VM_P_DOWNLOAD || phase == VM_P_QUEUED);
}

void vm_set_progress(struct vm *vm, struct vm_world *w, enum vm_phase phase, int pct, const char *text)
{
    struct vm_progress *p = &vm->pub.progress;
    p->phase = (int)phase;
    p->pct = pct;
    p->update_ms = w->now_ms;
    p->can_cancel = can_be_cancelled(vm, phase);
    say_text(vm, text);
    if (vm->priv.operation.internal) return;
    w->sink->event(w->sink->ctx, vm, &(struct vm_event){ .kind = VM_EV_PROGRESS });
}

/* ---- the operation ---- */

static void remember(struct vm *vm, const char *correlator, int result)
{
    struct vm_private *p = &vm->priv;
    struct vm_done *d = &p->done[p->next_done++ % CORRELATORS];
    snprintf(d->correlator, sizeof d->correlator, "%s", correlator);
    d->result = result;
}

/* The end of the operation: progress, record of the correlator, and then the alert, which is sent exactly once. */
static void finish(struct vm *vm, struct vm_world *w, int result, const char *text)
{
    const struct vm_operation o = vm->priv.operation;
    struct vm_progress *p = &vm->pub.progress;
    vm_work_end(vm);
    if (o.internal || (text && text[0])) say_text(vm, text ? text : "");
    vm->priv.operation = (struct vm_operation){ 0 };
    if (vm->pub.state == VM_RUNNING) vm_look(vm, w); /* what was asked for need not be what runs */
    const bool ok = result >= 1200 && result < 1300;
    p->result = result;
    p->phase = ok ? VM_P_DONE : result == VM_CANCELLED ? VM_P_CANCELLED : VM_P_FAILED;
    p->pct = ok ? 100 : p->pct;
    p->update_ms = w->now_ms;
    p->can_cancel = false;
    if (ok && !o.internal && !(text && text[0])) p->text[0] = '\0';
    if (o.internal) {
        w->sink->save(w->sink->ctx, vm);
        if (ok && o.lease) vm_lease_done(vm, w, o.lease);
        return;
    }
    if (p->correlator[0]) remember(vm, p->correlator, result);
    w->sink->save(w->sink->ctx, vm);
    w->sink->event(w->sink->ctx, vm, &(struct vm_event){ .kind = VM_EV_COMPLETE, .result = result });
}

/* c.5.2 row 3: a provisioning that fails leaves nothing behind. */
static void release(struct vm *vm, struct vm_world *w, int reason)
{
    (void)w->hv->class->request(w->hv, HV_UNDEFINE, &vm->pub.want, ++vm->priv.last_cookie,
                                NULL); /* when it was defined already */
    vm_files_remove(vm, w);
    vm->pub.reinstall = false;
    vm_set_state(vm, w, VM_DEFINED, reason);
}

/* Has this wipe destroyed everything, with only the new installation left? */
static bool is_wiped(const struct vm_operation *o)
{
    bool past = false;
    for (unsigned i = 0; i < o->at && i < STEPS_MAX; i++) past = past || o->kind->steps[i] == STEP_WIPE;
    return past;
}

/* A step failed: set the resulting state of the VM. */
static void fail(struct vm *vm, struct vm_world *w, int code)
{
    struct vm_operation *o = &vm->priv.operation;
    const enum vm_step step = o->kind->steps[o->at];
    const bool booting = step == STEP_START || step == STEP_READY;
    char text[256];
    snprintf(text, sizeof text, "%s", vm->pub.progress.text);
    if (!code) code = o->kind->failure;
    if (is_wiped(o)) {
        char more[400];
        snprintf(more, sizeof more, "wiped; the new installation is not complete: %s", text);
        vm_set_state(vm, w, VM_STOPPED, o->reason);
        finish(vm, w, VM_RESTRICTED, more);
        return;
    }
    if (vm->pub.state == VM_PROVISIONING)
        release(vm, w, o->reason);
    else if (step == STEP_READY) {
        const enum vm_crash_reason why = o->crash ? o->crash : VM_CR_BOOT_TIMEOUT;
        finish(vm, w, code, text);
        vm_crashed(vm, w, why, text); /* powered on, but not ready: c.5.2 rows 5 and 6 */
        return;
    } else if (booting || (vm->pub.state == VM_STARTING))
        vm_set_state(vm, w, VM_STOPPED, o->reason);
    else if (step == STEP_REMOVE || step == STEP_UNDEFINE || step == STEP_WIPE)
        vm_set_state(vm, w, VM_FAILED, o->reason);
    else if (vm->pub.state == VM_SUSPENDING || vm->pub.state == VM_RESUMING || vm->pub.state == VM_SHUTTING_DOWN)
        vm_set_state(vm, w, o->before, o->reason);
    finish(vm, w, code, text);
}

static void go(struct vm *vm, struct vm_world *w, enum vm_go how, int code);

/* A separate start operation, which creates and checks the files that a guest needs. */
static void start_after_unlock(struct vm *vm, struct vm_world *w)
{
    const bool starts = vm->priv.start_next && vm->pub.state == VM_STOPPED && vm->pub.lock == VM_UNLOCKED;
    vm->priv.start_next = false;
    if (starts)
        vm_begin_internal(vm, w, "start", VM_R_LOCK, "the device starts the VM that the lock had stopped",
                          VM_LEASE_KEPT);
}

/* Run steps until one must wait. */
static void run(struct vm *vm, struct vm_world *w)
{
    struct vm_operation *o = &vm->priv.operation;
    while (o->kind) {
        enum vm_step step = o->at < STEPS_MAX ? o->kind->steps[o->at] : STEP_END;
        int code = 0;
        if (step == STEP_END) {
            finish(vm, w, o->kind->result, "");
            start_after_unlock(vm, w);
            return;
        }
        o->waits_for = 0;
        o->deadline_ms = INT64_MAX;
        enum vm_go how = vm_step_begin(vm, w, step, &code);
        if (how == VM_GO_NEXT) {
            o->at++;
            continue;
        }
        if (how != VM_GO_WAIT) go(vm, w, how, code);
        return;
    }
}

static void go(struct vm *vm, struct vm_world *w, enum vm_go how, int code)
{
    struct vm_operation *o = &vm->priv.operation;
    switch (how) {
    case VM_GO_WAIT: break;
    case VM_GO_NEXT:
        o->at++;
        run(vm, w);
        break;
    case VM_GO_END:
        if (o->kind->steps[o->at] == STEP_REMOVE) {
            finish(vm, w, code ? code : o->kind->result, code ? vm->pub.progress.text : "");
            w->sink->gone(w->sink->ctx, vm);
        } else {
            finish(vm, w, code ? code : o->kind->result, "");
        }
        break;
    case VM_GO_FAIL: fail(vm, w, code); break;
    }
}

enum vm_go vm_ask(struct vm *vm, struct vm_world *w, enum hv_call call, int64_t limit_ms, int *code)
{
    struct vm_private *p = &vm->priv;
    struct err e = { 0 };
    p->operation.waits_for = ++p->last_cookie;
    p->operation.deadline_ms = w->now_ms + limit_ms;
    w->sink->save(w->sink->ctx, vm); /* recorded before it is done */
    if (w->hv->class->request(w->hv, call, &vm->pub.want, p->operation.waits_for, &e) == RC_OK) return VM_GO_WAIT;
    snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text, "%.200s", e.text);
    *code = 0;
    return VM_GO_FAIL;
}

/* "start=1;force=1": the value of one key, empty when it is missing. */
static struct str argument(struct str args, const char *key)
{
    struct str value = { 0 };
    kv_get(args, ';', key, &value);
    return value;
}

static bool flag(struct str args, const char *key)
{
    struct str v = argument(args, key);
    return str_is(v, "1") || str_is(v, "true");
}

/* c.3.10. @return false for an unknown scope */
static bool scope_of(struct str args, enum vm_scope *out)
{
    const struct str v = argument(args, "scope");
    *out = str_is(v, "user") ? VM_SCOPE_USER : str_is(v, "all") ? VM_SCOPE_ALL : VM_SCOPE_LISTED;
    return !v.n || *out != VM_SCOPE_LISTED || str_is(v, "listed");
}

static bool in_list(const int *list, size_t n, int value)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == value) return true;
    return false;
}

static bool is_stable(const struct vm *vm, const struct vm_world *w)
{
    const struct ddf_state *s = ddf_layout_state(w->layout, (int)vm->pub.state);
    return s && s->stable;
}

/* c.5.3. @return 0 = allowed, else the result */
static int guard(const struct vm *vm, const struct vm_world *w, const struct ddf_operation *op,
                 const struct vm_operation_kind *kind, bool force)
{
    const bool may_stop = vm->pub.state == VM_STARTING || vm->pub.state == VM_RESUMING ||
                          vm->pub.state == VM_SHUTTING_DOWN;
    if (vm->priv.operation.kind && !(strcmp(kind->op, "stop") == 0 && may_stop)) return VM_BUSY;
    if (!is_stable(vm, w) && !(strcmp(kind->op, "stop") == 0 && may_stop)) return VM_BUSY;
    if (vm->pub.policy.is_protected && op->destructive) return VM_PROTECTED;
    if (vm_crash_pending(vm) && op->to == VM_RUNNING) return VM_BUSY; /* the device itself will start it */
    if (!op->while_locked && vm->pub.lock == VM_LOCKED) return VM_IS_LOCKED;
    if (kind->already && op->to == (int)vm->pub.state) return VM_ALREADY;
    if (op->lock_to >= 0 && op->lock_to == (int)vm->pub.lock) return VM_ALREADY;
    if (op->n_from && !in_list(op->from, op->n_from, (int)vm->pub.state) && !may_stop)
        return force && in_list(op->from_forced, op->n_from_forced, (int)vm->pub.state) ? 0 : VM_NOT_IN_STATE;
    return 0;
}

static int cancel(struct vm *vm, struct vm_world *w)
{
    struct vm_private *p = &vm->priv;
    if (!p->operation.kind || !vm->pub.progress.can_cancel || p->operation.internal) return VM_NOT_IN_STATE;
    if (p->loading[0]) download_cancel(w->loader, p->loading);
    p->loading[0] = '\0';
    if (vm->pub.state == VM_PROVISIONING) release(vm, w, VM_R_SERVER);
    finish(vm, w, VM_CANCELLED, "cancelled by the server");
    return VM_OK;
}

static void begin(struct vm *vm, struct vm_world *w, const struct vm_operation_kind *kind, struct str args,
                  const char *correlator, const char *server_id)
{
    int64_t timeout_s = 0;
    struct vm_progress *p = &vm->pub.progress;
    if (!str_to_i64(argument(args, "timeout"), &timeout_s) || timeout_s < 0) timeout_s = 0;
    vm->priv.operation = (struct vm_operation){ .kind = kind,
                                                .reason = VM_R_SERVER,
                                                .start_after = flag(args, "start"),
                                                .paused = flag(args, "paused"),
                                                .force = flag(args, "force"),
                                                .restart = flag(args, "restart"),
                                                .keeps_data = str_is(argument(args, "wipe"), "0") ||
                                                              str_is(argument(args, "wipe"), "false"),
                                                .timeout_s = timeout_s,
                                                .before = vm->pub.state,
                                                .deadline_ms = INT64_MAX };
    (void)scope_of(args, &vm->priv.operation.scope);
    vm->priv.restart_ms = 0;
    *p = (struct vm_progress){ .phase = VM_P_QUEUED,
                               .start_ms = w->now_ms,
                               .update_ms = w->now_ms,
                               .can_cancel = can_be_cancelled(vm, VM_P_QUEUED) };
    snprintf(p->op, sizeof p->op, "%s", kind->op);
    snprintf(p->correlator, sizeof p->correlator, "%s", correlator);
    snprintf(p->server_id, sizeof p->server_id, "%s", server_id);
    w->sink->save(w->sink->ctx, vm); /* before the 202 is sent */
    run(vm, w);
}

int vm_operation(struct vm *vm, struct vm_world *w, const char *op, struct str args, const char *correlator,
                 const char *server_id)
{
    const struct ddf_operation *o = ddf_layout_operation(w->layout, DDF_VM, str_of(op));
    const struct vm_operation_kind *kind = vm_kind_of(op);
    const struct vm_private *p = &vm->priv;
    enum vm_scope scope;
    if (correlator[0]) {
        if (p->operation.kind && !p->operation.internal && strcmp(vm->pub.progress.correlator, correlator) == 0)
            return VM_ACCEPTED;
        for (unsigned i = 0; i < CORRELATORS; i++)
            if (strcmp(p->done[i].correlator, correlator) == 0) return p->done[i].result;
    }
    if (strcmp(op, "cancel") == 0) return cancel(vm, w);
    if (!o || !kind) return VM_CANNOT;
    int refused = guard(vm, w, o, kind, flag(args, "force"));
    if (refused) return refused;
    if (strcmp(op, "wipe") == 0 && !scope_of(args, &scope)) return VM_NOT_WIPED;
    if (vm->priv.operation.kind) /* Stop aborts the operation in progress */
        finish(vm, w, VM_CANCELLED, "aborted by a stop");
    if (strcmp(op, "lock") == 0 || strcmp(op, "unlock") == 0)
        snprintf(vm->pub.locker, sizeof vm->pub.locker, "%s", server_id);
    begin(vm, w, kind, args, correlator, server_id);
    return VM_ACCEPTED;
}

static bool prepare_internal(struct vm *vm, struct vm_world *w, const char *op, int reason, const char *why,
                             enum vm_lease lease)
{
    const struct vm_operation_kind *kind = vm_kind_of(op);
    if (vm->priv.operation.kind || !kind) return false;
    vm->priv.operation = (struct vm_operation){
        .kind = kind,
        .internal = true,
        .reason = reason,
        .lease = lease,
        .before = vm->pub.state,
        .deadline_ms = INT64_MAX,
        .scope = VM_SCOPE_ALL /* c.5.2 row 40 */
    };
    vm->priv.restart_ms = 0;
    snprintf(vm->priv.operation.why, sizeof vm->priv.operation.why, "%s", why);
    vm->pub.progress = (struct vm_progress){ .phase = VM_P_QUEUED, .start_ms = w->now_ms, .update_ms = w->now_ms };
    snprintf(vm->pub.progress.op, sizeof vm->pub.progress.op, "%s", kind->op);
    say_text(vm, "");
    w->sink->save(w->sink->ctx, vm); /* before it is done */
    return true;
}

bool vm_begin_internal(struct vm *vm, struct vm_world *w, const char *op, int reason, const char *why,
                       enum vm_lease lease)
{
    if (!prepare_internal(vm, w, op, reason, why, lease)) return false;
    run(vm, w);
    return true;
}

/* ---- resources ---- */

static void set_live(struct vm *vm, struct vm_world *w)
{
    char text[HV_TEXT_BYTES] = "";
    vm->priv.set_dirty = false;
    if (vm_admit(vm, w, text)) { /* it stays pending: whoever has it applied or the VM started is told why not */
        vm_tell_pending(vm, w);
        return;
    }
    vm->priv.set_cookie = ++vm->priv.last_cookie;
    if (w->hv->class->request(w->hv, HV_SET_RESOURCES, &vm->pub.want, vm->priv.set_cookie, NULL))
        vm->priv.set_cookie = 0; /* it stays pending until the next start */
}

/* ---- events ---- */

static void take_stats(struct vm *vm, const struct vm_world *w, const struct hv_event *ev)
{
    if (ev->rc || !ev->stats) return;
    vm->pub.stats_before = vm->pub.stats;
    vm->pub.stats = *ev->stats;
    vm->pub.stats.at_ms = w->now_ms;
}

/* The hypervisor reports a change that no operation waits for (c.5.2 rows 16 to 18). */
static void unexpected(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    const bool alive = vm->pub.state == VM_RUNNING || vm->pub.state == VM_PAUSED || vm->pub.state == VM_STARTING ||
                       vm->pub.state == VM_SHUTTING_DOWN;
    const bool crash = ev->state == HV_CRASHED || ev->cause == HV_C_PANIC || ev->cause == HV_C_WATCHDOG ||
                       ev->cause == HV_C_KILLED || ev->cause == HV_C_NO_MEMORY || ev->cause == HV_C_START_FAILED;
    if (crash && alive)
        vm_crashed(vm, w, vm_crash_reason(ev->cause), ev->text);
    else if ((ev->state == HV_OFF || ev->state == HV_GONE) && alive)
        vm_set_state(vm, w, VM_STOPPED, ev->cause == HV_C_GUEST ? VM_R_GUEST : VM_R_LOCAL);
    else
        vm_outside_doubt(vm, w, ev);
}

/* A look that finds the guest up is as good as its own word, which came while the agent was away. */
static bool is_word_of_guest(const struct vm *vm, const struct hv_event *ev)
{
    const struct vm_operation *o = &vm->priv.operation;
    return o->kind && o->kind->steps[o->at] == STEP_READY && ev->kind == HV_EV_DONE && ev->call == HV_LOOK && !ev->rc &&
           ev->ready;
}

bool vm_hv_event(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    struct vm_operation *o = &vm->priv.operation;
    struct hv_event ready = { .kind = HV_EV_READY };
    int code = 0;
    if (strcmp(ev->uuid, vm->pub.want.uuid) != 0) return false;
    if (is_word_of_guest(vm, ev)) ev = &ready;
    if (vm_outside_event(vm, w, ev)) return true;
    if (ev->kind == HV_EV_DONE && ev->call == HV_STATS) {
        take_stats(vm, w, ev);
        return true;
    }
    if (ev->kind == HV_EV_DONE && ev->call == HV_SET_RESOURCES && ev->cookie == vm->priv.set_cookie) {
        vm->priv.set_cookie = 0;
        vm_resources_seen(vm, w, ev->in_force);
        w->sink->save(w->sink->ctx, vm);
        return true;
    }
    if (ev->kind == HV_EV_DONE && (!o->kind || ev->cookie != o->waits_for))
        return true; /* of an operation that was aborted */
    if (o->kind) {
        enum vm_go how = vm_step_event(vm, w, o->kind->steps[o->at], ev, &code);
        go(vm, w, how, code);
    } else if (ev->kind == HV_EV_STATE)
        unexpected(vm, w, ev);
    return true;
}

bool vm_loader_event(struct vm *vm, struct vm_world *w, const struct download_event *ev)
{
    struct vm_private *p = &vm->priv;
    if (!p->loading[0] || strcmp(p->loading, ev->id) != 0) return false;
    vm->pub.progress.done_kb = ev->done_bytes / 1024;
    vm->pub.progress.total_kb = ev->total_bytes / 1024;
    if (ev->kind == DOWNLOAD_PROGRESS) {
        vm_set_progress(vm, w, VM_P_DOWNLOAD, ev->total_bytes > 0 ? (int)(ev->done_bytes * 60 / ev->total_bytes) : 0,
                        "fetching the image");
        return true;
    }
    p->loading[0] = '\0';
    if (ev->result != VM_OK) snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text, "%.255s", ev->text);
    go(vm, w, ev->result == VM_OK ? VM_GO_NEXT : VM_GO_FAIL, ev->result);
    return true;
}

void vm_tick(struct vm *vm, struct vm_world *w)
{
    struct vm_operation *o = &vm->priv.operation;
    int code = 0;
    if (o->kind && (o->deadline_ms <= w->now_ms || (o->press_ms && o->press_ms <= w->now_ms))) {
        enum vm_go how = vm_step_timeout(vm, w, o->kind->steps[o->at], &code);
        go(vm, w, how, code);
    }
    if (vm->priv.set_dirty && vm->pub.state == VM_RUNNING && !o->kind) set_live(vm, w);
    vm_crash_tick(vm, w);
    vm_lease_tick(vm, w);
}

int64_t vm_next_ms(const struct vm *vm)
{
    const struct vm_private *p = &vm->priv;
    int64_t next = INT64_MAX;
    if (p->set_dirty && !p->operation.kind) next = 0;
    if (p->operation.kind && p->operation.deadline_ms < next) next = p->operation.deadline_ms;
    if (p->operation.kind && p->operation.press_ms && p->operation.press_ms < next) next = p->operation.press_ms;
    if (p->restart_ms && p->restart_ms < next) next = p->restart_ms;
    return vm_lease_next_ms(vm) < next ? vm_lease_next_ms(vm) : next;
}

void vm_collect(struct vm *vm, struct vm_world *w)
{
    if (vm->pub.state == VM_RUNNING || vm->pub.state == VM_PAUSED)
        (void)w->hv->class->request(w->hv, HV_STATS, &vm->pub.want, ++vm->priv.last_cookie,
                                    NULL); /* the next period tries again */
}

/* ---- after a restart of the agent ---- */

static enum vm_state state_seen(const struct vm *vm, enum hv_state seen)
{
    switch (seen) {
    case HV_RUNNING:
    case HV_SHUTTING_DOWN: return VM_RUNNING;
    case HV_PAUSED: return VM_PAUSED;
    case HV_SAVED: return VM_SUSPENDED;
    case HV_CRASHED: return VM_CRASHED;
    default: return vm->pub.state == VM_FAILED || vm->pub.state == VM_CRASHED ? vm->pub.state : VM_STOPPED;
    }
}

static bool wipes(const struct vm_operation *o)
{
    return strcmp(o->kind->op, "wipe") == 0;
}

/* An operation that is completed in any case: data must not be left half destroyed. */
static bool goes_on(const struct vm *vm)
{
    const struct vm_operation_kind *kind = vm->priv.operation.kind;
    if (!kind) return false;
    return wipes(&vm->priv.operation) || (strcmp(kind->op, "delete") == 0 && vm->pub.state == VM_DELETING);
}

/* Start again at the first step, because every step may be repeated; but an installation after a wipe is not wiped
 * again. */
static void go_on(struct vm *vm, struct vm_world *w)
{
    struct vm_operation *o = &vm->priv.operation;
    const bool wiped = is_wiped(o);
    o->deadline_ms = INT64_MAX;
    vm_set_state(vm, w, wipes(o) ? VM_WIPING : VM_DELETING, o->reason);
    for (o->at = 0; wiped && o->kind->steps[o->at] != STEP_IMAGE;) o->at++;
    run(vm, w);
}

/* Abort an operation that is not continued. */
static void break_off(struct vm *vm, struct vm_world *w)
{
    if (vm->pub.progress.op[0] && vm->pub.progress.result == 0) {
        vm->priv.operation = (struct vm_operation){
            .kind = vm_kind_of("stop"), /* completed only formally; an operation of the device itself has no server
                                         * to inform */
            .internal = !vm->pub.progress.server_id[0],
            .before = vm->pub.state
        };
        finish(vm, w, VM_INTERRUPTED, "interrupted by a restart of the agent; see the state");
    }
    vm->priv.operation = (struct vm_operation){ 0 };
}

/* The guest was booting when the agent ended, and its emulator is still there: whether it comes up is still to be seen. */
static void await_guest(struct vm *vm, struct vm_world *w)
{
    struct vm_operation *o = &vm->priv.operation;
    if (!prepare_internal(vm, w, "start", VM_R_HOST_RESTART,
                          "the device waits for the guest that booted when it was restarted", VM_LEASE_KEPT))
        return;
    while (o->kind->steps[o->at] != STEP_READY) o->at++;
    run(vm, w);
    if (o->kind)
        (void)w->hv->class->request(w->hv, HV_LOOK, &vm->pub.want, ++vm->priv.last_cookie,
                                    NULL); /* else its own word */
}

void vm_recover(struct vm *vm, struct vm_world *w, enum hv_state seen)
{
    const enum vm_state was = vm->pub.state;
    const bool start_next = vm->priv.start_next;
    vm->priv.start_next = false;
    if (goes_on(vm)) {
        go_on(vm, w);
        return;
    }
    const bool alive = was == VM_RUNNING || was == VM_PAUSED || was == VM_STARTING || was == VM_SHUTTING_DOWN;
    if (alive && seen == HV_CRASHED) { /* on its preserved domain: it happened while the agent was not running */
        break_off(vm, w);
        vm_crashed(vm, w, VM_CR_UNKNOWN, "the guest crashed while the agent was not running");
        return;
    }
    if (was == VM_PROVISIONING)
        release(vm, w, VM_R_HOST_RESTART); /* row 31: undone; what was fetched stays */
    else if (was == VM_STARTING && seen == HV_RUNNING) {
        break_off(vm, w);
        await_guest(vm, w);
        return;
    } else if (was != VM_DEFINED) {
        enum vm_state now = state_seen(vm, seen);
        vm_set_state(vm, w, now, now == was ? vm->pub.reason : VM_R_HOST_RESTART);
    }
    if (!vm_crash_pending(vm)) break_off(vm, w);
    if (vm->pub.state == VM_STOPPED && vm->pub.lock == VM_UNLOCKED &&
        (vm->pub.policy.auto_start == 2 || (vm->pub.policy.auto_start == 1 && (alive || start_next))))
        vm_begin_internal(vm, w, "start", VM_R_AUTO_START, "automatic start of the VM by the device", VM_LEASE_KEPT);
}

/* ---- addresses ---- */

/* Always the same, so that the guest and its network recognise the interface. First octet: locally administered,
 * unicast. */
void vm_net_mac(const char *uuid, const char *interface, char out[18])
{
    uint8_t h[SHA256_BYTES];
    char text[HV_UUID_BYTES + HV_NAME_BYTES + 1];
    snprintf(text, sizeof text, "%s/%s", uuid, interface);
    crypto_sha256(str_of(text), h);
    h[0] = (uint8_t)((h[0] & 0xfc) | 0x02);
    snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", h[0], h[1], h[2], h[3], h[4], h[5]);
}
