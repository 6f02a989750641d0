/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

#include "base/text.h"
#include "syncml/status.h"

#include <string.h>

/* Sessions and what the flight recorder kept of them. */

enum { RECORDING_ARENA_BYTES = 64 << 20 };

/* ---- lists ---- */

static json_t *session_json(struct sql_rows *r)
{
    json_t *j = json_object();
    j_int(j, "id", sql_int(r, 0));
    j_str(j, "device", sql_text(r, 1));
    j_str(j, "sessionId", sql_text(r, 2));
    j_time(j, "started", sql_int(r, 3));
    j_time(j, "ended", sql_int(r, 4));
    j_int(j, "messages", sql_int(r, 5));
    j_str(j, "outcome", sql_text(r, 6));
    j_str(j, "why", sql_text(r, 7));
    json_object_set_new(j, "trigger", sql_is_null(r, 8) ? json_null() : json_integer(sql_int(r, 8)));
    j_bool(j, "recorded", !sql_is_null(r, 9));
    return j;
}

/* Those of one device, or of all in the scope when `device` is empty. */
static enum rc list(struct call *c, struct str device)
{
    static const char *const outcomes[] = { "", "failed", "open", "done", "aborted", "refused", "lost" };
    struct device_row d = { .id = 0 };
    struct page p;
    struct sql_rows *r = NULL;
    struct str outcome = query(c, "outcome"), recorded = query(c, "recorded");
    size_t known = 0;
    while (known < sizeof outcomes / sizeof outcomes[0] && !str_is(outcome, outcomes[known])) known++;
    if (known == sizeof outcomes / sizeof outcomes[0])
        return refuse(
            c, 400, "Bad request", "/outcome",
            "outcome is failed (what was aborted, refused or lost), or one of open, done, aborted, refused, lost");
    if (recorded.n && !str_is(recorded, "true"))
        return refuse(c, 400, "Bad request", "/recorded", "recorded=true, or nothing");
    enum rc rc = device.n ? device_find(c, device, &d) : RC_OK;
    if (!rc) rc = page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    const struct sql_arg args[] = { { "outcome", SQL_T(outcome) },
                                    { "recorded", SQL_I(recorded.n > 0) },
                                    PAGE_ARGS(p),
                                    { d.id ? "device" : "authority", SQL_I(d.id ? d.id : c->scope) } };
    int statement = d.id ? API_SESSIONS_OF : str_is(outcome, "failed") ? API_SESSIONS_FAILED : API_SESSIONS;
    rc = sql_start(c->db, statement, args, sizeof args / sizeof args[0], &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        if (!page_more(&p, sql_int(r, 0))) break;
        json_array_append_new(p.items, session_json(r));
    }
    sql_end(r);
    return page_end(c, &p, rc);
}

static enum rc sessions(struct call *c)
{
    return list(c, query(c, "device"));
}

static enum rc sessions_of(struct call *c)
{
    return list(c, c->param[0]);
}

/* ---- one recording ---- */

/* "key: {json}" of the head, as it stands. */
static void add_head(json_t *out, const char *key, struct str line)
{
    struct str name = str_of(key);
    if (str_starts(line, name) && line.n > name.n && line.p[name.n] == ':')
        j_raw(out, key, str_trim(str_slice(line, name.n + 1, line.n)));
}

static void add_statuses(json_t *list, const struct sml_cmd *c)
{
    for (; c; c = c->next) {
        int64_t code = 0;
        if (c->kind != SML_STATUS || !str_to_i64(str_trim(c->data), &code)) continue;
        json_t *j = json_object();
        j_str(j, "command", c->cmd);
        j_str(j, "of", c->cmd_ref);
        j_int(j, "code", code);
        j_str(j, "codeText", str_of(sml_status_text((int)code)));
        j_strn(j, "uri", c->target_refs ? c->target_refs->uri : c->items ? c->items->target : (struct str){ 0 });
        json_array_append_new(list, j);
    }
}

/* One direction of an exchange: the octets as a message for people, as XML, and what it answers. */
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
    j_int(j, "bytes", (int64_t)raw.n);
    j_str(j, "text", rc ? str_of(e.text) : buf_str(&text));
    j_str(j, "xml", buf_str(&lines));
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
        if (line.n) json_array_append_new(list, j_text(line));
    json_object_set_new(out, "reasons", list);
}

static json_t *message_json(const json_t *m, int64_t n)
{
    json_t *j = json_object();
    struct str kind = text_of(m, "type"), in = text_of(m, "in"), out = text_of(m, "out");
    enum sml_type type = str_is(kind, "xml") ? SML_XML : SML_WBXML;
    j_int(j, "n", n);
    j_str(j, "at", text_of(m, "time"));
    j_str(j, "type", kind);
    j_bool(j, "tls", json_is_true(json_object_get(m, "tls")));
    j_str(j, "understood", text_of(m, "news"));
    const json_t *verdict = json_object_get(m, "verdict");
    j_str(j, "refused", text_of(verdict, "why"));
    j_str(j, "provedBy", text_of(verdict, "how"));
    add_reasons(j, text_of(m, "reasons"));
    j_int(j, "sent", json_integer_value(json_object_get(m, "sent")));
    json_object_set_new(j, "in", octets_json(type, in));
    json_object_set_new(j, "out", out.n ? octets_json(type, out) : json_null());
    return j;
}

/* The document line by line: its head and then a line of JSON for each message (syncml/record/replay.h). */
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

static enum rc find(struct call *c, struct device_row *d, int64_t *id, struct sql_rows **r)
{
    enum rc rc = device_find(c, c->param[0], d);
    *r = NULL;
    if (!rc && (!str_to_i64(c->param[1], id) || *id <= 0)) rc = missing(c, "session", c->param[1]);
    if (!rc) rc = one_row(c, API_SESSION, SQL_ARGS({ "device", SQL_I(d->id) }, { "id", SQL_I(*id) }), r);
    return rc == RC_NOT_FOUND && c->reply->status < 400 ? missing(c, "session", c->param[1]) : rc;
}

static enum rc session(struct call *c)
{
    struct device_row d;
    struct sql_rows *r = NULL;
    int64_t id = 0;
    json_t *j = NULL;
    enum rc rc = find(c, &d, &id, &r);
    if (!rc) {
        j = session_json(r);
        json_t *rec = sql_is_null(r, 9) ? json_null() : recording_json(sql_text(r, 12));
        if (json_is_object(rec)) {
            j_str(rec, "why", sql_text(r, 9));
            j_bool(rec, "cut", sql_int(r, 10) != 0);
            j_int(rec, "bytes", sql_int(r, 11));
        }
        json_object_set_new(j, "recording", rec);
    }
    sql_end(r);
    return rc ? rc : answer(c, 200, j);
}

static enum rc recording(struct call *c)
{
    struct device_row d;
    struct sql_rows *r = NULL;
    int64_t id = 0;
    enum rc rc = find(c, &d, &id, &r);
    if (!rc && sql_is_null(r, 9))
        rc = refuse(
            c, 404, "Not recorded", NULL,
            "this session was not recorded: PATCH the device with {\"record\": true} and all its next ones are");
    if (!rc) rc = answer_text(c, "application/yaml", sql_text(r, 12));
    if (!rc) answer_header(c, "Content-Disposition", "attachment; filename=\"session-%lld.yaml\"", (long long)id);
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
