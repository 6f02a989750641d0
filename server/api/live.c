/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

enum { STREAM_BYTES = 256 << 10 }; /* a reader further behind is dropped; it resumes with Last-Event-ID */

static enum rc check_types(struct call *c, struct str types)
{
    const struct str known = STR("device, vm, kpi, operation, policy, notification, image, session");
    struct str one;
    while (str_cut(&types, ',', &one)) {
        bool fits = false;
        struct str rest = known, word;
        while (str_cut(&rest, ',', &word)) fits |= str_eq(one, str_trim(word));
        if (!fits) return api_refuse_word(c, NULL, "type of event", one, known);
    }
    return RC_OK;
}

static enum rc begin(struct call *c, struct http_stream *s, enum rc rc)
{
    if (rc) {
        http_stream_release(s);
        http_stream_release(s);
        return rc;
    }
    c->reply->status = 200;
    c->reply->stream = s;
    http_reply_header(c->reply, "Content-Type", STR("text/event-stream"));
    http_reply_header(c->reply, "X-Accel-Buffering", STR("no"));
    return RC_OK;
}

static enum rc events(struct call *c)
{
    struct str types = api_query(c, "types"), device = api_query(c, "device"),
               last = http_header(c->r, "Last-Event-ID");
    struct device_row d;
    int64_t after = 0;
    if (!last.n) last = api_query(c, "after");
    enum rc rc = check_types(c, types);
    if (!rc && last.n && (!str_to_i64(last, &after) || after < 0))
        rc = api_refuse(c, 400, "Bad request", NULL, "Last-Event-ID is the id of an event, a number");
    if (!rc && device.n) rc = api_device_find(c, device, &d);
    if (rc) return rc;
    struct http_stream *s = http_stream_create(STREAM_BYTES);
    if (!s) return err_set(&c->e, RC_NOMEM, "no memory for a stream");
    const struct events_reader who = api_reader(c);
    return begin(c, s, events_stream(c->api->srv->events, c->db, &who, after, types, device, c->scope, s, &c->e));
}

static enum rc operation_events(struct call *c)
{
    int64_t id = 0;
    json_t *j = NULL;
    bool finished;
    enum rc rc = str_to_i64(c->param[0], &id)
                     ? operation_json(c->api->srv, c->db, id, c->scope, false, &j, &finished, &c->e)
                     : RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND) return api_missing(c, "operation", c->param[0]);
    struct str device = rc ? (struct str){ 0 } : api_keep(c, str_of(json_string_value(json_object_get(j, "device"))));
    json_decref(j);
    if (rc) return rc;
    struct http_stream *s = http_stream_create(STREAM_BYTES);
    if (!s) return err_set(&c->e, RC_NOMEM, "no memory for a stream");
    const struct events_reader who = api_reader(c);
    return begin(c, s, events_stream_operation(c->api->srv->events, c->db, &who, id, device, s, &c->e));
}

const struct route routes_live[] = {
    { "GET", "/api/v1/events", ROLE_VIEWER, events },
    { "GET", "/api/v1/operations/{n}/events", ROLE_VIEWER, operation_events },
    { NULL, NULL, ROLE_NONE, NULL },
};
