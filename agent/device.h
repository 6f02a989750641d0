/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DEVICE_H
#define AGENT_DEVICE_H
/*
 * One device: its tree with the management objects, its VMs and images, its accounts, its alerts. No thread, no socket,
 * no clock: time comes in `struct world`, requests go out through the hypervisor and the loader, messages through
 * session.h. dmvisor-agent has one, dmvisor-sim many.
 *
 * Every function that changes something leaves it durable (state.h) before it returns.
 */
#include "agent/mo/account.h"
#include "agent/hv/hv.h"
#include "agent/image/download.h"
#include "agent/mo/persist.h"
#include "base/world.h"
#include "syncml/msg.h"

/* Descriptions, layout and rows: loaded once, shared by all devices of the process. */
struct device_shared;
/** @param objects  folder with mo/ and layout/ @param own  folder with standard.yaml */
enum rc device_shared_load(const char *objects, const char *own, struct device_shared **out, struct err *e);
void device_shared_destroy(struct device_shared *s);

struct exec_user;
struct device_config { /* borrowed for the device's life */
    const char *id, *manufacturer, *model, *version, *language, *type, *oem, *firmware, *software, *hardware;
    const char *images_dir, *vms_dir, *ca_file;
    uint64_t max_msg_bytes, max_obj_bytes;
    unsigned quota_images, quota_vms; /* of one owner (a server); 0 = no limit but the device's */
    uint64_t quota_bytes;             /* image files and disks of one owner's VMs; 0 = no limit */
    enum sml_type encoding;
    const struct exec_user *user; /* who sees alerts 1100 to 1104; NULL = nobody */
};

struct device;
/** @param hv, loader, state  borrowed; state NULL = nothing is kept. What is in the state is loaded and compared with the hypervisor. */
enum rc device_create(const struct device_shared *shared, const struct device_config *c, struct hv *hv,
                      struct loader *loader, struct state *state, const struct world *w, struct device **out,
                      struct err *e);
void device_destroy(struct device *d);

/** A new account; the first one owns the device-wide settings. @return RC_EXISTS when the device has one at this
 * server (nothing is changed), RC_LIMIT past ACCOUNTS_MAX */
enum rc device_add_account(struct device *d, const struct account *acc, const struct world *w, struct err *e);
/** With its alerts and its rights (C-117). */
enum rc device_remove_account(struct device *d, const char *server_id, const struct world *w, struct err *e);
size_t device_accounts(const struct device *d);
const struct account *device_account(const struct device *d, size_t i);

/** Take what the hypervisor and the loader have to say, do what is due. Call it when their fds are readable and at
 * device_next_ms. */
enum rc device_work(struct device *d, const struct world *w, struct err *e);
/** Earliest time device_work has something to do; INT64_MAX = none. */
int64_t device_next_ms(const struct device *d);
/** Alerts that wait for this server: since when (INT64_MAX = none), and how long they are to be grouped. */
int64_t device_alerts_since_ms(const struct device *d, size_t account);
int64_t device_coalesce_ms(const struct device *d);
/** How often this server is to be called at least: what its account says, and the leases of the VMs it owns. 0 = only when asked to. */
int64_t device_poll_s(struct device *d, size_t account);
bool device_busy(const struct device *d); /* an operation runs */
size_t device_alerts(const struct device *d);
size_t device_vms(const struct device *d);
struct vm *device_vm(const struct device *d, size_t i);
struct tree *device_tree(struct device *d);
#endif
