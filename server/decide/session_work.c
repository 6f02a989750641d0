/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/session_work.h"
#include "server/decide/device_cache.h"
#include "server/decide/inflight.h"
#include <stdlib.h>

void session_work_finish(struct session_work *s)
{
    inflight_free(s->flight);
    device_cache_free(s->recall);
    free(s->asked);
    s->flight = NULL;
    s->recall = NULL;
    s->asked = NULL;
}
