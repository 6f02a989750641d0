/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the checklist about serialised trees on the device (ddf-tnds.md 4): Get, Add and Replace of whole
 * documents. */
#include "base/text.h"
#include "ddf/tnds/tnds.h"
#include "tests/agent/tree_fixture.h"

#define DOC(inner) "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>" inner "</MgmtTree>"
#define RT(more)   "<RTProperties>" more "</RTProperties>"
#define NODE(name, inner)                                                                                              \
    "<Node><NodeName>" name "</NodeName>" RT("<Format><node/></Format><Type><DDFName/></Type>") inner "</Node>"
#define LEAF_OF(name, format, value)                                                                                   \
    "<Node><NodeName>" name                                                                                            \
    "</NodeName>" RT("<Format><" format "/></Format><Type><MIME>text/plain</MIME></Type>") "<Value>" value             \
                                                                                           "</Value></Node>"

static int put(const char *server, bool replace, const char *uri, const char *type, const char *doc)
{
    int status = replace ? tree_replace(now->tree, str_of(server), str_of(uri), STR("xml"), str_of(type), str_of(doc),
                                        true, &now->a)
                         : tree_add(now->tree, str_of(server), str_of(uri), STR("xml"), str_of(type), str_of(doc), true,
                                    &now->a);
    tree_done(now->tree);
    return status;
}

static const char *got(const char *server, const char *uri, int want, struct str *type)
{
    struct tree_leaf *list = NULL;
    size_t n = 0;
    struct str out;
    int status = tree_get(now->tree, str_of(server), str_of(uri), &now->a, &list, &n);
    CU_ASSERT_EQUAL(status, want);
    if (status != 200) return "";
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT(arena_str(&now->a, list[0].data, &out));
    if (type) *type = list[0].type;
    return out.p;
}

#define XML DDF_TNDS_XML
static bool has(const char *text, const char *part)
{
    bool there = text && strstr(text, part);
    if (!there) printf("\nno %s in %s\n", part, text ? text : "nothing");
    return there;
}

#define HAS(text, part)     CU_ASSERT(has(text, part))
#define HAS_NOT(text, part) CU_ASSERT_PTR_NULL(strstr(text, part))

static void x_002_add_is_all_or_nothing(void)
{
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List", XML,
                        DOC(NODE("Office", LEAF_OF("Name", "chr", "me") LEAF_OF("Size", "int", "5")
                                               NODE("Sub", NODE("x", LEAF_OF("Leaf", "chr", "deep")))))),
                    200);
    IS(200, "./Acme/List", "Office");
    IS(200, "./Acme/List/Office/Name", "me");
    IS(200, "./Acme/List/Office/Size", "5");
    IS(200, "./Acme/List/Office/Sub/x/Leaf", "deep");
    size_t records = tree_store_count(tree_records(w.tree));
    int told = w.told;
    static const struct {
        const char *doc;
        int status;
    } bad[] = {
        { DOC(NODE("Office", "")), 418 }, /* is there */
        { DOC(NODE("B", LEAF_OF("Name", "chr", "b") LEAF_OF("Size", "int", "many"))),
          415 }, /* the last leaf is wrong */
        { DOC(NODE("B", LEAF_OF("Name", "chr", "b") LEAF_OF("Size", "chr", "1"))), 415 },
        { DOC(NODE("B", LEAF_OF("Name", "chr", "b") LEAF_OF("Strange", "chr", "1"))), 404 },
        { DOC(NODE("B", NODE("Name", ""))), 415 },
        { DOC(NODE("B", "") NODE("C", "") NODE("Office", "")), 418 },
        { "<MgmtTree><VerDTD>1.2</VerDTD>", 400 },
        { "no document", 400 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = put("", false, "./Acme/List", XML, bad[i].doc);
        CU_ASSERT(status == bad[i].status || (bad[i].status == 415 && status >= 400));
        IS(200, "./Acme/List", "Office");
        CU_ASSERT_EQUAL(tree_store_count(tree_records(w.tree)), records);
        CU_ASSERT_EQUAL(w.told, told);
    }
    close_world(&w);
}

static void x_002_replace_is_all_or_nothing(void)
{
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List", XML, DOC(NODE("A", LEAF_OF("Name", "chr", "me")))), 200);
    CU_ASSERT(put("", true, "./Acme/List/A", XML,
                  DOC(NODE("A", LEAF_OF("Name", "chr", "you") LEAF_OF("Size", "int", "big")))) >= 400);
    IS(200, "./Acme/List/A/Name", "me");
    CU_ASSERT_EQUAL(put("", true, "./Acme/List/A", XML,
                        DOC(NODE("A", LEAF_OF("Name", "chr", "you") LEAF_OF("Size", "int", "9")))),
                    200);
    IS(200, "./Acme/List/A/Name", "you");
    IS(200, "./Acme/List/A/Size", "9");
    CU_ASSERT_EQUAL(put("", true, "./Acme/List/Z", XML, DOC(NODE("Z", ""))), 404);
    CU_ASSERT_EQUAL(put("", true, "./Acme/Text", XML, DOC(LEAF_OF("Text", "chr", "forbidden"))),
                    403); /* the object refuses */
    IS(200, "./Acme/Text", "old");
    close_world(&w);
}

