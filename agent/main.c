/* SPDX-License-Identifier: Apache-2.0 */
/* dmvisor-agent: one device on this machine. A loop waits for the clock, the hypervisor, downloads, notifications
 * and answers of the user; the device (device.h) does the rest. */
#include "agent/dm/ask.h"
#include "agent/dm/calls.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/confine.h"
#include "agent/device.h"
#include "agent/dm/post.h"
#include "agent/dm/ui_alert.h"
#include "agent/vm/vm.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/service.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ACCOUNT_FILES = 8,
    SIM_DELAY_MS = 200,
    STOP_WAIT_MS = 10000,
    LONGEST_WAIT_MS = 60000,
    SIM_WAIT_MS = 100,
    ASKING_MAX = 4,
    PUSHES_A_TURN = 1024,
    CLOCK_KEEP_MS = 300000,
    CLOCK_LEAP_MS = 2000
};

struct agent {
    struct arena arena;
    struct agent_config config;
    const char *file; /* of the configuration, NULL = none */
    struct mo_shared *shared;
    struct device *device;
    struct hv *hv;
    bool sim;
    struct download *loader;
    struct state *state;
    struct post *post;
    struct dm_session *session;
    size_t calling;
    bool pushed;
    int64_t session_ms;
    struct device_clock clock;
    int64_t clock_kept_ms; /* on it */
    struct calls calls;
    struct push_memory pushes;
    struct user user;
    struct ask *ask;
    struct push_call asking[ASKING_MAX]; /* notifications that wait for the user */
    size_t n_asking;
    bool person; /* the session waits for the user */
    struct exec_user asked;
    int epoll, push_fd, signal_fd, lock_fd;
    bool stop;
};

static const char usage[] =
    "usage: dmvisor-agent [-f FILE] [--account FILE]... [-n]\n"
    "       dmvisor-agent --help-config | --help | --version\n"
    "  -f FILE            configuration (YAML); --help-config prints one with all settings, their defaults and help\n"
    "  --account FILE     account at a server, the answer of its registration; imported once, may be given several times\n"
    "  -n                 check the configuration and the accounts, then exit\n"
    "Signals: TERM and INT end it (VMs keep running, unless hypervisor.stopVmsOnExit), USR1 starts sessions with all servers.\n";

static int complain(const struct err *e)
{
    char text[ERR_TEXT_BYTES + 256];

    fprintf(stderr, "dmvisor-agent: %s\n", err_format(e, text, sizeof text));
    return 1;
}

/* --- starting --- */

static enum rc folder(struct agent *g, const char *name, const char **out, struct err *e)
{
    struct str path = arena_printf(&g->arena, "%s%s%s", g->config.data, name[0] ? "/" : "", name);

    if (!path.p) return err_set(e, RC_NOMEM, "no memory for a path");
    if (mkdir(path.p, 0700) && errno != EEXIST)
        return err_at(e, RC_IO, path.p, 0, 0,
                      "cannot be made: %s; choose another folder with `data:` or make its parent", strerror(errno));
    *out = path.p;
    return RC_OK;
}

enum { LOCK_WAIT_MS = 2000 };

/* Two agents on one state would overwrite each other's changes. */
static enum rc lock_data(struct agent *g, struct err *e)
{
    struct str path = arena_printf(&g->arena, "%s/lock", g->config.data);

    g->lock_fd = path.p ? open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (g->lock_fd < 0) return err_at(e, RC_IO, path.p, 0, 0, "cannot be written: %s", strerror(errno));
    /* A child of a killed agent may still be exiting. */
    const int64_t until = world_monotonic_ms() + LOCK_WAIT_MS;
    bool ours;
    while (!(ours = flock(g->lock_fd, LOCK_EX | LOCK_NB) == 0) && world_monotonic_ms() < until)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    if (!ours) return err_at(e, RC_BUSY, path.p, 0, 0, "another dmvisor-agent uses this folder; stop it first");
    return RC_OK;
}

