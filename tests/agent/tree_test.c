/* SPDX-License-Identifier: Apache-2.0 */
/* The client's tree (CONFORMANCE.md C-101 to C-118): each row in executable form, on a small tree of its own. */
#include "tests/agent/tree_fixture.h"

/* C-101, C-103, C-105 */
static void what_must_be_is_there_with_its_default(void)
{
    struct tree_fixture w;
    open_world(&w);
    IS(200, ".", "Acme/Inbox");
    IS(200, "./Acme", "Fixed/Text/Number/Flag/Secret/Bytes/Run/Empty/List");
    IS(200, "./Acme/Empty", "");
    IS(200, "./Acme/List", "");
    IS(200, "./Acme/Fixed", "stone");
    IS(200, "./Acme/Number", "7");
    IS(200, "./Acme/Flag", "false");
    IS(404, "./Acme/Option", "");
    IS(404, "./Acme/Nothing", "");
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Option", "chr", "x"), 404);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/List/a", "chr", "x"), 404);
    close_world(&w);
}

/* C-102, C-112 */
static void addresses_are_cut_as_they_must(void)
{
    struct tree_fixture w;
    char deep[200] = "./Acme", longest[400], got[64];
    open_world(&w);
    IS(200, "Acme/Fixed", "stone");
    IS(200, "./Acme/Fixed", "stone");
    IS(400, "./Acme/Fixed/", "");
    IS(400, "./Acme/../Acme/Fixed", "");
    IS(400, "./Acme//Fixed", "");
    for (int i = 0; i < 17; i++) strcat(deep, "/a");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    CU_ASSERT_EQUAL(get_as("", deep, got, sizeof got), 414);
    CU_ASSERT_EQUAL(get_as("", longest, got, sizeof got), 414);
    close_world(&w);
}

/* C-104, C-118, virtualization-mo.md c.1 */
static void adding_makes_the_required_children(void)
{
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/One", "node", NULL), 200);
    IS(200, "./Acme/List", "One");
    IS(200, "./Acme/List/One", "Name/Size/Sub");
    IS(200, "./Acme/List/One/Name", "nobody");
    IS(404, "./Acme/List/one", "");
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/One", "node", NULL), 418);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Fixed", "chr", "x"), 418);
    /* a leaf that came with it: Replace while nothing depends on it, there already afterwards */
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/One/Name", "chr", "me"), 200);
    IS(200, "./Acme/List/One/Name", "me");
    w.frozen = true;
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/One/Name", "chr", "you"), 418);
    w.frozen = false;
    /* missing parents are made */
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/Two/Sub/x", "node", NULL), 200);
    IS(200, "./Acme/List", "One/Two");
    IS(200, "./Acme/List/Two/Sub/x", "Leaf");
    /* what cannot be */
    CU_ASSERT_EQUAL(add_as("", "./Acme/Fixed/below", "chr", "x"), 405);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Nothing", "chr", "x"), 404);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Live", "chr", "x"), 405);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Option", "chr", "now"), 200);
    IS(200, "./Acme/Option", "now");
    close_world(&w);
}

/* C-106 */
static void deleting_takes_everything_below(void)
{
    struct tree_fixture w;
    open_world(&w);
    add_as("", "./Acme/List/A/Sub/x", "node", NULL);
    add_as("", "./Acme/List/A-b", "node", NULL);
    replace_as("", "./Acme/List/A/Sub/x/Leaf", "chr", "v");
    CU_ASSERT_EQUAL(delete_as("", "./Acme/List/A"), 200);
    IS(200, "./Acme/List", "A-b");
    CU_ASSERT_EQUAL(tree_store_count(tree_records(w.tree)), 2); /* A-b, and that the list has changed */
    CU_ASSERT_EQUAL(delete_as("", "./Acme/List/A"), 404);
    CU_ASSERT_EQUAL(delete_as("", "."), 405);
    CU_ASSERT_EQUAL(delete_as("", "./Acme"), 405);
    CU_ASSERT_EQUAL(delete_as("", "./Acme/Text"), 405);
    CU_ASSERT_EQUAL(delete_as("", "./Acme/List/A-b/Name"), 405);
    close_world(&w);
}

