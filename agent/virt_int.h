#ifndef AGENT_VIRT_INT_H
#define AGENT_VIRT_INT_H
/* Between the files that know libvirt: virt.c (connection, requests, events) and virt_stats.c. */
#include "agent/hv.h"
#include <libvirt/libvirt.h>

/** "what: why", with libvirt's own words for why. @return rc */
enum rc virt_error(struct err *e, enum rc rc, const char *what);
/** A virDomainState as ours. */
enum hv_state virt_state_of(int state);
/** One reading. @param out malloc'ed, the caller's; figures that the hypervisor does not tell are -1 */
enum rc virt_stats_read(virDomainPtr dom, const struct hv_spec *spec, struct hv_stats **out, struct err *e);
#endif
