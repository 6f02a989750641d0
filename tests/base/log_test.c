/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/world.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 64 << 10 };

/* What one call writes, from "level" on: the time before it is another each run. */
static const char *line_of(enum log_form form, const char *event, const struct log_field *f, size_t n, char *out)
{
    int fd[2];
    CU_ASSERT_FATAL(pipe(fd) == 0);
    log_open(LOG_INFO, form, fd[1]);
    log_write(LOG_WARN, event, f, n);
    close(fd[1]);
    ssize_t got = read(fd[0], out, LINE_BYTES - 1);
    close(fd[0]);
    out[got > 0 ? got : 0] = '\0';
    const char *level = strstr(out, form == LOG_JSON ? "\"level\"" : "level=");
    return level ? level : out;
}

static void one_line_for_each_event(void)
{
    static const struct {
        struct log_field f;
        const char *logfmt, *json;
    } row[] = {
        { { "n", { 0 }, -5, true }, "n=-5", "\"n\":-5" },
        { { "s", STR_INIT("plain"), 0, false }, "s=plain", "\"s\":\"plain\"" },
        { { "s", STR_INIT(""), 0, false }, "s=\"\"", "\"s\":\"\"" },
        { { "s", STR_INIT("two words"), 0, false }, "s=\"two words\"", "\"s\":\"two words\"" },
        { { "s", STR_INIT("a=b"), 0, false }, "s=\"a=b\"", "\"s\":\"a=b\"" },
        { { "s", STR_INIT("x\nlevel=error"), 0, false }, "s=\"x\\nlevel=error\"", "\"s\":\"x\\nlevel=error\"" },
        { { "s", STR_INIT("\"\\"), 0, false }, "s=\"\\\"\\\\\"", "\"s\":\"\\\"\\\\\"" },
        { { "s", STR_INIT("\xff\x1b"), 0, false }, "s=\"\xef\xbf\xbd\\u001b\"", "\"s\":\"\xef\xbf\xbd\\u001b\"" },
    };
    static char got[LINE_BYTES], want[LINE_BYTES];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        snprintf(want, sizeof want, "level=warn event=test %s\n", row[i].logfmt);
        CU_ASSERT_STRING_EQUAL(line_of(LOG_LOGFMT, "test", &row[i].f, 1, got), want);
        snprintf(want, sizeof want, "\"level\":\"warn\",\"event\":\"test\",%s}\n", row[i].json);
        CU_ASSERT_STRING_EQUAL(line_of(LOG_JSON, "test", &row[i].f, 1, got), want);
        CU_ASSERT_EQUAL(strncmp(got, "{\"time\":\"20", 11), 0);
    }
}

static void the_level_decides(void)
{
    int fd[2];
    char got[4096] = "";
    CU_ASSERT_FATAL(pipe(fd) == 0);
    log_open(LOG_WARN, LOG_LOGFMT, fd[1]);
    log_event(LOG_INFO, "too_much", LOG_N("n", 1));
    log_event(LOG_ERROR, "first", LOG_N("n", 1), LOG_Z("z", "x"), LOG_S("s", STR("y")));
    log_set_level(LOG_DEBUG);
    log_event(LOG_DEBUG, "second", LOG_N("n", 2));
    close(fd[1]);
    CU_ASSERT(read(fd[0], got, sizeof got - 1) > 0);
    close(fd[0]);
    CU_ASSERT_PTR_NULL(strstr(got, "too_much"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "level=error event=first n=1 z=x s=y\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "level=debug event=second n=2\n"));
}

static void a_long_line_loses_its_end_but_not_its_form(void)
{
    static char text[3000], got[LINE_BYTES];
    struct log_field f[40];
    memset(text, 1, sizeof text); /* grows sixfold when escaped */
    for (size_t i = 0; i < 40; i++) f[i] = (struct log_field){ "s", { text, sizeof text }, 0, false };
    line_of(LOG_JSON, "long", f, 40, got);
    CU_ASSERT(strlen(got) > 10000);
    CU_ASSERT(strlen(got) <= 16 << 10);
    CU_ASSERT_STRING_EQUAL(got + strlen(got) - 3, "\"}\n");
}

static void levels_have_names(void)
{
    enum log_level level = LOG_INFO;
    CU_ASSERT(log_level_parse(STR("debug"), &level));
    CU_ASSERT_EQUAL(level, LOG_DEBUG);
    CU_ASSERT_FALSE(log_level_parse(STR("loud"), &level));
    CU_ASSERT_EQUAL(level, LOG_DEBUG);
}

/* Lines in the file from its beginning. */
static size_t lines_of(FILE *f, const char *part)
{
    char line[4096];
    size_t n = 0;
    rewind(f);
    while (fgets(line, sizeof line, f)) n += strstr(line, part) != NULL;
    return n;
}

/* A flood of one event leaves a bounded log, its number is told, and other events are not held up by it. */
static void a_flood_is_counted_and_not_written(void)
{
    enum { FLOOD = 100000 };
    FILE *f = tmpfile();
    CU_ASSERT_FATAL(f != NULL);
    log_open(LOG_INFO, LOG_LOGFMT, fileno(f));
    int64_t began_ms = world_monotonic_ms();
    for (int i = 0; i < FLOOD; i++) log_event(LOG_WARN, "flood", LOG_N("i", i));
    int64_t most = LOG_BURST + (world_monotonic_ms() - began_ms + 1) * LOG_PER_S / 1000 + 1;
    size_t written = lines_of(f, "event=flood");
    CU_ASSERT(written >= LOG_BURST && (int64_t)written <= most);
    log_event(LOG_INFO, "flood", LOG_N("i", -1)); /* another level is another matter, and so is another event */
    log_event(LOG_WARN, "other", LOG_N("i", -2));
    CU_ASSERT_EQUAL(lines_of(f, "i=-1"), 1);
    CU_ASSERT_EQUAL(lines_of(f, "i=-2"), 1);
    log_flush(false); /* something was said of it a moment ago */
    CU_ASSERT_EQUAL(lines_of(f, "event=log.suppressed"), 0);
    log_flush(true);
    log_flush(true);
    CU_ASSERT_EQUAL(lines_of(f, "level=warn event=log.suppressed of=flood lines="), 1);
    uint64_t told = 0;
    char line[4096];
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        const char *n = strstr(line, "suppressed=") ? strstr(line, "suppressed=") : strstr(line, "lines=");
        if (n) told += strtoull(strchr(n, '=') + 1, NULL, 10);
    }
    CU_ASSERT_EQUAL(told + written, FLOOD);
    fclose(f);
}

/* More kinds of events than there are places: the last place is shared, nothing is lost but lines. */
static void any_number_of_events_has_a_bound(void)
{
    static char name[2 * LOG_EVENTS][16];
    FILE *f = tmpfile();
    CU_ASSERT_FATAL(f != NULL);
    log_open(LOG_INFO, LOG_LOGFMT, fileno(f));
    for (size_t i = 0; i < 2 * LOG_EVENTS; i++) {
        snprintf(name[i], sizeof name[i], "e%zu", i);
        log_event(LOG_INFO, name[i], LOG_N("i", i));
    }
    CU_ASSERT_EQUAL(lines_of(f, "event=e"), 2 * LOG_EVENTS);
    fclose(f);
}

TEST_MAIN("base.log", TEST(one_line_for_each_event), TEST(the_level_decides), TEST(a_flood_is_counted_and_not_written),
          TEST(any_number_of_events_has_a_bound), TEST(a_long_line_loses_its_end_but_not_its_form),
          TEST(levels_have_names))
