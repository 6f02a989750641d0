/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include "server/events/events.h"

#include <string.h>
#include <unistd.h>

#define IS(path, want) CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)
enum { RUNNING = 50, STOPPED = 30, LOCKED = 10, UNLOCKED = 30 };

static const char operations[] = "/api/v1/devices/phone/operations";

static struct api_fixture *begin(void)
{
    struct api_fixture *s = api_fixture_begin();
    api_fixture_device(s, "phone", "{\"department\":\"sales\"}");
    api_fixture_vm(s, "phone", "corp", RUNNING, UNLOCKED);
    return s;
}

static void policy(struct api_fixture *s, const char *vm)
{
    char text[1000];
    snprintf(text, sizeof text,
             "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: work, authority: acme-it}\nspec:\n"
             "  selector: 'label.department == \"sales\"'\n  vm:\n    id: corp\n%s",
             vm);
    CU_ASSERT(api_fixture_call(s, "PUT", "/api/v1/policies/work", text) < 300);
}

static void takes_an_operation_and_calls_the_device(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"lock\",\"vm\":\"corp\",\"args\":{\"msg\":\"Lost\"}}"),
                    202);
    IS("state", "queued");
    IS("kind", "lock");
    IS("label", "Lock");
    IS("vm", "corp");
    IS("args.msg", "Lost");
    IS("createdBy", "root");
    IS("steps.0.state", "queued");
    char location[100];
    snprintf(location, sizeof location, "%s", api_fixture_header(s, "Location"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", location, NULL), 200);
    IS("device", "phone");
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM device WHERE generation > 1"), 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/notifications?device=phone", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    IS("items.0.why", "operation lock");
    IS("items.0.state", "pending");
    IS("items.0.sessionId", "1");
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM event WHERE type = 'operation' AND device = 'phone'"),
                    1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/vms/corp", NULL), 200);
    IS("operation.kind", "lock");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit", NULL), 200);
    IS("items.0.action", "operation.create");
    api_fixture_end(s);
}

static void refuses_what_cannot_be(void)
{
    static const struct {
        const char *body;
        int status;
        const char *pointer;
    } row[] = {
        { "{\"kind\":\"dance\",\"vm\":\"corp\"}", 400, "/kind" },
        { "{\"kind\":\"lock\"}", 400, "/kind" },
        { "{\"kind\":\"lock\",\"vm\":\"\"}", 400, "/vm" },
        { "{\"kind\":\"lock\",\"vm\":\"other\"}", 404, "/vm" },
        { "{\"kind\":\"lock\",\"vm\":\"corp\",\"args\":{\"volume\":\"11\"}}", 400, "/args/volume" },
        { "{\"kind\":\"lock\",\"vm\":\"corp\",\"args\":{\"msg\":\"a;b\"}}", 400, "/args/msg" },
        { "{\"kind\":\"reboot\",\"vm\":\"corp\",\"args\":{\"timeout\":\"soon\"}}", 400, "/args/timeout" },
        { "{\"kind\":\"reboot\",\"vm\":\"corp\",\"args\":{\"force\":2}}", 400, "/args/force" },
        { "{\"kind\":\"wipe\",\"vm\":\"corp\",\"args\":{\"scope\":\"moon\"}}", 400, "/args/scope" },
        { "{\"kind\":\"lock\",\"vm\":\"corp\",\"expires\":\"2001-01-01T00:00:00Z\"}", 400, "/expires" },
        { "{\"kind\":\"lock\",\"vm\":\"corp\",\"expires\":\"tomorrow\"}", 400, "/expires" },
        { "{\"kind\":\"lock\",\"vm\":\"corp\",\"uri\":\"./A\"}", 400, "/kind" },
        { "{\"kind\":\"snapshots.remove\",\"vm\":\"corp\"}", 400, "/kind" },
        { "{\"kind\":\"tree\",\"command\":\"jump\",\"uri\":\"./A\"}", 400, "/command" },
        { "{\"kind\":\"tree\",\"command\":\"get\"}", 400, "/uri" },
        { "{\"kind\":\"tree\",\"command\":\"get\",\"uri\":\"./A\",\"args\":{\"FOO\":1}}", 400, "/args" },
        { "{\"kind\":\"tree\",\"command\":\"get\",\"uri\":\"./A//B\"}", 400, "/uri" },
        { "{\"kind\":\"tree\",\"command\":\"get\",\"uri\":\"./A\",\"data\":\"x\"}", 400, "/data" },
        { "{\"kind\":\"tree\",\"command\":\"delete\",\"uri\":\"./DevInfo/DevId\"}", 422, "/command" },
        { "{\"kind\":\"tree\",\"command\":\"replace\",\"uri\":\"./DevInfo/DevId\",\"data\":\"x\"}", 422, "/command" },
    };
    struct api_fixture *s = begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int status = api_fixture_call(s, "POST", operations, row[i].body);
        if (status != row[i].status) printf("%s -> %s\n", row[i].body, s->body);
        CU_ASSERT_EQUAL(status, row[i].status);
        IS("pointer", row[i].pointer);
    }
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM operation"), 0);
    api_fixture_end(s);
}

