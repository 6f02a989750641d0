/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/record/replay_int.h"

#include "base/text.h"
#include "syncml/compose.h"
#include "syncml/session/server.h"

#include <string.h>

struct replay {
    const char *name;
    const struct sml_replay_io *io;
    struct arena *a; /* owns the document and what is read from it */
    struct buf *story;
    struct sml_replay *out;
    struct err *e;
    bool as_wbxml, recording; /* recording: credentials are not checked again */
    struct sml_server_config c;
    struct sml_account account;
    bool known;
    struct str session_id, device_id, resp_base, token;
    struct sml_server *s;
    uint64_t seed;
    unsigned n; /* current message, from 1 */
};

/* ---- reading the head ---- */

static struct str text_of(const struct doc *d, const char *key)
{
    const struct doc *v = doc_get(d, key);
    return v && v->kind == DOC_SCALAR ? v->text : (struct str){ 0 };
}

static uint64_t number_of(const struct doc *d, const char *key, uint64_t otherwise)
{
    int64_t n;
    return doc_i64(doc_get(d, key), &n) && n >= 0 ? (uint64_t)n : otherwise;
}

static bool flag_of(const struct doc *d, const char *key, bool otherwise)
{
    bool b;
    return doc_bool(doc_get(d, key), &b) ? b : otherwise;
}

static enum rc read_auth(struct replay *r, const struct doc *d, const char *key, enum sml_auth *out)
{
    const struct doc *v = doc_get(d, key);
    if (!v || replay_auth_of(v->text, out)) return RC_OK;
    return doc_error(v, r->name, RC_INVALID, r->e, "\"%.*s\" is not a scheme; possible are none, basic, md5 and mac",
                     STR_ARG(v->text));
}

static enum rc read_server(struct replay *r, const struct doc *d)
{
    r->c = (struct sml_server_config){ .server_id = text_of(d, "id"),
                                       .url = text_of(d, "url"),
                                       .max_msg_bytes = number_of(d, "max_msg_bytes", 16384),
                                       .max_obj_bytes = number_of(d, "max_obj_bytes", 1 << 20),
                                       .max_messages = (unsigned)number_of(d, "max_messages", 1000),
                                       .max_auth_tries = (unsigned)number_of(d, "max_auth_tries", 3),
                                       .allow_basic = flag_of(d, "allow_basic", false),
                                       .allow_basic_plain = flag_of(d, "allow_basic_plain", false),
                                       .per_message = flag_of(d, "per_message", false) };
    if (!r->c.url.n) return doc_error(d, r->name, RC_INVALID, r->e, "the server has no \"url\"");
    return read_auth(r, d, "unknown_auth", &r->c.unknown_auth);
}

static struct str ha1_of(struct replay *r, struct str user, struct str password)
{
    char *p = arena_bytes(r->a, SML_HA1_BYTES + 1);
    if (!p) return (struct str){ 0 };
    sml_ha1(user, password, p);
    return (struct str){ p, SML_HA1_BYTES };
}

/* Read an account: with passwords (a scenario) or without (a recording, where placeholders replace them). */
static enum rc read_account(struct replay *r, const struct doc *d)
{
    struct sml_account *acc = &r->account;
    struct str password = text_of(d, "client_password"), server_password = text_of(d, "server_password");
    const struct str placeholder = { "AAAAAAAAAAAAAAAAAAAAAAAA", SML_HA1_BYTES };
    r->known = flag_of(d, "known", true);
    *acc = (struct sml_account){ .client_name = text_of(d, "client_name"),
                                 .server_name = text_of(d, "server_name"),
                                 .client_nonce = text_of(d, "client_nonce"),
                                 .server_nonce = text_of(d, "server_nonce"),
                                 .resync = flag_of(d, "resync", false),
                                 .auth = SML_AUTH_MD5 };
    acc->client_ha1 = password.n     ? ha1_of(r, acc->client_name, password)
                      : r->recording ? placeholder
                                     : (struct str){ 0 };
    acc->server_ha1 = server_password.n                         ? ha1_of(r, acc->server_name, server_password)
                      : flag_of(d, "server_credentials", false) ? placeholder
                                                                : (struct str){ 0 };
    if (flag_of(d, "server_nonce_known", false)) acc->server_nonce = STR("AAAAAAAAAAAAAAAA");
    return read_auth(r, d, "auth", &acc->auth);
}

