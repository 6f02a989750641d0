# SPDX-License-Identifier: Apache-2.0
"""What a policy asks of a VM's resources is what runs, looked at with virsh; what cannot be is said before anything is sent."""
import os
import pathlib
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


needs_daemon = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("libvirtd") or not shutil.which("virtlogd"),
                                  reason="needs root and libvirt's daemons")


class Real:
    """A phone over a real libvirtd, with one VM, and what virsh says of it."""

    def __init__(self, folder, server, text, image=True):
        self.server, self.daemon = server, libvirtd.Libvirtd(folder)
        self.phone = world.Phone(folder / "phone", server, hypervisor__uri=self.daemon.uri).start()
        if image:
            server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(text)
        server.wait_vm(self.phone.name, "corp", 150, state=50)
        self.name = next(n for n in self.daemon.virsh("list", "--name").stdout.split() if n.startswith("dmvisor-corp"))

    def says(self, *args):
        r = self.daemon.virsh(args[0], self.name, *args[1:])
        assert r.returncode == 0, (args, r.stderr)
        return r.stdout

    def figure(self, pattern, *args):
        found = re.search(pattern, self.says(*args))
        return found and found.group(1)

    def disk(self):
        return self.figure(r"(vd\w)\s+\S+userdata", "domblklist")

    def leaf(self, path):
        uri = f"./Virtualization/VM/corp/{path}"
        items = self.server.get(f"/devices/{world.quote(self.phone.name)}/tree?uri={uri}&limit=20")["items"]
        return {n["uri"]: n.get("value") for n in items}.get(uri)

    def boots(self):
        return self.phone.log().count("vm=corp state=40")

    def stop(self):
        self.phone.stop()
        self.daemon.stop()


