/* SPDX-License-Identifier: Apache-2.0 */
/* The flight recorder: what is recorded, that it can be replayed, and that no secret is in it. */
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"
#include "base/text.h"
#include "server/decide/decide_replay.h"
#include "syncml/record/replay.h"
#include <string.h>

static struct fixture_device *begin(struct dm_fixture **l)
{
    *l = dm_fixture_begin();
    dm_fixture_image(*l, "base", "1.0");
    dm_fixture_policy(*l, "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: work}\nspec:\n  selector: 'true'\n"
                          "  vm: {id: corp, state: running, image: 'base:1.0', resources: {cpu: {vcpus: 1}}}\n");
    (*l)->config.recorder_failures = true;
    return fixture_device_begin(*l, "IMEI:001");
}

static void end(struct fixture_device *p, struct dm_fixture *l)
{
    fixture_device_end(p);
    dm_fixture_end(l);
}

/* The newest one. */
static void last(struct dm_fixture *l, struct buf *out)
{
    struct sql_rows *r = NULL;
    buf_init(out, 0);
    enum rc rc = sql_start_text(l->db, STR("SELECT data FROM recording ORDER BY session_row DESC LIMIT 1"), NULL, 0, &r,
                                NULL);
    if (!rc && sql_step(r, NULL) == RC_OK) buf_put(out, sql_text(r, 0));
    sql_end(r);
}

/* Where `what` begins in `s`; s.n when it does not. */
static size_t find(struct str s, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, what, n) == 0) return i;
    return s.n;
}

/* The server's decisions come out as they were, without its database. */
static void decide_again(struct dm_fixture *l, struct str text)
{
    const struct decide_objects objects = { .schema = l->srv.schema,
                                            .layouts = l->srv.layouts,
                                            .n_layouts = l->srv.n_layouts };
    struct sml_replay out = { 0 };
    struct err e = { 0 };
    struct buf story;
    buf_init(&story, 0);
    CU_ASSERT_EQUAL(decide_replay(text, "recording", &objects, &story, &out, &e), RC_OK);
    CU_ASSERT(out.same);
    CU_ASSERT(find(buf_str(&story), "=== decided 1: ") < story.n);
    if (e.text[0] || !out.same) printf("%s\n%s\n%s\n", buf_z(&story), e.text, buf_z(&out.difference));
    buf_finish(&out.difference);
    buf_finish(&story);
}

static void replay(struct dm_fixture *l)
{
    struct sml_replay out = { 0 };
    struct err e = { 0 };
    struct buf text;
    last(l, &text);
    CU_ASSERT_FATAL(text.n > 0);
    CU_ASSERT_EQUAL(sml_replay(buf_str(&text), "recording", NULL, false, NULL, &out, &e), RC_OK);
    CU_ASSERT(out.same);
    CU_ASSERT_EQUAL(
        out.messages,
        dm_fixture_int(
            l, "SELECT messages FROM session JOIN recording USING (session_row) ORDER BY session_row DESC LIMIT 1"));
    if (e.text[0] || !out.same) printf("%s\n%s\n", e.text, buf_z(&out.difference));
    buf_finish(&out.difference);
    decide_again(l, buf_str(&text));
    buf_finish(&text);
}

static void nothing_is_recorded_of_a_session_that_went_well(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
    CU_ASSERT_EQUAL(l->dm->recorder.memory_bytes, 0);
    end(p, l);
}

static void a_device_that_is_switched_on_has_every_session_recorded(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    dm_fixture_sql(l, "UPDATE device SET record = 1");
    CU_ASSERT(fixture_device_call(p, 1201, "A1"));
    CU_ASSERT_EQUAL(
        dm_fixture_int(
            l,
            "SELECT count(*) FROM recording WHERE why = 'device' AND cut = 0 AND bytes = length(CAST(data AS BLOB))"),
        1);
    replay(l);
    struct buf text;
    last(l, &text);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&text), "\"reasons\":\"#"));
    buf_finish(&text);
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    /* Also one in which nothing happens, which has no row of its own otherwise. */
    int64_t before = dm_fixture_int(l, "SELECT count(*) FROM recording"),
            quiet = dm_fixture_int(l, "SELECT quiet FROM contact");
    CU_ASSERT(fixture_device_call(p, 1201, "A9"));
    CU_ASSERT_EQUAL(p->posts, 1);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT quiet FROM contact"), quiet + 1);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), before + 1);
    replay(l);
    CU_ASSERT_EQUAL(l->dm->recorder.memory_bytes, 0);
    end(p, l);
}

