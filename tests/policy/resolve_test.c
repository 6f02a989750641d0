/* SPDX-License-Identifier: Apache-2.0 */
#include "base/doc.h"
#include "policy/resolve/desired.h"
#include "policy/plan/plan.h"
#include "tests/lib/test.h"
#include "tests/policy/world.h"
#include <stdio.h>
#include <string.h>

static struct arena a;
static struct pol_policy *policies;
static struct pol_attribute attrs[8];
static struct pol_facts facts;
static struct pol_desired want;

static void begin(void)
{
    arena_init(&a, 32 << 20);
    policies = NULL;
    attrs[0] = (struct pol_attribute){ STR("label.department"), STR("sales"), false };
    facts = (struct pol_facts){ .layout = world_layout(),
                                .schema = world_schema(),
                                .device = STR("IMEI:1"),
                                .authority = STR("acme-it"),
                                .server_id = STR("dm.acme.example"),
                                .attrs = attrs,
                                .n_attrs = 1 };
}

static void end(void)
{
    arena_finish(&a);
}

/* A policy for VM corp; `age` 1 is the oldest. */
static void policy(const char *name, int priority, int age, const char *selector, const char *vm)
{
    struct pol_policy *p = NULL;
    struct buf errors;
    struct str text = arena_printf(
        &a,
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: %s}\nspec:\n  priority: %d\n"
        "  selector: '%s'\n  vm: {id: corp, %s}\n",
        name, priority, selector, vm);
    buf_init(&errors, 0);
    if (pol_policy_parse(text, name, world_layout(), world_schema(), &a, &p, &errors, NULL))
        printf("%s", buf_z(&errors));
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    buf_finish(&errors);
    p->created_ms = p->revised_ms = age;
    p->id = age;
    p->next = policies;
    policies = p;
}

static void resolve(void)
{
    struct err e = { 0 };
    facts.policies = policies;
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&facts, &a, &want, &e), RC_OK);
}

static const struct pol_value *value(const char *name)
{
    for (size_t i = 0; i < want.vms[0].n_values; i++)
        if (str_is(want.vms[0].values[i].setting->name, name)) return &want.vms[0].values[i];
    return NULL;
}

/* Over the shipped ones, as the server merges what was uploaded for the device. */
static struct ddf_schema *with_hints(const char *camera, const char *vcpus)
{
    static const char *const files[] = { "mo/x-virmo-1.0.ddf", "mo/devinfo.ddf" };
    struct ddf_schema *s = ddf_schema_create();
    char file[512];
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        CU_ASSERT_EQUAL_FATAL(ddf_schema_load_file(s, world_file(files[i], file), NULL), RC_OK);
    struct str text = arena_printf(
        &a,
        "<MgmtTree><Node><NodeName>Camera</NodeName><Path>./Virtualization/VM/*/Peripherals</Path><DFProperties>"
        "<DFFormat><int/></DFFormat><MSFT:ConflictResolution>%s</MSFT:ConflictResolution></DFProperties></Node>"
        "<Node><NodeName>VCPUs</NodeName><Path>./Virtualization/VM/*/Resources/CPU</Path><DFProperties><DFFormat><int/></DFFormat>"
        "<MSFT:ConflictResolution>%s</MSFT:ConflictResolution></DFProperties></Node></MgmtTree>",
        camera, vcpus);
    CU_ASSERT_EQUAL_FATAL(ddf_schema_load(s, text, "acme one", NULL), RC_OK);
    return s;
}

