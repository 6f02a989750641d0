# SPDX-License-Identifier: Apache-2.0
"""What a policy asks of a VM's resources is what runs, looked at with virsh; what cannot be is said before anything is sent."""
import os
import re
import shutil

import pytest

import libvirtd
import world

HEAD = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {{name: corporate-workspace}}
spec:
  selector: 'true'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: running
    resources:
      cpu: {{vcpus: 1, maxVcpus: 2{cpu}}}
      memory: {{max: 192Mi}}
      storage: {{userdata: {{quota: {quota}{storage}}}}}
{more}"""


def policy(cpu="", quota="16Mi", storage="", more=""):
    return HEAD.format(cpu=cpu, quota=quota, storage=storage, more=more)


def desired(server, phone):
    vm = server.get(f"/devices/{world.quote(phone.name)}/desired")["vms"][0]
    return {v["name"]: v for v in vm["values"]}, vm


def test_what_has_no_effect_is_said_and_not_sent(folder, server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    # The network mode and the class have no effect under this agent; the mode is a wish for safety, so the VM does not come.
    server.apply(policy(more="      net: {corp0: {mode: vpn}}\n"))
    world.wait_for("the device to be told apart", lambda: "problem" in desired(server, phone)[1], 60)
    values, vm = desired(server, phone)
    assert vm["problemCode"] == 406 and "resources.net.corp0.mode vpn is not supported by this device" in vm["problem"]
    assert values["resources.net.corp0.mode"]["supported"] is False
    assert not phone.emulators() and not list(phone.dir.glob("vms/*/system*"))

    # More than there is.
    server.apply(policy(cpu="").replace("vcpus: 1, maxVcpus: 2", "vcpus: 60, maxVcpus: 60"))
    world.wait_for("the cores to be counted", lambda: desired(server, phone)[1].get("problemCode") == 1421, 60)
    assert not phone.emulators()
    refused = server.call("PUT", "/policies/corporate-workspace", expect=(400, 422), headers={"Content-Type": "application/yaml"},
                          data=policy().replace("vcpus: 1, maxVcpus: 2", "vcpus: 3, maxVcpus: 2").encode())
    assert "must be at most resources.cpu.maxVcpus, which is 2" in refused.text

    # A class that nobody enforces is named, and the VM runs without it.
    server.apply(policy(more="    qos: soft-realtime\n"))
    server.wait_vm(phone.name, "corp", 120, verified=False, state=50)
    values, _ = desired(server, phone)
    assert values["qos"]["supported"] is False
    assert phone.emulators()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("libvirtd") or not shutil.which("virtlogd"),
                    reason="needs root and libvirt's daemons")
def test_resources_of_a_running_vm_are_those_that_virsh_shows(folder, server):
    daemon = libvirtd.Libvirtd(folder)
    phone = world.Phone(folder / "phone", server, hypervisor__uri=daemon.uri)
    phone.start()
    try:
        server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(policy(storage=", iops: 500"))
        server.wait_vm(phone.name, "corp", 120, state=50)
        name = next(n for n in daemon.virsh("list", "--name").stdout.split() if n.startswith("dmvisor-corp"))
        disk = re.search(r"(vd\w)\s+\S+userdata", daemon.virsh("domblklist", name).stdout).group(1)

        def iops():
            return re.search(r"total_iops_sec\s*:\s*(\d+)", daemon.virsh("blkdeviotune", name, disk).stdout).group(1)

        def capacity():
            return int(re.search(r"Capacity:\s+(\d+)", daemon.virsh("domblkinfo", name, disk).stdout).group(1))
        assert iops() == "500" and capacity() == 16 << 20
        boots = phone.log().count("vm=corp state=40")
        server.apply(policy(quota="24Mi", storage=", iops: 900"))
        world.wait_for("the throttle", lambda: iops() == "900", 60)
        world.wait_for("the size", lambda: capacity() == 24 << 20, 60)
        server.wait_vm(phone.name, "corp", 60, state=50, verified=True)
        assert phone.log().count("vm=corp state=40") == boots     # without a start
        tuned = daemon.virsh("schedinfo", name)
        if tuned.returncode:
            return                                                 # no CPU controller here: nothing more to see
        server.apply(policy(cpu=", shares: 700, limit: '50%'", quota="24Mi", storage=", iops: 900"))
        world.wait_for("the weight", lambda: re.search(r"cpu_shares\s*:\s*700\b", daemon.virsh("schedinfo", name).stdout), 60)
        assert re.search(r"vcpu_quota\s*:\s*50000\b", daemon.virsh("schedinfo", name).stdout)
    finally:
        phone.stop()
        daemon.stop()
