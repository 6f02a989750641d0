/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/mo_vm_support.h"

/* One row for each setting that this agent enforces: of a VM, then of the device. A setting without a row has no
 * effect; docs/SETTINGS.md describes for each what enforces it. */
enum need {
    ALWAYS,
    TUNING /* cgroups: a libvirt daemon */,
    PANIC /* a panic device: x86 */,
    GUEST /* guest types of the hypervisor */
};
static const struct in_force {
    const char *name;
    const char *values; /* only these, separated by '|'; NULL = all */
    enum need need;
} in_force[] = {
    { "name", NULL, ALWAYS },
    { "description", NULL, ALWAYS },
    { "guestType", NULL, GUEST },
    { "image", NULL, ALWAYS },
    { "domain.owner", NULL, ALWAYS },
    { "domain.id", NULL, ALWAYS },
    { "domain.servers", NULL, ALWAYS },
    { "policy.autoStart", NULL, ALWAYS },
    { "policy.bootTimeout", NULL, ALWAYS },
    { "policy.shutTimeout", NULL, ALWAYS },
    { "policy.forceStop", NULL, ALWAYS },
    { "policy.lockAction", NULL, ALWAYS },
    { "upgrade.health", "0|1", ALWAYS }, /* the guest's channel; heartbeats are not received */
    { "resources.cpu.vcpus", NULL, ALWAYS },
    { "resources.cpu.maxVcpus", NULL, ALWAYS },
    { "resources.cpu.shares", NULL, TUNING },
    { "resources.cpu.limit", NULL, TUNING },
    { "resources.cpu.affinity", NULL, TUNING },
    { "resources.memory.min", NULL, ALWAYS }, /* the balloon stays above it, and admission keeps it free */
    { "resources.memory.max", NULL, ALWAYS },
    { "resources.memory.current", NULL, ALWAYS },
    { "resources.storage.*.name", NULL, ALWAYS },
    { "resources.storage.*.quota", NULL, ALWAYS },
    { "resources.storage.*.readOnly", NULL, ALWAYS },
    { "resources.storage.*.encrypted", "false", ALWAYS },
    { "resources.storage.*.iops", NULL, ALWAYS },
    { "resources.storage.*.rate", NULL, ALWAYS },
    { "resources.net.*.name", NULL, ALWAYS },
    { "resources.net.*.mode", "0|1", ALWAYS }, /* off, NAT: the interface is QEMU's own user network */
    { "resources.net.*.up", "0", ALWAYS },
    { "resources.net.*.down", "0", ALWAYS },
    { "peripherals.*", "0", ALWAYS }, /* denied: none can be assigned */
    { "peripherals.*.id", NULL, ALWAYS },
    { "crash.action", "0|1|2|7", ALWAYS }, /* no dumps, snapshots and rollbacks; the device is not rebooted */
    { "crash.escalation", "0|1|2|7", ALWAYS },
    { "crash.maxRestarts", NULL, ALWAYS },
    { "crash.window", NULL, ALWAYS },
    { "crash.restartDelay", NULL, ALWAYS },
    { "crash.detectPanic", NULL, PANIC },
    { "crash.watchdog", "0|30", ALWAYS }, /* the guest's driver sets the time of an i6300esb: 30 s by default */
    { "lease.checkIn", NULL, ALWAYS },
    { "lease.lockAfter", NULL, ALWAYS },
    { "lease.wipeAfter", NULL, ALWAYS },
    { "kpi.thresholds.*.metric", NULL, ALWAYS },
    { "kpi.thresholds.*.op", NULL, ALWAYS },
    { "kpi.thresholds.*.value", NULL, ALWAYS },
    { "kpi.thresholds.*.hold", NULL, ALWAYS },
    { "kpi.thresholds.*.clear", NULL, ALWAYS },
    { "kpi.thresholds.*.mark", NULL, ALWAYS },
    { "wipeList.*.toBeWiped", NULL, ALWAYS },
    { "kpi.interval", NULL, ALWAYS },
    { "config.progressStep", NULL, ALWAYS },
    { "config.progressGap", NULL, ALWAYS },
    { "config.stateAlerts", NULL, ALWAYS },
    { "config.coalesce", NULL, ALWAYS },
};

