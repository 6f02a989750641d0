/* SPDX-License-Identifier: Apache-2.0 */
/* The device as a server sees it: sessions over encoded messages, VMs from nothing to gone, restarts in between. */
#include "agent/vm/vm_int.h"
#include "tests/agent/device_fixture.h"

#define VM   "./Virtualization/VM/corp"
#define IMG  "./VMImages/img1"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void add_image(struct device_fixture *p)
{
    device_fixture_write(p, SML_ADD, IMG, "node", NULL);
    device_fixture_write(p, SML_ADD, IMG "/ImageID", "chr", "corp-linux:1.0.0");
    device_fixture_write(p, SML_ADD, IMG "/Version", "chr", "1.0.0");
    device_fixture_write(p, SML_ADD, IMG "/Format", "chr", "bundle");
    device_fixture_write(p, SML_ADD, IMG "/URL", "chr", "https://images.example.net/x");
    device_fixture_write(p, SML_REPLACE, IMG "/HashAlg", "chr", "sha256");
    device_fixture_write(p, SML_REPLACE, IMG "/Hash", "chr", HASH);
    device_fixture_write(p, SML_REPLACE, IMG "/SizeKB", "int", "1024");
}

static void add_vm(struct device_fixture *p)
{
    struct sml_step *atomic;
    static struct sml_step child[8];
    size_t n = 0;

    device_fixture_write(p, SML_ADD, VM, "node", NULL);
    atomic = device_fixture_step(p, SML_ATOMIC, "");
    child[n++] = (struct sml_step){
        .kind = SML_ADD, .uri = STR(VM "/Name"), .format = STR("chr"), .data = STR("Corporate"), .has_data = true
    };
    child[n++] = (struct sml_step){
        .kind = SML_ADD, .uri = STR(VM "/GuestType"), .format = STR("chr"), .data = STR("linux"), .has_data = true
    };
    child[n++] = (struct sml_step){ .kind = SML_ADD,
                                    .uri = STR(VM "/Image/ImageID"),
                                    .format = STR("chr"),
                                    .data = STR("corp-linux:1.0.0"),
                                    .has_data = true };
    child[n++] = (struct sml_step){ .kind = SML_REPLACE,
                                    .uri = STR(VM "/Resources/CPU/VCPUs"),
                                    .format = STR("int"),
                                    .data = STR("2"),
                                    .has_data = true };
    child[n++] = (struct sml_step){ .kind = SML_REPLACE,
                                    .uri = STR(VM "/Resources/Memory/MaxKB"),
                                    .format = STR("int"),
                                    .data = STR("196608"),
                                    .has_data = true };
    child[n++] = (struct sml_step){ .kind = SML_ADD,
                                    .uri = STR(VM "/Resources/Storage/userdata"),
                                    .format = STR("node") };
    child[n++] = (struct sml_step){ .kind = SML_REPLACE,
                                    .uri = STR(VM "/Resources/Storage/userdata/QuotaKB"),
                                    .format = STR("int"),
                                    .data = STR("0"),
                                    .has_data = true };
    for (size_t i = 0; i < n; i++) {
        child[i].tag = 50 + i;
        child[i].next = i + 1 < n ? &child[i + 1] : NULL;
    }
    atomic->children = child;
}

/* Add, download, provision, start: until it runs. */
static void bring_up(struct device_fixture *p)
{
    int i;

    add_image(p);
    device_fixture_exec(p, IMG "/Operations/Download", "", "c-image");
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    for (size_t k = 1; k <= p->n_steps; k++) CU_ASSERT(p->code[k] == 200 || p->code[k] == 202);
    device_fixture_wait(p, 1000);
    device_fixture_forget(p);
    add_vm(p);
    device_fixture_exec(p, VM "/Operations/Provision", "start=1", "c-prov");
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    for (size_t k = 1; k < p->n_steps; k++) DEVICE_FIXTURE_CODE(p, k, 200);
    DEVICE_FIXTURE_CODE(p, p->n_steps, 202);
    i = device_fixture_find_alert(p, "OperationComplete", "c-image");
    CU_ASSERT(i >= 0 && !strcmp(p->alerts[i].data, "1200") && !strcmp(p->alerts[i].source, IMG "/Operations/Download"));
    i = device_fixture_find_alert(p, "ImageReady", NULL);
    CU_ASSERT(i >= 0 && !strcmp(p->alerts[i].source, IMG) && !strcmp(p->alerts[i].data, "1200"));
    device_fixture_wait(p, 10000);
    device_fixture_forget(p);
}

