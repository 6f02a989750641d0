/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the checklist about commands that go together and about access rights: what becomes of each command, and
 * what is done when an answer is lost. */
#include "ddf/acl.h"
#include "tests/conformance/whole.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

static const char config[] = "./Virtualization/Config", leaf[] = "./Virtualization/Config/KPIIntervalS";

struct given {
    const char *command, *uri, *format, *data;
};

/* As REST makes it. */
static void ask(struct whole *w, const char *command, const struct given *items, size_t n)
{
    char text[2000];
    snprintf(text, sizeof text,
             "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, tree_command, tree_uri,"
             " correlator, state, created_by, created_ms, updated_ms) VALUES (1, 'tree', 0, 0, '', '', '%s', '',"
             " 'w-' || (SELECT count(*) FROM operation), 'queued', 'test', 1, 1)",
             command);
    dm_fixture_sql(w->l, text);
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text,
                 "INSERT INTO operation_item (operation_id, seq, command, uri, format, data) VALUES"
                 " ((SELECT max(operation_id) FROM operation), %d, '%s', '%s', '%s', %s%s%s)",
                 (int)i + 1, items[i].command, items[i].uri, items[i].format ? items[i].format : "",
                 items[i].data ? "'" : "", items[i].data ? items[i].data : "NULL", items[i].data ? "'" : "");
        dm_fixture_sql(w->l, text);
    }
    whole_want(w);
}

static void ask_acl(struct whole *w, const char *uri, const char *args)
{
    char text[1000];
    snprintf(text, sizeof text,
             "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, tree_command, tree_uri,"
             " correlator, state, created_by, created_ms, updated_ms) VALUES (1, 'tree', 0, 0, '', '%s', 'acl', '%s',"
             " 'w-' || (SELECT count(*) FROM operation), 'queued', 'test', 1, 1)",
             args, uri);
    dm_fixture_sql(w->l, text);
    whole_want(w);
}

/* The last operation: state, code, reason. */
static const char *became(struct whole *w)
{
    static char out[2000];
    snprintf(out, sizeof out, "%s",
             dm_fixture_text(
                 w->l,
                 "SELECT state || ' ' || code || ' ' || reason FROM operation ORDER BY operation_id DESC LIMIT 1"));
    return out;
}

/* Its commands' codes: "216 404 215" */
static const char *codes(struct whole *w)
{
    static char out[1000];
    snprintf(out, sizeof out, "%s",
             dm_fixture_text(w->l,
                             "SELECT group_concat(code, ' ') FROM (SELECT code FROM operation_item WHERE operation_id ="
                             " (SELECT max(operation_id) FROM operation) ORDER BY seq)"));
    return out;
}

static const char *finish(struct whole *w)
{
    for (int i = 0; i < 3; i++) CU_ASSERT(whole_session(w));
    return became(w);
}

static const char *run(struct whole *w, const char *command, const struct given *items, size_t n)
{
    ask(w, command, items, n);
    return finish(w);
}
#define RUN(w, command, ...)                                                                                           \
    run((w), command, (const struct given[]){ __VA_ARGS__ },                                                           \
        sizeof((const struct given[]){ __VA_ARGS__ }) / sizeof(struct given))
#define ASK(w, command, ...)                                                                                           \
    ask((w), command, (const struct given[]){ __VA_ARGS__ },                                                           \
        sizeof((const struct given[]){ __VA_ARGS__ }) / sizeof(struct given))

static void is_value(struct whole *w, const char *name, const char *want)
{
    char uri[200];
    snprintf(uri, sizeof uri, "%s/%s", config, name);
    HAS(whole_tree(w, "get", uri, "", NULL), want);
}

static const struct given interval = { "replace", "./Virtualization/Config/KPIIntervalS", "int", "77" },
                          progress = { "replace", "./Virtualization/Config/ProgressMinS", "int", "9" },
                          image = { "add", "./VMImages/one", "node", NULL },
                          nothing = { "replace", "./VMImages/none/Name", "chr", "x" };

static void an_atomic_is_done_and_read_back(void)
{
    static const enum sml_type both[] = { SML_XML, SML_WBXML };
    for (size_t t = 0; t < 2; t++) {
        struct whole w;
        whole_open(&w, both[t]);
        CU_ASSERT(whole_session(&w));
        HAS(RUN(&w, "atomic", interval, image, progress), "verified");
        CU_ASSERT_STRING_EQUAL(codes(&w), "200 200 200");
        HAS(dm_fixture_text(w.l, "SELECT seen FROM operation_item WHERE seq = 3"), "9");
        is_value(&w, "KPIIntervalS", "\"77\"");
        CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT count(*) FROM failure"), 0);
        whole_close(&w);
    }
}

