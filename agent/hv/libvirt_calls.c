/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
/* The libvirt calls of each request. */
#include "base/erase.h"
#include "agent/hv/libvirt_files.h"
#include "agent/hv/libvirt_int.h"
#include "base/log.h"
#include "base/world.h"
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NO_MEMORY = 1422, START_FAILED = 1428, PATH_BYTES = 768 };

void libvirt_emulator_log(const struct virt *v, const char *name, char out[768])
{
    snprintf(out, 768, "%s%s/%s.log", v->root[0] ? v->root : "/var/log/libvirt", v->root[0] ? "/log/qemu" : "/qemu",
             name);
}

/* ---- power ---- */

static int64_t pid_in(const char *file)
{
    char text[32] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    return n > 0 ? strtoll(text, NULL, 10) : 0;
}

/* Is this process, held by its descriptor, the emulator of this VM? */
static bool emulates(int64_t pid, const char *uuid)
{
    char file[64], line[16384];
    snprintf(file, sizeof file, "/proc/%lld/cmdline", (long long)pid);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) close(fd);
    for (ssize_t i = 0; i + HV_UUID_BYTES <= n; i++)
        if (memcmp(line + i, uuid, HV_UUID_BYTES - 1) == 0) return true;
    return false;
}

/* A hanging emulator answers nobody, so it is killed by the pid that libvirt noted. */
static void kill_emulator(const struct virt *v, const struct hv_spec *spec)
{
    char file[PATH_BYTES];
    snprintf(file, sizeof file, "%s/qemu/%s.pid", v->root[0] ? v->root : "/run/libvirt", spec->name);
    if (v->root[0]) snprintf(file, sizeof file, "%s/run/qemu/%s.pid", v->root, spec->name);
    const int64_t pid = pid_in(file);
    const int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0u) : -1;
    if (fd < 0) return;
    if (emulates(pid, spec->uuid) && syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0u) == 0)
        log_event(LOG_WARN, "vm.killed", LOG_Z("vm", spec->name), LOG_N("pid", pid),
                  LOG_Z("why", "its emulator did not answer"));
    close(fd);
}

/* A VM that does not run any more (it was killed, or the driver is still reconnecting) counts as destroyed. */
static enum rc destroy(virDomainPtr dom, struct err *e)
{
    if (virDomainDestroy(dom) == 0 || virDomainIsActive(dom) == 0) return RC_OK;
    return libvirt_error(e, RC_IO, "the guest could not be switched off");
}

/* Where libvirt's QEMU driver saves memory; libvirt itself only unlinks the file. A file that the agent cannot reach
 * is left to libvirt. */
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

/* Remove what libvirt keeps of a guest besides its disks. Snapshots inside the disks go with the disks. */
static enum rc forget(const struct virt *v, virDomainPtr dom, struct err *e)
{
    virDomainSnapshotPtr *list = NULL;
    if (virDomainHasManagedSaveImage(dom, 0) == 1) erase_saved(v, dom);
    if (virDomainHasManagedSaveImage(dom, 0) == 1 && virDomainManagedSaveRemove(dom, 0) != 0)
        return libvirt_error(e, RC_IO, "the saved memory could not be removed");
    int n = virDomainListAllSnapshots(dom, &list, 0), left = 0;
    for (int i = 0; i < n; i++) {
        if (virDomainSnapshotDelete(list[i], 0) != 0 &&
            virDomainSnapshotDelete(list[i], VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) != 0)
            left++;
        virDomainSnapshotFree(list[i]);
    }
    free(list);
    if (left) return libvirt_error(e, RC_IO, "a snapshot could not be removed");
    return virDomainHasManagedSaveImage(dom, 0) == 1 ? err_set(e, RC_IO, "the saved memory still exists") : RC_OK;
}

static enum rc undefine(virDomainPtr dom, struct err *e)
{
    (void)virDomainDestroy(dom);
    if (virDomainUndefineFlags(dom, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_NVRAM) == 0 ||
        virDomainUndefine(dom) == 0)
        return RC_OK;
    return libvirt_error(e, RC_IO, "the VM could not be removed from the hypervisor");
}

