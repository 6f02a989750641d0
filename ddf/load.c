/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one device description file of any vendor into a tree of its own (ddf-tnds.md 1, 3 and 5). Elements may come
 * in any order and unknown ones are skipped. Of Microsoft's additions those are kept that restrict a value. */
#include "base/buf.h"
#include "ddf/schema_int.h"
#include "ddf/xml.h"
#include <limits.h>

enum { ENUM_VALUES = 4096, DEPENDS_BYTES = 4096, MIME_BYTES = 4096 };

/* The place in the document. */
enum el {
    E_NONE,
    E_SKIP,
    E_TREE,
    E_NODE,
    E_NAME,
    E_PATH,
    E_VALUE,
    E_DF,
    E_RT,
    E_ACCESS,
    E_DEFAULT,
    E_DESCRIPTION,
    E_FORMAT,
    E_OCCURRENCE,
    E_TIMES,
    E_SCOPE,
    E_TITLE,
    E_TYPE,
    E_MIME,
    E_DDF_NAME,
    E_CASE,
    E_FLAG,
    E_ALLOWED,
    E_ALLOWED_VALUE,
    E_ENUM,
    E_ENUM_VALUE,
    E_ENUM_LABEL,
    E_LIST,
    E_ADMX,
    E_CONFLICT,
    /* elements that go into the notes */
    E_APPLIES,
    E_OS_BUILD,
    E_VERSION,
    E_EDITIONS,
    E_NAMING,
    E_NAME_PATTERN,
    E_NAMED_BY,
    E_DEPRECATED,
    E_ATOMIC,
    E_REBOOT,
    E_GROUP_POLICY,
    E_DEPENDS,
    E_DEPENDS_GROUP,
    E_DEPENDS_ON,
    E_DEPENDS_URI
};

/* The meaning of an element by its parent. Older files have Format and Type outside DFProperties. */
static const struct {
    enum el in;
    bool msft;
    const char *name;
    enum el el;
} elements[] = {
    { E_NONE, false, "MgmtTree", E_TREE },
    { E_TREE, false, "Node", E_NODE },
    { E_NODE, false, "Node", E_NODE },
    { E_NODE, false, "NodeName", E_NAME },
    { E_NODE, false, "Path", E_PATH },
    { E_NODE, false, "Value", E_VALUE },
    { E_NODE, false, "DFProperties", E_DF },
    { E_NODE, false, "RTProperties", E_RT },
    { E_NODE, false, "DFFormat", E_FORMAT },
    { E_NODE, false, "Format", E_FORMAT },
    { E_NODE, false, "DFType", E_TYPE },
    { E_NODE, false, "Type", E_TYPE },
    { E_NODE, false, "AccessType", E_ACCESS },
    { E_RT, false, "Format", E_FORMAT },
    { E_RT, false, "Type", E_TYPE },
    { E_DF, false, "AccessType", E_ACCESS },
    { E_DF, false, "DefaultValue", E_DEFAULT },
    { E_DF, false, "Description", E_DESCRIPTION },
    { E_DF, false, "DFFormat", E_FORMAT },
    { E_DF, false, "Format", E_FORMAT },
    { E_DF, false, "Occurrence", E_OCCURRENCE },
    { E_DF, false, "Scope", E_SCOPE },
    { E_DF, false, "DFTitle", E_TITLE },
    { E_DF, false, "DFType", E_TYPE },
    { E_DF, false, "CaseSense", E_CASE },
    { E_TYPE, false, "MIME", E_MIME },
    { E_TYPE, false, "DDFName", E_DDF_NAME },
    { E_DF, true, "AllowedValues", E_ALLOWED },
    { E_DF, true, "ConflictResolution", E_CONFLICT },
    { E_ALLOWED, true, "Value", E_ALLOWED_VALUE },
    { E_ALLOWED, true, "Enum", E_ENUM },
    { E_ENUM, true, "Value", E_ENUM_VALUE },
    { E_ENUM, true, "ValueDescription", E_ENUM_LABEL },
    { E_ALLOWED, true, "List", E_LIST },
    { E_ALLOWED, true, "AdmxBacked", E_ADMX },
    { E_DF, true, "Applicability", E_APPLIES },
    { E_APPLIES, true, "OsBuildVersion", E_OS_BUILD },
    { E_APPLIES, true, "CspVersion", E_VERSION },
    { E_APPLIES, true, "EditionAllowList", E_EDITIONS },
    { E_DF, true, "DynamicNodeNaming", E_NAMING },
    { E_NAMING, true, "UniqueName", E_NAME_PATTERN },
    { E_NAMING, true, "ClientInventory", E_NAMED_BY },
    { E_NAMING, true, "ServerGeneratedUniqueIdentifier", E_NAMED_BY },
    { E_DF, true, "Deprecated", E_DEPRECATED },
    { E_DF, true, "AtomicRequired", E_ATOMIC },
    { E_DF, true, "RebootBehavior", E_REBOOT },
    { E_DF, true, "GpMapping", E_GROUP_POLICY },
    { E_DF, true, "DependencyBehavior", E_DEPENDS },
    { E_DEPENDS, true, "DependencyGroup", E_DEPENDS_GROUP },
    { E_DEPENDS_GROUP, true, "Dependency", E_DEPENDS_ON },
    { E_DEPENDS_ON, true, "DependencyUri", E_DEPENDS_URI },
};

