/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_SHOWN_H
#define AGENT_MO_SHOWN_H
/* Error texts in the form that servers see: they do not reveal the names of this host's folders. */
#include "base/arena.h"

/**
 * Names in the agent's folder `own` are shown relative to it; of other files only the last name is shown, after ".../".
 * Devices and system folders (/dev, /proc, /sys, /usr, /etc) are shown whole, and so are addresses of servers. The
 * device's own log has the complete names.
 * @return the text itself when nothing changes; empty when out of memory
 */
struct str shown_text(struct str text, struct str own, struct arena *a);
#endif
