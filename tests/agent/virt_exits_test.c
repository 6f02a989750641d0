/* SPDX-License-Identifier: Apache-2.0 */
/* How a process ended that is not ours: its number in a file, as libvirt writes it, is all there is. */
#define _GNU_SOURCE
#include "agent/hv/libvirt_exits.h"
#include "base/world.h"
#include "tests/lib/test.h"
#include <libvirt/libvirt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static bool kernel_tells(void)
{
    struct utsname host;
    int major = 0, minor = 0;
    uname(&host);
    return sscanf(host.release, "%d.%d", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 15));
}

static void on_time(int timer, void *opaque)
{
    (void)timer, (void)opaque; /* only so that the loop's turns end */
}

static void turn(void)
{
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(virEventRunDefaultImpl(), 0);
}

/* A process that ends when `go` is closed. */
static pid_t begin(int go[2], int status, int by)
{
    char c;
    CU_ASSERT_EQUAL_FATAL(pipe(go), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        (void)!read(go[0], &c, 1);
        if (by) {
            signal(by, SIG_DFL);
            raise(by);
        }
        _exit(status);
    }
    close(go[0]);
    return pid;
}

static FILE *write_pid(const char *domain, pid_t pid)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s.pid", dir, domain);
    FILE *f = fopen(file, "w");
    CU_ASSERT_FATAL(f != NULL);
    fprintf(f, "%d\n", (int)pid);
    fflush(f); /* and stays open, as libvirt keeps it */
    return f;
}

static void drop(const char *domain, FILE *f)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s.pid", dir, domain);
    fclose(f);
    unlink(file);
}

static void status_and_signal_are_told_apart(void)
{
    static const struct {
        int status, by;
        const char *words;
    } row[] = { { 35, 0, ", with exit status 35" },
                { 0, 0, ", with exit status 0" },
                { 0, SIGKILL, ", killed by signal 9" } };
    struct virt_exits *x = NULL;
    char words[64];
    CU_ASSERT_EQUAL_FATAL(libvirt_exits_create(dir, &x, NULL), RC_OK);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int go[2];
        const int64_t began_ms = world_monotonic_ms();
        const pid_t pid = begin(go, row[i].status, row[i].by);
        FILE *f = write_pid("dom", pid);
        turn();
        close(go[1]);
        CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
        struct virt_exit how = libvirt_exits_of(x, "dom", began_ms);
        CU_ASSERT(how.ended && how.known == kernel_tells() && !how.by_oom);
        libvirt_exit_words(&how, words, sizeof words);
        CU_ASSERT_STRING_EQUAL(words, kernel_tells() ? row[i].words : ", exit status unknown");
        how = libvirt_exits_of(x, "dom", world_monotonic_ms() + 1); /* of a start that made none */
        CU_ASSERT(!how.ended && !how.known);
        drop("dom", f);
    }
    libvirt_exits_destroy(x);
}

/* A number that lies there from before, and is another process by now. */
static void a_number_of_somebody_else_is_not_believed(void)
{
    struct virt_exits *x = NULL;
    int go[2];
    const pid_t pid = begin(go, 7, 0);
    FILE *f = write_pid("other", pid);
    CU_ASSERT_EQUAL_FATAL(libvirt_exits_create(dir, &x, NULL), RC_OK);
    close(go[1]);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    const struct virt_exit how = libvirt_exits_of(x, "other", 0);
    CU_ASSERT(!how.ended && !how.known);
    CU_ASSERT(!libvirt_exits_of(x, "nobody", 0).ended);
    drop("other", f);
    libvirt_exits_destroy(x);
}

static void a_folder_that_is_not_there_only_leaves_things_unknown(void)
{
    struct virt_exits *x = NULL;
    char words[64];
    CU_ASSERT_EQUAL_FATAL(libvirt_exits_create("/nonexistent/qemu", &x, NULL), RC_OK);
    const struct virt_exit how = libvirt_exits_of(x, "dom", 0);
    libvirt_exit_words(&how, words, sizeof words);
    CU_ASSERT(!how.ended && strcmp(words, ", exit status unknown") == 0);
    libvirt_exits_destroy(x);
}

static bool ready;
static void set_up(void)
{
    if (ready) return;
    ready = true;
    snprintf(dir, sizeof dir, "/tmp/dmv-exits-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    CU_ASSERT_EQUAL_FATAL(virEventRegisterDefaultImpl(), 0);
    CU_ASSERT_FATAL(virEventAddTimeout(10, on_time, NULL, NULL) >= 0);
}

static void prepares(void)
{
    set_up();
}

static void leaves_nothing(void)
{
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

TEST_MAIN("agent.virt_exits", TEST(prepares), TEST(status_and_signal_are_told_apart),
          TEST(a_number_of_somebody_else_is_not_believed), TEST(a_folder_that_is_not_there_only_leaves_things_unknown),
          TEST(leaves_nothing))
