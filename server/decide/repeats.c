/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/repeats.h"
#include <string.h>

/* Hash a text with its length, so that two adjacent texts differ from the same octets split elsewhere. */
static uint64_t with(uint64_t h, struct str s)
{
    h = (h ^ s.n) * 0x9E3779B97F4A7C15u;
    return (h ^ str_hash(s)) * 0x9E3779B97F4A7C15u ^ h >> 31;
}

static uint64_t hash_of(const struct sml_alert_in *al)
{
    const struct str part[] = { al->source, al->type, al->format, al->mark, al->data, al->correlator };
    uint64_t h = (uint64_t)al->code;
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) h = with(h, part[i]);
    return h;
}

static void put(struct repeats *x, uint64_t hash, enum repeat_of of)
{
    if (x->n == REPEATS_MAX) return; /* a repetition would be recorded again */
    x->row[x->n].hash = hash;
    x->row[x->n++].of = of;
}

/* Whether this message shows that an answer arrived. */
static bool has_arrived(enum repeat_of of, const struct sml_news *news)
{
    if (!news->first) return of != REPEAT_OF_BEFORE; /* of this session: the device has continued */
    return of == REPEAT_OF_NONCE && news->current_nonce;
}

void repeats_load(struct repeats *x, struct str kept, int64_t kept_ms, const struct sml_news *news, int64_t now_ms)
{
    const int64_t age = now_ms - kept_ms;
    x->n = x->n_before = 0;
    x->first = news->first;
    if (age > REPEAT_MS || age < -(int64_t)REPEAT_MS) return;
    for (; kept.n >= REPEAT_BYTES; kept = str_slice(kept, REPEAT_BYTES, kept.n)) {
        uint64_t hash = 0;
        memcpy(&hash, kept.p, sizeof hash);
        if (!has_arrived((enum repeat_of)kept.p[REPEAT_BYTES - 1], news)) put(x, hash, REPEAT_OF_BEFORE);
    }
    x->n_before = x->n;
}

bool repeats_book(struct repeats *x, const struct sml_alert_in *alert)
{
    const uint64_t hash = hash_of(alert);
    size_t i = 0;
    while (i < x->n_before && x->row[i].hash != hash) i++;
    const bool again = i < x->n_before;
    if (again) {
        memmove(&x->row[i], &x->row[i + 1], (x->n - i - 1) * sizeof x->row[0]);
        x->n--;
        x->n_before--;
    }
    put(x, hash, x->first ? REPEAT_OF_NONCE : REPEAT_OF_MESSAGE);
    return again;
}

bool repeats_text(const struct repeats *x, struct arena *a, struct str *out)
{
    char *text = arena_bytes(a, x->n * REPEAT_BYTES + 1);
    if (!text) return false;
    for (size_t i = 0; i < x->n; i++) {
        memcpy(text + i * REPEAT_BYTES, &x->row[i].hash, sizeof x->row[i].hash);
        text[(i + 1) * REPEAT_BYTES - 1] = (char)x->row[i].of;
    }
    *out = (struct str){ text, x->n * REPEAT_BYTES };
    return true;
}
