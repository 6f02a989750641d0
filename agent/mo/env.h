/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_ENV_H
#define AGENT_MO_ENV_H
/*
 * The environment of a device's management objects: the tree, the VMs, images, accounts and jobs that they show, the
 * hypervisor and the downloads that they use, and the store. It is the ctx of every tree_row. No thread, no socket, no
 * clock: a call begins with mo_enter, which sets the time, and ends with mo_leave, which makes its changes durable.
 */
#include "agent/mo/account.h"
#include "agent/mo/alerts.h"
#include "agent/hv/hv.h"
#include "agent/mo/jobs.h"
#include "agent/image/download.h"
#include "agent/mo/shared.h"
#include "agent/mo/persist.h"
#include "agent/tree/tree.h"
#include "agent/vm/vm.h"
#include "base/vec.h"
#include "base/world.h"

enum { MO_VMS = 64, MO_IMAGES = 64 };

/* Identity and limits of the device. Borrowed for the device's lifetime. */
struct mo_config {
    const char *id, *manufacturer, *model, *version, *language, *type, *oem, *firmware, *software, *hardware;
    const char *images_dir, *vms_dir, *ca_file;
    unsigned quota_images, quota_vms; /* of one owner (a server); 0 = only the device's limit */
    uint64_t quota_bytes;             /* image files and disks of one owner's VMs; 0 = no limit */
};

struct mo_threshold;
struct mo_vm {
    struct vm *vm;
    const struct vm_view *is; /* its view */
    bool dirty;               /* settings were written: configure the VM from the tree again */
    bool gone;                /* deleted; the node is removed when the VM's function has returned */
    int64_t progress_ms;
    int progress_pct;                /* of the last Progress alert */
    struct mo_threshold *thresholds; /* mo_threshold.c */
    size_t n_thresholds;
};

struct mo_image {
    char id[64], owner[ACCOUNT_ID_BYTES]; /* owner: the server that added it, "" = an older agent did not record it */
    int status, result;
    int64_t done_kb;
};
/* Status of an image (virtualization-mo.md c.9). */
enum {
    IMAGE_IDLE = 10,
    IMAGE_DOWNLOAD_FAILED = 20,
    IMAGE_DOWNLOADING = 30,
    IMAGE_DOWNLOADED = 40,
    IMAGE_VERIFYING = 50,
    IMAGE_VERIFY_FAILED = 60,
    IMAGE_READY = 70
};

/* Device-wide settings that the agent applies. */
struct mo_settings {
    int64_t kpi_interval_s, progress_step, progress_gap_s, state_alerts, coalesce_s;
};

/* The last report of the hypervisor. */
struct mo_host {
    struct hv_facts facts;
    int64_t at_ms;
    bool known;
};

struct mo_env {
    const struct mo_shared *shared;
    struct mo_config config;
    struct hv *hv;
    struct download *loader;
    struct state *state; /* NULL = nothing is persisted */
    struct alerts *alerts;
    struct tree *tree;
    struct vm_sink sink; /* mo_vm_events.c */
    VEC(struct mo_vm) vms;
    VEC(struct mo_image) images;
    VEC(struct account) accounts;
    struct jobs jobs;
    struct mo_settings settings;
    struct mo_host host;
    int64_t sample_ms;  /* next KPI sampling; INT64_MAX = none */
    int64_t compare_ms; /* next comparison with the hypervisor */
    bool sweeps;        /* an image or a VM was removed: image files may be unused now */
    uint64_t changes;   /* counts changes of values that the tree shows without a record */

    /* of the current call */
    const struct world *w;
    struct str server;  /* sender of the current command, "" = none */
    struct err trouble; /* first failure inside a row or a sink */
};

static inline const struct ddf_layout *mo_layout(const struct mo_env *env)
{
    return env->shared->layout;
}

/**
 * Load the state and compare it with the hypervisor. Also after an error mo_env_finish frees it.
 * @param hv, loader, state  borrowed; state NULL = nothing is persisted
 */
enum rc mo_env_init(struct mo_env *env, const struct mo_shared *shared, const struct mo_config *c, struct hv *hv,
                    struct download *loader, struct state *state, const struct world *w, struct err *e);
void mo_env_finish(struct mo_env *env);

/** Take the events of the hypervisor and the downloads, and do what is due. A complete call. */
enum rc mo_work(struct mo_env *env, const struct world *w, struct err *e);
/** The time at which mo_work is due next; INT64_MAX = none. */
int64_t mo_next_ms(const struct mo_env *env);
bool mo_busy(const struct mo_env *env); /* an operation is in progress */
/** A session with this server ended successfully: the leases of its VMs start again. */
void mo_contact(struct mo_env *env, const char *server_id);
/**
 * The longest interval between sessions with this server: from its account, and from the leases of the VMs it owns. 0 =
 * no polling.
 */
int64_t mo_poll_s(struct mo_env *env, const struct account *acc);

/** Begin and end a call that may change something: the end makes its changes durable, or reports why not. */
void mo_enter(struct mo_env *env, const struct world *w, struct str server);
enum rc mo_leave(struct mo_env *env, struct err *e);
/** Record the first failure of the call. */
void mo_note(struct mo_env *env, enum rc rc, const char *what);
/** Configure the VMs whose settings were written from the tree; remove deleted VMs. */
void mo_settle(struct mo_env *env);
/** The current arguments for a VM's functions. */
struct vm_world mo_vm_world(struct mo_env *env);
/** Read the state of every VM from the hypervisor. */
void mo_compare(struct mo_env *env, struct vm_world *w);

struct mo_vm *mo_find_vm(struct mo_env *env, struct str id);
/** mo_settle for one VM, which is not removed. */
void mo_settle_vm(struct mo_env *env, struct mo_vm *v);
struct mo_image *mo_find_image(struct mo_env *env, struct str id);
struct account *mo_find_account(struct mo_env *env, struct str server_id);

/** The stored or default value of a leaf of the layout, in the arena. @return false when it does not exist */
bool mo_kept(struct mo_env *env, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
             struct arena *a, struct str *out);
int64_t mo_kept_int(struct mo_env *env, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                    int64_t otherwise);
struct str mo_uri(struct mo_env *env, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                  struct arena *a);
struct str mo_vm_uri(struct mo_env *env, struct str id, struct arena *a);
struct str mo_image_uri(struct mo_env *env, struct str id, struct arena *a);
/** A text in the form that servers see (shown.h). */
struct str mo_shown(const struct mo_env *env, struct str text, struct arena *a);

/** A moment of the device's time (clock.h) as the wall clock shows it; 0 = none, empty. */
struct str mo_time(const struct mo_env *env, int64_t ms, struct arena *a);

/** To one server, when the device has an account there. */
void mo_alert(struct mo_env *env, const char *server_id, const char *name, struct str source, const char *format,
              const char *mark, const char *data, const char *correlator);
/** To all servers with owner rights on the VM. */
void mo_alert_owners(struct mo_env *env, struct str vm, const char *name, struct str source, const char *format,
                     const char *mark, const char *data);
/** Mark of an alert with this result (c.7): informational, warning, critical. */
const char *mo_mark(int result);
/** Is the server one of the VM's owners (Domain/Servers)? */
bool mo_owns(struct mo_env *env, const char *vm_id, struct str server_id);
#endif