/* C-107, C-110 */
static void properties_are_as_the_spec_says(void)
{
    static const struct {
        const char *uri;
        int status;
        const char *text;
    } row[] = {
        { "./Acme/Number?prop=Format", 200, "int" },
        { "./Acme?prop=Format", 200, "node" },
        { "./Acme?prop=Type", 200, "urn:oma:mo:x-acme:1.0" },
        { "./Acme/Number?prop=Type", 200, "text/plain" },
        { "./Acme/Number?prop=Name", 200, "Number" },
        { "./Acme/Fixed?prop=Size", 200, "5" },
        { "./Acme?prop=Size", 406, "" },
        { "./Acme/Fixed?prop=VerNo", 200, "0" },
        { "./Acme/Fixed?prop=Nothing", 406, "" },
        { "./Acme/Fixed?prop=ACL", 200, "" },
        { ".?prop=ACL", 200, "Add=*&Get=*" },
        { "./Acme/Gone?prop=Name", 404, "" },
    };
    struct tree_fixture w;
    open_world(&w);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) IS(row[i].status, row[i].uri, row[i].text);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Text?prop=Title", "chr", "x"), 405);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=Format", "", "int"), 405);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=VerNo", "", "1"), 405);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=TStamp", "", "20300317T174640Z"), 405);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Text?prop=VerNo", "chr", "1"), 405);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Text?prop=TStamp", "chr", "20300317T174640Z"), 405);
    CU_ASSERT_EQUAL(delete_as("", "./Acme/Text?prop=TStamp"), 405);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=Title", "", "A text"), 200);
    IS(200, "./Acme/Text?prop=Title", "A text");
    close_world(&w);
}

/* Moves time on and says what a node's TStamp and VerNo are. */
#define AT(seconds) tree_set_time(now->tree, TREE_FIXTURE_BORN_MS + (seconds)*INT64_C(1000))
#define VERSION(uri, stamp, number)                                                                                    \
    do {                                                                                                               \
        IS(200, uri "?prop=TStamp", "20300317T" stamp "Z");                                                            \
        IS(200, uri "?prop=VerNo", number);                                                                            \
    } while (0)

static void c_114_a_change_of_value_is_counted_and_timed(void)
{
    struct tree_fixture w;
    open_world(&w);
    VERSION("./Acme/Text", "174640", "0"); /* never changed: since the tree is there */
    AT(10);
    VERSION("./Acme/Text", "174640", "0");
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text", "chr", "new"), 200);
    VERSION("./Acme/Text", "174650", "1");
    AT(20);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text", "chr", "new"), 200); /* no change */
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text", "chr", "forbidden"), 403);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Number", "int", "7"), 200); /* the default, written */
    VERSION("./Acme/Text", "174650", "1");
    VERSION("./Acme/Number", "174640", "0");
    CU_ASSERT_EQUAL(tree_put(w.tree, STR("./Acme/Text"), STR("by the device")), RC_OK);
    VERSION("./Acme/Text", "174700", "2");
    AT(30); /* neither rights nor a title are the value */
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=Title", "", "A text"), 200);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=ACL", "", "Get=*"), 200);
    VERSION("./Acme/Text", "174700", "2");
    VERSION("./Acme/Number", "174640", "0");
    close_world(&w);
}

static void c_114_the_number_begins_again_after_the_largest(void)
{
    struct tree_fixture w;
    char text[16];
    open_world(&w);
    for (unsigned i = 0; i < 0xFFFF; i++) {
        snprintf(text, sizeof text, "%u", i);
        if (tree_put(w.tree, STR("./Acme/Text"), str_of(text))) break;
        tree_store_forget(tree_records(w.tree));
    }
    IS(200, "./Acme/Text?prop=VerNo", "65535");
    AT(60);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text", "chr", "once more"), 200);
    VERSION("./Acme/Text", "174740", "0"); /* and the time still tells that it changed */
    close_world(&w);
}

