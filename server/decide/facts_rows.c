/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/facts_rows_int.h"
#include "base/text.h"
#include "syncml/msg.h"
#include <stddef.h>
#include <string.h>

enum { FACTS_LIST = 20000 };

_Static_assert(sizeof(enum dm_lists) == sizeof(int), "enums are read and written as int");

#define M(type, key, kind, member)                                                                                     \
    {                                                                                                                  \
        key, FACT_##kind, offsetof(type, member)                                                                       \
    }
#define ROW(name, type, ...)                                                                                           \
    static const struct fact_member name##_members[] = { __VA_ARGS__ };                                                \
    const struct fact_row facts_rows_##name = { name##_members, sizeof name##_members / sizeof name##_members[0],      \
                                                sizeof(type) }

ROW(device, struct dm_device, M(struct dm_device, "id", I64, id), M(struct dm_device, "authority", I64, authority),
    M(struct dm_device, "name", TEXT, name), M(struct dm_device, "title", TEXT, title),
    M(struct dm_device, "authorityName", TEXT, authority_name), M(struct dm_device, "serverId", TEXT, server_id),
    M(struct dm_device, "generation", I64, generation), M(struct dm_device, "observed", I64, observed_generation),
    M(struct dm_device, "planned", I64, planned_generation), M(struct dm_device, "settledToken", TEXT, settled_token),
    M(struct dm_device, "object", TEXT, layout_mo), M(struct dm_device, "root", TEXT, mo_root),
    M(struct dm_device, "images", TEXT, mo_images), M(struct dm_device, "mirrorRead", BOOL, mirror_read),
    M(struct dm_device, "noLists", BOOL, list_unsupported), M(struct dm_device, "largeObjects", BOOL, large_objects),
    M(struct dm_device, "lists", INT, lists), M(struct dm_device, "devinfoHash", I64, devinfo_hash),
    M(struct dm_device, "nextKpi", I64, next_kpi_ms), M(struct dm_device, "summary", TEXT, summary),
    M(struct dm_device, "summaryWhy", TEXT, summary_why), M(struct dm_device, "careful", BOOL, careful),
    M(struct dm_device, "summaryTime", I64, summary_ms), M(struct dm_device, "created", I64, created_ms),
    M(struct dm_device, "booked", TEXT, booked), M(struct dm_device, "bookedTime", I64, booked_ms),
    M(struct dm_device, "alertsLeft", I64, alerts_left), M(struct dm_device, "alertsTime", I64, alerts_ms));

ROW(node, struct fact_node, M(struct fact_node, "uri", TEXT, uri), M(struct fact_node, "format", I64, row.format),
    M(struct fact_node, "known", I64, row.known), M(struct fact_node, "value", SECRET, row.value),
    M(struct fact_node, "time", I64, row.at_ms));

ROW(failure, struct pol_failure, M(struct pol_failure, "key", TEXT, key), M(struct pol_failure, "code", INT, code),
    M(struct pol_failure, "tries", INT, tries), M(struct pol_failure, "retry", I64, retry_ms),
    M(struct pol_failure, "time", I64, at_ms));

ROW(wish, struct pol_wish, M(struct pol_wish, "uri", TEXT, uri), M(struct pol_wish, "hash", TEXT, hash),
    M(struct pol_wish, "since", I64, since_ms));

ROW(attribute, struct pol_attribute, M(struct pol_attribute, "name", TEXT, name),
    M(struct pol_attribute, "value", TEXT, value));

ROW(operation, struct pol_operation, M(struct pol_operation, "id", I64, id),
    M(struct pol_operation, "byPolicy", BOOL, by_policy), M(struct pol_operation, "state", INT, state),
    M(struct pol_operation, "kind", TEXT, kind), M(struct pol_operation, "scope", INT, scope),
    M(struct pol_operation, "owner", TEXT, owner), M(struct pol_operation, "args", TEXT, args),
    M(struct pol_operation, "correlator", TEXT, correlator), M(struct pol_operation, "command", TEXT, tree_command),
    M(struct pol_operation, "uri", TEXT, tree_uri), M(struct pol_operation, "format", TEXT, tree_format),
    M(struct pol_operation, "type", TEXT, tree_type), M(struct pol_operation, "data", SECRET, tree_data),
    M(struct pol_operation, "secret", BOOL, secret), M(struct pol_operation, "hasData", BOOL, has_data),
    M(struct pol_operation, "tries", INT, tries), M(struct pol_operation, "notBefore", I64, not_before_ms),
    M(struct pol_operation, "expires", I64, expires_ms), M(struct pol_operation, "created", I64, created_ms),
    M(struct pol_operation, "updated", I64, updated_ms));

