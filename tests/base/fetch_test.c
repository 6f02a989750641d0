#include "base/fetch.h"
#include "tests/lib/test.h"


static void a_client_comes_and_goes(void)
{
    struct fetch *f = fetch_create(&(struct fetch_config){ 0 });
    CU_ASSERT_PTR_NOT_NULL(f);
    fetch_destroy(f);
}

TEST_MAIN("base.fetch",
    TEST(a_client_comes_and_goes))
