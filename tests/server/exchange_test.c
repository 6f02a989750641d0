/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "server/http/certificate.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <string.h>

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n    state: running\n"
    "    resources:\n      cpu: {vcpus: 2}\n      memory: {min: 64Mi, max: 128Mi}\n";

/* One request as bytes. */
static int raw(struct dm_fixture *l, struct str body, enum sml_type type, struct str authority,
               struct exchange_reply *rp)
{
    const struct exchange_request rq = { .authority = authority,
                                         .resp_base = STR("https://dm.example.net/dm"),
                                         .body = body,
                                         .type = type,
                                         .answer = type,
                                         .tls = true };
    exchange(l->dm, &l->world, &rq, rp, NULL);
    CU_ASSERT_EQUAL(dm_commit(l->dm, NULL), RC_OK);
    return rp->status;
}

static void first_contact_reads_the_device_and_settles(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    CU_ASSERT(fixture_device_call(p, 1201, "1"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT mirror_read FROM device"), 1);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT summary FROM device"), "settled");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation = observed_generation FROM device"), 1);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT value FROM attribute WHERE name = 'devinfo.man'"), "Acme");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT value FROM attribute WHERE name = 'hypervisor.arch'"), "aarch64");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT outcome FROM session"), "done");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT user_agent FROM device"), "phone/1");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT lists FROM device"), DM_LISTS_WORK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'device'"), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'session'"), 1);
    CU_ASSERT(p->posts > 1);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void nothing_changed_is_one_post_and_one_row(void)
{
    static const enum sml_type types[] = { SML_XML, SML_WBXML };
    for (int i = 0; i < 2; i++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        p->type = types[i];
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        CU_ASSERT(fixture_device_call(p, 1201, "2"));
        CU_ASSERT_EQUAL(p->posts, 1);
        CU_ASSERT_EQUAL(p->commands, 0);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT quiet FROM contact"), 1);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session"), 1);
        /* Anything at all that changed on the device ends the silence. */
        sim_make_vm(p->sim, "foreign", 50);
        sim_set(p->sim, DDF_VM, "domain.servers", STR("foreign"), "com.acme.dm");
        CU_ASSERT(fixture_device_call(p, 1201, "3"));
        CU_ASSERT(p->posts > 1);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm WHERE vm = 'foreign'"), 50);
        CU_ASSERT(fixture_device_call(p, 1201, "4"));
        CU_ASSERT_EQUAL(p->posts, 1);
        fixture_device_end(p);
        dm_fixture_end(l);
    }
}

