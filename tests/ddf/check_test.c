/* SPDX-License-Identifier: Apache-2.0 */
/* The table of ddf-tnds.md 5, row by row: what we would rather not send, and the status it would bring. */
#include "base/buf.h"
#include "base/world.h"
#include "tests/ddf/shipped.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const commands[] = { [DDF_ADD] = "Add",   [DDF_COPY] = "Copy", [DDF_DELETE] = "Delete",
                                        [DDF_EXEC] = "Exec", [DDF_GET] = "Get",   [DDF_REPLACE] = "Replace" };

struct row {
    enum ddf_access command;
    const char *uri, *format, *type, *data;
    int status;
};

static void run(const struct ddf_schema *s, const struct row *row, size_t n, bool strict)
{
    for (size_t i = 0; i < n; i++) {
        struct err e = { 0 };
        int status = 0;
        enum rc rc = ddf_check(s, row[i].command, str_of(row[i].uri), str_of(row[i].format), str_of(row[i].type),
                               str_of(row[i].data), row[i].data != NULL, strict, &status, &e);
        if (status != row[i].status)
            fprintf(stderr, "%s %s: %d, want %d (%s)\n", commands[row[i].command], row[i].uri, status, row[i].status,
                    e.text);
        CU_ASSERT_EQUAL(status, row[i].status);
        CU_ASSERT_EQUAL(rc, status == 200 ? RC_OK : RC_INVALID);
        CU_ASSERT_EQUAL(e.rc == RC_OK, rc == RC_OK); /* a refusal says why */
    }
}

#define VM      "./Virtualization/VM/corp"
#define SIXTEEN "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"

