/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SYNCML_CODEC_LIB_H
#define TESTS_SYNCML_CODEC_LIB_H
/* What the tests of the codecs share: a message is compared by how it looks in XML. */
#include "syncml/msg.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XML_HEAD                                                                                                       \
    "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID><MsgID>1</MsgID>"                \
    "<Target><LocURI>https://dm.example.net/dm</LocURI></Target>"                                                      \
    "<Source><LocURI>IMEI:001010000000017</LocURI></Source></SyncHdr>"
#define XML_DECL      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define XML_ROOT      "<SyncML xmlns=\"SYNCML:SYNCML1.2\">"
#define XML_MSG(body) XML_ROOT XML_HEAD "<SyncBody>" body "</SyncBody></SyncML>"
#define M_            " xmlns=\"syncml:metinf\""

static inline struct str body_of(struct str xml)
{
    static const char open[] = "<SyncBody>", close[] = "</SyncBody>";
    size_t from = 0, to = xml.n;
    while (from < xml.n && !str_starts(str_slice(xml, from, xml.n), STR("<SyncBody>"))) from++;
    while (to > from && !str_starts(str_slice(xml, to - 1, xml.n), STR("</SyncBody>"))) to--;
    (void)close;
    return str_slice(xml, from + sizeof open - 1, to ? to - 1 : 0);
}

/* The message's commands as XML in the arena; or "rc: text" of what went wrong. */
static inline struct str xml_body(enum sml_type type, struct str in, struct arena *a)
{
    struct sml_msg m;
    struct err e = { 0 };
    struct buf out;
    struct str s = { 0 };
    enum rc rc = sml_decode(type, in, a, &m, &e);
    buf_init(&out, 0);
    if (!rc) rc = sml_encode(SML_XML, &m, &out, &e);
    if (rc)
        s = arena_printf(a, "%s: %s", rc_text(rc), e.text);
    else
        arena_str(a, body_of(buf_str(&out)), &s);
    buf_finish(&out);
    return s;
}

static inline bool same_text(const char *what, struct str got, struct str want)
{
    if (str_eq(got, want)) return true;
    fprintf(stderr, "\n%s\n  got:  %.*s\n  want: %.*s\n", what, STR_ARG(got), STR_ARG(want));
    return false;
}
#endif
