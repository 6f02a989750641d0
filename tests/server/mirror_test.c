/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "server/store/apply.h"
#include "server/decide/mirror.h"
#include "tests/policy/world.h"
#include <string.h>

static struct arena arena;

static struct sql *database(void)
{
    struct sql *db = NULL;
    struct err e = { 0 };
    char dir[512];
    const char *root = getenv("DMVISOR_SOURCE");
    snprintf(dir, sizeof dir, "%s/db/schema", root ? root : ".");
    const struct sql_options o = { .schema_dir = dir };
    if (sql_open("sqlite::memory:", &o, &db, &e)) printf("%s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(db);
    CU_ASSERT_EQUAL(
        sql_exec(
            db,
            "INSERT INTO authority (name, server_id, created_ms) VALUES ('a', 's', 1); INSERT INTO device (authority_id, name, created_ms)"
            " VALUES (1, 'd', 1)",
            NULL),
        RC_OK);
    return db;
}

static struct mirror begin(void)
{
    struct mirror m;
    arena_init(&arena, 64 << 20);
    mirror_init(&m, &arena);
    return m;
}

static enum rc write_back(struct mirror *m, struct sql *db, struct paths *p)
{
    struct dm_changes c;
    struct arena a;
    arena_init(&a, 64 << 20);
    dm_changes_init(&c, &a, 1, 1);
    mirror_changes(m, &c);
    CU_ASSERT_FALSE(c.nomem);
    enum rc rc = store_apply_nodes(db, p, &c, NULL);
    arena_finish(&a);
    return rc;
}

static size_t alive(const struct mirror *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) n += !m->nodes[i].gone;
    return n;
}

static void what_is_written_is_loaded_again(void)
{
    struct sql *db = database();
    struct paths *p = uri_table_create(db);
    struct mirror m = begin();
    struct pol_mirror_node *nodes;
    size_t n;
    mirror_put(&m, STR("./B"), DDF_NODE, STR("x/y"), POL_REPORTED, 10);
    mirror_put(&m, STR("./B/x"), DDF_INT, STR("7"), POL_ACKNOWLEDGED, 11);
    mirror_put(&m, STR("./A"), DDF_CHR, STR(""), POL_STALE, 12);
    CU_ASSERT_EQUAL(write_back(&m, db, p), RC_OK);
    arena_finish(&arena);
    for (int cold = 0; cold < 2; cold++) { /* with the dictionary warm and cold */
        if (cold) uri_table_forget(p);
        m = begin();
        CU_ASSERT_EQUAL(store_load_mirror(&m, db, p, 1, NULL), RC_OK);
        CU_ASSERT_EQUAL(mirror_nodes(&m, &arena, &nodes, &n, NULL), RC_OK);
        CU_ASSERT_EQUAL_FATAL(n, 3);
        CU_ASSERT(str_is(nodes[0].uri, "./A") && nodes[0].known == POL_STALE && nodes[0].at_ms == 12);
        CU_ASSERT(str_is(nodes[1].uri, "./B") && str_is(nodes[1].value, "x/y") && str_is(nodes[1].format, "node"));
        CU_ASSERT(str_is(nodes[2].uri, "./B/x") && str_is(nodes[2].value, "7") && nodes[2].known == POL_ACKNOWLEDGED);
        CU_ASSERT_FALSE(m.changed);
        arena_finish(&arena);
    }
    m = begin();
    CU_ASSERT_EQUAL(store_load_mirror(&m, db, p, 1, NULL), RC_OK);
    mirror_drop(&m, STR("./B"));
    mirror_put(&m, STR("./B/x"), DDF_INT, STR("8"), POL_REPORTED, 20); /* gone, and there again */
    CU_ASSERT_EQUAL(write_back(&m, db, p), RC_OK);
    arena_finish(&arena);
    m = begin();
    CU_ASSERT_EQUAL(store_load_mirror(&m, db, p, 1, NULL), RC_OK);
    CU_ASSERT_EQUAL(m.n, 2);
    CU_ASSERT_PTR_NULL(mirror_at(&m, STR("./B")));
    CU_ASSERT(str_is(mirror_at(&m, STR("./B/x"))->value, "8"));
    arena_finish(&arena);
    uri_table_destroy(p);
    sql_close(db);
}

static void subtrees_go_and_grow_stale_whole(void)
{
    struct mirror m = begin();
    mirror_put(&m, STR("./V/corp"), DDF_NODE, STR(""), POL_REPORTED, 1);
    mirror_put(&m, STR("./V/corp/State"), DDF_INT, STR("50"), POL_REPORTED, 1);
    mirror_put(&m, STR("./V/corp2/State"), DDF_INT, STR("30"), POL_REPORTED, 1);
    mirror_stale(&m, STR("./V/corp"), 1);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V/corp/State"))->known, POL_STALE);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V/corp2/State"))->known, POL_REPORTED);
    mirror_drop(&m, STR("./V/corp"));
    CU_ASSERT_EQUAL(alive(&m), 1);
    arena_finish(&arena);
}