static void commands_are_judged_as_a_device_would(void)
{
    static const struct row row[] = {
        { DDF_GET, ".", NULL, NULL, NULL, 200 },
        { DDF_GET, VM "/State", NULL, NULL, NULL, 200 },
        { DDF_GET, VM "?list=StructData", NULL, NULL, NULL, 200 },
        { DDF_GET, VM "?prop=ACL", NULL, NULL, NULL, 200 },
        { DDF_GET, "./VMImages/i/Auth", NULL, NULL, NULL, 405 }, /* write-only */
        { DDF_GET, "./Inbox", NULL, NULL, NULL, 405 },           /* C-116 */
        { DDF_GET, VM "/Operations/Start", NULL, NULL, NULL, 405 },
        { DDF_EXEC, VM "/Operations/Start", NULL, NULL, NULL, 200 },
        { DDF_EXEC, VM "/Operations/Start", "chr", "text/plain", "paused=1", 200 },
        { DDF_EXEC, VM "/Name", NULL, NULL, NULL, 405 },
        { DDF_ADD, VM, "node", NULL, NULL, 200 },
        { DDF_ADD, VM, "node", NULL, "x", 415 }, /* an interior node brings no value */
        { DDF_ADD, VM, "chr", NULL, NULL, 415 },
        { DDF_ADD, VM, NULL, NULL, NULL, 415 },                                /* without a Format it is chr */
        { DDF_ADD, VM "/Name", "chr", "text/plain", "Work", 200 },             /* Add stands on the parent */
        { DDF_ADD, VM "/Image/ImageID", "chr", "text/plain", "i1", 200 },      /* Add stands on the node */
        { DDF_ADD, VM "/Resources/CPU/VCPUs", "int", "text/plain", "2", 405 }, /* on neither */
        { DDF_ADD, "./Virtualization", "node", NULL, NULL, 405 },              /* permanent */
        { DDF_ADD, ".", "node", NULL, NULL, 405 },
        { DDF_ADD, VM "/Name/x", "chr", NULL, "1", 405 }, /* below a leaf */
        { DDF_ADD, "./Inbox/x", "xml", "application/vnd.syncml.dmtnds+xml", "<MgmtTree/>", 200 },
        { DDF_DELETE, VM, NULL, NULL, NULL, 200 },
        { DDF_DELETE, VM "/Periph/camera", NULL, NULL, NULL, 200 },
        { DDF_DELETE, VM "/Name", NULL, NULL, NULL, 405 },
        { DDF_DELETE, "./Virtualization", NULL, NULL, NULL, 405 },
        { DDF_DELETE, ".", NULL, NULL, NULL, 405 },
        { DDF_REPLACE, VM "/Name", "chr", "text/plain", "Work", 200 },
        { DDF_REPLACE, VM "/Name", NULL, NULL, "Work", 200 },
        { DDF_REPLACE, VM "/Name", "chr", "text/plain; charset=utf-8", "Work", 200 },
        { DDF_REPLACE, VM "/Name", "chr", "image/png", "Work", 415 },
        { DDF_REPLACE, VM "/Name", "int", "text/plain", "1", 415 },
        { DDF_REPLACE, VM "/Name", "colour", "text/plain", "1", 415 },
        { DDF_REPLACE, VM "/Name", "chr", "text/plain", "", 400 }, /* 1 to 64 characters */
        { DDF_REPLACE, VM "/State", "int", NULL, "50", 405 },
        { DDF_REPLACE, VM "/Resources", "node", NULL, NULL, 405 },
        { DDF_REPLACE, VM "/Resources", "xml", "application/vnd.syncml.dmtnds+xml", "<MgmtTree/>", 200 },
        { DDF_REPLACE, VM "/Name", "xml", "application/vnd.syncml.dmtnds+xml", "<MgmtTree/>", 415 },
        { DDF_REPLACE, VM "/Resources/CPU/VCPUs", "int", "text/plain", "2", 200 },
        { DDF_REPLACE, VM "/Resources/CPU/VCPUs", " INT ", "text/plain", "2", 200 }, /* any case */
        { DDF_REPLACE, VM "/Resources/CPU/VCPUs", "int", "text/plain", "0", 400 },
        { DDF_REPLACE, VM "/Resources/CPU/VCPUs", "int", "text/plain", "two", 415 },
        { DDF_REPLACE, VM "/Resources/CPU/VCPUs", "int", "text/plain", NULL, 415 },
        { DDF_REPLACE, VM "/Resources/CPU/Pinned", "bool", "text/plain", "true", 200 },
        { DDF_REPLACE, VM "/Resources/CPU/Pinned", "bool", "text/plain", "yes", 415 },
        { DDF_REPLACE, VM "/GuestType", "chr", "text/plain", "beos", 400 },
        { DDF_REPLACE, VM "/Upgrade/Require", "chr", "text/plain", "idle,wifi", 200 },
        { DDF_REPLACE, VM "/Upgrade/Require", "chr", "text/plain", "", 200 },
        { DDF_REPLACE, VM "/Upgrade/Require", "chr", "text/plain", "idle,moon", 400 },
        { DDF_REPLACE, VM "/Upgrade/Require", "chr", "text/plain", "idle,", 400 },
        { DDF_REPLACE, VM "/Upgrade/NotBefore", "chr", "text/plain", "20310131T120000Z", 200 },
        { DDF_REPLACE, VM "/Upgrade/NotBefore", "chr", "text/plain", "tomorrow", 400 },
        { DDF_REPLACE, VM "/DM/BootMsg", "b64", "application/octet-stream", "AAEC", 200 }, /* how bin travels in XML */
        { DDF_REPLACE, VM "/DM/BootMsg", "b64", "application/octet-stream", "AAE!", 415 },
        { DDF_REPLACE, VM "/DM/BootMsg", "bin", "application/octet-stream", "AAE!", 200 },
        { DDF_REPLACE, VM "/DM/BootMsg", "chr", "application/octet-stream", "AAEC", 415 },
        { DDF_REPLACE, VM "?prop=ACL", NULL, NULL, "Get=*", 200 },
        { DDF_REPLACE, VM "?prop=Title", NULL, NULL, "t", 200 },
        { DDF_REPLACE, VM "?prop=Name", NULL, NULL, "n", 200 },
        { DDF_REPLACE, "./Virtualization?prop=Name", NULL, NULL, "n", 405 },
        { DDF_REPLACE, VM "?prop=Size", NULL, NULL, "1", 405 },
        { DDF_ADD, VM "?prop=ACL", NULL, NULL, "Get=*", 405 },
        { DDF_REPLACE, VM "?list=TNDS", NULL, NULL, "", 406 },
        { DDF_GET, VM "?list=Nonsense", NULL, NULL, NULL, 400 },
        { DDF_GET, VM "/", NULL, NULL, NULL, 400 },
        { DDF_GET, "." SIXTEEN SIXTEEN SIXTEEN SIXTEEN, NULL, NULL, NULL, 200 },
        { DDF_GET, "." SIXTEEN SIXTEEN SIXTEEN SIXTEEN "/17", NULL, NULL, NULL, 414 },
        { DDF_COPY, VM "/Name", NULL, NULL, NULL, 200 },
        { DDF_COPY, VM "/State", NULL, NULL, NULL, 405 },
        { DDF_GET, "./Unknown/Node", NULL, NULL, NULL, 200 }, /* nobody described it: let the device say */
        { DDF_REPLACE, VM "/Unknown", "chr", NULL, "1", 200 },
    };
    static const struct row strict[] = {
        { DDF_GET, "./Unknown/Node", NULL, NULL, NULL, 404 },
        { DDF_REPLACE, VM "/Unknown", "chr", NULL, "1", 404 },
        { DDF_GET, VM "/State", NULL, NULL, NULL, 200 },
    };
    struct ddf_schema *s = shipped_schema();
    run(s, row, sizeof row / sizeof row[0], false);
    run(s, strict, sizeof strict / sizeof strict[0], true);
    ddf_schema_destroy(s);
}

