/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds of KPIs: one alone, reading by reading, and on a device with a VM. */
#include "agent/vm/threshold.h"
#include "tests/agent/vm_up.h"

#define THR VM "/KPI/Thr"

static void decimals_are_read_and_written(void)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
        const char *again;
    } row[] = {
        { "20", true, 20000, "20" },
        { "-12.5", true, -12500, "-12.5" },
        { "0.001", true, 1, "0.001" },
        { "1.2345", true, 1234, "1.234" },
        { " 7 ", true, 7000, "7" },
        { "0", true, 0, "0" },
        { "", false, 0, "" },
        { "-", false, 0, "" },
        { "1.", false, 0, "" },
        { ".5", false, 0, "" },
        { "1e3", false, 0, "" },
        { "+1", false, 0, "" },
        { "--1", false, 0, "" },
        { "1.x", false, 0, "" },
        { "1234567890123456", false, 0, "" },
        { "999999999999999", true, 999999999999999000, "999999999999999" },
    };
    struct arena a;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int64_t v = 0;
        CU_ASSERT_EQUAL(threshold_parse(str_of(row[i].text), &v), row[i].ok);
        if (!row[i].ok) continue;
        CU_ASSERT_EQUAL(v, row[i].value);
        CU_ASSERT(str_is(threshold_format(v, &a), row[i].again));
    }
    arena_finish(&a);
}

static void it_is_crossed_when_it_lasts_and_cleared_past_the_hysteresis(void)
{
    static const struct {
        enum threshold_op op;
        int64_t value, clear, hold_s;
        struct {
            int64_t at_s, reading;
            enum threshold_news news;
        } step[8];
    } row[] = {
        { THRESHOLD_GREATER,
          20,
          20,
          0,
          { { 0, 20, 0 }, { 1, 21, THRESHOLD_CROSSED }, { 2, 99, 0 }, { 3, 20, THRESHOLD_CLEARED }, { 4, 20, 0 } } },
        { THRESHOLD_GREATER,
          20,
          10,
          0,
          { { 1, 21, THRESHOLD_CROSSED }, { 2, 15, 0 }, { 3, 25, 0 }, { 4, 10, THRESHOLD_CLEARED }, { 5, 15, 0 } } },
        { THRESHOLD_LESS,
          20,
          30,
          0,
          { { 1, 20, 0 }, { 2, 19, THRESHOLD_CROSSED }, { 3, 29, 0 }, { 4, 30, THRESHOLD_CLEARED } } },
        /* a break begins it anew; the time counts, not the readings */
        { THRESHOLD_GREATER,
          20,
          20,
          10,
          { { 1, 21, 0 },
            { 6, 20, 0 },
            { 7, 21, 0 },
            { 16, 21, 0 },
            { 17, 21, THRESHOLD_CROSSED },
            { 18, 1, THRESHOLD_CLEARED } } },
        /* a clock that is put back */
        { THRESHOLD_GREATER,
          20,
          20,
          10,
          { { 100, 21, 0 }, { 50, 21, 0 }, { 55, 21, 0 }, { 60, 21, THRESHOLD_CROSSED } } },
        /* per minute; the first reading and one after a restart of the counter give none */
        { THRESHOLD_RATE,
          60,
          60,
          0,
          { { 0, 1000, 0 },
            { 60, 1060, 0 },
            { 120, 1121, THRESHOLD_CROSSED },
            { 180, 5, 0 },
            { 240, 66, 0 },
            { 300, 70, THRESHOLD_CLEARED } } },
        { THRESHOLD_NONE, 0, 0, 0, { { 0, 1000, 0 } } },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct threshold_rule r = { row[i].op, row[i].value * 1000, row[i].clear * 1000, row[i].hold_s * 1000 };
        struct threshold t = { 0 };
        for (size_t k = 0; k < 8 && (!k || row[i].step[k].at_s); k++) {
            int64_t compared = -1;
            enum threshold_news news = threshold_take(&r, &t, row[i].step[k].reading * 1000,
                                                      1900000000000 + row[i].step[k].at_s * 1000, &compared);
            CU_ASSERT_EQUAL(news, row[i].step[k].news);
            if (news != row[i].step[k].news) printf("row %zu step %zu: %d\n", i, k, (int)news);
            if (news && r.op != THRESHOLD_RATE) CU_ASSERT_EQUAL(compared, row[i].step[k].reading * 1000);
        }
    }
}