/* --- time --- */

static struct clock_reading read_clock(const struct agent *g)
{
    struct clock_reading now = { .steady_ms = world_uptime_ms(), .wall_ms = world_real().now_ms };

    memcpy(now.boot, g->clock.last.boot, sizeof now.boot);
    return now;
}

/* Which start of the host this is; nothing where the host does not say. */
static void read_boot(char out[CLOCK_BOOT_BYTES])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, CLOCK_BOOT_BYTES - 1) : -1;

    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static enum rc keep_clock(struct agent *g, struct err *e)
{
    char text[128];

    clock_text(&g->clock, text);
    persist_reserve(g->state);
    g->clock_kept_ms = g->clock.time_ms;
    enum rc rc = persist_set(g->state, "clock", str_of(text), e);
    return rc ? rc : persist_commit(g->state, e);
}

static enum rc begin_clock(struct agent *g, struct err *e)
{
    struct clock_reading now = { .steady_ms = world_uptime_ms(), .wall_ms = world_real().now_ms };
    struct str kept = { 0 };
    enum rc rc = persist_get(g->state, "clock", &g->arena, &kept, e);

    if (rc && rc != RC_NOT_FOUND) return rc;
    err_clear(e);
    read_boot(now.boot);
    if (!clock_begin(&g->clock, kept, &now))
        log_event(LOG_ERROR, "clock", LOG_Z("why", "what was kept of it is damaged; the wall clock is believed"));
    return keep_clock(g, e);
}

/* Now, by the device's own time (clock.h). */
static struct world now(struct agent *g)
{
    const struct clock_reading reading = read_clock(g);
    const int64_t leapt_ms = clock_look(&g->clock, &reading);
    const bool leapt = leapt_ms > CLOCK_LEAP_MS || leapt_ms < -CLOCK_LEAP_MS;
    struct world w = world_real();
    struct err e = { 0 };

    if (leapt) log_event(LOG_WARN, "clock.leap", LOG_N("s", leapt_ms / 1000));
    if ((leapt || g->clock.time_ms - g->clock_kept_ms > CLOCK_KEEP_MS) && keep_clock(g, &e))
        log_event(LOG_ERROR, "device", LOG_Z("why", e.text));
    w.now_ms = g->clock.time_ms;
    w.ahead_ms = reading.wall_ms - g->clock.time_ms;
    return w;
}

/* A device without an id generates one once. */
static enum rc identity(struct agent *g, const struct world *w, struct err *e)
{
    struct str id;
    uint8_t r[16];
    char hex[33];
    enum rc rc;

    if (g->config.id) return RC_OK;
    rc = persist_get(g->state, "device.id", &g->arena, &id, e);
    if (rc == RC_NOT_FOUND) {
        err_clear(e);
        w->random(w->ctx, r, sizeof r);
        r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
        r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
        for (size_t i = 0; i < sizeof r; i++) snprintf(hex + 2 * i, 3, "%02x", r[i]);
        id = arena_printf(&g->arena, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
        rc = persist_set(g->state, "device.id", id, e);
        if (!rc) rc = persist_commit(g->state, e);
    }
    g->config.id = id.p;
    return rc;
}

static enum rc open_hypervisor(struct agent *g, struct err *e)
{
    const char *dir;
    enum rc rc = folder(g, "hypervisor", &dir, e);

    g->sim = !strcmp(g->config.hypervisor, "sim:");
    if (rc) return rc;
    if (!g->sim) return hv_libvirt_create(g->config.hypervisor, dir, (enum hv_kvm)g->config.kvm, &g->hv, e);
    g->hv = hv_sim_create(SIM_DELAY_MS, 1);
    if (!g->hv) return err_set(e, RC_NOMEM, "no memory for the hypervisor in memory");
    hv_sim_advance(g->hv, now(g).now_ms);
    return RC_OK;
}

/* Emulators pass through the folder to their VMs' files, so each file in it is closed to other users. The database
 * creates the files beside it with its own mode. */
static enum rc close_to_others(const char *file, struct err *e)
{
    int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    bool good = fd >= 0 && fchmod(fd, 0600) == 0;
    int why = errno;