static void c_114_children_are_the_value_of_an_interior_node(void)
{
    struct tree_fixture w;
    open_world(&w);
    VERSION("./Acme/List", "174640", "0");
    AT(10);
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/A", "node", NULL), 200);
    VERSION("./Acme/List", "174650", "1");
    VERSION("./Acme/List/A", "174650", "0");
    VERSION("./Acme/List/A/Name", "174650", "0"); /* came with it */
    AT(20);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/List/A/Name", "chr", "me"), 200);
    VERSION("./Acme/List/A/Name", "174700", "1");
    VERSION("./Acme/List/A", "174650", "0"); /* its children are the same as before */
    AT(30);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/List/A?prop=Name", "", "B"), 200);
    VERSION("./Acme/List", "174710", "2");
    VERSION("./Acme/List/B/Name", "174700", "1"); /* its own history goes along */
    VERSION("./Acme/List/B/Size", "174650", "0");
    AT(40);
    CU_ASSERT_EQUAL(delete_as("", "./Acme/List/B"), 200);
    VERSION("./Acme/List", "174720", "3");
    AT(50);
    CU_ASSERT_EQUAL(add_as("", "./Acme/List/B", "node", NULL), 200);
    VERSION("./Acme/List/B/Name", "174730", "0"); /* another node */
    close_world(&w);
}

static void c_114_what_is_taken_back_never_happened(void)
{
    struct tree_fixture w;
    open_world(&w);
    AT(10);
    size_t mark = tree_mark(w.tree);
    CU_ASSERT_EQUAL(tree_add(w.tree, LOCAL, STR("./Acme/List/A"), STR("node"), LOCAL, LOCAL, false, &w.a), 200);
    CU_ASSERT_EQUAL(tree_replace(w.tree, LOCAL, STR("./Acme/Text"), STR("chr"), LOCAL, STR("new"), true, &w.a), 200);
    VERSION("./Acme/List", "174650", "1");
    tree_rollback(w.tree, mark);
    VERSION("./Acme/List", "174640", "0");
    VERSION("./Acme/Text", "174640", "0");
    close_world(&w);
}

/* Nobody tells the tree when a value that lives changes: it claims nothing. */
static void c_114_a_value_that_lives_has_neither(void)
{
    struct tree_fixture w;
    open_world(&w);
    w.live = true;
    IS(406, "./Acme/Live?prop=TStamp", "");
    IS(406, "./Acme/Live?prop=VerNo", "");
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Live?prop=VerNo", "", "1"), 406);
    CU_ASSERT_EQUAL(add_as("", "./Acme/Live?prop=VerNo", "chr", "1"), 405);
    IS(406, "./Acme?prop=TStamp", ""); /* its children come and go with Live */
    close_world(&w);
}

/* C-108 */
static void renaming_moves_the_subtree(void)
{
    struct tree_fixture w;
    open_world(&w);
    add_as("", "./Acme/List/A/Sub/x", "node", NULL);
    add_as("", "./Acme/List/AA", "node", NULL);
    add_as("", "./Acme/List/B", "node", NULL);
    replace_as("", "./Acme/List/A/Name", "chr", "me");
    CU_ASSERT_EQUAL(replace_as("", "./Acme/List/A?prop=Name", "", "B"), 418);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/List/A?prop=Name", "", "a/b"), 400);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/List/A?prop=Name", "", "C"), 200);
    IS(200, "./Acme/List", "AA/B/C");
    IS(200, "./Acme/List/C/Name", "me");
    IS(200, "./Acme/List/C/Sub", "x");
    IS(404, "./Acme/List/A", "");
    CU_ASSERT_EQUAL(replace_as("", "./Acme?prop=Name", "", "Other"), 405);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Text?prop=Name", "", "Other"), 405);
    close_world(&w);
}