/* ---- the state ---- */

/* A guest that is up has opened its agent's channel, and holds it. */
static bool is_ready(virDomainPtr dom)
{
    char *xml = virDomainGetXMLDesc(dom, 0);
    const bool yes = xml && strstr(xml, "name='org.qemu.guest_agent.0' state='connected'");
    free(xml);
    return yes;
}

/* The VM as it is now, whoever made it so. */
static enum rc look(struct virt *v, virConnectPtr conn, virDomainPtr dom, const struct hv_spec *spec,
                    struct hv_event *ev, struct err *e)
{
    int state, reason;
    if (virDomainGetState(dom, &state, &reason, 0) != 0)
        return libvirt_error(e, RC_IO, "the VM's state cannot be read");
    ev->state = libvirt_state_of(state);
    if (ev->state == HV_OFF && virDomainHasManagedSaveImage(dom, 0) == 1) ev->state = HV_SAVED;
    ev->cause = state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR ? HV_C_STORAGE : HV_C_OUTSIDE;
    if (libvirt_was_killed(state, reason)) ev->cause = HV_C_KILLED;
    ev->ready = ev->state == HV_RUNNING && is_ready(dom);
    if (ev->state == HV_RUNNING) /* without it the state is known nevertheless */
        (void)libvirt_in_force(conn, dom, spec, v->host.tuning, &ev->in_force, NULL);
    return RC_OK;
}

/* ---- one request ---- */

static enum rc result(int code, const char *what, struct err *e)
{
    return code == 0 ? RC_OK : libvirt_error(e, RC_IO, what);
}

/* Tasks around an emulator: reading its guest's console, limiting its log, and ending both with the VM. */
static void attend(struct virt *v, const struct virt_request *r)
{
    char log[768];
    libvirt_emulator_log(v, r->spec.name, log);
    if (r->call == HV_DESTROY || r->call == HV_UNDEFINE || r->call == HV_FORGET)
        libvirt_consoles_leave(v->consoles, r->spec.dir);
    else
        libvirt_consoles_read(v->consoles, r->spec.dir);
    if ((r->call == HV_UNDEFINE || r->call == HV_FORGET) && v->root[0])
        unlink(log);
    else
        libvirt_log_bound(log);
}

static enum rc ask(struct virt *v, virConnectPtr conn, virDomainPtr dom, const struct virt_request *r,
                   struct hv_event *ev, struct hv_stats **stats, struct err *e)
{
    switch (r->call) {
    case HV_UNDEFINE: return undefine(dom, e);
    case HV_START: return libvirt_start(v, conn, dom, &r->spec, false, e);
    case HV_START_PAUSED: return libvirt_start(v, conn, dom, &r->spec, true, e);
    case HV_DESTROY: return destroy(dom, e);
    case HV_SHUTDOWN:
        return result(virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN),
                      "the power button could not be pressed", e);
    case HV_REBOOT: return result(virDomainReboot(dom, 0), "the guest could not be rebooted", e);
    case HV_RESET: return result(virDomainReset(dom, 0), "the guest could not be reset", e);
    case HV_PAUSE: return result(virDomainSuspend(dom), "the guest could not be paused", e);
    case HV_RESUME: return result(virDomainResume(dom), "the guest could not be resumed", e);
    case HV_SAVE:
        return result(virDomainManagedSave(dom, VIR_DOMAIN_SAVE_RUNNING), "the guest's memory could not be saved", e);
    case HV_RESTORE: return result(virDomainCreate(dom), "the guest's memory could not be restored", e);
    case HV_DROP_SAVED: return result(virDomainManagedSaveRemove(dom, 0), "the saved memory could not be removed", e);
    case HV_FORGET: return forget(v, dom, e);
    case HV_SET_RESOURCES:
        libvirt_set_live(conn, dom, &r->spec, v->host.tuning);
        return libvirt_in_force(conn, dom, &r->spec, v->host.tuning, &ev->in_force, e);
    case HV_STATS: return libvirt_stats_read(dom, &r->spec, stats, e);
    case HV_LOOK: return look(v, conn, dom, &r->spec, ev, e);
    default: return err_set(e, RC_UNSUPPORTED, "the hypervisor cannot do this");
    }
}

