/* SPDX-License-Identifier: Apache-2.0 */
/* The libvirt driver; only the libvirt*.c files know libvirt. Threads: libvirt's event loop, a lane for each VM with
 * requests (libvirt_lanes.h), and a keeper that reconnects. So no call of the agent blocks. */
#include "agent/hv/hv.h"
#include "agent/hv/libvirt_files.h"
#include "agent/hv/libvirt_int.h"
#include "base/log.h"
#include "base/world.h"
#include <errno.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { RECONNECT_MS = 2000, KEEPER_MS = 1000, ALIVE_S = 5, ALIVE_COUNT = 3, LANES_WAIT_MS = 8000 };

struct virt_told {
    struct hv_event ev;
    struct hv_stats *stats;
    struct virt_told *next;
};

static void silent(void *ctx, virErrorPtr error)
{
    (void)ctx;
    (void)error; /* errors are reported where they are handled */
}

/* ---- events out ---- */

static void tell(void *ctx, const struct hv_event *ev, struct hv_stats *stats)
{
    struct virt *v = ctx;
    struct virt_told *t = calloc(1, sizeof *t);
    if (!t) {
        free(stats);
        free(ev->in_force);
        return;
    }
    t->ev = *ev;
    t->stats = stats;
    threads_lock(&v->keeper);
    *v->told_last = t;
    v->told_last = &t->next;
    threads_unlock(&v->keeper);
    wake_raise(v->fd);
}

static bool virt_next(struct hv *hv, struct hv_event *out)
{
    struct virt *v = (struct virt *)hv;
    threads_lock(&v->keeper);
    struct virt_told *t = v->told;
    if (t) {
        v->told = t->next;
        if (!v->told) v->told_last = &v->told;
    } else {
        wake_clear(v->fd);
    }
    threads_unlock(&v->keeper);
    if (v->handed_out) {
        free(v->handed_out->stats);
        free(v->handed_out->ev.in_force);
        free(v->handed_out);
    }
    v->handed_out = t;
    if (!t) return false;
    *out = t->ev;
    out->stats = t->stats;
    return true;
}

static void tell_state(struct virt *v, const char *uuid, enum hv_state state, enum hv_cause cause, const char *text)
{
    struct hv_event ev = { .kind = HV_EV_STATE, .state = state, .cause = cause };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", uuid);
    snprintf(ev.text, sizeof ev.text, "%s", text);
    tell(v, &ev, NULL);
}

/* ---- libvirt's callbacks ---- */

/* The cause that an event before the stop announced. */
static enum virt_omen omen_of(struct virt *v, const char *uuid)
{
    enum virt_omen omen = VIRT_OMEN_NONE;
    threads_lock(&v->keeper);
    for (unsigned i = 0; i < VIRT_VMS_SEEN; i++)
        if (strcmp(v->omens[i].uuid, uuid) == 0) {
            omen = v->omens[i].omen;
            v->omens[i].uuid[0] = '\0';
        }
    threads_unlock(&v->keeper);
    return omen;
}

static void note_omen(struct virt *v, virDomainPtr dom, enum virt_omen omen)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    if (virDomainGetUUIDString(dom, uuid) != 0) return;
    threads_lock(&v->keeper);
    struct virt_omen_of *o = &v->omens[v->next_omen++ % VIRT_VMS_SEEN];
    memcpy(o->uuid, uuid, sizeof o->uuid);
    o->omen = omen;
    threads_unlock(&v->keeper);
}

/* The emulator has ended without a request. */
static void tell_death(struct virt *v, virDomainPtr dom, const char *uuid)
{
    char log[768], words[160] = "", end[64], text[HV_TEXT_BYTES];
    threads_lock(&v->keeper);
    struct virt_exits *exits = v->exits;
    threads_unlock(&v->keeper);
    const struct virt_exit how = libvirt_exits_of(exits, virDomainGetName(dom), 0);
    libvirt_emulator_log(v, virDomainGetName(dom), log);
    libvirt_log_last_words(log, words);
    libvirt_exit_words(&how, end, sizeof end);
    snprintf(text, sizeof text, "the emulator ended unexpectedly%s%s%s", end, words[0] ? "; its last message: " : "",
             words);
    tell_state(v, uuid, HV_CRASHED, how.by_oom ? HV_C_NO_MEMORY : HV_C_KILLED, text);
}

