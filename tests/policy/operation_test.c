/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/plan/plan.h"
#include "tests/lib/test.h"
#include "tests/policy/world.h"
#include <string.h>

static struct pol_operation lock_op(enum pol_op_state state, int tries)
{
    return (struct pol_operation){ .id = 1,
                                   .state = state,
                                   .kind = STR("lock"),
                                   .scope = DDF_VM,
                                   .owner = STR("corp"),
                                   .correlator = STR("c-1"),
                                   .tries = tries };
}

static void statuses_move_operations(void)
{
    static const struct {
        int tries, code;
        enum pol_op_state want;
        const char *why;
    } row[] = {
        { 1, 202, POL_OP_ACCEPTED, "works on it" },
        { 1, 200, POL_OP_ACKNOWLEDGED, "not read back yet" },
        { 1, 1200, POL_OP_ACKNOWLEDGED, "the device reports success" },
        { 1, 1203, POL_OP_ACKNOWLEDGED, "the device reports success" },
        { 1, 1250, POL_OP_ACKNOWLEDGED, "the device reports success" },
        { 1, 0, POL_OP_SENT, "answer was lost" },
        { 1, 417, POL_OP_QUEUED, "sent again" },
        { 2, 1444, POL_OP_QUEUED, "another operation is running" },
        { 3, 1444, POL_OP_FAILED, "last try" },
        { 1, 215, POL_OP_QUEUED, "not executed" },
        { 1, 404, POL_OP_FAILED, "404 not found" },
        { 1, 425, POL_OP_FAILED, "access control" },
        { 1, 1410, POL_OP_FAILED, "1410 not allowed in this state" },
        { 1, 1402, POL_OP_FAILED, "1402 lock failed" },
        { 1, 599, POL_OP_FAILED, "599" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct pol_verdict v;
        struct pol_operation op = lock_op(POL_OP_SENT, row[i].tries);
        arena_init(&a, 4096);
        pol_op_on_status(world_layout(), &op, row[i].code, &a, &v);
        CU_ASSERT_EQUAL(v.state, row[i].want);
        CU_ASSERT_EQUAL(v.code, row[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(v.why.p, row[i].why));
        arena_finish(&a);
    }
}

static void a_tree_get_is_done_when_it_is_read(void)
{
    struct arena a;
    struct pol_verdict v;
    struct pol_operation op = { .state = POL_OP_SENT, .kind = STR("tree"), .tree_command = STR("get"), .tries = 1 };
    arena_init(&a, 4096);
    pol_op_on_status(world_layout(), &op, 200, &a, &v);
    CU_ASSERT_EQUAL(v.state, POL_OP_VERIFIED);
    op.tree_command = STR("replace");
    pol_op_on_status(world_layout(), &op, 200, &a, &v);
    CU_ASSERT_EQUAL(v.state, POL_OP_ACKNOWLEDGED);
    arena_finish(&a);
}

static void who_let_a_question_pass_is_not_asked_again(void)
{
    struct arena a;
    struct pol_verdict v;
    struct pol_operation op = { .state = POL_OP_SENT, .kind = STR("tree"), .tree_command = STR("confirm"), .tries = 1 };
    arena_init(&a, 4096);
    pol_op_on_status(world_layout(), &op, 408, &a, &v);
    CU_ASSERT_EQUAL(v.state, POL_OP_FAILED);
    CU_ASSERT_STRING_EQUAL(v.why.p, "the prompt was shown: 408 no answer in time");
    op.tree_command = STR("replace");
    pol_op_on_status(world_layout(), &op, 408, &a, &v);
    CU_ASSERT_EQUAL(v.state, POL_OP_QUEUED);
    arena_finish(&a);
}

static void results_end_operations_once(void)
{
    static const struct {
        enum pol_op_state from;
        int result;
        enum pol_op_state want;
    } row[] = {
        { POL_OP_ACCEPTED, 1200, POL_OP_ACKNOWLEDGED }, { POL_OP_ACCEPTED, 1205, POL_OP_ACKNOWLEDGED },
        { POL_OP_ACCEPTED, 1445, POL_OP_CANCELLED },    { POL_OP_ACCEPTED, 1428, POL_OP_FAILED },
        { POL_OP_SENT, 1200, POL_OP_ACKNOWLEDGED },     { POL_OP_VERIFIED, 1428, POL_OP_VERIFIED },
        { POL_OP_FAILED, 1200, POL_OP_FAILED },         { POL_OP_ACKNOWLEDGED, 1200, POL_OP_ACKNOWLEDGED },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct pol_verdict v;
        struct pol_operation op = lock_op(row[i].from, 1);
        arena_init(&a, 4096);
        pol_op_on_complete(world_layout(), &op, row[i].result, (struct str){ 0 }, &a, &v);
        CU_ASSERT_EQUAL(v.state, row[i].want);
        CU_ASSERT(v.why.n > 0);
        arena_finish(&a);
    }
}

static void progress_tells_what_became_of_it(void)
{
    static const struct {
        enum pol_op_state from;
        int tries;
        const char *correlator;
        int result;
        enum pol_op_state want;
        const char *why;
    } row[] = {
        { POL_OP_SENT, 1, "c-1", 0, POL_OP_ACCEPTED, "downloading, 45 %" },
        { POL_OP_SENT, 1, "c-1", 1200, POL_OP_ACKNOWLEDGED, "the device reports success" },
        { POL_OP_SENT, 1, "c-1", 1415, POL_OP_FAILED, "image download failed" },
        { POL_OP_SENT, 1, "c-9", 1200, POL_OP_QUEUED, "did not reach" },
        { POL_OP_SENT, 3, "", 0, POL_OP_FAILED, "did not reach" },
        { POL_OP_ACCEPTED, 1, "c-9", 0, POL_OP_FAILED, "no longer reports" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct pol_verdict v;
        struct pol_operation op = lock_op(row[i].from, row[i].tries);
        struct pol_progress p = { str_of(row[i].correlator), 3, 45, row[i].result, { 0 } };
        arena_init(&a, 4096);
        pol_op_on_progress(world_layout(), &op, &p, &a, &v);
        CU_ASSERT_EQUAL(v.state, row[i].want);
        CU_ASSERT_PTR_NOT_NULL(strstr(v.why.p, row[i].why));
        arena_finish(&a);
    }
}

static void outcomes_of_steps(void)
{
    static const struct {
        enum dm_command verb;
        int code;
        enum pol_outcome want;
    } row[] = {
        { DM_GET, 200, POL_STEP_DONE },        { DM_ADD, 201, POL_STEP_DONE },
        { DM_EXEC, 202, POL_STEP_RUNS },       { DM_EXEC, 1204, POL_STEP_DONE },
        { DM_ADD, 418, POL_STEP_THERE },       { DM_REPLACE, 418, POL_STEP_FAILED },
        { DM_GET, 404, POL_STEP_GONE },        { DM_DELETE, 404, POL_STEP_GONE },
        { DM_REPLACE, 404, POL_STEP_GONE },    { DM_ADD, 404, POL_STEP_FAILED },
        { DM_EXEC, 404, POL_STEP_FAILED },     { DM_REPLACE, 215, POL_STEP_SKIPPED },
        { DM_REPLACE, 216, POL_STEP_SKIPPED }, { DM_REPLACE, 417, POL_STEP_AGAIN },
        { DM_REPLACE, 0, POL_STEP_AGAIN },     { DM_ATOMIC, 507, POL_STEP_FAILED },
        { DM_ATOMIC, 406, POL_STEP_FAILED },   { DM_EXEC, 1410, POL_STEP_FAILED },
        { DM_GET, 214, POL_STEP_FAILED },      { DM_EXEC, 1444, POL_STEP_AGAIN },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pol_step s = { .verb = row[i].verb };
        CU_ASSERT_EQUAL(pol_step_outcome(world_layout(), &s, row[i].code), row[i].want);
    }
}

static void failures_are_tried_again_a_few_times(void)
{
    struct str key = STR("set ./A");
    struct pol_failure f = pol_failure_after(NULL, key, 500, 1000), g;
    CU_ASSERT(f.tries == 1 && f.retry_ms == 1000 + POL_RETRY_MS && f.code == 500);
    g = pol_failure_after(&f, key, 500, 50000);
    CU_ASSERT(g.tries == 2 && g.retry_ms == 50000 + 4 * POL_RETRY_MS);
    f = pol_failure_after(&g, key, 500, 60000);
    CU_ASSERT(f.tries == POL_MAX_TRIES && f.retry_ms == 0);
    f = pol_failure_after(NULL, key, 405, 1000); /* never will */
    CU_ASSERT(f.tries == POL_MAX_TRIES && f.retry_ms == 0);
    for (int i = 0; i < 10; i++) /* the busy one is never given up */
        f = pol_failure_after(i ? &f : NULL, key, 417, 1000);
    CU_ASSERT(f.tries < POL_MAX_TRIES && f.retry_ms > 1000);
    for (int i = 0; i < 3; i++) /* but one that keeps another value is */
        f = pol_failure_after(i ? &f : NULL, key, 0, 1000);
    CU_ASSERT_EQUAL(f.tries, POL_MAX_TRIES);
    CU_ASSERT(pol_failure_within(STR("set ./A/B"), STR("./A")) &&
              pol_failure_within(STR("get ./A?list=StructData"), STR("./A")) &&
              !pol_failure_within(STR("set ./AB"), STR("./A")));
}

static void reading_back_knows_formats(void)
{
    static const struct {
        const char *format, *wrote, *reported;
        bool differs;
    } row[] = {
        { "int", "7", "7", false },     { "int", "7", "07", false },       { "int", "7", "8", true },
        { "bool", "true", "1", false }, { "bool", "true", "false", true }, { "chr", "a", "A", true },
        { "chr", "", "", false },       { "node", "", "A/B", false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pol_mirror_node n = { .format = str_of(row[i].format),
                                     .value = str_of(row[i].wrote),
                                     .known = POL_ACKNOWLEDGED };
        CU_ASSERT_EQUAL(pol_read_back_differs(&n, str_of(row[i].reported)), row[i].differs);
        n.known = POL_REPORTED;
        CU_ASSERT_FALSE(pol_read_back_differs(&n, STR("whatever")));
    }
}

static bool touches(const char *kind, enum ddf_scope scope, const char *uri)
{
    struct arena a;
    struct pol_operation op = { .kind = str_of(kind), .scope = scope, .owner = STR("x"), .tree_uri = STR("./Z") };
    struct str *uris;
    size_t n;
    bool found = false;
    arena_init(&a, 8192);
    CU_ASSERT_EQUAL_FATAL(pol_op_touches(world_layout(), &op, &a, &uris, &n), RC_OK);
    for (size_t i = 0; i < n; i++) found |= str_is(uris[i], uri);
    arena_finish(&a);
    return found;
}

static void operations_touch_what_they_change(void)
{
    CU_ASSERT(touches("lock", DDF_VM, "./Virtualization/VM/x/LockState"));
    CU_ASSERT(touches("lock", DDF_VM, "./Virtualization/VM/x/Progress"));
    CU_ASSERT(touches("upgrade", DDF_VM, "./Virtualization/VM/x/Image"));
    CU_ASSERT(!touches("start", DDF_VM, "./Virtualization/VM/x/Image"));
    CU_ASSERT(touches("delete", DDF_VM, "./Virtualization/VM/x"));
    CU_ASSERT(touches("download", DDF_IMAGE, "./VMImages/x/Status"));
    CU_ASSERT(touches("lockAll", DDF_DEVICE, "./Virtualization/VM"));
    CU_ASSERT(touches("refresh", DDF_DEVICE, "./Virtualization"));
    CU_ASSERT(touches("tree", DDF_DEVICE, "./Z"));
}

static void keys_are_those_of_the_steps(void)
{
    struct arena a;
    struct pol_operation op = lock_op(POL_OP_SENT, 1);
    arena_init(&a, 4096);
    CU_ASSERT(str_is(pol_op_key(world_layout(), &op, &a), "exec ./Virtualization/VM/corp/Operations/Lock"));
    op.kind = STR("delete-node");
    CU_ASSERT(str_is(pol_op_key(world_layout(), &op, &a), "delete ./Virtualization/VM/corp"));
    arena_finish(&a);
}

static void states_have_names(void)
{
    enum pol_op_state s;
    for (int i = 0; i < POL_OP_STATE_COUNT; i++)
        CU_ASSERT(pol_op_state_of(str_of(pol_op_state_name((enum pol_op_state)i)), &s) && s == (enum pol_op_state)i);
    CU_ASSERT_FALSE(pol_op_state_of(STR("done"), &s));
    CU_ASSERT(!pol_op_finished(POL_OP_ACKNOWLEDGED) && pol_op_finished(POL_OP_VERIFIED) &&
              pol_op_finished(POL_OP_EXPIRED));
}

TEST_MAIN("policy.operation", TEST(statuses_move_operations), TEST(a_tree_get_is_done_when_it_is_read),
          TEST(who_let_a_question_pass_is_not_asked_again), TEST(results_end_operations_once),
          TEST(progress_tells_what_became_of_it), TEST(outcomes_of_steps), TEST(failures_are_tried_again_a_few_times),
          TEST(reading_back_knows_formats), TEST(operations_touch_what_they_change), TEST(keys_are_those_of_the_steps),
          TEST(states_have_names))
