/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the person at the device that are not answered at once: what waits, what goes on, what happens once. */
#include "agent/dm/ask.h"
#include "tests/agent/tree_fixture.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MADE = 8 };

/* A message's commands, and a person whose answers are a list: 0 = still thinks. */
static struct ask_made {
    struct sml_cmd cmd[MADE];
    struct sml_item item[MADE];
    int n, answers[MADE], asked;
} m;

static struct sml_cmd *make(enum sml_cmd_kind kind, const char *uri, const char *data)
{
    struct sml_cmd *c = &m.cmd[m.n];
    struct sml_item *i = &m.item[m.n++];

    *c = (struct sml_cmd){ .kind = kind, .items = i };
    *i = (struct sml_item){ .target = str_of(uri), .data = str_of(data), .has_data = true };
    if (kind == SML_ALERT) c->data = str_of("1101");
    i->meta.format = STR("chr");
    return c;
}

static void link_all(void)
{
    for (int i = 0; i + 1 < m.n; i++) m.cmd[i].next = &m.cmd[i + 1];
}

static int show(void *ctx, struct str server, int code, const struct sml_cmd *cmd, struct arena *a,
                struct sml_item **answer)
{
    (void)ctx, (void)server, (void)code, (void)cmd, (void)a, (void)answer;
    return m.answers[m.asked++];
}
static const struct exec_user user = { NULL, show };

static struct exec_run start(struct tree_fixture *w, const struct sml_cmd *cmds, size_t n)
{
    return (struct exec_run){ .t = w->tree, .user = &user, .cmds = cmds, .n = n, .a = &w->a };
}

static void what_was_done_before_a_question_is_done_once(void)
{
    static const int answers[] = { 0, 0, 200 };
    struct tree_fixture w;
    open_world(&w);
    memset(&m, 0, sizeof m);
    memcpy(m.answers, answers, sizeof answers);
    make(SML_REPLACE, "./Acme/Text", "before");
    make(SML_ALERT, "", "Really?");
    make(SML_REPLACE, "./Acme/Text", "after");
    make(SML_EXEC, "./Acme/Run", "");
    link_all();
    struct exec_run x = start(&w, m.cmd, 4);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
        CU_ASSERT(x.waits);
        IS(200, "./Acme/Text", "before");
        CU_ASSERT_EQUAL(w.told, 1);
    }
    CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
    CU_ASSERT_FALSE(x.waits);
    IS(200, "./Acme/Text", "after");
    CU_ASSERT(w.told == 2 && w.execs == 1 && m.asked == 3);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(x.answers[i].code, 200);
    CU_ASSERT_EQUAL(x.answers[3].code, 1200);
    close_world(&w);
}

static void a_sequence_goes_on_where_it_stopped(void)
{
    static const struct {
        int says, then;
    } row[] = { { 200, 200 }, { 304, 215 }, { 408, 215 } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sml_cmd outer = { .kind = SML_SEQUENCE }, inner = { .kind = SML_SEQUENCE };
        struct tree_fixture w;
        open_world(&w);
        memset(&m, 0, sizeof m);
        m.answers[1] = row[i].says;
        make(SML_EXEC, "./Acme/Run", "");
        make(SML_ALERT, "", "Really?");
        make(SML_REPLACE, "./Acme/Text", "after");
        link_all();
        inner.children = &m.cmd[0];
        outer.children = &inner;
        struct exec_run x = start(&w, &outer, 1);
        CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
        CU_ASSERT(x.waits && w.execs == 1);
        CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
        CU_ASSERT(!x.waits && w.execs == 1);
        const struct sml_answer *a = &x.answers[0].children[0];
        CU_ASSERT(x.answers[0].code == 200 && a->code == 200);
        CU_ASSERT_EQUAL(a->children[1].code, row[i].says);
        CU_ASSERT_EQUAL(a->children[2].code, row[i].then);
        IS(200, "./Acme/Text", row[i].then == 200 ? "after" : "old");
        close_world(&w);
    }
}

