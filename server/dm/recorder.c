/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/recorder.h"
#include "db/recording.h"
#include "server/decide/decide_replay.h"
#include "server/dm/sessions.h"
#include <stdlib.h>
#include <string.h>

enum recorder_wish recorder_wish(const struct server_config *c, const struct authority *au, const struct dm_device *d,
                                 struct str token)
{
    if (!d || d->record == 0) return RECORD_NO;
    if (d->record > 0) return RECORD_DEVICE;
    if (au->record >= 0) return au->record ? RECORD_AUTHORITY : RECORD_NO;
    if (c->recorder_sample && str_hash(token) % c->recorder_sample == 0) return RECORD_SAMPLE;
    return c->recorder_failures ? RECORD_FAILURES : RECORD_NO;
}

static struct recording *begin(struct recorder *rec, const struct session *s, const struct authority *au,
                               const struct sml_account *account, struct str resp_base)
{
    struct recording *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->of = rec;
    buf_init(&r->text, 0);
    sml_record_begin(&r->text, &au->sml, s->id, s->name, resp_base, str_of(s->token), account, DECIDE_REPLAY_FACTS);
    rec->memory_bytes += r->text.cap;
    return r;
}

/* Shrink a changed recording to its size: it may wait long for the device's next message or for the session's timeout.
 * */
static void settle(struct recorder *rec, struct recording *r, size_t cap)
{
    buf_trim(&r->text);
    rec->memory_bytes += r->text.cap - cap;
}

static size_t room_for(const struct session *s)
{
    return s->record > RECORD_FAILURES ? RECORDER_MEMORY_BYTES : RECORDER_FAILURES_BYTES;
}

struct recording *recorder_begin(struct recorder *rec, struct session *s, const struct authority *au,
                                 const struct sml_account *account, struct str resp_base)
{
    if (s->record != RECORD_NO && !s->recording && s->messages == 1 && rec->memory_bytes < room_for(s))
        s->recording = begin(rec, s, au, account, resp_base);
    return s->recording && !s->recording->cut ? s->recording : NULL;
}

void recorder_add(struct recorder *rec, struct session *s, const struct sml_record *m, uint64_t max_bytes)
{
    const size_t most = room_for(s);
    struct recording *r = s->recording;
    if (r && s->work.hushed) r->cut = true;
    if (!r || r->cut) return;
    size_t before = r->text.n, cap = r->text.cap;
    sml_record_message(&r->text, m);
    settle(rec, r, cap);
    if (buf_ok(&r->text) && r->text.n <= max_bytes && rec->memory_bytes <= most) return;
    cap = r->text.cap;
    r->text.failed = RC_OK;
    buf_cut(&r->text, before);
    settle(rec, r, cap);
    r->cut = true;
}

static void reason(const struct pol_step *s, uint64_t tag, struct buf *out)
{
    buf_printf(out, "#%llu ", (unsigned long long)tag);
    buf_putz(out, dm_command_name(s->verb));
    if (s->uri.n) buf_byte(out, ' ');
    buf_put(out, s->uri);
    buf_putz(out, ": ");
    buf_put(out, s->why);
    buf_byte(out, '\n');
}

void recorder_reasons(const struct pol_plan *plan, size_t n_sent, uint64_t first_tag, struct buf *out)
{
    for (const struct pol_step *s = plan->steps; s && n_sent; s = s->next, n_sent--) {
        reason(s, first_tag++, out);
        for (const struct pol_step *c = s->children; c; c = c->next) reason(c, first_tag++, out);
    }
    for (const struct pol_wait *w = plan->waits; w; w = w->next)
        buf_printf(out, "%.*s%s%.*s: %.*s\n", STR_ARG(w->vm), w->vm.n ? " " : "", STR_ARG(w->state), STR_ARG(w->why));
}

bool recorder_wanted(const struct session *s, const char *outcome)
{
    return s->recording &&
           (s->record > RECORD_FAILURES || (s->record == RECORD_FAILURES && strcmp(outcome, "done") != 0));
}

/* Delete the oldest recordings until `bytes` more fit. Recordings that retention deleted meanwhile are noticed when the
 * limit is reached. */
static enum rc make_room(struct recorder *rec, struct sql *db, int64_t bytes, int64_t max, struct err *e)
{
    enum rc rc = RC_OK;
    int64_t n = 1;
    if (rec->kept_bytes >= 0 && rec->kept_bytes + bytes <= max) return RC_OK;
    rc = db_recording_bytes(db, &rec->kept_bytes, e);
    while (!rc && n && rec->kept_bytes + bytes > max) {
        rc = db_recording_trim(db, RECORDER_TRIM, &n, e);
        if (!rc) rc = db_recording_bytes(db, &rec->kept_bytes, e);
    }
    return rc;
}

void recorder_keep(const struct session *s, const struct server_config *c, struct dm_changes *out)
{
    static const char *const why[] = { [RECORD_NO] = "",
                                       [RECORD_FAILURES] = "failure",
                                       [RECORD_SAMPLE] = "sample",
                                       [RECORD_AUTHORITY] = "authority",
                                       [RECORD_DEVICE] = "device" };
    const struct recording *r = s->recording;
    if (r->text.n > c->recorder_max_bytes || r->text.n > c->recorder_device_bytes) return;
    dm_change_recording(out, str_of(why[s->record]), r->cut, buf_str(&r->text));
}

enum rc recorder_put(struct recorder *rec, const struct dm_changes *changes, const struct server_config *c,
                     struct sql *db, struct err *e)
{
    const struct dm_recording *r = &changes->recording;
    const int64_t bytes = (int64_t)r->data.n;
    enum rc rc = make_room(rec, db, bytes, (int64_t)c->recorder_max_bytes, e);
    const struct db_recording v = { .session_row = changes->end.row,
                                    .at_ms = changes->end.now_ms,
                                    .why = r->why,
                                    .cut = r->cut,
                                    .bytes = bytes,
                                    .data = r->data };
    if (!rc) rc = db_recording_put(db, &v, e);
    if (!rc) rec->kept_bytes += bytes;
    return rc;
}

void recorder_free(struct recording *r)
{
    if (!r) return;
    r->of->memory_bytes -= r->text.cap;
    buf_finish(&r->text);
    facts_write_finish(&r->written);
    free(r);
}
