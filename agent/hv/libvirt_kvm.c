/* SPDX-License-Identifier: Apache-2.0 */
/* Does KVM work here? On some hosts /dev/kvm opens, and the emulator aborts or the guest never boots. A probe at the
 * agent's start detects a KVM that is too slow for any guest; after that, the first start under KVM is a trial. KVM
 * is abandoned only when the same VM boots without it: a VM that fails both ways proves nothing about KVM. */
#include "agent/hv/kvm_probe.h"
#include "agent/hv/libvirt_int.h"
#include "base/log.h"
#include "base/world.h"
#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { TRIAL_S = 45, XML_BYTES = 64 << 10 };

static bool read_line(const char *file, char *out, size_t n)
{
    FILE *f = fopen(file, "r");
    bool good = f && fgets(out, (int)n, f);
    if (f) fclose(f);
    if (good) out[strcspn(out, "\n")] = '\0';
    return good;
}

/* The result of a trial is valid for one kernel and one emulator. */
static void set_key(struct virt *v)
{
    unsigned long emulator = 0;
    struct utsname host;
    uname(&host);
    (void)virConnectGetVersion(v->conn, &emulator);
    snprintf(v->kvm_key, sizeof v->kvm_key, "%s %s, emulator %lu", host.release, host.version, emulator);
}

/* "yes|no <key>" in <dir>/kvm. @return false when there is no result for this kernel and this emulator */
static bool recall(const struct virt *v, bool *works)
{
    char file[512], line[sizeof v->kvm_key + 8];
    snprintf(file, sizeof file, "%s/kvm", v->dir);
    const char *space = read_line(file, line, sizeof line) ? strchr(line, ' ') : NULL;
    if (!space || strcmp(space + 1, v->kvm_key) != 0) return false;
    *works = strncmp(line, "yes ", 4) == 0;
    return true;
}

static bool can_open(const struct virt *v)
{
    const int fd = strncmp(v->uri, "qemu:", 5) == 0 ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) close(fd);
    return fd >= 0;
}

/* A probe can only show that KVM is unusable; only a guest can show that it works. */
static bool is_too_slow(const struct virt *v)
{
    const enum kvm_speed speed = v->use_kvm == HV_KVM_AUTO ? kvm_probe() : KVM_SPEED_UNKNOWN;
    if (speed != KVM_SPEED_SLOW && speed != KVM_SPEED_ABSENT) return false;
    log_event(LOG_INFO, "kvm.unusable",
              LOG_Z("why", speed == KVM_SPEED_SLOW
                               ? "a loop of a millisecond did not end within half a second under KVM;"
                                 " emulation is used"
                               : "/dev/kvm opens and runs nothing; emulation is used"));
    return true;
}

void libvirt_kvm_recall(struct virt *v)
{
    bool works = false;
    set_key(v);
    if (v->use_kvm == HV_KVM_NEVER || !can_open(v) || is_too_slow(v))
        v->kvm = VIRT_KVM_ABSENT;
    else if (recall(v, &works))
        v->kvm = works ? VIRT_KVM_WORKS : VIRT_KVM_ABSENT;
    else
        v->kvm = VIRT_KVM_UNTRIED;
    v->host.kvm = v->kvm != VIRT_KVM_ABSENT;
}

static void learn(struct virt *v, bool works)
{
    char file[512];
    threads_lock(&v->keeper);
    v->kvm = works ? VIRT_KVM_WORKS : VIRT_KVM_ABSENT;
    v->host.kvm = works;
    threads_wake(&v->keeper);
    threads_unlock(&v->keeper);
    log_event(LOG_INFO, works ? "kvm.works" : "kvm.absent",
              LOG_Z("why", works ? "a guest started under KVM and came up"
                                 : "a guest did not come up under KVM and came up without it; emulation is used"));
    snprintf(file, sizeof file, "%s/kvm", v->dir);
    FILE *f = fopen(file, "w");
    if (f) {
        fprintf(f, "%s %s\n", works ? "yes" : "no", v->kvm_key);
        fclose(f);
    }
}

struct virt_host libvirt_host_now(struct virt *v)
{
    threads_lock(&v->keeper);
    struct virt_host host = v->host;
    threads_unlock(&v->keeper);
    if (v->guard.uid) host.gid = v->guard.gid;
    return host;
}

/* ---- starts ---- */

/* A crashed guest whose domain is preserved is active, but does not run. */
static bool is_running(virDomainPtr dom)
{
    int state, reason;
    if (virDomainGetState(dom, &state, &reason, 0) != 0) return false;
    return libvirt_state_of(state) == HV_RUNNING || libvirt_state_of(state) == HV_PAUSED;
}

enum rc libvirt_create(virDomainPtr dom, bool paused, struct err *e)
{
    if (virDomainCreateWithFlags(dom, VIR_DOMAIN_START_FORCE_BOOT | (paused ? VIR_DOMAIN_START_PAUSED : 0u)) == 0)
        return RC_OK;
    return virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID && is_running(dom)
               ? RC_OK
               : libvirt_error(e, RC_IO, "the guest could not be started");
}