/* C-109, C-111, protocol.md 11.3 */
static void rights_are_inherited_and_taken_as_a_whole(void)
{
    struct tree_fixture w;
    char got[64];
    open_world(&w);
    CU_ASSERT_EQUAL(get_as("s1", "./Acme/Text", got, sizeof got), 200);
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/Text", "chr", "x"), 425);
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/Fixed", "chr", "x"), 405); /* AccessType speaks first */
    tree_set_acl(w.tree, STR("./Acme"), STR("Get=s1+s2&Replace=s1&Exec=s1"));
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/Text", "chr", "x"), 200);
    CU_ASSERT_EQUAL(replace_as("s2", "./Acme/Text", "chr", "y"), 425);
    CU_ASSERT_EQUAL(get_as("s3", "./Acme/Text", got, sizeof got), 425);
    CU_ASSERT_EQUAL(add_as("s1", "./Acme/List/A", "node", NULL), 425); /* taken as a whole: no Add from the root */
    /* who may change an ACL: interior: Replace on it or its parent; leaf: on its parent only */
    CU_ASSERT_EQUAL(replace_as("s2", "./Acme?prop=ACL", "", "Get=*"), 425);
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/Text?prop=ACL", "", "Get=*&Replace=s2"), 200);
    CU_ASSERT_EQUAL(replace_as("s2", "./Acme/Text", "chr", "z"), 200);
    CU_ASSERT_EQUAL(replace_as("s2", "./Acme/Text?prop=ACL", "", "Get=*"), 425);
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/Text?prop=ACL", "", "Get=*&Bad"), 400);
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme?prop=ACL", "", ""), 200); /* inherited again */
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/Number", "int", "5"), 425);
    CU_ASSERT_EQUAL(replace_as("s1", ".?prop=ACL", "", "Get=*&Add=s1"), 425);
    CU_ASSERT_EQUAL(replace_as("", ".?prop=ACL", "", "Get=*&Add=s1"), 405); /* the root's Add stays with everybody */
    close_world(&w);
}

static void a_new_node_without_rights_above_gets_its_own(void)
{
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(add_as("s1", "./Acme/List/A", "node", NULL), 200); /* root: Add=* */
    IS(200, "./Acme/List/A?prop=ACL", "Add=s1&Delete=s1&Replace=s1&Get=*");
    CU_ASSERT_EQUAL(replace_as("s1", "./Acme/List/A/Name", "chr", "mine"), 200);
    CU_ASSERT_EQUAL(replace_as("s2", "./Acme/List/A/Name", "chr", "mine"), 425);
    CU_ASSERT_EQUAL(add_as("s1", "./Acme/List/A/Sub/x", "node", NULL), 200); /* rights above: inherits */
    IS(200, "./Acme/List/A/Sub/x?prop=ACL", "");
    CU_ASSERT_EQUAL(delete_as("s2", "./Acme/List/A"), 425);
    CU_ASSERT_EQUAL(delete_as("s1", "./Acme/List/A"), 200);
    close_world(&w);
}

/* C-113 */
static void formats_and_values_are_held_to_the_description(void)
{
    static const struct {
        const char *uri, *format, *data;
        int status;
    } row[] = {
        { "./Acme/Number", "int", "12", 200 },  { "./Acme/Number", "Int", "12", 200 },
        { "./Acme/Number", "chr", "12", 415 },  { "./Acme/Flag", "bool", "true", 200 },
        { "./Acme/Text", "chr", "", 200 },      { "./Acme/Text", "chr", "forbidden", 403 },
        { "./Acme/Bytes", "b64", "AQID", 200 }, { "./Acme/List", "chr", "x", 405 },
        { "./Acme/Run", "chr", "x", 405 },
    };
    struct tree_fixture w;
    struct str v;
    open_world(&w);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int status = replace_as("", row[i].uri, row[i].format, row[i].data);
        CU_ASSERT_EQUAL(status, row[i].status);
        if (status != row[i].status)
            printf("%s %s %s: %d instead of %d\n", row[i].uri, row[i].format, row[i].data, status, row[i].status);
    }
    CU_ASSERT(replace_as("", "./Acme/Number", "int", "twelve") >= 400);
    CU_ASSERT(replace_as("", "./Acme/Number", "int", "99999999999") >= 400);
    CU_ASSERT(replace_as("", "./Acme/Flag", "bool", "maybe") >= 400);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Flag", "bool", "1"), 200);
    IS(200, "./Acme/Flag", "true");
    CU_ASSERT(tree_value(w.tree, STR("./Acme/Bytes"), &w.a, &v));
    CU_ASSERT(str_eq(v, STR("\x01\x02\x03")));
    IS(200, "./Acme/Bytes?prop=Format", "bin");
    IS(405, "./Acme/Secret", "");
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Secret", "chr", "hush"), 200);
    IS(405, "./Acme/Secret", "");
    close_world(&w);
}