static void x_003_replace_removes_what_the_document_lacks(void)
{
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List", XML,
                        DOC(NODE("A", NODE("Sub", NODE("x", "") NODE("y", ""))) NODE("B", ""))),
                    200);
    CU_ASSERT_EQUAL(put("", true, "./Acme/List/A", XML, DOC(NODE("A", NODE("Sub", NODE("y", "") NODE("z", ""))))), 200);
    IS(200, "./Acme/List/A/Sub", "y/z");
    IS(200, "./Acme/List", "A/B");
    CU_ASSERT_EQUAL(put("", true, "./Acme/List", XML, DOC(NODE("List", NODE("B", "")))), 200);
    IS(200, "./Acme/List", "B");
    IS(200, "./Acme/List/B/Name", "nobody"); /* what must be there with its parent stays */
    /* and not by a server that may not delete it */
    tree_set_acl(w.tree, STR("./Acme/List/B"), STR("Get=*&Delete=s2"));
    tree_set_acl(w.tree, STR("./Acme/List"), STR("Get=*&Replace=s1&Add=s1&Delete=s1"));
    CU_ASSERT_EQUAL(put("s1", true, "./Acme/List", XML, DOC(NODE("List", ""))), 425);
    IS(200, "./Acme/List", "B");
    close_world(&w);
}

static void x_004_415_and_406_for_what_is_not_supported(void)
{
    static const char *const no_list[] = { "./Acme?list=TNDS+Value-ACL", "./Acme?list=TNDS+Nonsense",
                                           "./Acme?list=Everything" };
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List", "application/vnd.syncml.dmtnds+json", "{}"), 415);
    CU_ASSERT_EQUAL(put("", true, "./Acme/List", "application/vnd.syncml.dmtnds+json", "{}"), 415);
    CU_ASSERT_EQUAL(put("", true, "./Acme/List", "text/plain", "x"), 405);
    for (size_t i = 0; i < sizeof no_list / sizeof no_list[0]; i++) got("", no_list[i], 406, NULL);
    close_world(&w);
}

static void x_005_lists_have_the_properties_asked_for(void)
{
    struct tree_fixture w;
    struct str type;
    const char *t;
    open_world(&w);
    tree_set_acl(w.tree, STR("./Acme/Text"), STR("Get=*&Replace=s1"));
    t = got("", "./Acme?list=TNDS", 200, &type);
    CU_ASSERT(str_is(type, XML));
    HAS(t, "<NodeName>Acme</NodeName>");
    HAS(t, "urn:oma:mo:x-acme:1.0");
    HAS(t, "<Value>stone</Value>");
    HAS(t, "Replace=s1");
    HAS_NOT(t, "Secret"); /* what may not be read is not in it */
    HAS_NOT(t, "<NodeName>Run</NodeName>");
    t = got("", "./Acme?list=TNDS+Value", 200, NULL);
    HAS(t, "<Value>stone</Value>");
    HAS_NOT(t, "Replace=s1");
    HAS_NOT(t, "<Format>");
    t = got("", "./Acme?list=TNDS-Value-ACL", 200, NULL);
    HAS_NOT(t, "<Value>");
    HAS_NOT(t, "Replace=s1");
    HAS(t, "<Format>");
    tree_set_acl(w.tree, STR("./Acme/List"), STR("Get=other"));
    HAS_NOT(got("s1", "./Acme?list=TNDS", 200, NULL), "<NodeName>List</NodeName>");
    got("s1", "./Acme/List?list=TNDS", 425, NULL);
    got("", "./Nothing?list=TNDS", 404, NULL);
    close_world(&w);
}

