/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_EXITS_H
#define AGENT_HV_LIBVIRT_EXITS_H
/* How emulators ended. libvirt lets them go as daemons, so that neither it nor the agent is the parent who is told; what
 * it leaves is the file with the emulator's number. This holds each emulator by a descriptor from the moment that file is
 * written, and asks the kernel for its exit status afterwards (Linux 6.15 and later tell it to whoever holds one). What
 * nobody tells is unknown, and said to be. */
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virt_exits;
struct virt_exit {
    bool ended;  /* it is known that it ended */
    bool known;  /* ... and how: by `signal`, or with `status` */
    bool by_oom; /* the kernel says that it killed it for want of memory */
    int signal, status;
};

/** @param pids  folder of the numbers' files, "<domain>.pid". libvirt's event loop must be there. One that cannot be
 * watched is no error: then nothing is known */
enum rc libvirt_exits_create(const char *pids, struct virt_exits **out, struct err *e);
/** After the event loop has ended; NULL is fine. */
void libvirt_exits_destroy(struct virt_exits *x);
/** How the last emulator of this domain ended, if it is one that began at `since_ms` (monotonic) or later; waits for its
 * end for a short time. */
struct virt_exit libvirt_exits_of(struct virt_exits *x, const char *domain, int64_t since_ms);
/** ", killed by the kernel for want of memory", ", killed by signal 9", ", with exit status 35", ", how is unknown". */
void libvirt_exit_words(const struct virt_exit *how, char *out, size_t n);
#endif
