/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kv.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <string.h>

static void cuts_pairs(void)
{
    static const struct {
        const char *text, *pairs;
        char separator;
    } row[] = {
        { "old=50;new=110;reason=4", "old:50|new:110|reason:4|", ';' },
        { "Get=*&Add=a+b", "Get:*|Add:a+b|", '&' },
        { " a = 1 ; b=2 ", "a:1|b:2|", ';' },
        { "flag;x=", "flag!|x:|", ';' },
        { ";;a=1;;", "a:1|", ';' },
        { "a=b=c", "a:b=c|", ';' },
        { "=v", ":v|", ';' },
        { "", "", ';' },
        { " ; ", "", ';' },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str rest = str_of(row[i].text);
        char all[200] = "";
        struct kv p;
        while (kv_next(&rest, row[i].separator, &p)) {
            const size_t n = strlen(all);
            snprintf(all + n, sizeof all - n, "%.*s%s%.*s|", STR_ARG(p.key), p.has_value ? ":" : "!", STR_ARG(p.value));
        }
        CU_ASSERT_STRING_EQUAL(all, row[i].pairs);
    }
}

static void finds_a_value_by_its_whole_key(void)
{
    const struct str text = STR("wipe=1;wipes=2;n=-7;n=8;flag;bad=x");
    struct str v;
    int64_t n = 0;
    CU_ASSERT(kv_get(text, ';', "wipe", &v) && str_is(v, "1"));
    CU_ASSERT(kv_get(text, ';', "wipes", &v) && str_is(v, "2"));
    CU_ASSERT(kv_get(text, ';', "flag", &v) && v.n == 0);
    CU_ASSERT_FALSE(kv_get(text, ';', "wip", &v));
    CU_ASSERT(kv_get_i64(text, ';', "n", &n) && n == -7);
    CU_ASSERT_FALSE(kv_get_i64(text, ';', "bad", &n));
    CU_ASSERT_FALSE(kv_get_i64(text, ';', "flag", &n));
    CU_ASSERT_FALSE(kv_get_i64((struct str){ 0 }, ';', "n", &n));
}

TEST_MAIN("base.kv", TEST(cuts_pairs), TEST(finds_a_value_by_its_whole_key))
