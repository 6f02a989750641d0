/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/store.h"
#include "syncml/msg.h"
#include "tests/lib/test.h"

#include <string.h>

static void every_command_goes_out_as_what_it_is_called(void)
{
    for (int i = DM_NONE + 1; i < DM_COMMAND_COUNT; i++) {
        const enum dm_command c = (enum dm_command)i;
        CU_ASSERT_STRING_EQUAL(sml_cmd_name(steps_kind_of(c)), dm_command_name(c));
        CU_ASSERT_EQUAL(dm_command_asks(c), steps_kind_of(c) == SML_ALERT);
    }
}

TEST_MAIN("server.steps", TEST(every_command_goes_out_as_what_it_is_called))
