/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VIRT_XML_H
#define AGENT_VIRT_XML_H
/* Domain XML for libvirt from what a VM shall be. */
#include "agent/hv.h"
#include "base/buf.h"

struct virt_host {
    char arch[16]; /* "x86_64", "aarch64" */
    bool kvm;      /* type='kvm' with the host's CPU, else emulation */
    bool tuning;   /* cgroups are usable: shares, limits and pinning have an effect */
};
/** Append the <domain> of `spec`; texts are escaped.
 * @return RC_INVALID when a volume has no file: a guest never starts with less than it shall have */
enum rc virt_domain_xml(const struct hv_spec *s, const struct virt_host *h, struct buf *b, struct err *e);
#endif
