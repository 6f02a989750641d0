/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_live.h"

#include "base/world.h"

#include <string.h>
#include <time.h>

enum {
    LOOK_MS = 1000,
    STALL_S = 45,
    STREAM_LATER = 5
}; /* heartbeats come every 15 s; number of polls before the stream is tried again */

struct follow {
    struct ctl *c;
    const struct ctl_live *l;
    struct sse sse;
    int64_t end_ms;     /* on the monotonic clock; 0 = none */
    enum ctl_exit code; /* CTL_MORE while it goes on */
    enum rc broken;
    bool came, looked, told; /* bytes arrived; a poll succeeded; the loss of the server was reported */
};

static int64_t left_ms(const struct follow *f)
{
    return f->end_ms ? f->end_ms - world_monotonic_ms() : INT64_MAX;
}

static void look(struct follow *f)
{
    if (!f->l->look || f->code != CTL_MORE) return;
    enum ctl_exit code = f->l->look(f->l->ctx);
    if (code == CTL_UNREACHABLE && f->looked) {
        if (!f->told) ctl_note("%s is not reachable any more: retrying", f->c->config.server);
        f->told = true;
        return;
    }
    f->told = false;
    f->looked = true;
    f->code = code;
}

static bool on_event(void *ctx, const struct sse_event *e)
{
    struct follow *f = ctx;
    if (f->l->event && f->code == CTL_MORE) f->code = f->l->event(f->l->ctx, e);
    return f->code == CTL_MORE;
}

static bool on_bytes(void *ctx, struct str bytes)
{
    struct follow *f = ctx;
    f->came = true;
    f->broken = sse_feed(&f->sse, bytes, on_event, f);
    if (!f->l->event) look(f);
    return f->code == CTL_MORE && !f->broken;
}

/* One connection. @return whether there is a stream at all */
static bool stream(struct follow *f)
{
    const char *headers[] = { "Accept: text/event-stream", NULL, NULL };
    int64_t left = left_ms(f);
    struct fetch *fetch = ctl_fetch_create(f->c, left == INT64_MAX ? 0 : (long)((left + 999) / 1000));
    struct fetch_reply reply;
    struct err e = { 0 };

    if (f->sse.id[0]) headers[1] = arena_printf(f->c->a, "Last-Event-ID: %s", f->sse.id).p;
    const struct fetch_request r = { .method = "GET",
                                     .url = ctl_url(f->c, f->l->path),
                                     .headers = ctl_headers(f->c, headers),
                                     .sink = on_bytes,
                                     .ctx = f,
                                     .stall_s = STALL_S,
                                     .no_total_timeout = left == INT64_MAX };
    if (!fetch || !r.headers) {
        fetch_destroy(fetch);
        f->code = ctl_error(CTL_FAILED, "no memory");
        return false;
    }
    f->came = false;
    sse_restart(&f->sse);
    enum rc rc = fetch_do(fetch, &r, &reply, &e);
    bool there = f->came || (!rc && reply.status == 200);
    if (f->code == CTL_MORE && f->broken)
        f->code = ctl_error(CTL_FAILED, "the event stream is malformed (%s)", rc_text(f->broken));
    if (f->code == CTL_MORE && !there && !f->l->look && left_ms(f) > 0) {
        struct ctl_reply said = { .status = rc ? 0 : reply.status, .text = reply.body, .e = e };
        said.json = reply.body.n ? json_loadb(reply.body.p, reply.body.n, 0, NULL) : NULL;
        f->code = ctl_complain(f->c, &said, NULL, 0);
        json_decref(said.json);
    }
    fetch_reply_finish(&reply);
    fetch_destroy(fetch);
    return there;
}

static void rest(const struct follow *f, int64_t ms)
{
    int64_t left = left_ms(f);
    if (ms > left) ms = left;
    if (ms <= 0) return;
    const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

enum ctl_exit live_follow(struct ctl *c, const struct ctl_live *l)
{
    struct follow f = { .c = c, .l = l, .code = CTL_MORE };
    sse_init(&f.sse);
    f.end_ms = l->timeout_s ? world_monotonic_ms() + l->timeout_s * 1000 : 0;
    if (l->after) strncpy(f.sse.id, l->after, SSE_NAME_BYTES - 1);
    while (f.code == CTL_MORE && left_ms(&f) > 0) {
        int64_t begun = world_monotonic_ms();
        if (stream(&f)) { /* it ended: the server restarted, or a proxy closed it */
            look(&f);
            if (f.code == CTL_MORE && world_monotonic_ms() - begun < LOOK_MS) rest(&f, LOOK_MS);
            continue;
        }
        for (int i = 0; i < STREAM_LATER && f.code == CTL_MORE && left_ms(&f) > 0; i++) {
            look(&f);
            if (f.code == CTL_MORE) rest(&f, LOOK_MS);
        }
    }
    if (f.code == CTL_MORE && left_ms(&f) <= 0) look(&f); /* once more: the result may have arrived just now */
    sse_finish(&f.sse);
    return f.code == CTL_MORE ? CTL_TIMEOUT : f.code;
}
