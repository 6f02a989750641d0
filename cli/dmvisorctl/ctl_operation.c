/* SPDX-License-Identifier: Apache-2.0 */
/* lock, start, ... operations ..., tree ...: creates operations and follows them. */
#include "cli/dmvisorctl/ctl_catalog.h"
#include "cli/dmvisorctl/ctl_live.h"
#include "cli/dmvisorctl/ctl_order.h"
#include "cli/dmvisorctl/ctl_views.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- following an operation ---- */

struct watching {
    struct ctl *c;
    const char *id;
    size_t steps; /* printed so far */
    int64_t percent;
    char state[32], reason[512]; /* as last seen */
    json_t *last;
};

/* The exit code of a final state; CTL_MORE for another. */
static enum ctl_exit ending(const char *state)
{
    static const struct {
        const char *state;
        enum ctl_exit code;
    } row[] = {
        { "verified", CTL_OK },       { "failed", CTL_FAILED },  { "cancelled", CTL_FAILED },
        { "superseded", CTL_FAILED }, { "expired", CTL_FAILED }, { "unknown", CTL_FAILED },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (strcmp(row[i].state, state) == 0) return row[i].code;
    return CTL_MORE;
}

static void show_step(struct watching *w, const char *state, int64_t percent, int64_t code, const char *reason)
{
    char done[24] = "", number[24] = "";
    if (percent > 0 && percent < 100) snprintf(done, sizeof done, "%lld %%  ", (long long)percent);
    if (code) snprintf(number, sizeof number, " (%lld)", (long long)code);
    ctl_progress(w->c, "%-12s  %s%s%s", state, done, reason, number);
}

/* Print changes: every step, then progress within a step. */
static enum ctl_exit news(struct watching *w, const json_t *o)
{
    const json_t *steps = ctl_at(o, "steps");
    const char *state = ctl_text(o, "state"), *reason = ctl_text(o, "reason");
    size_t n = json_array_size(steps);
    int64_t percent = ending(state) == CTL_MORE ? ctl_int(o, "percent") : 0;
    bool stepped = w->steps < n,
         changed = strcmp(state, w->state) != 0 || strcmp(reason, w->reason) != 0 || percent != w->percent;
    for (; w->steps < n; w->steps++) {
        const json_t *s = json_array_get(steps, w->steps);
        bool now = w->steps + 1 == n && strcmp(ctl_text(s, "state"), state) == 0;
        show_step(w, ctl_text(s, "state"), now ? percent : 0, ctl_int(s, "code"), ctl_text(s, "reason"));
    }
    if (!stepped && changed) show_step(w, state, percent, 0, reason);
    snprintf(w->state, sizeof w->state, "%s", state);
    snprintf(w->reason, sizeof w->reason, "%s", reason);
    w->percent = percent;
    json_decref(w->last);
    w->last = json_deep_copy(o);
    return ending(state);
}

static enum ctl_exit on_event(void *ctx, const struct sse_event *e)
{
    struct watching *w = ctx;
    json_t *j = strcmp(e->type, "operation") == 0 ? json_loadb(e->data.p, e->data.n, 0, NULL) : NULL;
    enum ctl_exit code = json_is_object(j) ? news(w, j) : CTL_MORE;
    json_decref(j);
    return code;
}

/* Called without a stream, and when it ended. */
static enum ctl_exit look(void *ctx)
{
    struct watching *w = ctx;
    struct ctl_reply r = { 0 };
    struct arena *outer = w->c->a, mine;
    if (w->last && ending(w->state) != CTL_MORE) return ending(w->state);
    arena_init(&mine, 1 << 20);
    w->c->a = &mine;
    const struct ctl_request q = { .method = "GET", .path = ctl_path(w->c, "/operations/{}", w->id), .quiet = true };
    enum ctl_exit code = ctl_call(w->c, &q, &r);
    if (!code)
        code = news(w, r.json);
    else if (code == CTL_FAILED)
        code = r.status >= 500 ? CTL_UNREACHABLE : ctl_complain(w->c, &r, NULL, 0);
    ctl_reply_finish(&r);
    w->c->a = outer;
    arena_finish(&mine);
    return code;
}

static enum ctl_exit watch(struct ctl *c, const char *id, int64_t timeout_s)
{
    struct watching w = { .c = c, .id = id };
    struct ctl_live l = { .path = ctl_path(c, "/operations/{}/events", id),
                          .timeout_s = timeout_s,
                          .event = on_event,
                          .look = look,
                          .ctx = &w };
    enum ctl_exit code = live_follow(c, &l);
    if (code == CTL_TIMEOUT)
        ctl_error(code, "operation %s is %s after %lld s, it has not finished: %s", id,
                  w.state[0] ? w.state : "not known", (long long)timeout_s, w.reason);
    else if (code == CTL_UNREACHABLE)
        ctl_error(code, "%s is not reachable", c->config.server);
    if (w.last && (c->format == FORMAT_JSON || c->format == FORMAT_YAML))
        show_json(c, w.last);
    else if (w.last && code == CTL_FAILED && ending(w.state) == CTL_FAILED)
        ctl_error(code, "operation %s %s: %s", id, w.state, w.reason);
    if (w.last && c->format == FORMAT_TABLE && (!code || code == CTL_FAILED)) order_show_tree_result(c, w.last);
    json_decref(w.last);
    return code;
}

enum ctl_exit cmd_operations_watch(struct ctl *c)
{
    int64_t timeout_s;
    enum ctl_exit code = ctl_seconds(c, OPT_TIMEOUT, 0, &timeout_s);
    return code ? code : watch(c, c->args->arg[0], timeout_s);
}

/* ---- creating one ---- */

/* "30d" from now, or a time unchanged. */
static enum ctl_exit put_time(struct ctl *c, json_t *body, const char *key, enum ctl_opt o)
{
    const char *text = ctl_opt(c, o);
    int64_t ms;
    char iso[25];
    if (!text) return CTL_OK;
    if (text_time_parse(str_of(text), &ms)) {
        ctl_set(body, key, text);
        return CTL_OK;
    }
    if (!text_duration_parse(str_of(text), &ms) || ms < 0)
        return ctl_usage(c, "--%s is \"%s\"; a time such as 2h or 2031-01-31T12:00:00Z is expected", ctl_option_name(o),
                         text);
    text_time_iso(ctl_now_ms() + ms, iso);
    ctl_set(body, key, iso);
    return CTL_OK;
}

/* The value of "/commands/2/uri" in the file, or the command that lacks it. */
static const struct doc *place_of(const struct order_source *from, const char *pointer)
{
    struct str rest = str_of(pointer), part;
    const struct doc *at = from->commands;
    uint64_t i = 0;
    if (!str_starts(rest, STR("/commands"))) return at;
    rest = str_slice(rest, sizeof "/commands", rest.n);
    if (!str_cut(&rest, '/', &part) || !str_to_u64(part, &i)) return at;
    const struct doc *one = at->first;
    while (i-- && one) one = one->next;
    if (!one) return at;
    str_cut(&rest, '/', &part);
    for (const struct doc *k = one->first; k; k = k->next)
        if (str_eq(k->key, part)) return k;
    return one;
}

static enum ctl_exit complain(const struct ctl *c, const struct ctl_reply *r, const struct order_source *from)
{
    const char *pointer = ctl_text(r->json, "pointer"), *detail = ctl_text(r->json, "detail");
    if (!from || !r->status || strncmp(pointer, "/commands", 9) != 0) return ctl_complain(c, r, NULL, 0);
    const struct doc *at = place_of(from, pointer);
    return ctl_error(CTL_FAILED, "%s:%u:%u: %s (field %s)", from->file, at->line, at->column, detail, pointer);
}

enum ctl_exit ctl_order(struct ctl *c, const char *device, json_t *body, const struct order_source *from, bool wait)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = {
        .method = "POST", .path = ctl_path(c, "/devices/{}/operations", device), .json = body, .quiet = true
    };
    const char *what = ctl_text(body, "command")[0] ? ctl_text(body, "command") : ctl_text(body, "kind");
    int64_t timeout_s = 0;
    char id[24] = "";
    enum ctl_exit code = put_time(c, body, "expires", OPT_EXPIRES);
    wait |= ctl_has(c, OPT_WAIT);
    if (!code) code = put_time(c, body, "notBefore", OPT_NOT_BEFORE);
    if (!code) code = ctl_seconds(c, OPT_TIMEOUT, CTL_WAIT_S, &timeout_s);
    if (!code && ctl_has(c, OPT_TIMEOUT) && !wait) code = ctl_usage(c, "--timeout needs --wait");
    if (!code && (code = ctl_call(c, &q, &r)) != CTL_OK) code = complain(c, &r, from);
    if (!code) {
        snprintf(id, sizeof id, "%lld", (long long)ctl_int(r.json, "id"));
        if (wait)
            ctl_progress(c, "operation %s: %s on %s", id, what, device);
        else if (!show_raw(c, &r, &view_operation))
            ctl_print("operation %s (%s on %s) is %s: %s\n", id, what, device, ctl_text(r.json, "state"),
                      ctl_text(r.json, "reason"));
    }
    ctl_reply_finish(&r);
    return !code && wait ? watch(c, id, timeout_s) : code;
}

