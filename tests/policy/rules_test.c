/* SPDX-License-Identifier: Apache-2.0 */
/* What does not go together, has no room or has no effect is refused before anything is sent. */
#include "tests/lib/test.h"
#include "tests/policy/sim.h"
#include <string.h>

#define HEAD                                                                                                              \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p, authority: acme-it}\nspec:\n  selector: 'true'\n  vm:\n" \
    "    id: corp\n    guestType: android\n    image: corp-android:1\n"

static struct policy_sim_device d;
static struct sim_shell s;

static void begin(const char *yaml)
{
    sim_device_init(&d, 7);
    sim_shell_init(&s, &d);
    sim_image(&s, "corp-android", "1", "img1");
    s.token = true;
    if (yaml) sim_policy(&s, yaml);
}

/* What the device says of itself, as the shell has it. */
static void fact(const char *name, const char *value)
{
    size_t i = 0;
    while (i < s.n_attrs && !str_is(s.attrs[i].name, name)) i++;
    s.attrs[i] = (struct pol_attribute){ str_of(name), str_of(value), false };
    if (i == s.n_attrs) s.n_attrs++;
}

static void end(void)
{
    sim_shell_finish(&s);
    sim_device_finish(&d);
}

static bool waits(const char *what, int code)
{
    for (const struct pol_wait *w = s.plan.waits; w; w = w->next)
        if (strstr(w->why.p, what) && w->code == code) return true; /* arena_printf ends with NUL */
    struct buf b;
    buf_init(&b, 0);
    pol_plan_print(&s.plan, &b);
    printf("\nwanted: %s (%d)\nhave:\n%s", what, code, buf_z(&b));
    buf_finish(&b);
    return false;
}

static bool vm_is_there(void)
{
    return sim_find(&d, STR("./Virtualization/VM/corp")) != NULL;
}

