#include "tests/lib/test.h"
#include "tests/server/lab.h"
#include <string.h>

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n    state: running\n"
    "    resources:\n      cpu: {vcpus: 2}\n      memory: {min: 64Mi, max: 128Mi}\n";

static void first_contact_reads_the_device_and_settles(void)
{
    struct lab *l = lab_begin();
    struct phone *p = phone_begin(l, "IMEI:001");
    p->talk = true;
    CU_ASSERT(phone_call(p, 1201, "1"));
    if (!p->over) printf("%s\n", buf_z(&p->log));
    CU_ASSERT_EQUAL(lab_int(l, "SELECT mirror_read FROM device"), 1);
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT summary FROM device"), "settled");
    CU_ASSERT_EQUAL(lab_int(l, "SELECT want_stamp = have_stamp FROM device"), 1);
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT value FROM attribute WHERE name = 'devinfo.man'"), "Acme");
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT value FROM attribute WHERE name = 'hypervisor.arch'"), "aarch64");
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT outcome FROM session"), "done");
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT user_agent FROM device"), "phone/1");
    CU_ASSERT(p->posts > 1);
    /* And then there is nothing to do. */
    CU_ASSERT(phone_call(p, 1201, "2"));
    CU_ASSERT_EQUAL(p->posts, 1);
    CU_ASSERT_EQUAL(p->commands, 0);
    CU_ASSERT_EQUAL(lab_int(l, "SELECT quiet FROM device"), 1);
    CU_ASSERT_EQUAL(lab_int(l, "SELECT count(*) FROM session"), 1);
    phone_end(p);
    lab_end(l);
}

static void a_policy_becomes_a_running_vm(void)
{
    struct lab *l = lab_begin();
    struct phone *p = phone_begin(l, "IMEI:001");
    p->talk = true;
    lab_image(l, "base", "1.0");
    lab_policy(l, policy);
    unsigned n = phone_settle(p, 20);
    CU_ASSERT(n < 20);
    if (n >= 20) printf("%s\n", buf_z(&p->log));
    CU_ASSERT_EQUAL(lab_int(l, "SELECT state FROM vm WHERE vm = 'corp'"), 50);
    CU_ASSERT_EQUAL(lab_int(l, "SELECT verified FROM vm WHERE vm = 'corp'"), 1);
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT summary FROM vm WHERE vm = 'corp'"), "settled");
    CU_ASSERT_STRING_EQUAL(lab_text(l, "SELECT state FROM assignment"), "settled");
    CU_ASSERT_EQUAL(lab_int(l, "SELECT count(*) FROM operation WHERE state <> 'verified'"), 0);
    CU_ASSERT(str_is(sim_value(p->sim, DDF_VM, "resources.cpu.vcpus", STR("corp")), "2"));
    CU_ASSERT_EQUAL(p->sim->twice, 0);
    phone_end(p);
    lab_end(l);
}

TEST_MAIN("server.exchange",
    TEST(first_contact_reads_the_device_and_settles),
    TEST(a_policy_becomes_a_running_vm))
