/* SPDX-License-Identifier: Apache-2.0 */
#include "base/doc.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS(row) (sizeof row / sizeof row[0])
enum { ARENA_BYTES = 64 << 20 };

static void reads_yaml_and_json(void)
{
    static const struct {
        const char *text, *json;
    } row[] = {
        { "", "null" },
        { "# only this\n", "null" },
        { "---\n...\n", "null" },
        { "a: 1\nb:\n  - x\n  - {c: d}\n", "{\"a\":1,\"b\":[\"x\",{\"c\":\"d\"}]}" },
        { "{\"a\":\t[1, 2.5e3, \"\\/x\"],\n \"b\": {\"c\": true}}", "{\"a\":[1,2.5e3,\"/x\"],\"b\":{\"c\":true}}" },
        { "{\n\"a\"\n:\n[\n1\n,{\n}\n]\n}\n", "{\"a\":[1,{}]}" },
        { "{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}\n", "{\"a\":{\"b\":1}}" },
        { "[true, false, null, ~, yes, True]", "[true,false,null,null,\"yes\",\"True\"]" },
        { "['true', \"null\", '1', '']", "[\"true\",\"null\",\"1\",\"\"]" },
        { "[1, -1, 0, 01, +1, 1.5, .5, 1., 1e9, 0x10, .inf]",
          "[1,-1,0,\"01\",\"+1\",1.5,\".5\",\"1.\",1e9,\"0x10\",\".inf\"]" },
        { "a:\nb: \n", "{\"a\":null,\"b\":null}" },
        { "a: |\n  one\n  two\nb: >-\n  one\n  two\nc: |\n  true\n",
          "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\",\"c\":\"true\\n\"}" },
        { "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
        { "\xef\xbb\xbf"
          "a: \xc3\xa9\r\nb: 2\r\n",
          "{\"a\":\"\xc3\xa9\",\"b\":2}" },
        { "%YAML 1.2\n---\na: 1\n", "{\"a\":1}" },
        { "x: &a {k: [v]}\ny: *a\nz: [*a]\n", "{\"x\":{\"k\":[\"v\"]},\"y\":{\"k\":[\"v\"]},\"z\":[{\"k\":[\"v\"]}]}" },
        { "a: &x 1\nb: &x 2\nc: *x\nd: &n\ne: *n\n", "{\"a\":1,\"b\":2,\"c\":2,\"d\":null,\"e\":null}" },
        { "[&x '1', *x, &y [], *y]", "[\"1\",\"1\",[],[]]" },
        { "['it''s', '''', '''x''']", "[\"it's\",\"'\",\"'x'\"]" },
        { "{}", "{}" },
        { "[]", "[]" },
        { "a b", "\"a b\"" },
        { "01:02: x", "{\"01:02\":\"x\"}" },
        { "{\"\": 1}", "{\"\":1}" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct buf json;
        struct doc *d = NULL;
        struct err e = { 0 };
        arena_init(&a, ARENA_BYTES);
        buf_init(&json, 0);
        CU_ASSERT_EQUAL_FATAL(doc_parse(str_of(row[i].text), "text", &a, &d, &e), RC_OK);
        doc_to_json(d, &json);
        CU_ASSERT_STRING_EQUAL(buf_z(&json), row[i].json);
        CU_ASSERT_EQUAL(e.rc, RC_OK);
        buf_finish(&json);
        arena_finish(&a);
    }
}

static void says_where_it_is_wrong(void)
{
    static const struct {
        struct str text;
        const char *want;
    } row[] = {
        { STR_INIT("a: 1\nb: 2\na: 3\n"), "f:3:1: the key \"a\" is already in line 1" },
        { STR_INIT("x:\n  - {k: 1, 'k': 2}"), "f:2:12: the key \"k\" is already in line 2" },
        { STR_INIT("a: [1, 2\n"), "f:2:1: flow sequence without a closing bracket" },
        { STR_INIT("a: b: c"), "f:1:5: invalid nested block mapping on the same line" },
        { STR_INIT("a: !!str 1"), "f:1:10: tags are not supported" },
        { STR_INIT("!x {a: 1}"), "f:1:4: tags are not supported" },
        { STR_INIT("a: *none"), "f:1:5: the alias has no anchor before it" },
        { STR_INIT("a: &x [*x]"), "f:1:9: an alias may not stand inside its own anchor" },
        { STR_INIT("&x a: 1"), "f:1:4: an anchor on a key is not supported" },
        { STR_INIT("a: &x b\n*x : c\n"), "f:2:2: a key must be a plain text" },
        { STR_INIT("? [x]\n: y\n"), "f:1:3: a key must be a plain text" },
        { STR_INIT("a: 1\n---\nb: 2\n"), "f:3:1: one document is allowed here, and this is another" },
        { STR_INIT("a: \"x\\0y\""), "f:1:4: NUL is not allowed in a text" },
        { STR_INIT("a: 'x''''y'"), "f:1:4: '''' inside single quotes is not supported: use double quotes" },
        { STR_INIT("a: 1\nb: \0"), "f:2:4: not UTF-8 text" },
        { STR_INIT("a: 1\n\xc3\xa9\xff"), "f:2:2: not UTF-8 text" },
        { STR_INIT("\xff\xfe"
                   "a\0"),
          "f:1:1: not UTF-8 text" },
        { STR_INIT("\"\\ud83d\""), "f:1:2: double-quoted scalar has invalid UTF8 escape" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct doc *d = NULL;
        struct err e = { 0 };
        char got[ERR_TEXT_BYTES];
        arena_init(&a, ARENA_BYTES);
        CU_ASSERT_EQUAL(doc_parse(row[i].text, "f", &a, &d, &e), RC_PARSE);
        CU_ASSERT_PTR_NULL(d);
        CU_ASSERT_STRING_EQUAL(err_format(&e, got, sizeof got), row[i].want);
        arena_finish(&a);
    }
}

/* `n` times `each` between `before` and `after`. */
static void repeat(struct buf *b, const char *before, const char *each, size_t n, const char *after)
{
    buf_reset(b);
    buf_putz(b, before);
    for (size_t i = 0; i < n; i++) buf_putz(b, each);
    buf_putz(b, after);
}

static enum rc parse_only(struct str text)
{
    struct arena a;
    struct doc *d = NULL;
    arena_init(&a, ARENA_BYTES);
    enum rc rc = doc_parse(text, "text", &a, &d, NULL);
    arena_finish(&a);
    return rc;
}

static void every_ceiling_is_an_ordinary_outcome(void)
{
    static const struct {
        const char *before, *each;
        size_t n;
        const char *after;
        enum rc want;
    } row[] = {
        { "", "[", DOC_DEPTH, "]", RC_PARSE }, /* deep enough, but not closed */
        { "", "[", DOC_DEPTH + 1, "", RC_LIMIT },
        { "", "[", 100000, "", RC_LIMIT },
        { "", "{a: ", DOC_DEPTH + 1, "", RC_LIMIT },
        { "", "- ", DOC_DEPTH + 1, "x", RC_LIMIT },
        { "[", "1,", DOC_NODES - 1, "]", RC_OK },
        { "[", "1,", DOC_NODES, "]", RC_LIMIT },
        { "#", "x", DOC_BYTES - 1, "", RC_OK },
        { "#", "x", DOC_BYTES, "", RC_LIMIT },
        { "{", "{", 2000000, "", RC_LIMIT }, /* libfyaml alone would take 690 MB for this */
        { "'", ", ", DOC_MARKS / 3 - 1, "'", RC_OK },
        { "'", ", ", DOC_MARKS / 3, "'", RC_LIMIT },
        { "[", "&a 1,", DOC_ANCHORS, "]", RC_OK },
        { "[", "&a 1,", DOC_ANCHORS + 1, "]", RC_LIMIT },
        { "[&a [1,2,3], ", "*a, ", DOC_NODES / 4 - 2, "]", RC_OK }, /* what an alias stands for counts */
        { "[&a [1,2,3], ", "*a, ", DOC_NODES / 4, "]", RC_LIMIT },
        { "a: &a [1,2,3,4,5,6,7,8,9,10]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
          "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
          "", 0, "f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", RC_LIMIT },
        { "x: &a [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\ny: ", "[", 16, "*a", RC_LIMIT }, /* 1 + 16 + 16 deep */
    };
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ROWS(row); i++) {
        repeat(&b, row[i].before, row[i].each, row[i].n, row[i].after);
        CU_ASSERT_EQUAL(parse_only(buf_str(&b)), row[i].want);
    }
    buf_reset(&b);
    for (unsigned i = 0; i < DOC_DEPTH; i++) buf_byte(&b, '[');
    for (unsigned i = 0; i < DOC_DEPTH; i++) buf_byte(&b, ']');
    CU_ASSERT_EQUAL(parse_only(buf_str(&b)), RC_OK);
    buf_finish(&b);
}

static void many_keys_are_compared_quickly(void)
{
    struct buf b;
    buf_init(&b, 0);
    for (unsigned i = 0; i < 100000; i++) /* each with each would take minutes */
        buf_printf(&b, "k%u: 1\n", i);
    CU_ASSERT_EQUAL(parse_only(buf_str(&b)), RC_OK);
    buf_putz(&b, "k77777: 2\n");
    CU_ASSERT_EQUAL(parse_only(buf_str(&b)), RC_PARSE);
    buf_finish(&b);
}

static void every_value_knows_its_place(void)
{
    static const char text[] = "spec:\n"
                               "  vm: {id: corp, 'n': \"7\"}\n"
                               "  list:\n"
                               "    - one\n"
                               "    - a: |\n"
                               "        block\n"
                               "  none:\n"
                               "  \"a/b~c\": x\n";
    static const struct {
        const char *path;
        unsigned index;
        const char *pointer;
        unsigned key_line, key_column, line, column;
    } row[] = {
        { "spec", 0, "/spec", 1, 1, 2, 3 },
        { "spec/vm", 0, "/spec/vm", 2, 3, 2, 7 },
        { "spec/vm/id", 0, "/spec/vm/id", 2, 8, 2, 12 },
        { "spec/vm/n", 0, "/spec/vm/n", 2, 18, 2, 23 },
        { "spec/list", 1, "/spec/list/0", 4, 7, 4, 7 },
        { "spec/list", 2, "/spec/list/1", 5, 7, 5, 7 },
        { "spec/none", 0, "/spec/none", 7, 3, 7, 3 },
    };
    struct arena a;
    struct doc *d = NULL;
    arena_init(&a, ARENA_BYTES);
    CU_ASSERT_EQUAL_FATAL(doc_parse(str_of(text), "text", &a, &d, NULL), RC_OK);
    for (size_t i = 0; i < ROWS(row); i++) {
        const struct doc *v = doc_path(d, row[i].path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(v);
        if (row[i].index) v = row[i].index == 1 ? v->first : v->first->next;
        CU_ASSERT(str_is(doc_pointer(v, &a), row[i].pointer));
        CU_ASSERT_EQUAL(v->key_line, row[i].key_line);
        CU_ASSERT_EQUAL(v->key_column, row[i].key_column);
        CU_ASSERT_EQUAL(v->line, row[i].line);
        CU_ASSERT_EQUAL(v->column, row[i].column);
    }
    const struct doc *odd = doc_get(doc_get(d, "spec"), "a/b~c");
    CU_ASSERT_PTR_NOT_NULL_FATAL(odd);
    CU_ASSERT(str_is(doc_pointer(odd, &a), "/spec/a~1b~0c"));
    CU_ASSERT_EQUAL(doc_pointer(d, &a).n, 0);

    struct err e = { 0 };
    CU_ASSERT_EQUAL(doc_error(doc_path(d, "spec/vm/id"), "p.yaml", RC_INVALID, &e, "%d is bad", 7), RC_INVALID);
    char shown[ERR_TEXT_BYTES];
    CU_ASSERT_STRING_EQUAL(err_format(&e, shown, sizeof shown), "p.yaml:2:12: /spec/vm/id: 7 is bad");
    err_clear(&e);
    doc_error(NULL, "p.yaml", RC_INVALID, &e, "empty");
    CU_ASSERT_STRING_EQUAL(err_format(&e, shown, sizeof shown), "p.yaml: empty");
    arena_finish(&a);
}

static void finds_only_what_is_there(void)
{
    struct arena a;
    struct doc *d = NULL;
    arena_init(&a, ARENA_BYTES);
    CU_ASSERT_EQUAL_FATAL(doc_parse(STR("a: {b: {c: 1}}\nl: [x]\n"), "text", &a, &d, NULL), RC_OK);
    CU_ASSERT_PTR_EQUAL(doc_path(d, ""), d);
    CU_ASSERT(str_is(doc_path(d, "a/b/c")->text, "1"));
    static const char *const missing[] = { "b", "a/c", "a/b/c/d", "l/x", "l/0", "/a" };
    for (size_t i = 0; i < ROWS(missing); i++) CU_ASSERT_PTR_NULL(doc_path(d, missing[i]));
    CU_ASSERT_PTR_NULL(doc_get(NULL, "a"));
    CU_ASSERT_PTR_NULL(doc_path(NULL, "a"));
    arena_finish(&a);
}

static void scalars_have_types(void)
{
    static const struct {
        const char *text;
        int boolean;
        bool is_i64;
        int64_t i64;
        bool is_double;
        double number;
    } row[] = {
        { "true", 1, false, 0, false, 0 },
        { "false", 0, false, 0, false, 0 },
        { "True", -1, false, 0, false, 0 },
        { "yes", -1, false, 0, false, 0 },
        { "\"true\"", -1, false, 0, false, 0 },
        { "1", -1, true, 1, true, 1 },
        { "-9223372036854775808", -1, true, INT64_MIN, true, -9223372036854775808.0 },
        { "9223372036854775808", -1, false, 0, true, 9223372036854775808.0 },
        { "'1'", -1, false, 0, false, 0 },
        { "1.5", -1, false, 0, true, 1.5 },
        { "-2.5e-1", -1, false, 0, true, -0.25 },
        { "1e999", -1, false, 0, false, 0 },
        { "0x10", -1, false, 0, false, 0 },
        { ".inf", -1, false, 0, false, 0 },
        { "nan", -1, false, 0, false, 0 },
        { "1.", -1, false, 0, false, 0 },
        { "1e", -1, false, 0, false, 0 },
        { "1e+", -1, false, 0, false, 0 },
        { "-", -1, false, 0, false, 0 },
        { "", -1, false, 0, false, 0 },
        { "[1]", -1, false, 0, false, 0 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct doc *d = NULL;
        bool boolean = false;
        int64_t i64 = 0;
        double number = 0;
        arena_init(&a, ARENA_BYTES);
        CU_ASSERT_EQUAL_FATAL(doc_parse(str_of(row[i].text), "text", &a, &d, NULL), RC_OK);
        CU_ASSERT_EQUAL(doc_bool(d, &boolean), row[i].boolean >= 0);
        CU_ASSERT_EQUAL(boolean, row[i].boolean == 1);
        CU_ASSERT_EQUAL(doc_i64(d, &i64), row[i].is_i64);
        CU_ASSERT_EQUAL(i64, row[i].i64);
        CU_ASSERT_EQUAL(doc_double(d, &number), row[i].is_double);
        CU_ASSERT_DOUBLE_EQUAL(number, row[i].number, 0);
        arena_finish(&a);
    }
    int64_t i64;
    CU_ASSERT_FALSE(doc_i64(NULL, &i64));
}

static void the_same_meaning_gives_the_same_bytes(void)
{
    static const char *const row[] = {
        "{\"b\": [1, {\"y\": \"t\", \"x\": null}], \"a\": \"1\", \"ab\": true}",
        "ab: true\nb:\n- 1\n- {x: , y: t}\na: '1'\n",
        "a: \"1\"\nb: [1, {y: t, x: ~}]\nab: true\n",
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct buf json;
        struct doc *d = NULL;
        arena_init(&a, ARENA_BYTES);
        buf_init(&json, 0);
        CU_ASSERT_EQUAL_FATAL(doc_parse(str_of(row[i]), "text", &a, &d, NULL), RC_OK);
        doc_to_canonical_json(d, &json);
        CU_ASSERT_STRING_EQUAL(buf_z(&json), "{\"a\":\"1\",\"ab\":true,\"b\":[1,{\"x\":null,\"y\":\"t\"}]}");
        buf_finish(&json);
        arena_finish(&a);
    }
}

static void a_stream_may_hold_many(void)
{
    static const struct {
        const char *text;
        unsigned n;
    } row[] = {
        { "", 0 },
        { "# none\n", 0 },
        { "a: 1\n", 1 },
        { "a: 1\n---\nb: 2\n", 2 },
        { "---\na: 1\n---\n---\nb: 2\n...\n", 3 },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        struct arena a;
        struct doc *d = NULL;
        unsigned n = 0;
        arena_init(&a, ARENA_BYTES);
        CU_ASSERT_EQUAL(doc_parse_many(str_of(row[i].text), "text", &a, &d, NULL), RC_OK);
        for (; d; d = d->next, n++) CU_ASSERT_PTR_NULL(d->parent);
        CU_ASSERT_EQUAL(n, row[i].n);
        arena_finish(&a);
    }
    struct arena a;
    struct doc *d = NULL;
    struct err e = { 0 };
    arena_init(&a, ARENA_BYTES);
    CU_ASSERT_EQUAL(doc_parse_many(STR("a: &x 1\n---\nb: *x\n"), "text", &a, &d, &e), RC_PARSE);
    CU_ASSERT_EQUAL(e.line, 3); /* anchors end with their document */
    arena_finish(&a);
}

static void loads_a_file(void)
{
    char name[] = "/tmp/doc_test.XXXXXX";
    struct arena a;
    struct doc *d = NULL;
    struct err e = { 0 };
    int fd = mkstemp(name);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "a: [1\n", 6), 6);
    arena_init(&a, ARENA_BYTES);
    CU_ASSERT_EQUAL(doc_load(name, &a, &d, &e), RC_PARSE);
    CU_ASSERT_STRING_EQUAL(e.where, name);
    CU_ASSERT_EQUAL(e.line, 2);
    CU_ASSERT_EQUAL(write(fd, " ]", 2), 2);
    CU_ASSERT_EQUAL_FATAL(doc_load(name, &a, &d, NULL), RC_OK);
    CU_ASSERT_EQUAL(doc_get(d, "a")->first->kind, DOC_SCALAR);
    CU_ASSERT_EQUAL(ftruncate(fd, DOC_BYTES + 1), 0);
    CU_ASSERT_EQUAL(doc_load(name, &a, &d, NULL), RC_LIMIT);
    CU_ASSERT_EQUAL(ftruncate(fd, 4 * (off_t)DOC_BYTES), 0);
    CU_ASSERT_EQUAL(doc_load(name, &a, &d, NULL), RC_LIMIT);
    close(fd);
    unlink(name);
    CU_ASSERT_EQUAL(doc_load(name, &a, &d, NULL), RC_IO);
    CU_ASSERT_EQUAL(doc_load("/tmp", &a, &d, NULL), RC_IO);
    arena_finish(&a);
}

/* Every allocation gets its turn to fail; none may crash or leak. */
static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 16) {
        struct arena a;
        struct doc *d;
        struct err e = { 0 };
        CU_ASSERT_FATAL(limit < 8192);
        arena_init(&a, limit);
        rc = doc_parse(STR("a: &x {k: [1, \"2\"]}\nb: *x\nc: [*x, y]\n"), "text", &a, &d, &e);
        CU_ASSERT_EQUAL(e.rc, rc);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

TEST_MAIN("base.doc", TEST(reads_yaml_and_json), TEST(says_where_it_is_wrong),
          TEST(every_ceiling_is_an_ordinary_outcome), TEST(many_keys_are_compared_quickly),
          TEST(every_value_knows_its_place), TEST(finds_only_what_is_there), TEST(scalars_have_types),
          TEST(the_same_meaning_gives_the_same_bytes), TEST(a_stream_may_hold_many), TEST(loads_a_file),
          TEST(survives_running_out_of_memory))
