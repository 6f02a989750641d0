#include "base/cursor.h"
#include "tests/lib/test.h"


static void fails_at_the_end(void)
{
    struct cursor c = cursor_of(STR(""));
    CU_ASSERT_EQUAL(cursor_u8(&c), 0);
    CU_ASSERT(c.failed);
}

TEST_MAIN("base.cursor",
    TEST(fails_at_the_end))
