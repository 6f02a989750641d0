/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/acl.h"
#include "tests/lib/test.h"
#include <string.h>

static void grammar_is_that_of_the_specification(void)
{
    static const struct {
        const char *acl;
        enum rc want;
        unsigned column;
    } row[] = {
        { "", RC_OK, 0 },
        { "Get=*", RC_OK, 0 },
        { "Get=*&Replace=dm.example.net+ops.example.net", RC_OK, 0 },
        { "Add=a&Delete=a&Exec=a&Get=a&Replace=a", RC_OK, 0 },
        { "Get=*+a", RC_OK, 0 },
        { "Copy=*", RC_PARSE, 1 }, /* no such right */
        { "get=*", RC_PARSE, 1 },
        { "Get", RC_PARSE, 1 },
        { "Get=", RC_PARSE, 1 }, /* a command without ids must not appear */
        { "Get=a+", RC_PARSE, 1 },
        { "Get=+a", RC_PARSE, 1 },
        { "Get=a&", RC_PARSE, 7 },
        { "&Get=a", RC_PARSE, 1 },
        { "Get=a&Set=b", RC_PARSE, 7 },
        { "Get=a b", RC_PARSE, 1 },
        { "Get=a=b", RC_PARSE, 1 },
        { "Get=a*", RC_PARSE, 1 },
        { "Get=a&Get=b", RC_PARSE, 7 },
        { " Get=a", RC_PARSE, 1 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct err e = { 0 };
        CU_ASSERT_EQUAL(ddf_acl_check(str_of(row[i].acl), &e), row[i].want);
        CU_ASSERT_EQUAL(e.column, row[i].column);
        if (e.rc != row[i].want || e.column != row[i].column)
            fprintf(stderr, "%s: %s %u\n", row[i].acl, e.text, e.column);
    }
}

static void says_who_may_do_what(void)
{
    struct str acl = STR("Get=*&Replace=it+ops&Exec=it");
    CU_ASSERT(ddf_acl_allows(acl, DDF_GET, STR("anyone")));
    CU_ASSERT(ddf_acl_allows(acl, DDF_REPLACE, STR("ops")));
    CU_ASSERT_FALSE(ddf_acl_allows(acl, DDF_REPLACE, STR("op")));
    CU_ASSERT_FALSE(ddf_acl_allows(acl, DDF_REPLACE, STR("opsy")));
    CU_ASSERT_FALSE(ddf_acl_allows(acl, DDF_EXEC, STR("ops")));
    CU_ASSERT_FALSE(ddf_acl_allows(acl, DDF_DELETE, STR("it")));
    CU_ASSERT_FALSE(ddf_acl_allows(acl, DDF_COPY, STR("it")));
    CU_ASSERT_FALSE(ddf_acl_allows(STR(""), DDF_GET, STR("it")));
    CU_ASSERT_FALSE(ddf_acl_allows(STR("Get="), DDF_GET, STR("")));
}

/* C-117: a deleted account leaves no trace in any ACL. */
static void takes_a_server_out(void)
{
    static const struct {
        const char *acl, *want;
    } row[] = {
        { "Get=*&Replace=it+ops", "Get=*&Replace=ops" },
        { "Replace=it", "" },
        { "Get=ops&Replace=it&Delete=it+ops", "Get=ops&Delete=ops" },
        { "Get=ops", "Get=ops" },
        { "", "" },
    };
    struct arena a;
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str out = STR("?");
        CU_ASSERT_EQUAL(ddf_acl_without(str_of(row[i].acl), STR("it"), &a, &out), RC_OK);
        CU_ASSERT(str_is(out, row[i].want));
    }
    arena_finish(&a);
}