/* Fill in the defaults of arguments that were not given. */
static void put_defaults(const json_t *op, json_t *args)
{
    const json_t *list = ctl_at(op, "args");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *arg = json_array_get(list, i);
        const char *name = ctl_text(arg, "name"), *standard = ctl_text(arg, "default");
        if (standard[0] && !json_object_get(args, name)) ctl_set(args, name, standard);
    }
}

/* @param op  NULL: the server reports what is wrong with it */
static enum ctl_exit operate(struct ctl *c, const char *device, const json_t *op, const char *kind, const char *vm)
{
    json_t *body = json_object(), *args = NULL;
    enum ctl_exit code = CTL_OK;
    if (ctl_true(op, "destructive"))
        code = ctl_sure(c, "%s %s%s%s: %s", ctl_text(op, "label"), vm ? vm : "", vm ? " on " : "", device,
                        ctl_text(op, "confirm"));
    if (!code) code = ctl_pairs(c, OPT_ARG, &args);
    if (!args) args = json_object();
    put_defaults(op, args);
    ctl_set(body, "kind", kind);
    ctl_set(body, "vm", vm);
    if (json_object_size(args))
        json_object_set_new(body, "args", args);
    else
        json_decref(args);
    if (!code) code = ctl_order(c, device, body, NULL, false);
    json_decref(body);
    return code;
}

