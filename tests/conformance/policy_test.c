/* SPDX-License-Identifier: Apache-2.0 */
/* Traps that policy deals with. */
#include "policy/plan/plan.h"
#include "tests/lib/test.h"

static void trap_19_406_for_a_tree_document_is_415(void)
{
    struct pol_step add = { .verb = DM_ADD };
    CU_ASSERT_EQUAL(pol_step_outcome(NULL, &add, 406), POL_STEP_FAILED);
    CU_ASSERT_EQUAL(pol_step_outcome(NULL, &add, 415), POL_STEP_FAILED);
    struct pol_failure a = pol_failure_after(NULL, STR("set ./A"), 406, 1000),
                       b = pol_failure_after(NULL, STR("set ./A"), 415, 1000);
    CU_ASSERT(a.tries == POL_MAX_TRIES && b.tries == a.tries &&
              a.retry_ms == b.retry_ms); /* the same will not be tried again */
}

static void trap_20_add_first_then_replace(void)
{
    struct pol_step add = { .verb = DM_ADD }, replace = { .verb = DM_REPLACE };
    CU_ASSERT_EQUAL(pol_step_outcome(NULL, &add, 418), POL_STEP_THERE);    /* so it is replaced next */
    CU_ASSERT_EQUAL(pol_step_outcome(NULL, &replace, 404), POL_STEP_GONE); /* so it is added next */
    CU_ASSERT_EQUAL(pol_step_outcome(NULL, &replace, 200), POL_STEP_DONE); /* whichever way it took it */
}

TEST_MAIN("conformance.policy", TEST(trap_19_406_for_a_tree_document_is_415), TEST(trap_20_add_first_then_replace))