static void a_session_that_is_lost_is_recorded(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    p->vanish = 2;
    fixture_device_call(p, 1201, "A1");
    dm_fixture_wait(l, (int64_t)(l->config.dm_session_timeout_s + 2) * 1000);
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM recording JOIN session USING (session_row) WHERE outcome = 'lost'"), 1);
    replay(l);
    /* Switched off for the device: not even then. */
    dm_fixture_sql(l, "UPDATE device SET record = 0; DELETE FROM recording");
    p->vanish = 2;
    fixture_device_call(p, 1201, "A2");
    dm_fixture_wait(l, (int64_t)(l->config.dm_session_timeout_s + 2) * 1000);
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
    end(p, l);
}

static void who_proved_nothing_is_not_recorded(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    snprintf(p->client_ha1, sizeof p->client_ha1, "%s", "bm90IHRoZSByaWdodCBvbmUh");
    CU_ASSERT_FALSE(fixture_device_call(p, 1201, "A1"));
    dm_fixture_wait(l, (int64_t)(l->config.dm_session_timeout_s + 2) * 1000);
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session WHERE outcome = 'refused'"), 1);
    end(p, l);
}

/* @return messages looked at */
static unsigned newest_has_no_secret(struct dm_fixture *l, const struct fixture_device *p)
{
    struct arena a;
    arena_init(&a, 64 << 20);
    struct buf text;
    last(l, &text);
    struct str all = buf_str(&text), line;
    const char *key[] = { "\"in\":\"", "\"out\":\"" };
    unsigned seen = 0;
    while (str_cut(&all, '\n', &line))
        for (int i = 0; i < 2; i++) {
            size_t at = find(line, key[i]);
            struct str raw = { 0 };
            struct sml_msg m;
            if (at >= line.n) continue;
            at += strlen(key[i]);
            CU_ASSERT_EQUAL(text_b64_decode(str_slice(line, at, str_find(line, '"', at)), &a, &raw), RC_OK);
            CU_ASSERT_EQUAL(sml_decode(p->type, raw, &a, &m, NULL), RC_OK);
            seen++;
            for (size_t k = 0; k < m.cred.data.n; k++) CU_ASSERT(m.cred.data.p[k] == 'A' || m.cred.data.p[k] == '=');
            for (const struct sml_cmd *c = m.cmds; c; c = c->next)
                for (size_t k = 0; k < c->chal.meta.next_nonce.n; k++)
                    CU_ASSERT(c->chal.meta.next_nonce.p[k] == 'A' || c->chal.meta.next_nonce.p[k] == '=');
            size_t s = find(m.resp_uri, "s=");
            if (m.resp_uri.n) CU_ASSERT(str_is(str_slice(m.resp_uri, s + 2, m.resp_uri.n), "AAAAAAAAAAAAAAAAAAAAAA"));
        }
    arena_finish(&a);
    buf_finish(&text);
    return seen;
}

static void no_secret_is_in_a_recording(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    dm_fixture_sql(l, "UPDATE device SET record = 1");
    p->talk = true;
    CU_ASSERT(fixture_device_call(p, 1201, "A1"));
    CU_ASSERT(newest_has_no_secret(l, p) >= 4);
    end(p, l);
}

