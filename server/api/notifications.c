/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/notification.h"

#include "syncml/notify.h"

#include <inttypes.h>

/* Notifications. */

static json_t *notification_json(const struct db_notification *v)
{
    char session[5];
    json_t *j = json_object();
    sml_notify_session_text((uint16_t)v->session_no, session);
    json_put_int(j, "id", v->id);
    json_put_str(j, "device", v->device_name);
    json_put_str(j, "sessionId", str_of(session));
    json_put_str(j, "state", v->state);
    json_put_str(j, "why", v->why);
    json_put_str(j, "channel", v->channel);
    json_put_str(j, "address", v->address);
    json_put_int(j, "tries", v->tries);
    json_put_time(j, "created", v->created_ms);
    json_put_time(j, "sent", v->sent_ms);
    json_put_time(j, "answered", v->answered_ms);
    if (v->sent_ms && v->answered_ms >= v->sent_ms)
        json_put_int(j, "latencyMs", v->answered_ms - v->sent_ms);
    else
        json_object_set_new(j, "latencyMs", json_null());
    json_put_time(j, "next", v->next_ms);
    json_put_str(j, "error", v->error);
    return j;
}

static enum rc notifications(struct call *c)
{
    struct device_row d = { .id = 0 };
    struct page p;
    struct sql_rows *r = NULL;
    struct str device = api_query(c, "device");
    enum rc rc = device.n ? api_device_find(c, device, &d) : RC_OK;
    if (!rc) rc = api_page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    struct db_notification v;
    rc = db_notification_list(c->db, c->scope, d.id, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_notification_next(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.id)) break;
        json_array_append_new(p.items, notification_json(&v));
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

/* The device's newest notification, which `touch` has created or found open. */
static enum rc newest(struct call *c, const struct device_row *d, json_t **out, int64_t *id)
{
    struct sql_rows *r = NULL;
    struct db_notification v;
    enum rc rc = db_notification_list(c->db, d->authority, d->id, INT64_MAX, 1, &r, &c->e);
    if (!rc) rc = db_notification_next(r, &v, &c->e);
    if (!rc) {
        *id = v.id;
        *out = notification_json(&v);
    }
    sql_end(r);
    return rc;
}

static enum rc notification(struct call *c)
{
    struct device_row d;
    struct str why = STR("requested by a user");
    json_t *body = NULL, *j = NULL;
    const struct field fields[] = { { "why", FIELD_TEXT, false, API_TITLE_BYTES, &why, NULL } };
    int64_t id = 0;
    enum rc rc = str_trim(c->r->body).n ? json_read(c->r->body, &body, &c->e) : RC_OK;
    if (!rc && body) rc = json_fields(body, "", fields, 1, &c->e);
    if (!rc) rc = api_write_begin(c);
    if (!rc) rc = api_device_find(c, c->param[0], &d);
    if (!rc && str_is(d.channel, "none"))
        rc = api_refuse(c, 409, "No push address", NULL,
                        "\"%.*s\" has no push address: set push.channel and push.address, or wait until the device"
                        " polls",
                        STR_ARG(d.name));
    if (!rc) rc = api_touch(c, d.authority, d.id, why);
    if (!rc) rc = newest(c, &d, &j, &id);
    json_decref(j);
    if (!rc) /* a notification that waits for a retry is sent now */
        rc = db_notification_hasten(c->db, id, c->w.now_ms, &c->e);
    j = NULL;
    if (!rc) rc = newest(c, &d, &j, &id);
    if (!rc)
        rc = api_audit(c, d.authority, "notification.create",
                       arena_printf(c->a, "devices/%.*s/notifications/%" PRId64, STR_ARG(d.name), id), NULL, j);
    if (!rc) rc = api_event(c, d.authority, "notification", d.name, json_deep_copy(j));
    json_decref(body);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 202, j);
}

const struct route routes_notifications[] = {
    { "GET", "/api/v1/notifications", ROLE_VIEWER, notifications },
    { "POST", "/api/v1/devices/{id}/notifications", ROLE_OPERATOR, notification },
    { NULL, NULL, ROLE_NONE, NULL },
};
