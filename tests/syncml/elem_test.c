/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/elem.h"
#include "tests/lib/test.h"
#include <string.h>

static void finds_every_element_by_its_name_and_no_other(void)
{
    for (unsigned code = 1; code < SML_ELEM_CODES; code++) {
        struct str name = sml_elem_name(code);
        if (name.n) CU_ASSERT_EQUAL(sml_elem_of_name(name), code);
        char other[32];
        if (name.n == 0) continue;
        memcpy(other, name.p, name.n);
        other[name.n] = 'x';
        CU_ASSERT_EQUAL(sml_elem_of_name((struct str){ other, name.n + 1 }), SML_E_UNKNOWN);
        other[0] ^= 0x20; /* case counts */
        CU_ASSERT_EQUAL(sml_elem_of_name((struct str){ other, name.n }), SML_E_UNKNOWN);
    }
    CU_ASSERT_EQUAL(sml_elem_of_name(STR("")), SML_E_UNKNOWN);
    CU_ASSERT_EQUAL(sml_elem_of_name(STR("a")), SML_E_UNKNOWN);
}

static void keeps_the_tokens_of_the_reference(void)
{
    static const struct {
        unsigned page, token;
        const char *name;
    } row[] = {
        { 0, 0x05, "Add" },
        { 0, 0x0F, "Data" },
        { 0, 0x14, "Item" },
        { 0, 0x20, "Replace" },
        { 0, 0x2D, "SyncML" },
        { 0, 0x30, "" },
        { 0, 0x31, "VerDTD" },
        { 0, 0x34, "MoreData" },
        { 0, 0x3C, "Correlator" },
        { 0, 0x3D, "" },
        { 1, 0x05, "Anchor" },
        { 1, 0x07, "Format" },
        { 1, 0x10, "NextNonce" },
        { 1, 0x15, "MaxObjSize" },
        { 1, 0x16, "FieldLevel" },
        { 1, 0x17, "" },
        { 1, 0x04, "" },
        { 2, 0x04, "" },
        { 2, 0x05, "AccessType" },
        { 2, 0x0A, "bool" },
        { 2, 0x11, "DDFName" },
        { 2, 0x12, "DefaultValue" },
        { 2, 0x13, "Delete" },
        { 2, 0x20, "MgmtTree" },
        { 2, 0x21, "MIME" },
        { 2, 0x24, "Node" },
        { 2, 0x25, "node" },
        { 2, 0x2E, "Replace" },
        { 2, 0x2F, "RTProperties" },
        { 2, 0x32, "time" },
        { 2, 0x36, "Value" },
        { 2, 0x37, "VerDTD" },
        { 2, 0x38, "VerNo" },
        { 2, 0x3C, "ZeroOrOne" },
        { 2, 0x3D, "" },
        { 3, 0x05, "" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        CU_ASSERT_TRUE(str_is(sml_token_name(row[i].page, row[i].token), row[i].name));
    unsigned n = 0;
    for (unsigned code = 0; code < SML_ELEM_CODES; code++) n += sml_elem_name(code).n > 0;
    CU_ASSERT_EQUAL(n, 73);
}

TEST_MAIN("syncml.elem", TEST(finds_every_element_by_its_name_and_no_other), TEST(keeps_the_tokens_of_the_reference))
