/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_FACTS_READ_H
#define SERVER_DECIDE_FACTS_READ_H
/* The facts of a recorded message, answered again (server/decide/facts_write.h has their form). What is asked for and was not
 * when it was recorded is answered with nothing, and named: decisions have parted before that. */
#include "base/doc.h"
#include "server/decide/message.h"

/* Policies of the recording, parsed when they first come, for each layout. */
struct facts_read_policy {
    const struct ddf_layout *layout;
    struct pol_policy *parsed;
    struct facts_read_policy *next;
};

struct facts_reader {
    const char *name;   /* of the file */
    struct arena *kept; /* lasts as long as the replay */
    const struct ddf_schema *schema;
    struct ddf_layout *const *layouts;
    size_t n_layouts;
    struct facts_read_policy *policies;
    /* of the message */
    const struct doc *list, *next[8];
    struct buf missing; /* a line for each thing that is not there */
    int64_t invented;   /* the last number that was given in the place of one that is not there */
    bool other_descriptions;
};

/** @param kept  lasts as long as the reader */
void facts_read_init(struct facts_reader *x, const char *name, struct arena *kept, const struct ddf_schema *schema,
                     struct ddf_layout *const *layouts, size_t n_layouts);
void facts_read_finish(struct facts_reader *x);
/** The facts of one message. @param device, notification, settings  filled from them
 * @return RC_INVALID for a list that is none, RC_UNSUPPORTED when no layout fits the device */
enum rc facts_read_message(struct facts_reader *x, const struct doc *list, struct arena *a, struct dm_device *device,
                           int64_t *notification, struct message_settings *settings, struct err *e);
/** Were the device's mirror and rows read in this message? */
bool facts_read_has_device(const struct facts_reader *x);
struct dm_facts facts_read_facts(struct facts_reader *x);
#endif
