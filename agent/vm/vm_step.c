/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/admission.h"
#include "agent/vm/vm_int.h"
#include <stdio.h>
#include <string.h>

/* The steps of operations. Each has three functions: begin, event, timeout; steps that only send a request to the
 * hypervisor share theirs. */

static void say(struct vm *vm, const char *text)
{
    snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text, "%.255s", text);
}

/* ---- admission ---- */

static struct admission room_for(const struct vm *vm, const struct vm_world *w)
{
    struct hv_facts f = { .store_free_kb = -1 };
    if (w->hv->class->facts(w->hv, &f, NULL)) f = (struct hv_facts){ .store_free_kb = -1 };
    return (struct admission){ .cpus = f.cpu_online,
                               .cores = f.cpu_total,
                               .max_vcpus = f.max_vcpus,
                               .memory_kb = f.mem_total_kb,
                               .promised_kb = w->promised_kb - (vm_is_on(&vm->pub) ? vm->pub.effective.mem_max_kb : 0),
                               .store_free_kb = vm_has_files(w) ? vm_files_room_kb(w) : f.store_free_kb };
}

/* By how much its volumes are to grow. */
static int64_t new_kb(const struct vm *vm)
{
    int64_t kb = 0;
    for (int i = 0; i < vm->pub.want.n_volumes; i++)
        if (vm->pub.want.volumes[i].quota_kb > vm->pub.want.volumes[i].size_kb)
            kb += vm->pub.want.volumes[i].quota_kb - vm->pub.want.volumes[i].size_kb;
    return kb;
}

int vm_admit(const struct vm *vm, const struct vm_world *w, char text[HV_TEXT_BYTES])
{
    const struct admission room = room_for(vm, w);
    return admission_test(&vm->pub.want, &room, new_kb(vm), text);
}

static enum vm_go admit(struct vm *vm, struct vm_world *w, int *code)
{
    *code = vm_admit(vm, w, vm->pub.progress.text);
    return *code ? VM_GO_FAIL : VM_GO_NEXT;
}

/* ---- files ---- */

/* Continue in the next round of the loop, when the record so far is durable. */
static enum vm_go go_on(struct vm *vm, const struct vm_world *w)
{
    vm->priv.operation.deadline_ms = w->now_ms + 1;
    return VM_GO_WAIT;
}

/* @param unfit  the code for an invalid file; 0 = the operation's own */
static enum vm_go broken(struct vm *vm, enum rc rc, const struct err *e, int unfit, int *code)
{
    const bool bad = rc == RC_INVALID || rc == RC_PARSE || rc == RC_UNSUPPORTED;
    say(vm, e->text);
    *code = rc == RC_LIMIT ? VM_NO_STORAGE : bad ? unfit : 0;
    return VM_GO_FAIL;
}

/* Must the image's files be installed? */
static bool installs(const struct vm *vm)
{
    return vm->pub.state == VM_PROVISIONING || vm->pub.reinstall;
}

static enum vm_go begin_files(struct vm *vm, struct vm_world *w, int *code)
{
    char file[512];
    struct err e = { 0 };
    bool done = false;

    if (!installs(vm) || !vm_has_files(w)) return VM_GO_NEXT;
    if (!download_has(w->loader, vm->pub.image.sha256, file)) {
        *code = VM_IMAGE_UNKNOWN;
        say(vm, "the image no longer exists");
        return VM_GO_FAIL;
    }
    if (!vm->priv.work.open) vm_set_progress(vm, w, VM_P_WRITE, 70, "installing the image");
    enum rc rc = vm_files_install(vm, w, file, &done, &e);
    if (rc) return broken(vm, rc, &e, VM_IMAGE_UNFIT, code);
    if (!done) return go_on(vm, w);
    vm->pub.reinstall = false;
    w->sink->save(w->sink->ctx, vm);
    return VM_GO_NEXT;
}

static enum vm_go begin_volumes(struct vm *vm, struct vm_world *w, int *code)
{
    struct err e = { 0 };
    bool made = false;

    if (!vm_has_files(w)) return VM_GO_NEXT;
    const struct admission room = room_for(vm, w);
    *code = admission_storage(&room, new_kb(vm), vm->pub.progress.text);
    if (*code) return VM_GO_FAIL;
    enum rc rc = vm_files_make(vm, &made, &e);
    if (!rc) rc = vm_files_check(vm, &e);
    if (rc) return broken(vm, rc, &e, 0, code);
    if (!made) return VM_GO_NEXT;
    w->sink->save(w->sink->ctx, vm);
    return go_on(vm, w);
}

