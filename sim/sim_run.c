/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"
#include "base/json_out.h"
#include "agent/vm/vm.h"
#include "base/doc.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { LEAP_MS = 5000, LEAPS = 4, SETTLE_SESSIONS = 40, HV_DELAY_MS = 100 };

/* One connection and its current session. */
struct sim_slot {
    struct sim_conn c;
    struct sim_device *d;
    struct dm_session *s;
    bool watched, out_watched;
};

struct crowd {
    struct sim *s;
    struct sim_slot *slots;
    size_t n, active;
    int epoll;
};

void sim_error(struct sim_figures *f, const char *text)
{
    size_t i;

    f->errors++;
    for (i = 0; i < f->n_errors && strncmp(f->error[i].text, text, sizeof f->error[i].text - 1); i++)
        ;
    if (i == SIM_ERROR_TEXTS) return;
    if (i == f->n_errors) snprintf(f->error[f->n_errors++].text, sizeof f->error[0].text, "%.159s", text);
    f->error[i].n++;
}

bool sim_stopped(struct sim *s)
{
    const struct timespec now = { 0 };

    if (!s->stopped && sigtimedwait(&s->signals, NULL, &now) > 0) s->stopped = true;
    return s->stopped;
}

static void latency(struct sim_figures *f, uint64_t ns)
{
    uint32_t *at = VEC_ADD(&f->latency_us);

    if (at) *at = (uint32_t)(ns / 1000);
}

static struct world clock_of(const struct sim_device *d)
{
    struct world w = world_real();

    w.now_ms += d->skew_ms;
    return w;
}

/* --- devices --- */

static enum rc make(struct sim *s, struct sim_device *d, const struct account *acc, struct err *e)
{
    struct device_config c = s->config;
    struct world w = clock_of(d);
    enum rc rc;

    c.mo.id = d->id;
    d->hv = hv_sim_create(HV_DELAY_MS, str_hash(str_of(d->id)));
    d->loader = download_sim_create();
    if (!d->hv || !d->loader) return err_set(e, RC_NOMEM, "no memory for device %s", d->id);
    hv_sim_advance(d->hv, w.now_ms);
    rc = device_create(s->shared, &c, d->hv, d->loader, NULL, &w, &d->device, e);
    return rc ? rc : device_add_account(d->device, acc, &w, e);
}

void sim_devices_finish(struct sim *s)
{
    for (size_t i = 0; s->devices && i < s->o.devices; i++) {
        struct sim_device *d = &s->devices[i];
        device_destroy(d->device);
        if (d->hv) d->hv->class->destroy(d->hv);
        download_destroy(d->loader);
    }
    free(s->devices);
    s->devices = NULL;
}

/* Advance the device's clock until no operation is in progress. */
static void leap(struct sim *s, struct sim_device *d)
{
    for (int i = 0; i < LEAPS; i++) {
        struct err e = { 0 };
        struct world w;
        d->skew_ms += LEAP_MS / LEAPS;
        w = clock_of(d);
        hv_sim_advance(d->hv, w.now_ms);
        if (device_work(d->device, &w, &e)) sim_error(&s->f, e.text);
        if (!device_busy(d->device) && i) break;
    }
}

static bool vm_runs(const struct sim_device *d)
{
    const struct vm *vm = device_vm(d->device, 0);

    return vm && vm_view(vm)->state == VM_RUNNING;
}

/* --- the loop --- */

static bool watch(struct crowd *w, struct sim_slot *t, bool out)
{
    struct epoll_event ev = { .events = EPOLLIN | (out ? EPOLLOUT : 0u), .data.ptr = t };

    if (t->watched && t->out_watched == out) return true;
    if (epoll_ctl(w->epoll, t->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, t->c.fd, &ev)) return false;
    t->watched = true;
    t->out_watched = out;
    return true;
}

