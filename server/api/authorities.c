/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

#include <string.h>

/* Organisations that manage devices: each with its ServerID, its accounts on devices, policies, images and users. */

enum { SERVER_ID_BYTES = 23, AUTHORITY_NAME_BYTES = 64 };

/* Values of Domain/Owner on devices (virtualization-mo.md c.3.1). */
static const char *const owners[] = { "", "oem", "operator", "enterprise", "user", "service-provider" };
enum { N_OWNERS = sizeof owners / sizeof owners[0], OWNER_STANDARD = 3 };

struct authority_request {
    struct str name, server_id, title, owner;
    int64_t kind;
    int record;
};

static json_t *authority_json(struct call *c, const struct authority_request *w)
{
    json_t *j = json_object();
    json_put_str(j, "name", w->name);
    json_put_str(j, "serverId", w->server_id);
    json_put_str(j, "title", w->title);
    json_put_str(j, "dmUrl", api_dm_url(c, w->name));
    json_put_str(j, "owner", str_of(w->kind > 0 && w->kind < N_OWNERS ? owners[w->kind] : ""));
    json_put_maybe(j, "record", w->record);
    return j;
}

enum rc api_authorities_json(struct call *c, json_t *list, bool names_only)
{
    struct sql_rows *r = NULL;
    struct db_authority v;
    enum rc rc = db_authority_list(c->db, c->scope, &r, &c->e);
    while (!rc && (rc = db_authority_next(r, &v, &c->e)) == RC_OK) {
        const struct authority_request w = { v.name, v.server_id, v.title, { 0 }, v.owner, v.record };
        json_array_append_new(list, names_only ? json_put_text(w.name) : authority_json(c, &w));
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc authorities(struct call *c)
{
    struct page p = { .limit = API_PAGE_MAX, .items = json_array() };
    return api_page_end(c, &p, api_authorities_json(c, p.items, false));
}

static bool only(struct str s, const char *extra, size_t max)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!plain && (ch == '\0' || !strchr(extra, ch))) return false;
    }
    return s.n > 0 && s.n <= max;
}

static enum rc check(struct call *c, struct authority_request *w)
{
    if (!only(w->name, "._-", AUTHORITY_NAME_BYTES))
        return api_refuse(c, 400, "Bad request", "/name", "a name has 1 to %d of A-Z a-z 0-9 . _ -: it is part of URLs",
                          AUTHORITY_NAME_BYTES);
    if (!only(w->server_id, ".-", SERVER_ID_BYTES))
        return api_refuse(c, 400, "Bad request", "/serverId",
                          "a ServerID has 1 to %d of A-Z a-z 0-9 . -: not every phone accepts longer ones",
                          SERVER_ID_BYTES);
    w->kind = w->owner.n ? 0 : OWNER_STANDARD;
    for (int i = 1; i < N_OWNERS; i++)
        if (str_is(w->owner, owners[i])) w->kind = i;
    if (!w->kind)
        return api_refuse_word(c, "/owner", "kind of owner", w->owner,
                               STR("oem, operator, enterprise, user, service-provider"));
    return RC_OK;
}

static enum rc add(struct call *c, const struct authority_request *w, json_t **out)
{
    const struct db_authority v = {
        .name = w->name, .server_id = w->server_id, .title = w->title, .owner = w->kind, .created_ms = c->w.now_ms
    };
    struct db_authority taken;
    int64_t id = 0;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = db_authority_taken(c->db, w->name, w->server_id, c->a, &taken, &c->e);
    if (!rc)
        rc = str_eq(taken.name, w->name)
                 ? api_refuse(c, 409, "Already exists", "/name", "the authority \"%.*s\" exists already",
                              STR_ARG(w->name))
                 : api_refuse(c, 409, "Already exists", "/serverId",
                              "the ServerID \"%.*s\" belongs to another authority", STR_ARG(w->server_id));
    else if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (!rc) rc = db_authority_add(c->db, &v, &id, &c->e);
    *out = authority_json(c, w);
    if (!rc)
        rc = api_audit(c, id, "authority.create", arena_printf(c->a, "authorities/%.*s", STR_ARG(w->name)), NULL, *out);
    return rc;
}

static enum rc create(struct call *c)
{
    struct authority_request w = { .record = -1 };
    json_t *body = NULL, *j = NULL;
    const struct field fields[] = {
        { "name", FIELD_TEXT, true, AUTHORITY_NAME_BYTES, &w.name, NULL },
        { "serverId", FIELD_TEXT, true, SERVER_ID_BYTES, &w.server_id, NULL },
        { "title", FIELD_TEXT, false, API_TITLE_BYTES, &w.title, NULL },
        { "owner", FIELD_TEXT, false, 30, &w.owner, NULL },
    };
    if (c->token_authority)
        return api_refuse(
            c, 403, "Forbidden", NULL,
            "this token belongs to one authority: creating an authority needs a token for all authorities");
    enum rc rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = json_fields(body, "", fields, sizeof fields / sizeof fields[0], &c->e);
    if (!rc) rc = check(c, &w);
    if (!rc) rc = add(c, &w, &j);
    if (!rc) api_answer_header(c, "Location", "/api/v1/authorities");
    json_decref(body);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 201, j);
}

static enum rc load(struct call *c, int64_t *id, struct authority_request *w)
{
    struct db_authority v;
    struct str name, server_id;
    enum rc rc = api_authority_for(c, c->param[0], NULL, id, &name, &server_id);
    if (!rc) rc = db_authority_by_id(c->db, *id, c->a, &v, &c->e);
    if (!rc) *w = (struct authority_request){ name, server_id, v.title, { 0 }, v.owner, v.record };
    return rc;
}

static enum rc patch(struct call *c)
{
    struct authority_request was, w = { .record = -1 };
    json_t *body = NULL, *before = NULL, *after = NULL;
    bool has_title = false, has_record = false;
    int64_t id = 0;
    const struct field fields[] = { { "title", FIELD_TEXT, false, API_TITLE_BYTES, &w.title, &has_title },
                                    { "record", FIELD_NULL_OR_BOOL, false, 0, &w.record, &has_record } };
    enum rc rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = json_fields(body, "", fields, 2, &c->e);
    if (!rc) rc = api_write_begin(c);
    if (!rc) rc = load(c, &id, &was);
    if (!rc) {
        before = authority_json(c, &was);
        w = (struct authority_request){ was.name, was.server_id, has_title ? w.title : was.title,
                                        { 0 },    was.kind,      has_record ? w.record : was.record };
        after = authority_json(c, &w);
        const struct db_authority v = { .id = id, .title = w.title, .record = w.record };
        rc = db_authority_change(c->db, &v, &c->e);
    }
    if (!rc)
        rc = api_audit(c, id, "authority.change", arena_printf(c->a, "authorities/%.*s", STR_ARG(w.name)), before,
                       after);
    json_decref(before);
    json_decref(body);
    if (rc) {
        json_decref(after);
        return rc;
    }
    return api_answer(c, 200, after);
}

const struct route routes_authorities[] = {
    { "GET", "/api/v1/authorities", ROLE_VIEWER, authorities },
    { "POST", "/api/v1/authorities", ROLE_ADMIN, create },
    { "PATCH", "/api/v1/authorities/{name}", ROLE_ADMIN, patch },
    { NULL, NULL, ROLE_NONE, NULL },
};
