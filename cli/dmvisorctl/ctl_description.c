/* SPDX-License-Identifier: Apache-2.0 */
/* description ...: device descriptions (DDF) of any vendor; tree describe: the description of an address. */
#include "cli/dmvisorctl/ctl_views.h"

#include "ddf/schema.h"

#include <stdio.h>
#include <string.h>

static void objects(const json_t *j, struct buf *out)
{
    const json_t *list = ctl_at(j, "objects");
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(out, "%s%s", i ? " " : "", json_string_value(json_array_get(list, i)));
}

static void access_words(const json_t *j, struct buf *out)
{
    const json_t *list = ctl_at(j, "access");
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(out, "%s%s", i ? " " : "", json_string_value(json_array_get(list, i)));
}

/* "0 off, 1 on"; "1..64"; the pattern. */
static void allowed(const json_t *j, struct buf *out)
{
    const char *kind = ctl_text(j, "allowed.kind");
    const json_t *values = ctl_at(j, "allowed.values");
    if (strcmp(kind, "range") == 0)
        buf_printf(out, "%lld..%lld", (long long)ctl_int(j, "allowed.min"), (long long)ctl_int(j, "allowed.max"));
    buf_putz(out, ctl_text(j, "allowed.pattern"));
    if (strcmp(kind, "other") == 0) buf_printf(out, "%s %s", ctl_text(j, "allowed.type"), ctl_text(j, "allowed.text"));
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i);
        const char *value = ctl_text(v, "value"), *label = ctl_text(v, "label");
        buf_printf(out, "%s%s%s%s", i ? ", " : "", value, strcmp(value, label) ? " " : "",
                   strcmp(value, label) ? label : "");
    }
    if (ctl_true(j, "allowed.list"))
        buf_printf(out, " (a list%s%s)", ctl_text(j, "allowed.delimiter")[0] ? " with " : "",
                   ctl_text(j, "allowed.delimiter"));
}

/* "deprecated since 10.0, needs Atomic" */
static void notes(const json_t *j, struct buf *out)
{
    static const struct {
        const char *key, *words;
    } row[] = {
        { "notes.deprecatedSince", "deprecated since " },
        { "notes.osBuild", "from build " },
        { "notes.version", "version " },
        { "notes.editions", "editions " },
        { "notes.reboot", "reboot: " },
        { "notes.groupPolicy", "group policy " },
        { "notes.names", "names: " },
        { "notes.namePattern", "names match " },
    };
    const json_t *depends = ctl_at(j, "notes.dependsOn");
    if (ctl_true(j, "notes.deprecated") && !ctl_text(j, "notes.deprecatedSince")[0]) buf_putz(out, "deprecated");
    if (ctl_true(j, "notes.atomicRequired")) buf_printf(out, "%sonly inside Atomic", out->n ? "; " : "");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const char *text = ctl_text(j, row[i].key);
        if (text[0]) buf_printf(out, "%s%s%s", out->n ? "; " : "", row[i].words, text);
    }
    for (size_t i = 0; i < json_array_size(depends); i++)
        buf_printf(out, "%s%s", out->n ? "; " : "", json_string_value(json_array_get(depends, i)));
}

static void node_name(const json_t *j, struct buf *out)
{
    buf_putz(out, ctl_text(j, "name")[0] ? ctl_text(j, "name") : "*");
}

static const struct show_view view_descriptions = { "descriptions",
                                                    "name",
                                                    NULL,
                                                    {
                                                        { "NAME", "name", SHOW_TEXT, NULL },
                                                        { "MANUFACTURER", "manufacturer", SHOW_TEXT, NULL },
                                                        { "MODEL", "model", SHOW_TEXT, NULL },
                                                        { "FOR", "object", SHOW_TEXT, NULL },
                                                        { "OBJECTS", NULL, SHOW_OWN, objects },
                                                        { "NODES", "nodes", SHOW_NUMBER, NULL },
                                                        { "SIZE", "bytes", SHOW_SIZE, NULL },
                                                        { "CREATED", "created", SHOW_AGE, NULL },
                                                    } };