/* A node that occurs exactly once goes with its parent only, whatever its access types say; one of many may go. */
static void what_must_be_there_is_not_deleted(void)
{
    static const struct row row[] = {
        { DDF_DELETE, "./A/One", NULL, NULL, NULL, 405 },
        { DDF_DELETE, "./A/Maybe", NULL, NULL, NULL, 200 },
        { DDF_DELETE, "./A/some", NULL, NULL, NULL, 200 },
        { DDF_DELETE, "./A", NULL, NULL, NULL, 405 },
    };
    static const char ddf[] =
        "<MgmtTree><Node><NodeName>A</NodeName><DFProperties><AccessType><Get/></AccessType><Occurrence><One/></Occurrence></DFProperties>"
        "<Node><NodeName>One</NodeName><DFProperties><AccessType><Delete/></AccessType><Occurrence><One/></Occurrence></DFProperties></Node>"
        "<Node><NodeName>Maybe</NodeName><DFProperties><AccessType><Delete/></AccessType><Occurrence><ZeroOrOne/></Occurrence></DFProperties></Node>"
        "<Node><NodeName/><DFProperties><AccessType><Delete/></AccessType><Occurrence><OneOrMore/></Occurrence></DFProperties></Node>"
        "</Node></MgmtTree>";
    struct ddf_schema *s = ddf_schema_create();
    CU_ASSERT_EQUAL_FATAL(ddf_schema_load(s, str_of(ddf), "t", NULL), RC_OK);
    run(s, row, sizeof row / sizeof row[0], false);
    ddf_schema_destroy(s);
}

static void a_refused_value_lists_what_is_allowed(void)
{
    static const struct {
        const char *uri, *value, *says;
    } row[] = {
        { VM "/Policy/LockAction", "7", "0 (hide UI only), 1 (pause), 2 (suspend), 3 (shutdown)" },
        { VM "/Resources/CPU/Shares", "0", "1 to 10000" },
        { VM "/Upgrade/Require", "idle,moon",
          "\"moon\" is not allowed for Require: allowed are idle, charging, wifi, bat50, nocall, bg" },
        { VM "/Resources/CPU/VCPUs", "4294967296", "32 bits" },
    };
    struct ddf_schema *s = shipped_schema();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct err e = { 0 };
        const struct ddf_node *n = ddf_schema_find(s, str_of(row[i].uri));
        CU_ASSERT_PTR_NOT_NULL_FATAL(n);
        CU_ASSERT_EQUAL(ddf_check_value(n, str_of(row[i].value), &e), RC_INVALID);
        if (!strstr(e.text, row[i].says)) fprintf(stderr, "%s\n", e.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
    }
    ddf_schema_destroy(s);
}

