/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/build.h"
#include "base/text.h"
#include "syncml/codec.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What a child element means in its place. First the leaves, whose text goes to `at`; each also sets the bool at
 * `flag`, if there is one. */
enum what {
    WHAT_TEXT = 1, /* trimmed */
    WHAT_FORMAT,   /* as WHAT_TEXT, in lower case (trap 10) */
    WHAT_B64,      /* as WHAT_TEXT; octets of an OPAQUE become base64 */
    WHAT_NUMBER,   /* uint64_t; left unset when the text is not a number */
    WHAT_DATA,     /* kept to the octet */
    WHAT_LAST_LEAF = WHAT_DATA,
    WHAT_FLAG, /* an element without content: its presence is the value */
    WHAT_INTO, /* a structure at `at` whose children are those of `place` */
    WHAT_ITEM,
    WHAT_TARGET_REF,
    WHAT_SOURCE_REF, /* appended to a list of the command */
    WHAT_HEADER,
    WHAT_BODY,
};

struct child {
    uint8_t what, place;
    uint16_t at, flag;
};

#define AT(type, field) (uint16_t) offsetof(struct type, field)
#define TEXT(type, field)                                                                                              \
    {                                                                                                                  \
        WHAT_TEXT, SML_AT_TEXT, AT(type, field), 0                                                                     \
    }
#define FLAG(type, field)                                                                                              \
    {                                                                                                                  \
        WHAT_FLAG, SML_AT_SKIP, 0, AT(type, field)                                                                     \
    }
#define INTO(place, type, field)                                                                                       \
    {                                                                                                                  \
        WHAT_INTO, (place), AT(type, field), 0                                                                         \
    }
#define META(type, field)                                                                                              \
    {                                                                                                                  \
        WHAT_INTO, SML_AT_META, AT(type, field), AT(type, field.present)                                               \
    }
#define CRED(type, field)                                                                                              \
    {                                                                                                                  \
        WHAT_INTO, SML_AT_CRED, AT(type, field), AT(type, field.present)                                               \
    }
/* Type and Format directly in the command instead of in Meta (Windows). */
#define LOOSE_META(owner)                                                                                              \
    [SML_E_TYPE] = { WHAT_TEXT, SML_AT_TEXT, AT(owner, meta.type), AT(owner, meta.present) }, [SML_E_FORMAT] = {       \
        WHAT_FORMAT, SML_AT_TEXT, AT(owner, meta.format), AT(owner, meta.present)                                      \
    }

