/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/status.h"
#include "tests/lib/test.h"
#include <string.h>

static void has_words_for_every_code(void)
{
    static const struct {
        int code;
        const char *text;
    } row[] = {
        { 101, "In progress" },
        { 200, "OK" },
        { 212, "Authentication accepted" },
        { 304, "Not modified" },
        { 405, "Command not allowed" },
        { 425, "Permission denied" },
        { 517, "Atomic response too large" },
        { 299, "Success" },
        { 499, "Refused" },
        { 599, "Failed" },
        { 1250, "Success of the managed object" },
        { 1450, "Result of the managed object" },
        { 0, "Unknown status" },
        { -5, "Unknown status" },
        { 99999, "Unknown status" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        CU_ASSERT_STRING_EQUAL(sml_status_text(row[i].code), row[i].text);
    for (int code = -10; code < 20000; code++) CU_ASSERT_PTR_NOT_NULL_FATAL(sml_status_text(code));
}

static void knows_success_and_what_may_be_tried_again(void)
{
    static const struct {
        int code;
        bool ok, retry;
    } row[] = {
        { 101, false, false },  { 200, true, false },  { 201, true, false },   { 202, true, false },
        { 206, true, false },   { 211, true, false },  { 212, true, false },   { 213, false, false },
        { 214, false, false },  { 215, false, false }, { 216, false, false },  { 250, true, false },
        { 304, false, false },  { 404, false, false }, { 408, false, true },   { 417, false, true },
        { 418, false, false },  { 420, false, true },  { 425, false, false },  { 500, false, true },
        { 503, false, true },   { 506, false, true },  { 510, false, true },   { 511, false, false },
        { 1200, true, false },  { 1299, true, false }, { 1300, false, false }, { 0, false, false },
        { -200, false, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(sml_status_ok(row[i].code), row[i].ok);
        CU_ASSERT_EQUAL(sml_status_retry(row[i].code), row[i].retry);
    }
}

static void turns_every_outcome_of_ours_into_a_status(void)
{
    static const struct {
        enum rc rc;
        int code;
    } row[] = {
        { RC_OK, 200 },     { RC_PARSE, 400 },  { RC_NOT_FOUND, 404 }, { RC_LIMIT, 414 },
        { RC_DENIED, 425 }, { RC_EXISTS, 418 }, { RC_NOMEM, 420 },     { RC_INTERNAL, 500 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) CU_ASSERT_EQUAL(sml_status_of_rc(row[i].rc), row[i].code);
    for (int rc = 0; rc < RC_COUNT; rc++) CU_ASSERT_TRUE(sml_status_of_rc((enum rc)rc) >= 200);
    CU_ASSERT_EQUAL(sml_status_of_rc((enum rc)1000), 500);
}

TEST_MAIN("syncml.status", TEST(has_words_for_every_code), TEST_OF("S-204", knows_success_and_what_may_be_tried_again),
          TEST(turns_every_outcome_of_ours_into_a_status))
