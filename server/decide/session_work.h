/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_SESSION_WORK_H
#define SERVER_DECIDE_SESSION_WORK_H
/* The state of a session's work. Losing it costs the device a new session and nothing else. */
#include <stdbool.h>
#include <stdint.h>

enum { SESSION_WORK_ASKED = 64 };

struct session_asked {
    unsigned n, cap;
    struct {
        uint32_t key;
        uint8_t times;
    } row[];
}; /* cap: up to SESSION_WORK_ASKED, then a ring */

struct inflight;     /* server/decide/inflight.h: steps that were sent and are not answered yet */
struct device_cache; /* server/decide/device_cache.h: cached rows of the device */

struct session_work {
    int64_t started_ms;
    int64_t row, notification; /* row of table session, 0 = none yet; the answered notification */
    char token_reported[65];   /* StateToken of package 1, "" = none */
    bool token_matches;        /* it matched the mirror, or the device was changed since */
    bool changed;              /* the session changed the device */
    int64_t kpi_before_ms;     /* KPIs with samples older than this are read in this session; 0 = none */
    bool worked;               /* the session had work */
    bool searched;             /* the structure of the whole tree was requested, to find the device's objects */
    unsigned moves;            /* how often the device reported another root */
    unsigned most;             /* commands per message while sending carefully; 0 = as many as fit */
    uint64_t next_tag;
    struct inflight *flight;
    struct session_asked *asked; /* steps sent in this session, to detect steps without effect */
    struct device_cache *recall;
    bool forgot;                 /* the cache was dropped once */
    bool read_root, read_images; /* the whole object was listed in this session */
    bool kpis_asked;             /* all due KPIs have been requested */
    bool hushed;                 /* not recorded from here on, because of secrets */
};

void session_work_finish(struct session_work *s); /* memory only */
#endif
