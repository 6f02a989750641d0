/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_TOKEN_BRAKE_H
#define SERVER_API_TOKEN_BRAKE_H
/* Rate limit for wrong tokens per address (IPv6: per /64): enough for typing mistakes, too few for guessing. A token
 * that was valid from that address lately is still checked, so guessing does not lock out other users. All functions
 * are safe from any thread. */
#include "base/crypto.h"
#include "base/rc.h"
#include "base/str.h"

enum { BRAKE_BURST = 30, BRAKE_EACH_MS = 1000 }; /* a burst of this many, then one per interval */

struct token_brake;
enum rc token_brake_create(struct token_brake **out, struct err *e);
/** Accepts NULL. */
void token_brake_destroy(struct token_brake *b);
/** Whether this token may be checked. @param retry_s  if not: seconds until the next one may */
bool token_brake_lets(struct token_brake *b, struct str remote, const uint8_t hash[SHA256_BYTES], int64_t now_ms,
                      int *retry_s);
void token_brake_wrong(struct token_brake *b, struct str remote, int64_t now_ms);
void token_brake_right(struct token_brake *b, struct str remote, const uint8_t hash[SHA256_BYTES]);
#endif
