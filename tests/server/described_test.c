/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/device_ddf.h"
#include "server/store/replan.h"
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <string.h>

#define VM(vm, more)                                                                                                   \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: " vm ", authority: acme-it}\nspec:\n"                    \
    "  selector: 'device.id != \"\"'\n  vm: {id: " vm ", guestType: linux, image: \"base:1.0\", state: running" more   \
    "}\n"

#define LEAF(name, extra)                                                                                              \
    "<Node><NodeName>" name                                                                                            \
    "</NodeName><DFProperties><AccessType><Get/><Replace/></AccessType><DFFormat><int/></DFFormat>"                    \
    "<Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><MIME>text/plain</MIME></DFType>" extra         \
    "</DFProperties></Node>"
#define CPU(leaves)                                                                                                    \
    "<MgmtTree xmlns:MSFT=\"http://schemas.microsoft.com/MobileDevice/DM\"><VerDTD>1.2</VerDTD><Node><NodeName>VCPUs"  \
    "</NodeName><Path>./Virtualization/VM/*/Resources/CPU</Path>" leaves "</MgmtTree>"
#define ONE_TO(n) "<MSFT:AllowedValues ValueType=\"Range\"><MSFT:Value>[1-" n "]</MSFT:Value></MSFT:AllowedValues>"
#define VCPUS(extra)                                                                                                   \
    CPU("<DFProperties><AccessType><Get/><Replace/></AccessType>" extra                                                \
        "<DFFormat><int/></DFFormat><Occurrence><One/></Occurrence><DFType><MIME>text/plain</MIME></DFType>"           \
        "</DFProperties></Node>")