/* C-001 C-002 C-004 C-008 C-009 C-018; architecture.md 6.4 */
static void package_one_tells_who_and_how_it_is(void)
{
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_EQUAL(p.posts, 1); /* nothing to do: one message there, one back */
    CU_ASSERT(device_fixture_find_alert(&p, "StateToken", NULL) == 0 && strlen(p.alerts[0].data) == 64);
    CU_ASSERT_STRING_EQUAL(p.alerts[0].source, "./Virtualization");
    char first[65];
    snprintf(first, sizeof first, "%s", p.alerts[0].data);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_STRING_EQUAL(p.alerts[0].data, first); /* nothing changed */
    device_fixture_forget(&p);
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "10");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_STRING_NOT_EQUAL(p.alerts[0].data, first);
    device_fixture_close(&p);
}

/* architecture.md 6.4: drift changes the token too: what the VM does by itself */
static void the_token_follows_the_vms(void)
{
    char token[3][65];
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    for (int i = 0; i < 3; i++) {
        int at;
        device_fixture_forget(&p);
        if (i == 1) device_fixture_exec(&p, VM "/Operations/Pause", "", "c-t");
        CU_ASSERT(device_fixture_session(&p, NULL, 0));
        at = device_fixture_find_alert(&p, "StateToken", NULL);
        CU_ASSERT_FATAL(at >= 0);
        snprintf(token[i], sizeof token[i], "%.64s", p.alerts[at].data);
        if (i) device_fixture_wait(&p, 2000);
    }
    CU_ASSERT_STRING_EQUAL(token[0], token[1]);
    CU_ASSERT_STRING_NOT_EQUAL(token[1], token[2]);
    device_fixture_close(&p);
}

/* C-006 C-101; protocol.md 13 */
static void the_standard_objects_are_there(void)
{
    static const struct {
        const char *uri;
        int code;
        const char *value;
    } row[] = {
        { "./DevInfo/DevId", 200, "IMEI:001010000000017" },
        { "./DevInfo/Man", 200, "Acme" },
        { "./DevDetail/URI/MaxDepth", 200, "16" },
        { "./DevDetail/LrgObj", 200, "true" },
        { "./DMAcc", 200, "dm.example.net" },
        { "./DMAcc/dm.example.net/AppID", 200, "w7" },
        { "./DMAcc/dm.example.net/ServerID", 200, "dm.example.net" },
        { "./DMAcc/dm.example.net/AppAuth", 200, "1/2" },
        { "./DMAcc/dm.example.net/AppAuth/1/AAuthLevel", 200, "CLCRED" },
        { "./DMAcc/dm.example.net/AppAuth/1/AAuthSecret", 405, "" },
        { "./DMAcc/dm.example.net/AppAuth/1/AAuthData", 405, "" },
        { "./DMAcc/dm.example.net/Ext/PollS", 200, "60" },
        { "./DMAcc/other", 404, "" },
        { "./Inbox", 405, "" },
        { "./Virtualization/Hypervisor/APIVersion", 200, "1.0" },
        { "./Virtualization?prop=Type", 200, "urn:oma:mo:x-virmo:1.0" },
        { "./VMImages?prop=Type", 200, "urn:oma:mo:x-vmimgmo:1.0" },
    };
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) device_fixture_step(&p, SML_GET, row[i].uri);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        DEVICE_FIXTURE_CODE(&p, i + 1, row[i].code);
        CU_ASSERT_STRING_EQUAL(buf_z(&p.value[i + 1]), row[i].value);
    }
    device_fixture_close(&p);
}

