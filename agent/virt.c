/* Libvirt; with virt_stats.c the only file that knows it. Two threads, libvirt's event loop and a worker that
 * carries requests out in order, so that nothing here ever blocks the agent. */
#include "agent/erase.h"
#include "agent/hv.h"
#include "agent/virt_console.h"
#include "agent/virt_files.h"
#include "agent/virt_int.h"
#include "agent/virt_xml.h"
#include "base/log.h"
#include "base/world.h"
#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { REQUESTS_MAX = 256, XML_BYTES = 64 << 10, KVM_TRIAL_S = 45, RECONNECT_MS = 2000, VMS_SEEN = 64 };

struct request {
    enum hv_call call;
    uint64_t cookie;
    struct hv_spec spec;
    struct request *next;
};
struct told {
    struct hv_event ev;
    struct hv_stats *stats;
    struct told *next;
};

/* Is a guest under KVM known to run? Found by starting one. */
enum kvm { KVM_UNTRIED, KVM_WORKS, KVM_ABSENT };

struct virt {
    struct hv base;
    char uri[512], dir[384], own[384], root[384]; /* own: the agent's folder; root: of an embedded driver, or "" */
    struct virt_guard guard;
    struct virt_consoles *consoles;
    virConnectPtr conn;
    struct virt_host host;
    enum kvm kvm;
    struct hv_facts facts;          /* under lock */
    struct periph periphs[PERIPHS]; /* as of the start */
    size_t n_periphs;
    int fd;
    pthread_t worker, loop;
    bool worker_runs, loop_runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct request *first, **last;
    unsigned n_requests;
    struct told *told, **told_last, *handed_out;
    char watchdog[VMS_SEEN][HV_UUID_BYTES];
    unsigned next_watchdog; /* a watchdog fired; the stop that follows is its */
    char trial[HV_UUID_BYTES];
    bool trial_up; /* a guest whose sign of life is waited for */
};

static void silent(void *ctx, virErrorPtr error)
{
    (void)ctx;
    (void)error; /* errors are told where they are handled */
}

/* ---- events out ---- */

static void tell(struct virt *v, const struct hv_event *ev, struct hv_stats *stats)
{
    const uint64_t one = 1;
    struct told *t = calloc(1, sizeof *t);
    if (!t) {
        free(stats);
        return;
    }
    t->ev = *ev;
    t->stats = stats;
    pthread_mutex_lock(&v->lock);
    *v->told_last = t;
    v->told_last = &t->next;
    pthread_mutex_unlock(&v->lock);
    if (write(v->fd, &one, sizeof one) != sizeof one) return; /* counter full: told often enough */
}

static bool virt_next(struct hv *hv, struct hv_event *out)
{
    struct virt *v = (struct virt *)hv;
    uint64_t n;
    pthread_mutex_lock(&v->lock);
    struct told *t = v->told;
    if (t) {
        v->told = t->next;
        if (!v->told) v->told_last = &v->told;
    } else if (read(v->fd, &n, sizeof n) < 0) {
        errno = 0; /* nothing was there */
    }
    pthread_mutex_unlock(&v->lock);
    if (v->handed_out) {
        free(v->handed_out->stats);
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

static bool watchdog_fired(struct virt *v, const char *uuid)
{
    bool fired = false;
    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; i < VMS_SEEN; i++)
        if (strcmp(v->watchdog[i], uuid) == 0) {
            v->watchdog[i][0] = '\0';
            fired = true;
        }
    pthread_mutex_unlock(&v->lock);
    return fired;
}

static void on_stopped(struct virt *v, const char *uuid, int detail)
{
    bool watchdog = watchdog_fired(v, uuid);
    if (watchdog)
        tell_state(v, uuid, HV_CRASHED, HV_C_WATCHDOG, "the guest did not feed its watchdog");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
        tell_state(v, uuid, HV_OFF, HV_C_GUEST, "");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_SAVED)
        tell_state(v, uuid, HV_SAVED, HV_C_REQUEST, "");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED)
        tell_state(v, uuid, HV_CRASHED, HV_C_PANIC, "the guest crashed");
    else if (detail == VIR_DOMAIN_EVENT_STOPPED_FAILED)
        tell_state(v, uuid, HV_CRASHED, HV_C_KILLED, "the emulator ended unexpectedly");
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
        break;
    case VIR_DOMAIN_EVENT_STOPPED: on_stopped(v, uuid, detail); break;
    case VIR_DOMAIN_EVENT_CRASHED: tell_state(v, uuid, HV_CRASHED, HV_C_PANIC, "the guest's kernel panicked"); break;
    default: break;
    }
    return 0;
}

