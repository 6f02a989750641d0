/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/domain_xml.h"
#include "agent/hv/libvirt_console.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CPU_PERIOD_US = 100000, ACCOUNTS_FROM = 0x70000000 };

static void text(struct buf *b, const char *s)
{
    for (; *s; s++) switch (*s) {
        case '&': buf_putz(b, "&amp;"); break;
        case '<': buf_putz(b, "&lt;"); break;
        case '>': buf_putz(b, "&gt;"); break;
        case '\'': buf_putz(b, "&apos;"); break;
        case '"': buf_putz(b, "&quot;"); break;
        default:
            if ((unsigned char)*s >= 0x20) /* XML allows no other control characters */
                buf_byte(b, (unsigned char)*s);
        }
}

/* <name>text</name> */
static void element(struct buf *b, const char *name, const char *s)
{
    buf_printf(b, "<%s>", name);
    text(b, s);
    buf_printf(b, "</%s>\n", name);
}

static void put_boot(const struct hv_spec *s, const struct virt_host *h, struct buf *b)
{
    buf_printf(b, "<os><type arch='%s' machine='%s'>hvm</type>\n", h->arch,
               strcmp(h->arch, "aarch64") == 0 ? "virt" : "q35");
    if (s->kernel[0]) element(b, "kernel", s->kernel);
    if (s->initrd[0]) element(b, "initrd", s->initrd);
    if (s->kernel[0] && s->cmdline[0]) element(b, "cmdline", s->cmdline);
    buf_putz(b, "</os>\n");
}

static void put_cpu(const struct hv_spec *s, const struct virt_host *h, struct buf *b)
{
    const int max = s->max_vcpus > s->vcpus ? s->max_vcpus : s->vcpus;
    buf_printf(b, "<vcpu placement='static' current='%d'", s->vcpus);
    if (s->affinity[0] && h->tuning) {
        buf_putz(b, " cpuset='");
        text(b, s->affinity);
        buf_putz(b, "'");
    }
    buf_printf(b, ">%d</vcpu>\n", max);
    buf_printf(b, "<cpu mode='%s'/>\n", h->kvm ? "host-passthrough" : "maximum");
    if (!h->tuning || (s->shares <= 0 && s->limit_pct <= 0)) return;
    buf_putz(b, "<cputune>\n");
    if (s->shares > 0) buf_printf(b, "<shares>%d</shares>\n", s->shares);
    if (s->limit_pct > 0)
        buf_printf(b, "<period>%d</period><quota>%" PRId64 "</quota>\n", CPU_PERIOD_US,
                   (int64_t)CPU_PERIOD_US * s->limit_pct / 100 / (s->vcpus > 0 ? s->vcpus : 1));
    buf_putz(b, "</cputune>\n");
}

static void put_disk(struct buf *b, const char *file, const char *format, unsigned index, bool read_only,
                     const char *serial, const struct hv_volume *v)
{
    buf_printf(b, "<disk type='file' device='disk'><driver name='qemu' type='%s' discard='unmap'/><source file='",
               format);
    text(b, file);
    /* The empty <backingStore/> tells the emulator that the file has no backing file, whatever its content claims. */
    buf_printf(b, "'/><backingStore/><target dev='vd%c' bus='virtio'/>", (int)('a' + index));
    if (read_only) buf_putz(b, "<readonly/>");
    if (v && (v->iops > 0 || v->kbps > 0)) {
        buf_putz(b, "<iotune>");
        if (v->kbps > 0) buf_printf(b, "<total_bytes_sec>%" PRId64 "</total_bytes_sec>", v->kbps * 1024);
        if (v->iops > 0) buf_printf(b, "<total_iops_sec>%" PRId64 "</total_iops_sec>", v->iops);
        buf_putz(b, "</iotune>");
    }
    buf_putz(b, "<serial>");
    text(b, serial);
    buf_putz(b, "</serial></disk>\n");
}

