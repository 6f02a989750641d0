/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_HV_H
#define AGENT_HV_HV_H
/* The hypervisor interface of the agent: requests go in, events come out, no call blocks. Two implementations:
 * libvirt.c (libvirt, with threads of its own) and hv_sim.c (in memory, virtual time; for dmvisor-sim and tests). It
 * knows nothing of trees or DM. */
#include "agent/hv/periph.h"
#include "base/arena.h"
#include "base/rc.h"

enum { HV_UUID_BYTES = 37, HV_NAME_BYTES = 32, HV_VOLUMES = 8, HV_NETS = 8, HV_VCPUS = 64, HV_TEXT_BYTES = 256 };

struct hv_facts {
    char name[96], vendor[64], version[64], arch[16];
    int type;                                      /* 1 bare-metal, 2 hosted */
    int cpu_total, cpu_online, max_vcpus, max_vms; /* max_vms 0 = no fixed limit */
    int64_t mem_total_kb, mem_free_kb, store_total_kb, store_free_kb, uptime_s;
    bool kvm; /* found by a test run (board-and-hypervisor.md 3) */
    bool pause, suspend, snapshot, mem_snapshot, balloon, cpu_hotplug, watchdog, rt_sched;
    bool tuning;                              /* CPU shares, limits and affinity have an effect (cgroups) */
    bool detects_panic;                       /* a guest's panic is reported */
    char guest_types[128], image_formats[64]; /* comma separated */
    int cpu_pct;
    int64_t mem_used_kb;
    int temp_c;    /* host KPIs; -1 unknown */
    bool degraded; /* a protection of the host is missing (`name` names it), or the hypervisor is not reachable */
    const struct periph *periphs; /* fixed for the hypervisor's lifetime */
    size_t n_periphs;
};

struct hv_volume {
    char name[HV_NAME_BYTES];
    int64_t quota_kb;
    bool read_only;
    char file[512];  /* where it lies; "" = not made yet */
    int64_t size_kb; /* of the file as it was made or grown last; 0 = not made yet */
    bool marked;     /* the file says whose it is (an extended attribute) */
    int64_t iops, kbps;
};
struct hv_net {
    char name[HV_NAME_BYTES];
    int mode;
    int64_t up_kbps, down_kbps;
    char mac[18];
};

/* The specification of a VM. hv_define copies the strings. */
struct hv_spec {
    char uuid[HV_UUID_BYTES], name[64]; /* name: unique in the hypervisor ("dmvisor-corp") */
    int vcpus, max_vcpus, shares, limit_pct, sched, rt_prio;
    char affinity[64];
    int64_t mem_min_kb, mem_max_kb, mem_kb;
    char kernel[512], initrd[512], cmdline[512], disk[512], disk_format[16]; /* kernel bundle, or a system disk */
    int64_t disk_max_kb; /* largest system disk that the guest may see; 0 = no limit */
    char dir[512];       /* for volumes, console log, saved memory */
    struct hv_volume volumes[HV_VOLUMES];
    int n_volumes;
    struct hv_net nets[HV_NETS];
    int n_nets;
    bool detect_panic, heartbeat; /* heartbeat: the guest is ready when it opens its channel */
    int watchdog_s;               /* 0 = none */
};

enum hv_call {
    HV_DEFINE,
    HV_UNDEFINE,
    HV_START,
    HV_START_PAUSED,
    HV_DESTROY,
    HV_SHUTDOWN,
    HV_REBOOT,
    HV_RESET,
    HV_PAUSE,
    HV_RESUME,
    HV_SAVE,
    HV_RESTORE,
    HV_DROP_SAVED,
    HV_SET_RESOURCES,
    HV_FORGET, /* remove saved memory and snapshots; success when there are none */
    HV_STATS,
    HV_LOOK /* read the current state, whoever changed it: DONE has state, cause (HV_C_OUTSIDE, HV_C_STORAGE,
             * HV_C_KILLED), and in_force and ready while it runs */
};

/* A VM's state as the hypervisor reports it. */
enum hv_state { HV_GONE, HV_OFF, HV_RUNNING, HV_PAUSED, HV_SAVED, HV_CRASHED, HV_SHUTTING_DOWN };
enum hv_cause {
    HV_C_NONE,
    HV_C_GUEST,
    HV_C_REQUEST,
    HV_C_PANIC,
    HV_C_WATCHDOG,
    HV_C_KILLED,
    HV_C_NO_MEMORY, /* killed by the kernel because memory ran out */
    HV_C_START_FAILED,
    HV_C_STORAGE, /* a disk of it cannot be written to: full, or broken */
    HV_C_OUTSIDE
};

struct hv_disk_stats {
    char name[HV_NAME_BYTES];
    int64_t rd_ops, rd_kb, rd_ms, wr_ops, wr_kb, wr_ms, flushes, alloc_kb;
};
struct hv_net_stats {
    char name[HV_NAME_BYTES];
    int64_t rx_kb, tx_kb, rx_pkts, tx_pkts, rx_errs, tx_errs, rx_drops, tx_drops;
};
struct hv_vcpu_stats {
    int state;
    int64_t time_ms, steal_ms;
};
/* Counters since the start; -1 = the hypervisor does not report it. */
struct hv_stats {
    int64_t at_ms;
    enum hv_state state;
    int64_t cpu_ms, user_ms, sys_ms, steal_ms, wait_ms;
    int n_vcpus;
    struct hv_vcpu_stats vcpu[HV_VCPUS];
    int64_t balloon_kb, used_kb, usable_kb, rss_kb, swap_in_kb, swap_out_kb, maj_faults, mem_age_s;
    int n_disks;
    struct hv_disk_stats disk[HV_VOLUMES];
    int n_nets;
    struct hv_net_stats net[HV_NETS];
};

