/* SPDX-License-Identifier: Apache-2.0 */
/* Our WBXML against libwbxml's, both ways. Only messages that our decoder took and our encoder wrote reach libwbxml,
 * since it can be crashed by others, and only values that it does not alter (protocol.md 18): no line breaks, no
 * "]]>", no embedded trees. */
#include "syncml/msg.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wbxml/wbxml.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool contains(struct str s, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, what, n) == 0) return true;
    return false;
}

static bool within_limits(struct str xml)
{
    static const char *const beyond[] = { "\n",    "\t", "&#13;", "]]&gt;",   "dmtnds",
                                          "dmddf", "> ", " <",    "\xC2\x80", "NextNonce" };
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
        if (contains(xml, beyond[i])) return false;
    return true;
}

/* libwbxml makes Data an OPAQUE anywhere inside Add and Replace, also that of a Cred, which DM forbids there: octets
 * or base64? */
static bool has_cred(const struct sml_cmd *c)
{
    for (; c; c = c->next)
        if (c->cred.present || has_cred(c->children)) return true;
    return false;
}

static char *copy_of(struct str s)
{
    char *p = malloc(s.n + 1);
    if (!p) abort();
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static struct str their_wbxml(struct str xml, bool string_table)
{
    WBXMLConvXML2WBXML *conv = NULL;
    WB_UTINY *out = NULL;
    WB_ULONG n = 0;
    char *in = copy_of(xml);
    if (wbxml_conv_xml2wbxml_create(&conv) != WBXML_OK) abort();
    wbxml_conv_xml2wbxml_enable_preserve_whitespaces(conv);
    if (!string_table) wbxml_conv_xml2wbxml_disable_string_table(conv);
    WBXMLError failed = wbxml_conv_xml2wbxml_run(conv, (WB_UTINY *)in, (WB_ULONG)xml.n, &out, &n);
    wbxml_conv_xml2wbxml_destroy(conv);
    free(in);
    return failed == WBXML_OK ? (struct str){ (char *)out, n } : (struct str){ 0 };
}

static struct str their_xml(struct str wbxml)
{
    WBXMLConvWBXML2XML *conv = NULL;
    WB_UTINY *out = NULL;
    WB_ULONG n = 0;
    char *in = copy_of(wbxml);
    if (wbxml_conv_wbxml2xml_create(&conv) != WBXML_OK) abort();
    wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_CANONICAL);
    wbxml_conv_wbxml2xml_enable_preserve_whitespaces(conv);
    WBXMLError failed = wbxml_conv_wbxml2xml_run(conv, in ? (WB_UTINY *)in : NULL, (WB_ULONG)wbxml.n, &out, &n);
    wbxml_conv_wbxml2xml_destroy(conv);
    free(in);
    return failed == WBXML_OK ? (struct str){ (char *)out, n } : (struct str){ 0 };
}

/* What they made of it must mean what ours does. */
static void compare(enum sml_type type, struct str theirs, struct str want, struct arena *a)
{
    struct sml_msg m;
    struct err e = { 0 };
    struct buf got;
    buf_init(&got, 0);
    enum rc rc = sml_decode(type, theirs, a, &m, &e);
    if (!rc) rc = sml_encode(SML_XML, &m, &got, &e);
    if (rc || !str_eq(buf_str(&got), want)) {
        fprintf(stderr, "%s %s\nwant %.*s\ngot  %.*s\n", rc_text(rc), e.text, STR_ARG(want), STR_ARG(buf_str(&got)));
        abort();
    }
    buf_finish(&got);
}

static void both_ways(const struct sml_msg *m, struct arena *a)
{
    static const char doctype[] = "<!DOCTYPE SyncML PUBLIC \"-//SYNCML//DTD SyncML 1.2//EN\" \"x\">";
    struct buf xml, wbxml, doc;
    buf_init(&xml, 0);
    buf_init(&wbxml, 0);
    buf_init(&doc, 0);
    if (sml_encode(SML_XML, m, &xml, NULL) == RC_OK && within_limits(buf_str(&xml)) &&
        sml_encode(SML_WBXML, m, &wbxml, NULL) == RC_OK) {
        struct str body = str_slice(buf_str(&xml), str_find(buf_str(&xml), '>', 0) + 1, xml.n), theirs;
        buf_putz(&doc, doctype);
        buf_put(&doc, body);
        for (int table = 0; table < 2; table++) {
            theirs = their_wbxml(buf_str(&doc), table);
            if (theirs.p) compare(SML_WBXML, theirs, buf_str(&xml), a);
            free((void *)(uintptr_t)theirs.p);
        }
        theirs = their_xml(buf_str(&wbxml));
        if (theirs.p) compare(SML_XML, theirs, buf_str(&xml), a);
        free((void *)(uintptr_t)theirs.p);
    }
    buf_finish(&doc);
    buf_finish(&wbxml);
    buf_finish(&xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct sml_msg m;
    arena_init(&a, 4 * SML_MSG_ARENA_BYTES);
    if (sml_decode(SML_WBXML, (struct str){ (const char *)data, size }, &a, &m, NULL) == RC_OK &&
        m.dtd == SML_DTD_1_2 && !has_cred(m.cmds))
        both_ways(&m, &a);
    arena_finish(&a);
    return 0;
}
