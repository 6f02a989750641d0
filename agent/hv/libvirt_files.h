/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_FILES_H
#define AGENT_HV_LIBVIRT_FILES_H
/* The files of a VM as the emulator opens them. */
#include "agent/hv/hv.h"
#include "agent/hv/libvirt_embed.h"

/**
 * Check every file that the VM's description names before it is used: at its definition and at each start. Only the
 * agent may write in their folder, so the emulator opens what was checked.
 *
 * @param own   the agent's folder; folders below it get search permission for the emulator's account
 * @param code  the result code with the reason (virtualization-mo.md c.6), 0 = none of these
 */
enum rc libvirt_files_check(const struct hv_spec *spec, const struct virt_guard *guard, const char *own, int *code,
                            struct err *e);

enum { VIRT_EMULATOR_LOG_BYTES = 1 << 20 };
/** Limit an emulator's log: past the limit it starts over. */
void libvirt_log_bound(const char *file);
/** The last line that an emulator printed, without the prefixes of the C library or libvirt; "" = none. */
void libvirt_log_last_words(const char *file, char out[160]);
#endif
