/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql/sql.h"
#include "server/http/certificate.h"
#include "server/dm/turn.h"
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <string.h>

/* What a statement of the worker's own connection gives: with all that is written in its transaction. */
static int64_t inside(struct dm_fixture *l, const char *text)
{
    struct sql_rows *r = NULL;
    int64_t n = -1;
    CU_ASSERT_EQUAL(sql_start_text(store_sql(l->dm->st), str_of(text), NULL, 0, &r, NULL), RC_OK);
    if (sql_step(r, NULL) == RC_OK) n = sql_int(r, 0);
    sql_end(r);
    return n;
}

struct peer {
    struct certificate shown;
    struct fixture_device *phone;
    char body[1200];
    struct exchange_request rq;
    struct exchange_reply rp;
};

/* A phone that shows a certificate, and its package 1 with DevInfo. */
static void meet(struct dm_fixture *l, struct peer *p, const char *name, const char *model)
{
    memset(p, 0, sizeof *p);
    p->phone = fixture_device_begin(l, name);
    p->shown.n_name = (size_t)snprintf(p->shown.name, sizeof p->shown.name, "%s", name);
    snprintf(
        p->body, sizeof p->body,
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>7</SessionID>"
        "<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr><SyncBody>"
        "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Replace><CmdID>2</CmdID>"
        "<Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>%s</Data></Item>"
        "<Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Acme</Data></Item>"
        "<Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>%s</Data></Item>"
        "<Item><Source><LocURI>./DevInfo/DmV</LocURI></Source><Data>1.0</Data></Item>"
        "<Item><Source><LocURI>./DevInfo/Lang</LocURI></Source><Data>en</Data></Item></Replace><Final/></SyncBody></SyncML>",
        name, name, model);
    p->rq = (struct exchange_request){ .resp_base = STR("https://dm.example.net/dm"),
                                       .body = str_of(p->body),
                                       .certificate = &p->shown,
                                       .type = SML_XML,
                                       .answer = SML_XML,
                                       .tls = true };
}

static void speak(struct dm_fixture *l, struct peer *p)
{
    CU_ASSERT_EQUAL(exchange(l->dm, &l->world, &p->rq, &p->rp, NULL), RC_OK);
    CU_ASSERT_EQUAL(p->rp.status, 200);
}

static void forget(struct peer *p)
{
    exchange_reply_finish(&p->rp);
    fixture_device_end(p->phone);
}

static void nothing_is_written_before_the_end_of_the_turn(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct peer one, two;
    meet(l, &one, "IMEI:001", "One");
    meet(l, &two, "IMEI:002", "Two");
    speak(l, &one);
    speak(l, &two);
    CU_ASSERT_EQUAL(inside(l, "SELECT count(*) FROM node"), 0);
    CU_ASSERT_EQUAL(inside(l, "SELECT count(*) FROM session"), 0);
    CU_ASSERT_EQUAL(inside(l, "SELECT count(*) FROM event"), 0);
    CU_ASSERT_EQUAL(inside(l, "SELECT count(*) FROM attribute_row"), 0);
    CU_ASSERT_EQUAL(dm_commit(l->dm, NULL), RC_OK);
    CU_ASSERT(dm_kept(l->dm, &one.rp) && dm_kept(l->dm, &two.rp));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(DISTINCT device_id) FROM node"), 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session WHERE outcome = 'open'"), 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(DISTINCT session_row) FROM session"), 2);
    forget(&one);
    forget(&two);
    dm_fixture_end(l);
}

/* Something in the database stands against what the second of three brought. */
static void who_cannot_be_kept_takes_nothing_of_the_others_with_him(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct peer one, two, three;
    dm_fixture_sql(l, "CREATE TRIGGER no BEFORE INSERT ON attribute_row WHEN NEW.value = 'Two' BEGIN"
                      " SELECT RAISE(ABORT, 'not this one'); END");
    meet(l, &one, "IMEI:001", "One");
    meet(l, &two, "IMEI:002", "Two");
    meet(l, &three, "IMEI:003", "Three");
    speak(l, &one);
    speak(l, &two);
    speak(l, &three);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 3);
    CU_ASSERT_EQUAL(dm_commit(l->dm, NULL), RC_OK);
    CU_ASSERT_TRUE(dm_kept(l->dm, &one.rp));
    CU_ASSERT_FALSE(dm_kept(l->dm, &two.rp));
    CU_ASSERT_TRUE(dm_kept(l->dm, &three.rp));
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM attribute_row WHERE name = 'devinfo.mod'"), 2);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM node n JOIN device d USING (device_id) WHERE d.name = 'IMEI:002'"), 0);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM session s JOIN device d USING (device_id) WHERE d.name = 'IMEI:002'"),
        0);
    CU_ASSERT(
        dm_fixture_int(l, "SELECT count(*) FROM node n JOIN device d USING (device_id) WHERE d.name = 'IMEI:003'") > 3);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM node n LEFT JOIN path p USING (path_id) WHERE p.uri IS NULL"), 0);
    /* He comes again when nothing stands against him any more. */
    dm_fixture_sql(l, "DROP TRIGGER no");
    exchange_reply_finish(&two.rp);
    CU_ASSERT_EQUAL(exchange(l->dm, &l->world, &two.rq, &two.rp, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_commit(l->dm, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM attribute_row WHERE value = 'Two'"), 1);
    forget(&one);
    forget(&two);
    forget(&three);
    dm_fixture_end(l);
}

/* A device that begins two sessions in one turn: the second one knows what the first has brought. */
static void two_messages_of_a_device_follow_each_other(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct peer one;
    struct exchange_reply second = { 0 };
    char again[sizeof one.body];
    meet(l, &one, "IMEI:001", "One");
    speak(l, &one);
    char *at = NULL;
    memcpy(again, one.body, sizeof again);
    if ((at = strstr(again, "<SessionID>7"))) at[11] = '8';
    if ((at = strstr(again, "<Data>One"))) memcpy(at + 6, "Two", 3);
    one.rq.body = str_of(again);
    CU_ASSERT_EQUAL(exchange(l->dm, &l->world, &one.rq, &second, NULL), RC_OK);
    CU_ASSERT_EQUAL(second.status, 200);
    CU_ASSERT_EQUAL(dm_commit(l->dm, NULL), RC_OK);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT value FROM attribute_row WHERE name = 'devinfo.mod'"), "Two");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM attribute_row WHERE name LIKE 'devinfo.%'"), 5);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session"), 2);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT outcome FROM session ORDER BY session_row"), "lost");
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 1);
    exchange_reply_finish(&second);
    forget(&one);
    dm_fixture_end(l);
}

TEST_MAIN("server.turn", TEST(nothing_is_written_before_the_end_of_the_turn),
          TEST(who_cannot_be_kept_takes_nothing_of_the_others_with_him),
          TEST(two_messages_of_a_device_follow_each_other))
