/* SPDX-License-Identifier: Apache-2.0 */
/* apply, policy ...: sends documents from files to the server, and shows the results. */
#include "cli/dmvisorctl/ctl_plan.h"
#include "cli/dmvisorctl/ctl_views.h"

#include "base/doc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DOCUMENTS = 1000, FILES = 1000, NAME_ARENA_BYTES = 64 << 20 };

/* One document in its file. */
struct ctl_document {
    const char *file;
    unsigned first_line;
    struct str text;
    const char *name;
};
struct ctl_documents {
    struct ctl_document row[DOCUMENTS];
    size_t n;
};

/* ---- reading documents ---- */

/* The next document of a stream, separated by "---". @return false at the end */
static bool next_document(struct str all, size_t *at, unsigned *line, unsigned *first_line, struct str *text)
{
    size_t begin = *at;
    bool content = false;
    *first_line = *line;
    while (*at < all.n) {
        size_t end = str_find(all, '\n', *at);
        struct str one = str_slice(all, *at, end);
        bool mark = str_starts(one, STR("---")) &&
                    (one.n == 3 || one.p[3] == ' ' || one.p[3] == '\t' || one.p[3] == '\r');
        if (mark && content) break;
        struct str words = str_trim(mark ? str_slice(one, 3, one.n) : one);
        content |= words.n && words.p[0] != '#' && !str_is(words, "...");
        *at = end < all.n ? end + 1 : end;
        (*line)++;
    }
    *text = str_slice(all, begin, *at);
    return content;
}

/* An earlier document with this name, or NULL. */
static const struct ctl_document *before_it(const struct ctl_documents *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->row[i].name, name) == 0) return &all->row[i];
    return NULL;
}

/* Only the document's name is read here; the server checks the content. */
static enum ctl_exit read_name(struct ctl *c, struct ctl_document *d)
{
    struct arena a;
    struct doc *doc;
    struct err e = { 0 };
    enum ctl_exit code = CTL_OK;
    arena_init(&a, NAME_ARENA_BYTES);
    enum rc rc = doc_parse(d->text, d->file, &a, &doc, &e);
    const struct doc *name = rc ? NULL : doc_path(doc, "metadata/name");
    if (rc && e.line)
        code = ctl_error(CTL_FAILED, "%s:%u:%u: %s", d->file, e.line + d->first_line, e.column, e.text);
    else if (rc)
        code = ctl_error(CTL_FAILED, "%s: %s", d->file, e.text);
    else if (!name || name->kind != DOC_SCALAR || !name->text.n)
        code = ctl_error(CTL_FAILED, "%s:%u: /metadata/name is missing: a policy needs a name", d->file,
                         doc->line + d->first_line);
    else
        d->name = arena_strz(c->a, name->text);
    arena_finish(&a);
    return code;
}

static enum ctl_exit add_text(struct ctl *c, const char *file, struct str all, struct ctl_documents *out)
{
    struct str text;
    size_t at = 0, before = out->n;
    unsigned line = 0, first_line;
    while (next_document(all, &at, &line, &first_line, &text)) {
        struct ctl_document *d = &out->row[out->n];
        if (out->n == DOCUMENTS) return ctl_error(CTL_FAILED, "%s: more than %d documents", file, DOCUMENTS);
        *d = (struct ctl_document){ .file = file, .first_line = first_line, .text = text };
        enum ctl_exit code = read_name(c, d);
        const struct ctl_document *other = code ? NULL : before_it(out, d->name);
        if (other) /* the second would take the first one's place without a word */
            code = ctl_error(CTL_FAILED, "%s:%u: policy %s is already in %s:%u", file, first_line + 1, d->name,
                             other->file, other->first_line + 1);
        if (code) return code;
        out->n++;
    }
    return out->n > before ? CTL_OK : ctl_error(CTL_FAILED, "%s: there is no document in it", file);
}