    if (fd >= 0) close(fd);
    return good ? RC_OK : err_at(e, RC_IO, file, 0, 0, "cannot be closed to other users: %s", strerror(why));
}

static void remember_push(void *ctx, struct str digest)
{
    struct agent *g = ctx;

    if (digest.n == PUSH_DIGEST_BYTES) push_remember(&g->pushes, (const uint8_t *)digest.p);
}

static enum rc load_objects(struct agent *g, struct err *e)
{
    const struct agent_config *c = &g->config;
    const struct mo_places p = { c->objects, c->own, c->root, c->images };
    return mo_shared_load(&p, &g->shared, e);
}

static enum rc open_device(struct agent *g, struct err *e)
{
    struct world w = world_real();
    const char *images, *vms, *data, *file;
    struct agent_config *c = &g->config;
    enum rc rc = load_objects(g, e);

    if (!rc) rc = folder(g, "", &data, e);
    if (!rc) rc = lock_data(g, e);
    if (!rc) rc = folder(g, "images", &images, e);
    if (!rc) rc = folder(g, "vms", &vms, e);
    if (rc) return rc;
    file = arena_printf(&g->arena, "%s/state.db", data).p;
    rc = close_to_others(file, e);
    if (!rc) rc = persist_open(file, arena_printf(&g->arena, "%s/schema", c->own).p, &g->state, e);
    if (!rc) rc = persist_load_pushes(g->state, remember_push, g, e);
    if (!rc) rc = begin_clock(g, e);
    if (!rc) rc = identity(g, &w, e);
    if (!rc && c->push)
        rc = push_open(c->push_address, c->push_port, &g->push_fd, e); /* early: notifications wait in it */
    if (!rc) rc = open_hypervisor(g, e);
    if (!rc) rc = download_create(images, &g->loader, e);
    if (rc) return rc;
    if (c->interaction == USER_PROGRAM) rc = ask_create(&g->ask, e);
    if (rc) return rc;
    g->user = (struct user){
        (enum user_mode)c->interaction, c->interaction_program, c->interaction_wait_s, ask_person, g->ask, NULL
    };
    g->asked = (struct exec_user){ &g->user, ui_alert_show };
    const struct device_config dc = { .mo.id = c->id,
                                      .mo.manufacturer = c->manufacturer,
                                      .mo.model = c->model,
                                      .mo.version = "dmvisor-agent " DMVISOR_VERSION,
                                      .mo.language = c->language,
                                      .mo.type = c->type,
                                      .mo.oem = c->oem,
                                      .mo.firmware = c->firmware,
                                      .mo.software = c->software,
                                      .mo.hardware = c->hardware,
                                      .mo.images_dir = images,
                                      .mo.vms_dir = vms,
                                      .mo.ca_file = c->ca,
                                      .dm.max_msg_bytes = c->max_message,
                                      .dm.max_obj_bytes = c->max_object,
                                      .mo.quota_images = c->quota_images,
                                      .mo.quota_vms = c->quota_vms,
                                      .mo.quota_bytes = c->quota_storage,
                                      .dm.encoding = (enum sml_type)c->encoding,
                                      .dm.user = &g->asked };
    w = now(g);
    return device_create(g->shared, &dc, g->hv, g->loader, g->state, &w, &g->device, e);
}

/* True for an address without TLS, except on this machine. */
static bool in_the_clear(const char *url)
{
    return !strncmp(url, "http://", 7) && strncmp(url, "http://127.", 11) && strncmp(url, "http://localhost", 16) &&
           strncmp(url, "http://[::1]", 12);
}

static enum rc import(struct agent *g, const char *file, const struct world *w, struct err *e)
{
    struct account acc;
    struct err there = { 0 };
    enum rc rc = account_load(file, &acc, e);

