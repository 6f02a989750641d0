/* SPDX-License-Identifier: Apache-2.0 */
#include "base/doc.h"
#include "tests/lib/test.h"
#include "tests/policy/world.h"
#include <stdio.h>
#include <string.h>

static struct pol_policy *parse(struct arena *a, const char *text, struct buf *errors, enum rc *rc)
{
    struct pol_policy *p = NULL;
    struct err e = { 0 };
    *rc = pol_policy_parse(str_of(text), "p.yaml", world_layout(), world_schema(), a, &p, errors, &e);
    if (*rc) CU_ASSERT_NOT_EQUAL(e.text[0], '\0');
    return p;
}

static const struct pol_setting *setting(const struct pol_policy *p, const char *name)
{
    for (size_t i = 0; i < p->n_settings; i++)
        if (str_is(p->settings[i].name, name)) return &p->settings[i];
    return NULL;
}

/* The document of the design, word for word. */
static const char design[] =
    "apiVersion: dmvisor/v1\n"
    "kind: VmPolicy\n"
    "metadata: {name: corporate-workspace, authority: acme-it}\n"
    "spec:\n"
    "  priority: 100\n"
    "  selector: 'label.department in (\"sales\", \"field\") and hypervisor.arch == \"aarch64\" and not label.pilot'\n"
    "  vm:\n"
    "    id: corp\n"
    "    guestType: android\n"
    "    image: corp-android:4.2.0\n"
    "    state: running                 # running | stopped | suspended | absent\n"
    "    locked: false\n"
    "    qos: interactive\n"
    "    resources:\n"
    "      cpu: {vcpus: 2, shares: 1500, affinity: \"4-7\"}\n"
    "      memory: {min: 512Mi, max: 1Gi}\n"
    "      storage: {userdata: {quota: 4Gi, encrypted: true}}\n"
    "      net: {corp0: {mode: vpn, down: 10M, up: 5M}}\n"
    "    peripherals: {camera: denied, mic: foreground, gnss: shared, bluetooth: denied}\n"
    "    crash: {action: restart, maxRestarts: 3, window: 10m, escalation: stop}\n"
    "    lease: {checkIn: 24h, lockAfter: 72h, wipeAfter: 30d}\n"
    "    kpi: {interval: 60s, thresholds: [{metric: CPU/StealPct, op: \">\", value: 20, hold: 5m}]}\n"
    "    upgrade: {mode: warm, window: \"Sun 01:00-05:00 device\", trial: 5m, health: heartbeat}\n";

static void takes_the_document_of_the_design(void)
{
    static const struct {
        const char *name, *wire;
    } row[] = {
        { "guestType", "android" },
        { "image", "corp-android:4.2.0" },
        { "qos", "30" },
        { "resources.cpu.vcpus", "2" },
        { "resources.cpu.affinity", "4-7" },
        { "resources.memory.min", "524288" },
        { "resources.memory.max", "1048576" },
        { "resources.storage.userdata.quota", "4194304" },
        { "resources.storage.userdata.encrypted", "true" },
        { "resources.net.corp0.mode", "4" },
        { "resources.net.corp0.down", "10000" },
        { "peripherals.camera", "0" },
        { "peripherals.mic", "3" },
        { "crash.window", "600" },
        { "lease.wipeAfter", "2592000" },
        { "kpi.interval", "60" },
        { "kpi.thresholds.CPU-StealPct.metric", "CPU/StealPct" },
        { "kpi.thresholds.CPU-StealPct.op", "1" },
        { "kpi.thresholds.CPU-StealPct.hold", "300" },
        { "upgrade.mode", "1" },
        { "upgrade.trial", "300" },
        { "upgrade.health", "2" },
    };
    struct arena a;
    struct buf errors;
    enum rc rc;
    arena_init(&a, 8 << 20);
    buf_init(&errors, 0);
    const struct pol_policy *p = parse(&a, design, &errors, &rc);
    if (rc) printf("%s", buf_z(&errors));
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    CU_ASSERT(str_is(p->name, "corporate-workspace") && str_is(p->authority, "acme-it") && p->priority == 100);
    CU_ASSERT(str_is(p->vm, "corp") && str_is(p->goal, "running") && p->has_locked && !p->locked && p->selector);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct pol_setting *s = setting(p, row[i].name);
        if (!s || !str_is(s->wire, row[i].wire))
            printf("%s: %.*s\n", row[i].name, s ? (int)s->wire.n : 4, s ? s->wire.p : "none");
        CU_ASSERT(s && str_is(s->wire, row[i].wire));
    }
    CU_ASSERT(p->has_window && p->window.days == 1 && p->window.from_min == 60 && p->window.to_min == 300 &&
              p->window.device_zone);
    CU_ASSERT(setting(p, "kpi.interval")->entry->scope == DDF_DEVICE);
    CU_ASSERT(setting(p, "resources.cpu.vcpus")->line == 15);
    for (size_t i = 1; i < p->n_settings; i++)
        CU_ASSERT(p->settings[i - 1].entry->scope != p->settings[i].entry->scope ||
                  str_cmp(p->settings[i - 1].name, p->settings[i].name) < 0);
    buf_finish(&errors);
    arena_finish(&a);
}

