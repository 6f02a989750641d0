/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are lost, messages that come twice, devices that vanish, servers that die: nothing is lost and
 * nothing is done twice. */
#include "tests/lib/test.h"
#include "server/http/certificate.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n   "
    " state: running\n"
    "    resources:\n      cpu: {vcpus: 2}\n      memory: {min: 64Mi, max: 128Mi}\n";

static struct fixture_device *running(struct dm_fixture **l)
{
    *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(*l, "IMEI:001");
    dm_fixture_image(*l, "base", "1.0");
    dm_fixture_policy(*l, policy);
    CU_ASSERT_FATAL(fixture_device_settle(p, 20) < 20);
    return p;
}

static void end(struct fixture_device *p, struct dm_fixture *l)
{
    CU_ASSERT_EQUAL(p->sim->twice, 0);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void a_repeated_message_gets_the_same_octets_and_acts_once(void)
{
    for (int n = 1; n <= 4; n++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        dm_fixture_image(l, "base", "1.0");
        dm_fixture_policy(l, policy);
        p->repeat = n;
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        CU_ASSERT(p->posts <= (unsigned)n || p->twice_same);
        CU_ASSERT(fixture_device_settle(p, 20) < 20);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
        end(p, l);
    }
}

static void the_answer_to_the_only_message_may_be_lost(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    /* Repeated in the same session: the same answer although the session is over. */
    p->repeat = 1;
    CU_ASSERT(fixture_device_call(p, 1201, "A1"));
    CU_ASSERT_EQUAL(p->posts, 2);
    CU_ASSERT(p->twice_same);
    /* Never repeated: the phone does not know the new nonce and uses the old one, which earns a challenge. */
    p->lose_answer = 1;
    CU_ASSERT_FALSE(fixture_device_call(p, 1201, "A2"));
    CU_ASSERT(fixture_device_call(p, 1201, "A3"));
    CU_ASSERT_EQUAL(p->posts, 2);
    /* Twice in a row: once more with a challenge, not refused for good. */
    p->lose_answer = 1;
    fixture_device_call(p, 1201, "A4");
    p->lose_answer = 1;
    fixture_device_call(p, 1201, "A5");
    CU_ASSERT(fixture_device_call(p, 1201, "A6"));
    CU_ASSERT(p->posts <= 2);
    end(p, l);
}

static void a_device_may_vanish_after_any_answer(void)
{
    for (int n = 1; n <= 12; n++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        dm_fixture_image(l, "base", "1.0");
        dm_fixture_policy(l, policy);
        for (int i = 0; i < n; i++) { /* get some way first */
            p->vanish = n;
            fixture_device_call(p, 1201, i % 2 ? "1" : "2");
            fixture_device_tick(p);
            dm_fixture_wait(l, 6000);
        }
        CU_ASSERT(fixture_device_settle(p, 30) < 30);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session WHERE outcome = 'open'"), 0);
        CU_ASSERT(n > 3 || dm_fixture_int(l, "SELECT count(*) FROM session WHERE outcome = 'lost'") > 0);
        end(p, l);
    }
}

static void an_idle_session_ends(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    p->vanish = 1;
    CU_ASSERT_FALSE(fixture_device_call(p, 1201, "1"));
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 1);
    dm_fixture_wait(l, 121000);
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 0);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT outcome FROM session"), "lost");
    CU_ASSERT_PTR_NOT_NULL(strstr(dm_fixture_text(l, "SELECT why FROM session"), "did not continue"));
    end(p, l);
}

