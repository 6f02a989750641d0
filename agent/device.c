/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device.h"
#include "agent/mo/accounts.h"
#include <stdlib.h>

struct device {
    struct mo_env env;
    struct dm_client client;
};

enum rc device_create(const struct mo_shared *shared, const struct device_config *c, struct hv *hv,
                      struct download *loader, struct state *state, const struct world *w, struct device **out,
                      struct err *e)
{
    struct device *d = calloc(1, sizeof *d);
    enum rc rc;

    if (!d) return err_set(e, RC_NOMEM, "no memory for the device");
    d->client = (struct dm_client){ .env = &d->env, .config = c->dm };
    rc = mo_env_init(&d->env, shared, &c->mo, hv, loader, state, w, e);
    if (rc)
        device_destroy(d);
    else
        *out = d;
    return rc;
}

void device_destroy(struct device *d)
{
    if (!d) return;
    mo_env_finish(&d->env);
    free(d);
}

struct mo_env *device_env(struct device *d)
{
    return &d->env;
}

struct dm_client *device_client(struct device *d)
{
    return &d->client;
}

enum rc device_add_account(struct device *d, const struct account *acc, const struct world *w, struct err *e)
{
    return mo_add_account(&d->env, acc, w, e);
}

enum rc device_remove_account(struct device *d, const char *server_id, const struct world *w, struct err *e)
{
    return mo_remove_account(&d->env, server_id, w, e);
}

size_t device_accounts(const struct device *d)
{
    return d->env.accounts.n;
}

const struct account *device_account(const struct device *d, size_t i)
{
    return i < d->env.accounts.n ? &d->env.accounts.at[i] : NULL;
}

enum rc device_work(struct device *d, const struct world *w, struct err *e)
{
    return mo_work(&d->env, w, e);
}

int64_t device_next_ms(const struct device *d)
{
    return mo_next_ms(&d->env);
}

int64_t device_alerts_since_ms(const struct device *d, size_t account)
{
    int64_t since;

    alerts_waiting(d->env.alerts, str_of(d->env.accounts.at[account].server_id), &since);
    return since;
}

int64_t device_coalesce_ms(const struct device *d)
{
    return d->env.settings.coalesce_s * 1000;
}

int64_t device_poll_s(struct device *d, size_t account)
{
    return mo_poll_s(&d->env, &d->env.accounts.at[account]);
}

bool device_busy(const struct device *d)
{
    return mo_busy(&d->env);
}

size_t device_alerts(const struct device *d)
{
    return alerts_count(d->env.alerts);
}

size_t device_vms(const struct device *d)
{
    return d->env.vms.n;
}

struct vm *device_vm(const struct device *d, size_t i)
{
    return i < d->env.vms.n ? d->env.vms.at[i].vm : NULL;
}

struct tree *device_tree(struct device *d)
{
    return d->env.tree;
}
