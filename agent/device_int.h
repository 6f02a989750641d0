/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DEVICE_INT_H
#define AGENT_DEVICE_INT_H
/* The inside of a device, for device.c, session.c, jobs.c and the management objects (mo_*.c). */
#include "agent/mo/alerts.h"
#include "agent/device.h"
#include "agent/mo/objects.h"
#include "agent/tree/tree.h"
#include "agent/vm/vm.h"

enum { DEVICE_VMS = 64, DEVICE_IMAGES = 64, DEVICE_JOBS = 32, DEVINFO_LEAVES = 5 };

struct device_shared {
    struct arena arena;
    struct ddf_schema *schema;
    struct ddf_layout *layout;
    struct objects objects;
    struct tree_model *model;
    struct str devinfo[DEVINFO_LEAVES]; /* addresses of what package 1 tells */
};

struct device_threshold;
struct device_vm {
    struct vm *vm;
    bool dirty; /* settings were written: vm->want and vm->policy are to be made from the tree again */
    bool gone;  /* deleted; the node goes when the VM's function has returned */
    int64_t progress_ms;
    int progress_pct;                    /* of the last Progress alert */
    struct device_threshold *thresholds; /* mo_threshold.c */
    size_t n_thresholds;
};

struct device_image {
    char id[64], owner[ACCOUNT_ID_BYTES]; /* owner: who added it, "" = an older agent did not note it */
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

struct device_settings {
    int64_t kpi_interval_s, progress_step, progress_gap_s, state_alerts, coalesce_s;
};

struct device_token {
    char server_id[ACCOUNT_ID_BYTES], hex[65];
    uint64_t generation, changes;
};

struct device {
    const struct device_shared *shared;
    struct device_config config;
    struct hv *hv;
    struct loader *loader;
    struct state *state;
    struct alerts *alerts;
    struct tree *tree;
    const struct world *w; /* of the call that runs now */
    struct str server;     /* whose command runs now, "" = none */
    struct vm_sink sink;
    struct device_vm *vms;
    size_t n_vms, cap_vms;
    struct device_image *images;
    size_t n_images;
    struct job *jobs;
    size_t n_jobs;
    uint64_t last_job; /* room for DEVICE_JOBS from the first on */
    struct account *accounts;
    size_t n_accounts;
    struct device_settings settings;
    struct hv_facts facts;
    int64_t facts_ms;
    bool facts_known;
    bool sweeps;        /* an image or a VM went: image files may have lost their last user */
    int64_t sample_ms;  /* next KPI sampling */
    int64_t compare_ms; /* next comparison with what the hypervisor has */
    uint64_t changes;   /* of what the tree shows without having it as a record */
    struct device_token token;
    struct err trouble; /* first failure inside a row or a sink */
};

static inline struct ddf_layout *device_layout(const struct device *d)
{
    return d->shared->layout;
}
struct vm_world device_world(struct device *d);
/** Begin and end a call that may change something: the end makes it durable, or tells why not. */
void device_enter(struct device *d, const struct world *w, struct str server);
enum rc device_leave(struct device *d, struct err *e);
/** Make vm->want and vm->policy from the tree where settings were written; bury VMs that are gone. */
void device_settle(struct device *d);
/** Ask the hypervisor how every VM is now. */
void device_compare(struct device *d, struct vm_world *w);

struct device_vm *device_find_vm(struct device *d, struct str id);
struct device_image *device_find_image(struct device *d, struct str id);
/** Value of a leaf of the layout, in the arena: kept or default, or (live) as a Get would give it. @return false when
 * it is not there */
bool device_kept(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                 struct arena *a, struct str *out);
bool device_live(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                 struct arena *a, struct str *out);
int64_t device_kept_int(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                        int64_t otherwise);
struct str device_uri(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                      struct arena *a);
struct str device_vm_uri(struct device *d, struct str id, struct arena *a);
struct str device_image_uri(struct device *d, struct str id, struct arena *a);
struct account *device_find_account(struct device *d, struct str server_id);
/** A text as servers are shown it (shown.h). */
struct str device_shown(const struct device *d, struct str text, struct arena *a);
/** To one server, when the device has an account there. */
void device_alert(struct device *d, const char *server_id, const char *name, struct str source, const char *format,
                  const char *mark, const char *data, const char *correlator);
/** To all servers with owner rights on the VM. */
void device_alert_owners(struct device *d, struct str vm, const char *name, struct str source, const char *format,
                         const char *mark, const char *data);
/** A session with this server ended well: what its VMs wait for (leases). */
void device_contact(struct device *d, const char *server_id);
const char *device_mark(int result);                              /* c.7: informational, warning, critical */
void device_note(struct device *d, enum rc rc, const char *what); /* remember the first failure */

/* The management objects: lay rows (once for the process), react. */
enum rc mo_devinfo_rows(struct device_shared *s, struct err *e);
void mo_devinfo_leaves(const struct device *d, struct sml_leaf out[DEVINFO_LEAVES]); /* texts are borrowed */
enum rc mo_devdetail_rows(struct device_shared *s, struct err *e);
enum rc mo_dmacc_rows(struct device_shared *s, struct err *e);
enum rc mo_virt_rows(struct device_shared *s, struct err *e);
enum rc mo_vm_rows(struct device_shared *s, struct err *e);
/** For the settings that no object serves; after all others. */
enum rc mo_vm_other_rows(struct device_shared *s, struct err *e);
enum rc mo_vm_fact_rows(struct device_shared *s, struct err *e);
/** The VM whose node, or a node below it, this is; NULL when there is none. */
struct device_vm *mo_vm_at(struct device *d, const struct tree_at *at);
enum rc mo_kpi_rows(struct device_shared *s, struct err *e);
enum rc mo_threshold_rows(struct device_shared *s, struct err *e);
enum rc mo_periph_rows(struct device_shared *s, struct err *e);
enum rc mo_images_rows(struct device_shared *s, struct err *e);

/** A reading of this VM's KPIs came; the guest stopped, so that there are none. */
void mo_threshold_sampled(struct device *d, struct device_vm *v);
void mo_threshold_stopped(struct device *d, struct device_vm *v);

void mo_virt_settings(struct device *d);        /* read the device-wide settings again */
void mo_virt_facts(struct device *d, bool now); /* ask the hypervisor, at most every few seconds */
/** vm->want, vm->policy and vm->image from the tree. @return true when requested resources changed */
bool mo_vm_fill(struct device *d, struct vm *vm);
void mo_vm_image(struct device *d, struct vm *vm);
enum rc mo_vm_adopt(struct device *d, struct vm *vm); /* put a VM into the device's list */
void mo_vm_sink(struct device *d);                    /* fill d->sink */
void mo_images_event(struct device *d, const struct loader_event *ev);
void mo_images_recover(struct device *d);
/** Remove image files that neither an entry nor a VM names, and those without a VM beyond the newest few. */
void mo_images_sweep(struct device *d);
/** How many VMs use this entry: not another owner's of the same name. */
int mo_images_in_use(struct device *d, const struct device_image *i);
/** The entry that a VM's image name means: one of the VM's own servers. NULL when none of them has one. */
struct device_image *mo_image_of(struct device *d, const struct vm *vm, struct str image_id);
/** Room that is left for this owner's next `kb`. @return false: more than its quota */
bool mo_images_room(struct device *d, struct str server, int64_t kb);

/* Operations of the device, of images, and KPI collections (jobs.c): accepted with 202, ended by one alert, same
 * answer for the same correlator. */
/** @return 0 = new; else the answer that this correlator has had (202, or its result) */
int jobs_known(struct device *d, struct str uri, const struct tree_call *call);
/** Start one; NULL without room (all others still run). waiting = parts that will end by themselves. */
struct job *jobs_begin(struct device *d, const char *op, struct str owner, struct str uri,
                       const struct tree_call *call);
void jobs_save(struct device *d, const struct job *j);
bool jobs_room(struct device *d); /* for one more */
/** One part ended. The last one ends the job: an alert goes out. */
void jobs_part(struct device *d, uint64_t id, int result);
/** Ended before the Exec was answered: no alert. @return the result */
int jobs_end_now(struct device *d, struct job *j, int result);
struct job *jobs_running(struct device *d, const char *op, struct str owner);
/** Correlator for a part given to a VM: "@17"; and the job it belongs to (0 = none of ours). */
void jobs_part_name(const struct job *j, char out[VM_CORRELATOR_BYTES]);
uint64_t jobs_of_part(struct str correlator);
void jobs_recover(struct device *d);
void jobs_tick(struct device *d);
int64_t jobs_next_ms(const struct device *d);
/** A reading of this VM's KPIs came. */
void jobs_sampled(struct device *d, struct str vm, bool ok);
#endif
