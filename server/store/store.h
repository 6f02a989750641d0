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
/** Open its own connection with all statements of the DM path. */
enum rc store_open(const struct server *srv, struct store **out, struct err *e);
void store_close(struct store *st);
struct sql *store_sql(struct store *st);
struct paths *store_paths(struct store *st);
struct authorities *store_catalog(struct store *st);
const struct server *store_server(const struct store *st);

/** Begin a unit of work: refresh the cached authorities. Values borrowed from the store become invalid.
 * store_load_device includes it. */
enum rc store_refresh(struct store *st, struct err *e);
/** Load by authority name ("" = the only one) and SyncHdr Source. @return RC_NOT_FOUND */
enum rc store_load_device(struct store *st, struct str authority, struct str name, int64_t now_ms, struct arena *a,
                          struct dm_device *out, struct err *e);
enum rc store_load_device_id(struct store *st, int64_t id, int64_t now_ms, struct arena *a, struct dm_device *out,
                             struct err *e);
/** As store_load_device for a known authority, without a refresh and without the members that store_load_rest fills. */
enum rc store_find_device(struct store *st, const struct authority *au, struct str name, int64_t now_ms,
                          struct arena *a, struct dm_device *out, struct err *e);
/** Fill mirror_read, lists, large_objects, summary..., title, created_ms, planned_generation. */
enum rc store_load_rest(struct store *st, struct dm_device *d, struct arena *a, struct err *e);
/** Load everything that pol_resolve and pol_make_plan need. Also for previews. @param extra  a policy that replaces the
 * stored one of that name (preview), or NULL */
enum rc store_load_facts(struct store *st, const struct dm_device *d, struct pol_policy *extra, int64_t now_ms,
                         struct arena *a, struct pol_facts *out, struct err *e);
/** Load only the cheap parts: `out` gets the shipped description, but no mirror, operations, failures, attributes or
 * user operations. */
enum rc store_load_wishes(struct store *st, const struct dm_device *d, struct pol_policy *extra, int64_t now_ms,
                          struct arena *a, struct pol_facts *out, struct err *e);
/** Labels and reported attributes, by name. The list may grow by store_more. */
enum rc store_load_attribute_rows(struct store *st, int64_t device, struct arena *a, struct pol_attribute **out,
                                  size_t *n, struct err *e);
/** What selectors know of a device, worked out once for each layout. */
struct attributes *store_attributes(struct store *st);
/** The description that applies to devices of this kind: see device_ddf.h. Valid until the next store_refresh. */
enum rc store_schema(struct store *st, const struct authority *au, const struct device_kind *kind,
                     const struct ddf_schema **out, struct err *e);
/** The same for a device whose attributes are in f; costs nothing without uploaded descriptions. */
enum rc store_load_schema(struct store *st, const struct dm_device *d, struct pol_facts *f, struct err *e);
/** Whether the authority has uploaded descriptions. If not, the shipped one applies to all its devices. */
enum rc store_has_descriptions(struct store *st, const struct authority *au, bool *out, struct err *e);
/** Set d->layout from its layout_mo, mo_root and mo_images; addresses that are impossible are dropped. */
enum rc store_place(const struct store *st, struct dm_device *d, struct arena *a, struct err *e);
/** Update which nodes are facts for the view `attribute`; in the caller's transaction, at start. */
enum rc store_publish_facts(struct store *st, struct err *e);
/** User operations on VMs. @param c  changes that count as written already; may be NULL */
enum rc store_load_holds(struct store *st, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                         struct pol_facts *f, struct err *e);
/** A device's mirror as the database has it. */
enum rc store_load_mirror(struct mirror *m, struct sql *db, struct paths *paths, int64_t device, struct err *e);
enum rc store_load_operations(struct store *st, int64_t device, struct arena *a, struct pol_operation **out, size_t *n,
                              struct err *e);
struct db_operation;
/** Convert an operation's row; sealed data stays sealed. */
bool store_read_operation(const struct db_operation *x, struct arena *a, struct pol_operation *out);
enum rc store_load_failures(struct store *st, const struct dm_device *d, struct arena *a, struct pol_failure **out,
                            size_t *n, struct err *e);
/** The desired state of the device's last plan (pol_plan.wishes). */
enum rc store_load_wishes_before(struct store *st, const struct dm_device *d, struct arena *a, struct pol_wish **out,
                                 size_t *n, struct err *e);

/** What the DM line reads, answered from the database; good until the store is closed. */
struct dm_facts store_facts(struct store *st);
/** Append to a list of `n` elements in the arena, while reading rows: returns one zeroed element; NULL without space.
 * */
void *store_more(struct arena *a, void *list, size_t n, size_t size);
/** The values that policies set on the device. */
enum rc store_load_sets(struct store *st, int64_t device, struct arena *a, struct pol_set **out, size_t *n,
                        struct err *e);
/** The VMs that policies placed on the device. f->policies must be loaded; a policy that is not among them is read from
 * its last revision. @param extra  as in store_load_facts */
enum rc store_load_charges(struct store *st, const struct dm_device *d, const struct pol_policy *extra, struct arena *a,
                           struct pol_facts *f, struct err *e);

/** Begin the transaction that reads one consistent state and writes at its end, unless it has begun already. */
enum rc store_begin(struct store *st, struct err *e);
/** Numbers of rows that are written later in this transaction. */
enum rc store_operation_number(struct store *st, int64_t *id, struct err *e);
enum rc store_session_number(struct store *st, int64_t *row, struct err *e);

/** Indent the XML of sml_encode: line breaks between tags; texts stay unchanged on their element's line. */
void store_indent_xml(struct str xml, struct buf *out);
/* The position of a previewed message in the plan. */
struct store_message {
    size_t steps;    /* number of the plan's steps in this message */
    size_t messages; /* number of messages for all steps, as far as known before the device answers */
};
/** The XML of the next message that the server would send for these steps: the answer to package 1 of a session that
 * the device opens with Alert 1201 and its DevInfo. Indented; secrets, nonces and the session's token are shown as
 * "***". */
enum rc store_preview_syncml(const struct server *srv, const struct dm_device *d, const struct ddf_schema *schema,
                             struct sml_step *steps, struct arena *a, struct buf *out, struct store_message *about,
                             struct err *e);
#endif
