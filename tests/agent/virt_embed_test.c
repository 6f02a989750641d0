/* SPDX-License-Identifier: Apache-2.0 */
/* What an embedded driver's emulators are given, whatever stood in its file before. */
#define _GNU_SOURCE
#include "agent/hv/libvirt_embed.h"
#include "base/log.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static char *in(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static bool says(const char *line)
{
    char text[2048] = "";
    FILE *f = fopen(in("etc/qemu.conf"), "r");
    CU_ASSERT_FATAL(f != NULL);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    return strstr(text, line) != NULL;
}

static void replaces_a_file_that_takes_every_protection_away(void)
{
    static const char *const old =
        "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nseccomp_sandbox = 0\n"
        "dynamic_ownership = 0\nnamespaces = [ ]\n";
    struct virt_guard g;
    struct err e = { 0 };
    FILE *f;
    mkdir(root, 0755);
    mkdir(in("etc"), 0755);
    CU_ASSERT_FATAL((f = fopen(in("etc/qemu.conf"), "w")) != NULL);
    fputs(old, f);
    fclose(f);
    enum rc rc = libvirt_embed_prepare(root, &g, &e);
    if (geteuid() == 0 && rc == RC_NOT_FOUND) return; /* a machine without the account: refused, as it must be */
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    CU_ASSERT(!says("root") && says("dynamic_ownership = 1") && says("clear_emulator_capabilities = 1"));
    CU_ASSERT(says("seccomp_sandbox = 1") || strstr(g.lacks, "seccomp"));
    CU_ASSERT(says("namespaces = [ \"mount\" ]") || strstr(g.lacks, "namespaces"));
    CU_ASSERT(!says("cgroup_controllers") || strstr(g.lacks, "cgroups"));
    if (geteuid() == 0) {
        char user[32];
        snprintf(user, sizeof user, "user = \"+%u\"", (unsigned)g.uid);
        CU_ASSERT(g.uid != 0 && g.gid != 0 && says(user));
    }
}

static void opens_its_own_folders_for_passing_through_and_names_those_that_are_closed(void)
{
    const struct virt_guard g = { 12345, 12345, "" };
    struct stat st;
    struct err e = { 0 };
    if (geteuid() != 0) return;
    mkdir(in("shut"), 0700);
    mkdir(in("shut/vm"), 0700);
    CU_ASSERT_EQUAL(libvirt_let_in(&g, in("shut/vm"), in("shut/vm"), &e), RC_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, in("shut")));
    CU_ASSERT_EQUAL(libvirt_let_in(&g, root, in("shut/vm"), NULL), RC_OK);
    CU_ASSERT(stat(in("shut/vm"), &st) == 0 && (st.st_mode & 0777) == 0710 && st.st_gid == 12345 && st.st_uid == 0);
}

static void leaves_nothing_behind(void)
{
    static const char *const file[] = { "shut/vm", "shut", "etc", "dev", "" };
    unlink(in("etc/qemu.conf"));
    (void)umount2(in("dev"), MNT_DETACH); /* of this process alone, when /dev/kvm had to be shared */
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) rmdir(in(file[i]));
    CU_ASSERT(access(root, F_OK) != 0);
}

int main(void)
{
    static CU_TestInfo tests[] = { TEST(replaces_a_file_that_takes_every_protection_away),
                                   TEST(opens_its_own_folders_for_passing_through_and_names_those_that_are_closed),
                                   TEST(leaves_nothing_behind), CU_TEST_INFO_NULL };
    CU_SuiteInfo suites[] = { { "agent.virt_embed", NULL, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
    snprintf(root, sizeof root, "/var/tmp/dmvisor-embed-%d", (int)getpid());
    if (CU_initialize_registry() || CU_register_suites(suites)) return 99;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
