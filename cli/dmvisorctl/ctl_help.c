/* SPDX-License-Identifier: Apache-2.0 */
/* help, completion. */
#include "cli/dmvisorctl/ctl_catalog.h"

#include <stdio.h>
#include <string.h>

static const struct ctl_command *find_operations(void)
{
    for (size_t i = 0; i < ctl_n_commands; i++)
        if (strcmp(ctl_commands[i].name, CTL_OPERATION) == 0) return &ctl_commands[i];
    return NULL;
}

static void list(const char *group)
{
    size_t n = group ? strlen(group) : 0;
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_command *x = &ctl_commands[i];
        char left[200];
        if (strcmp(x->name, CTL_OPERATION) == 0) continue;
        if (group && !(strncmp(x->name, group, n) == 0 && (x->name[n] == ' ' || !x->name[n]))) continue;
        snprintf(left, sizeof left, "%s %s", x->name, strlen(x->usage) > 30 ? "THINGS [NAME]" : x->usage);
        ctl_print("  %-34s %s\n", left, x->help);
    }
}

static void list_operations(struct ctl *c)
{
    const json_t *layouts = catalog_try(c), *op;
    struct catalog_at at = { 0, 0 };
    ctl_print("\nOperations of VMs and devices%s\n", layouts ? "" : ": those of the server (dmvisorctl login)");
    while ((op = catalog_next(layouts, &at)) != NULL) {
        char left[200];
        snprintf(left, sizeof left, "%s %s", catalog_command(c, op), catalog_usage(op));
        ctl_print("  %-34s %s%s\n", left, ctl_text(op, "help"),
                  ctl_true(op, "destructive") ? " (asks for confirmation)" : "");
    }
}

static void overview(struct ctl *c)
{
    ctl_print("dmvisorctl: the command line of dmvisor\n\nusage: dmvisorctl [options] COMMAND ...\n\n");
    list(NULL);
    list_operations(c);
    ctl_print("\nOptions of all commands\n");
    for (int o = OPT_NONE + 1; o <= OPT_LAST_GLOBAL; o++) {
        const char *value = ctl_option_value((enum ctl_opt)o);
        char left[60];
        snprintf(left, sizeof left, "--%s %s", ctl_option_name((enum ctl_opt)o), value ? value : "");
        ctl_print("  %-24s %s\n", left, ctl_option_help((enum ctl_opt)o));
    }
    ctl_print(
        "\nEnvironment: DMVISOR_SERVER, DMVISOR_TOKEN, DMVISOR_CA, DMVISOR_AUTHORITY. Options override --context, which overrides the environment,\n"
        "which overrides the current context of ~/.config/dmvisor/config.yaml.\n"
        "Exit codes: 0 success, 1 failure, 2 wrong use, 3 server not reachable, 4 timed out waiting.\n");
}

enum ctl_exit cmd_help(struct ctl *c)
{
    const struct ctl_args *a = c->args;
    char name[200] = "";
    struct buf b;
    /* "help" itself, or any command with --help */
    if (!a->command || (a->command->run == cmd_help && !a->n_args)) {
        overview(c);
        return CTL_OK;
    }
    if (a->operation)
        snprintf(name, sizeof name, "%s", a->operation);
    else if (a->command->run == cmd_help)
        snprintf(name, sizeof name, "%s%s%s", a->arg[0], a->n_args > 1 ? " " : "", a->n_args > 1 ? a->arg[1] : "");
    else
        snprintf(name, sizeof name, "%s", a->command->name);
    buf_init(&b, 0);
    bool group = false;
    for (size_t i = 0; i < ctl_n_commands; i++) {
        size_t n = strlen(name);
        if (strcmp(ctl_commands[i].name, name) == 0) ctl_args_help(&ctl_commands[i], &b);
        group |= strncmp(ctl_commands[i].name, name, n) == 0 && ctl_commands[i].name[n] == ' ';
    }
    const json_t *op = b.n || group ? NULL : catalog_operation(catalog_try(c), name, NULL);
    if (op) {
        catalog_help(c, op, &b);
        ctl_args_help_options(find_operations(), &b);
    }
    if (b.n)
        ctl_put(buf_str(&b));
    else if (group)
        list(name);
    else {
        struct str best = ctl_args_near(ctl_commands, ctl_n_commands, name);
        return ctl_error(CTL_USAGE, "there is no command \"%s\"%s%.*s%s; dmvisorctl help lists them", name,
                         best.n ? ": did you mean \"" : "", STR_ARG(best), best.n ? "\"?" : "");
    }
    buf_finish(&b);
    return CTL_OK;
}

/* ---- completion ---- */

/* Second words of a group, or first words; each once. */
static void words(const char *group)
{
    size_t n = group ? strlen(group) : 0;
    const char *last = "";
    size_t last_n = 0;
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const char *name = ctl_commands[i].name;
        if (strcmp(name, CTL_OPERATION) == 0) continue;
        if (group && !(strncmp(name, group, n) == 0 && name[n] == ' ')) continue;
        const char *word = group ? name + n + 1 : name;
        size_t word_n = strcspn(word, " ");
        if (word_n != last_n || strncmp(word, last, word_n) != 0)
            ctl_print("%s%.*s", last_n ? " " : "", (int)word_n, word);
        last = word;
        last_n = word_n;
    }
}

