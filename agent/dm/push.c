/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/push.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct account *find(struct str id, const struct account *accounts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(id, accounts[i].server_id)) return &accounts[i];
    return NULL;
}

static bool seen(const struct push_memory *m, const char *digest)
{
    for (unsigned i = 0; i < m->n; i++)
        if (!memcmp(m->recent[i].digest, digest, PUSH_DIGEST_BYTES)) return true;
    for (unsigned i = 0; i < m->n_known; i++)
        if (!memcmp(m->known[i].digest, digest, PUSH_DIGEST_BYTES)) return true;
    return false;
}

void push_remember(struct push_memory *m, const uint8_t digest[PUSH_DIGEST_BYTES])
{
    memcpy(m->known[m->next_known].digest, digest, PUSH_DIGEST_BYTES);
    m->next_known = (m->next_known + 1) % PUSH_KNOWN;
    if (m->n_known < PUSH_KNOWN) m->n_known++;
}

uint64_t push_source(const struct sockaddr_storage *from)
{
    struct str address = { 0 }, port = { 0 };
    uint64_t hash;

    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
        address = (struct str){ (const char *)&v6->sin6_addr, sizeof v6->sin6_addr };
        port = (struct str){ (const char *)&v6->sin6_port, sizeof v6->sin6_port };
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
        address = (struct str){ (const char *)&v4->sin_addr, sizeof v4->sin_addr };
        port = (struct str){ (const char *)&v4->sin_port, sizeof v4->sin_port };
    }
    hash = str_hash(address) * 31 + str_hash(port);
    return hash ? hash : 1;
}

static bool take_one(struct push_bucket *b, int64_t now_ms, int64_t per_s, int64_t burst)
{
    if (now_ms > b->at_ms) b->thousandths += now_ms - b->at_ms > 1000000 ? burst * 1000 : (now_ms - b->at_ms) * per_s;
    if (b->thousandths > burst * 1000) b->thousandths = burst * 1000;
    b->at_ms = now_ms;
    if (b->thousandths < 1000) return false;
    b->thousandths -= 1000;
    return true;
}

static bool is_good(const struct push_memory *m, uint64_t source)
{
    for (unsigned i = 0; i < PUSH_GOOD; i++)
        if (m->good[i] == source) return true;
    return false;
}

/* May a digest be computed for this sender? A sender of good notifications has a budget of its own. */
static bool admitted(struct push_memory *m, uint64_t source, int64_t now_ms)
{
    struct push_bucket *b = &m->source[source % PUSH_SOURCES];

    if (b->source != source) *b = (struct push_bucket){ source, now_ms, PUSH_SOURCE_BURST * 1000 };
    if (!m->all.source) m->all = (struct push_bucket){ 1, now_ms, PUSH_ALL_BURST * 1000 };
    return take_one(b, now_ms, PUSH_SOURCE_PER_S, PUSH_SOURCE_BURST) &&
           (is_good(m, source) || take_one(&m->all, now_ms, PUSH_ALL_PER_S, PUSH_ALL_BURST));
}

static void remember(struct push_memory *m, const char *digest)
{
    memcpy(m->recent[m->next].digest, digest, PUSH_DIGEST_BYTES);
    m->next = (m->next + 1) % PUSH_RECENT;
    if (m->n < PUSH_RECENT) m->n++;
}

/* Servers resynchronise with four zero octets; some implementations use the nonce as ten characters (protocol.md
 * 7.5). */
static const struct str resync_nonces[] = { { "\0\0\0\0", 4 }, { "0x00000000", 10 } };

/* Is it signed by the account's server? The session uses the nonce that matched when it is not the stored one. */
static bool verified(struct str body, const struct account *acc, struct push_call *out)
{
    out->n_resync = 0;
    if (acc->n_server_nonce && sml_notify_verify(body, str_of(acc->server_ha1), account_server_nonce(acc))) return true;
    for (size_t i = 0; i < sizeof resync_nonces / sizeof resync_nonces[0]; i++)
        if (sml_notify_verify(body, str_of(acc->server_ha1), resync_nonces[i]))
            return account_set_nonce(resync_nonces[i], out->resync, &out->n_resync);
    return false;
}

enum push_verdict push_take(struct push_memory *m, struct str datagram, uint64_t source, const struct account *accounts,
                            size_t n, int64_t now_ms, struct push_call *out, const char **why)
{
    const struct account *acc;
    struct sml_notify t;
    struct str body;

    *why = "it is not a WSP push of a DM notification";
    if (sml_wsp_push_decode(datagram, &body, NULL) || sml_notify_decode(body, &t, NULL)) return PUSH_REFUSED;
    *why = "no account at the server that it names";
    acc = find(t.server_id, accounts, n);
    if (!acc) return PUSH_REFUSED;
    *why = "a repeated notification";
    if (seen(m, body.p)) return PUSH_REPEATED;
    *why = "more notifications than the limit of this sender, or of all unknown senders together";
    if (!admitted(m, source, now_ms)) return PUSH_REFUSED;
    *why = "its digest is wrong: another sender, or the nonces differ";
    *out = (struct push_call){ .session = t.session, .ui = t.ui };
    if (!verified(body, acc, out)) return PUSH_REFUSED;
    *why = "the resynchronisation nonce was used a moment ago";
    if (out->n_resync) { /* limited, because anyone can repeat such a notification */
        size_t i = (size_t)(acc - accounts);
        if (i >= ACCOUNTS_MAX || (m->resync_ms[i] && now_ms - m->resync_ms[i] < PUSH_RESYNC_GAP_MS))
            return PUSH_REFUSED;
        m->resync_ms[i] = now_ms;
        memcpy(out->digest, body.p, PUSH_DIGEST_BYTES);
        push_remember(m, out->digest);
    }
    remember(m, body.p);
    if (!is_good(m, source)) {
        m->good[m->next_good] = source;
        m->next_good = (m->next_good + 1) % PUSH_GOOD;
    }
    snprintf(out->server_id, sizeof out->server_id, "%s", acc->server_id);
    *why = out->n_resync ? "signed with the resynchronisation nonce" : "";
    return PUSH_CALL;
}

enum rc push_open(const char *address, uint16_t port, int *fd, struct err *e)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_DGRAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV },
                    *list;
    char service[8];
    int s = -1;

    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &list))
        return err_set(e, RC_INVALID, "push.address %s is not an IP address", address);
    s = socket(list->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, list->ai_addr, list->ai_addrlen)) {
        int why = errno;
        if (s >= 0) close(s);
        freeaddrinfo(list);
        return err_set(e, RC_IO, "cannot listen for notifications on UDP %s port %u: %s; choose another push.port",
                       address, port, strerror(why));
    }
    freeaddrinfo(list);
    *fd = s;
    return RC_OK;
}
