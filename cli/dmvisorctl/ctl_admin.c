/* SPDX-License-Identifier: Apache-2.0 */
/* token ..., audit ..., events, whoami, version. */
#include "cli/dmvisorctl/ctl_live.h"
#include "cli/dmvisorctl/ctl_views.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

static enum ctl_exit token_body(struct ctl *c, json_t *body)
{
    const char *expires = ctl_opt(c, OPT_EXPIRES);
    int64_t ms;
    char iso[25];
    ctl_set(body, "name", c->args->arg[0]);
    ctl_set(body, "role", ctl_opt(c, OPT_ROLE));
    ctl_set(body, "authority", c->config.authority);
    if (!ctl_has(c, OPT_ROLE)) return ctl_usage(c, "--role is needed: viewer, operator, admin or auditor");
    if (!expires) return CTL_OK;
    if (!text_time_parse(str_of(expires), &ms)) {
        if (!text_duration_parse(str_of(expires), &ms) || ms <= 0)
            return ctl_usage(c, "--expires is \"%s\"; a time such as 30d or 2031-01-31T12:00:00Z is expected", expires);
        ms += ctl_now_ms();
    }
    text_time_iso(ms, iso);
    ctl_set(body, "expires", iso);
    return CTL_OK;
}

/* The token is shown once: alone on standard output, so that a script can store it, or in a file. */
static enum ctl_exit show_token(struct ctl *c, const struct ctl_reply *r, struct ctl_secret *file)
{
    const char *token = ctl_text(r->json, "token");
    struct buf b;
    enum ctl_exit code = CTL_OK;
    if (file->fd < 0 && show_raw(c, r, &view_tokens)) return CTL_OK;
    buf_init(&b, 0);
    show_age(ctl_text(r->json, "expires"), &b);
    ctl_note("token %lld for %s (%s)%s%s%s", (long long)ctl_int(r->json, "id"), ctl_text(r->json, "name"),
             ctl_text(r->json, "role"), b.n ? ", ends " : "", buf_z(&b),
             file->fd < 0 ? "; it is shown only once:" : "");
    buf_reset(&b);
    buf_printf(&b, "%s\n", token);
    if (file->fd >= 0)
        code = ctl_secret_write(file, buf_str(&b));
    else
        ctl_put(buf_str(&b));
    buf_finish(&b);
    return code;
}

enum ctl_exit cmd_token_create(struct ctl *c)
{
    json_t *body = json_object();
    struct ctl_reply r = { 0 };
    struct ctl_secret file = { .fd = -1 };
    const struct ctl_request q = { .method = "POST", .path = ctl_path(c, "/tokens"), .json = body };
    enum ctl_exit code = token_body(c, body);
    if (!code && ctl_has(c, OPT_FILE)) code = ctl_secret_open(ctl_opt(c, OPT_FILE), ctl_has(c, OPT_FORCE), &file);
    if (!code) code = ctl_call(c, &q, &r);
    if (!code) code = show_token(c, &r, &file);
    ctl_secret_drop(&file);
    ctl_reply_finish(&r);
    json_decref(body);
    return code;
}

enum ctl_exit cmd_token_delete(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "DELETE", .path = ctl_path(c, "/tokens/{}", c->args->arg[0]) };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && c->format == FORMAT_TABLE) ctl_print("deleted token %s\n", c->args->arg[0]);
    ctl_reply_finish(&r);
    return code;
}

/* ---- authorities ---- */

static enum ctl_exit change_authority(struct ctl *c, const char *method, const char *path, const json_t *body)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = method, .path = path, .json = body };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && !show_raw(c, &r, &view_authorities)) {
        json_t *list = json_array();
        json_array_append(list, r.json);
        code = show_items(c, list, &view_authorities);
        json_decref(list);
    }
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_authority_create(struct ctl *c)
{
    json_t *body = json_object();
    enum ctl_exit code = CTL_OK;
    ctl_set(body, "name", c->args->arg[0]);
    ctl_set(body, "serverId", ctl_opt(c, OPT_SERVER_ID));
    ctl_set(body, "title", ctl_opt(c, OPT_TITLE));
    ctl_set(body, "owner", ctl_opt(c, OPT_OWNER));
    if (!ctl_has(c, OPT_SERVER_ID)) code = ctl_usage(c, "--server-id is needed: devices know an authority by it");
    if (!code) code = change_authority(c, "POST", ctl_path(c, "/authorities"), body);
    json_decref(body);
    return code;
}

enum ctl_exit cmd_authority_set(struct ctl *c)
{
    json_t *body = json_object();
    ctl_set(body, "title", ctl_opt(c, OPT_TITLE));
    enum ctl_exit code = ctl_put_record(c, body);
    if (!code && !json_object_size(body)) code = ctl_usage(c, "--title or --record is needed");
    if (!code) code = change_authority(c, "PATCH", ctl_path(c, "/authorities/{}", c->args->arg[0]), body);
    json_decref(body);
    return code;
}

/* ---- server, user, audit ---- */