/* By a day: sessions are given up in time, and what was due is done. */
static void a_clock_that_is_set_back_holds_up_nothing(void)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        struct dm_fixture *l;
        struct fixture_device *p = running(&l);
        dm_fixture_sql(
            l, "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, next_ms)"
               " SELECT 1, 4711, 'sent', 'test', 'udp', 'x', 1, max(at_ms) + 60000 FROM event;"
               "INSERT INTO failure (device_id, key, code, tries, retry_ms, why, at_ms)"
               " SELECT 1, 'x', 500, 1, max(at_ms) + 60000, 'test', 1 FROM event;"
               "UPDATE contact SET resync_until_ms = (SELECT max(at_ms) + 60000 FROM event)");
        CU_ASSERT(dm_fixture_int(l, "SELECT next_kpi_ms FROM device") > l->world.now_ms);
        CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
        dm_fixture_operation(l, "IMEI:001", "corp", "lock", "");
        p->vanish = 1;
        fixture_device_call(p, 1201, "A1");
        CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 1);
        if (restarted) dm_fixture_crash(l);
        dm_fixture_wait(l, -86400000);
        CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
        CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), restarted ? 0 : 1);
        dm_fixture_wait(l, 125000);
        CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
        CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 0);
        CU_ASSERT(dm_fixture_int(l, "SELECT next_kpi_ms FROM device") <= l->world.now_ms);
        CU_ASSERT(dm_fixture_int(l, "SELECT next_ms FROM notification WHERE session_no = 4711") <= l->world.now_ms);
        CU_ASSERT(dm_fixture_int(l, "SELECT retry_ms FROM failure WHERE key = 'x'") <= l->world.now_ms);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM contact WHERE resync_until_ms IS NULL"), 1);
        CU_ASSERT(fixture_device_settle(p, 20) < 20);
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'lock'"), "verified");
        end(p, l);
    }
}

/* ---- the server dies ---- */

static int crash_at;

static void crash_in_mid_session(struct fixture_device *p, int n)
{
    if (n != crash_at) return;
    crash_at = 0;
    dm_fixture_crash(p->lab);
}

static void the_server_may_die_after_any_commit(void)
{
    for (int n = 1; n <= 10; n++)
        for (int session = 1; session <= 3; session++) {
            struct dm_fixture *l = dm_fixture_begin();
            struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
            dm_fixture_image(l, "base", "1.0");
            dm_fixture_policy(l, policy);
            for (int i = 1; i < session; i++) {
                fixture_device_call(p, 1201, "1");
                fixture_device_tick(p);
                dm_fixture_wait(l, 6000);
            }
            crash_at = n;
            p->before_answer = crash_in_mid_session; /* committed, and the answer may still arrive */
            p->lose_answer = n % 2 ? n : 0;
            fixture_device_call(p, 1201, "2");
            p->before_answer = NULL;
            CU_ASSERT(fixture_device_settle(p, 30) < 30);
            CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
            CU_ASSERT_EQUAL(
                dm_fixture_int(l, "SELECT count(*) FROM operation WHERE state NOT IN ('verified', 'superseded')"), 0);
            end(p, l);
        }
}

static void what_was_not_committed_was_not_said(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    struct exchange_reply rp = { 0 };
    struct err e = { 0 };
    int64_t open = dm_fixture_operation(l, "IMEI:001", "corp", "lock", "");
    /* The transaction disappears under the turn, as with a full disk. */
    const struct str message = STR(
        "<SyncML "
        "xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>9</SessionID>"
        "<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>IMEI:001</LocURI></Source></SyncHdr>"
        "<SyncBody><Final/></SyncBody></SyncML>");
    const struct certificate shown = { .name = "IMEI:001", .n_name = 8 };
    const struct exchange_request rq = { .resp_base = STR("https://dm.example.net/dm"),
                                         .body = message,
                                         .certificate = &shown,
                                         .type = SML_XML,
                                         .answer = SML_XML };
    CU_ASSERT_EQUAL(exchange(l->dm, &l->world, &rq, &rp, &e), RC_OK);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 1);
    sql_rollback(store_sql(l->dm->st));
    l->dm->dirty = true;
    CU_ASSERT_NOT_EQUAL(dm_commit(l->dm, &e), RC_OK);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 0);
    exchange_overload(&rp, "its database cannot be written");
    CU_ASSERT_EQUAL(rp.status, 503);
    exchange_reply_finish(&rp);
    CU_ASSERT(open > 0);
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'lock'"), "verified");
    end(p, l);
}

/* ---- operations of people ---- */

static void a_lock_is_carried_out_once_and_verified(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    dm_fixture_operation(l, "IMEI:001", "corp", "lock", "msg=hello");
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'lock'"), "verified");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT lock_state FROM vm"), 10);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM operation_step JOIN operation USING (operation_id) WHERE kind = 'lock'"
                          " AND operation_step.state = 'sent'"),
        1);
    /* Steps have times and reasons, in order. */
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation_step WHERE reason = ''"), 0);
    CU_ASSERT(fixture_device_settle(p, 5) < 5);
    end(p, l);
}

