/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/clock.h"
#include <stdio.h>
#include <string.h>

static bool same_boot(const struct clock_reading *before, const struct clock_reading *now)
{
    return now->boot[0] && strcmp(before->boot, now->boot) == 0 && now->steady_ms >= before->steady_ms;
}

/* "time steady wall boot" */
static bool read_kept(struct str kept, struct device_clock *c)
{
    int64_t *const number[] = { &c->time_ms, &c->last.steady_ms, &c->last.wall_ms };
    struct str word;

    for (size_t i = 0; i < 3; i++)
        if (!str_cut(&kept, ' ', &word) || !str_to_i64(word, number[i])) return false;
    snprintf(c->last.boot, sizeof c->last.boot, "%.*s", STR_ARG(kept));
    return true;
}

bool clock_begin(struct device_clock *c, struct str kept, const struct clock_reading *now)
{
    struct device_clock was = { 0 };
    const bool read = kept.n && read_kept(kept, &was);

    *c = (struct device_clock){ .time_ms = now->wall_ms, .last = *now };
    if (!read) return !kept.n;
    c->time_ms = was.time_ms;
    if (same_boot(&was.last, now))
        c->time_ms += now->steady_ms - was.last.steady_ms;
    else if (now->wall_ms > was.last.wall_ms)
        c->time_ms += now->wall_ms - was.last.wall_ms;
    return true;
}

int64_t clock_look(struct device_clock *c, const struct clock_reading *now)
{
    const int64_t ran_ms = now->steady_ms > c->last.steady_ms ? now->steady_ms - c->last.steady_ms : 0,
                  leapt_ms = now->wall_ms - c->last.wall_ms - ran_ms;

    c->time_ms += ran_ms;
    c->last = *now;
    return leapt_ms;
}

void clock_text(const struct device_clock *c, char out[128])
{
    snprintf(out, 128, "%lld %lld %lld %s", (long long)c->time_ms, (long long)c->last.steady_ms,
             (long long)c->last.wall_ms, c->last.boot);
}