static void option_words(const enum ctl_opt *o, size_t n)
{
    for (size_t i = 0; i < n && o[i]; i++) ctl_print("%s--%s", i ? " " : "", ctl_option_name(o[i]));
}

static const char head[] =
    "# bash completion of dmvisorctl\n"
    "_dmvisorctl_devices() { dmvisorctl get devices -o name 2>/dev/null; }\n"
    "_dmvisorctl_operations() { dmvisorctl operations kinds -o name 2>/dev/null; }\n"
    "_dmvisorctl() {\n"
    "    local cur prev words cword line=() i\n"
    "    if declare -F _get_comp_words_by_ref >/dev/null; then\n"
    "        _get_comp_words_by_ref -n : cur prev words cword\n"
    "    else\n"
    "        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
    "    fi\n"
    "    COMPREPLY=()\n";
static const char tail[] =
    "    COMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
    "    if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions \"$cur\"; fi\n"
    "}\n"
    "complete -o default -F _dmvisorctl dmvisorctl\n";

/* Options with a value: the word after them is not a word of the command. */
static void value_options(void)
{
    for (int o = OPT_NONE + 1; o < OPT_COUNT; o++)
        if (ctl_option_value((enum ctl_opt)o)) ctl_print("%s--%s", o > 1 ? "|" : "", ctl_option_name((enum ctl_opt)o));
    ctl_print("|-o|-f");
}

/* The first word of a two-word command. */
static bool group_of(size_t i, char *out, size_t n)
{
    const char *name = ctl_commands[i].name, *space = strchr(name, ' ');
    snprintf(out, n, "%.*s", space ? (int)(space - name) : 0, name);
    return space != NULL;
}

static void bash(void)
{
    char last[64];
    ctl_print("%s", head);
    ctl_print(
        "    case $prev in\n    -o | --output) COMPREPLY=($(compgen -W 'table json yaml name csv' -- \"$cur\")); return ;;\n"
        "    --file | -f | --ca | --token-file | --account-file) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
        "    --role) COMPREPLY=($(compgen -W 'viewer operator admin auditor' -- \"$cur\")); return ;;\n"
        "    --device | --preview) COMPREPLY=($(compgen -W \"$(_dmvisorctl_devices)\" -- \"$cur\")); return ;;\n    esac\n");
    ctl_print("    for ((i = 1; i < cword; i++)); do\n        case ${words[i]} in\n        ");
    value_options();
    ctl_print(") ((i++)) ;;\n        -*) ;;\n        *) line+=(\"${words[i]}\") ;;\n        esac\n    done\n");
    ctl_print("    local list='' globals='");
    for (int o = OPT_NONE + 1; o <= OPT_LAST_GLOBAL; o++)
        ctl_print("%s--%s", o > 1 ? " " : "", ctl_option_name((enum ctl_opt)o));
    ctl_print("'\n    case \"${line[*]}\" in\n    '') list='");
    words(NULL);
    ctl_print(
        " '$(_dmvisorctl_operations) ;;\n    get) list='devices vms policies images operations notifications sessions tokens audit authorities' ;;\n    completion) list='bash' ;;\n");
    for (size_t i = 0; i < ctl_n_commands; i++) {
        char group[64];
        if (!group_of(i, group, sizeof group) || (i && group_of(i - 1, last, sizeof last) && strcmp(group, last) == 0))
            continue;
        ctl_print("    %s) list='", group);
        words(group);
        ctl_print("' ;;\n");
    }
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_command *x = &ctl_commands[i];
        bool device = strncmp(x->usage, "DEVICE", 6) == 0 || strncmp(x->name, "device ", 7) == 0;
        if (device && strcmp(x->name, "device register") != 0)
            ctl_print("    '%s') list=$(_dmvisorctl_devices) ;;\n", x->name);
        else if (!strchr(x->name, ' ') && strcmp(x->name, CTL_OPERATION) != 0)
            ctl_print("    '%s') ;;\n", x->name);
    }
    ctl_print("    *' '*) ;;\n    *) list=$(_dmvisorctl_devices) ;;\n"); /* an operation */
    ctl_print("    esac\n    if [[ $cur == -* ]]; then\n        list=$globals\n        case \"${line[*]}\" in\n");
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_command *x = &ctl_commands[i];
        if (!x->options[0] || strcmp(x->name, CTL_OPERATION) == 0) continue;
        ctl_print("        '%s'*) list=\"$globals ", x->name);
        option_words(x->options, CTL_COMMAND_OPTIONS);
        ctl_print("\" ;;\n");
    }
    ctl_print("        *) list=\"$globals ");
    option_words(find_operations()->options, CTL_COMMAND_OPTIONS);
    ctl_print("\" ;;\n        esac\n    fi\n%s", tail);
}

enum ctl_exit cmd_completion(struct ctl *c)
{
    if (strcmp(c->args->arg[0], "bash") != 0) return ctl_usage(c, "only bash is supported");
    bash();
    return CTL_OK;
}
