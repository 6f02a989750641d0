/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MAP_H
#define BASE_MAP_H
/*
 * A table of things by a hash of their key. The key stays in the thing: the table has hashes and addresses, its user compares keys.
 *
 *     for (x = map_first(&m, hash, &p); x && !str_eq(x->name, name); x = map_next(&m, &p))
 *         ;
 *
 * Several things may have one hash, or one key. All zero is an empty table on the heap; one in an arena is made with map_init_in.
 */
#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t hash;
    void *value; /* NULL = free */
};
struct map {
    struct map_slot *slots; /* open addressing, at most half full */
    size_t n, room;         /* room: a power of two, or 0 */
    struct arena *a;        /* NULL = the heap */
};
struct map_probe {
    uint64_t hash;
    size_t at;
};

/** An empty table in an arena; it grows there, and what it grows out of stays. */
static inline void map_init_in(struct map *m, struct arena *a)
{
    *m = (struct map){ .a = a };
}
/** Frees the slots, not the things. */
void map_finish(struct map *m);
/** Takes all out; room stays. */
void map_clear(struct map *m);
/** @return false: no memory, nothing changed */
bool map_reserve(struct map *m, size_t n);
/** @param value  not NULL; borrowed until it is removed. @return false: no memory */
bool map_put(struct map *m, uint64_t hash, void *value);
/** Take this very thing out. @return false when it is not there */
bool map_remove(struct map *m, uint64_t hash, const void *value);

/* Multiplied, so that hashes whose low bits are alike do not crowd. */
static inline size_t map_slot_of(const struct map *m, uint64_t hash)
{
    return (size_t)((hash * 0x9E3779B97F4A7C15u) >> 32) & (m->room - 1);
}

/** The next thing with the probe's hash; NULL = no more. The table must not change between the two. */
static inline void *map_next(const struct map *m, struct map_probe *p)
{
    for (;; p->at = (p->at + 1) & (m->room - 1)) {
        const struct map_slot *s = &m->slots[p->at];
        if (!s->value) return NULL;
        if (s->hash == p->hash) {
            p->at = (p->at + 1) & (m->room - 1);
            return s->value;
        }
    }
}

/** The first thing with this hash; NULL = none. */
static inline void *map_first(const struct map *m, uint64_t hash, struct map_probe *p)
{
    if (!m->n) return NULL;
    *p = (struct map_probe){ hash, map_slot_of(m, hash) };
    return map_next(m, p);
}
#endif