/* Whoever reads it shall know what to look at: the address, the description that says so, the value, what is allowed. */
static void a_refused_command_names_address_description_and_value(void)
{
    static const struct {
        enum ddf_access command;
        const char *uri, *value, *says;
    } row[] = {
        { DDF_REPLACE, VM "/Resources/CPU/Shares", "0",
          "Replace " VM
          "/Resources/CPU/Shares (description x-virmo-1.0): \"0\" is not allowed for Shares: allowed is 1 to 10000" },
        { DDF_REPLACE, VM "/Resources/CPU/VCPUs", "two",
          "Replace " VM
          "/Resources/CPU/VCPUs (description x-virmo-1.0): \"two\" is not a valid value for VCPUs: it must be a whole number" },
        { DDF_DELETE, "./DevInfo/Man", "",
          "Delete ./DevInfo/Man: a permanent node cannot be deleted (description devinfo)" },
    };
    struct ddf_schema *s = shipped_schema();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct err e = { 0 };
        int status;
        CU_ASSERT_EQUAL(ddf_check(s, row[i].command, str_of(row[i].uri), STR("int"), STR("text/plain"),
                                  str_of(row[i].value), row[i].value[0] != 0, true, &status, &e),
                        RC_INVALID);
        if (!strstr(e.text, row[i].says)) fprintf(stderr, "%s\n", e.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
    }
    ddf_schema_destroy(s);
}

/* A hundred of them would be a page, and none at all would be no help. */
static void a_long_list_of_allowed_values_is_cut(void)
{
    struct buf b;
    struct err e = { 0 };
    struct ddf_schema *s = ddf_schema_create();
    buf_init(&b, 0);
    buf_putz(
        &b,
        "<MgmtTree><Node><NodeName>A</NodeName><DFProperties><AccessType><Replace/></AccessType><DFFormat><int/></DFFormat>"
        "<MSFT:AllowedValues ValueType='ENUM'>");
    for (int i = 0; i < 300; i++)
        buf_printf(
            &b,
            "<MSFT:Enum><MSFT:Value>%d</MSFT:Value><MSFT:ValueDescription>%0100d</MSFT:ValueDescription></MSFT:Enum>",
            i, i);
    buf_putz(&b, "</MSFT:AllowedValues></DFProperties></Node></MgmtTree>");
    CU_ASSERT_EQUAL_FATAL(ddf_schema_load(s, buf_str(&b), "t", NULL), RC_OK);
    CU_ASSERT_EQUAL(ddf_check_value(ddf_schema_find(s, STR("./A")), STR("300"), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "allowed are 0 (0000"));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, " and 29"));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, " more"));
    buf_finish(&b);
    ddf_schema_destroy(s);
}

