/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"
#include "tests/lib/test.h"
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct settings_sample {
    const char *text, *path;
    bool flag;
    unsigned number, seconds;
    uint16_t port;
    uint64_t bytes;
    int64_t ms;
    int word;
    struct setting_list list;
};

static const char *const words[] = { "red", "green", NULL };
#define AT(m) offsetof(struct settings_sample, m)
static const struct setting table[] = {
    { "name", SET_TEXT, AT(text), NULL, 0, 0, NULL, true, "who it is" },
    { "a.path", SET_PATH, AT(path), "data", 0, 0, NULL, false, "where" },
    { "a.flag", SET_BOOL, AT(flag), "true", 0, 0, NULL, false, "whether" },
    { "a.number", SET_UINT, AT(number), "7", 1, 10, NULL, false, "how many" },
    { "a.seconds", SET_SECONDS, AT(seconds), "2m", 1, 600, NULL, false, "how long" },
    { "port", SET_PORT, AT(port), "80", 0, 0, NULL, false, "port" },
    { "bytes", SET_BYTES, AT(bytes), "64Ki", 0, 0, NULL, false, "size" },
    { "ms", SET_MS, AT(ms), "1d", 0, 0, NULL, false, "time" },
    { "word", SET_WORD, AT(word), "green", 0, 0, words, false, "colour" },
    { "list", SET_LIST, AT(list), NULL, 0, 0, NULL, false, "several" },
};
enum { N = sizeof table / sizeof table[0] };

static enum rc load(const char *yaml, struct settings_sample *s, struct arena *a, struct buf *errors)
{
    char file[] = "/tmp/settings-XXXXXX";
    int fd = mkstemp(file);
    size_t n = strlen(yaml);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, yaml, n) == (ssize_t)n);
    close(fd);
    memset(s, 0, sizeof *s);
    enum rc rc = settings_load(file, table, N, s, a, errors, NULL);
    unlink(file);
    return rc;
}

static void reads_values_and_defaults(void)
{
    struct settings_sample s;
    struct arena a;
    struct buf errors;
    arena_init(&a, 1 << 20);
    buf_init(&errors, 0);
    CU_ASSERT_EQUAL(load("name: it\na:\n  number: 3\n  path: /x\nlist: [p, q]\nword: red\n", &s, &a, &errors), RC_OK);
    CU_ASSERT_STRING_EQUAL(s.text, "it");
    CU_ASSERT_STRING_EQUAL(s.path, "/x");
    CU_ASSERT(s.flag && s.number == 3 && s.seconds == 120 && s.port == 80 && s.bytes == 65536 && s.ms == 86400000 &&
              s.word == 0);
    CU_ASSERT_FATAL(s.list.n == 2);
    CU_ASSERT_STRING_EQUAL(s.list.items[1], "q");
    CU_ASSERT_EQUAL(load("name: it\na: {path: sub}\n", &s, &a, &errors), RC_OK);
    CU_ASSERT_STRING_EQUAL(s.path, "/tmp/sub"); /* relative to the file's folder */
    CU_ASSERT_EQUAL(s.word, 1);
    buf_finish(&errors);
    arena_finish(&a);
}

static void tells_every_mistake_with_its_place(void)
{
    static const struct {
        const char *yaml, *want;
    } row[] = {
        { "port: 1\n", "the setting \"name\" is missing" },
        { "name: x\nnope: 1\n", ":2:" },
        { "name: x\nnope: 1\n", "there is no such setting" },
        { "name: x\na:\n  number: 11\n", "from 1 to 10" },
        { "name: x\na: 5\n", "expected settings below" },
        { "name: x\nport: 70000\n", "0 to 65535" },
        { "name: x\nbytes: much\n", "amount of bytes" },
        { "name: x\nword: blue\n", "expected one of: red green" },
        { "name: x\nlist: 5\n", "expected a list" },
        { "name: [x]\n", "a single value" },
        { "- 1\n", "name: value" },
        { "name: x\na:\n  flag: maybe\n  seconds: 0\n", "/a/seconds" },
        { "name: x\na:\n  flag: maybe\n  seconds: 0\n", "true or false" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct settings_sample s;
        struct arena a;
        struct buf errors;
        arena_init(&a, 1 << 20);
        buf_init(&errors, 0);
        CU_ASSERT_NOT_EQUAL(load(row[i].yaml, &s, &a, &errors), RC_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&errors), row[i].want));
        if (!strstr(buf_z(&errors), row[i].want)) fprintf(stderr, "row %zu: %s\n", i, buf_z(&errors));
        buf_finish(&errors);
        arena_finish(&a);
    }
}

static void its_help_is_a_file_that_loads(void)
{
    struct settings_sample s;
    struct arena a;
    struct buf help, errors;
    arena_init(&a, 1 << 20);
    buf_init(&help, 0);
    buf_init(&errors, 0);
    settings_help(table + 1, N - 1, &help);
    buf_putz(&help, "name: x\n");
    CU_ASSERT_EQUAL(load(buf_z(&help), &s, &a, &errors), RC_OK);
    CU_ASSERT_EQUAL(s.number, 7);
    buf_finish(&help);
    buf_finish(&errors);
    arena_finish(&a);
}

static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 64) {
        struct settings_sample s;
        struct arena a;
        CU_ASSERT_FATAL(limit < 1 << 16);
        arena_init(&a, limit);
        rc = load("name: it\na: {number: 3}\nlist: [p, q]\n", &s, &a, NULL);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

TEST_MAIN("base.settings", TEST(reads_values_and_defaults), TEST(tells_every_mistake_with_its_place),
          TEST(its_help_is_a_file_that_loads), TEST(survives_running_out_of_memory))
