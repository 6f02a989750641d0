/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H
/*
 * Threads of one kind of work with what they share: a lock, a condition on the monotonic clock and a request to stop.
 * And a descriptor that wakes an event loop.
 */
#include "base/rc.h"
#include "base/vec.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct threads {
    pthread_mutex_t lock; /* protects what the threads share with others */
    pthread_cond_t wake;
    atomic_bool stop; /* set once, under the lock; may be read without it */
    VEC(pthread_t) list;
};

void threads_init(struct threads *t);
/**
 * Start one more thread that runs `run(ctx)`; `run` checks `stop` between two pieces of work and returns when it is
 * set.
 * @param what  for the error: "the notifier"
 * @return RC_IO, RC_NOMEM
 */
enum rc threads_start(struct threads *t, void *(*run)(void *ctx), void *ctx, const char *what, struct err *e);
/** Ask the threads to stop and wake those that wait for the condition. */
void threads_ask_stop(struct threads *t);
/**
 * Ask the threads to stop, and join them. A thread that sleeps elsewhere must be woken by the caller after
 * threads_ask_stop.
 */
void threads_stop(struct threads *t);
/** Stop the threads and free what threads_init made. */
void threads_finish(struct threads *t);

static inline void threads_lock(struct threads *t)
{
    pthread_mutex_lock(&t->lock);
}
static inline void threads_unlock(struct threads *t)
{
    pthread_mutex_unlock(&t->lock);
}
/**
 * Wait for a wake-up, with the lock held; returns at once when the threads are to stop. It may return without a reason.
 * @param until_ms  as world_monotonic_ms; INT64_MAX = without limit. @return false when the time has passed
 */
bool threads_wait_until(struct threads *t, int64_t until_ms);
/** The same for a time from now on; negative = without limit. */
bool threads_wait(struct threads *t, int64_t ms);
/**
 * Wake all that wait. The caller holds the lock, unless a thread that begins to wait at this moment may miss the
 * change.
 */
void threads_wake(struct threads *t);

/**
 * A descriptor that poll reports as readable from wake_raise until wake_clear. Non-blocking, close-on-exec. @return -1
 * with errno
 */
int wake_open(void);
void wake_raise(int fd);
void wake_clear(int fd);
#endif