static bool is_setting(const struct ddf_entry *en)
{
    return (en->scope == DDF_VM || en->scope == DDF_DEVICE) && en->change != DDF_C_NEVER;
}

static bool has(const struct mo_env *env, enum need need)
{
    return need == TUNING ? env->host.facts.tuning : need == PANIC ? env->host.facts.detects_panic : true;
}

static bool among(struct str list, char separator, struct str word)
{
    struct str one;
    while (str_cut(&list, separator, &one))
        if (str_eq(str_trim(one), word)) return true;
    return false;
}

bool mo_vm_supported(const struct mo_env *env, const struct ddf_entry *en, struct str value)
{
    if (!is_setting(en)) return true;
    for (size_t i = 0; i < MO_COUNT(in_force); i++) {
        if (!str_is(en->name, in_force[i].name)) continue;
        if (!has(env, in_force[i].need)) return false;
        return !in_force[i].values || among(str_of(in_force[i].values), '|', value);
    }
    return false;
}

static const struct ddf_entry *entry_of(const struct ddf_layout *l, const char *name)
{
    const struct ddf_entry *en = ddf_layout_entry(l, DDF_VM, str_of(name));
    return en ? en : ddf_layout_entry(l, DDF_DEVICE, str_of(name));
}

/* The addresses below a VM, and below the object's root, that have an effect, with their values where only some have
 * one (mo_vm_support.h). */
static bool get_settings(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;
    struct buf b;
    bool good;

    (void)at;
    if (!env->host.known) return false;
    buf_init(&b, 8192);
    for (size_t i = 0; i < MO_COUNT(in_force); i++) {
        const struct in_force *f = &in_force[i];
        const struct ddf_entry *en = entry_of(mo_layout(env), f->name);
        struct str types = str_of(env->host.facts.guest_types), one;
        if (!en || !has(env, f->need)) continue;
        buf_printf(&b, "%s%.*s", b.n ? "," : "", STR_ARG(en->path));
        if (f->values) buf_printf(&b, "=%s", f->values);
        for (bool first = true; f->need == GUEST && str_cut(&types, ',', &one); first = false)
            buf_printf(&b, "%c%.*s", first ? '=' : '|', STR_ARG(str_trim(one)));
    }
    good = buf_ok(&b) && arena_str(a, buf_str(&b), out);
    buf_finish(&b);
    return good;
}

/* The current value is always accepted. */
static int check_device_setting(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    struct ddf_match m;
    struct str now;

    (void)command;
    if (!ddf_layout_match(mo_layout(env), at->uri, &m) || !m.entry) return 200;
    tree_kept(env->tree, at, &now);
    return str_eq(now, value) || mo_vm_supported(env, m.entry, value) ? 200 : 406;
}

enum rc mo_vm_support_rows(struct mo_shared *s, const struct tree_row *setting, struct err *e)
{
    const struct tree_row device_setting = { .check = check_device_setting };
    enum rc rc = mo_row(s, DDF_DEVICE, "hypervisor.cap.settings", &(struct tree_row){ .get = get_settings }, e);

    for (size_t i = 0; !rc && i < s->layout->n_entries; i++) {
        const struct ddf_entry *en = &s->layout->entries[i];
        struct str uri;
        const struct ddf_node *n;
        if (!is_setting(en)) continue;
        uri = ddf_layout_uri(s->layout, en, STR("*"), STR("*"), &s->arena);
        n = uri.n ? ddf_schema_find(s->schema, uri) : NULL;
        if (n && !tree_model_row_of(s->model, n))
            rc = tree_model_row(s->model, uri, en->scope == DDF_VM ? setting : &device_setting, e);
    }
    return rc;
}