#define HEAD                                                                                                           \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec:\n  selector: 'true'\n  vm:\n    id: corp\n"

static void says_each_mistake_with_its_place_and_what_is_allowed(void)
{
    static const struct {
        const char *text;
        const char *line;
    } row[] = {
        { HEAD "    stat: running\n", "p.yaml:8:5: /spec/vm/stat: unknown field, did you mean \"state\"?" },
        { HEAD "    state: runing\n",
          "p.yaml:8:12: /spec/vm/state: \"runing\" is not a desired state, did you mean \"running\"?" },
        { HEAD "    resources: {cpu: {vcpu: 2}}\n",
          "/spec/vm/resources/cpu/vcpu: unknown field, did you mean \"vcpus\"?" },
        { HEAD "    resources: {gpu: 2}\n", "/spec/vm/resources/gpu: unknown field, did you mean \"cpu\"?" },
        { HEAD "    resources: {frobnicate: 2}\n", "unknown field (known here: " },
        { HEAD "    resources: 3\n", "/spec/vm/resources: must be a map" },
        { HEAD "    resources: {cpu: {vcpus: two}}\n", "p.yaml:8:30: /spec/vm/resources/cpu/vcpus: " },
        { HEAD "    resources: {cpu: {vcpus: [1, 2]}}\n", "must be a single value, not a list" },
        { HEAD "    resources: {memory: {max: lots}}\n", "a size such as 512Mi" },
        { HEAD "    resources: {storage: {user/data: {quota: 4Gi}}}\n", "a name here is 1 to 16 of" },
        { HEAD "    resources: {storage: {userdata: {qota: 4Gi}}}\n", "did you mean \"quota\"?" },
        { HEAD "    resources: {storage: {userdata: {usedKB: 4}}}\n",
          "is reported by the device; a policy cannot set it" },
        { HEAD "    qos: interactiv\n", "did you mean \"interactive\"?" },
        { HEAD "    qos: fast\n", "one of: hard-realtime, soft-realtime" },
        { HEAD "    peripherals: {camera: never}\n", "one of: denied, shared" },
        { HEAD "    locked: yep\n", "/spec/vm/locked: must be true or false" },
        { HEAD "    locked: 'true'\n", "/spec/vm/locked: must be true or false" },
        { HEAD "    image: corp-android\n", "name:version" },
        { HEAD "    upgrade: {target: 'a:1'}\n", "set \"image\" instead" },
        { HEAD "    upgrade: {window: 'whenever'}\n", "/spec/vm/upgrade/window: a window begins with its days" },
        { HEAD "    kpi: {thresholds: [{metric: a}, {metric: a}]}\n", "a second item named \"a\"" },
        { HEAD "    kpi: {thresholds: [3]}\n", "/spec/vm/kpi/thresholds/0: must be a map" },
        { HEAD "    kpi: {thresholds: [{metric: a, opp: '>'}]}\n", "did you mean \"op\"?" },
        { HEAD "    qos:\n", "/spec/vm/qos: has no value" },
        { HEAD "  priority: high\n", "/spec/priority: must be a whole number" },
        { HEAD "  rollout: {cohorts: [10%, 100%]}\n", ":3: /spec/rollout: rollouts are not supported yet" },
        { HEAD "  device: {config: {stateAlerts: som}}\n", "one of: none, unexpected, all" },
        { "apiVersion: dmvisor/v2\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'true', vm: {id: c}}\n",
          "must be dmvisor/v1" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nspec: {selector: 'true', vm: {id: c}}\n", "needs \"metadata\"" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: a/b}\nspec: {selector: 'true', vm: {id: c}}\n",
          "a policy's name is" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {vm: {id: c}}\n",
          "/spec: needs \"selector\"" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'true'}\n",
          "/spec: needs \"vm\"" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'label.x =', vm: {id: c}}\n",
          "p.yaml:4:18: /spec/selector: at character 9 of the selector: " },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'lable.x', vm: {id: c}}\n",
          "did you mean \"label.x\"?" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'hypervisor.arc', vm: {id: c}}\n",
          "did you mean \"hypervisor.arch\"?" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'true', vm: {id: 'a b'}}\n",
          "a VM's id is 1 to 16" },
        { "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec: {selector: 'true', vm: {id: a2345678901234567}}\n",
          "a VM's id is 1 to 16" },
        { "- a\n", "a policy is a map" },
        { "", "a policy is a map" },
        { "a: [\n", "p.yaml:" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct buf errors;
        enum rc rc;
        arena_init(&a, 8 << 20);
        buf_init(&errors, 0);
        parse(&a, row[i].text, &errors, &rc);
        CU_ASSERT(rc == RC_INVALID || rc == RC_PARSE);
        if (!strstr(buf_z(&errors), row[i].line)) printf("wanted: %s\nhave: %s", row[i].line, buf_z(&errors));
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&errors), row[i].line));
        buf_finish(&errors);
        arena_finish(&a);
    }
}