    if (rc) return rc;
    rc = device_add_account(g->device, &acc, w, &there);
    if (rc == RC_EXISTS) {
        log_event(LOG_INFO, "account", LOG_Z("server", acc.server_id),
                  LOG_Z("state", "exists already, the file is not read again"));
        return RC_OK;
    }
    if (rc) {
        *e = there;
        return rc;
    }
    log_event(LOG_INFO, "account", LOG_Z("server", acc.server_id), LOG_Z("url", acc.url), LOG_N("poll_s", acc.poll_s),
              LOG_Z("state", "imported"));
    if (in_the_clear(acc.url))
        log_event(LOG_WARN, "tls", LOG_Z("url", acc.url),
                  LOG_Z("why", "no TLS: the management traffic can be read on the network"));
    return RC_OK;
}

static enum rc watch(struct agent *g, int fd, struct err *e)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

    if (fd < 0) return RC_OK;
    return epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &ev) ? err_set(e, RC_IO, "epoll: %s", strerror(errno)) : RC_OK;
}

static enum rc open_loop(struct agent *g, struct err *e)
{
    enum rc rc;

    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (g->epoll < 0) return err_set(e, RC_IO, "epoll: %s", strerror(errno));
    rc = post_create(g->config.ca, g->config.insecure, &g->post, e);
    if (!rc) rc = watch(g, g->push_fd, e);
    if (!rc) rc = watch(g, g->signal_fd, e);
    if (!rc) rc = watch(g, post_fd(g->post), e);
    if (!rc && g->ask) rc = watch(g, ask_fd(g->ask), e);
    if (!rc) rc = watch(g, g->hv->class->fd(g->hv), e);
    if (!rc) rc = watch(g, download_fd(g->loader), e);
    return rc;
}

/* --- sessions --- */

static struct call_account known(const struct agent *g, size_t i)
{
    return (struct call_account){ device_poll_s(g->device, i), device_alerts_since_ms(g->device, i) };
}

static size_t all_known(const struct agent *g, struct call_account out[ACCOUNTS_MAX])
{
    size_t n = device_accounts(g->device);

    for (size_t i = 0; i < n; i++) out[i] = known(g, i);
    return n;
}

static void session_ended(struct agent *g, const struct world *w, bool ok, const struct err *e)
{
    const struct account *acc = device_account(g->device, g->calling);
    struct call_account now;
    uint32_t random;
    char id[8] = "";
    unsigned messages = g->session ? session_messages(g->session) : 0;

    if (g->session) snprintf(id, sizeof id, "%.*s", STR_ARG(session_id(g->session)));
    session_destroy(g->session);
    g->session = NULL;
    g->person = false;
    now = known(g, g->calling);
    w->random(w->ctx, (uint8_t *)&random, sizeof random);
    calls_ended(&g->calls, g->calling, &now, ok, g->pushed,
                now.alerts_since_ms == INT64_MAX || now.alerts_since_ms > g->session_ms, w->now_ms, random);
    if (ok)
        log_event(LOG_INFO, "session", LOG_Z("server", acc->server_id), LOG_Z("session", id), LOG_Z("state", "over"),
                  LOG_N("messages", messages), LOG_N("ms", w->now_ms - g->session_ms));
    else
        log_event(LOG_WARN, "session", LOG_Z("server", acc->server_id), LOG_Z("session", id), LOG_Z("state", "failed"),
                  LOG_Z("why", e->text), LOG_N("retry_in_ms", calls_pause_ms(&g->calls, g->calling, w->now_ms)));
}

static void send_post(struct agent *g, const struct world *w, const struct session_post *post)
{
    struct err e = { 0 };

    if (post_send(g->post, post->url, post->mime, post->hmac, post->body, &e)) session_ended(g, w, false, &e);
}