static void an_account_may_be_changed_by_its_own_server_only(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "op.example.net"));
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_REPLACE, "./DMAcc/dm.example.net/Ext/PollS", "int", "30");
    device_fixture_write(&p, SML_REPLACE, "./DMAcc/op.example.net/Ext/PollS", "int", "30");
    device_fixture_write(&p, SML_REPLACE, "./DMAcc/dm.example.net/AppAuth/2/AAuthSecret", "chr", "another-pw");
    device_fixture_write(&p, SML_REPLACE, "./DMAcc/dm.example.net/AppAuth/1/AAuthName", "chr", "me");
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int",
                         "10"); /* the first account's */
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    DEVICE_FIXTURE_CODE(&p, 2, 425);
    DEVICE_FIXTURE_CODE(&p, 3, 200);
    DEVICE_FIXTURE_CODE(&p, 4, 403);
    DEVICE_FIXTURE_CODE(&p, 5, 425);
    DEVICE_FIXTURE_IS(&p, "./DMAcc/dm.example.net/Ext/PollS", "30");
    for (size_t i = 0; i < tree_store_count(tree_records(device_env(p.device)->tree)); i++)
        CU_ASSERT_PTR_NULL(strstr(tree_store_at(tree_records(device_env(p.device)->tree), i)->uri.p,
                                  "AAuth")); /* no secret as a node */
    sml_ha1(STR("dm.example.net"), STR("another-pw"), p.ha1_server);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_stop(&p);
    CU_ASSERT(device_fixture_start(&p));
    DEVICE_FIXTURE_IS(&p, "./DMAcc/dm.example.net/Ext/PollS", "30");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_close(&p);
}

/* C-117 */
static void a_removed_account_leaves_no_rights_behind(void)
{
    struct device_fixture p;
    struct err e = { 0 };
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    CU_ASSERT(device_alerts(p.device) > 0);
    CU_ASSERT_EQUAL(device_remove_account(p.device, "dm.example.net", &p.w, &e), RC_OK);
    CU_ASSERT_EQUAL(device_alerts(p.device), 0);
    for (size_t i = 0; i < tree_store_count(tree_records(device_env(p.device)->tree)); i++)
        CU_ASSERT_PTR_NULL(strstr(tree_store_at(tree_records(device_env(p.device)->tree), i)->acl.p, "dm.example.net"));
    device_fixture_close(&p);
}

/* virtualization-mo.md c.1, c.8, c.9: the whole main job */
static void comes_runs_and_goes(enum sml_type encoding)
{
    struct device_fixture p;
    int i;
    device_fixture_open_as(&p, true, encoding);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    DEVICE_FIXTURE_IS(&p, IMG "/Status", "70");
    DEVICE_FIXTURE_IS(&p, IMG "/InUse", "1");
    DEVICE_FIXTURE_IS(&p, VM "/State", "50");
    DEVICE_FIXTURE_IS(&p, VM "/StateReason", "1");
    DEVICE_FIXTURE_IS(&p, VM "/Name", "Corporate");
    DEVICE_FIXTURE_IS(&p, VM "/Domain/Servers", "dm.example.net");
    DEVICE_FIXTURE_IS(&p, VM "/Resources/Memory/CurrentKB", "196608");
    DEVICE_FIXTURE_IS(&p, VM "/Progress/Result", "1200");
    DEVICE_FIXTURE_IS(&p, VM "/Progress/Correlator", "c-prov");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    i = device_fixture_find_alert(&p, "OperationComplete", "c-prov");
    CU_ASSERT(i >= 0 && !strcmp(p.alerts[i].data, "1200") && !strcmp(p.alerts[i].source, VM "/Operations/Provision"));
    CU_ASSERT_EQUAL(device_alerts(p.device), 0); /* acknowledged */
    /* not while it runs (c.5.3), nor its image while it is used (c.9) */
    device_fixture_forget(&p);
    device_fixture_step(&p, SML_DELETE, VM);
    device_fixture_step(&p, SML_DELETE, IMG);
    device_fixture_write(&p, SML_REPLACE, VM "/GuestType", "chr", "android");
    device_fixture_write(&p, SML_REPLACE, VM "/Resources/CPU/MaxVCPUs", "int", "4");
    device_fixture_exec(&p, VM "/Operations/Delete", "", "c-no");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 1410);
    DEVICE_FIXTURE_CODE(&p, 2, 1410);
    DEVICE_FIXTURE_CODE(&p, 3, 403);
    DEVICE_FIXTURE_CODE(&p, 4, 403);
    DEVICE_FIXTURE_CODE(&p, 5, 1410);
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Delete", "force=1", "c-del");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 202);
    device_fixture_wait(&p, 5000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "(not there)");
    device_fixture_forget(&p);
    device_fixture_step(&p, SML_DELETE, IMG);
    device_fixture_step(&p, SML_GET, "./Virtualization/VM");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    i = device_fixture_find_alert(&p, "OperationComplete", "c-del");
    CU_ASSERT(i >= 0 && !strcmp(p.alerts[i].data, "1200"));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    DEVICE_FIXTURE_CODE(&p, 2, 200);
    CU_ASSERT_EQUAL(p.value[2].n, 0);
    CU_ASSERT_EQUAL(device_vms(p.device), 0);
    device_fixture_close(&p);
}