/* libvirt counts bandwidth limits in kilobytes a second, the tree in kilobits. */
static void put_net(struct buf *b, const struct hv_net *n, const struct virt_host *h)
{
    if (n->mode == 0) return;
    buf_putz(b, "<interface type='user'><model type='virtio'/>");
    if (n->mac[0]) {
        buf_putz(b, "<mac address='");
        text(b, n->mac);
        buf_putz(b, "'/>");
    }
    if (h->tuning && (n->up_kbps > 0 || n->down_kbps > 0)) {
        buf_putz(b, "<bandwidth>");
        if (n->down_kbps > 0) buf_printf(b, "<inbound average='%" PRId64 "'/>", (n->down_kbps + 7) / 8);
        if (n->up_kbps > 0) buf_printf(b, "<outbound average='%" PRId64 "'/>", (n->up_kbps + 7) / 8);
        buf_putz(b, "</bandwidth>");
    }
    buf_putz(b, "<rom enabled='no'/></interface>\n");
}

static void put_console(const struct hv_spec *s, struct buf *b)
{
    buf_putz(b, "<serial type='unix'><source mode='bind' path='");
    text(b, s->dir);
    buf_putz(b, "/" VIRT_CONSOLE_SOCKET "'/><target port='0'/></serial>\n");
    if (!s->heartbeat) return;
    buf_putz(b, "<channel type='unix'><source mode='bind' path='");
    text(b, s->dir);
    buf_putz(b, "/agent.sock'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>\n");
}

uid_t domain_xml_account_of(const char *uuid)
{
    unsigned digits = 0; /* seven digits of a random number */
    (void)sscanf(uuid, "%7x", &digits);
    return ACCOUNTS_FROM + (uid_t)digits;
}

/* Each VM's emulator has its own account, so that one taken over by its guest cannot read other VMs' files. */
static void put_account(const struct hv_spec *s, const struct virt_host *h, struct buf *b)
{
    if (h->gid)
        buf_printf(b, "<seclabel type='static' model='dac' relabel='yes'><label>+%u:+%u</label></seclabel>\n",
                   (unsigned)domain_xml_account_of(s->uuid), (unsigned)h->gid);
}

enum rc domain_xml_write(const struct hv_spec *s, const struct virt_host *h, struct buf *b, struct err *e)
{
    const bool arm = strcmp(h->arch, "aarch64") == 0;
    unsigned disk = 0;
    for (int i = 0; i < s->n_volumes; i++)
        if (!s->volumes[i].file[0]) return err_set(e, RC_INVALID, "the volume %s has no file", s->volumes[i].name);
    buf_printf(b, "<domain type='%s'>\n", h->kvm ? "kvm" : "qemu");
    element(b, "name", s->name);
    element(b, "uuid", s->uuid);
    buf_printf(b, "<memory unit='KiB'>%" PRId64 "</memory><currentMemory unit='KiB'>%" PRId64 "</currentMemory>\n",
               s->mem_max_kb, s->mem_kb);
    put_cpu(s, h, b);
    put_boot(s, h, b);
    buf_putz(b, "<features>");
    buf_putz(b, arm ? (h->kvm ? "<gic version='3'/>" : "<gic version='2'/>") : "<acpi/><apic/>");
    buf_putz(
        b,
        "</features>\n<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>preserve</on_crash>\n<devices>\n");
    if (s->disk[0]) put_disk(b, s->disk, s->disk_format, disk++, false, "system", NULL);
    for (int i = 0; i < s->n_volumes; i++)
        put_disk(b, s->volumes[i].file, "raw", disk++, s->volumes[i].read_only, s->volumes[i].name, &s->volumes[i]);
    for (int i = 0; i < s->n_nets; i++) put_net(b, &s->nets[i], h);
    put_console(s, b);
    buf_putz(b, "<controller type='usb' model='none'/>\n<memballoon model='virtio'><stats period='5'/></memballoon>\n"
                "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n");
    if (s->watchdog_s > 0) buf_putz(b, "<watchdog model='i6300esb' action='poweroff'/>\n");
    if (s->detect_panic && !arm) buf_putz(b, "<panic model='isa'/>\n");
    buf_putz(b, "</devices>\n");
    put_account(s, h, b);
    buf_putz(b, "</domain>\n");
    return buf_ok(b) ? RC_OK : err_set(e, b->failed, "the VM's description is too large");
}