static void formats_have_the_syntax_of_the_specification(void)
{
    static const struct {
        enum ddf_format f;
        const char *text;
        bool ok;
    } row[] = {
        { DDF_INT, "0", true },
        { DDF_INT, "-2147483648", true },
        { DDF_INT, "2147483647", true },
        { DDF_INT, "2147483648", false },
        { DDF_INT, "", false },
        { DDF_INT, "1 ", false },
        { DDF_INT, "0x1", false },
        { DDF_BOOL, "true", true },
        { DDF_BOOL, "0", true },
        { DDF_BOOL, "True", false },
        { DDF_BOOL, "", false },
        { DDF_FLOAT, "1", true },
        { DDF_FLOAT, "-.5", true },
        { DDF_FLOAT, "1.", true },
        { DDF_FLOAT, "1.5e-3", true },
        { DDF_FLOAT, "NaN", true },
        { DDF_FLOAT, "-INF", true },
        { DDF_FLOAT, ".", false },
        { DDF_FLOAT, "1e", false },
        { DDF_FLOAT, "1,5", false },
        { DDF_FLOAT, "", false },
        { DDF_DATE, "20310131", true },
        { DDF_DATE, "2031-01-31", true },
        { DDF_DATE, "2031-0131", false },
        { DDF_DATE, "310131", false },
        { DDF_DATE, "20310131T120000Z", true },
        { DDF_DATE, "", false },
        { DDF_TIME, "120000", true },
        { DDF_TIME, "12:00:00.5Z", true },
        { DDF_TIME, "12:00:00+01:00", true },
        { DDF_TIME, "12", false },
        { DDF_TIME, "12:00:00x", false },
        { DDF_TIME, "20310131T120000Z", true },
        { DDF_B64, "", true },
        { DDF_B64, "AAEC", true },
        { DDF_B64, "AA\r\nE=", true },
        { DDF_B64, "AAE", false },
        { DDF_B64, "A===", false },
        { DDF_B64, "AA=C", false },
        { DDF_XML, "<a>&lt;</a>", true },
        { DDF_XML, "<a>", false },
        { DDF_XML, "", false },
        { DDF_XML, "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", false },
        { DDF_CHR, "", true },
        { DDF_CHR, "\xC3\xA4", true },
        { DDF_CHR, "\xE4", false },
        { DDF_BIN, "\xE4", true },
        { DDF_NULL, "", true },
        { DDF_NULL, "x", false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct ddf_node n = { .name = STR("x"), .format = row[i].f };
        enum rc rc = ddf_check_value(&n, str_of(row[i].text), NULL);
        if ((rc == RC_OK) != row[i].ok) fprintf(stderr, "%s \"%s\"\n", ddf_format_name(row[i].f), row[i].text);
        CU_ASSERT_EQUAL(rc == RC_OK, row[i].ok);
    }
}

/* Every one is anchored at both ends; one that cannot be read allows nothing. */
static void regular_expressions_of_several_dialects(void)
{
    static const struct {
        const char *pattern, *value;
        bool ok;
    } row[] = {
        { "[a-z]+", "abc", true },
        { "[a-z]+", "abc1", false },
        { "^[a-z]+$", "abc", true },
        { "^[a-z]+$", "ABC", false },
        { "\\d{3}", "123", true },
        { "\\d{3}", "1234", false },
        { ".{1,3}", "\xC3\xA4\xC3\xB6\xC3\xBC", true },
        { "[^/]+", "a/b", false },
        { "^a$|^b$", "zzz", false },
        { "(?i)abc", "zzz", false },
        { "a\\b", "zzz", false },
        { "a*?", "zzz", false },
        { "^a$|^b$", "b", true },
        { "(?i)abc", "aBC", true },
        { "a*?", "aaa", true },
        { "\\i\\c*", "x-1.y", true },
        { "\\i\\c*", "1x", false },
        { "[\\i ]+", "a b", true },
        { "[a-z-[aeiou]]+", "xyz", false },
        { "[", "zzz", false },
        { "(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
        { "", "zzz", true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct str pattern = str_of(row[i].pattern);
        struct ddf_node n = { .name = STR("x"),
                              .format = DDF_CHR,
                              .allowed = { .kind = DDF_ALLOW_REGEX, .values = &pattern, .n = 1 } };
        enum rc rc = ddf_check_value(&n, str_of(row[i].value), NULL);
        if ((rc == RC_OK) != row[i].ok) fprintf(stderr, "%s ~ %s\n", row[i].value, row[i].pattern);
        CU_ASSERT_EQUAL(rc == RC_OK, row[i].ok);
    }
}

/* What would take for ever is refused soon, and says that it could not be found out. */
static void a_pattern_that_would_take_for_ever_is_given_up(void)
{
    static const char *const pattern[] = { "(a|aa)+b", "(a*)*b", "(.*.*.*.*.*.*.*.*)x", "(a?){60}a{60}b",
                                           "((a{1,40}){1,40}){1,40}b" };
    enum { N = 60000 };
    char *text = malloc(N);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'a', N);
    for (size_t i = 0; i < sizeof pattern / sizeof pattern[0]; i++)
        for (size_t n = 60; n <= N; n *= 10) {
            struct str p = str_of(pattern[i]);
            struct ddf_node node = { .name = STR("x"),
                                     .format = DDF_CHR,
                                     .allowed = { .kind = DDF_ALLOW_REGEX, .values = &p, .n = 1 } };
            struct err e = { 0 };
            int64_t began = world_monotonic_ms();
            CU_ASSERT_EQUAL(ddf_check_value(&node, (struct str){ text, n }, &e), RC_INVALID);
            CU_ASSERT(world_monotonic_ms() - began < 5000);
        }
    free(text);
}

/* As many parts as fit, held against as many values as fit: no part looks at every value. */
static void long_lists_take_time_in_proportion(void)
{
    enum { VALUES = 4096, PARTS = 200000, ROOM = 8 };
    static char names[VALUES][ROOM];
    static struct str values[VALUES];
    struct buf b;
    struct err e = { 0 };
    for (int i = 0; i < VALUES; i++) {
        snprintf(names[i], ROOM, "v%d", i);
        values[i] = str_of(names[i]);
    }
    buf_init(&b, 0);
    for (int i = 0; i < PARTS; i++) buf_printf(&b, "%sv%d", i ? "," : "", VALUES - 1 - i % 10);
    struct ddf_node node = { .name = STR("x"), .format = DDF_CHR };
    node.allowed = (struct ddf_allowed){
        .kind = DDF_ALLOW_ENUM, .values = values, .n = VALUES, .is_list = true, .list_delimiter = STR(",")
    };
    int64_t began = world_monotonic_ms();
    CU_ASSERT_EQUAL(ddf_check_value(&node, buf_str(&b), &e), RC_OK);
    CU_ASSERT(world_monotonic_ms() - began < 5000);
    buf_putz(&b, ",other");
    CU_ASSERT_EQUAL(ddf_check_value(&node, buf_str(&b), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "\"other\""));
    struct str pattern = STR("v[0-9]+");
    node.allowed = (struct ddf_allowed){
        .kind = DDF_ALLOW_REGEX, .values = &pattern, .n = 1, .is_list = true, .list_delimiter = STR(",")
    };
    CU_ASSERT_EQUAL(ddf_check_value(&node, STR("v1,v2, v3"), &e), RC_OK);
    CU_ASSERT_EQUAL(ddf_check_value(&node, STR("v1,w2,v3"), &e), RC_INVALID);
    err_clear(&e);
    CU_ASSERT_EQUAL(ddf_check_value(&node, buf_str(&b), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "parts"));
    buf_finish(&b);
}

static void format_names_are_found_in_any_case(void)
{
    enum ddf_format f = DDF_CHR;
    CU_ASSERT(ddf_format_of(STR("Node"), &f) && f == DDF_NODE);
    CU_ASSERT(ddf_format_of(STR(" bool\n"), &f) && f == DDF_BOOL);
    CU_ASSERT_FALSE(ddf_format_of(STR(""), &f));
    CU_ASSERT_FALSE(ddf_format_of(STR("integer"), &f));
    CU_ASSERT_STRING_EQUAL(ddf_format_name(DDF_FLOAT), "float");
    CU_ASSERT_STRING_EQUAL(ddf_format_name(DDF_FORMAT_COUNT), "?");
}

TEST_MAIN("ddf.check", TEST_OF("S-220", commands_are_judged_as_a_device_would), TEST(what_must_be_there_is_not_deleted),
          TEST(a_refused_value_lists_what_is_allowed), TEST(a_refused_command_names_address_description_and_value),
          TEST(a_long_list_of_allowed_values_is_cut), TEST(formats_have_the_syntax_of_the_specification),
          TEST(regular_expressions_of_several_dialects), TEST(a_pattern_that_would_take_for_ever_is_given_up),
          TEST(long_lists_take_time_in_proportion), TEST(format_names_are_found_in_any_case))