/* lock, unlock, ...: the operations of the layouts. */
enum ctl_exit cmd_operation(struct ctl *c)
{
    const struct ctl_args *a = c->args;
    const json_t *layouts = NULL, *op = NULL;
    if (strcmp(a->operation, CTL_OPERATION) == 0)
        return ctl_usage(c, "an operation is needed; dmvisorctl operations kinds lists them");
    enum ctl_exit code = catalog_load(c, &layouts);
    if (code) return code;
    if (a->n_args == 1) op = catalog_operation(layouts, a->operation, "device");
    if (!op) op = catalog_operation(layouts, a->operation, "vm");
    if (!op) op = catalog_operation(layouts, a->operation, NULL);
    if (!op) return catalog_unknown(c, layouts);
    bool of_vm = strcmp(ctl_text(op, "scope"), "vm") == 0;
    if (a->n_args != (of_vm ? 2 : 1)) return ctl_usage(c, "%s needs %s", a->operation, catalog_usage(op));
    return operate(c, a->arg[0], op, ctl_text(op, "name"), of_vm ? a->arg[1] : NULL);
}

enum ctl_exit cmd_operations_create(struct ctl *c)
{
    const char *kind = c->args->arg[1], *vm = ctl_opt(c, OPT_VM);
    const json_t *layouts = NULL;
    enum ctl_exit code = catalog_load(c, &layouts);
    return code ? code : operate(c, c->args->arg[0], catalog_operation(layouts, kind, vm ? "vm" : "device"), kind, vm);
}

enum ctl_exit cmd_operations_kinds(struct ctl *c)
{
    const json_t *layouts = NULL, *op;
    struct catalog_at at = { 0, 0 };
    enum ctl_exit code = catalog_load(c, &layouts);
    if (code) return code;
    json_t *list = json_array();
    while ((op = catalog_next(layouts, &at)) != NULL) {
        json_t *one = json_deep_copy(op);
        ctl_set(one, "command", catalog_command(c, op));
        json_array_append_new(list, one);
    }
    if (c->format == FORMAT_JSON || c->format == FORMAT_YAML)
        show_json(c, list);
    else
        code = show_items(c, list, &view_kinds);
    json_decref(list);
    return code;
}

/* ---- display ---- */

enum ctl_exit cmd_operations_list(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *path = ctl_path(c, "/operations"), *text = ctl_opt(c, OPT_LIMIT);
    uint64_t limit = 50;
    if (text && (!str_to_u64(str_of(text), &limit) || !limit))
        return ctl_usage(c, "--limit is \"%s\"; a number from 1 on is expected", text);
    path = ctl_query(c, ctl_query(c, path, "device", ctl_opt(c, OPT_DEVICE)), "state", ctl_opt(c, OPT_STATE));
    enum ctl_exit code = ctl_get_all(c, path, (size_t)limit, &r);
    if (!code) code = show_list(c, &r, &view_operations);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_operations_show(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/operations/{}", c->args->arg[0]), &r);
    if (!code) code = show_one(c, &r, &view_operation);
    if (!code && c->format == FORMAT_TABLE) {
        show_section(c, "Steps", ctl_at(r.json, "steps"), &view_steps);
        order_show_tree_result(c, r.json);
    }
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_operations_cancel(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "POST", .path = ctl_path(c, "/operations/{}:cancel", c->args->arg[0]) };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && !show_raw(c, &r, &view_operation))
        ctl_print("operation %s is %s\n", c->args->arg[0], ctl_text(r.json, "state"));
    ctl_reply_finish(&r);
    return code;
}
