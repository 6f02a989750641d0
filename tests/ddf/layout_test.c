/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ddf/shipped.h"
#include <string.h>
#include <time.h>

static bool same(struct str s, const char *z)
{
    if (str_is(s, z)) return true;
    fprintf(stderr, "have \"%.*s\", want \"%s\"\n", STR_ARG(s), z);
    return false;
}

static void has_every_setting_of_the_policy_example(void)
{
    static const struct {
        enum ddf_scope scope;
        const char *name, *uri;
    } row[] = {
        { DDF_VM, "guestType", "./Virtualization/VM/corp/GuestType" },
        { DDF_VM, "image", "./Virtualization/VM/corp/Image/ImageID" },
        { DDF_VM, "qos", "./Virtualization/VM/corp/Resources/Class" },
        { DDF_VM, "resources.cpu.vcpus", "./Virtualization/VM/corp/Resources/CPU/VCPUs" },
        { DDF_VM, "resources.cpu.shares", "./Virtualization/VM/corp/Resources/CPU/Shares" },
        { DDF_VM, "resources.cpu.affinity", "./Virtualization/VM/corp/Resources/CPU/Affinity" },
        { DDF_VM, "resources.memory.min", "./Virtualization/VM/corp/Resources/Memory/MinKB" },
        { DDF_VM, "resources.memory.max", "./Virtualization/VM/corp/Resources/Memory/MaxKB" },
        { DDF_VM, "resources.storage.userdata.quota", "./Virtualization/VM/corp/Resources/Storage/userdata/QuotaKB" },
        { DDF_VM, "resources.storage.userdata.encrypted",
          "./Virtualization/VM/corp/Resources/Storage/userdata/Encrypted" },
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
    struct ddf_layout *l = shipped_layout(&a);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str instance, uri;
        struct ddf_match m;
        const struct ddf_entry *en = ddf_layout_resolve(l, row[i].scope, str_of(row[i].name), &instance);
        if (!en) fprintf(stderr, "no %s\n", row[i].name);
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

static void instances_know_what_comes_with_them(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    const struct ddf_entry *access = DDF_ENTRY(l, DDF_VM, "peripherals.*"),
                           *quota = DDF_ENTRY(l, DDF_VM, "resources.storage.*.quota");
    CU_ASSERT_PTR_NOT_NULL_FATAL(access);
    CU_ASSERT_PTR_EQUAL(access, DDF_ENTRY(l, DDF_VM, "peripherals.*.access")); /* an alias */
    CU_ASSERT(access->instance);
    CU_ASSERT_EQUAL_FATAL(access->n_with, 1);
    CU_ASSERT(same(access->with[0].word, "ID") && same(access->with[0].wire, "class:*"));
    CU_ASSERT_PTR_EQUAL(access->node, DDF_ENTRY(l, DDF_VM, "peripherals.*.node"));
    CU_ASSERT(same(quota->node->path, "Resources/Storage/*"));
    CU_ASSERT(same(quota->with[0].word, "Name") && same(quota->with[0].wire, "*"));
    CU_ASSERT_PTR_NULL(DDF_ENTRY(l, DDF_VM, "state")->node);
    /* without the instance's name there is no address */
    CU_ASSERT_EQUAL(ddf_layout_uri(l, quota, STR("corp"), STR(""), &a).n, 0);
    CU_ASSERT_EQUAL(ddf_layout_uri(l, quota, STR(""), STR("data"), &a).n, 0);
    arena_finish(&a);
}

static void addresses_are_taken_apart(void)
{
    static const struct {
        const char *uri;
        bool inside;
        enum ddf_scope scope;
        const char *owner, *instance, *entry, *operation;
    } row[] = {
        { "./Virtualization", true, DDF_DEVICE, "", "", "", "" },
        { "./Virtualization/VM", true, DDF_DEVICE, "", "", "vms.node", "" },
        { "./Virtualization/VM/corp", true, DDF_VM, "corp", "", "", "" },
        { "./Virtualization/VM/corp/Nothing", true, DDF_VM, "corp", "", "", "" },
        { "./Virtualization/VM/corp/KPI", true, DDF_VM, "corp", "", "kpi.node", "" },
        { "./Virtualization/VM/corp/KPI/CPU/VCPU/3/TimeMs", true, DDF_VM, "corp", "3", "kpi.cpu.vcpu.*.timeMs", "" },
        { "./Virtualization/VM/corp/KPI/Disk/d0", true, DDF_VM, "corp", "d0", "kpi.disk.*.node", "" },
        { "./Virtualization/VM/corp/Periph/camera/Access", true, DDF_VM, "corp", "camera", "peripherals.*", "" },
        { "./Virtualization/VM/corp/Periph/camera/Access/x", true, DDF_VM, "corp", "", "", "" },
        { "./Virtualization/VM/corp/Operations/Lock", true, DDF_VM, "corp", "", "", "lock" },
        { "./Virtualization/VM/corp/Snapshots/s1/Operations/Restore", true, DDF_VM, "corp", "s1", "",
          "snapshots.restore" },
        { "./Virtualization/Hypervisor/Periph/cam0/Class", true, DDF_DEVICE, "", "cam0", "hypervisor.periph.*.class",
          "" },
        { "./Virtualization/Operations/Refresh", true, DDF_DEVICE, "", "", "", "refresh" },
        { "./VMImages", true, DDF_IMAGE, "", "", "", "" },
        { "./VMImages/i1", true, DDF_IMAGE, "i1", "", "", "" },
        { "./VMImages/i1/Status", true, DDF_IMAGE, "i1", "", "status", "" },
        { "./VirtualizationX", false, DDF_DEVICE, "", "", "", "" },
        { "./VMImagesX/i1", false, DDF_DEVICE, "", "", "", "" },
        { "./DevInfo/DevId", false, DDF_DEVICE, "", "", "", "" },
        { ".", false, DDF_DEVICE, "", "", "", "" },
        { "", false, DDF_DEVICE, "", "", "", "" },
        { "./Virtualization/VM/", true, DDF_DEVICE, "", "", "", "" },
        { "./Virtualization/VM/corp/", true, DDF_VM, "corp", "", "", "" },
        { "./Virtualization/VM/corp//State", true, DDF_VM, "corp", "", "", "" },
    };
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct ddf_match m;
        bool inside = ddf_layout_match(l, str_of(row[i].uri), &m);
        CU_ASSERT_EQUAL(inside, row[i].inside);
        if (!inside) continue;
        CU_ASSERT_EQUAL(m.scope, row[i].scope);
        CU_ASSERT(same(m.owner, row[i].owner));
        CU_ASSERT(same(m.instance, row[i].instance));
        CU_ASSERT(same(m.entry ? m.entry->name : STR(""), row[i].entry));
        CU_ASSERT(same(m.operation ? m.operation->name : STR(""), row[i].operation));
    }
    arena_finish(&a);
}

static void operations_have_addresses(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    const struct ddf_operation *lock = ddf_layout_operation(l, DDF_VM, STR("lock"));
    const struct ddf_operation *gone = ddf_layout_operation(l, DDF_VM, STR("delete-node"));
    const struct ddf_operation *restore = ddf_layout_operation(l, DDF_VM, STR("snapshots.restore"));
    CU_ASSERT_FATAL(lock && gone && restore);
    CU_ASSERT_EQUAL(lock->lock_to, 10);
    CU_ASSERT_EQUAL(lock->to, -1);
    CU_ASSERT(lock->while_locked);
    CU_ASSERT_FALSE(ddf_layout_operation(l, DDF_VM, STR("start"))->while_locked);
    CU_ASSERT(same(ddf_layout_operation_uri(l, lock, STR("corp"), &a), "./Virtualization/VM/corp/Operations/Lock"));
    CU_ASSERT(gone->delete_node && !gone->path.n);
    CU_ASSERT(same(ddf_layout_operation_uri(l, gone, STR("corp"), &a), "./Virtualization/VM/corp"));
    CU_ASSERT_EQUAL(ddf_layout_operation_uri(l, restore, STR("corp"), &a).n, 0);
    CU_ASSERT(same(ddf_layout_instance_operation_uri(l, restore, STR("corp"), STR("s1"), &a),
                   "./Virtualization/VM/corp/Snapshots/s1/Operations/Restore"));
    CU_ASSERT(same(ddf_layout_owner_uri(l, DDF_IMAGE, STR("i1"), &a), "./VMImages/i1"));
    CU_ASSERT(same(ddf_layout_owner_uri(l, DDF_DEVICE, STR(""), &a), "./Virtualization"));
    CU_ASSERT_PTR_NULL(ddf_layout_operation(l, DDF_DEVICE, STR("lock")));
    CU_ASSERT_PTR_NULL(ddf_layout_operation(l, DDF_VM, STR("state")));
    CU_ASSERT_PTR_NULL(DDF_ENTRY(l, DDF_VM, "lock"));
    CU_ASSERT_PTR_NULL(DDF_ENTRY(l, DDF_IMAGE, "state"));
    arena_finish(&a);
}

/* virtualization-mo.md c.5.3: an operation of a route may start in the state it is given in. */
static void goals_lead_from_every_stable_state(void)
{
    static const char *const goals[] = { "running", "stopped", "paused", "suspended", "absent" };
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    CU_ASSERT_EQUAL(l->n_goals, 5);
    for (size_t g = 0; g < 5; g++) {
        const struct ddf_goal *goal = ddf_layout_goal(l, str_of(goals[g]));
        CU_ASSERT_PTR_NOT_NULL_FATAL(goal);
        for (size_t i = 0; i < l->n_states; i++) {
            bool has = l->states[i].value == goal->state || !l->states[i].stable;
            for (size_t r = 0; r < goal->n_routes; r++) has |= goal->routes[r].from == l->states[i].value;
            CU_ASSERT(has || (l->states[i].value == 160 && !goal->gone)); /* failed: a person must look */
        }
        for (size_t r = 0; r < goal->n_routes; r++) {
            const struct ddf_operation *op = ddf_layout_operation(l, DDF_VM, goal->routes[r].operation);
            bool may = false, forced = str_is(goal->routes[r].args, "force=1");
            for (size_t i = 0; i < op->n_from; i++) may |= op->from[i] == goal->routes[r].from;
            for (size_t i = 0; forced && i < op->n_from_forced; i++) may |= op->from_forced[i] == goal->routes[r].from;
            CU_ASSERT(may);
        }
    }
    CU_ASSERT_PTR_NULL(ddf_layout_goal(l, STR("flying")));
    CU_ASSERT(ddf_layout_goal(l, STR("absent"))->gone);
    arena_finish(&a);
}

static void codes_and_alerts_have_words(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    CU_ASSERT(same(ddf_layout_result_text(l, 1200), "success"));
    CU_ASSERT(same(ddf_layout_result_text(l, 1260), "success (vendor code)"));
    CU_ASSERT(same(ddf_layout_result_text(l, 1442), "the VM is locked"));
    CU_ASSERT(same(ddf_layout_result_text(l, 77), "unknown result code"));
    CU_ASSERT(same(ddf_layout_reason_text(l, 9), "lease rule"));
    CU_ASSERT(same(ddf_layout_phase_text(l, 3), "downloading"));
    CU_ASSERT(ddf_layout_result_ok(l, 1200) && ddf_layout_result_ok(l, 1299));
    CU_ASSERT_FALSE(ddf_layout_result_ok(l, 1199) || ddf_layout_result_ok(l, 1300));
    CU_ASSERT(same(ddf_layout_state(l, 50)->name, "running"));
    CU_ASSERT_PTR_NULL(ddf_layout_state(l, 51));
    CU_ASSERT(same(ddf_layout_alert_name(l, STR("urn:oma:at:virmo:1.0:OperationComplete")), "operation_complete"));
    CU_ASSERT(same(ddf_layout_alert_name(l, STR("urn:oma:at:x-virmo:1.0:StateToken")), "state_token"));
    CU_ASSERT(same(ddf_layout_alert_name(l, STR("urn:oma:at:fumo:1.0:X")), ""));
    CU_ASSERT(same(ddf_layout_alert_type(l, STR("operation_complete")), "urn:oma:at:x-virmo:1.0:OperationComplete"));
    CU_ASSERT(same(ddf_layout_alert_type(l, STR("nothing")), ""));
    arena_finish(&a);
}

static void words_become_values_and_come_back(void)
{
    static const struct {
        const char *entry, *word, *wire, *back;
    } row[] = {
        { "resources.memory.max", "512Mi", "524288", "512Mi" },
        { "resources.memory.max", "1Gi", "1048576", "1Gi" },
        { "resources.memory.max", "1025", "2", "2Ki" }, /* never less than asked for */
        { "resources.memory.max", "3Ti", NULL, NULL },  /* more than 31 bits of KiB */
        { "resources.memory.max", "much", NULL, NULL },
        { "resources.net.*.down", "10M", "10000", "10M" },
        { "resources.net.*.down", "0", "0", "0K" },
        { "resources.net.*.mode", "vpn", "4", "vpn" },
        { "resources.net.*.mode", "4", NULL, NULL },
        { "crash.window", "10m", "600", "10m" },
        { "crash.window", "90s", "90", "90s" },
        { "crash.window", "250ms", NULL, NULL },
        { "lease.wipeAfter", "30d", "2592000", "30d" },
        { "resources.cpu.limit", "150%", "150", "150%" },
        { "resources.cpu.limit", "150", "150", "150%" },
        { "resources.cpu.limit", "-1", NULL, NULL },
        { "resources.cpu.vcpus", "2", "2", "2" },
        { "resources.cpu.vcpus", "2.5", NULL, NULL },
        { "resources.cpu.vcpus", "2147483648", NULL, NULL },
        { "resources.cpu.pinned", "true", "true", "true" },
        { "resources.cpu.pinned", "yes", NULL, NULL },
        { "resources.cpu.affinity", "4-7", "4-7", "4-7" },
        { "upgrade.window.notBefore", "2031-01-31T12:00:00Z", "20310131T120000Z", "2031-01-31T12:00:00.000Z" },
        { "upgrade.window.notBefore", "", "", "" },
        { "upgrade.window.notBefore", "soon", NULL, NULL },
        { "upgrade.require", " idle, wifi ,, charging", "idle,wifi,charging", "idle,wifi,charging" },
        { "image", "corp-android:4.2.0", "corp-android:4.2.0", "corp-android:4.2.0" },
        { "image", "", NULL, NULL },
        { "name", "\xC3\xA4", "\xC3\xA4", "\xC3\xA4" },
        { "name", "\xE4", NULL, NULL },
        { "peripherals.*", "foreground", "3", "foreground" },
        { "kpi.thresholds.*.op", ">", "1", ">" },
        { "guestType", "android", "android", "android" },
        { "state", "running", NULL, NULL }, /* the device says, not we */
        { "kpi.cpu.usagePct", "5", NULL, NULL },
    };
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct ddf_entry *en = ddf_layout_entry(l, DDF_VM, str_of(row[i].entry));
        struct str wire = STR("?");
        struct err e = { 0 };
        enum rc rc;
        CU_ASSERT_PTR_NOT_NULL_FATAL(en);
        rc = ddf_entry_to_wire(en, str_of(row[i].word), &a, &wire, &e);
        CU_ASSERT_EQUAL(rc, row[i].wire ? RC_OK : RC_INVALID);
        CU_ASSERT_EQUAL(e.rc, rc);
        CU_ASSERT(same(wire, row[i].wire ? row[i].wire : "?"));
        if (row[i].wire) CU_ASSERT(same(ddf_entry_to_word(en, wire, &a), row[i].back));
    }
    CU_ASSERT(same(ddf_entry_to_word(DDF_ENTRY(l, DDF_VM, "state"), STR("50"), &a), "running"));
    CU_ASSERT(same(ddf_entry_to_word(DDF_ENTRY(l, DDF_VM, "state"), STR("51"), &a), "51"));
    CU_ASSERT(
        same(ddf_entry_to_word(DDF_ENTRY(l, DDF_VM, "progress.op"), STR("ApplyResources"), &a), "applyResources"));
    CU_ASSERT(same(ddf_entry_to_word(DDF_ENTRY(l, DDF_VM, "progress.phase"), STR("3"), &a), "downloading"));
    arena_finish(&a);
}

