/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_EXITS_H
#define AGENT_HV_LIBVIRT_EXITS_H
/* How emulators ended. libvirt starts them as daemons, so neither libvirt nor the agent is the parent that gets the
 * exit status; libvirt only leaves a file with the emulator's pid. The agent holds each emulator by a descriptor
 * from the moment that file is written, and asks the kernel for its exit status afterwards (Linux 6.15 and later
 * report it to every holder). Without a report it is unknown, and described so. */
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virt_exits;
struct virt_exit {
    bool ended;  /* it is known to have ended */
    bool known;  /* ... and how: by `signal`, or with `status` */
    bool by_oom; /* the kernel reports that it killed it because memory ran out */
    int signal, status;
};

/**
 * @param pids  folder of the pid files, "<domain>.pid". libvirt's event loop must exist. A folder that cannot be
 * watched is no error: then all exits are unknown
 */
enum rc libvirt_exits_create(const char *pids, struct virt_exits **out, struct err *e);
/** After the event loop has ended; accepts NULL. */
void libvirt_exits_destroy(struct virt_exits *x);
/**
 * How the last emulator of this domain ended, if it started at `since_ms` (monotonic) or later; waits briefly for its
 * end.
 */
struct virt_exit libvirt_exits_of(struct virt_exits *x, const char *domain, int64_t since_ms);
/**
 * ", killed by the kernel because memory ran out", ", killed by signal 9", ", with exit status 35", ", exit status
 * unknown".
 */
void libvirt_exit_words(const struct virt_exit *how, char *out, size_t n);
#endif