static enum rc read_session(struct replay *r, const struct doc *d)
{
    uint64_t n = number_of(d, "token_bytes", 0);
    r->session_id = text_of(d, "id");
    r->device_id = text_of(d, "device");
    r->resp_base = text_of(d, "resp_base");
    r->token = text_of(d, "token");
    if (!n || r->token.n) return RC_OK;
    char *p = n <= 4096 ? arena_bytes(r->a, (size_t)n) : NULL;
    if (!p) return doc_error(d, r->name, RC_LIMIT, r->e, "\"token_bytes\" is over 4096");
    memset(p, 'A', (size_t)n);
    r->token = (struct str){ p, (size_t)n };
    return RC_OK;
}

/* ---- differences ---- */

/* Write one element on a line, so that a difference is a line and can be reviewed. */
static void lines_of(struct str xml, struct buf *out)
{
    for (size_t i = 0; i < xml.n; i++) {
        buf_byte(out, (unsigned char)xml.p[i]);
        if (xml.p[i] == '>' && i + 1 < xml.n && xml.p[i + 1] == '<') buf_byte(out, '\n');
    }
    if (out->n && out->p[out->n - 1] != '\n') buf_byte(out, '\n');
}

static void differ_in_lines(struct replay *r, const char *what, struct str want, struct str got)
{
    struct str w = { 0 }, g = { 0 };
    unsigned line = 0;
    bool more_w = true, more_g = true;
    while (more_w || more_g) {
        more_w = str_cut(&want, '\n', &w);
        more_g = str_cut(&got, '\n', &g);
        line++;
        if (more_w == more_g && str_eq(w, g)) continue;
        buf_printf(&r->out->difference, "message %u: %s differs in line %u\n- %.*s\n+ %.*s\n", r->n, what, line,
                   more_w ? (int)w.n : 5, more_w ? w.p : "(end)", more_g ? (int)g.n : 5, more_g ? g.p : "(end)");
        return;
    }
    buf_printf(&r->out->difference, "message %u: %s differs in its octets, not in its meaning\n", r->n, what);
}

static void differ(struct replay *r, const char *what, struct str want, struct str got)
{
    if (!r->out->same) return;
    r->out->same = false;
    differ_in_lines(r, what, want, got);
}

/* Convert both to lines of XML, whatever their encoding. */
static enum rc as_lines(enum sml_type type, struct str bytes, struct arena *a, struct buf *out)
{
    struct sml_msg m = { 0 };
    struct buf xml;
    buf_init(&xml, 0);
    enum rc rc = sml_decode(type, bytes, a, &m, NULL);
    if (!rc) rc = sml_encode(SML_XML, &m, &xml, NULL);
    if (rc) sml_print(&m, &xml);
    lines_of(buf_str(&xml), out);
    buf_finish(&xml);
    return rc;
}

static void compare_octets(struct replay *r, enum sml_type type, struct str want, struct str got, struct arena *a)
{
    struct buf w, g;
    if (str_eq(want, got)) return;
    buf_init(&w, 0);
    buf_init(&g, 0);
    as_lines(type, want, a, &w);
    as_lines(type, got, a, &g);
    differ(r, "the reply", buf_str(&w), buf_str(&g));
    buf_finish(&w);
    buf_finish(&g);
}

/* ---- one message ---- */

struct exchange {
    const struct doc *d;
    struct arena *a;
    enum sml_type type;
    struct str in;
    struct sml_msg m, reply;
    struct sml_transport t;
    struct sml_news news;
    struct sml_keep keep;
    struct sml_step *steps;
    size_t sent;
    struct sml_verdict given;
};

static enum rc load_input(struct replay *r, struct exchange *x)
{
    const struct doc *in = doc_get(x->d, "in"), *file = doc_get(x->d, "device");
    struct str type = text_of(x->d, "type");
    struct buf again;
    enum rc rc;
    x->type = str_is(type, "wbxml") ? SML_WBXML : SML_XML;
    if (in) {
        rc = text_b64_decode(in->text, x->a, &x->in);
        if (rc) return doc_error(in, r->name, RC_INVALID, r->e, "this is not base64");
    } else if (file && r->io && r->io->load) {
        rc = r->io->load(r->io->ctx, file->text, x->a, &x->in, r->e);
        if (rc) return rc;
    } else {
        return doc_error(x->d, r->name, RC_INVALID, r->e, "the message has neither \"in\" nor \"device\"");
    }
    rc = sml_decode(x->type, x->in, x->a, &x->m, r->e);
    if (rc || !r->as_wbxml) return rc;
    buf_init(&again, 0);
    x->type = SML_WBXML;
    rc = sml_encode(SML_WBXML, &x->m, &again, r->e);
    if (!rc && !arena_str(x->a, buf_str(&again), &x->in)) rc = RC_NOMEM;
    buf_finish(&again);
    return rc ? rc : sml_decode(SML_WBXML, x->in, x->a, &x->m, r->e);
}