static void call_if_due(struct agent *g, const struct world *w)
{
    struct call_account accounts[ACCOUNTS_MAX];
    struct session_post post;
    struct push_call push;
    struct err e = { 0 };
    enum call_why why;

    if (g->session || g->stop) return;
    why = calls_due(&g->calls, accounts, all_known(g, accounts), device_coalesce_ms(g->device), w->now_ms, &g->calling,
                    &push);
    if (why == CALL_NONE) return;
    const struct account *acc = device_account(g->device, g->calling);
    const struct session_start st = { str_of(acc->server_id), why == CALL_PUSH ? &push : NULL };
    g->pushed = why == CALL_PUSH;
    g->session_ms = w->now_ms;
    if (session_create(device_client(g->device), &st, w, &g->session, &post, &e)) {
        session_ended(g, w, false, &e);
        return;
    }
    log_event(LOG_INFO, "session", LOG_Z("server", acc->server_id), LOG_S("session", session_id(g->session)),
              LOG_Z("state", "begun"), LOG_Z("why", calls_why_text(why)));
    send_post(g, w, &post);
}

/* Handle the result of a server's message. */
static void go_on(struct agent *g, const struct world *w, enum session_next next, const struct session_post *post,
                  const struct err *e)
{
    if (next == SESSION_WAITS && !g->person)
        log_event(LOG_INFO, "session", LOG_Z("server", device_account(g->device, g->calling)->server_id),
                  LOG_S("session", session_id(g->session)), LOG_Z("state", "waits for the user of the device"));
    g->person = next == SESSION_WAITS;
    if (next == SESSION_POST)
        send_post(g, w, post);
    else if (next != SESSION_WAITS)
        session_ended(g, w, next == SESSION_OVER, e);
}

static void take_answer(struct agent *g, const struct world *w)
{
    struct post_result r;
    struct session_post post;
    struct err e = { 0 };
    enum session_next next;

    if (!post_take(g->post, &r)) return;
    if (!g->session) {
        buf_finish(&r.body);
        return;
    }
    if (r.rc) {
        if (r.rc == RC_DENIED)
            log_event(LOG_WARN, "tls", LOG_Z("why", r.err.text),
                      LOG_Z("do", "set server.ca to the certificate of the server's CA"));
        session_ended(g, w, false, &r.err);
    } else {
        next = session_reply(g->session, w, r.status, r.content_type, str_of(r.hmac), buf_str(&r.body), &post, &e);
        go_on(g, w, next, &post, &e);
    }
    buf_finish(&r.body);
}

/* N-006: the notification's ui-mode. */
static enum user_verdict person_agrees(const struct agent *g, const struct push_call *call)
{
    enum user_verdict v;
    struct arena a;

    arena_init(&a, 1 << 20);
    v = ui_alert_lets(&g->user, call, call->ui, str_of(call->server_id), &a);
    arena_finish(&a);
    return v;
}

static void decided(struct agent *g, const struct world *w, const struct push_call *call, enum user_verdict v)
{
    for (size_t i = 0; v == USER_YES && i < device_accounts(g->device); i++)
        if (!strcmp(device_account(g->device, i)->server_id, call->server_id))
            calls_pushed(&g->calls, i, call, w->now_ms);
    log_event(LOG_INFO, "notification", LOG_Z("server", call->server_id), LOG_N("session", call->session),
              LOG_Z("state", v == USER_YES ? "taken" : "refused"),
              LOG_Z("why", v != USER_YES    ? "the user of the device did not agree"
                           : call->n_resync ? "signed with the resynchronisation nonce"
                                            : ""));
}

/* Notifications are confirmed one after the other; the first is asking[0]. */
static void hear_about_pushes(struct agent *g, const struct world *w)
{
    while (g->n_asking) {
        enum user_verdict v = person_agrees(g, &g->asking[0]);
        if (v == USER_LATER) return;
        decided(g, w, &g->asking[0], v);
        memmove(g->asking, g->asking + 1, --g->n_asking * sizeof g->asking[0]);
    }
}

