/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/token_brake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Two tables addressed by hash: a later entry replaces an earlier one. */
enum { ADDRESSES = 4096, KNOWN = 1024, SITE_OCTETS = 8 };

struct address {
    uint64_t who;
    int64_t paid_ms; /* the time at which its wrong tokens are within the rate again */
};

struct known_address {
    uint64_t who;
    uint8_t hash[SHA256_BYTES];
};

struct token_brake {
    pthread_mutex_t lock;
    struct address addresses[ADDRESSES];
    struct known_address known[KNOWN];
};

enum rc token_brake_create(struct token_brake **out, struct err *e)
{
    struct token_brake *b = calloc(1, sizeof *b);
    if (!b) return err_set(e, RC_NOMEM, "no memory for counting wrong tokens");
    pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return RC_OK;
}

void token_brake_destroy(struct token_brake *b)
{
    if (!b) return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Never 0, which marks an empty slot. */
static uint64_t who(struct str remote)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr six;
    if (remote.n < sizeof text) {
        memcpy(text, remote.n ? remote.p : "", remote.n);
        text[remote.n] = '\0';
        if (inet_pton(AF_INET6, text, &six) == 1) return str_hash((struct str){ (const char *)&six, SITE_OCTETS }) | 1;
    }
    return str_hash(remote) | 1;
}

static struct known_address *place(struct token_brake *b, uint64_t from, const uint8_t hash[SHA256_BYTES])
{
    uint64_t h;
    memcpy(&h, hash, sizeof h);
    return &b->known[(h ^ from) % KNOWN];
}

static struct address *address_of(struct token_brake *b, uint64_t from)
{
    return &b->addresses[(from >> 1) % ADDRESSES];
}

bool token_brake_lets(struct token_brake *b, struct str remote, const uint8_t hash[SHA256_BYTES], int64_t now_ms,
                      int *retry_s)
{
    const uint64_t from = who(remote);
    pthread_mutex_lock(&b->lock);
    const struct address *a = address_of(b, from);
    const struct known_address *k = place(b, from, hash);
    int64_t over = a->who == from ? a->paid_ms - now_ms - (int64_t)BRAKE_BURST * BRAKE_EACH_MS : 0;
    bool lets = over <= -BRAKE_EACH_MS || a->who != from ||
                (k->who == from && memcmp(k->hash, hash, sizeof k->hash) == 0);
    pthread_mutex_unlock(&b->lock);
    *retry_s = lets ? 0 : (int)(over / 1000) + 1;
    return lets;
}

void token_brake_wrong(struct token_brake *b, struct str remote, int64_t now_ms)
{
    const uint64_t from = who(remote);
    pthread_mutex_lock(&b->lock);
    struct address *a = address_of(b, from);
    if (a->who != from) *a = (struct address){ .who = from };
    if (a->paid_ms < now_ms ||
        a->paid_ms - now_ms > 2 * (int64_t)BRAKE_BURST * BRAKE_EACH_MS) /* the clock was changed */
        a->paid_ms = now_ms;
    a->paid_ms += BRAKE_EACH_MS;
    pthread_mutex_unlock(&b->lock);
}

void token_brake_right(struct token_brake *b, struct str remote, const uint8_t hash[SHA256_BYTES])
{
    const uint64_t from = who(remote);
    pthread_mutex_lock(&b->lock);
    struct known_address *k = place(b, from, hash);
    k->who = from;
    memcpy(k->hash, hash, sizeof k->hash);
    pthread_mutex_unlock(&b->lock);
}
