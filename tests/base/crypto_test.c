#include "base/crypto.h"
#include "tests/lib/test.h"


static void md5_of_parts_is_md5_of_the_whole(void)
{
    uint8_t out[MD5_BYTES];
    crypto_md5((const struct str[]){ STR("a"), STR("bc") }, 2, out);
    CU_ASSERT_EQUAL(out[0], 0x90);
}

TEST_MAIN("base.crypto",
    TEST(md5_of_parts_is_md5_of_the_whole))