static void ended(struct crowd *w, struct sim_slot *t, bool ok, const char *why)
{
    struct sim_device *d = t->d;

    if (!ok) sim_error(&w->s->f, why);
    d->settled = ok && session_messages(t->s) == 1; /* neither side had anything to change */
    d->sessions++;
    d->busy = false;
    session_destroy(t->s);
    t->s = NULL;
    t->d = NULL;
    w->active--;
    w->s->f.sessions += ok;
    if (ok && w->s->o.scenario == SIM_PROVISION) leap(w->s, d);
}

static void send_message(struct crowd *w, struct sim_slot *t, const struct session_post *post)
{
    char headers[400];
    int n = snprintf(headers, sizeof headers,
                     "Content-Type: %s\r\nAccept: %s\r\nUser-Agent: dmvisor-sim/" DMVISOR_VERSION "\r\n%s%.*s%s",
                     post->mime, post->mime, post->hmac.n ? "x-syncml-hmac: " : "", STR_ARG(post->hmac),
                     post->hmac.n ? "\r\n" : "");
    bool was_open = t->c.fd >= 0;

    if (!sim_conn_open(&t->c, &w->s->server)) {
        ended(w, t, false, strerror(errno));
        return;
    }
    if (!was_open) t->watched = false;
    w->s->f.bytes_out += post->body.n;
    if (!sim_conn_send(&t->c, &w->s->server, "POST", sim_path_of(post->url), (struct str){ headers, (size_t)n },
                       post->body) ||
        !watch(w, t, sim_conn_pending(&t->c)))
        ended(w, t, false, "the connection broke while sending");
}

static void begin(struct crowd *w, struct sim_slot *t, struct sim_device *d)
{
    const struct session_start st = { .server_id = str_of(device_account(d->device, 0)->server_id) };
    struct world now = clock_of(d);
    struct session_post post;
    struct err e = { 0 };

    if (session_create(device_client(d->device), &st, &now, &t->s, &post, &e)) {
        sim_error(&w->s->f, e.text);
        d->broken = true;
        return;
    }
    d->busy = true;
    t->d = d;
    w->active++;
    send_message(w, t, &post);
}

static void answered(struct crowd *w, struct sim_slot *t, const struct sim_reply *r)
{
    struct world now = clock_of(t->d);
    struct session_post post;
    struct err e = { 0 };
    char type[128];
    enum session_next next;

    latency(&w->s->f, sim_now_ns() - t->c.began_ns);
    w->s->f.messages++;
    w->s->f.bytes_in += r->body.n;
    snprintf(type, sizeof type, "%.*s", STR_ARG(r->content_type));
    next = session_reply(t->s, &now, r->status, type, r->hmac, r->body, &post, &e);
    if (next == SESSION_POST)
        send_message(w, t, &post);
    else
        ended(w, t, next == SESSION_OVER, e.text);
}

static void ready(struct crowd *w, struct sim_slot *t, unsigned events)
{
    struct sim_reply r;
    enum sim_read got;

    if (events & EPOLLOUT && t->s && !sim_conn_flush(&t->c)) {
        ended(w, t, false, "the connection broke while sending");
        return;
    }
    if (t->s && t->out_watched && !sim_conn_pending(&t->c)) watch(w, t, false);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    if (!t->s) { /* the server closed an idle connection */
        got = sim_conn_read(&t->c, &r);
        if (t->c.fd < 0) t->watched = false;
        return;
    }
    got = sim_conn_read(&t->c, &r);
    if (t->c.fd < 0) t->watched = false;
    if (got == SIM_WHOLE)
        answered(w, t, &r);
    else if (got == SIM_BROKEN)
        ended(w, t, false, "the server closed the connection in the middle of a message");
}

