/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the tree of a TNDS document from the elements of either encoding. Any order within an element; unknown
 * elements are skipped. */
#include "base/text.h"
#include "ddf/tnds/tnds_int.h"

static const char *const names[TNDS_END_OF_ELEMENTS] = {
#define X(name) [TNDS_EL_##name] = #name,
    TNDS_ELEMENTS(X)
#undef X
};

const char *tnds_element_name(enum tnds_element el)
{
    return el > TNDS_BEFORE_FIRST && el < TNDS_END_OF_ELEMENTS ? names[el] : "";
}

/* Node and node are different elements: case counts. */
enum tnds_element tnds_element_of(struct str name)
{
    for (int i = TNDS_BEFORE_FIRST + 1; i < TNDS_END_OF_ELEMENTS; i++)
        if (str_is(name, names[i])) return (enum tnds_element)i;
    return TNDS_UNKNOWN;
}

enum tnds_element tnds_element_of_format(enum ddf_format f)
{
    return tnds_element_of(str_of(ddf_format_name(f)));
}

/* Is an element known inside this one? */
static bool belongs(enum tnds_element in, enum tnds_element el)
{
    enum ddf_format f;
    switch (in) {
    case TNDS_EL_MgmtTree: return el == TNDS_EL_VerDTD || el == TNDS_EL_Man || el == TNDS_EL_Mod || el == TNDS_EL_Node;
    case TNDS_EL_Node:
        return el == TNDS_EL_NodeName || el == TNDS_EL_Path || el == TNDS_EL_RTProperties || el == TNDS_EL_Value ||
               el == TNDS_EL_Node;
    case TNDS_EL_RTProperties:
        return el == TNDS_EL_ACL || el == TNDS_EL_Format || el == TNDS_EL_Title || el == TNDS_EL_TStamp ||
               el == TNDS_EL_Type || el == TNDS_EL_VerNo;
    case TNDS_EL_Format:
        return ddf_format_of(str_of(tnds_element_name(el)), &f) &&
               str_is(str_of(ddf_format_name(f)), tnds_element_name(el));
    case TNDS_EL_Type: return el == TNDS_EL_MIME || el == TNDS_EL_DDFName;
    default: return false;
    }
}

static bool is_textual(unsigned el)
{
    switch (el) {
    case TNDS_EL_NodeName:
    case TNDS_EL_Path:
    case TNDS_EL_Value:
    case TNDS_EL_ACL:
    case TNDS_EL_Title:
    case TNDS_EL_TStamp:
    case TNDS_EL_VerNo:
    case TNDS_EL_MIME:
    case TNDS_EL_DDFName:
    case TNDS_EL_VerDTD:
    case TNDS_EL_Man:
    case TNDS_EL_Mod: return true;
    default: return false;
    }
}

static enum rc no_memory(struct err *e)
{
    return err_set(e, RC_NOMEM, "no memory left for a serialised tree");
}

static enum rc open_node(struct tnds_builder *b, struct err *e)
{
    struct ddf_tnds_node *n;
    if (b->node_depth == DDF_TNDS_DEPTH) return err_set(e, RC_LIMIT, "nodes are nested deeper than %d", DDF_TNDS_DEPTH);
    if (b->n_nodes == DDF_TNDS_NODES) return err_set(e, RC_LIMIT, "more than %d nodes", DDF_TNDS_NODES);
    if (b->node && b->node->n_children == DDF_TNDS_CHILDREN)
        return err_set(e, RC_LIMIT, "more than %d nodes below one", DDF_TNDS_CHILDREN);
    n = ddf_tnds_append(&b->doc, b->node, (struct str){ 0 }, b->a);
    if (!n) return no_memory(e);
    b->raw[b->node_depth++] = false;
    b->n_nodes++;
    b->node = n;
    return RC_OK;
}

enum rc tnds_start(struct tnds_builder *b, enum tnds_element el, struct err *e)
{
    enum tnds_element in = b->depth ? (enum tnds_element)b->open[b->depth - 1] : TNDS_UNKNOWN;
    if (b->depth == TNDS_OPEN) return err_set(e, RC_LIMIT, "elements are nested too deep");
    if (b->depth == 0 && el != TNDS_EL_MgmtTree)
        return err_set(e, RC_INVALID, "the outermost element must be MgmtTree");
    if (is_textual(in))
        return err_set(e, RC_PARSE, "%s has elements inside: they must be escaped", tnds_element_name(in));
    if (b->depth && !belongs(in, el)) el = TNDS_UNKNOWN;
    b->open[b->depth++] = (uint8_t)el;
    buf_reset(&b->text);
    b->octets = false;
    if (el == TNDS_EL_Node) return open_node(b, e);
    if (in == TNDS_EL_Format && el != TNDS_UNKNOWN && b->node) {
        ddf_format_of(str_of(tnds_element_name(el)), &b->node->format);
        b->node->has |= DDF_TNDS_FORMAT;
    }
    return RC_OK;
}

enum rc tnds_text(struct tnds_builder *b, struct str s, bool octets, struct err *e)
{
    if (!b->depth || !is_textual(b->open[b->depth - 1])) return RC_OK;
    buf_put(&b->text, s);
    b->octets |= octets;
    return buf_ok(&b->text) ? RC_OK : no_memory(e);
}

/* --- what an element's text is ---------------------------------------------------------------------------------- */

static bool is_name(struct str s)
{
    return str_find(s, '/', 0) == s.n && !str_is(s, ".") && !str_is(s, "..") && str_is_utf8(s);
}

