/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_args.h"

#include "base/suggest.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *value, *help;
} options[OPT_COUNT] = {
#define X(id, name, value, help) [OPT_##id] = { name, value, help },
    CTL_OPTIONS(X)
#undef X
};
/* Short names of some options. */
static const struct {
    char letter;
    enum ctl_opt option;
} shorts[] = { { 'o', OPT_OUTPUT }, { 'f', OPT_FILE }, { 'h', OPT_HELP } };

const char *ctl_option_name(enum ctl_opt o)
{
    return options[o].name;
}
const char *ctl_option_value(enum ctl_opt o)
{
    return options[o].value;
}
const char *ctl_option_help(enum ctl_opt o)
{
    return options[o].help;
}

static bool takes(const struct ctl_command *c, enum ctl_opt o)
{
    if (o <= OPT_LAST_GLOBAL) return true;
    for (size_t i = 0; c && i < CTL_COMMAND_OPTIONS && c->options[i]; i++)
        if (c->options[i] == o) return true;
    return false;
}

/* State of one parse: getopt's tables, and the current position. */
struct parse {
    const struct ctl_command *table;
    size_t n;
    struct option longs[OPT_COUNT];
    char letters[16];
    struct ctl_args *out;
    struct arena *a;
    struct err *e;
};

/* Build getopt's tables of the options that this command allows; stop = only up to the first word that is not an
 * option. */
static void set_up(struct parse *p, const struct ctl_command *c, bool stop)
{
    size_t n = 0, l = 0;
    memset(p->longs, 0, sizeof p->longs);
    for (int o = OPT_NONE + 1; o < OPT_COUNT; o++)
        if (takes(c, (enum ctl_opt)o))
            p->longs[n++] = (struct option){ options[o].name, options[o].value ? required_argument : no_argument, NULL,
                                             o + 256 };
    if (stop) p->letters[l++] = '+';
    p->letters[l++] = ':'; /* reports a missing value and an unknown option differently */
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
        if (takes(c, shorts[i].option)) {
            p->letters[l++] = shorts[i].letter;
            if (options[shorts[i].option].value) p->letters[l++] = ':';
        }
    p->letters[l] = '\0';
}

/* Are the first n characters "--" and this option's name? */
static bool is_called(const char *word, int n, enum ctl_opt o)
{
    return n > 2 && strncmp(word, "--", 2) == 0 && str_is((struct str){ word + 2, (size_t)n - 2 }, options[o].name);
}

/* "--foo" or "-x" as written, without a value after '=' (which may be a secret). */
static enum rc wrong_option(struct parse *p, const char *word, bool missing_value)
{
    int n = (int)strcspn(word, "=");
    const struct ctl_command *c = p->out->command;
    if (missing_value) return err_set(p->e, RC_INVALID, "option %.*s needs a value", n, word);
    for (int o = OPT_LAST_GLOBAL + 1; o < OPT_COUNT; o++)
        if (is_called(word, n, (enum ctl_opt)o) && !takes(c, (enum ctl_opt)o))
            return c ? err_set(p->e, RC_INVALID, "%s has no option %.*s", c->name, n, word)
                     : err_set(p->e, RC_INVALID, "option %.*s must follow its command", n, word);
    for (int o = OPT_NONE + 1; o < OPT_COUNT && word[n] == '='; o++)
        if (!options[o].value && is_called(word, n, (enum ctl_opt)o))
            return err_set(p->e, RC_INVALID, "option %.*s has no value", n, word);
    struct suggestion near = suggest_for(str_slice(str_of(word), 2, (size_t)n));
    for (int o = OPT_NONE + 1; o < OPT_COUNT; o++)
        if (takes(c, (enum ctl_opt)o)) suggest_try(&near, str_of(options[o].name));
    struct str best = suggest_best(&near);
    return err_set(p->e, RC_INVALID, "there is no option %.*s%s%.*s%s", n, word, best.n ? ": did you mean --" : "",
                   STR_ARG(best), best.n ? "?" : "");
}

/* Parse options from argv[0] on, which is skipped as getopt skips a program's name. @return index of the first word
 * that is not an option */
static enum rc take_options(struct parse *p, int argc, char **argv, int *next)
{
    optind = 0; /* restart getopt */
    opterr = 0;
    for (;;) { /* up to getopt's -1: only then the words come after the options */
        int at = optind ? optind : 1;
        int o = getopt_long(argc, argv, p->letters, p->longs, NULL);
        if (o == -1) break;
        if (o == '?' || o == ':') return wrong_option(p, argv[optind > at ? optind - 1 : at], o == ':');
        enum ctl_opt option = OPT_NONE;
        if (o > 256) option = (enum ctl_opt)(o - 256);
        for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
            if (o == shorts[i].letter) option = shorts[i].option;
        p->out->given[p->out->n_given++] = (struct ctl_given){ option, options[option].value ? optarg : "" };
    }
    *next = optind;
    return RC_OK;
}

static const struct ctl_command *find(const struct parse *p, const char *one, const char *two)
{
    size_t n = strlen(one);
    for (size_t i = 0; i < p->n; i++) {
        const char *name = p->table[i].name;
        if (strcmp(name, one) == 0 && strcmp(name, CTL_OPERATION) != 0) return &p->table[i];
        if (two && strncmp(name, one, n) == 0 && name[n] == ' ' && strcmp(name + n + 1, two) == 0) return &p->table[i];
    }
    return NULL;
}

static const struct ctl_command *find_operation(const struct parse *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->table[i].name, CTL_OPERATION) == 0) return &p->table[i];
    return NULL;
}

static bool is_group(const struct parse *p, const char *one)
{
    size_t n = strlen(one);
    for (size_t i = 0; i < p->n; i++)
        if (strncmp(p->table[i].name, one, n) == 0 && p->table[i].name[n] == ' ') return true;
    return false;
}