static void takes_tree_commands(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"tree\",\"command\":\"get\",\"uri\":\"DevInfo?list=Struct\"}"),
                    202);
    IS("uri", "./DevInfo?list=Struct");
    IS("command", "get");
    CU_ASSERT_EQUAL(
        api_fixture_call(
            s, "POST", operations,
            "{\"kind\":\"tree\",\"command\":\"replace\",\"uri\":\"./Vendor/X\",\"format\":\"int\",\"data\":\"7\"}"),
        202);
    IS("format", "int");
    IS("data", "7");
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", operations,
                         "{\"kind\":\"tree\",\"command\":\"copy\",\"uri\":\"./Vendor/Y\",\"data\":\"Vendor/X\"}"),
        202);
    IS("data", "./Vendor/X");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"tree\",\"command\":\"copy\",\"uri\":\"./Vendor/Y\"}"),
                    400);
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", operations,
                         "{\"kind\":\"tree\",\"command\":\"confirm\",\"data\":\"MAXDT=60\\nRestart now?\"}"),
        202);
    IS("command", "confirm");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"tree\",\"command\":\"confirm\",\"data\":\"Restart now?\"}"),
                    400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"tree\",\"command\":\"choice\",\"data\":\"\\nWhich?\"}"),
                    400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"tree\",\"command\":\"choice\",\"data\":\"\\nWhich?\\none\\ntwo\"}"),
                    202);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations, "{\"kind\":\"refresh\"}"), 202);
    IS("vm", "");
    api_fixture_end(s);
}

static void takes_commands_that_go_together(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(
                        s, "POST", operations,
                        "{\"kind\":\"tree\",\"command\":\"atomic\",\"commands\":["
                        "{\"command\":\"add\",\"uri\":\"Vendor/X\",\"format\":\"node\",\"type\":\"urn:acme:mo:x:1.0\"},"
                        "{\"command\":\"replace\",\"uri\":\"./Vendor/X/Y\",\"format\":\"int\",\"data\":\"7\"}]}"),
                    202);
    IS("command", "atomic");
    IS("commands.0.uri", "./Vendor/X");
    IS("commands.0.type", "urn:acme:mo:x:1.0");
    IS("commands.1.data", "7");
    IS("commands.1.code", "0");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/preview", NULL), 200);
    CU_ASSERT_PTR_NULL(strstr(api_fixture_get(s, "syncml"), "<Atomic>")); /* first contact comes before it */
    CU_ASSERT_EQUAL(
        api_fixture_call(
            s, "POST", operations,
            "{\"kind\":\"tree\",\"command\":\"sequence\",\"commands\":[{\"command\":\"get\",\"uri\":\"./DevInfo\"},"
            "{\"command\":\"confirm\",\"data\":\"\\nGo on?\"},{\"command\":\"exec\",\"uri\":\"./Vendor/X\"}]}"),
        202);
    CU_ASSERT_EQUAL(api_fixture_count(s, "commands"), 3);
    CU_ASSERT_EQUAL(
        api_fixture_call(
            s, "POST", operations,
            "{\"kind\":\"tree\",\"command\":\"acl\",\"uri\":\"Vendor/X\",\"grant\":{\"Get\":[\"a.example\",\"b\"]},"
            "\"revoke\":{\"Replace\":[\"*\"]},\"force\":true}"),
        202);
    IS("uri", "./Vendor/X");
    IS("grant.Get.1", "b");
    IS("revoke.Replace.0", "*");
    IS("force", "true");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/operations?device=phone", NULL), 200);
    IS("items.0.grant.Get.0", "a.example");
    api_fixture_end(s);
}

