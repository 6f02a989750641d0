/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_table.h"
#include "tests/lib/test.h"

#include <string.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static void counts_places_on_a_terminal(void)
{
    static const struct {
        const char *text;
        size_t width;
    } row[] = {
        { "", 0 },
        { "abc", 3 },
        { "Grüße", 5 },
        { "e\xcc\x81", 1 }, /* e and a combining acute */
        { "日本", 4 },
        { "한국어", 6 },
        { "☎", 1 },
        { "📱", 2 },
        { "a\xe2\x80\x8b"
          "b",
          2 },             /* a space of no width */
        { "\xff\xfe", 2 }, /* no UTF-8: one place each */
    };
    for (size_t i = 0; i < ROWS(row); i++) CU_ASSERT_EQUAL(table_width(str_of(row[i].text)), row[i].width);
}

static void lets_no_text_steer_the_terminal(void)
{
    static const struct {
        struct str in;
        const char *want;
    } row[] = {
        { STR_INIT("plain"), "plain" },
        { STR_INIT("two\nlines\tand\r\n"), "two lines and  " },
        { STR_INIT("\033[31mred"), "\xef\xbf\xbd[31mred" },
        { STR_INIT("bell\a\x7f"), "bell\xef\xbf\xbd\xef\xbf\xbd" },
        { STR_INIT("\xc2\x9b"
                   "31m"),
          "\xef\xbf\xbd"
          "31m" }, /* C1 */
        { STR_INIT("\xe2\x80\xae"
                   "cba"),
          "\xef\xbf\xbd"
          "cba" }, /* right to left */
        { STR_INIT("a\xffz"), "a\xef\xbf\xbdz" },
        { STR_INIT("a\0b"), "a\xef\xbf\xbd"
                            "b" },
        { STR_INIT("Grüße 日本"), "Grüße 日本" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct buf b;
        buf_init(&b, 0);
        table_clean(&b, row[i].in);
        CU_ASSERT_STRING_EQUAL(buf_z(&b), row[i].want);
        buf_finish(&b);
    }
}

static void write_rows(struct table *t, struct arena *a)
{
    table_init(t, a);
    table_column(t, "NAME", false);
    table_column(t, "N", true);
    table_column(t, "WHY", false);
    table_cell(t, STR("日本"), TABLE_PLAIN);
    table_cell(t, STR("7"), TABLE_PLAIN);
    table_cell(t, STR("it waits"), TABLE_BAD);
    table_cell(t, STR("long name"), TABLE_PLAIN);
    table_cell(t, STR("12345"), TABLE_PLAIN);
    table_cell(t, STR(""), TABLE_PLAIN);
}

static void columns_are_as_wide_as_what_is_in_them(void)
{
    struct arena a;
    struct table t;
    struct buf b;
    arena_init(&a, 1 << 20);
    buf_init(&b, 0);
    write_rows(&t, &a);
    table_write(&t, false, &b);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "NAME           N  WHY\n"
                                      "日本           7  it waits\n"
                                      "long name  12345\n");
    buf_finish(&b);
    arena_finish(&a);
}

static void colours_do_not_move_columns(void)
{
    struct arena a;
    struct table t;
    struct buf b;
    arena_init(&a, 1 << 20);
    buf_init(&b, 0);
    write_rows(&t, &a);
    table_write(&t, true, &b);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&b), "日本           7  \033[31mit waits\033[0m\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&b), "\033[1mNAME\033[0m           \033[1mN\033[0m"));
    buf_finish(&b);
    arena_finish(&a);
}

static void without_titles_there_is_no_head(void)
{
    struct arena a;
    struct table t;
    struct buf b;
    arena_init(&a, 1 << 20);
    buf_init(&b, 0);
    table_init(&t, &a);
    table_column(&t, NULL, false);
    table_column(&t, NULL, false);
    table_cell(&t, STR("Device:"), TABLE_PLAIN);
    table_cell(&t, STR("x"), TABLE_PLAIN);
    table_cell(&t, STR("Why:"), TABLE_PLAIN);
    table_cell(&t, STR("y"), TABLE_PLAIN);
    table_write(&t, true, &b);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "Device:  x\nWhy:     y\n");
    buf_finish(&b);
    arena_finish(&a);
}

static void csv_quotes_what_needs_it(void)
{
    struct arena a;
    struct table t;
    struct buf b;
    arena_init(&a, 1 << 20);
    buf_init(&b, 0);
    table_init(&t, &a);
    table_column(&t, "time", false);
    table_column(&t, "a \"b\", c", true);
    table_cell(&t, STR("1"), TABLE_PLAIN);
    table_cell(&t, STR("x,y"), TABLE_PLAIN);
    table_cell(&t, STR("2"), TABLE_PLAIN);
    table_cell(&t, STR(""), TABLE_PLAIN);
    table_write_csv(&t, &b);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), "time,\"a \"\"b\"\", c\"\n1,\"x,y\"\n2,\n");
    buf_finish(&b);
    arena_finish(&a);
}

static void says_when_memory_ran_out(void)
{
    bool failed = true;
    for (size_t limit = 0; failed; limit += 64) {
        struct arena a;
        struct table t;
        struct buf b;
        CU_ASSERT_FATAL(limit < 65536);
        arena_init(&a, limit);
        buf_init(&b, 0);
        write_rows(&t, &a);
        table_write(&t, false, &b);
        failed = t.failed;
        buf_finish(&b);
        arena_finish(&a);
    }
}

TEST_MAIN("cli.table", TEST(counts_places_on_a_terminal), TEST(lets_no_text_steer_the_terminal),
          TEST(columns_are_as_wide_as_what_is_in_them), TEST(colours_do_not_move_columns),
          TEST(without_titles_there_is_no_head), TEST(csv_quotes_what_needs_it), TEST(says_when_memory_ran_out))
