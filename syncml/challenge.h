/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_CHALLENGE_H
#define SYNCML_CHALLENGE_H
/* Nonces of challenges that nobody has to remember (protocol.md 7.5): a keyed function of the time and of who is
 * said to call. A challenge goes to whoever asks, so it must cost no memory, and must look the same for devices that
 * exist and for those that do not. Which nonces of the last two windows a device has used already is one number, kept
 * with what else is known of its nonces: none is taken twice. */
#include "base/str.h"
#include "base/world.h"
#include "syncml/cred.h"

enum {
    CHALLENGE_KEY_BYTES = 32,
    CHALLENGE_WINDOW_MS = 60000, /* a nonce is good in its window and in the next one */
    CHALLENGE_LANES = 16,        /* nonces of one window; which one is given is left to chance */
    CHALLENGE_NONCES = 2 * CHALLENGE_LANES,
    CHALLENGE_BYTES = 16
};

/** A nonce that `used` does not rule out. @return its slot, never 0 */
int64_t sml_challenge_issue(const uint8_t key[CHALLENGE_KEY_BYTES], struct str realm, struct str device, int64_t used,
                            const struct world *w, uint8_t out[CHALLENGE_BYTES]);
/** The nonce of a slot; no octet of it is NUL. */
void sml_challenge_nonce(const uint8_t key[CHALLENGE_KEY_BYTES], struct str realm, struct str device, int64_t slot,
                         uint8_t out[CHALLENGE_BYTES]);
/** The slot of the i-th nonce that may be answered now, i from 0 to CHALLENGE_NONCES - 1; 0 = used, or too old. */
int64_t sml_challenge_slot(int64_t used, unsigned i, int64_t now_ms);
/** `used` after this slot was answered. */
int64_t sml_challenge_use(int64_t used, int64_t slot);
#endif
