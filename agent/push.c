#include "agent/push.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
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

static bool seen(struct push_memory *m, const char *digest)
{
    for (unsigned i = 0; i < m->n; i++)
        if (!memcmp(m->recent[i].digest, digest, 16)) return true;
    return false;
}

static void remember(struct push_memory *m, const char *digest)
{
    memcpy(m->recent[m->next].digest, digest, 16);
    m->next = (m->next + 1) % PUSH_RECENT;
    if (m->n < PUSH_RECENT) m->n++;
}

/* Servers resynchronise with four zero octets; one family of implementations writes the nonce as ten characters
 * (dm-protocol.md 7.5). */
static const struct str resync_nonces[] = { { "\0\0\0\0", 4 }, { "0x00000000", 10 } };

/* Is it signed by the account's server? The session keeps the nonce that fitted when it is not the stored one. */
static bool verified(struct str body, const struct account *acc, struct push_call *out)
{
    out->n_resync = 0;
    if (acc->n_server_nonce && sml_notify_verify(body, str_of(acc->server_ha1), account_server_nonce(acc))) return true;
    for (size_t i = 0; i < sizeof resync_nonces / sizeof resync_nonces[0]; i++)
        if (sml_notify_verify(body, str_of(acc->server_ha1), resync_nonces[i]))
            return account_set_nonce(resync_nonces[i], out->resync, &out->n_resync);
    return false;
}

enum push_verdict push_take(struct push_memory *m, struct str datagram, const struct account *accounts, size_t n,
                            int64_t now_ms, struct push_call *out, const char **why)
{
    const struct account *acc;
    struct sml_notify t;
    struct str body;

    *why = "it is no WSP push of a DM notification";
    if (sml_wsp_push_decode(datagram, &body, NULL) || sml_notify_decode(body, &t, NULL)) return PUSH_REFUSED;
    *why = "no account at the server it names";
    acc = find(t.server_id, accounts, n);
    if (!acc) return PUSH_REFUSED;
    *why = "seen before";
    if (seen(m, body.p)) return PUSH_REPEATED;
    *why = "its digest is wrong: not from this server, or the nonces differ";
    *out = (struct push_call){ .session = t.session, .ui = t.ui };
    if (!verified(body, acc, out)) return PUSH_REFUSED;
    *why = "the resynchronisation nonce was used a moment ago";
    if (out->n_resync) { /* anyone could repeat such a trigger, so not often */
        size_t i = (size_t)(acc - accounts);
        if (i >= ACCOUNTS_MAX || (m->resync_ms[i] && now_ms - m->resync_ms[i] < PUSH_RESYNC_GAP_MS))
            return PUSH_REFUSED;
        m->resync_ms[i] = now_ms;
    }
    remember(m, body.p);
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
        return err_set(e, RC_INVALID, "push.address %s is no IP address", address);
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
