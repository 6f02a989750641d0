/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_SESSION_WORK_H
#define SERVER_DECIDE_SESSION_WORK_H
/* What a session has learnt and done so far. Losing it costs the device a new session and nothing else. */
#include <stdbool.h>
#include <stdint.h>

enum { SESSION_WORK_ASKED = 64 };

struct session_asked {
    unsigned n, cap;
    struct {
        uint32_t key;
        uint8_t times;
    } row[];
}; /* cap: up to SESSION_WORK_ASKED, then round and round */

struct inflight;     /* server/decide/inflight.h: steps that went out and were not answered yet */
struct device_cache; /* server/decide/device_cache.h: what is remembered of the device */

struct session_work {
    int64_t started_ms;
    int64_t row, notification; /* row of table session, 0 = none (yet); the notification it answers */
    char token_reported[65];   /* StateToken of package 1, "" = none */
    bool token_matches;        /* it was that of the mirror, or the device was changed since */
    bool changed;              /* something was changed on the device */
    int64_t kpi_before_ms;     /* KPIs are read in this session: samples older than this; 0 = not */
    bool worked;               /* something had to be done */
    unsigned most;             /* commands in one message while the device is treated with care; 0 = as many as fit */
    uint64_t next_tag;
    struct inflight *flight;
    struct session_asked *asked; /* steps sent in this session, so that none goes round in circles */
    struct device_cache *recall;
    bool forgot;                 /* recall had to be given up once */
    bool read_root, read_images; /* the whole object was listed in this session */
    bool kpis_asked;             /* all KPIs that were due have been asked for */
    bool hushed;                 /* what is said from here on is not recorded: secrets are in it */
};

void session_work_finish(struct session_work *s); /* memory only */
#endif
