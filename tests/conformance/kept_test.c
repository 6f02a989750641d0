/* SPDX-License-Identifier: Apache-2.0 */
/* The interoperability traps (protocol.md 20) against the whole server: a phone with the quirk gets its VM and has
 * it locked, in sessions that end, and what the server keeps of it is what it keeps of a phone without. */
#include "base/log.h"
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POSTS_MAX = 30, SESSIONS_MAX = 20, CHILDREN_MAX = 64 };

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n    state: running\n"
    "    resources:\n      cpu: {vcpus: 2}\n      memory: {min: 64Mi, max: 128Mi}\n";

/* Everything that is known of the phone but times, counters, which of its nodes were listed, readings, and an address that has a
 * key in it. */
static const char everything[] =
    "SELECT x FROM (SELECT 'node ' || uri || ' ' || format || ' ' || iif(uri LIKE '%/URL' OR format = (SELECT format FROM node"
    "  JOIN path USING (path_id) WHERE uri = './VMImages'), '', coalesce(value, '-')) AS x FROM node JOIN path USING (path_id)"
    " WHERE uri NOT LIKE '%/KPI/%' UNION ALL SELECT 'attribute ' || name || '=' || value FROM attribute_row"
    " UNION ALL SELECT 'vm ' || vm || '|' || title || '|' || state || '|' || lock_state || '|' || image || '|' ||"
    "  summary || '|' || summary_why FROM vm"
    " UNION ALL SELECT 'device ' || name || '|' || layout_mo || '|' || mirror_read || '|' || summary FROM device"
    " UNION ALL SELECT 'operation ' || kind || '|' || owner || '|' || state || '|' || code FROM operation"
    " UNION ALL SELECT 'failure ' || key || '|' || code FROM failure"
    " UNION ALL SELECT 'session ' || outcome || '|' || why FROM session WHERE outcome <> 'done'"
    " UNION ALL SELECT 'path ' || uri FROM path WHERE uri NOT LIKE '%/KPI/%') ORDER BY x";

static void dump(struct dm_fixture *l, struct buf *out)
{
    struct sql_rows *r = NULL;
    struct err e = { 0 };
    buf_init(out, 0);
    enum rc rc = sql_start_text(l->db, str_of(everything), NULL, 0, &r, &e);
    while (!rc && (rc = sql_step(r, &e)) == RC_OK) {
        buf_put(out, sql_text(r, 0));
        buf_byte(out, '\n');
    }
    sql_end(r);
    if (rc != RC_NOT_FOUND) printf("%s\n", e.text);
    CU_ASSERT_EQUAL(rc, RC_NOT_FOUND);
}

/* The mirror is the phone's tree. */
static void is_true(struct dm_fixture *l, struct fixture_device *p)
{
    struct sql_rows *r = NULL;
    unsigned n = 0;
    enum rc rc = sql_start_text(l->db,
                                STR("SELECT uri, value FROM node JOIN path USING (path_id) WHERE uri LIKE './V%'"
                                    " AND uri NOT LIKE '%/KPI/%' AND format <> (SELECT format FROM node JOIN path"
                                    " USING (path_id) WHERE uri = './VMImages')"),
                                NULL, 0, &r, NULL);
    while (!rc && (rc = sql_step(r, NULL)) == RC_OK) {
        const struct sim_node *there = sim_find(p->sim, sql_text(r, 0));
        CU_ASSERT(there && str_eq(there->value, sql_text(r, 1)));
        if (!there) printf("\n%.*s is kept, and the phone has no such node\n", STR_ARG(sql_text(r, 0)));
        n++;
    }
    sql_end(r);
    CU_ASSERT(n > 20);
}

static void ends_in_time(struct fixture_device *p, int n)
{
    (void)p;
    CU_ASSERT_FATAL(n < POSTS_MAX);
}

typedef void quirk(struct fixture_device *p);

