/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
/* Memory that is freed all at once. Everything that belongs to a message lives in an arena and is never freed one by
 * one. */
#include "base/str.h"
#include <stdarg.h>

struct arena_block;
struct arena {
    struct arena_block *head; /* newest block */
    char *at, *end;           /* unused part of the newest block */
    size_t used, limit;       /* bytes handed out, and the most that may be; tests use the limit to inject failures */
    unsigned blocks;          /* number of calls of malloc */
};

/** @param limit  bytes the arena may hand out in all; past that arena_alloc gives NULL. Nothing is allocated yet. */
void arena_init(struct arena *a, size_t limit);
/** Free everything. Accepts zeroes, and a finished arena. */
void arena_finish(struct arena *a);
/** Forget the contents, keep the first block for the next message. */
void arena_reset(struct arena *a);
/** Zeroed memory, aligned for any type. @return NULL past the limit or when malloc fails */
void *arena_alloc(struct arena *a, size_t n);
/** As arena_alloc, but neither zeroed nor aligned: for texts. */
char *arena_bytes(struct arena *a, size_t n);
#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((n) > SIZE_MAX / sizeof(type) ? NULL : (type *)arena_alloc((a), (n) * sizeof(type)))
/** Copy of s in the arena, NUL-terminated behind its length. @return false when there is no room */
bool arena_str(struct arena *a, struct str s, struct str *out);
/** NUL-terminated copy, or NULL. */
char *arena_strz(struct arena *a, struct str s);
/** printf into the arena, NUL-terminated; {NULL, 0} when there is no room. */
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
#endif
