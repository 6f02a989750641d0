/* SPDX-License-Identifier: Apache-2.0 */
/* dmvisorctl: the admin's command line. */
#include "cli/dmvisorctl/ctl_catalog.h"
#include "cli/dmvisorctl/ctl_table.h"

#include "base/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum ctl_exit set_format(struct ctl *c)
{
    static const char *const name[] = { "table", "json", "yaml", "name", "csv" };
    const char *want = ctl_opt(c, OPT_OUTPUT), *term = getenv("TERM"), *plain = getenv("NO_COLOR");
    c->color = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 && !(plain && plain[0]);
    if (!want) return CTL_OK;
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        if (strcmp(name[i], want) == 0) {
            c->format = (enum ctl_format)i;
            return c->format == FORMAT_CSV && c->args->command->run != cmd_vm_kpis
                       ? ctl_usage(c, "csv is for vm kpis over time")
                       : CTL_OK;
        }
    struct str more = suggest_among(str_of(want), STR("table, json, yaml, name, csv"), c->a);
    return ctl_usage(c, "-o is \"%s\"%.*s (csv for vm kpis)", want, STR_ARG(more));
}

static enum ctl_exit check_config(struct ctl *c)
{
    const char *s = c->config.server;
    if (s && strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0)
        return ctl_error(CTL_USAGE, "the server is \"%s\"; http:// or https:// and a host are expected", s);
    if (c->config.token && !ctl_token_ok(c->config.token))
        return ctl_error(CTL_USAGE, "the token has invalid characters");
    struct str near = { 0 };
    if (c->args->operation) near = ctl_args_near(ctl_commands, ctl_n_commands, c->args->operation);
    if (c->args->operation && (!s || !c->config.token))
        return ctl_usage(
            c,
            "there is no command \"%s\"%s%.*s%s; dmvisorctl help lists them (operations of VMs are known when"
            " dmvisorctl login, --server and --token-file, or the environment say which server)",
            c->args->operation, near.n ? ": did you mean \"" : "", STR_ARG(near), near.n ? "\"?" : "");
    if (!c->args->command->local && !s)
        return ctl_error(CTL_USAGE, "a server is needed: use dmvisorctl login, --server URL or DMVISOR_SERVER");
    if (!c->args->command->local && !c->config.token)
        return ctl_error(CTL_USAGE, "a token is needed: use dmvisorctl login, --token-file FILE or DMVISOR_TOKEN");
    if (c->config.ca && access(c->config.ca, R_OK) != 0)
        return ctl_error(CTL_USAGE, "%s: %s", c->config.ca, strerror(errno));
    if (c->config.insecure) ctl_note("warning: the server's certificate is not checked");
    return CTL_OK;
}

/* Help includes the server's operations when the server is known, and works without it. */
static void configure_help(struct ctl *c)
{
    struct ctl_contexts *file = arena_alloc(c->a, sizeof *file);
    struct err e = { 0 };
    if (!file || ctl_contexts_load(ctl_config_path(c->a), c->a, file, &e) ||
        ctl_config_resolve(c->args, file, c->a, &c->config, &e))
        c->config = (struct ctl_config){ .server = NULL };
}

static enum ctl_exit configure(struct ctl *c)
{
    struct ctl_contexts *file = arena_alloc(c->a, sizeof *file);
    struct err e = { 0 };
    if (!file) return ctl_error(CTL_FAILED, "no memory");
    enum rc rc = ctl_contexts_load(ctl_config_path(c->a), c->a, file, &e);
    if (c->args->command->run == cmd_login) /* the saved values of another login do not apply */
        memset(file, 0, sizeof *file);
    if (!rc) rc = ctl_config_resolve(c->args, file, c->a, &c->config, &e);
    if (rc) return ctl_err(CTL_USAGE, &e);
    if (file->open_to_others)
        ctl_note("warning: others can read %s, which holds tokens: chmod 600 %s", file->path, file->path);
    enum ctl_exit code = check_config(c);
    if (!code && !(c->fetch = ctl_fetch_create(c, 0))) code = ctl_error(CTL_FAILED, "no memory");
    return code;
}

/* Other users can list a process's arguments, so a token is removed from them as soon as it has been read. */
static void hide_tokens(struct ctl *c, struct ctl_args *args, int argc, char **argv)
{
    for (size_t i = 0; i < args->n_given; i++) {
        struct ctl_given *g = &args->given[i];
        const char *copy = g->option == OPT_TOKEN ? arena_strz(c->a, str_of(g->value)) : NULL;
        for (int k = 1; copy && k < argc; k++) {
            size_t n = strlen(argv[k]), at = strlen(copy) <= n ? n - strlen(copy) : 0; /* alone, or after "--token=" */
            if (argv[k] + at == g->value) memset(argv[k] + at, 'x', n - at);
        }
        if (copy) g->value = copy;
    }
}

static enum ctl_exit run(struct ctl *c, struct ctl_args *args, int argc, char **argv)
{
    struct err e = { 0 };
    enum rc rc = ctl_args_parse(ctl_commands, ctl_n_commands, argc, argv, c->a, args, &e);
    c->args = args;
    if (!rc) hide_tokens(c, args, argc, argv);
    if (rc && argc == 1) return cmd_help(c), CTL_USAGE;
    if (rc) return ctl_usage(c, "%s", e.text);
    if (!args->command || ctl_has(c, OPT_HELP) || args->command->run == cmd_help) {
        configure_help(c);
        return cmd_help(c);
    }
    if (args->command->run == cmd_completion) /* sourced by shells: no configuration is read */
        return cmd_completion(c);
    enum ctl_exit code = set_format(c);
    if (!code) code = configure(c);
    return code ? code : args->command->run(c);
}

int main(int argc, char **argv)
{
    struct arena a;
    struct ctl_args args;
    struct ctl c = { .a = &a };
    arena_init(&a, CTL_ARENA_BYTES);
    enum ctl_exit code = argc == 2 && strcmp(argv[1], "--version") == 0 ? (puts("dmvisorctl " DMVISOR_VERSION), CTL_OK)
                                                                        : run(&c, &args, argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && !code)
        code = ctl_error(CTL_FAILED, "the output cannot be written: %s", strerror(errno));
    catalog_finish(&c);
    fetch_destroy(c.fetch);
    arena_finish(&a);
    return (int)code;
}
