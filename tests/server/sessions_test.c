/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "server/dm/sessions.h"
#include <string.h>

static struct {
    int n;
    const char *why;
    char name[32];
} gone;

static void left(void *ctx, struct session *s, const char *why)
{
    (void)ctx;
    gone.n++;
    gone.why = why;
    memcpy(gone.name, s->name.p, s->name.n);
    gone.name[s->name.n] = '\0';
}

static const struct sessions_config config = { .max = 4, .idle_ms = 1000, .lifetime_ms = 10000 };
static uint64_t seed;

static struct sessions *begin(struct world *w)
{
    seed = 1;
    gone.n = 0;
    *w = world_fixed(1000000, &seed);
    struct sessions *ss = sessions_create(&config, left, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ss);
    return ss;
}

static struct session_key key(const char *name, const char *id, const char *token, uint64_t hash)
{
    return (struct session_key){ 1, str_of(name), str_of(id), str_of(token), hash, 100 };
}

static struct session *open_one(struct sessions *ss, const struct world *w, const char *name, const char *id)
{
    struct session *s = NULL;
    struct session_key k = key(name, id, "", 1);
    CU_ASSERT_EQUAL(sessions_open(ss, &k, w, &s, NULL), RC_OK);
    return s;
}

static struct session *of_token(struct sessions *ss, struct session_key k)
{
    return sessions_of_token(ss, &k);
}

static struct session *of_device(struct sessions *ss, struct session_key k)
{
    return sessions_of_device(ss, &k);
}

static struct session *repeated(struct sessions *ss, struct session_key k)
{
    return sessions_repeated(ss, &k);
}

static void answered(struct session *s, uint64_t hash)
{
    buf_reset(&s->last);
    buf_putz(&s->last, "reply");
    s->last_hash = hash;
    s->last_bytes = 100;
}

static void found_by_token_or_by_device_and_session_id(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    struct session *a = open_one(ss, &w, "A", "1"), *b = open_one(ss, &w, "B", "1");
    CU_ASSERT_EQUAL(strlen(a->token), SESSION_TOKEN);
    CU_ASSERT_STRING_NOT_EQUAL(a->token, b->token);
    CU_ASSERT_PTR_EQUAL(of_token(ss, key("A", "1", a->token, 7)), a);
    CU_ASSERT_PTR_EQUAL(of_device(ss, key("A", "1", "", 7)), a); /* a client that ignores RespURI */
    CU_ASSERT_PTR_EQUAL(of_device(ss, key("B", "1", "", 7)), b);
    CU_ASSERT_PTR_NULL(of_device(ss, key("A", "2", "", 7)));
    CU_ASSERT_PTR_NULL(of_device(ss, key("C", "1", "", 7)));
    /* A token is worth nothing to another device, another session, another authority; and no token is none. */
    CU_ASSERT_PTR_NULL(of_token(ss, key("B", "1", a->token, 7)));
    CU_ASSERT_PTR_NULL(of_token(ss, key("A", "9", a->token, 7)));
    CU_ASSERT_PTR_NULL(of_token(ss, key("A", "1", "", 7)));
    CU_ASSERT_PTR_NULL(of_token(ss, key("A", "1", "guess", 7)));
    struct session_key other = key("A", "1", a->token, 7);
    other.authority = 2;
    CU_ASSERT_PTR_NULL(sessions_of_token(ss, &other));
    CU_ASSERT_PTR_NULL(sessions_of_device(ss, &other));
    sessions_destroy(ss);
    CU_ASSERT_EQUAL(gone.n, 2);
}

static void a_repeated_message_is_known_even_after_the_end(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    struct session *a = open_one(ss, &w, "A", "1");
    struct session_key same = key("A", "1", "", 5), next = key("A", "1", "", 6);
    answered(a, 5);
    a->alone = true;
    CU_ASSERT_PTR_EQUAL(repeated(ss, same), a);
    CU_ASSERT_PTR_NULL(repeated(ss, next));
    CU_ASSERT(sessions_repeats(a, &same));
    CU_ASSERT_FALSE(sessions_repeats(a, &next));
    a->alone = false; /* it came with the token: without it its octets are worth nothing */
    CU_ASSERT_PTR_NULL(repeated(ss, same));
    a->alone = true;
    sessions_end(ss, a);
    CU_ASSERT_EQUAL(sessions_count(ss), 0);
    CU_ASSERT_PTR_EQUAL(repeated(ss, same), a);
    CU_ASSERT_PTR_EQUAL(of_token(ss, key("A", "1", a->token, 6)), a);
    CU_ASSERT(a->ended);
    CU_ASSERT_PTR_NULL(of_device(ss, key("A", "1", "", 6))); /* over is over */
    sessions_expire(ss, w.now_ms + 1001);
    CU_ASSERT_PTR_NULL(repeated(ss, same));
    CU_ASSERT_EQUAL(gone.n, 0);
    sessions_destroy(ss);
}

static void another_session_of_a_device_ends_its_others(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    struct session *old = open_one(ss, &w, "A", "1"), *b = open_one(ss, &w, "B", "1"),
                   *fresh = open_one(ss, &w, "A", "2");
    struct session_key k = key("A", "1", old->token, 7);
    CU_ASSERT_EQUAL(sessions_count(ss), 3);
    answered(old, 5);
    sessions_claim(ss, fresh);
    CU_ASSERT_EQUAL(sessions_count(ss), 2);
    CU_ASSERT_STRING_EQUAL(gone.name, "A");
    CU_ASSERT_PTR_NULL(of_device(ss, key("A", "1", "", 7)));
    CU_ASSERT_PTR_EQUAL(of_device(ss, key("B", "1", "", 7)), b);
    CU_ASSERT_PTR_EQUAL(of_device(ss, key("A", "2", "", 7)), fresh);
    /* It answers nothing any more, but its token is known: who goes on with it is somebody else. */
    CU_ASSERT_PTR_EQUAL(sessions_of_token(ss, &k), old);
    CU_ASSERT(old->ended && old->superseded);
    k.hash = 5;
    CU_ASSERT_FALSE(sessions_repeats(old, &k));
    CU_ASSERT_PTR_EQUAL(sessions_contest(ss, &k, w.now_ms), fresh);
    CU_ASSERT_EQUAL(fresh->contested, 1);
    sessions_destroy(ss);
}

