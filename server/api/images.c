/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "server/store/documents.h"
#include "db/image.h"
#include "db/policy.h"

#include "base/crypto.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 64, VERSION_BYTES = 32, NODE_NAME_BYTES = 16, NAME_IN_NODE = 7, USERS = 50 };

static json_t *image_json(struct call *c, const struct db_image *i)
{
    json_t *j = json_object();
    json_put_str(j, "name", i->name);
    json_put_str(j, "version", i->version);
    json_put_str(j, "authority", i->authority_name);
    json_put_str(j, "guestType", i->guest_type);
    json_put_str(j, "arch", i->arch);
    json_put_str(j, "format", i->format);
    json_put_str(j, "sha256", i->sha256);
    json_put_int(j, "size", i->size_bytes);
    json_put_str(j, "nodeName", i->node_name);
    json_put_str(j, "url", images_url(c->api->srv, i->sha256, c->a));
    json_put_time(j, "created", i->created_ms);
    json_put_str(j, "createdBy", i->created_by);
    return j;
}

static enum rc images(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct db_image i;
    enum rc rc = api_page_begin(c, 0, &p);
    if (rc) return rc;
    rc = db_image_list(c->db, c->scope, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_image_next(r, &i, &c->e)) == RC_OK) {
        if (!api_page_more(&p, i.id)) break;
        json_array_append_new(p.items, image_json(c, &i));
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc look(struct call *c, int64_t authority, struct str name, struct str version, struct db_image *i)
{
    bool several = false;
    enum rc rc = db_image_find(c->db, authority, name, version, c->a, i, &several, &c->e);
    return !rc && several
               ? api_refuse(c, 409, "Which authority?", NULL, "several authorities have this image: add ?authority=")
               : rc;
}

static enum rc find_image(struct call *c, struct db_image *i)
{
    enum rc rc = look(c, c->scope, c->param[0], c->param[1], i);
    return rc == RC_NOT_FOUND
               ? api_missing(c, "image", arena_printf(c->a, "%.*s:%.*s", STR_ARG(c->param[0]), STR_ARG(c->param[1])))
               : rc;
}

static enum rc image(struct call *c)
{
    struct db_image i;
    enum rc rc = find_image(c, &i);
    if (rc) return rc;
    api_answer_header(c, "ETag", "\"%.*s\"", STR_ARG(i.sha256));
    return api_answer(c, 200, image_json(c, &i));
}

/* Uploads. */

struct image_request {
    struct str name, version, guest_type, arch, format, sha256, authority_name;
    int64_t authority;
};

static bool plain(struct str s, size_t max, const char *extra)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!ok && (ch == '\0' || !strchr(extra, ch))) return false;
    }
    return s.n > 0 && s.n <= max;
}

static bool dotted(struct str s)
{
    bool digit = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digit = true;
        else if (s.p[i] != '.' || !digit)
            return false;
        else
            digit = false;
    }
    return digit && s.n <= VERSION_BYTES;
}

static bool listed(struct str s, const char *list)
{
    struct str rest = str_of(list), one;
    while (str_cut(&rest, '|', &one))
        if (str_eq(one, s)) return true;
    return false;
}

static enum rc read_wish(struct call *c, struct image_request *w)
{
    static const char guests[] = "android|linux|rtos|service|windows|other", formats[] = "raw|qcow2|bundle",
                      archs[] = "aarch64|x86_64|armv7|riscv64|i686|any";
    struct str server_id;
    *w = (struct image_request){ .name = api_query(c, "name"),
                                 .version = api_query(c, "version"),
                                 .guest_type = api_query(c, "guestType"),
                                 .arch = api_query(c, "arch"),
                                 .format = api_query(c, "format"),
                                 .sha256 = str_trim(http_header(c->r, "Content-SHA256")) };
    uint8_t raw[SHA256_BYTES];
    if (!plain(w->name, NAME_BYTES, "._-"))
        return api_refuse(c, 400, "Bad request", NULL, "query parameter name: expected 1 to %d of A-Z a-z 0-9 . _ -",
                          NAME_BYTES);
    if (!dotted(w->version))
        return api_refuse(c, 400, "Bad request", NULL,
                          "query parameter version: expected dotted numbers such as 4.2.0");
    if (!listed(w->guest_type, guests)) return api_refuse_word(c, NULL, "guestType", w->guest_type, str_of(guests));
    if (!listed(w->arch, archs)) return api_refuse_word(c, NULL, "arch", w->arch, str_of(archs));
    if (!listed(w->format, formats)) return api_refuse_word(c, NULL, "format", w->format, str_of(formats));
    if (w->sha256.n && (w->sha256.n != 64 || !text_hex_decode(w->sha256, raw, sizeof raw)))
        return api_refuse(c, 400, "Bad request", NULL, "header Content-SHA256: expected 64 hex digits");
    return api_authority_for(c, (struct str){ 0 }, NULL, &w->authority, &w->authority_name, &server_id);
}

