/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmtool/dmtool.h"
#include <getopt.h>
#include <string.h>
#include <unistd.h>

struct encoding {
    bool chosen, hex;
    enum sml_type type;
    const char *to;
};

static enum rc encode_message(enum sml_type from, struct str in, const struct encoding *x, struct arena *a,
                              struct buf *out, struct err *e)
{
    struct sml_msg m;
    enum rc rc = sml_decode(from, in, a, &m, e);
    return rc ? rc : sml_encode(x->type, &m, out, e);
}

static enum rc encode_document(bool is_xml, struct str in, const struct encoding *x, struct arena *a, struct buf *out,
                               struct err *e)
{
    struct str converted = in;
    enum rc rc = RC_OK;
    if (is_xml && x->type == SML_WBXML)
        rc = dmtool_document_to_wbxml(in, a, &converted, e);
    else if (!is_xml && x->type == SML_XML)
        rc = dmtool_document_to_xml(in, a, &converted, e);
    if (!rc) buf_put(out, converted);
    return rc;
}

static enum rc encode(const char *file, const struct encoding *x, struct arena *a, struct buf *out, struct err *e)
{
    struct str in, bytes;
    enum dmtool_kind kind;
    const char *wrapped;
    enum rc rc = dmtool_read(file, a, &in, e);
    if (!rc) rc = dmtool_guess(in, DMTOOL_UNKNOWN, a, &bytes, &kind, &wrapped, e);
    if (rc) return rc;
    if (kind == DMTOOL_XML || kind == DMTOOL_WBXML)
        return encode_message(kind == DMTOOL_XML ? SML_XML : SML_WBXML, bytes, x, a, out, e);
    if (kind == DMTOOL_OTHER_XML || kind == DMTOOL_OTHER_WBXML)
        return encode_document(kind == DMTOOL_OTHER_XML, bytes, x, a, out, e);
    return err_set(e, RC_UNSUPPORTED, "a %s is not a message; use \"dmtool notify\" to create one",
                   dmtool_kind_name(kind));
}

static enum rc deliver(const struct encoding *x, struct buf *out, struct err *e)
{
    struct buf hex;
    buf_init(&hex, 0);
    if (x->hex)
        dmtool_put_hex(buf_str(out), &hex);
    else if (x->type == SML_XML && !x->to && isatty(STDOUT_FILENO))
        buf_byte(out, '\n'); /* only on a terminal; a file or pipe gets the exact octets */
    enum rc rc = dmtool_write(x->to, buf_str(x->hex ? &hex : out), x->hex || x->type == SML_XML, e);
    buf_finish(&hex);
    return rc;
}

int dmtool_encode(int argc, char **argv)
{
    static const struct option options[] = {
        { "wbxml", no_argument, NULL, 'w' }, { "xml", no_argument, NULL, 'x' },
        { "hex", no_argument, NULL, 'X' },   { "output", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },  { 0 }
    };
    struct encoding x = { 0 };
    for (int c; (c = getopt_long(argc, argv, "wxo:h", options, NULL)) != -1;) {
        if (c == 'h') return dmtool_help("encode");
        if (c == 'w' || c == 'x') {
            x.chosen = true;
            x.type = c == 'w' ? SML_WBXML : SML_XML;
        } else if (c == 'X') {
            x.hex = true;
        } else if (c == 'o') {
            x.to = optarg;
        } else {
            return dmtool_usage("encode", NULL);
        }
    }
    if (!x.chosen || optind + 1 != argc)
        return dmtool_usage("encode", x.chosen ? "exactly one FILE is needed (- is standard input)"
                                               : "--wbxml or --xml is needed");
    struct arena a;
    struct buf out;
    struct err e = { 0 };
    arena_init(&a, 8 * DMTOOL_FILE_BYTES);
    buf_init(&out, 4 * DMTOOL_FILE_BYTES);
    enum rc rc = encode(argv[optind], &x, &a, &out, &e);
    if (!rc) rc = deliver(&x, &out, &e);
    int code = rc ? dmtool_fail(argv[optind], &e) : DMTOOL_OK;
    buf_finish(&out);
    arena_finish(&a);
    return code;
}