enum ctl_exit cmd_audit_verify(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/audit:verify"), &r);
    bool intact = ctl_true(r.json, "intact");
    if (!code && !show_raw(c, &r, NULL) && intact)
        ctl_print("%lld entries, the chain is intact\n", (long long)ctl_int(r.json, "rows"));
    if (!code && !intact)
        code = ctl_error(CTL_FAILED, "the audit's chain is broken at entry %lld: an entry was changed or removed",
                         (long long)ctl_int(r.json, "firstBroken"));
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_whoami(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/whoami"), &r);
    if (!code && !show_raw(c, &r, &(const struct show_view){ .what = "name", .name = "name" }))
        ctl_print("%s (%s), authority %s, at %s\n", ctl_text(r.json, "name"), ctl_text(r.json, "role"),
                  ctl_text(r.json, "authority")[0] ? ctl_text(r.json, "authority") : "all", c->config.server);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_version(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "GET", .path = ctl_path(c, ""), .quiet = true };
    ctl_print("dmvisorctl " DMVISOR_VERSION "\n");
    if (!c->config.server) return CTL_OK;
    if (ctl_call(c, &q, &r) == CTL_OK)
        ctl_print("server     %s at %s\n", ctl_text(r.json, "version"), c->config.server);
    else
        ctl_note("server     not known: %s %s", c->config.server, r.status ? "does not say" : "is not reachable");
    ctl_reply_finish(&r);
    return CTL_OK;
}

/* ---- events ---- */

struct listening {
    struct ctl *c;
};

/* Print the relevant members of an event in one line. */
static void describe(const json_t *j, struct buf *b)
{
    static const struct {
        const char *path, *before;
    } part[] = {
        { "vm", " " },
        { "image", " image " },
        { "policy", " policy " },
        { "revision", " revision " },
        { "id", " #" },
        { "kind", " " },
        { "sessionId", " session " },
        { "change", ": " },
        { "object.stateText", ": " },
        { "object.lockText", ", " },
        { "alert", ": " },
    };
    static const struct {
        const char *path, *before;
    } tail[] = {
        { "outcome", ": " }, { "object.reasonText", " - " }, { "reason", " - " },
        { "why", " - " },    { "object.why", " - " },        { "error", " - " },
    };
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        const json_t *v = ctl_at(j, part[i].path);
        if (v && !json_is_null(v) && !(json_is_string(v) && !json_string_length(v))) {
            buf_putz(b, part[i].before);
            ctl_scalar(v, b);
        }
    }
    if (json_is_string(ctl_at(j, "state"))) buf_printf(b, ": %s", ctl_text(j, "state"));
    if (ctl_int(j, "percent") > 0) buf_printf(b, " %lld %%", (long long)ctl_int(j, "percent"));
    if (ctl_text(j, "summary")[0]) buf_printf(b, ": %s", ctl_text(j, "summary"));
    if (ctl_text(j, "object.summary")[0]) buf_printf(b, ", %s", ctl_text(j, "object.summary"));
    for (size_t i = 0; i < sizeof tail / sizeof tail[0]; i++)
        if (ctl_text(j, tail[i].path)[0]) buf_printf(b, "%s%s", tail[i].before, ctl_text(j, tail[i].path));
    if (json_is_object(ctl_at(j, "values"))) buf_printf(b, ": %zu values", json_object_size(ctl_at(j, "values")));
}

static void show_event(const struct sse_event *e, const json_t *j)
{
    struct buf b, line, clean;
    buf_init(&b, 0);
    buf_init(&line, 0);
    buf_init(&clean, 0);
    describe(j, &b);
    show_local(ctl_text(j, "at"), &line);
    const char *device = ctl_text(j, "device"), *text = buf_z(&b);
    buf_printf(&line, "  %-9s  %s%s", e->type, device, !device[0] && text[0] == ' ' ? text + 1 : text);
    table_clean(&clean, buf_str(&line));
    ctl_print("%s\n", buf_z(&clean));
    buf_finish(&b);
    buf_finish(&line);
    buf_finish(&clean);
}

static enum ctl_exit on_event(void *ctx, const struct sse_event *e)
{
    struct listening *s = ctx;
    json_t *data = json_loadb(e->data.p, e->data.n, JSON_DECODE_ANY, NULL);
    if (!data) return CTL_MORE;
    if (s->c->format == FORMAT_TABLE) {
        show_event(e, data);
    } else {
        json_t *j = json_object();
        int64_t id;
        if (str_to_i64(str_of(e->id), &id)) json_object_set_new(j, "id", json_integer(id));
        ctl_set(j, "event", e->type);
        json_object_set(j, "data", data);
        if (s->c->format == FORMAT_YAML) ctl_print("---\n");
        show_json(s->c, j);
        json_decref(j);
    }
    fflush(stdout);
    json_decref(data);
    return CTL_MORE;
}

enum ctl_exit cmd_events(struct ctl *c)
{
    struct listening s = { c };
    struct ctl_live l = { .after = ctl_opt(c, OPT_AFTER), .event = on_event, .ctx = &s };
    enum ctl_exit code = ctl_seconds(c, OPT_TIMEOUT, 0, &l.timeout_s);
    if (code) return code;
    l.path = ctl_query(c, ctl_query(c, ctl_path(c, "/events"), "types", ctl_opt(c, OPT_TYPES)), "device",
                       ctl_opt(c, OPT_DEVICE));
    code = live_follow(c, &l);
    return code == CTL_TIMEOUT ? CTL_OK : code; /* the requested time has passed */
}
