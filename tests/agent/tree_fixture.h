/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGENT_TREE_FIXTURE_H
#define TESTS_AGENT_TREE_FIXTURE_H
/* A small management tree of its own, with objects that say what they are told. */
#include "agent/dm/commands.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <string.h>

#define LEAF(name, access, format, occurrence, more)                                                                   \
    "<Node><NodeName>" name "</NodeName><DFProperties><AccessType>" access "</AccessType><DFFormat><" format           \
    "/></DFFormat>"                                                                                                    \
    "<Occurrence><" occurrence "/></Occurrence><Scope><Dynamic/></Scope>" more                                         \
    "<DFType><MIME>text/plain</MIME></DFType>"                                                                         \
    "</DFProperties></Node>"
#define INNER(name, access, occurrence, scope)                                                                         \
    "<Node><NodeName>" name "</NodeName><DFProperties><AccessType>" access "</AccessType><DFFormat><node/></DFFormat>" \
    "<Occurrence><" occurrence "/></Occurrence><Scope><" scope                                                         \
    "/></Scope><DFType><DDFName>urn:oma:mo:x-test:1.0</DDFName>"                                                       \
    "</DFType></DFProperties>"

static const char ddf[] =
    "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>"
    "<Node><NodeName>Acme</NodeName><Path>.</Path><DFProperties><AccessType><Get/></AccessType><DFFormat><node/></DFFormat>"
    "<Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName>urn:oma:mo:x-acme:1.0</DDFName></DFType></DFProperties>" LEAF(
        "Fixed", "<Get/>", "chr", "One", "<DefaultValue>stone</DefaultValue>")
        LEAF("Text", "<Get/><Replace/>", "chr", "One", "<DefaultValue>old</DefaultValue>")
            LEAF("Number", "<Get/><Replace/>", "int", "One", "<DefaultValue>7</DefaultValue>")
                LEAF("Flag", "<Get/><Replace/>", "bool", "One", "") LEAF("Secret", "<Replace/>", "chr", "One", "")
                    LEAF("Bytes", "<Get/><Replace/>", "bin", "One", "") LEAF("Live", "<Get/>", "chr", "ZeroOrOne", "")
                        LEAF("Run", "<Exec/>", "null", "One", "")
                            LEAF("Option", "<Get/><Replace/><Delete/><Add/>", "chr", "ZeroOrOne",
                                 "<DefaultValue>maybe</DefaultValue>")
                                INNER("Empty", "<Get/>", "One", "Permanent") "</Node>"
                                                                             "</Node></MgmtTree>";

static const char more_ddf[] =
    "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>"
    "<Node><NodeName>List</NodeName><Path>./Acme</Path><DFProperties><AccessType><Get/><Add/></AccessType><DFFormat><node/></DFFormat>"
    "<Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName/></DFType></DFProperties>" INNER(
        "", "<Get/><Add/><Delete/>", "ZeroOrMore",
        "Dynamic") LEAF("Name", "<Get/><Replace/>", "chr", "One",
                        "<DefaultValue>nobody</DefaultValue>") LEAF("Size", "<Get/><Replace/>", "int", "One",
                                                                    "<DefaultValue>1</DefaultValue>")
        INNER("Sub", "<Get/><Add/>", "One", "Dynamic") INNER("", "<Get/><Add/><Delete/>", "ZeroOrMore", "Dynamic") LEAF(
            "Leaf", "<Get/><Replace/>", "chr", "One",
            "") "</Node>"
                "</Node>"
                "</Node>"
                "</Node>"
                "<Node><NodeName>Inbox</NodeName><Path>.</Path><DFProperties><AccessType><Add/></AccessType><DFFormat><node/></DFFormat>"
                "<Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName/></DFType></DFProperties></Node>"
                "</MgmtTree>";

enum { TREE_FIXTURE_BORN_S = 1900000000 }; /* 2030-03-17 17:46:40 UTC */
#define TREE_FIXTURE_BORN_MS (TREE_FIXTURE_BORN_S * INT64_C(1000))

static struct tree_fixture {
    struct ddf_schema *schema;
    struct tree_model *model;
    struct tree *tree;
    struct arena a;
    int told, execs;
    bool live, frozen;
} * now;

static inline bool get_live(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct tree_fixture *w = ctx;
    (void)at, (void)a;
    *out = STR("alive");
    return w->live;
}

