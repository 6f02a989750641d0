/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/session_record.h"

#include "base/text.h"
#include "syncml/status.h"

#include <string.h>

/* Sessions and their recordings. */

enum { RECORDING_ARENA_BYTES = 64 << 20 };

/* ---- lists ---- */

static json_t *session_json(const struct db_session_record *v)
{
    json_t *j = json_object();
    json_put_int(j, "id", v->row);
    json_put_str(j, "device", v->device_name);
    json_put_str(j, "sessionId", v->id);
    json_put_time(j, "started", v->started_ms);
    json_put_time(j, "ended", v->ended_ms);
    json_put_int(j, "messages", v->messages);
    json_put_str(j, "outcome", v->outcome);
    json_put_str(j, "why", v->why);
    json_object_set_new(j, "notification", v->notification ? json_integer(v->notification) : json_null());
    json_put_bool(j, "recorded", v->recorded);
    return j;
}

/* Sessions of one device, or of all in the scope when `device` is empty. */
static enum rc list(struct call *c, struct str device)
{
    static const char *const outcomes[] = { "", "failed", "open", "done", "aborted", "refused", "lost" };
    struct device_row d = { .id = 0 };
    struct page p;
    struct sql_rows *r = NULL;
    struct str outcome = api_query(c, "outcome"), recorded = api_query(c, "recorded");
    size_t known = 0;
    while (known < sizeof outcomes / sizeof outcomes[0] && !str_is(outcome, outcomes[known])) known++;
    if (known == sizeof outcomes / sizeof outcomes[0])
        return api_refuse(c, 400, "Bad request", "/outcome",
                          "outcome is failed (aborted, refused or lost), or one of open, done, aborted, refused, lost");
    if (recorded.n && !str_is(recorded, "true"))
        return api_refuse(c, 400, "Bad request", "/recorded", "recorded must be true or absent");
    enum rc rc = device.n ? api_device_find(c, device, &d) : RC_OK;
    if (!rc) rc = api_page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    const struct db_session_filter f = { .device = d.id,
                                         .authority = c->scope,
                                         .outcome = outcome,
                                         .recorded = recorded.n > 0,
                                         .cursor = p.cursor,
                                         .limit = p.limit + 1 };
    struct db_session_record v;
    rc = db_session_record_list(c->db, &f, &r, &c->e);
    while (!rc && (rc = db_session_record_next(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.row)) break;
        json_array_append_new(p.items, session_json(&v));
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc sessions(struct call *c)
{
    return list(c, api_query(c, "device"));
}

static enum rc sessions_of(struct call *c)
{
    return list(c, c->param[0]);
}

/* ---- one recording ---- */

/* Add "key: {json}" of the head unchanged. */
static void add_head(json_t *out, const char *key, struct str line)
{
    struct str name = str_of(key);
    if (str_starts(line, name) && line.n > name.n && line.p[name.n] == ':')
        json_put_raw(out, key, str_trim(str_slice(line, name.n + 1, line.n)));
}

static void add_statuses(json_t *list, const struct sml_cmd *c)
{
    for (; c; c = c->next) {
        int64_t code = 0;
        if (c->kind != SML_STATUS || !str_to_i64(str_trim(c->data), &code)) continue;
        json_t *j = json_object();
        json_put_str(j, "command", c->cmd);
        json_put_str(j, "of", c->cmd_ref);
        json_put_int(j, "code", code);
        json_put_str(j, "codeText", str_of(sml_status_text((int)code)));
        json_put_strn(j, "uri", c->target_refs ? c->target_refs->uri : c->items ? c->items->target : (struct str){ 0 });
        json_array_append_new(list, j);
    }
}

/* One direction of an exchange: the octets decoded as a readable message, as XML, and the commands it answers. */
static json_t *octets_json(enum sml_type type, struct str b64)
{
    json_t *j = json_object(), *statuses = json_array();
    struct arena a;
    struct str raw = { 0 };
    struct sml_msg m;
    struct buf text, xml, lines;
    struct err e = { 0 };

    arena_init(&a, RECORDING_ARENA_BYTES);
    buf_init(&text, SML_MSG_BYTES * 4);
    buf_init(&xml, SML_MSG_BYTES * 4);
    buf_init(&lines, SML_MSG_BYTES * 8);
    enum rc rc = text_b64_decode(b64, &a, &raw);
    if (!rc) rc = sml_decode(type, raw, &a, &m, &e);
    if (!rc) {
        sml_print(&m, &text);
        add_statuses(statuses, m.cmds);
        if (!sml_encode(SML_XML, &m, &xml, NULL)) store_indent_xml(buf_str(&xml), &lines);
    }
    json_put_int(j, "bytes", (int64_t)raw.n);
    json_put_str(j, "text", rc ? str_of(e.text) : buf_str(&text));
    json_put_str(j, "xml", buf_str(&lines));
    json_object_set_new(j, "statuses", statuses);
    buf_finish(&text);
    buf_finish(&xml);
    buf_finish(&lines);
    arena_finish(&a);
    return j;
}

static struct str text_of(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return (struct str){ json_string_value(v), json_string_length(v) };
}

static void add_reasons(json_t *out, struct str reasons)
{
    json_t *list = json_array();
    struct str line;
    while (str_cut(&reasons, '\n', &line))
        if (line.n) json_array_append_new(list, json_put_text(line));
    json_object_set_new(out, "reasons", list);
}

static json_t *message_json(const json_t *m, int64_t n)
{
    json_t *j = json_object();
    struct str kind = text_of(m, "type"), in = text_of(m, "in"), out = text_of(m, "out");
    enum sml_type type = str_is(kind, "xml") ? SML_XML : SML_WBXML;
    json_put_int(j, "n", n);
    json_put_str(j, "at", text_of(m, "time"));
    json_put_str(j, "type", kind);
    json_put_bool(j, "tls", json_is_true(json_object_get(m, "tls")));
    json_put_str(j, "understood", text_of(m, "news"));
    const json_t *verdict = json_object_get(m, "verdict");
    json_put_str(j, "refused", text_of(verdict, "why"));
    json_put_str(j, "provedBy", text_of(verdict, "how"));
    add_reasons(j, text_of(m, "reasons"));
    json_put_int(j, "sent", json_integer_value(json_object_get(m, "sent")));
    json_object_set_new(j, "in", octets_json(type, in));
    json_object_set_new(j, "out", out.n ? octets_json(type, out) : json_null());
    return j;
}

/* The recording line by line: its head, then a line of JSON for each message (syncml/record/replay.h). */
static json_t *recording_json(struct str data)
{
    json_t *j = json_object(), *messages = json_array();
    struct str line;
    int64_t n = 0;
    while (str_cut(&data, '\n', &line)) {
        if (str_starts(line, STR("- "))) {
            json_t *m = json_loadb(line.p + 2, line.n - 2, JSON_REJECT_DUPLICATES, NULL);
            if (m) json_array_append_new(messages, message_json(m, ++n));
            json_decref(m);
        } else {
            add_head(j, "server", line);
            add_head(j, "account", line);
        }
    }
    json_object_set_new(j, "messages", messages);
    return j;
}

static enum rc find(struct call *c, struct device_row *d, int64_t *id, struct sql_rows **r,
                    struct db_session_record *out)
{
    enum rc rc = api_device_find(c, c->param[0], d);
    *r = NULL;
    if (!rc && (!str_to_i64(c->param[1], id) || *id <= 0)) rc = api_missing(c, "session", c->param[1]);
    if (!rc) rc = db_session_record_find(c->db, d->id, *id, r, &c->e);
    if (!rc) rc = db_session_record_next(*r, out, &c->e);
    return rc == RC_NOT_FOUND && c->reply->status < 400 ? api_missing(c, "session", c->param[1]) : rc;
}

static enum rc session(struct call *c)
{
    struct device_row d;
    struct sql_rows *r = NULL;
    struct db_session_record v;
    int64_t id = 0;
    json_t *j = NULL;
    enum rc rc = find(c, &d, &id, &r, &v);
    if (!rc) {
        j = session_json(&v);
        json_t *rec = v.recorded ? recording_json(v.recording.data) : json_null();
        if (json_is_object(rec)) {
            json_put_str(rec, "why", v.recording.why);
            json_put_bool(rec, "cut", v.recording.cut);
            json_put_int(rec, "bytes", v.recording.bytes);
        }
        json_object_set_new(j, "recording", rec);
    }
    sql_end(r);
    return rc ? rc : api_answer(c, 200, j);
}

static enum rc recording(struct call *c)
{
    struct device_row d;
    struct sql_rows *r = NULL;
    struct db_session_record v;
    int64_t id = 0;
    enum rc rc = find(c, &d, &id, &r, &v);
    if (!rc && !v.recorded)
        rc = api_refuse(
            c, 404, "Not recorded", NULL,
            "this session was not recorded: PATCH the device with {\"record\": true} to record its next sessions");
    if (!rc) rc = api_answer_text(c, "application/yaml", v.recording.data);
    if (!rc) api_answer_header(c, "Content-Disposition", "attachment; filename=\"session-%lld.yaml\"", (long long)id);
    sql_end(r);
    return rc;
}

const struct route routes_recordings[] = {
    { "GET", "/api/v1/sessions", ROLE_VIEWER, sessions },
    { "GET", "/api/v1/devices/{id}/sessions", ROLE_VIEWER, sessions_of },
    { "GET", "/api/v1/devices/{id}/sessions/{n}", ROLE_VIEWER, session },
    { "GET", "/api/v1/devices/{id}/sessions/{n}/recording", ROLE_VIEWER, recording },
    { NULL, NULL, ROLE_NONE, NULL },
};
