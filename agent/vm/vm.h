/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_VM_H
#define AGENT_VM_VM_H
/* The life cycle of one VM: the state machine of virtualization-mo.md c.5 as a table, operations with progress,
 * crash actions, locks, recovery. Its inputs are operations, events of the hypervisor and the downloads, and the
 * time; it reports changes through `struct vm_sink`. No thread, no DM: mo/ shows it in the tree, tests run it in
 * virtual time over hv_sim. */
#include "agent/hv/hv.h"
#include "agent/image/download.h"
#include "base/buf.h"
#include "ddf/layout/layout.h"

enum { VM_ID_BYTES = 17, VM_CORRELATOR_BYTES = 64, VM_WIPE_NAMES = HV_VOLUMES + 4, VM_CRASHES_KEPT = 64 };
/* Parts of a VM that can be wiped besides volumes; names of AvailableWipeList. */
#define VM_WIPE_DISK    "system-disk"  /* the guest's own copy of the image */
#define VM_WIPE_CONSOLE "console-log"  /* the guest's console output */
#define VM_WIPE_MEMORY  "saved-memory" /* and snapshots; removed by every wipe */
#define VM_WIPE_IMAGE   "image-copy"   /* kernel and initrd, unpacked from the image */
enum vm_state {
    VM_UNDEFINED = 0,
    VM_DEFINED = 10,
    VM_PROVISIONING = 20,
    VM_STOPPED = 30,
    VM_STARTING = 40,
    VM_RUNNING = 50,
    VM_PAUSED = 60,
    VM_SUSPENDING = 70,
    VM_SUSPENDED = 80,
    VM_RESUMING = 90,
    VM_SHUTTING_DOWN = 100,
    VM_CRASHED = 110,
    VM_RESTORING = 120,
    VM_UPGRADING = 130,
    VM_WIPING = 140,
    VM_DELETING = 150,
    VM_FAILED = 160
};
enum vm_lock { VM_LOCK_UNDEFINED = 0, VM_LOCKED = 10, VM_PARTIALLY_LOCKED = 20, VM_UNLOCKED = 30 };

/* StateReason, c.5.5 */
enum vm_reason {
    VM_R_UNKNOWN = 0,
    VM_R_SERVER = 1,
    VM_R_GUEST = 3,
    VM_R_CRASH_ACTION = 4,
    VM_R_AUTO_START = 5,
    VM_R_HOST_RESTART = 7,
    VM_R_LOCK = 8,
    VM_R_LEASE = 9,
    VM_R_SHORTAGE = 12,
    VM_R_TIMEOUT = 14,
    VM_R_POLICY = 15,
    VM_R_LOCAL = 16
};

struct vm_progress { /* c.3.10; persisted */
    char op[32], correlator[VM_CORRELATOR_BYTES], server_id[64], text[256];
    int phase, pct, result; /* result 0 while running */
    int64_t done_kb, total_kb, start_ms, update_ms;
    bool can_cancel;
};

struct vm_policy { /* settings that this machine itself applies */
    int auto_start, boot_timeout_s, shut_timeout_s, lock_action;
    bool force_stop;
    int crash_action, max_restarts, window_s, restart_delay_s, escalation;
    int health; /* condition for a guest that is ready: 0 none, 1 boot completed, 2 heartbeat */
    bool is_protected;
    int check_in_s, lock_after_s, wipe_after_s; /* lease; 0 = off */
};

/* The stage of a lease that has expired; LeaseEvent uses the same numbers (c.7). */
enum vm_lease { VM_LEASE_KEPT, VM_LEASE_MISSED, VM_LEASE_LOCKED, VM_LEASE_WIPED };

struct vm_image {
    char id[64], sha256[65], url[1024], auth[256], format[16], version[32], ca_file[512];
    int64_t size_bytes;
    bool known;
};

struct vm_name {
    char text[HV_NAME_BYTES];
};

/* The state of one VM; only functions change it. */
struct vm_view {
    char id[VM_ID_BYTES];     /* node name */
    struct hv_spec want;      /* requested resources; uuid = VMID */
    struct hv_spec effective; /* as last applied */
    bool pending;             /* requested and effective differ */
    struct vm_policy policy;
    struct vm_image image;
    bool reinstall; /* the image's files were wiped, and are installed again before the next start */
    struct vm_name to_wipe[VM_WIPE_NAMES]; /* names that AvailableWipeList marks */
    int n_to_wipe;
    enum vm_state state, before_lock;
    int reason;
    int64_t state_ms;
    enum vm_lock lock;
    char locker[64];
    bool silent;        /* its emulator does not answer */
    int64_t contact_ms; /* last contact with an owner; 0 = never */
    enum vm_lease lease;
    struct vm_progress progress;
    int64_t boot_ms, boot_time_ms, started_ms;
    int boot_count;
    int crash_count, crash_reason;
    char crash_info[512];
    int64_t crash_ms[VM_CRASHES_KEPT];
    int n_crash_ms;                      /* within the window */
    struct hv_stats stats, stats_before; /* last two readings */
};

/* The settings that servers make for a VM. */
struct vm_settings {
    struct hv_spec want;
    struct vm_policy policy;
};

struct vm;

