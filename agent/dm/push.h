/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_PUSH_H
#define AGENT_DM_PUSH_H
/* Receives notifications (notification-bootstrap.md 1 to 3): a WSP push in a datagram, checked against the accounts.
 * push_open makes the socket; the decisions are pure. */
#include "agent/mo/account.h"
#include "syncml/notify.h"

enum {
    PUSH_RECENT = 32,
    PUSH_KNOWN = 64,
    PUSH_DATAGRAM_BYTES = 1500,
    PUSH_RESYNC_GAP_MS = 60000,
    PUSH_DIGEST_BYTES = 16,
    /* digests computed: by sender (address and port), and for all senders without a good notification so far */
    PUSH_SOURCES = 256,
    PUSH_GOOD = 8,
    PUSH_SOURCE_BURST = 16,
    PUSH_SOURCE_PER_S = 4,
    PUSH_ALL_BURST = 2000,
    PUSH_ALL_PER_S = 2000
};

/* A session that a notification requests. */
struct push_call {
    char server_id[ACCOUNT_ID_BYTES];
    uint16_t session;
    enum sml_ui ui;
    uint8_t resync[SML_NONCE_MAX];
    size_t n_resync;                   /* signed with the resynchronisation nonce: package 1 uses it as well */
    uint8_t digest[PUSH_DIGEST_BYTES]; /* ... and persisted: push_remember at the next start */
};

/* Number of digests that may still be computed for a sender, in thousandths. */
struct push_bucket {
    uint64_t source;
    int64_t at_ms, thousandths;
};

/* The notifications of the last time: the same notification twice is one session. */
struct push_memory {
    struct {
        uint8_t digest[16];
    } recent[PUSH_RECENT];
    unsigned next, n;
    /* Notifications with the resynchronisation nonce never expire, so an accepted one is not accepted again, even
     * after a restart. */
    struct {
        uint8_t digest[16];
    } known[PUSH_KNOWN];
    unsigned next_known, n_known;
    struct push_bucket source[PUSH_SOURCES], all;
    uint64_t good[PUSH_GOOD]; /* senders of good notifications; 0 = none */
    unsigned next_good;
    int64_t resync_ms[ACCOUNTS_MAX]; /* when an account's resynchronisation nonce was last accepted */
};

enum push_verdict { PUSH_CALL, PUSH_REPEATED, PUSH_REFUSED };
/**
 * Decide on a datagram; no answer is ever sent. Expensive checks come last: form, the server's name, repetition, the
 * limits of this sender and of all, and only then the digest.
 *
 * @param source  push_source of the sender
 * @param why     for the log, in words; it contains nothing of the datagram
 */
enum push_verdict push_take(struct push_memory *m, struct str datagram, uint64_t source, const struct account *accounts,
                            size_t n, int64_t now_ms, struct push_call *out, const char **why);
/** A notification with the resynchronisation nonce that was accepted before the program's start. */
void push_remember(struct push_memory *m, const uint8_t digest[PUSH_DIGEST_BYTES]);
struct sockaddr_storage;
uint64_t push_source(const struct sockaddr_storage *from); /* never 0 */
/** UDP socket, non-blocking. @return RC_IO with what to do */
enum rc push_open(const char *address, uint16_t port, int *fd, struct err *e);
#endif
