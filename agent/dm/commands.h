/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_COMMANDS_H
#define AGENT_DM_COMMANDS_H
/* Executes a server's commands on the tree and reports their statuses (protocol.md 4, 4.1): items one by one, a
 * Sequence in order, an Atomic all or nothing. The effects of a change happen when its command (or its whole Atomic)
 * has succeeded. */
#include "agent/tree/tree.h"
#include "syncml/session/client.h"

/**
 * Shows alerts 1100 to 1104 to the user; NULL: no user interaction, they are answered with 406. `show` returns the
 * status, or 0: the user has not answered, and the same prompt must be repeated later.
 */
struct exec_user {
    void *ctx;
    int (*show)(void *ctx, struct str server, int code, const struct sml_cmd *cmd, struct arena *a,
                struct sml_item **answer);
};

/* The commands of one message, and their progress. */
struct exec_run {
    struct tree *t;
    struct str server; /* the sender (ServerID) */
    const struct exec_user *user;
    const struct sml_cmd *cmds;
    size_t n;
    struct arena *a;
    struct sml_answer
        *answers;           /* out: n of them, one for each command, in the arena; the content of Status and Results */
    bool waits;             /* out: a prompt is shown; call again when there may be an answer */
    struct exec_said *said; /* the user's answers so far */
    bool out_of_memory;
};

/**
 * Execute the commands, up to the first prompt without an answer. The next call does not repeat executed commands; only
 * an Atomic with an open prompt is rolled back and executed again, so that it is never half done.
 * @return RC_OK whatever the commands' statuses; RC_NOMEM
 */
enum rc commands_exec_cmds(struct exec_run *x, struct err *e);
#endif
