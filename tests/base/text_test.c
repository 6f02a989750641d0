/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "tests/lib/test.h"
#include <string.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static void base64_as_rfc_4648_says(void)
{
    static const struct {
        struct str bytes;
        const char *text;
    } row[] = {
        { { 0 }, "" },
        { STR_INIT("f"), "Zg==" },
        { STR_INIT("fo"), "Zm8=" },
        { STR_INIT("foo"), "Zm9v" },
        { STR_INIT("foob"), "Zm9vYg==" },
        { STR_INIT("fooba"), "Zm9vYmE=" },
        { STR_INIT("foobar"), "Zm9vYmFy" },
        { STR_INIT("\0\xff\xfe\xfb\xef"), "AP/+++8=" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        char text[16];
        struct arena a;
        struct str back;
        struct buf b;
        arena_init(&a, 256);
        buf_init(&b, 0);
        text_b64(row[i].bytes.p, row[i].bytes.n, text);
        CU_ASSERT_STRING_EQUAL(text, row[i].text);
        CU_ASSERT_EQUAL(strlen(text), text_b64_len(row[i].bytes.n));
        text_b64_put(&b, row[i].bytes);
        CU_ASSERT_STRING_EQUAL(buf_z(&b), row[i].text);
        CU_ASSERT_EQUAL(text_b64_decode(str_of(row[i].text), &a, &back), RC_OK);
        CU_ASSERT(str_eq(back, row[i].bytes));
        buf_finish(&b);
        arena_finish(&a);
    }
}

static void base64_every_byte_comes_back(void)
{
    uint8_t all[256];
    char text[400];
    struct arena a;
    struct str back;
    for (unsigned i = 0; i < 256; i++) all[i] = (uint8_t)i;
    arena_init(&a, 1 << 20);
    for (size_t n = 0; n <= 256; n++) {
        text_b64(all, n, text);
        CU_ASSERT_EQUAL(text_b64_decode(str_of(text), &a, &back), RC_OK);
        CU_ASSERT(str_eq(back, (struct str){ (const char *)all, n }));
    }
    arena_finish(&a);
}

static void base64_from_devices(void)
{
    static const struct {
        const char *text;
        enum rc want;
        const char *bytes;
    } row[] = {
        { "Zm9v\r\nYmFy\r\n", RC_OK, "foobar" },
        { " Z m 8 = ", RC_OK, "fo" },
        { "Zm8", RC_OK, "fo" }, /* without padding */
        { "Zg", RC_OK, "f" },
        { "Zg=", RC_OK, "f" },
        { "Z", RC_PARSE, NULL },
        { "Zm9vY", RC_PARSE, NULL },
        { "Zg===", RC_PARSE, NULL },
        { "Zm9v=", RC_PARSE, NULL },
        { "=", RC_PARSE, NULL },
        { "Zg==Zg==", RC_PARSE, NULL },
        { "Zm9-", RC_PARSE, NULL }, /* the other alphabet */
        { "Zm9\xff", RC_PARSE, NULL },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct str back = { 0 };
        arena_init(&a, 256);
        CU_ASSERT_EQUAL(text_b64_decode(str_of(row[i].text), &a, &back), row[i].want);
        CU_ASSERT(str_is(back, row[i].bytes ? row[i].bytes : ""));
        arena_finish(&a);
        arena_init(&a, 0);
        CU_ASSERT_EQUAL(text_b64_decode(str_of(row[i].text), &a, &back), RC_NOMEM);
        arena_finish(&a);
    }
}

static void hex_both_ways(void)
{
    char text[9];
    uint8_t out[4] = { 0 };
    text_hex("\x00\x9a\xff\x10", 4, text);
    CU_ASSERT_STRING_EQUAL(text, "009aff10");
    CU_ASSERT(text_hex_decode(STR("009AfF10"), out, 4));
    CU_ASSERT(memcmp(out, "\x00\x9a\xff\x10", 4) == 0);
    CU_ASSERT(text_hex_decode((struct str){ 0 }, out, 0));
    static const char *const bad[] = { "", "009aff1", "009aff1000", "009aff1g", " 09aff10", "0x9aff10" };
    for (size_t i = 0; i < ROWS(bad); i++) CU_ASSERT_FALSE(text_hex_decode(str_of(bad[i]), out, 4));
}

static void times_have_two_forms(void)
{
    static const struct {
        int64_t ms;
        const char *basic, *iso;
    } row[] = {
        { 0, "19700101T000000Z", "1970-01-01T00:00:00.000Z" },
        { -1, "19691231T235959Z", "1969-12-31T23:59:59.999Z" },
        { 951782400000, "20000229T000000Z", "2000-02-29T00:00:00.000Z" },
        { 1709164799999, "20240228T235959Z", "2024-02-28T23:59:59.999Z" },
        { 1709251199000, "20240229T235959Z", "2024-02-29T23:59:59.000Z" },
        { 1709251200000, "20240301T000000Z", "2024-03-01T00:00:00.000Z" },
        { 1927540800000, "20310130T120000Z", "2031-01-30T12:00:00.000Z" },
        { 4107542400000, "21000301T000000Z", "2100-03-01T00:00:00.000Z" }, /* 2100 is no leap year */
        { -2203891200000, "19000301T000000Z", "1900-03-01T00:00:00.000Z" },
        { -62167219200000, "00000101T000000Z", "0000-01-01T00:00:00.000Z" },
        { 253402300799999, "99991231T235959Z", "9999-12-31T23:59:59.999Z" },
        { INT64_MAX, "99991231T235959Z", "9999-12-31T23:59:59.999Z" },
        { INT64_MIN, "00000101T000000Z", "0000-01-01T00:00:00.000Z" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        char basic[17], iso[25];
        int64_t ms = 0;
        text_time_basic(row[i].ms, basic);
        text_time_iso(row[i].ms, iso);
        CU_ASSERT_STRING_EQUAL(basic, row[i].basic);
        CU_ASSERT_STRING_EQUAL(iso, row[i].iso);
        CU_ASSERT(text_time_parse(str_of(iso), &ms));
        if (row[i].ms != INT64_MAX && row[i].ms != INT64_MIN) CU_ASSERT_EQUAL(ms, row[i].ms);
    }
    for (int64_t day = -800000; day < 3000000; day += 97) { /* years -220 to 10183, cut at the ends */
        char iso[25];
        int64_t ms = 0, want = day * 86400000 + 3723004;
        text_time_iso(want, iso);
        CU_ASSERT(text_time_parse(str_of(iso), &ms));
        if (want >= -62167219200000 && want <= 253402300799999) CU_ASSERT_EQUAL(ms, want);
    }
}

static void times_are_read_strictly(void)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } row[] = {
        { "20310131T120000Z", true, 1927627200000 },
        { "2031-01-31T12:00:00Z", true, 1927627200000 },
        { "2031-01-31T12:00:00.5Z", true, 1927627200500 },
        { "2031-01-31T12:00:00.123456789Z", true, 1927627200123 },
        { "2031-01-31T12:00:00.000000000000000000000001Z", true, 1927627200000 },
        { "2031-01-31T14:30:00+02:30", true, 1927627200000 },
        { "2031-01-31T11:00:00-01:00", true, 1927627200000 },
        { "20310131T130000+0100", true, 1927627200000 },
        { "2016-12-31T23:59:60Z", true, 1483228800000 }, /* leap second */
        { "2024-02-29T00:00:00Z", true, 1709164800000 },
        { "2023-02-29T00:00:00Z", false, 0 },
        { "2100-02-29T00:00:00Z", false, 0 },
        { "2031-00-31T12:00:00Z", false, 0 },
        { "2031-13-31T12:00:00Z", false, 0 },
        { "2031-04-31T12:00:00Z", false, 0 },
        { "2031-01-00T12:00:00Z", false, 0 },
        { "2031-01-31T24:00:00Z", false, 0 },
        { "2031-01-31T12:60:00Z", false, 0 },
        { "2031-01-31T12:00:61Z", false, 0 },
        { "2031-01-31T12:00:00", false, 0 }, /* where? */
        { "2031-01-31T12:00:00.Z", false, 0 },
        { "2031-01-31T12:00:00+24:00", false, 0 },
        { "2031-01-31T12:00:00+1", false, 0 },
        { "2031-01-31T12:00:00Zx", false, 0 },
        { "2031-01-31 12:00:00Z", false, 0 },
        { "2031-0131T12:00:00Z", false, 0 },
        { "203101-31T12:00:00Z", false, 0 },
        { "2031-01-31T1200:00Z", false, 0 },
        { "20310131T12:0000Z", false, 0 },
        { "2031-1-31T12:00:00Z", false, 0 },
        { " 20310131T120000Z", false, 0 },
        { "2031", false, 0 },
        { "", false, 0 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        int64_t ms = 0;
        CU_ASSERT_EQUAL(text_time_parse(str_of(row[i].text), &ms), row[i].ok);
        CU_ASSERT_EQUAL(ms, row[i].ms);
    }
}

static void durations(void)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } row[] = {
        { "90s", true, 90000 },
        { "10m", true, 600000 },
        { "24h", true, 86400000 },
        { "7d", true, 604800000 },
        { "250ms", true, 250 },
        { "15", true, 15000 },
        { "0", true, 0 },
        { "9223372036854775807ms", true, INT64_MAX },
        { "9223372036854775808ms", false, 0 },
        { "9223372036854776", false, 0 },
        { "106751991168d", false, 0 },
        { "", false, 0 },
        { "s", false, 0 },
        { "-5s", false, 0 },
        { "+5s", false, 0 },
        { "1.5h", false, 0 },
        { "5 s", false, 0 },
        { "5S", false, 0 },
        { "1h30m", false, 0 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        int64_t ms = 0;
        CU_ASSERT_EQUAL(text_duration_parse(str_of(row[i].text), &ms), row[i].ok);
        CU_ASSERT_EQUAL(ms, row[i].ms);
    }
    static const struct {
        int64_t ms;
        const char *text;
    } shown[] = {
        { 0, "0s" },
        { 1, "1ms" },
        { 999, "999ms" },
        { 1000, "1s" },
        { 1500, "1s 500ms" },
        { 90000, "1m 30s" },
        { 3600000, "1h" },
        { 3659000, "1h" },
        { 183600000, "2d 3h" },
        { -90000, "-1m 30s" },
        { INT64_MIN, "-106751991167d 7h" },
    };
    for (size_t i = 0; i < ROWS(shown); i++) {
        char out[32];
        text_duration(shown[i].ms, out);
        CU_ASSERT_STRING_EQUAL(out, shown[i].text);
    }
}

