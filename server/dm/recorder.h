/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_RECORDER_H
#define SERVER_DM_RECORDER_H
/* The flight recorder's shelf: which sessions are recorded, how much is held in memory while they last, and where
 * recordings go. What a recording looks like and how secrets are kept out of it stands in syncml/record/replay.h. One for
 * each worker. */
#include "server/decide/dm_changes.h"
#include "server/store/store.h"
#include "syncml/record/replay.h"

struct session;

enum {
    RECORDER_MEMORY_BYTES = 64 << 20,  /* of recordings under way, all sessions of a worker together */
    RECORDER_FAILURES_BYTES = 4 << 20, /* past it, sessions that are only recorded in case they fail are not */
    RECORDER_TRIM = 16,                /* oldest ones that make room at a time */
    RECORDER_REASONS_BYTES = 32 << 10
}; /* of one message */

struct recorder {
    size_t memory_bytes; /* held now */
    int64_t kept_bytes;  /* in the database, at most; -1 = not looked yet */
};

/* Whose wish it is that a session is recorded. FAILURES: it is only kept when it does not end well. */
enum recorder_wish { RECORD_NO, RECORD_FAILURES, RECORD_SAMPLE, RECORD_AUTHORITY, RECORD_DEVICE };

struct recording {
    struct recorder *of;
    struct buf text;
    bool cut;
};

/** @param d  NULL: a device that we do not know, which has no history to keep anything in */
enum recorder_wish recorder_wish(const struct server_config *c, const struct authority *au, const struct dm_device *d,
                                 struct str token);
/** Append one message, with the head before the first. Memory that is not there cuts the recording, nothing else. */
void recorder_add(struct recorder *rec, struct session *s, const struct sml_record *m, const struct authority *au,
                  const struct sml_account *account, struct str resp_base, uint64_t max_bytes);
/** Why steps go out and what is waited for, one on a line. */
void recorder_reasons(const struct pol_plan *plan, size_t n_sent, uint64_t first_tag, struct buf *out);
/** Is it to be kept, now that it ends like this? */
bool recorder_wanted(const struct session *s, const char *outcome);
/** The recording goes with the session's end, when it is not larger than what is kept. */
void recorder_keep(const struct session *s, const struct server_config *c, struct dm_changes *out);
/** What recorder_keep said, in the open transaction; old ones make room. */
enum rc recorder_put(struct recorder *rec, const struct dm_changes *changes, const struct server_config *c,
                     struct sql *db, struct err *e);
void recorder_free(struct recording *r);
#endif