static void a_wrong_word_is_answered_with_the_right_ones(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    struct err e = { 0 };
    struct str wire;
    CU_ASSERT_EQUAL(ddf_entry_to_wire(DDF_ENTRY(l, DDF_VM, "crash.action"), STR("explode"), &a, &wire, &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        e.text, "crash.action: \"explode\" is not one of: alert, stop, restart, dump-stop, dump-restart, revert,"));
    arena_finish(&a);
}

/* --- the file ------------------------------------------------------------------------------------------------- */

#define HEAD                                                                                                           \
    "layout: 1\nmo: m\nimageMo: i\nroot: ./V\nvms: ./V/VM\nimages: ./I\nstates: {1: {name: on, label: On, stable: true}}\n"

/* A layout without anything that it may be without: what VMs are, and whose. */
#define STATES                                                                                                                  \
    "layout: 1\nmo: m\nimageMo: i\nroot: ./V\nvms: ./V/VM\nimages: ./I\n"                                                       \
    "states: {1: {name: on, role: stopped, label: On, stable: true}}\n"                                                         \
    "without: [defined, paused, suspended, crashed, failed, crashAction]\n"                                                     \
    "device: {without: [hypervisor.node, hypervisor.maxVms, hypervisor.cap.settings, kpi.sampleTime, kpi.interval, refresh]}\n" \
    "image: {without: [id, name, version, guestType, arch, format, url, sizeKB, hashAlg, hash, owner, status, "                 \
    "doneKB, result, download, cancel"                                                                                          \
    "]}\n"
