/* SPDX-License-Identifier: Apache-2.0 */
/* What a device does of itself while no server is there: it restarts, locks and wipes VMs, and tells of it afterwards. */
#include "tests/agent/vm_up.h"

/* 1444 alone hides why: Progress, the current operation, says what the device does and that nobody asked for it. */
static void an_operation_that_meets_a_crash_restart_can_be_told_why(void)
{
    struct phone p;
    phone_open(&p, true);
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    bring_up(&p);
    hv_sim_crash(p.hv, vm_view(device_vm(p.device, 0))->want.uuid, HV_C_PANIC);
    phone_wait(&p, 100);
    PHONE_IS(&p, VM "/State", "110");
    for (int i = 0; i < 100 && strcmp(phone_value(&p, VM "/State"), "40"); i++) phone_wait(&p, 100);
    PHONE_IS(&p, VM "/State", "40");
    phone_exec(&p, VM "/Operations/Pause", "", "c-pause");
    phone_step(&p, SML_GET, VM "/Progress/Text");
    phone_step(&p, SML_GET, VM "/Progress/Op");
    phone_step(&p, SML_GET, VM "/Progress/Correlator");
    phone_step(&p, SML_GET, VM "/Progress/Result");
    CU_ASSERT(phone_session(&p, NULL, 0));
    PHONE_CODE(&p, 1, 1444);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_z(&p.value[2]), "the device restarts the VM after a crash, restart 1 of 3 within 600 s: "));
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[3]), "reset");
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[4]), "");
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[5]), "0");
    CU_ASSERT(phone_find_alert(&p, "Crash", NULL) >= 0);
    phone_wait(&p, 5000);
    PHONE_IS(&p, VM "/State", "50");
    PHONE_IS(&p, VM "/Progress/Result", "1200");
    PHONE_IS(&p, VM "/Progress/Text", "the device restarts the VM after a crash, restart 1 of 3 within 600 s");
    phone_forget(&p);
    phone_exec(&p, VM "/Operations/Pause", "", "c-pause"); /* as a new one: it was never taken */
    CU_ASSERT(phone_session(&p, NULL, 0));
    PHONE_CODE(&p, 1, 202);
    CU_ASSERT_EQUAL(phone_find_alert(&p, "OperationComplete", ""),
                    -1); /* nobody is told of the end of what nobody asked for */
    phone_wait(&p, 1000);
    PHONE_IS(&p, VM "/State", "60");
    PHONE_IS(&p, VM "/Progress/Op", "pause");
    PHONE_IS(&p, VM "/Progress/Text", "");
    phone_close(&p);
}

/* --- the lease (c.3.9) --- */

static void lease(struct phone *p, const char *check_in, const char *lock_after, const char *wipe_after)
{
    phone_forget(p);
    phone_write(p, SML_REPLACE, VM "/Lease/CheckInS", "int", check_in);
    phone_write(p, SML_REPLACE, VM "/Lease/LockAfterS", "int", lock_after);
    phone_write(p, SML_REPLACE, VM "/Lease/WipeAfterS", "int", wipe_after);
    CU_ASSERT(phone_session(p, NULL, 0));
    for (size_t i = 1; i <= 3; i++) PHONE_CODE(p, i, 200);
    phone_forget(p);
}

static int told(const struct phone *p, const char *data, const char *mark)
{
    int n = 0;
    for (size_t i = 0; i < p->n_alerts; i++)
        n += strstr(p->alerts[i].type, ":LeaseEvent") && !strcmp(p->alerts[i].data, data) &&
             !strcmp(p->alerts[i].mark, mark) && !strcmp(p->alerts[i].source, VM "/Lease");
    return n;
}

static void a_vm_without_contact_is_locked_and_then_wiped(void)
{
    struct phone p;
    phone_open(&p, true);
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    bring_up(&p);
    PHONE_IS(&p, VM "/Lease/CheckInS", "0"); /* without a lease nothing happens */
    phone_wait(&p, 200000);
    PHONE_IS(&p, VM "/LockState", "30");
    lease(&p, "30", "60", "90");
    phone_wait(&p, 55000);
    PHONE_IS(&p, VM "/LockState", "30");
    CU_ASSERT(phone_session(&p, NULL, 0)); /* contact: it begins anew */
    CU_ASSERT_EQUAL(told(&p, "1", "warning"), 1);
    phone_forget(&p);
    CU_ASSERT(phone_session(&p, NULL, 0));
    CU_ASSERT_EQUAL(told(&p, "1", "warning"), 0);
    phone_wait(&p, 59000);
    PHONE_IS(&p, VM "/LockState", "30");
    phone_wait(&p, 2000);
    PHONE_IS(&p, VM "/LockState", "10");
    PHONE_IS(&p, VM "/State", "60");
    PHONE_IS(&p, VM "/StateReason", "9");
    phone_wait(&p, 27000); /* a wipe waits for its own time only, not for the pause after a lock that failed */
    PHONE_IS(&p, VM "/State", "60");
    phone_wait(&p, 5000);
    PHONE_IS(&p, VM "/State", "30");
    PHONE_IS(&p, VM "/LockState", "10"); /* wiped, and locked still */
    phone_wait(&p, 300000);              /* once */
    phone_forget(&p);
    CU_ASSERT(phone_session(&p, NULL, 0));
    CU_ASSERT(told(&p, "1", "warning") == 1 && told(&p, "2", "warning") == 1 && told(&p, "3", "critical") == 1);
    PHONE_IS(&p, VM "/LockState", "10"); /* contact alone lifts nothing */
    phone_forget(&p);
    phone_exec(&p, VM "/Operations/Unlock", "", "c-unlock");
    CU_ASSERT(phone_session(&p, NULL, 0));
    phone_wait(&p, 2000);
    PHONE_IS(&p, VM "/LockState", "30");
    phone_close(&p);
}

