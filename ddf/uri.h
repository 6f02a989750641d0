/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_URI_H
#define DDF_URI_H
/* Addresses of the management tree (protocol.md 10). Canonical form everywhere in the program: "./A/B", the root
 * ".". */
#include "base/arena.h"
#include "base/rc.h"

/* Bytes of the canonical text, names in it, bytes of a name: what is taken of any device. What one takes is its own, and
 * less (DevDetail/URI). An index of the database has room for an address. */
enum { DDF_URI_BYTES = 2048, DDF_URI_NAMES = 64, DDF_NAME_BYTES = 255 };

/* An address cut into names: "./DevInfo/DevId" has depth 2, "." has 0. */
struct ddf_uri {
    struct str name[DDF_URI_NAMES];
    unsigned depth;
};

/** Cut an address (without its "?prop=" part) into names. "./A/B" and "A/B" are one address; "." is the root.
 * @return RC_PARSE for an empty name, a trailing '/', "..", a stray "./" (400); RC_LIMIT past the ceilings above
 * (414) */
enum rc ddf_uri_parse(struct str text, struct ddf_uri *out, struct err *e);
/** The canonical text, in the arena. Percent-escapes and case are kept. @return RC_PARSE, RC_LIMIT, RC_NOMEM */
enum rc ddf_uri_canonical(struct str text, struct arena *a, struct str *out, struct err *e);
/** "./A" + "B" -> "./A/B"; "." + "A" -> "./A"; an empty relative part gives the parent. {0} without room. */
struct str ddf_uri_join(struct arena *a, struct str parent, struct str relative);
/** "./A/B" -> "./A"; "./A" -> "."; "." -> "". Borrowed. */
struct str ddf_uri_parent(struct str canonical);
/** Last name; "" for the root. Borrowed. */
struct str ddf_uri_name(struct str canonical);
/** Is `uri` `base` itself or below it? */
bool ddf_uri_within(struct str uri, struct str base);

enum ddf_query { DDF_QUERY_NONE, DDF_QUERY_PROP, DDF_QUERY_STRUCT, DDF_QUERY_STRUCT_DATA, DDF_QUERY_TNDS };
/**
 * "./A?prop=ACL" -> base "./A", DDF_QUERY_PROP, arg "ACL"; "?list=TNDS+Value" -> DDF_QUERY_TNDS, arg "+Value". RC_PARSE
 * for other queries.
 */
enum rc ddf_uri_split_query(struct str text, struct str *base, enum ddf_query *query, struct str *arg, struct err *e);
#endif