/* S-202, S-220: the answer names the command and its member. */
static void refuses_what_cannot_go_together(void)
{
    static const struct {
        const char *command, *commands;
        int status;
        const char *pointer;
    } row[] = {
        { "atomic", "[]", 400, "/commands" },
        { "atomic", "{}", 400, "/commands" },
        { "atomic", "[7]", 400, "/commands/0" },
        { "atomic", "[{\"uri\":\"./A\"}]", 400, "/commands/0/command" },
        { "atomic", "[{\"command\":\"add\",\"uri\":\"./A\",\"colour\":\"red\"}]", 400, "/commands/0/colour" },
        { "atomic", "[{\"command\":\"delete\",\"uri\":\"./A\"},{\"command\":\"get\",\"uri\":\"./A\"}]", 400,
          "/commands/1/command" },
        { "atomic", "[{\"command\":\"exec\",\"uri\":\"./A\"}]", 400, "/commands/0/command" },
        { "atomic", "[{\"command\":\"atomic\"}]", 400, "/commands/0/command" },
        { "sequence", "[{\"command\":\"atomic\"}]", 400, "/commands/0/command" },
        { "sequence", "[{\"command\":\"dance\"}]", 400, "/commands/0/command" },
        { "sequence", "[{\"command\":\"exec\",\"uri\":\"./A\"},{\"command\":\"exec\",\"uri\":\"./B\"}]", 400,
          "/commands/1/command" },
        { "sequence", "[{\"command\":\"get\"}]", 400, "/commands/0/uri" },
        { "sequence", "[{\"command\":\"get\",\"uri\":\"./A//B\"}]", 400, "/commands/0/uri" },
        { "sequence", "[{\"command\":\"add\",\"uri\":\"./A\",\"format\":\"number\",\"data\":\"1\"}]", 400,
          "/commands/0/format" },
        { "sequence", "[{\"command\":\"add\",\"uri\":\"./A?prop=ACL\"}]", 400, "/commands/0/uri" },
        { "sequence", "[{\"command\":\"get\",\"uri\":\"./A\"},{\"command\":\"delete\",\"uri\":\"./DevInfo/DevId\"}]",
          422, "/commands/1/command" },
        { "sequence", "[{\"command\":\"confirm\",\"data\":\"Go on?\"}]", 400, "/commands/0/data" },
        { "get", "[{\"command\":\"get\",\"uri\":\"./A\"}]", 400, "/commands" },
    };
    static const struct {
        const char *rest, *pointer;
    } acl[] = {
        { "", "/uri" },
        { ",\"uri\":\"./A?prop=ACL\"", "/uri" },
        { ",\"uri\":\"./A\",\"grant\":{\"Read\":[\"a\"]}", "/grant/Read" },
        { ",\"uri\":\"./A\",\"grant\":{\"Get\":\"a\"}", "/grant/Get" },
        { ",\"uri\":\"./A\",\"grant\":{\"Get\":[]}", "/grant/Get" },
        { ",\"uri\":\"./A\",\"grant\":{\"Get\":[\"a b\"]}", "/grant/Get" },
        { ",\"uri\":\"./A\",\"grant\":{\"Get\":[\"a;force=1\"]}", "/grant/Get" },
        { ",\"uri\":\"./A\",\"revoke\":{\"Get\":[\"a\"],\"Add\":[7]}", "/revoke/Add" },
        { ",\"uri\":\"./A\",\"revoke\":{}", "/revoke" },
        { ",\"uri\":\"./A\",\"force\":true", "/force" },
        { ",\"uri\":\"./A\",\"data\":\"Get=*\"", "/command" },
    };
    struct api_fixture *s = begin();
    char text[1000];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        snprintf(text, sizeof text, "{\"kind\":\"tree\",\"command\":\"%s\",\"commands\":%s}", row[i].command,
                 row[i].commands);
        int status = api_fixture_call(s, "POST", operations, text);
        if (status != row[i].status || strcmp(api_fixture_get(s, "pointer"), row[i].pointer))
            printf("%s -> %s\n", text, s->body);
        CU_ASSERT_EQUAL(status, row[i].status);
        IS("pointer", row[i].pointer);
    }
    for (size_t i = 0; i < sizeof acl / sizeof acl[0]; i++) {
        snprintf(text, sizeof text, "{\"kind\":\"tree\",\"command\":\"acl\"%s}", acl[i].rest);
        int status = api_fixture_call(s, "POST", operations, text);
        if (status != 400 || strcmp(api_fixture_get(s, "pointer"), acl[i].pointer)) printf("%s -> %s\n", text, s->body);
        CU_ASSERT_EQUAL(status, 400);
        IS("pointer", acl[i].pointer);
    }
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations, "{\"kind\":\"lock\",\"vm\":\"corp\",\"force\":true}"), 400);
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", operations,
                         "{\"kind\":\"tree\",\"command\":\"get\",\"uri\":\"./A\",\"grant\":{\"Get\":[\"a\"]}}"),
        400);
    IS("pointer", "/grant");
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM operation"), 0);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM operation_item"), 0);
    api_fixture_end(s);
}

