/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image/bundle.h"
#include "tests/lib/test.h"
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bundle_item {
    const char *name, *text;
    size_t n;
    int type;
};

static char folder[64];

static const char *in(const char *name)
{
    static char path[4][160];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static void make(const char *file, const struct bundle_item *item, size_t n, int gzip)
{
    struct archive *ar = archive_write_new();
    archive_write_set_format_ustar(ar);
    if (gzip) archive_write_add_filter_gzip(ar);
    CU_ASSERT_FATAL(archive_write_open_filename(ar, file) == ARCHIVE_OK);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *en = archive_entry_new();
        archive_entry_set_pathname(en, item[i].name);
        archive_entry_set_filetype(en, item[i].type ? (unsigned)item[i].type : AE_IFREG);
        archive_entry_set_perm(en, 0644);
        if (item[i].type == AE_IFLNK)
            archive_entry_set_symlink(en, item[i].text);
        else
            archive_entry_set_size(en, (la_int64_t)item[i].n);
        archive_write_header(ar, en);
        if (item[i].type == 0 && item[i].n) archive_write_data(ar, item[i].text, item[i].n);
        archive_entry_free(en);
    }
    archive_write_close(ar);
    archive_write_free(ar);
}

static int holds(const char *file, const char *text)
{
    char got[64] = "";
    FILE *f = fopen(file, "r");
    if (!f) return 0;
    size_t n = fread(got, 1, sizeof got - 1, f);
    fclose(f);
    return n == strlen(text) && memcmp(got, text, n) == 0;
}

static void unpacks_the_three_files_and_nothing_else(void)
{
    static const struct bundle_item item[] = {
        { "./kernel", "KERN", 4, 0 },   { "initrd", "INIT", 4, 0 },    { "cmdline", "quiet\n", 6, 0 },
        { "other", "x", 1, 0 },         { "../kernel", "evil", 4, 0 }, { "/kernel", "evil", 4, 0 },
        { "sub/initrd", "evil", 4, 0 },
    };
    for (int gzip = 0; gzip < 2; gzip++) {
        struct err e = { 0 };
        make(in("b.tar"), item, sizeof item / sizeof item[0], gzip);
        err_clear(&e);
        CU_ASSERT_EQUAL(bundle_unpack(in("b.tar"), in("out"), &e), RC_OK);
        CU_ASSERT(holds(in("out/kernel"), "KERN") && holds(in("out/initrd"), "INIT") &&
                  holds(in("out/cmdline"), "quiet\n"));
        CU_ASSERT(access(in("out/other"), F_OK) != 0 && access(in("kernel"), F_OK) != 0);
    }
}