/* A Node that is still open. */
struct open_node {
    struct schema_node *n;
    struct str path;
    unsigned line;
    bool has_path, has_format, has_access, sure_of_format, has_range;
    struct ddf_notes *notes;
    struct str dependency;       /* kind of the dependency being read */
    struct str *values, *labels; /* of AllowedValues, collected */
    size_t n_values, room;
};

struct ddf_loading {
    struct schema_doc *doc;
    const char *name;
    struct str document;
    enum el at[DDF_XML_DEPTH + 1];
    unsigned depth;
    struct open_node open[DDF_DEPTH];
    unsigned n_open;
    struct buf text;
};

static enum rc no_memory(const struct ddf_loading *r, struct err *e)
{
    return err_at(e, RC_NOMEM, r->name, 0, 0, "no memory left to read it");
}

static struct open_node *top(struct ddf_loading *r)
{
    return &r->open[r->n_open - 1];
}

/* --- nodes ---------------------------------------------------------------------------------------------------- */

static struct schema_node *new_node(struct ddf_loading *r, struct str name)
{
    struct schema_node *n = ARENA_NEW(&r->doc->a, struct schema_node);
    if (!n || (name.n && !arena_str(&r->doc->a, name, &n->pub.name))) return NULL;
    n->pub.format = DDF_NODE;
    n->pub.access = DDF_GET;
    n->pub.min_occurs = n->pub.max_occurs = 1;
    n->pub.document = r->document;
    r->doc->n_nodes++;
    return n;
}

static enum rc open_node(struct ddf_loading *r, unsigned line, struct err *e)
{
    struct open_node *o;
    if (r->n_open == DDF_DEPTH)
        return err_at(e, RC_LIMIT, r->name, line, 0, "nodes are nested deeper than %d", DDF_DEPTH);
    if (r->doc->n_nodes >= DDF_NODES) return err_at(e, RC_LIMIT, r->name, line, 0, "more than %d nodes", DDF_NODES);
    o = &r->open[r->n_open];
    *o = (struct open_node){ .line = line };
    o->n = new_node(r, (struct str){ 0 });
    if (!o->n) return no_memory(r, e);
    o->n->described = true;
    r->n_open++;
    return RC_OK;
}

