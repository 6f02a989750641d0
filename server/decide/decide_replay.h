/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_DECIDE_REPLAY_H
#define SERVER_DECIDE_DECIDE_REPLAY_H
/* A recording run through the server's decisions once more, from the facts that it holds and without a database. */
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "syncml/record/replay.h"

/* Of a message's facts in a recording; "facts" in its head names the form. */
#define DECIDE_REPLAY_FACTS "dmvisor/facts/1"

/* The management objects that the server had. */
struct decide_objects {
    const struct ddf_schema *schema;
    struct ddf_layout *const *layouts;
    size_t n_layouts;
};

/**
 * As sml_replay for a recording, with the steps that the decisions of today offer, and compare what is decided with what was.
 * @param story  when not NULL: the session in readable form, with the decisions after each message
 * @return as sml_replay; RC_UNSUPPORTED for a recording without facts
 */
enum rc decide_replay(struct str text, const char *name, const struct decide_objects *o, struct buf *story,
                      struct sml_replay *out, struct err *e);
#endif