static void the_answer_to_an_exec_may_be_lost(void)
{
    for (int n = 1; n <= 4; n++) {
        struct dm_fixture *l;
        struct fixture_device *p = running(&l);
        dm_fixture_operation(l, "IMEI:001", "corp", "lock", "");
        p->vanish = n; /* the phone got the Exec, or the server its Status, or not */
        fixture_device_call(p, 1201, "B1");
        fixture_device_tick(p);
        dm_fixture_wait(l, 7000);
        CU_ASSERT(fixture_device_settle(p, 20) < 20);
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'lock'"), "verified");
        CU_ASSERT(str_is(sim_value(p->sim, DDF_VM, "lockState", STR("corp")), "10"));
        end(p, l);
    }
}

static void the_end_of_an_operation_may_be_told_twice(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    dm_fixture_operation(l, "IMEI:001", "corp", "lock", "");
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    dm_fixture_operation(l, "IMEI:001", "corp", "unlock", "");
    fixture_device_call(p, 1201, "C1");
    fixture_device_tick(p);
    p->lose_answer = 1; /* taken, but the phone does not know and keeps its alert */
    fixture_device_call(p, 1201, "C2");
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'unlock'"), "verified");
    CU_ASSERT_EQUAL(
        dm_fixture_int(l,
                       "SELECT count(*) FROM operation_step JOIN operation USING (operation_id) WHERE kind = 'unlock'"
                       " AND operation_step.state = 'acknowledged'") <= 1,
        1);
    end(p, l);
}

static void forget(struct fixture_device *p, int n)
{
    (void)n;
    p->lab->world.now_ms += 5000; /* the device takes its time */
    CU_ASSERT_EQUAL(dm_expire(p->lab->dm, &p->lab->world, NULL), RC_OK);
}

static void a_session_goes_on_though_the_server_forgets_slow_devices(void)
{
    for (int i = 0; i < 2; i++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        p->sim->no_list = i;
        p->before_answer = forget;
        dm_fixture_image(l, "base", "1.0");
        dm_fixture_policy(l, policy);
        CU_ASSERT(fixture_device_settle(p, 20) < 20);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
        sim_set(p->sim, DDF_VM, "resources.cpu.vcpus", STR("corp"), "1"); /* drift: everything is read again, once */
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        CU_ASSERT(p->posts < 8);
        dm_fixture_wait(l, 3700000);
        CU_ASSERT(fixture_device_call(p, 1201, "2")); /* KPIs: read once, too */
        CU_ASSERT_EQUAL(p->posts, 2);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM failure WHERE key NOT LIKE '%DevDetail%'"), 0);
        end(p, l);
    }
}

static void everything_goes_wrong_now_and_then(void)
{
    for (int round = 0; round < 25; round++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        uint64_t dice = (uint64_t)round * 2654435761u + 17;
        p->type = round % 2 ? SML_WBXML : SML_XML;
        p->sim->no_list = round % 5 == 1;
        p->sim->no_atomic = round % 7 == 2;
        p->no_token = round % 3 == 2;
        p->sim->ticks = 1 + round % 3;
        dm_fixture_image(l, "base", "1.0");
        dm_fixture_policy(l, policy);
        for (int i = 0; i < 40; i++) {
            char id[8];
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            unsigned r = (unsigned)(dice >> 33);
            snprintf(id, sizeof id, "%X", r % 0xFFF + 1);
            p->lose_answer = r % 7 == 0 ? (int)(r / 7 % 5) + 1 : 0;
            p->vanish = r % 11 == 0 ? (int)(r / 11 % 5) + 1 : 0;
            p->repeat = r % 5 == 0 ? (int)(r / 5 % 4) + 1 : 0;
            crash_at = r % 13 == 0 ? (int)(r / 13 % 4) + 1 : 0;
            p->before_answer = crash_in_mid_session;
            if (i % 8 == 3) dm_fixture_operation(l, "IMEI:001", "corp", i % 16 == 3 ? "lock" : "unlock", "");
            fixture_device_call(p, 1201, id);
            if (r % 2) fixture_device_tick(p);
            dm_fixture_wait(l, (int64_t)(r % 20000));
        }
        p->before_answer = NULL;
        dm_fixture_operation(l, "IMEI:001", "corp", "unlock", "");
        unsigned n = fixture_device_settle(p, 60);
        CU_ASSERT(n < 60);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm WHERE vm = 'corp'"),
                        str_is(sim_value(p->sim, DDF_VM, "state", STR("corp")), "50") ? 50 : 60);
        CU_ASSERT_EQUAL(
            dm_fixture_int(
                l, "SELECT count(*) FROM operation WHERE state IN ('queued', 'sent', 'accepted', 'acknowledged')"),
            0);
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT summary FROM device"), "settled");
        if (p->sim->twice || n >= 60 || strcmp(dm_fixture_text(l, "SELECT summary FROM device"), "settled"))
            printf("round %d: settled after %u, twice %u, %s\n", round, n, p->sim->twice,
                   dm_fixture_text(l, "SELECT summary || ': ' || summary_why FROM device"));
        end(p, l);
    }
}