static enum ctl_exit add_file(struct ctl *c, const char *file, struct ctl_documents *out)
{
    struct buf b;
    struct str text;
    buf_init(&b, CTL_FILE_BYTES + 1);
    enum ctl_exit code = ctl_read_file(file, CTL_FILE_BYTES, &b);
    if (!code && !arena_str(c->a, buf_str(&b), &text)) code = ctl_error(CTL_FAILED, "no memory for %s", file);
    buf_finish(&b);
    return code ? code
                : add_text(c, strcmp(file, "-") == 0 ? "standard input" : arena_strz(c->a, str_of(file)), text, out);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_document(const char *name)
{
    struct str s = str_of(name);
    return name[0] != '.' && (str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml")) || str_ends(s, STR(".json")));
}

static enum ctl_exit add_folder(struct ctl *c, const char *folder, struct ctl_documents *out)
{
    const char *names[FILES];
    size_t n = 0;
    enum ctl_exit code = CTL_OK;
    DIR *d = opendir(folder);
    if (!d) return ctl_error(CTL_FAILED, "%s: %s", folder, strerror(errno));
    for (struct dirent *x; (x = readdir(d)) != NULL && n < FILES;)
        if (is_document(x->d_name)) names[n++] = arena_strz(c->a, str_of(x->d_name));
    closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    if (!n) return ctl_error(CTL_FAILED, "%s: has no .yaml, .yml or .json file", folder);
    for (size_t i = 0; i < n && !code; i++) code = add_file(c, arena_printf(c->a, "%s/%s", folder, names[i]).p, out);
    return code;
}

static enum ctl_exit add_path(struct ctl *c, const char *path, struct ctl_documents *out)
{
    struct stat st;
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return add_folder(c, path, out);
    return add_file(c, path, out);
}

/* From -f and from arguments. */
static enum ctl_exit read_documents(struct ctl *c, struct ctl_documents **out)
{
    struct ctl_documents *d = arena_alloc(c->a, sizeof *d);
    const char *file;
    enum ctl_exit code = CTL_OK;
    if (!d) return ctl_error(CTL_FAILED, "no memory");
    for (size_t at = 0; !code && (file = ctl_args_next(c->args, OPT_FILE, &at)) != NULL;) code = add_path(c, file, d);
    for (size_t i = 0; !code && i < c->args->n_args; i++) code = add_path(c, c->args->arg[i], d);
    if (!code && !d->n) code = ctl_usage(c, "-f FILE is needed (- is standard input)");
    *out = d;
    return code;
}

/* ---- sending them ---- */

static enum ctl_exit send(struct ctl *c, const char *method, const char *path, const struct ctl_document *d,
                          struct ctl_reply *r)
{
    const struct ctl_request q = {
        .method = method, .path = path, .body = d->text, .type = "application/yaml", .quiet = true
    };
    enum ctl_exit code = ctl_call(c, &q, r);
    return code ? ctl_complain(c, r, d->file, d->first_line) : CTL_OK;
}

static void show_warnings(const json_t *j)
{
    const json_t *w = ctl_at(j, "warnings");
    for (size_t i = 0; i < json_array_size(w); i++) ctl_note("  warning: %s", json_string_value(json_array_get(w, i)));
}

static void show_reach(const json_t *j)
{
    long long affected = ctl_int(j, "affected"), unknown = ctl_int(j, "unknown");
    ctl_print("%lld %s affected", affected, affected == 1 ? "device" : "devices");
    if (unknown) ctl_print(", %lld undecided", unknown);
}

/* Show several answers in one output: documents of a stream. */
static bool show_many(struct ctl *c, const struct ctl_reply *r)
{
    if (c->format == FORMAT_YAML) ctl_print("---\n");
    return c->format != FORMAT_NAME && show_raw(c, r, NULL);
}

static enum ctl_exit put(struct ctl *c, const struct ctl_document *d)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = send(c, "PUT", ctl_path(c, "/policies/{}", d->name), d, &r);
    if (!code && c->format == FORMAT_NAME) {
        ctl_print("%s\n", d->name);
    } else if (!code && !show_many(c, &r)) {
        ctl_print("%s revision %lld", d->name, (long long)ctl_int(r.json, "revision"));
        if (ctl_true(r.json, "changed")) {
            ctl_print(": ");
            show_reach(r.json);
        } else {
            ctl_print(" unchanged");
        }
        ctl_print("\n");
    }
    show_warnings(r.json);
    ctl_reply_finish(&r);
    return code;
}

/* @param tell  report the effect; otherwise only errors */
static enum ctl_exit validate(struct ctl *c, const struct ctl_document *d, bool tell)
{
    struct ctl_reply r = { 0 }, reach = { 0 };
    enum ctl_exit code = send(c, "POST", ctl_path(c, "/policies:validate"), d, &r);
    if (!code && tell && !show_many(c, &r)) {
        code = send(c, "POST", ctl_path(c, "/policies:preview"), d, &reach);
        if (!code) {
            long long revision = ctl_int(reach.json, "revision");
            ctl_print("%s is valid: ", d->name);
            if (!revision)
                ctl_print("several documents, ");
            else if (!ctl_true(reach.json, "changed"))
                ctl_print("revision %lld, unchanged, ", revision);
            else
                ctl_print("it would be revision %lld, ", revision);
            show_reach(reach.json);
            ctl_print("\n");
        }
    }
    if (tell) show_warnings(r.json);
    if (tell) show_warnings(reach.json);
    ctl_reply_finish(&r);
    ctl_reply_finish(&reach);
    return code;
}

static enum ctl_exit preview(struct ctl *c, const struct ctl_document *d, const char *device)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = send(c, "POST", ctl_query(c, ctl_path(c, "/policies:preview"), "device", device), d, &r);
    if (!code && !show_many(c, &r)) {
        const json_t *names = ctl_at(r.json, "devices");
        ctl_print("%s: ", d->name);
        show_reach(r.json);
        for (size_t i = 0; i < json_array_size(names); i++)
            ctl_print("%s%s", i ? ", " : ": ", json_string_value(json_array_get(names, i)));
        ctl_print("%s\n", json_array_size(names) && (json_int_t)json_array_size(names) < ctl_int(r.json, "affected")
                              ? ", ..."
                              : "");
        show_warnings(r.json);
        if (device) {
            ctl_print("\n%s\n", device);
            plan_show_desired(c, ctl_at(r.json, "device.desired"));
            ctl_print("\n");
            plan_show(c, ctl_at(r.json, "device"));
        }
    }
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_apply(struct ctl *c)
{
    struct ctl_documents *d = NULL;
    const char *device = ctl_opt(c, OPT_PREVIEW);
    bool dry = ctl_has(c, OPT_DRY_RUN);
    enum ctl_exit code = read_documents(c, &d);
    /* All documents are validated before the first one is applied. All errors are reported. */
    if (!code && d->n > 1 && !dry && !device)
        for (size_t i = 0; i < d->n; i++) {
            enum ctl_exit one = validate(c, &d->row[i], false);
            if (!code || one == CTL_UNREACHABLE) code = one;
            if (one == CTL_UNREACHABLE) break;
        }
    if (code) return code;
    for (size_t i = 0; i < d->n; i++) {
        enum ctl_exit one = device ? preview(c, &d->row[i], device)
                            : dry  ? validate(c, &d->row[i], true)
                                   : put(c, &d->row[i]);
        if (one && !code) code = one;
        if (one == CTL_UNREACHABLE) break;
    }
    return code;
}

enum ctl_exit cmd_policy_validate(struct ctl *c)
{
    struct ctl_documents *d = NULL;
    enum ctl_exit code = read_documents(c, &d);
    for (size_t i = 0; !code && i < d->n; i++) code = validate(c, &d->row[i], true);
    return code;
}

enum ctl_exit cmd_policy_preview(struct ctl *c)
{
    struct ctl_documents *d = NULL;
    enum ctl_exit code = read_documents(c, &d);
    for (size_t i = 0; !code && i < d->n; i++) code = preview(c, &d->row[i], ctl_opt(c, OPT_DEVICE));
    return code;
}

/* ---- display ---- */

enum ctl_exit cmd_policy_show(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *name = c->args->arg[0], *revision = ctl_opt(c, OPT_REVISION);
    bool document = c->format == FORMAT_TABLE;
    const struct ctl_request q = { .method = "GET",
                                   .accept = document ? "application/yaml, application/problem+json" : NULL,
                                   .path = revision ? ctl_path(c, "/policies/{}/revisions/{}", name, revision)
                                                    : ctl_path(c, "/policies/{}", name) };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && document) {
        ctl_put(buf_str(&r.text));
        if (r.text.n && r.text.p[r.text.n - 1] != '\n') ctl_print("\n");
    } else if (!code) {
        show_raw(c, &r, &view_policies);
    }
    ctl_reply_finish(&r);
    return code;
}

