/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

#include "base/doc.h"
#include "base/text.h"
#include "base/suggest.h"
#include "server/api/openapi.h"

#include <string.h>

/* Checks requests against openapi.yaml: an unknown parameter, an unknown value, and a body where none is accepted are
 * refused, not ignored. */

enum { PARAMETERS_ARENA = 64 << 20 };

enum rc api_parameters_open(struct api *api, struct err *e)
{
    struct doc *root = NULL;
    arena_init(&api->openapi_arena, PARAMETERS_ARENA);
    enum rc rc = doc_parse((struct str){ (const char *)api_openapi, api_openapi_bytes }, "openapi.yaml",
                           &api->openapi_arena, &root, e);
    if (rc) arena_finish(&api->openapi_arena);
    api->openapi = rc ? NULL : root;
    return rc;
}

void api_parameters_close(struct api *api)
{
    if (api->openapi) arena_finish(&api->openapi_arena);
}

static const struct doc *child(const struct doc *map, struct str key)
{
    for (const struct doc *d = map ? map->first : NULL; d; d = d->next)
        if (str_eq(d->key, key)) return d;
    return NULL;
}

/* "#/components/parameters/limit" */
static const struct doc *resolved(const struct doc *root, const struct doc *d)
{
    const struct doc *ref = doc_get(d, "$ref");
    struct str rest, part;
    if (!ref) return d;
    rest = str_slice(ref->text, 2, ref->text.n);
    for (d = root; d && str_cut(&rest, '/', &part);) d = child(d, part);
    return d;
}

/* Walks the parameters of the path and of the method. */
struct parameter_walk {
    const struct doc *root, *list[2], *at;
    int i;
};

static struct parameter_walk walk_of(const struct doc *root, const struct doc *path, const struct doc *method)
{
    return (struct parameter_walk){ root, { doc_get(path, "parameters"), doc_get(method, "parameters") }, NULL, 0 };
}

static const struct doc *next_parameter(struct parameter_walk *w)
{
    while (w->i < 2) {
        w->at = w->at ? w->at->next : w->list[w->i] ? w->list[w->i]->first : NULL;
        if (!w->at) {
            w->i++;
            continue;
        }
        const struct doc *p = resolved(w->root, w->at), *in = doc_get(p, "in");
        if (in && str_is(in->text, "query")) return p;
    }
    return NULL;
}

static const struct doc *named(struct parameter_walk w, struct str name)
{
    for (const struct doc *p; (p = next_parameter(&w)) != NULL;)
        if (str_eq(doc_get(p, "name")->text, name)) return p;
    return NULL;
}

/* ": did you mean "state"?; possible are ..." */
static struct str possible(struct call *c, struct str word, const struct str *list, size_t n)
{
    struct suggestion s = suggest_for(word);
    struct buf b;
    struct str out = { 0 };
    buf_init(&b, 4096);
    for (size_t i = 0; i < n; i++) suggest_try(&s, list[i]);
    if (suggest_best(&s).n) buf_printf(&b, ": did you mean \"%.*s\"?", STR_ARG(suggest_best(&s)));
    buf_putz(&b, n ? "; possible are " : "; this request takes none");
    for (size_t i = 0; i < n; i++) buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(list[i]));
    arena_str(c->a, buf_str(&b), &out);
    buf_finish(&b);
    return out;
}

enum { WORDS = 64 };

static enum rc unknown_name(struct call *c, struct parameter_walk w, struct str name)
{
    struct str list[WORDS];
    size_t n = 0;
    for (const struct doc *p; n < WORDS && (p = next_parameter(&w)) != NULL;) list[n++] = doc_get(p, "name")->text;
    struct str more = possible(c, name, list, n);
    return api_refuse(c, 400, "Bad request", NULL, "unknown parameter \"%.*s\"%.*s", STR_ARG(name), STR_ARG(more));
}

static enum rc check_value(struct call *c, const struct doc *root, const struct doc *p, struct str value)
{
    const struct doc *schema = resolved(root, doc_get(p, "schema")), *words = doc_get(schema, "enum");
    const struct doc *type = doc_get(schema, "type");
    struct str list[WORDS] = { STR("true"), STR("false") };
    size_t n = type && str_is(type->text, "boolean") ? 2 : 0;
    if ((!words && !n) || !value.n) return RC_OK;
    for (const struct doc *d = words ? words->first : NULL; d && n < WORDS; d = d->next) list[n++] = d->text;
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], value)) return RC_OK;
    struct str name = doc_get(p, "name")->text, more = possible(c, value, list, n);
    return api_refuse(c, 400, "Bad request", NULL, "%.*s is \"%.*s\"%.*s", STR_ARG(name), STR_ARG(value),
                      STR_ARG(more));
}

static enum rc check_query(struct call *c, const struct doc *root, struct parameter_walk w)
{
    struct str rest = c->r->query, part;
    enum rc rc = RC_OK;
    while (!rc && str_cut(&rest, '&', &part)) {
        struct str name = { 0 }, value = { 0 };
        size_t eq = str_find(part, '=', 0);
        if (!part.n) continue;
        if (text_url_decode(str_slice(part, 0, eq), c->a, &name)) return RC_OK; /* its reader reports it */
        const struct doc *p = named(w, name);
        if (!p && str_is(name, "authority")) continue; /* auth.c reads it for every request */
        if (!p) return unknown_name(c, w, name);
        if (eq < part.n && !text_url_decode(str_slice(part, eq + 1, part.n), c->a, &value))
            rc = check_value(c, root, p, value);
    }
    return rc;
}

enum rc api_parameters_check(struct call *c)
{
    const struct doc *root = c->api->openapi, *path = child(doc_get(root, "paths"), str_of(c->route->pattern)),
                     *method = NULL;
    char verb[8] = "";
    for (size_t i = 0; i + 1 < sizeof verb && c->route->method[i]; i++) verb[i] = (char)(c->route->method[i] | 0x20);
    if (!path || !(method = doc_get(path, verb))) return RC_OK; /* a test compares routes and openapi.yaml */
    if (str_trim(c->r->body).n && !doc_get(method, "requestBody"))
        return api_refuse(c, 400, "Bad request", NULL, "this request takes no body");
    return check_query(c, root, walk_of(root, path, method));
}
