/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_DOCUMENTS_H
#define SERVER_STORE_DOCUMENTS_H
/* Policy documents when several layouts are loaded. A document is checked against each layout that its selector can
 * match: the layouts of the authority's devices for which the selector is true or unknown; all loaded layouts if none
 * of these devices has reported its management object. */
#include "server/core/server.h"
#include "policy/document/document.h"

/**
 * As pol_policy_parse, for each matching layout. A line of `errors` that does not apply to all layouts ends with the
 * layout's MO identifier, "(layout urn:oma:mo:x-virmo:1.0)".
 * @param out  parsed for one of these layouts: for everything except the addresses of settings
 */
enum rc documents_parse(const struct server *srv, struct sql *db, struct str text, struct arena *a,
                        struct pol_policy **out, struct buf *errors, struct err *e);
/** As pol_policy_load, in the same way: `attention` names what one of the layouts refuses. */
enum rc documents_load(const struct server *srv, struct sql *db, struct str text, struct arena *a,
                       struct pol_policy **out, struct err *e);
/** Parse a stored document for its selector, name and VM only, with the layout that accepts most of it. */
enum rc documents_head(const struct server *srv, struct str text, struct arena *a, struct pol_policy **out,
                       struct err *e);
#endif