struct str ctl_args_near(const struct ctl_command *table, size_t n, const char *word)
{
    struct suggestion near = suggest_for(str_of(word));
    for (size_t i = 0; i < n; i++) {
        struct str name = str_of(table[i].name), first;
        if (str_is(name, CTL_OPERATION) || !str_cut(&name, ' ', &first)) continue;
        suggest_try(&near, first);
    }
    return suggest_best(&near);
}

static enum rc unknown_command(struct parse *p, const char *one, const char *two)
{
    struct buf list;
    size_t n = strlen(one);
    if (!is_group(p, one)) {
        struct str best = ctl_args_near(p->table, p->n, one);
        return err_set(p->e, RC_INVALID, "there is no command \"%s\"%s%.*s%s; dmvisorctl help lists them", one,
                       best.n ? ": did you mean \"" : "", STR_ARG(best), best.n ? "\"?" : "");
    }
    buf_init(&list, 400);
    for (size_t i = 0; i < p->n; i++)
        if (strncmp(p->table[i].name, one, n) == 0 && p->table[i].name[n] == ' ')
            buf_printf(&list, "%s%s", list.n ? ", " : "", p->table[i].name + n + 1);
    struct str more = two ? suggest_among(str_of(two), buf_str(&list), p->a) : STR("");
    enum rc rc = two ? err_set(p->e, RC_INVALID, "there is no command \"%s %s\"%.*s", one, two, STR_ARG(more))
                     : err_set(p->e, RC_INVALID, "%s needs a subcommand, one of: %s", one, buf_z(&list));
    buf_finish(&list);
    return rc;
}

static enum rc check_count(const struct parse *p)
{
    const struct ctl_command *c = p->out->command;
    if (p->out->operation) return RC_OK; /* the server checks its arguments */
    if (p->out->n_args < c->min) return err_set(p->e, RC_INVALID, "%s needs %s", c->name, c->usage);
    if (c->max != CTL_ANY && p->out->n_args > c->max)
        return err_set(p->e, RC_INVALID, "\"%s\" is one argument too many for %s", p->out->arg[c->max], c->name);
    return RC_OK;
}

enum rc ctl_args_parse(const struct ctl_command *table, size_t n, int argc, char **argv, struct arena *a,
                       struct ctl_args *out, struct err *e)
{
    struct parse p = { .table = table, .n = n, .out = out, .a = a, .e = e };
    int at = 0, next = 0;
    const char *one = NULL;

    *out = (struct ctl_args){ .given = arena_alloc(a, ((size_t)argc + 1) * 8 * sizeof *out->given) };
    if (!out->given) return err_set(e, RC_NOMEM, "no memory for the command line");
    set_up(&p, NULL, true);
    for (int words = 0; words < 2 && !out->command; words++) {
        enum rc rc = take_options(&p, argc - at, argv + at, &next);
        if (rc) return rc;
        at += next;
        if (at >= argc)
            return !one && ctl_args_option(out, OPT_HELP) ? RC_OK
                   : one                                  ? unknown_command(&p, one, NULL)
                                                          : err_set(e, RC_INVALID, "a command is needed");
        out->command = find(&p, one ? one : argv[at], one ? argv[at] : NULL);
        if (!out->command && !one && !is_group(&p, argv[at]) && (out->command = find_operation(&p)) != NULL)
            out->operation = argv[at];
        if (!out->command && (one || !is_group(&p, argv[at])))
            return unknown_command(&p, one ? one : argv[at], one ? argv[at] : NULL);
        one = argv[at];
    }
    set_up(&p, out->command, false);
    enum rc rc = take_options(&p, argc - at, argv + at, &next);
    if (rc) return rc;
    out->arg = (const char *const *)(argv + at + next);
    out->n_args = (size_t)(argc - at - next);
    return ctl_args_option(out, OPT_HELP) ? RC_OK : check_count(&p);
}

const char *ctl_args_option(const struct ctl_args *args, enum ctl_opt o)
{
    const char *last = NULL;
    for (size_t i = 0; i < args->n_given; i++)
        if (args->given[i].option == o) last = args->given[i].value;
    return last;
}

const char *ctl_args_next(const struct ctl_args *args, enum ctl_opt o, size_t *at)
{
    while (*at < args->n_given) {
        const struct ctl_given *g = &args->given[(*at)++];
        if (g->option == o) return g->value;
    }
    return NULL;
}

static void help_option(enum ctl_opt o, struct buf *out)
{
    char left[40], letter[5] = "";
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
        if (shorts[i].option == o) snprintf(letter, sizeof letter, "-%c, ", shorts[i].letter);
    snprintf(left, sizeof left, "%s--%s %s", letter, options[o].name, options[o].value ? options[o].value : "");
    buf_printf(out, "  %-24s %s\n", left, options[o].help);
}

void ctl_args_help(const struct ctl_command *c, struct buf *out)
{
    buf_printf(out, "usage: dmvisorctl %s%s%s%s\n\n%s\n", c->name, c->usage[0] ? " " : "", c->usage,
               c->options[0] ? " [options]" : "", c->help);
    ctl_args_help_options(c, out);
}

void ctl_args_help_options(const struct ctl_command *c, struct buf *out)
{
    if (c->options[0]) buf_putz(out, "\nOptions\n");
    for (size_t i = 0; i < CTL_COMMAND_OPTIONS && c->options[i]; i++) help_option(c->options[i], out);
    buf_putz(out, "\nOptions of all commands\n");
    for (int o = OPT_NONE + 1; o <= OPT_LAST_GLOBAL; o++) help_option((enum ctl_opt)o, out);
}
