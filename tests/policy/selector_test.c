/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/selector/selector.h"
#include "tests/lib/test.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 4 << 20 };

static struct str z(const char *s)
{
    return str_of(s);
}

static enum pol_truth eval(const char *text, const struct pol_attribute *attrs, size_t n, char *unknown)
{
    struct arena a;
    struct pol_selector *s = NULL;
    struct err e = { 0 };
    struct str u = { 0 };
    enum pol_truth t = POL_UNKNOWN;

    arena_init(&a, ARENA_BYTES);
    if (pol_selector_parse(z(text), &a, &s, &e) != RC_OK) {
        printf("%s: %s\n", text, e.text);
        CU_FAIL("does not parse");
    } else {
        t = pol_selector_eval(s, attrs, n, &a, &u);
    }
    if (unknown) snprintf(unknown, 200, "%.*s", STR_ARG(u));
    arena_finish(&a);
    return t;
}

static void evaluates_as_the_words_say(void)
{
    static const struct pol_attribute attrs[] = {
        { STR_INIT("label.department"), STR_INIT("sales"), false },
        { STR_INIT("label.pilot"), STR_INIT("false"), false },
        { STR_INIT("label.vip"), STR_INIT("yes"), false },
        { STR_INIT("hypervisor.arch"), STR_INIT("aarch64"), false },
        { STR_INIT("devinfo.swv"), STR_INIT("4.10.2"), false },
        { STR_INIT("hypervisor.maxVms"), STR_INIT("8"), false },
        { STR_INIT("device.id"), STR_INIT("IMEI:0017"), false },
        { STR_INIT("devinfo.man"), { 0 }, true },
        { STR_INIT("label.empty"), STR_INIT(""), false },
        { STR_INIT("label.n"), STR_INIT("-1.50"), false },
    };
    static const struct {
        const char *text;
        enum pol_truth want;
    } row[] = {
        { "label.department in (\"sales\", \"field\") and hypervisor.arch == \"aarch64\" and not label.pilot",
          POL_TRUE },
        { "true", POL_TRUE },
        { "false or label.vip", POL_TRUE },
        { "label.pilot", POL_FALSE },
        { "label.empty", POL_TRUE },
        { "label.none", POL_FALSE },
        { "label.none == 'x'", POL_FALSE },
        { "label.none != 'x'", POL_TRUE },
        { "label.none < 3", POL_FALSE },
        { "not label.none", POL_TRUE },
        { "label.department not in ('field')", POL_TRUE },
        { "label.department not matches 'sa*'", POL_FALSE },
        { "label.department matches 's?les'", POL_TRUE },
        { "label.department matches 's?l'", POL_FALSE },
        { "devinfo.swv >= '4.9'", POL_TRUE },
        { "devinfo.swv < '4.9'", POL_FALSE },
        { "devinfo.swv < '4.10.3'", POL_TRUE },
        { "devinfo.swv == '4.10.2'", POL_TRUE },
        { "devinfo.swv > 4", POL_FALSE }, /* no number */
        { "hypervisor.maxVms >= 8 and hypervisor.maxVms < 10", POL_TRUE },
        { "hypervisor.maxVms == 8.0", POL_TRUE },
        { "hypervisor.maxVms == '8.0'", POL_FALSE },
        { "label.n == -1.5", POL_TRUE },
        { "label.n < -1.4", POL_TRUE },
        { "device.id matches 'IMEI:*'", POL_TRUE },
        { "devinfo.man == 'Acme'", POL_UNKNOWN },
        { "not devinfo.man == 'Acme'", POL_UNKNOWN },
        { "devinfo.mod == 'x'", POL_UNKNOWN }, /* never heard of: the device may still tell */
        { "devinfo.man == 'Acme' or label.vip", POL_TRUE },
        { "devinfo.man == 'Acme' and label.pilot", POL_FALSE },
        { "devinfo.man == 'Acme' and label.vip", POL_UNKNOWN },
        { "label.pilot == false", POL_TRUE },
        { "not not label.vip", POL_TRUE },
        { "label.a or label.b and label.c or label.vip", POL_TRUE },
        { "(label.vip or label.b) and label.c", POL_FALSE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        enum pol_truth t = eval(row[i].text, attrs, sizeof attrs / sizeof attrs[0], NULL);
        if (t != row[i].want) printf("%s: %d\n", row[i].text, (int)t);
        CU_ASSERT_EQUAL(t, row[i].want);
    }
}

static void says_what_is_unknown(void)
{
    static const struct pol_attribute attrs[] = { { STR_INIT("label.a"), STR_INIT("1"), false } };
    char unknown[200];
    CU_ASSERT_EQUAL(
        eval("devinfo.man == 'x' and (hypervisor.arch == 'y' or label.a) and devinfo.man != 'z' and devinfo.mod", attrs,
             1, unknown),
        POL_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(unknown, "devinfo.man, devinfo.mod"); /* the arch decides nothing */
    CU_ASSERT_EQUAL(eval("label.a", attrs, 1, unknown), POL_TRUE);
    CU_ASSERT_STRING_EQUAL(unknown, "");
}

static void says_where_a_mistake_is(void)
{
    static const struct {
        const char *text;
        unsigned column;
        const char *part;
    } row[] = {
        { "", 1, "ends here" },
        { "label.a ==", 11, "expected a value" },
        { "label.a = 3", 9, "expected and" },
        { "label.a == sales", 12, "expected a value" },
        { "label.a and", 12, "expected an attribute" },
        { "label.a in 'x'", 12, "expected \"(\"" },
        { "label.a in ('x' 'y')", 17, "expected \",\"" },
        { "label.a in ()", 13, "expected a value" },
        { "label.a matches 3", 17, "pattern" },
        { "(label.a", 9, "\")\"" },
        { "label.a)", 8, "expected and" },
        { "department == 'x'", 1, "group.name" },
        { "label. == 'x'", 1, "group.name" },
        { "label.a == 'x", 12, "closing quote" },
        { "label.a == \"x\\", 12, "closing quote" },
        { "label.a == 1.2.3", 12, "15 digits" },
        { "label.a == 1234567890123456", 12, "15 digits" },
        { "label.a & label.b", 9, "expected and" },
        { "label.a not label.b", 13, "in or matches" },
        { "or label.a", 1, "expected an attribute" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct pol_selector *s;
        struct err e = { 0 };
        arena_init(&a, ARENA_BYTES);
        CU_ASSERT_EQUAL(pol_selector_parse(z(row[i].text), &a, &s, &e), RC_PARSE);
        if (e.column != row[i].column || !strstr(e.text, row[i].part))
            printf("%s: %u %s\n", row[i].text, e.column, e.text);
        CU_ASSERT_EQUAL(e.column, row[i].column);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].part));
        arena_finish(&a);
    }
}