static void a_vm_comes_runs_and_goes(void)
{
    comes_runs_and_goes(SML_WBXML);
    comes_runs_and_goes(SML_XML);
}

/* C-012 C-013 C-014 */
static void long_answers_are_cut_to_the_servers_size(void)
{
    struct device_fixture p;
    size_t whole;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    device_fixture_step(&p, SML_GET, VM "?list=StructData");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    whole = p.value[1].n;
    CU_ASSERT(whole > 4000);
    device_fixture_forget(&p);
    p.server_max = 2048;
    CU_ASSERT(device_fixture_session(&p, NULL, 0)); /* the announcement counts from the next message on */
    device_fixture_forget(&p);
    device_fixture_step(&p, SML_GET, VM "?list=StructData");
    p.longest = 0;
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    CU_ASSERT(p.longest <= 2048);
    CU_ASSERT(p.posts > 4);
    CU_ASSERT(p.value[1].n > whole - 200 && p.value[1].n < whole + 200);
    device_fixture_close(&p);
}

/* c.7: what a VM does is told to its owners, the end of an operation to the one who asked */
static void alerts_go_to_those_concerned(void)
{
    struct device_fixture p;
    int64_t since;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    CU_ASSERT(device_fixture_register(&p, "third.example.net"));
    CU_ASSERT(device_fixture_register(&p, "op.example.net"));
    p.server_id = "dm.example.net";
    sml_ha1(STR("dm.example.net"), STR("server-pw"), p.ha1_server);
    bring_up(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_forget(&p);
    device_fixture_write(&p, SML_REPLACE, VM "/Domain/Servers", "chr", "dm.example.net,op.example.net");
    device_fixture_write(&p, SML_REPLACE, VM "/Domain/Servers", "chr", "");
    device_fixture_write(&p, SML_REPLACE, VM "/Domain/Servers", "chr", "a b");
    device_fixture_exec(&p, VM "/Operations/Pause", "", "c-p");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    DEVICE_FIXTURE_CODE(&p, 2, 400);
    DEVICE_FIXTURE_CODE(&p, 3, 400);
    device_fixture_wait(&p, 1000);
    CU_ASSERT_EQUAL(alerts_waiting(device_env(p.device)->alerts, STR("dm.example.net"), &since), 1);
    CU_ASSERT_EQUAL(alerts_waiting(device_env(p.device)->alerts, STR("op.example.net"), &since), 0);
    CU_ASSERT_EQUAL(since, INT64_MAX);
    hv_sim_crash(p.hv, vm_view(device_vm(p.device, 0))->want.uuid, HV_C_PANIC);
    device_fixture_wait(&p, 500);
    CU_ASSERT(alerts_waiting(device_env(p.device)->alerts, STR("op.example.net"), &since) >= 1);
    CU_ASSERT_EQUAL(alerts_waiting(device_env(p.device)->alerts, STR("third.example.net"), &since), 0);
    CU_ASSERT(tree_allowed(device_env(p.device)->tree, STR("op.example.net"), DDF_REPLACE, STR(VM "/Name")));
    CU_ASSERT_FALSE(tree_allowed(device_env(p.device)->tree, STR("third.example.net"), DDF_GET, STR(VM "/Name")));
    device_fixture_close(&p);
}

/* c.9 */
static void an_image_is_held_to_its_description(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_ADD, IMG, "node", NULL);
    device_fixture_exec(&p, IMG "/Operations/Download", "", "c-1"); /* nothing to download yet */
    device_fixture_write(&p, SML_REPLACE, IMG "/HashAlg", "chr", "sha512");
    device_fixture_write(&p, SML_REPLACE, IMG "/Hash", "chr", "abc");
    device_fixture_exec(&p, IMG "/Operations/Purge", "", "c-2");
    device_fixture_exec(&p, IMG "/Operations/Cancel", "", "c-3");
    device_fixture_step(&p, SML_GET, IMG "/Auth");
    device_fixture_write(&p, SML_REPLACE, IMG "/Auth", "chr", "Bearer secret");
    device_fixture_step(&p, SML_GET, IMG "/Auth");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    DEVICE_FIXTURE_CODE(&p, 2, 1414);
    DEVICE_FIXTURE_CODE(&p, 3, 406);
    DEVICE_FIXTURE_CODE(&p, 4, 400);
    DEVICE_FIXTURE_CODE(&p, 5, 1200);
    DEVICE_FIXTURE_CODE(&p, 6, 1203);
    DEVICE_FIXTURE_CODE(&p, 7, 405);
    DEVICE_FIXTURE_CODE(&p, 8, 200);
    DEVICE_FIXTURE_CODE(&p, 9, 405); /* never readable */
    device_fixture_forget(&p);
    add_image(&p);
    p.steps[0].kind = SML_GET;
    p.steps[0].has_data = false;
    p.steps[0].format = (struct str){ 0 };
    device_fixture_exec(&p, IMG "/Operations/Download", "", "c-4");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_wait(&p, 500);
    DEVICE_FIXTURE_IS(&p, IMG "/Status", "70");
    device_fixture_forget(&p);
    device_fixture_exec(&p, IMG "/Operations/Download", "", "c-4"); /* known: the same answer */
    device_fixture_exec(&p, IMG "/Operations/Download", "", "c-5"); /* new: there already */
    device_fixture_exec(&p, IMG "/Operations/Verify", "", "c-6");
    device_fixture_write(&p, SML_REPLACE, IMG "/Hash", "chr",
                         "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 1200);
    DEVICE_FIXTURE_CODE(&p, 2, 1203);
    DEVICE_FIXTURE_CODE(&p, 3, 1200);
    DEVICE_FIXTURE_CODE(&p, 4, 200);
    DEVICE_FIXTURE_IS(&p, IMG "/Status", "10"); /* the file in hand is not it any more */
    device_fixture_close(&p);
}

/* A download goes on after a restart: the 202 stands. */
static void a_download_survives_a_restart(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    add_image(&p);
    device_fixture_exec(&p, IMG "/Operations/Download", "", "c-dl");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_IS(&p, IMG "/Status", "30");
    device_fixture_stop(&p);
    download_destroy(p.loader);
    p.loader = download_sim_create();
    CU_ASSERT(device_fixture_start(&p));
    device_fixture_wait(&p, 500);
    DEVICE_FIXTURE_IS(&p, IMG "/Status", "70");
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT(device_fixture_find_alert(&p, "OperationComplete", "c-dl") >= 0);
    device_fixture_close(&p);
}

/* c.6, c.8: never twice; c.7: kept until acknowledged, across restarts, once */
static void an_operation_runs_once_and_is_told_once(void)
{
    struct device_fixture p;
    int before;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_forget(&p);
    /* the answer with 202 is lost; the server asks again with the same correlator */
    device_fixture_exec(&p, VM "/Operations/Pause", "", "c-1");
    CU_ASSERT_FALSE(device_fixture_session(&p, NULL, 2));
    device_fixture_wait(&p, 2000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "60");
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Pause", "", "c-1");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 1200);
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Resume", "", "c-2");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_wait(&p, 2000);
    before = (int)device_alerts(p.device);
    CU_ASSERT(before >= 1);
    device_fixture_stop(&p);
    CU_ASSERT(device_fixture_start(&p));
    CU_ASSERT_EQUAL((int)device_alerts(p.device), before);
    p.refuse_alerts = true;
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT(device_fixture_find_alert(&p, "OperationComplete", "c-2") >= 0);
    CU_ASSERT_EQUAL((int)device_alerts(p.device), before);
    p.refuse_alerts = false;
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT(device_fixture_find_alert(&p, "OperationComplete", "c-2") >= 0);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_EQUAL(device_fixture_find_alert(&p, "OperationComplete", "c-2"), -1);
    device_fixture_close(&p);
}

/* c.5.2 row 31; result 1448 */
static void a_restart_in_the_middle_loses_nothing(void)
{
    struct device_fixture p;
    int i;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Shutdown", "", "c-down");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 202);
    device_fixture_stop(&p); /* right after the 202 left */
    CU_ASSERT(device_fixture_start(&p));
    device_fixture_wait(&p, 120000);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    i = device_fixture_find_alert(&p, "OperationComplete", "c-down");
    CU_ASSERT(i >= 0);
    DEVICE_FIXTURE_IS(&p, VM "/Resources/CPU/VCPUs", "2");
    DEVICE_FIXTURE_IS(&p, VM "/Domain/Servers", "dm.example.net");
    device_fixture_close(&p);
}

/* c.3.12 */
static void kpis_come_from_two_readings(void)
{
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "10");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_forget(&p);
    bring_up(&p);
    device_fixture_wait(&p, 40000);
    device_fixture_step(&p, SML_GET, VM "/KPI?list=StructData");
    device_fixture_step(&p, SML_GET, VM "/KPI/Disk");
    device_fixture_exec(&p, VM "/KPI/Operations/Collect", "", "c-kpi");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&p.value[1]), VM "/KPI/CPU/TimeMs="));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&p.value[1]), VM "/KPI/CPU/UsagePct="));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&p.value[1]), VM "/KPI/CPU/VCPU/1/TimeMs="));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&p.value[1]), VM "/KPI/WindowS=10"));
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[2]), "userdata");
    DEVICE_FIXTURE_CODE(&p, 3, 202);
    device_fixture_wait(&p, 1000);
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT(device_fixture_find_alert(&p, "OperationComplete", "c-kpi") >= 0);
    CU_ASSERT(atoi(device_fixture_value(&p, VM "/KPI/UpTimeS")) > 20);
    CU_ASSERT(atoi(device_fixture_value(&p, VM "/KPI/CPU/UsagePct")) <= 100);
    /* a counter that went down means a restart: the interval is dropped */
    struct vm *vm = device_vm(p.device, 0);
    vm->pub.stats_before.cpu_ms = vm->pub.stats.cpu_ms + 1;
    vm->pub.stats_before.steal_ms = vm->pub.stats.steal_ms > 0 ? vm->pub.stats.steal_ms - 1 : 0;
    DEVICE_FIXTURE_IS(&p, VM "/KPI/WindowS", "0");
    DEVICE_FIXTURE_IS(&p, VM "/KPI/CPU/UsagePct", "0");
    DEVICE_FIXTURE_IS(&p, VM "/KPI/CPU/StealPct", "0");
    vm->pub.stats.wait_ms = -1; /* not told: not there */
    DEVICE_FIXTURE_IS(&p, VM "/KPI/CPU/WaitMs", "(not there)");
    device_fixture_close(&p);
}