static void on_stopped(struct virt *v, virDomainPtr dom, const char *uuid, int detail)
{
    const enum virt_omen omen = omen_of(v, uuid);
    libvirt_kvm_down(v, uuid);
    if (omen == VIRT_OMEN_WATCHDOG)
        tell_state(v, uuid, HV_CRASHED, HV_C_WATCHDOG, "the guest did not reset its watchdog");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN && omen == VIRT_OMEN_SIGNAL)
        tell_state(v, uuid, HV_OFF, HV_C_OUTSIDE, "the emulator was ended by a signal");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
        tell_state(v, uuid, HV_OFF, HV_C_GUEST, "");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_SAVED)
        tell_state(v, uuid, HV_SAVED, HV_C_REQUEST, "");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED)
        tell_state(v, uuid, HV_CRASHED, HV_C_PANIC, "the guest crashed");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_FAILED)
        tell_death(v, dom, uuid);
    else
        tell_state(v, uuid, HV_OFF, HV_C_REQUEST, "");
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
    struct virt *v = opaque;
    char uuid[VIR_UUID_STRING_BUFLEN];
    (void)conn;
    if (virDomainGetUUIDString(dom, uuid) != 0) return 0;
    switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
    case VIR_DOMAIN_EVENT_RESUMED: tell_state(v, uuid, HV_RUNNING, HV_C_REQUEST, ""); break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
        if (detail == VIR_DOMAIN_EVENT_SUSPENDED_PAUSED) tell_state(v, uuid, HV_PAUSED, HV_C_REQUEST, "");
        if (detail == VIR_DOMAIN_EVENT_SUSPENDED_IOERROR || detail == VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR)
            tell_state(v, uuid, HV_PAUSED, HV_C_STORAGE, "");
        break;
    case VIR_DOMAIN_EVENT_SHUTDOWN:
        if (detail == VIR_DOMAIN_EVENT_SHUTDOWN_HOST) note_omen(v, dom, VIRT_OMEN_SIGNAL);
        break;
    case VIR_DOMAIN_EVENT_STOPPED: on_stopped(v, dom, uuid, detail); break;
    case VIR_DOMAIN_EVENT_CRASHED: tell_state(v, uuid, HV_CRASHED, HV_C_PANIC, "the guest's kernel panicked"); break;
    default: break;
    }
    return 0;
}

static void on_watchdog(virConnectPtr conn, virDomainPtr dom, int action, void *opaque)
{
    (void)conn;
    (void)action;
    note_omen(opaque, dom, VIRT_OMEN_WATCHDOG);
}

/* The guest's balloon, a weight, a limit, a binding, a disk or an interface has changed, by the agent or from
 * outside. */
static void changed(struct virt *v, virDomainPtr dom)
{
    struct hv_event ev = { .kind = HV_EV_CHANGED };
    if (virDomainGetUUIDString(dom, ev.uuid) == 0) tell(v, &ev, NULL);
}

static void on_balloon(virConnectPtr conn, virDomainPtr dom, unsigned long long actual_kb, void *opaque)
{
    (void)conn;
    (void)actual_kb;
    changed(opaque, dom);
}

static void on_tunable(virConnectPtr conn, virDomainPtr dom, virTypedParameterPtr p, int n, void *opaque)
{
    (void)conn;
    (void)p;
    (void)n;
    changed(opaque, dom);
}

static void on_device(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
    (void)conn;
    (void)alias;
    changed(opaque, dom);
}

