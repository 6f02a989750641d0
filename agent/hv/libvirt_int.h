/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_INT_H
#define AGENT_HV_LIBVIRT_INT_H
/* Shared by the files that know libvirt: libvirt.c (connection, events, facts), libvirt_calls.c (requests),
 * libvirt_kvm.c (does KVM work), libvirt_stats.c. */
#include "agent/hv/hv.h"
#include "agent/hv/libvirt_console.h"
#include "agent/hv/libvirt_embed.h"
#include "agent/hv/libvirt_exits.h"
#include "agent/hv/libvirt_lanes.h"
#include "agent/hv/domain_xml.h"
#include "base/thread.h"
#include <libvirt/libvirt.h>

enum { VIRT_VMS_SEEN = 64 };
/* Is KVM known to run a guest? Found by starting one. */
enum virt_kvm { VIRT_KVM_UNTRIED, VIRT_KVM_WORKS, VIRT_KVM_ABSENT };

/* The cause that an event announces for the stop that follows: the watchdog fired, or the emulator got a signal to
 * end. */
enum virt_omen { VIRT_OMEN_NONE, VIRT_OMEN_WATCHDOG, VIRT_OMEN_SIGNAL };
struct virt_omen_of {
    char uuid[HV_UUID_BYTES];
    enum virt_omen omen;
};

struct virt_told;
struct virt {
    struct hv base;
    char uri[512], dir[384], own[384], root[384]; /* own: the agent's folder; root: of an embedded driver, or "" */
    struct virt_guard guard;
    enum hv_kvm use_kvm;
    char kvm_key[192]; /* kernel and emulator that the result of a trial is valid for */
    struct virt_consoles *consoles;
    struct virt_exits *exits;
    struct virt_lanes *lanes;
    int fd;
    struct threads loop;  /* libvirt's event loop */
    pthread_mutex_t tick; /* held while the lanes' clock is checked */
    bool ticks;

    struct threads keeper; /* reconnects; its lock protects the members below, its condition signals their changes */
    virConnectPtr conn;
    bool lost; /* the connection is lost and not restored */
    struct virt_host host;
    enum virt_kvm kvm;
    struct hv_facts facts;
    struct periph periphs[PERIPHS]; /* at the start */
    size_t n_periphs;
    struct virt_told *told, **told_last, *handed_out;
    struct virt_omen_of omens[VIRT_VMS_SEEN]; /* announced causes of the next stop */
    unsigned next_omen;
    char trial[HV_UUID_BYTES];  /* a guest under KVM that is expected to become ready */
    bool trial_up, trial_over;  /* it did; it ended instead */
    char second[HV_UUID_BYTES]; /* a guest that did not become ready under KVM, now running without it */
};

/** "what: why", with libvirt's own message for why. @return rc */
enum rc libvirt_error(struct err *e, enum rc rc, const char *what);
/** A virDomainState as ours. */
enum hv_state libvirt_state_of(int state);
/** Off, because its emulator ended without being asked to. */
bool libvirt_was_killed(int state, int reason);
/** One reading. @param out malloc'ed, the caller's; figures that the hypervisor does not tell are -1 */
enum rc libvirt_stats_read(virDomainPtr dom, const struct hv_spec *spec, struct hv_stats **out, struct err *e);

/* libvirt.c */
/** The current connection, to be released with virConnectClose. @return NULL: it is lost; e has the reason */
virConnectPtr libvirt_conn(struct virt *v, struct err *e);
void libvirt_refresh_facts(struct virt *v);

/* libvirt_calls.c */
/** struct virt_lanes_class's serve. */
void libvirt_serve(void *ctx, const struct virt_request *r, struct hv_event *ev, struct hv_stats **stats);
/** The path of the emulator's log. */
void libvirt_emulator_log(const struct virt *v, const char *name, char out[768]);

/* libvirt_kvm.c */
/** Load the known facts about KVM at the start; needs the connection. */
void libvirt_kvm_recall(struct virt *v);
struct virt_host libvirt_host_now(struct virt *v);
/** Define the VM in the hypervisor. */
enum rc libvirt_define(virConnectPtr conn, const struct hv_spec *spec, const struct virt_host *host, struct err *e);
enum rc libvirt_create(virDomainPtr dom, bool paused, struct err *e);
/** Start; the first start under KVM is the trial. */
enum rc libvirt_start(struct virt *v, virConnectPtr conn, virDomainPtr dom, const struct hv_spec *spec, bool paused,
                      struct err *e);
/** A guest became ready; an emulator ended. */
void libvirt_kvm_up(struct virt *v, const char *uuid);
void libvirt_kvm_down(struct virt *v, const char *uuid);

/* libvirt_live.c */
/**
 * Change the resources of a running VM as far as possible; libvirt_in_force reads the result. Waits some seconds for
 * the guest to follow its balloon.
 * @param tuning  CPU weight, limit and affinity can be changed (cgroups)
 */
void libvirt_set_live(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s, bool tuning);

/* libvirt_in_force.c */
enum { LIBVIRT_CPU_PERIOD_US = 100000, LIBVIRT_CPUS_MAX = 1024, LIBVIRT_MEMORY_GRAIN_KB = 1024 };
/** The share of each virtual CPU in the VM's limit, in microseconds of a period; -1 = no limit. */
long long libvirt_cpu_quota(const struct hv_spec *s);
/** The cores that the machine has, at most LIBVIRT_CPUS_MAX; 0 = not known. */
int libvirt_cores(virConnectPtr conn);
/** "0-1,4" as a bit map of so many cores; "" = all. @return false when it is no such list */
bool libvirt_cpu_map(const char *list, int cores, unsigned char *map);
/** The text of the domain's disk with this file, in its XML; empty when there is none. */
struct str libvirt_disk_of(struct str xml, const char *file);
/** "vda" of a disk's text. */
bool libvirt_disk_target(struct str disk, char out[8]);
/** Is it in the text? */
bool libvirt_has(struct str text, const char *what);
/**
 * Read the effective resources of a running VM.
 * @param s  its requested resources: names the volumes and interfaces to read
 * @param out  malloc'ed, owned by the caller
 */
enum rc libvirt_in_force(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s, bool tuning,
                         struct hv_in_force **out, struct err *e);
#endif