/* c.2, c.10: every VM of the caller's domain, and nobody else's */
static void lock_all_locks_the_callers_vms(void)
{
    struct device_fixture p;
    int i;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    device_fixture_exec(&p, "./Virtualization/Operations/LockAll", "", "c-all");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 202);
    device_fixture_wait(&p, 3000);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10");
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_register(&p, "op.example.net"));
    device_fixture_exec(&p, "./Virtualization/Operations/UnlockAll", "", "c-other");
    device_fixture_step(&p, SML_GET, VM "/State");
    device_fixture_step(&p, SML_GET, VM "/Name");
    device_fixture_write(&p, SML_REPLACE, VM "/Name", "chr", "mine");
    device_fixture_exec(&p, VM "/Operations/Unlock", "", "c-x");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 1200); /* none of its own */
    DEVICE_FIXTURE_CODE(&p, 2, 200);
    DEVICE_FIXTURE_CODE(&p, 3, 425);
    DEVICE_FIXTURE_CODE(&p, 4, 425);
    DEVICE_FIXTURE_CODE(&p, 5, 425);
    DEVICE_FIXTURE_IS(&p, VM "/LockState", "10");
    CU_ASSERT_EQUAL(device_fixture_find_alert(&p, "OperationComplete", "c-all"), -1); /* told to the one who asked */
    i = (int)device_alerts(p.device);
    CU_ASSERT(i >= 1);
    device_fixture_close(&p);
}

