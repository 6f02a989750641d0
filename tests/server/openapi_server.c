/* SPDX-License-Identifier: Apache-2.0 */
/* A site for openapi_test.py: prints where it listens, a token and the router's routes as one line of JSON, and
 * lives until its standard input ends. It has one device that has told everything there is to tell. */
#include "base/text.h"
#include "server/api/call.h"
#include "tests/server/api_fixture.h"

#include <stdio.h>

/* A recording of the device's first session, as the recorder writes it. */
static void record(struct api_fixture *s)
{
    static const char message[] =
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1F</SessionID>"
        "<MsgID>1</MsgID><Target><LocURI>https://x</LocURI></Target><Source><LocURI>phone</LocURI></Source></SyncHdr><SyncBody>"
        "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status><Final/></SyncBody></SyncML>";
    struct buf b;
    buf_init(&b, 0);
    buf_putz(
        &b,
        "INSERT INTO recording (session_row, at_ms, why, cut, bytes, data) VALUES (1, 1700000001000, 'device', 0, 99,"
        " 'recording: dmvisor/session/1\nsession: {\"id\":\"1F\"}\nserver: {\"id\":\"com.acme.dm\"}\naccount: {\"known\":true}\nmessages:\n"
        "- {\"time\":\"2023-11-14T22:13:20.000Z\",\"type\":\"xml\",\"tls\":true,\"mac\":false,\"in\":\"");
    text_b64_put(&b, str_of(message));
    buf_putz(&b, "\",\"verdict\":{\"ok\":true,\"how\":\"the stored nonce\"},\"news\":\"known\",\"steps\":[],\"sent\":0,"
                 "\"reasons\":\"#1 Get ./DevInfo: to learn it\\n\",\"out\":\"");
    text_b64_put(&b, str_of(message));
    buf_putz(&b, "\"}\n')");
    api_fixture_sql(s, buf_z(&b));
    buf_finish(&b);
}

static void fill(struct api_fixture *s)
{
    api_fixture_device(s, "phone", "{\"department\":\"sales\"}");
    api_fixture_vm(s, "phone", "corp", 50, 30);
    api_fixture_sql(
        s,
        "INSERT INTO attribute_row (device_id, name, value) VALUES (1, 'devinfo.man', 'Acme'), (1, 'hypervisor.arch', 'aarch64')");
    api_fixture_sql(
        s,
        "INSERT INTO sample (device_id, vm, at_ms, data) VALUES"
        " (1, 'corp', strftime('%s', 'now') * 1000 - 120000, '{\"kpi.cpu.usagePct\":10,\"kpi.cpu.timeMs\":\"5000\"}'),"
        " (1, 'corp', strftime('%s', 'now') * 1000 - 60000, '{\"kpi.cpu.usagePct\":12,\"kpi.cpu.timeMs\":\"9000\"}')");
    api_fixture_sql(s, "INSERT INTO path (path_id, uri) VALUES (1, './DevInfo'), (2, './DevInfo/Man')");
    api_fixture_sql(
        s,
        "INSERT INTO node (device_id, path_id, format, known, value, at_ms) VALUES (1, 1, 3, 0, NULL, 1700000000000),"
        " (1, 2, 0, 1, 'Acme', 1700000000000)");
    api_fixture_sql(s,
                    "INSERT INTO session (device_id, session_id, started_ms, ended_ms, messages, outcome) VALUES"
                    " (1, '1F', 1700000000000, 1700000001000, 3, 'done'), (1, '20', 1700000002000, NULL, 1, 'open')");
    record(s);
}

int main(void)
{
    struct api_fixture *s = api_fixture_begin();
    const char *comma = "";
    fill(s);
    printf("{\"port\":%u,\"token\":\"%s\",\"routes\":[", http_port(s->listener), s->admin);
    for (size_t l = 0; api_routes[l]; l++)
        for (const struct route *r = api_routes[l]; r->method; r++) {
            printf("%s[\"%s\",\"%s\",%s]", comma, r->method, r->pattern, r->role == ROLE_NONE ? "false" : "true");
            comma = ",";
        }
    printf("]}\n");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    api_fixture_end(s);
    return 0;
}