/* Rows: what the uploaded description hints at, the value that wins, and by which rule. */
static void an_uploaded_descriptions_hint_decides_among_equals(void)
{
    static const struct {
        const char *hint, *wire, *rule;
    } row[] = {
        { "LowestValueMostSecure", "2", "safer value" },
        { "HighestValueMostSecure", "4", "safer value" },
        { "LowestValueMostSecureZeroHasNoLimits", "2", "safer value" },
        { "HighestValueMostSecureZeroHasNoLimits", "4", "safer value" },
        { "LastWrite", "4", "newer revision" },
        { "SomethingElse", "4", "older policy" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        begin();
        struct ddf_schema *s = with_hints("LastWrite", row[i].hint);
        struct buf out;
        facts.schema = s;
        policy("young", 1, 2, "true", "resources: {cpu: {vcpus: 2, maxVcpus: 4}}");
        policy("old", 1, 1, "true", "resources: {cpu: {vcpus: 4, maxVcpus: 4}}");
        policies->revised_ms = 9; /* the older policy has the newer revision */
        resolve();
        const struct pol_value *v = value("resources.cpu.vcpus");
        CU_ASSERT_PTR_NOT_NULL_FATAL(v);
        bool named = strcmp(row[i].rule, "older policy") != 0;
        CU_ASSERT_STRING_EQUAL(v->rule, row[i].rule);
        CU_ASSERT(str_is(v->described, named ? "acme one" : ""));
        CU_ASSERT(str_is(v->wire, row[i].wire));
        CU_ASSERT_EQUAL(want.n_warnings, named ? 0 : 1);
        buf_init(&out, 0);
        CU_ASSERT_EQUAL(pol_desired_json(&want, &facts, &out), RC_OK);
        CU_ASSERT_EQUAL(strstr(buf_z(&out), "\"description\":\"acme one\"") != NULL, named);
        buf_finish(&out);
        ddf_schema_destroy(s);
        end();
    }
}

static void a_hint_is_asked_after_priority_and_not_among_the_same(void)
{
    begin();
    struct ddf_schema *s = with_hints("LowestValueMostSecure", "LastWrite");
    facts.schema = s;
    policy("high", 5, 1, "true", "peripherals: {camera: shared}, resources: {cpu: {vcpus: 2, maxVcpus: 2}}");
    policy("low", 1, 2, "true", "peripherals: {camera: denied}, resources: {cpu: {vcpus: 1}}");
    resolve();
    CU_ASSERT_STRING_EQUAL(value("peripherals.camera")->rule, "higher priority");
    CU_ASSERT(value("peripherals.camera")->described.n == 0 && str_is(value("peripherals.camera")->wire, "1"));
    CU_ASSERT(str_is(value("resources.cpu.vcpus")->wire, "2"));
    ddf_schema_destroy(s);
    end();
}

static void one_policy_is_what_it_says(void)
{
    begin();
    policy("p", 0, 1, "label.department == \"sales\"", "state: running, qos: normal");
    policy("other", 9, 2, "label.department == \"field\"", "state: absent, qos: background");
    resolve();
    CU_ASSERT_EQUAL_FATAL(want.n_vms, 1);
    CU_ASSERT(str_is(want.vms[0].goal->name, "running") && str_is(want.vms[0].goal_policy->name, "p"));
    CU_ASSERT(str_is(value("qos")->wire, "40") && strcmp(value("qos")->rule, "only policy") == 0 &&
              !value("qos")->losers);
    CU_ASSERT(want.n_warnings == 0 && want.n_unknown == 0);
    end();
}

static void priority_decides_before_anything_else(void)
{
    begin();
    policy("base", 1, 1, "true", "state: running, peripherals: {camera: denied}, qos: normal");
    policy("special", 5, 2, "true", "state: stopped, peripherals: {camera: shared}");
    resolve();
    CU_ASSERT(str_is(want.vms[0].goal->name, "stopped"));
    CU_ASSERT(str_is(value("peripherals.camera")->wire, "1") &&
              strcmp(value("peripherals.camera")->rule, "higher priority") == 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value("peripherals.camera")->losers);
    CU_ASSERT(str_is(value("peripherals.camera")->losers->policy, "base") &&
              str_is(value("peripherals.camera")->losers->word, "denied"));
    CU_ASSERT(str_is(value("qos")->policy->name, "base"));
    CU_ASSERT_EQUAL(want.n_warnings, 0);
    end();
}

static void the_safe_side_beats_the_other_and_age_decides_the_rest(void)
{
    begin();
    policy("young", 1, 2, "true", "peripherals: {camera: denied}, locked: true, qos: background, name: A");
    policy("old", 1, 1, "true", "peripherals: {camera: shared}, locked: false, qos: normal, name: A");
    resolve();
    CU_ASSERT(str_is(value("peripherals.camera")->wire, "0") &&
              strcmp(value("peripherals.camera")->rule, "safer value") == 0);
    CU_ASSERT(want.vms[0].locked && str_is(want.vms[0].locked_policy->name, "young"));
    CU_ASSERT(str_is(value("qos")->policy->name, "old") && strcmp(value("qos")->rule, "older policy") == 0);
    CU_ASSERT(strcmp(value("name")->rule, "same value") == 0);
    CU_ASSERT_EQUAL_FATAL(want.n_warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(want.warnings[0].p, "qos"));
    CU_ASSERT_PTR_NOT_NULL(strstr(want.warnings[0].p, "young"));
    end();
}

static void none_at_all_is_never_the_safe_amount(void)
{
    begin();
    policy("free", 1, 1, "true", "resources: {net: {corp0: {monthly: 0}}}");
    policy("thrifty", 1, 2, "true", "resources: {net: {corp0: {monthly: 2Gi}}}");
    policy("thriftier", 1, 3, "true", "resources: {net: {corp0: {monthly: 1Gi}}}");
    resolve();
    CU_ASSERT(str_is(value("resources.net.corp0.monthly")->wire, "1048576"));
    end();
}

static void what_an_unknown_policy_would_decide_is_left_alone(void)
{
    begin();
    policy("sure", 1, 1, "true", "state: absent, qos: normal, name: A");
    policy("maybe", 5, 2, "hypervisor.arch == \"aarch64\"", "state: running, qos: background");
    policy("low", 0, 3, "devinfo.man == \"x\"", "name: B");
    resolve();
    CU_ASSERT_EQUAL_FATAL(want.n_unknown, 2);
    CU_ASSERT_PTR_NULL(want.vms[0].goal); /* nothing is removed on its account */
    CU_ASSERT_PTR_NULL(value("qos"));
    CU_ASSERT(str_is(value("name")->wire, "A")); /* an unknown one that would lose changes nothing */
    bool told = false;
    for (size_t i = 0; i < 2; i++) told |= strstr(want.unknown[i].why.p, "hypervisor.arch") != NULL;
    CU_ASSERT(told);
    attrs[1] = (struct pol_attribute){ STR("hypervisor.arch"), STR("aarch64"), false };
    facts.n_attrs = 2;
    resolve();
    CU_ASSERT(str_is(want.vms[0].goal->name, "running") && str_is(value("qos")->wire, "50"));
    end();
}

static void only_policies_of_the_authority_count(void)
{
    begin();
    policy("p", 1, 1, "true", "state: running");
    policies->authority = STR("operator");
    resolve();
    CU_ASSERT_EQUAL(want.n_vms, 0);
    CU_ASSERT_EQUAL(want.n_warnings, 1);
    end();
}

static void an_image_is_found_in_the_store_or_named_as_the_problem(void)
{
    static const struct pol_image images[] = {
        { STR_INIT("corp-android"), STR_INIT("4.2.0"), STR_INIT("android"), STR_INIT("aarch64"), STR_INIT("raw"),
          STR_INIT("aa"), STR_INIT("https://x"), 1, STR_INIT("img-7") },
    };
    begin();
    facts.images = images;
    facts.n_images = 1;
    policy("p", 1, 1, "true", "state: running, image: corp-android:4.2.0");
    resolve();
    CU_ASSERT(want.vms[0].image == &images[0] && str_is(value("image")->wire, "img-7") && !want.vms[0].problem.n);
    policies = NULL;
    policy("p", 1, 1, "true", "state: running, image: corp-android:4.2.1");
    resolve();
    CU_ASSERT(!want.vms[0].image && strstr(want.vms[0].problem.p, "corp-android:4.2.1 is not in the store") != NULL);
    end();
}

static void the_hash_tells_apart_what_plans_would(void)
{
    char first[SHA256_HEX_BYTES];
    begin();
    policy("p", 1, 1, "true", "state: running, qos: normal, kpi: {interval: 60s}");
    resolve();
    memcpy(first, want.hash, sizeof first);
    policies->priority = 7; /* another reason, the same wish */
    resolve();
    CU_ASSERT_STRING_EQUAL(first, want.hash);
    policies = NULL;
    policy("p", 1, 1, "true", "state: running, qos: normal, kpi: {interval: 61s}");
    resolve();
    CU_ASSERT_STRING_NOT_EQUAL(first, want.hash);
    policies = NULL;
    policy("p", 1, 1, "true", "state: stopped, qos: normal, kpi: {interval: 60s}");
    resolve();
    CU_ASSERT_STRING_NOT_EQUAL(first, want.hash);
    end();
}

static void tells_it_all_as_json(void)
{
    struct arena b;
    struct buf out;
    struct doc *root;
    begin();
    policy("young", 1, 2, "true",
           "state: running, locked: true, peripherals: {camera: denied}, kpi: {interval: 60s}, image: a:1");
    policy("old", 1, 1, "true", "peripherals: {camera: shared}");
    policy("maybe", 1, 3, "devinfo.man == \"x\"", "name: \"B\\\"\"");
    resolve();
    arena_init(&b, 8 << 20);
    buf_init(&out, 0);
    CU_ASSERT_EQUAL(pol_desired_json(&want, &facts, &out), RC_OK);
    CU_ASSERT_EQUAL_FATAL(doc_parse(buf_str(&out), "json", &b, &root, NULL), RC_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "\"state\":{\"value\":\"running\",\"policy\":\"young\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "\"locked\":{\"value\":true,\"policy\":\"young\""));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_z(&out), "\"losers\":[{\"policy\":\"old\",\"value\":\"shared\",\"rule\":\"safer value\"}]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "\"problem\":\"image a:1 is not in the store"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "the device has not reported devinfo.man yet"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "\"device\":[{\"name\":\"kpi.interval\""));
    buf_finish(&out);
    arena_finish(&b);
    end();
}