/* C-115 */
static void whole_subtrees_are_listed_without_what_may_not_be_read(void)
{
    struct tree_fixture w;
    struct tree_leaf *list;
    size_t n;
    open_world(&w);
    add_as("", "./Acme/List/A", "node", NULL);
    tree_set_acl(w.tree, STR("./Acme/List/A/Size"), STR("Get=other"));
    CU_ASSERT_EQUAL(tree_get(w.tree, STR("s1"), STR("./Acme/List?list=StructData"), &w.a, &list, &n), 200);
    CU_ASSERT_EQUAL(n, 4); /* List, A, Name, Sub */
    CU_ASSERT(n == 4 && str_is(list[2].uri, "./Acme/List/A/Name") && list[2].has_data &&
              str_is(list[2].data, "nobody"));
    CU_ASSERT(n == 4 && !list[0].has_data && list[0].format == DDF_NODE);
    CU_ASSERT_EQUAL(tree_get(w.tree, STR("s1"), STR("./Acme/List?list=Struct"), &w.a, &list, &n), 200);
    CU_ASSERT(n == 4 && !list[2].has_data);
    CU_ASSERT_EQUAL(tree_get(w.tree, STR("s1"), STR("./Acme?list=StructData"), &w.a, &list, &n), 200);
    for (size_t i = 0; i < n; i++)
        CU_ASSERT(!str_is(list[i].uri, "./Acme/Secret") && !str_is(list[i].uri, "./Acme/Run"));
    close_world(&w);
}

/* C-116 */
static void the_inbox_is_not_read(void)
{
    struct tree_fixture w;
    open_world(&w);
    IS(405, "./Inbox", "");
    close_world(&w);
}

static void a_node_that_an_object_serves_comes_and_goes(void)
{
    struct tree_fixture w;
    open_world(&w);
    IS(404, "./Acme/Live", "");
    w.live = true;
    IS(200, "./Acme/Live", "alive");
    close_world(&w);
}

/* The arena's ceiling as fault injection: wherever memory ends, there is a status and no half-made change. */
static void survives_running_out_of_memory(void)
{
    struct tree_fixture w;
    open_world(&w);
    add_as("", "./Acme/List/A", "node", NULL);
    for (size_t limit = 0; limit < 6000; limit += 24) {
        struct tree_leaf *list = NULL;
        struct arena a;
        size_t n = 0, before = tree_store_count(tree_records(w.tree));
        int status;
        arena_init(&a, limit);
        status = tree_get(w.tree, STR("s1"), STR("./Acme?list=StructData"), &a, &list, &n);
        CU_ASSERT(status == 200 || status == 413 || status == 500 || status == 404);
        status = tree_add(w.tree, LOCAL, STR("./Acme/List/New/Sub/x"), STR("node"), LOCAL, LOCAL, false, &a);
        if (status == 200) CU_ASSERT_EQUAL(tree_delete(w.tree, LOCAL, STR("./Acme/List/New"), &w.a), 200);
        tree_done(w.tree);
        CU_ASSERT_EQUAL(tree_store_count(tree_records(w.tree)), before);
        arena_finish(&a);
    }
    close_world(&w);
}

/* --- commands (CONFORMANCE.md C-010, C-011, C-019) --- */

struct tree_made {
    struct sml_cmd cmd[8];
    struct sml_item item[8];
    size_t n;
};

static struct sml_cmd *make(struct tree_made *m, enum sml_cmd_kind kind, const char *uri, const char *format,
                            const char *data)
{
    struct sml_cmd *c = &m->cmd[m->n];
    struct sml_item *i = &m->item[m->n++];

    *c = (struct sml_cmd){ .kind = kind, .items = uri ? i : NULL };
    *i = (struct sml_item){ .target = str_of(uri), .data = str_of(data), .has_data = data != NULL };
    i->meta.format = str_of(format);
    return c;
}