static void puts_a_server_in(void)
{
    static const struct {
        const char *acl;
        unsigned commands;
        const char *want;
    } row[] = {
        { "", DDF_GET, "Get=it" },
        { "", DDF_DELETE | DDF_GET | DDF_REPLACE, "Delete=it&Get=it&Replace=it" },
        { "Get=*", DDF_GET, "Get=*" },
        { "Get=it", DDF_GET, "Get=it" },
        { "Get=ops", DDF_GET | DDF_EXEC, "Get=ops+it&Exec=it" },
        { "Get=ops", DDF_COPY, "Get=ops" },
        { "Get=ops", 0, "Get=ops" },
    };
    struct arena a;
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str out = STR("?");
        CU_ASSERT_EQUAL(ddf_acl_with(str_of(row[i].acl), row[i].commands, STR("it"), &a, &out), RC_OK);
        CU_ASSERT(str_is(out, row[i].want));
        CU_ASSERT_EQUAL(ddf_acl_check(out, NULL), RC_OK);
    }
    arena_finish(&a);
}

static void rights_are_taken_and_given(void)
{
    static const struct {
        const char *acl, *grant, *revoke, *want;
    } row[] = {
        { "Get=*&Replace=it", "Get=ops", "", "Get=*&Replace=it" },
        { "Get=*&Replace=it", "Replace=ops+it", "", "Get=*&Replace=it+ops" },
        { "Get=*&Replace=it", "Replace=*", "", "Get=*&Replace=*" },
        { "Add=*&Get=*", "Replace=it", "Add=*", "Get=*&Replace=it" },
        { "Get=it+ops&Replace=it", "", "Replace=*", "Get=it+ops" },
        { "Get=it+ops&Replace=it", "", "Get=ops", "Get=it&Replace=it" },
        { "Get=*", "Get=it", "Get=*", "Get=it" },
        { "Get=it", "Get=it", "Get=it", "Get=it" },
        { "Get=it", "", "Get=it", "" },
        { "Get=it", "", "Exec=ops", "Get=it" },
        { "", "Exec=it", "", "Exec=it" },
        { "Get=*", "", "Get=ops", NULL },
    };
    struct arena a;
    struct err e = { 0 };
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str out = STR("?");
        enum rc rc = ddf_acl_change(str_of(row[i].acl), str_of(row[i].grant), str_of(row[i].revoke), &a, &out, &e);
        CU_ASSERT_EQUAL(rc, row[i].want ? RC_OK : RC_INVALID);
        CU_ASSERT(rc || str_is(out, row[i].want));
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "revoke Get=*"));
    arena_finish(&a);
}

static void the_same_in_another_order_is_the_same(void)
{
    CU_ASSERT(ddf_acl_same(STR("Get=a+b&Add=c"), STR("Add=c&Get=b+a")));
    CU_ASSERT(ddf_acl_same(STR(""), STR("")));
    CU_ASSERT(!ddf_acl_same(STR("Get=a"), STR("Get=a+b")));
    CU_ASSERT(!ddf_acl_same(STR("Get=a+b"), STR("Get=a")));
    CU_ASSERT(!ddf_acl_same(STR("Get=a"), STR("Add=a")));
    CU_ASSERT(!ddf_acl_same(STR("Get=a"), STR("")));
}

static void survives_running_out_of_memory(void)
{
    struct arena a;
    struct str out;
    arena_init(&a, 4);
    CU_ASSERT_EQUAL(ddf_acl_with(STR("Get=ops"), DDF_GET, STR("it"), &a, &out), RC_NOMEM);
    CU_ASSERT_EQUAL(ddf_acl_without(STR("Get=ops"), STR("it"), &a, &out), RC_NOMEM);
    CU_ASSERT_EQUAL(ddf_acl_change(STR("Get=ops"), STR("Get=it"), STR(""), &a, &out, NULL), RC_NOMEM);
    arena_finish(&a);
}

TEST_MAIN("ddf.acl", TEST_OF("S-209", grammar_is_that_of_the_specification), TEST(says_who_may_do_what),
          TEST_OF("C-117 S-209", takes_a_server_out), TEST_OF("S-209", puts_a_server_in),
          TEST_OF("S-209", rights_are_taken_and_given), TEST_OF("S-209", the_same_in_another_order_is_the_same),
          TEST(survives_running_out_of_memory))
