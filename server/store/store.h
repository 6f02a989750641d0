/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_STORE_H
#define SERVER_STORE_STORE_H
/* Translates between the database and the types of policy/ and syncml/. One store for each connection. */
#include "server/store/device_ddf.h"
#include "server/decide/attributes.h"
#include "server/decide/facts.h"
#include "server/decide/steps.h"
#include "server/store/uri_table.h"
#include "server/core/server.h"

struct store;
/** Opens its own connection with all statements of the DM path. */
enum rc store_open(const struct server *srv, struct store **out, struct err *e);
void store_close(struct store *st);
struct sql *store_sql(struct store *st);
struct paths *store_paths(struct store *st);
struct authorities *store_catalog(struct store *st);
const struct server *store_server(const struct store *st);

/** Begin a piece of work: the catalogue is brought up to date, what was borrowed from the store before is gone.
 * store_load_device does it. */
enum rc store_refresh(struct store *st, struct err *e);
/** By authority name ("" = the only one) and SyncHdr Source. @return RC_NOT_FOUND */
enum rc store_load_device(struct store *st, struct str authority, struct str name, int64_t now_ms, struct arena *a,
                          struct dm_device *out, struct err *e);
enum rc store_load_device_id(struct store *st, int64_t id, int64_t now_ms, struct arena *a, struct dm_device *out,
                             struct err *e);
/** As store_load_device, without a refresh and for an authority that is known already; without what store_load_rest
 * fills. */
enum rc store_find_device(struct store *st, const struct authority *au, struct str name, int64_t now_ms,
                          struct arena *a, struct dm_device *out, struct err *e);
/** mirror_read, lists, large_objects, summary..., title, created_ms, planned_generation. */
enum rc store_load_rest(struct store *st, struct dm_device *d, struct arena *a, struct err *e);
/** All that pol_resolve and pol_make_plan look at. Also for previews. @param extra one more policy instead of the
 * stored one of that name (preview), or NULL */
enum rc store_load_facts(struct store *st, const struct dm_device *d, struct pol_policy *extra, int64_t now_ms,
                         struct arena *a, struct pol_facts *out, struct err *e);
/** The parts of it that cost next to nothing: `out` gets neither mirror, operations, failures, attributes nor what
 * was done by hand, and the shipped description. */
enum rc store_load_wishes(struct store *st, const struct dm_device *d, struct pol_policy *extra, int64_t now_ms,
                          struct arena *a, struct pol_facts *out, struct err *e);
/** Labels, and what the device said of itself, by name. The list may grow by store_more. */
enum rc store_load_attribute_rows(struct store *st, int64_t device, struct arena *a, struct pol_attribute **out,
                                  size_t *n, struct err *e);
/** What selectors know of a device, worked out once for each layout. */
struct attributes *store_attributes(struct store *st);
/** The description that holds for devices of this kind: see described.h. Good until the next store_refresh. */
enum rc store_schema(struct store *st, const struct authority *au, const struct device_kind *kind,
                     const struct ddf_schema **out, struct err *e);
/** The same for a device whose attributes are in f; costs nothing where nobody has uploaded descriptions. */
enum rc store_load_schema(struct store *st, const struct dm_device *d, struct pol_facts *f, struct err *e);
/** Does the authority have any of its own? If not, the shipped one holds for all its devices. */
enum rc store_has_descriptions(struct store *st, const struct authority *au, bool *out, struct err *e);
/** Tell the view `attribute` which nodes are facts; in the caller's transaction, at a start. */
enum rc store_publish_facts(struct store *st, struct err *e);
/** What people did to VMs. @param c  that is as if it was written already; may be NULL */
enum rc store_load_holds(struct store *st, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                         struct pol_facts *f, struct err *e);
/** A device's mirror as the database has it. */
enum rc store_load_mirror(struct mirror *m, struct sql *db, struct paths *paths, int64_t device, struct err *e);
enum rc store_load_operations(struct store *st, int64_t device, struct arena *a, struct pol_operation **out, size_t *n,
                              struct err *e);
struct db_operation;
/** An operation's row as it stands: sealed data stays sealed. */
bool store_read_operation(const struct db_operation *x, struct arena *a, struct pol_operation *out);
enum rc store_load_failures(struct store *st, const struct dm_device *d, struct arena *a, struct pol_failure **out,
                            size_t *n, struct err *e);
/** What its last plan stood on (pol_plan.wishes). */
enum rc store_load_wishes_before(struct store *st, const struct dm_device *d, struct arena *a, struct pol_wish **out,
                                 size_t *n, struct err *e);

/** What the DM line reads, answered from the database; good until the store is closed. */
struct dm_facts store_facts(struct store *st);
/** For what is read row by row: room for one more element of a list of `n` in the arena, zeroed; NULL without room. */
void *store_more(struct arena *a, void *list, size_t n, size_t size);
/** What policies set there. */
enum rc store_load_sets(struct store *st, int64_t device, struct arena *a, struct pol_set **out, size_t *n,
                        struct err *e);
/** Which VMs policies gave it. f->policies are in place; what those say that are not among them is read from their last
 * revision. @param extra  as in store_load_facts */
enum rc store_load_charges(struct store *st, const struct dm_device *d, const struct pol_policy *extra, struct arena *a,
                           struct pol_facts *f, struct err *e);

/** The transaction in which one view of everything is read, and which writes at its end; it may have begun already. */
enum rc store_begin(struct store *st, struct err *e);
/** Numbers for rows that are written later in this transaction. */
enum rc store_operation_number(struct store *st, int64_t *id, struct err *e);
enum rc store_session_number(struct store *st, int64_t *row, struct err *e);

/** Our own encoder's XML with line breaks between tags; texts stay on their element's line, untouched. */
void store_indent_xml(struct str xml, struct buf *out);
/* What a previewed message is a part of. */
struct store_message {
    size_t steps;    /* of the plan's steps, those that go out with it */
    size_t messages; /* how many these steps take in all, as far as that is known before the device has answered */
};
/** The XML of the next message this device would be sent for these steps, as it answers package 1 of a session that
 * the device opens with Alert 1201 and its DevInfo; indented; secrets, nonces and the session's token as "***". */
enum rc store_preview_syncml(const struct server *srv, const struct dm_device *d, const struct ddf_schema *schema,
                             struct sml_step *steps, struct arena *a, struct buf *out, struct store_message *about,
                             struct err *e);
#endif
