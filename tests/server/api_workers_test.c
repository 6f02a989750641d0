/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of the API, behind a listener whose handler hands every request on: what a request does is told by its
 * path, whose it is by its query. */
#include "server/api/workers.h"
#include "server/api/call.h"
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { CONNECTIONS = 700, THREADS = 4, SECONDS = 20 };

struct office {
    struct api_fixture *site;
    struct api api;
    struct api_workers *desks;
    struct http_listener *listener;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool open;                  /* who was told to wait goes on */
    unsigned holding, answered; /* requests */
};

static void work(struct api_worker *desk, struct http_request *r, struct http_reply *reply)
{
    struct office *o = (struct office *)(void *)((char *)desk->api - offsetof(struct office, api));
    struct sql_rows *rows = NULL;
    pthread_mutex_lock(&o->lock);
    if (str_is(r->path, "/hold")) {
        o->holding++;
        pthread_cond_broadcast(&o->change);
        while (!o->open) pthread_cond_wait(&o->change, &o->lock);
        o->holding--;
    }
    o->answered++;
    pthread_mutex_unlock(&o->lock);
    /* With a connection of its own. */
    reply->status = sql_start_text(desk->db, STR("SELECT count(*) FROM authority"), NULL, 0, &rows, NULL) == RC_OK &&
                            sql_step(rows, NULL) == RC_OK
                        ? 200
                        : 500;
    sql_end(rows);
    buf_putz(&reply->body, "done");
}

static void hand_on(void *ctx, struct http_request *r, struct http_reply *reply)
{
    struct office *o = ctx;
    str_to_i64(http_query(r, "who", NULL), &r->principal);
    api_workers_take(o->desks, r, reply, str_is(r->path, "/express"));
}

static void begin(struct office *o, unsigned threads)
{
    struct err e = { 0 };
    const struct http_config h = { .address = "127.0.0.1", .max_connections = CONNECTIONS, .max_body_bytes = 1000 };
    memset(o, 0, sizeof *o);
    o->site = api_fixture_begin();
    o->api.srv = &o->site->srv;
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->change, NULL);
    CU_ASSERT_EQUAL_FATAL(api_workers_open(&o->api, threads, work, &o->desks, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(http_start(&h, hand_on, NULL, o, &o->listener, &e), RC_OK);
}

static void release(struct office *o)
{
    pthread_mutex_lock(&o->lock);
    o->open = true;
    pthread_cond_broadcast(&o->change);
    pthread_mutex_unlock(&o->lock);
}

static void end(struct office *o)
{
    release(o);
    api_workers_stop(o->desks);
    http_stop(o->listener);
    api_workers_close(o->desks);
    pthread_cond_destroy(&o->change);
    pthread_mutex_destroy(&o->lock);
    api_fixture_end(o->site);
}

static int ask(struct office *o, const char *path, int who)
{
    const struct timeval most = { .tv_sec = SECONDS };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(http_port(o->listener)) };
    char text[120];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(text, sizeof text, "GET %s?who=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path, who);
    CU_ASSERT_EQUAL(send(fd, text, (size_t)n, 0), n);
    return fd;
}

/* Its status, 0 = none; closes the connection. */
static int answer_of(int fd, char *text, size_t room)
{
    size_t n = 0;
    ssize_t got;
    while (n + 1 < room && (got = recv(fd, text + n, room - 1 - n, 0)) > 0) n += (size_t)got;
    text[n] = '\0';
    close(fd);
    return n > 12 ? atoi(text + 9) : 0;
}

static int status_of(int fd)
{
    char text[2048];
    return answer_of(fd, text, sizeof text);
}

/* So many are at work and do not end. */
static void await_holding(struct office *o, unsigned n)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SECONDS;
    pthread_mutex_lock(&o->lock);
    while (o->holding < n && !rc) rc = pthread_cond_timedwait(&o->change, &o->lock, &until);
    CU_ASSERT_EQUAL(o->holding, n);
    pthread_mutex_unlock(&o->lock);
}

