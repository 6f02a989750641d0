/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/elem.h"
#include <string.h>

enum { SLOTS = 256, DDF_TOKENS = 0x38 };

/* The slot differs for each of the names, so one probe and one comparison decide. Two equal slots do not compile
 * (-Woverride-init). */
#define ELEM_SLOT(n, first, middle, last) (((n)*19u + (first)*21u + (middle) + (last)*5u) % SLOTS)

static const uint8_t elem_of_slot[SLOTS] = {
#define X(id, name, code, first, middle, last) [ELEM_SLOT(sizeof(name) - 1, first, middle, last)] = SML_E_##id,
    SML_ELEMS(X)
#undef X
};

const struct str sml_elem_names[SML_ELEM_CODES] = {
#define X(id, name, code, first, middle, last) [code] = { name, sizeof(name) - 1 },
    SML_ELEMS(X)
#undef X
};

/* Code page 2 from token 05 on (ddf-tnds.md 2). `Node` and `node` differ in case only. */
static const char *const ddf_name[DDF_TOKENS] = {
    "AccessType", "ACL",          "Add",          "b64",        "bin",     "bool",         "chr",     "CaseSense",
    "CIS",        "Copy",         "CS",           "date",       "DDFName", "DefaultValue", "Delete",  "Description",
    "DFFormat",   "DFProperties", "DFTitle",      "DFType",     "Dynamic", "Exec",         "float",   "Format",
    "Get",        "int",          "Man",          "MgmtTree",   "MIME",    "Mod",          "Name",    "Node",
    "node",       "NodeName",     "null",         "Occurrence", "One",     "OneOrMore",    "OneOrN",  "Path",
    "Permanent",  "Replace",      "RTProperties", "Scope",      "Size",    "time",         "Title",   "TStamp",
    "Type",       "Value",        "VerDTD",       "VerNo",      "xml",     "ZeroOrMore",   "ZeroOrN", "ZeroOrOne",
};

enum sml_elem sml_elem_of_name(struct str name)
{
    if (name.n == 0) return SML_E_UNKNOWN;
    const unsigned char *p = (const unsigned char *)name.p;
    unsigned elem = elem_of_slot[ELEM_SLOT((unsigned)name.n, p[0], p[name.n / 2], p[name.n - 1])];
    struct str found = sml_elem_names[elem];
    return found.n == name.n && memcmp(found.p, p, name.n) == 0 ? (enum sml_elem)elem : SML_E_UNKNOWN;
}

struct str sml_token_name(unsigned page, unsigned token)
{
    if (page == SML_PAGE_DDF)
        return token >= 5 && token - 5 < DDF_TOKENS ? str_of(ddf_name[token - 5]) : (struct str){ 0 };
    return page < SML_PAGE_DDF && token < 0x40 ? sml_elem_name(page << 6 | token) : (struct str){ 0 };
}

struct str sml_page_namespace(unsigned page)
{
    static const struct str ns[SML_PAGES] = { { "SYNCML:SYNCML1.2", 16 },
                                              { "syncml:metinf", 13 },
                                              { "syncml:dmddf1.2", 15 } };
    return page < SML_PAGES ? ns[page] : (struct str){ 0 };
}
