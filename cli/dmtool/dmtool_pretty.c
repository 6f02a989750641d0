/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cli/dmtool/dmtool.h"
#include <stdio.h>
#include <string.h>

static void newline(struct buf *out, unsigned depth)
{
    buf_byte(out, '\n');
    while (depth--) buf_putz(out, "  ");
}

/* Indents the XML of the program's own encoders, which contains no unnecessary blank: a tag that holds tags gets
 * lines of its own. */
void dmtool_indent(struct str xml, struct buf *out)
{
    unsigned depth = 0;
    bool after_text = true, first = true;
    while (xml.n) {
        if (xml.p[0] != '<') {
            size_t n = str_find(xml, '<', 0);
            buf_put(out, str_slice(xml, 0, n));
            xml = str_slice(xml, n, xml.n);
            after_text = true;
            continue;
        }
        size_t n = str_find(xml, '>', 0) + 1;
        bool ends = str_starts(xml, STR("</"));
        if (ends) depth--;
        if (!first && !(ends && after_text)) newline(out, depth);
        buf_put(out, str_slice(xml, 0, n));
        bool alone = xml.p[n - 2] == '/' || xml.p[1] == '?';
        if (!ends && !alone) depth++;
        /* an end tag directly after its start tag stays on its line */
        after_text = !ends && !alone && str_starts(str_slice(xml, n, xml.n), STR("</"));
        xml = str_slice(xml, n, xml.n);
        first = false;
    }
    buf_byte(out, '\n');
}

/* Data that XML cannot hold becomes base64, as a server sends it. */
static enum rc make_text(struct sml_cmd *c, struct arena *a, struct err *e)
{
    enum rc rc = RC_OK;
    for (; c && !rc; c = c->next) {
        for (struct sml_item *i = c->items; i; i = i->next) {
            if (!i->has_data || str_is_utf8(i->data)) continue;
            char *p = arena_bytes(a, text_b64_len(i->data.n) + 1);
            if (!p) return err_set(e, RC_NOMEM, "no memory for %zu octets in base64", i->data.n);
            text_b64(i->data.p, i->data.n, p);
            fprintf(stderr, "dmtool: %.*s %.*s: %zu octets of %.*s are shown in base64\n", STR_ARG(c->name),
                    STR_ARG(c->cmd_id), i->data.n, STR_ARG(i->target.n ? i->target : i->source));
            i->data = (struct str){ p, text_b64_len(i->data.n) };
        }
        rc = make_text(c->children, a, e);
    }
    return rc;
}

enum rc dmtool_pretty(const struct sml_msg *m, struct arena *a, struct buf *out, struct err *e)
{
    struct buf xml;
    buf_init(&xml, 4 * DMTOOL_FILE_BYTES);
    enum rc rc = make_text(m->cmds, a, e);
    if (!rc) rc = sml_encode(SML_XML, m, &xml, e);
    if (!rc) dmtool_indent(buf_str(&xml), out);
    buf_finish(&xml);
    return rc;
}