/* "<X>", "*" and "" all mean that the name is chosen later. */
static struct str fixed_name(struct str s)
{
    bool any = str_is(s, "*") || (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>');
    return any ? (struct str){ 0 } : s;
}

/* The node at an absolute path, created when it does not exist. A trailing '/' is tolerated. */
static enum rc walk_path(struct ddf_loading *r, struct str path, const struct open_node *o, struct schema_node **out,
                         struct err *e)
{
    struct schema_node *n = r->doc->root;
    struct str rest = path, name;
    unsigned depth = 0;
    while (str_cut(&rest, '/', &name)) {
        struct schema_node *c;
        if (!name.n || str_is(name, ".")) continue;
        if (++depth >= DDF_DEPTH || name.n > DDF_NODE_NAME_BYTES || str_is(name, ".."))
            return err_at(e, RC_INVALID, r->name, o->line, 0, "Path \"%.*s\" is not an address",
                          STR_ARG(str_slice(path, 0, 100)));
        name = fixed_name(name);
        c = schema_child(n, name);
        if (!c) {
            c = new_node(r, name);
            if (!c) return no_memory(r, e);
            if (!schema_attach(&r->doc->a, n, c))
                return err_at(e, RC_LIMIT, r->name, o->line, 0, "more than %d nodes below one", DDF_CHILDREN);
        }
        n = c;
    }
    *out = n;
    return RC_OK;
}

/* Set missing properties to their defaults. */
static void complete(struct open_node *o)
{
    struct ddf_node *n = &o->n->pub;
    struct ddf_allowed *al = &n->allowed;
    if (!o->has_format) n->format = o->n->first ? DDF_NODE : DDF_CHR;
    if (al->kind == DDF_ALLOW_ENUM || al->kind == DDF_ALLOW_FLAGS) {
        al->values = o->values;
        al->labels = o->labels;
        al->n = o->n_values;
        if (!al->n) al->kind = DDF_ALLOW_OTHER;
    }
}

/* A Path counts when it is a root Node's, or absolute; otherwise the nesting gives the node's place. */
static enum rc close_node(struct ddf_loading *r, struct err *e)
{
    struct open_node *o = top(r);
    struct schema_node *parent = r->n_open > 1 ? r->open[r->n_open - 2].n : NULL, *at;
    enum rc rc = RC_OK;
    complete(o);
    if (!parent || (o->has_path && str_starts(o->path, STR(".")))) {
        rc = walk_path(r, o->path, o, &parent, e);
        if (!rc && str_is(o->n->pub.name, ".")) { /* the root itself, in older files */
            r->n_open--;
            for (struct schema_node *c = o->n->first, *next; c; c = next) {
                next = c->next;
                if (!schema_attach(&r->doc->a, r->doc->root, c))
                    return err_at(e, RC_LIMIT, r->name, o->line, 0, "more than %d nodes below one", DDF_CHILDREN);
            }
            return RC_OK;
        }
    }
    if (rc) return rc;
    at = schema_attach(&r->doc->a, parent, o->n);
    if (!at) return err_at(e, RC_LIMIT, r->name, o->line, 0, "more than %d nodes below one", DDF_CHILDREN);
    r->n_open--;
    return RC_OK;
}

/* --- properties ----------------------------------------------------------------------------------------------- */

static enum rc keep(struct ddf_loading *r, struct str s, struct str *out, struct err *e)
{
    if (!s.n) {
        *out = (struct str){ 0 };
        return RC_OK;
    }
    return arena_str(&r->doc->a, s, out) ? RC_OK : no_memory(r, e);
}

static void set_access(struct open_node *o, struct str name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } row[] = {
        { "Add", DDF_ADD },   { "Copy", DDF_COPY }, { "Delete", DDF_DELETE },
        { "Exec", DDF_EXEC }, { "Get", DDF_GET },   { "Replace", DDF_REPLACE },
    };
    if (!o->has_access) {
        o->n->pub.access = 0;
        o->has_access = true;
    }
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (str_eq_fold(name, str_of(row[i].name))) o->n->pub.access |= row[i].bit;
}

/* A value in DFProperties (`sure`) overrides one outside it. */
static void set_format(struct open_node *o, struct str name, bool sure)
{
    enum ddf_format f;
    if (!ddf_format_of(name, &f) || (o->sure_of_format && !sure)) return;
    o->n->pub.format = f;
    o->has_format = true;
    o->sure_of_format = sure;
}

/* @return true when the element's text is a number */
static bool set_occurrence(struct open_node *o, struct str name)
{
    static const struct {
        const char *name;
        unsigned min, max;
    } row[] = {
        { "One", 1, 1 },
        { "ZeroOrOne", 0, 1 },
        { "ZeroOrMore", 0, UINT_MAX },
        { "OneOrMore", 1, UINT_MAX },
        { "ZeroOrN", 0, UINT_MAX },
        { "OneOrN", 1, UINT_MAX },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (str_is(name, row[i].name)) {
            o->n->pub.min_occurs = row[i].min;
            o->n->pub.max_occurs = row[i].max;
            return i >= 4;
        }
    }
    return false;
}

static void set_times(struct open_node *o, struct str s)
{
    uint64_t v;
    if (str_to_u64(s, &v) && v >= 1 && v <= 65536) o->n->pub.max_occurs = (unsigned)v;
}

static void set_case(struct open_node *o, struct str name)
{
    if (str_is(name, "CIS") || str_is(name, "CS")) o->n->pub.ignore_case = str_is(name, "CIS");
}

