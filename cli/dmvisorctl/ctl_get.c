/* SPDX-License-Identifier: Apache-2.0 */
/* get: lists of all resources, and watching them. */
#include "cli/dmvisorctl/ctl_live.h"
#include "cli/dmvisorctl/ctl_views.h"

#include "base/suggest.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The resources: their path, their view, and the events that report their changes. */
static const struct kind {
    const char *name, *path; /* {} = the device */
    const char *one;         /* {} = the name; NULL = there is no single one */
    const struct show_view *view;
    const char *events;        /* NULL = no events */
    bool filter, device_query; /* allows --filter; --device goes into the query */
    const char *state;         /* the query parameter for --state; NULL = none */
    bool range;                /* --from and --to */
} kinds[] = {
    { "devices", "/devices", "/devices/{}", &view_devices, "device,vm,session", true, false, "summary", false },
    { "vms", "/devices/{}/vms", NULL, &view_vms_of, "vm,device,operation", false, false, "state", false },
    { "policies", "/policies", "/policies/{}", &view_policies, "policy,device", false, false, NULL, false },
    { "images", "/images", "/images/{}/{}", &view_images, "image", false, false, NULL, false },
    { "operations", "/operations", "/operations/{}", &view_operations, "operation", false, true, "state", false },
    { "notifications", "/notifications", NULL, &view_notifications, "notification,session", false, true, NULL, false },
    { "sessions", "/sessions", NULL, &view_sessions, "session", false, true, "outcome", false },
    { "tokens", "/tokens", NULL, &view_tokens, NULL, false, false, NULL, false },
    { "audit", "/audit", NULL, &view_audit, NULL, false, false, NULL, true },
    { "authorities", "/authorities", NULL, &view_authorities, NULL, false, false, NULL, false },
};

static const struct kind *kind_of(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *k = kinds[i].name;
        size_t all = strlen(k);
        if (strcmp(k, name) == 0 || (n + 1 == all && k[all - 1] == 's' && strncmp(k, name, n) == 0) ||
            (all > 3 && n == all - 2 && strcmp(k + all - 3, "ies") == 0 && strncmp(k, name, n - 1) == 0 &&
             name[n - 1] == 'y'))
            return &kinds[i];
    }
    return NULL;
}

/* An option that this resource does not support is an error, and not ignored. */
static enum ctl_exit check(struct ctl *c, const struct kind *k)
{
    bool of_device = strstr(k->path, "{}") != NULL;
    if (ctl_has(c, OPT_FILTER) && !k->filter) return ctl_usage(c, "--filter is for devices");
    if (ctl_has(c, OPT_STATE) && !k->state) return ctl_usage(c, "--state is for devices, vms, operations and sessions");
    if (ctl_has(c, OPT_DEVICE) && !k->device_query && !of_device)
        return ctl_usage(c, "--device is for vms, operations, notifications and sessions");
    if ((ctl_has(c, OPT_FROM) || ctl_has(c, OPT_TO)) && !k->range)
        return ctl_usage(c, "--from and --to are for the audit");
    if (ctl_has(c, OPT_WATCH) && !k->events) return ctl_usage(c, "--watch: there are no events for %s", k->name);
    return CTL_OK;
}

/* ---- VMs of all devices ---- */