/* ---- the image ---- */

static enum vm_go begin_image(struct vm *vm, struct vm_world *w, int *code)
{
    char file[512];
    struct err e = { 0 };
    const struct vm_image *im = &vm->pub.image;
    if (vm->pub.state == VM_DEFINED) vm_set_state(vm, w, VM_PROVISIONING, VM_R_SERVER);
    if (!installs(vm)) return VM_GO_NEXT;
    if (!im->known) {
        *code = VM_IMAGE_UNKNOWN;
        say(vm, im->id[0] ? "the image is not described on this device" : "no image is set");
        return VM_GO_FAIL;
    }
    if (download_has(w->loader, im->sha256, file)) return VM_GO_NEXT;
    vm_set_progress(vm, w, VM_P_DOWNLOAD, 0, "fetching the image");
    snprintf(vm->priv.loading, sizeof vm->priv.loading, "vm %s", vm->pub.id);
    const struct download_request r = { .id = vm->priv.loading,
                                        .url = im->url,
                                        .auth = im->auth,
                                        .sha256 = im->sha256,
                                        .size_bytes = im->size_bytes,
                                        .ca_file = im->ca_file[0] ? im->ca_file : NULL };
    if (download_start(w->loader, &r, &e) == RC_OK) return VM_GO_WAIT;
    vm->priv.loading[0] = '\0';
    say(vm, e.text);
    *code = VM_IMAGE_UNKNOWN;
    return VM_GO_FAIL;
}

/* ---- power ---- */

/* A guest never runs with fewer files than it had. */
static bool has_its_files(struct vm *vm, const struct vm_world *w)
{
    struct err e = { 0 };

    if (!vm_has_files(w) || !vm_files_check(vm, &e)) return true;
    say(vm, e.text);
    return false;
}

static enum vm_go begin_start(struct vm *vm, struct vm_world *w, int *code)
{
    const struct vm_operation *o = &vm->priv.operation;
    if (!has_its_files(vm, w)) return VM_GO_FAIL;
    vm_set_state(vm, w, VM_STARTING, o->reason);
    vm_set_progress(vm, w, VM_P_START, 85, "starting the guest");
    vm->priv.ready_early = false;
    vm->pub.boot_ms = w->now_ms;
    vm->pub.boot_count++;
    vm->pub.effective = vm->pub.want;
    vm->pub.pending = false;
    memset(&vm->pub.stats, 0, sizeof vm->pub.stats);
    memset(&vm->pub.stats_before, 0, sizeof vm->pub.stats_before);
    return vm_ask(vm, w, o->paused ? HV_START_PAUSED : HV_START, REQUEST_LIMIT_MS, code);
}

static enum vm_go guest_is_up(struct vm *vm, struct vm_world *w)
{
    vm->pub.boot_time_ms = w->now_ms - vm->pub.boot_ms;
    vm_set_state(vm, w, VM_RUNNING, vm->priv.operation.reason);
    return VM_GO_NEXT;
}

static enum vm_go begin_ready(struct vm *vm, struct vm_world *w)
{
    struct vm_operation *o = &vm->priv.operation;
    if (o->paused) {
        vm_set_state(vm, w, VM_PAUSED, o->reason);
        return VM_GO_NEXT;
    }
    if (vm->pub.policy.health == 0 || !vm->pub.want.heartbeat || vm->priv.ready_early) return guest_is_up(vm, w);
    vm_set_progress(vm, w, VM_P_START, 90, "waiting for the guest to become ready");
    o->deadline_ms = w->now_ms + (int64_t)vm->pub.policy.boot_timeout_s * 1000;
    return VM_GO_WAIT;
}

static enum vm_go event_ready(struct vm *vm, struct vm_world *w, const struct hv_event *ev, int *code)
{
    if (ev->kind == HV_EV_READY) return guest_is_up(vm, w);
    if (ev->kind == HV_EV_STATE && (ev->state == HV_CRASHED || ev->state == HV_OFF || ev->state == HV_GONE)) {
        *code = VM_START_FAILED;
        vm->priv.operation.crash = vm_crash_reason(ev->cause);
        say(vm, ev->text[0] ? ev->text : "the guest stopped while it was booting");
        return VM_GO_FAIL;
    }
    return VM_GO_WAIT;
}