static const struct child children[SML_PLACES][SML_ELEM_CODES] = {
    [SML_AT_MESSAGE] = {
        [SML_E_SYNCHDR] = { WHAT_HEADER, SML_AT_HEADER, 0, 0 },
        [SML_E_SYNCBODY] = { WHAT_BODY, SML_AT_BODY, 0, 0 },
    },
    [SML_AT_HEADER] = {
        [SML_E_VERDTD] = TEXT(sml_msg, ver_dtd),
        [SML_E_VERPROTO] = TEXT(sml_msg, ver_proto),
        [SML_E_SESSIONID] = TEXT(sml_msg, session_id),
        [SML_E_MSGID] = TEXT(sml_msg, msg_id),
        [SML_E_TARGET] = INTO(SML_AT_PARTY, sml_msg, target),
        [SML_E_SOURCE] = INTO(SML_AT_PARTY, sml_msg, source),
        [SML_E_RESPURI] = TEXT(sml_msg, resp_uri),
        [SML_E_NORESP] = FLAG(sml_msg, no_resp),
        [SML_E_CRED] = CRED(sml_msg, cred),
        [SML_E_META] = META(sml_msg, meta),
    },
    [SML_AT_BODY] = {
        [SML_E_FINAL] = FLAG(sml_msg, final),
    },
    [SML_AT_CMD] = {
        [SML_E_CMDID] = TEXT(sml_cmd, cmd_id),
        [SML_E_MSGREF] = TEXT(sml_cmd, msg_ref),
        [SML_E_CMDREF] = TEXT(sml_cmd, cmd_ref),
        [SML_E_CMD] = TEXT(sml_cmd, cmd),
        [SML_E_TARGETREF] = { WHAT_TARGET_REF, 0, 0, 0 },
        [SML_E_SOURCEREF] = { WHAT_SOURCE_REF, 0, 0, 0 },
        [SML_E_DATA] = TEXT(sml_cmd, data),
        [SML_E_CORRELATOR] = TEXT(sml_cmd, correlator),
        [SML_E_NORESP] = FLAG(sml_cmd, no_resp),
        [SML_E_META] = META(sml_cmd, meta),
        [SML_E_CRED] = CRED(sml_cmd, cred),
        [SML_E_CHAL] = CRED(sml_cmd, chal),
        [SML_E_ITEM] = { WHAT_ITEM, SML_AT_ITEM, 0, 0 },
        LOOSE_META(sml_cmd),
    },
    [SML_AT_ITEM] = {
        [SML_E_TARGET] = INTO(SML_AT_PARTY, sml_item, target),
        [SML_E_SOURCE] = INTO(SML_AT_PARTY, sml_item, source),
        [SML_E_META] = META(sml_item, meta),
        [SML_E_DATA] = { WHAT_DATA, SML_AT_DATA, AT(sml_item, data), AT(sml_item, has_data) },
        [SML_E_MOREDATA] = FLAG(sml_item, more_data),
        LOOSE_META(sml_item),
    },
    [SML_AT_PARTY] = {              /* two texts: LocURI, and LocName behind it */
        [SML_E_LOCURI] = { WHAT_TEXT, SML_AT_TEXT, 0, 0 },
        [SML_E_LOCNAME] = { WHAT_TEXT, SML_AT_TEXT, sizeof(struct str), 0 },
    },
    [SML_AT_CRED] = {
        [SML_E_META] = META(sml_cred, meta),
        [SML_E_DATA] = { WHAT_B64, SML_AT_TEXT, AT(sml_cred, data), 0 },
    },
    [SML_AT_META] = {
        [SML_E_METINF] = { WHAT_INTO, SML_AT_META, 0, 0 },
        [SML_E_FORMAT] = { WHAT_FORMAT, SML_AT_TEXT, AT(sml_meta, format), 0 },
        [SML_E_TYPE] = TEXT(sml_meta, type),
        [SML_E_MARK] = TEXT(sml_meta, mark),
        [SML_E_NEXTNONCE] = { WHAT_B64, SML_AT_TEXT, AT(sml_meta, next_nonce), 0 },
        [SML_E_SIZE] = { WHAT_NUMBER, SML_AT_TEXT, AT(sml_meta, size), AT(sml_meta, has_size) },
        [SML_E_MAXMSGSIZE] = { WHAT_NUMBER, SML_AT_TEXT, AT(sml_meta, max_msg_bytes), AT(sml_meta, has_max_msg) },
        [SML_E_MAXOBJSIZE] = { WHAT_NUMBER, SML_AT_TEXT, AT(sml_meta, max_obj_bytes), AT(sml_meta, has_max_obj) },
    },
};

_Static_assert(offsetof(struct sml_msg, target_name) == offsetof(struct sml_msg, target) + sizeof(struct str), "party");
_Static_assert(offsetof(struct sml_msg, source_name) == offsetof(struct sml_msg, source) + sizeof(struct str), "party");
_Static_assert(offsetof(struct sml_item, target_name) == offsetof(struct sml_item, target) + sizeof(struct str),
               "party");
_Static_assert(offsetof(struct sml_item, source_name) == offsetof(struct sml_item, source) + sizeof(struct str),
               "party");

void build_init(struct build *b, struct arena *a, struct sml_msg *msg, struct err *e)
{
    b->a = a;
    b->msg = msg;
    b->e = e;
    b->rc = RC_OK;
    b->depth = b->elements = 0;
    b->header = b->body = b->done = b->dtd_known = b->opaque = false;
    b->text = (struct str){ 0 };
    b->room = 0;
    b->frame[0] = (struct build_frame){ .place = SML_AT_DOC };
}

enum rc build_fail(struct build *b, enum rc rc, const char *fmt, ...)
{
    if (b->rc) return b->rc;
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct str in = sml_elem_name(b->frame[b->depth].elem);
    err_set(b->e, rc, in.n ? "%s, in %.*s" : "%s", what, STR_ARG(in));
    return b->rc = rc;
}

/* True when a ceiling is exceeded; the error names which. */
bool build_over(struct build *b)
{
    if (b->elements > SML_ELEMENTS)
        build_fail(b, RC_LIMIT, "more than %d elements", SML_ELEMENTS);
    else
        build_fail(b, RC_LIMIT, "more than %d elements inside each other", SML_DEPTH);
    return false;
}

static inline struct build_frame *push(struct build *b, unsigned place, unsigned elem, void *obj)
{
    struct build_frame *f = &b->frame[++b->depth];
    f->place = (uint8_t)place;
    f->elem = (uint8_t)elem;
    f->obj = obj;
    return f;
}

static const struct child ref_child = { WHAT_TEXT, SML_AT_TEXT, AT(sml_ref, uri), 0 };