static enum ctl_exit all_vms(struct ctl *c, size_t limit, struct ctl_reply *out)
{
    enum ctl_exit code = ctl_get_all(c, ctl_path(c, "/devices"), 0, out);
    if (code) return code;
    json_t *list = json_array();
    const json_t *devices = ctl_at(out->json, "items");
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *d = json_array_get(devices, i);
        struct ctl_reply of = { 0 };
        if (limit && json_array_size(list) >= limit) break;
        /* device by device: that answer also has the desired VMs that do not exist yet */
        const char *path = ctl_path(c, "/devices/{}/vms", ctl_text(d, "id"));
        if (!c->config.authority) path = ctl_query(c, path, "authority", ctl_text(d, "authority"));
        path = ctl_query(c, path, "state", ctl_opt(c, OPT_STATE));
        code = ctl_get_all(c, path, 0, &of);
        const json_t *vms = ctl_at(of.json, "items");
        for (size_t k = 0; !code && k < json_array_size(vms) && !(limit && json_array_size(list) >= limit); k++) {
            json_t *vm = json_object();
            json_object_set(vm, "device", json_object_get(d, "id"));
            json_object_update(vm, json_array_get(vms, k));
            json_array_append_new(list, vm);
        }
        ctl_reply_finish(&of);
        if (code) {
            json_decref(list);
            ctl_reply_finish(out);
            return code;
        }
    }
    json_object_set_new(out->json, "items", list);
    json_object_set_new(out->json, "next", json_null());
    char *text = json_dumps(out->json, JSON_COMPACT);
    buf_reset(&out->text);
    buf_putz(&out->text, text ? text : "");
    free(text);
    return CTL_OK;
}

/* ---- one list ---- */

static enum ctl_exit ask(struct ctl *c, const struct kind *k, size_t limit, struct ctl_reply *out)
{
    const char *device = ctl_opt(c, OPT_DEVICE), *path = k->path;
    bool of_device = strstr(path, "{}") != NULL;
    if (of_device && !device) return all_vms(c, limit, out);
    path = of_device ? ctl_path(c, path, device) : ctl_path(c, path);
    path = ctl_query(c, path, "filter", ctl_opt(c, OPT_FILTER));
    if (k->state) path = ctl_query(c, path, k->state, ctl_opt(c, OPT_STATE));
    path = ctl_query(c, path, "from", ctl_opt(c, OPT_FROM));
    path = ctl_query(c, path, "to", ctl_opt(c, OPT_TO));
    if (k->device_query) path = ctl_query(c, path, "device", device);
    return ctl_get_all(c, path, limit, out);
}

static const struct show_view *view_of(const struct ctl *c, const struct kind *k)
{
    return strstr(k->path, "{}") && !ctl_has(c, OPT_DEVICE) ? &view_vms : k->view;
}

/* Only those with this name: the result of a single GET, as the one row of the table. */
static enum ctl_exit get_one(struct ctl *c, const struct kind *k, const char *name)
{
    struct ctl_reply r = { 0 };
    const char *path = NULL, *colon = strrchr(name, ':');
    enum ctl_exit code;
    if (!k->one && strcmp(k->name, "vms") == 0 && ctl_has(c, OPT_DEVICE))
        path = ctl_path(c, "/devices/{}/vms/{}", ctl_opt(c, OPT_DEVICE), name);
    else if (!k->one)
        return ctl_usage(c, "get %s takes no name", k->name);
    else if (strcmp(k->name, "images") != 0)
        path = ctl_path(c, k->one, name);
    else if (!colon)
        return ctl_usage(c, "an image is named NAME:VERSION");
    else
        path = ctl_path(c, k->one, arena_printf(c->a, "%.*s", (int)(colon - name), name).p, colon + 1);
    code = ctl_get(c, path, &r);
    if (!code && !show_raw(c, &r, k->view)) {
        json_t *list = json_array();
        json_array_append(list, r.json);
        code = show_items(c, list, k->view);
        json_decref(list);
    }
    ctl_reply_finish(&r);
    return code;
}

/* ---- watching: differences from the last list ---- */

enum { WATCHED = 100000 };

struct watch {
    struct ctl *c;
    const struct kind *k;
    size_t limit;
    json_t *before; /* by name */
    bool head;
    struct arena arena; /* for one list */
};

static void name_of(const json_t *item, const struct show_view *v, struct buf *out)
{
    buf_reset(out);
    if (v->named)
        v->named(item, out);
    else
        ctl_scalar(ctl_at(item, v->name), out);
}

