/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_args.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static const struct ctl_command table[] = {
    { "get", "KIND [NAME]", "list things", 1, 2, false, NULL, { OPT_FILTER, OPT_WATCH } },
    { "device show", "ID", "show one", 1, 1, false, NULL, { OPT_NONE } },
    { "device label", "ID K=V ...", "label one", 2, CTL_ANY, false, NULL, { OPT_LABEL } },
    { "lock", "DEVICE VM", "lock one", 2, 2, false, NULL, { OPT_WAIT, OPT_TIMEOUT } },
};

/* "dmvisorctl" and up to 15 words. */
struct args_line {
    struct arena a;
    char text[512];
    char *argv[20];
    int argc;
    struct ctl_args out;
    struct err e;
    enum rc rc;
};

static void parse(struct args_line *l, const char *text)
{
    memset(l, 0, sizeof *l);
    snprintf(l->text, sizeof l->text, "dmvisorctl|%s", text);
    for (char *word = strtok(l->text, "|"); word; word = strtok(NULL, "|")) l->argv[l->argc++] = word;
    arena_init(&l->a, 1 << 20);
    l->rc = ctl_args_parse(table, ROWS(table), l->argc, l->argv, &l->a, &l->out, &l->e);
}

static void options_may_stand_anywhere(void)
{
    static const char *const row[] = {
        "--server|S|lock|d|v|--wait|--timeout|5s|-o|json",
        "lock|--wait|d|--timeout=5s|v|--server=S|--output|json",
        "-ojson|lock|d|--server|S|--wait|v|--timeout|5s",
        "--server|S|-o|json|lock|--timeout|5s|--wait|--|d|v",
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct args_line l;
        parse(&l, row[i]);
        CU_ASSERT_EQUAL_FATAL(l.rc, RC_OK);
        CU_ASSERT_PTR_EQUAL(l.out.command, &table[3]);
        CU_ASSERT_EQUAL_FATAL(l.out.n_args, 2);
        CU_ASSERT_STRING_EQUAL(l.out.arg[0], "d");
        CU_ASSERT_STRING_EQUAL(l.out.arg[1], "v");
        CU_ASSERT_STRING_EQUAL(ctl_args_option(&l.out, OPT_SERVER), "S");
        CU_ASSERT_STRING_EQUAL(ctl_args_option(&l.out, OPT_OUTPUT), "json");
        CU_ASSERT_STRING_EQUAL(ctl_args_option(&l.out, OPT_TIMEOUT), "5s");
        CU_ASSERT_STRING_EQUAL(ctl_args_option(&l.out, OPT_WAIT), "");
        CU_ASSERT_PTR_NULL(ctl_args_option(&l.out, OPT_TOKEN));
        arena_finish(&l.a);
    }
}

static void commands_of_two_words(void)
{
    struct args_line l;
    parse(&l, "--authority|a|device|-o|yaml|label|ID|k=v|old-|--label|x=1|--label|y=2");
    CU_ASSERT_EQUAL_FATAL(l.rc, RC_OK);
    CU_ASSERT_PTR_EQUAL(l.out.command, &table[2]);
    CU_ASSERT_EQUAL(l.out.n_args, 3);
    CU_ASSERT_STRING_EQUAL(l.out.arg[2], "old-");
    size_t at = 0;
    CU_ASSERT_STRING_EQUAL(ctl_args_next(&l.out, OPT_LABEL, &at), "x=1");
    CU_ASSERT_STRING_EQUAL(ctl_args_next(&l.out, OPT_LABEL, &at), "y=2");
    CU_ASSERT_PTR_NULL(ctl_args_next(&l.out, OPT_LABEL, &at));
    CU_ASSERT_STRING_EQUAL(ctl_args_option(&l.out, OPT_LABEL), "y=2");
    arena_finish(&l.a);
}

static void values_may_look_like_options(void)
{
    struct args_line l;
    parse(&l, "get|devices|--filter|-x|--|--name");
    CU_ASSERT_EQUAL_FATAL(l.rc, RC_OK);
    CU_ASSERT_STRING_EQUAL(ctl_args_option(&l.out, OPT_FILTER), "-x");
    CU_ASSERT_EQUAL_FATAL(l.out.n_args, 2);
    CU_ASSERT_STRING_EQUAL(l.out.arg[1], "--name");
    arena_finish(&l.a);
}

static void says_what_is_wrong(void)
{
    static const struct {
        const char *line, *says;
    } row[] = {
        { "", "a command is needed" },
        { "--server|S", "a command is needed" },
        { "fly", "there is no command \"fly\"; dmvisorctl help lists them" },
        { "device", "device needs a subcommand, one of: show, label" },
        { "device|-o|json", "device needs a subcommand, one of: show, label" },
        { "device|fly", "there is no command \"device fly\"; possible are show, label" },
        { "device|show", "device show needs ID" },
        { "device|show|a|b", "\"b\" is one argument too many for device show" },
        { "device|show|a|--wait", "device show has no option --wait" },
        { "--wait|lock|a|b", "option --wait must follow its command" },
        { "lock|a|b|--timeout", "option --timeout needs a value" },
        { "lock|a|b|--fly", "there is no option --fly" },
        { "lock|a|b|--fly=high", "there is no option --fly" },
        { "lock|a|b|-z", "there is no option -z" },
        { "lock|a|b|--wait=yes", "option --wait has no value" },
        { "lock|a", "lock needs DEVICE VM" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct args_line l;
        parse(&l, row[i].line);
        CU_ASSERT_EQUAL(l.rc, RC_INVALID);
        CU_ASSERT_STRING_EQUAL(l.e.text, row[i].says);
        arena_finish(&l.a);
    }
}

/* A token on the command line is bad enough: no complaint repeats it. */
static void repeats_no_values(void)
{
    struct args_line l;
    parse(&l, "lock|a|b|--tokken=secret123");
    CU_ASSERT_EQUAL(l.rc, RC_INVALID);
    CU_ASSERT_PTR_NULL(strstr(l.e.text, "secret123"));
    arena_finish(&l.a);
}

static void help_needs_no_arguments(void)
{
    static const char *const row[] = { "--help", "-h", "lock|--help", "device|show|-h" };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct args_line l;
        parse(&l, row[i]);
        CU_ASSERT_EQUAL(l.rc, RC_OK);
        CU_ASSERT_PTR_NOT_NULL(ctl_args_option(&l.out, OPT_HELP));
        arena_finish(&l.a);
    }
}

static void shows_how_a_command_is_used(void)
{
    struct buf b;
    buf_init(&b, 0);
    ctl_args_help(&table[3], &b);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_z(&b), "usage: dmvisorctl lock DEVICE VM [options]\n\nlock one\n\nOptions\n  --wait "));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&b), "  -o, --output FORMAT "));
    buf_finish(&b);
}

static void survives_running_out_of_memory(void)
{
    char words[3][12] = { "dmvisorctl", "get", "devices" };
    char *argv[] = { words[0], words[1], words[2], NULL };
    struct arena a;
    struct ctl_args out;
    struct err e = { 0 };
    arena_init(&a, 8);
    CU_ASSERT_EQUAL(ctl_args_parse(table, ROWS(table), 3, argv, &a, &out, &e), RC_NOMEM);
    arena_finish(&a);
}

TEST_MAIN("cli.args", TEST(options_may_stand_anywhere), TEST(commands_of_two_words), TEST(values_may_look_like_options),
          TEST(says_what_is_wrong), TEST(repeats_no_values), TEST(help_needs_no_arguments),
          TEST(shows_how_a_command_is_used), TEST(survives_running_out_of_memory))