static void whole_life(quirk *does, enum sml_type type, struct buf *kept)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    p->type = type;
    p->before_answer = ends_in_time;
    dm_fixture_image(l, "base", "1.0");
    dm_fixture_policy(l, policy);
    if (does) does(p);
    CU_ASSERT(fixture_device_settle(p, SESSIONS_MAX) < SESSIONS_MAX);
    dm_fixture_operation(l, "IMEI:001", "corp", "lock", "");
    CU_ASSERT(fixture_device_settle(p, SESSIONS_MAX) < SESSIONS_MAX);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT lock_state FROM vm"), 10);
    CU_ASSERT_EQUAL(p->sim->twice, 0);
    CU_ASSERT_EQUAL(sessions_count(l->dm->sessions), 0);
    is_true(l, p);
    dump(l, kept);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void show_difference(struct str want, struct str got)
{
    struct str a, b;
    while (str_cut(&want, '\n', &a) && str_cut(&got, '\n', &b))
        if (!str_eq(a, b)) {
            printf("\nkept: %.*s\ninstead of: %.*s\n", STR_ARG(b), STR_ARG(a));
            return;
        }
}

static void is_kept_as_ever(quirk *does, enum sml_type type)
{
    static struct buf straight[2];
    struct buf odd;
    if (!straight[type].n) whole_life(NULL, type, &straight[type]);
    CU_ASSERT_FATAL(straight[type].n > 1000);
    whole_life(does, type, &odd);
    CU_ASSERT(str_eq(buf_str(&odd), buf_str(&straight[type])));
    show_difference(buf_str(&straight[type]), buf_str(&odd));
    buf_finish(&odd);
}

static unsigned lines_of(struct str text, const char *what)
{
    struct str line;
    unsigned n = 0;
    while (str_cut(&text, '\n', &line)) n += str_starts(line, str_of(what));
    return n;
}

/* It is asked in another way, and so for other nodes. */
static void is_kept_in_part(quirk *does, enum sml_type type)
{
    struct buf straight, odd;
    whole_life(NULL, type, &straight);
    whole_life(does, type, &odd);
    CU_ASSERT_EQUAL(lines_of(buf_str(&odd), "vm "), lines_of(buf_str(&straight), "vm "));
    CU_ASSERT_EQUAL(lines_of(buf_str(&odd), "operation "), lines_of(buf_str(&straight), "operation "));
    buf_finish(&odd);
    buf_finish(&straight);
}

static void both(quirk *does)
{
    is_kept_as_ever(does, SML_XML);
    is_kept_as_ever(does, SML_WBXML);
}

/* ---- texts, as other people write them ---- */

static void replace_all(struct buf *b, const char *from, const char *to)
{
    struct buf out;
    struct str s = buf_str(b);
    size_t n = strlen(from);
    buf_init(&out, 0);
    for (size_t i = 0; i < s.n;) {
        if (i + n <= s.n && memcmp(s.p + i, from, n) == 0) {
            buf_putz(&out, to);
            i += n;
        } else {
            buf_byte(&out, (uint8_t)s.p[i++]);
        }
    }
    buf_finish(b);
    *b = out;
}

/* Length of the element that begins at s. */
static size_t element(struct str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '<') continue;
        size_t end = str_find(s, '>', i);
        depth += s.p[i + 1] == '/' ? (size_t)-1 : s.p[end - 1] == '/' ? 0 : 1;
        if (depth == 0) return end + 1;
        i = end;
    }
    return s.n;
}

static bool is_named(struct str e, const char *const *names)
{
    for (; *names; names++) {
        size_t n = strlen(*names);
        if (e.n > n + 1 && memcmp(e.p + 1, *names, n) == 0 && strchr("> /", e.p[n + 1])) return true;
    }
    return false;
}