/* The guest opened its agent's channel: it is ready. */
static void on_agent(virConnectPtr conn, virDomainPtr dom, int state, int reason, void *opaque)
{
    struct virt *v = opaque;
    struct hv_event ev = { .kind = HV_EV_READY };
    (void)conn;
    (void)reason;
    if (state != VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED || virDomainGetUUIDString(dom, ev.uuid) != 0)
        return;
    libvirt_kvm_up(v, ev.uuid);
    tell(v, &ev, NULL);
}

/* libvirt takes all typed callbacks as one generic type. */
static int add_callback(struct virt *v, virConnectPtr conn, int event, virConnectDomainEventGenericCallback callback)
{
    return virConnectDomainEventRegisterAny(conn, NULL, event, callback, v, NULL);
}

/* Also wakes the loop, so that it notices a request to stop. */
static void on_timer(int timer, void *opaque)
{
    struct virt *v = opaque;
    (void)timer;
    pthread_mutex_lock(&v->tick);
    if (v->ticks) libvirt_lanes_tick(v->lanes, world_monotonic_ms());
    pthread_mutex_unlock(&v->tick);
}

static void *run_loop(void *arg)
{
    struct virt *v = arg;
    while (!v->loop.stop && virEventRunDefaultImpl() >= 0) continue;
    return NULL;
}

/* ---- connection ---- */

/* Read the account of the emulators from the driver's capabilities: <baselabel type='kvm'>+64055:+108</baselabel>. */
static void learn_account(struct virt *v, virConnectPtr conn)
{
    char *text = v->root[0] ? NULL : virConnectGetCapabilities(conn);
    const char *dac = text ? strstr(text, "<model>dac</model>") : NULL, *label = dac ? strstr(dac, "'>+") : NULL;
    unsigned uid = 0, gid = 0;
    if (label && sscanf(label, "'>+%u:+%u<", &uid, &gid) == 2) {
        v->guard.uid = uid;
        v->guard.gid = gid;
        snprintf(v->guard.lacks, sizeof v->guard.lacks, "%s", uid ? "" : "an account of its own");
        if (uid == 0)
            log_event(LOG_WARN, "hypervisor.protection", LOG_Z("lacks", v->guard.lacks),
                      LOG_Z("why", "the hypervisor's qemu.conf sets it"));
    }
    free(text);
}

static void tell_kind(struct virt *v, enum hv_event_kind kind)
{
    const struct hv_event ev = { .kind = kind };
    tell(v, &ev, NULL);
}

/* libvirt's daemon has ended, or does not answer. */
static void on_close(virConnectPtr conn, int reason, void *opaque)
{
    struct virt *v = opaque;
    (void)reason;
    threads_lock(&v->keeper);
    const bool ours = v->conn == conn && !v->lost && !v->keeper.stop;
    if (ours) v->lost = true;
    threads_wake(&v->keeper);
    threads_unlock(&v->keeper);
    if (!ours) return;
    log_event(LOG_WARN, "hypervisor", LOG_Z("state", "lost"), LOG_N("again_in_ms", RECONNECT_MS));
    tell_kind(v, HV_EV_LOST);
}

static enum rc connect_to(struct virt *v, struct err *e)
{
    virConnectPtr conn = virConnectOpen(v->uri);
    if (!conn) return libvirt_error(e, RC_IO, "cannot open the hypervisor (hypervisor.uri)");
    learn_account(v, conn);
    if (add_callback(v, conn, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)) < 0) {
        virConnectClose(conn);
        return libvirt_error(e, RC_UNSUPPORTED, "the hypervisor does not support events");
    }
    /* Some drivers lack these. Without the first two a guest counts as ready at its start; and a driver in this
     * process cannot become unreachable. */
    (void)add_callback(v, conn, VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_CALLBACK(on_watchdog));
    (void)add_callback(v, conn, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent));
    /* Without these a change is found by the next read. */
    (void)add_callback(v, conn, VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_balloon));
    (void)add_callback(v, conn, VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tunable));
    (void)add_callback(v, conn, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device));
    (void)virConnectSetKeepAlive(conn, ALIVE_S, ALIVE_COUNT);
    (void)virConnectRegisterCloseCallback(conn, on_close, v, NULL);
    threads_lock(&v->keeper);
    virConnectPtr old = v->conn;
    v->conn = conn;
    v->lost = false;
    threads_unlock(&v->keeper);
    if (old) virConnectClose(old);
    return RC_OK;
}