#define LACKS                                                                                                          \
    "name, image, stateReason, stateTime, lockState, domain.id, domain.owner, "                                        \
    "policy.forceStop, policy.shutTimeout, progress.node, "                                                            \
    "progress.correlator, progress.phase, progress.pct, progress.result, progress.start, "                             \
    "resources.pending, resources.effective, upgrade.target, upgrade.state, "                                          \
    "upgrade.window.notBefore, upgrade.window.notAfter, crash.count, crash.lastTime, "                                 \
    "crash.lastReason, crash.lastInfo, kpi.node, kpi.sampleTime, stop, shutdown, lock, partialLock, unlock, "          \
    "wipe, delete, upgrade, applyResources, cancel"
#define FACTS "s: {path: S, format: int, role: state}, o: {path: O, format: chr, role: domain.servers}"
#define VM(facts, without)                                                                                             \
    "vm: {facts: {" facts "}, operations: {gone: {deleteNode: true, label: Gone}}, without: [" without "]}\n"
#define GOALS "goals: {off: {state: 1, routes: {}}, none: {gone: true, routes: {1: gone}}}\n"
#define WHOLE STATES VM(FACTS, LACKS ", progress.text") GOALS

static void errors_name_line_and_column(void)
{
    static const struct {
        const char *text;
        enum rc want;
        unsigned line, column;
        const char *says;
    } row[] = {
        { HEAD, RC_INVALID, 1, 0, "no state plays the role \"defined\"" },
        { WHOLE, RC_OK, 0, 0, "" },
        { "a: [", RC_PARSE, 2, 0, "" },
        { "[]", RC_INVALID, 1, 1, "map" },
        { "mo: m\n", RC_INVALID, 1, 0, "layout: 1" },
        { "layout: 2\n", RC_INVALID, 1, 0, "layout: 1" },
        { HEAD "colour: red\n", RC_INVALID, 8, 9, "unknown key" },
        { "layout: 1\nmo: m\nimageMo: i\nroot: ./V\n", RC_INVALID, 1, 0, "vms" },
        { "layout: 1\nmo: m\nimageMo: i\nroot: V\nvms: ./V\nimages: ./I\n", RC_INVALID, 4, 7, "address" },
        { "layout: 1\nmo: m\nimageMo: i\nroot: ./V/\nvms: ./V\nimages: ./I\n", RC_INVALID, 4, 7, "ends in" },
        { HEAD "vm: {settings: {a: {path: A, format: int, kind: int}}}\n", RC_INVALID, 8, 20, "change" },
        { HEAD "vm: {settings: {a: {path: A, format: int, kind: it, change: live}}}\n", RC_INVALID, 8, 49,
          "must be one of: text int" },
        { HEAD "vm: {facts: {a: {path: A, format: integer}}}\n", RC_INVALID, 8, 35, "format" },
        { HEAD "vm: {facts: {a: {format: int}}}\n", RC_INVALID, 8, 17, "\"path\" is missing" },
        { HEAD "vm: {facts: {a: {path: ./A, format: int}}}\n", RC_INVALID, 8, 17, "path" },
        { HEAD "vm: {facts: {a: {path: A//B, format: int}}}\n", RC_INVALID, 8, 17, "empty" },
        { HEAD "vm: {facts: {a: {path: A/*, format: int}}}\n", RC_INVALID, 8, 17, "'*'" },
        { HEAD "vm: {facts: {a.*: {path: A/B*, format: int}}}\n", RC_INVALID, 8, 19, "'*'" },
        { HEAD "vm: {facts: {a.*.*: {path: A/*/*, format: int}}}\n", RC_INVALID, 8, 21, "'*'" },
        { HEAD "vm: {facts: {a: {path: A, format: int, kind: int}}}\n", RC_INVALID, 8, 46, "unknown key" },
        { HEAD "vm: {facts: {a: {path: A, format: int}, b: {path: A, format: int}}}\n", RC_INVALID, 8, 44,
          "another entry" },
        { HEAD "vm: {facts: {a: {path: A, format: int}}, kpis: {a: {path: B, format: int}}}\n", RC_INVALID, 8, 52,
          "already taken" },
        { HEAD "vm: {settings: {a: {path: A, format: int, kind: enum, change: live}}}\n", RC_INVALID, 8, 20, "words" },
        { HEAD "vm: {facts: {a: {path: A, format: int, words: colours}}}\n", RC_INVALID, 8, 47, "states reasons" },
        { HEAD "vm: {facts: {a: {path: A, format: int, words: []}}}\n", RC_INVALID, 8, 47, "at least one" },
        { HEAD "vm: {facts: {a: {path: A, format: int, with: {x: y}}}}\n", RC_INVALID, 8, 46, "instance" },
        { HEAD "vm: {operations: {o: {path: O, label: L, from: [2]}}}\n", RC_INVALID, 8, 49, "states" },
        { HEAD "vm: {operations: {o: {path: O, label: L, to: x}}}\n", RC_INVALID, 8, 46, "number" },
        { HEAD "vm: {operations: {o: {label: L}}}\n", RC_INVALID, 8, 22, "\"path\" is missing" },
        { HEAD "device: {operations: {o: {label: L, deleteNode: true}}}\n", RC_INVALID, 8, 26, "deleteNode" },
        { HEAD "vm: {operations: {o: {path: O, label: L, whileLocked: 1}}}\n", RC_INVALID, 8, 55, "true or false" },
        { HEAD "vm: {operations: {o: {path: O, label: L, args: {x: {label: y}}}}}\n", RC_INVALID, 8, 52,
          "\"type\" is missing" },
        { HEAD "vm: {operations: {o: {path: O, label: L, args: {x: {type: bool, default: 2}}}}}\n", RC_INVALID, 8, 74,
          "not a value of its type" },
        { HEAD "vm: {operations: {o: {path: O, label: L, args: {x: {type: a|b, words: c}}}}}\n", RC_INVALID, 8, 71,
          "unknown key" },
        { HEAD "vm: {operations: {o: {path: O, label: L, args: [x]}}}\n", RC_INVALID, 8, 48, "{key: type}" },
        { HEAD "goals: {g: {state: 1, routes: {1: fly}}}\n", RC_INVALID, 8, 35, "no operation \"fly\"" },
        { HEAD "goals: {g: {routes: {}}}\n", RC_INVALID, 8, 12, "gone" },
        { HEAD "goals: {g: {state: 2, routes: {}}}\n", RC_INVALID, 8, 20, "states" },
        { HEAD "aliases: {a: b}\n", RC_INVALID, 8, 14, "name of an entry" },
        { HEAD "alerts: {crash: [x], progress: [x]}\n", RC_INVALID, 8, 33, "already" },
        { HEAD "alerts: {crsh: [x]}\n", RC_INVALID, 8, 16, "unknown alert; known are: operation_complete" },
        { HEAD "reasons: {1: it}\n", RC_INVALID, 8, 14, "must be a map" },
        { HEAD "reasons: {1: {text: it}}\n", RC_INVALID, 8, 0, "\"id\" is missing" },
        { HEAD "reasons: {1: {id: i, text: it}, 2: {id: i, text: that}}\n", RC_INVALID, 8, 0, "already taken" },
        { HEAD "vm: {facts: {a: {path: A, format: int, role: b}}}\n", RC_INVALID, 8, 46,
          "is not a role; possible are: name image state" },
        { HEAD "vm: {operations: {o: {path: O, label: L, role: state}}}\n", RC_INVALID, 8, 48,
          "is not a role; possible are: stop" },
        { HEAD "vm: {operations: {o: {path: O, label: L, touches: [a]}}}\n", RC_INVALID, 8, 52, "is not an entry" },
        { STATES VM("s: {path: S, format: int}", LACKS ", progress.text") GOALS, RC_INVALID, 11, 0,
          "no entry plays the role \"state\", which is required to manage VMs" },
        { STATES VM(FACTS, LACKS) GOALS, RC_INVALID, 11, 0,
          "no entry plays the role \"progress.text\": use that name" },
        { STATES VM(FACTS, LACKS ", progress.text, colour") GOALS, RC_INVALID, 11, 0,
          "\"colour\", which is not a role" },
        { STATES VM(FACTS ", t: {path: T, format: chr, role: progress.text}", LACKS ", progress.text") GOALS,
          RC_INVALID, 11, 0, "is played, and \"without\" names it" },
        { STATES VM(FACTS ", t: {path: T, format: int, role: state}", LACKS ", progress.text") GOALS, RC_INVALID, 11, 0,
          "2 entries play the role \"state\"" },
        { STATES VM(FACTS, LACKS ", progress.text"), RC_INVALID, 1, 0, "no goal leads to state 1 (on)" },
        { HEAD "results: {a: b}\n", RC_INVALID, 8, 14, "number" },
        { HEAD "results: {5-3: b}\n", RC_INVALID, 8, 16, "first-last" },
        { HEAD "states: {}\n", RC_PARSE, 8, 0, "states" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct ddf_layout *l = NULL;
        struct err e = { 0 };
        enum rc rc;
        arena_init(&a, 1 << 20);
        rc = ddf_layout_parse(str_of(row[i].text), "test.yaml", &a, &l, &e);
        if (rc != row[i].want || e.line != row[i].line || (row[i].column && e.column != row[i].column) ||
            !strstr(e.text, row[i].says))
            fprintf(stderr, "row %zu: %d %u:%u %s: %s\n", i, rc, e.line, e.column, e.where, e.text);
        CU_ASSERT_EQUAL(rc, row[i].want);
        CU_ASSERT_EQUAL(l != NULL, rc == RC_OK);
        CU_ASSERT_EQUAL(e.line, row[i].line);
        CU_ASSERT(!row[i].column || e.column == row[i].column);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
        arena_finish(&a);
    }
}

static void survives_running_out_of_memory(void)
{
    static const char text[] = STATES
        "results: {1-2: x}\nalerts: {crash: [b]}\nreasons: {1: {id: i, text: t}}\n"
        "vm: {settings: {a.*: {path: A/*, format: int, kind: enum, change: live, words: {x: 1}}}, facts: {" FACTS "}, "
        "operations: {o: {path: P, label: L, from: [1], args: {k: bool}, touches: [s]}}, without: [" LACKS
        ", progress.text]}\naliases: {c.*: a.*}\n"
        "goals: {g: {state: 1, routes: {1: [o, k=1]}}, h: {gone: true, routes: {}}}\n";
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 32) {
        struct arena a;
        struct ddf_layout *l;
        CU_ASSERT_FATAL(limit < 100000);
        arena_init(&a, limit);
        rc = ddf_layout_parse(str_of(text), "t", &a, &l, NULL);
        if (!rc) { /* what comes after does not fail by ending the program either */
            struct str wire;
            while (ddf_layout_uri(l, &l->entries[0], STR("o"), STR("i"), &a).p) continue;
            while (ddf_entry_to_wire(&l->entries[0], STR("x"), &a, &wire, NULL) == RC_OK) continue;
            CU_ASSERT_EQUAL(ddf_entry_to_wire(&l->entries[0], STR("x"), &a, &wire, NULL), RC_NOMEM);
        }
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Printed, not asserted: the sanitizers and busy machines have other ideas of fast. */
static void lookups_are_fit_for_hot_paths(void)
{
    enum { ROUNDS = 2000 };
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    struct str *uri = ARENA_ARRAY(&a, struct str, l->n_entries);
    size_t found = 0;
    double start;
    for (size_t i = 0; i < l->n_entries; i++)
        uri[i] = ddf_layout_uri(l, &l->entries[i], STR("corp"), STR("userdata"), &a);
    start = now();
    for (int r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < l->n_entries; i++)
            found += ddf_layout_entry(l, l->entries[i].scope, l->entries[i].name) == &l->entries[i];
    printf("\n    ddf_layout_entry: %.0f ns, ", (now() - start) / ROUNDS / (double)l->n_entries);
    start = now();
    for (int r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < l->n_entries; i++) {
            struct ddf_match m;
            found += ddf_layout_match(l, uri[i], &m) && m.entry == &l->entries[i];
        }
    }
    printf("ddf_layout_match: %.0f ns ", (now() - start) / ROUNDS / (double)l->n_entries);
    CU_ASSERT_EQUAL(found, 2 * ROUNDS * l->n_entries);
    arena_finish(&a);
}

/* Else what no policy says any more could never go back. */
static void defaults_are_values_that_the_description_allows(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    struct ddf_schema *s = shipped_schema();
    size_t n = 0;
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct ddf_entry *en = &l->entries[i];
        struct err e = { 0 };
        int status = 0;
        if (!en->has_default || str_ends(en->name, STR(".node"))) continue;
        struct str uri = ddf_layout_uri(l, en, STR("corp"), STR("one"), &a);
        if (ddf_check(s, DDF_REPLACE, uri, en->format, (struct str){ 0 }, en->default_wire, true, false, &status, &e))
            fprintf(stderr, "%.*s: %d %s\n", STR_ARG(en->name), status, e.text);
        CU_ASSERT(status == 200 || status == 405); /* 405: only with a new node */
        n++;
    }
    CU_ASSERT(n > 20);
    ddf_schema_destroy(s);
    arena_finish(&a);
}

TEST_MAIN("ddf.layout", TEST(has_every_setting_of_the_policy_example), TEST(instances_know_what_comes_with_them),
          TEST(addresses_are_taken_apart), TEST(operations_have_addresses), TEST(goals_lead_from_every_stable_state),
          TEST(codes_and_alerts_have_words), TEST(words_become_values_and_come_back),
          TEST(a_wrong_word_is_answered_with_the_right_ones), TEST(errors_name_line_and_column),
          TEST(survives_running_out_of_memory), TEST(lookups_are_fit_for_hot_paths),
          TEST(defaults_are_values_that_the_description_allows))
