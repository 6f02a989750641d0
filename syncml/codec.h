/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_CODEC_H
#define SYNCML_CODEC_H
/* The two decoders behind sml_decode; msg.h has the contract. */
#include "syncml/msg.h"

enum rc sml_xml_decode(struct str in, struct arena *a, struct sml_msg *out, struct err *e);
enum rc sml_wbxml_decode(struct str in, struct arena *a, struct sml_msg *out, struct err *e);

/** The command of an element (SML_E_*); SML_UNKNOWN when the element is not a command. */
enum sml_cmd_kind sml_cmd_kind_of_elem(unsigned elem);

/**
 * Append s as XML character data: & < > are escaped, CR becomes a character reference so that parsers keep it.
 * @return false (with the part before it appended) at the first octet that XML 1.0 cannot hold
 */
bool sml_xml_escape(struct str s, struct buf *out);
#endif
