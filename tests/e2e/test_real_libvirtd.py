# SPDX-License-Identifier: Apache-2.0
"""The agent over a real libvirtd with its defaults: emulators without rights, a daemon that goes and comes back, and people who use
virsh at the device."""
import os
import pathlib
import re
import shutil
import signal

import pytest

import libvirtd
import world

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("libvirtd") or not shutil.which("virtlogd"),
                                reason="needs root and libvirt's daemons")


@pytest.fixture
def daemon(folder):
    d = libvirtd.Libvirtd(folder)
    yield d
    d.stop()


def node(server, phone, uri):
    items = server.get(f"/devices/{world.quote(phone.name)}/tree?uri={uri}&limit=50")["items"]
    return {n["uri"]: n.get("value") for n in items}.get(uri)


def test_the_daemon_goes_and_comes_back_and_what_people_do_meanwhile_is_seen(folder, server, daemon):
    phone = world.Phone(folder / "phone", server, hypervisor__uri=daemon.uri)
    phone.start()
    try:
        server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(world.policy())
        server.wait_vm(phone.name, "corp", 120, state=50)
        name = next(n for n in daemon.virsh("list", "--name").stdout.split() if n.startswith("dmvisor-corp"))
        status = pathlib.Path(f"/proc/{phone.emulators()[0]}/status").read_text()
        assert "Uid:\t0" not in status and "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status
        world.wait_for("its console", lambda: [f for f in phone.dir.glob("vms/*/console.log") if f.stat().st_size], 30)

        # Somebody pauses it with virsh: believed, told.
        assert daemon.virsh("suspend", name).returncode == 0
        world.wait_for("the agent to see it", lambda: "vm=corp state=60" in phone.log(), 20)
        assert daemon.virsh("resume", name).returncode == 0
        world.wait_for("the agent to see that too", lambda: phone.log().count("vm=corp state=50") >= 2, 20)

        # Somebody takes memory from it: seen when the server has the device look, and given back as the policy says.
        assert daemon.virsh("setmem", name, "160M", "--live").returncode == 0
        base = f"/devices/{world.quote(phone.name)}/operations"
        def memory():
            op = server.call("POST", base, expect=202, json={"kind": "tree", "command": "exec", "uri": "./Virtualization/Operations/Refresh"}).json()
            world.wait_for("the look to be over", lambda: server.get(f"/operations/{op['id']}")["state"] not in ("queued", "sent", "accepted"), 30)
            return re.search(r"Used memory:\s+(\d+)", daemon.virsh("dominfo", name).stdout).group(1)
        world.wait_for("the memory to be given back", lambda: memory() == "196608" and "op=applyResources" in phone.log(), 60)
        assert phone.log().count("vm=corp state=40") == 1           # without a start

        # A locked VM that somebody resumes is paused again.
        server.wait_operation(server.operate(phone.name, "corp", "lock"))
        assert daemon.virsh("resume", name).returncode == 0
        world.wait_for("the lock to hold", lambda: daemon.virsh("domstate", name).stdout.strip() == "paused" and
                       phone.log().count("vm=corp state=60") >= 3, 30)
        assert server.wait_vm(phone.name, "corp", locked=True, state=60)
        server.wait_operation(server.operate(phone.name, "corp", "unlock"))

        # The daemon dies: degraded, not gone. It comes back, and what happened meanwhile is known.
        daemon.kill()
        world.wait_for("the loss", lambda: "event=hypervisor state=lost" in phone.log(), 30)
        server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202,
                    json={"kind": "tree", "command": "get", "uri": "./Virtualization/Hypervisor/State"})
        world.wait_for("it to be shown as degraded", lambda: node(server, phone, "./Virtualization/Hypervisor/State") == "20", 30)
        daemon.release()
        world.wait_for("the return", lambda: "event=hypervisor state=back" in phone.log(), 60)
        server.wait_operation(server.operate(phone.name, "corp", "lock"), seconds=60)
        assert daemon.virsh("domstate", name).stdout.strip() == "paused"
        # Off behind our back.
        server.wait_operation(server.operate(phone.name, "corp", "unlock"))
        assert daemon.virsh("destroy", name).returncode == 0
        world.wait_for("the agent to see it off", lambda: "vm=corp state=30" in phone.log(), 20)
    finally:
        phone.stop()


def test_an_emulator_that_ended_while_the_agent_was_away_is_a_crash(folder, server, daemon):
    """The daemon saw it end: that is no restart of the device, and the policy for crashes is obeyed."""
    phone = world.Phone(folder / "phone", server, hypervisor__uri=daemon.uri)
    phone.start()
    try:
        server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(world.policy(crash="alert"))
        server.wait_vm(phone.name, "corp", 120, state=50)
        name = next(n for n in daemon.virsh("list", "--name").stdout.split() if n.startswith("dmvisor-corp"))
        phone.process.kill()
        os.kill(phone.emulators()[0], signal.SIGKILL)
        world.wait_for("the daemon to see it", lambda: "shut off" in daemon.virsh("domstate", name).stdout, 20)
        before = len(phone.log())
        phone.start()
        world.wait_for("the crash to be counted", lambda: "event=crash " in phone.log()[before:], 30)
        assert "vm=corp state=40" not in phone.log()[before:] and not phone.emulators()
        world.wait_for("the server to know", lambda: (server.vm(phone.name, "corp") or {}).get("state") == 110, 30)
    finally:
        phone.stop()
