/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tree/tree_store.h"
#include <stdlib.h>
#include <string.h>

struct journal {
    struct record *old;
    char *uri;
    size_t uri_n;
}; /* old NULL: it was not there */

struct records {
    struct record **list;
    size_t n, cap;
    struct journal *journal;
    size_t n_journal, cap_journal;
};

struct records *records_create(void)
{
    return calloc(1, sizeof(struct records));
}

void records_forget(struct records *r)
{
    for (size_t i = 0; i < r->n_journal; i++) {
        free(r->journal[i].old);
        free(r->journal[i].uri);
    }
    r->n_journal = 0;
    free(r->journal);
    r->journal = NULL;
    r->cap_journal = 0;
}

void records_destroy(struct records *r)
{
    if (!r) return;
    records_forget(r);
    for (size_t i = 0; i < r->n; i++) free(r->list[i]);
    free(r->list);
    free(r);
}

size_t records_count(const struct records *r)
{
    return r->n;
}

size_t records_from(const struct records *r, struct str uri)
{
    size_t lo = 0, hi = r->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(r->list[mid]->uri, uri) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct record *records_at(const struct records *r, size_t i)
{
    return i < r->n ? r->list[i] : NULL;
}

const struct record *records_get(const struct records *r, struct str uri)
{
    size_t i = records_from(r, uri);

    return i < r->n && str_eq(r->list[i]->uri, uri) ? r->list[i] : NULL;
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

/* Room for one more row, doubling. */
static bool grow(void **list, size_t *cap, size_t n, size_t size)
{
    void *p;
    size_t want = *cap ? *cap * 2 : 8;

    if (n < *cap) return true;
    p = realloc(*list, want * size);
    if (!p) return false;
    *list = p;
    *cap = want;
    return true;
}

static enum rc note(struct records *r, struct str uri, struct record *old)
{
    char *u = malloc(uri.n + 1);

    if (!u || !grow((void **)&r->journal, &r->cap_journal, r->n_journal, sizeof *r->journal)) {
        free(u);
        return RC_NOMEM;
    }
    memcpy(u, uri.p, uri.n);
    u[uri.n] = 0;
    r->journal[r->n_journal++] = (struct journal){ old, u, uri.n };
    return RC_OK;
}

enum rc records_set(struct records *r, const struct record *rec)
{
    size_t i = records_from(r, rec->uri);
    bool there = i < r->n && str_eq(r->list[i]->uri, rec->uri);
    struct record *new;
    enum rc rc;

    if (rec->value.n > RECORD_VALUE_BYTES || (!there && r->n >= RECORDS_MAX)) return RC_LIMIT;
    if (!there && !grow((void **)&r->list, &r->cap, r->n, sizeof *r->list)) return RC_NOMEM;
    new = copy(rec);
    if (!new) return RC_NOMEM;
    rc = note(r, rec->uri, there ? r->list[i] : NULL);
    if (rc) {
        free(new);
        return rc;
    }
    if (!there) {
        memmove(r->list + i + 1, r->list + i, (r->n - i) * sizeof *r->list);
        r->n++;
    }
    r->list[i] = new;
    return RC_OK;
}

static enum rc remove_at(struct records *r, size_t i)
{
    enum rc rc = note(r, r->list[i]->uri, r->list[i]);

    if (rc) return rc;
    memmove(r->list + i, r->list + i + 1, (r->n - i - 1) * sizeof *r->list);
    r->n--;
    return RC_OK;
}

enum rc records_remove(struct records *r, struct str uri)
{
    size_t i = records_from(r, uri);

    return i < r->n && str_eq(r->list[i]->uri, uri) ? remove_at(r, i) : RC_OK;
}

enum rc records_remove_within(struct records *r, struct str uri)
{
    enum rc rc = records_remove(r, uri);
    size_t i = records_from(r, uri);

    while (!rc && i < r->n && str_starts(r->list[i]->uri, uri)) {
        struct str u = r->list[i]->uri;
        if (u.n > uri.n && u.p[uri.n] == '/')
            rc = remove_at(r, i);
        else
            i++; /* "./A-x" stands between "./A" and "./A/..." */
    }
    return rc;
}

size_t records_mark(const struct records *r)
{
    return r->n_journal;
}

/* Take back one change: the place in the list is found by address. */
static void undo(struct records *r, struct journal *j)
{
    struct str uri = { j->uri, j->uri_n };
    size_t i = records_from(r, uri);
    bool there = i < r->n && str_eq(r->list[i]->uri, uri);

    if (there) {
        free(r->list[i]);
        if (j->old) {
            r->list[i] = j->old;
        } else {
            memmove(r->list + i, r->list + i + 1, (r->n - i - 1) * sizeof *r->list);
            r->n--;
        }
    } else if (j->old) { /* there is room: it was in the list before, and the list never shrinks */
        memmove(r->list + i + 1, r->list + i, (r->n - i) * sizeof *r->list);
        r->list[i] = j->old;
        r->n++;
    }
    free(j->uri);
}

void records_rollback(struct records *r, size_t mark)
{
    while (r->n_journal > mark) undo(r, &r->journal[--r->n_journal]);
}

enum rc records_keep(struct records *r,
                     enum rc (*fn)(void *ctx, struct str uri, const struct record *now, struct err *e), void *ctx,
                     struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = r->n_journal; !rc && i-- > 0;) {
        struct str uri = { r->journal[i].uri, r->journal[i].uri_n };
        bool again = false; /* a later change of the same address has told it already */
        for (size_t k = i + 1; k < r->n_journal && k < i + 64 && !again; k++)
            again = r->journal[k].uri_n == uri.n && !memcmp(r->journal[k].uri, uri.p, uri.n);
        if (!again) rc = fn(ctx, uri, records_get(r, uri), e);
    }
    if (!rc) records_forget(r);
    return rc;
}