static enum rc open_crowd(struct crowd *w, struct sim *s, struct err *e)
{
    *w = (struct crowd){ .s = s, .n = s->o.concurrency, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    w->slots = calloc(w->n, sizeof *w->slots);
    if (w->epoll < 0 || !w->slots) return err_set(e, RC_NOMEM, "no room for %zu connections", w->n);
    for (size_t i = 0; i < w->n; i++) sim_conn_init(&w->slots[i].c);
    return RC_OK;
}

static void close_crowd(struct crowd *w)
{
    for (size_t i = 0; w->slots && i < w->n; i++) {
        if (w->slots[i].s) {
            w->slots[i].d->busy = false;
            session_destroy(w->slots[i].s);
        }
        sim_conn_finish(&w->slots[i].c);
    }
    free(w->slots);
    if (w->epoll >= 0) close(w->epoll);
}

static void turn(struct crowd *w, int wait_ms)
{
    struct epoll_event ev[256];
    int n = epoll_wait(w->epoll, ev, 256, wait_ms);

    for (int i = 0; i < n; i++) ready(w, ev[i].data.ptr, ev[i].events);
}

static bool wants(const struct sim *s, const struct sim_device *d, bool measuring)
{
    if (d->busy || d->broken || !d->device) return false;
    if (measuring) return true;
    if (d->sessions >= SETTLE_SESSIONS) return false;
    return !d->settled || (s->o.scenario == SIM_PROVISION && !vm_runs(d));
}

/* The next device, in turn, that needs a session. */
static struct sim_device *pick(struct sim *s, bool measuring)
{
    for (size_t k = 0; k < s->o.devices; k++) {
        struct sim_device *d = &s->devices[s->next];
        s->next = (s->next + 1) % s->o.devices;
        if (wants(s, d, measuring)) return d;
    }
    return NULL;
}

/* Keep every connection busy, or as busy as the rate allows. */
static enum rc drive(struct sim *s, double seconds, bool measuring, struct err *e)
{
    uint64_t began = sim_now_ns(), until = began + (uint64_t)(seconds * 1e9), started = 0;
    struct crowd w;
    enum rc rc = open_crowd(&w, s, e);
    bool more = true;

    while (!rc && !sim_stopped(s) && (more || w.active)) {
        uint64_t now = sim_now_ns();
        uint64_t allowed = measuring && s->o.rate > 0 ? (uint64_t)((double)(now - began) / 1e9 * s->o.rate)
                                                      : UINT64_MAX;
        bool starved = false;
        if (now >= until) more = false;
        if (!measuring && now >= until + 5000000000u) break;
        for (size_t i = 0; more && w.active < w.n && i < w.n; i++) {
            struct sim_device *d;
            if (w.slots[i].s) continue;
            if (started >= allowed) break;
            d = pick(s, measuring);
            if (!d) {
                starved = true;
                break;
            }
            started++;
            begin(&w, &w.slots[i], d);
        }
        if (starved && !measuring && !w.active) break; /* all have settled */
        turn(&w, started >= allowed ? 1 : 50);
    }
    s->f.seconds = (double)(sim_now_ns() - began) / 1e9;
    close_crowd(&w);
    return rc;
}

enum rc sim_settle(struct sim *s, double seconds, struct err *e)
{
    for (size_t i = 0; i < s->o.devices; i++) {
        s->devices[i].settled = false;
        s->devices[i].sessions = 0;
    }
    enum rc rc = drive(s, seconds, false, e);
    s->f.running = 0;
    for (size_t i = 0; i < s->o.devices; i++) s->f.running += s->devices[i].device && vm_runs(&s->devices[i]);
    return rc;
}

enum rc sim_measure(struct sim *s, double seconds, struct err *e)
{
    return drive(s, seconds, true, e);
}

/* --- accounts --- */

static enum rc load_accounts(struct sim *s, FILE *f, struct err *e)
{
    char line[4096];
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < s->o.devices; i++) {
        struct account acc;
        if (!fgets(line, sizeof line, f))
            return err_at(e, RC_INVALID, s->o.accounts, 0, 0,
                          "has %zu accounts, %zu are needed; delete it to register again", i, s->o.devices);
        rc = account_parse(str_trim(str_of(line)), s->o.accounts, &acc, e);
        if (!rc) rc = make(s, &s->devices[i], &acc, e);
    }
    return rc;
}

