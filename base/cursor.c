/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include <string.h>

struct str cursor_take(struct cursor *c, size_t n)
{
    if (c->failed || n > cursor_left(c)) {
        c->failed = true;
        c->p = c->end; /* so that a loop until cursor_done ends */
        return (struct str){ 0 };
    }
    struct str s = { (const char *)c->p, n };
    c->p += n;
    return s;
}

/* A big-endian number of n bytes. */
static uint32_t number(struct cursor *c, size_t n)
{
    struct str s = cursor_take(c, n);
    uint32_t v = 0;
    for (size_t i = 0; i < s.n; i++) v = v << 8 | (uint8_t)s.p[i];
    return v;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)number(c, 1);
}

uint16_t cursor_u16be(struct cursor *c)
{
    return (uint16_t)number(c, 2);
}

uint32_t cursor_u32be(struct cursor *c)
{
    return number(c, 4);
}

uint32_t cursor_uintvar(struct cursor *c)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 5; i++) {
        uint8_t octet = cursor_u8(c);
        if (c->failed || v >> 25) /* seven more bits would not fit */
            break;
        v = v << 7 | (octet & 0x7f);
        if (!(octet & 0x80)) return v;
    }
    cursor_take(c, cursor_left(c) + 1); /* record the failure */
    return 0;
}

struct str cursor_strz(struct cursor *c)
{
    const uint8_t *nul = cursor_left(c) ? memchr(c->p, 0, cursor_left(c)) : NULL;
    struct str s = cursor_take(c, nul ? (size_t)(nul - c->p) + 1 : cursor_left(c) + 1);
    return str_slice(s, 0, s.n ? s.n - 1 : 0);
}

uint8_t cursor_peek(const struct cursor *c)
{
    return cursor_done(c) ? 0 : *c->p;
}
