/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_DECIDE_H
#define SERVER_DECIDE_DECIDE_H
/* The server's decisions on one message of a known device: a pure function of the message, the session so far and the
 * facts. The server runs it for each message; `dmtool replay --server` runs it again for a recording. */
#include "server/decide/message.h"

/* What is recorded of a quiet message in the place of decisions. */
#define DECIDE_QUIET "nothing has changed\n"

/* The session machine's part, and what came of both. */
struct decide_reply {
    void *ctx;
    /** Compose the reply from these steps. @param n_sent  number of steps in the reply */
    enum rc (*answer)(void *ctx, struct sml_step *steps, bool large_objects, size_t *n_sent,
                      const struct sml_keep **keep, struct err *e);
    struct sml_step *steps; /* offered */
    size_t n_sent;
    struct pol_plan plan; /* the plan of the reply's steps */
    uint64_t first_tag;
    struct str unfit; /* why the session ends: even the shortest message exceeds the device's limit */
};

/** A hash of the device information. */
int64_t decide_devinfo_hash(const struct sml_news *news);
/** True when nothing has changed: the device reports the settled token, its generation is unchanged, and no KPIs are
 * due. */
bool decide_is_quiet(const struct dm_device *d, const struct sml_news *news, int64_t now_ms);
/** Decide on a message that is not quiet: news -> mirror -> plan -> steps -> reply -> what changes (v->c).
 * @param v  with facts, settings, attributes, c, w, a, e, s, session_id, messages and d filled */
enum rc decide_message(struct message_work *v, const struct sml_news *news, struct decide_reply *r);
#endif
