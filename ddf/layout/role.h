/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_LAYOUT_ROLE_H
#define DDF_LAYOUT_ROLE_H
/* What the programs themselves need in a layout, whatever the file calls it. An entry, operation, state or word
 * plays a role when it has the role's name, or names the role with `role:`. All roles are resolved when the file is
 * read. A role that nothing plays is an error, unless the management object may lack it and the file lists it under
 * `without`. */

/* X(id, scope, name, may be lacking) */
/* clang-format off */
#define DDF_ROLES(X)                                                   \
    X(HYPERVISOR_NODE,      DEVICE, "hypervisor.node",          true)  \
    X(HYPERVISOR_MAX_VMS,   DEVICE, "hypervisor.maxVms",        true)  \
    X(HYPERVISOR_SETTINGS,  DEVICE, "hypervisor.cap.settings",  true)  \
    X(DEVICE_SAMPLE_TIME,   DEVICE, "kpi.sampleTime",           true)  \
    X(KPI_INTERVAL,         DEVICE, "kpi.interval",             true)  \
    X(VM_TITLE,             VM,     "name",                     true)  \
    X(VM_IMAGE,             VM,     "image",                    true)  \
    X(STATE,                VM,     "state",                    false) \
    X(STATE_REASON,         VM,     "stateReason",              true)  \
    X(STATE_TIME,           VM,     "stateTime",                true)  \
    X(LOCK_STATE,           VM,     "lockState",                true)  \
    X(DOMAIN_SERVERS,       VM,     "domain.servers",           false) \
    X(DOMAIN_ID,            VM,     "domain.id",                true)  \
    X(DOMAIN_OWNER,         VM,     "domain.owner",             true)  \
    X(FORCE_STOP,           VM,     "policy.forceStop",         true)  \
    X(SHUT_TIMEOUT,         VM,     "policy.shutTimeout",       true)  \
    X(PROGRESS_NODE,        VM,     "progress.node",            true)  \
    X(PROGRESS_CORRELATOR,  VM,     "progress.correlator",      true)  \
    X(PROGRESS_PHASE,       VM,     "progress.phase",           true)  \
    X(PROGRESS_PCT,         VM,     "progress.pct",             true)  \
    X(PROGRESS_RESULT,      VM,     "progress.result",          true)  \
    X(PROGRESS_START,       VM,     "progress.start",           true)  \
    X(PROGRESS_TEXT,        VM,     "progress.text",            true)  \
    X(RESOURCES_PENDING,    VM,     "resources.pending",        true)  \
    X(RESOURCES_EFFECTIVE,  VM,     "resources.effective",      true)  \
    X(UPGRADE_TARGET,       VM,     "upgrade.target",           true)  \
    X(UPGRADE_STATE,        VM,     "upgrade.state",            true)  \
    X(UPGRADE_NOT_BEFORE,   VM,     "upgrade.window.notBefore", true)  \
    X(UPGRADE_NOT_AFTER,    VM,     "upgrade.window.notAfter",  true)  \
    X(CRASH_COUNT,          VM,     "crash.count",              true)  \
    X(CRASH_LAST_TIME,      VM,     "crash.lastTime",           true)  \
    X(CRASH_LAST_REASON,    VM,     "crash.lastReason",         true)  \
    X(CRASH_LAST_INFO,      VM,     "crash.lastInfo",           true)  \
    X(KPI_NODE,             VM,     "kpi.node",                 true)  \
    X(SAMPLE_TIME,          VM,     "kpi.sampleTime",           true)  \
    X(IMAGE_ID,             IMAGE,  "id",                       true)  \
    X(IMAGE_NAME,           IMAGE,  "name",                     true)  \
    X(IMAGE_VERSION,        IMAGE,  "version",                  true)  \
    X(IMAGE_GUEST_TYPE,     IMAGE,  "guestType",                true)  \
    X(IMAGE_ARCH,           IMAGE,  "arch",                     true)  \
    X(IMAGE_FORMAT,         IMAGE,  "format",                   true)  \
    X(IMAGE_URL,            IMAGE,  "url",                      true)  \
    X(IMAGE_SIZE_KB,        IMAGE,  "sizeKB",                   true)  \
    X(IMAGE_HASH_ALG,       IMAGE,  "hashAlg",                  true)  \
    X(IMAGE_HASH,           IMAGE,  "hash",                     true)  \
    X(IMAGE_OWNER,          IMAGE,  "owner",                    true)  \
    X(IMAGE_STATUS,         IMAGE,  "status",                   true)  \
    X(IMAGE_DONE_KB,        IMAGE,  "doneKB",                   true)  \
    X(IMAGE_RESULT,         IMAGE,  "result",                   true)

