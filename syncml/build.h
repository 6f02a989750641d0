/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_BUILD_H
#define SYNCML_BUILD_H
/* Builds a message from elements. Both decoders report what they read as start, text and end. The builder finds each
 * place by name and none by order, skips elements that DM does not use, and enforces the ceilings (protocol.md 3.1,
 * 20). */
#include "syncml/elem.h"
#include "syncml/msg.h"

enum sml_place { /* where a frame is, which decides what its children mean */
                 SML_AT_DOC,
                 SML_AT_MESSAGE,
                 SML_AT_HEADER,
                 SML_AT_BODY,
                 SML_AT_CMD,
                 SML_AT_ITEM,
                 SML_AT_PARTY,
                 SML_AT_CRED,
                 SML_AT_META,
                 SML_AT_TEXT, /* a leaf: its text is stored */
                 SML_AT_DATA, /* an Item's Data: kept to the octet */
                 SML_AT_SKIP, /* skipped with everything in it */
                 SML_PLACES
};

struct build_frame {
    uint8_t place, elem, what;
    bool container;          /* of commands */
    void *obj;               /* the structure that the children fill; for a leaf, the structure that holds its text */
    uint16_t at, flag;       /* of a leaf: offsets in obj of the value and of the bool that marks its presence */
    struct sml_item **items; /* ends of the command's lists */
    struct sml_ref **targets, **sources;
    struct sml_cmd **cmds;
};

struct build {
    struct arena *a;
    struct sml_msg *msg;
    struct err *e;
    enum rc rc; /* first failure; later events are ignored */
    unsigned depth, elements;
    bool header, body, done; /* header and body were seen; the root is closed */
    bool dtd_known;          /* namespace or public id has named the DTD */
    struct str text;         /* text of the current leaf */
    size_t room;             /* owned bytes behind text.p; 0 = borrowed */
    bool opaque;             /* part of it came as WBXML OPAQUE */
    struct build_frame frame[SML_DEPTH + 1];
};

/* How a piece of text is passed. */
enum { BUILD_BORROW = 1 /* valid as long as the message */, BUILD_OPAQUE = 2 };

void build_init(struct build *b, struct arena *a, struct sml_msg *msg, struct err *e);
/** @param elem SML_E_* or 0; @param name the element's name when elem is 0 */
void build_start(struct build *b, unsigned elem, struct str name);
/** Append a piece of text; ignored outside a leaf. */
static inline void build_text(struct build *b, struct str s, unsigned how);
void build_more_text(struct build *b, struct str s, unsigned how);
void build_end(struct build *b);
/** After the last byte: check that every element is closed and every required one is present. */
enum rc build_finish(struct build *b);
/** Record the first failure with the name of the current element. */
enum rc build_fail(struct build *b, enum rc rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool build_over(struct build *b);
/**
 * Count an element, also one that the decoder handles itself (markup inside Data), `extra` levels below the frame.
 * @return false past a ceiling, or after another failure
 */
static inline bool build_count(struct build *b, unsigned extra)
{
    return !b->rc && b->depth + extra < SML_DEPTH && b->elements++ < SML_ELEMENTS ? true : build_over(b);
}
static inline unsigned build_place(const struct build *b)
{
    return b->frame[b->depth].place;
}
static inline void build_text(struct build *b, struct str s, unsigned how)
{
    unsigned place = build_place(b);
    if (b->rc || s.n == 0 || (place != SML_AT_TEXT && place != SML_AT_DATA)) return;
    if (b->text.n == 0 && how == BUILD_BORROW) /* in nearly all cases the only piece */
        b->text = s;
    else
        build_more_text(b, s, how);
}

/** Replace the text of the current leaf. */
static inline void build_set_text(struct build *b, struct str s)
{
    b->text = s;
    b->room = 0;
}
#endif
