/* SPDX-License-Identifier: Apache-2.0 */
/* What a device does of itself while no server is there: it restarts, locks and wipes VMs, and tells of it afterwards. */
#include "tests/agent/vm_up.h"

/* 1444 alone hides why: Progress, the current operation, says what the device does and that nobody asked for it. */
static void an_operation_that_meets_a_crash_restart_can_be_told_why(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    hv_sim_crash(p.hv, vm_view(device_vm(p.device, 0))->want.uuid, HV_C_PANIC);
    device_fixture_wait(&p, 100);
    DEVICE_FIXTURE_IS(&p, VM "/State", "110");
    for (int i = 0; i < 100 && strcmp(device_fixture_value(&p, VM "/State"), "40"); i++) device_fixture_wait(&p, 100);
    DEVICE_FIXTURE_IS(&p, VM "/State", "40");
    device_fixture_exec(&p, VM "/Operations/Pause", "", "c-pause");
    device_fixture_step(&p, SML_GET, VM "/Progress/Text");
    device_fixture_step(&p, SML_GET, VM "/Progress/Op");
    device_fixture_step(&p, SML_GET, VM "/Progress/Correlator");
    device_fixture_step(&p, SML_GET, VM "/Progress/Result");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 1444);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_z(&p.value[2]), "the device restarts the VM after a crash, restart 1 of 3 within 600 s: "));
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[3]), "reset");
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[4]), "");
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[5]), "0");
    CU_ASSERT(device_fixture_find_alert(&p, "Crash", NULL) >= 0);
    device_fixture_wait(&p, 5000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "50");
    DEVICE_FIXTURE_IS(&p, VM "/Progress/Result", "1200");
    DEVICE_FIXTURE_IS(&p, VM "/Progress/Text", "the device restarts the VM after a crash, restart 1 of 3 within 600 s");
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Pause", "", "c-pause"); /* as a new one: it was never taken */
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 202);
    CU_ASSERT_EQUAL(device_fixture_find_alert(&p, "OperationComplete", ""),
                    -1); /* nobody is told of the end of what nobody asked for */
    device_fixture_wait(&p, 1000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "60");
    DEVICE_FIXTURE_IS(&p, VM "/Progress/Op", "pause");
    DEVICE_FIXTURE_IS(&p, VM "/Progress/Text", "");
    device_fixture_close(&p);
}

/* --- the lease (c.3.9) --- */

static void lease(struct device_fixture *p, const char *check_in, const char *lock_after, const char *wipe_after)
{
    device_fixture_forget(p);
    device_fixture_write(p, SML_REPLACE, VM "/Lease/CheckInS", "int", check_in);
    device_fixture_write(p, SML_REPLACE, VM "/Lease/LockAfterS", "int", lock_after);
    device_fixture_write(p, SML_REPLACE, VM "/Lease/WipeAfterS", "int", wipe_after);
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    for (size_t i = 1; i <= 3; i++) DEVICE_FIXTURE_CODE(p, i, 200);
    device_fixture_forget(p);
}

static int told(const struct device_fixture *p, const char *data, const char *mark)
{
    int n = 0;
    for (size_t i = 0; i < p->n_alerts; i++)
        n += strstr(p->alerts[i].type, ":LeaseEvent") && !strcmp(p->alerts[i].data, data) &&
             !strcmp(p->alerts[i].mark, mark) && !strcmp(p->alerts[i].source, VM "/Lease");
    return n;
}

