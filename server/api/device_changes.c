/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "server/api/call.h"
#include "db/attribute.h"
#include "db/credentials.h"
#include "db/device.h"

#include "base/crypto.h"
#include "base/text.h"
#include "server/core/credentials.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PASSWORD = 24, NONCE_BYTES = 16, ADDRESS_BYTES = 256 };

/* Checks of request fields. */

static bool only(struct str s, const char *extra)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!plain && (ch == '\0' || !strchr(extra, ch))) return false;
    }
    return s.n > 0;
}

static enum rc check_labels(struct call *c, const json_t *labels, bool null_too)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { labels };
    const char *key;
    json_t *v;
    if (json_object_size(labels) > API_LABELS)
        return api_refuse(c, 400, "Over a limit", "/labels", "at most %d labels", API_LABELS);
    json_object_foreach(u.out, key, v)
    {
        const char *pointer = arena_printf(c->a, "/labels/%s", key).p;
        if (strlen(key) > 64 || !only(str_of(key), "._-"))
            return api_refuse(c, 400, "Bad request", pointer, "a label's name has 1 to 64 of A-Z a-z 0-9 . _ -");
        if (!json_is_string(v) && !(null_too && json_is_null(v)))
            return api_refuse(c, 400, "Bad request", pointer,
                              null_too ? "expected a string, or null to remove the label" : "expected a string");
        if (json_string_length(v) > API_LABEL_BYTES)
            return api_refuse(c, 400, "Over a limit", pointer, "at most %d bytes", API_LABEL_BYTES);
    }
    return RC_OK;
}

static enum rc check_push(struct call *c, const json_t *push, struct str *channel, struct str *address)
{
    const struct field fields[] = { { "channel", FIELD_TEXT, true, 10, channel, NULL },
                                    { "address", FIELD_TEXT, false, ADDRESS_BYTES, address, NULL } };
    int64_t port;
    enum rc rc = json_fields(push, "/push", fields, 2, &c->e);
    if (rc) return rc;
    if (str_is(*channel, "none"))
        return address->n ? api_refuse(c, 400, "Bad request", "/push/address", "the channel none has no address")
                          : RC_OK;
    if (!str_is(*channel, "udp")) /* a notification for an unknown channel would never be sent */
        return api_refuse_word(c, "/push/channel", "push channel", *channel, STR("none, udp"));
    for (size_t i = 0; i < address->n; i++)
        if ((unsigned char)address->p[i] <= ' ' || (unsigned char)address->p[i] == 0x7F)
            return api_refuse(c, 400, "Bad request", "/push/address", "an address has no blanks");
    if (!address->n) return api_refuse(c, 400, "Bad request", "/push/address", "this channel needs an address");
    if (!str_is(*channel, "udp")) return RC_OK;
    size_t colon = address->n;
    while (colon && address->p[colon - 1] != ':') colon--;
    if (colon < 2 || !str_to_i64(str_slice(*address, colon, address->n), &port) || port < 1 || port > 65535)
        return api_refuse(c, 400, "Bad request", "/push/address", "udp needs host:port, such as 192.0.2.7:2948");
    return RC_OK;
}

/* Credentials. */

/* Create random credentials for both directions; the database stores their sealed digests, and only `account` has the
 * passwords. */