static bool is_off(const struct vm *vm)
{
    return vm->pub.state == VM_STOPPED || vm->pub.state == VM_DEFINED || vm->pub.state == VM_FAILED;
}

static enum vm_go begin_stop(struct vm *vm, struct vm_world *w, int *code)
{
    if (is_off(vm)) return VM_GO_NEXT;
    vm_set_progress(vm, w, VM_P_STOP, 30, "powering the guest off");
    return vm_ask(vm, w, vm->pub.state == VM_SUSPENDED ? HV_DROP_SAVED : HV_DESTROY, REQUEST_LIMIT_MS, code);
}

/* The power button; pressed again every few seconds, because a press during the guest's boot is lost. */
static enum vm_go begin_shutdown(struct vm *vm, struct vm_world *w, int *code)
{
    struct vm_operation *o = &vm->priv.operation;
    if (is_off(vm)) return VM_GO_NEXT;
    if (vm->pub.state == VM_CRASHED || vm->pub.state == VM_PAUSED) { /* cannot react to a button */
        o->stopping_hard = true;
        return vm_ask(vm, w, HV_DESTROY, REQUEST_LIMIT_MS, code);
    }
    int64_t limit_s = o->timeout_s ? o->timeout_s : vm->pub.policy.shut_timeout_s;
    vm_set_state(vm, w, VM_SHUTTING_DOWN, o->reason);
    vm_set_progress(vm, w, VM_P_STOP, 30, "waiting for the guest to shut down");
    enum vm_go how = vm_ask(vm, w, HV_SHUTDOWN, limit_s * 1000, code);
    o->press_ms = w->now_ms + PRESS_AGAIN_MS;
    return how;
}

static enum vm_go stopped(struct vm *vm, struct vm_world *w)
{
    struct vm_operation *o = &vm->priv.operation;
    o->press_ms = 0;
    vm_set_state(vm, w, VM_STOPPED, o->stopping_hard ? VM_R_TIMEOUT : o->reason);
    o->stopping_hard = false;
    return VM_GO_NEXT;
}

static enum vm_go event_shutdown(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    struct vm_operation *o = &vm->priv.operation;
    if (ev->kind == HV_EV_STATE && (ev->state == HV_OFF || ev->state == HV_GONE || ev->state == HV_CRASHED))
        return stopped(vm, w);
    if (ev->kind == HV_EV_DONE && o->stopping_hard && !ev->rc) return stopped(vm, w);
    if (ev->kind == HV_EV_DONE && ev->rc == RC_TIMEOUT)
        o->deadline_ms = w->now_ms; /* an emulator that does not answer will not shut down: it times out now */
    return VM_GO_WAIT;
}

static enum vm_go timeout_shutdown(struct vm *vm, struct vm_world *w, int *code)
{
    struct vm_operation *o = &vm->priv.operation;
    if (w->now_ms < o->deadline_ms) { /* only the time to press again */
        const int64_t deadline_ms = o->deadline_ms;
        enum vm_go how = vm_ask(vm, w, HV_SHUTDOWN, 0, code);
        o->deadline_ms = deadline_ms;
        o->press_ms = w->now_ms + PRESS_AGAIN_MS;
        return how == VM_GO_FAIL ? VM_GO_WAIT : how;
    }
    o->press_ms = 0;
    if (!o->stopping_hard && (o->force || o->restart || vm->pub.policy.force_stop)) {
        o->stopping_hard = true;
        return vm_ask(vm, w, HV_DESTROY, REQUEST_LIMIT_MS, code);
    }
    say(vm, "the guest did not shut down in time");
    *code = VM_STOP_FAILED;
    return VM_GO_FAIL;
}

static enum vm_go begin_restore(struct vm *vm, struct vm_world *w, int *code)
{
    const struct admission room = room_for(vm, w);
    *code = admission_memory(&vm->pub.effective, &room, vm->pub.progress.text);
    if (*code || !has_its_files(vm, w)) return VM_GO_FAIL;
    vm_set_state(vm, w, VM_RESUMING, vm->priv.operation.reason);
    return vm_ask(vm, w, HV_RESTORE, REQUEST_LIMIT_MS, code);
}

/* ---- lock ---- */

