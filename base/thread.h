/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H
/*
 * Threads that do one kind of work, with what each of them needs: a lock, a condition in the monotonic clock, the wish that they end.
 * And a descriptor that wakes an event loop, or says to one that there is something to take.
 */
#include "base/rc.h"
#include "base/vec.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct threads {
    pthread_mutex_t lock; /* over what the threads share with the others */
    pthread_cond_t wake;
    atomic_bool stop; /* set once, under the lock; may be read without it */
    VEC(pthread_t) list;
};

void threads_init(struct threads *t);
/** One more thread that runs `run(ctx)`, until it returns: it looks at `stop` between two pieces of work.
 * @param what  for the error: "the notifier". @return RC_IO, RC_NOMEM */
enum rc threads_start(struct threads *t, void *(*run)(void *ctx), void *ctx, const char *what, struct err *e);
/** Ask them to end and wake who waits for the condition. */
void threads_ask_stop(struct threads *t);
/** Ask them to end, and wait until they have. Who sleeps elsewhere is woken by the caller, after threads_ask_stop. */
void threads_stop(struct threads *t);
/** Stops them and frees what threads_init made. */
void threads_finish(struct threads *t);

static inline void threads_lock(struct threads *t)
{
    pthread_mutex_lock(&t->lock);
}
static inline void threads_unlock(struct threads *t)
{
    pthread_mutex_unlock(&t->lock);
}
/** Wait for a wake, with the lock held; returns at once when they are to stop. It may return without a reason.
 * @param until_ms  world_monotonic_ms, INT64_MAX = as long as it takes. @return false when the time is over */
bool threads_wait_until(struct threads *t, int64_t until_ms);
/** The same for a time from now on; negative = as long as it takes. */
bool threads_wait(struct threads *t, int64_t ms);
/** Wake all that wait. The lock is held, or what was changed does not matter to who begins to wait just now. */
void threads_wake(struct threads *t);

/** A descriptor that a poll sees as readable from wake_raise to wake_clear. Not blocking, close-on-exec. @return -1 with errno */
int wake_open(void);
void wake_raise(int fd);
void wake_clear(int fd);
#endif