static void an_operation_for_later_calls_nobody_now(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations,
                                     "{\"kind\":\"lock\",\"vm\":\"corp\",\"notBefore\":\"2100-01-01T00:00:00Z\"}"),
                    202);
    IS("reason", "scheduled for 2100-01-01T00:00:00Z");
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM notification"), 0);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM operation WHERE wake_ms = not_before_ms"), 1);
    char path[100];
    snprintf(path, sizeof path, "%s:cancel", api_fixture_header(s, "Location"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", path, NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM operation WHERE wake_ms IS NOT NULL"), 0);
    api_fixture_end(s);
}

/* What was sent may have been done: only what never left, or what the device sent back, can be taken back. */
static void what_was_sent_is_never_called_cancelled(void)
{
    static const struct {
        const char *set;
        int status;
    } row[] = {
        { "state = 'queued', tries = 0, code = 0", 200 },   { "state = 'notified', tries = 0, code = 0", 200 },
        { "state = 'queued', tries = 1, code = 417", 200 }, { "state = 'queued', tries = 1, code = 0", 409 },
        { "state = 'sent', tries = 1, code = 0", 409 },     { "state = 'accepted', tries = 1, code = 202", 409 },
        { "state = 'verified', tries = 1, code = 0", 409 },
    };
    struct api_fixture *s = begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char path[100], sql[200];
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations, "{\"kind\":\"lock\",\"vm\":\"corp\"}"), 202);
        snprintf(path, sizeof path, "%s:cancel", api_fixture_header(s, "Location"));
        snprintf(sql, sizeof sql,
                 "UPDATE operation SET %s WHERE operation_id = (SELECT max(operation_id) FROM operation)", row[i].set);
        api_fixture_sql(s, sql);
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", path, NULL), row[i].status);
        api_fixture_sql(s, "UPDATE operation SET state = 'verified'");
    }
    api_fixture_end(s);
}

static void a_policy_is_not_contradicted(void)
{
    static const struct {
        const char *spec, *body;
        int status;
    } row[] = {
        { "    state: running\n", "{\"kind\":\"stop\",\"vm\":\"corp\"}", 409 },
        { "    state: running\n", "{\"kind\":\"suspend\",\"vm\":\"corp\"}", 409 },
        { "    state: running\n", "{\"kind\":\"delete\",\"vm\":\"corp\"}", 409 },
        { "    state: running\n", "{\"kind\":\"reboot\",\"vm\":\"corp\"}", 202 },
        { "    state: running\n", "{\"kind\":\"lock\",\"vm\":\"corp\"}", 202 },
        { "    state: running\n", "{\"kind\":\"wipe\",\"vm\":\"corp\"}", 202 },
        { "    state: stopped\n", "{\"kind\":\"start\",\"vm\":\"corp\"}", 409 },
        { "    state: absent\n", "{\"kind\":\"start\",\"vm\":\"corp\"}", 409 },
        { "    locked: true\n", "{\"kind\":\"unlock\",\"vm\":\"corp\"}", 409 },
        { "    locked: true\n", "{\"kind\":\"lock\",\"vm\":\"corp\"}", 202 },
        { "    locked: true\n", "{\"kind\":\"stop\",\"vm\":\"corp\"}", 202 },
        { "    locked: false\n", "{\"kind\":\"lock\",\"vm\":\"corp\"}", 409 },
        { "    qos: normal\n", "{\"kind\":\"delete\",\"vm\":\"corp\"}", 202 },
    };
    struct api_fixture *s = begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        policy(s, row[i].spec);
        int status = api_fixture_call(s, "POST", operations, row[i].body);
        if (status != row[i].status) printf("%s %s -> %d %s\n", row[i].spec, row[i].body, status, s->body);
        CU_ASSERT_EQUAL(status, row[i].status);
        if (row[i].status == 409) { CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), "policy work sets")); }
    }
    api_fixture_end(s);
}