def cgroup_file(pid, controller, name):
    """A file of the emulator's group, v1 or v2; the group of the vCPUs' threads is below it."""
    lines = [line.split(":", 2) for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    path = next(p for _, c, p in lines if controller in c.split(",") or (not c and not any(controller in x.split(",") for _, x, _ in lines)))
    path = re.sub(r"/(emulator|libvirt/emulator)$", "", path)
    for top in (f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup"):
        file = pathlib.Path(top + path) / name
        if file.exists():
            return file.read_text().strip()
    return None


@needs_daemon
def test_resources_of_a_running_vm_are_those_that_virsh_shows(folder, server):
    real = Real(folder, server, policy(storage=", iops: 500, rate: 2Mi", cpu=", shares: 700, limit: '50%', affinity: '0'"))
    try:
        disk = real.disk()
        state = {
            "iops": lambda: real.figure(r"total_iops_sec\s*:\s*(\d+)", "blkdeviotune", disk),
            "rate": lambda: real.figure(r"total_bytes_sec\s*:\s*(\d+)", "blkdeviotune", disk),
            "size": lambda: real.figure(r"Capacity:\s+(\d+)", "domblkinfo", disk),
            "vcpus": lambda: real.says("vcpucount", "--live", "--current").strip(),
            "most": lambda: real.says("vcpucount", "--live", "--maximum").strip(),
            "memory": lambda: real.figure(r"Used memory:\s+(\d+)", "dominfo"),
            "memory at most": lambda: real.figure(r"Max memory:\s+(\d+)", "dominfo"),
            "weight": lambda: real.figure(r"cpu_shares\s*:\s*(\d+)", "schedinfo"),
            "limit": lambda: real.figure(r"vcpu_quota\s*:\s*(\d+)", "schedinfo"),
            "cores": lambda: real.figure(r"(?m)^\s*0\s+(\S+)$", "vcpupin"),
        }
        def have():
            return {name: look() for name, look in state.items()}
        want = {"iops": "500", "rate": str(2 << 20), "size": str(16 << 20), "vcpus": "1", "most": "2", "memory": "196608",
                "memory at most": "196608", "weight": "700", "limit": "50000", "cores": "0"}
        assert have() == want
        emulator = real.daemon.pids("qemu-system")[0]
        assert cgroup_file(emulator, "cpu", "cpu.shares") in ("700", None)
        assert "Cpus_allowed_list:\t0\n" in "".join(p.read_text() for p in pathlib.Path(f"/proc/{emulator}/task").glob("*/status")), "no thread is bound"
        boots = real.boots()
        # Each changes where the VM runs, without a start.
        server.apply(policy(quota="24Mi", storage=", iops: 900, rate: 3Mi", cpu=", shares: 800, limit: '25%', affinity: '1'")
                     .replace("vcpus: 1", "vcpus: 2").replace("{max: 192Mi}", "{max: 192Mi, current: 160Mi}"))
        want |= {"iops": "900", "rate": str(3 << 20), "size": str(24 << 20), "vcpus": "2", "memory": "163840", "weight": "800",
                 "limit": "12500", "cores": "1"}
        world.wait_for(f"all of {want}", lambda: not set(have().items()) ^ set(want.items()), 90)
        server.wait_vm(real.phone.name, "corp", 60, state=50, verified=True)
        assert real.boots() == boots and real.leaf("Resources/Pending") == "false"
        assert cgroup_file(emulator, "cpu", "cpu.shares") in ("800", None)
        # And a binding that no policy wants any more goes without a start, too.
        every = f"0-{os.cpu_count() - 1}" if os.cpu_count() > 1 else "0"
        server.apply(policy(quota="24Mi", storage=", iops: 900, rate: 3Mi", cpu=", shares: 800, limit: '25%'")
                     .replace("vcpus: 1", "vcpus: 2").replace("{max: 192Mi}", "{max: 192Mi, current: 160Mi}"))
        world.wait_for("all cores", lambda: have()["cores"] == every, 60)
        assert real.boots() == boots
    finally:
        real.stop()


@needs_daemon
def test_what_waits_for_the_next_start_is_told_apart(folder, server):
    """Wanted and in force are two things until the VM is started again, which the server sees to."""
    real = Real(folder, server, policy(storage=", iops: 500", more="      net: {corp0: {mode: nat}}\n"))
    try:
        xml = real.says("dumpxml")
        assert xml.count("<interface ") == 1 and "<readonly/>" not in xml and "<watchdog " not in xml
        boots = real.boots()
        # A person at the device looks at what is in force before the restart: the VM is locked, so that it waits.
        server.wait_operation(server.operate(real.phone.name, "corp", "lock"))
        server.apply(policy(storage=", iops: 900, readOnly: true", more="      net: {corp0: {mode: off}}\n    crash: {watchdog: 30s}\n"))
        world.wait_for("it to wait", lambda: real.leaf("Resources/Pending") == "true", 60)
        world.wait_for("what is in force", lambda: "Resources/Net/corp0/Mode=1" in (real.leaf("Resources/Effective") or ""), 30)
        effective = real.leaf("Resources/Effective")
        assert "Resources/Storage/userdata/ReadOnly=false" in effective and "Crash/WatchdogS=0" in effective, effective
        assert real.says("dumpxml").count("<interface ") == 1 and real.boots() == boots
        server.wait_operation(server.operate(real.phone.name, "corp", "unlock"))
        world.wait_for("the restart", lambda: real.boots() > boots, 90)
        world.wait_for("nothing to wait any more", lambda: real.leaf("Resources/Pending") == "false" and not real.leaf("Resources/Effective"), 120)
        xml = real.says("dumpxml")
        assert "<interface " not in xml and "<readonly/>" in xml and "<watchdog model='i6300esb' action='poweroff'>" in xml, xml
        assert real.figure(r"total_iops_sec\s*:\s*(\d+)", "blkdeviotune", real.disk()) == "900"
    finally:
        real.stop()


@needs_daemon
def test_nothing_is_settled_before_it_is_in_force(folder, server):
    """REST's first word that all is as wanted, and virsh's at that moment: fewer vCPUs come with a restart only, memory in its own time."""
    def wish(vcpus, memory):
        return policy().replace("vcpus: 1", f"vcpus: {vcpus}").replace("{max: 192Mi}", f"{{max: 192Mi, current: {memory}}}")
    real = Real(folder, server, wish(2, "192Mi"))
    try:
        for vcpus, memory, kib in ((1, "192Mi", "196608"), (1, "160Mi", "163840"), (2, "192Mi", "196608")):
            server.apply(wish(vcpus, memory))
            def settled():
                d = server.get(f"/devices/{world.quote(real.phone.name)}")
                return d["summary"] == d["policies"][0]["state"] == "settled"
            world.wait_for("REST to call it settled", settled, 120)
            have = real.says("vcpucount", "--live", "--current").strip(), real.figure(r"Used memory:\s+(\d+)", "dominfo")
            assert have == (str(vcpus), kib), (vcpus, memory, have)
    finally:
        real.stop()


@needs_daemon
def test_what_somebody_tunes_with_virsh_is_seen_and_put_right(folder, server):
    """What is in force is looked at, not remembered: each change at the device is told, and the policy's value comes back."""
    real = Real(folder, server, policy(storage=", iops: 500", cpu=", shares: 700, limit: '50%', affinity: '0'",
                                       more="      net: {corp0: {mode: nat}}\n"))
    try:
        disk, last = real.disk(), str(os.cpu_count() - 1)
        settled = lambda: server.get(f"/devices/{world.quote(real.phone.name)}")["summary"] == "settled"
        world.wait_for("all to be as wanted", settled, 60)
        mac = real.figure(r"mac address='([0-9a-f:]+)'", "dumpxml")
        rows = (
            ("weight", ("schedinfo", "--live", "--set", "cpu_shares=333"), lambda: real.figure(r"cpu_shares\s*:\s*(\d+)", "schedinfo"), "700"),
            ("limit", ("schedinfo", "--live", "--set", "vcpu_quota=-1"), lambda: real.figure(r"vcpu_quota\s*:\s*(-?\d+)", "schedinfo"), "50000"),
            ("cores", ("vcpupin", "0", last, "--live"), lambda: real.figure(r"(?m)^\s*0\s+(\S+)$", "vcpupin"), "0"),
            ("emulator's cores", ("emulatorpin", last, "--live"), lambda: real.figure(r"(?m)^\s*\*:\s+(\S+)$", "emulatorpin"), "0"),
            ("iops", ("blkdeviotune", disk, "--total-iops-sec", "0", "--live"), lambda: real.figure(r"total_iops_sec\s*:\s*(\d+)", "blkdeviotune", disk), "500"),
            ("interface", ("detach-interface", "user", "--mac", mac, "--live"), lambda: mac in real.says("dumpxml"), True),
        )
        for name, command, look, want in rows:
            if (name, last) in (("cores", "0"), ("emulator's cores", "0")):
                continue
            assert look() == want, name
            real.says(*command)
            world.wait_for(f"{name} to change", lambda: look() != want, 30)
            world.wait_for(f"{name} to be put right", lambda: look() == want, 90)
            world.wait_for(f"all to be as wanted after {name}", settled, 90)
    finally:
        real.stop()


@needs_daemon
def test_a_guest_that_does_not_follow_its_balloon_is_told_and_not_started_again(folder, server):
    """libvirt accepts any goal; without a driver in the guest nothing comes of it, at this start or the next."""
    text = policy(more="    crash: {action: alert}\n    upgrade: {health: none}\n")
    server.upload(world.guest_with("rdinit=/bin/busybox", folder), "corp-linux", "1.0.0")
    real = Real(folder, server, text, image=False)
    try:
        device = lambda: server.get(f"/devices/{world.quote(real.phone.name)}")
        world.wait_for("all to be as wanted", lambda: device()["summary"] == "settled", 60)
        said, boots = [], real.boots()
        server.apply(text.replace("{max: 192Mi}", "{max: 192Mi, current: 160Mi}"))
        def looked():
            d, vm = device(), server.vm(real.phone.name, "corp")
            if d["policies"][0]["revision"] == 2 and d["summary"] == "settled":
                said.append((d["summary"], real.figure(r"Used memory:\s+(\d+)", "dominfo")))
            return "does not follow its balloon to 163840 KiB" in d["why"] and not vm["verified"]
        world.wait_for("the guest's deafness to be told", looked, 120)
        assert not said and real.leaf("Resources/Pending") == "true"
        assert real.leaf("Resources/Effective") == "Resources/Memory/CurrentKB=196608"
        assert real.figure(r"Used memory:\s+(\d+)", "dominfo") == "196608" and real.boots() == boots
    finally:
        real.stop()


@needs_daemon
def test_what_libvirt_rounds_is_in_force_and_what_it_cannot_split_is_refused(folder, server):
    real = Real(folder, server, policy().replace("{max: 192Mi}", "{max: 196000Ki}"))
    try:
        device = lambda: server.get(f"/devices/{world.quote(real.phone.name)}")
        world.wait_for("all to be as wanted", lambda: device()["summary"] == "settled", 60)
        boots = real.boots()
        server.apply(policy(cpu=", shares: 800").replace("{max: 192Mi}", "{max: 196000Ki}"))
        world.wait_for("the weight", lambda: real.figure(r"cpu_shares\s*:\s*(\d+)", "schedinfo") == "800", 60)
        world.wait_for("it to be settled", lambda: device()["summary"] == "settled", 60)
        assert real.boots() == boots and real.leaf("Resources/Pending") == "false"
        # The kernel knows no quota below a millisecond of a virtual CPU, and no weight of 1.
        for cpu, why in ((", limit: '1%'", "a limit of 1 % is too little for 2 virtual CPUs"), (", shares: 1", "a weight of 1")):
            server.apply(policy(cpu=cpu).replace("{max: 192Mi}", "{max: 196000Ki}").replace("vcpus: 1, max", "vcpus: 2, max"))
            world.wait_for("the refusal", lambda: why in device()["why"], 60)
            assert real.boots() == boots and server.vm(real.phone.name, "corp")["state"] == 50
    finally:
        real.stop()
