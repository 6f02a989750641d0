/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <inttypes.h>
#include <string.h>

#define IS(path, want) CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)
#define T0             INT64_C(1900000000000) /* 2030-03-17T17:46:40Z */
static const char kpis[] = "/api/v1/devices/phone/vms/corp/kpis";

static void sample(struct api_fixture *s, int64_t at_ms, const char *data)
{
    char text[600];
    snprintf(text, sizeof text, "INSERT INTO sample (device_id, vm, at_ms, data) VALUES (1, 'corp', %" PRId64 ", '%s')",
             at_ms, data);
    api_fixture_sql(s, text);
}

static struct api_fixture *begin(void)
{
    struct api_fixture *s = api_fixture_begin();
    s->now_ms = T0;
    api_fixture_device(s, "phone", NULL);
    api_fixture_vm(s, "phone", "corp", 50, 30);
    return s;
}

static void shows_the_latest_with_units(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", kpis, NULL), 404);
    sample(s, T0 - 60000, "{\"kpi.cpu.usagePct\":10}");
    sample(s, T0 - 1000, "{\"kpi.cpu.usagePct\":25,\"kpi.memory.usedKB\":1024,\"kpi.cpu.timeMs\":\"123\"}");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", kpis, NULL), 200);
    IS("at", "2030-03-17T17:46:39.000Z");
    IS("values.kpi/cpu/usagePct", "25");
    IS("units.kpi/cpu/usagePct", "%");
    IS("units.kpi/memory/usedKB", "KiB");
    IS("labels.kpi/memory/usedKB", "Memory used");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/vms/corp", NULL), 200);
    IS("stateText", "running");
    IS("locked", "false");
    IS("reasonText", "operation of a server");
    IS("kpis.values.kpi/cpu/usagePct", "25");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/vms/other/kpis", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/vms/other", NULL), 404);
    api_fixture_end(s);
}

static void averages_values_and_makes_rates_of_counters(void)
{
    struct api_fixture *s = begin();
    int64_t from = T0 - 600000;
    sample(s, from - 60000, "{\"kpi.cpu.usagePct\":99,\"kpi.cpu.timeMs\":\"1000\"}");
    sample(s, from, "{\"kpi.cpu.usagePct\":10,\"kpi.cpu.timeMs\":\"7000\"}");
    sample(s, from + 60000, "{\"kpi.cpu.usagePct\":30,\"kpi.cpu.timeMs\":\"13000\",\"x\":\"text\"}");
    sample(s, from + 240000, "{\"kpi.cpu.usagePct\":50,\"kpi.cpu.timeMs\":\"500\"}"); /* started anew */
    sample(s, from + 300000, "{\"kpi.cpu.usagePct\":70,\"kpi.cpu.timeMs\":\"6500\"}");
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL,
                                      "%s?from=-10m&to=now&step=2m&metric=kpi.cpu.usagePct&metric=kpi.cpu.timeMs.rate",
                                      kpis),
                    200);
    IS("step", "120");
    IS("series.0.metric", "kpi.cpu.usagePct");
    IS("series.0.unit", "%");
    CU_ASSERT_EQUAL(api_fixture_count(s, "series.0.points"), 2);
    IS("series.0.points.0.0", "2030-03-17T17:36:40.000Z");
    IS("series.0.points.0.1", "20");
    IS("series.0.points.1.0", "2030-03-17T17:40:40.000Z");
    IS("series.0.points.1.1", "60");
    IS("series.1.metric", "kpi.cpu.timeMs.rate");
    IS("series.1.unit", "ms/s");
    IS("series.1.points.0.1", "100"); /* 12000 ms in 120 s, over the edge of the range */
    IS("series.1.points.1.1", "100"); /* the restart counts for nothing */
    CU_ASSERT_EQUAL(api_fixture_count(s, "series.1.points"), 2);
    /* Without names: what the samples have that the layout knows, counters also as rates. */
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "%s?from=-10m&step=60", kpis), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "series"), 3);
    api_fixture_end(s);
}

static void keeps_within_bounds(void)
{
    static const struct {
        const char *query;
        const char *word;
    } row[] = {
        { "from=yesterday", "from" },  { "from=now&to=-1h", "before" },   { "from=-1h&step=soon", "step" },
        { "from=-1h&step=0", "step" }, { "from=-30d&step=1s", "points" },
    };
    struct api_fixture *s = begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "%s?%s", kpis, row[i].query), 400);
        CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), row[i].word));
    }
    char many[3000] = "";
    for (int i = 0; i < 70; i++) snprintf(many + strlen(many), sizeof many - strlen(many), "&metric=kpi.m%d", i);
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "%s?from=-1h%s", kpis, many), 400);
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "%s?from=-1h&metric=kpi.cpu.usagePc", kpis), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), "did you mean \"kpi.cpu.usagePct\"?"));
    api_fixture_end(s);
}

static void odd_samples_do_no_harm(void)
{
    static const char *const odd[] = { "{}",
                                       "[]",
                                       "{\"a\"",
                                       "{\"a\":",
                                       "{\"a\":\"",
                                       "{\"kpi.cpu.usagePct\":\"x\"}",
                                       "{\"kpi.cpu.usagePct\":{\"a\":1}}",
                                       "{\"kpi.cpu.usagePct\":1e999}",
                                       "{\"kpi.cpu.usagePct\":null}",
                                       "{\"a\\\\\":1}",
                                       "\"",
                                       "" };
    struct api_fixture *s = begin();
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) sample(s, T0 - 1000 - (int64_t)i, odd[i]);
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "%s?from=-1h", kpis), 200);
    CU_ASSERT_EQUAL(api_fixture_callf(s, "GET", NULL, "%s?from=-1h&metric=kpi.cpu.usagePct", kpis), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "series.0.points"), 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", kpis, NULL), 200);
    api_fixture_end(s);
}

TEST_MAIN("server.api.kpis", TEST(shows_the_latest_with_units), TEST(averages_values_and_makes_rates_of_counters),
          TEST(keeps_within_bounds), TEST(odd_samples_do_no_harm))
