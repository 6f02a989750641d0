/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/msg.h"
#include "tests/lib/test.h"
#include <stdlib.h>

static void names_commands(void)
{
    for (int k = 0; k < SML_UNKNOWN; k++)
        CU_ASSERT_EQUAL(sml_cmd_kind_of(str_of(sml_cmd_name((enum sml_cmd_kind)k))), (enum sml_cmd_kind)k);
    static const char *const none[] = { "", "get", "Frob", "Item", "SyncML", "Geta" };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CU_ASSERT_EQUAL(sml_cmd_kind_of(str_of(none[i])), SML_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(sml_cmd_name(SML_UNKNOWN), "");
    CU_ASSERT_STRING_EQUAL(sml_cmd_name((enum sml_cmd_kind)1000), "");
}

static void knows_the_media_types(void)
{
    static const struct {
        const char *mime;
        bool known;
        enum sml_type type;
    } row[] = {
        { "application/vnd.syncml.dm+xml", true, SML_XML },
        { "application/vnd.syncml.dm+wbxml", true, SML_WBXML },
        { "Application/VND.SyncML.DM+XML ; charset=utf-8; verproto=DM/1.2", true, SML_XML },
        { " application/vnd.syncml.dm+wbxml;charset=utf-8", true, SML_WBXML },
        { "application/vnd.syncml+xml", true, SML_XML }, /* trap 9 */
        { "application/vnd.syncml+wbxml", true, SML_WBXML },
        { "application/vnd.syncml.dm+json", false, SML_XML },
        { "text/xml", false, SML_XML },
        { "", false, SML_XML },
        { "application/vnd.syncml.dm+xmlx", false, SML_XML },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        enum sml_type type = SML_XML;
        CU_ASSERT_EQUAL(sml_type_of_mime(str_of(row[i].mime), &type), row[i].known);
        CU_ASSERT_EQUAL(type, row[i].type);
    }
    CU_ASSERT_STRING_EQUAL(sml_mime(SML_XML), SML_MIME_XML);
    CU_ASSERT_STRING_EQUAL(sml_mime(SML_WBXML), SML_MIME_WBXML);
}

static void answers_in_kind_unless_told_otherwise(void)
{
    static const struct {
        enum sml_type request;
        const char *accept;
        enum sml_type answer;
    } row[] = {
        { SML_XML, "", SML_XML },
        { SML_WBXML, "", SML_WBXML },
        { SML_WBXML, "application/vnd.syncml.dm+wbxml, application/vnd.syncml.dm+xml", SML_WBXML },
        { SML_WBXML, "application/vnd.syncml.dm+xml", SML_XML },
        { SML_XML, "application/vnd.syncml.dm+wbxml;q=0.5", SML_WBXML },
        { SML_XML, "text/html, application/vnd.syncml+wbxml", SML_WBXML },
        { SML_XML, "*/*", SML_XML },
        { SML_XML, "application/vnd.syncml.dm+wbxml, */*;q=0.1", SML_XML },
        { SML_WBXML, "application/*", SML_WBXML },
        { SML_WBXML, "text/html", SML_WBXML },
        { SML_WBXML, "application/vnd.syncml.dm+wbxml;q=0, application/vnd.syncml.dm+xml", SML_XML },
        { SML_WBXML, "application/vnd.syncml.dm+xml;q=0.0", SML_WBXML },
        { SML_WBXML, ",,;,", SML_WBXML },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        CU_ASSERT_EQUAL(sml_answer_type(row[i].request, str_of(row[i].accept)), row[i].answer);
}

static void takes_no_message_over_its_limit(void)
{
    struct arena a;
    struct sml_msg m;
    struct err e = { 0 };
    char *big = calloc(1, SML_MSG_BYTES + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(big);
    arena_init(&a, SML_MSG_ARENA_BYTES);
    CU_ASSERT_EQUAL(sml_decode(SML_XML, (struct str){ big, SML_MSG_BYTES + 1 }, &a, &m, &e), RC_LIMIT);
    CU_ASSERT_EQUAL(sml_decode(SML_WBXML, (struct str){ big, SML_MSG_BYTES + 1 }, &a, &m, NULL), RC_LIMIT);
    CU_ASSERT_EQUAL(sml_decode(SML_WBXML, (struct str){ big, SML_MSG_BYTES }, &a, &m, NULL), RC_PARSE);
    arena_finish(&a);
    free(big);
}

TEST_MAIN("syncml.msg", TEST(names_commands), TEST_OF("S-601 trap-09", knows_the_media_types),
          TEST_OF("S-601", answers_in_kind_unless_told_otherwise), TEST(takes_no_message_over_its_limit))
