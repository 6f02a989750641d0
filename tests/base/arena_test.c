/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "tests/lib/test.h"
#include <stdalign.h>
#include <string.h>

static void memory_is_zeroed_aligned_and_apart(void)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t round = 0; round < 2; round++) {
        char *before = NULL;
        for (size_t n = 0; n < 300; n++) {
            char *text = arena_bytes(&a, 1); /* brings the place out of step */
            char *p = arena_alloc(&a, n);
            CU_ASSERT_FATAL(text && p);
            CU_ASSERT_EQUAL((uintptr_t)p % alignof(max_align_t), 0);
            CU_ASSERT_PTR_NOT_EQUAL(p, before);
            for (size_t i = 0; i < n; i++) CU_ASSERT_FATAL(p[i] == 0);
            *text = 'x';
            memset(p, 0xff, n);
            before = p;
        }
        arena_reset(&a); /* in the second round the memory is a used one */
    }
    arena_finish(&a);
}

static void gives_nothing_past_the_limit(void)
{
    static const struct {
        size_t limit, n;
        bool ok;
    } row[] = {
        { 0, 0, false },
        { 0, 1, false },
        { 8, 8, true },
        { 8, 9, false },
        { 100000, 100000, true },
        { 100000, 100001, false },
        { SIZE_MAX, SIZE_MAX, false },
        { SIZE_MAX, SIZE_MAX - 8, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        arena_init(&a, row[i].limit);
        CU_ASSERT_EQUAL(arena_alloc(&a, row[i].n) != NULL, row[i].ok);
        CU_ASSERT_EQUAL(a.used, row[i].ok ? row[i].n : 0);
        arena_reset(&a);
        CU_ASSERT_EQUAL(arena_bytes(&a, row[i].n) != NULL, row[i].ok);
        arena_finish(&a);
    }
    struct arena a;
    arena_init(&a, 1 << 20);
    CU_ASSERT_PTR_NULL(ARENA_ARRAY(&a, uint64_t, SIZE_MAX / 4));
    CU_ASSERT_PTR_NOT_NULL(ARENA_ARRAY(&a, uint64_t, 4));
    CU_ASSERT_PTR_NOT_NULL(ARENA_NEW(&a, struct arena));
    arena_finish(&a);
}

static void small_pieces_count_too(void)
{
    struct arena a;
    arena_init(&a, 50000);
    size_t n = 0;
    while (arena_bytes(&a, 7)) n++;
    CU_ASSERT_EQUAL(n, 50000 / 7);
    CU_ASSERT(a.blocks >= 2);
    arena_finish(&a);
}

static void a_reset_arena_needs_no_new_memory(void)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    for (unsigned i = 0; i < 100; i++) {
        CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 10000));
        arena_reset(&a);
        CU_ASSERT_EQUAL(a.used, 0);
    }
    CU_ASSERT_EQUAL(a.blocks, 1);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 500000));
    arena_reset(&a);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 10000));
    CU_ASSERT_EQUAL(a.blocks, 2);
    arena_finish(&a);
}

static void finishing_twice_or_nothing_is_fine(void)
{
    struct arena a = { 0 };
    arena_finish(&a);
    arena_reset(&a);
    CU_ASSERT_PTR_NULL(arena_alloc(&a, 1));
    arena_init(&a, 64);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 1));
    arena_finish(&a);
    arena_finish(&a);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 1)); /* a finished arena is an empty one */
    arena_finish(&a);
}

static void texts_end_in_nul(void)
{
    struct arena a;
    struct str s = STR("old");
    arena_init(&a, 64);
    CU_ASSERT(arena_str(&a, STR("a\0b"), &s));
    CU_ASSERT(str_eq(s, STR("a\0b")));
    CU_ASSERT_EQUAL(s.p[3], '\0');
    CU_ASSERT(arena_str(&a, (struct str){ 0 }, &s));
    CU_ASSERT_EQUAL(s.n, 0);
    CU_ASSERT_EQUAL(s.p[0], '\0');
    CU_ASSERT_STRING_EQUAL(arena_strz(&a, STR("xy")), "xy");
    s = arena_printf(&a, "%s-%d", "n", 42);
    CU_ASSERT(str_is(s, "n-42"));
    CU_ASSERT_EQUAL(s.p[4], '\0');
    s = STR("old");
    char big[100];
    CU_ASSERT_FALSE(arena_str(&a, (struct str){ big, sizeof big }, &s));
    CU_ASSERT(str_is(s, "old"));
    CU_ASSERT_PTR_NULL(arena_strz(&a, (struct str){ big, sizeof big }));
    CU_ASSERT_PTR_NULL(arena_printf(&a, "%*d", 100, 1).p);
    arena_finish(&a);
}

TEST_MAIN("base.arena", TEST(memory_is_zeroed_aligned_and_apart), TEST(gives_nothing_past_the_limit),
          TEST(small_pieces_count_too), TEST(a_reset_arena_needs_no_new_memory),
          TEST(finishing_twice_or_nothing_is_fine), TEST(texts_end_in_nul))
