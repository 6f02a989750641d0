/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_DECIDE_H
#define SERVER_DECIDE_DECIDE_H
/* What the server decides on one message of a known device: a pure function of the message, the session so far and the facts. The
 * server runs it for each message, `dmtool replay --server` once more for those of a recording. */
#include "server/decide/message.h"

/* The session machine's part, and what came of both. */
struct decide_reply {
    void *ctx;
    /** Compose the reply that offers these steps. @param n_sent  how many went into it */
    enum rc (*answer)(void *ctx, struct sml_step *steps, bool large_objects, size_t *n_sent,
                      const struct sml_keep **keep, struct err *e);
    struct sml_step *steps; /* offered */
    size_t n_sent;
    struct pol_plan plan; /* what the reply's steps are a part of */
    uint64_t first_tag;
    struct str unfit; /* not even the shortest message fits into what the device takes: why the session ends */
};

/** Tells one set of device information from another. */
int64_t decide_devinfo_hash(const struct sml_news *news);
/** Nothing has changed: its token is that of the settled state, nobody wants anything new of it, and no KPIs are due. */
bool decide_is_quiet(const struct dm_device *d, const struct sml_news *news, int64_t now_ms);
/** All of it for a message that is not quiet: news -> mirror -> plan -> steps -> reply -> what changes (v->c).
 * @param v  with facts, settings, attributes, c, w, a, e, s, session_id, messages and d filled */
enum rc decide_message(struct message_work *v, const struct sml_news *news, struct decide_reply *r);
#endif
