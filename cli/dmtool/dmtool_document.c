/* SPDX-License-Identifier: Apache-2.0 */
/* Converts documents that are not messages with libwbxml. Its input is the user's own files; no server uses it. */
#include "cli/dmtool/dmtool.h"
#include <stdlib.h>
#include <string.h>
#include <wbxml/wbxml.h>

/* libwbxml may write to its input. */
static enum rc writable(struct str s, struct arena *a, WB_UTINY **out, struct err *e)
{
    *out = (WB_UTINY *)arena_strz(a, s);
    return *out ? RC_OK : err_set(e, RC_NOMEM, "no memory for %zu bytes", s.n);
}

static enum rc take(WBXMLError failed, WB_UTINY *result, WB_ULONG n, const char *what, struct arena *a, struct str *out,
                    struct err *e)
{
    enum rc rc = RC_OK;
    if (failed != WBXML_OK)
        rc = err_set(e, RC_PARSE, "libwbxml cannot %s it: %s", what, (const char *)wbxml_errors_string(failed));
    else if (!arena_str(a, (struct str){ (const char *)result, n }, out))
        rc = err_set(e, RC_NOMEM, "no memory for %lu bytes", (unsigned long)n);
    free(result);
    return rc;
}

enum rc dmtool_document_to_xml(struct str wbxml, struct arena *a, struct str *xml, struct err *e)
{
    WBXMLConvWBXML2XML *conv = NULL;
    WB_UTINY *in, *result = NULL;
    WB_ULONG n = 0;
    enum rc rc = writable(wbxml, a, &in, e);
    if (rc) return rc;
    if (wbxml_conv_wbxml2xml_create(&conv) != WBXML_OK) return err_set(e, RC_NOMEM, "no memory for libwbxml");
    wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_INDENT);
    wbxml_conv_wbxml2xml_set_indent(conv, 2);
    WBXMLError failed = wbxml_conv_wbxml2xml_run(conv, in, (WB_ULONG)wbxml.n, &result, &n);
    wbxml_conv_wbxml2xml_destroy(conv);
    return take(failed, result, n, "read", a, xml, e);
}

/* Without the string table, which small decoders lack (protocol.md 18, row 1). Blanks between elements are removed,
 * and those at the ends of values with them (row 2), because users indent their documents. */
enum rc dmtool_document_to_wbxml(struct str xml, struct arena *a, struct str *wbxml, struct err *e)
{
    WBXMLConvXML2WBXML *conv = NULL;
    WB_UTINY *in, *result = NULL;
    WB_ULONG n = 0;
    enum rc rc = writable(xml, a, &in, e);
    if (rc) return rc;
    if (wbxml_conv_xml2wbxml_create(&conv) != WBXML_OK) return err_set(e, RC_NOMEM, "no memory for libwbxml");
    wbxml_conv_xml2wbxml_disable_string_table(conv);
    WBXMLError failed = wbxml_conv_xml2wbxml_run(conv, in, (WB_ULONG)xml.n, &result, &n);
    wbxml_conv_xml2wbxml_destroy(conv);
    return take(failed, result, n, "convert", a, wbxml, e);
}