static void collects_all_mistakes_and_the_first_is_the_error(void)
{
    struct arena a;
    struct buf errors;
    struct err e = { 0 };
    struct pol_policy *p = NULL;
    unsigned lines = 0;
    arena_init(&a, 8 << 20);
    buf_init(&errors, 0);
    CU_ASSERT_EQUAL(pol_policy_parse(STR(HEAD "    stat: x\n    qos: fast\n    locked: 3\n"), "p.yaml", world_layout(),
                                     world_schema(), &a, &p, &errors, &e),
                    RC_INVALID);
    for (size_t i = 0; i < errors.n; i++) lines += errors.p[i] == '\n';
    CU_ASSERT_EQUAL(lines, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/spec/vm/"));
    CU_ASSERT_EQUAL(e.rc, RC_INVALID);
    CU_ASSERT_PTR_NULL(p);
    buf_finish(&errors);
    arena_finish(&a);
}

static void values_are_held_to_the_ddf(void)
{
    struct arena a;
    struct buf errors;
    enum rc rc;
    arena_init(&a, 8 << 20);
    buf_init(&errors, 0);
    parse(&a, HEAD "    resources: {cpu: {shares: 999999}}\n", &errors, &rc);
    CU_ASSERT_EQUAL(rc, RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&errors), "/spec/vm/resources/cpu/shares: "));
    buf_finish(&errors);
    arena_finish(&a);
}

static void stops_at_its_ceilings(void)
{
    struct arena a;
    struct buf text, errors;
    enum rc rc;
    unsigned lines = 0;
    arena_init(&a, 64 << 20);
    buf_init(&text, 0);
    buf_init(&errors, 0);
    buf_putz(&text, HEAD);
    for (int i = 0; i < 100000; i++) buf_printf(&text, "    frobnicate%d: 1\n", i);
    parse(&a, buf_z(&text), &errors, &rc);
    CU_ASSERT_EQUAL(rc, RC_INVALID);
    for (size_t i = 0; i < errors.n; i++) lines += errors.p[i] == '\n';
    CU_ASSERT_EQUAL(lines, POL_ERRORS + 1);
    buf_reset(&text);
    buf_putz(&text, HEAD "    resources:\n      net:\n");
    for (int i = 0; i < 600; i++) buf_printf(&text, "        n%d: {mode: nat}\n", i);
    parse(&a, buf_z(&text), NULL, &rc);
    CU_ASSERT_EQUAL(rc, RC_LIMIT);
    buf_finish(&text);
    buf_finish(&errors);
    arena_finish(&a);
}

static void yaml_and_json_of_one_meaning_are_one_revision(void)
{
    struct arena a;
    struct buf x, y;
    arena_init(&a, 8 << 20);
    buf_init(&x, 0);
    buf_init(&y, 0);
    CU_ASSERT_EQUAL(pol_policy_canonical(STR("spec: {b: 1, a: [x, true]}\nkind: \"K\"\n"), "x", &a, &x, NULL), RC_OK);
    CU_ASSERT_EQUAL(pol_policy_canonical(STR("{\"kind\": \"K\", \"spec\": {\"a\": [\"x\", true], \"b\": 1}}"), "y", &a,
                                         &y, NULL),
                    RC_OK);
    CU_ASSERT(str_eq(buf_str(&x), buf_str(&y)) && x.n > 0);
    CU_ASSERT_EQUAL(pol_policy_canonical(STR("a: ["), "z", &a, &y, NULL), RC_PARSE);
    buf_finish(&x);
    buf_finish(&y);
    arena_finish(&a);
}

static void peripherals_take_a_word_or_a_map(void)
{
    struct arena a;
    enum rc rc;
    arena_init(&a, 8 << 20);
    const struct pol_policy *p = parse(&a,
                                       HEAD "    peripherals: {camera: {access: shared, priority: 5}, mic: denied}\n",
                                       NULL, &rc);
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    CU_ASSERT_EQUAL(p->n_settings, 3);
    CU_ASSERT(str_is(setting(p, "peripherals.camera")->wire, "1"));
    CU_ASSERT(str_is(setting(p, "peripherals.camera.priority")->wire, "5"));
    CU_ASSERT(str_is(setting(p, "peripherals.camera.priority")->instance, "camera"));
    arena_finish(&a);
}

static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 2048) {
        struct arena a;
        struct pol_policy *p = NULL;
        CU_ASSERT_FATAL(limit < 8 << 20);
        arena_init(&a, limit);
        rc = pol_policy_parse(str_of(design), "p", world_layout(), world_schema(), &a, &p, NULL, NULL);
        CU_ASSERT(rc == RC_OK || rc == RC_NOMEM);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

TEST_MAIN("policy.document", TEST(takes_the_document_of_the_design),
          TEST(says_each_mistake_with_its_place_and_what_is_allowed),
          TEST(collects_all_mistakes_and_the_first_is_the_error), TEST(values_are_held_to_the_ddf),
          TEST(stops_at_its_ceilings), TEST(yaml_and_json_of_one_meaning_are_one_revision),
          TEST(peripherals_take_a_word_or_a_map), TEST(survives_running_out_of_memory))