/* c.7 */
static void crashes_are_told_and_the_guest_restarts(void)
{
    struct device_fixture p;
    int i;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_forget(&p);
    hv_sim_crash(p.hv, vm_view(device_vm(p.device, 0))->want.uuid, HV_C_PANIC);
    device_fixture_wait(&p, 20000);
    DEVICE_FIXTURE_IS(&p, VM "/State", "50");
    DEVICE_FIXTURE_IS(&p, VM "/Crash/Count", "1");
    DEVICE_FIXTURE_IS(&p, VM "/Crash/LastReason", "1");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    i = device_fixture_find_alert(&p, "Crash", NULL);
    CU_ASSERT(i >= 0 && !strcmp(p.alerts[i].mark, "critical") && !strcmp(p.alerts[i].source, VM "/Crash"));
    CU_ASSERT(device_fixture_find_alert(&p, "StateChange", NULL) >= 0); /* default: unexpected ones */
    device_fixture_close(&p);
}

/* c.5.2 row 1, row 2; C-108 */
static void a_defined_vm_is_only_data(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_ADD, "./Virtualization/VM/a_name_that_is_long", "node", NULL);
    device_fixture_write(&p, SML_ADD, "./Virtualization/VM/a.b", "node", NULL);
    device_fixture_write(&p, SML_ADD, VM, "node", NULL);
    device_fixture_write(&p, SML_ADD, VM, "node", NULL);
    device_fixture_write(&p, SML_REPLACE, VM "?prop=Name", "", "work");
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/VM/work/Resources/CPU/VCPUs", "int", "3");
    device_fixture_step(&p, SML_GET, "./Virtualization/VM/work/State");
    device_fixture_step(&p, SML_GET, "./Virtualization/VM/work?prop=ACL");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 414);
    DEVICE_FIXTURE_CODE(&p, 2, 400);
    DEVICE_FIXTURE_CODE(&p, 3, 200);
    DEVICE_FIXTURE_CODE(&p, 4, 418);
    DEVICE_FIXTURE_CODE(&p, 5, 200);
    DEVICE_FIXTURE_CODE(&p, 6, 200);
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[7]), "10");
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&p.value[8]), "Exec=dm.example.net"));
    device_fixture_stop(&p);
    CU_ASSERT(device_fixture_start(&p));
    CU_ASSERT_EQUAL(device_vms(p.device), 1);
    DEVICE_FIXTURE_IS(&p, "./Virtualization/VM/work/Resources/CPU/VCPUs", "3");
    CU_ASSERT_EQUAL(vm_view(device_vm(p.device, 0))->want.vcpus, 3);
    device_fixture_forget(&p);
    device_fixture_step(&p, SML_DELETE, "./Virtualization/VM/work");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    CU_ASSERT_EQUAL(device_vms(p.device), 0);
    device_fixture_stop(&p);
    CU_ASSERT(device_fixture_start(&p));
    CU_ASSERT_EQUAL(device_vms(p.device), 0);
    device_fixture_close(&p);
}

