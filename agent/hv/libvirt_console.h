/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_CONSOLE_H
#define AGENT_HV_LIBVIRT_CONSOLE_H
/* The consoles of guests: each serial line is a socket in the VM's folder (VIRT_CONSOLE_SOCKET), which is read here
 * into a log of bounded size. New output replaces the oldest; output while the socket is not read is lost. One
 * thread for all. */
#include "base/rc.h"

#define VIRT_CONSOLE_SOCKET "console.sock"
#define VIRT_CONSOLE_LOG    "console.log" /* and console.log.0, the part before */
enum { VIRT_CONSOLE_BYTES = 1 << 20 };    /* size limit of each of the two */

struct virt_consoles;
enum rc libvirt_consoles_create(struct virt_consoles **out, struct err *e);
void libvirt_consoles_destroy(struct virt_consoles *all);
/** Start reading the console in this folder, unless it is read already or there is none; quick. */
void libvirt_consoles_read(struct virt_consoles *all, const char *dir);
/** Stop reading it; nothing is written into the folder after this returns. */
void libvirt_consoles_leave(struct virt_consoles *all, const char *dir);
#endif
