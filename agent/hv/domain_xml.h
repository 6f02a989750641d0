/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_DOMAIN_XML_H
#define AGENT_HV_DOMAIN_XML_H
/* Builds libvirt's domain XML from the specification of a VM. */
#include "agent/hv/hv.h"
#include "base/buf.h"
#include <sys/types.h>

struct virt_host {
    char arch[16]; /* "x86_64", "aarch64" */
    bool kvm;      /* type='kvm' with the host's CPU, else emulation */
    bool tuning;   /* cgroups are usable: shares, limits and pinning have an effect */
    gid_t gid;     /* group of the emulators' accounts; each VM has an account of its own in it. 0 = no accounts are
                    * set */
};
/** The account of a VM's emulator: derived from the VM, in a range with no other use (1879048192 to 2147483647). */
uid_t domain_xml_account_of(const char *uuid);
/**
 * Append the <domain> of `spec`; texts are escaped.
 * @return RC_INVALID when a volume has no file: a guest never starts without one of its volumes
 */
enum rc domain_xml_write(const struct hv_spec *s, const struct virt_host *h, struct buf *b, struct err *e);
#endif