static void on_watchdog(virConnectPtr conn, virDomainPtr dom, int action, void *opaque)
{
    struct virt *v = opaque;
    char uuid[VIR_UUID_STRING_BUFLEN];
    (void)conn;
    (void)action;
    if (virDomainGetUUIDString(dom, uuid) != 0) return;
    pthread_mutex_lock(&v->lock);
    snprintf(v->watchdog[v->next_watchdog++ % VMS_SEEN], HV_UUID_BYTES, "%s", uuid);
    pthread_mutex_unlock(&v->lock);
}

/* The guest opened its agent's channel: it is up. */
static void on_agent(virConnectPtr conn, virDomainPtr dom, int state, int reason, void *opaque)
{
    struct virt *v = opaque;
    struct hv_event ev = { .kind = HV_EV_READY };
    (void)conn;
    (void)reason;
    if (state != VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED || virDomainGetUUIDString(dom, ev.uuid) != 0)
        return;
    pthread_mutex_lock(&v->lock);
    if (strcmp(v->trial, ev.uuid) == 0) {
        v->trial_up = true;
        pthread_cond_broadcast(&v->wake);
    }
    pthread_mutex_unlock(&v->lock);
    tell(v, &ev, NULL);
}

/* libvirt hands typed callbacks over as one generic type. */
static int add_callback(struct virt *v, int event, virConnectDomainEventGenericCallback callback)
{
    return virConnectDomainEventRegisterAny(v->conn, NULL, event, callback, v, NULL);
}

static void on_timer(int timer, void *opaque)
{
    (void)timer;
    (void)opaque; /* only wakes the loop, so that it sees `stop` */
}

static void *run_loop(void *arg)
{
    struct virt *v = arg;
    for (;;) {
        pthread_mutex_lock(&v->lock);
        bool stop = v->stop && !v->worker_runs;
        pthread_mutex_unlock(&v->lock);
        if (stop || virEventRunDefaultImpl() < 0) return NULL;
    }
}

/* ---- connection ---- */

/* The account of emulators as the driver tells it: <baselabel type='kvm'>+64055:+108</baselabel>. */
static void learn_account(struct virt *v)
{
    char *text = v->root[0] ? NULL : virConnectGetCapabilities(v->conn);
    const char *dac = text ? strstr(text, "<model>dac</model>") : NULL, *label = dac ? strstr(dac, "'>+") : NULL;
    unsigned uid = 0, gid = 0;
    if (label && sscanf(label, "'>+%u:+%u<", &uid, &gid) == 2) {
        v->guard.uid = uid;
        v->guard.gid = gid;
        if (uid == 0) {
            snprintf(v->guard.lacks, sizeof v->guard.lacks, "an account of its own");
            log_event(LOG_WARN, "hypervisor.protection", LOG_Z("lacks", v->guard.lacks),
                      LOG_Z("why", "the hypervisor's qemu.conf says so"));
        }
    }
    free(text);
}

static enum rc connect_to(struct virt *v, struct err *e)
{
    v->conn = virConnectOpen(v->uri);
    if (!v->conn) return virt_error(e, RC_IO, "cannot open the hypervisor (hypervisor.uri)");
    learn_account(v);
    if (add_callback(v, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)) < 0)
        return virt_error(e, RC_UNSUPPORTED, "the hypervisor tells of no events");
    /* Not every driver has these two; without them a guest's start counts as its sign of life. */
    (void)add_callback(v, VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_CALLBACK(on_watchdog));
    (void)add_callback(v, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent));
    return RC_OK;
}

/* ---- does KVM work? ---- */

