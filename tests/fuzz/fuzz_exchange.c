/* SPDX-License-Identifier: Apache-2.0 */
/* Messages into exchange(), over a database with devices, a policy and operations that wait. Input: one octet of
 * settings, one of the milliseconds between messages, then messages with "%%%\n" between them. The settings say how far
 * an honest session has come before; "{c}" in a message is the digest that proves the device. Every input finds the
 * database as it was at first.
 *
 * Beside memory: what is answered can be read, nothing that a device says makes the server answer 500, events are JSON,
 * and who proves nothing changes nothing. */
#include "base/log.h"
#include "server/http/certificate.h"
#include "server/dm/session_log.h"
#include "tests/server/dm_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PHONES = 6, SAID = 12, ARENA = 64 << 20, MESSAGES = 8 };

/* The octet of settings: which phone (every other one speaks WBXML), how many messages of its honest session come
 * first, and how the input's messages do. And a bit of the second octet: time runs out at the end. */
enum { F_PHONE = 7, F_BEFORE = 3 << 3, F_STRANGER = 1 << 5, F_TOKEN = 1 << 6, F_TWICE = 1 << 7, T_OVER = 1 << 7 };
enum kind { WORKS, CERTIFIED, NEW }; /* of two phones each */

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n    state: %s\n"
    "    resources:\n      cpu: {vcpus: %d}\n      memory: {min: 64Mi, max: 128Mi}\n";

/* What a phone says in an honest session, octet by octet. */
struct said {
    struct buf body;
    char token[SESSION_TOKEN + 1];
};

struct exchange_place {
    struct dm_fixture *lab;
    struct fixture_device *phone[PHONES];
    struct certificate shown[PHONES];
    struct said said[PHONES][SAID];
    unsigned n_said[PHONES];
    int64_t now_ms;
    uint64_t seed;
};

/* One conversation. */
struct talk {
    struct exchange_place *at;
    unsigned flags, phone;
    struct str token;
    uint8_t nonce[SML_NONCE_MAX];
    size_t n_nonce;
    struct arena a;
};

static struct exchange_place *place;

/* ---- the place ---- */

static enum kind kind_of(unsigned phone)
{
    return (enum kind)(phone / 2);
}

static void overhear(struct fixture_device *p, const struct exchange_request *rq, struct exchange_reply *rp)
{
    struct exchange_place *at = place;
    unsigned i = 0;
    while (at->phone[i] != p) i++;
    if (at->n_said[i] < SAID) {
        struct said *s = &at->said[i][at->n_said[i]++];
        buf_init(&s->body, 0);
        buf_put(&s->body, rq->body);
        snprintf(s->token, sizeof s->token, "%.*s", STR_ARG(rq->token));
    }
    exchange(at->lab->dm, &at->lab->world, rq, rp, NULL);
}

static void begin_phone(struct exchange_place *at, unsigned i)
{
    char name[16];
    snprintf(name, sizeof name, "IMEI:00%u", i);
    struct fixture_device *p = at->phone[i] = fixture_device_begin(at->lab, name);
    p->type = i % 2 ? SML_WBXML : SML_XML;
    if (kind_of(i) != CERTIFIED) return;
    at->shown[i].n_name = strlen(name);
    memcpy(at->shown[i].name, name, sizeof name);
}

/* A tree command. @param what  address, format and data, in SQL */
static void want(struct dm_fixture *l, const char *device, const char *command, const char *what)
{
    char text[512];
    const long long id = dm_fixture_operation(l, device, "", "tree", "");
    snprintf(text, sizeof text,
             "UPDATE operation SET scope = %d, tree_command = '%s', (tree_uri, tree_format, tree_data) = (SELECT %s)"
             " WHERE operation_id = %lld",
             DDF_DEVICE, command, what, id);
    dm_fixture_sql(l, text);
}

