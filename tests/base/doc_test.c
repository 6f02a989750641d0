#include "base/doc.h"
#include "tests/lib/test.h"


static void an_empty_text_is_an_empty_document(void)
{
    struct arena a;
    struct doc *d = NULL;
    arena_init(&a, 4096);
    CU_ASSERT_EQUAL(doc_parse(STR(""), "text", &a, &d, NULL), RC_OK);
    arena_finish(&a);
}

TEST_MAIN("base.doc",
    TEST(an_empty_text_is_an_empty_document))
