#include "base/arena.h"
#include "tests/lib/test.h"


static void gives_nothing_past_the_limit(void)
{
    struct arena a;
    arena_init(&a, 8);
    CU_ASSERT_PTR_NULL(arena_alloc(&a, 9));
    arena_finish(&a);
}

TEST_MAIN("base.arena",
    TEST(gives_nothing_past_the_limit))
