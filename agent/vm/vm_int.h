/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_VM_INT_H
#define AGENT_VM_VM_INT_H
/* Between the files of the VM state machine: vm.c (operations and events), vm_step.c (what each step does),
 * vm_files.c, vm_wipe.c, vm_crash.c, vm_lease.c, vm_record.c, vm_resources.c. */
#include "agent/vm/vm.h"

/* Result codes of virtualization-mo.md c.6 that this machine returns. */
enum vm_result {
    VM_ACCEPTED = 202,
    VM_OK = 1200,
    VM_WIPED = 1201,
    VM_ALREADY = 1203,
    VM_AT_NEXT_START = 1204,
    VM_RESTRICTED = 1206,
    VM_NOT_DONE = 1400,
    VM_LOCK_FAILED = 1402,
    VM_UNLOCK_FAILED = 1404,
    VM_WIPE_FAILED = 1405,
    VM_NOT_WIPED = 1406,
    VM_NOT_IN_STATE = 1410,
    VM_CANNOT = 1411,
    VM_IMAGE_UNKNOWN = 1414,
    VM_IMAGE_UNFIT = 1420,
    VM_NO_STORAGE = 1423,
    VM_PROVISION_FAILED = 1427,
    VM_START_FAILED = 1428,
    VM_STOP_FAILED = 1429,
    VM_PAUSE_FAILED = 1430,
    VM_RESUME_FAILED = 1431,
    VM_SUSPEND_FAILED = 1432,
    VM_RESET_FAILED = 1433,
    VM_DELETE_FAILED = 1441,
    VM_IS_LOCKED = 1442,
    VM_BUSY = 1444,
    VM_CANCELLED = 1445,
    VM_TIMED_OUT = 1446,
    VM_PROTECTED = 1447,
    VM_INTERRUPTED = 1448
};
/* Crash/LastReason, c.3.6 */
enum vm_crash_reason {
    VM_CR_PANIC = 1,
    VM_CR_WATCHDOG = 2,
    VM_CR_NO_MEMORY = 5,
    VM_CR_HYPERVISOR = 6,
    VM_CR_BOOT_TIMEOUT = 7,
    VM_CR_START = 9,
    VM_CR_UNKNOWN = 99
};
/* Crash/Action */
enum vm_crash_action {
    VM_CA_ALERT,
    VM_CA_STOP,
    VM_CA_RESTART,
    VM_CA_DUMP_STOP,
    VM_CA_DUMP_RESTART,
    VM_CA_REVERT,
    VM_CA_ROLLBACK,
    VM_CA_LOCK,
    VM_CA_REBOOT
};
/* Policy/LockAction */
enum vm_lock_action { VM_LA_HIDE, VM_LA_PAUSE, VM_LA_SUSPEND, VM_LA_SHUTDOWN };
/* Progress/Phase, c.3.10 */
enum vm_phase {
    VM_P_QUEUED = 1,
    VM_P_WAITING = 2,
    VM_P_DOWNLOAD = 3,
    VM_P_VERIFY = 4,
    VM_P_WRITE = 5,
    VM_P_STOP = 6,
    VM_P_START = 8,
    VM_P_FINISH = 10,
    VM_P_DONE = 12,
    VM_P_FAILED = 13,
    VM_P_CANCELLED = 14
};

enum vm_step {
    STEP_END,
    STEP_ADMIT,       /* do its resources fit the device? */
    STEP_IMAGE,       /* download the image unless it exists */
    STEP_FILES,       /* unpack or copy it */
    STEP_VOLUMES,     /* create new volumes, check all of them */
    STEP_DEFINE,      /* define the requested configuration in the hypervisor */
    STEP_PROVISIONED, /* state 30; continues only with start=1 */
    STEP_START,
    STEP_READY,
    STEP_SHUTDOWN,
    STEP_STOP,
    STEP_PAUSE,
    STEP_RESUME,
    STEP_SAVE,
    STEP_LOCK_ACTION,
    STEP_LOCKED,
    STEP_UNLOCKED,
    STEP_UNLOCK_ACTION,
    STEP_SCOPE,  /* what the wipe covers */
    STEP_FORGET, /* remove the hypervisor's part: saved memory, snapshots */
    STEP_WIPE,
    STEP_WIPED,
    STEP_UNDEFINE,
    STEP_REMOVE,
    STEP_SET_LIVE, /* resources; goes on with a restart only when asked for and of use */
    STEP_IN_FORCE, /* are they, after the restart? */
    STEP_COUNT
};
enum { STEPS_MAX = 10, CORRELATORS = 8, REQUEST_LIMIT_MS = 300000, PRESS_AGAIN_MS = 5000 };