/* Each element anew: its children the other way round, or white space around everything but Data. */
static void anew(struct str e, bool reversed, bool spaced, struct buf *out)
{
    static const char *const turned[] = { "Status", "Results", "Alert", "Item", "Replace", "Meta", NULL };
    static const char *const data[] = { "Data", NULL };
    struct str child[CHILDREN_MAX];
    size_t n = 0, open = str_find(e, '>', 0) + 1, close = e.n;
    while (close > open && e.p[close - 1] != '<') close--;
    struct str inner = str_slice(e, open, close ? close - 1 : 0);
    if (open == e.n || !inner.n || inner.p[0] != '<') {
        bool pad = spaced && open < e.n && inner.n && !is_named(e, data);
        buf_put(out, str_slice(e, 0, open));
        if (pad) buf_putz(out, "\r\n\t ");
        buf_put(out, inner);
        if (pad) buf_putz(out, " \n");
        buf_put(out, str_slice(e, open + inner.n, e.n));
        return;
    }
    bool turn = reversed && is_named(e, turned);
    buf_put(out, str_slice(e, 0, open));
    for (struct str rest = inner; rest.n;) {
        size_t len = element(rest);
        struct str one = str_slice(rest, 0, len);
        rest = str_slice(rest, len, rest.n);
        if (spaced) buf_putz(out, "\r\n ");
        if (turn && n < CHILDREN_MAX)
            child[n++] = one;
        else
            anew(one, reversed, spaced, out);
    }
    while (n) anew(child[--n], reversed, spaced, out);
    buf_put(out, str_slice(e, open + inner.n, e.n));
}

static void write_anew(struct buf *b, bool reversed, bool spaced)
{
    struct buf out;
    buf_init(&out, 0);
    size_t root = 0;
    while (root + 1 < b->n && b->p[root + 1] == '?') root = str_find(buf_str(b), '>', root) + 1;
    buf_put(&out, str_slice(buf_str(b), 0, root));
    anew(str_slice(buf_str(b), root, b->n), reversed, spaced, &out);
    buf_finish(b);
    *b = out;
}

static void turn_children(struct buf *b)
{
    write_anew(b, true, false);
}
static void children_in_any_order(struct fixture_device *p)
{
    p->bend_octets = turn_children;
}
static void trap_01_children_in_any_order(void)
{
    is_kept_as_ever(children_in_any_order, SML_XML);
}

static void put_spaces(struct buf *b)
{
    write_anew(b, false, true);
}
static void white_space(struct fixture_device *p)
{
    p->bend_octets = put_spaces;
}
static void trap_24_white_space(void)
{
    is_kept_as_ever(white_space, SML_XML);
}

static void take_namespaces(struct buf *b)
{
    replace_all(b, " xmlns=\"syncml:metinf\"", "");
    replace_all(b, " xmlns=\"SYNCML:SYNCML1.2\"", "");
}
static void no_namespaces(struct fixture_device *p)
{
    p->bend_octets = take_namespaces;
}
static void put_prefixes(struct buf *b)
{
    replace_all(b, "</", "\1");
    replace_all(b, "<?", "\2");
    replace_all(b, "<", "<s:");
    replace_all(b, "\1", "</s:");
    replace_all(b, "\2", "<?");
    replace_all(b, "<s:SyncML xmlns=", "<s:SyncML xmlns:s=");
}
static void prefixes(struct fixture_device *p)
{
    p->bend_octets = put_prefixes;
}
static void trap_25_prefixes_or_no_namespaces(void)
{
    is_kept_as_ever(no_namespaces, SML_XML);
    is_kept_as_ever(prefixes, SML_XML);
}

static void other_root(struct buf *b)
{
    replace_all(b, "SYNCML:SYNCML1.2", "syncml:syncml1.1");
}
static void old_namespace(struct fixture_device *p)
{
    p->bend_octets = other_root;
}
static void trap_26_root_namespace_of_other_days(void)
{
    is_kept_as_ever(old_namespace, SML_XML);
}

static void put_doctype(struct buf *b)
{
    replace_all(b, "<SyncML",
                "<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SyncML 1.2//EN' 'http://127.0.0.1:1/no-such.dtd'>\r\n<SyncML");
    replace_all(b, "<?xml", "\xEF\xBB\xBF<?xml");
}
static void bom_and_doctype(struct fixture_device *p)
{
    p->bend_octets = put_doctype;
}
static void trap_27_bom_and_doctype(void)
{
    is_kept_as_ever(bom_and_doctype, SML_XML);
}

