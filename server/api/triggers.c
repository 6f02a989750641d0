/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/notification.h"

#include "syncml/notify.h"

#include <inttypes.h>

/* Triggers. */

static json_t *trigger_json(const struct db_notification *v)
{
    char session[5];
    json_t *j = json_object();
    sml_notify_session_text((uint16_t)v->session_no, session);
    j_int(j, "id", v->id);
    j_str(j, "device", v->device_name);
    j_str(j, "sessionId", str_of(session));
    j_str(j, "state", v->state);
    j_str(j, "why", v->why);
    j_str(j, "channel", v->channel);
    j_str(j, "address", v->address);
    j_int(j, "tries", v->tries);
    j_time(j, "created", v->created_ms);
    j_time(j, "sent", v->sent_ms);
    j_time(j, "answered", v->answered_ms);
    if (v->sent_ms && v->answered_ms >= v->sent_ms)
        j_int(j, "latencyMs", v->answered_ms - v->sent_ms);
    else
        json_object_set_new(j, "latencyMs", json_null());
    j_time(j, "next", v->next_ms);
    j_str(j, "error", v->error);
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
    struct db_notification v;
    rc = db_notification_list(c->db, c->scope, d.id, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_notification_next(r, &v, &c->e)) == RC_OK) {
        if (!page_more(&p, v.id)) break;
        json_array_append_new(p.items, trigger_json(&v));
    }
    sql_end(r);
    return page_end(c, &p, rc);
}

/* The device's newest trigger, which `touch` has made or found open. */
static enum rc newest(struct call *c, const struct device_row *d, json_t **out, int64_t *id)
{
    struct sql_rows *r = NULL;
    struct db_notification v;
    enum rc rc = db_notification_list(c->db, d->authority, d->id, INT64_MAX, 1, &r, &c->e);
    if (!rc) rc = db_notification_next(r, &v, &c->e);
    if (!rc) {
        *id = v.id;
        *out = trigger_json(&v);
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
        rc = db_notification_hasten(c->db, id, c->w.now_ms, &c->e);
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
