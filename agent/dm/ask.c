/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/ask.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ASK_ARENA_BYTES = 1 << 20 };

enum stage { IDLE, ASKED, ANSWERED };

struct ask {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int fd;
    atomic_int stop;
    enum stage stage;
    /* of the question under way; the thread reads it while ASKED, the loop otherwise */
    struct arena a;
    struct user user;
    struct user_question q;
    unsigned wait_s;
    int status;
    struct str answer;
};

static void *run(void *arg)
{
    struct ask *k = arg;
    const uint64_t one = 1;

    pthread_mutex_lock(&k->lock);
    while (!k->stop) {
        if (k->stage != ASKED) {
            pthread_cond_wait(&k->wake, &k->lock);
            continue;
        }
        pthread_mutex_unlock(&k->lock);
        k->answer = (struct str){ 0 };
        k->status = user_hook(&k->user, &k->q, k->wait_s, &k->a, &k->answer);
        pthread_mutex_lock(&k->lock);
        k->stage = ANSWERED;
        if (write(k->fd, &one, sizeof one) != sizeof one) continue; /* the counter is full: the reader knows */
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

enum rc ask_create(struct ask **out, struct err *e)
{
    struct ask *k = calloc(1, sizeof *k);

    if (!k) return err_set(e, RC_NOMEM, "no memory to ask the person at the device");
    k->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->wake, NULL);
    arena_init(&k->a, ASK_ARENA_BYTES);
    if (k->fd < 0 || pthread_create(&k->thread, NULL, run, k)) {
        if (k->fd >= 0) close(k->fd);
        free(k);
        return err_set(e, RC_NOMEM, "cannot start the thread that asks the person at the device");
    }
    *out = k;
    return RC_OK;
}

void ask_destroy(struct ask *k)
{
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->stop = 1;
    pthread_cond_broadcast(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    arena_finish(&k->a);
    close(k->fd);
    free(k);
}

int ask_fd(const struct ask *k)
{
    return k->fd;
}

bool ask_busy(const struct ask *k)
{
    struct ask *mine = (struct ask *)(uintptr_t)k;
    bool busy;

    pthread_mutex_lock(&mine->lock);
    busy = k->stage == ASKED;
    pthread_mutex_unlock(&mine->lock);
    return busy;
}

/* What the question says outlives the message it came in. */
static bool keep(struct ask *k, const struct user_question *q)
{
    bool ok = arena_str(&k->a, q->server, &k->q.server) && arena_str(&k->a, q->text, &k->q.text) &&
              arena_str(&k->a, q->initial, &k->q.initial);

    for (size_t i = 0; ok && i < q->n_choices; i++) ok = arena_str(&k->a, q->choices[i], &k->q.choices[i]);
    return ok;
}

static int put(struct ask *k, const struct user *u, const struct user_question *q, unsigned wait_s)
{
    arena_finish(&k->a);
    arena_init(&k->a, ASK_ARENA_BYTES);
    k->q = *q;
    k->user = *u;
    k->user.stop = &k->stop;
    k->wait_s = wait_s;
    if (!keep(k, q)) return 500;
    k->stage = ASKED;
    pthread_cond_broadcast(&k->wake);
    return 0;
}

static int hear(struct ask *k, struct arena *a, struct str *answer)
{
    uint64_t n;

    k->stage = IDLE;
    if (read(k->fd, &n, sizeof n) < 0) n = 0;
    if (k->status == 200 && !arena_str(a, k->answer, answer)) return 500;
    return k->status;
}

int ask_person(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
               struct str *answer)
{
    struct ask *k = u->ask_ctx;
    int status = 0;

    pthread_mutex_lock(&k->lock);
    if (k->stage == IDLE)
        status = put(k, u, q, wait_s);
    else if (k->stage == ANSWERED && k->q.from == q->from)
        status = hear(k, a, answer);
    pthread_mutex_unlock(&k->lock);
    return status;
}