static void a_document_names_the_line_of_what_does_not_go_together(void)
{
    static const struct {
        const char *yaml, *says; /* NULL: in order */
    } row[] = {
        { HEAD "    resources: {cpu: {vcpus: 4, maxVcpus: 4}}\n", NULL },
        { HEAD "    resources: {cpu: {vcpus: 9, maxVcpus: 4}}\n",
          "p.yaml:10:30: /spec/vm/resources/cpu/vcpus: 9 must be at most resources.cpu.maxVcpus, which is 4 (line 10)" },
        { HEAD "    resources: {memory: {min: 2Gi, max: 1Gi}}\n",
          "/spec/vm/resources/memory/min: 2Gi must be at most resources.memory.max, which is 1Gi" },
        { HEAD "    resources: {memory: {current: 300Mi, max: 256Mi}}\n", "must be at most resources.memory.max" },
        { HEAD "    lease: {checkIn: 24h, lockAfter: 72h, wipeAfter: 30d}\n", NULL },
        { HEAD "    lease: {checkIn: 24h, lockAfter: 72h, wipeAfter: 0s}\n", NULL },
        { HEAD "    lease: {lockAfter: 72h, wipeAfter: 1h}\n", "must be less than lease.wipeAfter, which is 1h" },
        { HEAD "    lease: {lockAfter: 60m, wipeAfter: 1h}\n", "must be less than lease.wipeAfter, which is 1h" },
        { HEAD "    kpi: {thresholds: {hot: {metric: cpu.usagePct, op: '>', value: 20, clear: 20}}}\n", NULL },
        { HEAD "    kpi: {thresholds: {hot: {metric: cpu.usagePct, op: '>', value: 20, clear: 30}}}\n",
          "p.yaml:10:79: /spec/vm/kpi/thresholds/hot/clear: 30 must be at most kpi.thresholds.hot.value, which is 20" },
        { HEAD "    kpi: {thresholds: {hot: {metric: cpu.usagePct, op: '>', value: 9.5, clear: 10}}}\n",
          "10 must be at most kpi.thresholds.hot.value, which is 9.5" },
        { HEAD "    kpi: {thresholds: {hot: {metric: energy.mAs, op: rate, value: 5, clear: 6}}}\n",
          "6 must be at most kpi.thresholds.hot.value, which is 5" },
        { HEAD "    kpi: {thresholds: {cold: {metric: memory.usableKB, op: '<', value: -1, clear: -0.5}}}\n", NULL },
        { HEAD "    kpi: {thresholds: {cold: {metric: memory.usableKB, op: '<', value: 20, clear: 10}}}\n",
          "10 must be at least kpi.thresholds.cold.value, which is 20" },
        { HEAD
          "    kpi: {thresholds: {a: {metric: cpu.usagePct, op: '>', value: 20}, b: {metric: cpu.usagePct, op: '>', "
          "value: 90, clear: 80}}}\n",
          NULL },
        { HEAD "    resources: {cpu: {rt: {budgetUs: 500, deadlineUs: 400, periodUs: 1000}}}\n",
          "500 must be at most resources.cpu.rt.deadlineUs, which is 400" },
        { HEAD "    resources: {cpu: {reserve: 80%, limit: 50%}}\n",
          "must be at most resources.cpu.limit, which is 50%" },
        { HEAD "    resources: {cpu: {reserve: 80%, limit: 0}}\n", NULL },
        { HEAD "    resources: {net: {lan: {min: 10M, up: 1M}}}\n",
          "10M must be at most resources.net.lan.up, which is 1M" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct pol_policy *p = NULL;
        struct buf errors;
        struct err e = { 0 };
        arena_init(&a, 1 << 20);
        buf_init(&errors, 0);
        enum rc rc = pol_policy_parse(str_of(row[i].yaml), "p.yaml", world_layout(), world_schema(), &a, &p, &errors,
                                      &e);
        CU_ASSERT_EQUAL(rc, row[i].says ? RC_INVALID : RC_OK);
        CU_ASSERT(!row[i].says || strstr(buf_z(&errors), row[i].says));
        if (row[i].says && !strstr(buf_z(&errors), row[i].says)) printf("\n%s", buf_z(&errors));
        buf_finish(&errors);
        arena_finish(&a);
    }
}

static void a_vm_that_the_device_has_no_room_for_is_not_made(void)
{
    static const struct {
        const char *fact, *value, *yaml, *says;
        int code;
    } row[] = {
        { "hypervisor.cpu.total", "2", HEAD "    state: running\n    resources: {cpu: {vcpus: 9}}\n",
          "resources.cpu.vcpus 9 must be at most CPU cores of this device, 2", 1421 },
        { "hypervisor.memory.totalKB", "4194304", HEAD "    state: running\n    resources: {memory: {max: 512Gi}}\n",
          "resources.memory.max 512Gi must be at most", 1422 },
        { "hypervisor.storage.totalKB", "1048576",
          HEAD "    state: running\n    resources: {storage: {a: {quota: 600Mi}, b: {quota: 600Mi}}}\n", "in all",
          1423 },
        { "hypervisor.guestTypes", "linux,other", HEAD "    state: running\n", "guestType android must be one of",
          1413 },
        { "hypervisor.arch", "x86_64", HEAD "    state: running\n",
          "aarch64 must be Architecture of this device, x86_64", 1420 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        begin(row[i].yaml);
        fact(row[i].fact, row[i].value);
        sim_run(&s, 10);
        CU_ASSERT(waits(row[i].says, row[i].code));
        CU_ASSERT_FALSE(vm_is_there());
        CU_ASSERT_FALSE(s.plan.settled);
        end();
    }
}

/* The device says which settings have an effect. */
#define IN_FORCE                                                                                                       \
    "Resources/CPU/VCPUs,Resources/Storage/*/QuotaKB,GuestType=android|linux,Image/ImageID,Resources/Net/*/Mode=0|1,"  \
    "Periph/*/Access=0"

static void a_setting_without_effect_is_not_sent_and_said(void)
{
    begin(HEAD "    state: running\n    qos: soft-realtime\n    resources: {cpu: {vcpus: 2}}\n");
    fact("hypervisor.cap.settings", IN_FORCE);
    sim_run(&s, 20);
    CU_ASSERT(vm_is_there());
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "state", STR("corp")), "50"));
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "resources.cpu.vcpus", STR("corp")), "2"));
    CU_ASSERT_FALSE(str_is(sim_value(&d, DDF_VM, "qos", STR("corp")), "20"));
    CU_ASSERT(waits("qos soft-realtime is not supported by this device (policy p)", 406));
    CU_ASSERT_FALSE(s.plan.settled);
    end();
}