static void sizes(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t bytes;
    } row[] = {
        { "512Mi", true, 512u << 20 },
        { "4Gi", true, (uint64_t)4 << 30 },
        { "64Ki", true, 65536 },
        { "1Ti", true, (uint64_t)1 << 40 },
        { "1000", true, 1000 },
        { "1M", true, 1000000 },
        { "2K", true, 2000 },
        { "3G", true, 3000000000 },
        { "0", true, 0 },
        { "18446744073709551615", true, UINT64_MAX },
        { "17179869184Gi", false, 0 },
        { "", false, 0 },
        { "Mi", false, 0 },
        { "1mi", false, 0 },
        { "1MiB", false, 0 },
        { "-1", false, 0 },
        { "1 Gi", false, 0 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        uint64_t bytes = 0;
        CU_ASSERT_EQUAL(text_size_parse(str_of(row[i].text), &bytes), row[i].ok);
        CU_ASSERT_EQUAL(bytes, row[i].bytes);
    }
}

static void url_escapes(void)
{
    static const struct {
        struct str plain;
        const char *escaped;
    } row[] = {
        { { 0 }, "" },
        { STR_INIT("AZaz09-._~"), "AZaz09-._~" },
        { STR_INIT("a b/c?d=e&f+%"), "a%20b%2Fc%3Fd%3De%26f%2B%25" },
        { STR_INIT("\0\xc3\xa9"), "%00%C3%A9" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct buf b;
        struct str back;
        arena_init(&a, 256);
        buf_init(&b, 0);
        text_url_put(&b, row[i].plain);
        CU_ASSERT_STRING_EQUAL(buf_z(&b), row[i].escaped);
        CU_ASSERT_EQUAL(text_url_decode(buf_str(&b), &a, &back), RC_OK);
        CU_ASSERT(str_eq(back, row[i].plain));
        buf_finish(&b);
        arena_finish(&a);
    }
    static const struct {
        const char *text;
        enum rc want;
        const char *plain;
    } given[] = {
        { "a+b", RC_OK, "a+b" }, { "%2f%2F", RC_OK, "//" }, { "%", RC_PARSE, "" },
        { "%2", RC_PARSE, "" },  { "%g0", RC_PARSE, "" },   { "a%%20", RC_PARSE, "" },
    };
    for (size_t i = 0; i < ROWS(given); i++) {
        struct arena a;
        struct str back = { 0 };
        arena_init(&a, 64);
        CU_ASSERT_EQUAL(text_url_decode(str_of(given[i].text), &a, &back), given[i].want);
        CU_ASSERT(str_is(back, given[i].plain));
        arena_finish(&a);
        arena_init(&a, 0);
        CU_ASSERT_EQUAL(text_url_decode(str_of(given[i].text), &a, &back), RC_NOMEM);
        arena_finish(&a);
    }
}

static void secrets_are_compared_whole(void)
{
    CU_ASSERT(text_same_secret(STR("abc"), STR("abc")));
    CU_ASSERT(text_same_secret((struct str){ 0 }, STR("")));
    CU_ASSERT_FALSE(text_same_secret(STR("abc"), STR("abd")));
    CU_ASSERT_FALSE(text_same_secret(STR("xbc"), STR("abc")));
    CU_ASSERT_FALSE(text_same_secret(STR("abc"), STR("ab")));
    CU_ASSERT_FALSE(text_same_secret((struct str){ 0 }, STR("a")));
}

TEST_MAIN("base.text", TEST(base64_as_rfc_4648_says), TEST(base64_every_byte_comes_back), TEST(base64_from_devices),
          TEST(hex_both_ways), TEST(times_have_two_forms), TEST(times_are_read_strictly), TEST(durations), TEST(sizes),
          TEST(url_escapes), TEST(secrets_are_compared_whole))