static enum ctl_exit list(struct ctl *c, const char *path, const struct show_view *v)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get_all(c, path, 0, &r);
    if (!code) code = show_list(c, &r, v);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_policy_history(struct ctl *c)
{
    return list(c, ctl_path(c, "/policies/{}/revisions", c->args->arg[0]), &view_revisions);
}

enum ctl_exit cmd_policy_devices(struct ctl *c)
{
    return list(c, ctl_query(c, ctl_path(c, "/policies/{}/devices", c->args->arg[0]), "state", ctl_opt(c, OPT_STATE)),
                &view_policy_devices);
}

/* What happens to its VMs, as the server reports it; nothing when it does not. */
static void deletion(struct ctl *c, struct buf *out)
{
    static const struct {
        const char *leave, *words;
    } done[] = { { "stop", "are stopped" }, { "lock", "are locked" }, { "remove", "are removed with their data" } };
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "GET",
                                   .path = ctl_path(c, "/policies/{}/deletion", c->args->arg[0]),
                                   .quiet = true };
    if (!ctl_call(c, &q, &r)) {
        const json_t *names = ctl_at(r.json, "devices");
        const long long n = (long long)ctl_int(r.json, "count");
        const char *leave = ctl_text(r.json, "onLeave"), *words = "stay, unmanaged";
        for (size_t i = 0; i < sizeof done / sizeof *done; i++)
            if (strcmp(done[i].leave, leave) == 0) words = done[i].words;
        if (n)
            buf_printf(out, ": the VMs \"%s\" of %lld %s %s (", ctl_text(r.json, "vm"), n,
                       n == 1 ? "device" : "devices", words);
        for (size_t i = 0; n && i < json_array_size(names); i++)
            buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(names, i)));
        buf_putz(out, !n ? ": no device has a VM from it alone" : (size_t)n > json_array_size(names) ? ", ...)" : ")");
    }
    ctl_reply_finish(&r);
}

enum ctl_exit cmd_policy_delete(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "DELETE", .path = ctl_path(c, "/policies/{}", c->args->arg[0]) };
    struct buf what;
    buf_init(&what, 64 << 10);
    deletion(c, &what);
    enum ctl_exit code = ctl_sure(c, "Policy %s will be deleted%s; values that only it sets return to their defaults.",
                                  c->args->arg[0], buf_z(&what));
    if (!code) code = ctl_call(c, &q, &r);
    if (!code && c->format == FORMAT_TABLE) ctl_print("deleted policy %s%s\n", c->args->arg[0], buf_z(&what));
    ctl_reply_finish(&r);
    buf_finish(&what);
    return code;
}