static struct sml_answer *answer_of(struct sml_cmd *c)
{
    struct exec_run x = { .t = now->tree, .cmds = c, .n = 1, .a = &now->a };

    CU_ASSERT_EQUAL(commands_exec_cmds(&x, NULL), RC_OK);
    return x.answers;
}

static void atomic_is_all_or_nothing(void)
{
    struct tree_fixture w;
    struct tree_made m = { .n = 0 };
    struct sml_cmd atomic = { .kind = SML_ATOMIC };
    struct sml_answer *out;
    open_world(&w);
    make(&m, SML_REPLACE, "./Acme/Text", "chr", "new");
    make(&m, SML_ADD, "./Acme/List/A", "node", NULL);
    make(&m, SML_REPLACE, "./Acme/Fixed", "chr", "x");
    make(&m, SML_REPLACE, "./Acme/Number", "int", "1");
    for (int i = 0; i < 3; i++) m.cmd[i].next = &m.cmd[i + 1];
    atomic.children = &m.cmd[0];
    out = answer_of(&atomic);
    CU_ASSERT_EQUAL(out->code, 507);
    CU_ASSERT_EQUAL(out->children[0].code, 216);
    CU_ASSERT_EQUAL(out->children[1].code, 216);
    CU_ASSERT_EQUAL(out->children[2].code, 405);
    CU_ASSERT_EQUAL(out->children[3].code, 215);
    IS(200, "./Acme/Text", "old");
    IS(200, "./Acme/List", "");
    CU_ASSERT_EQUAL(w.told, 0); /* nobody heard of what did not happen */
    CU_ASSERT_EQUAL(tree_store_count(tree_records(w.tree)), 0);
    m.cmd[1].next = &m.cmd[3];
    out = answer_of(&atomic);
    CU_ASSERT_EQUAL(out->code, 200);
    IS(200, "./Acme/Text", "new");
    IS(200, "./Acme/List", "A");
    CU_ASSERT_EQUAL(w.told, 2);
    close_world(&w);
}

static void atomic_takes_no_get_exec_or_atomic(void)
{
    struct tree_fixture w;
    struct tree_made m = { .n = 0 };
    struct sml_cmd atomic = { .kind = SML_ATOMIC }, inner = { .kind = SML_ATOMIC };
    struct sml_answer *out;
    open_world(&w);
    atomic.children = make(&m, SML_GET, "./Acme/Text", "", NULL);
    out = answer_of(&atomic);
    CU_ASSERT(out->code == 507 && out->children[0].code == 500);
    atomic.children = make(&m, SML_EXEC, "./Acme/Run", "", NULL);
    out = answer_of(&atomic);
    CU_ASSERT(out->code == 507 && out->children[0].code == 500 && w.execs == 0);
    atomic.children = &inner;
    out = answer_of(&atomic);
    CU_ASSERT(out->code == 507 && out->children[0].code == 500);
    close_world(&w);
}

static void sequence_goes_on_after_an_ordinary_failure(void)
{
    struct tree_fixture w;
    struct tree_made m = { .n = 0 };
    struct sml_cmd seq = { .kind = SML_SEQUENCE };
    struct sml_answer *out;
    open_world(&w);
    seq.children = make(&m, SML_REPLACE, "./Acme/Nothing", "chr", "x");
    seq.children->next = make(&m, SML_REPLACE, "./Acme/Text", "chr", "x");
    seq.children->next->next = make(&m, SML_EXEC, "./Acme/Run", "chr", "later");
    out = answer_of(&seq);
    CU_ASSERT(out->code == 200 && out->children[0].code == 404 && out->children[1].code == 200 &&
              out->children[2].code == 202);
    close_world(&w);
}

