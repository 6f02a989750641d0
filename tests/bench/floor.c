/* SPDX-License-Identifier: Apache-2.0 */
/* The second baseline, which dmvisord is held against: what a device-management server cannot do without, and nothing more. Parse the message
 * (libxml2's SAX for XML, a scan of the tokens for WBXML), check the credentials (MD5), look the session up, keep one row a message in one
 * durable commit a turn (WAL, synchronous=FULL), say a fixed reply. It checks nothing else, plans nothing and remembers nothing.
 *
 *   bench_floor DATABASE DEVICES REPLY.xml REPLY.wbxml */
#include "tests/bench/http_loop.h"
#include "tests/bench/bench.h"

#include <libxml/parser.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_BYTES = 256, DEPTH = 16, SESSIONS_SLOTS = 1 << 17 };

enum field { F_NONE, F_SESSION, F_MSG, F_SOURCE, F_CRED, FIELDS };
struct fields {
    char text[FIELDS][FIELD_BYTES];
    size_t n[FIELDS];
};

struct floor {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *touch;
    bool open;
    struct bench_device *devices;
    size_t n_devices;
    struct bench_device **by_id;
    size_t id_mask;
    struct floor_session {
        uint64_t key;
        unsigned messages;
    } * sessions;
    struct str reply[2];
    const char *mime[2];
    xmlParserCtxtPtr xml;
    /* of the message that is being parsed */
    struct fields f;
    uint8_t path[DEPTH];
    unsigned depth;      /* enum tag */
    unsigned long wrong; /* credentials; recorded sessions have old nonces, so they go through all the same */
};

/* ---- the fields that matter, from either encoding: where in the tree is the text? ---- */

enum tag { T_OTHER, T_HDR, T_SESSION, T_MSG, T_SOURCE, T_URI, T_CRED, T_DATA };

static enum field field_at(const struct floor *fl)
{
    unsigned d = fl->depth;
    if (d < 3 || d > 4 || fl->path[1] != T_HDR) return F_NONE;
    if (d == 3) return fl->path[2] == T_SESSION ? F_SESSION : fl->path[2] == T_MSG ? F_MSG : F_NONE;
    if (fl->path[2] == T_SOURCE && fl->path[3] == T_URI) return F_SOURCE;
    return fl->path[2] == T_CRED && fl->path[3] == T_DATA ? F_CRED : F_NONE;
}

static void text(struct floor *fl, const char *p, size_t n)
{
    enum field at = field_at(fl);
    if (at == F_NONE || n >= FIELD_BYTES - fl->f.n[at]) return;
    memcpy(fl->f.text[at] + fl->f.n[at], p, n);
    fl->f.n[at] += n;
}

static void push(struct floor *fl, enum tag t)
{
    if (fl->depth < DEPTH) fl->path[fl->depth] = (uint8_t)t;
    fl->depth++;
}

/* ---- XML ---- */

static void on_start(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **ns, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    static const struct {
        const char *name;
        enum tag tag;
    } row[] = {
        { "SyncHdr", T_HDR }, { "SessionID", T_SESSION }, { "MsgID", T_MSG }, { "Source", T_SOURCE },
        { "LocURI", T_URI },  { "Cred", T_CRED },         { "Data", T_DATA },
    };
    enum tag t = T_OTHER;
    (void)prefix, (void)uri, (void)n_ns, (void)ns, (void)n_attributes, (void)n_defaulted, (void)attributes;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (strcmp((const char *)local, row[i].name) == 0) t = row[i].tag;
    push(ctx, t);
}

static void on_end(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    struct floor *fl = ctx;
    (void)local, (void)prefix, (void)uri;
    fl->depth--;
}

static void on_text(void *ctx, const xmlChar *p, int n)
{
    text(ctx, (const char *)p, (size_t)n);
}

static bool parse_xml(struct floor *fl, struct str body)
{
    static xmlSAXHandler sax = {
        .initialized = XML_SAX2_MAGIC, .startElementNs = on_start, .endElementNs = on_end, .characters = on_text
    };
    if (!fl->xml) fl->xml = xmlCreatePushParserCtxt(&sax, fl, NULL, 0, NULL);
    return fl->xml && xmlCtxtResetPush(fl->xml, NULL, 0, NULL, NULL) == 0 &&
           xmlParseChunk(fl->xml, body.p, (int)body.n, 1) == 0;
}