/* As the API keeps it, without its checks. */
static void upload(struct dm_fixture *l, const char *name, const char *man, const char *mod, const char *mo,
                   const char *ddf)
{
    const struct device_kind kind = { .man = str_of(man), .mod = str_of(mod), .mo = str_of(mo) };
    struct err e = { 0 };
    struct sql_rows *r = NULL;
    CU_ASSERT_EQUAL_FATAL(sql_begin(l->db, true, &e), RC_OK);
    enum rc rc = sql_start_text(
        l->db,
        STR("INSERT INTO description (authority_id, name, man, mod, mo, objects, nodes, bytes, data, created_ms, created_by)"
            " VALUES (1, :name, :man, :mod, :mo, '', 1, 1, :data, 1, 'test')"),
        SQL_ARGS({ "name", SQL_T(str_of(name)) }, { "man", SQL_T(kind.man) }, { "mod", SQL_T(kind.mod) },
                 { "mo", SQL_T(kind.mo) }, { "data", SQL_B(str_of(ddf)) }),
        &r, &e);
    while (!rc) rc = sql_step(r, &e);
    sql_end(r);
    CU_ASSERT_EQUAL_FATAL(rc, RC_NOT_FOUND);
    CU_ASSERT_EQUAL(replan_ask(l->db, 1, &kind, STR("description"), &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(sql_commit(l->db, &e), RC_OK);
}

static void stamp_all(struct dm_fixture *l)
{
    bool more = true;
    struct err e = { 0 };
    while (more) CU_ASSERT_EQUAL_FATAL(replan_slice(l->db, &l->srv, l->world.now_ms, &more, &e), RC_OK);
}

static const char *vcpus(struct dm_fixture *l, const char *device, const char *vm)
{
    char text[400];
    snprintf(text, sizeof text,
             "SELECT n.value FROM node n JOIN path USING (path_id) JOIN device d USING (device_id) WHERE d.name = '%s'"
             " AND uri = './Virtualization/VM/%s/Resources/CPU/VCPUs'",
             device, vm);
    return dm_fixture_text(l, text);
}

/* The same functions as enforcement: what is shown is what is done. */
static bool previews(struct dm_fixture *l, const char *device, const char *says)
{
    struct store *st = NULL;
    struct dm_device d;
    struct pol_facts f;
    struct pol_desired desired;
    struct pol_plan plan;
    struct arena a;
    struct err e = { 0 };
    bool found = false;
    arena_init(&a, 64 << 20);
    CU_ASSERT_EQUAL_FATAL(store_open(&l->srv, &st, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(store_load_device(st, STR("acme-it"), str_of(device), l->world.now_ms, &a, &d, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(store_load_facts(st, &d, NULL, l->world.now_ms, &a, &f, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&f, &a, &desired, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_make_plan(&f, &desired, &a, &plan, &e), RC_OK);
    for (const struct pol_wait *w = plan.waits; w; w = w->next) found |= strstr(w->why.p, says) != NULL;
    store_close(st);
    arena_finish(&a);
    return found;
}

static void a_value_that_the_devices_own_description_rules_out_waits_and_the_rest_goes_on(void)
{
    static const char says[] = "resources.cpu.vcpus";
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *small = fixture_device_begin(l, "IMEI:001"), *big = fixture_device_begin(l, "IMEI:002");
    small->model = "Small";
    upload(l, "small phones", "Acme", "Small", "", VCPUS(ONE_TO("1")));
    CU_ASSERT(fixture_device_call(small, 1201, "1"));
    CU_ASSERT(fixture_device_call(big, 1201, "1"));
    dm_fixture_image(l, "base", "1.0");
    dm_fixture_policy(l, VM("corp", ", resources: {cpu: {vcpus: 2, maxVcpus: 4}}"));
    dm_fixture_policy(l, VM("home", ", resources: {cpu: {vcpus: 1, maxVcpus: 4}}"));
    fixture_device_settle(small, 20);
    fixture_device_settle(big, 20);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT summary FROM device WHERE name = 'IMEI:002'"), "settled");
    CU_ASSERT_STRING_EQUAL(vcpus(l, "IMEI:002", "corp"), "2");
    CU_ASSERT_STRING_NOT_EQUAL(vcpus(l, "IMEI:001", "corp"), "2");
    CU_ASSERT_STRING_EQUAL(vcpus(l, "IMEI:001", "home"), "1");
    /* What is not sent says where the rule stands, the address, the value, and what is allowed. */
    const char *why = dm_fixture_text(l, "SELECT summary_why FROM device WHERE name = 'IMEI:001'");
    CU_ASSERT_PTR_NOT_NULL(strstr(why, says));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "./Virtualization/VM/corp/Resources/CPU/VCPUs"));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "(description small phones)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"2\" is not allowed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "allowed is 1 to 1"));
    CU_ASSERT_STRING_EQUAL(
        dm_fixture_text(l, "SELECT state FROM vm JOIN device USING (device_id) WHERE name = 'IMEI:001'"
                           " AND vm = 'home'"),
        dm_fixture_text(l, "SELECT state FROM vm JOIN device USING (device_id) WHERE name = 'IMEI:002'"
                           " AND vm = 'home'"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM failure"), 0); /* nothing was sent that had to fail */
    CU_ASSERT(previews(l, "IMEI:001", "(description small phones)"));
    CU_ASSERT_FALSE(previews(l, "IMEI:002", "description"));
    fixture_device_end(small);
    fixture_device_end(big);
    dm_fixture_end(l);
}

static void an_upload_calls_the_devices_it_is_meant_for_and_is_read_once_for_all_of_them(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *one = fixture_device_begin(l, "IMEI:001"), *two = fixture_device_begin(l, "IMEI:002"),
                          *other = fixture_device_begin(l, "IMEI:003");
    size_t kept = 0;
    uint64_t n_read = 0;
    one->model = two->model = "Small";
    dm_fixture_image(l, "base", "1.0");
    dm_fixture_policy(l, VM("corp", ", resources: {cpu: {vcpus: 2, maxVcpus: 4}}"));
    CU_ASSERT(fixture_device_settle(one, 20) <= 20);
    CU_ASSERT(fixture_device_settle(two, 20) <= 20);
    CU_ASSERT(fixture_device_settle(other, 20) <= 20);
    dm_fixture_sql(l, "UPDATE device SET push_channel = 'udp'; DELETE FROM notification");
    ddf_cache_count(l->srv.schemas, &kept, &n_read);
    CU_ASSERT(kept == 0 && n_read == 0); /* nobody pays for what nobody has */
    upload(l, "small", "Acme", "Small", "", VCPUS(ONE_TO("1")));
    upload(l, "nobody's", "Acme", "Huge", "", VCPUS(ONE_TO("1")));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation > observed_generation"),
                    0); /* not in the request */
    stamp_all(l);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM replan"), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation > observed_generation"), 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation > observed_generation FROM device WHERE name = 'IMEI:003'"),
                    0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification WHERE why = 'description'"), 2);
    /* What is set already stays: there is nothing to send, so nothing is refused. */
    CU_ASSERT(fixture_device_settle(one, 20) <= 20);
    CU_ASSERT(fixture_device_settle(two, 20) <= 20);
    ddf_cache_count(l->srv.schemas, &kept, &n_read);
    CU_ASSERT(kept == 1 && n_read == 1);
    CU_ASSERT(fixture_device_call(one, 1201, "77") && one->posts == 1); /* quiet again */
    fixture_device_end(one);
    fixture_device_end(two);
    fixture_device_end(other);
    dm_fixture_end(l);
}

/* A fleet is stamped and called slice by slice; a crash between two of them loses nothing. */
static void a_fleet_is_planned_anew_in_slices(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    bool more = false;
    struct err e = { 0 };
    dm_fixture_sql(
        l,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO device (authority_id, name,"
        " created_ms, push_channel, push_address, observed_generation) SELECT 1, 'd' || i, 1, 'udp', 'x', 1 FROM n;"
        "INSERT INTO attribute_row (device_id, name, value) SELECT device_id, 'devinfo.man', 'Acme' FROM device;"
        "INSERT INTO attribute_row (device_id, name, value) SELECT device_id, 'devinfo.mod',"
        " CASE WHEN device_id % 2 THEN 'Odd' ELSE 'Even' END FROM device;"
        "INSERT INTO policy (authority_id, name, revision, created_ms) VALUES (1, 'p', 1, 1)");
    upload(l, "odd", "Acme", "Odd", "", VCPUS(ONE_TO("1")));
    CU_ASSERT_EQUAL(replan_slice(l->db, &l->srv, l->world.now_ms, &more, &e), RC_OK);
    CU_ASSERT(more);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation > observed_generation"),
                    REPLAN_DEVICES / 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification"), REPLAN_DEVICES / 2);
    dm_fixture_crash(l);
    stamp_all(l);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation > observed_generation"), 600);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification"), 600);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM notification JOIN device USING (device_id) WHERE device_id % 2 = 0"),
        0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE next_notification_no = 2"), 600);
    dm_fixture_end(l);
}

static const struct ddf_node *describes(struct device_ddf *d, struct authorities *c, struct device_kind kind)
{
    const struct ddf_schema *s = NULL;
    struct err e = { 0 };
    CU_ASSERT_EQUAL_FATAL(device_ddf_find(d, authorities_find(c, STR("acme-it")), &kind, &s, &e), RC_OK);
    const struct ddf_node *n = ddf_schema_find(s, STR("./Virtualization/VM/corp/Resources/CPU/VCPUs"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    return n;
}

/* ddf-tnds.md 5: what is for the object wins over what is for the whole device; then the more particular one. */
static void the_nearest_description_wins(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct store *st = NULL;
    struct err e = { 0 };
    CU_ASSERT_EQUAL_FATAL(store_open(&l->srv, &st, &e), RC_OK);
    upload(l, "object", "", "", "urn:x", VCPUS(ONE_TO("1")));
    upload(l, "model", "Acme", "Small", "", VCPUS(ONE_TO("2")));
    upload(l, "maker", "Acme", "", "", VCPUS(ONE_TO("3")));
    upload(l, "all", "", "", "", VCPUS(ONE_TO("4")));
    upload(l, "all again", "", "", "", VCPUS(ONE_TO("5")));
    CU_ASSERT_EQUAL_FATAL(store_refresh(st, &e), RC_OK);
    struct authorities *c = store_catalog(st);
    struct device_ddf *d = device_ddf_create(&l->srv, store_sql(st), c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    static const struct {
        const char *man, *mod, *mo, *says;
    } row[] = {
        { "", "", "", "all again" },
        { "Acme", "", "", "maker" },
        { "Acme", "Big", "", "maker" },
        { "Acme", "Small", "", "model" },
        { "Acme", "Small", "urn:x", "object" },
        { "Other", "Small", "", "all again" },
        { "acme", "Small", "", "all again" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct device_kind kind = { .man = str_of(row[i].man),
                                          .mod = str_of(row[i].mod),
                                          .mo = str_of(row[i].mo) };
        const struct ddf_node *n = describes(d, c, kind);
        if (!str_is(n->document, row[i].says)) fprintf(stderr, "row %zu: %.*s\n", i, STR_ARG(n->document));
        CU_ASSERT(str_is(n->document, row[i].says));
    }
    device_ddf_destroy(d);
    store_close(st);
    dm_fixture_end(l);
}

static void one_that_cannot_be_read_any_more_is_left_out(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct store *st = NULL;
    struct err e = { 0 };
    size_t kept = 0;
    uint64_t n_read = 0;
    CU_ASSERT_EQUAL_FATAL(store_open(&l->srv, &st, &e), RC_OK);
    upload(l, "good", "", "", "", VCPUS(ONE_TO("4")));
    upload(l, "bad", "", "", "", "<MgmtTree>");
    CU_ASSERT_EQUAL_FATAL(store_refresh(st, &e), RC_OK);
    struct device_ddf *d = device_ddf_create(&l->srv, store_sql(st), store_catalog(st));
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT(str_is(describes(d, store_catalog(st), (struct device_kind){ .mo = { 0 } })->document, "good"));
    /* Once it is forgotten it goes with its last user, and whoever comes next reads anew. */
    ddf_cache_forget(l->srv.schemas, 2);
    ddf_cache_count(l->srv.schemas, &kept, &n_read);
    CU_ASSERT(kept == 1 && n_read == 1);
    device_ddf_refresh(d);
    ddf_cache_count(l->srv.schemas, &kept, &n_read);
    CU_ASSERT(kept == 0 && n_read == 1);
    describes(d, store_catalog(st), (struct device_kind){ .mo = { 0 } });
    ddf_cache_count(l->srv.schemas, &kept, &n_read);
    CU_ASSERT(kept == 1 && n_read == 2);
    device_ddf_destroy(d);
    store_close(st);
    dm_fixture_end(l);
}

TEST_MAIN("server.described", TEST(a_value_that_the_devices_own_description_rules_out_waits_and_the_rest_goes_on),
          TEST(an_upload_calls_the_devices_it_is_meant_for_and_is_read_once_for_all_of_them),
          TEST(a_fleet_is_planned_anew_in_slices), TEST(the_nearest_description_wins),
          TEST(one_that_cannot_be_read_any_more_is_left_out))
