/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_config.h"

#include "base/buf.h"
#include "base/doc.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *ctl_config_path(struct arena *a)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/') return arena_printf(a, "%s/dmvisor/config.yaml", xdg).p;
    if (!home || !home[0]) return NULL;
    return arena_printf(a, "%s/.config/dmvisor/config.yaml", home).p;
}

/* ---- reading ---- */

enum rc ctl_token_read(const char *file, struct arena *a, const char **out, struct err *e)
{
    char line[CTL_TOKEN_BYTES];
    bool own = strcmp(file, "-") != 0;
    FILE *f = own ? fopen(file, "r") : stdin;
    if (!f) return err_at(e, RC_IO, file, 0, 0, "%s", strerror(errno));
    const char *got = fgets(line, sizeof line, f);
    bool failed = ferror(f) != 0;
    if (own) fclose(f);
    if (!got)
        return err_at(e, failed ? RC_IO : RC_INVALID, file, 0, 0,
                      failed ? "cannot be read" : "is empty: its first line must be a token");
    struct str token = str_trim(str_of(line));
    *out = arena_strz(a, token);
    if (!*out) return err_set(e, RC_NOMEM, "no memory");
    return ctl_token_ok(*out)
               ? RC_OK
               : err_at(e, RC_INVALID, file, 0, 0, "the first line is not a token (it must be a text without blanks)");
}

bool ctl_token_ok(const char *token)
{
    size_t n = strlen(token);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)token[i] <= ' ' || (unsigned char)token[i] >= 0x7f) return false;
    return n > 0;
}

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    { "name", offsetof(struct ctl_context, name) },           { "server", offsetof(struct ctl_context, server) },
    { "token", offsetof(struct ctl_context, token) },         { "ca", offsetof(struct ctl_context, ca) },
    { "authority", offsetof(struct ctl_context, authority) },
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static const char **field_of(struct ctl_context *c, size_t i)
{
    return (const char **)(void *)((char *)c + fields[i].offset);
}
static const char *const *field_at(const struct ctl_context *c, size_t i)
{
    return (const char *const *)(const void *)((const char *)c + fields[i].offset);
}

static enum rc read_field(const struct doc *d, const char *path, struct ctl_context *out, struct arena *a,
                          struct err *e)
{
    if (str_is(d->key, "insecure"))
        return doc_bool(d, &out->insecure) ? RC_OK
                                           : doc_error(d, path, RC_INVALID, e, "true or false is expected here");
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (!str_is(d->key, fields[i].name)) continue;
        if (d->kind != DOC_SCALAR || memchr(d->text.p, '\0', d->text.n))
            return doc_error(d, path, RC_INVALID, e, "a text is expected here");
        *field_of(out, i) = arena_strz(a, d->text);
        return *field_of(out, i) ? RC_OK : err_set(e, RC_NOMEM, "no memory for %s", path);
    }
    return doc_error(d, path, RC_INVALID, e, "unknown; possible are name, server, token, ca, authority, insecure");
}

static enum rc read_contexts(const struct doc *d, struct arena *a, struct ctl_contexts *out, struct err *e)
{
    const struct doc *current = doc_get(d, "current"), *list = doc_get(d, "contexts");
    for (const struct doc *x = d->first; x; x = x->next)
        if (x != current && x != list)
            return doc_error(x, out->path, RC_INVALID, e, "unknown; possible are current and contexts");
    if (current && current->kind == DOC_SCALAR) out->current = arena_strz(a, current->text);
    if (list && list->kind != DOC_LIST && list->kind != DOC_NULL)
        return doc_error(list, out->path, RC_INVALID, e, "a list is expected here");
    for (const struct doc *x = list ? list->first : NULL; x; x = x->next) {
        struct ctl_context *c = &out->row[out->n];
        enum rc rc = RC_OK;
        if (out->n == CTL_CONTEXTS) return doc_error(x, out->path, RC_LIMIT, e, "at most %d contexts", CTL_CONTEXTS);
        if (x->kind != DOC_MAP)
            return doc_error(x, out->path, RC_INVALID, e, "a context with name and server is expected here");
        for (const struct doc *y = x->first; y && !rc; y = y->next) rc = read_field(y, out->path, c, a, e);
        if (!rc && (!c->name || !c->server))
            rc = doc_error(x, out->path, RC_INVALID, e, "a context needs a name and a server");
        if (rc) return rc;
        out->n++;
    }
    return RC_OK;
}

enum rc ctl_contexts_load(const char *path, struct arena *a, struct ctl_contexts *out, struct err *e)
{
    struct stat st;
    struct doc *d = NULL;
    memset(out, 0, sizeof *out);
    out->path = path;
    if (!path || (stat(path, &st) != 0 && errno == ENOENT)) return RC_OK;
    enum rc rc = doc_load(path, a, &d, e);
    if (rc) return rc;
    out->open_to_others = stat(path, &st) == 0 && (st.st_mode & 077) != 0;
    if (d->kind == DOC_NULL) return RC_OK;
    return d->kind == DOC_MAP ? read_contexts(d, a, out, e)
                              : doc_error(d, path, RC_INVALID, e, "current and contexts are expected here");
}