#define DDF_OPERATION_ROLES(X)                                \
    X(REFRESH,         DEVICE, "refresh",        true)        \
    X(STOP,            VM,     "stop",           true)        \
    X(SHUTDOWN,        VM,     "shutdown",       true)        \
    X(LOCK,            VM,     "lock",           true)        \
    X(PARTIAL_LOCK,    VM,     "partialLock",    true)        \
    X(UNLOCK,          VM,     "unlock",         true)        \
    X(WIPE,            VM,     "wipe",           true)        \
    X(DELETE,          VM,     "delete",         true)        \
    X(UPGRADE,         VM,     "upgrade",        true)        \
    X(APPLY_RESOURCES, VM,     "applyResources", true)        \
    X(CANCEL,          VM,     "cancel",         true)        \
    X(DOWNLOAD,        IMAGE,  "download",       true)        \
    X(CANCEL_DOWNLOAD, IMAGE,  "cancel",         true)

/* X(id, name, may be lacking) */
#define DDF_STATE_ROLES(X)           \
    X(DEFINED,   "defined",   true)  \
    X(STOPPED,   "stopped",   false) \
    X(PAUSED,    "paused",    true)  \
    X(SUSPENDED, "suspended", true)  \
    X(CRASHED,   "crashed",   true)  \
    X(BROKEN,    "failed",    true)

/* StateReason: by the id in the file. */
#define DDF_REASON_ROLES(X) \
    X(CRASH_ACTION, "crashAction", true)

/* Words of an entry: X(id, the entry's role, name). They are required when the entry exists. */
#define DDF_WORD_ROLES(X)                                               \
    X(LOCKED,              LOCK_STATE,    "locked")                     \
    X(PARTLY_LOCKED,       LOCK_STATE,    "partly-locked")              \
    X(ROLLED_BACK,         UPGRADE_STATE, "rolledBack")                 \
    X(ROLLBACK_FAILED,     UPGRADE_STATE, "rollbackFailed")             \
    X(IMAGE_IDLE,          IMAGE_STATUS,  "idle")                       \
    X(DOWNLOAD_FAILED,     IMAGE_STATUS,  "downloadFailed")             \
    X(DOWNLOADING,         IMAGE_STATUS,  "downloading")                \
    X(VERIFYING,           IMAGE_STATUS,  "verifying")                  \
    X(VERIFICATION_FAILED, IMAGE_STATUS,  "verificationFailed")         \
    X(IMAGE_READY,         IMAGE_STATUS,  "ready")

/* Keys of an operation's arguments: X(id, the operation's role, name). */
#define DDF_ARG_ROLES(X)                        \
    X(FORCE,   SHUTDOWN,        "force")        \
    X(RESTART, APPLY_RESOURCES, "restart")      \
    X(WIPE,    DELETE,          "wipe")

/* Alerts: the names are the layout form's own. */
#define DDF_ALERTS(X)                               \
    X(OPERATION_COMPLETE,  "operation_complete")    \
    X(STATE_TOKEN,         "state_token")           \
    X(PROGRESS,            "progress")              \
    X(STATE_CHANGE,        "state_change")          \
    X(CRASH,               "crash")                 \
    X(CRASH_LOOP,          "crash_loop")            \
    X(TRIAL_RESULT,        "trial_result")          \
    X(THRESHOLD,           "threshold")             \
    X(RT_VIOLATION,        "rt_violation")          \
    X(PERIPHERAL_CHANGE,   "peripheral_change")     \
    X(LEASE_EVENT,         "lease_event")           \
    X(VM_ATTACHED,         "vm_attached")           \
    X(VM_DETACHED,         "vm_detached")           \
    X(IMAGE_READY,         "image_ready")           \
    X(INTEGRITY_VIOLATION, "integrity_violation")   \
    X(RESOURCE_SHORTAGE,   "resource_shortage")     \
    X(USER_REQUEST,        "user_request")
/* clang-format on */

enum ddf_role {
#define X(id, scope, name, lacking) DDF_ROLE_##id,
    DDF_ROLES(X)
#undef X
        DDF_ROLE_COUNT
};
/* DDF_OP_OTHER: the programs need only what the layout says of it. */
enum ddf_operation_role {
    DDF_OP_OTHER,
#define X(id, scope, name, lacking) DDF_OP_##id,
    DDF_OPERATION_ROLES(X)
#undef X
        DDF_OP_COUNT
};
enum ddf_state_role {
#define X(id, name, lacking) DDF_STATE_##id,
    DDF_STATE_ROLES(X)
#undef X
        DDF_STATE_COUNT
};
enum ddf_reason_role {
#define X(id, name, lacking) DDF_REASON_##id,
    DDF_REASON_ROLES(X)
#undef X
        DDF_REASON_COUNT
};
enum ddf_word_role {
#define X(id, entry, name) DDF_WORD_##id,
    DDF_WORD_ROLES(X)
#undef X
        DDF_WORD_COUNT
};
enum ddf_arg_role {
#define X(id, operation, name) DDF_ARG_##id,
    DDF_ARG_ROLES(X)
#undef X
        DDF_ARG_COUNT
};
/* DDF_ALERT_OTHER: not an alert of the layout. */
enum ddf_alert_kind {
    DDF_ALERT_OTHER,
#define X(id, name) DDF_ALERT_##id,
    DDF_ALERTS(X)
#undef X
        DDF_ALERT_COUNT
};
#endif