/* What waits for the two that are known is different, for some of it goes alone. */
static void give_work(struct exchange_place *at)
{
    char text[sizeof policy + 32];
    snprintf(text, sizeof text, policy, "running", 1);
    dm_fixture_policy(at->lab, text);
    for (unsigned i = 0; i < PHONES; i++)
        if (kind_of(i) != NEW && fixture_device_settle(at->phone[i], 20) > 20) abort();
    for (unsigned i = 0; i < PHONES; i++) {
        const char *name = at->phone[i]->name;
        if (kind_of(i) == CERTIFIED) dm_fixture_operation(at->lab, name, "corp", "lock", "{}");
        if (kind_of(i) != WORKS) continue;
        want(at->lab, name, "get", "'./DevDetail?list=StructData', NULL, NULL");
        want(at->lab, name, "replace", "'./DevDetail/Ext/Note', 'chr', 'a note'");
        want(at->lab, name, "exec", "'./DevDetail/Ext/Beep', NULL, NULL");
        want(at->lab, name, "acl", "'./DevDetail/Ext', NULL, NULL");
        dm_fixture_sql(at->lab, "UPDATE operation SET args = 'grant=Get=com.acme.dm' WHERE tree_command = 'acl'");
        want(at->lab, name, "atomic", "NULL, NULL, NULL");
        dm_fixture_sql(
            at->lab,
            "INSERT INTO operation_item (operation_id, seq, command, uri, format, data) SELECT max(operation_id), 1, 'add',"
            " './DevDetail/Ext/One', 'int', '1' FROM operation");
        dm_fixture_sql(
            at->lab,
            "INSERT INTO operation_item (operation_id, seq, command, uri) SELECT max(operation_id), 2, 'delete',"
            " './DevDetail/Ext/Two' FROM operation");
    }
    snprintf(text, sizeof text, policy, "stopped", 2);
    dm_fixture_policy(at->lab, text);
}

static void begin(void)
{
    struct exchange_place *at = place = calloc(1, sizeof *place);
    if (!at) abort();
    struct dm_fixture *l = at->lab = dm_fixture_begin();
    l->config.recorder_failures = true;
    dm_fixture_image(l, "base", "1.0");
    for (unsigned i = 0; i < PHONES; i++) begin_phone(at, i);
    give_work(at);
    at->now_ms = l->world.now_ms;
    at->seed = l->seed;
    l->hold = true;
    for (unsigned i = 0; i < PHONES; i++) {
        struct fixture_device *p = at->phone[i];
        struct str nonce = { 0 };
        l->world.now_ms = at->now_ms;
        l->seed = at->seed;
        if (!arena_str(&l->arena, (struct str){ (const char *)p->client_nonce, p->n_client_nonce }, &nonce)) abort();
        p->post = overhear;
        fixture_device_call(p, 1201, "A0");
        dm_fixture_undo(l);
        memcpy(p->client_nonce, nonce.p, p->n_client_nonce = nonce.n); /* as the database has it */
    }
    dm_fixture_forsake(l);
}

/* ---- a conversation ---- */

/* The answer can be read, and is kept for what it says of nonce and address. */
static void heard(struct talk *t, const struct exchange_reply *rp)
{
    struct sml_msg m = { 0 };
    struct str body = { 0 };
    if (rp->status >= 500 && rp->status != 503) abort();
    if (rp->status != 200) return;
    if (!arena_str(&t->a, buf_str(&rp->body), &body) || sml_decode(rp->type, body, &t->a, &m, NULL)) abort();
    size_t s = str_find(m.resp_uri, '?', 0);
    if (s < m.resp_uri.n && str_starts(str_slice(m.resp_uri, s, m.resp_uri.n), STR("?s=")))
        t->token = str_slice(m.resp_uri, s + 3, m.resp_uri.n);
    for (const struct sml_cmd *c = m.cmds; c; c = c->next)
        if (c->kind == SML_STATUS && c->chal.meta.next_nonce.n && c->chal.meta.next_nonce.n <= SML_NONCE_MAX)
            memcpy(t->nonce, c->chal.meta.next_nonce.p, t->n_nonce = c->chal.meta.next_nonce.n);
}