/* ---- WBXML ---- */

static bool number(struct str s, size_t *at, size_t *n)
{
    for (*n = 0; *at < s.n;) {
        uint8_t b = (uint8_t)s.p[(*at)++];
        *n = *n << 7 | (b & 0x7F);
        if (!(b & 0x80)) return true;
    }
    return false;
}

static enum tag tag_of(unsigned page, unsigned token)
{
    if (page) return T_OTHER;
    switch (token & 0x3F) {
    case 0x2C: return T_HDR;
    case 0x25: return T_SESSION;
    case 0x1B: return T_MSG;
    case 0x27: return T_SOURCE;
    case 0x17: return T_URI;
    case 0x0E: return T_CRED;
    case 0x0F: return T_DATA;
    default: return T_OTHER;
    }
}

static bool parse_wbxml(struct floor *fl, struct str s)
{
    size_t at = 1, n;
    unsigned page = 0;
    if (!number(s, &at, &n) || (n == 0 && !number(s, &at, &n)) || !number(s, &at, &n) || !number(s, &at, &n) ||
        n > s.n - at)
        return false;
    at += n; /* string table */
    while (at < s.n) {
        unsigned token = (uint8_t)s.p[at++];
        const char *end;
        switch (token) {
        case 0x00:
            if (at == s.n) return false;
            page = (uint8_t)s.p[at++];
            break;
        case 0x01:
            if (fl->depth-- == 0) return false;
            if (fl->depth == 0) return true;
            break;
        case 0x03:
            if (!(end = memchr(s.p + at, 0, s.n - at))) return false;
            text(fl, s.p + at, (size_t)(end - s.p) - at);
            at = (size_t)(end - s.p) + 1;
            break;
        case 0xC3:
            if (!number(s, &at, &n) || n > s.n - at) return false;
            text(fl, s.p + at, n);
            at += n;
            break;
        default:
            if (token & 0x40) push(fl, tag_of(page, token));
            break;
        }
    }
    return false;
}

/* ---- device, credentials, session ---- */

static struct bench_device *device(const struct floor *fl, struct str id)
{
    for (size_t at = str_hash(id) & fl->id_mask; fl->by_id[at]; at = (at + 1) & fl->id_mask)
        if (str_is(id, fl->by_id[at]->id)) return fl->by_id[at];
    return NULL;
}

static struct floor_session *session(struct floor *fl, uint64_t key)
{
    size_t at = key & (SESSIONS_SLOTS - 1);
    struct floor_session *s = &fl->sessions[at];
    if (s->key != key) *s = (struct floor_session){ .key = key };
    return s;
}

static struct str field(const struct floor *fl, enum field f)
{
    return (struct str){ fl->f.text[f], fl->f.n[f] };
}

static void check(int code, const char *what, sqlite3 *db)
{
    if (code != SQLITE_OK && code != SQLITE_DONE) bench_fail("%s: %s", what, sqlite3_errmsg(db));
}

static void run(struct floor *fl, sqlite3_stmt *st, const char *what)
{
    check(sqlite3_step(st), what, fl->db);
    sqlite3_reset(st);
}

static void keep(struct floor *fl, const struct bench_device *d, const struct floor_session *s)
{
    if (!fl->open) run(fl, fl->begin, "BEGIN");
    fl->open = true;
    sqlite3_bind_int64(fl->touch, 1, bench_now_us());
    sqlite3_bind_blob(fl->touch, 2, d->nonce, (int)d->n_nonce, SQLITE_STATIC);
    sqlite3_bind_int64(fl->touch, 3, s->messages);
    sqlite3_bind_int64(fl->touch, 4, d - fl->devices);
    run(fl, fl->touch, "UPDATE");
}