static void lists_and_cancels(void)
{
    struct api_fixture *s = begin();
    for (int i = 0; i < 3; i++) api_fixture_call(s, "POST", operations, "{\"kind\":\"kpi.collect\",\"vm\":\"corp\"}");
    api_fixture_sql(s, "UPDATE operation SET state = 'sent' WHERE operation_id = 2");
    api_fixture_sql(s, "UPDATE operation SET state = 'failed', code = 1428, reason = 'no' WHERE operation_id = 3");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/operations?state=open", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 2);
    IS("items.0.id", "2");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/operations?state=failed&device=phone", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    IS("items.0.codeText", "start failed or took too long");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/operations?limit=2", NULL), 200);
    IS("next", "2");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/operations?state=odd", NULL), 400);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/operations/1:cancel", ""), 200);
    IS("state", "cancelled");
    IS("steps.1.reason", "cancelled by root");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/operations/1:cancel", ""), 409);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/operations/2:cancel", ""), 409);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/operations/99:cancel", ""), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/operations/x", NULL), 404);
    api_fixture_end(s);
}

static void a_device_does_not_get_endless_work(void)
{
    struct api_fixture *s = begin();
    int status = 0, n = 0;
    while (n < 200 && (status = api_fixture_call(s, "POST", operations, "{\"kind\":\"refresh\"}")) == 202) n++;
    CU_ASSERT_EQUAL(status, 409);
    CU_ASSERT_EQUAL(n, 100);
    api_fixture_end(s);
}

static void calls_a_device_when_asked(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/phone/notifications", "{\"why\":\"a test\"}"), 202);
    IS("state", "pending");
    IS("why", "a test");
    IS("latencyMs", "null");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/phone/notifications", ""), 202);
    IS("id", "1"); /* the open one serves */
    api_fixture_sql(s,
                    "UPDATE notification SET state = 'answered', sent_ms = 1000, answered_ms = 1250, next_ms = NULL");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/notifications", NULL), 200);
    IS("items.0.latencyMs", "250");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/phone/notifications", ""), 202);
    IS("id", "2");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"mute\"}"), 201);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices/mute/notifications", ""), 409);
    api_fixture_sql(
        s, "INSERT INTO session (device_id, session_id, notification_id, started_ms, ended_ms, messages, outcome, why)"
           " VALUES (1, 'A1', 1, 1000, 2000, 3, 'done', 'settled')");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/sessions", NULL), 200);
    IS("items.0.messages", "3");
    IS("items.0.notification", "1");
    IS("items.0.outcome", "done");
    api_fixture_end(s);
}

