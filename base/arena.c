/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK_BYTES = 16 << 10, MOST_BLOCK_BYTES = 256 << 10 };

struct arena_block {
    struct arena_block *older;
    size_t size; /* size of `data` in octets */
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){ .limit = limit };
}

/* Free the blocks, or keep the first one and make all of it free again. */
static void drop(struct arena *a, bool keep_first)
{
    for (struct arena_block *b = a->head, *older; b; b = older) {
        older = b->older;
        if (keep_first && !older) {
            a->head = b;
            a->at = b->data;
            a->end = b->data + b->size;
            a->used = 0;
            return;
        }
        free(b);
    }
    arena_init(a, a->limit);
}

void arena_finish(struct arena *a)
{
    drop(a, false);
}

void arena_reset(struct arena *a)
{
    drop(a, true);
}

/* Add a block with room for n bytes. It is no larger than what the limit leaves, so that sanitizers detect an
 * overrun. */
static bool grow(struct arena *a, size_t n)
{
    size_t left = a->limit - a->used, size = a->head ? a->head->size * 2 : FIRST_BLOCK_BYTES;
    if (size > MOST_BLOCK_BYTES) size = MOST_BLOCK_BYTES;
    if (size > left) size = left;
    if (size < n) size = n;
    if (size > SIZE_MAX - sizeof(struct arena_block)) return false;
    struct arena_block *b = malloc(sizeof *b + size);
    if (!b) return false;
    b->older = a->head;
    b->size = size;
    a->head = b;
    a->at = b->data;
    a->end = b->data + size;
    a->blocks++;
    return true;
}

char *arena_bytes(struct arena *a, size_t n)
{
    if (n == 0) n = 1; /* NULL means failure only */
    if (n > a->limit - a->used) return NULL;
    if ((!a->at || (size_t)(a->end - a->at) < n) && !grow(a, n)) return NULL;
    char *p = a->at;
    a->at += n;
    a->used += n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t pad = a->at ? (size_t) - (uintptr_t)a->at % alignof(max_align_t) : 0;
    if (n == 0) n = 1;
    if (n > a->limit - a->used) return NULL;
    if (a->at && pad < (size_t)(a->end - a->at))
        a->at += pad; /* padding is not handed out, so it does not count as used */
    else
        a->at = a->end; /* a new block starts aligned */
    void *p = arena_bytes(a, n);
    return p ? memset(p, 0, n) : NULL;
}

bool arena_str(struct arena *a, struct str s, struct str *out)
{
    char *p = arena_strz(a, s);
    if (p) *out = (struct str){ p, s.n };
    return p != NULL;
}

char *arena_strz(struct arena *a, struct str s)
{
    char *p = s.n < SIZE_MAX ? arena_bytes(a, s.n + 1) : NULL;
    if (p) {
        if (s.n) memcpy(p, s.p, s.n);
        p[s.n] = '\0';
    }
    return p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *p = n < 0 ? NULL : arena_bytes(a, (size_t)n + 1);
    if (!p) return (struct str){ 0 };
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    return (struct str){ p, (size_t)n };
}
