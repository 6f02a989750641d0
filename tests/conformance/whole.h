/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CONFORMANCE_WHOLE_H
#define TESTS_CONFORMANCE_WHOLE_H
/* The server and the reference device together, from REST's row in the database to the device's tree and back,
 * without sockets. */
#include "agent/device.h"
#include "agent/hv/hv.h"
#include "agent/image/download.h"
#include "agent/tree/tree.h"
#include "agent/dm/ui_alert.h"
#include "tests/server/dm_fixture.h"

struct whole {
    struct dm_fixture *l;
    struct fixture_device *registered; /* only its account */
    struct mo_shared *shared;
    struct device_config config;
    struct device *device;
    struct hv *hv;
    struct download *loader;
    uint64_t seed;
    struct world w;
    unsigned posts;
    unsigned lose_post; /* the n-th message of the device is lost, and the session with it; 0 = none */
};

void whole_open(struct whole *w, enum sml_type encoding);
void whole_close(struct whole *w);
/** One session. @return it ended well */
bool whole_session(struct whole *w);
/** Something new is wanted of the device; a second passes. */
void whole_want(struct whole *w);
/** An operation of kind "tree", as REST makes it; sessions until it is through. @return its state and what was read */
const char *whole_tree(struct whole *w, const char *command, const char *uri, const char *format, const char *data);
/** Is `part` in `text`? Says so when it is not. */
bool whole_has(const char *text, const char *part);
#define HAS(text, part) CU_ASSERT(whole_has(text, part))
#endif