static void refuses_what_is_no_bundle(void)
{
    static const struct bundle_item no_kernel[] = { { "initrd", "x", 1, 0 } };
    static const struct bundle_item link[] = { { "kernel", "/etc/passwd", 0, AE_IFLNK } };
    static const struct bundle_item empty[] = { { "kernel", "", 0, 0 } };
    static const struct bundle_item control[] = { { "kernel", "KERN", 4, 0 }, { "cmdline", "quiet\0root=/x", 13, 0 } };
    struct err e = { 0 };
    make(in("n.tar"), no_kernel, 1, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(bundle_unpack(in("n.tar"), in("out2"), &e), RC_PARSE);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no file \"kernel\""));
    make(in("l.tar"), link, 1, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(bundle_unpack(in("l.tar"), in("out2"), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "kernel is a link"));
    make(in("l.tar"), empty, 1, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(bundle_unpack(in("l.tar"), in("out2"), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "kernel is empty"));
    CU_ASSERT(access(in("out2/kernel"), F_OK) != 0);
    make(in("l.tar"), control, 2, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(bundle_unpack(in("l.tar"), in("out2"), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "control character"));
    FILE *f = fopen(in("t.tar"), "w");
    CU_ASSERT_FATAL(f != NULL);
    fputs("this is a text, not an archive", f);
    fclose(f);
    CU_ASSERT_EQUAL(bundle_unpack(in("t.tar"), in("out2"), NULL), RC_PARSE);
    CU_ASSERT_EQUAL(bundle_unpack(in("missing.tar"), in("out2"), NULL), RC_IO);
}

static void never_writes_through_a_link_and_bounds_sizes(void)
{
    static char big[5000];
    struct bundle_item item[] = { { "kernel", "KERN", 4, 0 }, { "cmdline", big, sizeof big, 0 } };
    struct err e = { 0 };
    memset(big, 'x', sizeof big);
    make(in("s.tar"), item, 1, 0);
    CU_ASSERT_FATAL(mkdir(in("out3"), 0700) == 0);
    CU_ASSERT_FATAL(symlink(in("victim"), in("out3/kernel")) == 0);
    CU_ASSERT_EQUAL(bundle_unpack(in("s.tar"), in("out3"), NULL), RC_OK);
    CU_ASSERT(access(in("victim"), F_OK) != 0);
    make(in("s.tar"), item, 2, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(bundle_unpack(in("s.tar"), in("out3"), &e), RC_INVALID);
}

/* What is in it beside its parts is decompressed all the same, and a part comes once. */
static void does_not_work_for_what_it_passes_over(void)
{
    static char zeroes[33 << 20];
    const struct bundle_item much[] = { { "one", zeroes, sizeof zeroes, 0 },
                                        { "two", zeroes, sizeof zeroes, 0 },
                                        { "kernel", "KERN", 4, 0 } };
    const struct bundle_item twice[] = { { "kernel", "KERN", 4, 0 }, { "./kernel", "EVIL", 4, 0 } };
    struct err e = { 0 };
    make(in("s.tar"), much, 3, 1);
    CU_ASSERT_EQUAL(bundle_unpack(in("s.tar"), in("out2"), &e), RC_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "beside kernel, initrd and cmdline"));
    make(in("s.tar"), twice, 2, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(bundle_unpack(in("s.tar"), in("out2"), &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "two files \"kernel\""));
}

/* An archive of these kinds would make libarchive run another program on it. */
static void runs_no_program(void)
{
    static const struct bundle_item item[] = { { "kernel", "KERN", 4, 0 } };
    static const char head[] = "LRZI\0\6";
    struct err e = { 0 };
    make(in("s.tar"), item, 1, 0);
    FILE *f = fopen(in("s.tar"), "r+");
    CU_ASSERT_FATAL(f != NULL);
    fwrite(head, 1, sizeof head, f);
    fclose(f);
    CU_ASSERT_EQUAL(bundle_unpack(in("s.tar"), in("out3"), &e), RC_PARSE);
    CU_ASSERT_PTR_NULL(strstr(e.text, "lrzip"));
}

static void leaves_nothing_behind(void)
{
    static const char *const file[] = { "out/kernel",  "out/initrd",  "out/cmdline",  "out2/initrd",
                                        "out2/kernel", "out3/kernel", "out3/cmdline", "b.tar",
                                        "n.tar",       "l.tar",       "t.tar",        "s.tar" };
    static const char *const dir[] = { "out", "out2", "out3" };
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) unlink(in(file[i]));
    for (size_t i = 0; i < sizeof dir / sizeof dir[0]; i++) rmdir(in(dir[i]));
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static int prepare(void)
{
    strcpy(folder, "/tmp/bundle-XXXXXX");
    return mkdtemp(folder) == NULL;
}

int main(void)
{
    CU_TestInfo tests[] = { TEST(unpacks_the_three_files_and_nothing_else),
                            TEST(refuses_what_is_no_bundle),
                            TEST(never_writes_through_a_link_and_bounds_sizes),
                            TEST(does_not_work_for_what_it_passes_over),
                            TEST(runs_no_program),
                            TEST(leaves_nothing_behind),
                            CU_TEST_INFO_NULL };
    CU_SuiteInfo suites[] = { { "agent.bundle", prepare, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
    if (CU_initialize_registry() || CU_register_suites(suites)) return 99;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
