/* SPDX-License-Identifier: Apache-2.0 */
/* device ...: registers and shows devices. */
#include "cli/dmvisorctl/ctl_plan.h"
#include "cli/dmvisorctl/ctl_views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *id_of(const struct ctl *c)
{
    return c->args->arg[0];
}

/* "udp:HOST:PORT" as an object. */
static enum ctl_exit put_push(struct ctl *c, json_t *body)
{
    const char *push = ctl_opt(c, OPT_PUSH);
    if (!push) return CTL_OK;
    size_t n = strcspn(push, ":");
    json_t *j = json_object();
    json_object_set_new(body, "push", j);
    json_object_set_new(j, "channel", json_stringn(push, n));
    if (push[n]) ctl_set(j, "address", push + n + 1);
    if (strcmp(push, "none") != 0 && !push[n])
        return ctl_usage(c, "--push is \"%s\"; udp:HOST:PORT or none is expected", push);
    return CTL_OK;
}

/* ---- accounts: secrets that the server shows once ---- */

static enum ctl_exit write_account(struct ctl *c, const json_t *account, struct ctl_secret *file)
{
    char *text = json_dumps(account, JSON_INDENT(2));
    enum ctl_exit code = CTL_OK;
    if (!json_is_object(account) || !text) {
        free(text);
        return ctl_error(CTL_FAILED, "the server sent no account");
    }
    if (file->fd >= 0) {
        struct str line = arena_printf(c->a, "%s\n", text);
        code = line.n ? ctl_secret_write(file, line) : ctl_error(CTL_FAILED, "no memory");
        if (code)
            ctl_note("  the account is shown only once: dmvisorctl device credentials %s makes new ones", id_of(c));
    } else if (c->format == FORMAT_YAML) {
        show_json(c, account);
    } else {
        ctl_print("%s\n", text);
    }
    free(text);
    return code;
}

static enum ctl_exit open_account(struct ctl *c, struct ctl_secret *file)
{
    const char *name = ctl_opt(c, OPT_ACCOUNT_FILE);
    file->fd = -1;
    return name ? ctl_secret_open(name, ctl_has(c, OPT_FORCE), file) : CTL_OK;
}

/* With a file the secrets go to the file only. */
static enum ctl_exit show_account(struct ctl *c, const struct ctl_reply *r, struct ctl_secret *file, const char *what)
{
    const json_t *device = ctl_at(r->json, "device");
    bool to_file = file->fd >= 0;
    if (!to_file && (c->format == FORMAT_JSON || c->format == FORMAT_YAML)) {
        show_raw(c, r, NULL);
        return CTL_OK;
    }
    if (!to_file && c->format == FORMAT_TABLE)
        ctl_note("%s %s; this is its account, which is shown only once:", what, id_of(c));
    enum ctl_exit code = write_account(c, ctl_at(r->json, "account"), file);
    if (code || !to_file) return code;
    if (c->format == FORMAT_NAME)
        ctl_print("%s\n", id_of(c));
    else if (c->format == FORMAT_TABLE)
        ctl_print("%s %s; its account is in %s\n", what, id_of(c), ctl_opt(c, OPT_ACCOUNT_FILE));
    else if (json_is_object(device))
        show_json(c, device);
    return CTL_OK;
}

enum ctl_exit cmd_device_register(struct ctl *c)
{
    json_t *body = json_object(), *labels = NULL;
    struct ctl_secret file;
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "POST", .path = ctl_path(c, "/devices"), .json = body };
    ctl_set(body, "id", id_of(c));
    ctl_set(body, "title", ctl_opt(c, OPT_TITLE));
    ctl_set(body, "authority", c->config.authority);
    ctl_set(body, "auth", ctl_opt(c, OPT_AUTH));
    enum ctl_exit code = ctl_pairs(c, OPT_LABEL, &labels);
    if (labels) json_object_set_new(body, "labels", labels);
    if (!code) code = put_push(c, body);
    if (!code) code = open_account(c, &file);
    if (!code) {
        code = ctl_call(c, &q, &r);
        if (!code)
            code = show_account(c, &r, &file, "registered");
        else if (r.status == 409) /* also when the answer to the first attempt was lost */
            ctl_note("  dmvisorctl device credentials %s makes a new account for it", id_of(c));
        ctl_secret_drop(&file);
    }
    ctl_reply_finish(&r);
    json_decref(body);
    return code;
}

enum ctl_exit cmd_device_credentials(struct ctl *c)
{
    struct ctl_secret file;
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "POST", .path = ctl_path(c, "/devices/{}/credentials", id_of(c)) };
    enum ctl_exit code = open_account(c, &file);
    if (code) return code;
    code = ctl_call(c, &q, &r);
    if (!code) code = show_account(c, &r, &file, "made new credentials for");
    ctl_secret_drop(&file);
    ctl_reply_finish(&r);
    return code;
}

/* ---- changes ---- */

static enum ctl_exit patch(struct ctl *c, json_t *body)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "PATCH", .path = ctl_path(c, "/devices/{}", id_of(c)), .json = body };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && !show_raw(c, &r, &view_device)) show_one(c, &r, &view_device_set);
    ctl_reply_finish(&r);
    return code;
}

/* "k=v" sets a label, "k-" removes it. */
enum ctl_exit cmd_device_label(struct ctl *c)
{
    json_t *body = json_object(), *labels = json_object();
    enum ctl_exit code = CTL_OK;
    json_object_set_new(body, "labels", labels);
    for (size_t i = 1; i < c->args->n_args && !code; i++) {
        const char *word = c->args->arg[i], *eq = strchr(word, '=');
        size_t n = eq ? (size_t)(eq - word) : strlen(word);
        bool take_away = !eq && n > 1 && word[n - 1] == '-';
        const char *key = arena_strz(c->a, (struct str){ word, take_away ? n - 1 : n });
        if (!key || !n || (!eq && !take_away))
            code = ctl_usage(c, "\"%s\" is not a label; KEY=VALUE sets one, KEY- removes it", word);
        else
            json_object_set_new(labels, key, eq ? json_string(eq + 1) : json_null());
    }
    if (!code) code = patch(c, body);
    json_decref(body);
    return code;
}

