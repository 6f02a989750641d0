/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

#include "syncml/notify.h"

#include <inttypes.h>

/* Triggers. */

static json_t *trigger_json(struct sql_rows *r)
{
    char session[5];
    json_t *j = json_object();
    int64_t sent = sql_int(r, 9), answered = sql_int(r, 10);
    sml_notify_session_text((uint16_t)sql_int(r, 2), session);
    j_int(j, "id", sql_int(r, 0));
    j_str(j, "device", sql_text(r, 1));
    j_str(j, "sessionId", str_of(session));
    j_str(j, "state", sql_text(r, 3));
    j_str(j, "why", sql_text(r, 4));
    j_str(j, "channel", sql_text(r, 5));
    j_str(j, "address", sql_text(r, 6));
    j_int(j, "tries", sql_int(r, 7));
    j_time(j, "created", sql_int(r, 8));
    j_time(j, "sent", sent);
    j_time(j, "answered", answered);
    if (sent && answered >= sent)
        j_int(j, "latencyMs", answered - sent);
    else
        json_object_set_new(j, "latencyMs", json_null());
    j_time(j, "next", sql_int(r, 11));
    j_str(j, "error", sql_text(r, 12));
    return j;
}

static enum rc triggers(struct call *c)
{
    struct device_row d = { .id = 0 };
    struct page p;
    struct sql_rows *r = NULL;
    struct str device = query(c, "device");
    enum rc rc = device.n ? device_find(c, device, &d) : RC_OK;
    if (!rc) rc = page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    if (device.n)
        rc = sql_start(c->db, API_TRIGGERS_OF, SQL_ARGS({ "device", SQL_I(d.id) }, PAGE_ARGS(p)), &r, &c->e);
    else
        rc = sql_start(c->db, API_TRIGGERS, SQL_ARGS({ "authority", SQL_I(c->scope) }, PAGE_ARGS(p)), &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        if (!page_more(&p, sql_int(r, 0))) break;
        json_array_append_new(p.items, trigger_json(r));
    }
    sql_end(r);
    return page_end(c, &p, rc);
}

/* The device's newest trigger, which `touch` has made or found open. */
static enum rc newest(struct call *c, const struct device_row *d, json_t **out, int64_t *id)
{
    struct sql_rows *r = NULL;
    enum rc rc = one_row(c, API_TRIGGERS_OF,
                         SQL_ARGS({ "device", SQL_I(d->id) }, { "cursor", SQL_I(INT64_MAX) }, { "limit", SQL_I(1) }),
                         &r);
    if (!rc) {
        *id = sql_int(r, 0);
        *out = trigger_json(r);
    }
    sql_end(r);
    return rc;
}

static enum rc trigger(struct call *c)
{
    struct device_row d;
    struct str why = STR("asked for by hand");
    json_t *body = NULL, *j = NULL;
    const struct field fields[] = { { "why", FIELD_TEXT, false, API_TITLE_BYTES, &why, NULL } };
    int64_t id = 0;
    enum rc rc = str_trim(c->r->body).n ? json_read(c->r->body, &body, &c->e) : RC_OK;
    if (!rc && body) rc = json_fields(body, "", fields, 1, &c->e);
    if (!rc) rc = write_begin(c);
    if (!rc) rc = device_find(c, c->param[0], &d);
    if (!rc && str_is(d.channel, "none"))
        rc = refuse(c, 409, "No way to call it", NULL,
                    "\"%.*s\" has no push address: set push.channel and push.address, or wait until it"
                    " calls by itself",
                    STR_ARG(d.name));
    if (!rc) rc = touch(c, d.authority, d.id, why);
    if (!rc) rc = newest(c, &d, &j, &id);
    json_decref(j);
    if (!rc) /* one that waits for its next try goes out now */
        rc = sql_run(c->db, API_TRIGGER_NOW, SQL_ARGS({ "id", SQL_I(id) }, { "now_ms", SQL_I(c->w.now_ms) }), NULL,
                     &c->e);
    j = NULL;
    if (!rc) rc = newest(c, &d, &j, &id);
    if (!rc)
        rc = audit(c, d.authority, "trigger.create",
                   arena_printf(c->a, "devices/%.*s/triggers/%" PRId64, STR_ARG(d.name), id), NULL, j);
    if (!rc) rc = event(c, d.authority, "trigger", d.name, json_deep_copy(j));
    json_decref(body);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return answer(c, 202, j);
}

const struct route routes_triggers[] = {
    { "GET", "/api/v1/triggers", ROLE_VIEWER, triggers },
    { "POST", "/api/v1/devices/{id}/triggers", ROLE_OPERATOR, trigger },
    { NULL, NULL, ROLE_NONE, NULL },
};
