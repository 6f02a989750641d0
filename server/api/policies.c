/* SPDX-License-Identifier: Apache-2.0 */
#include "db/image.h"
#include "db/policy.h"
#include "server/api/describe.h"
#include "server/api/leaving.h"
#include "server/store/documents.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DOCUMENTS = 100, ERRORS_BYTES = 64 << 10, ERRORS = 100 };

/* Documents and their errors. */

/* "body:3:5: /spec/vm/state: words" as one entry of errors[]. */
static json_t *error_json(struct str line)
{
    struct str rest = line, part;
    int64_t n = 0, column = 0;
    json_t *j = json_object();
    str_cut(&rest, ':', &part); /* the name */
    struct str back = rest;
    if (str_cut(&rest, ':', &part) && str_to_i64(part, &n) && str_cut(&rest, ':', &part) && str_to_i64(part, &column)) {
        json_put_int(j, "line", n);
        json_put_int(j, "column", column);
    } else {
        rest = back;
    }
    rest = str_trim(rest);
    if (rest.n && rest.p[0] == '/') {
        struct str pointer;
        str_cut(&rest, ':', &pointer);
        json_put_str(j, "pointer", pointer);
        rest = str_trim(rest);
    }
    json_put_str(j, "detail", rest);
    return j;
}

static enum rc refuse_documents(struct call *c, const struct buf *errors, const struct err *e)
{
    json_t *j = json_object(), *list = json_array();
    struct str rest = buf_str(errors), line;
    while (str_cut(&rest, '\n', &line))
        if (line.n && json_array_size(list) < ERRORS) json_array_append_new(list, error_json(line));
    if (!json_array_size(list)) {
        json_t *one = json_object();
        if (e->line) {
            json_put_int(one, "line", e->line);
            json_put_int(one, "column", e->column);
        }
        json_put_str(one, "detail", str_of(e->text));
        json_array_append_new(list, one);
    }
    size_t n = json_array_size(list);
    json_put_str(j, "type", STR("about:blank"));
    json_put_str(j, "title", STR("Policy is not valid"));
    json_put_int(j, "status", 422);
    json_put_str(j, "detail",
                 arena_printf(c->a, n == 1 ? "%s" : "%s (and %zu more)",
                              json_string_value(json_object_get(json_array_get(list, 0), "detail")), n - 1));
    json_t *pointer = json_object_get(json_array_get(list, 0), "pointer");
    if (pointer) json_object_set(j, "pointer", pointer);
    json_object_set_new(j, "errors", list);
    api_answer(c, 422, j);
    c->reply->n_headers = 0;
    http_reply_header(c->reply, "Content-Type", STR("application/problem+json"));
    return RC_DENIED;
}

/* The next document of a YAML stream; the lines before it become empty lines, so that errors name the right line. */
static struct str next_document(struct call *c, struct str all, size_t *at, size_t *line)
{
    size_t begin = *at, first_line = *line;
    bool content = false;
    while (*at < all.n) {
        size_t end = str_find(all, '\n', *at);
        struct str one = str_slice(all, *at, end);
        bool mark = str_starts(one, STR("---")) &&
                    (one.n == 3 || one.p[3] == ' ' || one.p[3] == '\r' || one.p[3] == '\t');
        if (mark && content) break;
        struct str words = str_trim(mark ? str_slice(one, 3, one.n) : one);
        if (words.n && words.p[0] != '#') content = true;
        *at = end + 1;
        (*line)++;
    }
    if (!content) return (struct str){ 0 };
    size_t end = *at < all.n ? *at : all.n;
    char *p = arena_bytes(c->a, first_line + end - begin + 1);
    if (!p) return (struct str){ 0 };
    memset(p, '\n', first_line);
    memcpy(p + first_line, all.p + begin, end - begin);
    p[first_line + end - begin] = '\0';
    return (struct str){ p, first_line + end - begin };
}

enum rc api_documents_read(struct call *c, struct documents **out)
{
    struct documents **tail = out;
    struct buf errors;
    size_t at = 0, line = 0, n = 0;
    enum rc rc = RC_OK;
    bool wrong = false;