/* ---- messages that say other things ---- */

static struct sml_cmd *header_status(struct sml_msg *m)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_STATUS && str_is(c->cmd, "SyncHdr")) return c;
    return NULL;
}

static void no_cmd_ref(struct sml_msg *m, struct arena *a)
{
    (void)a;
    if (header_status(m)) header_status(m)->cmd_ref = STR("");
}
static void always_212(struct sml_msg *m, struct arena *a)
{
    (void)a;
    if (header_status(m)) header_status(m)->data = STR("212");
}
static void says_no_cmd_ref(struct fixture_device *p)
{
    p->bend = no_cmd_ref;
}
static void says_212(struct fixture_device *p)
{
    p->bend = always_212;
}
static void trap_02_header_status_without_cmd_ref_or_always_212(void)
{
    both(says_no_cmd_ref);
    both(says_212);
}

static void same_id(struct fixture_device *p)
{
    p->always_id = "1";
}
static void trap_03_the_same_session_id_for_ever(void)
{
    both(same_id);
}

static void long_id(struct fixture_device *p)
{
    p->always_id = "a1b2c3d4e5f60718293a4b5c6d7e8f90-and-more";
}
static void lower_id(struct fixture_device *p)
{
    p->always_id = "2f";
}
static void trap_04_session_id_long_or_in_lower_case(void)
{
    both(long_id);
    both(lower_id);
}

/* The notification said 0x0102, the phone says 201. */
static void answers_swapped(struct fixture_device *p)
{
    dm_fixture_sql(p->lab,
                   "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, sent_ms)"
                   " VALUES (1, 258, 'sent', 'test', 'udp', 'x', 1, 1893455999000)");
    CU_ASSERT(fixture_device_call(p, 1200, "201"));
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(p->lab, "SELECT state FROM notification WHERE session_no = 258"),
                           "answered");
    CU_ASSERT_STRING_EQUAL(
        dm_fixture_text(p->lab,
                        "SELECT outcome FROM session JOIN notification USING (notification_id) WHERE session_no = 258"),
        "done");
}
static void trap_05_session_id_of_the_notification_swapped(void)
{
    both(answers_swapped);
}

/* What the phone hashes for the resynchronisation nonce; good in a triggered session only, and once: it is always the
 * same digest, which somebody may have captured. After that it earns a challenge. */
static const char *hashed;
static void hashes_something_else(struct fixture_device *p)
{
    CU_ASSERT(fixture_device_settle(p, SESSIONS_MAX) < SESSIONS_MAX);
    for (unsigned posts = 1; posts <= 2; posts++) {
        dm_fixture_sql(p->lab, "UPDATE contact SET resync_until_ms = 1e15");
        p->n_client_nonce = strlen(hashed);
        memcpy(p->client_nonce, hashed, p->n_client_nonce);
        CU_ASSERT(fixture_device_call(p, 1200, posts == 1 ? "2F" : "30"));
        CU_ASSERT_EQUAL(p->posts, posts);
        CU_ASSERT_EQUAL(dm_fixture_int(p->lab, "SELECT count(*) FROM contact WHERE resync_until_ms IS NULL"), 1);
        CU_ASSERT_EQUAL(dm_fixture_int(p->lab, "SELECT length(client_nonce) FROM contact"), SML_NONCE_MIN);
    }
}
static void trap_06_a_nonce_as_people_hash_it(void)
{
    static const char *const as[] = { "0x00000000", "AAAAAA==" };
    for (size_t i = 0; i < sizeof as / sizeof as[0]; i++) {
        hashed = as[i];
        both(hashes_something_else);
    }
}

static void gives_no_nonce(struct fixture_device *p)
{
    p->no_nonces = true;
}
static void trap_07_a_client_that_gives_no_nonce(void)
{
    both(gives_no_nonce);
}

static void no_names(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->source_name = m->target_name = STR("");
}
static void says_no_names(struct fixture_device *p)
{
    p->bend = no_names;
}
static void trap_08_no_loc_name(void)
{
    both(says_no_names);
}

