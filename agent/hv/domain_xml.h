/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_DOMAIN_XML_H
#define AGENT_HV_DOMAIN_XML_H
/* Domain XML for libvirt from what a VM shall be. */
#include "agent/hv/hv.h"
#include "base/buf.h"
#include <sys/types.h>

struct virt_host {
    char arch[16]; /* "x86_64", "aarch64" */
    bool kvm;      /* type='kvm' with the host's CPU, else emulation */
    bool tuning;   /* cgroups are usable: shares, limits and pinning have an effect */
    gid_t gid;     /* group of emulators' accounts; each VM has one of its own in it. 0 = no accounts are given */
};
/** The account of a VM's emulator: follows from the VM, in a range that nobody else uses (1879048192 to 2147483647). */
uid_t domain_xml_account_of(const char *uuid);
/** Append the <domain> of `spec`; texts are escaped.
 * @return RC_INVALID when a volume has no file: a guest never starts with less than it shall have */
enum rc domain_xml_write(const struct hv_spec *s, const struct virt_host *h, struct buf *b, struct err *e);
#endif