struct vm_operation_kind { /* one row of the table of operations in vm.c */
    const char *op;
    enum vm_step steps[STEPS_MAX];
    int result;   /* on success */
    int failure;  /* of a failed step that has no code of its own */
    bool already; /* in the target state already: 1203 instead of 1410 */
};

/* What a wipe covers (c.3.10). */
enum vm_scope { VM_SCOPE_LISTED, VM_SCOPE_USER, VM_SCOPE_ALL };

/* The operation in progress. */
struct vm_operation {
    const struct vm_operation_kind *kind; /* NULL = none */
    unsigned at;                          /* index into kind->steps */
    bool internal;       /* started by the machine itself (crash action, auto start, lease): no alert at its end */
    char why[128];       /* of an internal one: its description, shown in Progress/Text */
    enum vm_lease lease; /* the lease's stage when it succeeds */
    int reason;          /* StateReason of its changes */
    bool start_after, paused, force, restart;
    bool keeps_data;      /* Delete with wipe=0: unlinked, not overwritten */
    int64_t timeout_s;    /* argument of Shutdown, 0 = policy's */
    enum vm_state before; /* state at its start */
    enum vm_scope scope;
    struct vm_name wipe[VM_WIPE_NAMES]; /* the content of the scope when the wipe began */
    int n_wipe;
    struct vm_name lost
        [VM_WIPE_NAMES]; /* of that, what was not at its place when the operation began: nothing of it is destroyed */
    int n_lost;
    uint64_t waits_for;            /* cookie of the request under way, 0 = none */
    int64_t deadline_ms, press_ms; /* of the step; when the power button is pressed again */
    enum vm_crash_reason crash;    /* a boot that crashed; 0 = it timed out */
    bool stopping_hard;            /* the shutdown has timed out, power off follows */
};

/* A copy or a wipe in progress, done in portions. */
struct vm_work {
    bool open;
    int from, to; /* -1 = none */
    int64_t at;
    char name[256];
};

struct vm_done {
    char correlator[VM_CORRELATOR_BYTES];
    int result;
};

struct vm_private {
    struct vm_operation operation;
    uint64_t last_cookie, set_cookie;
    bool set_dirty;
    bool told_pending;  /* owners know that changes wait for the next start */
    bool ready_early;   /* the guest became ready before the hypervisor reported the start */
    int64_t restart_ms; /* crash action: time of the restart; 0 = none */
    struct vm_done done[CORRELATORS];
    unsigned next_done;
    char loading[64]; /* id of the download that this VM waits for */
    int64_t lease_again_ms;
    bool start_next; /* an unlock: the VM starts afterwards, because it ran before the lock */
    struct vm_work work;
};

struct vm {
    struct vm_view pub;
    struct vm_private priv;
};

/* The result of a step's begin function. */
enum vm_go { VM_GO_NEXT, VM_GO_WAIT, VM_GO_END, VM_GO_FAIL };

/* vm_step.c */
/** Before anything is written or started for what is wanted, or changed on a VM that runs. @return 0 or the code; text says why */
int vm_admit(const struct vm *vm, const struct vm_world *w, char text[HV_TEXT_BYTES]);
enum vm_go vm_step_begin(struct vm *vm, struct vm_world *w, enum vm_step step, int *code);
/* An event while this step waits. */
enum vm_go vm_step_event(struct vm *vm, struct vm_world *w, enum vm_step step, const struct hv_event *ev, int *code);
enum vm_go vm_step_timeout(struct vm *vm, struct vm_world *w, enum vm_step step, int *code);

/* vm_files.c. Without files none of these is called. */
bool vm_has_files(const struct vm_world *w);
/**
 * Install the image at `file` into the VM's folder, some megabytes at a time. *done: the installation is complete.
 * @return RC_LIMIT without room
 */
enum rc vm_files_install(struct vm *vm, const struct vm_world *w, const char *file, bool *done, struct err *e);
/**
 * Create volumes that have no file yet, and grow those with a larger quota. *made: the record changed and must be
 * persisted before a guest uses them.
 */
