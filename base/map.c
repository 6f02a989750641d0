/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 16 };

static void place(struct map *m, uint64_t hash, void *value)
{
    size_t at = map_slot_of(m, hash);

    while (m->slots[at].value) at = (at + 1) & (m->room - 1);
    m->slots[at] = (struct map_slot){ hash, value };
}

bool map_reserve(struct map *m, size_t n)
{
    const struct map before = *m;
    size_t room = m->room ? m->room : ROOM_FIRST;
    struct map_slot *slots;

    if (n > SIZE_MAX / 4 / sizeof *slots) return false;
    while (room < 2 * n) room *= 2;
    if (room == m->room) return true;
    slots = m->a ? ARENA_ARRAY(m->a, struct map_slot, room) : calloc(room, sizeof *slots);
    if (!slots) return false;
    m->slots = slots;
    m->room = room;
    for (size_t i = 0; i < before.room; i++)
        if (before.slots[i].value) place(m, before.slots[i].hash, before.slots[i].value);
    if (!m->a) free(before.slots);
    return true;
}

bool map_put(struct map *m, uint64_t hash, void *value)
{
    if (2 * (m->n + 1) > m->room && !map_reserve(m, m->n + 1)) return false;
    place(m, hash, value);
    m->n++;
    return true;
}

/* What comes after a freed slot moves up, unless it stands where it belongs: a probe never meets a gap too early. */
static void close_gap(struct map *m, size_t gap)
{
    const size_t mask = m->room - 1;

    for (size_t at = (gap + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
        const size_t home = map_slot_of(m, m->slots[at].hash);
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        m->slots[gap] = m->slots[at];
        gap = at;
    }
    m->slots[gap] = (struct map_slot){ 0 };
}

bool map_remove(struct map *m, uint64_t hash, const void *value)
{
    if (!m->n) return false;
    for (size_t at = map_slot_of(m, hash); m->slots[at].value; at = (at + 1) & (m->room - 1))
        if (m->slots[at].value == value) {
            close_gap(m, at);
            m->n--;
            return true;
        }
    return false;
}

void map_clear(struct map *m)
{
    if (m->room) memset(m->slots, 0, m->room * sizeof *m->slots);
    m->n = 0;
}

void map_finish(struct map *m)
{
    if (!m->a) free(m->slots);
    *m = (struct map){ 0 };
}
