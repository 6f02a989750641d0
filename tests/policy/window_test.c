/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "policy/document/window.h"
#include "tests/lib/test.h"
#include <string.h>

static int64_t at(const char *iso)
{
    int64_t ms = 0;
    CU_ASSERT(text_time_parse(str_of(iso), &ms));
    return ms;
}

static void opens_when_it_says(void)
{
    static const struct {
        const char *window;
        int device_min;
        const char *now, *opens, *closes;
    } row[] = {
        /* 2031-01-31 is a Friday */
        { "Sun 01:00-05:00 device", 0, "2031-01-31T12:00:00Z", "2031-02-02T01:00:00Z", "2031-02-02T05:00:00Z" },
        { "Sun 01:00-05:00", 120, "2031-01-31T12:00:00Z", "2031-02-01T23:00:00Z", "2031-02-02T03:00:00Z" },
        { "Sun 01:00-05:00 UTC", 120, "2031-02-02T04:59:59Z", "2031-02-02T01:00:00Z", "2031-02-02T05:00:00Z" },
        { "Sun 01:00-05:00 UTC", 0, "2031-02-02T05:00:00Z", "2031-02-09T01:00:00Z", "2031-02-09T05:00:00Z" },
        { "Mon-Fri 22:00-06:00 UTC", 0, "2031-02-01T03:00:00Z", "2031-01-31T22:00:00Z", "2031-02-01T06:00:00Z" },
        { "Mon-Fri 22:00-06:00 UTC", 0, "2031-02-01T06:00:00Z", "2031-02-03T22:00:00Z", "2031-02-04T06:00:00Z" },
        { "Fri-Mon 10:00-11:00 UTC", 0, "2031-02-03T12:00:00Z", "2031-02-07T10:00:00Z", "2031-02-07T11:00:00Z" },
        { "sat,SUN 20:00-24:00 +05:30", 0, "2031-01-31T12:00:00Z", "2031-02-01T14:30:00Z", "2031-02-01T18:30:00Z" },
        { "daily 00:00-24:00 UTC", 0, "2031-01-31T12:00:00Z", "2031-01-31T00:00:00Z", "2031-02-01T00:00:00Z" },
        { "daily 02:00-04:00 -08:00", 0, "2031-01-31T12:00:00Z", "2031-02-01T10:00:00Z", "2031-02-01T12:00:00Z" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pol_window w;
        int64_t opens = 0, closes = 0;
        CU_ASSERT_EQUAL_FATAL(pol_window_parse(str_of(row[i].window), &w, NULL), RC_OK);
        pol_window_next(&w, at(row[i].now), row[i].device_min, &opens, &closes);
        CU_ASSERT_EQUAL(opens, at(row[i].opens));
        CU_ASSERT_EQUAL(closes, at(row[i].closes));
    }
}

static void refuses_what_is_no_window(void)
{
    static const char *const row[] = { "",
                                       "Sun",
                                       "01:00-05:00",
                                       "Sun 1:00-05:00",
                                       "Sun 01:00",
                                       "Sun 01:00-01:00",
                                       "Son 01:00-02:00",
                                       "Sun 01:60-02:00",
                                       "Sun 24:00-02:00",
                                       "Sun 01:00-25:00",
                                       "Sun 01:00-02:00 CET",
                                       "Sun 01:00-02:00 +15:00",
                                       "Sun, 01:00-02:00 UTC x",
                                       "Mon- 01:00-02:00",
                                       "Sun -1:00-02:00",
                                       "Sun 0+:00-02:00" };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pol_window w;
        struct err e = { 0 };
        CU_ASSERT_EQUAL(pol_window_parse(str_of(row[i]), &w, &e), RC_INVALID);
        CU_ASSERT(strlen(e.text) > 10);
    }
}

TEST_MAIN("policy.window", TEST(opens_when_it_says), TEST(refuses_what_is_no_window))
