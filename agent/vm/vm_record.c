/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/vm_record.h"
#include "base/doc.h"
#include "base/json_out.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A VM's record: the data that must survive a restart of the agent, as JSON, by tables. Each member of each struct
 * has a row, also those that are not kept: a test checks every octet of the structs and finds a member without one. */

#define COUNT(rows)  (sizeof(rows) / sizeof(rows)[0])
#define SIZE(member) sizeof(((const S *)0)->member)
#define INT(name, member)                                                                                              \
    {                                                                                                                  \
        .key = name, .kind = RECORD_INT, .offset = offsetof(S, member), .size = SIZE(member)                           \
    }
#define I64(name, member)                                                                                              \
    {                                                                                                                  \
        .key = name, .kind = RECORD_I64, .offset = offsetof(S, member), .size = SIZE(member)                           \
    }
#define BOOL(name, member)                                                                                             \
    {                                                                                                                  \
        .key = name, .kind = RECORD_BOOL, .offset = offsetof(S, member), .size = SIZE(member)                          \
    }
#define TEXT(name, member)                                                                                             \
    {                                                                                                                  \
        .key = name, .kind = RECORD_TEXT, .offset = offsetof(S, member), .size = SIZE(member)                          \
    }
#define PART(name, member, rows)                                                                                       \
    {                                                                                                                  \
        .key = name, .kind = RECORD_PART, .offset = offsetof(S, member), .size = SIZE(member), .table = &(rows)        \
    }
/* An array with its length in an adjacent int; and one of fixed length. */
#define LIST(name, member, n_member, rows)                                                                             \
    {                                                                                                                  \
        .key = name, .kind = RECORD_LIST, .offset = offsetof(S, member), .size = SIZE(member), .table = &(rows),       \
        .counted = true, .count_offset = offsetof(S, n_member)                                                         \
    }
#define ARRAY(name, member, rows)                                                                                      \
    {                                                                                                                  \
        .key = name, .kind = RECORD_LIST, .offset = offsetof(S, member), .size = SIZE(member), .table = &(rows)        \
    }
#define KIND(name, member)                                                                                             \
    {                                                                                                                  \
        .key = name, .kind = RECORD_OPERATION_KIND, .offset = offsetof(S, member), .size = SIZE(member)                \
    }
#define NOT_KEPT(member, reason)                                                                                       \
    {                                                                                                                  \
        .kind = RECORD_NOT_KEPT, .offset = offsetof(S, member), .size = SIZE(member), .why = reason                    \
    }
#define TABLE(rows)                                                                                                    \
    {                                                                                                                  \
        rows, COUNT(rows), sizeof(S)                                                                                   \
    }

/* --- parts --- */

#define S struct hv_volume
static const struct record_row volume_rows[] = {
    TEXT("name", name),     I64("quotaKb", quota_kb), BOOL("readOnly", read_only), TEXT("file", file),
    I64("sizeKb", size_kb), BOOL("marked", marked),   I64("iops", iops),           I64("kbps", kbps),
};
static const struct record_table volume_table = TABLE(volume_rows);
#undef S

#define S struct hv_net
static const struct record_row net_rows[] = {
    TEXT("name", name), INT("mode", mode), I64("upKbps", up_kbps), TEXT("mac", mac), I64("downKbps", down_kbps),
};
static const struct record_table net_table = TABLE(net_rows);
#undef S

#define S struct hv_spec
static const struct record_row spec_rows[] = {
    TEXT("uuid", uuid),
    TEXT("name", name),
    INT("vcpus", vcpus),
    INT("maxVcpus", max_vcpus),
    INT("shares", shares),
    INT("limitPct", limit_pct),
    INT("sched", sched),
    INT("rtPrio", rt_prio),
    TEXT("affinity", affinity),
    I64("memMinKb", mem_min_kb),
    I64("memMaxKb", mem_max_kb),
    I64("memKb", mem_kb),
    TEXT("kernel", kernel),
    TEXT("initrd", initrd),
    TEXT("cmdline", cmdline),
    TEXT("disk", disk),
    TEXT("diskFormat", disk_format),
    I64("diskMaxKb", disk_max_kb),
    TEXT("dir", dir),
    LIST("volumes", volumes, n_volumes, volume_table),
    LIST("nets", nets, n_nets, net_table),
    BOOL("detectPanic", detect_panic),
    BOOL("heartbeat", heartbeat),
    INT("watchdogS", watchdog_s),
};
static const struct record_table spec_table = TABLE(spec_rows);
#undef S

