/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_RECORDER_H
#define SERVER_DM_RECORDER_H
/* The flight recorder: decides which sessions are recorded, bounds their memory, and stores recordings.
 * syncml/record/replay.h defines the format and how secrets are kept out. One per worker. */
#include "server/decide/dm_changes.h"
#include "server/decide/facts_write.h"
#include "server/store/store.h"
#include "syncml/record/replay.h"

struct session;

enum {
    RECORDER_MEMORY_BYTES = 64 << 20,  /* of recordings under way, all sessions of a worker together */
    RECORDER_FAILURES_BYTES = 4 << 20, /* past it, sessions that are only recorded in case they fail are not */
    RECORDER_TRIM = 16,                /* oldest ones that make room at a time */
    RECORDER_REASONS_BYTES = 32 << 10,
    RECORDER_FACTS_BYTES = 8 << 20
}; /* of one message */

struct recorder {
    size_t memory_bytes; /* used now */
    int64_t kept_bytes;  /* upper bound of bytes in the database; -1 = not read yet */
};

/* Why a session is recorded. FAILURES: the recording is stored only if the session fails. */
enum recorder_wish { RECORD_NO, RECORD_FAILURES, RECORD_SAMPLE, RECORD_AUTHORITY, RECORD_DEVICE };

struct recording {
    struct recorder *of;
    struct buf text;
    struct facts_written written;
    bool cut;
};

/** @param d  NULL: an unknown device, which has no history */
enum recorder_wish recorder_wish(const struct server_config *c, const struct authority *au, const struct dm_device *d,
                                 struct str token);
/** The session's recording, where the facts of the message that is under way are to be written down for it; begun with its
 * first message. NULL: they are not. */
struct recording *recorder_begin(struct recorder *rec, struct session *s, const struct authority *au,
                                 const struct sml_account *account, struct str resp_base);
/** Append one message to what was begun. Memory that is not there cuts the recording, nothing else. */
void recorder_add(struct recorder *rec, struct session *s, const struct sml_record *m, uint64_t max_bytes);
/** Why steps go out and what is waited for, one on a line. */
void recorder_reasons(const struct pol_plan *plan, size_t n_sent, uint64_t first_tag, struct buf *out);
/** Whether the recording is stored, given this outcome. */
bool recorder_wanted(const struct session *s, const char *outcome);
/** Add the recording to the changes at the session's end, unless it exceeds the limit. */
void recorder_keep(const struct session *s, const struct server_config *c, struct dm_changes *out);
/** Store the recording of recorder_keep in the open transaction; deletes old ones for space. */
enum rc recorder_put(struct recorder *rec, const struct dm_changes *changes, const struct server_config *c,
                     struct sql *db, struct err *e);
void recorder_free(struct recording *r);
#endif