ROW(item, struct pol_item, M(struct pol_item, "command", TEXT, command), M(struct pol_item, "uri", TEXT, uri),
    M(struct pol_item, "format", TEXT, format), M(struct pol_item, "type", TEXT, type),
    M(struct pol_item, "data", SECRET, data), M(struct pol_item, "secret", BOOL, secret),
    M(struct pol_item, "hasData", BOOL, has_data), M(struct pol_item, "code", INT, code),
    M(struct pol_item, "seenCode", INT, seen_code), M(struct pol_item, "seen", SECRET, seen),
    M(struct pol_item, "seenTime", I64, seen_ms), M(struct pol_item, "noValue", BOOL, no_value),
    M(struct pol_item, "changed", BOOL, changed), M(struct pol_item, "changedBy", I64, changed_by));

ROW(image, struct pol_image, M(struct pol_image, "id", TEXT, id), M(struct pol_image, "name", TEXT, name),
    M(struct pol_image, "version", TEXT, version), M(struct pol_image, "guestType", TEXT, guest_type),
    M(struct pol_image, "arch", TEXT, arch), M(struct pol_image, "format", TEXT, format),
    M(struct pol_image, "sha256", TEXT, sha256), M(struct pol_image, "url", TEXT, url),
    M(struct pol_image, "size", U64, size_bytes));

ROW(hold, struct pol_hold, M(struct pol_hold, "vm", TEXT, vm), M(struct pol_hold, "kind", TEXT, kind),
    M(struct pol_hold, "operation", I64, operation), M(struct pol_hold, "time", I64, at_ms),
    M(struct pol_hold, "by", TEXT, by));

ROW(set, struct pol_set, M(struct pol_set, "uri", TEXT, uri), M(struct pol_set, "value", SECRET, value),
    M(struct pol_set, "earlier", SECRET, earlier), M(struct pol_set, "hasEarlier", BOOL, has_earlier),
    M(struct pol_set, "row", BOOL, row));

ROW(charge, struct pol_charge, M(struct pol_charge, "policy", I64, policy), M(struct pol_charge, "vm", TEXT, vm),
    M(struct pol_charge, "goal", BOOL, goal), M(struct pol_charge, "left", I64, left_ms),
    M(struct pol_charge, "unreadable", BOOL, unreadable), M(struct pol_charge, "name", TEXT, name),
    M(struct pol_charge, "leave", INT, leave));

ROW(vm, struct recall_vm, M(struct recall_vm, "name", TEXT, name), M(struct recall_vm, "title", TEXT, title),
    M(struct recall_vm, "image", TEXT, image), M(struct recall_vm, "summary", TEXT, summary),
    M(struct recall_vm, "why", TEXT, why), M(struct recall_vm, "crashTime", TEXT, crash_time),
    M(struct recall_vm, "crashWhy", TEXT, crash_why), M(struct recall_vm, "state", I64, state),
    M(struct recall_vm, "lock", I64, lock), M(struct recall_vm, "reason", I64, reason),
    M(struct recall_vm, "verified", I64, verified), M(struct recall_vm, "stateTime", I64, state_ms),
    M(struct recall_vm, "crashes", I64, crashes), M(struct recall_vm, "there", BOOL, there));

ROW(assignment, struct recall_assignment, M(struct recall_assignment, "policy", I64, policy),
    M(struct recall_assignment, "revision", I64, revision), M(struct recall_assignment, "truth", I64, truth),
    M(struct recall_assignment, "state", TEXT, state), M(struct recall_assignment, "why", TEXT, why));

ROW(failed, struct facts_failed, M(struct facts_failed, "id", I64, id), M(struct facts_failed, "code", I64, code),
    M(struct facts_failed, "kind", TEXT, kind), M(struct facts_failed, "reason", TEXT, reason));

ROW(beside, struct facts_beside, M(struct facts_beside, "crashesSeen", I64, crashes_seen),
    M(struct facts_beside, "image", TEXT, image));

/* ---- write ---- */

