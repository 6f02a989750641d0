/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_ATTRIBUTE_H
#define POLICY_DOCUMENT_ATTRIBUTE_H
/* Which attributes of devices selectors may ask for. */
#include "ddf/layout/layout.h"
#include "base/suggest.h"

/** label.*, devinfo.*, devdetail.*, device.id, and the facts of devices with this layout. @param near  gets what is
 * near, which may be in the arena, when it is none of them */
bool pol_attribute_known(const struct ddf_layout *l, struct str name, struct arena *a, struct suggestion *near);
#endif