static void put_b64(FILE *f, const char *key, struct str bytes)
{
    char text[SML_NONCE_MAX * 2];

    text_b64(bytes.p, bytes.n, text);
    fprintf(f, ",\"%s\":\"%s\"", key, text);
}

/* The passwords belong to dmvisor-sim's own devices. They were derived at registration, and are stored in this file
 * only. */
enum rc sim_save_accounts(const struct sim *s, struct err *e)
{
    FILE *old = s->o.accounts ? fopen(s->o.accounts, "re") : NULL, *f;
    char line[4096], name[1024];

    if (!old) return RC_OK;
    snprintf(name, sizeof name, "%s.new", s->o.accounts);
    f = fopen(name, "we");
    if (!f) {
        fclose(old);
        return err_at(e, RC_IO, name, 0, 0, "cannot be written: %s", strerror(errno));
    }
    for (size_t i = 0; i < s->o.devices && fgets(line, sizeof line, old); i++) {
        const struct account *acc = device_account(s->devices[i].device, 0);
        char *cut = strstr(line, ",\"clientNonce\"");
        if (cut)
            *cut = 0;
        else
            line[strcspn(line, "}\n")] = 0;
        fputs(line, f);
        put_b64(f, "clientNonce", account_client_nonce(acc));
        put_b64(f, "serverNonce", account_server_nonce(acc));
        fputs("}\n", f);
    }
    fclose(old);
    if (fclose(f) || rename(name, s->o.accounts))
        return err_at(e, RC_IO, name, 0, 0, "cannot be written: %s", strerror(errno));
    return RC_OK;
}

/* Store the account from the REST answer, with the nonces at its end so that they can be replaced. */
static enum rc keep_account(struct str body, FILE *f, struct account *acc, struct err *e)
{
    static const char *const keys[] = { "serverId",       "url", "clientName", "clientPassword", "serverName",
                                        "serverPassword", "auth" };
    enum rc rc = account_parse(body, "the registration's answer", acc, e);
    struct arena a;
    struct doc *d;
    struct buf b = { 0 };

    if (rc || !f) return rc;
    arena_init(&a, 4 << 20);
    rc = doc_parse(body, "answer", &a, &d, e);
    for (size_t i = 0; !rc && i < sizeof keys / sizeof keys[0]; i++) {
        const struct doc *v = doc_get(doc_get(d, "account") ? doc_get(d, "account") : d, keys[i]);
        buf_printf(&b, "%s\"%s\":\"", i ? "," : "{", keys[i]);
        if (v) buf_json(&b, v->text);
        buf_putz(&b, "\"");
    }
    fputs(buf_z(&b), f);
    put_b64(f, "clientNonce", account_client_nonce(acc));
    put_b64(f, "serverNonce", account_server_nonce(acc));
    fputs("}\n", f);
    buf_finish(&b);
    arena_finish(&a);
    return rc;
}

/* Send one request to the REST API on a kept-alive connection, and wait for the answer. */
static enum rc ask(struct sim *s, struct sim_conn *c, const char *path, struct str body, struct sim_reply *r,
                   struct err *e)
{
    char headers[512];
    int n = snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\nContent-Type: application/json\r\n",
                     s->o.token ? s->o.token : "");
    enum sim_read got = SIM_MORE;

    if (n >= (int)sizeof headers) return err_set(e, RC_LIMIT, "the token is too long");
    if (!sim_conn_open(c, &s->api)) return err_set(e, RC_IO, "%s: %s", s->o.api, strerror(errno));
    if (!sim_conn_send(c, &s->api, "POST", str_of(path), (struct str){ headers, (size_t)n }, body))
        return err_set(e, RC_IO, "%s: the connection broke", s->o.api);
    while (got == SIM_MORE) {
        struct epoll_event ev = { .events = EPOLLIN };
        int ep = epoll_create1(EPOLL_CLOEXEC);
        if (ep >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) && epoll_wait(ep, &ev, 1, 30000) == 0)
            got = SIM_BROKEN;
        if (ep >= 0) close(ep);
        if (got == SIM_MORE) got = sim_conn_read(c, r);
    }
    return got == SIM_WHOLE ? RC_OK : err_set(e, RC_IO, "%s: no answer", s->o.api);
}

