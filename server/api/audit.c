/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

static enum rc list(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    int64_t from = 0, to = 0;
    enum rc rc = query_time(c, "from", 0, &from);
    if (!rc) rc = query_time(c, "to", INT64_MAX, &to);
    if (!rc) rc = page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    rc = sql_start(c->db, API_AUDIT_LIST,
                   SQL_ARGS({ "from_ms", SQL_I(from) }, { "to_ms", SQL_I(to) }, { "authority", SQL_I(c->scope) },
                            PAGE_ARGS(p)),
                   &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        if (!page_more(&p, sql_int(r, 0))) break;
        json_t *j = json_object();
        j_int(j, "id", sql_int(r, 0));
        json_object_set_new(j, "authority", sql_is_null(r, 1) ? json_null() : j_text(sql_text(r, 1)));
        j_time(j, "at", sql_int(r, 2));
        j_str(j, "who", sql_text(r, 3));
        j_str(j, "action", sql_text(r, 4));
        j_str(j, "target", sql_text(r, 5));
        j_raw(j, "before", sql_text(r, 6));
        j_raw(j, "after", sql_text(r, 7));
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return page_end(c, &p, rc);
}

/* Walks the whole chain: a row that was changed, taken out or put in between shows. */
static enum rc verify(struct call *c)
{
    int64_t rows = 0, broken = 0;
    enum rc rc = audit_check(c->db, &rows, &broken, &c->e);
    if (rc) return rc;
    json_t *j = json_object();
    j_int(j, "rows", rows);
    j_bool(j, "intact", broken == 0);
    json_object_set_new(j, "firstBroken", broken ? json_integer(broken) : json_null());
    return answer(c, 200, j);
}

const struct route routes_audit[] = {
    { "GET", "/api/v1/audit", ROLE_AUDITOR, list },
    { "GET", "/api/v1/audit:verify", ROLE_AUDITOR, verify },
    { NULL, NULL, ROLE_NONE, NULL },
};