struct ctl_context *ctl_contexts_find(struct ctl_contexts *c, const char *name)
{
    for (size_t i = 0; name && i < c->n; i++)
        if (strcmp(c->row[i].name, name) == 0) return &c->row[i];
    return NULL;
}

/* ---- writing ---- */

static void put(struct buf *b, const char *key, const char *value)
{
    if (!value) return;
    buf_printf(b, "%s: \"", key);
    buf_json(b, str_of(value));
    buf_putz(b, "\"\n");
}

static void format(const struct ctl_contexts *c, struct buf *b)
{
    buf_putz(b, "# dmvisorctl's servers. Holds tokens: keep it private (mode 0600).\n");
    put(b, "current", c->current);
    buf_putz(b, c->n ? "contexts:\n" : "contexts: []\n");
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < N_FIELDS; k++) {
            const char *v = *field_at(&c->row[i], k);
            if (v) buf_putz(b, k ? "    " : "  - ");
            put(b, fields[k].name, v);
        }
        if (c->row[i].insecure) buf_putz(b, "    insecure: true\n");
    }
}

static enum rc make_folders(const char *path, struct err *e)
{
    char folder[1024];
    if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return err_set(e, RC_LIMIT, "the path of the configuration file is too long");
    for (char *p = folder + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) return err_at(e, RC_IO, folder, 0, 0, "%s", strerror(errno));
        *p = '/';
    }
    return RC_OK;
}

static enum rc write_whole(const char *path, struct str text, struct err *e)
{
    char temporary[1060];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkstemp(temporary); /* mode 0600 */
    bool ok = fd >= 0;
    for (size_t at = 0; ok && at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        ok = n > 0;
        at += ok ? (size_t)n : 0;
    }
    ok = ok && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(temporary, path) != 0) {
        ok = false;
        why = errno;
    }
    if (ok) return RC_OK;
    if (fd >= 0) unlink(temporary);
    return err_at(e, RC_IO, path, 0, 0, "cannot be written: %s", strerror(why));
}

enum rc ctl_contexts_save(const struct ctl_contexts *c, struct err *e)
{
    struct buf b;
    if (!c->path) return err_set(e, RC_IO, "there is no home folder for the configuration file: set HOME");
    buf_init(&b, 1 << 20);
    format(c, &b);
    enum rc rc = buf_ok(&b) ? make_folders(c->path, e) : err_set(e, RC_NOMEM, "no memory");
    if (!rc) rc = write_whole(c->path, buf_str(&b), e);
    buf_finish(&b);
    return rc;
}

/* ---- the effective configuration ---- */

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && v[0] ? v : NULL;
}

static const char *first(const char *a, const char *b, const char *c, const char *d)
{
    return a ? a : b ? b : c ? c : d;
}

enum rc ctl_config_resolve(const struct ctl_args *args, const struct ctl_contexts *file, struct arena *a,
                           struct ctl_config *out, struct err *e)
{
    static const struct ctl_context none = { 0 };
    const struct ctl_context *named = NULL, *current = NULL;
    const char *wanted = ctl_args_option(args, OPT_CONTEXT), *token_file = ctl_args_option(args, OPT_TOKEN_FILE);
    const char *token = ctl_args_option(args, OPT_TOKEN), *server = ctl_args_option(args, OPT_SERVER);
    enum rc rc = RC_OK;

    for (size_t i = 0; i < file->n; i++) {
        if (wanted && strcmp(file->row[i].name, wanted) == 0) named = &file->row[i];
        if (file->current && strcmp(file->row[i].name, file->current) == 0) current = &file->row[i];
    }
    if (wanted && !named)
        return err_set(e, RC_INVALID, "there is no context \"%s\" in %s; dmvisorctl context list shows them", wanted,
                       file->path ? file->path : "the configuration");
    /* A context's token belongs to its server: it is never sent to another one. */
    const char *elsewhere = server ? server : named ? NULL : env("DMVISOR_SERVER");
    if (!current || named || (elsewhere && strcmp(elsewhere, current->server) != 0)) current = &none;
    if (!named) named = &none;
    if (server && named->server && strcmp(server, named->server) != 0) named = &none;
    if (token_file && !token) rc = ctl_token_read(token_file, a, &token, e);
    out->server = first(server, named->server, env("DMVISOR_SERVER"), current->server);
    out->token = first(token, named->token, env("DMVISOR_TOKEN"), current->token);
    out->ca = first(ctl_args_option(args, OPT_CA), named->ca, env("DMVISOR_CA"), current->ca);
    out->authority = first(ctl_args_option(args, OPT_AUTHORITY), named->authority, env("DMVISOR_AUTHORITY"),
                           current->authority);
    out->insecure = ctl_args_option(args, OPT_INSECURE) || named->insecure || current->insecure;
    return rc;
}