static enum rc read_verdict(struct replay *r, struct exchange *x)
{
    const struct doc *d = doc_get(x->d, "verdict");
    struct sml_verdict *v = &x->given;
    enum sml_auth scheme = SML_AUTH_NONE, demanded = SML_AUTH_MD5;
    if (!d)
        return r->recording ? doc_error(x->d, r->name, RC_INVALID, r->e, "a recorded message needs its \"verdict\"")
                            : RC_OK;
    enum rc rc = read_auth(r, d, "scheme", &scheme);
    if (!rc) rc = read_auth(r, d, "demanded", &demanded);
    struct str why = text_of(d, "why"), how = text_of(d, "how");
    *v = (struct sml_verdict){ .ok = flag_of(d, "ok", false),
                               .over = flag_of(d, "over", false),
                               .code = (int)number_of(d, "code", 401),
                               .scheme = (uint8_t)scheme,
                               .demanded = (uint8_t)demanded,
                               .tries = (uint8_t)number_of(d, "tries", 0),
                               .known = flag_of(d, "known", false),
                               .per_message = flag_of(d, "per_message", false),
                               .next_nonce = flag_of(d, "next_nonce", false),
                               .current_nonce_used = flag_of(d, "current_nonce_used", false),
                               .resynchronised = flag_of(d, "resynchronised", false),
                               .why = why.n ? arena_strz(r->a, why) : NULL,
                               .how = how.n ? arena_strz(r->a, how) : NULL };
    sml_server_give_verdict(r->s, v);
    return rc;
}

static void read_transport(struct replay *r, struct exchange *x)
{
    const struct doc *mac = doc_get(x->d, "hmac");
    (void)r;
    x->t = (struct sml_transport){ .tls = flag_of(x->d, "tls", true),
                                   .client_cert_subject = text_of(x->d, "certificate"),
                                   .raw = x->in };
    x->t.hmac.present = mac != NULL || flag_of(x->d, "mac", false);
    x->t.hmac.username = text_of(mac, "username");
    x->t.hmac.mac = text_of(mac, "mac");
}

static void set_alert_status(struct exchange *x)
{
    const struct doc *d = doc_get(x->d, "alert_status");
    struct sml_alert_in *p = x->news.alerts;
    for (const struct doc *v = d ? d->first : NULL; v && p; v = v->next, p = p->next) {
        int64_t n;
        if (doc_i64(v, &n)) p->status = (int)n;
    }
}

static void compare_news(struct replay *r, struct exchange *x)
{
    const struct doc *want = doc_get(x->d, "news");
    struct buf got;
    buf_init(&got, 0);
    sml_news_print(&x->news, &got);
    if (want && !str_eq(str_trim(want->text), buf_str(&got)))
        differ(r, "the server's reading of the message", str_trim(want->text), buf_str(&got));
    if (r->story) buf_printf(r->story, "--- %.*s\n", STR_ARG(buf_str(&got)));
    buf_finish(&got);
}

/* What the database would hold after the reply. */
static enum rc keep(struct replay *r, const struct sml_keep *k)
{
    struct sml_account *acc = &r->account;
    if (k->client_nonce_next.n) {
        if (!arena_str(r->a, k->client_nonce_next, &acc->client_nonce)) return RC_NOMEM;
    }
    return k->server_nonce.n && !arena_str(r->a, k->server_nonce, &acc->server_nonce) ? RC_NOMEM : RC_OK;
}

static enum rc compare_file(struct replay *r, struct str file, enum sml_type type, struct str got, struct arena *a)
{
    struct buf lines;
    struct str want;
    enum rc rc;
    buf_init(&lines, 0);
    if (type == SML_XML)
        lines_of(got, &lines);
    else
        as_lines(type, got, a, &lines);
    if (r->io && r->io->save && !r->as_wbxml) {
        rc = r->io->save(r->io->ctx, file, buf_str(&lines), r->e);
    } else if (!r->io || !r->io->load) {
        rc = err_set(r->e, RC_INVALID, "\"server\" names a file, but there is no folder to find it in");
    } else {
        rc = r->io->load(r->io->ctx, file, a, &want, r->e);
        if (!rc && !str_eq(want, buf_str(&lines))) differ(r, "the reply", want, buf_str(&lines));
    }
    buf_finish(&lines);
    return rc;
}

