/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tree/tree_store.h"
#include "base/vec.h"
#include <stdlib.h>
#include <string.h>

struct journal {
    struct record *old;
    char *uri;
    size_t uri_n;
}; /* old NULL: the record did not exist */

struct tree_store {
    VEC(struct record *) list; /* sorted by address */
    VEC(struct journal) journal;
};

struct tree_store *tree_store_create(void)
{
    return calloc(1, sizeof(struct tree_store));
}

void tree_store_forget(struct tree_store *r)
{
    for (size_t i = 0; i < r->journal.n; i++) {
        free(r->journal.at[i].old);
        free(r->journal.at[i].uri);
    }
    VEC_FREE(&r->journal);
}

void tree_store_destroy(struct tree_store *r)
{
    if (!r) return;
    tree_store_forget(r);
    for (size_t i = 0; i < r->list.n; i++) free(r->list.at[i]);
    VEC_FREE(&r->list);
    free(r);
}

size_t tree_store_count(const struct tree_store *r)
{
    return r->list.n;
}

size_t tree_store_from(const struct tree_store *r, struct str uri)
{
    size_t lo = 0, hi = r->list.n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(r->list.at[mid]->uri, uri) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct record *tree_store_at(const struct tree_store *r, size_t i)
{
    return i < r->list.n ? r->list.at[i] : NULL;
}

const struct record *tree_store_get(const struct tree_store *r, struct str uri)
{
    size_t i = tree_store_from(r, uri);

    return i < r->list.n && str_eq(r->list.at[i]->uri, uri) ? r->list.at[i] : NULL;
}

static struct str put(char **at, struct str s)
{
    struct str out = { *at, s.n };

    if (s.n) memcpy(*at, s.p, s.n);
    (*at)[s.n] = 0;
    *at += s.n + 1;
    return out;
}

static struct record *copy(const struct record *from)
{
    size_t n = from->uri.n + from->value.n + from->acl.n + from->title.n + from->type.n + 5;
    struct record *rec = malloc(sizeof *rec + n);
    char *at;

    if (!rec) return NULL;
    *rec = *from;
    at = (char *)(rec + 1);
    rec->uri = put(&at, from->uri);
    rec->value = put(&at, from->value);
    rec->acl = put(&at, from->acl);
    rec->title = put(&at, from->title);
    rec->type = put(&at, from->type);
    return rec;
}

static enum rc note(struct tree_store *r, struct str uri, struct record *old)
{
    char *u = malloc(uri.n + 1);
    struct journal *j;

    if (!u || !(j = VEC_ADD(&r->journal))) {
        free(u);
        return RC_NOMEM;
    }
    memcpy(u, uri.p, uri.n);
    u[uri.n] = 0;
    *j = (struct journal){ old, u, uri.n };
    return RC_OK;
}

enum rc tree_store_set(struct tree_store *r, const struct record *rec)
{
    size_t i = tree_store_from(r, rec->uri);
    bool there = i < r->list.n && str_eq(r->list.at[i]->uri, rec->uri);
    struct record *new;
    enum rc rc;

    if (rec->value.n > RECORD_VALUE_BYTES || (!there && r->list.n >= RECORDS_MAX)) return RC_LIMIT;
    if (!there && !VEC_RESERVE(&r->list, 1)) return RC_NOMEM;
    new = copy(rec);
    if (!new) return RC_NOMEM;
    rc = note(r, rec->uri, there ? r->list.at[i] : NULL);
    if (rc) {
        free(new);
        return rc;
    }
    if (!there) {
        memmove(r->list.at + i + 1, r->list.at + i, (r->list.n - i) * sizeof *r->list.at);
        r->list.n++;
    }
    r->list.at[i] = new;
    return RC_OK;
}

static enum rc remove_at(struct tree_store *r, size_t i)
{
    enum rc rc = note(r, r->list.at[i]->uri, r->list.at[i]);

    if (rc) return rc;
    VEC_REMOVE(&r->list, i);
    return RC_OK;
}

enum rc tree_store_remove(struct tree_store *r, struct str uri)
{
    size_t i = tree_store_from(r, uri);

    return i < r->list.n && str_eq(r->list.at[i]->uri, uri) ? remove_at(r, i) : RC_OK;
}

enum rc tree_store_remove_within(struct tree_store *r, struct str uri)
{
    enum rc rc = tree_store_remove(r, uri);
    size_t i = tree_store_from(r, uri);

    while (!rc && i < r->list.n && str_starts(r->list.at[i]->uri, uri)) {
        struct str u = r->list.at[i]->uri;
        if (u.n > uri.n && u.p[uri.n] == '/')
            rc = remove_at(r, i);
        else
            i++; /* "./A-x" sorts between "./A" and "./A/..." */
    }
    return rc;
}

size_t tree_store_mark(const struct tree_store *r)
{
    return r->journal.n;
}

/* Undo one change: the position in the list is found by address. */
static void undo(struct tree_store *r, struct journal *j)
{
    struct str uri = { j->uri, j->uri_n };
    size_t i = tree_store_from(r, uri);
    bool there = i < r->list.n && str_eq(r->list.at[i]->uri, uri);

    if (there) {
        free(r->list.at[i]);
        if (j->old) {
            r->list.at[i] = j->old;
        } else {
            VEC_REMOVE(&r->list, i);
        }
    } else if (j->old) { /* there is room: the record was in the list before, and the list never shrinks */
        memmove(r->list.at + i + 1, r->list.at + i, (r->list.n - i) * sizeof *r->list.at);
        r->list.at[i] = j->old;
        r->list.n++;
    }
    free(j->uri);
}

void tree_store_rollback(struct tree_store *r, size_t mark)
{
    while (r->journal.n > mark) undo(r, &r->journal.at[--r->journal.n]);
}

enum rc tree_store_keep(struct tree_store *r,
                        enum rc (*fn)(void *ctx, struct str uri, const struct record *now, struct err *e), void *ctx,
                        struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = r->journal.n; !rc && i-- > 0;) {
        struct str uri = { r->journal.at[i].uri, r->journal.at[i].uri_n };
        bool again = false; /* a later change of the same address has reported it already */
        for (size_t k = i + 1; k < r->journal.n && k < i + 64 && !again; k++)
            again = r->journal.at[k].uri_n == uri.n && !memcmp(r->journal.at[k].uri, uri.p, uri.n);
        if (!again) rc = fn(ctx, uri, tree_store_get(r, uri), e);
    }
    if (!rc) tree_store_forget(r);
    return rc;
}