static enum rc make_account(struct call *c, const struct device_row *d, struct str server_id, struct str auth,
                            json_t *account)
{
    char client[PASSWORD + 1], server[PASSWORD + 1], ha1[SML_HA1_BYTES + 1], b64[2][32];
    uint8_t client_sealed[SECRET_HA1_BYTES], server_sealed[SECRET_HA1_BYTES], nonce[2][NONCE_BYTES];
    const uint8_t *key = c->api->srv->secret_key;

    crypto_random_text(&c->w, client, PASSWORD);
    crypto_random_text(&c->w, server, PASSWORD);
    for (int i = 0; i < 2; i++) {
        c->w.random(c->w.ctx, nonce[i], NONCE_BYTES);
        text_b64(nonce[i], NONCE_BYTES, b64[i]);
    }
    sml_ha1(d->name, str_of(client), ha1);
    enum rc rc = credentials_seal_ha1(key, d->name, "client", ha1, client_sealed, &c->e);
    sml_ha1(server_id, str_of(server), ha1);
    if (!rc) rc = credentials_seal_ha1(key, d->name, "server", ha1, server_sealed, &c->e);
    const struct db_credentials v = { .device = d->id,
                                      .client_name = d->name,
                                      .client_ha1 = { (const char *)client_sealed, sizeof client_sealed },
                                      .server_name = server_id,
                                      .server_ha1 = { (const char *)server_sealed, sizeof server_sealed },
                                      .auth = auth,
                                      .client_nonce = { (const char *)nonce[0], NONCE_BYTES },
                                      .server_nonce = { (const char *)nonce[1], NONCE_BYTES } };
    if (!rc) rc = db_credentials_set(c->db, &v, &c->e);
    if (!rc) rc = db_device_set_poll(c->db, d->id, (int64_t)c->api->srv->config->poll_s * 1000, &c->e);
    if (rc) return rc;
    json_put_str(account, "serverId", server_id);
    json_put_str(account, "url", api_dm_url(c, d->authority_name));
    json_put_str(account, "clientName", d->name);
    json_put_str(account, "clientPassword", str_of(client));
    json_put_str(account, "serverName", server_id);
    json_put_str(account, "serverPassword", str_of(server));
    json_put_str(account, "clientNonce", str_of(b64[0]));
    json_put_str(account, "serverNonce", str_of(b64[1]));
    json_put_str(account, "auth", auth);
    json_put_int(account, "pollS", c->api->srv->config->poll_s);
    c->secret = true;
    return RC_OK;
}

static enum rc put_labels(struct call *c, int64_t device, const json_t *labels, bool *changed)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { labels };
    const char *key;
    json_t *v;
    enum rc rc = RC_OK;
    json_object_foreach(u.out, key, v)
    {
        struct str name = arena_printf(c->a, "label.%s", key), value = { json_string_value(v), json_string_length(v) };
        rc = json_is_null(v) ? db_attribute_delete(c->db, device, name, &c->e)
                             : db_attribute_set(c->db, device, name, value, &c->e);
        if (rc) break;
        *changed = true;
    }
    return rc;
}

static enum rc tell(struct call *c, const struct device_row *d, const char *what)
{
    json_t *j = json_object();
    json_put_str(j, "device", d->name);
    json_put_str(j, "change", str_of(what));
    return api_event(c, d->authority, "device", d->name, j);
}

/* Registration. */

struct device_request {
    struct str id, title, authority, auth, channel, address;
    json_t *labels, *push;
};

static enum rc read_wish(struct call *c, const json_t *body, struct device_request *w)
{
    const struct field fields[] = {
        { "id", FIELD_TEXT, true, API_NAME_BYTES, &w->id, NULL },
        { "title", FIELD_TEXT, false, API_TITLE_BYTES, &w->title, NULL },
        { "labels", FIELD_OBJECT, false, 0, &w->labels, NULL },
        { "authority", FIELD_TEXT, false, 64, &w->authority, NULL },
        { "push", FIELD_OBJECT, false, 0, &w->push, NULL },
        { "auth", FIELD_TEXT, false, 10, &w->auth, NULL },
    };
    *w = (struct device_request){ .auth = STR("md5"), .channel = STR("none") };
    enum rc rc = json_fields(body, "", fields, sizeof fields / sizeof fields[0], &c->e);
    if (rc) return rc;
    if (!only(w->id, ":._-@+=,~"))
        return api_refuse(c, 400, "Bad request", "/id",
                          "a device id has 1 to %d of A-Z a-z 0-9 : . _ - @ + = , ~, such as IMEI:001010000000017",
                          API_NAME_BYTES);
    if (!str_is(w->auth, "md5") && !str_is(w->auth, "basic") && !str_is(w->auth, "mac"))
        return api_refuse_word(c, "/auth", "scheme", w->auth, STR("md5, mac, basic"));
    if (str_is(w->auth, "basic") && !c->api->srv->config->allow_basic)
        return api_refuse(c, 400, "Bad request", "/auth",
                          "basic is not allowed by the server's configuration (dm.allowBasic)");
    if (w->labels) rc = check_labels(c, w->labels, false);
    if (!rc && w->push) rc = check_push(c, w->push, &w->channel, &w->address);
    return rc;
}

