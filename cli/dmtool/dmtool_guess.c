/* SPDX-License-Identifier: Apache-2.0 */
/* Detects the kind of an input. */
#include "base/text.h"
#include "cli/dmtool/dmtool.h"
#include "syncml/notify.h"
#include <string.h>

static const struct {
    enum dmtool_kind kind;
    const char *name, *words;
} kinds[] = {
    { DMTOOL_XML, "xml", "SyncML message in XML" },
    { DMTOOL_WBXML, "wbxml", "SyncML message in WBXML" },
    { DMTOOL_WSP, "wsp", "WSP push" },
    { DMTOOL_NOTIFICATION, "notification", "notification" },
    { DMTOOL_OTHER_XML, "document", "XML document" },
    { DMTOOL_OTHER_WBXML, "wbxml-document", "WBXML document" },
};

const char *dmtool_kind_name(enum dmtool_kind k)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == k) return kinds[i].words;
    return "unknown";
}

bool dmtool_kind_of(const char *name, enum dmtool_kind *out)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *out = kinds[i].kind;
            return true;
        }
    return false;
}

static struct str skip_bom(struct str s)
{
    s = str_trim(s);
    return str_trim(str_starts(s, STR("\xEF\xBB\xBF")) ? str_slice(s, 3, s.n) : s);
}

/* The name of the first element, without its prefix, after declaration, comments and DOCTYPE. */
static struct str root_of(struct str s)
{
    for (size_t at = str_find(s, '<', 0); at < s.n; at = str_find(s, '<', at + 1)) {
        if (at + 1 < s.n && (s.p[at + 1] == '?' || s.p[at + 1] == '!')) continue;
        size_t end = at + 1;
        while (end < s.n && !strchr(" \t\r\n/>", s.p[end])) end++;
        struct str name = str_slice(s, at + 1, end);
        size_t colon = str_find(name, ':', 0);
        return colon < name.n ? str_slice(name, colon + 1, name.n) : name;
    }
    return (struct str){ 0 };
}

static bool is_utf16(struct str s)
{
    return str_starts(s, STR("\xFF\xFE")) || str_starts(s, STR("\xFE\xFF"));
}

static bool is_wsp(struct str s)
{
    struct str body;
    return sml_wsp_push_decode(s, &body, NULL) == RC_OK;
}

/* The digest can be anything; the rest has a fixed shape with 27 zero bits. */
static bool is_notification(struct str s)
{
    struct sml_notify n;
    return sml_notify_decode(s, &n, NULL) == RC_OK && (s.p[17] & 7) == 0 && s.p[18] == 0 && s.p[19] == 0 &&
           s.p[20] == 0 && str_is_utf8(n.server_id);
}

/* Version 1.1 to 1.3, then a public id. */
static enum dmtool_kind wbxml_kind(struct str s)
{
    if (s.n < 5 || s.p[0] < 1 || s.p[0] > 3) return DMTOOL_UNKNOWN;
    if (str_starts(str_slice(s, 1, s.n), STR("\xA4\x01")) || str_starts(str_slice(s, 1, s.n), STR("\x9F\x53")))
        return DMTOOL_WBXML;
    static const struct str syncml = { "-//SYNCML//DTD SyncML", 21 };
    if (s.p[1] == 0) { /* a formal name in the string table */
        for (size_t i = 4; i + syncml.n <= s.n && i < 64; i++)
            if (str_starts(str_slice(s, i, s.n), syncml)) return DMTOOL_WBXML;
        return DMTOOL_OTHER_WBXML;
    }
    if (s.p[1] == 1) /* unknown: the root element decides (SyncML is 6D) */
        return str_find(str_slice(s, 0, 16), 0x6D, 3) < 16 ? DMTOOL_WBXML : DMTOOL_OTHER_WBXML;
    return s.p[2] == 0x6A ? DMTOOL_OTHER_WBXML : DMTOOL_UNKNOWN;
}

static enum dmtool_kind kind_of(struct str s)
{
    struct str text = skip_bom(s);
    if (is_utf16(s)) return DMTOOL_XML;
    if (text.n && text.p[0] == '<') return str_is(root_of(text), "SyncML") ? DMTOOL_XML : DMTOOL_OTHER_XML;
    if (is_wsp(s)) return DMTOOL_WSP;
    if (is_notification(s)) return DMTOOL_NOTIFICATION;
    return wbxml_kind(s);
}

/* Decode hex digits with any separators between them. */
static bool from_hex(struct str in, struct arena *a, struct str *out)
{
    char *digits = arena_bytes(a, in.n);
    size_t n = 0;
    for (size_t i = 0; digits && i < in.n; i++) {
        char c = in.p[i];
        bool prefix = c == '0' && i + 1 < in.n && (in.p[i + 1] == 'x' || in.p[i + 1] == 'X');
        if (prefix)
            i++;
        else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digits[n++] = c;
        else if (!strchr(" \t\r\n:,-", c) || c == '\0')
            return false;
    }
    uint8_t *octets = digits && n && n % 2 == 0 ? arena_alloc(a, n / 2) : NULL;
    if (!octets || !text_hex_decode((struct str){ digits, n }, octets, n / 2)) return false;
    *out = (struct str){ (const char *)octets, n / 2 };
    return true;
}

enum rc dmtool_guess(struct str in, enum dmtool_kind want, struct arena *a, struct str *bytes, enum dmtool_kind *kind,
                     const char **wrapped, struct err *e)
{
    struct str inner;
    *bytes = in;
    *wrapped = NULL;
    *kind = want ? want : kind_of(in);
    if (from_hex(in, a, &inner) && (want || kind_of(inner))) {
        *wrapped = "hex";
    } else if (*kind == DMTOOL_UNKNOWN && text_b64_decode(in, a, &inner) == RC_OK && kind_of(inner)) {
        *wrapped = "base64";
    } else if (in.n == 0) {
        return err_set(e, RC_INVALID, "the input is empty");
    } else if (*kind == DMTOOL_UNKNOWN) {
        return err_set(e, RC_UNSUPPORTED,
                       "neither a SyncML message nor a WAP push nor a notification; use --type to set the kind");
    } else {
        return RC_OK;
    }
    *bytes = inner;
    *kind = want ? want : kind_of(inner);
    return RC_OK;
}
