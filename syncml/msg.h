/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_MSG_H
#define SYNCML_MSG_H
/* One SyncML message, independent of its encoding. Everything borrowed is valid as long as the arena (and, for the
 * decoders, the input bytes) it was decoded from. Structural texts are trimmed; `data` never is (protocol.md 20,
 * trap 24). */
#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"

enum sml_type { SML_XML, SML_WBXML };

/* The root namespace or WBXML public id that the peer used; the answer uses the same (trap 26). */
enum sml_dtd { SML_DTD_1_2, SML_DTD_1_1 };

/* clang-format off */
#define SML_CMDS(X)                                                                     \
    X(STATUS, "Status") X(RESULTS, "Results") X(ALERT, "Alert") X(GET, "Get")           \
    X(ADD, "Add") X(REPLACE, "Replace") X(DELETE, "Delete") X(EXEC, "Exec")             \
    X(COPY, "Copy") X(ATOMIC, "Atomic") X(SEQUENCE, "Sequence")                         \
    X(PUT, "Put") X(SEARCH, "Search") X(MAP, "Map") X(SYNC, "Sync") X(MOVE, "Move")     \
    X(UNKNOWN, "")      /* an element that is not in SyncML: answered with 501 */
/* clang-format on */

enum sml_cmd_kind {
#define X(id, name) SML_##id,
    SML_CMDS(X)
#undef X
        SML_CMD_KINDS
};

struct sml_meta {
    bool present;
    struct str format, type, mark, next_nonce; /* next_nonce as on the wire: base64 text */
    bool has_size, has_max_msg, has_max_obj;
    uint64_t size, max_msg_bytes, max_obj_bytes;
};

struct sml_cred {
    bool present;
    struct sml_meta meta;
    struct str data;
}; /* also Chal, whose data is empty */

struct sml_item {
    struct str target, target_name, source, source_name; /* LocURI and LocName; empty when absent */
    struct sml_meta meta;
    struct str data;
    bool has_data, more_data;
    struct sml_item *next;
};

struct sml_ref {
    struct str uri;
    struct sml_ref *next;
}; /* TargetRef, SourceRef */

struct sml_cmd {
    enum sml_cmd_kind kind;
    struct str name; /* element name; also for SML_UNKNOWN */
    struct str cmd_id;
    struct str msg_ref, cmd_ref, cmd; /* Status and Results; empty when absent (traps 2, 22: the session machines
                                       * complete them) */
    struct sml_ref *target_refs, *source_refs;
    struct str data; /* Status code, Alert code */
    struct str correlator;
    bool no_resp;
    struct sml_meta meta;
    struct sml_cred cred, chal;
    struct sml_item *items;
    struct sml_cmd *children; /* Atomic, Sequence */
    struct sml_cmd *next;
    uintptr_t tag; /* not on the wire: for the session machine */
};

struct sml_msg {
    enum sml_dtd dtd;
    uint8_t wbxml_minor; /* minor version of its WBXML 1.x, when `wbxml` */
    bool wbxml;          /* it came as WBXML: a value of format bin holds its octets (Meta Information DTD, Format) */
    struct str ver_dtd, ver_proto, session_id, msg_id;
    struct str target, target_name, source, source_name, resp_uri;
    bool no_resp, final;
    struct sml_cred cred;
    struct sml_meta meta; /* MaxMsgSize, MaxObjSize */
    struct sml_cmd *cmds;
};

/* Ceilings of the decoders; past them RC_LIMIT (the endpoint answers 413). */
enum {
    SML_MSG_BYTES = 1 << 20, /* one encoded message */
    SML_DEPTH = 64,          /* nested elements */
    SML_ELEMENTS = 50000,
    SML_MSG_ARENA_BYTES = 16 << 20
};

const char *sml_cmd_name(enum sml_cmd_kind k);
/** By exact element name; SML_UNKNOWN for a name that is not in SyncML. */
enum sml_cmd_kind sml_cmd_kind_of(struct str name);

/**
 * Decode one message of either encoding. Strict about bytes (lengths, UTF-8, depth, no DTD, no entities of the
 * document's own), tolerant where clients are known to deviate (child order, prefixes, missing namespaces: protocol.md
 * 20). Binary `Data` (WBXML OPAQUE) is kept unchanged.
 * @param a   owns copies; `in` must stay valid as long
 * @param e   names the byte offset (WBXML) or line and column (XML), and the element
 * @return RC_OK, RC_PARSE, RC_LIMIT, RC_NOMEM
 */
enum rc sml_decode(enum sml_type type, struct str in, struct arena *a, struct sml_msg *out, struct err *e);
/**
 * Encode in DTD order, appended to `out`. WBXML: version 1.3, or the message's own when `wbxml` is set; public id
 * 0x1201 (0x0FD3 for DTD 1.1), UTF-8, empty string table, texts as STR_I; texts with a NUL or invalid UTF-8 and Data of
 * format bin as OPAQUE. XML: Data that XML 1.0 cannot hold is an error (RC_INVALID; the caller sends base64). Each
 * command starts and ends on code page 0, so encoded commands are independent of each other.
 */
enum rc sml_encode(enum sml_type type, const struct sml_msg *m, struct buf *out, struct err *e);
/** Octets of this message without its commands, with Final (room for it is always kept). */
size_t sml_frame_bytes(enum sml_type type, const struct sml_msg *m);
/** Octets that this one command (not its `next`) adds to a message. */
size_t sml_cmd_bytes(enum sml_type type, const struct sml_cmd *c);

/**
 * Convert a DDF or TNDS document in WBXML (a value of a type "...+wbxml") to the equivalent XML: names of code page 2,
 * namespace on the root, no declaration, octets that are not text as base64. (The decoder has converted a tree that
 * came as tags inside Data already.)
 * @param in   the whole document; @param out text in the arena
 * @return RC_OK, RC_PARSE (e names the byte), RC_LIMIT, RC_NOMEM
 */
enum rc sml_tree_to_xml(struct str in, struct arena *a, struct str *out, struct err *e);

/* Content negotiation (protocol.md 15.1, OMA-TS-SyncML_HTTPBinding-V1_2_1). */
#define SML_MIME_XML   "application/vnd.syncml.dm+xml"
#define SML_MIME_WBXML "application/vnd.syncml.dm+wbxml"
/** Content-Type with or without parameters and with or without ".dm". @return false for another type (HTTP 415) */
bool sml_type_of_mime(struct str content_type, enum sml_type *out);
const char *sml_mime(enum sml_type type);
/** The encoding of the answer: the request's, unless there is an Accept header that allows only the other. */
enum sml_type sml_answer_type(enum sml_type request, struct str accept);

/**
 * Must traces, logs and recordings hide its value (by the name of its node, or by the content of a serialised tree)?
 */
bool sml_item_is_secret(const struct sml_item *i);
/** Is its value a serialised tree, or other XML? */
bool sml_item_is_document(const struct sml_item *i);
/** The same by the last name of an address alone. */
bool sml_uri_is_secret(struct str uri);
/**
 * Format a message as readable text for traces: one line for each command, items indented. Cred, nonces and secrets
 * become "***".
 */
void sml_print(const struct sml_msg *m, struct buf *out);
#endif