static void x_005_versions_are_in_lists_that_want_them(void)
{
    struct tree_fixture w;
    const char *t;
    open_world(&w);
    w.live = true;
    tree_set_time(w.tree, TREE_FIXTURE_BORN_MS + 10000);
    CU_ASSERT_EQUAL(replace_as("", "./Acme/Number", "int", "8"), 200);
    t = got("", "./Acme/Number?list=TNDS", 200, NULL);
    HAS(t, "<TStamp>20300317T174650Z</TStamp>");
    HAS(t, "<VerNo>1</VerNo>");
    t = got("", "./Acme/Fixed?list=TNDS+TStamp+VerNo", 200, NULL);
    HAS(t, "<TStamp>20300317T174640Z</TStamp>");
    HAS(t, "<VerNo>0</VerNo>");
    HAS_NOT(t, "<Value>");
    t = got("", "./Acme/Number?list=TNDS+VerNo", 200, NULL);
    HAS(t, "<VerNo>1</VerNo>");
    HAS_NOT(t, "<TStamp>");
    t = got("", "./Acme?list=TNDS-TStamp-VerNo", 200, NULL);
    HAS_NOT(t, "<TStamp>");
    HAS_NOT(t, "<VerNo>");
    t = got("", "./Acme/Live?list=TNDS", 200, NULL); /* nobody knows when it changed */
    HAS(t, "<Value>alive</Value>");
    HAS_NOT(t, "<TStamp>");
    HAS_NOT(t, "<VerNo>");
    close_world(&w);
}

/* A document brings the versions of the tree it was read from; the device goes on counting for itself. */
static void x_001_versions_of_a_document_are_not_taken_over(void)
{
    static const char *const both[] = { "<TStamp>19990101T000000Z</TStamp><VerNo>77</VerNo>", "" };
    struct tree_fixture w;
    open_world(&w);
    for (size_t i = 0; i < 2; i++) {
        struct str doc = arena_printf(
            &w.a,
            "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Node><NodeName>Number</NodeName>"
            "<RTProperties><Format><int/></Format>%s<Type><MIME>text/plain</MIME></Type>"
            "</RTProperties><Value>%zu</Value></Node></MgmtTree>",
            both[i], 10 + i);
        tree_set_time(w.tree, TREE_FIXTURE_BORN_MS + 10000 * (int64_t)(i + 1));
        CU_ASSERT_EQUAL(put("", true, "./Acme/Number", XML, doc.p), 200);
        IS(200, "./Acme/Number?prop=VerNo", i ? "2" : "1");
        IS(200, "./Acme/Number?prop=TStamp", i ? "20300317T174700Z" : "20300317T174650Z");
        CU_ASSERT_EQUAL(put("", true, "./Acme/Number", XML, doc.p), 200); /* nothing new in it */
        IS(200, "./Acme/Number?prop=VerNo", i ? "2" : "1");
    }
    close_world(&w);
}

static void x_007_acls_obey_the_rules_of_change(void)
{
    struct tree_fixture w;
    open_world(&w);
#define WITH_ACL(name, acl)                                                                                            \
    "<Node><NodeName>" name                                                                                            \
    "</NodeName>" RT("<ACL>" acl "</ACL><Format><node/></Format><Type><DDFName/></Type>") "</Node>"
    tree_set_acl(w.tree, STR("./Acme/List"), STR("Get=*&Add=s1+s2&Replace=s1"));
    CU_ASSERT_EQUAL(put("s1", false, "./Acme/List", XML, DOC(WITH_ACL("A", "Get=*&amp;Replace=s1&amp;Delete=s1"))),
                    200);
    IS(200, "./Acme/List/A?prop=ACL", "Get=*&Replace=s1&Delete=s1");
    CU_ASSERT_EQUAL(put("s1", false, "./Acme/List", XML, DOC(WITH_ACL("B", "nonsense"))), 400);
    IS(200, "./Acme/List", "A");
    /* s2 may not change the ACL of what belongs to s1 */
    CU_ASSERT_EQUAL(put("s2", true, "./Acme/List/A", XML, DOC(WITH_ACL("A", "Get=*&amp;Replace=s2"))), 425);
    IS(200, "./Acme/List/A?prop=ACL", "Get=*&Replace=s1&Delete=s1");
    /* on what it made itself it has the rights that an Add gives, then those of the document */
    CU_ASSERT_EQUAL(put("s2", false, "./Acme/List", XML, DOC(WITH_ACL("C", "Get=s2&amp;Delete=s2"))), 200);
    IS(200, "./Acme/List/C?prop=ACL", "Get=s2&Delete=s2");
    close_world(&w);
}

