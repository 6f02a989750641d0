/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"
#include "base/world.h"
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void threads_init(struct threads *t)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_init(&t->stop, false);
    t->list.at = NULL;
    t->list.n = t->list.room = 0;
}

enum rc threads_start(struct threads *t, void *(*run)(void *ctx), void *ctx, const char *what, struct err *e)
{
    pthread_t *id = VEC_ADD(&t->list);
    int failed;

    if (!id) return err_set(e, RC_NOMEM, "no memory for a thread of %s", what);
    failed = pthread_create(id, NULL, run, ctx);
    if (!failed) return RC_OK;
    t->list.n--;
    return err_set(e, RC_IO, "cannot start the thread of %s: %s", what, strerror(failed));
}

void threads_ask_stop(struct threads *t)
{
    threads_lock(t);
    atomic_store(&t->stop, true);
    pthread_cond_broadcast(&t->wake);
    threads_unlock(t);
}

void threads_stop(struct threads *t)
{
    threads_ask_stop(t);
    for (size_t i = 0; i < t->list.n; i++) pthread_join(t->list.at[i], NULL);
    VEC_FREE(&t->list);
}

void threads_finish(struct threads *t)
{
    threads_stop(t);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}

bool threads_wait_until(struct threads *t, int64_t until_ms)
{
    const struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };

    if (atomic_load(&t->stop)) return true;
    if (until_ms == INT64_MAX) return pthread_cond_wait(&t->wake, &t->lock) == 0;
    return pthread_cond_timedwait(&t->wake, &t->lock, &until) != ETIMEDOUT;
}

bool threads_wait(struct threads *t, int64_t ms)
{
    return threads_wait_until(t, ms < 0 ? INT64_MAX : world_monotonic_ms() + ms);
}

void threads_wake(struct threads *t)
{
    pthread_cond_broadcast(&t->wake);
}

int wake_open(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void wake_raise(int fd)
{
    const uint64_t one = 1;

    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) continue; /* a full counter is raised already */
}

void wake_clear(int fd)
{
    uint64_t n;

    while (read(fd, &n, sizeof n) < 0 && errno == EINTR) continue; /* EAGAIN: it was not raised */
}