struct str facts_rows_covered(struct str uri, struct str value, struct arena *a)
{
    if (!value.n || !sml_uri_is_secret(str_slice(uri, 0, str_find(uri, '?', 0)))) return value;
    char *p = arena_bytes(a, value.n);
    for (size_t i = 0; p && i < value.n; i++) p[i] = value.p[i] == '=' ? '=' : 'A'; /* as the messages have it */
    return (struct str){ p, p ? value.n : 0 };
}

static void put_text(struct json_out *j, const char *key, struct str s)
{
    if (!s.n) return;
    if (str_is_utf8(s) && str_find(s, '\0', 0) == s.n) {
        json_out_str(j, key, s);
        return;
    }
    struct buf b;
    buf_init(&b, 0);
    text_b64_put(&b, s);
    if (!buf_ok(&b)) j->out->failed = RC_NOMEM;
    json_out_object(j, key);
    json_out_str(j, "b64", buf_str(&b));
    json_out_end(j);
    buf_finish(&b);
}

void facts_rows_put(struct json_out *j, const struct fact_row *r, const void *x, const struct str *uri, struct arena *a)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct fact_member *m = &r->member[i];
        const void *at = (const char *)x + m->at;
        int64_t n = 0;
        int small;
        switch (m->kind) {
        case FACT_TEXT: put_text(j, m->key, *(const struct str *)at); break;
        case FACT_SECRET: {
            const struct str value = *(const struct str *)at;
            put_text(j, m->key, uri ? facts_rows_covered(*uri, value, a) : value);
            break;
        }
        case FACT_BOOL:
            if (*(const bool *)at) json_out_bool(j, m->key, true);
            break;
        case FACT_I64:
        case FACT_U64:
            memcpy(&n, at, sizeof n);
            if (n) json_out_i64(j, m->key, n);
            break;
        case FACT_INT:
            memcpy(&small, at, sizeof small);
            if (small) json_out_i64(j, m->key, small);
            break;
        }
    }
}

/* ---- read ---- */

static bool get_text(const struct doc *d, struct arena *a, struct str *out)
{
    const struct doc *b64 = d->kind == DOC_MAP ? doc_get(d, "b64") : NULL;
    if (b64) return text_b64_decode(b64->text, a, out) == RC_OK;
    *out = d->text;
    return d->kind == DOC_SCALAR;
}

static bool get_member(const struct doc *d, enum fact_kind kind, struct arena *a, void *at)
{
    int64_t n = 0;
    switch (kind) {
    case FACT_TEXT:
    case FACT_SECRET: return get_text(d, a, at);
    case FACT_BOOL: return doc_bool(d, at);
    case FACT_I64:
    case FACT_U64:
        if (!doc_i64(d, &n)) return false;
        memcpy(at, &n, sizeof n);
        return true;
    case FACT_INT: {
        if (!doc_i64(d, &n) || n < INT32_MIN || n > INT32_MAX) return false;
        const int small = (int)n;
        memcpy(at, &small, sizeof small);
        return true;
    }
    }
    return false;
}

enum rc facts_rows_get(const struct doc *d, const char *name, const struct fact_row *r, struct arena *a, void *x,
                       struct err *e)
{
    if (!d || d->kind != DOC_MAP) return doc_error(d, name, RC_INVALID, e, "a fact has to be an object");
    for (const struct doc *v = d->first; v; v = v->next)
        for (size_t i = 0; i < r->n; i++)
            if (str_is(v->key, r->member[i].key) && !get_member(v, r->member[i].kind, a, (char *)x + r->member[i].at))
                return doc_error(v, name, RC_INVALID, e, "this cannot be a value of it");
    return RC_OK;
}

enum rc facts_rows_get_list(const struct doc *list, const char *name, const struct fact_row *r, struct arena *a,
                            void **out, size_t *n, struct err *e)
{
    size_t count = 0;
    *out = NULL;
    *n = 0;
    for (const struct doc *v = list ? list->first : NULL; v; v = v->next) count++;
    if (count > FACTS_LIST) return doc_error(list, name, RC_LIMIT, e, "a list of more than %d facts", FACTS_LIST);
    char *rows = count ? arena_alloc(a, count * r->size) : NULL;
    if (count && !rows) return err_set(e, RC_NOMEM, "no memory for facts");
    for (const struct doc *v = list ? list->first : NULL; v; v = v->next, ++*n) {
        enum rc rc = facts_rows_get(v, name, r, a, rows + *n * r->size, e);
        if (rc) return rc;
    }
    *out = rows;
    return RC_OK;
}