#define S struct vm_policy
static const struct record_row policy_rows[] = {
    INT("autoStart", auto_start),
    INT("bootTimeoutS", boot_timeout_s),
    INT("shutTimeoutS", shut_timeout_s),
    INT("lockAction", lock_action),
    BOOL("forceStop", force_stop),
    INT("crashAction", crash_action),
    INT("maxRestarts", max_restarts),
    INT("windowS", window_s),
    INT("restartDelayS", restart_delay_s),
    INT("escalation", escalation),
    INT("health", health),
    BOOL("isProtected", is_protected),
    INT("checkInS", check_in_s),
    INT("lockAfterS", lock_after_s),
    INT("wipeAfterS", wipe_after_s),
};
static const struct record_table policy_table = TABLE(policy_rows);
#undef S

#define S struct vm_image
static const struct record_row image_rows[] = {
    TEXT("id", id),          TEXT("sha256", sha256),
    TEXT("url", url),        NOT_KEPT(auth, "a secret: the image's own entry has it"),
    TEXT("format", format),  TEXT("version", version),
    TEXT("caFile", ca_file), I64("sizeBytes", size_bytes),
    BOOL("known", known),
};
static const struct record_table image_table = TABLE(image_rows);
#undef S

#define S struct vm_progress
static const struct record_row progress_rows[] = {
    TEXT("op", op),
    TEXT("correlator", correlator),
    TEXT("serverId", server_id),
    TEXT("text", text),
    INT("phase", phase),
    INT("pct", pct),
    INT("result", result),
    I64("doneKb", done_kb),
    I64("totalKb", total_kb),
    I64("startMs", start_ms),
    I64("updateMs", update_ms),
    BOOL("canCancel", can_cancel),
};
static const struct record_table progress_table = TABLE(progress_rows);
#undef S

#define S int64_t
static const struct record_row time_rows[] = { { .key = "ms", .kind = RECORD_I64, .size = sizeof(S) } };
static const struct record_table time_table = TABLE(time_rows);
#undef S

#define S struct vm_name
static const struct record_row name_rows[] = { TEXT("name", text) };
static const struct record_table name_table = TABLE(name_rows);
#undef S

#define S struct vm_done
static const struct record_row done_rows[] = { TEXT("correlator", correlator), INT("result", result) };
static const struct record_table done_table = TABLE(done_rows);
#undef S

#define S struct vm_operation
static const struct record_row operation_rows[] = {
    KIND("kind", kind),
    INT("at", at),
    BOOL("internal", internal),
    TEXT("why", why),
    INT("lease", lease),
    INT("reason", reason),
    BOOL("startAfter", start_after),
    BOOL("paused", paused),
    BOOL("force", force),
    BOOL("restart", restart),
    BOOL("keepsData", keeps_data),
    I64("timeoutS", timeout_s),
    INT("before", before),
    INT("scope", scope),
    LIST("wipe", wipe, n_wipe, name_table),
    LIST("lost", lost, n_lost, name_table),
    NOT_KEPT(waits_for, "a request to the hypervisor ends with the agent"),
    NOT_KEPT(deadline_ms, "a step that is done again has a new one"),
    NOT_KEPT(press_ms, "a step that is done again has a new one"),
    NOT_KEPT(crash, "of a boot that ends with the agent"),
    NOT_KEPT(stopping_hard, "a shutdown that was interrupted is not gone on with"),
};
static const struct record_table operation_table = TABLE(operation_rows);
#undef S

/* --- the VM --- */