/* Of the device's own settings, too, where it lists any. */
static void a_setting_of_the_device_without_effect_is_not_sent_and_said(void)
{
    static const struct {
        const char *list;
        bool sent;
    } row[] = { { IN_FORCE ",Config/KPIIntervalS", false },
                { IN_FORCE ",Config/KPIIntervalS,Config/OpTimeoutS", true },
                { IN_FORCE, true } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        begin(HEAD "    state: running\n  device: {config: {operationTimeout: 77s}}\n");
        fact("hypervisor.cap.settings", row[i].list);
        sim_run(&s, 20);
        CU_ASSERT_EQUAL(str_is(sim_value(&d, DDF_DEVICE, "config.operationTimeout", (struct str){ 0 }), "77"),
                        row[i].sent);
        if (!row[i].sent)
            CU_ASSERT(waits("config.operationTimeout 77s is not supported by this device (policy p)", 406));
        CU_ASSERT_EQUAL(s.plan.settled, row[i].sent);
        end();
    }
}

static void a_wish_for_safety_without_effect_keeps_the_vm_from_running(void)
{
    static const char *const row[] = {
        HEAD "    state: running\n    resources: {storage: {userdata: {quota: 1Gi, encrypted: true}}}\n",
        HEAD "    state: running\n    resources: {net: {corp0: {mode: vpn}}}\n",
        HEAD "    state: running\n    peripherals: {mic: exclusive}\n",
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        begin(row[i]);
        fact("hypervisor.cap.settings", IN_FORCE);
        sim_run(&s, 10);
        CU_ASSERT_FALSE(vm_is_there());
        CU_ASSERT(waits("is not supported by this device, and the VM must not run without it", 406));
        end();
    }
    begin(HEAD "    state: running\n    resources: {net: {corp0: {mode: nat}}}\n    peripherals: {camera: denied}\n");
    fact("hypervisor.cap.settings", IN_FORCE);
    sim_run(&s, 20);
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "state", STR("corp")), "50"));
    end();
}

/* It is made where the device can, and stopped from starting again when the policy asks for what cannot be. */
static void a_vm_that_is_there_is_left_alone_until_the_policy_fits(void)
{
    begin(HEAD "    state: stopped\n");
    sim_run(&s, 20);
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "state", STR("corp")), "30"));
    d.now_ms += 10000;
    sim_policy(&s, HEAD "    state: running\n    resources: {net: {corp0: {mode: vpn}}}\n");
    fact("hypervisor.cap.settings", IN_FORCE);
    sim_run(&s, 10);
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "state", STR("corp")), "30"));
    CU_ASSERT(waits("must not run without it", 406));
    end();
}

/* 1 is a smaller number than 5, and shared is less safe than read-only. */
static void the_safer_access_wins_whatever_its_number(void)
{
    static const struct {
        const char *a, *b, *wins;
    } row[] = { { "shared", "read-only", "5" }, { "foreground", "shared", "3" },
                { "exclusive", "shared", "1" }, { "ask", "foreground-exclusive", "6" },
                { "denied", "read-only", "0" }, { "foreground-exclusive", "exclusive", "4" } };
    char yaml[2][600];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (int turn = 0; turn < 2; turn++) { /* whichever policy is the older one */
            const char *first = turn ? row[i].b : row[i].a, *second = turn ? row[i].a : row[i].b;
            snprintf(yaml[0], sizeof yaml[0], HEAD "    state: running\n    peripherals: {camera: %s}\n", first);
            snprintf(yaml[1], sizeof yaml[1],
                     "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: q, authority: acme-it}\nspec:\n"
                     "  selector: 'true'\n  vm: {id: corp, peripherals: {camera: %s}}\n",
                     second);
            begin(yaml[0]);
            sim_policy(&s, yaml[1]);
            sim_run(&s, 20);
            struct sim_node *n = sim_find(&d, STR("./Virtualization/VM/corp/Periph/camera/Access"));
            CU_ASSERT_FATAL(n != NULL);
            CU_ASSERT(str_is(n->value, row[i].wins));
            end();
        }
    }
}

