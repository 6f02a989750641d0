/* SPDX-License-Identifier: Apache-2.0 */
/* No server reads in an error how this host's folders are called. */
#include "agent/mo/shown.h"
#include "tests/lib/test.h"

static void names_of_the_hosts_folders_are_not_shown(void)
{
    static const struct {
        const char *text, *shown;
    } row[] = {
        { "the volume userdata is not there: /home/ann/agent/vms/1/userdata.img: No such file",
          "the volume userdata is not there: vms/1/userdata.img: No such file" },
        { "Could not open '/home/ann/agent/vms/1/a b': denied", "Could not open 'vms/1/a b': denied" },
        { "may not pass through /home/ann: open that folder", "may not pass through .../ann: open that folder" },
        { "file=/home/ann/agentx/y,readonly", "file=.../y,readonly" },
        { "cannot open /dev/kvm", "cannot open /dev/kvm" },
        { "https://images.example/a/b gave 404; 3/4 done; a/b", "https://images.example/a/b gave 404; 3/4 done; a/b" },
        { "/home/ann/agent/state.db", "state.db" },
        { "/x", ".../x" },
        { "nothing", "nothing" },
        { "", "" },
        { "a / b /", "a / b /" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        arena_init(&a, 4096);
        struct str shown = shown_text(str_of(row[i].text), STR("/home/ann/agent"), &a);
        CU_ASSERT(str_is(shown, row[i].shown));
        if (!str_is(shown, row[i].shown)) printf("\nwanted %s\nhave   %.*s\n", row[i].shown, STR_ARG(shown));
        arena_finish(&a);
    }
}

TEST_MAIN("agent.shown", TEST(names_of_the_hosts_folders_are_not_shown))