virConnectPtr libvirt_conn(struct virt *v, struct err *e)
{
    threads_lock(&v->keeper);
    virConnectPtr conn = v->lost ? NULL : v->conn;
    if (conn && virConnectRef(conn) != 0) conn = NULL;
    threads_unlock(&v->keeper);
    if (!conn) err_set(e, RC_BUSY, "the hypervisor is not reachable; the agent reconnects");
    return conn;
}

/* Reconnects, and runs tasks that may block and belong to no VM's lane. */
static void *run_keeper(void *arg)
{
    struct virt *v = arg;
    threads_lock(&v->keeper);
    while (!v->keeper.stop) {
        if (threads_wait(&v->keeper, v->lost ? RECONNECT_MS : KEEPER_MS)) continue;
        if (v->keeper.stop || !v->lost) continue;
        threads_unlock(&v->keeper);
        if (connect_to(v, NULL) == RC_OK) {
            log_event(LOG_INFO, "hypervisor", LOG_Z("state", "back"));
            libvirt_refresh_facts(v);
            tell_kind(v, HV_EV_BACK);
        }
        threads_lock(&v->keeper);
    }
    threads_unlock(&v->keeper);
    return NULL;
}

/* ---- facts ---- */

static bool read_line(const char *file, char *out, size_t n)
{
    FILE *f = fopen(file, "r");
    bool good = f && fgets(out, (int)n, f);
    if (f) fclose(f);
    return good;
}