/* One row says that a whole VM is stale, and one that it was read again. */
static void staleness_is_inherited_from_the_row_above(void)
{
    struct sql *db = database();
    struct paths *p = uri_table_create(db);
    struct mirror m = begin();
    struct sql_rows *r = NULL;
    const char *const names[] = { "./V", "./V/a", "./V/a/x", "./V/a/y", "./V/b", "./V/b/x" };
    for (size_t i = 0; i < 6; i++)
        mirror_put(&m, str_of(names[i]), names[i][str_of(names[i]).n - 1] > 'c' ? DDF_INT : DDF_NODE, STR(""),
                   POL_REPORTED, 10);
    CU_ASSERT_EQUAL(write_back(&m, db, p), RC_OK);
    mirror_next(&m);
    mirror_stale(&m, STR("./V/a"), 20);
    mirror_put(&m, STR("./V/a/y"), DDF_INT, STR(""), POL_REPORTED, 30); /* read again alone */
    CU_ASSERT_EQUAL(write_back(&m, db, p), RC_OK);
    CU_ASSERT_EQUAL(sql_start_text(db, STR("SELECT count(*) FROM node WHERE known = 2"), NULL, 0, &r, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_step(r, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_int(r, 0), 1);
    sql_end(r);
    arena_finish(&arena);
    m = begin();
    CU_ASSERT_EQUAL(store_load_mirror(&m, db, p, 1, NULL), RC_OK);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V"))->known, POL_REPORTED);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V/a"))->known, POL_STALE);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V/a/x"))->known, POL_STALE);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V/a/y"))->known, POL_REPORTED);
    CU_ASSERT_EQUAL(mirror_at(&m, STR("./V/b/x"))->known, POL_REPORTED);
    /* Read again as a whole: what is below is believed again, without a row of its own. */
    mirror_put(&m, STR("./V/a"), DDF_NODE, STR(""), POL_REPORTED, 40);
    mirror_put(&m, STR("./V/a/x"), DDF_INT, STR(""), POL_REPORTED, 40);
    mirror_put(&m, STR("./V/a/y"), DDF_INT, STR(""), POL_REPORTED, 40);
    CU_ASSERT_EQUAL(write_back(&m, db, p), RC_OK);
    CU_ASSERT_EQUAL(m.nodes[2].row_ms, 10);
    mirror_next(&m);
    mirror_stale(&m, STR("./V"), 50);
    CU_ASSERT_EQUAL(write_back(&m, db, p), RC_OK);
    arena_finish(&arena);
    m = begin();
    CU_ASSERT_EQUAL(store_load_mirror(&m, db, p, 1, NULL), RC_OK);
    for (size_t i = 0; i < m.n; i++) CU_ASSERT_EQUAL(m.nodes[i].known, POL_STALE);
    arena_finish(&arena);
    uri_table_destroy(p);
    sql_close(db);
}

static void a_child_list_removes_who_is_not_in_it(void)
{
    struct mirror m = begin();
    mirror_put(&m, STR("./V/a/State"), DDF_INT, STR("1"), POL_REPORTED, 1);
    mirror_put(&m, STR("./V/b/State"), DDF_INT, STR("1"), POL_REPORTED, 1);
    mirror_put(&m, STR("./V/b"), DDF_NODE, STR("State"), POL_REPORTED, 1);
    mirror_children(&m, STR("./V"), STR("a/c"), 2);
    CU_ASSERT_PTR_NOT_NULL(mirror_at(&m, STR("./V/a/State")));
    CU_ASSERT_PTR_NULL(mirror_at(&m, STR("./V/b")));
    CU_ASSERT_PTR_NULL(mirror_at(&m, STR("./V/b/State")));
    CU_ASSERT(str_is(mirror_at(&m, STR("./V"))->value, "a/c"));
    mirror_children(&m, STR("./V"), STR(""), 3);
    CU_ASSERT_EQUAL(alive(&m), 1);
    arena_finish(&arena);
}

