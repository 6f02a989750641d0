/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the checklist about single commands and lists, from REST's row in the database to the device's tree. */
#include "tests/conformance/whole.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

/* What the server believes of the device, as one text. */
static const char *mirror(struct whole *w)
{
    static char out[2][8192];
    static int at;
    at ^= 1;
    snprintf(
        out[at], sizeof out[at], "%s",
        dm_fixture_text(
            w->l,
            "SELECT group_concat(uri || ' ' || format || '=' || COALESCE(value, ''), x'0A') FROM (SELECT p.uri, n.format,"
            " n.value FROM node n JOIN path p USING (path_id) WHERE p.uri LIKE './DevDetail%' OR p.uri LIKE './Virtualization/Config%' ORDER BY p.uri)"));
    return out[at];
}

static const enum sml_type both[] = { SML_XML, SML_WBXML };

static void the_server_and_the_device_settle(void)
{
    for (size_t t = 0; t < 2; t++) {
        struct whole w;
        whole_open(&w, both[t]);
        CU_ASSERT(whole_session(&w));
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(w.l, "SELECT value FROM attribute WHERE name = 'devinfo.man'"), "Acme");
        whole_close(&w);
    }
}

static void acls_are_read_changed_and_written(void)
{
    struct whole w;
    whole_open(&w, SML_WBXML);
    CU_ASSERT(whole_session(&w));
    HAS(whole_tree(&w, "get", "./Virtualization/Config?prop=ACL", "", NULL), "verified 200");
    HAS(whole_tree(&w, "replace", "./Virtualization/Config?prop=ACL", "chr",
                   "Get=*&Replace=com.acme.dm+org.oper&Add=com.acme.dm"),
        "verified");
    CU_ASSERT(str_is(tree_acl(device_env(w.device)->tree, STR("./Virtualization/Config")),
                     "Get=*&Replace=com.acme.dm+org.oper&Add=com.acme.dm"));
    HAS(whole_tree(&w, "get", "./Virtualization/Config?prop=ACL", "", NULL), "Replace=com.acme.dm+org.oper");
    HAS(whole_tree(&w, "replace", "./Virtualization/Config?prop=ACL", "chr", "no acl"), "failed 400");
    whole_close(&w);
}

static void every_property_is_read_and_three_are_written(void)
{
    static const struct {
        const char *prop, *want;
    } row[] = {
        { "ACL", "verified 200" },    { "Format", "\"int\"" },     { "Name", "\"KPIIntervalS\"" },
        { "Type", "text/plain" },     { "Size", "verified 200" },  { "Title", "verified 200" },
        { "TStamp", "verified 200" }, { "VerNo", "verified 200" },
    };
    struct whole w;
    char uri[100];
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    const char *before = mirror(&w);
    HAS(before, "./Virtualization/Config/KPIIntervalS");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        snprintf(uri, sizeof uri, "./Virtualization/Config/KPIIntervalS?prop=%s", row[i].prop);
        HAS(whole_tree(&w, "get", uri, "", NULL), row[i].want);
    }
    HAS(whole_tree(&w, "replace", "./Virtualization/Config/KPIIntervalS?prop=Title", "chr", "How often"), "verified");
    HAS(whole_tree(&w, "get", "./Virtualization/Config/KPIIntervalS?prop=Title", "", NULL), "How often");
    HAS(whole_tree(&w, "get", "./Virtualization?prop=ACL", "", NULL), "verified 200");
    CU_ASSERT_STRING_EQUAL(mirror(&w), before); /* a property is no value of the node */
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT count(*) FROM failure"), 0);
    HAS(whole_tree(&w, "add", "./VMImages/one", "node", NULL), "verified");
    HAS(whole_tree(&w, "replace", "./VMImages/one?prop=Name", "chr", "Two"), "verified");
    HAS(whole_tree(&w, "get", "./VMImages", "", NULL), "Two");
    HAS(whole_tree(&w, "replace", "./VMImages?prop=Name", "chr", "Other"), "failed 4");
    whole_close(&w);
}

static void the_case_of_names_is_kept(void)
{
    struct whole w;
    whole_open(&w, SML_WBXML);
    CU_ASSERT(whole_session(&w));
    HAS(whole_tree(&w, "add", "./VMImages/MiXed", "node", NULL), "verified");
    HAS(whole_tree(&w, "add", "./VMImages/mixed", "node", NULL), "verified"); /* another node on this device */
    const char *list = whole_tree(&w, "get", "./VMImages", "", NULL);
    HAS(list, "MiXed");
    HAS(list, "mixed");
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT count(*) FROM operation WHERE state = 'failed'"), 0);
    HAS(whole_tree(&w, "get", "./vmimages/MiXed", "", NULL), "failed 404");
    whole_close(&w);
}