static bool read_line(const char *file, char *out, size_t n)
{
    FILE *f = fopen(file, "r");
    bool good = f && fgets(out, (int)n, f);
    if (f) fclose(f);
    if (good) out[strcspn(out, "\n")] = '\0';
    return good;
}

/* What was found in this boot of the host: "<boot id> yes|no" in <dir>/kvm. */
static void recall_kvm(struct virt *v)
{
    char file[512], boot[64], line[128];
    snprintf(file, sizeof file, "%s/kvm", v->dir);
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    v->kvm = fd < 0 || strncmp(v->uri, "qemu:", 5) != 0 ? KVM_ABSENT : KVM_UNTRIED;
    if (fd >= 0) close(fd);
    if (v->kvm == KVM_UNTRIED && read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot) &&
        read_line(file, line, sizeof line) && strncmp(line, boot, strlen(boot)) == 0)
        v->kvm = strcmp(line + strlen(boot), " yes") == 0 ? KVM_WORKS : KVM_ABSENT;
    v->host.kvm = v->kvm != KVM_ABSENT;
}

static void learn_kvm(struct virt *v, bool works)
{
    char file[512], boot[64];
    v->kvm = works ? KVM_WORKS : KVM_ABSENT;
    v->host.kvm = works;
    log_event(LOG_INFO, works ? "kvm.works" : "kvm.absent",
              LOG_Z("why", works ? "a guest started under KVM and came up"
                                 : "a guest under KVM did not come up; emulation is used"));
    snprintf(file, sizeof file, "%s/kvm", v->dir);
    FILE *f = read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot) ? fopen(file, "w") : NULL;
    if (f) {
        fprintf(f, "%s %s\n", boot, works ? "yes" : "no");
        fclose(f);
    }
}

/* ---- facts ---- */

static void refresh_facts(struct virt *v)
{
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
    f.kvm = v->kvm == KVM_WORKS;
    f.balloon = true;
    f.cpu_hotplug = strcmp(v->host.arch, "x86_64") == 0;
    f.degraded = v->guard.lacks[0] != '\0';
    snprintf(f.name, sizeof f.name, "%s%s%s",
             f.kvm                   ? "KVM"
             : v->kvm == KVM_UNTRIED ? "KVM (not tried yet)"
                                     : "QEMU (emulation)",
             f.degraded ? " without " : "", v->guard.lacks);
    snprintf(f.arch, sizeof f.arch, "%s", v->host.arch);
    if (virConnectGetVersion(v->conn, &version) == 0)
        snprintf(f.version, sizeof f.version, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
    if (virNodeGetInfo(v->conn, &node) == 0) {
        f.cpu_total = f.cpu_online = (int)node.cpus;
        f.mem_total_kb = (int64_t)node.memory;
    }
    f.mem_free_kb = (int64_t)(virNodeGetFreeMemory(v->conn) / 1024);
    f.mem_used_kb = f.mem_total_kb - f.mem_free_kb;
    if (statvfs(v->dir, &disk) == 0) {
        f.store_total_kb = (int64_t)(disk.f_blocks * (disk.f_frsize / 1024));
        f.store_free_kb = (int64_t)(disk.f_bavail * (disk.f_frsize / 1024));
    }
    if (read_line("/proc/uptime", line, sizeof line)) f.uptime_s = strtoll(line, NULL, 10);
    pthread_mutex_lock(&v->lock);
    v->facts = f;
    pthread_mutex_unlock(&v->lock);
}

static enum rc virt_facts(struct hv *hv, struct hv_facts *out, struct err *e)
{
    struct virt *v = (struct virt *)hv;
    (void)e;
    pthread_mutex_lock(&v->lock);
    *out = v->facts;
    pthread_mutex_unlock(&v->lock);
    return RC_OK;
}

/* ---- requests ---- */

static enum rc define(struct virt *v, const struct hv_spec *spec, struct err *e)
{
    struct buf xml;
    buf_init(&xml, XML_BYTES);
    enum rc rc = virt_domain_xml(spec, &v->host, &xml, e);
    virDomainPtr dom = rc ? NULL : virDomainDefineXML(v->conn, buf_z(&xml));
    if (!rc && !dom) rc = virt_error(e, RC_IO, "the hypervisor does not take the VM's description");
    if (dom) virDomainFree(dom);
    buf_finish(&xml);
    return rc;
}

/* Wait for the trial guest's sign of life. */
static bool trial_came_up(struct virt *v)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += KVM_TRIAL_S;
    pthread_mutex_lock(&v->lock);
    while (!v->trial_up && !v->stop && pthread_cond_timedwait(&v->wake, &v->lock, &t) != ETIMEDOUT)
        ;
    bool up = v->trial_up;
    v->trial[0] = '\0';
    pthread_mutex_unlock(&v->lock);
    return up;
}