static enum rc reload(struct call *c, int64_t authority, struct str name, struct device_row *d)
{
    int64_t scope = c->scope;
    c->scope = authority;
    enum rc rc = api_device_find(c, name, d);
    c->scope = scope;
    return rc;
}

static enum rc register_device(struct call *c, const struct device_request *w, json_t *out)
{
    struct device_row d;
    struct str found, server_id;
    int64_t authority = 0, id = 0;
    json_t *account = json_object(), *j = NULL;
    bool changed = false;
    enum rc rc = api_authority_for(c, w->authority, "/authority", &authority, &found, &server_id);
    if (!rc) rc = api_write_begin(c);
    const struct db_device v = { .authority = authority,
                                 .name = w->id,
                                 .title = w->title,
                                 .created_ms = c->w.now_ms,
                                 .push_channel = w->channel,
                                 .push_address = w->address };
    if (!rc) rc = db_device_add(c->db, &v, &id, &c->e);
    if (rc == RC_EXISTS)
        rc = api_refuse(c, 409, "Already exists", "/id",
                        "the device \"%.*s\" exists already; for new credentials: POST"
                        " /api/v1/devices/{id}/credentials",
                        STR_ARG(w->id));
    if (!rc && w->labels) rc = put_labels(c, id, w->labels, &changed);
    if (!rc) rc = reload(c, authority, w->id, &d);
    if (!rc) rc = make_account(c, &d, server_id, w->auth, account);
    if (!rc) rc = generation_attributes(c->db, d.id, STR("registered"), c->w.now_ms, &c->e);
    if (!rc) rc = api_device_json(c, &d, true, &j);
    if (!rc) rc = api_audit(c, authority, "device.create", arena_printf(c->a, "devices/%.*s", STR_ARG(w->id)), NULL, j);
    if (!rc) rc = tell(c, &d, "created");
    if (!rc) api_answer_header(c, "Location", "/api/v1/devices/%.*s", STR_ARG(w->id));
    json_object_set_new(out, "device", j ? j : json_null());
    json_object_set_new(out, "account", account);
    return rc;
}

static enum rc create(struct call *c)
{
    struct device_request w;
    json_t *body = NULL, *out = json_object();
    enum rc rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = read_wish(c, body, &w);
    if (!rc) rc = register_device(c, &w, out);
    json_decref(body);
    if (rc) {
        json_decref(out);
        return rc;
    }
    return api_answer(c, 201, out);
}

static enum rc credentials(struct call *c)
{
    struct device_row d;
    struct str found, server_id, auth = STR("md5");
    int64_t authority = 0, scope = c->scope;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = api_device_find(c, c->param[0], &d);
    if (rc) return rc;
    c->scope = d.authority;
    rc = api_authority_for(c, (struct str){ 0 }, NULL, &authority, &found, &server_id);
    c->scope = scope;
    if (!rc) rc = db_credentials_auth(c->db, d.id, c->a, &auth, &c->e);
    if (rc == RC_NOT_FOUND) rc = RC_OK;
    json_t *account = json_object();
    if (!rc) rc = make_account(c, &d, server_id, auth, account);
    if (!rc)
        rc = api_audit(c, d.authority, "device.credentials", arena_printf(c->a, "devices/%.*s", STR_ARG(d.name)), NULL,
                       NULL);
    if (!rc) rc = tell(c, &d, "credentials");
    if (rc) {
        json_decref(account);
        return rc;
    }
    json_t *out = json_object();
    json_object_set_new(out, "account", account);
    return api_answer(c, 200, out);
}

/* Changes. */

struct device_patch {
    struct str title, channel, address;
    bool has_title, has_record;
    int record;
    json_t *labels, *push;
};

static enum rc write_patch(struct call *c, const struct device_row *d, const struct device_patch *p)
{
    bool relabelled = false;
    enum rc rc = RC_OK;
    if (p->has_title) rc = db_device_set_title(c->db, d->id, p->title, &c->e);
    if (!rc && p->push) rc = db_device_set_push(c->db, d->id, p->channel, p->address, &c->e);
    if (!rc && p->has_record) rc = db_device_set_record(c->db, d->id, p->record, &c->e);
    if (!rc && p->labels) rc = put_labels(c, d->id, p->labels, &relabelled);
    if (!rc && relabelled) rc = generation_attributes(c->db, d->id, STR("labels were changed"), c->w.now_ms, &c->e);
    return rc;
}

