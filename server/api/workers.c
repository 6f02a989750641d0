/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/workers.h"

#include "base/thread.h"
#include "base/world.h"
#include "server/api/call.h"

#include <stdlib.h>

struct desk_request {
    struct http_request *r;
    struct http_reply reply;
    struct desk_request *next;
};

struct api_line {
    struct desk_request *first;
    unsigned n;
};

struct seat {
    struct api_workers *all;
    struct api_worker desk;
    int64_t serves; /* principal of the current request; 0 = idle */
    bool is_express;
};

struct api_workers {
    void (*work)(struct api_worker *, struct http_request *, struct http_reply *);
    struct threads threads; /* one per worker; the lock protects the members below and is never held during a request */
    struct api_line lines[2]; /* ordinary, express */
    unsigned n, share;        /* share: ordinary threads that one principal may use at once */
    struct seat seats[];
};

enum rc api_worker_open(struct api *api, struct api_worker *d, struct err *e)
{
    const struct sql_options o = { .durable = api->srv->config->durable,
                                   .busy_ms = API_WORKER_BUSY_MS,
                                   .health = server_database_health(api->srv) };
    d->api = api;
    enum rc rc = sql_open(api->srv->config->database, &o, &d->db, e);
    return rc ? rc : store_open(api->srv, &d->store, e);
}

void api_worker_close(struct api_worker *d)
{
    store_close(d->store);
    sql_close(d->db);
    *d = (struct api_worker){ 0 };
}

/* Call with the lock held. */
static unsigned serving(const struct api_workers *d, int64_t principal)
{
    unsigned n = 0;
    for (unsigned i = 0; i < d->n; i++) n += !d->seats[i].is_express && d->seats[i].serves == principal;
    return n;
}

/* Call with the lock held: the first request whose principal has not used up its share of the threads. */
static struct desk_request *next_request(struct api_workers *d, const struct seat *s)
{
    struct api_line *line = &d->lines[s->is_express];
    for (struct desk_request **at = &line->first; *at; at = &(*at)->next) {
        struct desk_request *j = *at;
        if (!s->is_express && j->r->principal && serving(d, j->r->principal) >= d->share) continue;
        *at = j->next;
        line->n--;
        return j;
    }
    return NULL;
}

static void *sit(void *arg)
{
    struct seat *s = arg;
    struct api_workers *d = s->all;
    threads_lock(&d->threads);
    while (!d->threads.stop) {
        struct desk_request *j = next_request(d, s);
        if (!j) {
            threads_wait(&d->threads, -1);
            continue;
        }
        s->serves = j->r->principal;
        threads_unlock(&d->threads);
        d->work(&s->desk, j->r, &j->reply);
        http_answer_elsewhere(j->r, &j->reply);
        threads_lock(&d->threads);
        s->serves = 0;
        if (d->lines[0].first) threads_wake(&d->threads); /* the principal's share has a free thread again */
    }
    threads_unlock(&d->threads);
    return NULL;
}

enum rc api_workers_open(struct api *api, unsigned n,
                         void (*work)(struct api_worker *, struct http_request *, struct http_reply *),
                         struct api_workers **out, struct err *e)
{
    if (n < API_WORKERS_MIN) n = API_WORKERS_MIN;
    struct api_workers *d = calloc(1, sizeof *d + (n + API_WORKERS_EXPRESS) * sizeof *d->seats);
    if (!d) return err_set(e, RC_NOMEM, "no memory for the API's threads");
    threads_init(&d->threads);
    d->work = work;
    d->share = n / 2;
    enum rc rc = RC_OK;
    for (; !rc && d->n < n + API_WORKERS_EXPRESS; d->n++) {
        struct seat *s = &d->seats[d->n];
        s->all = d;
        s->is_express = d->n >= n;
        rc = api_worker_open(api, &s->desk, e);
    }
    for (unsigned i = 0; !rc && i < d->n; i++) rc = threads_start(&d->threads, sit, &d->seats[i], "the API", e);
    if (rc)
        api_workers_close(d);
    else
        *out = d;
    return rc;
}

static void say_busy(struct http_reply *reply, int status, const char *why)
{
    http_problem(reply, status, status == 429 ? "Too many requests" : "Busy", NULL, "%s; try again", why);
    http_reply_header(reply, "Retry-After", STR("1"));
}

/* Call with the lock held. @return the reason to refuse the request, or NULL */
static const char *refusal(const struct api_workers *d, const struct api_line *line, int64_t principal, int *status)
{
    unsigned same = 0;
    *status = 503;
    if (d->threads.stop) return "the server is shutting down";
    if (line->n >= API_WORKERS_WAITING) return "too many requests are waiting";
    for (const struct desk_request *j = line->first; j; j = j->next) same += principal && j->r->principal == principal;
    *status = 429;
    return same >= API_WORKERS_WAITING_EACH ? "too many of your requests are waiting" : NULL;
}

void api_workers_take(struct api_workers *d, struct http_request *r, struct http_reply *reply, bool express)
{
    struct api_line *line = &d->lines[express];
    struct desk_request *j = ARENA_NEW(r->arena, struct desk_request), **tail = &line->first;
    int status = 503;
    if (!j) {
        say_busy(reply, status, "not enough memory for the request");
        return;
    }
    *j = (struct desk_request){ .r = r };
    threads_lock(&d->threads);
    const char *why = refusal(d, line, r->principal, &status);
    if (!why) {
        while (*tail) tail = &(*tail)->next;
        *tail = j;
        line->n++;
        threads_wake(&d->threads);
    }
    threads_unlock(&d->threads);
    if (why)
        say_busy(reply, status, why);
    else
        reply->later = true;
}

void api_workers_stop(struct api_workers *d)
{
    if (!d) return;
    threads_stop(&d->threads);
    for (unsigned i = 0; i < 2; i++)
        for (struct desk_request *j = d->lines[i].first, *next; j; j = next) {
            next = j->next; /* answering releases the request and its memory */
            say_busy(&j->reply, 503, "the server is shutting down");
            http_answer_elsewhere(j->r, &j->reply);
        }
    d->lines[0] = d->lines[1] = (struct api_line){ 0 };
}

void api_workers_close(struct api_workers *d)
{
    if (!d) return;
    api_workers_stop(d);
    for (unsigned i = 0; i < d->n; i++) api_worker_close(&d->seats[i].desk);
    threads_finish(&d->threads);
    free(d);
}