#define S struct vm_view
static const struct record_row vm_rows[] = {
    TEXT("id", id),
    PART("want", want, spec_table),
    PART("effective", effective, spec_table),
    BOOL("pending", pending),
    PART("policy", policy, policy_table),
    PART("image", image, image_table),
    BOOL("reinstall", reinstall),
    NOT_KEPT(to_wipe, "the tree has it; what a wipe under way takes is in its operation"),
    NOT_KEPT(n_to_wipe, "the tree has it; what a wipe under way takes is in its operation"),
    INT("state", state),
    INT("beforeLock", before_lock),
    INT("reason", reason),
    I64("stateMs", state_ms),
    INT("lock", lock),
    TEXT("locker", locker),
    NOT_KEPT(silent, "the next agent finds out anew"),
    I64("contactMs", contact_ms),
    INT("lease", lease),
    PART("progress", progress, progress_table),
    I64("bootMs", boot_ms),
    I64("bootTimeMs", boot_time_ms),
    I64("startedMs", started_ms),
    INT("bootCount", boot_count),
    INT("crashCount", crash_count),
    INT("crashReason", crash_reason),
    TEXT("crashInfo", crash_info),
    LIST("crashMs", crash_ms, n_crash_ms, time_table),
    NOT_KEPT(stats, "read anew from the hypervisor"),
    NOT_KEPT(stats_before, "read anew from the hypervisor"),
};
const struct record_table vm_record_table = TABLE(vm_rows);
#undef S

#define S struct vm_private
static const struct record_row private_rows[] = {
    PART("job", operation, operation_table),
    NOT_KEPT(last_cookie, "requests to the hypervisor end with the agent"),
    NOT_KEPT(set_cookie, "requests to the hypervisor end with the agent"),
    NOT_KEPT(set_dirty, "follows from what is pending"),
    NOT_KEPT(told_pending, "told again rather than not at all"),
    NOT_KEPT(ready_early, "of a start that ends with the agent"),
    I64("restartMs", restart_ms),
    ARRAY("done", done, done_table),
    INT("nextDone", next_done),
    NOT_KEPT(loading, "a download ends with the agent"),
    I64("leaseAgainMs", lease_again_ms),
    BOOL("startNext", start_next),
    NOT_KEPT(work, "files that are open end with the agent; a step that is done again opens them again"),
};
const struct record_table vm_record_private = TABLE(private_rows);
#undef S

enum { RECORD_ARENA_BYTES = 4 << 20 };

/* --- writing --- */

static void put_rows(struct json_out *out, const struct record_table *t, const void *base);

static size_t length(const struct record_row *row, const void *base)
{
    const size_t max = row->size / row->table->size;
    const int n = row->counted ? *(const int *)(const void *)((const char *)base + row->count_offset) : (int)max;

    return n < 0 ? 0 : (size_t)n < max ? (size_t)n : max;
}

static void put_list(struct json_out *out, const struct record_row *row, const void *base)
{
    const char *at = (const char *)base + row->offset;
    const size_t n = length(row, base);

    json_out_array(out, row->key);
    for (size_t i = 0; i < n; i++) {
        json_out_object(out, NULL);
        put_rows(out, row->table, at + i * row->table->size);
        json_out_end(out);
    }
    json_out_end(out);
}

static void put_value(struct json_out *out, const struct record_row *row, const void *base)
{
    const void *at = (const char *)base + row->offset;
    const struct vm_operation_kind *kind;

    switch (row->kind) {
    case RECORD_INT: json_out_i64(out, row->key, *(const int *)at); break;
    case RECORD_I64: json_out_i64(out, row->key, *(const int64_t *)at); break;
    case RECORD_BOOL: json_out_bool(out, row->key, *(const bool *)at); break;
    case RECORD_TEXT: json_out_z(out, row->key, at); break;
    case RECORD_PART:
        json_out_object(out, row->key);
        put_rows(out, row->table, at);
        json_out_end(out);
        break;
    case RECORD_LIST: put_list(out, row, base); break;
    case RECORD_OPERATION_KIND:
        kind = *(const struct vm_operation_kind *const *)at;
        json_out_z(out, row->key, kind ? kind->op : "");
        break;
    case RECORD_NOT_KEPT: break;
    }
}

static void put_rows(struct json_out *out, const struct record_table *t, const void *base)
{
    for (size_t i = 0; i < t->n; i++) put_value(out, &t->rows[i], base);
}

enum rc vm_save(const struct vm *vm, struct buf *out)
{
    struct json_out j;

