#include "base/buf.h"
#include "tests/lib/test.h"


static void keeps_what_is_put(void)
{
    struct buf b;
    buf_init(&b, 0);
    buf_putz(&b, "x");
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "x");
    buf_finish(&b);
}

TEST_MAIN("base.buf",
    TEST(keeps_what_is_put))
