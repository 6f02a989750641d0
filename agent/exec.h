#ifndef AGENT_EXEC_H
#define AGENT_EXEC_H
/* Carries out a server's commands on the tree and says how each ended (dm-protocol.md 4, 4.1): items one by one,
 * Sequence in order, Atomic all or nothing. What follows from a change happens when its command (or its whole
 * Atomic) has succeeded. */
#include "agent/tree.h"
#include "syncml/client.h"

/** The User shows alerts 1100 to 1104; NULL: nobody is there and they are answered 406. */
struct exec_user {
    void *ctx;
    int (*show)(void *ctx, struct str server, int code, const struct sml_cmd *cmd, struct arena *a,
                struct sml_item **answer);
};

/**
 * @param server   whose commands these are (ServerID)
 * @param answers  n of them, one for each command, in the arena; what a Status and its Results need
 * @return RC_OK whatever the commands' statuses; RC_NOMEM
 */
enum rc exec_cmds(struct tree *t, struct str server, const struct exec_user *user, const struct sml_cmd *cmds, size_t n,
                  struct arena *a, struct sml_answer **answers, struct err *e);
#endif