static void set_hint(struct open_node *o, struct str s)
{
    static const struct {
        const char *name;
        enum ddf_hint hint;
    } row[] = {
        { "LastWrite", DDF_HINT_LAST_WRITE },
        { "LowestValueMostSecure", DDF_HINT_LOWEST_SAFE },
        { "HighestValueMostSecure", DDF_HINT_HIGHEST_SAFE },
        { "LowestValueMostSecureZeroHasNoLimits", DDF_HINT_LOWEST_SAFE_ZERO_IS_NONE },
        { "HighestValueMostSecureZeroHasNoLimits", DDF_HINT_HIGHEST_SAFE_ZERO_IS_NONE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (str_is(s, row[i].name)) o->n->pub.hint = row[i].hint;
}

static enum rc add_mime(struct ddf_loading *r, struct str s, unsigned line, struct err *e)
{
    struct ddf_node *n = &top(r)->n->pub;
    struct str rest = n->mime, one;
    while (str_cut(&rest, ' ', &one))
        if (str_eq(one, s)) return RC_OK;
    if (n->mime.n + s.n > MIME_BYTES)
        return err_at(e, RC_LIMIT, r->name, line, 0, "the MIME types of a node have more than %d bytes", MIME_BYTES);
    if (!s.n) return RC_OK;
    if (!n->mime.n) return keep(r, s, &n->mime, e);
    n->mime = arena_printf(&r->doc->a, "%.*s %.*s", STR_ARG(n->mime), STR_ARG(s));
    return n->mime.p ? RC_OK : no_memory(r, e);
}

/* --- allowed values ------------------------------------------------------------------------------------------- */

static struct str attribute(const struct ddf_xml_tag *tag, const char *name)
{
    for (unsigned i = 0; i < tag->n_attributes; i++)
        if (str_is(tag->attributes[i].name, name)) return tag->attributes[i].value;
    return (struct str){ 0 };
}

static enum rc set_allowed_kind(struct ddf_loading *r, struct str type, struct err *e)
{
    static const struct {
        const char *name;
        enum ddf_allowed_kind kind;
    } row[] = {
        { "ENUM", DDF_ALLOW_ENUM },  { "Range", DDF_ALLOW_RANGE }, { "RegEx", DDF_ALLOW_REGEX },
        { "Flag", DDF_ALLOW_FLAGS }, { "None", DDF_ALLOW_ANY },
    };
    struct open_node *o = top(r);
    o->n->pub.allowed = (struct ddf_allowed){ .kind = DDF_ALLOW_OTHER };
    o->n_values = 0;
    o->has_range = false;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (str_eq_fold(type, str_of(row[i].name))) o->n->pub.allowed.kind = row[i].kind;
    return o->n->pub.allowed.kind == DDF_ALLOW_OTHER ? keep(r, type, &o->n->pub.allowed.type, e) : RC_OK;
}

/* One character, or its code ("0xF000", "\xF000"). */
static enum rc set_delimiter(struct ddf_loading *r, struct str s, unsigned line, struct err *e)
{
    struct ddf_allowed *al = &top(r)->n->pub.allowed;
    if (s.n > DDF_DELIMITER_BYTES)
        return err_at(e, RC_LIMIT, r->name, line, 0, "a list's delimiter has more than %d bytes", DDF_DELIMITER_BYTES);
    if (str_eq_fold(s, STR("0xF000")) || str_eq_fold(s, STR("\\xF000"))) s = STR("\xEF\x80\x80");
    al->is_list = true;
    return keep(r, s, &al->list_delimiter, e);
}

static bool take_number(struct str s, size_t *at, int64_t *out)
{
    size_t from = *at, to = from;
    if (to < s.n && (s.p[to] == '-' || s.p[to] == '+')) to++;
    while (to < s.n && s.p[to] >= '0' && s.p[to] <= '9') to++;
    *at = to;
    return str_to_i64(str_slice(s, from, to), out);
}

static void pass_blanks(struct str s, size_t *at)
{
    while (*at < s.n && s.p[*at] == ' ') ++*at;
}

/* "[a-b]", "[a,b]", "[n]" */
static bool set_range(struct ddf_allowed *al, struct str s)
{
    size_t at = 1;
    if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']') return false;
    pass_blanks(s, &at);
    if (!take_number(s, &at, &al->min)) return false;
    pass_blanks(s, &at);
    al->max = al->min;
    if (s.p[at] == '-' || s.p[at] == ',') {
        at++;
        pass_blanks(s, &at);
        if (!take_number(s, &at, &al->max)) return false;
        pass_blanks(s, &at);
    }
    return at == s.n - 1 && al->min <= al->max;
}

/* Several ranges are merged into one from the lowest to the highest bound. */
static void add_range(struct open_node *o, struct str s)
{
    struct ddf_allowed *al = &o->n->pub.allowed;
    int64_t min = al->min, max = al->max;
    if (!set_range(al, s))
        al->kind = DDF_ALLOW_OTHER; /* an unknown form of range restricts nothing */
    else if (o->has_range && min < al->min)
        al->min = min;
    if (o->has_range && max > al->max) al->max = max;
    o->has_range = true;
}

static enum rc set_allowed_value(struct ddf_loading *r, struct str s, struct err *e)
{
    struct ddf_allowed *al = &top(r)->n->pub.allowed;
    if (al->kind == DDF_ALLOW_RANGE) add_range(top(r), s);
    if (al->kind != DDF_ALLOW_REGEX && al->kind != DDF_ALLOW_OTHER) return RC_OK;
    al->values = ARENA_NEW(&r->doc->a, struct str);
    if (!al->values) return no_memory(r, e);
    al->n = 1;
    return keep(r, s, &al->values[0], e);
}

/* Keep which template of which file restricts the value. */
static enum rc set_template(struct ddf_loading *r, const struct ddf_xml_tag *tag, struct err *e)
{
    struct str text = arena_printf(&r->doc->a, "%.*s/%.*s (%.*s)", STR_ARG(attribute(tag, "Area")),
                                   STR_ARG(attribute(tag, "Name")), STR_ARG(attribute(tag, "File")));
    return text.p ? set_allowed_value(r, text, e) : no_memory(r, e);
}

static enum rc open_enum(struct ddf_loading *r, unsigned line, struct err *e)
{
    struct open_node *o = top(r);
    if (o->n_values == o->room) {
        size_t room = o->room ? 2 * o->room : 8;
        struct str *values = ARENA_ARRAY(&r->doc->a, struct str, room);
        struct str *labels = ARENA_ARRAY(&r->doc->a, struct str, room);
        if (room > ENUM_VALUES)
            return err_at(e, RC_LIMIT, r->name, line, 0, "a node has more than %d allowed values", ENUM_VALUES);
        if (!values || !labels) return no_memory(r, e);
        for (size_t i = 0; i < o->n_values; i++) {
            values[i] = o->values[i];
            labels[i] = o->labels[i];
        }
        o->values = values;
        o->labels = labels;
        o->room = room;
    }
    o->values[o->n_values] = o->labels[o->n_values] = (struct str){ 0 };
    o->n_values++;
    return RC_OK;
}

/* --- notes ---------------------------------------------------------------------------------------------------- */

static struct ddf_notes *notes_of(struct ddf_loading *r)
{
    struct open_node *o = top(r);
    if (!o->notes) o->n->pub.notes = o->notes = ARENA_NEW(&r->doc->a, struct ddf_notes);
    return o->notes;
}

static enum rc depends_on(struct ddf_loading *r, struct str uri, struct err *e)
{
    struct ddf_notes *n = notes_of(r);
    if (!n) return no_memory(r, e);
    if (!uri.n || n->depends_on.n > DEPENDS_BYTES) return RC_OK;
    n->depends_on = arena_printf(&r->doc->a, "%.*s%s%.*s %.*s", STR_ARG(n->depends_on), n->depends_on.n ? "\n" : "",
                                 STR_ARG(top(r)->dependency), STR_ARG(uri));
    return n->depends_on.p ? RC_OK : no_memory(r, e);
}

/* An attribute's text for display: libxml2 leaves "&#38;" where the document has "&amp;". */
static enum rc keep_words(struct ddf_loading *r, struct str s, struct str *out, struct err *e)
{
    const struct str amp = STR("&#38;");
    char *p = s.n ? arena_bytes(&r->doc->a, s.n) : NULL;
    size_t n = 0;
    if (!p) return s.n ? no_memory(r, e) : RC_OK;
    for (size_t i = 0; i < s.n; i += str_starts(str_slice(s, i, s.n), amp) ? amp.n : 1) p[n++] = s.p[i];
    *out = (struct str){ p, n };
    return RC_OK;
}

/* An element whose presence or attributes are its content. */
static enum rc note_tag(struct ddf_loading *r, enum el el, const struct ddf_xml_tag *tag, struct err *e)
{
    struct ddf_notes *n = notes_of(r);
    if (!n) return no_memory(r, e);
    switch (el) {
    case E_ATOMIC: n->atomic_required = true; return RC_OK;
    case E_DEPRECATED:
        n->deprecated = true;
        return keep(r, attribute(tag, "OsBuildDeprecated"), &n->deprecated_since, e);
    case E_GROUP_POLICY: return keep_words(r, attribute(tag, "GpEnglishName"), &n->group_policy, e);
    case E_NAMED_BY:
        n->naming = str_is(tag->name, "ClientInventory") ? DDF_NAME_BY_DEVICE : DDF_NAME_BY_SERVER;
        return RC_OK;
    default: return RC_OK;
    }
}

static enum rc note_text(struct ddf_loading *r, enum el el, struct str s, struct err *e)
{
    struct ddf_notes *n = s.n ? notes_of(r) : NULL;
    if (!n) return s.n ? no_memory(r, e) : RC_OK;
    switch (el) {
    case E_OS_BUILD: return keep(r, s, &n->os_build, e);
    case E_VERSION: return keep(r, s, &n->version, e);
    case E_EDITIONS: return keep(r, s, &n->editions, e);
    case E_REBOOT: return keep(r, s, &n->reboot, e);
    case E_NAME_PATTERN: n->naming = DDF_NAME_UNIQUE; return keep(r, s, &n->name_pattern, e);
    default: return RC_OK;
    }
}

/* --- events --------------------------------------------------------------------------------------------------- */

static enum el known(enum el in, bool msft, struct str name)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (elements[i].in == in && elements[i].msft == msft && str_is(name, elements[i].name)) return elements[i].el;
    return E_SKIP;
}