static void set(struct device_fixture *p, const char *name, const char *metric, const char *op, const char *value,
                const char *hold)
{
    static char uri[5][120];
    const char *leaf[] = { "", "/Metric", "/Op", "/Value", "/HoldS" }, *text[] = { NULL, metric, op, value, hold };
    for (size_t i = 0; i < 5; i++) {
        snprintf(uri[i], sizeof uri[i], THR "/%s%s", name, leaf[i]);
        device_fixture_write(p, i ? SML_REPLACE : SML_ADD, uri[i],
                             i == 0             ? "node"
                             : i == 2 || i == 4 ? "int"
                                                : "chr",
                             text[i]);
    }
}

static const struct device_fixture_alert *find(const struct device_fixture *p, const char *source, const char *end)
{
    for (size_t i = 0; i < p->n_alerts; i++)
        if (strstr(p->alerts[i].type, ":Threshold") && !strcmp(p->alerts[i].source, source) &&
            strstr(p->alerts[i].data, end))
            return &p->alerts[i];
    return NULL;
}

static void a_vm_that_crosses_one_tells_its_owner(void)
{
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "2");
    set(&p, "up", "UpTimeS", "1", "20", "10");
    device_fixture_write(&p, SML_REPLACE, THR "/up/Mark", "chr", "critical");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    for (size_t i = 1; i <= p.n_steps; i++) DEVICE_FIXTURE_CODE(&p, i, 200);
    device_fixture_forget(&p);
    set(&p, "cpu", "CPU/TimeMs", "3", "1000", "0");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    for (size_t i = 1; i <= p.n_steps; i++) DEVICE_FIXTURE_CODE(&p, i, 200);
    DEVICE_FIXTURE_IS(&p, THR, "(not there)"); /* no leaf */
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "false");
    device_fixture_wait(&p, 20000);
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "false"); /* over it, and not long enough */
    DEVICE_FIXTURE_IS(&p, THR "/cpu/Active", "true");
    device_fixture_wait(&p, 20000);
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "true");
    device_fixture_forget(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    const struct device_fixture_alert *al = find(&p, THR "/up", ";active=1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(al);
    CU_ASSERT_STRING_EQUAL(al->mark, "critical");
    CU_ASSERT_EQUAL(strncmp(al->data, "value=3", 7), 0);
    al = find(&p, THR "/cpu", ";active=1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(al);
    CU_ASSERT_STRING_EQUAL(al->mark, "warning");
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Stop", "", "c-stop");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_PTR_NULL(find(&p, THR "/up", "active")); /* once */
    device_fixture_wait(&p, 2000);
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "false"); /* a VM that is off has no readings */
    device_fixture_forget(&p);
    device_fixture_exec(&p, VM "/Operations/Start", "", "c-start");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_PTR_NOT_NULL(find(&p, THR "/up", "value=;active=0"));
    device_fixture_wait(&p, 45000);
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "true"); /* and again */
    device_fixture_forget(&p);
    device_fixture_write(&p, SML_REPLACE, THR "/up/Value", "chr", "1000000");
    device_fixture_write(&p, SML_DELETE, THR "/cpu", NULL, NULL);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 2, 200);
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "false");
    device_fixture_wait(&p, 20000);
    DEVICE_FIXTURE_IS(&p, THR "/up/Active", "false");
    device_fixture_close(&p);
}