static struct str capitalised(struct str s, struct arena *a)
{
    return s.n ? arena_printf(a, " %c%.*s ", s.p[0] - ('a' <= s.p[0] && s.p[0] <= 'z' ? 'a' - 'A' : 0), (int)s.n - 1,
                              s.p + 1)
               : s;
}
static void other_formats(struct sml_msg *m, struct arena *a)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        for (struct sml_item *it = c->items; it; it = it->next) {
            it->meta.format = capitalised(it->meta.format, a);
            if (c->kind == SML_ALERT && it->meta.type.n)
                it->meta.type = arena_printf(a, "Reversed-Domain-Name: %.*s", STR_ARG(it->meta.type));
        }
}
static void writes_other_formats(struct fixture_device *p)
{
    p->bend = other_formats;
}
static void trap_10_formats_and_types_as_people_write_them(void)
{
    both(writes_other_formats);
}

static void one_item(struct sml_msg *m)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind != SML_ALERT && c->items) CU_ASSERT_PTR_NULL(c->items->next);
}
static void reads_one_item(struct fixture_device *p)
{
    p->see = one_item;
}
static void trap_11_one_item_for_each_command(void)
{
    both(reads_one_item);
}

static void statuses_twice(struct sml_msg *m, struct arena *a)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_STATUS && !str_is(c->cmd, "SyncHdr")) {
            struct sml_cmd *again = ARENA_NEW(a, struct sml_cmd);
            *again = *c;
            again->cmd_id = arena_printf(a, "9%.*s", STR_ARG(c->cmd_id));
            c->next = again;
            c = again;
        }
}
static void says_statuses_twice(struct fixture_device *p)
{
    p->bend = statuses_twice;
}
static void trap_12_more_statuses_than_commands(void)
{
    both(says_statuses_twice);
}

static void no_atomic_status(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd **at = &m->cmds; *at;)
        if ((*at)->kind == SML_STATUS && str_is((*at)->cmd, "Atomic"))
            *at = (*at)->next;
        else
            at = &(*at)->next;
}
static void says_nothing_of_atomics(struct fixture_device *p)
{
    p->bend = no_atomic_status;
}
static void says_nothing_of_children(struct fixture_device *p)
{
    p->no_child_statuses = true;
}
static void trap_13_containers_answered_in_part(void)
{
    both(says_nothing_of_atomics);
    both(says_nothing_of_children);
}

static void final_there(struct sml_msg *m)
{
    CU_ASSERT(m->final);
}
static void needs_final(struct fixture_device *p)
{
    p->see = final_there;
}
static void trap_14_a_client_that_needs_final_every_time(void)
{
    both(needs_final);
}

static void final_always(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->final = true;
}
static void says_final_always(struct fixture_device *p)
{
    p->bend = final_always;
}
static void trap_15_final_in_every_message(void)
{
    both(says_final_always);
}

static void lists_404(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_STATUS && str_is(c->cmd, "Get") && str_is(c->data, "406")) c->data = STR("404");
}
static void knows_no_lists(struct fixture_device *p)
{
    p->sim->no_list = true;
}
static void finds_no_lists(struct fixture_device *p)
{
    p->sim->no_list = true;
    p->bend = lists_404;
}
static void trap_16_no_lists(void)
{
    for (int type = 0; type < 2; type++) {
        is_kept_in_part(knows_no_lists, (enum sml_type)type);
        is_kept_in_part(finds_no_lists, (enum sml_type)type);
    }
}

static void any_target(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->target = STR("https://dm.example.net/dm?s=9b0c41f2");
}
static void target_is_source(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->target = m->source;
}
static void says_any_target(struct fixture_device *p)
{
    p->bend = any_target;
}
static void says_source_for_target(struct fixture_device *p)
{
    p->bend = target_is_source;
}
static void trap_21_target_is_whatever_it_likes(void)
{
    both(says_any_target);
    both(says_source_for_target);
}

