# SPDX-License-Identifier: Apache-2.0
"""One emulator that stands still holds nobody else, and can itself be locked and stopped; and what somebody at the device does to a VM
with the hypervisor's own tools is seen."""
import os
import pathlib
import signal
import time

import world


def policy(vm, state="running"):
    return world.policy(name=f"{vm}-workspace", state=state).replace("id: corp", f"id: {vm}")


def emulator_of(phone, vm):
    for pid in phone.emulators():
        if f"guest=dmvisor-{vm}-".encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def two_vms(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    for vm in ("one", "two"):
        server.apply(policy(vm))
    for vm in ("one", "two"):
        server.wait_vm(phone.name, vm, state=50)


def test_a_hung_vm_is_locked_and_stopped_and_holds_no_other(server, phone):
    two_vms(server, phone)
    hung = emulator_of(phone, "one")
    os.kill(hung, signal.SIGSTOP)
    began = time.monotonic()
    lock_one = server.operate(phone.name, "one", "lock")
    lock_two = server.operate(phone.name, "two", "lock")
    server.wait_operation(lock_two, seconds=20)
    server.wait_vm(phone.name, "two", 20, locked=True, state=60)
    server.wait_operation(lock_one, seconds=40)
    assert server.wait_vm(phone.name, "one", 20, locked=True, state=30)
    assert emulator_of(phone, "one") is None, "a lock that cannot pause takes the power"
    assert time.monotonic() - began < 60
    assert "event=vm.silent" in phone.log() and "event=vm.killed" in phone.log()
    # It is as good as new afterwards.
    server.wait_operation(server.operate(phone.name, "one", "unlock"))
    server.wait_vm(phone.name, "one", state=50, locked=False)
    # A shutdown of one that stands still ends, and a removal goes past the call that hangs.
    os.kill(emulator_of(phone, "one"), signal.SIGSTOP)
    server.apply(policy("one", state="stopped"))
    world.wait_for("the shutdown to end", lambda: emulator_of(phone, "one") is None or "vm=one op=shutdown" in phone.log(), 60)
    server.apply(policy("one", state="absent"))
    world.wait_for("its emulator to be gone", lambda: emulator_of(phone, "one") is None, 60)


def test_a_vm_that_stops_to_answer_is_shown_so(server, phone):
    two_vms(server, phone)
    hung = emulator_of(phone, "one")
    os.kill(hung, signal.SIGSTOP)
    world.wait_for("the silence to be noticed", lambda: "event=vm.silent" in phone.log(), 60)
    server.wait_operation(server.operate(phone.name, "two", "lock"), seconds=20)
    os.kill(hung, signal.SIGCONT)
    world.wait_for("it to answer again", lambda: "event=vm.answers" in phone.log(), 30)
    server.wait_operation(server.operate(phone.name, "one", "lock"), seconds=20)
    assert server.wait_vm(phone.name, "one", state=60)["locked"]
