/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_config.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static char folder[64];

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
    return path;
}

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/ctl-config-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    unsetenv("DMVISOR_SERVER");
    unsetenv("DMVISOR_TOKEN");
    unsetenv("DMVISOR_CA");
    unsetenv("DMVISOR_AUTHORITY");
}

static void end(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void what_is_saved_is_loaded(void)
{
    struct arena a;
    struct ctl_contexts c = { .n = 2 }, back;
    struct err e = { 0 };
    struct stat st;
    char path[128];
    begin();
    arena_init(&a, 1 << 22);
    snprintf(path, sizeof path, "%s/deep/er/config.yaml", folder);
    c.path = path;
    c.current = "two \"quoted\"";
    c.row[0] = (struct ctl_context){
        .name = "one", .server = "https://a:1", .token = "t1", .ca = "/ca.pem", .authority = "acme"
    };
    c.row[1] = (struct ctl_context){ .name = "two \"quoted\"", .server = "https://b:2", .insecure = true };
    CU_ASSERT_EQUAL(ctl_contexts_save(&c, &e), RC_OK);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(ctl_contexts_load(path, &a, &back, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(back.n, 2);
    CU_ASSERT_FALSE(back.open_to_others);
    CU_ASSERT_STRING_EQUAL(back.current, c.current);
    CU_ASSERT_STRING_EQUAL(back.row[0].token, "t1");
    CU_ASSERT_STRING_EQUAL(back.row[0].authority, "acme");
    CU_ASSERT_FALSE(back.row[0].insecure);
    CU_ASSERT_PTR_NULL(back.row[1].token);
    CU_ASSERT_TRUE(back.row[1].insecure);
    CU_ASSERT_PTR_EQUAL(ctl_contexts_find(&back, "one"), &back.row[0]);
    CU_ASSERT_PTR_NULL(ctl_contexts_find(&back, "three"));
    back.n = 0; /* saving again replaces the file */
    back.current = NULL;
    CU_ASSERT_EQUAL(ctl_contexts_save(&back, &e), RC_OK);
    CU_ASSERT_EQUAL(ctl_contexts_load(path, &a, &back, &e), RC_OK);
    CU_ASSERT_EQUAL(back.n, 0);
    arena_finish(&a);
    end();
}

static void mistakes_are_told_with_their_place(void)
{
    static const struct {
        const char *text, *where;
        unsigned line;
    } row[] = {
        { "current: x\nfoo: 1\n", "foo", 2 },
        { "contexts:\n  - name: a\n", "server", 2 },
        { "contexts:\n  - name: a\n    server: b\n    tokn: c\n", "possible", 4 },
        { "contexts:\n  - name: a\n    server: [b]\n", "text", 3 },
        { "contexts:\n  - name: a\n    server: b\n    insecure: maybe\n", "true", 4 },
        { "contexts: 5\n", "list", 1 },
        { "contexts: [\n", "", 2 },
        { "just text\n", "contexts", 1 },
    };
    begin();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct ctl_contexts c;
        struct err e = { 0 };
        arena_init(&a, 1 << 22);
        CU_ASSERT_NOT_EQUAL(ctl_contexts_load(write_file("c.yaml", row[i].text, 0600), &a, &c, &e), RC_OK);
        CU_ASSERT_EQUAL(e.line, row[i].line);
        CU_ASSERT_TRUE(strstr(e.text, row[i].where) != NULL || strstr(e.where, row[i].where) != NULL);
        arena_finish(&a);
    }
    end();
}

static void no_file_is_an_empty_one_and_an_open_one_is_noticed(void)
{
    struct arena a;
    struct ctl_contexts c;
    struct err e = { 0 };
    begin();
    arena_init(&a, 1 << 22);
    CU_ASSERT_EQUAL(ctl_contexts_load("/nowhere/at/all", &a, &c, &e), RC_OK);
    CU_ASSERT_EQUAL(c.n, 0);
    CU_ASSERT_EQUAL(ctl_contexts_load(write_file("c.yaml", "", 0644), &a, &c, &e), RC_OK);
    CU_ASSERT_TRUE(c.open_to_others);
    arena_finish(&a);
    end();
}

static const struct ctl_command any = { "any", "", "", 0, CTL_ANY, false, NULL, { OPT_NONE } };

static enum rc resolve(struct arena *a, const char *line, const char *yaml, struct ctl_config *out, struct err *e)
{
    static struct ctl_contexts file;
    struct ctl_args args;
    char *argv[16] = { NULL }, *text = arena_strz(a, str_of(line));
    int n = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) argv[n++] = word;
    CU_ASSERT_EQUAL_FATAL(ctl_args_parse(&any, 1, n, argv, a, &args, e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(ctl_contexts_load(write_file("c.yaml", yaml, 0600), a, &file, e), RC_OK);
    return ctl_config_resolve(&args, &file, a, out, e);
}

static const char two[] =
    "current: prod\ncontexts:\n  - {name: prod, server: 'https://p', token: ptoken, authority: pa, insecure: true}\n"
    "  - {name: lab, server: 'https://l', token: ltoken}\n";

static void options_then_context_then_environment_then_current(void)
{
    static const struct {
        const char *line;
        bool env;
        const char *server, *token, *authority;
        bool insecure;
    } row[] = {
        { "x any", false, "https://p", "ptoken", "pa", true },
        { "x any --context lab", false, "https://l", "ltoken", NULL, false },
        { "x any", true, "https://e", "etoken", NULL, false },
        { "x any --context lab", true, "https://l", "ltoken", NULL, false },
        { "x any --context lab --token mine", true, "https://l", "mine", NULL, false },
        { "x any --authority other", false, "https://p", "ptoken", "other", true },
        /* a token goes only to the server it belongs to */
        { "x any --server https://evil", false, "https://evil", NULL, NULL, false },
        { "x any --server https://evil --context lab", false, "https://evil", NULL, NULL, false },
        { "x any --server https://p", false, "https://p", "ptoken", "pa", true },
    };
    begin();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct ctl_config c;
        struct err e = { 0 };
        arena_init(&a, 1 << 22);
        if (row[i].env) {
            setenv("DMVISOR_SERVER", "https://e", 1);
            setenv("DMVISOR_TOKEN", "etoken", 1);
        } else {
            unsetenv("DMVISOR_SERVER");
            unsetenv("DMVISOR_TOKEN");
        }
        CU_ASSERT_EQUAL_FATAL(resolve(&a, row[i].line, two, &c, &e), RC_OK);
        CU_ASSERT_STRING_EQUAL(c.server, row[i].server);
        CU_ASSERT_TRUE(row[i].token ? c.token && strcmp(c.token, row[i].token) == 0 : !c.token);
        CU_ASSERT_TRUE(row[i].authority ? c.authority && strcmp(c.authority, row[i].authority) == 0 : !c.authority);
        CU_ASSERT_EQUAL(c.insecure, row[i].insecure);
        arena_finish(&a);
    }
    end();
}

static void a_context_that_is_not_there_is_an_error(void)
{
    struct arena a;
    struct ctl_config c;
    struct err e = { 0 };
    begin();
    arena_init(&a, 1 << 22);
    CU_ASSERT_EQUAL(resolve(&a, "x any --context moon", two, &c, &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "\"moon\""));
    arena_finish(&a);
    end();
}

static void a_token_is_one_line_without_blanks(void)
{
    static const struct {
        const char *text;
        enum rc want;
        const char *token;
    } row[] = {
        { "abc\n", RC_OK, "abc" },      { "  abc  \nmore\n", RC_OK, "abc" }, { "abc", RC_OK, "abc" },
        { "", RC_INVALID, NULL },       { "\n", RC_INVALID, NULL },          { "a b\n", RC_INVALID, NULL },
        { "a\rb\n", RC_INVALID, NULL },
    };
    begin();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct err e = { 0 };
        const char *token = NULL;
        arena_init(&a, 1 << 16);
        CU_ASSERT_EQUAL(ctl_token_read(write_file("t", row[i].text, 0600), &a, &token, &e), row[i].want);
        if (row[i].token) CU_ASSERT_STRING_EQUAL(token, row[i].token);
        if (row[i].want) CU_ASSERT_PTR_NOT_NULL(strstr(e.where, "/t"));
        arena_finish(&a);
    }
    struct arena a;
    struct err e = { 0 };
    const char *token = NULL;
    arena_init(&a, 1 << 16);
    CU_ASSERT_EQUAL(ctl_token_read("/nowhere/token", &a, &token, &e), RC_IO);
    arena_finish(&a);
    end();
}

TEST_MAIN("cli.config", TEST(what_is_saved_is_loaded), TEST(mistakes_are_told_with_their_place),
          TEST(no_file_is_an_empty_one_and_an_open_one_is_noticed),
          TEST(options_then_context_then_environment_then_current), TEST(a_context_that_is_not_there_is_an_error),
          TEST(a_token_is_one_line_without_blanks))
