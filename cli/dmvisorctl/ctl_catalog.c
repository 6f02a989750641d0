/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_catalog.h"

#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

enum { HELP_WAIT_S = 3 }; /* help does not wait long for a server */

enum ctl_exit catalog_load(struct ctl *c, const json_t **out)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = CTL_OK;
    if (!c->layouts) {
        code = ctl_get(c, ctl_path(c, "/layouts"), &r);
        if (!code) c->layouts = json_incref(json_object_get(r.json, "items"));
        ctl_reply_finish(&r);
    }
    *out = c->layouts;
    return code;
}

const json_t *catalog_try(struct ctl *c)
{
    const struct ctl_request q = { .method = "GET", .path = ctl_path(c, "/layouts"), .quiet = true, .once = true };
    struct ctl_reply r = { 0 };
    struct fetch *patient = c->fetch;
    if (c->layouts || !c->config.server || !c->config.token) return c->layouts;
    if ((c->fetch = ctl_fetch_create(c, HELP_WAIT_S)) != NULL) {
        if (ctl_call(c, &q, &r) == CTL_OK) c->layouts = json_incref(json_object_get(r.json, "items"));
        ctl_reply_finish(&r);
        fetch_destroy(c->fetch);
    }
    c->fetch = patient;
    return c->layouts;
}

void catalog_finish(struct ctl *c)
{
    json_decref(c->layouts);
    c->layouts = NULL;
}

static const json_t *named(const json_t *layout, struct str name, const char *scope)
{
    const json_t *list = ctl_at(layout, "operations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *op = json_array_get(list, i);
        if (str_is(name, ctl_text(op, "name")) && (!scope || strcmp(scope, ctl_text(op, "scope")) == 0)) return op;
    }
    return NULL;
}

static const struct str suffix = STR_INIT("-vm");

const json_t *catalog_operation(const json_t *layouts, const char *name, const char *scope)
{
    struct str as_said = str_of(name);
    for (int cut = 0; cut < 2; cut++) {
        if (cut && !str_ends(as_said, suffix)) return NULL;
        struct str word = cut ? str_slice(as_said, 0, as_said.n - suffix.n) : as_said;
        for (size_t i = 0; i < json_array_size(layouts); i++) {
            const json_t *op = named(json_array_get(layouts, i), word, scope);
            if (op) return op;
        }
    }
    return NULL;
}

/* Layouts share most of their operations: the first layout that has one is used. */
const json_t *catalog_next(const json_t *layouts, struct catalog_at *at)
{
    for (; at->layout < json_array_size(layouts); at->layout++, at->operation = 0) {
        const json_t *list = ctl_at(json_array_get(layouts, at->layout), "operations");
        while (at->operation < json_array_size(list)) {
            const json_t *op = json_array_get(list, at->operation++);
            bool before = false;
            for (size_t i = 0; i < at->layout; i++)
                before |= named(json_array_get(layouts, i), str_of(ctl_text(op, "name")), ctl_text(op, "scope")) !=
                          NULL;
            if (!before) return op;
        }
    }
    return NULL;
}

/* Is this the first word of a command? */
static bool taken(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const char *of = ctl_commands[i].name;
        if (strncmp(of, name, n) == 0 && (of[n] == ' ' || !of[n])) return true;
    }
    return false;
}

const char *catalog_command(struct ctl *c, const json_t *operation)
{
    const char *name = ctl_text(operation, "name");
    return taken(name) ? arena_printf(c->a, "%s%.*s", name, STR_ARG(suffix)).p : name;
}

const char *catalog_usage(const json_t *operation)
{
    return strcmp(ctl_text(operation, "scope"), "vm") == 0 ? "DEVICE VM" : "DEVICE";
}

static void put_states(const json_t *op, const char *key, const char *before, struct buf *out)
{
    const json_t *list = ctl_at(op, key);
    if (json_array_size(list)) buf_putz(out, before);
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
    if (json_array_size(list)) buf_putz(out, "\n");
}

void catalog_help(struct ctl *c, const json_t *operation, struct buf *out)
{
    const json_t *args = ctl_at(operation, "args");
    const char *confirm = ctl_text(operation, "confirm");
    buf_printf(out, "usage: dmvisorctl %s %s [options]\n\n%s%s\n", catalog_command(c, operation),
               catalog_usage(operation), ctl_text(operation, "help"),
               ctl_true(operation, "destructive") ? " (asks for confirmation)" : "");
    if (confirm[0]) buf_printf(out, "%s\n", confirm);
    put_states(operation, "from", "Allowed while the VM is: ", out);
    put_states(operation, "fromForced", "With --arg force=true also while it is: ", out);
    if (!ctl_true(operation, "whileLocked")) buf_putz(out, "Not allowed while the VM is locked\n");
    if (json_array_size(args)) buf_putz(out, "\nArguments (--arg NAME=VALUE)\n");
    for (size_t i = 0; i < json_array_size(args); i++) {
        const json_t *arg = json_array_get(args, i), *words = ctl_at(arg, "words");
        const char *standard = ctl_text(arg, "default");
        buf_printf(out, "  %-24s %s (", ctl_text(arg, "name"), ctl_text(arg, "label"));
        for (size_t k = 0; k < json_array_size(words); k++)
            buf_printf(out, "%s%s", k ? ", " : "", json_string_value(json_array_get(words, k)));
        buf_printf(out, "%s%s%s)\n", json_array_size(words) ? "" : ctl_text(arg, "type"),
                   standard[0] ? "; default: " : "", standard);
    }
}

enum ctl_exit catalog_unknown(struct ctl *c, const json_t *layouts)
{
    const char *word = c->args->operation;
    struct suggestion near = suggest_for(str_of(word));
    struct catalog_at at = { 0, 0 };
    const json_t *op;
    suggest_try(&near, ctl_args_near(ctl_commands, ctl_n_commands, word));
    while ((op = catalog_next(layouts, &at)) != NULL) suggest_try(&near, str_of(catalog_command(c, op)));
    struct str best = suggest_best(&near);
    return ctl_usage(c, "there is no command and no operation \"%s\"%s%.*s%s; dmvisorctl help lists them", word,
                     best.n ? ": did you mean \"" : "", STR_ARG(best), best.n ? "\"?" : "");
}