static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    begin();
    policy("young", 1, 2, "true", "state: running, qos: background, image: a:1");
    policy("old", 1, 1, "true", "state: stopped, qos: normal, kpi: {interval: 60s}");
    policy("maybe", 1, 3, "devinfo.man == \"x\"", "qos: normal");
    facts.policies = policies;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 32) {
        struct arena b;
        CU_ASSERT_FATAL(limit < 1 << 20);
        arena_init(&b, limit);
        rc = pol_resolve(&facts, &b, &want, NULL);
        arena_finish(&b);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
    end();
}

TEST_MAIN("policy.resolve", TEST(one_policy_is_what_it_says), TEST(an_uploaded_descriptions_hint_decides_among_equals),
          TEST(a_hint_is_asked_after_priority_and_not_among_the_same), TEST(priority_decides_before_anything_else),
          TEST(the_safe_side_beats_the_other_and_age_decides_the_rest), TEST(none_at_all_is_never_the_safe_amount),
          TEST(what_an_unknown_policy_would_decide_is_left_alone), TEST(only_policies_of_the_authority_count),
          TEST(an_image_is_found_in_the_store_or_named_as_the_problem), TEST(the_hash_tells_apart_what_plans_would),
          TEST(tells_it_all_as_json), TEST(survives_running_out_of_memory))
