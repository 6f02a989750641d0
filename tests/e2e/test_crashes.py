# SPDX-License-Identifier: Apache-2.0
"""A real guest that panics, under a real emulator: what the device does of itself, what a server may do meanwhile, and what is told."""
import os
import pathlib
import re
import time

import pytest

import world

if os.uname().machine != "x86_64":
    pytest.skip("the guest's kernel tells of a panic on x86 only", allow_module_level=True)


def policy(crash):
    return world.policy().replace("{action: restart, maxRestarts: 3, window: 10m, escalation: stop}", crash)


def crashes(phone):
    return [(int(reason), int(action), info) for reason, action, info in
            re.findall(r'event=crash vm=corp data="reason=(\d+);count=\d+;action=(\d+);dump=;info=([^\n]*)"', phone.log())]


def begun(pid):
    """When a process began, on the clock of time.clock_gettime(CLOCK_BOOTTIME)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def ended(server, op):
    def over():
        o = server.get(f"/operations/{op['id']}")
        return o if o["state"] in ("failed", "verified", "cancelled", "expired", "superseded") else None
    return world.wait_for("the operation to end", over, 90)


def test_a_panicked_guest_is_restarted_when_its_delay_is_over(folder, server, phone):
    server.upload(world.guest_with("dmvisor.panic=4", folder), "corp-linux", "1.0.0")
    server.apply(policy("{action: restart, restartDelay: 25s, maxRestarts: 3, window: 10m, escalation: stop}"))
    world.wait_for("the panic", lambda: crashes(phone), 120)
    at = time.clock_gettime(time.CLOCK_BOOTTIME)
    reason, action, info = crashes(phone)[0]
    assert (reason, action) == (1, 2) and "Kernel panic" in info, info
    old = phone.emulators()
    assert len(old) == 1, "its domain is preserved until it is restarted"
    # The state is the device's until then: neither the policy nor a person starts it.
    refused = ended(server, server.operate(phone.name, "corp", "start"))
    assert refused["state"] == "failed" and refused["code"] == 1444, refused
    new = world.wait_for("the restart", lambda: [p for p in phone.emulators() if p not in old], 60)
    assert begun(new[0]) - at > 20, "it was restarted before its delay was over"
    assert not set(old) & set(phone.emulators()), "what was crashed is stopped first"
    by_policy = [o for o in server.get(f"/devices/{world.quote(phone.name)}/operations")["items"] if o["kind"] == "start" and o["byPolicy"]]
    assert not by_policy, by_policy
    world.wait_for("the crash to be known", lambda: (server.vm(phone.name, "corp") or {}).get("crashes", {}).get("total"), 60)
    cause = server.get("/overview")["crashes"][0]["cause"]
    assert cause.startswith("panic") and "Kernel panic" in cause, cause


def test_a_crashed_vm_is_stopped_before_it_is_started(folder, server, phone):
    """As a person asks: the policy only tells."""
    server.upload(world.guest_with("dmvisor.panic=4", folder), "corp-linux", "1.0.0")
    server.apply(policy("{action: alert, maxRestarts: 3, window: 10m, escalation: alert}"))
    world.wait_for("the panic", lambda: crashes(phone), 120)
    old = phone.emulators()
    server.wait_vm(phone.name, "corp", 60, verified=False, state=110)
    op = server.operate(phone.name, "corp", "start")
    new = world.wait_for("a new emulator", lambda: [p for p in phone.emulators() if p not in old], 60)
    assert len(new) == 1 and not set(old) & set(phone.emulators())
    assert len([c for c in crashes(phone) if c[0] != 1]) == 0, crashes(phone)
    assert ended(server, op)["state"] in ("verified", "failed")     # it comes up; and may panic before somebody looks


@pytest.mark.parametrize("action,locked", [("stop", False), ("lock", True)])
def test_what_else_the_device_does_after_a_panic(folder, server, phone, action, locked):
    server.upload(world.guest_with("dmvisor.panic=4", folder), "corp-linux", "1.0.0")
    server.apply(policy(f"{{action: {action}, maxRestarts: 3, window: 10m, escalation: stop}}"))
    world.wait_for("the panic", lambda: crashes(phone), 120)
    world.wait_for("the power to be off", lambda: not phone.emulators(), 30)
    assert server.wait_vm(phone.name, "corp", 60, verified=False, state=30, locked=locked)
    assert not phone.emulators()


def test_a_guest_that_hangs_in_its_boot_is_found_although_the_agent_was_restarted(folder, server, phone):
    """Nobody says that it runs before it has said so itself."""
    server.upload(world.guest_with("dmvisor.hang=1", folder), "corp-linux", "1.0.0")
    server.apply(world.policy(crash="alert").replace("    crash:", "    policy: {bootTimeout: 20s}\n    crash:"))
    world.wait_for("the guest to be started", lambda: "vm=corp state=40" in phone.log() and phone.emulators(), 120)
    phone.process.kill()
    before = len(phone.log())
    phone.start()
    world.wait_for("its boot to count as failed", lambda: "event=crash " in phone.log()[before:], 60)
    assert "vm=corp state=50" not in phone.log()
    world.wait_for("the server to know", lambda: (server.vm(phone.name, "corp") or {}).get("state") == 110, 30)


def test_a_guest_that_comes_up_while_the_agent_is_away_is_up(folder, server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    world.wait_for("the guest to be started", lambda: "vm=corp state=40" in phone.log() and phone.emulators(), 120)
    phone.process.kill()
    phone.start()
    server.wait_vm(phone.name, "corp", 90, state=50)
    assert "event=crash " not in phone.log()
