/* SPDX-License-Identifier: Apache-2.0 */
/* login, context ...: saved servers. */
#include "cli/dmvisorctl/ctl_show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum ctl_exit load(struct ctl *c, struct ctl_contexts **out)
{
    struct err e = { 0 };
    struct ctl_contexts *f = arena_alloc(c->a, sizeof *f);
    if (!f) return ctl_error(CTL_FAILED, "no memory");
    *out = f;
    return ctl_contexts_load(ctl_config_path(c->a), c->a, f, &e) ? ctl_err(CTL_FAILED, &e) : CTL_OK;
}

static enum ctl_exit save(const struct ctl_contexts *f)
{
    struct err e = { 0 };
    return ctl_contexts_save(f, &e) ? ctl_err(CTL_FAILED, &e) : CTL_OK;
}

/* A relative path would change its meaning in another folder. */
static const char *absolute(struct ctl *c, const char *path)
{
    char here[4096];
    if (!path || path[0] == '/' || !getcwd(here, sizeof here)) return path;
    return arena_printf(c->a, "%s/%s", here, path).p;
}

/* The server must confirm the token before anything is saved. */
enum ctl_exit cmd_login(struct ctl *c)
{
    struct ctl_contexts *f = NULL;
    struct ctl_reply r = { 0 };
    struct err e = { 0 };
    const char *name = ctl_opt(c, OPT_NAME);
    if (!c->config.server) return ctl_usage(c, "--server URL is needed");
    if (!c->config.token && isatty(STDIN_FILENO))
        return ctl_usage(c, "--token-file FILE is needed (- is standard input)");
    if (!c->config.token && ctl_token_read("-", c->a, &c->config.token, &e)) return ctl_err(CTL_FAILED, &e);
    enum ctl_exit code = load(c, &f);
    if (!code) code = ctl_get(c, ctl_path(c, "/whoami"), &r);
    if (!code) {
        struct ctl_context *row = ctl_contexts_find(f, name ? name : "default");
        if (!row && f->n == CTL_CONTEXTS)
            code = ctl_error(CTL_FAILED, "there are %d contexts already: delete one", CTL_CONTEXTS);
        else if (!row)
            row = &f->row[f->n++];
        if (row)
            *row = (struct ctl_context){ name ? name : "default",   c->config.server,    c->config.token,
                                         absolute(c, c->config.ca), c->config.authority, c->config.insecure };
        if (row) f->current = row->name;
    }
    if (!code) code = save(f);
    if (!code)
        ctl_print("logged in to %s as %s (%s); saved as context %s in %s\n", c->config.server, ctl_text(r.json, "name"),
                  ctl_text(r.json, "role"), f->current, f->path);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_context_use(struct ctl *c)
{
    struct ctl_contexts *f = NULL;
    enum ctl_exit code = load(c, &f);
    if (code) return code;
    if (!ctl_contexts_find(f, c->args->arg[0]))
        return ctl_error(CTL_FAILED, "there is no context \"%s\"; dmvisorctl context list shows them", c->args->arg[0]);
    f->current = c->args->arg[0];
    if (ctl_opt(c, OPT_AUTHORITY)) ctl_contexts_find(f, f->current)->authority = ctl_opt(c, OPT_AUTHORITY);
    code = save(f);
    if (!code) ctl_print("the current context is %s\n", f->current);
    return code;
}

/* No format shows tokens. */
enum ctl_exit cmd_context_list(struct ctl *c)
{
    static const struct show_view view = { "contexts",
                                           "name",
                                           NULL,
                                           {
                                               { "CURRENT", "mark", SHOW_TEXT, NULL },
                                               { "NAME", "name", SHOW_TEXT, NULL },
                                               { "SERVER", "server", SHOW_TEXT, NULL },
                                               { "AUTHORITY", "authority", SHOW_TEXT, NULL },
                                               { "CA", "ca", SHOW_TEXT, NULL },
                                               { "TOKEN", "token", SHOW_TEXT, NULL },
                                           } };
    struct ctl_contexts *f = NULL;
    enum ctl_exit code = load(c, &f);
    if (code) return code;
    json_t *list = json_array();
    for (size_t i = 0; i < f->n; i++) {
        const struct ctl_context *x = &f->row[i];
        bool current = f->current && strcmp(f->current, x->name) == 0;
        json_t *j = json_object();
        ctl_set(j, "name", x->name);
        ctl_set(j, "server", x->server);
        ctl_set(j, "authority", x->authority);
        ctl_set(j, "ca", x->ca);
        ctl_set(j, "token", x->token ? "kept" : "none");
        json_object_set_new(j, "insecure", json_boolean(x->insecure));
        json_object_set_new(j, "current", json_boolean(current));
        if (c->format == FORMAT_TABLE) ctl_set(j, "mark", current ? "*" : "");
        json_array_append_new(list, j);
    }
    if (c->format == FORMAT_JSON || c->format == FORMAT_YAML)
        show_json(c, list);
    else
        code = show_items(c, list, &view);
    json_decref(list);
    return code;
}

enum ctl_exit cmd_context_delete(struct ctl *c)
{
    struct ctl_contexts *f = NULL;
    enum ctl_exit code = load(c, &f);
    if (code) return code;
    struct ctl_context *row = ctl_contexts_find(f, c->args->arg[0]);
    if (!row) return ctl_error(CTL_FAILED, "there is no context \"%s\"", c->args->arg[0]);
    memmove(row, row + 1, (size_t)(&f->row[f->n] - (row + 1)) * sizeof *row);
    f->n--;
    if (f->current && strcmp(f->current, c->args->arg[0]) == 0) f->current = NULL;
    code = save(f);
    if (!code) ctl_print("deleted context %s\n", c->args->arg[0]);
    return code;
}
