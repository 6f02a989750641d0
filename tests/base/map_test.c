/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "base/str.h"
#include "tests/lib/test.h"
#include <string.h>

enum { THINGS = 2000 };

struct thing {
    uint64_t hash;
    int key;
    bool there;
};

static struct thing *find(const struct map *m, uint64_t hash, int key)
{
    struct map_probe p;
    struct thing *x = map_first(m, hash, &p);
    while (x && x->key != key) x = map_next(m, &p);
    return x;
}

/* Hashes that fall together are the hard case: `spread` of them are different. */
static void keeps_what_was_put(unsigned spread)
{
    static struct thing all[THINGS];
    struct map m = { 0 };
    uint64_t seed = 7;
    size_t n = 0;
    bool right = true;
    for (int i = 0; i < THINGS; i++)
        all[i] = (struct thing){ (uint64_t)((unsigned)i % spread) << (spread == 3 ? 40 : 0), i, false };
    for (int step = 0; step < 20 * THINGS; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct thing *x = &all[(seed >> 33) % (spread < 10 ? 60 : THINGS)];
        if (x->there)
            right = right && map_remove(&m, x->hash, x);
        else
            right = right && !map_remove(&m, x->hash, x) && map_put(&m, x->hash, x);
        x->there = !x->there;
        n = x->there ? n + 1 : n - 1;
        right = right && (find(&m, x->hash, x->key) == x) == x->there && m.n == n;
    }
    for (int i = 0; i < THINGS; i++) right = right && (find(&m, all[i].hash, i) != NULL) == all[i].there;
    CU_ASSERT(right);
    CU_ASSERT(m.room >= 2 * m.n);
    map_clear(&m);
    CU_ASSERT_PTR_NULL(find(&m, all[0].hash, 0));
    CU_ASSERT_EQUAL(m.n, 0);
    map_finish(&m);
}

static void finds_what_is_there_and_nothing_else(void)
{
    keeps_what_was_put(THINGS);
    keeps_what_was_put(50);
    keeps_what_was_put(3);
    keeps_what_was_put(1);
}

static void an_empty_one_has_nothing(void)
{
    struct map m = { 0 };
    struct map_probe p;
    int x;
    CU_ASSERT_PTR_NULL(map_first(&m, 1, &p));
    CU_ASSERT_FALSE(map_remove(&m, 1, &x));
    map_clear(&m);
    map_finish(&m);
    CU_ASSERT_FALSE(map_reserve(&m, SIZE_MAX / 2));
}

static void grows_in_an_arena_and_stops_with_it(void)
{
    static int value;
    struct arena a;
    struct map m;
    uint64_t n = 0, found = 0;
    struct map_probe p;
    arena_init(&a, 65536);
    map_init_in(&m, &a);
    while (map_put(&m, n, &value)) n++;
    CU_ASSERT(n > 100 && m.n == n);
    for (uint64_t i = 0; i < n; i++) found += map_first(&m, i, &p) == &value;
    CU_ASSERT_EQUAL(found, n);
    map_finish(&m);
    arena_finish(&a);
}

TEST_MAIN("base.map", TEST(finds_what_is_there_and_nothing_else), TEST(an_empty_one_has_nothing),
          TEST(grows_in_an_arena_and_stops_with_it))