/* Also not what the server knows of the device and decides on. */
static void no_secret_is_in_the_facts(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    struct buf text;
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    dm_fixture_sql(
        l, "UPDATE device SET record = 1;"
           "INSERT INTO path(path_id, uri) VALUES(900001, './Virtualization/Config/Password');"
           "INSERT INTO node(device_id, path_id, format, value, known, at_ms) SELECT device_id, 900001, 0, "
           "'correct horse', 0, 1 FROM device;"
           "INSERT INTO policy_set(device_id, path_id, value) SELECT device_id, 900001, 'battery staple' FROM device");
    dm_fixture_operation(l, p->name, "corp", "lock", "{}");
    CU_ASSERT(fixture_device_call(p, 1201, "A1"));
    replay(l);
    last(l, &text);
    CU_ASSERT(find(buf_str(&text), "./Virtualization/Config/Password") < text.n);
    CU_ASSERT_EQUAL(find(buf_str(&text), "correct horse"), text.n);
    CU_ASSERT_EQUAL(find(buf_str(&text), "battery staple"), text.n);
    buf_finish(&text);
    end(p, l);
}

/* What it replays is what the server decided, and not what the recording says it decided. */
static void another_decision_is_a_difference(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    const struct decide_objects objects = { .schema = l->srv.schema,
                                            .layouts = l->srv.layouts,
                                            .n_layouts = l->srv.n_layouts };
    struct sml_replay out = { 0 };
    struct buf text;
    dm_fixture_sql(l, "UPDATE device SET record = 1");
    CU_ASSERT(fixture_device_call(p, 1201, "A1"));
    last(l, &text);
    /* A fact that is another one: the policy wants other things. */
    size_t at = find(buf_str(&text), "vcpus: 1");
    CU_ASSERT_FATAL(at < text.n);
    text.p[at + 7] = '2';
    CU_ASSERT_EQUAL(decide_replay(buf_str(&text), "recording", &objects, NULL, &out, NULL), RC_OK);
    CU_ASSERT_FALSE(out.same);
    CU_ASSERT(find(buf_str(&out.difference), "differs in line") < out.difference.n);
    buf_finish(&out.difference);
    buf_finish(&text);
    end(p, l);
}

static int fail_at;
static const char *trouble;

static void make_trouble(struct fixture_device *p, int n)
{
    if (n == fail_at) dm_fixture_sql(p->lab, trouble);
}

/* Our own fault: the database refuses something of what the n-th message brought. */
static void a_session_that_we_could_not_go_on_with_is_recorded(void)
{
    for (fail_at = 0; fail_at < 4; fail_at++) {
        struct dm_fixture *l;
        struct fixture_device *p = begin(&l);
        trouble =
            "CREATE TRIGGER full BEFORE UPDATE ON device BEGIN SELECT raise(ABORT, 'database or disk is full'); END;"
            "CREATE TRIGGER full_too BEFORE INSERT ON node BEGIN SELECT raise(ABORT, 'database or disk is full'); END;"
            "CREATE TRIGGER full_rows BEFORE INSERT ON session BEGIN SELECT raise(ABORT, 'database or disk is full'); END";
        p->before_answer = make_trouble;
        if (fail_at == 0) dm_fixture_sql(l, trouble);
        CU_ASSERT_FALSE(fixture_device_call(p, 1201, "A1"));
        CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 0);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
        /* The trouble lasts: what waits goes on waiting (a session that has its row needs no other). */
        if (!dm_fixture_int(l, "SELECT count(*) FROM session")) {
            CU_ASSERT_NOT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
            CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
        }
        dm_fixture_sql(l, "DROP TRIGGER full; DROP TRIGGER full_too; DROP TRIGGER full_rows");
        CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
        CU_ASSERT_EQUAL(dm_fixture_int(l,
                                       "SELECT count(*) FROM session JOIN recording USING (session_row)"
                                       " WHERE outcome = 'lost' AND session.why LIKE '%its database failed (%full%'"),
                        1);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session WHERE outcome = 'open'"), 0);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT messages FROM session"), fail_at + 1);
        replay(l);
        CU_ASSERT_EQUAL(newest_has_no_secret(l, p), 2 * (unsigned)fail_at + 2);
        CU_ASSERT_EQUAL(l->dm->recorder.memory_bytes, 0);
        /* Written once; and the device gets there in the end. */
        CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 1);
        p->before_answer = NULL;
        CU_ASSERT(fixture_device_settle(p, 20) < 20);
        end(p, l);
    }
}

