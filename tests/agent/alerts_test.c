/* SPDX-License-Identifier: Apache-2.0 */
/* virtualization-mo.md c.7: kept until acknowledged, what goes first when too many wait, across restarts. C-018 */
#include "tests/agent/device_fixture.h"

static void add(struct device_fixture *p, const char *name, const char *source, int number)
{
    char data[32];
    struct err e = { 0 };
    snprintf(data, sizeof data, "%d", number);
    const struct alert_new n = { STR("dm.example.net"), str_of(name), str_of(source), STR("chr"), { 0 },
                                 str_of(data),          { 0 } };
    CU_ASSERT_EQUAL(alerts_add(device_env(p->device)->alerts, &n, p->w.now_ms, &e), RC_OK);
}

static size_t take(struct device_fixture *p, struct sml_alert_out **first, struct arena *a)
{
    size_t n = 0;
    CU_ASSERT_EQUAL(alerts_take(device_env(p->device)->alerts, STR("dm.example.net"), 1000, a, first, NULL), RC_OK);
    for (const struct sml_alert_out *x = *first; x; x = x->next) n++;
    return n;
}

static void sent_ones_come_back_until_acknowledged(void)
{
    struct sml_alert_out *list;
    struct device_fixture p;
    struct arena a;
    arena_init(&a, 1 << 20);
    device_fixture_open(&p, true);
    add(&p, "operation_complete", "./A", 1200);
    add(&p, "state_change", "./B", 1);
    CU_ASSERT_EQUAL(take(&p, &list, &a), 2);
    CU_ASSERT(str_is(list->source, "./A") && str_is(list->data, "1200") && str_is(list->mark, "informational") &&
              list->code == 1226);
    CU_ASSERT(str_ends(list->type, STR(":OperationComplete")));
    CU_ASSERT_EQUAL(alerts_acked(device_env(p.device)->alerts, list->tag, NULL), RC_OK);
    CU_ASSERT_EQUAL(take(&p, &list, &a), 0); /* once in a session */
    alerts_session_over(device_env(p.device)->alerts, STR("dm.example.net"));
    CU_ASSERT_EQUAL(take(&p, &list, &a), 1);
    CU_ASSERT(str_is(list->source, "./B"));
    CU_ASSERT_EQUAL(persist_commit(p.state, NULL), RC_OK);
    device_fixture_stop(&p);
    CU_ASSERT(device_fixture_start(&p));
    CU_ASSERT_EQUAL(take(&p, &list, &a), 1);
    add(&p, "crash", "./C", 2);
    CU_ASSERT_EQUAL(take(&p, &list, &a), 1);
    CU_ASSERT(list->tag > 1);
    device_fixture_close(&p);
    arena_finish(&a);
}

static void the_important_ones_are_never_dropped(void)
{
    struct sml_alert_out *list;
    struct device_fixture p;
    struct arena a;
    size_t kept[4] = { 0 };
    arena_init(&a, 4 << 20);
    device_fixture_open(&p, false);
    for (int i = 0; i < 100; i++) {
        char source[32];
        snprintf(source, sizeof source, "./S%d", i);
        add(&p, "progress", source, i);
        add(&p, "state_change", source, i);
        add(&p, "operation_complete", source, i);
        add(&p, "crash", source, i);
    }
    CU_ASSERT_EQUAL(take(&p, &list, &a), ALERTS_KEPT);
    for (const struct sml_alert_out *x = list; x; x = x->next) {
        kept[0] += str_ends(x->type, STR(":Progress"));
        kept[1] += str_ends(x->type, STR(":StateChange"));
        kept[2] += str_ends(x->type, STR(":OperationComplete"));
        kept[3] += str_ends(x->type, STR(":Crash"));
    }
    CU_ASSERT_EQUAL(kept[2], 100);
    CU_ASSERT_EQUAL(kept[3], 100);
    CU_ASSERT(kept[0] <= 1); /* these went first */
    CU_ASSERT(kept[1] >= 55);
    device_fixture_close(&p);
    arena_finish(&a);
}

static void progress_of_the_same_vm_is_replaced(void)
{
    struct sml_alert_out *list;
    struct device_fixture p;
    struct arena a;
    arena_init(&a, 1 << 20);
    device_fixture_open(&p, false);
    add(&p, "progress", "./A", 10);
    add(&p, "progress", "./B", 5);
    add(&p, "progress", "./A", 20);
    CU_ASSERT_EQUAL(take(&p, &list, &a), 2);
    CU_ASSERT(str_is(list->source, "./B") && str_is(list->next->data, "20"));
    device_fixture_close(&p);
    arena_finish(&a);
}

TEST_MAIN("agent.alerts", TEST_OF("C-018", sent_ones_come_back_until_acknowledged),
          TEST(the_important_ones_are_never_dropped), TEST(progress_of_the_same_vm_is_replaced))
