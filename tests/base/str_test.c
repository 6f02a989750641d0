/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "tests/lib/test.h"

#define ROWS(row) (sizeof row / sizeof row[0])

static const struct str none = { 0 };

static void compares_bytes(void)
{
    static const struct {
        struct str a, b;
        int order;
        bool folded;
    } row[] = {
        { { 0 }, { 0 }, 0, true },
        { { 0 }, STR_INIT(""), 0, true },
        { { 0 }, STR_INIT("a"), -1, false },
        { STR_INIT("a"), STR_INIT("a"), 0, true },
        { STR_INIT("a"), STR_INIT("A"), 1, true },
        { STR_INIT("Text/XML"), STR_INIT("text/xml"), -1, true },
        { STR_INIT("ab"), STR_INIT("abc"), -1, false },
        { STR_INIT("a\0b"), STR_INIT("a\0c"), -1, false },
        { STR_INIT("\xff"), STR_INIT("a"), 1, false },
        { STR_INIT("@"), STR_INIT("`"), -1, false }, /* next to the letters, but none */
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        int d = str_cmp(row[i].a, row[i].b);
        CU_ASSERT_EQUAL((d > 0) - (d < 0), row[i].order);
        d = str_cmp(row[i].b, row[i].a);
        CU_ASSERT_EQUAL((d < 0) - (d > 0), row[i].order);
        CU_ASSERT_EQUAL(str_eq(row[i].a, row[i].b), row[i].order == 0);
        CU_ASSERT_EQUAL(str_eq_fold(row[i].a, row[i].b), row[i].folded);
        if (row[i].order == 0) CU_ASSERT_EQUAL(str_hash(row[i].a), str_hash(row[i].b));
    }
    CU_ASSERT_EQUAL(str_hash(STR("a")), 0xaf63dc4c8601ec8cu); /* published FNV-1a value */
    CU_ASSERT(str_is(none, ""));
    CU_ASSERT(str_is(STR("a"), "a"));
    CU_ASSERT_FALSE(str_is(STR("a\0"), "a"));
    CU_ASSERT_EQUAL(str_of(NULL).n, 0);
}

static void looks_at_both_ends(void)
{
    CU_ASSERT(str_starts(STR("./Dev"), STR("./")));
    CU_ASSERT_FALSE(str_starts(STR("."), STR("./")));
    CU_ASSERT(str_starts(none, none));
    CU_ASSERT(str_ends(STR("a.yaml"), STR(".yaml")));
    CU_ASSERT_FALSE(str_ends(STR("yaml"), STR(".yaml")));
    CU_ASSERT(str_ends(none, none));
}

static void trims_blanks(void)
{
    static const struct {
        struct str in;
        const char *want;
    } row[] = {
        { { 0 }, "" },          { STR_INIT(" \t\r\n"), "" }, { STR_INIT(" a b\r\n"), "a b" },
        { STR_INIT("a"), "a" }, { STR_INIT("\va"), "\va" },
    };
    for (size_t i = 0; i < ROWS(row); i++) CU_ASSERT(str_is(str_trim(row[i].in), row[i].want));
}

static void slices_stay_inside(void)
{
    static const struct {
        size_t from, to;
        const char *want;
    } row[] = {
        { 0, 3, "abc" }, { 1, 2, "b" }, { 2, 1, "" }, { 1, 99, "bc" }, { 99, 100, "" }, { 3, 3, "" },
    };
    for (size_t i = 0; i < ROWS(row); i++)
        CU_ASSERT(str_is(str_slice(STR("abc"), row[i].from, row[i].to), row[i].want));
    CU_ASSERT(str_is(str_slice(none, 1, 2), ""));
    CU_ASSERT_EQUAL(str_find(STR("a/b/c"), '/', 0), 1);
    CU_ASSERT_EQUAL(str_find(STR("a/b/c"), '/', 2), 3);
    CU_ASSERT_EQUAL(str_find(STR("a/b/c"), '/', 4), 5);
    CU_ASSERT_EQUAL(str_find(STR("a"), 'a', 9), 1);
    CU_ASSERT_EQUAL(str_find(none, 'a', 0), 0);
}

static void cuts_at_each_separator(void)
{
    static const struct {
        const char *text;
        size_t n;
        const char *part[4];
    } row[] = {
        { "", 0, { NULL } },
        { "a", 1, { "a" } },
        { "a/b", 2, { "a", "b" } },
        { "/a", 2, { "", "a" } },
        { "a//b", 3, { "a", "", "b" } },
        { "a/", 1, { "a" } }, /* nothing is left behind the last one */
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct str rest = str_of(row[i].text), part;
        size_t n = 0;
        for (; str_cut(&rest, '/', &part); n++)
            if (n < row[i].n) CU_ASSERT(str_is(part, row[i].part[n]));
        CU_ASSERT_EQUAL(n, row[i].n);
    }
}

