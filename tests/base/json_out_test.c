/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"
#include "base/doc.h"
#include "tests/lib/test.h"
#include <stdio.h>

static void puts_commas_and_quotes_where_they_belong(void)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_begin(&j, &b);
    json_out_object(&j, NULL);
    json_out_i64(&j, "n", INT64_MIN);
    json_out_z(&j, "text", "a \"quoted\"\nline \\");
    json_out_array(&j, "list");
    json_out_i64(&j, NULL, 1);
    json_out_object(&j, NULL);
    json_out_end(&j);
    json_out_array(&j, NULL);
    json_out_end(&j);
    json_out_str(&j, NULL, STR("x"));
    json_out_null(&j, NULL);
    json_out_end(&j);
    json_out_object(&j, "inner");
    json_out_bool(&j, "yes", true);
    json_out_bool(&j, "no", false);
    json_out_end(&j);
    json_out_raw(&j, "raw", STR("[1,2]"));
    json_out_key(&j, STR("odd \"key\""));
    json_out_i64(&j, NULL, 3);
    json_out_key(&j, STR("more"));
    json_out_object(&j, NULL);
    json_out_z(&j, "a", "");
    json_out_end(&j);
    json_out_null(&j, "end");
    json_out_end(&j);
    CU_ASSERT_STRING_EQUAL(
        buf_z(&b),
        "{\"n\":-9223372036854775808,\"text\":\"a \\\"quoted\\\"\\nline \\\\\",\"list\":[1,{},[],\"x\",null],"
        "\"inner\":{\"yes\":true,\"no\":false},\"raw\":[1,2],\"odd \\\"key\\\"\":3,\"more\":{\"a\":\"\"},\"end\":null}");
    buf_finish(&b);
}

static void reads_back(struct str text, struct arena *a)
{
    struct doc *d = NULL;
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_begin(&j, &b);
    json_out_array(&j, NULL);
    json_out_str(&j, NULL, text);
    json_out_end(&j);
    CU_ASSERT(buf_ok(&b));
    CU_ASSERT_EQUAL(doc_parse(buf_str(&b), "json", a, &d, NULL), RC_OK);
    if (!d) printf("not read: %s\n", buf_z(&b));
    if (d && str_is_utf8(text)) CU_ASSERT(str_eq(d->first->text, text));
    buf_finish(&b);
}

/* Octets that are no text, control characters, characters that YAML has no place for: what was written is read as it was. */
static void any_text_is_read_as_it_was(void)
{
    struct arena a;
    arena_init(&a, 4 << 20);
    for (unsigned c = 1; c < 256; c++) {
        const char text[] = { 'a', (char)c, 'z' };
        reads_back((struct str){ text, sizeof text }, &a);
    }
    for (unsigned c = 0x80; c < 0xC0; c++) {
        const char text[] = { (char)0xC2, (char)c, 'z' };
        reads_back((struct str){ text, sizeof text }, &a);
    }
    reads_back(STR("\xEF\xBF\xBE"), &a);             /* U+FFFE */
    reads_back(STR("\xEF\xBB\xBF"), &a);             /* U+FEFF */
    reads_back(STR("\xE2\x80\xA8\xE2\x80\xA9"), &a); /* U+2028, U+2029 */
    reads_back(STR("\xF0\x9F\x98\x80"), &a);
    arena_finish(&a);
}

static void a_full_buffer_is_found_at_the_end(void)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 10);
    json_out_begin(&j, &b);
    json_out_array(&j, NULL);
    for (int i = 0; i < 100; i++) json_out_i64(&j, NULL, i);
    json_out_end(&j);
    CU_ASSERT_FALSE(buf_ok(&b));
    buf_finish(&b);
}

TEST_MAIN("base.json_out", TEST(puts_commas_and_quotes_where_they_belong), TEST(any_text_is_read_as_it_was),
          TEST(a_full_buffer_is_found_at_the_end))
