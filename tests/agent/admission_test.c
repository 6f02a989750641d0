/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/admission.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <string.h>

static void what_has_no_room_is_refused_with_its_code(void)
{
    static const struct {
        int vcpus, max_vcpus;
        int64_t min, now, max, new_kb;
        int want;
        const char *says;
    } row[] = {
        { 1, 1, 0, 1024, 1024, 0, 0, "" },
        { 2, 4, 512, 1024, 2048, 100, 0, "" },
        { 9, 4, 0, 1024, 1024, 0, 1421, "9 virtual CPUs are requested, and at most 4 are allowed" },
        { 9, 9, 0, 1024, 1024, 0, 1421, "the device has 4 cores" },
        { 0, 1, 0, 1024, 1024, 0, 1421, "0 virtual CPUs" },
        { 1, 17, 0, 1024, 1024, 0, 1421, "the hypervisor supports 16" },
        { 1, 1, 2048, 2048, 1024, 0, 1422, "guaranteed 2048 KiB, current 2048, maximum 1024" },
        { 1, 1, 0, 2048, 1024, 0, 1422, "memory settings conflict" },
        { 1, 1, 512, 256, 1024, 0, 1422, "memory settings conflict" },
        { 1, 1, 0, 1024, 536870912, 0, 1422, "the device has 8192" },
        { 1, 1, 0, 1024, 6145, 0, 1422, "of 8192 the other VMs have 2048" },
        { 1, 1, 0, 1024, 6144, 0, 0, "" },
        { 1, 1, 0, 1024, 1024, 100001, 1423, "100001 KiB of storage are requested, and 100000 are free" },
    };
    const struct admission room = {
        .cpus = 4, .max_vcpus = 16, .memory_kb = 8192, .promised_kb = 2048, .store_free_kb = 100000
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct hv_spec s = { .vcpus = row[i].vcpus,
                             .max_vcpus = row[i].max_vcpus,
                             .mem_min_kb = row[i].min,
                             .mem_kb = row[i].now,
                             .mem_max_kb = row[i].max };
        char text[HV_TEXT_BYTES] = "";
        CU_ASSERT_EQUAL(admission_test(&s, &room, row[i].new_kb, text), row[i].want);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, row[i].says));
        const struct admission unknown = { .store_free_kb = -1 };
        CU_ASSERT(row[i].want == 0 || i == 2 || i == 4 || (i >= 6 && i <= 8) ||
                  admission_test(&s, &unknown, row[i].new_kb, text) == 0);
    }
}

static void what_no_scheduler_knows_is_refused(void)
{
    static const struct {
        int vcpus, limit, shares, want;
        const char *says;
    } row[] = {
        { 2, 0, 0, 0, "" },
        { 2, 2, 2, 0, "" },
        { 2, 1, 0, 1421, "a limit of 1 % is too little for 2 virtual CPUs" },
        { 1, 1, 262144, 0, "" },
        { 1, 0, 1, 1421, "a weight of 1: it is 2 to 262144" },
        { 1, 0, 262145, 1421, "a weight of 262145" },
        { 1, 0, -5, 1421, "a weight of -5" },
    };
    const struct admission room = { .store_free_kb = -1 };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct hv_spec s = { .vcpus = row[i].vcpus,
                                   .max_vcpus = row[i].vcpus,
                                   .limit_pct = row[i].limit,
                                   .shares = row[i].shares,
                                   .mem_kb = 1024,
                                   .mem_max_kb = 1024 };
        char text[HV_TEXT_BYTES] = "";
        CU_ASSERT_EQUAL(admission_test(&s, &room, 0, text), row[i].want);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, row[i].says));
    }
}

static void cores_that_are_not_there_are_refused(void)
{
    static const struct {
        const char *affinity;
        int want;
        const char *says;
    } row[] = {
        { "", 0, "" },
        { "0", 0, "" },
        { "0-3", 0, "" },
        { "1,3", 0, "" },
        { "4", 1421, "core 4 is requested, and the device has 0 to 3" },
        { "0,2-9", 1421, "core 9 is requested" },
        { "3-1", 1421, "3-1 are not a range" },
        { "99999999999999999999", 1421, "not a range" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct hv_spec s = { .vcpus = 1, .max_vcpus = 1, .mem_kb = 1024, .mem_max_kb = 1024 };
        const struct admission room = { .cores = 4, .store_free_kb = -1 };
        char text[HV_TEXT_BYTES] = "";
        snprintf(s.affinity, sizeof s.affinity, "%s", row[i].affinity);
        CU_ASSERT_EQUAL(admission_test(&s, &room, 0, text), row[i].want);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, row[i].says));
    }
}

TEST_MAIN("agent.admission", TEST(what_has_no_room_is_refused_with_its_code), TEST(what_no_scheduler_knows_is_refused),
          TEST(cores_that_are_not_there_are_refused))