    *out = NULL;
    buf_init(&errors, ERRORS_BYTES);
    while (!rc && at < c->r->body.n) {
        struct err e = { 0 };
        size_t begin = at;
        struct str text = next_document(c, c->r->body, &at, &line);
        if (!text.n) break;
        struct documents *d = arena_alloc(c->a, sizeof *d);
        if (!d || ++n > DOCUMENTS) {
            rc = err_set(&c->e, d ? RC_LIMIT : RC_NOMEM, d ? "at most %d documents at once" : "no memory (%d)",
                         DOCUMENTS);
            break;
        }
        d->text = str_slice(c->r->body, begin, at);
        size_t had = errors.n;
        enum rc bad = documents_parse(c->api->srv, c->db, text, c->a, &d->policy, &errors, &e);
        if (bad && bad != RC_PARSE && bad != RC_INVALID && bad != RC_LIMIT && bad != RC_UNSUPPORTED) {
            c->e = e;
            rc = bad;
        } else if (bad) {
            wrong = true;
            if (errors.n == had) buf_printf(&errors, "body:%u:%u: %s\n", e.line, e.column, e.text);
        }
        *tail = d;
        tail = &d->next;
    }
    if (!rc && wrong) {
        struct err e = { 0 };
        rc = refuse_documents(c, &errors, &e);
    } else if (!rc && !n) {
        rc = api_refuse(c, 400, "Bad request", NULL, "the body is empty: send a policy document (YAML or JSON)");
    }
    buf_finish(&errors);
    return rc;
}

/* Policies. */

/* RC_NOT_FOUND without a problem answer when the policy does not exist. */
static enum rc policy_look(struct call *c, struct str name, int64_t authority, struct db_policy *p)
{
    bool several = false;
    enum rc rc = db_policy_find(c->db, authority, name, c->a, p, &several, &c->e);
    return !rc && several ? api_refuse(c, 409, "Which authority?", NULL,
                                       "several authorities have a policy \"%.*s\": add ?authority=", STR_ARG(name))
                          : rc;
}

static enum rc policy_find(struct call *c, struct str name, struct db_policy *p)
{
    enum rc rc = policy_look(c, name, c->scope, p);
    if (rc == RC_NOT_FOUND || (!rc && p->deleted_ms && str_is(c->r->method, "DELETE")))
        return api_missing(c, "policy", name);
    return rc;
}

/* Parse a stored document: fields that this version refuses are reported, but do not prevent the document from being
 * shown. @return NULL and why when it does not parse */
static struct pol_policy *stored(struct call *c, struct str document, struct err *why)
{
    struct pol_policy *p = NULL;
    return documents_load(c->api->srv, c->db, document, c->a, &p, why) ? NULL : p;
}

enum rc api_policy_stored(struct call *c, struct str name, int64_t *id, int64_t *authority, struct pol_policy **out)
{
    struct db_policy p;
    struct err why = { 0 };
    enum rc rc = policy_find(c, name, &p);
    if (!rc && p.deleted_ms) rc = api_missing(c, "policy", name);
    if (rc) return rc;
    *id = p.id;
    *authority = p.authority;
    *out = stored(c, p.document, &why);
    return RC_OK;
}

/* "/spec/rollout: rollouts are not supported yet": fields that this version no longer accepts. */
static void add_attention(struct call *c, const struct db_policy *p, json_t *j)
{
    struct err why = { 0 };
    const struct pol_policy *doc = p->deleted_ms ? NULL : stored(c, p->document, &why);
    json_t *list = json_array();
    struct str rest = doc ? doc->attention : (struct str){ 0 }, line;
    while (str_cut(&rest, '\n', &line))
        if (line.n) json_array_append_new(list, json_put_text(line));
    if (!doc && !p->deleted_ms) json_array_append_new(list, json_put_text(str_of(why.text)));
    if (json_array_size(list))
        json_object_set_new(j, "needsAttention", list);
    else
        json_decref(list);
}