/* While the person thinks nothing of the Atomic is there, and what the device does of itself stays whatever he says. */
static void an_atomic_waits_without_being_half_done(void)
{
    static const int answers[] = { 200, 0, 200 };
    for (int agree = 0; agree < 2; agree++) {
        struct sml_cmd atomic = { .kind = SML_ATOMIC };
        struct tree_fixture w;
        open_world(&w);
        memset(&m, 0, sizeof m);
        memcpy(m.answers, answers, sizeof answers);
        m.answers[2] = agree ? 200 : 304;
        make(SML_REPLACE, "./Acme/Text", "new");
        make(SML_ALERT, "", "Sure?");
        make(SML_ADD, "./Acme/List/A", "");
        m.item[2].meta.format = STR("node");
        m.item[2].has_data = false;
        make(SML_ALERT, "", "Really?");
        link_all();
        atomic.children = &m.cmd[0];
        struct exec_run x = start(&w, &atomic, 1);
        CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
        CU_ASSERT(x.waits && w.told == 0);
        IS(200, "./Acme/Text", "old");
        IS(200, "./Acme/List", "");
        CU_ASSERT_EQUAL(tree_put(w.tree, STR("./Acme/Number"), STR("8")), RC_OK); /* the device itself */
        CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
        CU_ASSERT_FALSE(x.waits);
        CU_ASSERT_EQUAL(m.asked, 3); /* the first answer still counts */
        CU_ASSERT_EQUAL(x.answers[0].code, agree ? 200 : 507);
        IS(200, "./Acme/Text", agree ? "new" : "old");
        IS(200, "./Acme/List", agree ? "A" : "");
        IS(200, "./Acme/Number", "8");
        close_world(&w);
    }
}

/* --- the thread --- */

static void program(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f, "#!/bin/sh\n%s\n", text);
    fclose(f);
    chmod(file, 0700);
}

static bool readable(const struct ask *k, int ms)
{
    struct pollfd p = { ask_fd(k), POLLIN, 0 };
    return poll(&p, 1, ms) == 1;
}

static void the_caller_never_waits_for_the_person(void)
{
    char dir[] = "/tmp/dmvisor-ask-XXXXXX", file[64];
    struct user_question one = { .from = dir, .code = 1102, .server = STR("dm"), .text = STR("Name?"), .input = 'A' };
    struct user_question other = {
        .from = file, .code = 1101, .server = STR("dm"), .text = STR("Sure?"), .input = 'A'
    };
    struct ask *k = NULL;
    struct str said = { 0 };
    struct arena a;
    arena_init(&a, 1 << 16);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/ask", dir);
    program(file, "echo $1 of $DM_SERVER; [ $1 = input ]");
    CU_ASSERT_EQUAL_FATAL(ask_create(&k, NULL), RC_OK);
    struct user u = { .mode = USER_PROGRAM, .program = file, .wait_s = 5, .ask = ask_person, .ask_ctx = k };
    CU_ASSERT_EQUAL(u.ask(&u, &one, 5, &a, &said), 0);
    CU_ASSERT(readable(k, 10000));
    CU_ASSERT_FALSE(ask_busy(k));
    CU_ASSERT_EQUAL(u.ask(&u, &other, 5, &a, &said), 0); /* somebody else's answer is there */
    CU_ASSERT_EQUAL(u.ask(&u, &one, 5, &a, &said), 200);
    CU_ASSERT(str_is(said, "input of dm"));
    CU_ASSERT_FALSE(readable(k, 0));
    CU_ASSERT_EQUAL(u.ask(&u, &other, 5, &a, &said), 0); /* its turn */
    CU_ASSERT(readable(k, 10000));
    CU_ASSERT_EQUAL(u.ask(&u, &other, 5, &a, &said), 304);
    program(file, "exec sleep 60");
    CU_ASSERT_EQUAL(u.ask(&u, &one, 60, &a, &said), 0);
    CU_ASSERT(ask_busy(k));
    ask_destroy(k); /* ends the program: the test would run into its time limit */
    unlink(file);
    rmdir(dir);
    arena_finish(&a);
}

TEST_MAIN("agent.ask", TEST(what_was_done_before_a_question_is_done_once), TEST(a_sequence_goes_on_where_it_stopped),
          TEST_OF("C-011", an_atomic_waits_without_being_half_done), TEST(the_caller_never_waits_for_the_person))