static void a_vm_without_contact_is_locked_and_then_wiped(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    DEVICE_FIXTURE_IS(&p, VM "/Lease/CheckInS", "0"); /* without a lease nothing happens */
    device_fixture_wait(&p, 200000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "30");
    lease(&p, "30", "60", "90");
    device_fixture_wait(&p, 55000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "30");
    CU_ASSERT(device_fixture_session(&p, NULL, 0)); /* contact: it begins anew */
    CU_ASSERT_EQUAL(told(&p, "1", "warning"), 1);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_EQUAL(told(&p, "1", "warning"), 0);
    device_fixture_wait(&p, 59000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "30");
    device_fixture_wait(&p, 2000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10");
    DEVICE_FIXTURE_IS(&p, VM "/State", "60");
    DEVICE_FIXTURE_IS(&p, VM "/StateReason", "9");
    device_fixture_wait(&p, 27000); /* a wipe waits for its own time only, not for the pause after a lock that failed */
    DEVICE_FIXTURE_IS(&p, VM "/State", "60");
    device_fixture_wait(&p, 5000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "30");
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10"); /* wiped, and locked still */
    device_fixture_wait(&p, 300000);              /* once */
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT(told(&p, "1", "warning") == 1 && told(&p, "2", "warning") == 1 && told(&p, "3", "critical") == 1);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10"); /* contact alone lifts nothing */
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Unlock", "", "c-unlock");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_wait(&p, 2000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "30");
    device_fixture_close(&p);
}

/* The device was off when the time came, and ends in the middle. */
static void a_lease_runs_while_the_device_is_off(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    lease(&p, "0", "60", "120");
    DEVICE_FIXTURE_IS(&p, VM "/Lease/LastContact", "20300317T174645Z");
    device_fixture_stop(&p);
    p.w.now_ms += 70000;
    CU_ASSERT(device_fixture_start(&p));
    DEVICE_FIXTURE_IS(&p, VM "/Lease/LastContact", "20300317T174645Z");
    device_fixture_wait(&p, 3000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10");
    device_fixture_stop(&p);
    p.w.now_ms += 3600000;
    CU_ASSERT(device_fixture_start(&p));
    device_fixture_wait(&p, 100); /* the wipe has begun */
    device_fixture_stop(&p);
    CU_ASSERT(device_fixture_start(&p));
    device_fixture_wait(&p, 70000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "30");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT(told(&p, "1", "warning") == 0 && told(&p, "2", "warning") == 1 && told(&p, "3", "critical") == 1);
    device_fixture_close(&p);
}

static void a_lease_that_contradicts_itself_wipes_nothing(void)
{
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    lease(&p, "0", "60", "60");
    p.w.now_ms -= 1000000; /* a clock that is put back does nothing either */
    device_fixture_wait(&p, 100000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "30");
    p.w.now_ms += 1000000;
    device_fixture_wait(&p, 300000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10");
    DEVICE_FIXTURE_IS(&p, VM "/State", "60");
    device_fixture_close(&p);
}

/* Only who owns the VM keeps its lease, and he is called in time. */
static void another_server_is_no_contact(void)
{
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "op.example.net"));
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    CU_ASSERT_EQUAL(device_poll_s(p.device, 1), 60);
    lease(&p, "20", "60", "0");
    CU_ASSERT_EQUAL(device_poll_s(p.device, 0), 60);
    CU_ASSERT_EQUAL(device_poll_s(p.device, 1), 18);
    device_fixture_wait(&p, 50000);
    p.server_id = "op.example.net";
    sml_ha1(STR("op.example.net"), STR("server-pw"), p.ha1_server);
    p.n_client = (size_t)snprintf(p.client_nonce, sizeof p.client_nonce, "client-nonce-001");
    p.n_server = (size_t)snprintf(p.server_nonce, sizeof p.server_nonce, "server-nonce-001");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_EQUAL(device_fixture_find_alert(&p, "LeaseEvent", NULL), -1);
    device_fixture_wait(&p, 15000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10");
    device_fixture_close(&p);
}

/* c.2: what is there, and that nothing of it can be handed to a VM. */
static void the_inventory_of_peripherals_is_read(void)
{
    static const struct {
        const char *uri;
        int code;
        const char *value;
    } row[] = {
        { "./Virtualization/Hypervisor/Periph", 200, "camera0/mic0/gnss0" },
        { "./Virtualization/Hypervisor/Periph/camera0", 200, "ID/Class/Group/Desc/Modes" },
        { "./Virtualization/Hypervisor/Periph/camera0/ID", 200, "camera0" },
        { "./Virtualization/Hypervisor/Periph/mic0/Class", 200, "mic" },
        { "./Virtualization/Hypervisor/Periph/mic0/Group", 200, "IO" },
        { "./Virtualization/Hypervisor/Periph/mic0/Modes", 200, "0" },
        { "./Virtualization/Hypervisor/Periph/gnss0/Desc", 404, "" },
        { "./Virtualization/Hypervisor/Periph/nfc0/ID", 404, "" },
    };
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) device_fixture_step(&p, SML_GET, row[i].uri);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        DEVICE_FIXTURE_CODE(&p, i + 1, row[i].code);
        CU_ASSERT_STRING_EQUAL(buf_z(&p.value[i + 1]), row[i].value);
        if (strcmp(buf_z(&p.value[i + 1]), row[i].value)) printf("%s: %s\n", row[i].uri, buf_z(&p.value[i + 1]));
    }
    device_fixture_close(&p);
}

TEST_MAIN("agent.own", TEST(the_inventory_of_peripherals_is_read),
          TEST(an_operation_that_meets_a_crash_restart_can_be_told_why),
          TEST(a_vm_without_contact_is_locked_and_then_wiped), TEST(a_lease_runs_while_the_device_is_off),
          TEST(a_lease_that_contradicts_itself_wipes_nothing), TEST(another_server_is_no_contact))