static enum rc register_one(struct sim *s, struct sim_conn *c, struct sim_device *d, FILE *f, struct err *e)
{
    struct account acc;
    struct sim_reply r = { 0 };
    struct buf b = { 0 };
    struct json_out j;
    char path[256];
    enum rc rc;

    json_out_begin(&j, &b);
    json_out_object(&j, NULL);
    json_out_z(&j, "id", d->id);
    json_out_object(&j, "labels");
    for (size_t i = 0; i < s->o.n_labels; i++) {
        struct str v = str_of(s->o.label[i]), key;
        str_cut(&v, '=', &key);
        json_out_key(&j, key);
        json_out_str(&j, NULL, v);
    }
    json_out_end(&j);
    json_out_end(&j);
    rc = ask(s, c, "/api/v1/devices", buf_str(&b), &r, e);
    if (!rc && r.status == 409) { /* registered in an earlier run: request new credentials */
        buf_reset(&b);
        buf_putz(&b, "/api/v1/devices/");
        text_url_put(&b, str_of(d->id));
        buf_putz(&b, "/credentials");
        snprintf(path, sizeof path, "%s", buf_z(&b));
        rc = ask(s, c, path, STR("{}"), &r, e);
    }
    if (!rc && r.status != 200 && r.status != 201)
        rc = err_set(e, RC_DENIED, "%s answered HTTP %d: %.*s", s->o.api, r.status, STR_ARG(str_slice(r.body, 0, 200)));
    if (!rc) rc = keep_account(r.body, f, &acc, e);
    if (!rc && s->o.server) snprintf(acc.url, sizeof acc.url, "%s", s->o.server);
    if (!rc) rc = make(s, d, &acc, e);
    buf_finish(&b);
    return rc;
}

enum rc sim_register(struct sim *s, struct err *e)
{
    FILE *f = s->o.accounts ? fopen(s->o.accounts, "re") : NULL;
    struct sim_conn c;
    enum rc rc = RC_OK;

    s->devices = calloc(s->o.devices, sizeof *s->devices);
    if (!s->devices) return err_set(e, RC_NOMEM, "no memory for %zu devices", s->o.devices);
    for (size_t i = 0; i < s->o.devices; i++)
        snprintf(s->devices[i].id, sizeof s->devices[i].id, "%s%07zu", s->o.prefix, i + 1);
    if (f) {
        rc = load_accounts(s, f, e);
        fclose(f);
        return rc;
    }
    if (!s->o.api)
        return err_set(
            e, RC_INVALID,
            "--register-url and --token are needed to register the devices (or --accounts with a file of an earlier run)");
    if (s->o.accounts && !(f = fopen(s->o.accounts, "we")))
        return err_at(e, RC_IO, s->o.accounts, 0, 0, "cannot be written: %s", strerror(errno));
    sim_conn_init(&c);
    for (size_t i = 0; !rc && !sim_stopped(s) && i < s->o.devices; i++) {
        rc = register_one(s, &c, &s->devices[i], f, e);
        if (!s->o.quiet && i && i % 1000 == 0) fprintf(stderr, "registered %zu of %zu devices\n", i, s->o.devices);
    }
    sim_conn_finish(&c);
    if (f) fclose(f);
    return rc;
}
