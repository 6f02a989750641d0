/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Serves the console's files from a folder, read again at each request so that an upgrade needs no restart. */

enum { FILE_BYTES = 1024 };

static const struct {
    const char *end, *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".mjs", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".json", "application/json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".ico", "image/x-icon" },
    { ".woff2", "font/woff2" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".map", "application/json" },
    { ".webmanifest", "application/manifest+json" },
};

/* True for paths of letters, digits, '.', '-', '_', '@' in which no name begins with a dot. */
static bool plain(struct str path)
{
    char before = '/';
    for (size_t i = 0; i < path.n; i++) {
        char ch = path.p[i];
        bool ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
                  strchr("/-_@", ch) || (ch == '.' && before != '/');
        if (!ok || ch == '\0' || (ch == '/' && before == '/' && i > 0)) return false;
        before = ch;
    }
    return true;
}

static const char *type_of(struct str path)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_ends(path, str_of(types[i].end))) return types[i].type;
    return NULL;
}

enum rc api_console_serve(struct call *c)
{
    const char *dir = c->api->srv->config->webui_dir;
    struct str path = c->r->path;
    struct stat st;

    if (!str_is(c->r->method, "GET") && !str_is(c->r->method, "HEAD")) {
        api_refuse(c, 405, "Method not allowed", NULL, "allowed here: GET");
        http_reply_header(c->reply, "Allow", STR("GET, HEAD"));
        return RC_DENIED;
    }
    if (str_is(path, "/")) path = STR("/index.html");
    const char *type = type_of(path);
    if (!dir || !dir[0] || !plain(path) || !type) return api_missing(c, "page", c->r->path);
    struct str file = arena_printf(c->a, "%s%.*s", dir, STR_ARG(path));
    if (!file.n || file.n >= FILE_BYTES || stat(file.p, &st) != 0 || !S_ISREG(st.st_mode))
        return api_missing(c, "page", c->r->path);
    c->reply->status = 200;
    c->reply->file = file.p;
    c->reply->file_etag = arena_printf(c->a, "%" PRIx64 "-%" PRIx64, (uint64_t)st.st_mtime, (uint64_t)st.st_size);
    http_reply_header(c->reply, "Content-Type", str_of(type));
    return RC_OK;
}

void api_security_headers(struct call *c, bool console)
{
    static const char page[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    http_reply_header(c->reply, "Content-Security-Policy",
                      console ? str_of(page) : STR("default-src 'none'; frame-ancestors 'none'"));
    http_reply_header(c->reply, "X-Content-Type-Options", STR("nosniff"));
    http_reply_header(c->reply, "Referrer-Policy", STR("no-referrer"));
    http_reply_header(c->reply, "Cache-Control", console && c->reply->file ? STR("no-cache") : STR("no-store"));
    if (c->r->tls) http_reply_header(c->reply, "Strict-Transport-Security", STR("max-age=31536000"));
}
