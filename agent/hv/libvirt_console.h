/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_CONSOLE_H
#define AGENT_HV_LIBVIRT_CONSOLE_H
/* What guests print: each one's serial line is a socket in its folder (VIRT_CONSOLE_SOCKET), read here into a log of
 * bounded size. A guest that prints without end replaces what it printed before; what it prints while nobody reads is
 * lost. One thread for all. */
#include "base/rc.h"

#define VIRT_CONSOLE_SOCKET "console.sock"
#define VIRT_CONSOLE_LOG    "console.log" /* and console.log.0, what came before */
enum { VIRT_CONSOLE_BYTES = 1 << 20 };    /* of each of the two */

struct virt_consoles;
enum rc libvirt_consoles_create(struct virt_consoles **out, struct err *e);
void libvirt_consoles_destroy(struct virt_consoles *all);
/** Read the console in this folder from now on, unless it is read already or there is none; quick. */
void libvirt_consoles_read(struct virt_consoles *all, const char *dir);
/** Read it no more; nothing is written into the folder when this has returned. */
void libvirt_consoles_leave(struct virt_consoles *all, const char *dir);
#endif
