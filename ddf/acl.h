/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_ACL_H
#define DDF_ACL_H
/* Access control lists (protocol.md 11.2, 11.3). */
#include "base/arena.h"
#include "base/rc.h"
#include "ddf/schema.h"

/**
 * Check the grammar of "Get=*&Replace=a+b". An empty ACL is valid (inherited). @return RC_PARSE with what is wrong and
 * where
 */
enum rc ddf_acl_check(struct str acl, struct err *e);
/** Does this one ACL (not inherited ones) give `server` the command? */
bool ddf_acl_allows(struct str acl, enum ddf_access command, struct str server);
/** The ACL without a server; entries that become empty are dropped (C-117). */
enum rc ddf_acl_without(struct str acl, struct str server, struct arena *a, struct str *out);
/** The ACL with the server added to these commands (bits). */
enum rc ddf_acl_with(struct str acl, unsigned commands, struct str server, struct arena *a, struct str *out);
/**
 * Revoke rights ("*": from all servers), then grant rights. Both are ACLs themselves: "Get=a+b&Replace=*".
 * @return RC_INVALID when a right that all servers (*) have is to be revoked from one server: it can only be revoked
 * from all
 */
enum rc ddf_acl_change(struct str acl, struct str grant, struct str revoke, struct arena *a, struct str *out,
                       struct err *e);
/** Do two ACLs give the same servers the same rights, in any order? */
bool ddf_acl_same(struct str x, struct str y);
#endif
