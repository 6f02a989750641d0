/* SPDX-License-Identifier: Apache-2.0 */
/* vm wait: waits until a VM reaches a condition. */
#include "cli/dmvisorctl/ctl_live.h"
#include "cli/dmvisorctl/ctl_views.h"

#include <stdio.h>
#include <string.h>

enum { SAID_BYTES = 1024 };

struct wait {
    struct ctl *c;
    const char *device, *vm, *state;
    bool verified, locked, unlocked, gone, settled;
    char said[SAID_BYTES], device_said[SAID_BYTES]; /* printed last */
    char missing[SAID_BYTES];                       /* the condition that is not met yet */
    json_t *last;                                   /* the VM as last seen */
};

static const json_t *find(const json_t *items, const char *vm)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *one = json_array_get(items, i);
        if (strcmp(ctl_text(one, "id"), vm) == 0) return one;
    }
    return NULL;
}

/* The list also has VMs that a policy defines and the device does not have. */
static bool is_there(const json_t *vm)
{
    return vm && strcmp(ctl_text(vm, "stateText"), "missing") != 0;
}

/* Describe the VM in one sentence. */
static void describe(const json_t *vm, struct buf *b)
{
    if (!is_there(vm)) {
        buf_printf(b, "not on the device%s%s", vm ? " yet: " : "", ctl_text(vm, "why"));
        return;
    }
    const char *lock = ctl_text(vm, "lockText"), *reason = ctl_text(vm, "reasonText"),
               *summary = ctl_text(vm, "summary"), *why = ctl_text(vm, "why");
    buf_printf(b, "%s, %s%s%s", ctl_text(vm, "stateText"),
               lock[0]                  ? lock
               : ctl_true(vm, "locked") ? "locked"
                                        : "unlocked",
               ctl_true(vm, "verified") ? ", verified" : "", ctl_int(vm, "reason") ? " (" : "");
    if (ctl_int(vm, "reason")) buf_printf(b, "%s)", reason);
    const json_t *o = ctl_at(vm, "operation");
    if (json_is_object(o)) {
        buf_printf(b, "; %s is %s", ctl_text(o, "kind"), ctl_text(o, "state"));
        if (ctl_int(o, "percent") > 0) buf_printf(b, ", %lld %%", (long long)ctl_int(o, "percent"));
    }
    if (summary[0]) buf_printf(b, "; %s%s%s", summary, why[0] ? ": " : "", why);
}

static void say(struct wait *w, char said[SAID_BYTES], const char *what, struct buf *b)
{
    const char *text = buf_z(b);
    if (strncmp(said, text, SAID_BYTES - 1) == 0) return;
    ctl_progress(w->c, "%s  %s", what, text);
    snprintf(said, SAID_BYTES, "%s", text);
}

static void need(struct wait *w, bool is_so, const char *what)
{
    size_t n = strlen(w->missing);
    if (!is_so) snprintf(w->missing + n, sizeof w->missing - n, "%s%s", n ? " and " : "", what);
}

/* The part of the condition that is not met yet; "" = none. */
static void judge(struct wait *w, const json_t *vm, const json_t *device)
{
    char state[160];
    w->missing[0] = '\0';
    if (w->gone) need(w, !vm, "gone");
    snprintf(state, sizeof state, "%s", w->state ? w->state : "");
    if (w->state) need(w, vm && strcmp(ctl_text(vm, "stateText"), w->state) == 0, state);
    if (w->verified) need(w, vm && ctl_true(vm, "verified"), "verified");
    if (w->locked) need(w, vm && ctl_true(vm, "locked"), "locked");
    if (w->unlocked) need(w, vm && !ctl_true(vm, "locked"), "unlocked");
    if (!w->settled) return;
    const json_t *policies = ctl_at(device, "policies");
    bool all = ctl_int(device, "observedGeneration") >= ctl_int(device, "generation");
    for (size_t i = 0; i < json_array_size(policies); i++)
        all = all && strcmp(ctl_text(json_array_get(policies, i), "state"), "settled") == 0;
    need(w, all && (w->gone || vm), "settled");
}

/* ": why", unless it was printed just before. */
static void put_why(const char *why, const char *said, const char *said_too, struct buf *b)
{
    if (why[0] && strcmp(why, said) != 0 && strcmp(why, said_too) != 0) buf_printf(b, ": %s", why);
}

/* Describe the device in one sentence: why its policies are not settled. @param vm  has been described already, or
 * NULL */
static void describe_device(const json_t *d, const json_t *vm, struct buf *b)
{
    const json_t *policies = ctl_at(d, "policies");
    const char *vm_why = ctl_text(vm, "why"), *why = ctl_text(d, "why");
    buf_putz(b, ctl_text(d, "summary"));
    put_why(why, vm_why, "", b);
    for (size_t i = 0; i < json_array_size(policies); i++) {
        const json_t *p = json_array_get(policies, i);
        if (strcmp(ctl_text(p, "state"), "settled") == 0) continue;
        buf_printf(b, "; policy %s revision %lld is %s", ctl_text(p, "name"), (long long)ctl_int(p, "revision"),
                   ctl_text(p, "state"));
        put_why(ctl_text(p, "why"), vm_why, why, b);
    }
}