/* Elements that are only their name: <Get/>, <int/>, <One/>. */
static enum el see_flag(struct ddf_loading *r, enum el in, struct str name)
{
    struct open_node *o = top(r);
    switch (in) {
    case E_ACCESS: set_access(o, name); return E_FLAG;
    case E_FORMAT: set_format(o, name, r->at[r->depth - 1] == E_DF); return E_FLAG;
    case E_OCCURRENCE: return set_occurrence(o, name) ? E_TIMES : E_FLAG;
    case E_SCOPE: o->n->pub.permanent = str_is(name, "Permanent"); return E_FLAG;
    case E_CASE: set_case(o, name); return E_FLAG;
    default: return E_SKIP;
    }
}

static enum rc on_start(void *ctx, const struct ddf_xml_tag *tag, struct err *e)
{
    struct ddf_loading *r = ctx;
    enum el in = r->at[r->depth], el;
    bool msft = str_is(tag->ns, "http://schemas.microsoft.com/MobileDevice/DM") || str_is(tag->prefix, "MSFT");
    el = known(in, msft, tag->name);
    if (el == E_SKIP && !msft && in != E_NONE) el = r->n_open ? see_flag(r, in, tag->name) : E_SKIP;
    if (in == E_NONE && el != E_TREE)
        return err_at(e, RC_INVALID, r->name, tag->line, 0, "the outermost element is %.*s: a DDF has MgmtTree there",
                      STR_ARG(str_slice(tag->name, 0, 60)));
    r->at[++r->depth] = el;
    buf_reset(&r->text);
    switch (el) {
    case E_NODE: {
        enum rc rc = open_node(r, tag->line, e);
        if (!rc) top(r)->n->pub.secret = str_eq_fold(attribute(tag, "Secret"), STR("true"));
        return rc;
    }
    case E_DF: top(r)->n->pub.secret |= str_eq_fold(attribute(tag, "Secret"), STR("true")); return RC_OK;
    case E_ALLOWED: return set_allowed_kind(r, attribute(tag, "ValueType"), e);
    case E_LIST: return set_delimiter(r, attribute(tag, "Delimiter"), tag->line, e);
    case E_ADMX: return set_template(r, tag, e);
    case E_ENUM: return open_enum(r, tag->line, e);
    case E_DEPENDS_ON: return keep(r, attribute(tag, "Type"), &top(r)->dependency, e);
    case E_ATOMIC:
    case E_DEPRECATED:
    case E_GROUP_POLICY:
    case E_NAMED_BY: return note_tag(r, el, tag, e);
    default: return RC_OK;
    }
}

