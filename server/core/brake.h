/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_BRAKE_H
#define SERVER_CORE_BRAKE_H
/* How often something may happen that comes from strangers: for each of many keys (addresses, names) a rate and a
 * burst, in a table of fixed size. Where two keys share a row, or one is forgotten for another, they brake together or
 * late; nothing is lost. */
#include "base/str.h"

enum { BRAKE_ROWS = 4096 };

struct brake {
    struct {
        uint64_t key;
        int64_t until_us; /* when all that happened so far is paid for */
    } row[BRAKE_ROWS];
};

/** The key of an address: of IPv6 the /64 that one holder has. */
uint64_t brake_address(struct str remote, uint64_t salt);
/** It happens once more. @param per_s  0 = as often as it likes
 * @return whether that is still within `per_s` a second after a burst of ten seconds' worth */
bool brake_take(struct brake *b, uint64_t key, unsigned per_s, int64_t now_ms);
#endif
