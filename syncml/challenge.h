/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_CHALLENGE_H
#define SYNCML_CHALLENGE_H
/* Nonces of challenges that need no memory (protocol.md 7.5): a keyed function of the time and of the claimed
 * sender. Any sender gets a challenge, so it must cost no memory, and must look the same for devices that exist and
 * for those that do not. One number, kept with the device's other nonces, says which nonces of the last two windows
 * the device has used: none is accepted twice. */
#include "base/str.h"
#include "base/world.h"
#include "syncml/cred.h"

enum {
    CHALLENGE_KEY_BYTES = 32,
    CHALLENGE_WINDOW_MS = 60000, /* a nonce is valid in its window and in the next one */
    CHALLENGE_LANES = 16,        /* nonces of one window; one of them is chosen at random */
    CHALLENGE_NONCES = 2 * CHALLENGE_LANES,
    CHALLENGE_BYTES = 16
};

/** Choose a nonce that `used` does not rule out. @return its slot, never 0 */
int64_t sml_challenge_issue(const uint8_t key[CHALLENGE_KEY_BYTES], struct str realm, struct str device, int64_t used,
                            const struct world *w, uint8_t out[CHALLENGE_BYTES]);
/** The nonce of a slot; no octet of it is NUL. */
void sml_challenge_nonce(const uint8_t key[CHALLENGE_KEY_BYTES], struct str realm, struct str device, int64_t slot,
                         uint8_t out[CHALLENGE_BYTES]);
/** The slot of the i-th nonce that is valid now, i from 0 to CHALLENGE_NONCES - 1; 0 = used, or too old. */
int64_t sml_challenge_slot(int64_t used, unsigned i, int64_t now_ms);
/** The value of `used` after this slot was answered. */
int64_t sml_challenge_use(int64_t used, int64_t slot);
#endif