void libvirt_refresh_facts(struct virt *v)
{
    virConnectPtr conn = libvirt_conn(v, NULL);
    if (!conn) return;
    virNodeInfo node;
    unsigned long version = 0;
    struct statvfs disk;
    char line[64];
    struct hv_facts f = { .periphs = v->periphs,
                          .n_periphs = v->n_periphs,
                          .type = 2,
                          .max_vcpus = HV_VCPUS,
                          .pause = true,
                          .suspend = true,
                          .watchdog = true,
                          .cpu_pct = -1,
                          .temp_c = -1,
                          .vendor = "QEMU",
                          .guest_types = "linux,android,rtos,service,other",
                          .image_formats = "raw,qcow2,bundle" };
    threads_lock(&v->keeper);
    const enum virt_kvm kvm = v->kvm;
    threads_unlock(&v->keeper);
    f.kvm = kvm == VIRT_KVM_WORKS;
    f.balloon = true;
    f.tuning = v->host.tuning;
    f.detects_panic = strcmp(v->host.arch, "aarch64") != 0;
    f.cpu_hotplug = strcmp(v->host.arch, "x86_64") == 0;
    f.degraded = v->guard.lacks[0] != '\0';
    snprintf(f.name, sizeof f.name, "%s%s%s",
             f.kvm                     ? "KVM"
             : kvm == VIRT_KVM_UNTRIED ? "KVM (not tried yet)"
                                       : "QEMU (emulation)",
             f.degraded ? " without " : "", v->guard.lacks);
    snprintf(f.arch, sizeof f.arch, "%s", v->host.arch);
    if (virConnectGetVersion(conn, &version) == 0)
        snprintf(f.version, sizeof f.version, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
    if (virNodeGetInfo(conn, &node) == 0) {
        f.cpu_total = f.cpu_online = (int)node.cpus;
        f.mem_total_kb = (int64_t)node.memory;
    }
    f.mem_free_kb = (int64_t)(virNodeGetFreeMemory(conn) / 1024);
    f.mem_used_kb = f.mem_total_kb - f.mem_free_kb;
    if (statvfs(v->own, &disk) == 0) {
        f.store_total_kb = (int64_t)(disk.f_blocks * (disk.f_frsize / 1024));
        f.store_free_kb = (int64_t)(disk.f_bavail * (disk.f_frsize / 1024));
    }
    if (read_line("/proc/uptime", line, sizeof line)) f.uptime_s = strtoll(line, NULL, 10);
    threads_lock(&v->keeper);
    v->facts = f;
    threads_unlock(&v->keeper);
    virConnectClose(conn);
}

static enum rc virt_facts(struct hv *hv, struct hv_facts *out, struct err *e)
{
    struct virt *v = (struct virt *)hv;
    (void)e;
    threads_lock(&v->keeper);
    *out = v->facts;
    if (v->lost) {
        out->degraded = true;
        snprintf(out->name + strlen(out->name), sizeof out->name - strlen(out->name), ", not reachable");
    }
    threads_unlock(&v->keeper);
    return RC_OK;
}

/* ---- requests ---- */

static enum rc virt_request(struct hv *hv, enum hv_call call, const struct hv_spec *spec, uint64_t cookie,
                            struct err *e)
{
    return libvirt_lanes_put(((struct virt *)hv)->lanes, call, spec, cookie, e);
}

static enum rc virt_state(struct hv *hv, const char *uuid, enum hv_state *out, struct err *e)
{
    struct virt *v = (struct virt *)hv;
    int state, reason;
    virConnectPtr conn = libvirt_conn(v, e);
    *out = HV_GONE;
    if (!conn) return RC_BUSY;
    virDomainPtr dom = virDomainLookupByUUIDString(conn, uuid);
    virConnectClose(conn);
    if (!dom) return RC_OK;
    enum rc rc = virDomainGetState(dom, &state, &reason, 0) == 0
                     ? RC_OK
                     : libvirt_error(e, RC_IO, "the VM's state cannot be read");
    if (!rc) *out = libvirt_state_of(state);
    if (*out == HV_OFF && virDomainHasManagedSaveImage(dom, 0) == 1) *out = HV_SAVED;
    virDomainFree(dom);
    return rc;
}

/* An embedded driver ends with the agent: what became of emulators without it nobody saw. */
static enum hv_cause virt_ended(struct hv *hv, const char *uuid)
{
    struct virt *v = (struct virt *)hv;
    int state = 0, reason = 0;
    virConnectPtr conn = v->root[0] ? NULL : libvirt_conn(v, NULL);
    virDomainPtr dom = conn ? virDomainLookupByUUIDString(conn, uuid) : NULL;
    const bool known = dom && virDomainGetState(dom, &state, &reason, 0) == 0;
    if (dom) virDomainFree(dom);
    if (conn) virConnectClose(conn);
    return known && libvirt_was_killed(state, reason) ? HV_C_KILLED : HV_C_NONE;
}

static int virt_fd(struct hv *hv)
{
    return ((struct virt *)hv)->fd;
}

/* ---- life ---- */

static void virt_destroy(struct hv *hv)
{
    struct virt *v = (struct virt *)hv;
    struct hv_event ev;
    threads_stop(&v->keeper);
    pthread_mutex_lock(&v->tick);
    v->ticks = false;
    pthread_mutex_unlock(&v->tick);
    if (!libvirt_lanes_destroy(v->lanes, LANES_WAIT_MS)) {
        log_event(LOG_WARN, "hypervisor", LOG_Z("state", "a call does not return; it is abandoned"));
        return; /* its thread uses all of this until the process ends */
    }
    if (v->conn) {
        (void)virConnectUnregisterCloseCallback(v->conn, on_close);
        virConnectClose(v->conn);
    }
    threads_finish(&v->loop);
    libvirt_consoles_destroy(v->consoles);
    libvirt_exits_destroy(v->exits);
    while (virt_next(hv, &ev))
        ;
    threads_finish(&v->keeper);
    pthread_mutex_destroy(&v->tick);
    if (v->fd >= 0) close(v->fd);
    free(v);
}

static const struct hv_class virt_class = { virt_destroy, virt_facts, virt_request, virt_next,
                                            virt_fd,      virt_state, virt_ended };

static enum rc prepare(struct virt *v, struct err *e)
{
    struct utsname host;
    enum rc rc = libvirt_make_folder(v->dir, e);
    snprintf(v->own, sizeof v->own, "%s", v->dir);
    char *end = strrchr(v->own, '/');
    if (end && end > v->own) *end = '\0';
    libvirt_embed_root(v->uri, v->root);
    if (!rc && v->root[0]) rc = libvirt_embed_prepare(v->root, &v->guard, e);
    if (!rc && v->root[0]) rc = libvirt_let_in(&v->guard, v->own, v->root, e);
    if (!rc) rc = libvirt_consoles_create(&v->consoles, e);
    uname(&host);
    snprintf(v->host.arch, sizeof v->host.arch, "%.15s", host.machine);
    v->host.tuning = strncmp(v->uri, "qemu:///system", 14) == 0;
    return rc;
}

/* libvirt creates the folder when it starts. */
static enum rc watch_exits(struct virt *v, struct err *e)
{
    char pids[512];
    snprintf(pids, sizeof pids, "%s/qemu", v->root[0] ? v->root : "/run/libvirt");
    if (v->root[0]) snprintf(pids, sizeof pids, "%s/run/qemu", v->root);
    struct virt_exits *exits = NULL;
    enum rc rc = libvirt_exits_create(pids, &exits, e);
    threads_lock(&v->keeper); /* the loop's thread is running already */
    v->exits = exits;
    threads_unlock(&v->keeper);
    return rc;
}

static const struct virt_lanes_class lanes_class = { libvirt_serve, tell };

enum rc hv_libvirt_create(const char *uri, const char *dir, enum hv_kvm kvm, struct hv **out, struct err *e)
{
    struct virt *v = calloc(1, sizeof *v);
    if (!v) return err_set(e, RC_NOMEM, "no memory for the hypervisor");
    v->base.class = &virt_class;
    v->told_last = &v->told;
    v->use_kvm = kvm;
    snprintf(v->uri, sizeof v->uri, "%s", uri);
    snprintf(v->dir, sizeof v->dir, "%s", dir);
    threads_init(&v->keeper);
    threads_init(&v->loop);
    pthread_mutex_init(&v->tick, NULL);
    v->fd = wake_open();
    virSetErrorFunc(NULL, silent);
    enum rc rc = prepare(v, e);
    if (!rc &&
        (virInitialize() != 0 || virEventRegisterDefaultImpl() != 0 || virEventAddTimeout(200, on_timer, v, NULL) < 0))
        rc = libvirt_error(e, RC_IO, "libvirt does not start");
    /* The embedded driver needs the loop before it is opened. */
    if (!rc && v->fd < 0) rc = err_set(e, RC_IO, "cannot make an event for the hypervisor: %s", strerror(errno));
    if (!rc) rc = threads_start(&v->loop, run_loop, v, "libvirt's events", e);
    if (!rc) rc = connect_to(v, e);
    if (!rc) rc = watch_exits(v, e);
    if (!rc) rc = libvirt_lanes_create(&lanes_class, v, &v->lanes, e);
    if (!rc) {
        libvirt_kvm_recall(v);
        v->n_periphs = periph_scan("/sys/class", v->periphs, PERIPHS);
        libvirt_refresh_facts(v);
        pthread_mutex_lock(&v->tick);
        v->ticks = true;
        pthread_mutex_unlock(&v->tick);
        rc = threads_start(&v->keeper, run_keeper, v, "the hypervisor's connection", e);
    }
    if (rc) {
        virt_destroy(&v->base);
        return rc;
    }
    *out = &v->base;
    return RC_OK;
}