enum ctl_exit cmd_device_set(struct ctl *c)
{
    json_t *body = json_object();
    ctl_set(body, "title", ctl_opt(c, OPT_TITLE));
    enum ctl_exit code = put_push(c, body);
    if (!code) code = ctl_put_record(c, body);
    if (!code && !json_object_size(body)) code = ctl_usage(c, "--title, --push or --record is needed");
    if (!code) code = patch(c, body);
    json_decref(body);
    return code;
}

/* "corp, priv"; nothing when the server cannot be asked: then the server itself refuses to leave VMs behind. */
static void vm_names(struct ctl *c, struct buf *out)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "GET", .path = ctl_path(c, "/devices/{}/vms", id_of(c)), .quiet = true };
    const json_t *items = ctl_call(c, &q, &r) ? NULL : ctl_at(r.json, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        buf_printf(out, "%s%s", i ? ", " : "", ctl_text(json_array_get(items, i), "id"));
    ctl_reply_finish(&r);
}

enum ctl_exit cmd_device_delete(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    struct buf vms;
    buf_init(&vms, 64 << 10);
    enum ctl_exit code;
    vm_names(c, &vms);
    if (vms.n)
        code = ctl_sure(
            c,
            "%s and all its data on the server will be deleted; its VMs (%s) stay on it, unmanaged, whatever a"
            " policy's onLeave says.",
            id_of(c), buf_z(&vms));
    else
        code = ctl_sure(c, "%s and all its data on the server will be deleted.", id_of(c));
    const char *path = ctl_path(c, "/devices/{}", id_of(c));
    const struct ctl_request q = { .method = "DELETE", .path = vms.n ? ctl_query(c, path, "force", "true") : path };
    if (!code) code = ctl_call(c, &q, &r);
    if (!code && c->format == FORMAT_TABLE) ctl_print("deleted %s\n", id_of(c));
    ctl_reply_finish(&r);
    buf_finish(&vms);
    return code;
}

enum ctl_exit cmd_device_notify(struct ctl *c)
{
    json_t *body = json_object();
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "POST",
                                   .path = ctl_path(c, "/devices/{}/notifications", id_of(c)),
                                   .json = body };
    ctl_set(body, "why", ctl_opt(c, OPT_WHY));
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && !show_raw(c, &r, &view_notification))
        ctl_print("notification %lld for %s is %s (session %s by %s %s)\n", (long long)ctl_int(r.json, "id"), id_of(c),
                  ctl_text(r.json, "state"), ctl_text(r.json, "sessionId"), ctl_text(r.json, "channel"),
                  ctl_text(r.json, "address"));
    ctl_reply_finish(&r);
    json_decref(body);
    return code;
}

/* ---- display ---- */

static void facts(struct ctl *c, const json_t *facts)
{
    struct table t;
    struct arena a;
    union {
        const json_t *in;
        json_t *out;
    } u = { facts };
    const char *key;
    json_t *v;
    if (!json_object_size(facts)) return;
    arena_init(&a, 1 << 24);
    table_init(&t, &a);
    table_column(&t, "FACT", false);
    table_column(&t, "VALUE", false);
    json_object_foreach(u.out, key, v)
    {
        struct buf b;
        buf_init(&b, 0);
        ctl_scalar(v, &b);
        table_cell(&t, str_of(key), TABLE_PLAIN);
        table_cell(&t, buf_str(&b), TABLE_PLAIN);
        buf_finish(&b);
    }
    ctl_print("\n");
    show_table(c, &t);
    arena_finish(&a);
}

enum ctl_exit cmd_device_show(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}", id_of(c)), &r);
    if (!code) code = show_one(c, &r, &view_device);
    if (!code && c->format == FORMAT_TABLE) {
        show_section(c, "VMs", ctl_at(r.json, "vms"), &view_vms_of);
        show_section(c, "Policies", ctl_at(r.json, "policies"), &view_device_policies);
        facts(c, ctl_at(r.json, "facts"));
    }
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_device_desired(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}/desired", id_of(c)), &r);
    if (!code && !show_raw(c, &r, NULL)) plan_show_desired(c, r.json);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_device_preview(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}/preview", id_of(c)), &r);
    if (!code && !show_raw(c, &r, NULL)) plan_show(c, r.json);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_device_tree(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *path = ctl_path(c, "/devices/{}/tree", id_of(c));
    path = ctl_query(c, path, "uri", c->args->n_args > 1 ? c->args->arg[1] : NULL);
    path = ctl_query(c, path, "depth", ctl_opt(c, OPT_DEPTH));
    enum ctl_exit code = ctl_get_all(c, path, 0, &r);
    if (!code) code = show_list(c, &r, &view_tree);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_device_sessions(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *text = ctl_opt(c, OPT_LIMIT);
    uint64_t limit = 20;
    if (text && (!str_to_u64(str_of(text), &limit) || !limit))
        return ctl_usage(c, "--limit is \"%s\"; a number from 1 on is expected", text);
    enum ctl_exit code = ctl_get_all(c, ctl_path(c, "/devices/{}/sessions", id_of(c)), (size_t)limit, &r);
    if (!code) code = show_list(c, &r, &view_sessions);
    ctl_reply_finish(&r);
    return code;
}
