/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/admission.h"
#include <stdarg.h>
#include <stdio.h>

enum { SHARES_LEAST = 2, SHARES_MOST = 262144 };

static int refuse(int code, char text[HV_TEXT_BYTES], const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int refuse(int code, char text[HV_TEXT_BYTES], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, HV_TEXT_BYTES, fmt, ap);
    va_end(ap);
    return code;
}

/* "0-1,4": each core must exist, otherwise the hypervisor would start no VM on it. */
static int affinity(const struct hv_spec *s, const struct admission *room, char text[HV_TEXT_BYTES])
{
    struct str list = str_of(s->affinity), part;
    while (str_cut(&list, ',', &part)) {
        int64_t from, to;
        struct str rest = part, first;
        if (!str_cut(&rest, '-', &first)) continue;
        if (!str_to_i64(first, &from) || !str_to_i64(rest.n ? rest : first, &to) || from > to)
            return refuse(1421, text, "the cores %.*s are not a range", STR_ARG(part));
        if (room->cores > 0 && to >= room->cores)
            return refuse(1421, text, "core %lld is requested, and the device has 0 to %d", (long long)to,
                          room->cores - 1);
    }
    return 0;
}

/* What the kernel's scheduler knows; anything else would be accepted and be something else, or nothing. */
static int scheduling(const struct hv_spec *s, char text[HV_TEXT_BYTES])
{
    if (s->limit_pct > 0 && s->limit_pct < s->vcpus)
        return refuse(1421, text, "a limit of %d %% is too little for %d virtual CPUs: each has 1 %% at least",
                      s->limit_pct, s->vcpus);
    if (s->shares != 0 && (s->shares < SHARES_LEAST || s->shares > SHARES_MOST))
        return refuse(1421, text, "a weight of %d: it is %d to %d", s->shares, SHARES_LEAST, SHARES_MOST);
    return 0;
}

static int cpus(const struct hv_spec *s, const struct admission *room, char text[HV_TEXT_BYTES])
{
    if (s->vcpus < 1 || s->vcpus > s->max_vcpus)
        return refuse(1421, text, "%d virtual CPUs are requested, and at most %d are allowed", s->vcpus, s->max_vcpus);
    if (room->cpus > 0 && s->vcpus > room->cpus)
        return refuse(1421, text, "%d virtual CPUs are requested, and the device has %d cores", s->vcpus, room->cpus);
    if (s->max_vcpus > HV_VCPUS || (room->max_vcpus > 0 && s->max_vcpus > room->max_vcpus))
        return refuse(1421, text, "a maximum of %d virtual CPUs is requested, and the hypervisor supports %d",
                      s->max_vcpus, room->max_vcpus > 0 && room->max_vcpus < HV_VCPUS ? room->max_vcpus : HV_VCPUS);
    return 0;
}

int admission_memory(const struct hv_spec *s, const struct admission *room, char text[HV_TEXT_BYTES])
{
    if (s->mem_min_kb > s->mem_max_kb || s->mem_kb > s->mem_max_kb || s->mem_kb < s->mem_min_kb)
        return refuse(1422, text, "memory settings conflict: guaranteed %lld KiB, current %lld, maximum %lld",
                      (long long)s->mem_min_kb, (long long)s->mem_kb, (long long)s->mem_max_kb);
    if (room->memory_kb > 0 && s->mem_max_kb > room->memory_kb)
        return refuse(1422, text, "%lld KiB of memory are requested, and the device has %lld", (long long)s->mem_max_kb,
                      (long long)room->memory_kb);
    if (room->memory_kb > 0 && s->mem_max_kb > room->memory_kb - room->promised_kb)
        return refuse(1422, text, "%lld KiB of memory are requested, and of %lld the other VMs have %lld",
                      (long long)s->mem_max_kb, (long long)room->memory_kb, (long long)room->promised_kb);
    return 0;
}

int admission_storage(const struct admission *room, int64_t new_kb, char text[HV_TEXT_BYTES])
{
    if (room->store_free_kb < 0 || new_kb <= room->store_free_kb) return 0;
    return refuse(1423, text, "%lld KiB of storage are requested, and %lld are free and promised to no volume",
                  (long long)new_kb, (long long)room->store_free_kb);
}

int admission_test(const struct hv_spec *s, const struct admission *room, int64_t new_kb, char text[HV_TEXT_BYTES])
{
    int code = cpus(s, room, text);
    if (!code) code = scheduling(s, text);
    if (!code) code = affinity(s, room, text);
    if (!code) code = admission_memory(s, room, text);
    return code ? code : admission_storage(room, new_kb, text);
}