static void a_complete_list_sweeps_what_it_does_not_name(void)
{
    const struct ddf_schema *s = world_schema();
    struct mirror m = begin();
    mirror_put(&m, STR("./VMImages/i"), DDF_NODE, STR(""), POL_REPORTED, 1);
    mirror_put(&m, STR("./VMImages/i/Auth"), DDF_CHR, STR("secret"), POL_ACKNOWLEDGED, 1); /* no device ever tells it */
    mirror_put(&m, STR("./VMImages/i/Name"), DDF_CHR, STR("x"), POL_ACKNOWLEDGED, 1);
    mirror_put(&m, STR("./VMImages/j"), DDF_NODE, STR(""), POL_REPORTED, 5);
    mirror_next(&m);
    mirror_put(&m, STR("./VMImages/i"), DDF_NODE, STR(""), POL_REPORTED, 9);
    mirror_sweep(&m, STR("./VMImages"), 9, s);
    CU_ASSERT_PTR_NOT_NULL(mirror_at(&m, STR("./VMImages/i")));
    CU_ASSERT_PTR_NOT_NULL(mirror_at(&m, STR("./VMImages/i/Auth")));
    CU_ASSERT_PTR_NULL(mirror_at(&m, STR("./VMImages/i/Name")));
    CU_ASSERT_PTR_NULL(mirror_at(&m, STR("./VMImages/j")));
    arena_finish(&arena);
}

static void a_device_cannot_fill_the_house(void)
{
    struct mirror m = begin();
    char uri[64];
    static char big[MIRROR_VALUE_BYTES + 1];
    for (int i = 0; i < MIRROR_NODES + 10; i++) {
        snprintf(uri, sizeof uri, "./N%d", i);
        mirror_put(&m, str_of(uri), DDF_INT, STR("1"), POL_REPORTED, 1);
    }
    CU_ASSERT_EQUAL(m.n, MIRROR_NODES);
    CU_ASSERT(m.full);
    CU_ASSERT_PTR_NOT_NULL(mirror_put(&m, STR("./N1"), DDF_INT, STR("2"), POL_REPORTED, 2));
    CU_ASSERT_PTR_NULL(mirror_put(&m, STR("./N1"), DDF_CHR, ((struct str){ big, sizeof big }), POL_REPORTED, 2));
    int kept = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(uri, sizeof uri, "./N%d", i);
        kept += mirror_put(&m, str_of(uri), DDF_CHR, ((struct str){ big, sizeof big - 1 }), POL_REPORTED, 2) != NULL;
    }
    CU_ASSERT(kept < 40);
    arena_finish(&arena);
}

static void survives_running_out_of_memory(void)
{
    struct sql *db = database();
    struct paths *p = uri_table_create(db);
    struct mirror m = begin();
    mirror_put(&m, STR("./A"), DDF_INT, STR("1"), POL_REPORTED, 1);
    write_back(&m, db, p);
    arena_finish(&arena);
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 1024) {
        struct pol_mirror_node *nodes;
        size_t n;
        arena_init(&arena, limit);
        mirror_init(&m, &arena);
        rc = store_load_mirror(&m, db, p, 1, NULL);
        if (!rc) rc = mirror_nodes(&m, &arena, &nodes, &n, NULL);
        arena_finish(&arena);
        CU_ASSERT_FATAL(limit < 1 << 20);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
    uri_table_destroy(p);
    sql_close(db);
}

static void the_dictionary_is_bounded(void)
{
    struct sql *db = database();
    struct paths *p = uri_table_create(db);
    char uri[300];
    int64_t id = 0, first = 0;
    struct str back;
    uint64_t hash;
    memset(uri, 'x', sizeof uri);
    CU_ASSERT_EQUAL(sql_begin(db, true, NULL), RC_OK);
    for (int i = 0; i < 60000; i++) {
        int n = snprintf(uri, sizeof uri, "./%d/", i);
        uri[n] = 'x';
        uri_table_trim(p);
        CU_ASSERT_EQUAL_FATAL(uri_table_id(p, (struct str){ uri, 250 }, str_hash((struct str){ uri, 250 }), &id, NULL),
                              RC_OK);
        if (!i) first = id;
    }
    CU_ASSERT_EQUAL(sql_commit(db, NULL), RC_OK);
    CU_ASSERT_EQUAL(uri_table_uri(p, first, &back, &hash, NULL), RC_OK); /* forgotten here, known there */
    CU_ASSERT(str_starts(back, STR("./0/")));
    CU_ASSERT_EQUAL(uri_table_uri(p, 999999, &back, &hash, NULL), RC_NOT_FOUND);
    uri_table_destroy(p);
    sql_close(db);
}

TEST_MAIN("server.mirror", TEST(what_is_written_is_loaded_again), TEST(subtrees_go_and_grow_stale_whole),
          TEST(staleness_is_inherited_from_the_row_above), TEST_OF("S-208", a_child_list_removes_who_is_not_in_it),
          TEST(a_complete_list_sweeps_what_it_does_not_name), TEST(a_device_cannot_fill_the_house),
          TEST(survives_running_out_of_memory), TEST(the_dictionary_is_bounded))