static void x_006_the_device_takes_xml_and_wbxml(void)
{
    static const char doc[] = DOC(
        "<Node><NodeName>A</NodeName>" RT("<Format><node/></Format><Type><DDFName/></Type>") "<Node><NodeName>Name</NodeName>" RT(
            "<Format><chr/></Format><Type><MIME>text/plain</MIME></Type>") "<Value><![CDATA[a]]]]><![CDATA[>b]]></Value></Node></Node>");
    struct ddf_tnds tree;
    struct tree_fixture w;
    struct buf b;
    struct str b64;
    open_world(&w);
    CU_ASSERT_EQUAL_FATAL(ddf_tnds_parse_xml(str_of(doc), &w.a, &tree, NULL), RC_OK);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List", XML, doc), 200);
    IS(200, "./Acme/List/A/Name", "a]]>b");
    buf_init(&b, 0);
    CU_ASSERT_EQUAL(ddf_tnds_write_wbxml(&tree, DDF_TNDS_ALL, &b, NULL), RC_OK);
    for (int i = 0; i < 2; i++) { /* the octets, and as an XML message carries them */
        CU_ASSERT_EQUAL(delete_as("", "./Acme/List/A"), 200);
        b64 = buf_str(&b);
        if (i) {
            struct buf t;
            buf_init(&t, 0);
            text_b64_put(&t, buf_str(&b));
            CU_ASSERT(arena_str(&w.a, buf_str(&t), &b64));
            buf_finish(&t);
        }
        CU_ASSERT_EQUAL(tree_add(w.tree, LOCAL, STR("./Acme/List"), i ? STR("b64") : STR("bin"), STR(DDF_TNDS_WBXML),
                                 b64, true, &w.a),
                        200);
        tree_done(w.tree);
        IS(200, "./Acme/List/A/Name", "a]]>b");
    }
    buf_finish(&b);
    close_world(&w);
}

static void x_008_what_was_read_may_be_written_back(void)
{
    struct tree_fixture w;
    open_world(&w);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List", XML,
                        DOC(NODE("A", LEAF_OF("Name", "chr", "&lt;&amp;&gt; \"me\"")
                                          NODE("Sub", NODE("x", LEAF_OF("Leaf", "chr", "")))))),
                    200);
    tree_set_acl(w.tree, STR("./Acme/List/A/Sub"), STR("Get=*&Replace=s1"));
    const char *first = got("", "./Acme/List?list=TNDS", 200, NULL);
    const char *plain = got("", "./Acme/List?list=TNDS-TStamp-VerNo", 200, NULL);
    size_t records = tree_store_count(tree_records(w.tree));
    CU_ASSERT_EQUAL(put("", true, "./Acme/List", XML, first), 200); /* nothing changes */
    CU_ASSERT_EQUAL(tree_store_count(tree_records(w.tree)), records);
    CU_ASSERT_STRING_EQUAL(got("", "./Acme/List?list=TNDS", 200, NULL), first);
    const char *a = got("", "./Acme/List/A?list=TNDS", 200, NULL);
    CU_ASSERT_EQUAL(delete_as("", "./Acme/List/A"), 200);
    CU_ASSERT_EQUAL(put("", false, "./Acme/List/A", XML, a),
                    200); /* gone and made again: the same but for its history */
    CU_ASSERT_STRING_EQUAL(got("", "./Acme/List?list=TNDS-TStamp-VerNo", 200, NULL), plain);
    close_world(&w);
}

static void a_document_survives_running_out_of_memory(void)
{
    static const char doc[] = DOC(
        NODE("N", LEAF_OF("Name", "chr", "n") NODE("Sub", NODE("x", LEAF_OF("Leaf", "chr", "deep")))));
    struct tree_fixture w;
    open_world(&w);
    size_t records = tree_store_count(tree_records(w.tree));
    for (size_t limit = 0, good = 0; good < 3; limit += 64) {
        struct arena a;
        CU_ASSERT_FATAL(limit < 1 << 20);
        arena_init(&a, limit);
        int status = tree_add(w.tree, LOCAL, STR("./Acme/List"), STR("xml"), STR(XML), str_of(doc), true, &a);
        tree_done(w.tree);
        if (status == 200) {
            good++;
            IS(200, "./Acme/List/N/Sub/x/Leaf", "deep");
            CU_ASSERT_EQUAL(tree_delete(w.tree, LOCAL, STR("./Acme/List/N"), &w.a), 200);
            tree_done(w.tree);
        }
        CU_ASSERT_EQUAL(tree_store_count(tree_records(w.tree)),
                        records + (good > 0)); /* the list remembers that it changed */
        arena_finish(&a);
    }
    close_world(&w);
}

TEST_MAIN("conformance.tree", TEST(x_002_add_is_all_or_nothing), TEST(x_002_replace_is_all_or_nothing),
          TEST(x_003_replace_removes_what_the_document_lacks), TEST(x_004_415_and_406_for_what_is_not_supported),
          TEST(x_005_lists_have_the_properties_asked_for), TEST(x_005_versions_are_in_lists_that_want_them),
          TEST(x_001_versions_of_a_document_are_not_taken_over), TEST(x_006_the_device_takes_xml_and_wbxml),
          TEST(x_007_acls_obey_the_rules_of_change), TEST(x_008_what_was_read_may_be_written_back),
          TEST(a_document_survives_running_out_of_memory))