static void items_of_a_command_end_each_for_itself(void)
{
    struct tree_fixture w;
    struct tree_made m = { .n = 0 };
    struct sml_cmd *c;
    struct sml_answer *out;
    open_world(&w);
    c = make(&m, SML_GET, "./Acme/Text", "", NULL);
    make(&m, SML_GET, "./Acme/Nothing", "", NULL);
    make(&m, SML_GET, "./Acme/Number", "", NULL);
    m.item[0].next = &m.item[1];
    m.item[1].next = &m.item[2];
    out = answer_of(c);
    CU_ASSERT(out->item_codes && out->item_codes[0] == 200 && out->item_codes[1] == 404 && out->item_codes[2] == 200);
    CU_ASSERT_EQUAL(out->n_results, 2);
    CU_ASSERT(out->n_results == 2 && str_is(out->results[1].data, "7") && str_is(out->results[1].format, "int"));
    close_world(&w);
}

/* C-010, C-017, C-019 */
static void other_commands_are_answered_as_they_must(void)
{
    struct tree_fixture w;
    struct tree_made m = { .n = 0 };
    struct sml_cmd alert = { .kind = SML_ALERT, .data = STR("1101") }, unknown = { .kind = SML_UNKNOWN },
                   put = { .kind = SML_PUT };
    struct sml_cmd *copy;
    open_world(&w);
    CU_ASSERT_EQUAL(answer_of(&alert)->code, 406);
    CU_ASSERT_EQUAL(answer_of(&unknown)->code, 501);
    CU_ASSERT_EQUAL(answer_of(&put)->code, 405);
    CU_ASSERT_EQUAL(answer_of(make(&m, SML_EXEC, "./Acme/Text", "", NULL))->code, 405);
    CU_ASSERT_EQUAL(answer_of(make(&m, SML_EXEC, "./Acme/Nothing", "", NULL))->code, 404);
    CU_ASSERT_EQUAL(answer_of(make(&m, SML_EXEC, "./Acme/Run", "", NULL))->code, 1200);
    copy = make(&m, SML_COPY, "./Acme/Text", "", NULL);
    copy->items->source = STR("./Acme/Fixed");
    CU_ASSERT_EQUAL(answer_of(copy)->code, 200);
    IS(200, "./Acme/Text", "stone");
    copy->items->source = STR("./Acme/List");
    CU_ASSERT_EQUAL(answer_of(copy)->code, 405);
    close_world(&w);
}

TEST_MAIN("agent.tree", TEST_OF("C-101 C-103 C-105", what_must_be_is_there_with_its_default),
          TEST_OF("C-102 C-112", addresses_are_cut_as_they_must),
          TEST_OF("C-104 C-118", adding_makes_the_required_children), TEST_OF("C-106", deleting_takes_everything_below),
          TEST_OF("C-107 C-110 C-114", properties_are_as_the_spec_says),
          TEST_OF("C-114", c_114_a_change_of_value_is_counted_and_timed),
          TEST_OF("C-114", c_114_the_number_begins_again_after_the_largest),
          TEST_OF("C-114", c_114_children_are_the_value_of_an_interior_node),
          TEST_OF("C-114", c_114_what_is_taken_back_never_happened),
          TEST_OF("C-114", c_114_a_value_that_lives_has_neither), TEST_OF("C-108", renaming_moves_the_subtree),
          TEST_OF("C-109 C-111", rights_are_inherited_and_taken_as_a_whole),
          TEST_OF("C-109", a_new_node_without_rights_above_gets_its_own),
          TEST_OF("C-113", formats_and_values_are_held_to_the_description),
          TEST_OF("C-115", whole_subtrees_are_listed_without_what_may_not_be_read),
          TEST_OF("C-116", the_inbox_is_not_read), TEST(a_node_that_an_object_serves_comes_and_goes),
          TEST(survives_running_out_of_memory), TEST_OF("C-011", atomic_is_all_or_nothing),
          TEST_OF("C-011", atomic_takes_no_get_exec_or_atomic),
          TEST_OF("C-010", sequence_goes_on_after_an_ordinary_failure),
          TEST_OF("C-010", items_of_a_command_end_each_for_itself),
          TEST_OF("C-010 C-017 C-019", other_commands_are_answered_as_they_must))