static enum rc set_name(struct tnds_builder *b, struct str s, struct err *e)
{
    if (s.n > DDF_NODE_NAME_BYTES)
        return err_set(e, RC_LIMIT, "a NodeName has more than %d bytes", DDF_NODE_NAME_BYTES);
    if (!is_name(s)) return err_set(e, RC_INVALID, "a NodeName is not a valid name");
    return arena_str(b->a, s, &b->node->name) ? RC_OK : no_memory(e);
}

static enum rc set(struct tnds_builder *b, struct str s, unsigned property, struct str *out, struct err *e)
{
    if (property != DDF_TNDS_VALUE && !str_is_utf8(s)) return err_set(e, RC_PARSE, "a property is not UTF-8 text");
    if (b->node) b->node->has |= property;
    return arena_str(b->a, s, out) ? RC_OK : no_memory(e);
}

static enum rc take(struct tnds_builder *b, enum tnds_element el, struct str s, struct err *e)
{
    struct ddf_tnds_node *n = b->node;
    switch (el) {
    case TNDS_EL_Man: return set(b, str_trim(s), 0, &b->doc.man, e);
    case TNDS_EL_Mod: return set(b, str_trim(s), 0, &b->doc.mod, e);
    case TNDS_EL_NodeName: return set_name(b, str_trim(s), e);
    case TNDS_EL_Path: return set(b, str_trim(s), 0, &n->path, e);
    case TNDS_EL_ACL: return set(b, str_trim(s), DDF_TNDS_ACL, &n->acl, e);
    case TNDS_EL_Title: return set(b, s, DDF_TNDS_TITLE, &n->title, e);
    case TNDS_EL_TStamp: return set(b, str_trim(s), DDF_TNDS_TSTAMP, &n->tstamp, e);
    case TNDS_EL_VerNo: return set(b, str_trim(s), DDF_TNDS_VERNO, &n->verno, e);
    case TNDS_EL_MIME:
    case TNDS_EL_DDFName: return set(b, str_trim(s), DDF_TNDS_TYPE, &n->type, e);
    case TNDS_EL_Type: /* <Type/>: an empty type */ n->has |= DDF_TNDS_TYPE; return RC_OK;
    case TNDS_EL_Value: b->raw[b->node_depth - 1] = b->octets; return set(b, s, DDF_TNDS_VALUE, &n->value, e);
    default: return RC_OK;
    }
}

/* --- a node is complete ----------------------------------------------------------------------------------------- */

/* A value of Format bin is base64 in an encoding that holds only characters. */
static enum rc settle_value(struct tnds_builder *b, struct ddf_tnds_node *n, bool raw, struct err *e)
{
    if (!(n->has & DDF_TNDS_VALUE)) return RC_OK;
    if (n->format == DDF_BIN && !raw) {
        enum rc rc = text_b64_decode(n->value, b->a, &n->value);
        return rc == RC_PARSE ? err_set(e, rc, "the value of %.*s is not base64", STR_ARG(n->name))
               : rc           ? no_memory(e)
                              : RC_OK;
    }
    if (n->format != DDF_BIN && !str_is_utf8(n->value))
        return err_set(e, RC_PARSE, "the value of %.*s is not UTF-8 text", STR_ARG(n->name));
    return RC_OK;
}

static enum rc close_node(struct tnds_builder *b, struct err *e)
{
    struct ddf_tnds_node *n = b->node, *sibling = n->parent ? n->parent->first : b->doc.first;
    bool raw = b->raw[--b->node_depth];
    b->node = n->parent;
    if (!(n->has & DDF_TNDS_FORMAT)) n->format = n->first || !(n->has & DDF_TNDS_VALUE) ? DDF_NODE : DDF_CHR;
    if (n->first && n->format != DDF_NODE)
        return err_set(e, RC_INVALID, "%.*s has children, but its Format is %s", STR_ARG(n->name),
                       ddf_format_name(n->format));
    if (n->has & DDF_TNDS_VALUE && n->format == DDF_NODE) {
        if (n->value.n || n->first)
            return err_set(e, RC_INVALID, "%.*s has a value, but it is an interior node", STR_ARG(n->name));
        n->has &= ~(unsigned)DDF_TNDS_VALUE; /* <Value/> counts as absent */
    }
    if (!n->name.n && (n->parent || n != b->doc.first))
        return err_set(e, RC_INVALID, "only the first node may lack a NodeName");
    for (; n->parent && sibling != n; sibling = sibling->next)
        if (str_eq(sibling->name, n->name))
            return err_set(e, RC_INVALID, "two sibling nodes are named %.*s", STR_ARG(n->name));
    return settle_value(b, n, raw, e);
}

enum rc tnds_end(struct tnds_builder *b, struct err *e)
{
    enum tnds_element el;
    enum rc rc;
    if (!b->depth) return err_set(e, RC_PARSE, "an end tag has no start");
    el = (enum tnds_element)b->open[--b->depth];
    rc = el == TNDS_EL_Node ? close_node(b, e) : take(b, el, buf_str(&b->text), e);
    buf_reset(&b->text);
    b->octets = false;
    return rc;
}

enum rc tnds_complete(const struct tnds_builder *b, struct err *e)
{
    if (b->depth)
        return err_set(e, RC_PARSE, "it ends before the end of %s",
                       b->open[b->depth - 1] ? tnds_element_name(b->open[b->depth - 1]) : "an element");
    return b->doc.first ? RC_OK : err_set(e, RC_INVALID, "it has no node");
}
