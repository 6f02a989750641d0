/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/uri.h"
#include "tests/lib/test.h"
#include <string.h>

static void accepts_and_refuses_as_the_spec_says(void)
{
    static const struct {
        const char *text;
        enum rc want;
        unsigned depth;
    } row[] = {
        { ".", RC_OK, 0 },
        { "DevInfo/DevId", RC_OK, 2 },
        { "./DevInfo/DevId", RC_OK, 2 },
        { "./a.b/.c", RC_OK, 2 },
        { "./a/...", RC_OK, 2 },
        { "./%2F/a%20b", RC_OK, 2 },
        { "", RC_PARSE, 9 },
        { "./", RC_PARSE, 9 },
        { "/", RC_PARSE, 9 },
        { "/DevInfo", RC_PARSE, 9 },
        { "./DevInfo/", RC_PARSE, 9 },
        { "./a//b", RC_PARSE, 9 },
        { "./a/../b", RC_PARSE, 9 },
        { "../a", RC_PARSE, 9 },
        { "..", RC_PARSE, 9 },
        { "./a/./b", RC_PARSE, 9 },
        { "././a", RC_PARSE, 9 },
        { "./1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", RC_OK, 17 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct ddf_uri u = { .depth = 9 }; /* untouched on failure */
        struct err e = { 0 };
        CU_ASSERT_EQUAL(ddf_uri_parse(str_of(row[i].text), &u, &e), row[i].want);
        CU_ASSERT_EQUAL(u.depth, row[i].depth);
        CU_ASSERT_EQUAL(e.rc, row[i].want);
        CU_ASSERT_EQUAL(ddf_uri_parse(str_of(row[i].text), &u, NULL), row[i].want);
    }
}

static void has_ceilings(void)
{
    char text[DDF_URI_BYTES + 16], deep[2 * DDF_URI_NAMES + 3] = ".";
    struct ddf_uri u;
    for (size_t i = 0; i < DDF_URI_NAMES; i++) memcpy(deep + 1 + 2 * i, "/a", 3);
    CU_ASSERT_EQUAL(ddf_uri_parse(str_of(deep), &u, NULL), RC_OK);
    CU_ASSERT_EQUAL(u.depth, DDF_URI_NAMES);
    memcpy(deep + 1 + 2 * DDF_URI_NAMES, "/b", 2);
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ deep, sizeof deep }, &u, NULL), RC_LIMIT);
    memset(text, 'a', sizeof text);
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ text, DDF_NAME_BYTES }, &u, NULL), RC_OK);
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ text, DDF_NAME_BYTES + 1 }, &u, NULL), RC_LIMIT);
    for (size_t i = 50; i < sizeof text; i += 50) text[i] = '/';
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ text, DDF_URI_BYTES - 2 }, &u, NULL),
                    RC_OK); /* its canonical text has "./" */
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ text, DDF_URI_BYTES - 1 }, &u, NULL), RC_LIMIT);
    memcpy(text, "./", 2);
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ text, DDF_URI_BYTES }, &u, NULL), RC_OK);
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ text, DDF_URI_BYTES + 1 }, &u, NULL), RC_LIMIT);
    CU_ASSERT_EQUAL(ddf_uri_parse((struct str){ "a\0b", 3 }, &u, NULL), RC_PARSE);
}

static void one_address_has_one_canonical_text(void)
{
    static const struct {
        const char *text, *want;
    } row[] = {
        { ".", "." },
        { "./A/B", "./A/B" },
        { "A/B", "./A/B" },
        { "./%41/b", "./%41/b" },
    };
    struct arena a;
    struct str out;
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(ddf_uri_canonical(str_of(row[i].text), &a, &out, NULL), RC_OK);
        CU_ASSERT(str_is(out, row[i].want));
    }
    CU_ASSERT_EQUAL(ddf_uri_canonical(STR("./A/"), &a, &out, NULL), RC_PARSE);
    arena_finish(&a);
}

