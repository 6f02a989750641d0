/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may ask of a VM on this device: a value without effect is refused and not kept, and the tree says beforehand which
 * have one. */
#include "agent/mo/mo_vm_support.h"
#include "tests/agent/vm_up.h"
#include "tests/lib/test.h"

static void a_setting_without_effect_is_refused_and_not_kept(void)
{
    static const struct {
        const char *leaf, *format, *value;
        int code;
        const char *kept;
    } row[] = {
        { "/Resources/CPU/Shares", "int", "1500", 200, "1500" },
        { "/Resources/Class", "int", "20", 406, "40" },
        { "/Resources/Class", "int", "40", 200, "40" }, /* what it is anyway */
        { "/Resources/CPU/Sched", "int", "1", 406, "0" },
        { "/Policy/StartOrder", "int", "7", 406, NULL },
        { "/Policy/OnHostDown", "int", "2", 406, NULL },
        { "/Crash/Action", "int", "2", 200, "2" },
        { "/Crash/Action", "int", "5", 406, "2" },
        { "/Crash/HeartbeatS", "int", "30", 406, NULL },
        { "/Crash/WatchdogS", "int", "30", 200, "30" },
        { "/Crash/WatchdogS", "int", "7", 406, "30" },
        { "/Upgrade/Health", "int", "1", 200, "1" },
        { "/Upgrade/Health", "int", "3", 406, "1" },
        { "/Lease/CheckInS", "int", "3600", 200, "3600" },
        { "/Crash/MaxRestarts", "int", "63", 200, "63" },
        { "/Crash/MaxRestarts", "int", "64", 1411, "63" }, /* more crashes than are counted */
        { "/Resources/CPU/Affinity", "chr", "0-3", 200, "0-3" },
        { "/Resources/CPU/Affinity", "chr", "0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7", 200,
          NULL },
        { "/Resources/CPU/Affinity", "chr", "0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0", 1411,
          NULL }, /* cut off, it would be other cores */
    };
    struct device_fixture p;
    char uri[sizeof row / sizeof row[0]][120];
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        snprintf(uri[i], sizeof uri[i], "%s%s", VM, row[i].leaf);
        device_fixture_forget(&p);
        device_fixture_write(&p, SML_REPLACE, uri[i], row[i].format, row[i].value);
        CU_ASSERT(device_fixture_session(&p, NULL, 0));
        DEVICE_FIXTURE_CODE(&p, 1, row[i].code);
        if (row[i].kept) DEVICE_FIXTURE_IS(&p, uri[i], row[i].kept);
    }
    device_fixture_close(&p);
}

static void a_setting_of_the_device_without_effect_is_refused(void)
{
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "30");
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/NotifyUser", "bool", "false");
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/OpTimeoutS", "int", "77");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    DEVICE_FIXTURE_CODE(&p, 2, 406);
    DEVICE_FIXTURE_CODE(&p, 3, 406);
    device_fixture_close(&p);
}

static void an_interface_or_volume_that_cannot_be_as_asked_is_refused(void)
{
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_ADD, VM, "node", NULL);
    device_fixture_write(&p, SML_ADD, VM "/Resources/Net/corp0", "node", NULL);
    device_fixture_write(&p, SML_REPLACE, VM "/Resources/Net/corp0/Mode", "int", "4");
    device_fixture_write(&p, SML_REPLACE, VM "/Resources/Net/corp0/Mode", "int", "1");
    device_fixture_write(&p, SML_REPLACE, VM "/Resources/Net/corp0/UpKbps", "int", "5000");
    device_fixture_write(&p, SML_ADD, VM "/Resources/Storage/userdata", "node", NULL);
    device_fixture_write(&p, SML_ADD, VM "/Resources/Storage/userdata/Encrypted", "bool", "true");
    device_fixture_write(&p, SML_REPLACE, VM "/GuestType", "chr", "windows");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 3, 406);
    DEVICE_FIXTURE_CODE(&p, 4, 200);
    DEVICE_FIXTURE_CODE(&p, 5, 406);
    DEVICE_FIXTURE_CODE(&p, 7, 406);
    DEVICE_FIXTURE_CODE(&p, 8, 1413);
    DEVICE_FIXTURE_IS(&p, VM "/Resources/Net/corp0/Mode", "1");
    device_fixture_close(&p);
}

/* Each setting that a policy may write is either in the device's list or refused; the two never differ. */
static void the_list_says_what_the_checks_do(void)
{
    struct device_fixture p;
    struct arena a;
    size_t named = 0, settings = 0;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_wait(&p, 1000);
    const char *list = device_fixture_value(&p, "./Virtualization/Hypervisor/Cap/Settings");
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT_PTR_NOT_NULL(strstr(list, "Resources/Net/*/Mode=0|1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(list, "GuestType=android|linux|"));
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < p.shared->layout->n_entries; i++) {
        const struct ddf_entry *en = &p.shared->layout->entries[i];
        if (en->scope == DDF_IMAGE || en->change == DDF_C_NEVER) continue;
        settings++;
        struct str rest = str_of(list), one, allowed = { 0 };
        bool in = false;
        while (!in && str_cut(&rest, ',', &one)) {
            size_t eq = str_find(one, '=', 0);
            in = str_eq(str_slice(one, 0, eq), en->path);
            if (in && eq < one.n) allowed = str_slice(one, eq + 1, one.n);
        }
        struct str first = allowed;
        str_cut(&allowed, '|', &first);
        if (str_is(en->name, "guestType")) continue; /* check_guest says 1413 */
        CU_ASSERT_EQUAL(mo_vm_supported(device_env(p.device), en, first.n ? first : STR("1")), in);
        named += in;
    }
    CU_ASSERT(named > 35 && settings > named + 20);
    arena_finish(&a);
    device_fixture_close(&p);
}

TEST_MAIN("agent.support", TEST(a_setting_without_effect_is_refused_and_not_kept),
          TEST(a_setting_of_the_device_without_effect_is_refused),
          TEST(an_interface_or_volume_that_cannot_be_as_asked_is_refused), TEST(the_list_says_what_the_checks_do))