/* Everything went well but the commit. What was in it is gone, the session's row too. */
static void a_session_whose_turn_was_not_kept_is_recorded(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    p->vanish = 2;
    p->lose_commit = 2;
    fixture_device_call(p, 1201, "A1");
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session JOIN recording USING (session_row)"
                                      " WHERE outcome = 'lost' AND session.why LIKE '%its database failed (%'"),
                    1);
    replay(l);
    CU_ASSERT_EQUAL(newest_has_no_secret(l, p), 4);
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    end(p, l);
}

/* A server that can write nothing does not hold the failures of the whole fleet. */
static void few_failures_wait(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    dm_fixture_sql(
        l, "CREATE TRIGGER full BEFORE UPDATE ON device BEGIN SELECT raise(ABORT, 'database or disk is full'); END");
    for (int i = 0; i < 2 * 32; i++) CU_ASSERT_FALSE(fixture_device_call(p, 1201, "A1"));
    CU_ASSERT_EQUAL(l->dm->n_failed, 32);
    dm_fixture_sql(l, "DROP TRIGGER full");
    CU_ASSERT_EQUAL(dm_expire(l->dm, &l->world, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 32);
    CU_ASSERT_EQUAL(l->dm->n_failed, 0);
    end(p, l);
}

static void recordings_have_bounds(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    dm_fixture_sql(l, "UPDATE device SET record = 1");
    l->config.recorder_max_bytes = 40 << 10;
    for (int i = 0; i < 60; i++) {
        char id[8];
        snprintf(id, sizeof id, "%X", i + 1);
        CU_ASSERT(fixture_device_call(p, 1201, id));
        fixture_device_tick(p);
        dm_fixture_wait(l, 1000);
    }
    CU_ASSERT(dm_fixture_int(l, "SELECT sum(bytes) FROM recording") <= 40 << 10);
    CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM recording") > 0);
    CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM session") > dm_fixture_int(l, "SELECT count(*) FROM recording"));
    /* A long session: its beginning is kept, and it still replays. */
    dm_fixture_sql(
        l,
        "DELETE FROM recording; UPDATE device SET mirror_read = 0, settled_token = NULL, observed_generation = 0; DELETE FROM node");
    l->config.recorder_max_bytes = 64 << 20;
    l->config.recorder_session_bytes = 6 << 10;
    CU_ASSERT(fixture_device_call(p, 1201, "77"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording WHERE cut = 1 AND bytes <= 6144"), 1);
    CU_ASSERT_EQUAL(l->dm->recorder.memory_bytes, 0);
    end(p, l);
}

static void one_session_in_n_and_whole_authorities(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = begin(&l);
    l->config.recorder_sample = 4;
    for (int i = 0; i < 80; i++) {
        char id[8];
        snprintf(id, sizeof id, "%X", i + 1);
        CU_ASSERT(fixture_device_call(p, 1201, id));
        fixture_device_tick(p);
    }
    int64_t n = dm_fixture_int(l, "SELECT count(*) FROM recording WHERE why = 'sample'");
    CU_ASSERT(n > 5 && n < 45);
    dm_fixture_sql(l, "DELETE FROM recording; UPDATE authority SET record = 0");
    l->config.recorder_sample = 1;
    CU_ASSERT(fixture_device_call(p, 1201, "F1"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording"), 0);
    dm_fixture_sql(l, "UPDATE authority SET record = 1");
    CU_ASSERT(fixture_device_call(p, 1201, "F2"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM recording WHERE why = 'authority'"), 1);
    end(p, l);
}

TEST_MAIN("server.recorder", TEST(nothing_is_recorded_of_a_session_that_went_well),
          TEST(a_device_that_is_switched_on_has_every_session_recorded), TEST(a_session_that_is_lost_is_recorded),
          TEST(who_proved_nothing_is_not_recorded), TEST(no_secret_is_in_a_recording), TEST(no_secret_is_in_the_facts),
          TEST(another_decision_is_a_difference), TEST(a_session_that_we_could_not_go_on_with_is_recorded),
          TEST(a_session_whose_turn_was_not_kept_is_recorded), TEST(few_failures_wait), TEST(recordings_have_bounds),
          TEST(one_session_in_n_and_whole_authorities))
