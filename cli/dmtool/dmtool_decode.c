/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cli/dmtool/dmtool.h"
#include "syncml/notify.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct decoding {
    bool as_xml;
    enum dmtool_kind want;
};

/* Show a tree that came as a WBXML document of its own as XML. */
static void put_tree(const struct sml_item *i, struct arena *a, struct buf *out)
{
    struct str xml;
    if (sml_tree_to_xml(i->data, a, &xml, NULL) != RC_OK) return;
    struct sml_item shown = *i;
    shown.data = xml;
    buf_printf(out, "\nthe tree in %.*s:\n", STR_ARG(i->target.n ? i->target : i->source));
    if (sml_item_is_secret(&shown))
        buf_putz(out, "***\n");
    else
        dmtool_indent(xml, out);
}

static void put_trees(const struct sml_cmd *c, struct arena *a, struct buf *out)
{
    for (; c; c = c->next) {
        for (const struct sml_item *i = c->items; i; i = i->next)
            if (i->has_data && !str_is_utf8(i->data)) put_tree(i, a, out);
        put_trees(c->children, a, out);
    }
}

static enum rc show_message(enum sml_type type, struct str in, const struct decoding *d, struct arena *a,
                            struct buf *out, struct err *e)
{
    struct sml_msg m;
    enum rc rc = sml_decode(type, in, a, &m, e);
    if (rc) return rc;
    if (d->as_xml) return dmtool_pretty(&m, a, out, e);
    sml_print(&m, out);
    put_trees(m.cmds, a, out);
    return RC_OK;
}

static enum rc show_notification(struct str in, struct buf *out, struct err *e)
{
    static const char *const ui[] = { "not specified", "background", "informative", "ask the user" };
    struct sml_notify n;
    char session[5], digest[33];
    enum rc rc = sml_notify_decode(in, &n, e);
    if (rc) return rc;
    sml_notify_session_text(n.session, session);
    text_hex(in.p, 16, digest);
    buf_printf(
        out,
        "notification version %u.%u\n  server %.*s\n  session %s\n  ui-mode %s\n  initiated by the %s\n  digest %s (not checked)\n",
        n.version / 10, n.version % 10, STR_ARG(n.server_id), session, ui[n.ui], n.by_server ? "server" : "user",
        digest);
    if (n.vendor.n) {
        buf_putz(out, "  vendor part:\n");
        dmtool_put_hex(n.vendor, out);
    }
    return RC_OK;
}

/* A tree is read by the program's own decoder, which is safe for a device's octets; other documents (provisioning)
 * by libwbxml. */
static enum rc show_document(struct str in, struct arena *a, struct buf *out, struct err *e)
{
    static const struct str ddf = { "DTD-DM-DDF", 10 };
    struct str xml;
    bool is_tree = false;
    for (size_t i = 0; i + ddf.n <= in.n && i < 64; i++) is_tree |= str_starts(str_slice(in, i, in.n), ddf);
    enum rc rc = is_tree ? sml_tree_to_xml(in, a, &xml, e) : dmtool_document_to_xml(in, a, &xml, e);
    if (rc) return rc;
    if (is_tree)
        dmtool_indent(xml, out);
    else
        buf_put(out, xml);
    return RC_OK;
}

static enum rc show(struct str bytes, enum dmtool_kind kind, const struct decoding *d, struct arena *a, struct buf *out,
                    struct err *e)
{
    struct str body;
    enum rc rc;
    switch (kind) {
    case DMTOOL_XML:
    case DMTOOL_WBXML: return show_message(kind == DMTOOL_XML ? SML_XML : SML_WBXML, bytes, d, a, out, e);
    case DMTOOL_WSP:
        if ((rc = sml_wsp_push_decode(bytes, &body, e)) != RC_OK) return rc;
        buf_printf(out, "transaction %u\n", (unsigned)(unsigned char)bytes.p[0]);
        return show_notification(body, out, e);
    case DMTOOL_NOTIFICATION: return show_notification(bytes, out, e);
    case DMTOOL_OTHER_WBXML: return show_document(bytes, a, out, e);
    default:
        buf_put(out, bytes); /* an XML document is readable as it is */
        return RC_OK;
    }
}

static int decode_file(const char *file, const struct decoding *d)
{
    struct arena a;
    struct buf out;
    struct err e = { 0 };
    struct str in, bytes;
    enum dmtool_kind kind = DMTOOL_UNKNOWN;
    const char *wrapped = NULL;
    arena_init(&a, 8 * DMTOOL_FILE_BYTES);
    buf_init(&out, 0);
    enum rc rc = dmtool_read(file, &a, &in, &e);
    if (!rc) rc = dmtool_guess(in, d->want, &a, &bytes, &kind, &wrapped, &e);
    if (!rc && !d->as_xml)
        buf_printf(&out, "%s, %zu octets%s%s\n", dmtool_kind_name(kind), bytes.n, wrapped ? ", from " : "",
                   wrapped ? wrapped : "");
    if (!rc) rc = show(bytes, kind, d, &a, &out, &e);
    if (!rc) rc = dmtool_write(NULL, buf_str(&out), true, &e);
    int code = rc ? dmtool_fail(file, &e) : DMTOOL_OK;
    buf_finish(&out);
    arena_finish(&a);
    return code;
}

int dmtool_decode(int argc, char **argv)
{
    static const struct option options[] = { { "xml", no_argument, NULL, 'x' },
                                             { "type", required_argument, NULL, 't' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct decoding d = { 0 };
    for (int c; (c = getopt_long(argc, argv, "xt:h", options, NULL)) != -1;) {
        if (c == 'h') return dmtool_help("decode");
        if (c == 'x')
            d.as_xml = true;
        else if (c != 't')
            return dmtool_usage("decode", NULL);
        else if (!dmtool_kind_of(optarg, &d.want))
            return dmtool_usage("decode", "--type is one of xml, wbxml, wsp, notification, document, wbxml-document");
    }
    if (optind == argc) return dmtool_usage("decode", "a FILE is needed (- is standard input)");
    int code = DMTOOL_OK;
    for (int i = optind, many = argc - optind > 1; i < argc; i++) {
        if (many) printf("%s%s:\n", i > optind ? "\n" : "", argv[i]);
        fflush(stdout);
        if (decode_file(argv[i], &d) != DMTOOL_OK) code = DMTOOL_FAILED;
    }
    return code;
}