/* The user answered: continue with what waited, then prompt for the next. */
static void hear_person(struct agent *g, const struct world *w)
{
    struct session_post post;
    struct err e = { 0 };

    if (!g->ask || ask_busy(g->ask)) return;
    hear_about_pushes(g, w);
    if (!g->person) return;
    go_on(g, w, session_resume(g->session, w, &post, &e), &post, &e);
    hear_about_pushes(g, w);
}

/* Persist the nonce before the session: a notification repeated after a power cut is not accepted. */
static bool keep_push(struct agent *g, const struct push_call *call, int64_t now_ms)
{
    const struct str digest = { (const char *)call->digest, PUSH_DIGEST_BYTES };
    struct err e = { 0 };
    enum rc rc = persist_put_push(g->state, digest, now_ms, PUSH_KNOWN, &e);

    if (!rc) rc = persist_commit(g->state, &e);
    if (rc) log_event(LOG_ERROR, "device", LOG_Z("why", e.text));
    return !rc;
}

static void take_push(struct agent *g, const struct world *w, struct str datagram, const struct sockaddr_storage *from)
{
    struct push_call call;
    const char *why;
    enum push_verdict v = push_take(&g->pushes, datagram, push_source(from), device_account(g->device, 0),
                                    device_accounts(g->device), w->now_ms, &call, &why);

    if (v != PUSH_CALL) {
        log_event(v == PUSH_REPEATED ? LOG_DEBUG : LOG_WARN, "notification",
                  LOG_Z("state", v == PUSH_REPEATED ? "repeated" : "refused"), LOG_Z("why", why));
        return;
    }
    if (call.n_resync && !keep_push(g, &call, w->now_ms)) return;
    if (g->n_asking == ASKING_MAX) {
        log_event(LOG_WARN, "notification", LOG_Z("server", call.server_id), LOG_N("session", call.session),
                  LOG_Z("state", "refused"), LOG_Z("why", "too many notifications wait for the user of the device"));
        return;
    }
    g->asking[g->n_asking++] = call;
    hear_about_pushes(g, w);
}

/* A limit for each round, so that a flood of notifications does not stop the rest of the agent. */
static void take_pushes(struct agent *g, const struct world *w)
{
    char datagram[PUSH_DATAGRAM_BYTES];

    for (int i = 0; g->push_fd >= 0 && i < PUSHES_A_TURN; i++) {
        struct sockaddr_storage from = { 0 };
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(g->push_fd, datagram, sizeof datagram, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        if (n < 0) return;
        take_push(g, w, (struct str){ datagram, (size_t)n }, &from);
    }
}

/* --- the loop --- */

static void take_signals(struct agent *g)
{
    struct signalfd_siginfo si;

    while (read(g->signal_fd, &si, sizeof si) == sizeof si) {
        if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT) g->stop = true;
        for (size_t i = 0; si.ssi_signo == SIGUSR1 && i < device_accounts(g->device); i++) calls_asked(&g->calls, i);
    }
}

static int wait_ms(const struct agent *g, int64_t now_ms)
{
    struct call_account accounts[ACCOUNTS_MAX];
    size_t n = all_known(g, accounts);
    int64_t next = device_next_ms(g->device),
            call = calls_next_ms(&g->calls, accounts, n, device_coalesce_ms(g->device));

    if (!g->session && call < next) next = call;
    if (next < now_ms) next = now_ms;
    next = next > now_ms + LONGEST_WAIT_MS ? LONGEST_WAIT_MS : next - now_ms;
    return (int)(g->sim && next > SIM_WAIT_MS ? SIM_WAIT_MS : next);
}

static void work(struct agent *g, const struct world *w)
{
    struct err e = { 0 };

    if (g->sim) hv_sim_advance(g->hv, w->now_ms);
    if (device_work(g->device, w, &e)) log_event(LOG_ERROR, "device", LOG_Z("why", e.text));
}

