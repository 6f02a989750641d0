/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/decide.h"
#include "server/decide/steps.h"

int64_t decide_devinfo_hash(const struct sml_news *news)
{
    uint64_t h = 0;
    for (const struct sml_value *v = news->devinfo; v; v = v->next) h += str_hash(v->uri) * 31 + str_hash(v->data);
    return (int64_t)h;
}

bool decide_is_quiet(const struct dm_device *d, const struct sml_news *news, int64_t now_ms)
{
    bool token = false;
    if (!news->first || !news->package_done || news->over || news->outcomes ||
        d->generation != d->observed_generation || !d->settled_token.n || (d->next_kpi_ms && d->next_kpi_ms <= now_ms))
        return false;
    for (const struct sml_alert_in *al = news->alerts; al; al = al->next) {
        if (al->code != 1226) continue;
        if (!str_eq(al->data, d->settled_token) || ddf_layout_alert(d->layout, al->type) != DDF_ALERT_STATE_TOKEN)
            return false;
        token = true;
    }
    return token && (!news->devinfo || decide_devinfo_hash(news) == d->devinfo_hash);
}

/* Number the session's steps, continuing from the previous message. */
static void number_steps(struct session_work *s, struct sml_step *steps)
{
    const uint64_t first = s->next_tag + 1;
    for (struct sml_step *x = steps; x; x = x->next) {
        x->tag += first;
        s->next_tag = x->tag;
        for (struct sml_step *c = x->children; c; c = c->next) s->next_tag = c->tag += first;
    }
}

/* Apply the message, then plan. */
static void take(struct message_work *v, const struct sml_news *news, bool planned, struct decide_reply *r,
                 struct pol_desired *desired)
{
    struct sml_news fresh = *news;
    if (!news->first || decide_devinfo_hash(news) == v->d.devinfo_hash) fresh.devinfo = NULL;
    if (news->first && fresh.devinfo) dm_change_devinfo(v->c, decide_devinfo_hash(news));
    message_begin(v);
    if (news->first && !v->rc) message_first(v, &fresh);
    if (!v->rc) message_outcomes(v, news->outcomes, news->package_done || news->over);
    if (!v->rc) message_alerts(v, news);
    if (planned && !v->rc) message_plan(v, &r->plan, desired);
    if (planned && !v->rc) v->rc = steps_of_plan(&r->plan, v->a, &r->steps, v->e);
    number_steps(v->s, r->steps);
}

/* Mark the steps that the reply contains, and handle steps that do not fit. */
static void sent(struct message_work *v, const struct sml_keep *keep, bool planned, struct decide_reply *r)
{
    if (planned && !v->rc) message_sent(v, &r->plan, r->n_sent, r->first_tag);
    if (keep->unsent && !v->rc) message_outcomes(v, keep->unsent, true);
    if (!keep->shortest || v->rc) return;
    message_unfit(v, keep->limit, keep->shortest);
    r->unfit = v->d.summary_why;
}

enum rc decide_message(struct message_work *v, const struct sml_news *news, struct decide_reply *r)
{
    const bool planned = news->package_done && !news->over;
    const struct sml_keep *keep = NULL;
    struct pol_desired desired = { 0 };
    v->over = news->over;
    r->first_tag = v->s->next_tag + 1;
    take(v, news, planned, r, &desired);
    if (!v->rc) v->rc = r->answer(r->ctx, r->steps, v->d.large_objects, &r->n_sent, &keep, v->e);
    if (!v->rc) sent(v, keep, planned, r);
    if (!v->rc) message_keep(v, planned && !keep->shortest ? &r->plan : NULL, &desired);
    message_finish(v);
    return v->rc;
}
