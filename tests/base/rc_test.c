/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rc.h"
#include "tests/lib/test.h"
#include <string.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static void every_outcome_has_words(void)
{
    for (int rc = 0; rc < RC_COUNT; rc++) CU_ASSERT(strlen(rc_text((enum rc)rc)) > 0);
    CU_ASSERT_STRING_EQUAL(rc_text(RC_DENIED), "not allowed");
    CU_ASSERT_STRING_EQUAL(rc_text(RC_COUNT), "unknown error");
}

static void the_first_place_wins(void)
{
    struct err e = { 0 };
    CU_ASSERT_EQUAL(err_set(&e, RC_PARSE, "first %d", 1), RC_PARSE);
    CU_ASSERT_EQUAL(err_at(&e, RC_IO, "file", 2, 3, "second"), RC_IO);
    CU_ASSERT_EQUAL(e.rc, RC_PARSE);
    CU_ASSERT_EQUAL(e.line, 0);
    CU_ASSERT_STRING_EQUAL(e.text, "first 1");
    err_clear(&e);
    CU_ASSERT_EQUAL(err_at(&e, RC_IO, "file", 2, 3, "second"), RC_IO);
    CU_ASSERT_STRING_EQUAL(e.where, "file");
    CU_ASSERT_EQUAL(e.column, 3);
}

static void nobody_needs_to_listen(void)
{
    err_clear(NULL);
    CU_ASSERT_EQUAL(err_set(NULL, RC_BUSY, "x"), RC_BUSY);
    CU_ASSERT_EQUAL(err_at(NULL, RC_BUSY, NULL, 0, 0, "x"), RC_BUSY);
}

static void shows_the_parts_it_has(void)
{
    static const struct {
        struct err e;
        const char *want;
    } row[] = {
        { { RC_PARSE, 2, 7, "a.yaml", "bad" }, "a.yaml:2:7: bad" },
        { { RC_PARSE, 2, 0, "a.yaml", "bad" }, "a.yaml:2: bad" },
        { { RC_PARSE, 0, 0, "a.yaml", "bad" }, "a.yaml: bad" },
        { { RC_PARSE, 2, 7, "", "bad" }, "2:7: bad" },
        { { RC_PARSE, 0, 0, "", "bad" }, "bad" },
        { { RC_PARSE, 0, 0, "", "" }, "malformed" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        char out[64];
        CU_ASSERT_STRING_EQUAL(err_format(&row[i].e, out, sizeof out), row[i].want);
    }
    char little[5];
    CU_ASSERT_STRING_EQUAL(err_format(&row[0].e, little, sizeof little), "a.ya");
}

static void a_long_explanation_is_cut(void)
{
    struct err e = { 0 };
    char text[2 * ERR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_at(&e, RC_PARSE, text, 0, 0, "%s", text);
    CU_ASSERT_EQUAL(strlen(e.text), sizeof e.text - 1);
    CU_ASSERT_EQUAL(strlen(e.where), sizeof e.where - 1);
}

TEST_MAIN("base.rc", TEST(every_outcome_has_words), TEST(the_first_place_wins), TEST(nobody_needs_to_listen),
          TEST(shows_the_parts_it_has), TEST(a_long_explanation_is_cut))
