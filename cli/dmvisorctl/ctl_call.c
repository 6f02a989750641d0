/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl.h"

#include "base/crypto.h"
#include "base/text.h"
#include "base/world.h"
#include "cli/dmvisorctl/ctl_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIES = 3, PAGE = 1000, HEADERS = 8, KEY_CHARACTERS = 24, REPLY_BYTES = 256 << 20, RETRY_MOST_S = 5 };

/* ---- address and credentials ---- */

const char *ctl_url(struct ctl *c, const char *path)
{
    struct str server = str_of(c->config.server);
    while (server.n && server.p[server.n - 1] == '/') server.n--;
    if (c->config.authority) path = ctl_query(c, path, "authority", c->config.authority);
    struct str url = arena_printf(c->a, "%.*s%s", STR_ARG(server), path);
    return url.n ? url.p : "";
}

const char *const *ctl_headers(struct ctl *c, const char *const *more)
{
    const char **list = arena_alloc(c->a, HEADERS * sizeof *list);
    size_t n = 0;
    if (!list) return NULL;
    if (c->config.token) list[n++] = arena_printf(c->a, "Authorization: Bearer %s", c->config.token).p;
    for (; more && *more && n < HEADERS - 1; more++) list[n++] = *more;
    return list;
}

struct fetch *ctl_fetch_create(struct ctl *c, long total_timeout_s)
{
    const struct fetch_config f = { .ca_file = c->config.ca,
                                    .insecure = c->config.insecure,
                                    .total_timeout_s = total_timeout_s,
                                    .user_agent = "dmvisorctl/" DMVISOR_VERSION };
    return fetch_create(&f);
}

/* A token that is sent in clear can be read on the network. */
static void warn_plain(struct ctl *c)
{
    const char *s = c->config.server;
    static const char *const local[] = { "http://127.", "http://localhost", "http://[::1]" };
    if (c->warned_plain || !c->config.token || strncmp(s, "http://", 7) != 0) return;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strncmp(s, local[i], strlen(local[i])) == 0) return;
    c->warned_plain = true;
    ctl_note("warning: %s is not encrypted: the token can be read on the network", s);
}

/* ---- one request ---- */

static bool safe_to_repeat(const struct ctl_request *r)
{
    return !r->body_file;
}