static void keeps_its_ceilings(void)
{
    struct arena a;
    struct pol_selector *s;
    struct buf b;
    buf_init(&b, 0);
    arena_init(&a, ARENA_BYTES);
    for (int i = 0; i < 1000; i++) buf_putz(&b, i % 2 ? "not " : "(");
    CU_ASSERT_EQUAL(pol_selector_parse(buf_str(&b), &a, &s, NULL), RC_LIMIT);
    buf_reset(&b);
    for (int i = 0; i < 300; i++) buf_putz(&b, i ? " or label.a" : "label.a");
    CU_ASSERT_EQUAL(pol_selector_parse(buf_str(&b), &a, &s, NULL), RC_LIMIT);
    buf_reset(&b);
    buf_putz(&b, "label.a in (1");
    for (int i = 0; i < 300; i++) buf_putz(&b, ",1");
    buf_putz(&b, ")");
    CU_ASSERT_EQUAL(pol_selector_parse(buf_str(&b), &a, &s, NULL), RC_LIMIT);
    buf_reset(&b);
    for (int i = 0; i < 5000; i++) buf_putz(&b, " ");
    CU_ASSERT_EQUAL(pol_selector_parse(buf_str(&b), &a, &s, NULL), RC_LIMIT);
    buf_finish(&b);
    CU_ASSERT_EQUAL(pol_selector_parse(STR("label.a == '\xff'"), &a, &s, NULL), RC_PARSE);
    CU_ASSERT_EQUAL(pol_selector_parse(STR("label.a\0 or label.b"), &a, &s, NULL), RC_PARSE);
    arena_finish(&a);
}

static void lists_its_attributes_once(void)
{
    struct arena a;
    struct pol_selector *s;
    struct str *names;
    size_t n;
    arena_init(&a, ARENA_BYTES);
    CU_ASSERT_EQUAL_FATAL(pol_selector_parse(STR("label.b and (not devinfo.man == '1' or label.b != 2)"), &a, &s, NULL),
                          RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_selector_attributes(s, &a, &names, &n), RC_OK);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT(str_is(names[0], "label.b") && str_is(names[1], "devinfo.man"));
    arena_finish(&a);
}

