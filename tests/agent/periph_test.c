/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory of peripherals: from the kernel's classes, and as a server reads it. */
#include "agent/hv/periph.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

/* A device of a class, with what its driver calls it (NULL: it says nothing). */
static void device(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    if (!text) return;
    snprintf(path, sizeof path, "%s/%s/%s/name", root, folder, name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void begin(void)
{
    snprintf(root, sizeof root, "/tmp/dmvisor-class-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
}

static void end(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void what_the_kernel_lists_is_named_by_class_and_number(void)
{
    static const struct {
        const char *id, *kind, *group, *description;
    } want[] = {
        { "camera0", "camera", "Hardware", "Front camera" },
        { "camera1", "camera", "Hardware", "" },
        { "speaker0", "speaker", "IO", "" },
        { "mic0", "mic", "IO", "" },
        { "wifi0", "wifi", "Connectivity", "phy0" },
        { "gpu0", "gpu", "Hardware", "" },
        { "tee0", "tee", "Hardware", "" },
    };
    struct periph p[PERIPHS];
    begin();
    device("video4linux", "video10", "\n");
    device("video4linux", "video2", "Front camera\nsecond line");
    device("video4linux", "v4l-subdev0", "no camera");
    device("sound", "card0", NULL);
    device("sound", "pcmC0D0p", NULL);
    device("sound", "pcmC0D0c", NULL);
    device("ieee80211", "phy0", "phy0\n");
    device("drm", "card0", NULL);
    device("drm", "card0-HDMI-A-1", NULL);
    device("drm", "renderD128", NULL);
    device("tee", "tee0", NULL);
    device("tee", "teepriv0", NULL);
    device("tee", "tee", NULL);
    size_t n = periph_scan(root, p, PERIPHS);
    CU_ASSERT_EQUAL_FATAL(n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_STRING_EQUAL(p[i].id, want[i].id);
        CU_ASSERT_STRING_EQUAL(p[i].kind, want[i].kind);
        CU_ASSERT_STRING_EQUAL(p[i].group, want[i].group);
        CU_ASSERT_STRING_EQUAL(p[i].description, want[i].description);
    }
    end();
}

static void there_is_an_end_to_it(void)
{
    struct periph p[PERIPHS];
    char name[32], text[200];
    begin();
    CU_ASSERT_EQUAL(periph_scan(root, p, PERIPHS), 0);
    CU_ASSERT_EQUAL(periph_scan("/nonexistent", p, PERIPHS), 0);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "video%d", i);
        device("video4linux", name, text);
    }
    CU_ASSERT_EQUAL(periph_scan(root, p, PERIPHS), PERIPHS);
    CU_ASSERT_EQUAL(strlen(p[0].description), sizeof p[0].description - 1);
    CU_ASSERT_EQUAL(periph_scan(root, p, 3), 3);
    end();
}

TEST_MAIN("agent.periph", TEST(what_the_kernel_lists_is_named_by_class_and_number), TEST(there_is_an_end_to_it))