static void joins_and_takes_apart(void)
{
    struct arena a;
    arena_init(&a, 4096);
    CU_ASSERT(str_is(ddf_uri_join(&a, STR("./A"), STR("B/C")), "./A/B/C"));
    CU_ASSERT(str_is(ddf_uri_join(&a, STR("."), STR("A")), "./A"));
    CU_ASSERT(str_is(ddf_uri_join(&a, STR("./A"), STR("")), "./A"));
    CU_ASSERT(str_is(ddf_uri_parent(STR("./A/B")), "./A"));
    CU_ASSERT(str_is(ddf_uri_parent(STR("./A")), "."));
    CU_ASSERT(str_is(ddf_uri_parent(STR(".")), ""));
    CU_ASSERT(str_is(ddf_uri_name(STR("./A/B")), "B"));
    CU_ASSERT(str_is(ddf_uri_name(STR("./A")), "A"));
    CU_ASSERT(str_is(ddf_uri_name(STR(".")), ""));
    CU_ASSERT(ddf_uri_within(STR("./A/B"), STR("./A")));
    CU_ASSERT(ddf_uri_within(STR("./A"), STR("./A")));
    CU_ASSERT(ddf_uri_within(STR("./A"), STR(".")));
    CU_ASSERT_FALSE(ddf_uri_within(STR("./AB"), STR("./A")));
    CU_ASSERT_FALSE(ddf_uri_within(STR("."), STR("./A")));
    arena_finish(&a);
}

static void splits_off_what_is_asked_for(void)
{
    static const struct {
        const char *text;
        enum rc want;
        const char *base;
        enum ddf_query query;
        const char *arg;
    } row[] = {
        { "./A", RC_OK, "./A", DDF_QUERY_NONE, "" },
        { "./A?prop=ACL", RC_OK, "./A", DDF_QUERY_PROP, "ACL" },
        { "./A?prop=VerNo", RC_OK, "./A", DDF_QUERY_PROP, "VerNo" },
        { "./A?list=Struct", RC_OK, "./A", DDF_QUERY_STRUCT, "" },
        { "./A?list=StructData", RC_OK, "./A", DDF_QUERY_STRUCT_DATA, "" },
        { "./A?list=TNDS", RC_OK, "./A", DDF_QUERY_TNDS, "" },
        { "./A?list=TNDS+Value", RC_OK, "./A", DDF_QUERY_TNDS, "+Value" },
        { "./A?list=TNDS+Value+ACL", RC_OK, "./A", DDF_QUERY_TNDS, "+Value+ACL" },
        { "./A?list=TNDS-Format-Type", RC_OK, "./A", DDF_QUERY_TNDS, "-Format-Type" },
        { "./A?list=TNDS-Format+Type", RC_PARSE, NULL, DDF_QUERY_NONE, NULL }, /* not to be mixed */
        { "./A?list=TNDS+", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
        { "./A?list=TNDSValue", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
        { "./A?list=TNDS+Colour", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
        { "./A?list=Nothing", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
        { "./A?prop=Value", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
        { "./A?prop=acl", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
        { "./A?", RC_PARSE, NULL, DDF_QUERY_NONE, NULL },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str base = { 0 }, arg = { 0 };
        enum ddf_query q = DDF_QUERY_NONE;
        CU_ASSERT_EQUAL(ddf_uri_split_query(str_of(row[i].text), &base, &q, &arg, NULL), row[i].want);
        CU_ASSERT_EQUAL(q, row[i].query);
        CU_ASSERT(str_eq(base, str_of(row[i].base)));
        CU_ASSERT(str_eq(arg, str_of(row[i].arg)));
    }
}

static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit++) {
        struct arena a;
        struct str out;
        CU_ASSERT_FATAL(limit < 4096);
        arena_init(&a, limit);
        rc = ddf_uri_canonical(STR("DevInfo/DevId"), &a, &out, NULL);
        CU_ASSERT(rc == RC_OK || ddf_uri_join(&a, STR("./DevInfo"), STR("DevId")).p == NULL || limit > 15);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

TEST_MAIN("ddf.uri", TEST(accepts_and_refuses_as_the_spec_says), TEST(has_ceilings),
          TEST(one_address_has_one_canonical_text), TEST(joins_and_takes_apart), TEST(splits_off_what_is_asked_for),
          TEST(survives_running_out_of_memory))
