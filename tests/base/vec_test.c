/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"
#include "tests/lib/test.h"
#include <stdint.h>
#include <string.h>

struct pair {
    char name[8];
    int n;
};

static void grows_and_begins_with_zeroes(void)
{
    VEC(struct pair) v = { 0 };
    bool zero = true, right = true;
    for (int i = 0; i < 1000; i++) {
        struct pair *p = VEC_ADD(&v);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        zero = zero && !p->n && !p->name[0];
        *p = (struct pair){ "x", i };
    }
    CU_ASSERT_EQUAL(v.n, 1000);
    for (int i = 0; i < 1000; i++) right = right && v.at[i].n == i;
    CU_ASSERT(zero);
    CU_ASSERT(right);
    VEC_FREE(&v);
    CU_ASSERT_EQUAL(v.n, 0);
    CU_ASSERT_PTR_NULL(v.at);
    CU_ASSERT_PTR_NOT_NULL(VEC_ADD(&v)); /* an emptied one may be used again */
    VEC_FREE(&v);
}

static void an_element_that_is_used_again_is_zero(void)
{
    VEC(int) v = { 0 };
    *VEC_ADD(&v) = 7;
    VEC_REMOVE(&v, 0);
    CU_ASSERT_EQUAL(*VEC_ADD(&v), 0);
    VEC_FREE(&v);
}

static void removes_in_order_or_fast(void)
{
    VEC(int) v = { 0 };
    for (int i = 0; i < 5; i++) *VEC_ADD(&v) = i;
    VEC_REMOVE(&v, 1);
    CU_ASSERT(v.n == 4 && v.at[0] == 0 && v.at[1] == 2 && v.at[2] == 3 && v.at[3] == 4);
    VEC_REMOVE_UNORDERED(&v, 0);
    CU_ASSERT(v.n == 3 && v.at[0] == 4 && v.at[1] == 2 && v.at[2] == 3);
    VEC_REMOVE(&v, 2);
    VEC_REMOVE_UNORDERED(&v, 1);
    VEC_REMOVE(&v, 0);
    CU_ASSERT_EQUAL(v.n, 0);
    VEC_FREE(&v);
}

static void refuses_what_no_memory_holds(void)
{
    VEC(struct pair) v = { 0 };
    VEC_ADD(&v)->n = 3;
    CU_ASSERT_FALSE(VEC_RESERVE(&v, SIZE_MAX));
    CU_ASSERT_FALSE(VEC_RESERVE(&v, SIZE_MAX / sizeof(struct pair)));
    CU_ASSERT(v.n == 1 && v.at[0].n == 3);
    CU_ASSERT(VEC_RESERVE(&v, 100));
    CU_ASSERT(v.room >= 101 && v.at[0].n == 3);
    VEC_FREE(&v);
}

static void grows_in_an_arena_and_stops_with_it(void)
{
    VEC(struct pair) v = { 0 };
    struct arena a;
    size_t n = 0;
    bool right = true;
    arena_init(&a, 65536);
    for (struct pair *p; (p = VEC_ADD_IN(&a, &v)) != NULL; n++) {
        right = right && !p->n;
        p->n = (int)n;
    }
    CU_ASSERT(n > 100 && v.n == n);
    for (size_t i = 0; i < n; i++) right = right && v.at[i].n == (int)i;
    CU_ASSERT(right);
    arena_finish(&a);
}

TEST_MAIN("base.vec", TEST(grows_and_begins_with_zeroes), TEST(an_element_that_is_used_again_is_zero),
          TEST(removes_in_order_or_fast), TEST(refuses_what_no_memory_holds), TEST(grows_in_an_arena_and_stops_with_it))
