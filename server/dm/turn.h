/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_TURN_H
#define SERVER_DM_TURN_H
/* A turn of the DM worker: the changes of its messages are collected, then applied and committed together; only then
 * are the replies sent. A message whose changes cannot be applied does not affect the others. */
#include "server/store/apply.h"

enum { TURN_ARENA_BYTES = 64 << 20, TURN_FULL_BYTES = 16 << 20 };

struct dm;

/* The changes of one message, or of the end of an idle session. */
struct turn_message {
    struct dm_changes changes;
    uint64_t number; /* session.turn of its session; 0 = no session */
    bool applied;    /* its rows are written in the turn's transaction */
    bool lost;       /* its rows could not be written */
    struct turn_message *next;
};

/** Begin the turn's transaction, which gives one consistent view; does nothing if it has begun. */
enum rc dm_begin(struct dm *dm, struct err *e);
/** A new entry; turn_keep adds it to the turn. NULL without memory. @param number  0 = no message */
struct turn_message *turn_message(struct dm *dm, uint64_t number, int64_t device, int64_t now_ms);
void turn_keep(struct dm *dm, struct turn_message *m);
/** True when this turn has changes of the device that are not in the database yet. */
bool turn_has(const struct dm *dm, int64_t device);
/** Apply the collected changes now, because the next read needs them. On failure the whole turn is lost. */
enum rc turn_apply(struct dm *dm, struct err *e);
/** True when the turn has reached its limit: commit before the next message. */
bool turn_is_full(const struct dm *dm);
/** After a commit: true when this message's changes were lost. */
bool turn_has_lost(const struct dm *dm, uint64_t number);
/** Drop the collected changes. */
void turn_forget(struct dm *dm);
#endif