static void an_atomic_that_fails_says_which_command_and_what_of_the_others(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    const char *is = RUN(&w, "atomic", interval, nothing, progress);
    HAS(is, "failed 507 the Atomic failed: command 2 (replace ./VMImages/none/Name): 404");
    HAS(is, "1 was undone (216); 1 was not carried out (215)");
    CU_ASSERT_STRING_EQUAL(codes(&w), "216 404 215");
    is_value(&w, "KPIIntervalS", "verified");
    CU_ASSERT_PTR_NULL(
        strstr(dm_fixture_text(w.l, "SELECT tree_result FROM operation ORDER BY operation_id DESC LIMIT 1"), "77"));
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT count(*) FROM failure"), 0); /* policies are not held up by it */
    whole_close(&w);
}

static void a_sequence_reads_and_writes_in_its_order(void)
{
    struct whole w;
    const struct given get = { "get", "./Virtualization/Config/KPIIntervalS", NULL, NULL };
    whole_open(&w, SML_WBXML);
    CU_ASSERT(whole_session(&w));
    HAS(RUN(&w, "sequence", interval, get), "verified");
    HAS(dm_fixture_text(w.l, "SELECT result FROM operation_item WHERE seq = 2"), "\"77\"");
    HAS(RUN(&w, "sequence", get, get), "verified");
    HAS(RUN(&w, "sequence", get, nothing, progress), "failed 404 command 2 (replace ./VMImages/none/Name)");
    whole_close(&w);
}

static void a_sequence_stops_where_the_person_says_no(void)
{
    static struct user denies = { .mode = USER_DENIES }, accepts = { .mode = USER_ACCEPTS };
    static struct exec_user no = { &denies, ui_alert_show }, yes = { &accepts, ui_alert_show };
    const struct given question = { "confirm", "", "", "MAXDT=60\nChange it?" };
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    device_client(w.device)->config.user = &no;
    const char *is = RUN(&w, "sequence", progress, question, interval);
    HAS(is, "failed 304 command 2 (confirm): 304 the user refused");
    HAS(is, "1 was carried out; 1 was not carried out (215)");
    CU_ASSERT_STRING_EQUAL(codes(&w), "200 304 215");
    HAS(RUN(&w, "atomic", progress, question, interval), "failed 507 the Atomic failed: command 2 (confirm)");
    CU_ASSERT_STRING_EQUAL(codes(&w), "216 304 215");
    device_client(w.device)->config.user = &yes;
    HAS(RUN(&w, "sequence", progress, question, interval), "verified");
    whole_close(&w);
}

/* The device did it, and its answer was lost: it is asked, and nothing is done twice. */
static void a_lost_answer_is_read_back_before_anything_is_repeated(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    ASK(&w, "atomic", interval, image);
    w.lose_post = 2;
    CU_ASSERT(!whole_session(&w));
    w.lose_post = 0;
    HAS(became(&w), "sent");
    HAS(finish(&w), "verified");
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT tries FROM operation"), 1);
    CU_ASSERT_STRING_EQUAL(codes(&w), "0 0");
    whole_close(&w);
}

/* It was sent, and the device never saw it. */
static void what_did_not_arrive_is_sent_again(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    ASK(&w, "sequence", interval, image);
    dm_fixture_sql(w.l, "UPDATE operation SET state = 'sent', tries = 1");
    HAS(finish(&w), "verified");
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT tries FROM operation"), 2);
    CU_ASSERT_STRING_EQUAL(codes(&w), "200 200");
    ASK(&w, "sequence", { "replace", "./Virtualization/Config/KPIIntervalS", "int", "78" },
        { "add", "./VMImages/one", "node", NULL });
    dm_fixture_sql(w.l, "UPDATE operation SET state = 'sent', tries = 1 WHERE state = 'queued'");
    HAS(finish(&w), "failed 0 its answer was lost; the device has 1 of its 2 changes");
    whole_close(&w);
}

static void what_cannot_be_in_order_is_not_sent(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    HAS(RUN(&w, "atomic", interval, { "replace", "./DevInfo/DevId", "chr", "x" }), "failed 405 command 2: replace");
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT tries FROM operation"), 0);
    CU_ASSERT_STRING_EQUAL(codes(&w), "0 0");
    whole_close(&w);
}