static enum rc change(struct call *c, const struct device_patch *p)
{
    struct device_row d;
    char version[33];
    json_t *before = NULL, *after = NULL;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = api_device_version(c, &d, version);
    if (!rc) rc = api_if_match(c, version);
    if (!rc) rc = api_device_json(c, &d, true, &before);
    if (!rc) rc = write_patch(c, &d, p);
    if (!rc) rc = reload(c, d.authority, d.name, &d);
    if (!rc) rc = api_device_json(c, &d, true, &after);
    if (!rc)
        rc = api_audit(c, d.authority, "device.change", arena_printf(c->a, "devices/%.*s", STR_ARG(d.name)), before,
                       after);
    if (!rc) rc = tell(c, &d, "changed");
    if (!rc) rc = api_device_version(c, &d, version);
    json_decref(before);
    if (rc) {
        json_decref(after);
        return rc;
    }
    api_answer_header(c, "ETag", "\"%s\"", version);
    return api_answer(c, 200, after);
}

static enum rc patch(struct call *c)
{
    struct device_patch p = { .channel = STR("none") };
    json_t *body = NULL;
    const struct field fields[] = { { "title", FIELD_TEXT, false, API_TITLE_BYTES, &p.title, &p.has_title },
                                    { "labels", FIELD_OBJECT, false, 0, &p.labels, NULL },
                                    { "push", FIELD_OBJECT, false, 0, &p.push, NULL },
                                    { "record", FIELD_NULL_OR_BOOL, false, 0, &p.record, &p.has_record } };
    enum rc rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = json_fields(body, "", fields, sizeof fields / sizeof fields[0], &c->e);
    if (!rc && p.labels) rc = check_labels(c, p.labels, true);
    if (!rc && p.push) rc = check_push(c, p.push, &p.channel, &p.address);
    if (!rc) rc = change(c, &p);
    json_decref(body);
    return rc;
}

/* Deleting a device leaves its VMs unmanaged, and no policy's onLeave can run: the request must name this with force.
 * */
static enum rc check_vms(struct call *c, const struct device_row *d)
{
    struct sql_rows *r = NULL;
    struct db_vm vm;
    struct str names = { 0 };
    size_t n = 0;
    if (str_is(api_query(c, "force"), "true")) return RC_OK;
    enum rc rc = db_vm_list(c->db, d->id, &r, &c->e);
    while (!rc && (rc = db_vm_next(r, &vm, &c->e)) == RC_OK)
        names = n++ ? arena_printf(c->a, "%.*s, %.*s", STR_ARG(names), STR_ARG(vm.vm)) : api_keep(c, vm.vm);
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    return n ? api_refuse(c, 409, "The device has VMs", NULL,
                          "%zu %s would remain there unmanaged: %.*s; remove %s first, or use ?force=true", n,
                          n == 1 ? "VM" : "VMs", STR_ARG(names), n == 1 ? "it" : "them")
             : RC_OK;
}

static enum rc drop(struct call *c)
{
    struct device_row d;
    char version[33];
    json_t *before = NULL;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = api_device_version(c, &d, version);
    if (!rc) rc = api_if_match(c, version);
    if (!rc) rc = check_vms(c, &d);
    if (!rc) rc = api_device_json(c, &d, true, &before);
    if (!rc) rc = db_device_delete(c->db, d.id, &c->e);
    if (!rc)
        rc = api_audit(c, d.authority, "device.delete", arena_printf(c->a, "devices/%.*s", STR_ARG(d.name)), before,
                       NULL);
    if (!rc) rc = tell(c, &d, "deleted");
    json_decref(before);
    return rc ? rc : api_answer_nothing(c);
}

const struct route routes_device_changes[] = {
    { "POST", "/api/v1/devices", ROLE_OPERATOR, create },
    { "PATCH", "/api/v1/devices/{id}", ROLE_OPERATOR, patch },
    { "DELETE", "/api/v1/devices/{id}", ROLE_OPERATOR, drop },
    { "POST", "/api/v1/devices/{id}/credentials", ROLE_OPERATOR, credentials },
    { NULL, NULL, ROLE_NONE, NULL },
};