static void contests_add_up_over_sessions_and_are_forgotten(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    struct session *one = open_one(ss, &w, "A", "1"), *other;
    for (unsigned i = 1; i <= 20; i++) { /* far more than what is remembered of it */
        other = open_one(ss, &w, "A", "1");
        sessions_claim(ss, other);
        struct session_key k = key("A", "1", one->token, i);
        CU_ASSERT(one->superseded);
        CU_ASSERT_PTR_EQUAL(sessions_contest(ss, &k, w.now_ms), other);
        CU_ASSERT_EQUAL(other->contested, i);
        one = other;
    }
    /* A session that ends by itself hands it on, too; after a while it begins anew. */
    sessions_end(ss, one);
    other = open_one(ss, &w, "A", "2");
    sessions_claim(ss, other);
    CU_ASSERT_EQUAL(other->contested, 20);
    struct session_key k = key("A", "2", "", 1);
    sessions_contest(ss, &k, w.now_ms + SESSIONS_CONTESTED_MS + 1);
    CU_ASSERT_EQUAL(other->contested, 1);
    sessions_destroy(ss);
}

static void bounded_in_number(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    struct session *s = NULL;
    struct err e = { 0 };
    const char *names[] = { "A", "B", "C", "D" };
    for (int i = 0; i < 4; i++) open_one(ss, &w, names[i], "1");
    struct session_key k = key("E", "1", "", 1);
    CU_ASSERT_EQUAL(sessions_open(ss, &k, &w, &s, &e), RC_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "(4)"));
    w.now_ms += 6000;
    CU_ASSERT_EQUAL(sessions_open(ss, &k, &w, &s, NULL), RC_BUSY); /* all have proved themselves: none makes room */
    CU_ASSERT_EQUAL(gone.n, 0);
    sessions_expire(ss, w.now_ms);
    CU_ASSERT_EQUAL(gone.n, 4);
    CU_ASSERT_EQUAL(sessions_open(ss, &k, &w, &s, NULL), RC_OK);
    char longname[SESSION_NAME_BYTES + 2];
    memset(longname, 'x', sizeof longname);
    k.name = (struct str){ longname, sizeof longname };
    CU_ASSERT_EQUAL(sessions_open(ss, &k, &w, &s, NULL), RC_LIMIT);
    CU_ASSERT_EQUAL(sessions_key_check(&k, NULL), RC_LIMIT);
    sessions_destroy(ss);
}

static void ended_ones_are_bounded_in_number_and_bytes(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    for (int i = 0; i < SESSIONS_ENDED * 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "N%d", i);
        struct session *s = open_one(ss, &w, name, "1");
        answered(s, 1);
        sessions_end(ss, s);
    }
    size_t many = sessions_bytes(ss);
    for (int i = 0; i < 100; i++) {
        struct session *s = open_one(ss, &w, "big", "1");
        CU_ASSERT_PTR_NOT_NULL(buf_room(&s->last, 100000));
        sessions_end(ss, s);
    }
    CU_ASSERT(sessions_bytes(ss) < many + SESSIONS_ENDED_BYTES + 200000);
    CU_ASSERT_EQUAL(sessions_count(ss), 0);
    sessions_destroy(ss);
}

static void an_open_session_is_small(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    const struct sml_server_config c = { .server_id = STR("s"),
                                         .url = STR("https://dm.example.net/dm"),
                                         .max_messages = 10 };
    size_t empty = sessions_bytes(ss);
    struct session *s = open_one(ss, &w, "IMEI:001010000000017", "1");
    s->sml = sml_server_create(&c, s->id, s->name, STR("https://dm.example.net/dm"), str_of(s->token));
    CU_ASSERT(sessions_bytes(ss) - empty < 2048);
    sessions_destroy(ss);
}

static void a_turn_that_was_not_kept_is_forgotten(void)
{
    struct world w;
    struct sessions *ss = begin(&w);
    struct session *a = open_one(ss, &w, "A", "1"), *b = open_one(ss, &w, "B", "1");
    a->turn = 1;
    b->turn = 2;
    sessions_touch(ss, b, w.now_ms);
    for (struct session *s; (s = sessions_of_turn(ss, 2)) != NULL;) sessions_drop(ss, s);
    CU_ASSERT_EQUAL(sessions_count(ss), 1);
    CU_ASSERT_EQUAL(gone.n, 0);
    sessions_destroy(ss);
    CU_ASSERT_STRING_EQUAL(gone.name, "A");
}

TEST_MAIN("server.sessions", TEST_OF("S-009", found_by_token_or_by_device_and_session_id),
          TEST_OF("S-010", a_repeated_message_is_known_even_after_the_end),
          TEST_OF("S-503", another_session_of_a_device_ends_its_others), TEST_OF("S-506", bounded_in_number),
          TEST(contests_add_up_over_sessions_and_are_forgotten), TEST(ended_ones_are_bounded_in_number_and_bytes),
          TEST(an_open_session_is_small), TEST(a_turn_that_was_not_kept_is_forgotten))