/* Add the document as JSON, for programs that do not read YAML. */
static void add_document(struct call *c, struct str document, json_t *j)
{
    struct doc *d;
    struct buf b;
    struct err e = { 0 };
    json_put_str(j, "document", document);
    buf_init(&b, DOC_BYTES);
    if (doc_parse(document, "policy", c->a, &d, &e) == RC_OK) {
        doc_to_json(d, &b);
        json_put_raw(j, "spec", buf_str(&b));
        json_t *whole = json_object_get(j, "spec"), *spec = json_object_get(whole, "spec");
        if (spec) {
            json_incref(spec);
            json_object_set_new(j, "spec", spec);
        }
    }
    buf_finish(&b);
}

static enum rc policy_json(struct call *c, const struct db_policy *p, bool whole, json_t **out)
{
    json_t *j = json_object(), *counts = json_object();
    struct sql_rows *r = NULL;
    json_put_str(j, "name", p->name);
    json_put_str(j, "authority", p->authority_name);
    json_put_int(j, "revision", p->revision);
    json_put_time(j, "created", p->created_ms);
    json_put_time(j, "revised", p->revised_ms);
    json_put_str(j, "revisedBy", p->revised_by);
    if (p->deleted_ms) json_put_time(j, "deleted", p->deleted_ms);
    add_attention(c, p, j);
    const struct db_condition condition = api_condition_now(c);
    struct db_policy_count n;
    enum rc rc = db_policy_states(c->db, p->id, &condition, &r, &c->e);
    while (!rc && (rc = db_policy_next_state(r, &n, &c->e)) == RC_OK)
        json_object_set_new(counts, arena_strz(c->a, n.state), json_integer(n.n));
    sql_end(r);
    json_object_set_new(j, "devices", counts);
    if (whole) add_document(c, p->document, j);
    *out = j;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc policies(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    enum rc rc = api_page_begin(c, 0, &p);
    if (rc) return rc;
    rc = db_policy_list(c->db, c->scope, p.cursor, p.limit + 1, &r, &c->e);
    struct db_policy row;
    while (!rc && (rc = db_policy_next(r, &row, &c->e)) == RC_OK) {
        json_t *j = NULL;
        if (!api_page_more(&p, row.id)) break;
        rc = policy_json(c, &row, false, &j);
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static bool wants_yaml(struct call *c)
{
    struct str accept = http_header(c->r, "Accept");
    return accept.n && (strstr(accept.p, "yaml") != NULL);
}

static enum rc policy(struct call *c)
{
    struct db_policy p;
    json_t *j = NULL;
    enum rc rc = policy_find(c, c->param[0], &p);
    if (rc) return rc;
    api_answer_header(c, "ETag", "\"%" PRId64 "\"", p.revision);
    if (wants_yaml(c)) return api_answer_text(c, "application/yaml", p.document);
    rc = policy_json(c, &p, true, &j);
    return rc ? rc : api_answer(c, 200, j);
}

static enum rc insert_revision(struct call *c, struct db_policy *p, bool is_new, struct str document, const char *hash)
{
    int64_t last = 0;
    enum rc rc = is_new ? db_policy_add(c->db, p->authority, p->name, c->w.now_ms, &p->id, &c->e)
                        : db_policy_last_revision(c->db, p->id, &last, &c->e);
    if (rc) return rc;
    p->revision = last + 1;
    const struct db_policy_revision v = { .policy = p->id,
                                          .revision = p->revision,
                                          .document = document,
                                          .hash = str_of(hash),
                                          .created_ms = c->w.now_ms,
                                          .created_by = c->who };
    rc = db_policy_add_revision(c->db, &v, &c->e);
    return rc || is_new ? rc : db_policy_revise(c->db, p->id, p->revision, &c->e);
}

static enum rc tell(struct call *c, const struct db_policy *p, const char *what, int64_t affected)
{
    json_t *j = json_object();
    json_put_str(j, "policy", p->name);
    json_put_int(j, "revision", p->revision);
    json_put_str(j, "change", str_of(what));
    json_put_int(j, "affected", affected);
    return api_event(c, p->authority, "policy", (struct str){ 0 }, j);
}

static json_t *revision_mark(const struct db_policy *p)
{
    json_t *j = json_object();
    json_put_int(j, "revision", p->revision);
    json_put_str(j, "hash", p->hash);
    return j;
}

static enum rc canonical_hash(struct call *c, struct str text, char hash[SHA256_HEX_BYTES])
{
    struct buf b;
    uint8_t raw[SHA256_BYTES];
    buf_init(&b, DOC_BYTES);
    enum rc rc = pol_policy_canonical(text, "body", c->a, &b, &c->e);
    if (!rc && !buf_ok(&b)) rc = b.failed;
    crypto_sha256(buf_str(&b), raw);
    text_hex(raw, sizeof raw, hash);
    buf_finish(&b);
    return rc;
}

/* Apply a document inside the transaction. */
static enum rc apply(struct call *c, struct pol_policy *doc, struct str document, const char *hash, struct db_policy *p,
                     bool is_new, int64_t affected)
{
    struct pol_sql sql;
    json_t *before = is_new ? NULL : revision_mark(p);
    enum rc rc = pol_selector_sql(doc->selector, c->a, &sql, &c->e);
    if (!rc) rc = insert_revision(c, p, is_new, document, hash);
    struct str why = arena_printf(c->a, "policy %.*s revision %" PRId64, STR_ARG(p->name), p->revision);
    if (!rc) rc = generation_policy(c->db, p->authority, p->id, p->revision, &sql, why, c->w.now_ms, &c->e);
    p->hash = str_of(hash);
    json_t *after = revision_mark(p);
    if (!rc)
        rc = api_audit(c, p->authority, "policy.apply", arena_printf(c->a, "policies/%.*s", STR_ARG(p->name)), before,
                       after);
    if (!rc) rc = tell(c, p, is_new ? "created" : "changed", affected);
    json_decref(before);
    json_decref(after);
    return rc;
}

/* Warnings before the policy takes effect, such as a missing image. */
static void warn(struct call *c, const struct pol_policy *doc, int64_t authority, int64_t affected, int64_t unknown,
                 json_t *warnings)
{
    for (size_t i = 0; i < doc->n_settings; i++) {
        const struct pol_setting *s = &doc->settings[i];
        struct db_image stored_image;
        bool several = false;
        if (s->entry->kind != DDF_K_IMAGE) continue;
        size_t colon = str_find(s->word, ':', 0);
        if (db_image_find(c->db, authority, str_slice(s->word, 0, colon), str_slice(s->word, colon + 1, s->word.n),
                          c->a, &stored_image, &several, &c->e) == RC_NOT_FOUND)
            json_array_append_new(warnings,
                                  json_put_text(arena_printf(c->a, "image %.*s is not in the store yet: upload it",
                                                             STR_ARG(s->word))));
    }
    if (!affected && !unknown) json_array_append_new(warnings, json_string("the selector is true for no device"));
    if (unknown)
        json_array_append_new(warnings, json_put_text(arena_printf(c->a,
                                                                   "for %" PRId64
                                                                   " devices the selector is unknown: they have not"
                                                                   " reported its attributes yet",
                                                                   unknown)));
}

enum rc api_policy_would_be(struct call *c, const struct documents *d, int64_t authority, int64_t affected,
                            int64_t unknown, json_t *out, json_t *warnings)
{
    struct db_policy p = { 0 };
    char hash[SHA256_HEX_BYTES];
    int64_t last = 0;
    enum rc rc = canonical_hash(c, d->text, hash);
    if (!rc) rc = policy_look(c, d->policy->name, authority, &p);
    bool is_new = rc == RC_NOT_FOUND;
    if (is_new) rc = RC_OK;
    if (!rc && !is_new) rc = db_policy_last_revision(c->db, p.id, &last, &c->e);
    if (rc) return rc;
    bool changed = is_new || p.deleted_ms || !str_is(p.hash, hash);
    json_put_int(out, "revision", changed ? last + 1 : p.revision);
    json_put_bool(out, "changed", changed);
    warn(c, d->policy, authority, affected, unknown, warnings);
    return is_new ? RC_OK : leaving_warn(c, p.id, authority, d->policy, warnings);
}

/* Write the policy and the answer. */
static enum rc policy_put_checked(struct call *c, struct pol_policy *policy, struct str text, int64_t authority,
                                  struct str found, const char *hash, json_t *objections)
{
    struct db_policy p = { 0 };
    struct pol_sql sql;
    char version[24];
    int64_t affected = 0, unknown = 0;
    enum rc rc = pol_selector_sql(policy->selector, c->a, &sql, &c->e);
    if (!rc)
        rc = generation_reach(c->db, authority, &sql, &affected, &unknown,
                              &c->e); /* outside the transaction: no writer waits for it */
    if (!rc) rc = api_write_begin(c);
    if (rc) return rc;
    rc = policy_look(c, c->param[0], authority, &p);
    bool is_new = rc == RC_NOT_FOUND;
    if (rc && !is_new) return rc;
    if (is_new) p = (struct db_policy){ .authority = authority, .name = c->param[0] };
    snprintf(version, sizeof version, "%" PRId64, p.revision);
    rc = api_if_match(c, version);
    bool changed = is_new || p.deleted_ms || !str_is(p.hash, hash);
    if (!changed) affected = unknown = 0;
    if (!rc && changed) rc = apply(c, policy, text, hash, &p, is_new, affected);
    if (rc) return rc;
    json_t *j = json_object(), *warnings = json_array();
    json_put_str(j, "policy", p.name);
    json_put_str(j, "authority", found);
    json_put_int(j, "revision", p.revision);
    json_put_bool(j, "changed", changed);
    json_put_int(j, "affected", affected);
    json_put_int(j, "unknown", unknown);
    if (changed) warn(c, policy, authority, affected, unknown, warnings);
    if (changed && !is_new) rc = leaving_warn(c, p.id, authority, policy, warnings);
    if (changed) json_array_extend(warnings, objections);
    json_object_set_new(j, "warnings", warnings);
    if (rc) {
        json_decref(j);
        return rc;
    }
    api_answer_header(c, "ETag", "\"%" PRId64 "\"", p.revision);
    if (is_new) api_answer_header(c, "Location", "/api/v1/policies/%.*s", STR_ARG(p.name));
    return api_answer(c, is_new ? 201 : 200, j);
}

static enum rc policy_put(struct call *c)
{
    struct documents *docs = NULL;
    struct str found, server_id;
    char hash[SHA256_HEX_BYTES];
    int64_t authority = 0;

    enum rc rc = api_documents_read(c, &docs);
    if (!rc && docs->next) rc = api_refuse(c, 400, "Bad request", NULL, "expected one document for one policy");
    if (!rc && !str_eq(docs->policy->name, c->param[0]))
        rc = api_refuse(c, 400, "Bad request", "/metadata/name",
                        "the document's name is \"%.*s\", but the URL names \"%.*s\"", STR_ARG(docs->policy->name),
                        STR_ARG(c->param[0]));
    if (!rc) rc = api_authority_for(c, docs->policy->authority, "/metadata/authority", &authority, &found, &server_id);
    if (!rc) rc = canonical_hash(c, docs->text, hash);
    /* Slow with large descriptions, so outside the transaction: no writer waits for it. */
    json_t *objections = json_array();
    if (!rc) rc = describe_objections(c, docs->policy, authority, objections);
    if (!rc) rc = policy_put_checked(c, docs->policy, docs->text, authority, found, hash, objections);
    json_decref(objections);
    return rc;
}

static enum rc policy_delete(struct call *c)
{
    struct db_policy p;
    char version[24];
    enum rc rc = api_write_begin(c);
    if (!rc) rc = policy_find(c, c->param[0], &p);
    if (rc) return rc;
    snprintf(version, sizeof version, "%" PRId64, p.revision);
    rc = api_if_match(c, version);
    if (!rc) rc = db_policy_delete(c->db, p.id, c->w.now_ms, &c->e);
    struct str why = arena_printf(c->a, "policy %.*s was deleted", STR_ARG(p.name));
    if (!rc) rc = generation_policy(c->db, p.authority, p.id, 0, NULL, why, c->w.now_ms, &c->e);
    json_t *before = revision_mark(&p);
    if (!rc)
        rc = api_audit(c, p.authority, "policy.delete", arena_printf(c->a, "policies/%.*s", STR_ARG(p.name)), before,
                       NULL);
    json_decref(before);
    if (!rc) rc = tell(c, &p, "deleted", 0);
    return rc ? rc : api_answer_nothing(c);
}

static enum rc revisions(struct call *c)
{
    struct db_policy pol;
    struct page p;
    struct sql_rows *r = NULL;
    enum rc rc = policy_find(c, c->param[0], &pol);
    if (!rc) rc = api_page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    struct db_policy_revision v;
    rc = db_policy_revisions(c->db, pol.id, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_policy_next_revision(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.revision)) break;
        json_t *j = json_object();
        json_put_int(j, "revision", v.revision);
        json_put_str(j, "hash", v.hash);
        json_put_time(j, "created", v.created_ms);
        json_put_str(j, "createdBy", v.created_by);
        json_put_bool(j, "inForce", v.revision == pol.revision && !pol.deleted_ms);
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc revision(struct call *c)
{
    struct db_policy pol;
    struct db_policy_revision v;
    int64_t n = 0;
    enum rc rc = policy_find(c, c->param[0], &pol);
    if (rc) return rc;
    if (!str_to_i64(c->param[1], &n)) return api_missing(c, "revision", c->param[1]);
    rc = db_policy_revision(c->db, pol.id, n, c->a, &v, &c->e);
    if (rc == RC_NOT_FOUND) {
        rc = api_missing(c, "revision", c->param[1]);
    } else if (!rc && wants_yaml(c)) {
        rc = api_answer_text(c, "application/yaml", v.document);
    } else if (!rc) {
        json_t *j = json_object();
        json_put_str(j, "name", pol.name);
        json_put_int(j, "revision", n);
        json_put_str(j, "hash", v.hash);
        json_put_time(j, "created", v.created_ms);
        json_put_str(j, "createdBy", v.created_by);
        add_document(c, v.document, j);
        rc = api_answer(c, 200, j);
    }
    return rc;
}

static enum rc policy_devices(struct call *c)
{
    struct db_policy pol;
    struct page p;
    struct sql_rows *r = NULL;
    enum rc rc = policy_find(c, c->param[0], &pol);
    if (!rc) rc = api_page_begin(c, 0, &p);
    if (rc) return rc;
    const struct db_condition condition = api_condition_now(c);
    struct db_policy_device v;
    rc = db_policy_devices(c->db, pol.id, api_query(c, "state"), &condition, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_policy_next_device(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.id)) break;
        json_t *j = json_object();
        json_put_str(j, "device", v.name);
        json_put_int(j, "revision", v.revision);
        json_put_str(j, "selected", v.truth == POL_TRUE ? STR("true") : STR("unknown"));
        json_put_str(j, "state", v.state);
        json_put_str(j, "why", v.why);
        json_put_time(j, "at", v.at_ms);
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc policies_validate(struct call *c)
{
    struct documents *docs = NULL;
    enum rc rc = api_documents_read(c, &docs);
    if (rc) return rc;
    json_t *j = json_object(), *names = json_array(), *warnings = json_array();
    for (const struct documents *d = docs; d; d = d->next) {
        json_array_append_new(names, json_put_text(d->policy->name));
    }
    json_put_bool(j, "valid", true);
    json_object_set_new(j, "policies", names);
    json_object_set_new(j, "warnings", warnings);
    return api_answer(c, 200, j);
}

const struct route routes_policies[] = {
    { "GET", "/api/v1/policies", ROLE_VIEWER, policies },
    { "PUT", "/api/v1/policies/{name}", ROLE_OPERATOR, policy_put },
    { "GET", "/api/v1/policies/{name}", ROLE_VIEWER, policy },
    { "DELETE", "/api/v1/policies/{name}", ROLE_OPERATOR, policy_delete },
    { "GET", "/api/v1/policies/{name}/revisions", ROLE_VIEWER, revisions },
    { "GET", "/api/v1/policies/{name}/revisions/{n}", ROLE_VIEWER, revision },
    { "GET", "/api/v1/policies/{name}/devices", ROLE_VIEWER, policy_devices },
    { "POST", "/api/v1/policies:validate", ROLE_VIEWER, policies_validate },
    { NULL, NULL, ROLE_NONE, NULL },
};