static void rest(int64_t ms)
{
    const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

/* A POST carries an idempotency key, so that a retry has no second effect. */
static const char *const *headers_of(struct ctl *c, const struct ctl_request *r)
{
    const struct world w = world_real();
    const char *more[HEADERS] = { NULL };
    char key[KEY_CHARACTERS + 1];
    size_t n = 0;
    if (r->json || r->type)
        more[n++] = arena_printf(c->a, "Content-Type: %s", r->type ? r->type : "application/json").p;
    else if (r->body_file)
        more[n++] = "Content-Type: application/octet-stream";
    more[n++] =
        arena_printf(c->a, "Accept: %s", r->accept ? r->accept : "application/json, application/problem+json").p;
    if (r->header) more[n++] = r->header;
    if (strcmp(r->method, "POST") == 0) {
        crypto_random_text(&w, key, KEY_CHARACTERS);
        more[n++] = arena_printf(c->a, "Idempotency-Key: %s", key).p;
    }
    return ctl_headers(c, more);
}

static bool is_json(const char *type)
{
    size_t n = strcspn(type, "; ");
    return (n == 16 && strncmp(type, "application/json", n) == 0) || (n >= 5 && strncmp(type + n - 5, "+json", 5) == 0);
}

static enum rc once(struct ctl *c, const struct fetch_request *f, struct ctl_reply *out, int64_t *again_s)
{
    struct fetch_reply reply;
    err_clear(&out->e);
    enum rc rc = fetch_do(c->fetch, f, &reply, &out->e);
    out->status = rc ? 0 : reply.status;
    *again_s = reply.retry_after_s;
    buf_finish(&out->text);
    out->text = reply.body;
    reply.body = (struct buf){ 0 };
    if (!rc && out->text.n && is_json(reply.content_type))
        out->json = json_loadb(out->text.p, out->text.n, JSON_DECODE_ANY, NULL);
    fetch_reply_finish(&reply);
    return rc;
}

enum ctl_exit ctl_call(struct ctl *c, const struct ctl_request *r, struct ctl_reply *out)
{
    char *json = r->json ? json_dumps(r->json, JSON_COMPACT) : NULL;
    struct fetch_request f = { .method = r->method,
                               .url = ctl_url(c, r->path),
                               .headers = headers_of(c, r),
                               .body = r->body,
                               .body_file = r->body_file,
                               .reply_limit = REPLY_BYTES,
                               .no_total_timeout = r->body_file != NULL };
    enum rc rc = RC_OK;
    int64_t again_s = -1;

    *out = (struct ctl_reply){ 0 };
    warn_plain(c);
    if (json) f.body = str_of(json);
    for (int i = 1; i <= TRIES; i++) {
        rc = once(c, &f, out, &again_s);
        bool busy = !rc && out->status == 503, lost = rc == RC_IO;
        if ((!busy && !lost) || i == TRIES || r->once || !safe_to_repeat(r)) break;
        json_decref(out->json);
        out->json = NULL;
        rest(busy ? 1000 * (again_s < 0 ? 1 : again_s > RETRY_MOST_S ? RETRY_MOST_S : again_s) : 150 * i);
    }
    free(json);
    if (!rc && out->status >= 200 && out->status < 300) return CTL_OK;
    return r->quiet ? rc ? CTL_UNREACHABLE : CTL_FAILED : ctl_complain(c, out, NULL, 0);
}

enum ctl_exit ctl_get(struct ctl *c, const char *path, struct ctl_reply *out)
{
    const struct ctl_request r = { .method = "GET", .path = path };
    enum ctl_exit code = ctl_call(c, &r, out);
    return !code && !out->json ? ctl_error(CTL_FAILED, "%s sent an answer that is not JSON: is this a dmvisor server?",
                                           c->config.server)
                               : code;
}

void ctl_reply_finish(struct ctl_reply *r)
{
    buf_finish(&r->text);
    json_decref(r->json);
    r->json = NULL;
}

/* ---- collections ---- */

/* Collections that are returned whole, without pages. */
static bool is_whole(const char *path)
{
    struct str s = str_slice(str_of(path), 0, str_find(str_of(path), '?', 0));
    return str_ends(s, STR("/authorities")) || str_ends(s, STR("/layouts")) || str_ends(s, STR("/vms"));
}

/* One page is shown unchanged. Several become one, with the cursor of the remaining items. */
enum ctl_exit ctl_get_all(struct ctl *c, const char *path, size_t limit, struct ctl_reply *out)
{
    json_t *items = NULL;
    const char *cursor = NULL;
    enum ctl_exit code;
    for (size_t have = 0;; ctl_reply_finish(out)) {
        char want[24];
        size_t left = limit ? limit - have : PAGE;
        snprintf(want, sizeof want, "%zu", left < PAGE ? left : PAGE);
        const char *from = is_whole(path) ? path : ctl_query(c, ctl_query(c, path, "limit", want), "cursor", cursor);
        code = ctl_get(c, from, out);
        if (code) break;
        json_t *page = json_object_get(out->json, "items"), *next = json_object_get(out->json, "next");
        have += json_array_size(page);
        bool more = json_is_string(next) && json_array_size(page) && !(limit && have >= limit);
        if (!items && !more) return CTL_OK;
        if (!items) items = json_array();
        json_array_extend(items, page);
        if (!more) {
            json_object_set_new(out->json, "items", items);
            char *text = json_dumps(out->json, JSON_COMPACT);
            buf_reset(&out->text);
            buf_putz(&out->text, text ? text : "");
            buf_byte(&out->text, '\n');
            free(text);
            return CTL_OK;
        }
        cursor = arena_strz(c->a, str_of(json_string_value(next)));
    }
    json_decref(items);
    return code;
}

/* ---- errors ---- */

static void complain_one(const json_t *j, const char *file, unsigned first_line)
{
    int64_t line = ctl_int(j, "line"), column = ctl_int(j, "column");
    const char *pointer = ctl_text(j, "pointer"), *detail = ctl_text(j, "detail");
    char place[1200] = "";
    if (line && file)
        snprintf(place, sizeof place, "%s:%lld:%lld: ", file, (long long)line + first_line, (long long)column);
    else if (line)
        snprintf(place, sizeof place, "line %lld, column %lld: ", (long long)line, (long long)column);
    else if (file)
        snprintf(place, sizeof place, "%s: ", file);
    ctl_note("  %s%s%s%s", place, pointer, pointer[0] ? ": " : "", detail);
}

static enum ctl_exit complain_network(const struct ctl *c, const struct err *e)
{
    if (e->rc == RC_DENIED)
        return ctl_error(CTL_UNREACHABLE,
                         "%s: its certificate is not trusted: %s (use --ca FILE to trust another authority)",
                         c->config.server, e->text);
    return ctl_error(CTL_UNREACHABLE, "%s is not reachable: %s", c->config.server,
                     e->text[0] ? e->text : rc_text(e->rc));
}

enum ctl_exit ctl_complain(const struct ctl *c, const struct ctl_reply *r, const char *file, unsigned first_line)
{
    if (!r->status) return complain_network(c, &r->e);
    const char *title = ctl_text(r->json, "title"), *detail = ctl_text(r->json, "detail"),
               *pointer = ctl_text(r->json, "pointer");
    if (!title[0] && r->status >= 300 && r->status < 400)
        return ctl_error(CTL_FAILED, "%s answered with a redirect (%ld): use the address of the API itself",
                         c->config.server, r->status);
    if (!title[0])
        return ctl_error(CTL_FAILED, "%s answered %ld without a reason: is this a dmvisor server?", c->config.server,
                         r->status);
    ctl_error(CTL_FAILED, "%s: %s%s%s%s", title, detail, pointer[0] ? " (field " : "", pointer, pointer[0] ? ")" : "");
    const json_t *errors = ctl_at(r->json, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) complain_one(json_array_get(errors, i), file, first_line);
    if (r->status == 401) ctl_note("  authenticate with dmvisorctl login, --token-file, or DMVISOR_TOKEN");
    return CTL_FAILED;
}
