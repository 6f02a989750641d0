/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DEVICE_H
#define AGENT_DEVICE_H
/*
 * One device: its tree with the management objects, its VMs and images, its accounts and alerts (mo/env.h), and the DM
 * client that talks to its servers (dm/session.h). No thread, no socket, no clock: time comes in `struct world`,
 * requests go to the hypervisor and the downloads. dmvisor-agent has one device, dmvisor-sim many.
 *
 * Every function that changes something persists it (mo/persist.h) before it returns.
 */
#include "agent/dm/session.h"
#include "agent/mo/env.h"

struct device_config { /* borrowed for the device's life */
    struct mo_config mo;
    struct dm_config dm;
};

struct device;
/**
 * @param hv, loader, state  borrowed; state NULL = nothing is persisted. The state is loaded and compared with the
 * hypervisor.
 */
enum rc device_create(const struct mo_shared *shared, const struct device_config *c, struct hv *hv,
                      struct download *loader, struct state *state, const struct world *w, struct device **out,
                      struct err *e);
void device_destroy(struct device *d);
/** The environment of its management objects. */
struct mo_env *device_env(struct device *d);
/** The DM client of its sessions. */
struct dm_client *device_client(struct device *d);

/**
 * Add an account; the first one owns the device-wide settings. @return RC_EXISTS when the device has one at this server
 * (nothing is changed), RC_LIMIT past ACCOUNTS_MAX
 */
enum rc device_add_account(struct device *d, const struct account *acc, const struct world *w, struct err *e);
/** Remove an account with its alerts and its rights (C-117). */
enum rc device_remove_account(struct device *d, const char *server_id, const struct world *w, struct err *e);
size_t device_accounts(const struct device *d);
const struct account *device_account(const struct device *d, size_t i);

/**
 * Take the events of the hypervisor and the downloads, and do what is due. Call it when their fds are readable and at
 * device_next_ms.
 */
enum rc device_work(struct device *d, const struct world *w, struct err *e);
/** The time at which device_work is due next; INT64_MAX = none. */
int64_t device_next_ms(const struct device *d);
/** Alerts that wait for this server: the time of the first (INT64_MAX = none), and how long they are grouped. */
int64_t device_alerts_since_ms(const struct device *d, size_t account);
int64_t device_coalesce_ms(const struct device *d);
/**
 * The longest interval between sessions with this server: from its account, and from the leases of the VMs it owns. 0 =
 * no polling.
 */
int64_t device_poll_s(struct device *d, size_t account);
bool device_busy(const struct device *d); /* an operation is in progress */
size_t device_alerts(const struct device *d);
size_t device_vms(const struct device *d);
struct vm *device_vm(const struct device *d, size_t i);
struct tree *device_tree(struct device *d);
#endif