enum rc vm_files_make(struct vm *vm, bool *made, struct err *e);
/** @return RC_NOT_FOUND or RC_INVALID, naming the file that is missing, not a regular file, or shorter than created */
enum rc vm_files_check(const struct vm *vm, struct err *e);
/** Is the file where it was made, and the one that was made? */
bool vm_files_volume_is_there(const struct hv_spec *s, const struct hv_volume *v);
bool vm_files_disk_is_there(const struct hv_spec *s);
/** What is free where the VMs' files are, without what their volumes may still grow by. @return -1: not known */
int64_t vm_files_room_kb(const struct vm_world *w);
/** Is there any room at all for what a guest writes? */
bool vm_files_is_full(const struct vm_world *w);
/** Files of volumes that are not wanted any more. */
void vm_files_drop_volumes(struct vm *vm);
/** Remove all files from the record. */
void vm_files_forget(struct vm *vm);
/** The guest's line about its panic, from the end of its console. @return false when there is none */
bool vm_files_panic(const struct vm *vm, char out[160]);
/** Close the files of a copy or a wipe. */
void vm_work_end(struct vm *vm);

/* vm_wipe.c */
/** @return false when the scope is empty */
bool vm_wipe_resolve(struct vm *vm);
/** Before anything of an operation's scope is destroyed: what of it is not at its place? */
void vm_wipe_note_lost(struct vm *vm);
/** In words; empty when all was there. Said once: after it the record has what was lost no more. */
void vm_wipe_tell_lost(struct vm *vm, char out[200]);
/** The next megabytes. @return RC_OK, with *done when nothing of the scope is left; else an error that names what is */
enum rc vm_wipe_some(struct vm *vm, bool *done, struct err *e);
/** The same for all files of the VM, and its folder. */
enum rc vm_delete_some(struct vm *vm, bool *done, struct err *e);
/** Remove wiped files from the record. */
void vm_wipe_forget(struct vm *vm);

/* vm.c */
/** The operation's row in the table; NULL when there is none. */
const struct vm_operation_kind *vm_kind_of(const char *op);
void vm_set_state(struct vm *vm, struct vm_world *w, enum vm_state to, int reason);
void vm_set_lock(struct vm *vm, struct vm_world *w, enum vm_lock to, int reason);
/** Ask the owners to read a VM whose state is unchanged. */
void vm_tell_state(struct vm *vm, struct vm_world *w, int reason);
void vm_set_progress(struct vm *vm, struct vm_world *w, enum vm_phase phase, int pct, const char *text);
/** Send a request for the current step. */
enum vm_go vm_ask(struct vm *vm, struct vm_world *w, enum hv_call call, int64_t limit_ms, int *code);
/**
 * Start an operation of the machine itself. Progress shows `why` to servers; their own operations are refused with 1444
 * until it has ended. @return false when another one is in progress
 */
bool vm_begin_internal(struct vm *vm, struct vm_world *w, const char *op, int reason, const char *why,
                       enum vm_lease lease);

/* vm_resources.c */
bool vm_same_resources(const struct hv_spec *a, const struct hv_spec *b);
/**
 * Inform the owners, once, that the effective resources differ from the requested ones, so that they can read them and
 * restart the VM; and when they are equal again.
 */
void vm_tell_pending(struct vm *vm, struct vm_world *w);
/** The reported resources of a running VM are effective, whoever changed them. @param is  NULL: no new report */
void vm_resources_seen(struct vm *vm, struct vm_world *w, const struct hv_in_force *is);
/** Is there something pending that comes with a start? */
bool vm_needs_start(const struct vm *vm);

/* vm_outside.c */
/**
 * Handle the hypervisor's report of the VM's current state, or that its emulator stopped or resumed answering. @return
 * true: it was such an event
 */
bool vm_outside_event(struct vm *vm, struct vm_world *w, const struct hv_event *ev);
/** The VM may have changed without an operation: read its state. */
void vm_outside_doubt(struct vm *vm, struct vm_world *w, const struct hv_event *ev);

/* vm_crash.c */
enum vm_crash_reason vm_crash_reason(enum hv_cause cause);
void vm_crashed(struct vm *vm, struct vm_world *w, enum vm_crash_reason why, const char *info);
void vm_crash_tick(struct vm *vm, struct vm_world *w);
/** Is a restart pending? Until then servers cannot start the VM: 1444. */
bool vm_crash_pending(const struct vm *vm);

/* vm_lease.c */
void vm_lease_tick(struct vm *vm, struct vm_world *w);
int64_t vm_lease_next_ms(const struct vm *vm);
/** The stage was carried out. */
void vm_lease_done(struct vm *vm, struct vm_world *w, enum vm_lease stage);
#endif