static enum vm_go begin_lock_action(struct vm *vm, struct vm_world *w, int *code)
{
    vm->pub.before_lock = vm->pub.state;
    if (vm->pub.state != VM_RUNNING) return VM_GO_NEXT;
    switch (vm->pub.policy.lock_action) {
    case VM_LA_PAUSE: return vm_ask(vm, w, HV_PAUSE, REQUEST_LIMIT_MS, code);
    case VM_LA_SUSPEND:
        vm_set_state(vm, w, VM_SUSPENDING, VM_R_LOCK);
        return vm_ask(vm, w, HV_SAVE, REQUEST_LIMIT_MS, code);
    case VM_LA_SHUTDOWN: vm->priv.operation.force = true; return begin_shutdown(vm, w, code);
    default: return VM_GO_NEXT; /* the guest keeps running, hidden */
    }
}

static enum vm_go event_lock_action(struct vm *vm, struct vm_world *w, const struct hv_event *ev, int *code)
{
    if (vm->pub.policy.lock_action == VM_LA_SHUTDOWN) return event_shutdown(vm, w, ev);
    if (ev->kind != HV_EV_DONE) return VM_GO_WAIT;
    if (ev->rc == RC_TIMEOUT && !vm->priv.operation.stopping_hard) {
        /* An emulator that does not answer cannot be paused. The lock does not wait for it: the VM is powered off. */
        vm->priv.operation.stopping_hard = true;
        return vm_ask(vm, w, HV_DESTROY, REQUEST_LIMIT_MS, code);
    }
    if (ev->rc) {
        say(vm, ev->text);
        *code = VM_LOCK_FAILED;
        return VM_GO_FAIL;
    }
    if (vm->priv.operation.stopping_hard) return stopped(vm, w);
    vm_set_state(vm, w, vm->pub.policy.lock_action == VM_LA_PAUSE ? VM_PAUSED : VM_SUSPENDED, VM_R_LOCK);
    return VM_GO_NEXT;
}

/* What the lock stopped continues; what was stopped before stays stopped. */
static enum vm_go begin_unlock_action(struct vm *vm, struct vm_world *w, int *code)
{
    struct vm_operation *o = &vm->priv.operation;
    bool ran = vm->pub.before_lock == VM_RUNNING;
    vm->pub.before_lock = VM_UNDEFINED;
    o->reason = VM_R_LOCK;
    if (!ran) return VM_GO_NEXT;
    if (vm->pub.state == VM_PAUSED) return vm_ask(vm, w, HV_RESUME, REQUEST_LIMIT_MS, code);
    if (vm->pub.state == VM_SUSPENDED) return begin_restore(vm, w, code);
    vm->priv.start_next = vm->pub.state == VM_STOPPED;
    return VM_GO_NEXT;
}

/* ---- the others ---- */

static enum vm_go begin_save(struct vm *vm, struct vm_world *w, int *code)
{
    vm_set_state(vm, w, VM_SUSPENDING, vm->priv.operation.reason);
    return vm_ask(vm, w, HV_SAVE, REQUEST_LIMIT_MS, code);
}

static enum vm_go begin_resume(struct vm *vm, struct vm_world *w, int *code)
{
    if (vm->pub.state == VM_SUSPENDED) return begin_restore(vm, w, code);
    if (vm->pub.reason == VM_R_SHORTAGE && vm_has_files(w) && vm_files_is_full(w)) {
        say(vm, "the device has no room for what the guest writes");
        *code = VM_NO_STORAGE;
        return VM_GO_FAIL;
    }
    return vm_ask(vm, w, HV_RESUME, REQUEST_LIMIT_MS, code);
}

/* ---- wipe ---- */

static enum vm_go begin_scope(struct vm *vm, struct vm_world *w, int *code)
{
    const bool begins = !vm->priv.operation.n_wipe;
    if (vm_wipe_resolve(vm)) {
        if (begins && vm_has_files(w)) vm_wipe_note_lost(vm);
        vm_set_progress(vm, w, VM_P_WRITE, 10, "wiping");
        return VM_GO_NEXT;
    }
    say(vm, "nothing was wiped: scope=listed, and AvailableWipeList marks nothing that exists (ToBeWiped)");
    *code = VM_NOT_WIPED;
    return VM_GO_FAIL;
}

static enum vm_go wipe_some(struct vm *vm, struct vm_world *w)
{
    struct err e = { 0 };
    bool done = false;
    char lost[200], text[448];