/* Where an emulator's own words go. */
static void emulator_log(const struct virt *v, const char *name, char out[768])
{
    snprintf(out, 768, "%s%s/%s.log", v->root[0] ? v->root : "/var/log/libvirt", v->root[0] ? "/log/qemu" : "/qemu",
             name);
}

/* A crashed guest whose domain is preserved is active, and does not run. */
static bool is_running(virDomainPtr dom)
{
    int state, reason;
    if (virDomainGetState(dom, &state, &reason, 0) != 0) return false;
    return virt_state_of(state) == HV_RUNNING || virt_state_of(state) == HV_PAUSED;
}

static enum rc create(virDomainPtr dom, bool paused, struct err *e)
{
    if (virDomainCreateWithFlags(dom, VIR_DOMAIN_START_FORCE_BOOT | (paused ? VIR_DOMAIN_START_PAUSED : 0u)) == 0)
        return RC_OK;
    return virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID && is_running(dom)
               ? RC_OK
               : virt_error(e, RC_IO, "the guest could not be started");
}

/* The first start under KVM is the trial: on some hosts /dev/kvm opens, and the emulator aborts or the guest never
 * comes up. */
static enum rc start_trial(struct virt *v, virDomainPtr dom, const struct hv_spec *spec, struct err *e)
{
    pthread_mutex_lock(&v->lock);
    snprintf(v->trial, sizeof v->trial, "%s", spec->uuid);
    v->trial_up = false;
    pthread_mutex_unlock(&v->lock);
    log_event(LOG_INFO, "kvm.trial", LOG_Z("vm", spec->name));
    if (create(dom, false, NULL) == RC_OK && trial_came_up(v)) {
        learn_kvm(v, true);
        return RC_OK;
    }
    (void)virDomainDestroy(dom);
    learn_kvm(v, false);
    enum rc rc = define(v, spec, e);
    return rc ? rc : create(dom, false, e);
}

static enum rc start(struct virt *v, virDomainPtr dom, const struct hv_spec *spec, bool paused, struct err *e)
{
    if (v->kvm == KVM_UNTRIED && spec->heartbeat && !paused) return start_trial(v, dom, spec, e);
    enum rc rc = create(dom, paused, e);
    if (rc && v->kvm == KVM_UNTRIED) {
        learn_kvm(v, false);
        err_clear(e);
        rc = define(v, spec, e);
        if (!rc) rc = create(dom, paused, e);
    }
    return rc;
}

/* Off is off: a VM that is not running any more (it was killed, or the driver is still reconnecting) counts as
 * destroyed. */
static enum rc destroy(virDomainPtr dom, struct err *e)
{
    if (virDomainDestroy(dom) == 0 || virDomainIsActive(dom) == 0) return RC_OK;
    return virt_error(e, RC_IO, "the guest could not be switched off");
}

/* @return RC_OK; *pending when something only takes effect at the next start */
static enum rc set_resources(virDomainPtr dom, const struct hv_spec *spec, bool *pending)
{
    const unsigned long long max_kb = virDomainGetMaxMemory(dom);
    const int vcpus = virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE);
    const int max = virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_VCPU_MAXIMUM);
    *pending = max_kb != (unsigned long long)spec->mem_max_kb || (spec->max_vcpus > 0 && max != spec->max_vcpus);
    if (vcpus != spec->vcpus && virDomainSetVcpusFlags(dom, (unsigned)spec->vcpus, VIR_DOMAIN_AFFECT_LIVE) != 0)
        *pending = true;
    if ((unsigned long long)spec->mem_kb <= max_kb &&
        virDomainSetMemoryFlags(dom, (unsigned long)spec->mem_kb, VIR_DOMAIN_AFFECT_LIVE) != 0)
        *pending = true;
    return RC_OK;
}

