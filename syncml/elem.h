/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_ELEM_H
#define SYNCML_ELEM_H
/*
 * The elements of SyncML and MetInf with their place in WBXML: id = code page << 6
 * token (protocol.md 17). Names are unique over both pages, so a local name identifies its element whatever its
 * namespace or prefix (20, trap 25).
 */
#include "base/str.h"

/* id, name, page << 6 | token, then the first, the middle and the last letter of the name for ELEM_SLOT. */
#define SML_ELEMS(X)                                                                                                   \
    X(ADD, "Add", 0x05, 'A', 'd', 'd')                                                                                 \
    X(ALERT, "Alert", 0x06, 'A', 'e', 't')                                                                             \
    X(ARCHIVE, "Archive", 0x07, 'A', 'h', 'e')                                                                         \
    X(ATOMIC, "Atomic", 0x08, 'A', 'm', 'c')                                                                           \
    X(CHAL, "Chal", 0x09, 'C', 'a', 'l')                                                                               \
    X(CMD, "Cmd", 0x0A, 'C', 'm', 'd')                                                                                 \
    X(CMDID, "CmdID", 0x0B, 'C', 'd', 'D')                                                                             \
    X(CMDREF, "CmdRef", 0x0C, 'C', 'R', 'f')                                                                           \
    X(COPY, "Copy", 0x0D, 'C', 'p', 'y')                                                                               \
    X(CRED, "Cred", 0x0E, 'C', 'e', 'd')                                                                               \
    X(DATA, "Data", 0x0F, 'D', 't', 'a')                                                                               \
    X(DELETE, "Delete", 0x10, 'D', 'e', 'e')                                                                           \
    X(EXEC, "Exec", 0x11, 'E', 'e', 'c')                                                                               \
    X(FINAL, "Final", 0x12, 'F', 'n', 'l')                                                                             \
    X(GET, "Get", 0x13, 'G', 'e', 't')                                                                                 \
    X(ITEM, "Item", 0x14, 'I', 'e', 'm')                                                                               \
    X(LANG, "Lang", 0x15, 'L', 'n', 'g')                                                                               \
    X(LOCNAME, "LocName", 0x16, 'L', 'N', 'e')                                                                         \
    X(LOCURI, "LocURI", 0x17, 'L', 'U', 'I')                                                                           \
    X(MAP, "Map", 0x18, 'M', 'a', 'p')                                                                                 \
    X(MAPITEM, "MapItem", 0x19, 'M', 'I', 'm')                                                                         \
    X(META, "Meta", 0x1A, 'M', 't', 'a')                                                                               \
    X(MSGID, "MsgID", 0x1B, 'M', 'g', 'D')                                                                             \
    X(MSGREF, "MsgRef", 0x1C, 'M', 'R', 'f')                                                                           \
    X(NORESP, "NoResp", 0x1D, 'N', 'e', 'p')                                                                           \
    X(NORESULTS, "NoResults", 0x1E, 'N', 's', 's')                                                                     \
    X(PUT, "Put", 0x1F, 'P', 'u', 't')                                                                                 \
    X(REPLACE, "Replace", 0x20, 'R', 'l', 'e')                                                                         \
    X(RESPURI, "RespURI", 0x21, 'R', 'p', 'I')                                                                         \
    X(RESULTS, "Results", 0x22, 'R', 'u', 's')                                                                         \
    X(SEARCH, "Search", 0x23, 'S', 'r', 'h')                                                                           \
    X(SEQUENCE, "Sequence", 0x24, 'S', 'e', 'e')                                                                       \
    X(SESSIONID, "SessionID", 0x25, 'S', 'i', 'D')                                                                     \
    X(SFTDEL, "SftDel", 0x26, 'S', 'D', 'l')                                                                           \
    X(SOURCE, "Source", 0x27, 'S', 'r', 'e')                                                                           \
    X(SOURCEREF, "SourceRef", 0x28, 'S', 'c', 'f')                                                                     \
    X(STATUS, "Status", 0x29, 'S', 't', 's')                                                                           \
    X(SYNC, "Sync", 0x2A, 'S', 'n', 'c')                                                                               \
    X(SYNCBODY, "SyncBody", 0x2B, 'S', 'B', 'y')                                                                       \
    X(SYNCHDR, "SyncHdr", 0x2C, 'S', 'c', 'r')                                                                         \
    X(SYNCML, "SyncML", 0x2D, 'S', 'c', 'L')                                                                           \
    X(TARGET, "Target", 0x2E, 'T', 'g', 't')                                                                           \
    X(TARGETREF, "TargetRef", 0x2F, 'T', 'e', 'f')                                                                     \
    X(VERDTD, "VerDTD", 0x31, 'V', 'D', 'D')                                                                           \
    X(VERPROTO, "VerProto", 0x32, 'V', 'r', 'o')                                                                       \
    X(NUMBEROFCHANGES, "NumberOfChanges", 0x33, 'N', 'f', 's')                                                         \
    X(MOREDATA, "MoreData", 0x34, 'M', 'D', 'a')                                                                       \
    X(FIELD, "Field", 0x35, 'F', 'e', 'd')                                                                             \
    X(FILTER, "Filter", 0x36, 'F', 't', 'r')                                                                           \
    X(RECORD, "Record", 0x37, 'R', 'o', 'd')                                                                           \
    X(FILTERTYPE, "FilterType", 0x38, 'F', 'r', 'e')                                                                   \
    X(SOURCEPARENT, "SourceParent", 0x39, 'S', 'P', 't')                                                               \
    X(TARGETPARENT, "TargetParent", 0x3A, 'T', 'P', 't')                                                               \
    X(MOVE, "Move", 0x3B, 'M', 'v', 'e')                                                                               \
    X(CORRELATOR, "Correlator", 0x3C, 'C', 'l', 'r')                                                                   \
    X(ANCHOR, "Anchor", 0x45, 'A', 'h', 'r')                                                                           \
    X(EMI, "EMI", 0x46, 'E', 'M', 'I')                                                                                 \
    X(FORMAT, "Format", 0x47, 'F', 'm', 't')                                                                           \
    X(FREEID, "FreeID", 0x48, 'F', 'e', 'D')                                                                           \
    X(FREEMEM, "FreeMem", 0x49, 'F', 'e', 'm')                                                                         \
    X(LAST, "Last", 0x4A, 'L', 's', 't')                                                                               \
    X(MARK, "Mark", 0x4B, 'M', 'r', 'k')                                                                               \
    X(MAXMSGSIZE, "MaxMsgSize", 0x4C, 'M', 'g', 'e')                                                                   \
    X(MEM, "Mem", 0x4D, 'M', 'e', 'm')                                                                                 \
    X(METINF, "MetInf", 0x4E, 'M', 'I', 'f')                                                                           \
    X(NEXT, "Next", 0x4F, 'N', 'x', 't')                                                                               \
    X(NEXTNONCE, "NextNonce", 0x50, 'N', 'N', 'e')                                                                     \
    X(SHAREDMEM, "SharedMem", 0x51, 'S', 'e', 'm')                                                                     \
    X(SIZE, "Size", 0x52, 'S', 'z', 'e')                                                                               \
    X(TYPE, "Type", 0x53, 'T', 'p', 'e')                                                                               \
    X(VERSION, "Version", 0x54, 'V', 's', 'n')                                                                         \
    X(MAXOBJSIZE, "MaxObjSize", 0x55, 'M', 'j', 'e')                                                                   \
    X(FIELDLEVEL, "FieldLevel", 0x56, 'F', 'L', 'l')

enum sml_elem {
    SML_E_UNKNOWN = 0,
#define X(id, name, code, first, middle, last) SML_E_##id = (code),
    SML_ELEMS(X)
#undef X
        SML_ELEM_CODES = 0x80
};

enum { SML_PAGE_SYNCML, SML_PAGE_METINF, SML_PAGE_DDF, SML_PAGES };
static inline unsigned sml_elem_page(unsigned elem)
{
    return elem >> 6;
}

extern const struct str sml_elem_names[SML_ELEM_CODES];
/** Name of an element; empty for a code without element. */
static inline struct str sml_elem_name(unsigned elem)
{
    return elem < SML_ELEM_CODES ? sml_elem_names[elem] : (struct str){ 0 };
}
/** By exact local name. */
enum sml_elem sml_elem_of_name(struct str name);
/** Name of a token on any of the three pages; empty for a token without name. */
struct str sml_token_name(unsigned page, unsigned token);
/** The XML namespace of a code page. */
struct str sml_page_namespace(unsigned page);
#endif
