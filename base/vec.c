/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1, ROOM_FIRST_IN = 8 };

bool vec_reserve(void *at, size_t n, size_t *room, size_t more, size_t size)
{
    size_t want = *room ? *room : ROOM_FIRST;
    void *p;

    if (more <= *room - n) return true;
    if (more > SIZE_MAX / 2 / size - n) return false;
    while (want < n + more) want *= 2;
    memcpy(&p, at, sizeof p); /* a pointer to another type must not be read as a void * */
    p = realloc(p, want * size);
    if (!p) return false;
    memcpy(at, &p, sizeof p);
    *room = want;
    return true;
}

bool vec_add(void *at, size_t *n, size_t *room, size_t size)
{
    char *p;

    if (*n == *room && !vec_reserve(at, *n, room, 1, size)) return false;
    memcpy(&p, at, sizeof p);
    memset(p + *n * size, 0, size);
    ++*n;
    return true;
}

bool vec_add_in(struct arena *a, void *at, size_t *n, size_t *room, size_t size)
{
    const size_t want = *room ? 2 * *room : ROOM_FIRST_IN;
    char *p;

    memcpy(&p, at, sizeof p);
    if (*n == *room) {
        char *more = want <= SIZE_MAX / size ? arena_alloc(a, want * size) : NULL;
        if (!more) return false;
        if (*n) memcpy(more, p, *n * size);
        p = more;
        memcpy(at, &p, sizeof p);
        *room = want;
    }
    memset(p + *n * size, 0, size);
    ++*n;
    return true;
}

void vec_remove(void *first, size_t *n, size_t i, size_t size)
{
    char *p = (char *)first + i * size;

    memmove(p, p + size, (*n - i - 1) * size);
    --*n;
}

void vec_free(void *at, size_t *n, size_t *room)
{
    void *p;

    memcpy(&p, at, sizeof p);
    free(p);
    p = NULL;
    memcpy(at, &p, sizeof p);
    *n = *room = 0;
}
