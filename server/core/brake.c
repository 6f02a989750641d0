/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/brake.h"
#include <arpa/inet.h>
#include <string.h>

enum { WAYS = 4, BURST_US = 10000000, SECOND_US = 1000000, NAME_BYTES = 64 };

uint64_t brake_address(struct str remote, uint64_t salt)
{
    char text[NAME_BYTES];
    struct in6_addr a;
    if (remote.n < sizeof text && str_find(remote, ':', 0) < remote.n) {
        memcpy(text, remote.p, remote.n);
        text[remote.n] = '\0';
        if (inet_pton(AF_INET6, text, &a) == 1) return str_hash((struct str){ (const char *)&a, 8 }) ^ salt;
    }
    return str_hash(remote) ^ salt;
}

bool brake_take(struct brake *b, uint64_t key, unsigned per_s, int64_t now_ms)
{
    const int64_t cost_us = per_s ? (SECOND_US + per_s - 1) / per_s : 0, now_us = now_ms * 1000;
    size_t first = (size_t)((key ^ key >> 32) * 0x9E3779B97F4A7C15u >> 40) % (BRAKE_ROWS / WAYS) * WAYS, at = first;
    for (size_t i = first; i < first + WAYS; i++) {
        if (b->row[i].key == key) {
            at = i;
            break;
        }
        if (b->row[i].until_us < b->row[at].until_us) at = i;
    }
    if (b->row[at].key != key) {
        b->row[at].key = key;
        b->row[at].until_us = 0;
    }
    int64_t *until = &b->row[at].until_us;
    if (*until < now_us || *until > now_us + 2 * BURST_US) *until = now_us; /* too far ahead: the clock was set back */
    bool within = *until + cost_us <= now_us + BURST_US;
    if (within) *until += cost_us;
    return within;
}