static void a_policy_becomes_a_running_vm(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    dm_fixture_image(l, "base", "1.0");
    dm_fixture_policy(l, policy);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification WHERE state = 'pending'"), 1);
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm WHERE vm = 'corp'"), 50);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT verified FROM vm WHERE vm = 'corp'"), 1);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT summary FROM vm WHERE vm = 'corp'"), "settled");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM assignment"), "settled");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation WHERE state <> 'verified'"), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification WHERE state = 'pending'"), 0);
    CU_ASSERT(str_is(sim_value(p->sim, DDF_VM, "resources.cpu.vcpus", STR("corp")), "2"));
    CU_ASSERT_EQUAL(p->sim->twice, 0);
    CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'vm'") > 0);
    CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'operation'") > 0);
    /* Every event is JSON. */
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE NOT json_valid(data)"), 0);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void a_wrong_password_is_refused_and_leaves_a_trace(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    char good[sizeof p->client_ha1];
    memcpy(good, p->client_ha1, sizeof good);
    sml_ha1(STR("IMEI:001"), STR("wrong"), p->client_ha1);
    CU_ASSERT_FALSE(fixture_device_call(p, 1201, "1"));
    CU_ASSERT_PTR_NOT_NULL(p->refused);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM attribute"), 0); /* nothing of it was believed */
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM contact WHERE seen_ms IS NOT NULL"), 0);
    for (int i = 0; i < 3; i++) fixture_device_call(p, 1201, "2");
    dm_fixture_wait(l, 200000);
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session"), 1); /* one row, however often */
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT outcome FROM session"), "refused");
    CU_ASSERT_PTR_NOT_NULL(strstr(dm_fixture_text(l, "SELECT why FROM session"), "wrong credentials"));
    memcpy(p->client_ha1, good, sizeof good);
    CU_ASSERT(fixture_device_call(p, 1201, "3"));
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void an_unknown_device_learns_no_more_than_a_wrong_password(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    dm_fixture_sql(l, "DELETE FROM device");
    CU_ASSERT_FALSE(fixture_device_call(p, 1201, "1"));
    CU_ASSERT_EQUAL(p->status, 200);
    CU_ASSERT_PTR_NOT_NULL(p->refused);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session"), 0);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void what_is_no_message_is_refused_in_words(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct exchange_reply rp = { 0 };
    const struct {
        struct str body;
        enum sml_type type;
        int status;
    } row[] = {
        { STR(""), SML_XML, 400 },
        { STR("hello"), SML_XML, 400 },
        { STR("<SyncML xmlns='SYNCML:SYNCML1.2'>"), SML_XML, 400 },
        { STR("\x03\x01\x6a\x00"), SML_WBXML, 400 },
        { STR("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"), SML_XML, 400 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(raw(l, row[i].body, row[i].type, (struct str){ 0 }, &rp), row[i].status);
        CU_ASSERT(rp.body.n > 10);
        exchange_reply_finish(&rp);
    }
    const struct str good = STR(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>"
        "<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>IMEI:9</LocURI></Source></SyncHdr>"
        "<SyncBody><Final/></SyncBody></SyncML>");
    CU_ASSERT_EQUAL(raw(l, good, SML_XML, STR("nobody"), &rp), 404);
    exchange_reply_finish(&rp);
    CU_ASSERT_EQUAL(raw(l, good, SML_XML, STR("acme-it"), &rp), 200);
    exchange_reply_finish(&rp);
    /* With a second authority the address must say which. */
    dm_fixture_sql(l, "INSERT INTO authority (name, server_id, created_ms) VALUES ('oper', 'org.oper', 1)");
    CU_ASSERT_EQUAL(raw(l, good, SML_XML, (struct str){ 0 }, &rp), 404);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&rp.body), "/dm/<authority>"));
    exchange_reply_finish(&rp);
    dm_fixture_end(l);
}

static void past_the_ceiling_the_answer_is_503(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct exchange_reply rp = { 0 };
    char body[600];
    int status = 200;
    for (int i = 0; i < 101; i++) {
        struct certificate c = { .until_ms = 0 };
        c.n_name = (size_t)snprintf(c.name, sizeof c.name, "IMEI:%d", i);
        struct fixture_device *p = fixture_device_begin(l, c.name);
        snprintf(
            body, sizeof body,
            "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>"
            "<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr>"
            "<SyncBody><Final/></SyncBody></SyncML>",
            c.name);
        const struct exchange_request rq = {
            .resp_base = STR("https://dm.example.net/dm"), .body = str_of(body), .certificate = &c, .tls = true
        };
        exchange(l->dm, &l->world, &rq, &rp, NULL);
        CU_ASSERT_EQUAL(dm_commit(l->dm, NULL), RC_OK);
        status = rp.status;
        exchange_reply_finish(&rp);
        fixture_device_end(p);
    }
    CU_ASSERT_EQUAL(status, 503);
    CU_ASSERT_EQUAL(rp.retry_after_s, EXCHANGE_RETRY_S);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 100);
    /* A stranger is answered all the same: he takes no place. */
    CU_ASSERT_EQUAL(raw(l, str_of(body), SML_XML, (struct str){ 0 }, &rp), 200);
    exchange_reply_finish(&rp);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 100);
    dm_fixture_end(l);
}

