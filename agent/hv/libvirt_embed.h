/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_EMBED_H
#define AGENT_HV_LIBVIRT_EMBED_H
/* What surrounds an emulator on this host: its account, its sandbox, its view of /dev. An embedded driver
 * (qemu:///embed) has no daemon that prepared the ground, so this does. No libvirt here. */
#include "base/rc.h"
#include <stdbool.h>
#include <sys/types.h>

#define VIRT_ACCOUNT "libvirt-qemu"

struct virt_guard {
    uid_t uid; /* of emulators; 0 = the agent's own, which is not root then */
    gid_t gid;
    char lacks[64]; /* protections that this host cannot give, comma separated; "" = none */
};

/** "root=" of an embedded driver's address, or "". */
void libvirt_embed_root(const char *uri, char out[384]);
/**
 * Write <root>/etc/qemu.conf anew: emulators run in an account of their own, sandboxed; what this host cannot give is
 * left out one by one. Whatever stood in the file before does not count. When the account may not open /dev/kvm, this
 * process and its children get one that it may open, in a mount namespace of their own.
 * Call before other threads start.
 * @return RC_NOT_FOUND: the account is missing; RC_DENIED: /dev/kvm cannot be shared with it; RC_IO
 */
enum rc libvirt_embed_prepare(const char *root, struct virt_guard *out, struct err *e);
/** Make a folder and its parents. */
enum rc libvirt_make_folder(const char *path, struct err *e);
/**
 * Let the account pass through the folders on the way to `folder`; those from `own` on are opened for its group, and
 * only for passing through, others have to be open.
 * @return RC_DENIED names the folder that is closed
 */
enum rc libvirt_let_in(const struct virt_guard *g, const char *own, const char *folder, struct err *e);
#endif
