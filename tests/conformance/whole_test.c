/* The server and the reference device together, from REST's row in the database to the device's tree and back,
 * without sockets. */
#include "agent/hv.h"
#include "agent/loader.h"
#include "agent/session.h"
#include "agent/tree.h"
#include "agent/device_int.h"
#include "agent/user.h"
#include "base/text.h"
#include "tests/lib/test.h"
#include "tests/server/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct whole {
    struct lab *l;
    struct phone *registered; /* only its account */
    struct device_shared *shared;
    struct device_config config;
    struct device *device;
    struct hv *hv;
    struct loader *loader;
    uint64_t seed;
    struct world w;
    unsigned posts;
};

static const char *source(const char *what)
{
    static char path[2][600];
    static int at;
    const char *root = getenv("DMVISOR_SOURCE");
    at ^= 1;
    snprintf(path[at], sizeof path[at], "%s/%s", root ? root : ".", what);
    return path[at];
}

static void add_account(struct whole *w)
{
    char json[900], client[64], server[64];
    struct account acc;
    struct err e = { 0 };
    text_b64(w->registered->client_nonce, w->registered->n_client_nonce, client);
    text_b64(w->registered->server_nonce, w->registered->n_server_nonce, server);
    snprintf(
        json, sizeof json,
        "{\"serverId\":\"com.acme.dm\",\"url\":\"https://dm.example.net:8443/dm\",\"clientName\":\"%s\",\"clientPassword\":\"%s\","
        "\"serverName\":\"com.acme.dm\",\"serverPassword\":\"%s\",\"clientNonce\":\"%s\",\"serverNonce\":\"%s\",\"auth\":\"md5\",\"pollS\":60}",
        w->registered->name, w->registered->password, w->registered->server_password, client, server);
    CU_ASSERT_EQUAL_FATAL(account_parse(str_of(json), "account", &acc, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(device_add_account(w->device, &acc, &w->w, &e), RC_OK);
}

static void open_whole(struct whole *w, enum sml_type encoding)
{
    struct err e = { 0 };
    memset(w, 0, sizeof *w);
    w->l = lab_begin();
    w->registered = phone_begin(w->l, "IMEI:001");
    w->seed = 11;
    w->w = world_fixed(w->l->world.now_ms, &w->seed);
    w->hv = hv_sim_create(100, 5);
    w->loader = loader_sim_create();
    hv_sim_advance(w->hv, w->w.now_ms);
    w->config = (struct device_config){ .id = "IMEI:001",
                                        .manufacturer = "Acme",
                                        .model = "Phone-1",
                                        .version = "agent 0.1",
                                        .language = "en-GB",
                                        .type = "phone",
                                        .oem = "Acme",
                                        .firmware = "1",
                                        .software = "2",
                                        .hardware = "3",
                                        .images_dir = "/nonexistent",
                                        .vms_dir = "",
                                        .max_msg_bytes = 16384,
                                        .max_obj_bytes = 1 << 20,
                                        .encoding = encoding };
    CU_ASSERT_EQUAL_FATAL(device_shared_load(source("ddf"), source("agent"), &w->shared, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(device_create(w->shared, &w->config, w->hv, w->loader, NULL, &w->w, &w->device, &e), RC_OK);
    add_account(w);
}

static void close_whole(struct whole *w)
{
    device_destroy(w->device);
    w->hv->class->destroy(w->hv);
    loader_destroy(w->loader);
    device_shared_destroy(w->shared);
    phone_end(w->registered);
    lab_end(w->l);
}

/* "?s=..." of the address a message goes to */
static struct str token_of(struct str url)
{
    size_t at = str_find(url, '=', 0);
    return at < url.n ? str_slice(url, at + 1, url.n) : (struct str){ 0 };
}

/* One session. @return it ended well */
static bool session(struct whole *w)
{
    struct session *s = NULL;
    struct session_post post;
    struct exchange_reply rp = { 0 };
    struct err e = { 0 };
    const struct session_start st = { .server_id = STR("com.acme.dm") };
    enum session_next next = SESSION_POST;
    if (session_create(w->device, &st, &w->w, &s, &post, &e)) next = SESSION_FAILED;
    for (w->posts = 0; next == SESSION_POST && w->posts < 60; w->posts++) {
        const struct exchange_request rq = { .token = token_of(post.url),
                                             .resp_base = STR("https://dm.example.net:8443/dm"),
                                             .body = post.body,
                                             .user_agent = STR("agent"),
                                             .remote = STR("192.0.2.7"),
                                             .hmac = post.hmac,
                                             .type = w->config.encoding,
                                             .answer = w->config.encoding,
                                             .tls = true };
        exchange(w->l->dm, &w->l->world, &rq, &rp, &e);
        CU_ASSERT_EQUAL(dm_commit(w->l->dm, &e), RC_OK);
        next = session_reply(s, &w->w, rp.status, sml_mime(rp.type), str_of(rp.hmac), buf_str(&rp.body), &post, &e);
        exchange_reply_finish(&rp);
        memset(&rp, 0, sizeof rp);
    }
    if (next != SESSION_OVER) fprintf(stderr, "session: %s\n", e.text);
    session_destroy(s);
    return next == SESSION_OVER;
}

/* An operation of kind "tree", as REST makes it; sessions until it is through. @return its state and what was read */
static const char *tree_operation(struct whole *w, const char *command, const char *uri, const char *format,
                                  const char *data)
{
    static char out[8192];
    char text[6000];
    snprintf(
        text, sizeof text,
        "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, tree_command, tree_uri, tree_format, tree_data,"
        " correlator, state, created_by, created_ms, updated_ms) VALUES (1, 'tree', 0, 0, '', '', '%s', '%s', '%s', %s%s%s,"
        " 'w-' || (SELECT count(*) FROM operation), 'queued', 'test', 1, 1)",
        command, uri, format, data ? "'" : "", data ? data : "NULL", data ? "'" : "");
    lab_sql(w->l, text);
    lab_sql(w->l,
            "UPDATE authority SET stamp = stamp + 1; UPDATE device SET want_stamp = (SELECT stamp FROM authority)");
    lab_wait(w->l, 1000);
    w->w.now_ms += 1000;
    for (int i = 0; i < 3; i++) CU_ASSERT(session(w));
    snprintf(out, sizeof out, "%s",
             lab_text(w->l,
                      "SELECT state || ' ' || COALESCE(code, '') || ' ' || COALESCE(tree_result, '') FROM operation"
                      " ORDER BY operation_id DESC LIMIT 1"));
    return out;
}

/* What the server believes of the device, as one text. */
static const char *mirror(struct whole *w)
{
    static char out[2][8192];
    static int at;
    at ^= 1;
    snprintf(
        out[at], sizeof out[at], "%s",
        lab_text(
            w->l,
            "SELECT group_concat(uri || ' ' || format || '=' || COALESCE(value, ''), x'0A') FROM (SELECT p.uri, n.format,"
            " n.value FROM node n JOIN path p USING (path_id) WHERE p.uri LIKE './DevDetail%' OR p.uri LIKE './Virtualization/Config%' ORDER BY p.uri)"));
    return out[at];
}

static bool has(const char *text, const char *part)
{
    bool there = text && strstr(text, part);
    if (!there) printf("\nno %s in %s\n", part, text ? text : "nothing");
    return there;
}

#define HAS(text, part) CU_ASSERT(has(text, part))

static const enum sml_type both[] = { SML_XML, SML_WBXML };

static void the_server_and_the_device_settle(void)
{
    for (size_t t = 0; t < 2; t++) {
        struct whole w;
        open_whole(&w, both[t]);
        CU_ASSERT(session(&w));
        CU_ASSERT_STRING_EQUAL(lab_text(w.l, "SELECT value FROM attribute WHERE name = 'devinfo.man'"), "Acme");
        close_whole(&w);
    }
}

static void acls_are_read_changed_and_written(void)
{
    struct whole w;
    open_whole(&w, SML_WBXML);
    CU_ASSERT(session(&w));
    HAS(tree_operation(&w, "get", "./Virtualization/Config?prop=ACL", "", NULL), "verified 200");
    HAS(tree_operation(&w, "replace", "./Virtualization/Config?prop=ACL", "chr",
                       "Get=*&Replace=com.acme.dm+org.oper&Add=com.acme.dm"),
        "verified");
    CU_ASSERT(str_is(tree_acl(w.device->tree, STR("./Virtualization/Config")),
                     "Get=*&Replace=com.acme.dm+org.oper&Add=com.acme.dm"));
    HAS(tree_operation(&w, "get", "./Virtualization/Config?prop=ACL", "", NULL), "Replace=com.acme.dm+org.oper");
    HAS(tree_operation(&w, "replace", "./Virtualization/Config?prop=ACL", "chr", "no acl"), "failed 400");
    close_whole(&w);
}

static void every_property_is_read_and_three_are_written(void)
{
    static const struct {
        const char *prop, *want;
    } row[] = {
        { "ACL", "verified 200" },    { "Format", "\"int\"" },     { "Name", "\"KPIIntervalS\"" },
        { "Type", "text/plain" },     { "Size", "verified 200" },  { "Title", "verified 200" },
        { "TStamp", "verified 200" }, { "VerNo", "verified 200" },
    };
    struct whole w;
    char uri[100];
    open_whole(&w, SML_XML);
    CU_ASSERT(session(&w));
    const char *before = mirror(&w);
    HAS(before, "./Virtualization/Config/KPIIntervalS");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        snprintf(uri, sizeof uri, "./Virtualization/Config/KPIIntervalS?prop=%s", row[i].prop);
        HAS(tree_operation(&w, "get", uri, "", NULL), row[i].want);
    }
    HAS(tree_operation(&w, "replace", "./Virtualization/Config/KPIIntervalS?prop=Title", "chr", "How often"),
        "verified");
    HAS(tree_operation(&w, "get", "./Virtualization/Config/KPIIntervalS?prop=Title", "", NULL), "How often");
    HAS(tree_operation(&w, "get", "./Virtualization?prop=ACL", "", NULL), "verified 200");
    CU_ASSERT_STRING_EQUAL(mirror(&w), before); /* a property is no value of the node */
    CU_ASSERT_EQUAL(lab_int(w.l, "SELECT count(*) FROM failure"), 0);
    HAS(tree_operation(&w, "add", "./VMImages/one", "node", NULL), "verified");
    HAS(tree_operation(&w, "replace", "./VMImages/one?prop=Name", "chr", "Two"), "verified");
    HAS(tree_operation(&w, "get", "./VMImages", "", NULL), "Two");
    HAS(tree_operation(&w, "replace", "./VMImages?prop=Name", "chr", "Other"), "failed 4");
    close_whole(&w);
}

static void the_case_of_names_is_kept(void)
{
    struct whole w;
    open_whole(&w, SML_WBXML);
    CU_ASSERT(session(&w));
    HAS(tree_operation(&w, "add", "./VMImages/MiXed", "node", NULL), "verified");
    HAS(tree_operation(&w, "add", "./VMImages/mixed", "node", NULL), "verified"); /* another node on this device */
    const char *list = tree_operation(&w, "get", "./VMImages", "", NULL);
    HAS(list, "MiXed");
    HAS(list, "mixed");
    CU_ASSERT_EQUAL(lab_int(w.l, "SELECT count(*) FROM operation WHERE state = 'failed'"), 0);
    HAS(tree_operation(&w, "get", "./vmimages/MiXed", "", NULL), "failed 404");
    close_whole(&w);
}

static void subtrees_are_read_in_every_way(void)
{
    struct whole w;
    open_whole(&w, SML_XML);
    CU_ASSERT(session(&w));
    HAS(tree_operation(&w, "get", "./DevDetail?list=StructData", "", NULL), "./DevDetail/SwV");
    const char *before = mirror(&w);
    HAS(before, "./DevDetail/SwV");
    HAS(tree_operation(&w, "get", "./DevDetail?list=Struct", "", NULL), "./DevDetail/SwV");
    CU_ASSERT_STRING_EQUAL(mirror(&w), before); /* none of these says what a node's value is */
    HAS(tree_operation(&w, "get", "./DevDetail?list=TNDS", "", NULL), "MgmtTree");
    CU_ASSERT_STRING_EQUAL(mirror(&w), before);
    HAS(tree_operation(&w, "get", "./DevDetail?list=TNDS+Value", "", NULL), "SwV");
    HAS(tree_operation(&w, "get", "./Virtualization/Config?list=TNDS+TStamp+VerNo", "", NULL), "<VerNo>");
    HAS(tree_operation(&w, "get", "./DMAcc/com.acme.dm/AppAuth/1?list=TNDS", "", NULL), "MgmtTree");
    CU_ASSERT_PTR_NULL(strstr(tree_operation(&w, "get", "./DMAcc?list=TNDS", "", NULL), "secret of"));
    close_whole(&w);
}

static void values_are_copied_from_leaf_to_leaf(void)
{
    struct whole w;
    open_whole(&w, SML_XML);
    CU_ASSERT(session(&w));
    HAS(tree_operation(&w, "replace", "./Virtualization/Config/KPIIntervalS", "int", "77"), "verified");
    HAS(tree_operation(&w, "copy", "./Virtualization/Config/ProgressMinS", "", "./Virtualization/Config/KPIIntervalS"),
        "verified");
    HAS(tree_operation(&w, "get", "./Virtualization/Config/ProgressMinS", "", NULL), "\"77\"");
    HAS(tree_operation(&w, "copy", "./Virtualization/Config/ProgressMinS", "", "./Nowhere/There"), "failed 404");
    close_whole(&w);
}

static void the_person_at_the_device_is_asked(void)
{
    static struct user accepts = { .mode = USER_ACCEPTS }, denies = { .mode = USER_DENIES };
    static struct exec_user yes = { &accepts, user_show }, no = { &denies, user_show };
    struct whole w;
    open_whole(&w, SML_WBXML);
    CU_ASSERT(session(&w));
    HAS(tree_operation(&w, "confirm", "", "", "MAXDT=60\nRestart now?"), "failed 406"); /* nobody is there */
    w.device->config.user = &yes;
    HAS(tree_operation(&w, "display", "", "", "\nHello"), "verified 200");
    HAS(tree_operation(&w, "confirm", "", "", "MAXDT=60\nRestart now?"), "verified 200");
    HAS(tree_operation(&w, "input", "", "", "DR=my+name&MAXLEN=20\nName?"), "\"my name\"");
    HAS(tree_operation(&w, "choice", "", "", "DR=2\nWhich?\none\ntwo"), "\"value\":\"2\"");
    const char *both_of_them = tree_operation(&w, "choices", "", "", "DR=1-2\nWhich?\none\ntwo");
    HAS(both_of_them, "\"value\":\"1\"");
    HAS(both_of_them, "\"value\":\"2\"");
    w.device->config.user = &no;
    HAS(tree_operation(&w, "confirm", "", "", "\nRestart now?"), "failed 304");
    HAS(tree_operation(&w, "input", "", "", "\nName?"), "failed 214");
    close_whole(&w);
}

static void addresses_too_long_are_told(void)
{
    struct whole w;
    char uri[400];
    open_whole(&w, SML_XML);
    CU_ASSERT(session(&w));
    snprintf(uri, sizeof uri, "./VMImages/%0200d", 7);
    HAS(tree_operation(&w, "get", "./DevDetail/URI/MaxSegLen", "", NULL), "verified 200");
    lab_sql(
        w.l,
        "UPDATE node SET value = '20' WHERE path_id = (SELECT path_id FROM path WHERE uri = './DevDetail/URI/MaxSegLen')");
    HAS(tree_operation(&w, "add", "./VMImages/a-name-of-more-than-twenty", "node", NULL), "failed 414"); /* not sent */
    HAS(lab_text(w.l, "SELECT reason FROM operation ORDER BY operation_id DESC LIMIT 1"), "not sent");
    lab_sql(
        w.l,
        "UPDATE node SET value = '0' WHERE path_id = (SELECT path_id FROM path WHERE uri = './DevDetail/URI/MaxSegLen')");
    HAS(tree_operation(&w, "get", uri, "", NULL), "failed 4"); /* no limit known: the device says it */
    close_whole(&w);
}

TEST_MAIN("conformance.whole", TEST_OF("S-214", the_server_and_the_device_settle),
          TEST_OF("S-209", acls_are_read_changed_and_written),
          TEST_OF("S-210", every_property_is_read_and_three_are_written), TEST_OF("S-217", the_case_of_names_is_kept),
          TEST_OF("S-215 X-005", subtrees_are_read_in_every_way),
          TEST_OF("S-203 C-019", values_are_copied_from_leaf_to_leaf),
          TEST_OF("S-213 C-017", the_person_at_the_device_is_asked), TEST_OF("S-216", addresses_too_long_are_told))
