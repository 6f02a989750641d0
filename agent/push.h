#ifndef AGENT_PUSH_H
#define AGENT_PUSH_H
/* Notifications (notification-bootstrap.md 1 to 3): a WSP push in a datagram, held against the accounts. The socket
 * is push_open; deciding is pure. */
#include "agent/account.h"
#include "syncml/notify.h"

enum { PUSH_RECENT = 32, PUSH_DATAGRAM_BYTES = 1500, PUSH_RESYNC_GAP_MS = 60000 };

/* A session that a server asks for. */
struct push_call {
    char server_id[ACCOUNT_ID_BYTES];
    uint16_t session;
    enum sml_ui ui;
    uint8_t resync[SML_NONCE_MAX];
    size_t n_resync; /* signed with the resynchronisation nonce: to be used in package 1, too */
};

/* What was seen lately: the same trigger twice is one session. */
struct push_memory {
    struct {
        uint8_t digest[16];
    } recent[PUSH_RECENT];
    unsigned next, n;
    int64_t resync_ms[ACCOUNTS_MAX]; /* when an account's resynchronisation nonce was last believed */
};

enum push_verdict { PUSH_CALL, PUSH_REPEATED, PUSH_REFUSED };
/** @param why  for the log, in words; nothing of it comes from the datagram. Never answers anybody. */
enum push_verdict push_take(struct push_memory *m, struct str datagram, const struct account *accounts, size_t n,
                            int64_t now_ms, struct push_call *out, const char **why);
/** UDP socket, non-blocking. @return RC_IO with what to do */
enum rc push_open(const char *address, uint16_t port, int *fd, struct err *e);
#endif
