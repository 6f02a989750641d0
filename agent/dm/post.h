/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_POST_H
#define AGENT_DM_POST_H
/* POSTs one message at a time on a thread of its own, so that the device's loop never waits for the network. A
 * message whose answer was lost is sent again, octet for octet: the server then gives the same answer and acts once
 * (protocol.md 15.1, OMA-TS-SyncML_HTTPBinding-V1_2_1). */
#include "base/buf.h"
#include "base/rc.h"

struct post;
struct post_result {
    enum rc rc;
    struct err err;
    long status;
    char content_type[128], hmac[256];
    struct buf body;
    int64_t retry_after_s;
};

/** @param ca_file  PEM or NULL = the system's; insecure: no certificate check (the caller has warned) */
enum rc post_create(const char *ca_file, bool insecure, struct post **out, struct err *e);
/** Aborts the current request. */
void post_destroy(struct post *p);
int post_fd(const struct post *p); /* readable when the answer is available */
/** Everything is copied. @return RC_BUSY while another request is in progress */
enum rc post_send(struct post *p, struct str url, const char *mime, struct str hmac, struct str body, struct err *e);
/** @return false when there is no answer yet. The caller finishes the body. */
bool post_take(struct post *p, struct post_result *out);
#endif
