/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SYNCML_SERVER_FIXTURE_H
#define TESTS_SYNCML_SERVER_FIXTURE_H
/* The server machine alone, spoken to in XML text: every deviation of a client is a few lines of what it really
 * sends. */
#include "base/text.h"
#include "base/world.h"
#include "syncml/session/server.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HDR(msgid, extra)                                                                                              \
    "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID><MsgID>" msgid "</MsgID>"        \
    "<Target><LocURI>https://dm.example.net/dm</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source>" extra        \
    "</SyncHdr>"
#define MSG(msgid, body) "<SyncML xmlns='SYNCML:SYNCML1.2'>" HDR(msgid, "") "<SyncBody>" body "</SyncBody></SyncML>"
#define MSG_X(msgid, extra, body)                                                                                      \
    "<SyncML xmlns='SYNCML:SYNCML1.2'>" HDR(msgid, extra) "<SyncBody>" body "</SyncBody></SyncML>"
#define OK_HDR "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>"
#define START                                                                                                          \
    "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Replace><CmdID>2</CmdID>"                                        \
    "<Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>IMEI:1</Data></Item></Replace>"
#define ST(msg, ref, cmd, code)                                                                                        \
    "<Status><CmdID>9</CmdID><MsgRef>" msg "</MsgRef><CmdRef>" ref "</CmdRef><Cmd>" cmd "</Cmd><Data>" code            \
    "</Data></Status>"
#define RES(msg, ref, uri, data)                                                                                       \
    "<Results><CmdID>8</CmdID><MsgRef>" msg "</MsgRef><CmdRef>" ref "</CmdRef>"                                        \
    "<Item><Source><LocURI>" uri "</LocURI></Source><Data>" data "</Data></Item></Results>"
#define META(inner) "<Meta xmlns='syncml:metinf'>" inner "</Meta>"

/* One server, trusting its client by certificate unless told otherwise. */
struct server_fixture {
    struct sml_server_config c;
    struct sml_account acc;
    struct sml_server *s;
    struct sml_step steps[8];
    size_t n_steps, sent;
    uint64_t seed;
    bool certificate, tls, unknown;
    struct sml_hmac hmac;
    size_t arena_bytes;
    int alert_status[4];
    /* of the last message */
    enum rc rc;
    char news[4096]; /* outcomes, values and alerts as text */
    char refused[160];
    bool first, current_nonce, done, aborted, over, final;
    enum sml_who who;
    struct sml_keep keep;
    struct buf reply; /* as XML */
};

static char ha1_client[SML_HA1_BYTES + 1], ha1_server[SML_HA1_BYTES + 1];

static inline void open_desk(struct server_fixture *d)
{
    memset(d, 0, sizeof *d);
    sml_ha1(STR("dev-0001"), STR("s3cr3t-Pa55"), ha1_client);
    sml_ha1(STR("dm"), STR("x"), ha1_server);
    d->c = (struct sml_server_config){ .server_id = STR("dm.example.net"),
                                       .url = STR("https://dm.example.net/dm"),
                                       .max_msg_bytes = 16384,
                                       .max_obj_bytes = 100,
                                       .max_messages = 20,
                                       .max_auth_tries = 3 };
    d->acc = (struct sml_account){ .client_name = STR("dev-0001"),
                                   .client_ha1 = str_of(ha1_client),
                                   .auth = SML_AUTH_MD5 };
    d->certificate = d->tls = true;
    d->arena_bytes = 1 << 20;
    d->seed = 3;
    d->s = sml_server_create(&d->c, STR("2F"), STR("IMEI:1"), d->c.url, STR("tok"));
    buf_init(&d->reply, 0);
}

static inline void close_desk(struct server_fixture *d)
{
    sml_server_destroy(d->s);
    buf_finish(&d->reply);
}

static inline struct sml_step *step(struct server_fixture *d, enum sml_cmd_kind kind, const char *uri)
{
    struct sml_step *p = &d->steps[d->n_steps++];
    *p = (struct sml_step){ .kind = kind, .uri = str_of(uri), .tag = d->n_steps };
    if (d->n_steps > 1) d->steps[d->n_steps - 2].next = p;
    return p;
}