static void take(void *ctx, struct loop_request *q, struct MHD_Connection *mhd)
{
    struct floor *fl = ctx;
    const char *mime = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Type");
    int type = mime && strstr(mime, "wbxml");
    char digest[SML_DIGEST_BYTES + 1];

    memset(fl->f.n, 0, sizeof fl->f.n);
    fl->depth = 0;
    bool ok = type ? parse_wbxml(fl, buf_str(&q->body)) : parse_xml(fl, buf_str(&q->body));
    struct bench_device *d = ok ? device(fl, field(fl, F_SOURCE)) : NULL;
    if (!d) return; /* the connection is closed: the generator complains */
    if (fl->f.n[F_CRED]) {
        sml_md5_digest(str_of(d->ha1), (struct str){ (const char *)d->nonce, d->n_nonce }, digest);
        fl->wrong += !str_is(field(fl, F_CRED), digest);
    }
    struct floor_session *s = session(fl, str_hash(field(fl, F_SOURCE)) ^ str_hash(field(fl, F_SESSION)) * 31);
    s->messages++;
    keep(fl, d, s);
    q->response = MHD_create_response_from_buffer(fl->reply[type].n, (void *)(uintptr_t)fl->reply[type].p,
                                                  MHD_RESPMEM_PERSISTENT);
    if (q->response) MHD_add_response_header(q->response, "Content-Type", fl->mime[type]);
}

static void commit(void *ctx)
{
    struct floor *fl = ctx;
    if (fl->open) run(fl, fl->commit, "COMMIT");
    fl->open = false;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *text)
{
    sqlite3_stmt *st = NULL;
    check(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL), text, db);
    return st;
}

static void open_database(struct floor *fl, const char *file)
{
    sqlite3_stmt *add;
    check(sqlite3_open(file, &fl->db), file, fl->db);
    check(
        sqlite3_exec(
            fl->db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " seen INTEGER, nonce BLOB, messages INTEGER) STRICT; BEGIN",
            NULL, NULL, NULL),
        "schema", fl->db);
    add = prepare(fl->db, "INSERT INTO device VALUES (?, ?, 0, zeroblob(16), 0)");
    for (size_t i = 0; i < fl->n_devices; i++) {
        sqlite3_bind_int64(add, 1, (sqlite3_int64)i);
        sqlite3_bind_text(add, 2, fl->devices[i].id, -1, SQLITE_STATIC);
        run(fl, add, "INSERT");
    }
    sqlite3_finalize(add);
    check(sqlite3_exec(fl->db, "COMMIT", NULL, NULL, NULL), "COMMIT", fl->db);
    fl->begin = prepare(fl->db, "BEGIN IMMEDIATE");
    fl->commit = prepare(fl->db, "COMMIT");
    fl->touch = prepare(fl->db, "UPDATE device SET seen = ?, nonce = ?, messages = ? WHERE id = ?");
}

int main(int argc, char **argv)
{
    static struct floor fl = { .mime = { "application/vnd.syncml.dm+xml", "application/vnd.syncml.dm+wbxml" } };
    if (argc != 5) bench_fail("usage: bench_floor DATABASE DEVICES REPLY.xml REPLY.wbxml");
    fl.devices = bench_devices(argv[2], &fl.n_devices);
    fl.reply[0] = bench_file(argv[3]);
    fl.reply[1] = bench_file(argv[4]);
    for (fl.id_mask = 64; fl.id_mask < 2 * fl.n_devices; fl.id_mask *= 2) continue;
    fl.by_id = calloc(fl.id_mask--, sizeof(struct bench_device *));
    fl.sessions = calloc(SESSIONS_SLOTS, sizeof *fl.sessions);
    if (!fl.by_id || !fl.sessions) bench_fail("no memory");
    for (size_t i = 0; i < fl.n_devices; i++) {
        size_t at = str_hash(str_of(fl.devices[i].id)) & fl.id_mask;
        while (fl.by_id[at]) at = (at + 1) & fl.id_mask;
        fl.by_id[at] = &fl.devices[i];
    }
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    open_database(&fl, argv[1]);
    loop_run(take, commit, &fl);
    printf("%lu\n", fl.wrong);
    return 0;
}