enum vm_event_kind {
    VM_EV_COMPLETE,   /* an operation of a server has ended: progress has its result */
    VM_EV_PROGRESS,   /* it has advanced */
    VM_EV_STATE,      /* the state or the lock changed, or its owners must read it */
    VM_EV_CRASH,      /* the guest stopped on its own: crash_... has the cause */
    VM_EV_CRASH_LOOP, /* and did so too often */
    VM_EV_LEASE       /* a stage of the lease was reached */
};
/* An event of a VM. All other facts are in its view, with their current values. */
struct vm_event {
    enum vm_event_kind kind;
    union {
        int result; /* COMPLETE: the code of c.6 */
        struct {
            enum vm_state old;
            int reason;
        } state;
        int action; /* CRASH: the device's reaction (Crash/Action) */
        int before; /* CRASH_LOOP: crashes within the window before this one */
        enum vm_lease lease;
    };
};
/* The reports of a VM. All calls are made inside vm_* functions, in order. */
struct vm_sink {
    void *ctx;
    /* The record changed: persist it before going on (recorded before done). */
    void (*save)(void *ctx, struct vm *vm);
    void (*event)(void *ctx, struct vm *vm, const struct vm_event *ev);
    void (*gone)(void *ctx, struct vm *vm); /* after Delete: remove the node; the owner frees vm afterwards */
};

struct vm_world {
    struct hv *hv;
    struct download *loader;
    const struct ddf_layout *layout;
    const struct vm_sink *sink;
    int64_t now_ms;
    const char *images_dir, *vms_dir;
    int64_t promised_kb; /* memory of all VMs that run */
    int64_t volumes_kb;  /* of all VMs, as large as they may become */
};

enum rc vm_create(const char *id, const char *uuid, int64_t now_ms, struct vm **out);
void vm_destroy(struct vm *vm);
/** Does the hypervisor keep the VM's memory for it? */
bool vm_is_on(const struct vm_view *vm);
/** Borrowed; what it shows changes with the VM. */
const struct vm_view *vm_view(const struct vm *vm);
/**
 * Set new settings. The requested resources include files and sizes that this machine has set: take them from the view
 * first. The settings take effect with vm_resources_changed and the next operation. @return true when the requested
 * resources changed
 */
bool vm_configure(struct vm *vm, const struct vm_settings *s);
void vm_set_image(struct vm *vm, const struct vm_image *image);
/** The names that a wipe of the scope "listed" covers: at most VM_WIPE_NAMES. */
void vm_set_wipe_list(struct vm *vm, const struct vm_name *names, int n);
void vm_rename(struct vm *vm, const char *id);
/** A server sent a command for this VM: a lease starts when it is set. */
void vm_heard(struct vm *vm, int64_t now_ms);
/** Does vm_operation have steps for an operation of this name? */
bool vm_knows_operation(const char *op);
/**
 * Start an operation of the layout ("start", "lock", "delete"...). A correlator that is in progress or that finished
 * last gets the same result again without an effect (never done twice).
 * @return 202 = accepted, an alert follows; 12xx/14xx = finished at once with this result (c.5.3, c.6)
 */
int vm_operation(struct vm *vm, struct vm_world *w, const char *op, struct str args, const char *correlator,
                 const char *server_id);
/** A session with an owner ended successfully: the lease starts again. */
void vm_contact(struct vm *vm, struct vm_world *w);
/** Requested resources changed (vm_configure): apply them now if possible, else keep them pending. */
void vm_resources_changed(struct vm *vm, struct vm_world *w);
/** @return true when the event was for this VM */
bool vm_hv_event(struct vm *vm, struct vm_world *w, const struct hv_event *ev);
bool vm_loader_event(struct vm *vm, struct vm_world *w, const struct download_event *ev);
/** Timeouts, crash restarts, progress. */
void vm_tick(struct vm *vm, struct vm_world *w);
/** The time at which vm_tick is due next; INT64_MAX = none. */
int64_t vm_next_ms(const struct vm *vm);
/**
 * After a restart of the agent: compare with the hypervisor, continue or undo, end interrupted operations with 1448,
 * AutoStart.
 */
void vm_recover(struct vm *vm, struct vm_world *w, enum hv_state seen);
/** Compare with the hypervisor: its state, vCPUs and memory replace values that differ. */
void vm_look(struct vm *vm, struct vm_world *w);
/** Request a new reading of the KPIs (the view's stats change with its event). */
void vm_collect(struct vm *vm, struct vm_world *w);
/** The persistent part as JSON; and back. */
enum rc vm_save(const struct vm *vm, struct buf *out);
enum rc vm_load(struct str json, struct vm **out, struct err *e);
/** The address of an interface: always the same for this VM and this interface, locally administered. */
void vm_net_mac(const char *uuid, const char *interface, char out[18]);
/** Size of its file in KiB, or of the file at its last creation or growth; 0 = there is no file. */
int64_t vm_files_volume_kb(const struct hv_volume *v);
/** Remove the folders of VMs that no longer exist. @return their number */
unsigned vm_files_sweep(const char *vms_dir, bool (*belongs)(void *ctx, const char *uuid), void *ctx);
/** Remove the VM's folder with its content, without overwriting. @return false when something remains */
bool vm_files_remove(struct vm *vm, const struct vm_world *w);
#endif
