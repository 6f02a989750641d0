/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"
#include "base/world.h"
#include "tests/lib/test.h"
#include <poll.h>
#include <unistd.h>

enum { PIECES = 500 };

struct shop {
    struct threads threads;
    int wanted, done, ended;
    int fd;
};

static void *work(void *arg)
{
    struct shop *s = arg;
    threads_lock(&s->threads);
    while (!s->threads.stop) {
        if (!s->wanted) {
            threads_wait(&s->threads, -1);
            continue;
        }
        s->wanted--;
        s->done++;
        wake_raise(s->fd);
    }
    s->ended++;
    threads_unlock(&s->threads);
    return NULL;
}

static int done(struct shop *s)
{
    threads_lock(&s->threads);
    int n = s->done;
    threads_unlock(&s->threads);
    return n;
}

static void works_when_woken_and_ends_when_asked(void)
{
    struct shop s = { .fd = wake_open() };
    struct err e = { 0 };
    threads_init(&s.threads);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL_FATAL(threads_start(&s.threads, work, &s, "a test", &e), RC_OK);
    for (int i = 0; i < PIECES; i++) {
        threads_lock(&s.threads);
        s.wanted++;
        threads_wake(&s.threads);
        threads_unlock(&s.threads);
    }
    while (done(&s) < PIECES) {
        struct pollfd p = { .fd = s.fd, .events = POLLIN };
        CU_ASSERT_EQUAL_FATAL(poll(&p, 1, 20000), 1);
        wake_clear(s.fd);
    }
    threads_stop(&s.threads);
    CU_ASSERT_EQUAL(s.ended, 3);
    CU_ASSERT_EQUAL(s.done, PIECES);
    threads_finish(&s.threads);
    close(s.fd);
}

static void a_wait_ends_by_itself(void)
{
    struct threads t;
    threads_init(&t);
    const int64_t since = world_monotonic_ms();
    threads_lock(&t);
    while (threads_wait_until(&t, since + 30)) continue;
    threads_unlock(&t);
    CU_ASSERT(world_monotonic_ms() - since >= 30 && world_monotonic_ms() - since < 20000);
    threads_ask_stop(&t);
    threads_lock(&t);
    threads_wait(&t, -1); /* nobody waits who is to stop */
    threads_unlock(&t);
    threads_finish(&t);
}

static void a_descriptor_is_readable_until_cleared(void)
{
    int fd = wake_open();
    struct pollfd p = { .fd = fd, .events = POLLIN };
    CU_ASSERT_EQUAL(poll(&p, 1, 0), 0);
    wake_clear(fd); /* does not block */
    wake_raise(fd);
    wake_raise(fd);
    CU_ASSERT_EQUAL(poll(&p, 1, 0), 1);
    wake_clear(fd);
    CU_ASSERT_EQUAL(poll(&p, 1, 0), 0);
    close(fd);
}

TEST_MAIN("base.thread", TEST(works_when_woken_and_ends_when_asked), TEST(a_wait_ends_by_itself),
          TEST(a_descriptor_is_readable_until_cleared))