/* The effective resources of a running VM, as the hypervisor reports them. Volumes and interfaces are those of the
 * request's spec, in its order; a figure that differs from the spec's only by the hypervisor's rounding equals the
 * spec's. */
struct hv_in_force {
    int vcpus, max_vcpus, shares, limit_pct, watchdog_s;
    bool detect_panic;
    char affinity[64];          /* of the first virtual CPU, or of the emulator, whose binding differs from the spec */
    int64_t mem_kb, mem_max_kb; /* mem_kb: the guest's memory, not the balloon's target */
    struct {
        bool there, read_only;
        int64_t quota_kb, iops, kbps;
    } volume[HV_VOLUMES];
    bool net[HV_NETS]; /* is there such an interface? */
};

enum hv_event_kind {
    HV_EV_DONE,    /* a request has finished: cookie, rc, text */
    HV_EV_STATE,   /* state changed: state, cause, text */
    HV_EV_READY,   /* the guest opened its channel, or printed that it is up */
    HV_EV_CHANGED, /* its effective resources may have changed: read them */
    HV_EV_SILENT,  /* the VM's emulator does not answer; only HV_DESTROY and HV_UNDEFINE have an effect */
    HV_EV_ANSWERS, /* it answers again, or has ended */
    HV_EV_LOST,
    HV_EV_BACK /* hypervisor not reachable; reachable again: read the states with HV_LOOK */
};
struct hv_event {
    enum hv_event_kind kind;
    char uuid[HV_UUID_BYTES];
    uint64_t cookie;
    enum hv_call call;
    enum rc rc;
    int code; /* DONE with an rc: the result code with the reason (virtualization-mo.md c.6); 0 = the operation's own
               * code */
    enum hv_state state;
    enum hv_cause cause;
    bool ready;               /* HV_LOOK: the guest has its channel open */
    char text[HV_TEXT_BYTES]; /* for people */
    /* Owned by the hv until the next hv_next: of HV_STATS; of HV_LOOK and HV_SET_RESOURCES, NULL = it does not run */
    struct hv_stats *stats;
    struct hv_in_force *in_force;
};

struct hv;
struct hv_class {
    void (*destroy)(struct hv *hv);
    enum rc (*facts)(struct hv *hv, struct hv_facts *out, struct err *e); /* quick: cached, refreshed by the worker */
    /**
     * Queue a request; its result is an HV_EV_DONE with this cookie. Requests for one uuid run in order, those for
     * different ones in parallel. Each has a time limit: past it the DONE has RC_TIMEOUT and code 1446. HV_DEFINE,
     * HV_SET_RESOURCES and HV_LOOK read all of spec, the others only spec->uuid. @return RC_LIMIT when too many wait
     */
    enum rc (*request)(struct hv *hv, enum hv_call call, const struct hv_spec *spec, uint64_t cookie, struct err *e);
    /** Next event. @return false when there is none */
    bool (*next)(struct hv *hv, struct hv_event *out);
    int (*fd)(struct hv *hv); /* readable when events wait; -1 = call `next` by time (hv_sim) */
    enum rc (*state)(struct hv *hv, const char *uuid, enum hv_state *out,
                     struct err *e); /* for recovery at start; may block briefly */
    /** How a VM that is off ended, where the hypervisor was there when it did: HV_C_KILLED, else HV_C_NONE. May block briefly. */
    enum hv_cause (*ended)(struct hv *hv, const char *uuid);
};
struct hv {
    const struct hv_class *class;
}; /* first member of each implementation */

enum hv_kvm {
    HV_KVM_AUTO,  /* a probe finds a KVM too slow for any guest; the first start shows the rest */
    HV_KVM_TRIAL, /* only the first start shows whether it works */
    HV_KVM_NEVER
};
/**
 * @param uri "qemu:///embed?root=/var/lib/dmvisor-agent/hv", "qemu:///system", ...; dir: for logs and temporary files.
 * A short start tests whether KVM really works (the result is cached in dir); e has the error and its remedy.
 */
enum rc hv_libvirt_create(const char *uri, const char *dir, enum hv_kvm kvm, struct hv **out, struct err *e);
/**
 * A simulation: every request succeeds after `delay_ms` of the time set with hv_sim_advance. seed: for plausible KPIs.
 * A VM with a folder has real files: a start needs each disk at its full size, the guest writes to its disks and to
 * console.log, and its memory is saved to memory.sav.
 */
struct hv *hv_sim_create(int delay_ms, uint64_t seed);
void hv_sim_advance(struct hv *hv, int64_t now_ms);
/** Let the next request of this kind, for any VM, fail or hang (tests); or let a running guest crash. */
void hv_sim_fail(struct hv *hv, enum hv_call call, enum rc rc, const char *text);
void hv_sim_crash(struct hv *hv, const char *uuid, enum hv_cause cause);
/**
 * The agent ends at once: waiting requests are never executed, guests keep running. And a power cut: guests are off as
 * well, saved memory is kept.
 */
void hv_sim_forsake(struct hv *hv);
void hv_sim_power_cut(struct hv *hv);
#endif