static void post(struct talk *t, struct str body, struct str token)
{
    struct dm_fixture *l = t->at->lab;
    const bool stranger = t->flags & F_STRANGER;
    const enum sml_type type = t->phone % 2 ? SML_WBXML : SML_XML;
    const struct exchange_request rq = { .token = token,
                                         .resp_base = str_of(l->config.dm_url),
                                         .body = body,
                                         .user_agent = STR("phone/1"),
                                         .remote = STR("192.0.2.7"),
                                         .certificate = kind_of(t->phone) == CERTIFIED && !stranger
                                                            ? &t->at->shown[t->phone]
                                                            : NULL,
                                         .type = type,
                                         .answer = type,
                                         .tls = true };
    struct exchange_reply rp = { 0 };
    struct err e = { 0 };
    enum rc rc = exchange(l->dm, &l->world, &rq, &rp, &e);
    if (rc == RC_INTERNAL || rc == RC_IO) {
        fprintf(stderr, "exchange: %s\n", e.text);
        abort();
    }
    heard(t, &rp);
    exchange_reply_finish(&rp);
}

/* With the digest in place of its mark. */
static struct str filled(struct talk *t, struct str body)
{
    static const char mark[] = "{c}";
    const struct fixture_device *p = t->at->phone[t->phone];
    char digest[SML_DIGEST_BYTES + 1];
    size_t at = 0;
    while (at + 3 <= body.n && memcmp(body.p + at, mark, 3) != 0) at++;
    if (at + 3 > body.n || (t->flags & F_STRANGER)) return body;
    sml_md5_digest(str_of(p->client_ha1), (struct str){ (const char *)t->nonce, t->n_nonce }, digest);
    size_t n = strlen(digest);
    char *out = arena_bytes(&t->a, body.n + n);
    if (!out) abort();
    memcpy(out, body.p, at);
    memcpy(out + at, digest, n);
    memcpy(out + at + n, body.p + at + 3, body.n - at - 3);
    return (struct str){ out, body.n + n - 3 };
}

static int64_t number(struct sql *db, const char *text)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start_text(db, str_of(text), NULL, 0, &r, NULL);
    if (!rc) rc = sql_step(r, NULL);
    int64_t n = rc ? -1 : sql_int(r, 0);
    sql_end(r);
    return n;
}

static void check(const struct talk *t)
{
    struct dm *dm = t->at->lab->dm;
    char text[200];
    if ((t->flags & (F_STRANGER | F_BEFORE)) == F_STRANGER && dm->dirty) abort();
    if (!dm->dirty) return;
    if (number(store_sql(dm->st), "SELECT count(*) FROM event WHERE NOT json_valid(data)") != 0) abort();
    snprintf(text, sizeof text,
             "SELECT count(*) FROM operation JOIN device USING (device_id) WHERE state <> 'queued' AND by_policy = 0"
             " AND name <> '%s'",
             t->at->phone[t->phone]->name);
    if (number(store_sql(dm->st), text) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!place) begin();
    if (size < 2) return 0;
    struct dm_fixture *l = place->lab;
    struct talk t = { .at = place, .flags = data[0], .phone = (data[0] & F_PHONE) % PHONES };
    const struct fixture_device *p = place->phone[t.phone];
    const unsigned before = (t.flags & F_BEFORE) >> 3;
    arena_init(&t.a, ARENA);
    l->world.now_ms = place->now_ms + 1000;
    l->seed = place->seed;
    memcpy(t.nonce, p->client_nonce, t.n_nonce = p->n_client_nonce);
    for (unsigned i = 0; i < before && i < place->n_said[t.phone]; i++) {
        struct said *s = &place->said[t.phone][i];
        post(&t, buf_str(&s->body), str_of(s->token));
    }
    const char *at = (const char *)data + 2, *end = (const char *)data + size;
    for (unsigned n = 0; at < end && n < MESSAGES; n++) {
        const char *q = at;
        while (end - q >= 4 && memcmp(q, "%%%\n", 4) != 0) q++;
        if (end - q < 4) q = end;
        struct str body = filled(&t, (struct str){ at, (size_t)(q - at) });
        l->world.now_ms += data[1] & ~T_OVER;
        for (int i = 0; i < (t.flags & F_TWICE ? 2 : 1); i++)
            post(&t, body, t.flags & F_TOKEN ? t.token : (struct str){ 0 });
        at = q < end ? q + 4 : end;
    }
    if ((data[1] & T_OVER) && sql_in_transaction(store_sql(l->dm->st)))
        sessions_expire(l->dm->sessions, l->world.now_ms + 10000000);
    check(&t);
    dm_fixture_undo(l);
    arena_finish(&t.a);
    return 0;
}
