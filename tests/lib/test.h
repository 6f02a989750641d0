/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H
/* One file, one suite: write static functions, list them at the end with TEST_MAIN. */
#include <CUnit/Basic.h>

#define TEST(fn)                                                                                                       \
    {                                                                                                                  \
#fn, fn                                                                                                        \
    }
/* A test that proves rows of the conformance checklist: their ids are part of its name
 * (tests/conformance/rows.yaml). */
#define TEST_OF(ids, fn)                                                                                               \
    {                                                                                                                  \
        ids " " #fn, fn                                                                                                \
    }
#define TEST_MAIN(suite, ...)                                                                                          \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        static CU_TestInfo tests[] = { __VA_ARGS__, CU_TEST_INFO_NULL };                                               \
        CU_SuiteInfo suites[] = { { suite, NULL, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };                      \
        if (CU_initialize_registry() || CU_register_suites(suites)) return 99;                                         \
        CU_basic_set_mode(CU_BRM_VERBOSE);                                                                             \
        CU_basic_run_tests();                                                                                          \
        unsigned failed = CU_get_number_of_failures();                                                                 \
        CU_cleanup_registry();                                                                                         \
        return failed != 0;                                                                                            \
    }
#endif