static void a_list_is_read_changed_written_and_read_back(void)
{
    struct whole w;
    whole_open(&w, SML_WBXML);
    CU_ASSERT(whole_session(&w));
    ask_acl(&w, leaf, "");
    HAS(finish(&w), "verified 200 inherited from ./Virtualization/Config: Get=*&Replace=com.acme.dm");
    ask_acl(&w, leaf, "grant=Get=org.oper&Exec=org.oper");
    HAS(finish(&w), "verified 200 the device reports this list");
    CU_ASSERT(ddf_acl_same(tree_acl(device_env(w.device)->tree, str_of(leaf)),
                           STR("Exec=org.oper&Get=*&Replace=com.acme.dm")));
    ask_acl(&w, leaf, "revoke=Get=*;grant=Get=com.acme.dm+org.oper");
    HAS(finish(&w), "verified 200 the device reports this list");
    CU_ASSERT(ddf_acl_same(tree_acl(device_env(w.device)->tree, str_of(leaf)),
                           STR("Exec=org.oper&Get=com.acme.dm+org.oper&Replace=com.acme.dm")));
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT tries FROM operation ORDER BY operation_id DESC LIMIT 1"), 1);
    HAS(dm_fixture_text(
            w.l, "SELECT group_concat(command, ' ') FROM (SELECT command FROM operation_item WHERE operation_id ="
                 " (SELECT max(operation_id) FROM operation) ORDER BY seq)"),
        "get replace get");
    ask_acl(&w, leaf, "grant=Get=org.oper");
    HAS(finish(&w), "verified 200 no change needed");
    ask_acl(&w, leaf, "");
    HAS(finish(&w), "verified 200 its own: Exec=org.oper&Get=com.acme.dm+org.oper&Replace=com.acme.dm");
    whole_close(&w);
}

static void nobody_locks_himself_out(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    ask_acl(&w, config, "grant=Replace=com.acme.dm");
    HAS(finish(&w), "verified");
    ask_acl(&w, config, "revoke=Replace=com.acme.dm");
    HAS(finish(&w), "failed 0 this authority (com.acme.dm) would take Replace from itself");
    CU_ASSERT(ddf_acl_allows(tree_acl(device_env(w.device)->tree, str_of(config)), DDF_REPLACE, STR("com.acme.dm")));
    ask_acl(&w, config, "revoke=Get=org.oper");
    HAS(finish(&w), "failed 0 all servers (*) have Get");
    ask_acl(&w, config, "revoke=Add=*&Delete=*&Exec=*&Get=*&Replace=*;force=1");
    HAS(finish(&w), "failed 0 the list would be empty");
    ask_acl(&w, "./Nowhere", "grant=Get=*");
    HAS(finish(&w), "failed 404 ./Nowhere?prop=ACL cannot be read: 404 not found");
    ask_acl(&w, config, "revoke=Replace=com.acme.dm;force=1");
    HAS(finish(&w), "verified");
    CU_ASSERT(!ddf_acl_allows(tree_acl(device_env(w.device)->tree, str_of(config)), DDF_REPLACE, STR("com.acme.dm")));
    whole_close(&w);
}

/* The list was written and the answer lost: what it is now is read before it is changed again. */
static void a_lost_list_is_read_again(void)
{
    struct whole w;
    whole_open(&w, SML_XML);
    CU_ASSERT(whole_session(&w));
    ask_acl(&w, leaf, "grant=Exec=org.oper");
    w.lose_post = 4; /* two lists were read, then one was written */
    CU_ASSERT(!whole_session(&w));
    w.lose_post = 0;
    HAS(became(&w), "sent");
    CU_ASSERT(ddf_acl_allows(tree_acl(device_env(w.device)->tree, str_of(leaf)), DDF_EXEC, STR("org.oper")));
    HAS(finish(&w), "verified 200 no change needed");
    CU_ASSERT_EQUAL(dm_fixture_int(w.l, "SELECT tries FROM operation"), 1);
    whole_close(&w);
}

TEST_MAIN("conformance.groups", TEST_OF("S-211", an_atomic_is_done_and_read_back),
          TEST_OF("S-211", an_atomic_that_fails_says_which_command_and_what_of_the_others),
          TEST_OF("S-202", a_sequence_reads_and_writes_in_its_order),
          TEST_OF("S-212", a_sequence_stops_where_the_person_says_no),
          TEST_OF("S-211", a_lost_answer_is_read_back_before_anything_is_repeated),
          TEST(what_did_not_arrive_is_sent_again), TEST_OF("S-202 S-220", what_cannot_be_in_order_is_not_sent),
          TEST_OF("S-209", a_list_is_read_changed_written_and_read_back), TEST_OF("S-209", nobody_locks_himself_out),
          TEST_OF("S-209", a_lost_list_is_read_again))
