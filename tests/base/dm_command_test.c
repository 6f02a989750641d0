/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dm_command.h"
#include "tests/lib/test.h"

#include <string.h>

static void each_word_is_one_command(void)
{
    for (int i = DM_NONE + 1; i < DM_COMMAND_COUNT; i++) {
        const enum dm_command c = (enum dm_command)i;
        CU_ASSERT(dm_command_word(c) && dm_command_name(c));
        CU_ASSERT_EQUAL(dm_command_of(str_of(dm_command_word(c))), c);
    }
    CU_ASSERT_EQUAL(dm_command_of(STR("Get")), DM_GET);
    CU_ASSERT_EQUAL(dm_command_of(STR("ask")), DM_NONE);
    CU_ASSERT_EQUAL(dm_command_of(STR("")), DM_NONE);
    CU_ASSERT_STRING_EQUAL(dm_command_alert(DM_CHOICES), "1104");
    CU_ASSERT(dm_command_asks(DM_DISPLAY) && !dm_command_asks(DM_EXEC));
    CU_ASSERT(dm_command_groups(DM_SEQUENCE) && !dm_command_groups(DM_ACL));
}

TEST_MAIN("base.dm_command", TEST(each_word_is_one_command))
