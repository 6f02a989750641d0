/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_TURN_H
#define SERVER_DM_TURN_H
/* A turn of the DM worker: what its messages change is collected, applied at its end and committed, all at once; only then may
 * their replies go. One message whose changes cannot be applied takes nothing of the others with it. */
#include "server/store/apply.h"

enum { TURN_ARENA_BYTES = 64 << 20, TURN_FULL_BYTES = 16 << 20 };

struct dm;

/* What one message changes, or the end of a session that nothing more was heard of. */
struct turn_message {
    struct dm_changes changes;
    uint64_t number; /* session.turn of its session; 0 = it has none */
    bool applied;    /* its rows are written, in the turn's transaction */
    bool lost;       /* they could not be */
    struct turn_message *next;
};

/** The turn's transaction, and with it one view of the catalogue; it may have begun already. */
enum rc dm_begin(struct dm *dm, struct err *e);
/** Not a part of the turn before turn_keep. NULL without memory. @param number  0 = of no message */
struct turn_message *turn_message(struct dm *dm, uint64_t number, int64_t device, int64_t now_ms);
void turn_keep(struct dm *dm, struct turn_message *m);
/** Something of this device was changed in this turn, and is not in the database yet. */
bool turn_has(const struct dm *dm, int64_t device);
/** Apply now what was collected: what is read next must have it. On failure the whole turn is not kept. */
enum rc turn_apply(struct dm *dm, struct err *e);
/** It holds as much as one may: commit before the next message. */
bool turn_is_full(const struct dm *dm);
/** After a commit: what became of this message. */
bool turn_has_lost(const struct dm *dm, uint64_t number);
/** What was collected is as if it had never been said. */
void turn_forget(struct dm *dm);
#endif
