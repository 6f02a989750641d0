/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H
/* Reads untrusted bytes. After its first failure the cursor stands at the end and returns zeroes, so that a decoder
 * checks once at the end. */
#include "base/str.h"

struct cursor {
    const uint8_t *p, *end;
    bool failed;
};

static inline struct cursor cursor_of(struct str s)
{
    const uint8_t *p = (const uint8_t *)(s.n ? s.p : ""); /* NULL + 0 is undefined in C */
    return (struct cursor){ p, p + s.n, false };
}
static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}
static inline bool cursor_done(const struct cursor *c)
{
    return c->p == c->end;
}
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16be(struct cursor *c);
uint32_t cursor_u32be(struct cursor *c);
/** WBXML mb_u_int32 / WSP uintvar: at most 5 octets, at most 32 bits. */
uint32_t cursor_uintvar(struct cursor *c);
/** The next n bytes, borrowed. */
struct str cursor_take(struct cursor *c, size_t n);
/** Bytes up to the next NUL, borrowed, without the NUL; the cursor moves past it. Fails when there is none. */
struct str cursor_strz(struct cursor *c);
/** Look at the next byte without taking it; 0 at the end (not a failure). */
uint8_t cursor_peek(const struct cursor *c);
#endif
