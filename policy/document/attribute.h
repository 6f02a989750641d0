/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_ATTRIBUTE_H
#define POLICY_DOCUMENT_ATTRIBUTE_H
/* The attributes of devices that selectors may use. */
#include "ddf/layout/layout.h"
#include "base/suggest.h"

/**
 * label.*, devinfo.*, devdetail.*, device.id, and the facts of devices with this layout. @param near  for an unknown
 * attribute: a similar known one, possibly in the arena
 */
bool pol_attribute_known(const struct ddf_layout *l, struct str name, struct arena *a, struct suggestion *near);
#endif