    json_out_begin(&j, out);
    json_out_object(&j, NULL);
    put_rows(&j, &vm_record_table, &vm->pub);
    put_rows(&j, &vm_record_private, &vm->priv);
    json_out_end(&j);
    return out->failed;
}

/* --- reading --- */

static bool take_rows(const struct record_table *t, const struct doc *d, void *base, const char **bad);

static bool take_list(const struct record_row *row, const struct doc *d, void *base, const char **bad)
{
    const size_t max = row->size / row->table->size;
    char *at = (char *)base + row->offset;
    size_t n = 0;

    if (d->kind != DOC_LIST) return false;
    for (const struct doc *c = d->first; c; c = c->next, n++)
        if (n == max || !take_rows(row->table, c, at + n * row->table->size, bad)) return false;
    if (row->counted) *(int *)(void *)((char *)base + row->count_offset) = (int)n;
    return true;
}

static bool take_text(const struct record_row *row, const struct doc *d, char *at)
{
    if (d->kind != DOC_SCALAR || d->text.n >= row->size) return false;
    memset(at, 0, row->size);
    memcpy(at, d->text.p, d->text.n);
    return true;
}

/* A value out of range means a damaged record: no VM is better than a wrong one. */
static bool take(const struct record_row *row, const struct doc *d, void *base, const char **bad)
{
    void *at = (char *)base + row->offset;
    int64_t i;

    switch (row->kind) {
    case RECORD_INT:
        if (!doc_i64(d, &i) || i < INT32_MIN || i > INT32_MAX) return false;
        *(int *)at = (int)i;
        return true;
    case RECORD_I64: return doc_i64(d, at);
    case RECORD_BOOL: return doc_bool(d, at);
    case RECORD_TEXT: return take_text(row, d, at);
    case RECORD_PART: return take_rows(row->table, d, at, bad);
    case RECORD_LIST: return take_list(row, d, base, bad);
    case RECORD_OPERATION_KIND:
        if (d->kind != DOC_SCALAR) return false;
        *(const struct vm_operation_kind **)at = vm_kind_of(d->text.p);
        return !d->text.n || vm_kind_of(d->text.p);
    case RECORD_NOT_KEPT: break;
    }
    return true;
}

static bool take_rows(const struct record_table *t, const struct doc *d, void *base, const char **bad)
{
    if (d->kind != DOC_MAP) return false;
    for (size_t i = 0; i < t->n; i++) {
        const struct record_row *row = &t->rows[i];
        const struct doc *value = row->kind == RECORD_NOT_KEPT ? NULL : doc_get(d, row->key);
        if (!value) continue; /* written by an older version */
        if (take(row, value, base, bad)) continue;
        if (!*bad) *bad = row->key;
        return false;
    }
    return true;
}

/* Check the values that are used as an index. */
static bool in_range(const struct vm *vm)
{
    return vm->priv.operation.at < STEPS_MAX && (int)vm->pub.lease >= 0 && vm->pub.lease <= VM_LEASE_WIPED &&
           (int)vm->priv.operation.lease >= 0 && vm->priv.operation.lease <= VM_LEASE_WIPED;
}

enum rc vm_load(struct str json, struct vm **out, struct err *e)
{
    const char *bad = NULL;
    struct arena a;
    struct doc *d = NULL;
    struct vm *vm = NULL;

    arena_init(&a, RECORD_ARENA_BYTES);
    enum rc rc = doc_parse(json, "VM record", &a, &d, e);
    if (!rc && vm_create("", "", 0, &vm)) rc = RC_NOMEM;
    if (!rc && (!take_rows(&vm_record_table, d, &vm->pub, &bad) || !take_rows(&vm_record_private, d, &vm->priv, &bad)))
        rc = err_set(e, RC_INVALID, "the VM record's \"%s\" is damaged", bad ? bad : "form");
    if (!rc && (!vm->pub.id[0] || !vm->pub.want.uuid[0])) rc = err_set(e, RC_INVALID, "the VM record has no id");
    if (!rc && !in_range(vm)) rc = err_set(e, RC_INVALID, "the VM record's operation is damaged");
    if (rc)
        vm_destroy(vm);
    else
        *out = vm;
    arena_finish(&a);
    return rc;
}
