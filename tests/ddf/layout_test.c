#include "ddf/layout.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BYTES = 8 << 20 };

static struct ddf_layout *load(struct arena *a)
{
    char file[512];
    struct ddf_layout *l = NULL;
    struct err e = { 0 };
    char text[1024];
    snprintf(file, sizeof file, "%s/ddf/layout/x-virmo-1.0.yaml", getenv("DMVISOR_SOURCE") ? getenv("DMVISOR_SOURCE") : ".");
    arena_init(a, BYTES);
    if (ddf_layout_load(file, a, &l, &e))
        fprintf(stderr, "%s\n", err_format(&e, text, sizeof text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    return l;
}

static bool same(struct str s, const char *z)
{
    if (str_is(s, z))
        return true;
    fprintf(stderr, "have \"%.*s\", want \"%s\"\n", STR_ARG(s), z);
    return false;
}

static void has_every_setting_of_the_policy_example(void)
{
    static const struct { enum ddf_scope scope; const char *name, *uri; } row[] = {
        { DDF_VM, "guestType", "./Virtualization/VM/corp/GuestType" },
        { DDF_VM, "image", "./Virtualization/VM/corp/Image/ImageID" },
        { DDF_VM, "qos", "./Virtualization/VM/corp/Resources/Class" },
        { DDF_VM, "resources.cpu.vcpus", "./Virtualization/VM/corp/Resources/CPU/VCPUs" },
        { DDF_VM, "resources.cpu.shares", "./Virtualization/VM/corp/Resources/CPU/Shares" },
        { DDF_VM, "resources.cpu.affinity", "./Virtualization/VM/corp/Resources/CPU/Affinity" },
        { DDF_VM, "resources.memory.min", "./Virtualization/VM/corp/Resources/Memory/MinKB" },
        { DDF_VM, "resources.memory.max", "./Virtualization/VM/corp/Resources/Memory/MaxKB" },
        { DDF_VM, "resources.storage.userdata.quota", "./Virtualization/VM/corp/Resources/Storage/userdata/QuotaKB" },
        { DDF_VM, "resources.storage.userdata.encrypted", "./Virtualization/VM/corp/Resources/Storage/userdata/Encrypted" },
        { DDF_VM, "resources.net.corp0.mode", "./Virtualization/VM/corp/Resources/Net/corp0/Mode" },
        { DDF_VM, "resources.net.corp0.down", "./Virtualization/VM/corp/Resources/Net/corp0/DownKbps" },
        { DDF_VM, "resources.net.corp0.up", "./Virtualization/VM/corp/Resources/Net/corp0/UpKbps" },
        { DDF_VM, "peripherals.camera", "./Virtualization/VM/corp/Periph/camera/Access" },
        { DDF_VM, "crash.action", "./Virtualization/VM/corp/Crash/Action" },
        { DDF_VM, "crash.maxRestarts", "./Virtualization/VM/corp/Crash/MaxRestarts" },
        { DDF_VM, "crash.window", "./Virtualization/VM/corp/Crash/WindowS" },
        { DDF_VM, "crash.escalation", "./Virtualization/VM/corp/Crash/Escalation" },
        { DDF_VM, "lease.checkIn", "./Virtualization/VM/corp/Lease/CheckInS" },
        { DDF_VM, "lease.lockAfter", "./Virtualization/VM/corp/Lease/LockAfterS" },
        { DDF_VM, "lease.wipeAfter", "./Virtualization/VM/corp/Lease/WipeAfterS" },
        { DDF_DEVICE, "kpi.interval", "./Virtualization/Config/KPIIntervalS" },
        { DDF_VM, "kpi.thresholds.t1.metric", "./Virtualization/VM/corp/KPI/Thr/t1/Metric" },
        { DDF_VM, "kpi.thresholds.t1.op", "./Virtualization/VM/corp/KPI/Thr/t1/Op" },
        { DDF_VM, "kpi.thresholds.t1.hold", "./Virtualization/VM/corp/KPI/Thr/t1/HoldS" },
        { DDF_VM, "upgrade.mode", "./Virtualization/VM/corp/Upgrade/Mode" },
        { DDF_VM, "upgrade.trial", "./Virtualization/VM/corp/Upgrade/TrialS" },
        { DDF_VM, "upgrade.health", "./Virtualization/VM/corp/Upgrade/Health" },
        { DDF_VM, "state", "./Virtualization/VM/corp/State" },
        { DDF_VM, "lockState", "./Virtualization/VM/corp/LockState" },
        { DDF_VM, "domain.servers", "./Virtualization/VM/corp/Domain/Servers" },
        { DDF_IMAGE, "sizeKB", "./VMImages/corp/SizeKB" },
        { DDF_DEVICE, "hypervisor.arch", "./Virtualization/Hypervisor/Arch" },
    };
    struct arena a;
    struct ddf_layout *l = load(&a);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str instance, uri;
        struct ddf_match m;
        const struct ddf_entry *en = ddf_layout_resolve(l, row[i].scope, str_of(row[i].name), &instance);
        if (!en)
            fprintf(stderr, "no %s\n", row[i].name);
        CU_ASSERT_PTR_NOT_NULL_FATAL(en);
        uri = ddf_layout_uri(l, en, STR("corp"), instance, &a);
        CU_ASSERT(same(uri, row[i].uri));
        CU_ASSERT(ddf_layout_match(l, uri, &m));
        CU_ASSERT_PTR_EQUAL(m.entry, en);
        CU_ASSERT_EQUAL(m.scope, row[i].scope);
        CU_ASSERT(str_eq(m.instance, instance));
        CU_ASSERT(row[i].scope == DDF_DEVICE ? !m.owner.n : str_is(m.owner, "corp"));
    }
    arena_finish(&a);
}

TEST_MAIN("ddf.layout",
    TEST(has_every_setting_of_the_policy_example))
