/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/challenge.h"

#include "base/crypto.h"

#include <string.h>

/* A slot is window * 16 + lane. `used` holds the newest window with a used nonce, then 16 bits for the lanes of the
 * window before it, then 16 for its own lanes; every older window counts as used. A device that uses up a window
 * continues with the next one early. A window further ahead than AHEAD is left from a clock that was set back; the
 * key is another one then. */
enum { AHEAD = 64 };

static int64_t newest_of(int64_t used, int64_t now)
{
    int64_t newest = used >> 32;
    return newest > now + AHEAD ? 0 : newest;
}

static int64_t window_now(int64_t now_ms)
{
    return now_ms > CHALLENGE_WINDOW_MS ? now_ms / CHALLENGE_WINDOW_MS : 1;
}

/* The window that this device's nonces are given from. */
static int64_t window_of(int64_t used, int64_t now_ms)
{
    int64_t now = window_now(now_ms), newest = newest_of(used, now);
    if (newest < now) return now;
    return (used & 0xFFFF) == 0xFFFF ? newest + 1 : newest;
}

static bool is_open(int64_t used, int64_t slot, int64_t now_ms)
{
    int64_t newest = newest_of(used, window_now(now_ms)), window = slot / CHALLENGE_LANES;
    unsigned lane = (unsigned)(slot % CHALLENGE_LANES);
    if (window > newest) return true;
    if (window < newest - 1) return false;
    return !(used >> (window == newest ? lane : lane + 16) & 1);
}

int64_t sml_challenge_slot(int64_t used, unsigned i, int64_t now_ms)
{
    int64_t slot = (window_of(used, now_ms) + 1) * CHALLENGE_LANES - 1 - (int64_t)i;
    return slot > 0 && is_open(used, slot, now_ms) ? slot : 0;
}

int64_t sml_challenge_use(int64_t used, int64_t slot)
{
    int64_t newest = used >> 32, window = slot / CHALLENGE_LANES;
    uint32_t lanes = (uint32_t)(used & 0xFFFFFFFF), lane = 1u << (slot % CHALLENGE_LANES);
    if (window == newest - 1) return newest * ((int64_t)1 << 32) + (lanes | lane << 16);
    if (window == newest)
        lanes |= lane;
    else
        lanes = (window == newest + 1 ? lanes << 16 : 0) | lane;
    return window * ((int64_t)1 << 32) + lanes;
}

void sml_challenge_nonce(const uint8_t key[CHALLENGE_KEY_BYTES], struct str realm, struct str device, int64_t slot,
                         uint8_t out[CHALLENGE_BYTES])
{
    uint8_t mac[SHA256_BYTES], number[8];
    for (size_t i = 0; i < sizeof number; i++) number[i] = (uint8_t)((uint64_t)slot >> 8 * i);
    const struct str parts[] = { { (const char *)number, sizeof number }, realm, STR("\n"), device };
    crypto_hmac_sha256(key, parts, sizeof parts / sizeof parts[0], mac);
    memcpy(out, mac, CHALLENGE_BYTES);
    for (size_t i = 0, spare = CHALLENGE_BYTES; i < CHALLENGE_BYTES; i++)
        if (!out[i]) out[i] = mac[spare] ? mac[spare++] : 1;
}

int64_t sml_challenge_issue(const uint8_t key[CHALLENGE_KEY_BYTES], struct str realm, struct str device, int64_t used,
                            const struct world *w, uint8_t out[CHALLENGE_BYTES])
{
    const int64_t first = window_of(used, w->now_ms) * CHALLENGE_LANES;
    uint8_t r = 0;
    w->random(w->ctx, &r, 1);
    int64_t slot = first + r % CHALLENGE_LANES;
    for (unsigned i = 0; i < CHALLENGE_LANES && !is_open(used, slot, w->now_ms); i++)
        slot = first + (r + i) % CHALLENGE_LANES;
    sml_challenge_nonce(key, realm, device, slot, out);
    return slot;
}
