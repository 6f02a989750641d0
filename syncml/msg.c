/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/msg.h"
#include "syncml/codec.h"
#include "syncml/elem.h"

enum sml_cmd_kind sml_cmd_kind_of_elem(unsigned elem)
{
    /* the kind plus one, so that 0 means none */
    static const uint8_t kinds[SML_ELEM_CODES] = {
#define X(id, name) [SML_E_##id] = SML_##id + 1,
        SML_CMDS(X)
#undef X
    };
    return elem && elem < SML_ELEM_CODES && kinds[elem] ? (enum sml_cmd_kind)(kinds[elem] - 1) : SML_UNKNOWN;
}

enum sml_cmd_kind sml_cmd_kind_of(struct str name)
{
    return sml_cmd_kind_of_elem(sml_elem_of_name(name));
}

const char *sml_cmd_name(enum sml_cmd_kind k)
{
    static const char *const names[SML_CMD_KINDS] = {
#define X(id, name) [SML_##id] = name,
        SML_CMDS(X)
#undef X
    };
    return (unsigned)k < SML_CMD_KINDS ? names[k] : "";
}

enum rc sml_decode(enum sml_type type, struct str in, struct arena *a, struct sml_msg *out, struct err *e)
{
    if (in.n > SML_MSG_BYTES) return err_set(e, RC_LIMIT, "message of %zu bytes; the limit is %d", in.n, SML_MSG_BYTES);
    enum rc rc = type == SML_XML ? sml_xml_decode(in, a, out, e) : sml_wbxml_decode(in, a, out, e);
    if (!rc) out->wbxml = type == SML_WBXML;
    return rc;
}

/* ---- content negotiation ---- */

/* The media type of "type/subtype; parameter; ..." */
static struct str media_of(struct str s)
{
    return str_trim(str_slice(s, 0, str_find(s, ';', 0)));
}

bool sml_type_of_mime(struct str content_type, enum sml_type *out)
{
    static const struct {
        struct str name;
        enum sml_type type;
    } known[] = {
        { { SML_MIME_XML, sizeof SML_MIME_XML - 1 }, SML_XML },
        { { SML_MIME_WBXML, sizeof SML_MIME_WBXML - 1 }, SML_WBXML },
        { { "application/vnd.syncml+xml", 26 }, SML_XML }, /* trap 9 */
        { { "application/vnd.syncml+wbxml", 28 }, SML_WBXML },
    };
    struct str media = media_of(content_type);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_eq_fold(media, known[i].name)) {
            *out = known[i].type;
            return true;
        }
    return false;
}

const char *sml_mime(enum sml_type type)
{
    return type == SML_XML ? SML_MIME_XML : SML_MIME_WBXML;
}

/* Does "q=0" or "q=0.0" exclude this range (RFC 9110, section 12.4.2)? */
static bool is_refused(struct str range)
{
    struct str part;
    str_cut(&range, ';', &part);
    while (str_cut(&range, ';', &part)) {
        part = str_trim(part);
        if (!str_starts(part, STR("q=")) && !str_starts(part, STR("Q="))) continue;
        for (size_t i = 2; i < part.n; i++)
            if (part.p[i] != '0' && part.p[i] != '.') return false;
        return part.n > 2;
    }
    return false;
}

enum sml_type sml_answer_type(enum sml_type request, struct str accept)
{
    bool allowed[2] = { false, false };
    struct str range;
    while (str_cut(&accept, ',', &range)) {
        enum sml_type type;
        struct str media = media_of(range);
        if (is_refused(range)) continue;
        if (sml_type_of_mime(media, &type))
            allowed[type] = true;
        else if (str_is(media, "*/*") || str_eq_fold(media, STR("application/*")))
            allowed[SML_XML] = allowed[SML_WBXML] = true;
    }
    enum sml_type other = request == SML_XML ? SML_WBXML : SML_XML;
    return !allowed[request] && allowed[other] ? other : request;
}