static enum rc compare_reply(struct replay *r, struct exchange *x, struct str octets)
{
    const struct doc *out = doc_get(x->d, "out"), *file = doc_get(x->d, "server");
    struct buf masked;
    struct str want;
    uint64_t sent = number_of(x->d, "sent", x->sent);
    enum rc rc = RC_OK;
    if (sent != x->sent && r->out->same) {
        r->out->same = false;
        buf_printf(&r->out->difference, "message %u: %u steps were sent, %u in the recording\n", r->n,
                   (unsigned)x->sent, (unsigned)sent);
    }
    buf_init(&masked, 0);
    if (out && text_b64_decode(out->text, x->a, &want))
        rc = doc_error(out, r->name, RC_INVALID, r->e, "this is not base64");
    else if (out && r->recording)
        rc = replay_mask(x->type, octets, &x->reply, r->token, x->a, &masked);
    if (!rc && out) compare_octets(r, x->type, want, r->recording ? buf_str(&masked) : octets, x->a);
    if (!rc && file) rc = compare_file(r, file->text, x->type, octets, x->a);
    buf_finish(&masked);
    return rc;
}

static void tell(struct replay *r, const char *who, const struct exchange *x, const struct sml_msg *m, size_t bytes)
{
    if (!r->story) return;
    buf_printf(r->story, "%s %u, %s, %zu octets\n", who, r->n, x->type == SML_XML ? "XML" : "WBXML", bytes);
    sml_print(m, r->story);
}

static enum rc answer(struct replay *r, struct exchange *x, struct sml_step *steps, bool large_objects,
                      const struct world *w)
{
    struct buf octets;
    enum rc rc = sml_server_answer(r->s, steps, large_objects, x->type, r->known ? &r->account : NULL, w, x->a,
                                   &x->reply, &x->sent, &x->keep, r->e);
    buf_init(&octets, 0);
    if (!rc) rc = sml_encode(x->type, &x->reply, &octets, r->e);
    if (!rc) {
        tell(r, "<<< server", x, &x->reply, octets.n);
        rc = compare_reply(r, x, buf_str(&octets));
    }
    buf_finish(&octets);
    return rc ? rc : keep(r, &x->keep);
}

/* ---- decisions beside the machine ---- */

enum rc sml_replay_answer(struct sml_replay_message *m, struct sml_step *steps, bool large_objects, size_t *n_sent,
                          struct sml_keep *keep, struct err *e)
{
    enum rc rc = answer(m->replay, m->exchange, steps, large_objects, m->w);
    (void)e; /* the replay's */
    *n_sent = m->exchange->sent;
    *keep = m->exchange->keep;
    return rc;
}

void sml_replay_differ(struct sml_replay_message *m, const char *what, struct str want, struct str got)
{
    if (!str_eq(want, got)) differ(m->replay, what, want, got);
}

void sml_replay_print_steps(const struct sml_replay_message *m, const struct sml_step *steps, struct buf *out)
{
    for (const struct sml_step *s = steps; s; s = s->next) {
        buf_printf(out, "#%llu %s %.*s", (unsigned long long)s->tag, sml_cmd_name(s->kind), STR_ARG(s->uri));
        if (s->source.n) buf_printf(out, " from %.*s", STR_ARG(s->source));
        if (s->correlator.n) buf_printf(out, ", Correlator %.*s", STR_ARG(s->correlator));
        if (s->format.n || s->type.n) buf_printf(out, ", %.*s %.*s", STR_ARG(s->format), STR_ARG(s->type));
        if (s->data.n) buf_printf(out, ", %zu octets: ", s->data.n);
        buf_json(out, s->data);
        for (const struct sml_item *it = s->items; it; it = it->next) {
            buf_putz(out, " | ");
            buf_json(out, it->data);
        }
        buf_byte(out, '\n');
        sml_replay_print_steps(m, s->children, out);
    }
}

static enum rc decide(struct replay *r, struct exchange *x, const struct world *w)
{
    struct sml_replay_message m = { .d = x->d,
                                    .number = r->n,
                                    .w = w,
                                    .a = x->a,
                                    .session_id = r->session_id,
                                    .news = &x->news,
                                    .steps = x->steps,
                                    .story = r->story,
                                    .replay = r,
                                    .exchange = x };
    return r->io->decide(r->io->decide_ctx, &m, r->e);
}