static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 64) {
        struct arena a;
        struct pol_selector *s;
        struct pol_sql sql;
        CU_ASSERT_FATAL(limit < 1 << 20);
        arena_init(&a, limit);
        rc = pol_selector_parse(STR("label.a in ('x', 2) and (devinfo.swv > '4.2' or not label.b)"), &a, &s, NULL);
        if (!rc) {
            pol_selector_eval(s, NULL, 0, &a, NULL);
            rc = pol_selector_sql(s, &a, &sql, NULL);
        }
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

/* ---- eval and SQL say the same, for any device and any expression ---- */

static uint64_t seed;
static unsigned dice(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}
#define PICK(list) list[dice((unsigned)(sizeof list / sizeof list[0]))]

static const char *const names[] = { "label.a",     "label.b",         "label.c-d", "devinfo.man",
                                     "devinfo.swv", "hypervisor.arch", "device.id" };
static const char *const values[] = {
    "",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "1.0",
    "1.5",
    "1.50",
    "01",
    "10",
    "9",
    "4.2",
    "4.2.0",
    "4.10",
    "4.2.rc1",
    "4..2",
    ".5",
    "5.",
    "-",
    "-.5",
    "1-1",
    "1.2.3",
    "-1.5",
    "sales",
    "Sales",
    "s\xc3\xa9l",
    "a[b",
    "a*b",
    "x'y",
    "12345678901234567890",
    "123456789012345",
    "123456789012345678",
    "1234567890123456",
    "1.2.3.4.5.6.7",
    "0.1",
    "0.10",
    "\xf0\x9f\x98\x80",
    "a\"b",
    "a]b",
    "^",
    "-0",
    "0.0",
    "4.2.",
};
static const char *const patterns[] = { "*",   "?",   "s*",  "*s", "*a*", "s?l",        "a[b", "a[*", "[ab]",
                                        "a]b", "*.*", "?*?", "",   "**",  "s\xc3\xa9*", "^",   "[^a]" };
static const char *const numbers[] = { "0", "1", "1.5", "10", "-1", "-1.5", "0.1", "9.99", "4.2", "123456789012345",
                                       "-0" };

static void random_text(struct buf *b, const char *s)
{
    buf_byte(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') buf_byte(b, '\\');
        buf_byte(b, (unsigned char)*s);
    }
    buf_byte(b, '"');
}

static void random_literal(struct buf *b)
{
    switch (dice(4)) {
    case 0: buf_putz(b, PICK(numbers)); break;
    case 1: buf_putz(b, dice(2) ? "true" : "false"); break;
    default: random_text(b, PICK(values));
    }
}

static void random_expression(struct buf *b, unsigned depth)
{
    static const char *const sign[] = { "==", "!=", "<", "<=", ">", ">=" };
    unsigned kind = dice(depth ? 9 : 5);
    switch (kind) {
    case 5:
    case 6:
        for (unsigned i = 0, n = 2 + dice(2); i < n; i++) {
            buf_putz(b, i == 0 ? "(" : kind == 5 ? " and " : " or ");
            random_expression(b, depth - 1);
        }
        buf_putz(b, ")");
        return;
    case 7:
        buf_putz(b, "not ");
        random_expression(b, depth - 1);
        return;
    case 8: buf_putz(b, dice(2) ? "true" : "false"); return;
    default: buf_putz(b, PICK(names));
    }
    switch (kind) {
    case 0: return;
    case 1:
        buf_putz(b, dice(2) ? " in (" : " not in (");
        for (unsigned i = 0, n = 1 + dice(3); i < n; i++) {
            if (i) buf_putz(b, ", ");
            random_literal(b);
        }
        buf_putz(b, ")");
        return;
    case 2:
        buf_putz(b, " matches ");
        random_text(b, PICK(patterns));
        return;
    default: buf_printf(b, " %s ", PICK(sign)); random_literal(b);
    }
}

enum { DEVICES = 40 };
struct selector_device {
    struct pol_attribute attrs[8];
    size_t n;
};

static void must(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        printf("%s: %s\n", sql, why);
        exit(9);
    }
}

static void make_devices(sqlite3 *db, struct selector_device *device)
{
    sqlite3_stmt *put = NULL, *name = NULL;
    must(db, "DELETE FROM device; DELETE FROM attribute");
    sqlite3_prepare_v2(db, "INSERT INTO attribute VALUES (?, ?, ?)", -1, &put, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO device VALUES (?, ?)", -1, &name, NULL);
    for (int i = 0; i < DEVICES; i++) {
        device[i].n = 0;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            struct pol_attribute *at = &device[i].attrs[device[i].n];
            bool id = strcmp(names[k], "device.id") == 0;
            if (!id && dice(3) == 0) continue;
            *at = (struct pol_attribute){ z(names[k]), z(PICK(values)), false };
            device[i].n++;
            sqlite3_stmt *s = id ? name : put;
            sqlite3_reset(s);
            sqlite3_bind_int(s, 1, i);
            if (!id) sqlite3_bind_text(s, 2, at->name.p, (int)at->name.n, SQLITE_STATIC);
            sqlite3_bind_text(s, id ? 2 : 3, at->value.p, (int)at->value.n, SQLITE_STATIC);
            CU_ASSERT_EQUAL_FATAL(sqlite3_step(s), SQLITE_DONE);
        }
    }
    sqlite3_finalize(put);
    sqlite3_finalize(name);
}

