/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H
/* A growing byte buffer. It remembers its first failure: append freely, and check `buf_ok` once at the end. */
#include "base/rc.h"
#include "base/str.h"
#include <stdarg.h>

struct buf {
    char *p; /* from malloc, owned by the buffer */
    size_t n, cap, limit;
    enum rc failed; /* RC_OK, RC_LIMIT or RC_NOMEM */
};

/** @param limit  most bytes it may hold (0 = 1 GiB). Nothing is allocated yet. */
void buf_init(struct buf *b, size_t limit);
/** Free. Accepts zeroes. */
void buf_finish(struct buf *b);
/** Empty, keep the memory, forget the failure. */
void buf_reset(struct buf *b);
void buf_put(struct buf *b, struct str s);
void buf_putz(struct buf *b, const char *z);
void buf_byte(struct buf *b, unsigned c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/**
 * Append n bytes that the caller fills in; they are counted at once. @return their address, NULL once the buffer has
 * failed
 */
char *buf_room(struct buf *b, size_t n);
/** Shorten to n bytes (n <= b->n): takes back what was appended since. */
void buf_cut(struct buf *b, size_t n);
/** Give unused memory back: for a buffer that is kept and does not grow soon. */
void buf_trim(struct buf *b);
static inline bool buf_ok(const struct buf *b)
{
    return b->failed == RC_OK;
}
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->p, b->n };
}
/** NUL-terminate without counting it. @return b->p, or "" when failed or empty */
const char *buf_z(struct buf *b);
/** Append s escaped as the inside of a JSON string (without quotes); invalid UTF-8 becomes U+FFFD. */
void buf_json(struct buf *b, struct str s);
#endif