static inline void push_leaf(struct build *b, const struct child *c, unsigned elem, void *obj)
{
    struct build_frame *f = push(b, c->place, elem, obj);
    f->what = c->what;
    f->at = c->at;
    f->flag = c->flag;
    b->text = (struct str){ 0 };
    b->room = 0;
    b->opaque = false;
}

static void *new_of(struct build *b, size_t n)
{
    void *p = arena_alloc(b->a, n);
    if (!p) build_fail(b, RC_NOMEM, "message is too large for its memory");
    return p;
}

static void push_item(struct build *b, struct build_frame *cmd)
{
    struct sml_item *item = new_of(b, sizeof *item);
    if (!item) return;
    *cmd->items = item;
    cmd->items = &item->next;
    push(b, SML_AT_ITEM, SML_E_ITEM, item);
}

static void push_ref(struct build *b, struct sml_ref ***tail, unsigned elem)
{
    struct sml_ref *ref = new_of(b, sizeof *ref);
    if (!ref) return;
    **tail = ref;
    *tail = &ref->next;
    push_leaf(b, &ref_child, elem, ref);
}

static void push_cmd(struct build *b, struct build_frame *parent, unsigned elem, struct str name)
{
    struct sml_cmd *c = new_of(b, sizeof *c);
    if (!c) return;
    c->kind = sml_cmd_kind_of_elem(elem);
    c->name = sml_elem_name(elem);
    if (!elem && !arena_str(b->a, name, &c->name)) {
        build_fail(b, RC_NOMEM, "message is too large for its memory");
        return;
    }
    *parent->cmds = c;
    parent->cmds = &c->next;
    struct build_frame *f = push(b, SML_AT_CMD, elem, c);
    f->container = c->kind == SML_ATOMIC || c->kind == SML_SEQUENCE || c->kind == SML_SYNC;
    f->items = &c->items;
    f->targets = &c->target_refs;
    f->sources = &c->source_refs;
    f->cmds = &c->children;
}

static void push_part(struct build *b, const struct child *c, unsigned elem, bool *seen)
{
    if (*seen) {
        build_fail(b, RC_PARSE, "second %.*s", STR_ARG(sml_elem_name(elem)));
        return;
    }
    *seen = true;
    struct build_frame *f = push(b, c->place, elem, b->msg);
    f->container = c->place == SML_AT_BODY;
    f->cmds = &b->msg->cmds;
}

/* The root element: no other element may be outside it. */
static void push_root(struct build *b, unsigned elem, struct str name)
{
    if (elem == SML_E_SYNCML && !b->done)
        push(b, SML_AT_MESSAGE, elem, b->msg);
    else
        build_fail(b, RC_PARSE, "root element is %.*s, expected one SyncML",
                   STR_ARG(elem ? sml_elem_name(elem) : name));
}

/* An element that is not expected in its place. */
static void push_other(struct build *b, struct build_frame *f, unsigned elem, struct str name)
{
    if (f->place == SML_AT_DOC)
        push_root(b, elem, name);
    else if (f->place == SML_AT_BODY || (f->place == SML_AT_CMD && f->container))
        push_cmd(b, f, elem, name);
    else if (f->place == SML_AT_TEXT && f->elem != SML_E_DATA)
        build_fail(b, RC_PARSE, "an element (%.*s) inside a text", STR_ARG(elem ? sml_elem_name(elem) : name));
    else
        push(b, SML_AT_SKIP, elem, NULL);
}

static void push_branch(struct build *b, struct build_frame *f, const struct child *c, unsigned elem)
{
    char *obj = f->obj;
    switch ((enum what)c->what) {
    case WHAT_FLAG:
    case WHAT_INTO:
        if (c->flag) *(bool *)(void *)(obj + c->flag) = true;
        push(b, c->place, elem, obj + c->at);
        break;
    case WHAT_ITEM: push_item(b, f); break;
    case WHAT_TARGET_REF: push_ref(b, &f->targets, elem); break;
    case WHAT_SOURCE_REF: push_ref(b, &f->sources, elem); break;
    case WHAT_HEADER: push_part(b, c, elem, &b->header); break;
    case WHAT_BODY: push_part(b, c, elem, &b->body); break;
    default: break;
    }
}

void build_start(struct build *b, unsigned elem, struct str name)
{
    if (!build_count(b, 0)) return;
    struct build_frame *f = &b->frame[b->depth];
    const struct child *c = &children[f->place][elem];
    if (c->what == 0)
        push_other(b, f, elem, name);
    else if (c->what <= WHAT_LAST_LEAF)
        push_leaf(b, c, elem, f->obj);
    else
        push_branch(b, f, c, elem);
}