static const struct show_view view_described = { "node",
                                                 "uri",
                                                 NULL,
                                                 {
                                                     { "Address", "uri", SHOW_TEXT, NULL },
                                                     { "Title", "title", SHOW_TEXT, NULL },
                                                     { "Description", "description", SHOW_TEXT, NULL },
                                                     { "Format", "format", SHOW_TEXT, NULL },
                                                     { "Access", NULL, SHOW_OWN, access_words },
                                                     { "Allowed", NULL, SHOW_OWN, allowed },
                                                     { "Default", "default", SHOW_TEXT, NULL },
                                                     { "Object", "object", SHOW_TEXT, NULL },
                                                     { "Safest", "safest", SHOW_TEXT, NULL },
                                                     { "Notes", NULL, SHOW_OWN, notes },
                                                     { "Described by", "document", SHOW_TEXT, NULL },
                                                 } };
static const struct show_view view_children = { "nodes",
                                                "name",
                                                NULL,
                                                {
                                                    { "NAME", NULL, SHOW_OWN, node_name },
                                                    { "FORMAT", "format", SHOW_TEXT, NULL },
                                                    { "ACCESS", NULL, SHOW_OWN, access_words },
                                                    { "ALLOWED", NULL, SHOW_OWN, allowed },
                                                    { "DEFAULT", "default", SHOW_TEXT, NULL },
                                                    { "TITLE", "title", SHOW_TEXT, NULL },
                                                } };

/* The name for "vendor/Phone-1.ddf.xml" is "Phone-1.ddf". */
static const char *name_of_file(struct ctl *c, const char *file)
{
    const char *base = strrchr(file, '/');
    base = base ? base + 1 : file;
    const char *dot = strrchr(base, '.');
    return arena_strz(c->a, (struct str){ base, dot && dot != base ? (size_t)(dot - base) : strlen(base) });
}

static enum ctl_exit upload(struct ctl *c, const char *file, const char *name)
{
    struct ctl_reply r = { 0 };
    struct buf text;
    if (!name) return ctl_usage(c, "no memory");
    buf_init(&text, 0);
    const char *path = ctl_query(c, ctl_path(c, "/descriptions"), "name", name);
    path = ctl_query(c, ctl_query(c, path, "manufacturer", ctl_opt(c, OPT_MANUFACTURER)), "model",
                     ctl_opt(c, OPT_MODEL));
    path = ctl_query(c, path, "object", ctl_opt(c, OPT_OBJECT));
    enum ctl_exit code = ctl_read_file(file, DDF_BYTES, &text);
    const struct ctl_request q = {
        .method = "POST", .path = path, .body = buf_str(&text), .type = "application/xml", .quiet = true
    };
    if (!code) {
        code = ctl_call(c, &q, &r);
        if (code) ctl_complain(c, &r, file, 0);
    }
    if (!code && !show_raw(c, &r, &view_descriptions))
        ctl_print("%s: %lld nodes\n", ctl_text(r.json, "name"), (long long)ctl_int(r.json, "nodes"));
    ctl_reply_finish(&r);
    buf_finish(&text);
    return code;
}

/* The file of "/descriptions/2/document"; NULL when it is none of them. */
static const char *file_of(const char *pointer, const char *const *files, size_t n)
{
    struct str rest = str_of(pointer), part;
    int64_t at = 0;
    if (!str_starts(rest, STR("/descriptions/"))) return NULL;
    rest = str_slice(rest, sizeof "/descriptions", rest.n);
    return str_cut(&rest, '/', &part) && str_to_i64(part, &at) && at >= 0 && (size_t)at < n ? files[at] : NULL;
}

static void complain_by_file(const struct ctl_reply *r, const char *const *files, size_t n)
{
    const json_t *errors = ctl_at(r->json, "errors");
    ctl_error(CTL_FAILED, "%s: nothing was uploaded", ctl_text(r->json, "title"));
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *one = json_array_get(errors, i);
        const char *file = file_of(ctl_text(one, "pointer"), files, n);
        if (ctl_int(one, "line"))
            ctl_note("  %s:%lld:%lld: %s", file ? file : "", (long long)ctl_int(one, "line"),
                     (long long)ctl_int(one, "column"), ctl_text(one, "detail"));
        else
            ctl_note("  %s: %s", file ? file : "", ctl_text(one, "detail"));
    }
}

