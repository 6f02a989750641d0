/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_sse.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS(row) (sizeof row / sizeof row[0])

struct sse_heard {
    char text[4096];
    int stop_after;
    int n;
};

static bool hear(void *ctx, const struct sse_event *e)
{
    struct sse_heard *h = ctx;
    size_t n = strlen(h->text);
    snprintf(h->text + n, sizeof h->text - n, "%s|%s|%.*s;", e->id, e->type, STR_ARG(e->data));
    return ++h->n != h->stop_after;
}

/* Rows of the HTML standard, section 9.2.6, and ours. */
static const struct {
    const char *text, *want;
} row[] = {
    { "data: a\n\n", "|message|a;" },
    { "data:a\n\n", "|message|a;" },
    { "data:  a\n\n", "|message| a;" },
    { "data: YHOO\ndata: +2\ndata: 10\n\n", "|message|YHOO\n+2\n10;" },
    { ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
      "1|message|first event;|message|second event;" },
    { "data\n\ndata\ndata\n\ndata:", "|message|;|message|\n;" },
    { "data:test\n\ndata: test\n\n", "|message|test;|message|test;" },
    { "id: 7\nevent: vm\ndata: {}\n\n", "7|vm|{};" },
    { "event: vm\ndata: 1\n\ndata: 2\n\n", "|vm|1;|message|2;" },    /* the type holds for one event, */
    { "id: 7\ndata: 1\n\ndata: 2\n\n", "7|message|1;7|message|2;" }, /* the id stays */
    { "event: vm\n\n", "" },                                         /* without data there is none */
    { "retry: 2000\n\n", "" },
    { "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "|message|a;|message|b;|message|c;" },
    { "\xef\xbb\xbf"
      "data: a\n\n",
      "|message|a;" },
    { ": \n\n: heartbeat\n\ndata: x\n\n", "|message|x;" },
    { "nonsense\nother: x\ndata: y\n\n", "|message|y;" },
    { "data: unfinished", "" },
};

static void takes_events_however_they_are_cut(void)
{
    for (size_t i = 0; i < ROWS(row); i++)
        for (size_t piece = 1; piece <= 64; piece *= 2) {
            struct sse_heard h = { .stop_after = -1 };
            struct sse s;
            struct str text = str_of(row[i].text);
            sse_init(&s);
            for (size_t at = 0; at < text.n; at += piece)
                CU_ASSERT_EQUAL(sse_feed(&s, str_slice(text, at, at + piece), hear, &h), RC_OK);
            CU_ASSERT_STRING_EQUAL(h.text, row[i].want);
            sse_finish(&s);
        }
}

static void remembers_when_to_come_back(void)
{
    struct sse_heard h = { .stop_after = -1 };
    struct sse s;
    sse_init(&s);
    CU_ASSERT_EQUAL(s.retry_ms, -1);
    sse_feed(&s, STR("retry: 2000\nretry: soon\nretry: 99999999999999\n"), hear, &h);
    CU_ASSERT_EQUAL(s.retry_ms, 2000);
    sse_finish(&s);
}

static void a_new_connection_forgets_halves(void)
{
    struct sse_heard h = { .stop_after = -1 };
    struct sse s;
    sse_init(&s);
    sse_feed(&s, STR("id: 9\ndata: whole\n\nevent: vm\ndata: half\nda"), hear, &h);
    sse_restart(&s);
    CU_ASSERT_STRING_EQUAL(s.id, "9");
    sse_feed(&s, STR("data: next\n\n"), hear, &h);
    CU_ASSERT_STRING_EQUAL(h.text, "9|message|whole;9|message|next;");
    sse_finish(&s);
}

static void stops_when_the_receiver_has_enough(void)
{
    struct sse_heard h = { .stop_after = 1 };
    struct sse s;
    sse_init(&s);
    CU_ASSERT_EQUAL(sse_feed(&s, STR("data: a\n\ndata: b\n\n"), hear, &h), RC_OK);
    CU_ASSERT_STRING_EQUAL(h.text, "|message|a;");
    sse_finish(&s);
}

static void has_a_ceiling(void)
{
    enum { PIECE = 1 << 20 };
    struct sse_heard h = { .stop_after = -1 };
    char *piece = malloc(PIECE);
    struct sse s;
    enum rc rc = RC_OK;
    CU_ASSERT_PTR_NOT_NULL_FATAL(piece);
    memset(piece, 'x', PIECE);
    sse_init(&s);
    for (int i = 0; i < 10 && !rc; i++) rc = sse_feed(&s, (struct str){ piece, PIECE }, hear, &h);
    CU_ASSERT_EQUAL(rc, RC_LIMIT); /* one line */
    sse_finish(&s);
    sse_init(&s);
    rc = RC_OK;
    for (int i = 0; i < 20 && !rc; i++) {
        rc = sse_feed(&s, STR("data: "), hear, &h);
        if (!rc) rc = sse_feed(&s, (struct str){ piece, PIECE / 2 }, hear, &h);
        if (!rc) rc = sse_feed(&s, STR("\n"), hear, &h);
    }
    CU_ASSERT_EQUAL(rc, RC_LIMIT); /* one event of many lines */
    CU_ASSERT_EQUAL(h.n, 0);
    sse_finish(&s);
    free(piece);
}

static void long_names_and_ids_are_taken_as_absent(void)
{
    struct sse_heard h = { .stop_after = -1 };
    char text[400];
    struct sse s;
    sse_init(&s);
    snprintf(text, sizeof text, "id: %0100d\nevent: %0100d\ndata: a\n\n", 1, 2);
    sse_feed(&s, str_of(text), hear, &h);
    CU_ASSERT_STRING_EQUAL(h.text, "|message|a;");
    sse_finish(&s);
}

TEST_MAIN("cli.sse", TEST(takes_events_however_they_are_cut), TEST(remembers_when_to_come_back),
          TEST(a_new_connection_forgets_halves), TEST(stops_when_the_receiver_has_enough), TEST(has_a_ceiling),
          TEST(long_names_and_ids_are_taken_as_absent))
