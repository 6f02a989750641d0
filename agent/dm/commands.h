/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_COMMANDS_H
#define AGENT_DM_COMMANDS_H
/* Carries out a server's commands on the tree and says how each ended (protocol.md 4, 4.1): items one by one,
 * Sequence in order, Atomic all or nothing. What follows from a change happens when its command (or its whole
 * Atomic) has succeeded. */
#include "agent/tree/tree.h"
#include "syncml/session/client.h"

/** The User shows alerts 1100 to 1104; NULL: nobody is there and they are answered 406. `show` gives the status, or 0: the person thinks
 * and the same is to be asked again later. */
struct exec_user {
    void *ctx;
    int (*show)(void *ctx, struct str server, int code, const struct sml_cmd *cmd, struct arena *a,
                struct sml_item **answer);
};

/* The commands of one message, and how far they are. */
struct exec_run {
    struct tree *t;
    struct str server; /* whose commands these are (ServerID) */
    const struct exec_user *user;
    const struct sml_cmd *cmds;
    size_t n;
    struct arena *a;
    struct sml_answer
        *answers;           /* out: n of them, one for each command, in the arena; what a Status and its Results need */
    bool waits;             /* out: a person was asked; call again when there may be an answer */
    struct exec_said *said; /* what the person said so far */
    bool out_of_memory;
};

/**
 * Carry out the commands, or as many as come before the first question without an answer. What was done stays done and is not done
 * again by the next call; only an Atomic with an open question is taken back and begins anew, so nothing is half done meanwhile.
 * @return RC_OK whatever the commands' statuses; RC_NOMEM
 */
enum rc commands_exec_cmds(struct exec_run *x, struct err *e);
#endif
