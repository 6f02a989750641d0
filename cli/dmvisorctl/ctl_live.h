/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_LIVE_H
#define CLI_DMVISORCTL_CTL_LIVE_H
/* Following what happens on the server: by its event stream, or by asking once a second where there is none. */
#include "cli/dmvisorctl/ctl.h"
#include "cli/dmvisorctl/ctl_sse.h"

struct ctl_live {
    const char *path;  /* of the stream */
    int64_t timeout_s; /* 0 = for ever */
    const char *after; /* begin after this event, or NULL */
    /** An event came. @return CTL_MORE to go on, or what to end with. NULL = events only tell that it is time to look */
    enum ctl_exit (*event)(void *ctx, const struct sse_event *e);
    /** Look for yourself: when the stream ended, and each second while there is none; without `event` also when the
     * stream is there and after it had something. CTL_UNREACHABLE is an end only before it once went well. May be
     * NULL: then there must be a stream */
    enum ctl_exit (*look)(void *ctx);
    void *ctx;
};

/** @return what event or look gave; CTL_TIMEOUT when the time is over (nothing is said then); CTL_UNREACHABLE,
 * CTL_FAILED after saying why */
enum ctl_exit live_follow(struct ctl *c, const struct ctl_live *l);
#endif
