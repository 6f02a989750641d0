/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_LIVE_H
#define CLI_DMVISORCTL_CTL_LIVE_H
/* Follows changes on the server: by its event stream, or by polling once a second where there is none. */
#include "cli/dmvisorctl/ctl.h"
#include "cli/dmvisorctl/ctl_sse.h"

struct ctl_live {
    const char *path;  /* of the stream */
    int64_t timeout_s; /* 0 = for ever */
    const char *after; /* begin after this event, or NULL */
    /** Called for an event. @return CTL_MORE to continue, or the exit code. NULL = an event only triggers a poll */
    enum ctl_exit (*event)(void *ctx, const struct sse_event *e);
    /**
     * Called to poll: when the stream ended, and each second while there is none; without `event` also when the stream
     * has opened and after each of its events. CTL_UNREACHABLE ends only before the first success. May be NULL: then a
     * stream is required
     */
    enum ctl_exit (*look)(void *ctx);
    void *ctx;
};

/**
 * @return the code of `event` or `look`; CTL_TIMEOUT when the time has passed (without a message); CTL_UNREACHABLE,
 * CTL_FAILED after reporting the reason
 */
enum ctl_exit live_follow(struct ctl *c, const struct ctl_live *l);
#endif
