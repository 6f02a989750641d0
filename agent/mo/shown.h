/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_SHOWN_H
#define AGENT_MO_SHOWN_H
/* Error texts as servers are shown them: how this host's folders are called is not their business. */
#include "base/arena.h"

/**
 * Names in the agent's folder `own` are shown as they are below it; of other files only the last name, after ".../".
 * Devices and what comes with every system (/dev, /proc, /sys, /usr, /etc) are shown whole, addresses of servers too.
 * The log on the device has them all.
 * @return the text itself when there is nothing to change; empty when out of memory
 */
struct str shown_text(struct str text, struct str own, struct arena *a);
#endif