static void streams_what_happens(void)
{
    struct api_fixture *s = begin();
    int all = api_fixture_open(s, "/api/v1/events"),
        some = api_fixture_open(s, "/api/v1/events?types=policy,image&device=");
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_hear(s, all, "retry: 2000\n\n"), "text/event-stream"));
    api_fixture_hear(s, some, "retry: 2000\n\n");
    int one = api_fixture_open(s, "/api/v1/events?types=policy,operation&device=phone");
    api_fixture_hear(s, one, "retry: 2000\n\n");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations, "{\"kind\":\"lock\",\"vm\":\"corp\"}"), 202);
    policy(s, "    qos: normal\n");
    const char *t = api_fixture_hear(s, all, "event: policy");
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "event: operation\ndata: {"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "\"device\":\"phone\""));
    t = api_fixture_hear(s, some, "event: policy");
    CU_ASSERT_PTR_NULL(strstr(t, "event: operation"));
    t = api_fixture_hear(s, one, "event: policy"); /* it names no device, and concerns this one, too */
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "event: operation"));
    close(one);
    close(some);
    close(all);
    int64_t first = api_fixture_sql_int(s, "SELECT event_id FROM event WHERE type = 'operation'");
    char header[60];
    snprintf(header, sizeof header, "Last-Event-ID: %lld\r\n", (long long)first);
    s->headers = header;
    all = api_fixture_open(s, "/api/v1/events");
    t = api_fixture_hear(s, all, "event: policy");
    CU_ASSERT_PTR_NULL(strstr(t, "event: operation"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "event: policy"));
    close(all);
    s->headers = "Last-Event-ID: 999999\r\n";
    all = api_fixture_open(s, "/api/v1/events");
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_hear(s, all, "event: reset\n"), "event: reset\ndata: {}\n\n"));
    close(all);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/events?types=gossip", NULL), 400);
    s->headers = "Last-Event-ID: x\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/events", NULL), 400);
    api_fixture_end(s);
}

static void streams_keep_to_their_authority(void)
{
    struct api_fixture *s = begin();
    api_fixture_sql(s, "INSERT INTO authority (name, server_id, created_ms) VALUES ('operator-x', 'net.x.dm', 1)");
    s->token = api_fixture_token(s, "viewer", "operator-x");
    int x = api_fixture_open(s, "/api/v1/events");
    api_fixture_hear(s, x, "retry: 2000\n\n");
    s->token = NULL;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations, "{\"kind\":\"lock\",\"vm\":\"corp\"}"), 202);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"theirs\",\"authority\":\"operator-x\"}"),
                    201);
    const char *t = api_fixture_hear(s, x, "theirs");
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "theirs"));
    CU_ASSERT_PTR_NULL(strstr(t, "phone"));
    close(x);
    api_fixture_end(s);
}

static void follows_one_operation_to_its_end(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", operations, "{\"kind\":\"lock\",\"vm\":\"corp\"}"), 202);
    int fd = api_fixture_open(s, "/api/v1/operations/1/events");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(api_fixture_hear(s, fd, "\"state\":\"queued\""), "event: operation\ndata: {\"id\":1,"));
    api_fixture_sql(s, "UPDATE operation SET state = 'sent' WHERE operation_id = 1");
    api_fixture_sql(s,
                    "INSERT INTO event (authority_id, at_ms, type, device, data) VALUES (1, 1, 'operation', 'phone', "
                    "'{\"id\":1}')");
    events_wake(s->srv.events);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_hear(s, fd, "\"state\":\"sent\""), "\"state\":\"sent\""));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/operations/2/events", NULL), 404);
    api_fixture_sql(s, "UPDATE operation SET state = 'verified' WHERE operation_id = 1");
    api_fixture_sql(s,
                    "INSERT INTO event (authority_id, at_ms, type, device, data) VALUES (1, 1, 'operation', 'phone', "
                    "'{\"id\":1}')");
    events_wake(s->srv.events);
    const char *t = api_fixture_hear(s, fd, "\r\n0\r\n\r\n"); /* the server ends it */
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "\"state\":\"verified\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(t, "\r\n0\r\n\r\n"));
    close(fd);
    api_fixture_end(s);
}

TEST_MAIN("server.api.operations", TEST(takes_an_operation_and_calls_the_device),
          TEST_OF("S-220", refuses_what_cannot_be), TEST_OF("S-215", takes_tree_commands),
          TEST_OF("S-202 S-209", takes_commands_that_go_together),
          TEST_OF("S-202 S-220", refuses_what_cannot_go_together), TEST(an_operation_for_later_calls_nobody_now),
          TEST(what_was_sent_is_never_called_cancelled), TEST(a_policy_is_not_contradicted), TEST(lists_and_cancels),
          TEST(a_device_does_not_get_endless_work), TEST(calls_a_device_when_asked), TEST(streams_what_happens),
          TEST(streams_keep_to_their_authority), TEST(follows_one_operation_to_its_end))