static bool is_start(enum hv_call call)
{
    return call == HV_START || call == HV_START_PAUSED || call == HV_RESTORE;
}

/* libvirt does not know the VM: a success for requests that only remove it. */
static enum rc unknown(const struct virt_request *r, struct hv_event *ev, struct err *e)
{
    ev->state = HV_GONE;
    ev->cause = HV_C_OUTSIDE;
    return r->call == HV_UNDEFINE || r->call == HV_DESTROY || r->call == HV_DROP_SAVED || r->call == HV_FORGET ||
                   r->call == HV_LOOK
               ? RC_OK
               : libvirt_error(e, RC_NOT_FOUND, "the hypervisor does not know this VM");
}

static enum rc perform(struct virt *v, virConnectPtr conn, const struct virt_request *r, struct hv_event *ev,
                       struct hv_stats **stats, struct err *e)
{
    enum rc rc = RC_OK;
    if (r->call == HV_DEFINE || is_start(r->call)) rc = libvirt_files_check(&r->spec, &v->guard, v->own, &ev->code, e);
    if (rc) return rc;
    if (r->call == HV_DEFINE) {
        const struct virt_host host = libvirt_host_now(v);
        return libvirt_define(conn, &r->spec, &host, e);
    }
    if (r->by_force) kill_emulator(v, &r->spec);
    virDomainPtr dom = virDomainLookupByUUIDString(conn, r->spec.uuid);
    if (!dom && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) return unknown(r, ev, e);
    if (!dom) return libvirt_error(e, RC_BUSY, "the hypervisor does not answer");
    rc = ask(v, conn, dom, r, ev, stats, e);
    virDomainFree(dom);
    attend(v, r);
    return rc;
}

static bool is_about_memory(const char *words)
{
    return strstr(words, "annot allocate memory") || strstr(words, "annot set up guest memory");
}

/* Explain a failed start by the emulator's messages and the kernel's records: a lack of memory may be temporary; any
 * other cause is reported with the emulator's last message and its exit. */
static void explain(struct virt *v, const struct virt_request *r, int64_t began_ms, struct hv_event *ev)
{
    char log[768], words[160], end[64] = "", text[sizeof ev->text];
    if (!is_start(r->call) || !ev->rc || ev->code) return;
    const struct virt_exit how = libvirt_exits_of(v->exits, r->spec.name, began_ms);
    libvirt_emulator_log(v, r->spec.name, log);
    libvirt_log_last_words(log, words);
    /* START_FAILED also when it is a step of another operation */
    ev->code = how.by_oom || is_about_memory(ev->text) || is_about_memory(words) ? NO_MEMORY : START_FAILED;
    if (how.ended) libvirt_exit_words(&how, end, sizeof end);
    const bool more = words[0] && (end[0] || !strstr(ev->text, words)); /* another part follows, so the text is cut */
    const int head = more ? 90 : end[0] ? 200 : 250;
    snprintf(text, sizeof text, "%.*s%s%s%s%.100s", head, ev->text, end[0] ? "; the emulator ended" : "", end,
             more ? "; the emulator's last message: " : "", more ? words : "");
    memcpy(ev->text, text, sizeof text);
}

void libvirt_serve(void *ctx, const struct virt_request *r, struct hv_event *ev, struct hv_stats **stats)
{
    struct virt *v = ctx;
    struct err e = { 0 };
    const int64_t began_ms = world_monotonic_ms();
    virConnectPtr conn = libvirt_conn(v, &e);
    if (!conn && r->by_force) kill_emulator(v, &r->spec);
    ev->rc = conn ? perform(v, conn, r, ev, stats, &e) : e.rc;
    if (conn) virConnectClose(conn);
    snprintf(ev->text, sizeof ev->text, "%.250s", e.text);
    for (char *p = ev->text; *p; p++)
        if (*p == '\n' || *p == '\r') *p = ' ';
    explain(v, r, began_ms, ev);
    if (r->call == HV_STATS || r->call == HV_START || r->call == HV_DESTROY) libvirt_refresh_facts(v);
}
