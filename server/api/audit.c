/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/audit.h"

static enum rc list(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct db_audit v;
    int64_t from = 0, to = 0;
    enum rc rc = api_query_time(c, "from", 0, &from);
    if (!rc) rc = api_query_time(c, "to", INT64_MAX, &to);
    if (!rc) rc = api_page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    const struct db_audit_filter filter = {
        .authority = c->scope, .from_ms = from, .to_ms = to, .cursor = p.cursor, .limit = p.limit + 1
    };
    rc = db_audit_list(c->db, &filter, &r, &c->e);
    while (!rc && (rc = db_audit_next(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.id)) break;
        json_t *j = json_object();
        json_put_int(j, "id", v.id);
        json_object_set_new(j, "authority", v.authority_name.n ? json_put_text(v.authority_name) : json_null());
        json_put_time(j, "at", v.at_ms);
        json_put_str(j, "who", v.who);
        json_put_str(j, "action", v.action);
        json_put_str(j, "target", v.target);
        json_put_raw(j, "before", v.before);
        json_put_raw(j, "after", v.after);
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

/* Verify the whole chain: it reveals a row that was changed, removed or inserted. */
static enum rc verify(struct call *c)
{
    int64_t rows = 0, broken = 0;
    enum rc rc = api_audit_check(c->db, &rows, &broken, &c->e);
    if (rc) return rc;
    json_t *j = json_object();
    json_put_int(j, "rows", rows);
    json_put_bool(j, "intact", broken == 0);
    json_object_set_new(j, "firstBroken", broken ? json_integer(broken) : json_null());
    return api_answer(c, 200, j);
}

const struct route routes_audit[] = {
    { "GET", "/api/v1/audit", ROLE_AUDITOR, list },
    { "GET", "/api/v1/audit:verify", ROLE_AUDITOR, verify },
    { NULL, NULL, ROLE_NONE, NULL },
};