static int64_t told(struct dm_fixture *l)
{
    return dm_fixture_int(l, "SELECT count(*) FROM event WHERE data ->> '$.alert' = 'org.example.bell'");
}

static void ring(struct fixture_device *p, const char *data)
{
    fixture_device_alert(p, "./Other", "org.example.bell", data, "");
}

/* Committed, and then the answer is lost, be it that the server dies or the line: the device keeps its alerts and tells
 * them again, in another session under other numbers. */
static void alerts_told_again_are_booked_once(void)
{
    static const struct {
        bool crash, extra;
    } row[] = { { false, false }, { true, false }, { true, true } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct dm_fixture *l;
        struct fixture_device *p = running(&l);
        ring(p, "one");
        ring(p, "one"); /* two alerts that say the same are two */
        ring(p, "two");
        p->lose_answer = 1;
        fixture_device_call(p, 1201, "E1");
        CU_ASSERT_EQUAL(told(l), 3);
        if (row[i].crash) dm_fixture_crash(l);
        if (row[i].extra) ring(p, "three");
        p->lose_answer = 2; /* once more, after the challenge that the old nonce earns */
        fixture_device_call(p, 1201, "E2");
        CU_ASSERT_EQUAL(told(l), 3 + row[i].extra);
        if (row[i].crash) dm_fixture_crash(l);
        dm_fixture_wait(l, 3600000);
        fixture_device_call(p, 1201, "E3");
        CU_ASSERT_EQUAL(told(l), 3 + row[i].extra);
        CU_ASSERT(fixture_device_settle(p, 20) < 20);
        end(p, l);
    }
}

/* What the device knows to be told is over: the same again is something new. */
static void the_same_alert_may_happen_again(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    for (int i = 1; i <= 3; i++) {
        ring(p, "one");
        CU_ASSERT(fixture_device_call(p, 1201, "F1"));
        CU_ASSERT_EQUAL(told(l), i);
        dm_fixture_crash(l);
    }
    /* Its answer was lost, but it did not tell it again in the session after: it has given it up. */
    ring(p, "two");
    p->lose_answer = 1;
    fixture_device_call(p, 1201, "F2");
    CU_ASSERT_EQUAL(told(l), 4);
    for (size_t i = 0; i < DM_FIXTURE_ALERTS; i++) p->alert[i].used = false;
    CU_ASSERT(fixture_device_call(p, 1201, "F3"));
    ring(p, "two");
    CU_ASSERT(fixture_device_call(p, 1201, "F4"));
    CU_ASSERT_EQUAL(told(l), 5);
    /* It was long ago. */
    ring(p, "three");
    p->lose_answer = 1;
    fixture_device_call(p, 1201, "F5");
    dm_fixture_wait(l, 25LL * 3600 * 1000);
    fixture_device_call(p, 1201, "F6");
    CU_ASSERT_EQUAL(told(l), 7);
    end(p, l);
}

TEST_MAIN("server.trouble", TEST_OF("S-010", a_repeated_message_gets_the_same_octets_and_acts_once),
          TEST(the_answer_to_the_only_message_may_be_lost), TEST_OF("S-503", a_device_may_vanish_after_any_answer),
          TEST_OF("S-503", an_idle_session_ends), TEST(a_clock_that_is_set_back_holds_up_nothing),
          TEST(the_server_may_die_after_any_commit), TEST(what_was_not_committed_was_not_said),
          TEST(a_lock_is_carried_out_once_and_verified), TEST(the_answer_to_an_exec_may_be_lost),
          TEST(the_end_of_an_operation_may_be_told_twice), TEST(alerts_told_again_are_booked_once),
          TEST(the_same_alert_may_happen_again), TEST(a_session_goes_on_though_the_server_forgets_slow_devices),
          TEST(everything_goes_wrong_now_and_then))
