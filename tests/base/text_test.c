#include "base/text.h"
#include "tests/lib/test.h"


static void hex_is_lower_case(void)
{
    char hex[3];
    text_hex("\xab", 1, hex);
    CU_ASSERT_STRING_EQUAL(hex, "ab");
}

TEST_MAIN("base.text",
    TEST(hex_is_lower_case))