static enum rc set_name(struct ddf_loading *r, struct str s, unsigned line, struct err *e)
{
    struct open_node *o = top(r);
    if (str_starts(s, STR("./"))) s = str_slice(s, 2, s.n);
    s = fixed_name(s);
    if (s.n > DDF_NODE_NAME_BYTES)
        return err_at(e, RC_LIMIT, r->name, line, 0, "a NodeName has more than %d bytes", DDF_NODE_NAME_BYTES);
    if (str_find(s, '/', 0) < s.n || str_is(s, ".."))
        return err_at(e, RC_INVALID, r->name, line, 0, "NodeName \"%.*s\" is not a valid name",
                      STR_ARG(str_slice(s, 0, 100)));
    return keep(r, s, &o->n->pub.name, e);
}

/* An element's text is complete. */
static enum rc take_text(struct ddf_loading *r, enum el el, struct str s, unsigned line, struct err *e)
{
    struct open_node *o = top(r);
    struct ddf_node *n = &o->n->pub;
    switch (el) {
    case E_NAME: return set_name(r, s, line, e);
    case E_PATH: o->has_path = true; return keep(r, s, &o->path, e);
    case E_VALUE:
        if (n->has_default) return RC_OK;
        n->has_default = true;
        return keep(r, s, &n->default_value, e);
    case E_DEFAULT: n->has_default = true; return keep(r, s, &n->default_value, e);
    case E_DESCRIPTION: return keep(r, s, &n->description, e);
    case E_TITLE: return keep(r, s, &n->title, e);
    case E_FORMAT:
        set_format(o, s, r->at[r->depth] == E_DF); /* some documents have <DFFormat>chr</DFFormat> */
        return RC_OK;
    case E_TIMES: set_times(o, s); return RC_OK;
    case E_MIME: return add_mime(r, s, line, e);
    case E_DDF_NAME: return keep(r, s, &n->ddf_name, e);
    case E_CONFLICT: set_hint(o, s); return RC_OK;
    case E_ALLOWED_VALUE: return set_allowed_value(r, s, e);
    case E_ENUM_VALUE: return keep(r, s, &o->values[o->n_values - 1], e);
    case E_ENUM_LABEL: return keep(r, s, &o->labels[o->n_values - 1], e);
    case E_DEPENDS_URI: return depends_on(r, s, e);
    case E_OS_BUILD:
    case E_VERSION:
    case E_EDITIONS:
    case E_REBOOT:
    case E_NAME_PATTERN: return note_text(r, el, s, e);
    default: return RC_OK;
    }
}

