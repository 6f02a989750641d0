/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Bounds in microseconds; the last bucket has no bound. */
static const uint64_t bounds[] = { 100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
                                   100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000, 600000000 };
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

struct metrics {
    atomic_uint_fast64_t counter[METRIC_COUNT];
    atomic_int_fast64_t gauge[GAUGE_COUNT];
    struct {
        atomic_uint_fast64_t bucket[BOUNDS + 1], sum_us;
    } histogram[HISTOGRAM_COUNT];
};

static const struct {
    const char *name, *label, *help;
} counters[METRIC_COUNT] = {
#define X(id, name, label, help) { name, label, help },
    METRICS(X)
#undef X
};
static const struct {
    const char *name, *help;
} gauges[GAUGE_COUNT] = {
#define X(id, name, help) { name, help },
    GAUGES(X)
#undef X
};
static const struct {
    const char *name, *help;
} histograms[HISTOGRAM_COUNT] = {
#define X(id, name, help) { name, help },
    HISTOGRAMS(X)
#undef X
};

struct metrics *metrics_create(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_destroy(struct metrics *m)
{
    free(m);
}

void metrics_add(struct metrics *m, enum metric which, uint64_t n)
{
    if (m) atomic_fetch_add_explicit(&m->counter[which], n, memory_order_relaxed);
}

void metrics_gauge(struct metrics *m, enum gauge which, int64_t value)
{
    if (m) atomic_store_explicit(&m->gauge[which], value, memory_order_relaxed);
}

void metrics_time(struct metrics *m, enum histogram which, uint64_t microseconds)
{
    size_t i = 0;
    if (!m) return;
    while (i < BOUNDS && microseconds > bounds[i]) i++;
    atomic_fetch_add_explicit(&m->histogram[which].bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->histogram[which].sum_us, microseconds, memory_order_relaxed);
}

static void write_histogram(const struct metrics *m, int h, struct buf *out)
{
    uint64_t n = 0;
    const char *name = histograms[h].name;
    buf_printf(out, "# TYPE %s histogram\n# UNIT %s seconds\n# HELP %s %s\n", name, name, name, histograms[h].help);
    for (size_t i = 0; i <= BOUNDS; i++) {
        n += atomic_load_explicit(&m->histogram[h].bucket[i], memory_order_relaxed);
        if (i < BOUNDS)
            buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)bounds[i] / 1e6, n);
        else
            buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, n);
    }
    uint64_t sum = atomic_load_explicit(&m->histogram[h].sum_us, memory_order_relaxed);
    buf_printf(out, "%s_sum %" PRIu64 ".%06" PRIu64 "\n%s_count %" PRIu64 "\n", name, sum / 1000000, sum % 1000000,
               name, n);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    if (!m) return;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const char *name = counters[i].name;
        if (i == 0 || strcmp(name, counters[i - 1].name) != 0)
            buf_printf(out, "# TYPE %s counter\n# HELP %s %s\n", name, name, counters[i].help);
        buf_printf(out, "%s_total", name);
        if (counters[i].label[0]) buf_printf(out, "{%s}", counters[i].label);
        buf_printf(out, " %" PRIu64 "\n", (uint64_t)atomic_load_explicit(&m->counter[i], memory_order_relaxed));
    }
    for (int i = 0; i < GAUGE_COUNT; i++)
        buf_printf(out, "# TYPE %s gauge\n# HELP %s %s\n%s %" PRId64 "\n", gauges[i].name, gauges[i].name,
                   gauges[i].help, gauges[i].name, (int64_t)atomic_load_explicit(&m->gauge[i], memory_order_relaxed));
    for (int i = 0; i < HISTOGRAM_COUNT; i++) write_histogram(m, i, out);
}