/* C-011: a failed Atomic makes no VM, also not in memory */
static void a_failed_atomic_makes_no_vm(void)
{
    struct device_fixture p;
    struct sml_step child[2] = {
        { .kind = SML_ADD, .uri = STR(VM), .format = STR("node"), .tag = 10, .next = &child[1] },
        { .kind = SML_REPLACE,
          .uri = STR(VM "/VMID"),
          .format = STR("chr"),
          .data = STR("x"),
          .has_data = true,
          .tag = 11 },
    };
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_step(&p, SML_ATOMIC, "")->children = child;
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 507);
    DEVICE_FIXTURE_CODE(&p, 10, 216);
    DEVICE_FIXTURE_CODE(&p, 11, 405);
    CU_ASSERT_EQUAL(device_vms(p.device), 0);
    DEVICE_FIXTURE_IS(&p, VM "/State", "(not there)");
    device_fixture_close(&p);
}

/* protocol.md 7.5: nonces survive a restart; C-003 */
static void nonces_are_kept_before_they_are_used(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(device_fixture_session(&p, NULL, 0));
        CU_ASSERT_EQUAL(p.posts, 1);
        device_fixture_stop(&p);
        CU_ASSERT(device_fixture_start(&p));
    }
    CU_ASSERT_EQUAL(device_env(p.device)->accounts.at[0].n_client_nonce, p.n_client);
    CU_ASSERT(!memcmp(device_env(p.device)->accounts.at[0].client_nonce, p.client_nonce, p.n_client));
    CU_ASSERT(!memcmp(device_env(p.device)->accounts.at[0].server_nonce, p.server_nonce, p.n_server));
    device_fixture_close(&p);
}

