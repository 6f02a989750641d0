/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/challenge.h"
#include "tests/lib/test.h"
#include <string.h>

static const uint8_t key[CHALLENGE_KEY_BYTES] = { 1, 2, 3 }, other_key[CHALLENGE_KEY_BYTES] = { 4 };
static const struct str realm = { "com.acme.dm", 11 }, device = { "IMEI:1", 6 };
static const int64_t now_ms = 30000000 * (int64_t)CHALLENGE_WINDOW_MS;

/* Is a nonce of this slot among those that may be answered? */
static bool is_open(int64_t used, int64_t slot, int64_t at_ms)
{
    for (unsigned i = 0; i < CHALLENGE_NONCES; i++)
        if (sml_challenge_slot(used, i, at_ms) == slot) return true;
    return false;
}

static void a_nonce_is_of_one_key_one_device_and_one_slot(void)
{
    uint8_t a[CHALLENGE_BYTES], b[CHALLENGE_BYTES];
    sml_challenge_nonce(key, realm, device, 16000, a);
    sml_challenge_nonce(key, realm, device, 16000, b);
    CU_ASSERT(memcmp(a, b, sizeof a) == 0);
    sml_challenge_nonce(key, realm, device, 16001, b);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0);
    sml_challenge_nonce(key, realm, STR("IMEI:2"), 16000, b);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0);
    sml_challenge_nonce(key, STR("com.acme"), device, 16000, b);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0);
    sml_challenge_nonce(other_key, realm, device, 16000, b);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0);
    for (int64_t slot = 16; slot < 5000; slot++) {
        sml_challenge_nonce(key, realm, device, slot, a);
        CU_ASSERT_PTR_NULL(memchr(a, '\0', sizeof a));
    }
}

static void what_was_issued_is_open_in_its_window_and_the_next(void)
{
    uint64_t seed = 7;
    struct world w = world_fixed(now_ms + 59000, &seed);
    uint8_t nonce[CHALLENGE_BYTES], again[CHALLENGE_BYTES];
    unsigned lanes = 0;
    for (int i = 0; i < 200; i++) {
        int64_t slot = sml_challenge_issue(key, realm, device, 0, &w, nonce);
        sml_challenge_nonce(key, realm, device, slot, again);
        CU_ASSERT(memcmp(nonce, again, sizeof nonce) == 0);
        CU_ASSERT(is_open(0, slot, w.now_ms));
        CU_ASSERT(is_open(0, slot, w.now_ms + CHALLENGE_WINDOW_MS));
        CU_ASSERT_FALSE(is_open(0, slot, w.now_ms + 2 * CHALLENGE_WINDOW_MS));
        lanes |= 1u << slot % CHALLENGE_LANES;
    }
    CU_ASSERT_EQUAL(lanes, 0xFFFF);
}

static void none_is_good_twice(void)
{
    uint64_t seed = 7;
    struct world w = world_fixed(now_ms, &seed);
    uint8_t nonce[CHALLENGE_BYTES];
    int64_t used = 0, slots[64];
    for (int n = 0; n < 64; n++) { /* eight in a minute */
        slots[n] = sml_challenge_issue(key, realm, device, used, &w, nonce);
        CU_ASSERT(is_open(used, slots[n], w.now_ms));
        used = sml_challenge_use(used, slots[n]);
        for (int i = 0; i <= n; i++) CU_ASSERT_FALSE(is_open(used, slots[i], w.now_ms));
        w.now_ms += CHALLENGE_WINDOW_MS / 8;
    }
    /* One of the window before, after one of the newest: both are known, and what is older is closed. */
    int64_t at = now_ms / CHALLENGE_WINDOW_MS * CHALLENGE_LANES;
    used = sml_challenge_use(sml_challenge_use(0, at + 5), at - 3);
    CU_ASSERT_FALSE(is_open(used, at + 5, now_ms));
    CU_ASSERT_FALSE(is_open(used, at - 3, now_ms));
    CU_ASSERT(is_open(used, at + 4, now_ms));
    CU_ASSERT(is_open(used, at - 4, now_ms));
    CU_ASSERT_FALSE(is_open(used, at - CHALLENGE_LANES - 1, now_ms - CHALLENGE_WINDOW_MS));
    /* The clock was set back by a day: the key is another one then, and everything is open. */
    CU_ASSERT(is_open(used, at - 1440 * CHALLENGE_LANES, now_ms - 86400000));
}

/* However often a device comes in a minute: it is not kept out. */
static void a_window_that_is_used_up_is_followed_by_the_next(void)
{
    uint64_t seed = 7;
    struct world w = world_fixed(now_ms, &seed);
    uint8_t nonce[CHALLENGE_BYTES];
    static int64_t slots[CHALLENGE_LANES * 40];
    int64_t used = 0;
    for (int n = 0; n < CHALLENGE_LANES * 40; n++) {
        slots[n] = sml_challenge_issue(key, realm, device, used, &w, nonce);
        CU_ASSERT(is_open(used, slots[n], w.now_ms));
        used = sml_challenge_use(used, slots[n]);
        for (int i = 0; i <= n; i++) CU_ASSERT_FALSE(is_open(used, slots[i], w.now_ms));
    }
    /* Two that were given at the same time, on the border. */
    used = sml_challenge_use(0, now_ms / CHALLENGE_WINDOW_MS * CHALLENGE_LANES);
    for (int lane = 1; lane < CHALLENGE_LANES - 1; lane++)
        used = sml_challenge_use(used, now_ms / CHALLENGE_WINDOW_MS * CHALLENGE_LANES + lane);
    int64_t one = sml_challenge_issue(key, realm, device, used, &w, nonce);
    CU_ASSERT_EQUAL(one % CHALLENGE_LANES, CHALLENGE_LANES - 1);
    used = sml_challenge_use(used, one);
    int64_t next = sml_challenge_issue(key, realm, device, used, &w, nonce);
    CU_ASSERT_EQUAL(next / CHALLENGE_LANES, one / CHALLENGE_LANES + 1);
    CU_ASSERT(is_open(used, next, w.now_ms));
    /* The clock was set back by ten minutes: what comes next is open, what was is not. */
    w.now_ms -= 600000;
    next = sml_challenge_issue(key, realm, device, used, &w, nonce);
    CU_ASSERT(is_open(used, next, w.now_ms));
    CU_ASSERT_FALSE(is_open(used, one, w.now_ms));
}

TEST_MAIN("syncml.challenge", TEST(a_nonce_is_of_one_key_one_device_and_one_slot),
          TEST(what_was_issued_is_open_in_its_window_and_the_next), TEST(none_is_good_twice),
          TEST(a_window_that_is_used_up_is_followed_by_the_next))
