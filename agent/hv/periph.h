/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_PERIPH_H
#define AGENT_HV_PERIPH_H
/* Lists this machine's peripherals by the kernel's device classes (virtualization-mo.md c.2, c.4). */
#include <stddef.h>

enum { PERIPHS = 32 };

struct periph {
    char id[16];          /* class and number, in the kernel's order: "camera0" */
    const char *kind;     /* token of c.4 */
    const char *group;    /* DCMO's */
    char description[64]; /* the driver's name; may be empty */
};

/** @param classes  "/sys/class" @return their number, at most `max`; a device that cannot be read is left out */
size_t periph_scan(const char *classes, struct periph *out, size_t max);
#endif