/* Gather a text that comes in several pieces, or whose piece does not stay valid, in the arena; the room doubles. */
static void gather(struct build *b, struct str s)
{
    if (b->room < b->text.n + s.n) {
        size_t room = b->room ? 2 * b->room : 64;
        while (room < b->text.n + s.n) room *= 2;
        char *p = arena_bytes(b->a, room);
        if (!p) {
            build_fail(b, RC_NOMEM, "message is too large for its memory");
            return;
        }
        if (b->text.n) memcpy(p, b->text.p, b->text.n);
        b->text.p = p;
        b->room = room;
    }
    /* text.p comes from arena_bytes above, so it may be written. */
    memcpy((char *)(uintptr_t)b->text.p + b->text.n, s.p, s.n);
    b->text.n += s.n;
}

void build_more_text(struct build *b, struct str s, unsigned how)
{
    if (how & BUILD_OPAQUE) b->opaque = true;
    if (b->text.n == 0 && (how & BUILD_BORROW))
        build_set_text(b, s);
    else if (!b->room && b->text.n && (how & BUILD_BORROW) && b->text.p + b->text.n == s.p)
        b->text.n += s.n;
    else
        gather(b, s);
}

static bool is_b64(struct str s)
{
    if (s.n % 4) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
              (c == '=' && i + 2 >= s.n)))
            return false;
    }
    return true;
}

/* A nonce or digest in an OPAQUE may be the octets themselves or their base64 (protocol.md 17, 18 row 8). */
static struct str b64_of(struct build *b, struct str s)
{
    if (!b->opaque || is_b64(str_trim(s))) return str_trim(s);
    char *p = arena_bytes(b->a, text_b64_len(s.n) + 1);
    if (!p) {
        build_fail(b, RC_NOMEM, "message is too large for its memory");
        return s;
    }
    text_b64(s.p, s.n, p);
    return (struct str){ p, text_b64_len(s.n) };
}

static struct str lower(struct build *b, struct str s)
{
    size_t upper = 0;
    while (upper < s.n && !(s.p[upper] >= 'A' && s.p[upper] <= 'Z')) upper++;
    char *p = upper < s.n ? arena_bytes(b->a, s.n) : NULL;
    if (upper < s.n && !p) build_fail(b, RC_NOMEM, "message is too large for its memory");
    if (!p) return s;
    for (size_t i = 0; i < s.n; i++) p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
    return (struct str){ p, s.n };
}

/* str_trim with a fast path for texts without blanks. */
static inline struct str trim(struct str s)
{
    return s.n && (unsigned char)s.p[0] > ' ' && (unsigned char)s.p[s.n - 1] > ' ' ? s : str_trim(s);
}

static void end_special(struct build *b, const struct build_frame *f, struct str *s)
{
    if (f->what == WHAT_FORMAT)
        *s = lower(b, trim(*s));
    else if (f->what == WHAT_B64)
        *s = b64_of(b, *s);
}

static void end_number(const struct build *b, const struct build_frame *f, char *obj)
{
    uint64_t n;
    if (!str_to_u64(trim(b->text), &n)) return;
    *(uint64_t *)(void *)(obj + f->at) = n;
    *(bool *)(void *)(obj + f->flag) = true;
}

static inline void end_leaf(struct build *b, const struct build_frame *f)
{
    char *obj = f->obj;
    struct str s = b->text;
    if (f->what == WHAT_NUMBER) {
        end_number(b, f, obj);
        return;
    }
    if (f->what == WHAT_TEXT)
        s = trim(s);
    else if (f->what != WHAT_DATA)
        end_special(b, f, &s);
    if (b->opaque && f->what != WHAT_DATA && s.n && !str_is_utf8(s))
        build_fail(b, RC_PARSE, "octets that are not text");
    *(struct str *)(void *)(obj + f->at) = s;
    if (f->flag) *(bool *)(void *)(obj + f->flag) = true;
}

void build_end(struct build *b)
{
    if (b->rc) return;
    if (b->depth == 0) {
        build_fail(b, RC_PARSE, "an end without a start");
        return;
    }
    const struct build_frame *f = &b->frame[b->depth];
    if (f->place == SML_AT_TEXT || f->place == SML_AT_DATA) end_leaf(b, f);
    if (!b->rc && --b->depth == 0) b->done = true;
}

enum rc build_finish(struct build *b)
{
    if (b->rc) return b->rc;
    if (!b->done) return build_fail(b, RC_PARSE, "the message ends too early");
    if (!b->header || !b->body) return build_fail(b, RC_PARSE, "SyncML without %s", b->header ? "SyncBody" : "SyncHdr");
    if (!b->dtd_known && str_is(b->msg->ver_dtd, "1.1")) b->msg->dtd = SML_DTD_1_1;
    return RC_OK;
}
