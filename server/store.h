#ifndef SERVER_STORE_H
#define SERVER_STORE_H
/* Translates between the database and the types of policy/ and syncml/. One store for each connection. */
#include "policy/plan.h"
#include "server/server.h"
#include "syncml/server.h"

struct store;
/** Opens its own connection with all statements of the DM path. */
enum rc store_open(const struct server *srv, struct store **out, struct err *e);
void store_close(struct store *st);
struct sql *store_sql(struct store *st);

struct store_device {
    int64_t id, authority;
    struct str name, authority_name, server_id;
    const struct ddf_layout *layout;
    int64_t want_stamp, have_stamp;
    struct str settled_token;
    bool mirror_read, list_unsupported, large_objects;
    struct sml_account account;         /* opened (decrypted) */
    int n_open_operations;
};
/** By authority name ("" = the only one) and SyncHdr Source. @return RC_NOT_FOUND */
enum rc store_load_device(struct store *st, struct str authority, struct str name, struct arena *a, struct store_device *out, struct err *e);
enum rc store_load_device_id(struct store *st, int64_t id, struct arena *a, struct store_device *out, struct err *e);
/** All that pol_resolve and pol_make_plan look at. Also for previews. @param extra one more policy instead of the stored one of that
 *  name (preview), or NULL */
enum rc store_load_facts(struct store *st, const struct store_device *d, struct pol_policy *extra, int64_t now_ms, struct arena *a,
                         struct pol_facts *out, struct err *e);
/** Plan steps as session steps. Tags are indices into a flat list of the plan's steps. Also for previews. */
enum rc store_steps(const struct pol_plan *p, struct arena *a, struct sml_step **out, struct err *e);
/** The XML of the next message this device would be sent for these steps, indented; secrets and nonces as "***". */
enum rc store_preview_syncml(const struct server *srv, const struct store_device *d, struct sml_step *steps, struct arena *a,
                             struct buf *out, struct err *e);
#endif
