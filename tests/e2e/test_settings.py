# SPDX-License-Identifier: Apache-2.0
"""What a policy says of a VM's life is what happens to its emulator and its files, looked at from outside: /proc, the octets of a disk,
libvirt's own words. Resources are in test_resources.py; docs/SETTINGS.md names the test of each setting."""
import os
import pathlib
import re
import signal

import test_storage
import world


def policy(more="", state="running", **settings):
    """One whose VM counts as up when its emulator runs: what is looked at is not the guest's boot."""
    return world.policy(state=state, **settings).replace("    crash:", f"    upgrade: {{health: none}}\n{more}    crash:")


def standing(phone):
    """State letter of the one emulator; None when there is none."""
    pids = phone.emulators()
    assert len(pids) <= 1, pids
    return pathlib.Path(f"/proc/{pids[0]}/stat").read_text().rsplit(")", 1)[1].split()[0] if pids else None


def running_time(phone):
    fields = pathlib.Path(f"/proc/{phone.emulators()[0]}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def cut_power(phone):
    phone.process.kill()
    for pid in phone.emulators():
        os.kill(pid, signal.SIGKILL)
    world.wait_for("the emulator to be gone", lambda: not phone.emulators(), 10)


def leaf(server, phone, path):
    uri = f"./Virtualization/VM/corp/{path}"
    items = server.get(f"/devices/{world.quote(phone.name)}/tree?uri={uri}&limit=20")["items"]
    return {n["uri"]: n.get("value") for n in items}.get(uri)


def test_what_a_lock_does_to_the_emulator(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    pid = None
    for action, emulator, saved in (("hide", True, False), ("pause", True, False), ("suspend", False, True), ("shutdown", False, False)):
        server.apply(policy(f"    policy: {{lockAction: {action}, shutTimeout: 2s}}\n"))
        server.wait_vm(phone.name, "corp", 120, state=50)
        world.wait_for("the setting", lambda a=action: leaf(server, phone, "Policy/LockAction") ==
                       str(("hide", "pause", "suspend", "shutdown").index(a)), 30)
        before = phone.emulators()
        server.wait_operation(server.operate(phone.name, "corp", "lock"), seconds=90)
        assert bool(phone.emulators()) == emulator, action
        assert not emulator or phone.emulators() == before
        assert bool(list(phone.dir.glob("hv/lib/qemu/save/*.save"))) == saved, action
        if action == "hide":                            # it goes on, unseen
            spent = running_time(phone)
            world.wait_for("the guest to work", lambda s=spent: running_time(phone) > s, 30)
        server.wait_operation(server.operate(phone.name, "corp", "unlock"), seconds=90)
        server.wait_vm(phone.name, "corp", 90, state=50, locked=False)
        pid = phone.emulators()
        assert pid, action


def test_a_guest_that_does_not_shut_down_in_time(folder, server, phone):
    """Its first process is a shell: nobody minds the power button."""
    server.upload(world.guest_with("rdinit=/bin/busybox", folder), "corp-linux", "1.0.0")
    text = policy("    policy: {shutTimeout: 2s, forceStop: false}\n", crash="alert")
    server.apply(text)
    server.wait_vm(phone.name, "corp", 120, state=50)
    # Nobody wishes a state any more: a person's Shutdown, without an argument that forces it.
    server.apply(text.replace("    state: running\n", ""))
    world.wait_for("the setting", lambda: leaf(server, phone, "Policy/ForceStop") == "false", 60)
    ended = server.wait_operation(server.operate(phone.name, "corp", "shutdown"), "failed", seconds=60)
    assert ended["code"] == 1429 and phone.emulators()
    server.apply(text.replace("    state: running\n", "").replace("forceStop: false", "forceStop: true"))
    world.wait_for("the setting", lambda: leaf(server, phone, "Policy/ForceStop") == "true", 60)
    server.wait_operation(server.operate(phone.name, "corp", "shutdown"), seconds=60)
    assert not phone.emulators()


def said_first(server, phone, text):
    """What the preview says of a VM that a policy is about to stop."""
    seen = server.call("POST", f"/policies:preview?device={world.quote(phone.name)}", expect=200, data=text.encode(),
                       headers={"Content-Type": "application/yaml"}).json()["device"]
    return next(s["why"] for s in seen["steps"] if s["uri"].endswith("/Operations/Shutdown"))


def console(phone):
    return next(phone.dir.glob("vms/*/console.log")).read_text(errors="replace")


def test_a_vm_that_shall_be_stopped_is_shut_down_in_order(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(policy("    policy: {shutTimeout: 45s}\n").replace("health: none", "health: boot"))
    server.wait_vm(phone.name, "corp", 120, state=50)
    assert "power button" not in console(phone)
    text = policy("    policy: {shutTimeout: 45s}\n", state="stopped").replace("health: none", "health: boot")
    assert "the guest is asked to shut down, and powered off when it has not within 45 s" in said_first(server, phone, text)
    server.apply(text)
    server.wait_vm(phone.name, "corp", 60, state=30)
    assert "guest: power button, stopping" in console(phone) and not phone.emulators()
    assert "reason=timeout" not in phone.log()


def test_a_guest_that_minds_no_button_is_powered_off_after_its_time(folder, server, phone):
    """By a policy that wants it stopped; not where the policy says that its power is never taken."""
    server.upload(world.guest_with("rdinit=/bin/busybox", folder), "corp-linux", "1.0.0")
    kept = "    policy: {shutTimeout: 4s, forceStop: false}\n"
    server.apply(policy(kept, crash="alert"))
    server.wait_vm(phone.name, "corp", 120, state=50)
    assert "and not powered off when it has not within 4 s" in said_first(server, phone, policy(kept, state="stopped", crash="alert"))
    server.apply(policy(kept, state="stopped", crash="alert"))
    device = lambda: server.get(f"/devices/{world.quote(phone.name)}")
    world.wait_for("the guest's refusal", lambda: "1429" in device()["why"] or "did not shut down in time" in device()["why"], 60)
    assert phone.emulators()
    server.apply(policy("    policy: {shutTimeout: 4s}\n", state="stopped", crash="alert"))
    world.wait_for("its power to be taken", lambda: not phone.emulators(), 90)
    server.wait_vm(phone.name, "corp", 60, state=30)
    assert re.search(r"vm=corp state=100 (?s:.)*vm=corp state=30", phone.log()), "it was not asked first"


def test_a_vm_starts_with_the_device_as_its_policy_says(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    for start, comes in (("if-running", True), ("never", False), ("always", True)):
        server.apply(policy(f"    policy: {{autoStart: {start}}}\n"))
        server.wait_vm(phone.name, "corp", 120, state=50)
        world.wait_for("the setting", lambda s=start: leaf(server, phone, "Policy/AutoStart") ==
                       str(("never", "if-running", "always").index(s)), 30)
        server.stop()                                   # nobody else could start it
        cut_power(phone)
        phone.start()
        if comes:
            world.wait_for(f"the VM to come with {start}", phone.emulators, 30)
        else:
            world.wait_for("the agent to know that it is off", lambda: re.search(r"vm=corp state=30", phone.log().split("event=start ")[-1]) or
                           "event=session" in phone.log().split("event=start ")[-1], 30)
            assert not phone.emulators()
        server.start()


def test_a_lease_without_contact_locks_and_wipes(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(policy("    policy: {lockAction: shutdown, shutTimeout: 1s}\n    lease: {checkIn: 6s, lockAfter: 12s, wipeAfter: 24s}\n"))
    server.wait_vm(phone.name, "corp", 120, state=50)
    world.wait_for("the lease", lambda: leaf(server, phone, "Lease/WipeAfterS") == "24", 30)
    volume = test_storage.folder_of(phone) / "userdata.img"
    test_storage.plant(volume)
    with open(volume, "rb") as held:
        server.stop()
        world.wait_for("the lock to take the power", lambda: not phone.emulators(), 60)
        held.seek(0)
        assert test_storage.SECRET in held.read()
        world.wait_for("the wipe", lambda: held.seek(0) == 0 and test_storage.SECRET not in held.read(), 60)
    assert test_storage.where(phone.dir) == []


def test_what_is_marked_is_wiped_and_nothing_else(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(policy("", state="stopped").replace("userdata: {quota: 16Mi}", "userdata: {quota: 16Mi}, keep: {quota: 16Mi}"))
    server.wait_vm(phone.name, "corp", 120, state=30)
    folder = test_storage.folder_of(phone)
    for name in ("userdata", "keep"):
        test_storage.plant(folder / f"{name}.img")
    mark = server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202, json={
        "kind": "tree", "command": "replace", "uri": "./Virtualization/VM/corp/AvailableWipeList/userdata/ToBeWiped", "format": "bool",
        "data": "true"}).json()
    server.wait_operation(mark)
    server.wait_operation(server.operate(phone.name, "corp", "wipe", scope="listed"), seconds=60)
    assert test_storage.where(phone.dir) == [str(folder / "keep.img")]


def test_no_peripheral_is_handed_over_and_no_windows_comes(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(policy("").replace("guestType: linux", "guestType: windows"))
    def problem():
        return server.get(f"/devices/{world.quote(phone.name)}/desired")["vms"][0].get("problemCode")
    world.wait_for("the refusal", lambda: problem() in (406, 1413), 60)
    assert not phone.emulators()
    server.apply(policy("    peripherals: {camera: denied, mic: denied}\n"))
    server.wait_vm(phone.name, "corp", 120, state=50)
    line = test_storage.arguments(phone)
    assert not re.search(rb"usb-host|vfio|hda-|intel-hda|virtio-snd|evdev", line), line
