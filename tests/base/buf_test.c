/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "tests/lib/test.h"
#include <string.h>

static void keeps_what_is_put(void)
{
    struct buf b;
    buf_init(&b, 0);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "");
    buf_put(&b, (struct str){ 0 });
    buf_put(&b, STR("a\0b"));
    buf_putz(&b, "cd");
    buf_putz(&b, NULL);
    buf_byte(&b, 0xff);
    buf_printf(&b, "%03d", 7);
    memcpy(buf_room(&b, 2), "ef", 2);
    CU_ASSERT(buf_ok(&b));
    CU_ASSERT(str_eq(buf_str(&b), STR("a\0bcd\xff"
                                      "007ef")));
    buf_cut(&b, 1);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "a");
    buf_reset(&b);
    CU_ASSERT_EQUAL(b.n, 0);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "");
    buf_finish(&b);
    buf_finish(&b);
}

static void grows_to_any_size(void)
{
    struct buf b = { 0 };
    for (unsigned i = 0; i < 100000; i++) buf_byte(&b, i);
    CU_ASSERT(buf_ok(&b));
    CU_ASSERT_EQUAL_FATAL(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++) CU_ASSERT_FATAL((unsigned char)b.p[i] == (i & 0xff));
    buf_finish(&b);
    CU_ASSERT_PTR_NULL(b.p);
}

static void keeps_only_what_is_needed_when_told_so(void)
{
    struct buf b = { 0 };
    buf_trim(&b);
    CU_ASSERT_PTR_NULL(b.p);
    for (int i = 0; i < 1000; i++) buf_byte(&b, 'x');
    buf_trim(&b);
    CU_ASSERT_EQUAL(b.cap, 1001);
    CU_ASSERT_EQUAL(strspn(buf_z(&b), "x"), 1000);
    buf_putz(&b, "y"); /* and grows again */
    CU_ASSERT_STRING_EQUAL(buf_z(&b) + 999, "xy");
    buf_reset(&b);
    buf_trim(&b);
    CU_ASSERT_EQUAL(b.cap, 1);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "");
    buf_finish(&b);
}

static void remembers_the_first_failure(void)
{
    struct buf b;
    buf_init(&b, 10);
    buf_putz(&b, "1234567890");
    CU_ASSERT(buf_ok(&b));
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "1234567890");
    buf_byte(&b, 'x');
    CU_ASSERT_EQUAL(b.failed, RC_LIMIT);
    buf_cut(&b, 0);
    buf_putz(&b, "y");
    buf_printf(&b, "%d", 1);
    CU_ASSERT_PTR_NULL(buf_room(&b, 1));
    CU_ASSERT_EQUAL(b.n, 0);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "");
    buf_reset(&b);
    CU_ASSERT(buf_ok(&b));
    CU_ASSERT_PTR_NULL(buf_room(&b, 11));
    CU_ASSERT_EQUAL(b.failed, RC_LIMIT);
    buf_reset(&b);
    CU_ASSERT_PTR_NULL(buf_room(&b, SIZE_MAX));
    buf_reset(&b);
    buf_printf(&b, "%s", "12345678901");
    CU_ASSERT_EQUAL(b.failed, RC_LIMIT);
    buf_finish(&b);
    CU_ASSERT_EQUAL(b.limit, 10);
}

static void memory_that_the_machine_does_not_have_is_a_failure(void)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_byte(&b, 'x');
    CU_ASSERT_PTR_NULL(buf_room(&b, SIZE_MAX - 1));
    CU_ASSERT_EQUAL(b.failed, RC_NOMEM);
    buf_finish(&b);
}

static void json_strings_as_rfc_8259_says(void)
{
    static const struct {
        struct str in;
        const char *want;
    } row[] = {
        { { 0 }, "" },
        { STR_INIT("plain"), "plain" },
        { STR_INIT("\"\\/"), "\\\"\\\\/" },
        { STR_INIT("\b\f\n\r\t"), "\\b\\f\\n\\r\\t" },
        { STR_INIT("\0\x01\x1f\x7f"), "\\u0000\\u0001\\u001f\x7f" },
        { STR_INIT("\xc3\xa9\xf0\x9f\x98\x80"), "\xc3\xa9\xf0\x9f\x98\x80" },
        { STR_INIT("a\xff"
                   "b"),
          "a\xef\xbf\xbd"
          "b" },
        { STR_INIT("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd" },
        { STR_INIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct buf b;
        buf_init(&b, 0);
        buf_json(&b, row[i].in);
        CU_ASSERT_STRING_EQUAL(buf_z(&b), row[i].want);
        buf_finish(&b);
    }
}

TEST_MAIN("base.buf", TEST(keeps_what_is_put), TEST(grows_to_any_size), TEST(keeps_only_what_is_needed_when_told_so),
          TEST(remembers_the_first_failure), TEST(memory_that_the_machine_does_not_have_is_a_failure),
          TEST(json_strings_as_rfc_8259_says))