static void an_upgrade_waits_for_a_window_that_the_device_does_not_keep(void)
{
    begin(HEAD "    state: running\n");
    sim_image(&s, "corp-android", "2", "img2");
    fact("hypervisor.cap.settings", "GuestType,Image/ImageID,Upgrade/TargetID");
    sim_run(&s, 20);
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "state", STR("corp")), "50"));
    d.now_ms += 10000;
    sim_policy(
        &s,
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p, authority: acme-it}\nspec:\n  selector: 'true'\n"
        "  vm: {id: corp, guestType: android, state: running, image: 'corp-android:2',\n"
        "       upgrade: {window: 'Sun 01:00-05:00 UTC'}}\n");
    sim_run(&s, 20);
    CU_ASSERT(waits("the window of policy p, which opens at", 0));
    size_t upgrades = 0;
    for (size_t i = 0; i < s.n_ops; i++) upgrades += str_is(s.op[i].kind, "upgrade");
    CU_ASSERT_EQUAL(upgrades, 0);
    for (const struct pol_wait *w = s.plan.waits; w; w = w->next)
        if (w->until_ms) d.now_ms = w->until_ms + 60000;
    sim_run(&s, 20);
    for (size_t i = 0; i < s.n_ops; i++) upgrades += str_is(s.op[i].kind, "upgrade");
    CU_ASSERT(upgrades > 0);
    end();

    begin(HEAD "    state: running\n"); /* and none at all where a VM is not upgraded */
    sim_image(&s, "corp-android", "2", "img2");
    fact("hypervisor.cap.settings", "GuestType,Image/ImageID");
    sim_run(&s, 20);
    d.now_ms += 10000;
    sim_policy(
        &s,
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p, authority: acme-it}\nspec:\n  selector: 'true'\n"
        "  vm: {id: corp, guestType: android, state: running, image: 'corp-android:2'}\n");
    sim_run(&s, 20);
    CU_ASSERT(waits("this device cannot upgrade a VM", 1411));
    end();
}

static void what_holds_data_is_never_made_smaller(void)
{
    begin(HEAD "    state: running\n    resources: {storage: {userdata: {quota: 2Gi}}}\n");
    sim_run(&s, 20);
    d.now_ms += 10000;
    sim_policy(&s, HEAD "    state: running\n    resources: {storage: {userdata: {quota: 1Gi}}}\n");
    sim_run(&s, 20);
    CU_ASSERT(waits("2Gi -> 1Gi (policy p): it holds data and is never made smaller", 1411));
    const struct sim_node *n = sim_find(&d, STR("./Virtualization/VM/corp/Resources/Storage/userdata/QuotaKB"));
    CU_ASSERT(n && str_is(n->value, "2097152"));
    d.now_ms += 10000;
    sim_policy(&s, HEAD "    state: running\n    resources: {storage: {userdata: {quota: 3Gi}}}\n");
    sim_run(&s, 20);
    n = sim_find(&d, STR("./Virtualization/VM/corp/Resources/Storage/userdata/QuotaKB"));
    CU_ASSERT(s.plan.settled && n && str_is(n->value, "3145728"));
    end();
}

/* Otherwise nobody here could take it back. */
static void a_policy_does_not_give_this_servers_rights_away(void)
{
    begin(HEAD "    state: running\n");
    sim_run(&s, 20);
    d.now_ms += 10000;
    sim_policy(&s, HEAD "    state: running\n    domain: {servers: [dm.other.example]}\n");
    sim_run(&s, 20);
    CU_ASSERT(waits("this server, dm.acme.example, would lose its rights to the VM: include it in the list", 1400));
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "domain.servers", STR("corp")), "dm.acme.example"));
    d.now_ms += 10000;
    sim_policy(&s, HEAD "    state: running\n    domain: {servers: [dm.other.example, dm.acme.example]}\n");
    sim_run(&s, 20);
    CU_ASSERT(str_find(sim_value(&d, DDF_VM, "domain.servers", STR("corp")), 'o', 0) > 0 && s.plan.settled);
    end();
}

TEST_MAIN("policy.rules", TEST(a_document_names_the_line_of_what_does_not_go_together),
          TEST(a_vm_that_the_device_has_no_room_for_is_not_made), TEST(a_setting_without_effect_is_not_sent_and_said),
          TEST(a_setting_of_the_device_without_effect_is_not_sent_and_said),
          TEST(a_wish_for_safety_without_effect_keeps_the_vm_from_running),
          TEST(a_vm_that_is_there_is_left_alone_until_the_policy_fits), TEST(the_safer_access_wins_whatever_its_number),
          TEST(an_upgrade_waits_for_a_window_that_the_device_does_not_keep),
          TEST(what_holds_data_is_never_made_smaller), TEST(a_policy_does_not_give_this_servers_rights_away))
