#include "base/str.h"
#include "tests/lib/test.h"


static void trims_blanks(void)
{
    CU_ASSERT(str_is(str_trim(STR(" a\r\n")), "a"));
}

TEST_MAIN("base.str",
    TEST(trims_blanks))
