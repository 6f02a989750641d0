/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGENT_VM_UP_H
#define TESTS_AGENT_VM_UP_H
/* A phone with one VM that runs. */
#include "tests/agent/device_fixture.h"

#define IMG "./VMImages/img1"
#define VM  "./Virtualization/VM/corp"

static inline void bring_up(struct device_fixture *p)
{
    static const struct {
        const char *leaf, *format, *value;
    } leaf[] = {
        { "ImageID", "chr", "corp-linux" },
        { "Name", "chr", "Corp" },
        { "Version", "chr", "1.0.0" },
        { "GuestType", "chr", "linux" },
        { "Arch", "chr", "x86_64" },
        { "Format", "chr", "bundle" },
        { "URL", "chr", "https://dm.example.net/images/1" },
        { "SizeKB", "int", "2048" },
        { "HashAlg", "chr", "sha256" },
        { "Hash", "chr", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" },
    };
    device_fixture_write(p, SML_ADD, IMG, "node", NULL);
    for (size_t i = 0; i < sizeof leaf / sizeof leaf[0]; i++) {
        static char uri[sizeof leaf / sizeof leaf[0]][100];
        snprintf(uri[i], sizeof uri[i], "%s/%s", IMG, leaf[i].leaf);
        device_fixture_write(p, SML_REPLACE, uri[i], leaf[i].format, leaf[i].value);
    }
    device_fixture_write(p, SML_ADD, VM, "node", NULL);
    device_fixture_write(p, SML_REPLACE, VM "/Image/ImageID", "chr", "corp-linux");
    device_fixture_exec(p, VM "/Operations/Provision", "start=1", "c-up");
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    device_fixture_wait(p, 5000);
    DEVICE_FIXTURE_IS(p, VM "/State", "50");
    device_fixture_forget(p);
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    device_fixture_forget(p);
}
#endif