/* notification-bootstrap.md 1: Alert 1200 with the notification's session id */
static void a_pushed_session_carries_its_number(void)
{
    struct push_call call = { .server_id = "dm.example.net", .session = 0x1A2B };
    struct device_fixture p;
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    CU_ASSERT(device_fixture_session(&p, &call, 0));
    CU_ASSERT(p.server_alert);
    /* resynchronisation: our stored nonce is worthless, the agreed one is used and both get new ones */
    memcpy(call.resync, "\0\0\0\0", 4);
    call.n_resync = 4;
    memset(device_env(p.device)->accounts.at[0].client_nonce, 'x', 16);
    CU_ASSERT(device_fixture_session(&p, &call, 0));
    CU_ASSERT(!memcmp(device_env(p.device)->accounts.at[0].client_nonce, p.client_nonce, p.n_client));
    device_fixture_close(&p);
}

TEST_MAIN("agent.device", TEST_OF("C-001 C-004", package_one_tells_who_and_how_it_is), TEST(the_token_follows_the_vms),
          TEST_OF("C-006 C-101", the_standard_objects_are_there),
          TEST(an_account_may_be_changed_by_its_own_server_only),
          TEST_OF("C-117", a_removed_account_leaves_no_rights_behind), TEST_OF("C-019", a_vm_comes_runs_and_goes),
          TEST_OF("C-012 C-013 C-014", long_answers_are_cut_to_the_servers_size),
          TEST_OF("C-018", alerts_go_to_those_concerned), TEST(an_image_is_held_to_its_description),
          TEST(a_download_survives_a_restart), TEST(an_operation_runs_once_and_is_told_once),
          TEST(a_restart_in_the_middle_loses_nothing), TEST(kpis_come_from_two_readings),
          TEST(lock_all_locks_the_callers_vms), TEST(crashes_are_told_and_the_guest_restarts),
          TEST_OF("C-108", a_defined_vm_is_only_data), TEST_OF("C-011", a_failed_atomic_makes_no_vm),
          TEST_OF("C-003", nonces_are_kept_before_they_are_used), TEST_OF("N-005", a_pushed_session_carries_its_number))
