/* SPDX-License-Identifier: Apache-2.0 */
/* What a qcow2 image's header may say. Images are made octet by octet: what a stranger can send. */
#include "agent/image/image_check.h"
#include "base/str.h"
#include "tests/lib/test.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char file[64];

static void put(uint8_t *at, uint64_t v, unsigned n)
{
    while (n--) {
        at[n] = (uint8_t)v;
        v >>= 8;
    }
}

struct image {
    unsigned version;
    uint64_t backing, size, features;
    unsigned crypt, header, extension;
};

static void make(const struct image *i, size_t bytes)
{
    uint8_t h[8192] = { 'Q', 'F', 'I', 0xfb };
    int fd;
    put(h + 4, i->version, 4);
    put(h + 8, i->backing, 8);
    put(h + 20, 16, 4);
    put(h + 24, i->size, 8);
    put(h + 32, i->crypt, 4);
    put(h + 72, i->features, 8);
    put(h + 100, i->header, 4);
    if (i->extension) {
        put(h + i->header, i->extension, 4);
        put(h + i->header + 4, 5, 4);
        memcpy(h + i->header + 8, "/etc/", 5);
    }
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, h, bytes) == (ssize_t)bytes);
    close(fd);
}

static void refuses_a_header_that_names_other_files(void)
{
    static const struct {
        struct image image;
        enum rc want;
        const char *says;
    } row[] = {
        { { 3, 512, 1 << 20, 0, 0, 104, 0 }, RC_INVALID, "another file" },
        { { 2, 512, 1 << 20, 0, 0, 0, 0 }, RC_INVALID, "another file" },
        { { 3, 0, 1 << 20, 4, 0, 104, 0 }, RC_INVALID, "another file" },
        { { 3, 0, 1 << 20, 0, 0, 104, 0x44415441 }, RC_INVALID, "another file" },
        { { 3, 0, 1 << 20, 0, 0, 104, 0xe2792acau }, RC_INVALID, "another file" },
        { { 3, 0, 1 << 20, 0, 0, 104, 0x0537be77 }, RC_INVALID, "encryption" },
        { { 3, 0, 1 << 20, 0, 1, 104, 0 }, RC_INVALID, "encrypted" },
        { { 3, 0, 1 << 20, 2, 0, 104, 0 }, RC_INVALID, "damaged" },
        { { 3, 0, 1 << 20, 32, 0, 104, 0 }, RC_INVALID, "not known" },
        { { 3, 0, 1 << 20, 0, 0, 64, 0 }, RC_INVALID, "malformed" },
        { { 3, 0, 1 << 20, 0, 0, 0xffffffff, 0 }, RC_INVALID, "malformed" },
        { { 4, 0, 1 << 20, 0, 0, 104, 0 }, RC_INVALID, "version 4" },
        { { 3, 0, (8 << 20) + 1, 0, 0, 104, 0 }, RC_LIMIT, "larger" },
        { { 3, 0, UINT64_MAX, 0, 0, 104, 0 }, RC_LIMIT, "size" },
    };
    const struct image_rules rules = { 8 << 10, 0, 0 };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct err e = { 0 };
        make(&row[i].image, 8192);
        CU_ASSERT_EQUAL(image_check(file, "qcow2", &rules, &e), row[i].want);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
    }
}

/* A header cut at every length is refused and never read beyond. */
static void refuses_what_is_cut(void)
{
    const struct image image = { 3, 0, 1 << 20, 0, 0, 104, 0xe2792acau };
    const struct image_rules rules = { 0, 0, 0 };
    for (size_t n = 0; n < 130; n++) {
        make(&image, n);
        CU_ASSERT_NOT_EQUAL(image_check(file, "qcow2", &rules, NULL), RC_OK);
    }
}

static void takes_raw_as_raw_and_only_files_of_their_own(void)
{
    const struct image image = { 3, 512, 1 << 20, 4, 1, 104, 0 };
    const struct image_rules small = { 4, 0, 0 }, rules = { 0, 0, 0 };
    char other[80];
    struct err e = { 0 };
    make(&image, 8192);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check(file, "raw", &rules, &e), RC_OK);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check(file, "raw", &small, &e), RC_LIMIT);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check(file, "vmdk", &rules, &e), RC_UNSUPPORTED);
    snprintf(other, sizeof other, "%s.other", file);
    CU_ASSERT_FATAL(symlink(file, other) == 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check(other, "raw", &rules, &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "link"));
    unlink(other);
    CU_ASSERT_FATAL(link(file, other) == 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check(file, "raw", &rules, &e), RC_INVALID);
    unlink(other);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check("/dev/zero", "raw", &rules, &e), RC_INVALID);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check("/nowhere/at/all", "raw", &rules, &e), RC_IO);
    make(&image, 0);
    err_clear(&e);
    CU_ASSERT_EQUAL(image_check(file, "raw", &rules, &e), RC_INVALID);
    unlink(file);
}

int main(void)
{
    static CU_TestInfo tests[] = { TEST(refuses_a_header_that_names_other_files), TEST(refuses_what_is_cut),
                                   TEST(takes_raw_as_raw_and_only_files_of_their_own), CU_TEST_INFO_NULL };
    CU_SuiteInfo suites[] = { { "agent.image_check", NULL, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
    snprintf(file, sizeof file, "/tmp/dmvisor-image-%d", (int)getpid());
    if (CU_initialize_registry() || CU_register_suites(suites)) return 99;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