static void loop(struct agent *g)
{
    struct epoll_event ready[8];

    while (!g->stop) {
        struct world w = now(g);
        if (epoll_wait(g->epoll, ready, 8, wait_ms(g, w.now_ms)) < 0 && errno != EINTR) return;
        w = now(g);
        take_signals(g);
        work(g, &w);
        hear_person(g, &w);
        take_pushes(g, &w);
        take_answer(g, &w);
        call_if_due(g, &w);
        log_flush(false);
    }
}

/* Power off without waiting for the guests. The records keep that they were running, so the next start brings them
 * back as their policy demands. */
static void stop_vms(struct agent *g)
{
    int64_t until = world_monotonic_ms() + STOP_WAIT_MS;
    struct hv_event ev;
    size_t waiting = 0;

    for (size_t i = 0; i < device_vms(g->device); i++) {
        const struct vm *vm = device_vm(g->device, i);
        enum hv_state seen;
        if (vm_view(vm)->state == VM_DEFINED || g->hv->class->state(g->hv, vm_view(vm)->want.uuid, &seen, NULL) ||
            seen == HV_OFF || seen == HV_GONE || seen == HV_SAVED)
            continue;
        waiting += !g->hv->class->request(g->hv, HV_DESTROY, &vm_view(vm)->want, UINT64_MAX, NULL);
    }
    while (waiting && world_monotonic_ms() < until) {
        struct epoll_event ready;
        if (g->sim) hv_sim_advance(g->hv, now(g).now_ms + SIM_DELAY_MS * 2);
        while (g->hv->class->next(g->hv, &ev)) waiting -= ev.kind == HV_EV_DONE && ev.cookie == UINT64_MAX && waiting;
        if (waiting && epoll_wait(g->epoll, &ready, 1, 50) < 0 && errno != EINTR) return;
    }
    if (waiting) log_event(LOG_WARN, "stop", LOG_N("vms_still_on", waiting));
}

static void finish(struct agent *g)
{
    ask_destroy(g->ask);
    session_destroy(g->session);
    post_destroy(g->post);
    device_destroy(g->device);
    download_destroy(g->loader);
    if (g->hv) g->hv->class->destroy(g->hv);
    persist_close(g->state);
    mo_shared_destroy(g->shared);
    if (g->push_fd >= 0) close(g->push_fd);
    if (g->signal_fd >= 0) close(g->signal_fd);
    if (g->lock_fd >= 0) close(g->lock_fd);
    if (g->epoll >= 0) close(g->epoll);
    arena_finish(&g->arena);
}

static enum rc block_signals(struct agent *g, struct err *e)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return err_set(e, RC_IO, "signals: %s", strerror(errno)); /* before any thread starts */
    g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return g->signal_fd < 0 ? err_set(e, RC_IO, "signals: %s", strerror(errno)) : RC_OK;
}

/* -n: check everything that can be wrong before the start. */
static int check(struct agent *g, const char *const *accounts, size_t n)
{
    struct account acc;
    struct err e = { 0 };
    enum rc rc = load_objects(g, &e);

    for (size_t i = 0; !rc && i < n; i++) rc = account_load(accounts[i], &acc, &e);
    if (!rc && g->config.ca && access(g->config.ca, R_OK))
        rc = err_at(&e, RC_IO, g->config.ca, 0, 0, "server.ca cannot be read: %s", strerror(errno));
    if (!rc) puts("the configuration is valid");
    return rc ? complain(&e) : 0;
}

/* Before any thread. The data folder must exist, because rights name it. */
static enum rc confine(struct agent *g, struct err *e)
{
    struct sandbox_state got;
    const char *data;
    enum rc rc = folder(g, "", &data, e);

    if (!rc) rc = agent_confine(&g->config, g->file, &got, e);
    if (rc) return rc;
    log_event(got.missing[0] ? LOG_WARN : LOG_INFO, "sandbox", LOG_Z("new_privileges", got.no_new_privs ? "no" : "yes"),
              LOG_Z("calls", got.calls ? "denied" : "all"), LOG_Z("files", got.files ? "own" : "all"),
              LOG_Z("missing", got.missing));
    return RC_OK;
}

