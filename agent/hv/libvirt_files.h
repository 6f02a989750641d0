/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_FILES_H
#define AGENT_HV_LIBVIRT_FILES_H
/* The files of a VM as the emulator will open them. */
#include "agent/hv/hv.h"
#include "agent/hv/libvirt_embed.h"

/**
 * Every file that the VM's description names is looked at before it is used: at its definition and at each start. They
 * lie in a folder that only the agent may write, so what was looked at is what is used.
 *
 * @param own   the agent's folder; folders below it are opened for the emulator's account to pass through
 * @param code  the result that says why (virtualization-mo.md c.6), 0 = none of these
 */
enum rc libvirt_files_check(const struct hv_spec *spec, const struct virt_guard *guard, const char *own, int *code,
                            struct err *e);

enum { VIRT_EMULATOR_LOG_BYTES = 1 << 20 };
/** An emulator's own log does not grow for ever: past the ceiling it begins anew. */
void libvirt_log_bound(const char *file);
/** The last line that an emulator said, without what the C library or libvirt put around it; "" = it said none. */
void libvirt_log_last_words(const char *file, char out[160]);
#endif