/* Where libvirt's QEMU driver saves memory to; libvirt itself only unlinks it. What cannot be reached here is left to libvirt. */
static void erase_saved(const struct virt *v, virDomainPtr dom)
{
    char file[600];
    snprintf(file, sizeof file, "%s%s/qemu/save/%s.save", v->root[0] ? v->root : "/var/lib/libvirt",
             v->root[0] ? "/lib" : "", virDomainGetName(dom));
    int fd = open(file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    int64_t budget = INT64_MAX;
    bool done;
    off_t at = 0;
    if (fd < 0) return;
    struct err e = { 0 };
    if (erase_some(fd, file, &at, &budget, &done, &e)) log_event(LOG_WARN, "erase", LOG_Z("error", e.text));
    close(fd);
}

/* What libvirt keeps of a guest beside its disks. Snapshots inside the disks go with the disks. */
static enum rc forget(const struct virt *v, virDomainPtr dom, struct err *e)
{
    virDomainSnapshotPtr *list = NULL;
    if (virDomainHasManagedSaveImage(dom, 0) == 1) erase_saved(v, dom);
    if (virDomainHasManagedSaveImage(dom, 0) == 1 && virDomainManagedSaveRemove(dom, 0) != 0)
        return virt_error(e, RC_IO, "the saved memory could not be removed");
    int n = virDomainListAllSnapshots(dom, &list, 0), left = 0;
    for (int i = 0; i < n; i++) {
        if (virDomainSnapshotDelete(list[i], 0) != 0 &&
            virDomainSnapshotDelete(list[i], VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) != 0)
            left++;
        virDomainSnapshotFree(list[i]);
    }
    free(list);
    if (left) return virt_error(e, RC_IO, "a snapshot could not be removed");
    return virDomainHasManagedSaveImage(dom, 0) == 1 ? err_set(e, RC_IO, "the saved memory is still there") : RC_OK;
}

static enum rc undefine(virDomainPtr dom, struct err *e)
{
    (void)virDomainDestroy(dom);
    if (virDomainUndefineFlags(dom, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_NVRAM) == 0 ||
        virDomainUndefine(dom) == 0)
        return RC_OK;
    return virt_error(e, RC_IO, "the VM could not be removed from the hypervisor");
}

static enum rc result(int code, const char *what, struct err *e)
{
    return code == 0 ? RC_OK : virt_error(e, RC_IO, what);
}

/* What surrounds an emulator: its guest's console is read, its own log kept within bounds, and both go with the VM. */
static void attend(struct virt *v, const struct request *r)
{
    char log[768];
    emulator_log(v, r->spec.name, log);
    if (r->call == HV_DESTROY || r->call == HV_UNDEFINE || r->call == HV_FORGET)
        virt_consoles_leave(v->consoles, r->spec.dir);
    else
        virt_consoles_read(v->consoles, r->spec.dir);
    if ((r->call == HV_UNDEFINE || r->call == HV_FORGET) && v->root[0])
        unlink(log);
    else
        virt_log_bound(log);
}

static enum rc perform(struct virt *v, const struct request *r, struct hv_event *ev, struct hv_stats **stats,
                       struct err *e)
{
    enum rc rc = RC_OK;
    if (r->call == HV_DEFINE || r->call == HV_START || r->call == HV_START_PAUSED)
        rc = virt_files_check(&r->spec, &v->guard, v->own, &ev->code, e);
    if (rc) return rc;
    if (r->call == HV_DEFINE) return define(v, &r->spec, e);
    virDomainPtr dom = virDomainLookupByUUIDString(v->conn, r->spec.uuid);
    if (!dom)
        return r->call == HV_UNDEFINE || r->call == HV_DESTROY || r->call == HV_DROP_SAVED || r->call == HV_FORGET
                   ? RC_OK
                   : virt_error(e, RC_NOT_FOUND, "the hypervisor does not know this VM");
    switch (r->call) {
    case HV_UNDEFINE: rc = undefine(dom, e); break;
    case HV_START: rc = start(v, dom, &r->spec, false, e); break;
    case HV_START_PAUSED: rc = start(v, dom, &r->spec, true, e); break;
    case HV_DESTROY: rc = destroy(dom, e); break;
    case HV_SHUTDOWN:
        rc = result(virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN),
                    "the power button could not be pressed", e);
        break;
    case HV_REBOOT: rc = result(virDomainReboot(dom, 0), "the guest could not be rebooted", e); break;
    case HV_RESET: rc = result(virDomainReset(dom, 0), "the guest could not be reset", e); break;
    case HV_PAUSE: rc = result(virDomainSuspend(dom), "the guest could not be paused", e); break;
    case HV_RESUME: rc = result(virDomainResume(dom), "the guest could not be resumed", e); break;
    case HV_SAVE:
        rc = result(virDomainManagedSave(dom, VIR_DOMAIN_SAVE_RUNNING), "the guest's memory could not be saved", e);
        break;
    case HV_RESTORE: rc = result(virDomainCreate(dom), "the guest's memory could not be restored", e); break;
    case HV_DROP_SAVED:
        rc = result(virDomainManagedSaveRemove(dom, 0), "the saved memory could not be removed", e);
        break;
    case HV_FORGET: rc = forget(v, dom, e); break;
    case HV_SET_RESOURCES: rc = set_resources(dom, &r->spec, &ev->pending); break;
    case HV_STATS: rc = virt_stats_read(dom, &r->spec, stats, e); break;
    default: rc = err_set(e, RC_UNSUPPORTED, "the hypervisor cannot do this"); break;
    }
    virDomainFree(dom);
    attend(v, r);
    return rc;
}

