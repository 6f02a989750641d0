/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_FACTS_WRITE_H
#define SERVER_DECIDE_FACTS_WRITE_H
/*
 * The facts of a message written down as they are asked for, for the flight recorder: a list of answers in their order,
 *
 *   [{"what":"message","settings":{...},"device":{...}}, {"what":"device","mirror":[...], ...}, {"what":"wanted", ...}, ...]
 *
 * Values of secret nodes are covered as in the recording's messages. A policy's document stands with the first message that
 * needs it; of the images those stand there that a policy or the device's tree names.
 */
#include "base/vec.h"
#include "server/decide/message.h"
#include "base/json_out.h"

/* Documents that the recording has already. */
struct facts_written_policy {
    int64_t id, revision;
};
struct facts_written {
    VEC(struct facts_written_policy) policies;
};
void facts_write_finish(struct facts_written *w);

struct facts_writer {
    struct dm_facts of; /* who answers */
    struct facts_written *written;
    struct json_out j;
    struct buf *out; /* a failure is out->failed: the facts are not recorded then, and nothing else happens */
    struct arena *a;
    const struct device_cache *cache; /* once it has been asked for */
};

/** Begin the list; the result answers as `of` does and writes it down.
 * @param notification  the one that the session answers */
struct dm_facts facts_write_begin(struct facts_writer *w, const struct dm_facts *of, struct facts_written *written,
                                  const struct message_settings *settings, const struct dm_device *d,
                                  int64_t notification, struct arena *a, struct buf *out);
void facts_write_end(struct facts_writer *w);
#endif