static void one_that_fails_harms_nobody_else_in_its_turn(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *good = fixture_device_begin(l, "IMEI:001"), *bad = fixture_device_begin(l, "IMEI:002");
    dm_fixture_sql(l, "UPDATE account SET client_ha1 = x'00' WHERE device_id = 2");
    CU_ASSERT_FALSE(fixture_device_call(bad, 1201, "1"));
    CU_ASSERT_EQUAL(bad->status, 500);
    CU_ASSERT(fixture_device_call(good, 1201, "1"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT mirror_read FROM device WHERE device_id = 1"), 1);
    fixture_device_end(good);
    fixture_device_end(bad);
    dm_fixture_end(l);
}

static void a_notification_is_matched_with_its_session(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    dm_fixture_sql(l,
                   "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, sent_ms)"
                   " VALUES (1, 47, 'sent', 'test', 'udp', 'x', 1, 1893455999000)");
    CU_ASSERT(fixture_device_call(p, 1200, "2F"));
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM notification"), "answered");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT answered_ms - sent_ms FROM notification"), 2000);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT notification_id FROM session"), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'notification'"), 1);
    /* The number with its octets swapped, in a session that has nothing else to do. */
    dm_fixture_sql(l,
                   "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, sent_ms)"
                   " VALUES (1, 258, 'sent', 'test', 'udp', 'x', 1, 1893455999000)");
    CU_ASSERT(fixture_device_call(p, 1200, "201"));
    CU_ASSERT_EQUAL(p->posts, 1);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM notification WHERE notification_id = 2"), "answered");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT outcome FROM session WHERE notification_id = 2"), "done");
    fixture_device_end(p);
    dm_fixture_end(l);
}

/* Signed with a nonce that the session before it has replaced, so that the device does not believe it. */
static void a_notification_with_a_replaced_nonce_goes_out_again_at_once(void)
{
    for (int replaced = 0; replaced < 2; replaced++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        p->no_nonces = !replaced;
        dm_fixture_sql(
            l, "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, sent_ms)"
               " VALUES (1, 47, 'sent', 'test', 'udp', 'x', 1, 1893455999000)");
        dm_fixture_sql(
            l, "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, sent_ms,"
               " next_ms) SELECT 1, 48, 'sent', 'test', 'udp', 'x', 1, at_ms, at_ms + 60000 FROM"
               " (SELECT max(at_ms) AS at_ms FROM event)");
        dm_fixture_sql(
            l, "INSERT INTO operation (device_id, kind, by_policy, scope, tree_command, tree_uri, correlator, state,"
               " created_by, created_ms, updated_ms) VALUES (1, 'tree', 0, 0, 'get',"
               " './Virtualization/Hypervisor/Arch', 't', 'notified', 'test', 1, 1);"
               " UPDATE authority SET stamp = stamp + 1; UPDATE device SET generation = (SELECT stamp FROM authority)");
        CU_ASSERT(fixture_device_call(p, 1200, "2F"));
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM notification WHERE session_no = 47"), "answered");
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM notification WHERE session_no = 48"), "sent");
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT next_ms FROM notification WHERE session_no = 48") <= l->world.now_ms,
                        replaced);
        fixture_device_end(p);
        dm_fixture_end(l);
    }
}

TEST_MAIN("server.exchange", TEST_OF("S-214", first_contact_reads_the_device_and_settles),
          TEST_OF("S-601", nothing_changed_is_one_post_and_one_row), TEST(a_policy_becomes_a_running_vm),
          TEST_OF("S-119", a_wrong_password_is_refused_and_leaves_a_trace),
          TEST(an_unknown_device_learns_no_more_than_a_wrong_password),
          TEST_OF("S-001 S-504", what_is_no_message_is_refused_in_words), TEST(past_the_ceiling_the_answer_is_503),
          TEST(one_that_fails_harms_nobody_else_in_its_turn),
          TEST_OF("S-008 trap-05", a_notification_is_matched_with_its_session),
          TEST(a_notification_with_a_replaced_nonce_goes_out_again_at_once))