/* While it is crossed nothing clears it: a Clear there is refused, and one that a new Value leaves there is none. */
static void what_would_clear_on_the_wrong_side_is_refused(void)
{
    static const struct {
        const char *leaf, *format, *value;
        int code;
    } row[] = {
        { "/t/Metric", "chr", "CPU/UsagePct", 200 },
        { "/t/Op", "int", "1", 200 },
        { "/t/Value", "chr", "90", 200 },
        { "/t/Clear", "chr", "90.5", 1411 },
        { "/t/Clear", "chr", "80", 200 },
        { "/t/Value", "chr", "85", 200 },
        { "/t/Clear", "chr", "86", 1411 },
        { "/t/Clear", "chr", "much", 400 },
        { "/u/Op", "int", "2", 200 },
        { "/u/Value", "chr", "10", 200 },
        { "/u/Clear", "chr", "9", 1411 },
        { "/u/Clear", "chr", "10", 200 },
        { "/u/Clear", "chr", "", 200 },
        { "/u/Clear", "chr", "12", 200 },
        { "/u/Value", "chr", "15", 200 }, /* 12 is below it: it goes */
    };
    struct device_fixture p;
    char uri[sizeof row / sizeof row[0]][80];
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    device_fixture_write(&p, SML_ADD, THR "/t", "node", NULL);
    device_fixture_write(&p, SML_ADD, THR "/u", "node", NULL);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        snprintf(uri[i], sizeof uri[i], THR "%s", row[i].leaf);
        device_fixture_write(&p, SML_REPLACE, uri[i], row[i].format, row[i].value);
    }
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) DEVICE_FIXTURE_CODE(&p, i + 3, row[i].code);
    DEVICE_FIXTURE_IS(&p, THR "/t/Clear", "80");
    DEVICE_FIXTURE_IS(&p, THR "/u/Clear", "");
    device_fixture_close(&p);
}

static void what_cannot_be_watched_is_refused(void)
{
    struct device_fixture p;
    char uri[40][80];
    device_fixture_open(&p, false);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    bring_up(&p);
    device_fixture_write(&p, SML_ADD, THR "/t", "node", NULL);
    device_fixture_write(&p, SML_REPLACE, THR "/t/Metric", "chr", "CPU/Nonsense");
    device_fixture_write(&p, SML_REPLACE, THR "/t/Metric", "chr", "../State");
    device_fixture_write(&p, SML_REPLACE, THR "/t/Metric", "chr", "CPU");
    device_fixture_write(&p, SML_REPLACE, THR "/t/Metric", "chr", "Thr/t/Active");
    device_fixture_write(&p, SML_REPLACE, THR "/t/Metric", "chr", "RT/LatMaxUs"); /* described, and not measured here */
    device_fixture_write(&p, SML_REPLACE, THR "/t/Metric", "chr", "Net/eth0/RxKB"); /* there may be one */
    device_fixture_write(&p, SML_REPLACE, THR "/t/Value", "chr", "much");
    device_fixture_write(&p, SML_REPLACE, THR "/t/Op", "int", "4");
    device_fixture_write(&p, SML_REPLACE, THR "/t/Active", "bool", "true");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    static const int want[] = { 200, 400, 400, 400, 400, 1411, 200, 400, 400, 405 };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) DEVICE_FIXTURE_CODE(&p, i + 1, want[i]);
    device_fixture_forget(&p);
    for (size_t i = 0; i < 16; i++) {
        snprintf(uri[i], sizeof uri[i], THR "/n%zu", i);
        device_fixture_write(&p, SML_ADD, uri[i], "node", NULL);
    }
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 15, 200);
    DEVICE_FIXTURE_CODE(&p, 16, 420); /* sixteen with "t" */
    device_fixture_close(&p);
}

TEST_MAIN("agent.threshold", TEST(decimals_are_read_and_written),
          TEST(it_is_crossed_when_it_lasts_and_cleared_past_the_hysteresis),
          TEST(a_vm_that_crosses_one_tells_its_owner), TEST(what_cannot_be_watched_is_refused),
          TEST(what_would_clear_on_the_wrong_side_is_refused))