static int run(struct agent *g, const char *const *accounts, size_t n)
{
    struct err e = { 0 };
    enum rc rc = block_signals(g, &e);

    if (g->config.insecure)
        log_event(
            LOG_WARN, "tls",
            LOG_Z("why",
                  "server.insecure: certificates are not checked; an attacker on the network can control this device"));
    if (!rc) rc = confine(g, &e);
    if (!rc) rc = open_device(g, &e);
    const struct world w = rc ? world_real() : now(g);
    for (size_t i = 0; !rc && i < n; i++) rc = import(g, accounts[i], &w, &e);
    if (!rc) rc = open_loop(g, &e);
    if (rc) return complain(&e);
    if (!device_accounts(g->device))
        log_event(LOG_WARN, "account", LOG_Z("why", "no account at any server; add one with --account"));
    log_event(LOG_INFO, "start", LOG_Z("version", DMVISOR_VERSION), LOG_Z("device", g->config.id),
              LOG_Z("hypervisor", g->config.hypervisor), LOG_N("accounts", device_accounts(g->device)),
              LOG_N("vms", device_vms(g->device)), LOG_N("alerts", device_alerts(g->device)));
    service_ready("Device %s with %zu VMs at %zu servers", g->config.id, device_vms(g->device),
                  device_accounts(g->device));
    loop(g);
    service_stopping();
    log_flush(true);
    if (g->config.stop_vms_on_exit) stop_vms(g);
    log_event(LOG_INFO, "stop", LOG_N("vms", device_vms(g->device)),
              LOG_Z("they", g->config.stop_vms_on_exit ? "were powered off" : "keep running"));
    return 0;
}

static int help_config(void)
{
    struct buf b = { 0 };

    agent_config_help(&b);
    fwrite(b.p, 1, b.n, stdout);
    buf_finish(&b);
    return 0;
}

static int with_config(const char *file, const char *const *accounts, size_t n, bool only_check)
{
    struct agent g = { .file = file, .epoll = -1, .push_fd = -1, .signal_fd = -1, .lock_fd = -1 };
    struct buf errors = { 0 };
    struct err e = { 0 };
    int code;

    arena_init(&g.arena, 16 << 20);
    if (agent_config_load(file, &g.arena, &g.config, &errors, &e)) {
        code = errors.n ? 1 : complain(&e);
        if (errors.n) fwrite(errors.p, 1, errors.n, stderr);
    } else {
        log_open((enum log_level)g.config.log_level, (enum log_form)g.config.log_form, STDERR_FILENO);
        code = only_check ? check(&g, accounts, n) : run(&g, accounts, n);
    }
    buf_finish(&errors);
    finish(&g);
    return code;
}

int main(int argc, char **argv)
{
    enum { ACCOUNT = 256, HELP_CONFIG };
    static const struct option options[] = {
        { "account", required_argument, NULL, ACCOUNT },
        { "help-config", no_argument, NULL, HELP_CONFIG },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    const char *file = NULL, *accounts[ACCOUNT_FILES];
    size_t n = 0;
    bool only_check = false;

    for (int o; (o = getopt_long(argc, argv, "f:nhV", options, NULL)) != -1;) switch (o) {
        case 'f': file = optarg; break;
        case 'n': only_check = true; break;
        case HELP_CONFIG: return help_config();
        case 'h': fputs(usage, stdout); return 0;
        case 'V': puts("dmvisor-agent " DMVISOR_VERSION); return 0;
        case ACCOUNT:
            if (n < ACCOUNT_FILES) accounts[n++] = optarg;
            break;
        default: fputs(usage, stderr); return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "dmvisor-agent: unknown argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    return with_config(file, accounts, n, only_check);
}