static enum rc exchange(struct replay *r, struct exchange *x)
{
    int64_t now = 0;
    text_time_parse(text_of(x->d, "time"), &now);
    struct world w = world_fixed(now, &r->seed);
    if (!r->s) {
        r->s = sml_server_create(&r->c, x->m.session_id, r->device_id.n ? r->device_id : x->m.source, r->resp_base,
                                 r->token);
        if (!r->s) return RC_NOMEM;
    }
    tell(r, ">>> device", x, &x->m, x->in.n);
    read_transport(r, x);
    r->account.resync = flag_of(x->d, "resync", r->account.resync);
    enum rc rc = read_verdict(r, x);
    if (!rc) rc = replay_get_steps(doc_get(x->d, "steps"), r->name, x->a, &x->steps, r->e);
    if (!rc) rc = sml_server_take(r->s, &x->m, &x->t, r->known ? &r->account : NULL, &w, x->a, &x->news, r->e);
    sml_server_give_verdict(r->s, NULL);
    if (rc) return rc;
    compare_news(r, x);
    if (r->io && r->io->decide) return decide(r, x, &w);
    set_alert_status(x);
    return answer(r, x, x->steps, flag_of(x->d, "large_objects", true), &w);
}

static enum rc one_message(struct replay *r, const struct doc *d)
{
    struct arena a;
    struct exchange x = { .d = d, .a = &a };
    r->n++;
    if (flag_of(d, "repeat", false)) {
        if (r->story)
            buf_printf(r->story, ">>> device %u repeats the last message, and receives the last reply again\n", r->n);
        return RC_OK;
    }
    if (str_is(text_of(d, "session"), "new")) {
        sml_server_destroy(r->s);
        r->s = NULL;
    }
    arena_init(&a, SML_REPLAY_ARENA_BYTES);
    enum rc rc = load_input(r, &x);
    if (!rc) rc = exchange(r, &x);
    if (rc)
        err_set(r->e, rc, "message %u could not be replayed", r->n);
    else
        r->out->messages++;
    arena_finish(&a);
    return rc;
}

/* ---- the whole ---- */

/* What is decided can only be decided again from what was known. */
static enum rc check_facts(struct replay *r, const struct doc *root)
{
    if (!r->io || !r->io->decide || str_is(text_of(root, "facts"), r->io->facts)) return RC_OK;
    return err_at(r->e, RC_UNSUPPORTED, r->name, 0, 0,
                  doc_get(root, "facts")
                      ? "its facts have another form than %s: another version of the server recorded it"
                      : "it has no facts of the form %s: it is a scenario, or an older server recorded "
                        "it; replay it without --server",
                  r->io->facts);
}

static enum rc read_head(struct replay *r, const struct doc *root)
{
    const struct doc *mark = doc_get(root, "recording"), *enc = doc_get(root, "encodings"),
                     *server = doc_get(root, "server");
    r->recording = mark != NULL;
    if (mark && !str_is(mark->text, "dmvisor/session/1"))
        return doc_error(mark, r->name, RC_UNSUPPORTED, r->e, "only recordings of dmvisor/session/1 can be replayed");
    if (!server)
        return err_at(r->e, RC_INVALID, r->name, 0, 0,
                      "there is no \"server\": this is neither a recording nor a scenario");
    if (r->as_wbxml && enc) {
        bool may = false;
        for (const struct doc *v = enc->first; v; v = v->next) may |= str_is(v->text, "wbxml");
        if (!may)
            return doc_error(enc, r->name, RC_UNSUPPORTED, r->e,
                             "the scenario depends on the sizes of XML, so it cannot be replayed in WBXML");
    }
    r->seed = number_of(root, "seed", 1);
    enum rc rc = check_facts(r, root);
    if (rc) return rc;
    rc = read_server(r, server);
    if (!rc) rc = read_session(r, doc_get(root, "session"));
    return rc ? rc : read_account(r, doc_get(root, "account"));
}

enum rc sml_replay(struct str text, const char *name, const struct sml_replay_io *io, bool as_wbxml, struct buf *story,
                   struct sml_replay *out, struct err *e)
{
    struct arena a;
    struct doc *root = NULL;
    struct replay r = { .name = name, .io = io, .a = &a, .story = story, .out = out, .e = e, .as_wbxml = as_wbxml };
    *out = (struct sml_replay){ .same = true };
    arena_init(&a, SML_REPLAY_ARENA_BYTES);
    enum rc rc = doc_parse(text, name, &a, &root, e);
    if (!rc) rc = read_head(&r, root);
    const struct doc *list = rc ? NULL : doc_get(root, "messages");
    if (!rc && (!list || list->kind != DOC_LIST))
        rc = err_at(e, RC_INVALID, name, 0, 0, "there is no list \"messages\"");
    for (const struct doc *d = list ? list->first : NULL; d && !rc; d = d->next) rc = one_message(&r, d);
    sml_server_destroy(r.s);
    arena_finish(&a);
    if (!rc && !buf_ok(&out->difference)) rc = RC_NOMEM;
    return rc;
}
