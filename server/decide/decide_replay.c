/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/decide_replay.h"
#include "server/decide/decide.h"
#include "server/decide/facts_read.h"
#include <string.h>

enum { DECIDE_REPLAY_BYTES = 64 << 20, DECIDE_REPLAY_TEXT = 8 << 20 };

static const uint8_t no_key[32]; /* sealed results are not compared */

struct replayed {
    const struct decide_objects *objects;
    struct facts_reader reader;
    struct attributes attributes;
    struct session_work work;
    struct str session_id;
    unsigned messages;
};

/* The machine's half of one message. */
struct half {
    struct sml_replay_message *m;
    struct sml_keep keep;
    bool offered;
};

static void compare_steps(struct sml_replay_message *m, const struct sml_step *now)
{
    struct buf want, got;
    buf_init(&want, DECIDE_REPLAY_TEXT);
    buf_init(&got, DECIDE_REPLAY_TEXT);
    sml_replay_print_steps(m, m->steps, &want);
    sml_replay_print_steps(m, now, &got);
    sml_replay_differ(m, "the list of commands", buf_str(&want), buf_str(&got));
    buf_finish(&want);
    buf_finish(&got);
}

static enum rc answer(void *ctx, struct sml_step *steps, bool large_objects, size_t *n_sent,
                      const struct sml_keep **keep, struct err *e)
{
    struct half *h = ctx;
    h->offered = true;
    compare_steps(h->m, steps);
    *keep = &h->keep;
    return sml_replay_answer(h->m, steps, large_objects, n_sent, &h->keep, e);
}

static void tell(struct sml_replay_message *m, struct str lines)
{
    struct str line;
    if (!m->story) return;
    while (str_cut(&lines, '\n', &line))
        if (line.n) buf_printf(m->story, "=== decided %u: %.*s\n", m->number, STR_ARG(line));
}

static void compare_decisions(struct sml_replay_message *m, struct str now)
{
    const struct doc *want = doc_get(m->d, "decisions");
    if (want) sml_replay_differ(m, "what the server decides", want->text, now);
    tell(m, now);
}

/* What others have changed since is read again; what was given up in between is, too. */
static void forget_as_recorded(struct replayed *x, const struct dm_device *d)
{
    struct session_work *s = &x->work;
    if (!facts_read_has_device(&x->reader) || !s->recall) return;
    s->forgot |= s->recall->stamp == d->generation && s->recall->m.bytes <= RECALL_GARBAGE_BYTES;
    device_cache_free(s->recall);
    s->recall = NULL;
}

static enum rc decide(struct replayed *x, struct sml_replay_message *m, const struct message_settings *settings,
                      const struct dm_device *d, struct dm_changes *c, struct err *e)
{
    const struct dm_facts facts = facts_read_facts(&x->reader);
    struct half h = { .m = m };
    struct decide_reply r = { .ctx = &h, .answer = answer };
    struct message_work v = { .facts = &facts,
                              .settings = settings,
                              .attributes = &x->attributes,
                              .c = c,
                              .w = m->w,
                              .a = m->a,
                              .e = e,
                              .s = &x->work,
                              .session_id = m->session_id,
                              .messages = x->messages,
                              .d = *d };
    forget_as_recorded(x, d);
    enum rc rc = decide_message(&v, m->news, &r);
    if (rc || !c->nomem) return rc;
    return err_set(e, RC_NOMEM, "no memory for what a message changes");
}

static enum rc with_facts(struct replayed *x, struct sml_replay_message *m, const struct doc *list, struct err *e)
{
    struct message_settings settings = { .schema = x->objects->schema,
                                         .layouts = x->objects->layouts,
                                         .n_layouts = x->objects->n_layouts,
                                         .secret_key = no_key };
    struct dm_device d = { 0 };
    struct dm_changes c;
    struct buf now;
    enum rc rc = facts_read_message(&x->reader, list, m->a, &d, &x->work.notification, &settings, e);
    if (rc) return rc;
    if (!x->work.started_ms) x->work.started_ms = m->w->now_ms;
    dm_changes_init(&c, m->a, d.id, m->w->now_ms);
    buf_init(&now, DECIDE_REPLAY_TEXT);
    if (decide_is_quiet(&d, m->news, m->w->now_ms)) {
        struct half h = { .m = m };
        const struct sml_keep *keep = NULL;
        size_t sent = 0;
        buf_putz(&now, DECIDE_QUIET);
        rc = answer(&h, NULL, d.large_objects, &sent, &keep, e);
    } else {
        rc = decide(x, m, &settings, &d, &c, e);
        if (!rc) dm_changes_print(&c, m->a, &now);
    }
    if (!rc && x->reader.missing.n)
        sml_replay_differ(m, "what the server has to know (it asks now, and did not when it was recorded:)",
                          (struct str){ 0 }, buf_str(&x->reader.missing));
    if (!rc) compare_decisions(m, buf_str(&now));
    if (!rc && !buf_ok(&now)) rc = err_set(e, RC_NOMEM, "no memory for decisions");
    buf_finish(&now);
    return rc;
}

static enum rc message(void *ctx, struct sml_replay_message *m, struct err *e)
{
    struct replayed *x = ctx;
    const struct doc *facts = doc_get(m->d, "facts");
    x->messages++;
    if (facts && m->news->who == SML_WHO_KNOWN) return with_facts(x, m, facts, e);
    struct sml_keep keep = { 0 };
    size_t sent = 0;
    tell(m, STR("nothing: the device has not proved itself, or nothing had changed"));
    return sml_replay_answer(m, m->steps, true, &sent, &keep, e);
}

enum rc decide_replay(struct str text, const char *name, const struct decide_objects *o, struct buf *story,
                      struct sml_replay *out, struct err *e)
{
    struct arena kept;
    struct replayed x = { .objects = o };
    arena_init(&kept, DECIDE_REPLAY_BYTES);
    attributes_init(&x.attributes);
    facts_read_init(&x.reader, name, &kept, o->schema, o->layouts, o->n_layouts);
    const struct sml_replay_io io = { .decide_ctx = &x, .decide = message, .facts = DECIDE_REPLAY_FACTS };
    enum rc rc = sml_replay(text, name, &io, false, story, out, e);
    if (!rc && x.reader.other_descriptions && story)
        buf_putz(
            story,
            "--- the authority has descriptions of its own, which are not in a recording: the shipped ones were used\n");
    session_work_finish(&x.work);
    facts_read_finish(&x.reader);
    attributes_finish(&x.attributes);
    arena_finish(&kept);
    return rc;
}
