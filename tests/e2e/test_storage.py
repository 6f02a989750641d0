# SPDX-License-Identifier: Apache-2.0
"""A VM's disks on a real phone, looked at from outside: the files, libvirt's own description, the emulator's arguments."""
import os
import pathlib
import signal

import world

SECRET = b"the payroll of acme, 2026"


def folder_of(phone):
    """The folder of the one VM; None when there is none."""
    there = [p for p in (phone.dir / "vms").iterdir()] if (phone.dir / "vms").exists() else []
    assert len(there) <= 1, there
    return there[0] if there else None


def plant(file, text=SECRET):
    """As a guest would have left it."""
    with open(file, "r+b") as f:
        f.seek(1 << 20)
        f.write(text)
        f.flush()
        os.fsync(f.fileno())


def where(top, text=SECRET):
    """Files below a folder that have the text, by their octets."""
    found = []
    for path in pathlib.Path(top).rglob("*"):
        if path.is_file() and path.name not in ("agent.log", "state.db", "state.db-wal") and text in path.read_bytes():
            found.append(str(path))
    return found


def arguments(phone):
    pids = world.wait_for("one emulator", lambda: [p for p in phone.emulators()][:1], 30)
    return pathlib.Path(f"/proc/{pids[0]}/cmdline").read_bytes()


def described(phone):
    """What libvirt keeps of the VM."""
    files = list((phone.dir / "hv/etc/qemu").glob("*.xml"))
    assert len(files) == 1, files
    return files[0].read_bytes()


def restart(phone):
    phone.process.kill()
    phone.start()


def test_a_vm_has_its_volumes_and_addresses_after_a_restart(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy().replace("    crash:", "      net: {corp0: {mode: nat}}\n    crash:"))
    server.wait_vm(phone.name, "corp", state=50, seconds=180)
    volume = folder_of(phone) / "userdata.img"
    assert volume.stat().st_size == 16 << 20
    plant(volume)
    before = described(phone)
    assert b"userdata.img" in before and b"<mac address='" in before
    for _ in range(2):                          # with the VM left running; and the start that follows a power cut
        phone.process.kill()
        for pid in phone.emulators():
            os.kill(pid, signal.SIGKILL)
        phone.start()
        server.wait_vm(phone.name, "corp", state=50, seconds=180)
        assert b"userdata.img" in arguments(phone)
        assert described(phone) == before
        assert where(volume.parent) == [str(volume)]


def test_a_vm_without_a_volume_does_not_start_and_says_which(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy(state="stopped"))
    server.wait_vm(phone.name, "corp", state=30)
    volume = folder_of(phone) / "userdata.img"
    volume.unlink()
    restart(phone)
    server.apply(world.policy(state="running"))
    world.wait_for("the start to fail", lambda: "op=start" in phone.log() and "result=1428" in phone.log(), 60)
    world.wait_for("the reason", lambda: "the volume userdata is missing" in phone.log(), 20)
    # The server is told which, and not how this host's folders are called.
    base = f"/devices/{world.quote(phone.name)}"
    def told():
        texts = [server.call("GET", base + path).text for path in ("/operations", "/vms", "/preview", "/tree?uri=./Virtualization/VM&limit=1000")]
        return texts if all("userdata is missing" in t for t in texts[:2]) else None
    assert str(phone.dir) in phone.log() and not [t for t in world.wait_for("the server to be told", told, 40) if str(phone.dir) in t]
    assert not phone.emulators() and not volume.exists()


def test_a_wipe_leaves_nothing_in_any_file(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    server.wait_vm(phone.name, "corp", state=50, seconds=180)
    volume = folder_of(phone) / "userdata.img"
    plant(volume)
    with open(volume, "rb") as held, open(volume.parent / "console.log", "rb") as console:
        assert len(console.read()) > 100
        restart(phone)                          # the agent that wipes is not the one that made it
        server.wait_operation(server.operate(phone.name, "corp", "wipe", scope="user"), seconds=90)
        assert SECRET not in held.read()        # nor in what somebody still has open
        console.seek(0)
        assert not console.read().strip(b"\0")
    assert where(phone.dir) == []
    assert server.wait_vm(phone.name, "corp", state=30)["reason"] == 1
    server.wait_operation(server.operate(phone.name, "corp", "start"), seconds=90)      # who wiped it says when it starts again
    server.wait_vm(phone.name, "corp", state=50, seconds=180)            # with a fresh one of the right size
    assert volume.stat().st_size == 16 << 20 and b"userdata.img" in arguments(phone)
    # Nothing is marked in AvailableWipeList: a wipe of what is listed says that it wiped nothing, and leaves the VM alone.
    plant(volume)
    ended = server.wait_operation(server.operate(phone.name, "corp", "wipe", scope="listed"), "failed", seconds=60)
    assert "1406" in str(ended), ended
    assert where(volume.parent) == [str(volume)] and phone.emulators()


def test_a_wipe_says_what_was_not_at_its_place(folder, server, phone):
    """What somebody has put elsewhere, or what lies on a storage that is not there, cannot be destroyed: nobody says that it was."""
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    server.wait_vm(phone.name, "corp", state=50, seconds=180)
    home, card = folder_of(phone), folder / "card"
    volume = home / "userdata.img"
    plant(volume)

    def wipe(state):
        return server.wait_operation(server.operate(phone.name, "corp", "wipe", scope="user"), state, seconds=60)

    card.mkdir()
    os.rename(volume, card / "userdata.img")
    os.symlink(card / "userdata.img", volume)
    ended = wipe("failed")
    assert ended["code"] == 1405 and where(card) and not volume.exists()
    world.wait_for("the reason", lambda: "not at its place: userdata" in server.call("GET", f"/operations/{ended['id']}").text, 40)
    os.rename(card / "userdata.img", volume)
    wipe("verified")
    assert where(folder) == []
    # The whole folder, and a removal: what is removed is gone from the phone's books, and it says what it did not destroy.
    server.apply(world.policy().replace("priority: 100", "priority: 101"))
    server.wait_operation(server.operate(phone.name, "corp", "start"), seconds=90)
    server.wait_vm(phone.name, "corp", state=50)
    plant(volume)
    os.rename(home, folder / "elsewhere")
    server.apply(world.policy(state="absent").replace("priority: 100", "priority: 102"))
    world.wait_for("the VM to be gone", lambda: server.vm(phone.name, "corp") is None, 60)
    assert "op=delete" in phone.log() and "result=1206" in phone.log() and where(folder / "elsewhere")


def test_another_file_in_a_volume_s_place_is_not_the_volume(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    server.wait_vm(phone.name, "corp", state=50, seconds=180)
    volume = folder_of(phone) / "userdata.img"
    server.apply(world.policy(state="stopped"))
    server.wait_vm(phone.name, "corp", state=30)
    foreign = SECRET * (volume.stat().st_size // len(SECRET) + 1)
    volume.rename(volume.parent.parent / "kept")
    volume.write_bytes(foreign)
    server.apply(world.policy(state="running"))
    world.wait_for("the start to fail", lambda: "userdata is another file than the one that was made" in phone.log(), 60)
    assert not phone.emulators() and volume.read_bytes() == foreign
    os.replace(volume.parent.parent / "kept", volume)
    server.wait_operation(server.operate(phone.name, "corp", "start"), seconds=90)
    server.wait_vm(phone.name, "corp", state=50)
