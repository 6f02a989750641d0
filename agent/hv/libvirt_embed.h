/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_EMBED_H
#define AGENT_HV_LIBVIRT_EMBED_H
/* The environment of emulators on this host: their account, sandbox and view of /dev. An embedded driver
 * (qemu:///embed) has no daemon that prepares it, so this file does. No libvirt here. */
#include "base/rc.h"
#include <stdbool.h>
#include <sys/types.h>

#define VIRT_ACCOUNT "libvirt-qemu"

struct virt_guard {
    uid_t uid; /* account of emulators; 0 = the agent's own, which is not root then */
    gid_t gid;
    char lacks[64]; /* protections that this host does not support, comma separated; "" = none */
};

/** The "root=" of an embedded driver's address, or "". */
void libvirt_embed_root(const char *uri, char out[384]);
/**
 * Write <root>/etc/qemu.conf: emulators run in an account of their own, sandboxed; protections that this host lacks are
 * left out one by one. The file's earlier content is dropped. When the account has no access to /dev/kvm, this process
 * and its children get a node that it can open, in a mount namespace of their own. Call before other threads start.
 * @return RC_NOT_FOUND: the account is missing; RC_DENIED: /dev/kvm cannot be shared with it; RC_IO
 */
enum rc libvirt_embed_prepare(const char *root, struct virt_guard *out, struct err *e);
/** Create a folder and its parents. */
enum rc libvirt_make_folder(const char *path, struct err *e);
/**
 * Give the account search permission on the folders on the path to `folder`. Those from `own` on are opened for its
 * group, for search only; the others must be open already.
 * @return RC_DENIED names the folder that is closed
 */
enum rc libvirt_let_in(const struct virt_guard *g, const char *own, const char *folder, struct err *e);
#endif
