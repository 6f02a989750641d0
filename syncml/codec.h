/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_CODEC_H
#define SYNCML_CODEC_H
/* The two decoders behind sml_decode; see there for the contract. */
#include "syncml/msg.h"

enum rc sml_xml_decode(struct str in, struct arena *a, struct sml_msg *out, struct err *e);
enum rc sml_wbxml_decode(struct str in, struct arena *a, struct sml_msg *out, struct err *e);

/** The command that an element (SML_E_*) is; SML_UNKNOWN when it is none. */
enum sml_cmd_kind sml_cmd_kind_of_elem(unsigned elem);

/** Append s as XML character data: & < > escaped, CR as a reference so that it comes back as it was.
 *  @return false (with the part before it appended) at the first octet that XML 1.0 cannot hold */
bool sml_xml_escape(struct str s, struct buf *out);
#endif