/* One trial at a time; the others wait for its result, for a limited time. @return true: this is the trial */
static bool begin_trial(struct virt *v, const struct hv_spec *spec)
{
    const int64_t until_ms = world_monotonic_ms() + 2 * TRIAL_S * 1000;
    threads_lock(&v->keeper);
    while (v->kvm == VIRT_KVM_UNTRIED && (v->trial[0] || v->second[0]) && !v->keeper.stop &&
           threads_wait_until(&v->keeper, until_ms))
        ;
    const bool mine = v->kvm == VIRT_KVM_UNTRIED && !v->keeper.stop && !v->trial[0];
    if (mine) {
        snprintf(v->trial, sizeof v->trial, "%s", spec->uuid);
        v->trial_up = v->trial_over = false;
    }
    threads_unlock(&v->keeper);
    return mine;
}

/* Wait until the guest is ready, or has ended. */
static bool came_up(struct virt *v)
{
    const int64_t until_ms = world_monotonic_ms() + TRIAL_S * 1000;
    threads_lock(&v->keeper);
    while (!v->trial_up && !v->trial_over && !v->keeper.stop && threads_wait_until(&v->keeper, until_ms))
        ;
    const bool up = v->trial_up;
    threads_unlock(&v->keeper);
    return up;
}

static void end_trial(struct virt *v)
{
    threads_lock(&v->keeper);
    v->trial[0] = '\0';
    threads_wake(&v->keeper);
    threads_unlock(&v->keeper);
}

/* Start the same VM without KVM. Whether it becomes ready, possibly much later, decides about KVM. */
static enum rc start_without(struct virt *v, virConnectPtr conn, virDomainPtr dom, const struct hv_spec *spec,
                             bool paused, struct err *e)
{
    struct virt_host host = libvirt_host_now(v);
    host.kvm = false;
    log_event(LOG_INFO, "kvm.doubted", LOG_Z("vm", spec->name), LOG_Z("do", "starting it without KVM"));
    enum rc rc = libvirt_define(conn, spec, &host, e);
    if (!rc) rc = libvirt_create(dom, paused, e);
    if (rc) { /* it fails both ways: the trial stays open */
        host.kvm = true;
        (void)libvirt_define(conn, spec, &host, NULL);
    } else if (!spec->heartbeat || paused) {
        learn(v, false); /* no later event will report it */
    } else {
        threads_lock(&v->keeper);
        snprintf(v->second, sizeof v->second, "%s", spec->uuid);
        threads_unlock(&v->keeper);
    }
    return rc;
}

enum rc libvirt_start(struct virt *v, virConnectPtr conn, virDomainPtr dom, const struct hv_spec *spec, bool paused,
                      struct err *e)
{
    struct virt_host host;
    enum rc rc;
    if (!begin_trial(v, spec)) {
        host = libvirt_host_now(v);
        rc = libvirt_define(conn, spec, &host, e); /* the definition may predate the trial */
        return rc ? rc : libvirt_create(dom, paused, e);
    }
    log_event(LOG_INFO, "kvm.trial", LOG_Z("vm", spec->name));
    rc = libvirt_create(dom, paused, NULL);
    if (!rc && (!spec->heartbeat || paused)) {
        end_trial(v); /* it has started and will report no more: the next guest that becomes ready decides */
        return RC_OK;
    }
    if (!rc && came_up(v)) {
        learn(v, true);
    } else {
        if (!rc) (void)virDomainDestroy(dom);
        rc = start_without(v, conn, dom, spec, paused, e);
    }
    end_trial(v);
    return rc;
}

/* ---- events ---- */

void libvirt_kvm_up(struct virt *v, const char *uuid)
{
    threads_lock(&v->keeper);
    const bool second = v->second[0] && strcmp(v->second, uuid) == 0;
    if (second) v->second[0] = '\0';
    if (strcmp(v->trial, uuid) == 0) {
        v->trial_up = true;
        threads_wake(&v->keeper);
    }
    threads_unlock(&v->keeper);
    if (second) learn(v, false);
}

void libvirt_kvm_down(struct virt *v, const char *uuid)
{
    threads_lock(&v->keeper);
    if (strcmp(v->second, uuid) == 0) v->second[0] = '\0';
    if (strcmp(v->trial, uuid) == 0) v->trial_over = true;
    threads_wake(&v->keeper);
    threads_unlock(&v->keeper);
}

/* ---- the description ---- */

enum rc libvirt_define(virConnectPtr conn, const struct hv_spec *spec, const struct virt_host *host, struct err *e)
{
    struct buf xml;
    buf_init(&xml, XML_BYTES);
    enum rc rc = domain_xml_write(spec, host, &xml, e);
    virDomainPtr dom = rc ? NULL : virDomainDefineXML(conn, buf_z(&xml));
    if (!rc && !dom) rc = libvirt_error(e, RC_IO, "the hypervisor refuses the VM's description");
    if (dom) virDomainFree(dom);
    buf_finish(&xml);
    return rc;
}
