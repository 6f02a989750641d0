/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_XML_H
#define DDF_XML_H
/* Parses XML from outside as a stream of events. The only file of ddf/ that knows libxml2. UTF-8 only (a BOM is
 * skipped), no entities, no DTD content but processing instructions; nothing is fetched. */
#include "base/rc.h"
#include "base/str.h"

enum { DDF_XML_DEPTH = 200, DDF_XML_ATTRIBUTES = 32 };

struct ddf_xml_attribute {
    struct str name, value;
}; /* local name; value as in the text, with predefined entities replaced */
struct ddf_xml_tag {
    struct str ns, prefix, name; /* namespace URI or empty, prefix or empty, local name */
    const struct ddf_xml_attribute *attributes;
    unsigned n_attributes, line;
};
/* Callbacks. An outcome other than RC_OK ends the walk with that outcome. Texts are valid until the callback
 * returns. */
struct ddf_xml_events {
    enum rc (*start)(void *ctx, const struct ddf_xml_tag *tag, struct err *e);
    enum rc (*end)(void *ctx, unsigned line, struct err *e);
    enum rc (*text)(void *ctx, struct str s, struct err *e);
};
/**
 * @param name  for errors @return RC_PARSE with line and column; RC_LIMIT past DDF_XML_*; RC_NOMEM; the rc of a
 * callback
 */
enum rc ddf_xml_walk(struct str text, const char *name, const struct ddf_xml_events *ev, void *ctx, struct err *e);
/** Is the text one well-formed element (with an optional prolog)? */
bool ddf_xml_is_well_formed(struct str text);
#endif