static void subtrees_are_read_in_every_way(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    HAS(whole_tree(&w, "get", "./DevDetail?list=StructData", "", NULL), "./DevDetail/SwV");
    const char *before = mirror(&w);
    HAS(before, "./DevDetail/SwV");
    HAS(whole_tree(&w, "get", "./DevDetail?list=Struct", "", NULL), "./DevDetail/SwV");
    CU_ASSERT_STRING_EQUAL(mirror(&w), before); /* none of these says what a node's value is */
    HAS(whole_tree(&w, "get", "./DevDetail?list=TNDS", "", NULL), "MgmtTree");
    CU_ASSERT_STRING_EQUAL(mirror(&w), before);
    HAS(whole_tree(&w, "get", "./DevDetail?list=TNDS+Value", "", NULL), "SwV");
    HAS(whole_tree(&w, "get", "./Virtualization/Config?list=TNDS+TStamp+VerNo", "", NULL), "<VerNo>");
    /* below this node are secrets: what is told of it is masked as a whole */
    HAS(whole_tree(&w, "get", "./DMAcc/com.acme.dm/AppAuth/1?list=TNDS", "", NULL), "\"value\":\"***\"");
    CU_ASSERT_PTR_NULL(strstr(whole_tree(&w, "get", "./DMAcc?list=TNDS", "", NULL), "secret of"));
    whole_close(&w);
}

static void values_are_copied_from_leaf_to_leaf(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    HAS(whole_tree(&w, "replace", "./Virtualization/Config/KPIIntervalS", "int", "77"), "verified");
    HAS(whole_tree(&w, "copy", "./Virtualization/Config/ProgressMinS", "", "./Virtualization/Config/KPIIntervalS"),
        "verified");
    HAS(whole_tree(&w, "get", "./Virtualization/Config/ProgressMinS", "", NULL), "\"77\"");
    HAS(whole_tree(&w, "copy", "./Virtualization/Config/ProgressMinS", "", "./Nowhere/There"), "failed 404");
    whole_close(&w);
}

static void the_person_at_the_device_is_asked(void)
{
    static struct user accepts = { .mode = USER_ACCEPTS }, denies = { .mode = USER_DENIES };
    static struct exec_user yes = { &accepts, ui_alert_show }, no = { &denies, ui_alert_show };
    struct whole w;
    whole_open(&w, SML_WBXML);
    CU_ASSERT(whole_session(&w));
    HAS(whole_tree(&w, "confirm", "", "", "MAXDT=60\nRestart now?"), "failed 406"); /* nobody is there */
    device_client(w.device)->config.user = &yes;
    HAS(whole_tree(&w, "display", "", "", "\nHello"), "verified 200");
    HAS(whole_tree(&w, "confirm", "", "", "MAXDT=60\nRestart now?"), "verified 200");
    HAS(whole_tree(&w, "input", "", "", "DR=my+name&MAXLEN=20\nName?"), "\"my name\"");
    HAS(whole_tree(&w, "choice", "", "", "DR=2\nWhich?\none\ntwo"), "\"value\":\"2\"");
    const char *both_of_them = whole_tree(&w, "choices", "", "", "DR=1-2\nWhich?\none\ntwo");
    HAS(both_of_them, "\"value\":\"1\"");
    HAS(both_of_them, "\"value\":\"2\"");
    device_client(w.device)->config.user = &no;
    HAS(whole_tree(&w, "confirm", "", "", "\nRestart now?"), "failed 304");
    HAS(whole_tree(&w, "input", "", "", "\nName?"), "failed 214");
    whole_close(&w);
}

static void addresses_too_long_are_told(void)
{
    struct whole w;
    char uri[400];
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    snprintf(uri, sizeof uri, "./VMImages/%0200d", 7);
    HAS(whole_tree(&w, "get", "./DevDetail/URI/MaxSegLen", "", NULL), "verified 200");
    dm_fixture_sql(
        w.l,
        "UPDATE node SET value = '20' WHERE path_id = (SELECT path_id FROM path WHERE uri = './DevDetail/URI/MaxSegLen')");
    HAS(whole_tree(&w, "add", "./VMImages/a-name-of-more-than-twenty", "node", NULL), "failed 414"); /* not sent */
    HAS(dm_fixture_text(w.l, "SELECT reason FROM operation ORDER BY operation_id DESC LIMIT 1"), "not sent");
    dm_fixture_sql(
        w.l,
        "UPDATE node SET value = '0' WHERE path_id = (SELECT path_id FROM path WHERE uri = './DevDetail/URI/MaxSegLen')");
    HAS(whole_tree(&w, "get", uri, "", NULL), "failed 4"); /* no limit known: the device says it */
    whole_close(&w);
}

TEST_MAIN("conformance.whole", TEST_OF("S-214", the_server_and_the_device_settle),
          TEST_OF("S-209", acls_are_read_changed_and_written),
          TEST_OF("S-210", every_property_is_read_and_three_are_written), TEST_OF("S-217", the_case_of_names_is_kept),
          TEST_OF("S-215 X-005", subtrees_are_read_in_every_way),
          TEST_OF("S-203 C-019", values_are_copied_from_leaf_to_leaf),
          TEST_OF("S-213 C-017", the_person_at_the_device_is_asked), TEST_OF("S-216", addresses_too_long_are_told))