/* The whole list the first time, then each item that is new or has changed. */
static void show_changes(struct watch *w, const json_t *items)
{
    const struct show_view *v = view_of(w->c, w->k);
    json_t *changed = json_array(), *now = json_object();
    struct buf name;
    buf_init(&name, 0);
    for (size_t i = 0; i < json_array_size(items) && i < WATCHED; i++) {
        json_t *item = json_array_get(items, i);
        name_of(item, v, &name);
        const json_t *was = json_object_get(w->before, buf_z(&name));
        if (!was || !json_equal(was, item)) json_array_append(changed, item);
        json_object_set(now, buf_z(&name), item);
    }
    buf_finish(&name);
    json_decref(w->before);
    w->before = now;
    if (w->c->format == FORMAT_JSON || w->c->format == FORMAT_YAML)
        for (size_t i = 0; i < json_array_size(changed); i++) {
            if (w->c->format == FORMAT_YAML) ctl_print("---\n");
            show_json(w->c, json_array_get(changed, i));
        }
    else if (json_array_size(changed))
        show_items(w->c, changed, v);
    fflush(stdout);
    json_decref(changed);
}

static enum ctl_exit watch_look(void *ctx)
{
    struct watch *w = ctx;
    struct ctl_reply r = { 0 };
    struct arena *outer = w->c->a;
    arena_init(&w->arena, CTL_ARENA_BYTES); /* a watch may run for days */
    w->c->a = &w->arena;
    enum ctl_exit code = ask(w->c, w->k, w->limit, &r);
    if (!code) show_changes(w, ctl_at(r.json, "items"));
    ctl_reply_finish(&r);
    w->c->a = outer;
    arena_finish(&w->arena);
    return code ? code : CTL_MORE;
}

static enum ctl_exit watch(struct ctl *c, const struct kind *k, size_t limit)
{
    struct watch w = { .c = c, .k = k, .limit = limit };
    struct ctl_live l = { .look = watch_look, .ctx = &w };
    if (ctl_seconds(c, OPT_TIMEOUT, 0, &l.timeout_s)) return CTL_USAGE;
    l.path = ctl_query(c, ctl_query(c, ctl_path(c, "/events"), "types", k->events), "device", ctl_opt(c, OPT_DEVICE));
    enum ctl_exit code = live_follow(c, &l);
    json_decref(w.before);
    return code == CTL_TIMEOUT ? CTL_OK : code;
}

static enum ctl_exit unknown_kind(struct ctl *c, const char *word)
{
    struct buf list;
    buf_init(&list, 400);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) buf_printf(&list, "%s%s", i ? ", " : "", kinds[i].name);
    struct str more = suggest_among(str_of(word), buf_str(&list), c->a);
    buf_finish(&list);
    return ctl_usage(c, "there is no resource \"%s\"%.*s", word, STR_ARG(more));
}

enum ctl_exit cmd_get(struct ctl *c)
{
    const struct kind *k = kind_of(c->args->arg[0]);
    const char *text = ctl_opt(c, OPT_LIMIT);
    struct ctl_reply r = { 0 };
    uint64_t limit = 0;
    if (!k) return unknown_kind(c, c->args->arg[0]);
    if (text && (!str_to_u64(str_of(text), &limit) || !limit))
        return ctl_usage(c, "--limit is \"%s\"; a number from 1 on is expected", text);
    enum ctl_exit code = check(c, k);
    if (code) return code;
    if (c->args->n_args > 1)
        return ctl_has(c, OPT_WATCH) ? ctl_usage(c, "--watch is for whole lists") : get_one(c, k, c->args->arg[1]);
    if (ctl_has(c, OPT_WATCH)) return watch(c, k, (size_t)limit);
    code = ask(c, k, (size_t)limit, &r);
    if (!code) code = show_list(c, &r, view_of(c, k));
    ctl_reply_finish(&r);
    return code;
}