/* The device was off when the time came, and ends in the middle. */
static void a_lease_runs_while_the_device_is_off(void)
{
    struct phone p;
    phone_open(&p, true);
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    bring_up(&p);
    lease(&p, "0", "60", "120");
    PHONE_IS(&p, VM "/Lease/LastContact", "20300317T174645Z");
    phone_stop(&p);
    p.w.now_ms += 70000;
    CU_ASSERT(phone_start(&p));
    PHONE_IS(&p, VM "/Lease/LastContact", "20300317T174645Z");
    phone_wait(&p, 3000);
    PHONE_IS(&p, VM "/LockState", "10");
    phone_stop(&p);
    p.w.now_ms += 3600000;
    CU_ASSERT(phone_start(&p));
    phone_wait(&p, 100); /* the wipe has begun */
    phone_stop(&p);
    CU_ASSERT(phone_start(&p));
    phone_wait(&p, 70000);
    PHONE_IS(&p, VM "/State", "30");
    CU_ASSERT(phone_session(&p, NULL, 0));
    CU_ASSERT(told(&p, "1", "warning") == 0 && told(&p, "2", "warning") == 1 && told(&p, "3", "critical") == 1);
    phone_close(&p);
}

static void a_lease_that_contradicts_itself_wipes_nothing(void)
{
    struct phone p;
    phone_open(&p, false);
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    bring_up(&p);
    lease(&p, "0", "60", "60");
    p.w.now_ms -= 1000000; /* a clock that is put back does nothing either */
    phone_wait(&p, 100000);
    PHONE_IS(&p, VM "/LockState", "30");
    p.w.now_ms += 1000000;
    phone_wait(&p, 300000);
    PHONE_IS(&p, VM "/LockState", "10");
    PHONE_IS(&p, VM "/State", "60");
    phone_close(&p);
}

/* Only who owns the VM keeps its lease, and he is called in time. */
static void another_server_is_no_contact(void)
{
    struct phone p;
    phone_open(&p, false);
    CU_ASSERT(phone_register(&p, "op.example.net"));
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    bring_up(&p);
    CU_ASSERT_EQUAL(device_poll_s(p.device, 1), 60);
    lease(&p, "20", "60", "0");
    CU_ASSERT_EQUAL(device_poll_s(p.device, 0), 60);
    CU_ASSERT_EQUAL(device_poll_s(p.device, 1), 18);
    phone_wait(&p, 50000);
    p.server_id = "op.example.net";
    sml_ha1(STR("op.example.net"), STR("server-pw"), p.ha1_server);
    p.n_client = (size_t)snprintf(p.client_nonce, sizeof p.client_nonce, "client-nonce-001");
    p.n_server = (size_t)snprintf(p.server_nonce, sizeof p.server_nonce, "server-nonce-001");
    CU_ASSERT(phone_session(&p, NULL, 0));
    CU_ASSERT_EQUAL(phone_find_alert(&p, "LeaseEvent", NULL), -1);
    phone_wait(&p, 15000);
    PHONE_IS(&p, VM "/LockState", "10");
    phone_close(&p);
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
    struct phone p;
    phone_open(&p, false);
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) phone_step(&p, SML_GET, row[i].uri);
    CU_ASSERT(phone_session(&p, NULL, 0));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        PHONE_CODE(&p, i + 1, row[i].code);
        CU_ASSERT_STRING_EQUAL(buf_z(&p.value[i + 1]), row[i].value);
        if (strcmp(buf_z(&p.value[i + 1]), row[i].value)) printf("%s: %s\n", row[i].uri, buf_z(&p.value[i + 1]));
    }
    phone_close(&p);
}

TEST_MAIN("agent.own", TEST(the_inventory_of_peripherals_is_read),
          TEST(an_operation_that_meets_a_crash_restart_can_be_told_why),
          TEST(a_vm_without_contact_is_locked_and_then_wiped), TEST(a_lease_runs_while_the_device_is_off),
          TEST(a_lease_that_contradicts_itself_wipes_nothing), TEST(another_server_is_no_contact))