/* Upload several in one request, so that the server merges them once: all or none. */
static enum ctl_exit upload_batch(struct ctl *c, const char *const *files, const char *const *names, json_t *list)
{
    struct ctl_reply r = { 0 };
    json_t *body = json_object();
    const char *path = ctl_query(c, ctl_path(c, "/descriptions:batch"), "manufacturer", ctl_opt(c, OPT_MANUFACTURER));
    path = ctl_query(c, ctl_query(c, path, "model", ctl_opt(c, OPT_MODEL)), "object", ctl_opt(c, OPT_OBJECT));
    json_object_set(body, "descriptions", list);
    const struct ctl_request q = { .method = "POST", .path = path, .json = body, .quiet = true };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (code && json_array_size(ctl_at(r.json, "errors")))
        complain_by_file(&r, files, json_array_size(list));
    else if (code)
        ctl_complain(c, &r, file_of(ctl_text(r.json, "pointer"), files, json_array_size(list)), 0);
    for (size_t i = 0; !code && i < json_array_size(list); i++) {
        char at_text[48];
        snprintf(at_text, sizeof at_text, "items.%zu.nodes", i);
        if (c->format == FORMAT_TABLE) ctl_print("%s: %lld nodes\n", names[i], (long long)ctl_int(r.json, at_text));
    }
    if (!code && c->format != FORMAT_TABLE) show_list(c, &r, &view_descriptions);
    ctl_reply_finish(&r);
    json_decref(body);
    return code;
}

/* Group as many as fit into a request. */
static enum ctl_exit upload_several(struct ctl *c, const char *const *files, const char *const *names, size_t n)
{
    enum { REQUEST_BYTES = 4 << 20, REQUEST_FILES = 1000 };
    enum ctl_exit code = CTL_OK;
    for (size_t i = 0, from = 0; i < n && !code; from = i) {
        json_t *list = json_array();
        size_t bytes = 0;
        for (; i < n && json_array_size(list) < REQUEST_FILES && !code; i++) {
            struct buf text;
            buf_init(&text, 0);
            code = ctl_read_file(files[i], DDF_BYTES, &text);
            const bool room = !json_array_size(list) || bytes + text.n <= REQUEST_BYTES;
            json_t *one = !code && room ? json_pack("{s:s, s:s#}", "name", names[i], "document", text.p, (int)text.n)
                                        : NULL;
            if (one) json_array_append_new(list, one);
            bytes += text.n;
            buf_finish(&text);
            if (!code && !one) break;
        }
        /* a first file that cannot be in JSON (its encoding is not UTF-8) is uploaded on its own */
        if (!code && !json_array_size(list))
            code = upload(c, files[i], names[i]), i++;
        else if (!code)
            code = upload_batch(c, files + from, names + from, list);
        json_decref(list);
    }
    return code;
}

enum ctl_exit cmd_description_upload(struct ctl *c)
{
    const size_t n = c->args->n_args;
    const char **name = ARENA_ARRAY(c->a, const char *, n);
    if (!name) return ctl_usage(c, "no memory");
    if (n > 1 && ctl_has(c, OPT_NAME))
        return ctl_usage(c, "--name is for one file; several have the names of their files");
    for (size_t i = 0; i < n; i++) {
        name[i] = ctl_has(c, OPT_NAME) ? ctl_opt(c, OPT_NAME) : name_of_file(c, c->args->arg[i]);
        for (size_t k = 0; name[i] && k < i; k++)
            if (strcmp(name[i], name[k]) == 0)
                return ctl_usage(c, "%s and %s have the same name, \"%s\"", c->args->arg[k], c->args->arg[i], name[i]);
    }
    return n == 1 ? upload(c, c->args->arg[0], name[0]) : upload_several(c, c->args->arg, name, n);
}

enum ctl_exit cmd_description_list(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get_all(c, ctl_path(c, "/descriptions"), 0, &r);
    if (!code) code = show_list(c, &r, &view_descriptions);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_description_delete(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "DELETE", .path = ctl_path(c, "/descriptions/{}", c->args->arg[0]) };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && c->format == FORMAT_TABLE) ctl_print("deleted %s\n", c->args->arg[0]);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_tree_describe(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const char *uri = c->args->n_args > 1 ? c->args->arg[1] : NULL;
    enum ctl_exit code = ctl_get(c,
                                 ctl_query(c, ctl_path(c, "/devices/{}/tree/description", c->args->arg[0]), "uri", uri),
                                 &r);
    if (!code) code = show_one(c, &r, &view_described);
    if (!code && c->format == FORMAT_TABLE) show_section(c, "Below it", ctl_at(r.json, "children"), &view_children);
    ctl_reply_finish(&r);
    return code;
}
