/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/metrics.h"

#include "tests/lib/test.h"

#include <string.h>

#define HAS(part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))

static void counts_and_writes_open_metrics(void)
{
    struct metrics *m = metrics_create();
    struct buf b;
    buf_init(&b, 0);
    metrics_add(m, METRIC_DM_MESSAGES, 3);
    metrics_add(m, METRIC_DM_MESSAGES, 4);
    metrics_add(m, METRIC_SESSIONS_LOST, 1);
    metrics_gauge(m, GAUGE_SESSIONS_OPEN, 12);
    metrics_time(m, HISTOGRAM_DM_LATENCY, 100); /* a bound belongs to its bucket */
    metrics_time(m, HISTOGRAM_DM_LATENCY, 101);
    metrics_time(m, HISTOGRAM_DM_LATENCY, 3600000000u); /* past all bounds */
    metrics_write(m, &b);
    const char *text = buf_z(&b);
    HAS("# TYPE dmvisor_dm_messages counter\n");
    HAS("dmvisor_dm_messages_total 7\n");
    HAS("dmvisor_dm_sessions_total{outcome=\"lost\"} 1\n");
    HAS("dmvisor_dm_sessions_total{outcome=\"done\"} 0\n");
    HAS("dmvisor_dm_sessions_open 12\n");
    HAS("dmvisor_dm_message_seconds_bucket{le=\"0.0001\"} 1\n");
    HAS("dmvisor_dm_message_seconds_bucket{le=\"0.00025\"} 2\n");
    HAS("dmvisor_dm_message_seconds_bucket{le=\"600\"} 2\n");
    HAS("dmvisor_dm_message_seconds_bucket{le=\"+Inf\"} 3\n");
    HAS("dmvisor_dm_message_seconds_sum 3600.000201\n");
    HAS("dmvisor_dm_message_seconds_count 3\n");
    buf_finish(&b);
    metrics_destroy(m);
}

/* A family's rows stand together, its type is told once and before them. */
static void families_stand_together(void)
{
    struct metrics *m = metrics_create();
    struct buf b;
    struct str rest, line;
    char seen[64][80];
    size_t n = 0;
    buf_init(&b, 0);
    metrics_write(m, &b);
    rest = buf_str(&b);
    while (str_cut(&rest, '\n', &line)) {
        struct str word = str_slice(line, 7, str_find(line, ' ', 7));
        if (str_starts(line, STR("# TYPE "))) {
            for (size_t i = 0; i < n; i++) CU_ASSERT_FALSE(str_is(word, seen[i]));
            snprintf(seen[n++], 80, "%.*s", STR_ARG(word));
        } else if (line.p[0] != '#') {
            CU_ASSERT_TRUE(n > 0 && str_starts(line, str_of(seen[n - 1])));
        }
    }
    CU_ASSERT(n > 5);
    buf_finish(&b);
    metrics_destroy(m);
}

static void nobody_counting_is_in_order(void)
{
    struct buf b;
    buf_init(&b, 0);
    metrics_add(NULL, METRIC_DM_MESSAGES, 1);
    metrics_gauge(NULL, GAUGE_SESSIONS_OPEN, 1);
    metrics_time(NULL, HISTOGRAM_API_LATENCY, 1);
    metrics_write(NULL, &b);
    CU_ASSERT_EQUAL(b.n, 0);
    buf_finish(&b);
}

TEST_MAIN("server.metrics", TEST(counts_and_writes_open_metrics), TEST(families_stand_together),
          TEST(nobody_counting_is_in_order))