static void reads_whole_decimal_numbers(void)
{
    static const struct {
        const char *text;
        bool is_i64;
        int64_t i64;
        bool is_u64;
        uint64_t u64;
    } row[] = {
        { "0", true, 0, true, 0 },
        { "007", true, 7, true, 7 },
        { "+5", true, 5, true, 5 },
        { "-5", true, -5, false, 0 },
        { "-0", true, 0, false, 0 },
        { "9223372036854775807", true, INT64_MAX, true, INT64_MAX },
        { "9223372036854775808", false, 0, true, 9223372036854775808u },
        { "-9223372036854775808", true, INT64_MIN, false, 0 },
        { "-9223372036854775809", false, 0, false, 0 },
        { "18446744073709551615", false, 0, true, UINT64_MAX },
        { "18446744073709551616", false, 0, false, 0 },
        { "99999999999999999999999", false, 0, false, 0 },
        { "", false, 0, false, 0 },
        { "-", false, 0, false, 0 },
        { "+", false, 0, false, 0 },
        { "-+1", false, 0, false, 0 },
        { "--1", false, 0, false, 0 },
        { " 1", false, 0, false, 0 },
        { "1 ", false, 0, false, 0 },
        { "1.0", false, 0, false, 0 },
        { "0x1", false, 0, false, 0 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        int64_t s = 0;
        uint64_t u = 0;
        CU_ASSERT_EQUAL(str_to_i64(str_of(row[i].text), &s), row[i].is_i64);
        CU_ASSERT_EQUAL(str_to_u64(str_of(row[i].text), &u), row[i].is_u64);
        CU_ASSERT_EQUAL(s, row[i].i64);
        CU_ASSERT_EQUAL(u, row[i].u64);
    }
    int64_t untouched = 42;
    CU_ASSERT_FALSE(str_to_i64(none, &untouched));
    CU_ASSERT_EQUAL(untouched, 42);
}

static void knows_utf8_as_rfc_3629_says(void)
{
    static const struct {
        struct str in;
        bool ok;
        size_t first;
    } row[] = {
        { { 0 }, true, 0 },
        { STR_INIT("a"), true, 1 },
        { STR_INIT("\x7f"), true, 1 },
        { STR_INIT("\0"), false, 1 }, /* a character, but none that a text may hold */
        { STR_INIT("\xc3\xa9"), true, 2 },
        { STR_INIT("\xe2\x82\xac"), true, 3 },
        { STR_INIT("\xf0\x9f\x98\x80"), true, 4 },
        { STR_INIT("\xf4\x8f\xbf\xbf"), true, 4 },
        { STR_INIT("\xf4\x90\x80\x80"), false, 0 }, /* past U+10FFFF */
        { STR_INIT("\xc0\x80"), false, 0 },         /* longer than needed */
        { STR_INIT("\xc1\xbf"), false, 0 },
        { STR_INIT("\xe0\x9f\xbf"), false, 0 },
        { STR_INIT("\xf0\x8f\xbf\xbf"), false, 0 },
        { STR_INIT("\xed\x9f\xbf"), true, 3 },
        { STR_INIT("\xed\xa0\x80"), false, 0 }, /* surrogate */
        { STR_INIT("\xee\x80\x80"), true, 3 },
        { STR_INIT("\x80"), false, 0 },
        { STR_INIT("\xff"), false, 0 },
        { STR_INIT("\xe2\x82"), false, 0 }, /* cut short */
        { STR_INIT("\xe2\x82"
                   "a"),
          false, 0 },
        { STR_INIT("\xf0\x9f\x98\x20"), false, 0 },
        { STR_INIT("ab\xff"), false, 1 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        CU_ASSERT_EQUAL(str_is_utf8(row[i].in), row[i].ok);
        CU_ASSERT_EQUAL(str_utf8(row[i].in), row[i].first);
    }
}

/* Texts are looked at eight octets at a time: an odd one must show wherever it stands. */
static void finds_the_one_octet_that_is_no_utf8_anywhere(void)
{
    static const struct {
        unsigned char octet;
        bool ok;
    } row[] = {
        { 0x00, false }, { 0x01, true },  { 0x7f, true },  { 0x80, false },
        { 0x81, false }, { 0xc3, false }, { 0xff, false },
    };
    char text[48];
    for (size_t n = 1; n <= sizeof text; n++)
        for (size_t at = 0; at < n; at++)
            for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
                memset(text, 'a', sizeof text);
                text[at] = (char)row[i].octet;
                CU_ASSERT_EQUAL(str_is_utf8((struct str){ text, n }), row[i].ok);
                CU_ASSERT_EQUAL(str_is_ascii((struct str){ text, n }), row[i].ok);
                CU_ASSERT_EQUAL(str_ascii_run((struct str){ text, n }), row[i].ok ? n : at);
                if (at + 1 < n) {
                    memcpy(text + at, "\xC3\xA4", 2);
                    CU_ASSERT_TRUE(str_is_utf8((struct str){ text, n }));
                }
            }
}

TEST_MAIN("base.str", TEST(compares_bytes), TEST(looks_at_both_ends), TEST(trims_blanks), TEST(slices_stay_inside),
          TEST(cuts_at_each_separator), TEST(reads_whole_decimal_numbers), TEST(knows_utf8_as_rfc_3629_says),
          TEST(finds_the_one_octet_that_is_no_utf8_anywhere))
