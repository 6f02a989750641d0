/* SPDX-License-Identifier: Apache-2.0 */
#include "server/notify/push.h"
#include "server/notify/udp.h"
#include <stdlib.h>

struct push {
    struct push_udp udp;
};

static enum rc send_udp(struct push *p, struct str address, struct str body, struct err *e)
{
    return udp_send(&p->udp, address, body, e);
}

static const struct channel {
    const char *name;
    enum rc (*check)(struct str address, struct err *e);
    enum rc (*send)(struct push *p, struct str address, struct str body, struct err *e);
} channels[] = {
    { "udp", udp_check, send_udp },
};

static const struct channel *find(struct str name)
{
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        if (str_is(name, channels[i].name)) return &channels[i];
    return NULL;
}

enum rc push_create(struct push **out, struct err *e)
{
    struct push *p = calloc(1, sizeof *p);
    if (!p) return err_set(e, RC_NOMEM, "no memory for the push channels");
    udp_init(&p->udp);
    *out = p;
    return RC_OK;
}

void push_destroy(struct push *p)
{
    if (!p) return;
    udp_finish(&p->udp);
    free(p);
}

enum rc push_send(struct push *p, struct str channel, struct str address, struct str body, struct err *e)
{
    const struct channel *c = find(channel);
    return c ? c->send(p, address, body, e)
             : err_set(e, RC_UNSUPPORTED, "unknown push channel \"%.*s\"", STR_ARG(channel));
}

enum rc push_check(struct str channel, struct str address, struct err *e)
{
    const struct channel *c = find(channel);
    return c ? c->check(address, e)
             : err_set(e, RC_UNSUPPORTED, "unknown push channel \"%.*s\"; known: udp, none", STR_ARG(channel));
}