static enum rc on_end(void *ctx, unsigned line, struct err *e)
{
    struct ddf_loading *r = ctx;
    enum el el = r->at[r->depth--];
    enum rc rc;
    if (el == E_NODE)
        rc = close_node(r, e);
    else
        rc = r->n_open ? take_text(r, el, str_trim(buf_str(&r->text)), line, e) : RC_OK;
    buf_reset(&r->text);
    return rc;
}

static enum rc on_text(void *ctx, struct str s, struct err *e)
{
    struct ddf_loading *r = ctx;
    buf_put(&r->text, s);
    return buf_ok(&r->text) ? RC_OK : no_memory(r, e);
}

/* CaseSense applies to everything below, unless a node below has its own; one pass when the tree is complete. */
static void inherit_case(struct schema_node *n, bool ignore)
{
    n->pub.ignore_case = n->pub.ignore_case || ignore;
    for (struct schema_node *c = n->first; c; c = c->next) inherit_case(c, n->pub.ignore_case);
}

enum rc schema_read(struct str text, const char *name, struct str document, struct schema_doc *doc, struct err *e)
{
    static const struct ddf_xml_events events = { on_start, on_end, on_text };
    struct ddf_loading r = { .doc = doc, .name = name };
    enum rc rc;
    if (text.n > DDF_BYTES) return err_at(e, RC_LIMIT, name, 0, 0, "is larger than %d bytes", DDF_BYTES);
    if (!arena_str(&doc->a, document, &r.document)) return no_memory(&r, e);
    buf_init(&r.text, DDF_BYTES);
    doc->root = new_node(&r, STR("."));
    rc = doc->root ? ddf_xml_walk(text, name, &events, &r, e) : no_memory(&r, e);
    buf_finish(&r.text);
    if (!rc && !doc->root->first) rc = err_at(e, RC_INVALID, name, 0, 0, "the document describes no node");
    if (!rc) inherit_case(doc->root, false);
    return rc;
}