static inline void told(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct tree_fixture *w = ctx;
    (void)at, (void)what, (void)old;
    w->told++;
}

static inline int run(void *ctx, const struct tree_at *at, const struct tree_call *call)
{
    struct tree_fixture *w = ctx;
    (void)at;
    w->execs++;
    return str_is(call->args, "later") ? 202 : 1200;
}

static inline int check_text(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    (void)ctx, (void)at, (void)command;
    return str_is(value, "forbidden") ? 403 : 200;
}

static inline bool fresh(void *ctx, const struct tree_at *at)
{
    const struct tree_fixture *w = ctx;
    (void)at;
    return !w->frozen;
}

static inline void open_world(struct tree_fixture *w)
{
    struct err e = { 0 };
    char text[400];

    memset(w, 0, sizeof *w);
    now = w;
    arena_init(&w->a, 16 << 20);
    w->schema = ddf_schema_create();
    CU_ASSERT_EQUAL(ddf_schema_load(w->schema, str_of(ddf), "test.ddf", &e), RC_OK);
    CU_ASSERT_EQUAL(ddf_schema_load(w->schema, str_of(more_ddf), "more.ddf", &e), RC_OK);
    if (e.rc) puts(err_format(&e, text, sizeof text));
    w->model = tree_model_create(w->schema, NULL);
    CU_ASSERT_EQUAL(tree_model_row(w->model, STR("./Acme/Live"), &(struct tree_row){ .get = get_live }, NULL), RC_OK);
    CU_ASSERT_EQUAL(tree_model_row(w->model, STR("./Acme/Run"), &(struct tree_row){ .exec = run }, NULL), RC_OK);
    CU_ASSERT_EQUAL(tree_model_row(w->model, STR("./Acme/Text"),
                                   &(struct tree_row){ .check = check_text, .changed = told }, NULL),
                    RC_OK);
    CU_ASSERT_EQUAL(tree_model_row(w->model, STR("./Acme/List/*"),
                                   &(struct tree_row){ .changed = told, .fresh = fresh }, NULL),
                    RC_OK);
    CU_ASSERT_EQUAL(tree_model_row(w->model, STR("./Acme/Nothing"), &(struct tree_row){ .get = get_live }, NULL),
                    RC_NOT_FOUND);
    w->tree = tree_create(w->model, w, TREE_FIXTURE_BORN_MS);
}

static inline void close_world(struct tree_fixture *w)
{
    tree_destroy(w->tree);
    tree_model_destroy(w->model);
    ddf_schema_destroy(w->schema);
    arena_finish(&w->a);
}

#define LOCAL                                                                                                          \
    (struct str)                                                                                                       \
    {                                                                                                                  \
        0                                                                                                              \
    }
static inline int get_as(const char *server, const char *uri, char *out, size_t n)
{
    struct tree_leaf *list = NULL;
    size_t count = 0;
    int status = tree_get(now->tree, str_of(server), str_of(uri), &now->a, &list, &count);

    out[0] = 0;
    if (status == 200 && count == 1) snprintf(out, n, "%.*s", STR_ARG(list[0].data));
    return status;
}

static inline int add_as(const char *server, const char *uri, const char *format, const char *data)
{
    int status = tree_add(now->tree, str_of(server), str_of(uri), str_of(format), LOCAL, str_of(data), data != NULL,
                          &now->a);
    tree_done(now->tree);
    return status;
}

static inline int replace_as(const char *server, const char *uri, const char *format, const char *data)
{
    int status = tree_replace(now->tree, str_of(server), str_of(uri), str_of(format), LOCAL, str_of(data), true,
                              &now->a);
    tree_done(now->tree);
    return status;
}

static inline int delete_as(const char *server, const char *uri)
{
    int status = tree_delete(now->tree, str_of(server), str_of(uri), &now->a);
    tree_done(now->tree);
    return status;
}

#define IS(expect_status, uri, expect_text)                                                                            \
    do {                                                                                                               \
        char got_[1024];                                                                                               \
        CU_ASSERT_EQUAL(get_as("", uri, got_, sizeof got_), expect_status);                                            \
        CU_ASSERT_STRING_EQUAL(got_, expect_text);                                                                     \
        if (strcmp(got_, expect_text)) printf("%s: %s instead of %s\n", uri, got_, expect_text);                       \
    } while (0)
#endif
