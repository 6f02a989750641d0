/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_sse.h"

#include <stdio.h>

void sse_init(struct sse *s)
{
    *s = (struct sse){ .retry_ms = -1 };
    buf_init(&s->line, SSE_LINE_BYTES);
    buf_init(&s->data, SSE_LINE_BYTES);
}

void sse_finish(struct sse *s)
{
    buf_finish(&s->line);
    buf_finish(&s->data);
}

void sse_restart(struct sse *s)
{
    buf_reset(&s->line);
    buf_reset(&s->data);
    s->type[0] = '\0';
    s->begun = s->after_cr = s->has_data = false;
}

/* A name or id longer than any of this server's counts as absent. */
static void keep(char out[SSE_NAME_BYTES], struct str v)
{
    out[0] = '\0';
    if (v.n < SSE_NAME_BYTES && !memchr(v.n ? v.p : "", '\0', v.n)) {
        memcpy(out, v.n ? v.p : "", v.n);
        out[v.n] = '\0';
    }
}

static void field(struct sse *s, struct str line)
{
    size_t colon = str_find(line, ':', 0);
    struct str name = str_slice(line, 0, colon), value = str_slice(line, colon + 1, line.n);
    if (value.n && value.p[0] == ' ') value = str_slice(value, 1, value.n);
    if (str_is(name, "data")) {
        if (s->has_data) buf_byte(&s->data, '\n');
        buf_put(&s->data, value);
        s->has_data = true;
    } else if (str_is(name, "event")) {
        keep(s->type, value);
    } else if (str_is(name, "id")) {
        keep(s->id, value);
    } else if (str_is(name, "retry")) {
        uint64_t ms;
        if (str_to_u64(value, &ms) && ms <= INT32_MAX) s->retry_ms = (int64_t)ms;
    } /* a comment has an empty name; other fields are ignored */
}

/* @return false when the receiver stops */
static bool end_line(struct sse *s, bool (*on)(void *ctx, const struct sse_event *e), void *ctx)
{
    struct str line = buf_str(&s->line);
    bool go_on = true;
    if (!s->begun && str_starts(line, STR("\xef\xbb\xbf"))) line = str_slice(line, 3, line.n);
    s->begun = true;
    if (line.n) {
        field(s, line);
    } else {
        const struct sse_event e = { s->id, s->type[0] ? s->type : "message", buf_str(&s->data) };
        if (s->has_data) go_on = on(ctx, &e);
        buf_reset(&s->data);
        s->type[0] = '\0';
        s->has_data = false;
    }
    buf_reset(&s->line);
    return go_on;
}

enum rc sse_feed(struct sse *s, struct str bytes, bool (*on)(void *ctx, const struct sse_event *e), void *ctx)
{
    while (bytes.n) {
        if (s->after_cr && bytes.p[0] == '\n') { /* CR LF is one end */
            s->after_cr = false;
            bytes = str_slice(bytes, 1, bytes.n);
            continue;
        }
        s->after_cr = false;
        size_t n = 0;
        while (n < bytes.n && bytes.p[n] != '\n' && bytes.p[n] != '\r') n++;
        buf_put(&s->line, str_slice(bytes, 0, n));
        if (n < bytes.n) {
            s->after_cr = bytes.p[n] == '\r';
            n++;
            bool go_on = end_line(s, on, ctx);
            if (!buf_ok(&s->data)) return s->data.failed;
            if (!go_on) return RC_OK;
        }
        if (!buf_ok(&s->line)) return s->line.failed;
        bytes = str_slice(bytes, n, bytes.n);
    }
    return RC_OK;
}
