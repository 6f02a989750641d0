/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_yaml.h"

#include "base/doc.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static void check(const char *json, const char *want)
{
    struct buf b;
    json_error_t e;
    json_t *j = json_loads(json, JSON_DECODE_ANY, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(j);
    buf_init(&b, 0);
    yaml_write(j, &b);
    CU_ASSERT_STRING_EQUAL(buf_z(&b), want);
    buf_finish(&b);
    json_decref(j);
}

static void looks_as_people_write_it(void)
{
    static const struct {
        const char *json, *yaml;
    } row[] = {
        { "{\"id\":\"IMEI:0010\",\"n\":3,\"x\":null,\"ok\":true}", "id: IMEI:0010\n\"n\": 3\nx: null\nok: true\n" },
        { "{\"items\":[{\"a\":1,\"b\":[1,2]},{\"a\":2,\"b\":[]}],\"next\":null}",
          "items:\n  - a: 1\n    b:\n      - 1\n      - 2\n  - a: 2\n    b: []\nnext: null\n" },
        { "{\"push\":{\"channel\":\"udp\"},\"labels\":{}}", "push:\n  channel: udp\nlabels: {}\n" },
        { "[[\"a\",[1]],{\"k\":{\"m\":[{}]}}]", "- - a\n  - - 1\n- k:\n    m:\n      - {}\n" },
        { "{\"t\":\"one\\ntwo\\n\",\"u\":\"one\\n\\ntwo\",\"v\":\"a\\n\\n\",\"w\":1}",
          "t: |\n  one\n  two\nu: |-\n  one\n\n  two\nv: |+\n  a\n\nw: 1\n" },
        { "[\"a\\n b\"]", "- |-\n  a\n   b\n" },
        { "{}", "{}\n" },
        { "[]", "[]\n" },
        { "\"x\"", "x\n" },
        { "{\"f\":[1.5,2.0,1e300,0.1,-0.0]}", "f:\n  - 1.5\n  - 2.0\n  - 1.0e+300\n  - 0.1\n  - -0.0\n" },
        { "{\"a b\":\"x y\",\"1\":\"z\"}", "a b: x y\n\"1\": z\n" },
    };
    for (size_t i = 0; i < ROWS(row); i++) check(row[i].json, row[i].yaml);
}

static void quotes_what_a_reader_could_take_for_something_else(void)
{
    static const char *const text[] = {
        "",
        " ",
        "true",
        "False",
        "NULL",
        "yes",
        "off",
        "n",
        "~",
        "1",
        "1.0.0",
        "0x1f",
        "1e3",
        "-1",
        ".5",
        ".inf",
        "-",
        "- a",
        "? a",
        ": a",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "'a",
        "\"a",
        "@a",
        "`a",
        "*a",
        "&a",
        "!a",
        "%a",
        "|",
        ">",
        "{a",
        "[a",
        "a ",
        " a",
        "a  b",
        "2031-01-31",
        "a\tb",
        "<<",
        "=",
        "a\x01",
        "caf\xc3\xa9",
        "\xc2\x85",
        "\xe2\x80\xa8",
        ("\xef\xbb\xbf"
         "a"),
    };
    for (size_t i = 0; i < ROWS(text); i++) {
        struct buf b;
        json_t *j = json_pack("{s:s}", "k", text[i]);
        buf_init(&b, 0);
        yaml_write(j, &b);
        CU_ASSERT_TRUE(strncmp(buf_z(&b), "k: \"", 4) == 0 && b.p[b.n - 2] == '"');
        buf_finish(&b);
        json_decref(j);
    }
}

/* What is written is read again as what it was: by our own reader, so that a mistake in both would have to be the
 * same. */
static void reads_back_the_same(void)
{
    static const char *const text[] = {
        "",
        "a",
        "true",
        "1",
        "./DevInfo/DevId",
        "a: b",
        "x\ny",
        "x\n",
        "x\n\n",
        "x\n\n\n",
        "\nx",
        " x\ny",
        "x\n  y\n z",
        "x\n\n  \ny",
        "x\n ",
        "x\t\ny",
        "\t",
        "\"q\" \\ 'p'",
        "a\r\nb",
        "# c\nd",
        "- a\n- b\n",
        "caf\xc3\xa9\n\xe6\x97\xa5",
        "\xe2\x80\xa8\n",
        "---\n...\n",
        "a:\n  b: c\n",
        "\x7f",
        "<x y=\"1\"/>\n<z/>",
    };
    for (size_t i = 0; i < ROWS(text); i++) {
        struct arena a;
        struct buf b, back;
        struct doc *d;
        struct err e = { 0 };
        json_error_t je;
        json_t *j = json_pack("{s:s, s:[s, [s]], s:{s:i}}", "k", text[i], "l", text[i], text[i], "m", "z", 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(j);
        arena_init(&a, 1 << 20);
        buf_init(&b, 0);
        buf_init(&back, 0);
        yaml_write(j, &b);
        CU_ASSERT_EQUAL_FATAL(doc_parse(buf_str(&b), "test", &a, &d, &e), RC_OK);
        doc_to_json(d, &back);
        json_t *again = json_loadb(back.p, back.n, 0, &je);
        CU_ASSERT_TRUE(json_equal(j, again));
        json_decref(again);
        json_decref(j);
        buf_finish(&back);
        buf_finish(&b);
        arena_finish(&a);
    }
}

TEST_MAIN("cli.yaml", TEST(looks_as_people_write_it), TEST(quotes_what_a_reader_could_take_for_something_else),
          TEST(reads_back_the_same))
