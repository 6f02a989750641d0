# SPDX-License-Identifier: Apache-2.0
"""Room for volumes: what is promised to one VM is not promised to another, a VM that runs gets no more than there is, and a guest that
finds no room for what it writes is shown so. Over a small file system of the phone's own."""
import os
import re
import subprocess

import pytest

import test_storage
import world

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")


@pytest.fixture
def phone(folder, server):
    p = world.Phone(folder / "phone", server)
    store = p.dir / "vms"
    store.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M,mode=0711", "none", store], check=True)
    try:
        yield p.start()
    finally:
        p.stop()
        subprocess.run(["umount", "-l", store], check=True)


def policy(vm="corp", quota="36Mi", state="running"):
    return world.policy(name=f"{vm}-workspace", state=state).replace("id: corp", f"id: {vm}").replace("quota: 16Mi", f"quota: {quota}")


def tree(server, phone, command, uri, **more):
    body = {"kind": "tree", "command": command, "uri": f"./Virtualization/VM/corp/{uri}", **more}
    return server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202, json=body).json()


def node(server, phone, uri):
    uri = f"./Virtualization/VM/corp/{uri}"
    items = server.get(f"/devices/{world.quote(phone.name)}/tree?uri={uri}&limit=5")["items"]
    return {n["uri"]: n.get("value") for n in items}.get(uri)


def test_room_is_promised_once(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(policy())
    server.wait_vm(phone.name, "corp", 120, state=50)
    volume = test_storage.folder_of(phone) / "userdata.img"
    # The first one's volume is sparse: the file system has room for a second one, and the first one's guest a promise.
    server.apply(policy("two"))
    world.wait_for("the second to be refused", lambda: re.search(r"vm=two op=provision .*result=1423.*promised to no volume", phone.log()), 60)
    assert len(phone.emulators()) == 1
    # Nor does the first grow while it runs, whoever writes its quota.
    tree(server, phone, "replace", "Resources/Storage/userdata/QuotaKB", data="2000000000", format="int")
    world.wait_for("the wish to wait", lambda: node(server, phone, "Resources/Pending") == "true", 40)
    assert volume.stat().st_size == 36 << 20
    ended = server.wait_operation(server.operate(phone.name, "corp", "applyResources"), "failed", seconds=60)
    assert ended["code"] == 1423, ended
    # Nor by a reset.
    ended = server.wait_operation(server.operate(phone.name, "corp", "reset"), "failed", seconds=60)
    assert ended["code"] == 1423 and volume.stat().st_size == 36 << 20 and len(phone.emulators()) == 1


def test_a_guest_without_room_is_shown_so_and_goes_on_when_there_is_some(folder, server, phone):
    server.upload(world.guest_with("dmvisor.fill=12", folder), "corp-linux", "1.0.0")
    server.apply(policy())
    server.wait_vm(phone.name, "corp", 120, state=50)
    hog = phone.dir / "vms/hog"
    with open(hog, "wb", buffering=0) as f:         # all but a little
        disk = os.statvfs(phone.dir / "vms")
        f.write(b"x" * (disk.f_bavail * disk.f_frsize - (8 << 20)))
    world.wait_for("the guest to stand still", lambda: re.search(r'vm=corp state=60 lock=30 because="shortage of resources"', phone.log()), 60)
    world.wait_for("the server to see it", lambda: (server.vm(phone.name, "corp") or {}).get("reason") == 12, 30)
    # The server wants it to run; that does no good, and says why.
    world.wait_for("a try to fail", lambda: re.search(r"vm=corp op=resume .*result=1423.*no room", phone.log()), 60)
    hog.unlink()
    server.wait_vm(phone.name, "corp", 120, state=50)
    world.wait_for("the guest to be done", lambda: "its disk is full" in
                   (test_storage.folder_of(phone) / "console.log").read_text(errors="replace"), 60)


def test_a_phone_without_any_room_still_obeys_its_owner(folder, server):
    """Its own folder, with all that it keeps, is on the file system that somebody has filled to the last octet."""
    place = folder / "phone"
    place.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=112M,mode=0711", "none", place], check=True)
    phone = world.Phone(place, server)
    try:
        phone.start()
        server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(world.policy())
        server.wait_vm(phone.name, "corp", 120, state=50)
        test_storage.plant(test_storage.folder_of(phone) / "userdata.img")
        with open(place / "hog", "wb", buffering=0) as f:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass
        assert os.statvfs(place).f_bavail == 0
        server.wait_operation(server.operate(phone.name, "corp", "lock"), seconds=60)
        assert server.wait_vm(phone.name, "corp", 60, locked=True, state=60)
        server.wait_operation(server.operate(phone.name, "corp", "wipe", scope="user"), seconds=60)
        assert not test_storage.where(place)
    finally:
        phone.stop()
        subprocess.run(["umount", "-l", place], check=True)
