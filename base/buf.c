/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_BYTES = 256, DEFAULT_LIMIT_BYTES = 1 << 30 };

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){ .limit = limit ? limit : DEFAULT_LIMIT_BYTES };
}

void buf_finish(struct buf *b)
{
    free(b->p);
    buf_init(b, b->limit);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = RC_OK;
}

/* Make room for n more bytes and for a NUL that is not counted. */
static bool reserve(struct buf *b, size_t n)
{
    if (b->failed) return false;
    if (b->limit == 0) b->limit = DEFAULT_LIMIT_BYTES; /* a zeroed struct is a valid buffer */
    if (b->n > b->limit || n > b->limit - b->n) {
        b->failed = RC_LIMIT;
        return false;
    }
    if (b->n + n < b->cap) return true;
    size_t cap = b->cap ? b->cap : LEAST_BYTES;
    while (cap <= b->n + n && cap <= SIZE_MAX / 2) cap *= 2;
    char *p = cap > b->n + n ? realloc(b->p, cap) : NULL;
    if (!p) {
        b->failed = RC_NOMEM;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_trim(struct buf *b)
{
    char *p = b->cap > b->n + 1 ? realloc(b->p, b->n + 1) : NULL;
    if (p) {
        b->p = p;
        b->cap = b->n + 1;
    }
}

void buf_put(struct buf *b, struct str s)
{
    if (reserve(b, s.n) && s.n) {
        memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
    }
}

void buf_putz(struct buf *b, const char *z)
{
    buf_put(b, str_of(z));
}

void buf_byte(struct buf *b, unsigned c)
{
    if (reserve(b, 1)) b->p[b->n++] = (char)(unsigned char)c;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
        b->n += (size_t)n;
    }
    va_end(ap);
}

char *buf_room(struct buf *b, size_t n)
{
    if (!reserve(b, n)) return NULL;
    b->n += n;
    return b->p + b->n - n;
}

void buf_cut(struct buf *b, size_t n)
{
    assert(n <= b->n);
    b->n = n;
}

const char *buf_z(struct buf *b)
{
    if (b->failed || !b->p) return "";
    b->p[b->n] = '\0';
    return b->p;
}

/* Length of the prefix of s that needs no escape in a JSON string; octets beyond ASCII are examined one character at
 * a time. */
static size_t plain_run(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7F && s.p[n] != '"' && s.p[n] != '\\') n++;
    return n;
}

void buf_json(struct buf *b, struct str s)
{
    /* RFC 8259, section 7: the quote, the backslash and U+0000 to U+001F must be escaped. */
    static const char brief[] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
    };
    for (;;) {
        size_t run = plain_run(s);
        if (run) buf_put(b, str_slice(s, 0, run));
        s = str_slice(s, run, s.n);
        if (!s.n) return;
        size_t n = str_utf8(s);
        unsigned char c = (unsigned char)s.p[0];
        if (n == 0) {
            buf_put(b, STR("\xEF\xBF\xBD"));
            n = 1;
        } else if (c < sizeof brief && brief[c]) {
            buf_byte(b, '\\');
            buf_byte(b, (unsigned char)brief[c]);
        } else if (c < 0x20) {
            buf_printf(b, "\\u%04x", (unsigned)c);
        } else {
            buf_put(b, str_slice(s, 0, n));
        }
        s = str_slice(s, n, s.n);
    }
}