static void serve(struct virt *v, const struct request *r)
{
    struct hv_event ev = { .kind = HV_EV_DONE, .cookie = r->cookie, .call = r->call };
    struct hv_stats *stats = NULL;
    struct err e = { 0 };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", r->spec.uuid);
    ev.rc = perform(v, r, &ev, &stats, &e);
    snprintf(ev.text, sizeof ev.text, "%.250s", e.text);
    tell(v, &ev, stats);
    if (r->call == HV_STATS || r->call == HV_START || r->call == HV_DESTROY) refresh_facts(v);
}

static void *run_worker(void *arg)
{
    struct virt *v = arg;
    pthread_mutex_lock(&v->lock);
    while (!v->stop || v->first) {
        struct request *r = v->first;
        if (!r) {
            pthread_cond_wait(&v->wake, &v->lock);
            continue;
        }
        v->first = r->next;
        if (!v->first) v->last = &v->first;
        v->n_requests--;
        pthread_mutex_unlock(&v->lock);
        serve(v, r);
        free(r);
        pthread_mutex_lock(&v->lock);
    }
    v->worker_runs = false;
    pthread_mutex_unlock(&v->lock);
    return NULL;
}

static enum rc virt_request(struct hv *hv, enum hv_call call, const struct hv_spec *spec, uint64_t cookie,
                            struct err *e)
{
    struct virt *v = (struct virt *)hv;
    struct request *r = calloc(1, sizeof *r);
    if (!r) return err_set(e, RC_NOMEM, "no memory for a request to the hypervisor");
    r->call = call;
    r->cookie = cookie;
    r->spec = *spec;
    pthread_mutex_lock(&v->lock);
    bool room = v->n_requests < REQUESTS_MAX;
    if (room) {
        *v->last = r;
        v->last = &r->next;
        v->n_requests++;
        pthread_cond_broadcast(&v->wake);
    }
    pthread_mutex_unlock(&v->lock);
    if (room) return RC_OK;
    free(r);
    return err_set(e, RC_LIMIT, "%d requests wait for the hypervisor already", REQUESTS_MAX);
}

