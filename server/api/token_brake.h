/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_TOKEN_BRAKE_H
#define SERVER_API_TOKEN_BRAKE_H
/* Wrong tokens from one address (IPv6: from one /64) may come as often as people mistype, not as often as machines
 * guess. A token that was right from there lately is looked at all the same: who guesses locks nobody else out. All
 * functions are safe from any thread. */
#include "base/crypto.h"
#include "base/rc.h"
#include "base/str.h"

enum { BRAKE_BURST = 30, BRAKE_EACH_MS = 1000 }; /* so many at once, then one in this time */

struct token_brake;
enum rc token_brake_create(struct token_brake **out, struct err *e);
/** Accepts NULL. */
void token_brake_destroy(struct token_brake *b);
/** May this token be looked at? @param retry_s  when not: seconds until another one may */
bool token_brake_lets(struct token_brake *b, struct str remote, const uint8_t hash[SHA256_BYTES], int64_t now_ms,
                      int *retry_s);
void token_brake_wrong(struct token_brake *b, struct str remote, int64_t now_ms);
void token_brake_right(struct token_brake *b, struct str remote, const uint8_t hash[SHA256_BYTES]);
#endif