static enum ctl_exit ask(struct wait *w, const char *path, struct ctl_reply *r)
{
    const struct ctl_request q = { .method = "GET", .path = path, .quiet = true };
    enum ctl_exit code = ctl_call(w->c, &q, r);
    if (code == CTL_FAILED && r->status >= 500) return CTL_UNREACHABLE;
    return code == CTL_FAILED ? ctl_complain(w->c, r, NULL, 0) : code;
}

static enum ctl_exit look(void *ctx)
{
    struct wait *w = ctx;
    struct ctl_reply vms = { 0 }, device = { 0 };
    struct arena *outer = w->c->a, mine;
    struct buf b;
    arena_init(&mine, 1 << 20); /* there may be many looks */
    w->c->a = &mine;
    enum ctl_exit code = ask(w, ctl_path(w->c, "/devices/{}/vms", w->device), &vms);
    if (!code && w->settled) code = ask(w, ctl_path(w->c, "/devices/{}", w->device), &device);
    if (!code) {
        const json_t *vm = find(ctl_at(vms.json, "items"), w->vm);
        buf_init(&b, 0);
        describe(vm, &b);
        say(w, w->said, w->vm, &b);
        if (w->settled) {
            buf_reset(&b);
            describe_device(device.json, vm, &b);
            say(w, w->device_said, w->device, &b);
        }
        buf_finish(&b);
        judge(w, is_there(vm) ? vm : NULL, device.json);
        json_decref(w->last);
        w->last = is_there(vm) ? json_deep_copy(vm) : NULL;
        code = w->missing[0] ? CTL_MORE : CTL_OK;
    }
    ctl_reply_finish(&vms);
    ctl_reply_finish(&device);
    w->c->a = outer;
    arena_finish(&mine);
    return code;
}

/* Report why the condition was not met: what the VM waits for, and when the device was last connected. */
static enum ctl_exit timed_out(struct wait *w, int64_t timeout_s)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "GET", .path = ctl_path(w->c, "/devices/{}", w->device), .quiet = true };
    struct buf b;
    enum ctl_exit code = ctl_call(w->c, &q, &r);
    if (!w->missing[0]) snprintf(w->missing, sizeof w->missing, "an answer of the server");
    ctl_error(CTL_TIMEOUT, "after %lld s %s on %s is not %s: it is %s", (long long)timeout_s, w->vm, w->device,
              w->missing, w->said[0] ? w->said : "not known");
    buf_init(&b, 0);
    if (!code) {
        describe_device(r.json, w->last, &b);
        ctl_note("  the device: %s", buf_z(&b));
        buf_reset(&b);
        show_age(ctl_text(r.json, "seen"), &b);
        ctl_note("  the device's last session: %s", b.n ? buf_z(&b) : "never");
    }
    buf_finish(&b);
    ctl_reply_finish(&r);
    return CTL_TIMEOUT;
}

static enum ctl_exit check(struct ctl *c, const struct wait *w)
{
    if (!w->state && !w->verified && !w->locked && !w->unlocked && !w->gone && !w->settled)
        return ctl_usage(c,
                         "a condition is needed: --state STATE, --verified, --locked, --unlocked, --gone or --settled");
    if (w->locked && w->unlocked) return ctl_usage(c, "it cannot be --locked and --unlocked at once");
    if (w->gone && (w->state || w->verified || w->locked || w->unlocked))
        return ctl_usage(c, "--gone excludes the other conditions, except --settled");
    return CTL_OK;
}

/* A state that no VM of this device can have is an error: the server lists the states. */
static enum ctl_exit check_state(struct ctl *c, const struct wait *w)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "GET",
                                   .path = ctl_query(c, ctl_path(c, "/devices/{}/vms", w->device), "state", w->state),
                                   .quiet = true };
    enum ctl_exit code = ctl_call(c, &q, &r);
    /* a server that is temporarily away is waited for */
    code = code == CTL_FAILED && r.status < 500 ? ctl_complain(c, &r, NULL, 0) : CTL_OK;
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_vm_wait(struct ctl *c)
{
    struct wait w = { .c = c,
                      .device = c->args->arg[0],
                      .vm = c->args->arg[1],
                      .state = ctl_opt(c, OPT_STATE),
                      .verified = ctl_has(c, OPT_VERIFIED),
                      .locked = ctl_has(c, OPT_LOCKED),
                      .unlocked = ctl_has(c, OPT_UNLOCKED),
                      .gone = ctl_has(c, OPT_GONE),
                      .settled = ctl_has(c, OPT_SETTLED) };
    struct ctl_live l = { .look = look, .ctx = &w };
    enum ctl_exit code = check(c, &w);
    if (!code) code = ctl_seconds(c, OPT_TIMEOUT, CTL_WAIT_S, &l.timeout_s);
    if (!code && w.state) code = check_state(c, &w);
    if (code) return code;
    l.path = ctl_query(c, ctl_query(c, ctl_path(c, "/events"), "device", w.device), "types",
                       "vm,device,operation,policy,session");
    code = live_follow(c, &l);
    if (code == CTL_TIMEOUT)
        code = timed_out(&w, l.timeout_s);
    else if (code == CTL_OK && w.last && (c->format == FORMAT_JSON || c->format == FORMAT_YAML))
        show_json(c, w.last);
    else if (code == CTL_UNREACHABLE)
        code = ctl_error(code, "%s is not reachable", c->config.server);
    json_decref(w.last);
    return code;
}