    const enum rc rc = vm_has_files(w) ? vm_wipe_some(vm, &done, &e) : RC_OK;
    if (vm_has_files(w) && !rc && !done) return go_on(vm, w);
    if (!rc) vm_wipe_forget(vm);
    vm_wipe_tell_lost(vm, lost);
    w->sink->save(w->sink->ctx, vm);
    if (!rc && !lost[0]) return VM_GO_NEXT;
    snprintf(text, sizeof text, "%.200s%s%s", e.text, e.text[0] && lost[0] ? "; " : "", lost);
    say(vm, text);
    return VM_GO_FAIL;
}

static enum vm_go begin_wipe(struct vm *vm, struct vm_world *w)
{
    vm_set_state(vm, w, VM_WIPING, vm->priv.operation.reason);
    w->sink->save(w->sink->ctx, vm);
    return go_on(vm, w);
}

static enum vm_go begin_undefine(struct vm *vm, struct vm_world *w, int *code)
{
    if (vm->pub.state != VM_DELETING && vm_has_files(w) && !vm->priv.operation.keeps_data) vm_wipe_note_lost(vm);
    vm_set_state(vm, w, VM_DELETING, vm->priv.operation.reason);
    return vm_ask(vm, w, HV_UNDEFINE, REQUEST_LIMIT_MS, code);
}

static enum vm_go remove_some(struct vm *vm, struct vm_world *w, int *code)
{
    struct err e = { 0 };
    bool done = false;
    char lost[200];

    if (vm_has_files(w) && vm_delete_some(vm, &done, &e)) {
        say(vm, e.text);
        return VM_GO_FAIL;
    }
    if (vm_has_files(w) && !done) return go_on(vm, w);
    vm_wipe_tell_lost(vm, lost);
    if (lost[0]) *code = VM_RESTRICTED;
    say(vm, lost);
    return VM_GO_END;
}

static enum vm_go begin_set_live(struct vm *vm, struct vm_world *w, int *code)
{
    if (vm_same_resources(&vm->pub.want, &vm->pub.effective)) {
        vm->pub.pending = false;
        *code = VM_ALREADY;
        return VM_GO_END;
    }
    vm->priv.set_dirty = false;
    return vm_ask(vm, w, HV_SET_RESOURCES, REQUEST_LIMIT_MS, code);
}

/* Changes that a restart does not apply either. */
static enum vm_go never_in_force(struct vm *vm, int *code)
{
    const struct hv_spec *want = &vm->pub.want, *is = &vm->pub.effective;
    if (vm_needs_start(vm))
        say(vm, "restarted, and some settings are still not effective: Resources/Effective lists them");
    else
        snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text,
                 "the guest has %lld KiB of memory and does not follow its balloon to %lld KiB: it has no driver for"
                 " it, or needs the memory",
                 (long long)is->mem_kb, (long long)want->mem_kb);
    *code = VM_NOT_DONE;
    return VM_GO_FAIL;
}

static enum vm_go event_set_live(struct vm *vm, struct vm_world *w, const struct hv_event *ev, int *code)
{
    const bool started = vm->priv.operation.kind->steps[vm->priv.operation.at] == STEP_IN_FORCE;
    if (ev->kind != HV_EV_DONE) return VM_GO_WAIT;
    if (ev->rc) {
        say(vm, ev->text);
        return VM_GO_FAIL;
    }
    vm_resources_seen(vm, w, ev->in_force);
    w->sink->save(w->sink->ctx, vm);
    if (vm->pub.pending && vm->priv.operation.restart)
        return !started && vm_needs_start(vm) ? VM_GO_NEXT : never_in_force(vm, code);
    *code = vm->pub.pending ? VM_AT_NEXT_START : VM_OK;
    return VM_GO_END;
}

