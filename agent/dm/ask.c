/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/ask.h"
#include "base/thread.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_ARENA_BYTES = 1 << 20 };

enum ask_stage { IDLE, ASKED, ANSWERED };

struct ask {
    struct threads threads; /* one, which waits for the user */
    int fd;
    enum ask_stage stage;
    /* of the current prompt; the thread reads it while ASKED, otherwise the loop uses it */
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

    threads_lock(&k->threads);
    while (!k->threads.stop) {
        if (k->stage != ASKED) {
            threads_wait(&k->threads, -1);
            continue;
        }
        threads_unlock(&k->threads);
        k->answer = (struct str){ 0 };
        k->status = ui_alert_hook(&k->user, &k->q, k->wait_s, &k->a, &k->answer);
        threads_lock(&k->threads);
        k->stage = ANSWERED;
        wake_raise(k->fd);
    }
    threads_unlock(&k->threads);
    return NULL;
}

enum rc ask_create(struct ask **out, struct err *e)
{
    struct ask *k = calloc(1, sizeof *k);
    enum rc rc;

    if (!k) return err_set(e, RC_NOMEM, "no memory to prompt the user");
    k->fd = wake_open();
    threads_init(&k->threads);
    arena_init(&k->a, ASK_ARENA_BYTES);
    rc = k->fd >= 0 ? threads_start(&k->threads, run, k, "prompts for the user", e)
                    : err_set(e, RC_NOMEM, "cannot create an event for prompts");
    if (rc)
        ask_destroy(k);
    else
        *out = k;
    return rc;
}

void ask_destroy(struct ask *k)
{
    if (!k) return;
    threads_finish(&k->threads);
    arena_finish(&k->a);
    if (k->fd >= 0) close(k->fd);
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

    threads_lock(&mine->threads);
    busy = k->stage == ASKED;
    threads_unlock(&mine->threads);
    return busy;
}

/* Copy the prompt: it outlives its message. */
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
    k->user.stop = &k->threads.stop;
    k->wait_s = wait_s;
    if (!keep(k, q)) return 500;
    k->stage = ASKED;
    threads_wake(&k->threads);
    return 0;
}

static int hear(struct ask *k, struct arena *a, struct str *answer)
{
    k->stage = IDLE;
    wake_clear(k->fd);
    if (k->status == 200 && !arena_str(a, k->answer, answer)) return 500;
    return k->status;
}

int ask_person(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
               struct str *answer)
{
    struct ask *k = u->ask_ctx;
    int status = 0;

    threads_lock(&k->threads);
    if (k->stage == IDLE)
        status = put(k, u, q, wait_s);
    else if (k->stage == ANSWERED && k->q.from == q->from)
        status = hear(k, a, answer);
    threads_unlock(&k->threads);
    return status;
}