static inline void note_news(struct server_fixture *d, struct sml_news *n)
{
    size_t at = 0, i = 0;
    d->news[0] = '\0';
    for (const struct sml_outcome *o = n->outcomes; o && at < sizeof d->news; o = o->next) {
        at += (size_t)snprintf(d->news + at, sizeof d->news - at, "%s#%u=%d", at ? " " : "", (unsigned)o->tag, o->code);
        for (const struct sml_value *v = o->values; v && at < sizeof d->news; v = v->next)
            at += (size_t)snprintf(d->news + at, sizeof d->news - at, " %.*s[%.*s,%.*s]=%.*s", STR_ARG(v->uri),
                                   STR_ARG(v->format), STR_ARG(v->type), STR_ARG(v->data));
    }
    for (struct sml_alert_in *p = n->alerts; p && at < sizeof d->news; p = p->next, i++) {
        at += (size_t)snprintf(d->news + at, sizeof d->news - at, "%s!%d %.*s %.*s %.*s %.*s", at ? " " : "", p->code,
                               STR_ARG(p->source), STR_ARG(p->type), STR_ARG(p->mark), STR_ARG(p->data));
        if (i < 4 && d->alert_status[i]) p->status = d->alert_status[i];
    }
    snprintf(d->refused, sizeof d->refused, "%s", n->refused ? n->refused : "");
    d->who = n->who;
    d->first = n->first;
    d->current_nonce = n->current_nonce;
    d->done = n->package_done;
    d->aborted = n->aborted;
    d->over = n->over;
}

/* The client says `xml`; the reply is in d->reply as XML. */
static inline void say(struct server_fixture *d, const char *xml)
{
    struct arena text, a;
    struct sml_msg m = { 0 }, reply;
    struct sml_news news;
    struct err e = { 0 };
    struct world w = world_fixed(1900000000000, &d->seed);
    struct sml_transport t = { .tls = d->tls, .hmac = d->hmac, .raw = str_of(xml) };
    if (d->certificate) t.client_cert_subject = STR("CN=IMEI:1");
    arena_init(&text, 16 << 20);
    arena_init(&a, d->arena_bytes);
    buf_reset(&d->reply);
    if (sml_decode(SML_XML, str_of(xml), &text, &m, &e)) {
        char why[700];
        fprintf(stderr, "test text: %s\n", err_format(&e, why, sizeof why));
        CU_FAIL_FATAL("the test's own XML is wrong");
    }
    d->rc = sml_server_take(d->s, &m, &t, d->unknown ? NULL : &d->acc, &w, &a, &news, &e);
    if (!d->rc) {
        note_news(d, &news);
        d->rc = sml_server_answer(d->s, d->n_steps ? d->steps : NULL, true, SML_XML, d->unknown ? NULL : &d->acc, &w,
                                  &a, &reply, &d->sent, &d->keep, &e);
    }
    if (!d->rc) {
        d->final = reply.final;
        if (d->sent) d->n_steps = 0;
        CU_ASSERT_EQUAL(sml_encode(SML_XML, &reply, &d->reply, &e), RC_OK);
    }
    d->over |= sml_server_over(d->s);
    arena_finish(&text);
    arena_finish(&a);
}

static inline bool says(struct server_fixture *d, const char *part)
{
    bool there = strstr(buf_z(&d->reply), part) != NULL;
    return there;
}

#define SAYS(d, part)                                                                                                  \
    do {                                                                                                               \
        if (!says(d, part)) fprintf(stderr, "\nno %s in\n%s\n", part, buf_z(&(d)->reply));                             \
        CU_ASSERT(says(d, part));                                                                                      \
    } while (0)
#define SAYS_NOT(d, part) CU_ASSERT(!says(d, part))
#define NEWS(d, text)                                                                                                  \
    do {                                                                                                               \
        if (strcmp((d)->news, text) != 0) fprintf(stderr, "\nnews \"%s\"\n", (d)->news);                               \
        CU_ASSERT_STRING_EQUAL((d)->news, text);                                                                       \
    } while (0)

/* The Status for a command of the last message: "<CmdRef>2</CmdRef><Cmd>Get</Cmd>...<Data>405" */
static inline int status_of(struct server_fixture *d, const char *cmd_ref)
{
    char ref[64];
    snprintf(ref, sizeof ref, "<CmdRef>%s</CmdRef>", cmd_ref);
    const char *p = strstr(buf_z(&d->reply), ref), *end = p ? strstr(p, "</Status>") : NULL, *data = NULL;
    for (const char *q = p; q && (q = strstr(q, "<Data>")) != NULL && q < end; q++)
        if (!data) data = q;
    return data ? atoi(data + 6) : 0;
}

/* The session is open and `steps` are on their way. */
static inline void begin(struct server_fixture *d)
{
    say(d, MSG("1", START "<Final/>"));
    CU_ASSERT(d->first && d->done);
}
#endif