enum vm_go vm_step_begin(struct vm *vm, struct vm_world *w, enum vm_step step, int *code)
{
    struct vm_operation *o = &vm->priv.operation;
    switch (step) {
    case STEP_IMAGE: return begin_image(vm, w, code);
    case STEP_FILES: return begin_files(vm, w, code);
    case STEP_ADMIT: return admit(vm, w, code);
    case STEP_VOLUMES: return begin_volumes(vm, w, code);
    case STEP_DEFINE: return vm_ask(vm, w, HV_DEFINE, REQUEST_LIMIT_MS, code);
    case STEP_PROVISIONED:
        vm->pub.effective = vm->pub.want;
        vm->pub.pending = false;
        vm_set_state(vm, w, VM_STOPPED, o->reason);
        return o->start_after && vm->pub.lock == VM_UNLOCKED ? VM_GO_NEXT : VM_GO_END;
    case STEP_START: return begin_start(vm, w, code);
    case STEP_READY: return begin_ready(vm, w);
    case STEP_SHUTDOWN: return begin_shutdown(vm, w, code);
    case STEP_STOP: return begin_stop(vm, w, code);
    case STEP_PAUSE: return vm_ask(vm, w, HV_PAUSE, REQUEST_LIMIT_MS, code);
    case STEP_RESUME: return begin_resume(vm, w, code);
    case STEP_SAVE: return begin_save(vm, w, code);
    case STEP_LOCK_ACTION: return begin_lock_action(vm, w, code);
    case STEP_LOCKED: vm_set_lock(vm, w, VM_LOCKED, o->reason); return VM_GO_NEXT;
    case STEP_UNLOCKED: vm_set_lock(vm, w, VM_UNLOCKED, o->reason); return VM_GO_NEXT;
    case STEP_UNLOCK_ACTION: return begin_unlock_action(vm, w, code);
    case STEP_SCOPE: return begin_scope(vm, w, code);
    case STEP_FORGET: return vm_ask(vm, w, HV_FORGET, REQUEST_LIMIT_MS, code);
    case STEP_WIPE: return begin_wipe(vm, w);
    case STEP_WIPED: vm_set_state(vm, w, VM_STOPPED, o->reason); return VM_GO_NEXT;
    case STEP_UNDEFINE: return begin_undefine(vm, w, code);
    case STEP_REMOVE: return remove_some(vm, w, code);
    case STEP_SET_LIVE: return begin_set_live(vm, w, code);
    case STEP_IN_FORCE: return vm_ask(vm, w, HV_SET_RESOURCES, REQUEST_LIMIT_MS, code);
    default: return VM_GO_FAIL;
    }
}

/* For a request that needs only its own success: set the state. */
static enum vm_go asked(struct vm *vm, struct vm_world *w, enum vm_step step, const struct hv_event *ev, int *code)
{
    const int reason = vm->priv.operation.reason;
    if (ev->kind != HV_EV_DONE) return VM_GO_WAIT; /* the state event that comes with it has no new information */
    if (ev->rc) {
        say(vm, ev->text[0] ? ev->text : rc_text(ev->rc));
        *code = ev->code;
        return VM_GO_FAIL;
    }
    if (step == STEP_STOP)
        vm_set_state(vm, w, VM_STOPPED, reason);
    else if (step == STEP_PAUSE)
        vm_set_state(vm, w, VM_PAUSED, reason);
    else if (step == STEP_RESUME || step == STEP_UNLOCK_ACTION)
        vm_set_state(vm, w, VM_RUNNING, reason);
    else if (step == STEP_SAVE)
        vm_set_state(vm, w, VM_SUSPENDED, reason);
    return VM_GO_NEXT;
}

enum vm_go vm_step_event(struct vm *vm, struct vm_world *w, enum vm_step step, const struct hv_event *ev, int *code)
{
    switch (step) {
    case STEP_READY: return event_ready(vm, w, ev, code);
    case STEP_SHUTDOWN: return event_shutdown(vm, w, ev);
    case STEP_LOCK_ACTION: return event_lock_action(vm, w, ev, code);
    case STEP_SET_LIVE:
    case STEP_IN_FORCE: return event_set_live(vm, w, ev, code);
    case STEP_START:
        if (ev->kind == HV_EV_READY) /* the guest was faster than the hypervisor's answer */
            vm->priv.ready_early = true;
        return asked(vm, w, step, ev, code);
    default: return asked(vm, w, step, ev, code);
    }
}

enum vm_go vm_step_timeout(struct vm *vm, struct vm_world *w, enum vm_step step, int *code)
{
    if (step == STEP_FILES) return begin_files(vm, w, code);
    if (step == STEP_VOLUMES) return begin_volumes(vm, w, code);
    if (step == STEP_WIPE) return wipe_some(vm, w);
    if (step == STEP_REMOVE) return remove_some(vm, w, code);
    if (step == STEP_SHUTDOWN || (step == STEP_LOCK_ACTION && vm->pub.state == VM_SHUTTING_DOWN))
        return timeout_shutdown(vm, w, code);
    if (step == STEP_READY) {
        say(vm, "the guest did not become ready within the boot time limit");
        *code = VM_START_FAILED;
    } else {
        say(vm, "the hypervisor did not answer in time");
        *code = VM_TIMED_OUT;
    }
    return VM_GO_FAIL;
}