static void no_msg_ref(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next) c->msg_ref = STR("");
}
static void says_no_msg_ref(struct fixture_device *p)
{
    p->bend = no_msg_ref;
}
static void trap_22_no_msg_ref(void)
{
    both(says_no_msg_ref);
}

static void results_for_exec(struct sml_msg *m, struct arena *a)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next) {
        if (c->kind != SML_STATUS || !str_is(c->cmd, "Exec")) continue;
        struct sml_item *it = ARENA_NEW(a, struct sml_item);
        struct sml_cmd *results = ARENA_NEW(a, struct sml_cmd);
        *it = (struct sml_item){ .source = STR("./Rubbish"), .data = STR("r"), .has_data = true };
        *results = (struct sml_cmd){ .kind = SML_RESULTS,
                                     .name = STR("Results"),
                                     .cmd_id = arena_printf(a, "9%.*s", STR_ARG(c->cmd_id)),
                                     .msg_ref = c->msg_ref,
                                     .cmd_ref = c->cmd_ref,
                                     .items = it,
                                     .next = c->next };
        c->next = results;
        c = results;
    }
}
static void says_results_for_exec(struct fixture_device *p)
{
    p->bend = results_for_exec;
}
static void trap_23_results_for_an_exec(void)
{
    both(says_results_for_exec);
}

/* ---- nonces ---- */

/* It gives up after two digests: the nonce that the challenge brings has to work. */
static void has_an_old_nonce(struct fixture_device *p)
{
    CU_ASSERT(fixture_device_settle(p, SESSIONS_MAX) < SESSIONS_MAX);
    for (int i = 0; i < 3; i++) {
        memset(p->client_nonce, 'x', p->n_client_nonce);
        CU_ASSERT(fixture_device_call(p, 1201, "7"));
        CU_ASSERT_EQUAL(p->posts, 2);
        CU_ASSERT(fixture_device_call(p, 1201, "8"));
        CU_ASSERT_EQUAL(p->posts, 1);
    }
}
static void trap_28_two_digests_and_no_more(void)
{
    both(has_an_old_nonce);
}

/* The answer with the new nonce does not arrive: the phone goes on with what it has, and is challenged. */
static void keeps_a_nonce_after_delivery(struct fixture_device *p)
{
    CU_ASSERT(fixture_device_settle(p, SESSIONS_MAX) < SESSIONS_MAX);
    for (int i = 0; i < 3; i++) {
        p->lose_answer = 1;
        CU_ASSERT_FALSE(fixture_device_call(p, 1201, "7"));
        CU_ASSERT(fixture_device_call(p, 1201, "8"));
        CU_ASSERT_EQUAL(p->posts, 2);
    }
}
static void trap_29_an_old_nonce_is_challenged(void)
{
    both(keeps_a_nonce_after_delivery);
}

TEST_MAIN("conformance.kept", TEST(trap_01_children_in_any_order),
          TEST(trap_02_header_status_without_cmd_ref_or_always_212), TEST(trap_03_the_same_session_id_for_ever),
          TEST(trap_04_session_id_long_or_in_lower_case), TEST(trap_05_session_id_of_the_notification_swapped),
          TEST(trap_06_a_nonce_as_people_hash_it), TEST(trap_07_a_client_that_gives_no_nonce),
          TEST(trap_08_no_loc_name), TEST(trap_10_formats_and_types_as_people_write_them),
          TEST(trap_11_one_item_for_each_command), TEST(trap_12_more_statuses_than_commands),
          TEST(trap_13_containers_answered_in_part), TEST(trap_14_a_client_that_needs_final_every_time),
          TEST(trap_15_final_in_every_message), TEST(trap_16_no_lists), TEST(trap_21_target_is_whatever_it_likes),
          TEST(trap_22_no_msg_ref), TEST(trap_23_results_for_an_exec), TEST(trap_24_white_space),
          TEST(trap_25_prefixes_or_no_namespaces), TEST(trap_26_root_namespace_of_other_days),
          TEST(trap_27_bom_and_doctype), TEST(trap_28_two_digests_and_no_more),
          TEST(trap_29_an_old_nonce_is_challenged))