static bool is_unanswered(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

static void one_that_takes_its_time_holds_up_nobody_else(void)
{
    struct office o;
    begin(&o, THREADS);
    int slow = ask(&o, "/hold", 1);
    await_holding(&o, 1);
    for (int i = 0; i < 20; i++) CU_ASSERT_EQUAL(status_of(ask(&o, "/", 1)), 200);
    CU_ASSERT(is_unanswered(slow));
    release(&o);
    CU_ASSERT_EQUAL(status_of(slow), 200);
    end(&o);
}

static void one_principal_has_half_of_the_threads(void)
{
    struct office o;
    int held[4];
    begin(&o, THREADS);
    for (int i = 0; i < 4; i++) held[i] = ask(&o, "/hold", 1);
    await_holding(&o, 2);
    CU_ASSERT_EQUAL(status_of(ask(&o, "/", 2)), 200); /* passes the two that wait for a thread of theirs */
    await_holding(&o, 2);
    for (int i = 0; i < 4; i++) CU_ASSERT(is_unanswered(held[i]));
    release(&o);
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(status_of(held[i]), 200);
    end(&o);
}

static void who_is_not_known_may_use_all_of_them(void)
{
    struct office o;
    int held[THREADS];
    begin(&o, THREADS);
    for (int i = 0; i < THREADS; i++) held[i] = ask(&o, "/hold", 0);
    await_holding(&o, THREADS);
    release(&o);
    for (int i = 0; i < THREADS; i++) CU_ASSERT_EQUAL(status_of(held[i]), 200);
    end(&o);
}

static void what_is_always_quick_waits_for_no_thread(void)
{
    struct office o;
    int held[THREADS];
    begin(&o, THREADS);
    for (int i = 0; i < THREADS; i++) held[i] = ask(&o, "/hold", i);
    await_holding(&o, THREADS);
    int waits = ask(&o, "/", 9);
    for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(status_of(ask(&o, "/express", 9)), 200);
    CU_ASSERT(is_unanswered(waits));
    release(&o);
    CU_ASSERT_EQUAL(status_of(waits), 200);
    for (int i = 0; i < THREADS; i++) CU_ASSERT_EQUAL(status_of(held[i]), 200);
    end(&o);
}

static void there_are_two_threads_at_least(void)
{
    struct office o;
    begin(&o, 0);
    int one = ask(&o, "/hold", 1);
    await_holding(&o, 1);
    CU_ASSERT_EQUAL(status_of(ask(&o, "/", 2)), 200);
    release(&o);
    CU_ASSERT_EQUAL(status_of(one), 200);
    end(&o);
}

/* Its line is full, and only its. */
static void one_principal_s_line_is_short(void)
{
    struct office o;
    char text[2048];
    int held[2], line[API_WORKERS_WAITING_EACH];
    begin(&o, THREADS);
    for (int i = 0; i < 2; i++) held[i] = ask(&o, "/hold", 1);
    await_holding(&o, 2);
    for (int i = 0; i < API_WORKERS_WAITING_EACH; i++) line[i] = ask(&o, "/", 1);
    CU_ASSERT_EQUAL(answer_of(ask(&o, "/", 1), text, sizeof text), 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nRetry-After: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "too many of your requests are waiting"));
    CU_ASSERT_EQUAL(status_of(ask(&o, "/", 2)), 200);
    release(&o);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(status_of(held[i]), 200);
    for (int i = 0; i < API_WORKERS_WAITING_EACH; i++) CU_ASSERT_EQUAL(status_of(line[i]), 200);
    CU_ASSERT_EQUAL(status_of(ask(&o, "/", 1)), 200);
    end(&o);
}

/* All together may wait in a line that has an end; and the end of the server is one for those that wait. */
static void the_line_has_an_end(void)
{
    static int line[API_WORKERS_WAITING];
    struct office o;
    struct rlimit files;
    char text[2048];
    int held[THREADS];
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2048) files.rlim_cur = files.rlim_max < 2048 ? files.rlim_max : 2048;
    setrlimit(RLIMIT_NOFILE, &files); /* both ends of every connection are ours */
    begin(&o, THREADS);
    for (int i = 0; i < THREADS; i++) held[i] = ask(&o, "/hold", 0);
    await_holding(&o, THREADS);
    for (int i = 0; i < API_WORKERS_WAITING; i++) line[i] = ask(&o, "/", 0);
    CU_ASSERT_EQUAL(answer_of(ask(&o, "/", 0), text, sizeof text), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nRetry-After: "));
    CU_ASSERT_EQUAL(status_of(ask(&o, "/express", 0)), 200);
    for (int i = 0; i < 10; i++) CU_ASSERT(is_unanswered(line[i]));
    release(&o);
    for (int i = 0; i < THREADS; i++) CU_ASSERT_EQUAL(status_of(held[i]), 200);
    for (int i = 0; i < API_WORKERS_WAITING; i++) CU_ASSERT_EQUAL(status_of(line[i]), 200);
    end(&o);
}

static void *stop(void *arg)
{
    struct office *o = arg;
    api_workers_stop(o->desks);
    return NULL;
}

static void at_the_end_what_is_under_way_ends_and_what_waits_is_refused(void)
{
    struct office o;
    pthread_t thread;
    int held[2], line[5];
    begin(&o, API_WORKERS_MIN);
    for (int i = 0; i < 2; i++) held[i] = ask(&o, "/hold", 0);
    await_holding(&o, 2);
    for (int i = 0; i < 5; i++) line[i] = ask(&o, "/", 0);
    CU_ASSERT_EQUAL(status_of(ask(&o, "/express", 0)), 200); /* the listener has seen them all */
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, stop, &o), 0);
    while (status_of(ask(&o, "/express", 0)) != 503) continue; /* it has begun */
    release(&o);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(status_of(held[i]), 200);
    for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(status_of(line[i]), 503);
    CU_ASSERT_EQUAL(status_of(ask(&o, "/", 0)), 503);
    api_workers_stop(NULL);
    api_workers_close(NULL);
    end(&o);
}

TEST_MAIN("desks", TEST(one_that_takes_its_time_holds_up_nobody_else), TEST(one_principal_has_half_of_the_threads),
          TEST(who_is_not_known_may_use_all_of_them), TEST(what_is_always_quick_waits_for_no_thread),
          TEST(there_are_two_threads_at_least), TEST(one_principal_s_line_is_short), TEST(the_line_has_an_end),
          TEST(at_the_end_what_is_under_way_ends_and_what_waits_is_refused))
