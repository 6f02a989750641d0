/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_BRAKE_H
#define SERVER_CORE_BRAKE_H
/* Rate limits for untrusted peers: a rate and a burst for each of many keys (addresses, names), in a table of fixed
 * size. Two keys that share a row share a limit, and a key that was evicted starts again; no request is lost by that.
 * */
#include "base/str.h"

enum { BRAKE_ROWS = 4096 };

struct brake {
    struct {
        uint64_t key;
        int64_t until_us; /* when the events so far are within the rate again */
    } row[BRAKE_ROWS];
};

/** The key of an address; for IPv6, of its /64. */
uint64_t brake_address(struct str remote, uint64_t salt);
/** Count one event. @param per_s  0 = no limit
 * @return true while the events stay within `per_s` a second and a burst of ten seconds' worth */
bool brake_take(struct brake *b, uint64_t key, unsigned per_s, int64_t now_ms);
#endif