enum rc api_upload_check(struct call *c)
{
    struct image_request w;
    int64_t length = http_content_length(c->r);
    uint64_t most = c->api->srv->config->images_max_bytes;
    enum rc rc = read_wish(c, &w);
    if (!rc && length >= 0 && most && (uint64_t)length > most)
        rc = api_refuse(c, 413, "Image too large", NULL, "at most %" PRIu64 " bytes are accepted (images.maxSize)",
                        most);
    return rc;
}

/* Node name on devices: short, readable, and different for other contents and for other authorities, whose images may
 * be the same. */
static struct str node_name_of(struct call *c, const struct image_request *w, const char *sha256)
{
    char text[NODE_NAME_BYTES + 1];
    uint8_t digest[SHA256_BYTES];
    struct str name = w->name;
    size_t n = 0;
    crypto_sha256(arena_printf(c->a, "%.*s %s", STR_ARG(w->authority_name), sha256), digest);
    for (size_t i = 0; i < name.n && n < NAME_IN_NODE; i++)
        if (name.p[i] != '.') text[n++] = name.p[i];
    snprintf(text + n, sizeof text - n, "-%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
    return api_keep(c, str_of(text));
}

/* Notify the devices that wait for this image because their policies name it. */
static enum rc wake_policies(struct call *c, const struct db_image *i)
{
    struct db_policy user[USERS];
    size_t n = 0;
    struct sql_rows *r = NULL;
    struct str ref = arena_printf(c->a, "%.*s:%.*s", STR_ARG(i->name), STR_ARG(i->version));
    enum rc rc = db_policy_naming(c->db, i->authority, ref, USERS, &r, &c->e);
    while (!rc && n < USERS && (rc = db_policy_next(r, &user[n], &c->e)) == RC_OK)
        rc = db_policy_keep(&user[n++], c->a, &c->e);
    sql_end(r);
    rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    for (size_t k = 0; !rc && k < n; k++) {
        struct pol_policy *doc;
        struct pol_sql sql;
        struct err e = { 0 };
        if (documents_head(c->api->srv, user[k].document, c->a, &doc, &e) ||
            pol_selector_sql(doc->selector, c->a, &sql, &e))
            continue;
        rc = generation_policy(c->db, i->authority, user[k].id, user[k].revision, &sql,
                               arena_printf(c->a, "image %.*s for policy %.*s", STR_ARG(ref), STR_ARG(user[k].name)),
                               c->w.now_ms, &c->e);
    }
    return rc;
}

static enum rc insert(struct call *c, const struct image_request *w, const char *sha256, uint64_t size)
{
    char secret[33];
    crypto_random_text(&c->w, secret, 32);
    const struct db_image v = { .authority = w->authority,
                                .name = w->name,
                                .version = w->version,
                                .guest_type = w->guest_type,
                                .arch = w->arch,
                                .format = w->format,
                                .sha256 = str_of(sha256),
                                .size_bytes = (int64_t)size,
                                .node_name = node_name_of(c, w, sha256),
                                .secret = str_of(secret),
                                .created_ms = c->w.now_ms,
                                .created_by = c->who };
    return db_image_add(c->db, &v, &c->e);
}

static enum rc finish_upload(struct call *c, struct str wanted, char sha256[65], uint64_t *size)
{
    struct upload *u = http_request_upload(c->r);
    struct image_upload *up = u ? u->up : NULL;
    if (!u) return api_refuse(c, 400, "Bad request", NULL, "the image's bytes are the request's body");
    if (u->rc) {
        c->e = u->e;
        if (images_upload_no_room(up)) return api_refuse(c, 507, "Disk full", NULL, "%s", u->e.text);
        return u->rc == RC_LIMIT ? api_refuse(c, 413, "Image too large", NULL, "%s", u->e.text) : u->rc;
    }
    u->up = NULL;
    enum rc rc = images_upload_finish(up, wanted, sha256, size, &c->e);
    if (!rc) c->held_image = api_keep(c, str_of(sha256));
    if (rc == RC_LIMIT) return api_refuse(c, 507, "Disk full", NULL, "%s", c->e.text);
    return rc == RC_INVALID ? api_refuse(c, 422, "Image does not match", NULL, "%s", c->e.text) : rc;
}

static enum rc upload(struct call *c)
{
    struct image_request w;
    struct db_image i;
    char sha256[65] = "";
    uint64_t size = 0;
    json_t *j = NULL;
    enum rc rc = read_wish(c, &w);
    if (!rc) rc = finish_upload(c, w.sha256, sha256, &size);
    if (!rc) rc = api_write_begin(c);
    if (rc) return rc;
    rc = look(c, w.authority, w.name, w.version, &i);
    if (!rc && !str_is(i.sha256, sha256))
        return api_refuse(c, 409, "Already exists", NULL,
                          "%.*s:%.*s is in the store with other contents (SHA-256 %.*s): use another"
                          " version",
                          STR_ARG(w.name), STR_ARG(w.version), STR_ARG(i.sha256));
    if (!rc) return api_answer(c, 200, image_json(c, &i));
    if (rc != RC_NOT_FOUND) return rc;
    rc = insert(c, &w, sha256, size);
    if (!rc) rc = look(c, w.authority, w.name, w.version, &i);
    if (!rc) rc = wake_policies(c, &i);
    if (!rc) {
        j = image_json(c, &i);
        json_object_del(j, "url"); /* an auditor must not be able to download the image */
        rc = api_audit(c, i.authority, "image.create",
                       arena_printf(c->a, "images/%.*s/%.*s", STR_ARG(i.name), STR_ARG(i.version)), NULL, j);
    }
    if (!rc) rc = api_event(c, i.authority, "image", (struct str){ 0 }, json_deep_copy(j));
    json_decref(j);
    if (rc) return rc;
    api_answer_header(c, "Location", "/api/v1/images/%.*s/%.*s", STR_ARG(i.name), STR_ARG(i.version));
    return api_answer(c, 201, image_json(c, &i));
}

static enum rc in_use(struct call *c, const struct db_image *i)
{
    struct sql_rows *r = NULL;
    struct str ref = arena_printf(c->a, "%.*s:%.*s", STR_ARG(i->name), STR_ARG(i->version));
    struct db_policy p;
    int64_t n = 0;
    enum rc rc = db_policy_naming(c->db, i->authority, ref, 1, &r, &c->e);
    if (!rc) rc = db_policy_next(r, &p, &c->e);
    if (!rc)
        rc = api_refuse(c, 409, "In use", NULL, "policy %.*s names this image: change or delete the policy first",
                        STR_ARG(p.name));
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    rc = db_image_count_users(c->db, i->authority, i->node_name, &n, &c->e);
    return n ? api_refuse(c, 409, "In use", NULL, "%" PRId64 " VMs use this image", n) : rc;
}

static enum rc drop(struct call *c)
{
    struct db_image i;
    int64_t others = 1;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = find_image(c, &i);
    if (!rc) rc = api_if_match(c, arena_strz(c->a, i.sha256));
    if (!rc) rc = in_use(c, &i);
    if (!rc) rc = db_image_delete(c->db, i.id, &c->e);
    if (!rc) rc = db_image_count_file(c->db, i.sha256, &others, &c->e);
    if (rc) return rc;
    json_t *j = image_json(c, &i);
    json_object_del(j, "url");
    rc = api_audit(c, i.authority, "image.delete",
                   arena_printf(c->a, "images/%.*s/%.*s", STR_ARG(i.name), STR_ARG(i.version)), j, NULL);
    if (!rc) {
        json_put_str(j, "change", STR("deleted"));
        rc = api_event(c, i.authority, "image", (struct str){ 0 }, json_deep_copy(j));
    }
    json_decref(j);
    if (rc) return rc;
    if (!others) c->remove_image = i.sha256; /* removed after the commit, if still unused */
    return api_answer_nothing(c);
}

const struct route routes_images[] = {
    { "GET", "/api/v1/images", ROLE_VIEWER, images },
    { "POST", "/api/v1/images", ROLE_OPERATOR, upload },
    { "GET", "/api/v1/images/{name}/{version}", ROLE_VIEWER, image },
    { "DELETE", "/api/v1/images/{name}/{version}", ROLE_OPERATOR, drop },
    { NULL, NULL, ROLE_NONE, NULL },
};
