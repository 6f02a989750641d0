/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "tests/lib/test.h"

static void reads_in_order(void)
{
    struct cursor c = cursor_of(STR("\x01\x02\x03\x04\x05\x06\x07"
                                    "ab"
                                    "cd\0"
                                    "\xff"));
    CU_ASSERT_EQUAL(cursor_peek(&c), 1);
    CU_ASSERT_EQUAL(cursor_u8(&c), 1);
    CU_ASSERT_EQUAL(cursor_u16be(&c), 0x0203);
    CU_ASSERT_EQUAL(cursor_u32be(&c), 0x04050607);
    CU_ASSERT(str_is(cursor_take(&c, 2), "ab"));
    CU_ASSERT_EQUAL(cursor_take(&c, 0).n, 0);
    CU_ASSERT(str_is(cursor_strz(&c), "cd"));
    CU_ASSERT_EQUAL(cursor_left(&c), 1);
    CU_ASSERT_FALSE(cursor_done(&c));
    CU_ASSERT_EQUAL(cursor_u8(&c), 0xff);
    CU_ASSERT(cursor_done(&c));
    CU_ASSERT_FALSE(c.failed);
    CU_ASSERT_EQUAL(cursor_peek(&c), 0);
    CU_ASSERT_FALSE(c.failed);
}

static uint32_t u8(struct cursor *c)
{
    return cursor_u8(c);
}
static uint32_t u16(struct cursor *c)
{
    return cursor_u16be(c);
}
static uint32_t take3(struct cursor *c)
{
    return (uint32_t)cursor_take(c, 3).n;
}
static uint32_t take_all(struct cursor *c)
{
    return (uint32_t)cursor_take(c, SIZE_MAX).n;
}
static uint32_t strz(struct cursor *c)
{
    return (uint32_t)cursor_strz(c).n;
}

static void stands_at_the_end_after_a_failure(void)
{
    static const struct {
        uint32_t (*read)(struct cursor *);
        struct str in;
    } row[] = {
        { u8, { 0 } },
        { u8, STR_INIT("") },
        { u16, STR_INIT("a") },
        { cursor_u32be, STR_INIT("abc") },
        { take3, STR_INIT("ab") },
        { take_all, STR_INIT("ab") },
        { strz, STR_INIT("ab") },
        { strz, { 0 } },
        { cursor_uintvar, STR_INIT("\x81") },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct cursor c = cursor_of(row[i].in);
        CU_ASSERT_EQUAL(row[i].read(&c), 0);
        CU_ASSERT(c.failed);
        CU_ASSERT(cursor_done(&c));
        CU_ASSERT_EQUAL(cursor_u8(&c), 0);
        CU_ASSERT_PTR_NULL(cursor_take(&c, 0).p);
    }
}

static void uintvar_as_wbxml_says(void)
{
    static const struct {
        struct str in;
        bool ok;
        uint32_t want;
    } row[] = {
        /* WBXML 1.3, section 5.1 */
        { STR_INIT("\x00"), true, 0 },
        { STR_INIT("\x7f"), true, 127 },
        { STR_INIT("\x81\x20"), true, 0xa0 },
        { STR_INIT("\x80\x01"), true, 1 },
        { STR_INIT("\x8f\xff\xff\xff\x7f"), true, UINT32_MAX },
        { STR_INIT("\x80\x80\x80\x80\x01"), true, 1 },
        { STR_INIT("\x90\x80\x80\x80\x00"), false, 0 },     /* 33 bits */
        { STR_INIT("\x80\x80\x80\x80\x80\x01"), false, 0 }, /* six octets */
        { STR_INIT("\xff\xff\xff\xff\xff"), false, 0 },
        { STR_INIT("\x80"), false, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct cursor c = cursor_of(row[i].in);
        CU_ASSERT_EQUAL(cursor_uintvar(&c), row[i].want);
        CU_ASSERT_EQUAL(c.failed, !row[i].ok);
        CU_ASSERT(cursor_done(&c));
    }
}

TEST_MAIN("base.cursor", TEST(reads_in_order), TEST(stands_at_the_end_after_a_failure), TEST(uintvar_as_wbxml_says))
