/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_TNDS_TNDS_INT_H
#define DDF_TNDS_TNDS_INT_H
/* Private to ddf/tnds: shared by the XML and the WBXML reader. Elements are their tokens of WBXML code page 2. */
#include "ddf/tnds/tnds.h"

/* In the order of their tokens, from 5 on (ddf-tnds.md 2, OMA-TS-DM_TND-V1_2_1 10). */
/* clang-format off */
#define TNDS_ELEMENTS(X)                                                                                                        \
    X(AccessType) X(ACL) X(Add) X(b64) X(bin) X(bool) X(chr) X(CaseSense) X(CIS) X(Copy) X(CS) X(date) X(DDFName)               \
    X(DefaultValue) X(Delete) X(Description) X(DFFormat) X(DFProperties) X(DFTitle) X(DFType) X(Dynamic) X(Exec) X(float)       \
    X(Format) X(Get) X(int) X(Man) X(MgmtTree) X(MIME) X(Mod) X(Name) X(Node) X(node) X(NodeName) X(null) X(Occurrence)         \
    X(One) X(OneOrMore) X(OneOrN) X(Path) X(Permanent) X(Replace) X(RTProperties) X(Scope) X(Size) X(time) X(Title) X(TStamp)   \
    X(Type) X(Value) X(VerDTD) X(VerNo) X(xml) X(ZeroOrMore) X(ZeroOrN) X(ZeroOrOne)
/* clang-format on */
enum tnds_element {
    TNDS_UNKNOWN = 0,
    TNDS_BEFORE_FIRST = 4,
#define X(name) TNDS_EL_##name,
    TNDS_ELEMENTS(X)
#undef X
        TNDS_END_OF_ELEMENTS
};
const char *tnds_element_name(enum tnds_element el);
enum tnds_element tnds_element_of(struct str name);
/** The empty element of a format. */
enum tnds_element tnds_element_of_format(enum ddf_format f);

enum { TNDS_OPEN = 3 * DDF_TNDS_DEPTH }; /* elements open at once, including unknown ones */

struct tnds_builder {
    struct arena *a;
    struct ddf_tnds doc;
    uint8_t open[TNDS_OPEN];
    unsigned depth, node_depth;
    struct ddf_tnds_node *node; /* the innermost open one */
    size_t n_nodes;
    struct buf text;
    bool octets;              /* part of the text came as octets, not characters */
    bool raw[DDF_TNDS_DEPTH]; /* the same for the value of the open node at this depth */
};
/* On failure e has no place; the reader adds it. */
enum rc tnds_start(struct tnds_builder *b, enum tnds_element el, struct err *e);
enum rc tnds_text(struct tnds_builder *b, struct str s, bool octets, struct err *e);
enum rc tnds_end(struct tnds_builder *b, struct err *e);
/** Call after the last element. */
enum rc tnds_complete(const struct tnds_builder *b, struct err *e);
#endif