static enum rc virt_state(struct hv *hv, const char *uuid, enum hv_state *out, struct err *e)
{
    struct virt *v = (struct virt *)hv;
    int state, reason;
    virDomainPtr dom = virDomainLookupByUUIDString(v->conn, uuid);
    *out = HV_GONE;
    if (!dom) return RC_OK;
    enum rc rc = virDomainGetState(dom, &state, &reason, 0) == 0
                     ? RC_OK
                     : virt_error(e, RC_IO, "the VM's state cannot be read");
    if (!rc) *out = virt_state_of(state);
    if (*out == HV_OFF && virDomainHasManagedSaveImage(dom, 0) == 1) *out = HV_SAVED;
    virDomainFree(dom);
    return rc;
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
    pthread_mutex_lock(&v->lock);
    bool joins = v->worker_runs;
    v->stop = true;
    pthread_cond_broadcast(&v->wake);
    pthread_mutex_unlock(&v->lock);
    if (joins) pthread_join(v->worker, NULL);
    if (v->conn) virConnectClose(v->conn);
    if (v->loop_runs) pthread_join(v->loop, NULL);
    virt_consoles_destroy(v->consoles);
    while (virt_next(hv, &ev))
        ;
    pthread_cond_destroy(&v->wake);
    pthread_mutex_destroy(&v->lock);
    if (v->fd >= 0) close(v->fd);
    free(v);
}

static const struct hv_class virt_class = { virt_destroy, virt_facts, virt_request, virt_next, virt_fd, virt_state };

static enum rc prepare(struct virt *v, struct err *e)
{
    struct utsname host;
    enum rc rc = virt_make_folder(v->dir, e);
    snprintf(v->own, sizeof v->own, "%s", v->dir);
    char *end = strrchr(v->own, '/');
    if (end && end > v->own) *end = '\0';
    virt_embed_root(v->uri, v->root);
    if (!rc && v->root[0]) rc = virt_embed_prepare(v->root, &v->guard, e);
    if (!rc && v->root[0]) rc = virt_let_in(&v->guard, v->own, v->root, e);
    if (!rc) rc = virt_consoles_create(&v->consoles, e);
    uname(&host);
    snprintf(v->host.arch, sizeof v->host.arch, "%.15s", host.machine);
    v->host.tuning = strncmp(v->uri, "qemu:///system", 14) == 0;
    recall_kvm(v);
    return rc;
}

enum rc hv_libvirt_create(const char *uri, const char *dir, struct hv **out, struct err *e)
{
    pthread_condattr_t monotonic;
    struct virt *v = calloc(1, sizeof *v);
    if (!v) return err_set(e, RC_NOMEM, "no memory for the hypervisor");
    v->base.class = &virt_class;
    v->last = &v->first;
    v->told_last = &v->told;
    snprintf(v->uri, sizeof v->uri, "%s", uri);
    snprintf(v->dir, sizeof v->dir, "%s", dir);
    pthread_mutex_init(&v->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&v->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    virSetErrorFunc(NULL, silent);
    enum rc rc = prepare(v, e);
    if (!rc && (virInitialize() != 0 || virEventRegisterDefaultImpl() != 0 ||
                virEventAddTimeout(200, on_timer, NULL, NULL) < 0))
        rc = virt_error(e, RC_IO, "libvirt does not start");
    /* The embedded driver needs the loop before it is opened. */
    if (!rc && (v->fd < 0 || !(v->loop_runs = pthread_create(&v->loop, NULL, run_loop, v) == 0)))
        rc = err_set(e, RC_IO, "cannot start libvirt's event thread");
    if (!rc) rc = connect_to(v, e);
    if (!rc) {
        v->n_periphs = periph_scan("/sys/class", v->periphs, PERIPHS);
        refresh_facts(v);
        v->worker_runs = true;
        if (pthread_create(&v->worker, NULL, run_worker, v) != 0) {
            v->worker_runs = false;
            rc = err_set(e, RC_IO, "cannot start the hypervisor's thread");
        }
    }
    if (rc) {
        virt_destroy(&v->base);
        return rc;
    }
    *out = &v->base;
    return RC_OK;
}