static void compare(sqlite3 *db, const struct selector_device *device, const char *text)
{
    struct arena a;
    struct pol_selector *s;
    struct pol_sql sql;
    struct err e = { 0 };
    sqlite3_stmt *q = NULL;
    unsigned rows = 0;

    arena_init(&a, ARENA_BYTES);
    if (pol_selector_parse(z(text), &a, &s, &e) || pol_selector_sql(s, &a, &sql, &e)) {
        printf("%s: %s\n", text, e.text);
        CU_FAIL_FATAL("a generated selector does not parse");
    }
    struct str whole = arena_printf(&a, "SELECT d.device_id, %.*s FROM device d", STR_ARG(sql.text));
    if (sqlite3_prepare_v2(db, whole.p, (int)whole.n, &q, NULL) != SQLITE_OK) {
        printf("%s\n%s\n", whole.p, sqlite3_errmsg(db));
        CU_FAIL_FATAL("the SQL is not SQL");
    }
    for (size_t i = 0; i < sql.n_params; i++) {
        char name[32];
        snprintf(name, sizeof name, ":p%zu", i);
        sqlite3_bind_text(q, sqlite3_bind_parameter_index(q, name), sql.params[i].p, (int)sql.params[i].n,
                          SQLITE_STATIC);
    }
    for (; sqlite3_step(q) == SQLITE_ROW; rows++) {
        const struct selector_device *d = &device[sqlite3_column_int(q, 0)];
        enum pol_truth want = pol_selector_eval(s, d->attrs, d->n, &a, NULL);
        enum pol_truth have = sqlite3_column_type(q, 1) == SQLITE_NULL ? POL_UNKNOWN
                              : sqlite3_column_int(q, 1)               ? POL_TRUE
                                                                       : POL_FALSE;
        if (want != have) {
            printf("%s: eval %d, SQL %d for", text, (int)want, (int)have);
            for (size_t i = 0; i < d->n; i++) printf(" %s=\"%.*s\"", d->attrs[i].name.p, STR_ARG(d->attrs[i].value));
            printf("\n");
            CU_FAIL("eval and SQL differ");
            break;
        }
    }
    sqlite3_finalize(q);
    arena_finish(&a);
}

static void eval_and_sql_say_the_same(void)
{
    sqlite3 *db = NULL;
    struct selector_device device[DEVICES];
    struct buf b;
    unsigned failures = CU_get_number_of_failures();

    buf_init(&b, 0);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
    must(
        db,
        "CREATE TABLE device(device_id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
        "CREATE TABLE attribute(device_id INTEGER, name TEXT, value TEXT NOT NULL, PRIMARY KEY(device_id, name)) WITHOUT ROWID");
    for (seed = 1; seed < 4 && CU_get_number_of_failures() == failures;) {
        uint64_t run = seed;
        make_devices(db, device);
        for (int i = 0; i < 800 && CU_get_number_of_failures() == failures; i++) {
            buf_reset(&b);
            random_expression(&b, dice(5));
            compare(db, device, buf_z(&b));
        }
        seed = run + 1;
    }
    /* Every value against every other with every comparison. */
    make_devices(db, device);
    for (size_t v = 0; v < sizeof values / sizeof values[0] && CU_get_number_of_failures() == failures; v++) {
        static const char *const sign[] = { "==", "<", "<=", ">", ">=" };
        for (size_t k = 0; k < 5; k++) {
            buf_reset(&b);
            buf_printf(&b, "label.a %s ", sign[k]);
            random_text(&b, values[v]);
            compare(db, device, buf_z(&b));
        }
    }
    sqlite3_close(db);
    buf_finish(&b);
}

TEST_MAIN("policy.selector", TEST(evaluates_as_the_words_say), TEST(says_what_is_unknown),
          TEST(says_where_a_mistake_is), TEST(keeps_its_ceilings), TEST(lists_its_attributes_once),
          TEST(survives_running_out_of_memory), TEST(eval_and_sql_say_the_same))
