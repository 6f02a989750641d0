/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_DOCUMENTS_H
#define SERVER_STORE_DOCUMENTS_H
/* Policy documents where several layouts are loaded: a document holds for each layout that its selector can meet. These are the
 * layouts of the authority's devices that it selects, or may select once more is known of them; all that are loaded when none of
 * these has said which management object it has. */
#include "server/core/server.h"
#include "policy/document/document.h"

/**
 * As pol_policy_parse, for each layout that it can meet. Where they differ, a line of `errors` ends with the layout's MO
 * identifier, "(layout urn:oma:mo:x-virmo:1.0)".
 * @param out  as one of these layouts has it: for what is not a setting's address
 */
enum rc documents_parse(const struct server *srv, struct sql *db, struct str text, struct arena *a,
                        struct pol_policy **out, struct buf *errors, struct err *e);
/** As pol_policy_load, in the same way: `attention` names what one of them refuses. */
enum rc documents_load(const struct server *srv, struct sql *db, struct str text, struct arena *a,
                       struct pol_policy **out, struct err *e);
/** A stored document for its selector, name and VM alone: as the layout has it that takes most of it. */
enum rc documents_head(const struct server *srv, struct str text, struct arena *a, struct pol_policy **out,
                       struct err *e);
#endif
