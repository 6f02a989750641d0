# SPDX-License-Identifier: Apache-2.0
"""Images that reach for the host, against the real agent: the VM does not start, the reason is told, nothing of the host shows."""
import io
import os
import pathlib
import re
import subprocess
import tarfile

import world

SECRET = "THE-HOST'S-OWN-SECRET"


def qemu_img(*args):
    subprocess.run(["qemu-img", *map(str, args)], check=True, capture_output=True)


def backing(folder, secret):
    qemu_img("create", "-f", "qcow2", "-F", "raw", "-b", secret, folder / "i", "1M")


def backing_by_protocol(folder, secret):
    at = '{"driver":"raw","file":{"driver":"file","filename":"%s"}}' % secret
    qemu_img("create", "-f", "qcow2", "-u", "-F", "raw", "-b", "json:" + at, folder / "i", "1M")


def data_file(folder, secret):
    kept = secret.read_bytes()
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={secret},data_file_raw=on", folder / "i", "1M")
    secret.write_bytes(kept)


def vmdk(folder, secret):
    (folder / "i").write_text(f'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
                              f'RW 128 FLAT "{secret}" 0\nddb.adapterType = "ide"\n')


def link_in_bundle(folder, secret):
    with tarfile.open(folder / "i", "w") as tar:
        link = tarfile.TarInfo("kernel")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        tar.addfile(link)
        line = b"console=ttyS0\n"
        entry = tarfile.TarInfo("cmdline")
        entry.size = len(line)
        tar.addfile(entry, io.BytesIO(line))


def empty_kernel(folder, secret):
    with tarfile.open(folder / "i", "w") as tar:
        tar.addfile(tarfile.TarInfo("kernel"))


def more_than_there_is(folder, secret):
    qemu_img("create", "-f", "qcow2", folder / "i", "64T")


ATTACKS = [("backing", backing, "qcow2", 1420, "another file"), ("protocol", backing_by_protocol, "qcow2", 1420, "another file"),
           ("datafile", data_file, "qcow2", 1420, "another file"), ("vmdk", vmdk, "qcow2", 1420, "is not"),
           ("link", link_in_bundle, "bundle", 1420, "link"), ("empty", empty_kernel, "bundle", 1420, "is empty"),
           ("huge", more_than_there_is, "qcow2", 1423, "larger than")]


def policy(vm, state="running"):
    return world.policy(name=f"{vm}-workspace", state=state).replace("id: corp", f"id: {vm}").replace("corp-linux", f"{vm}-image")


def ends(phone, vm, op):
    """(result, detail) of the operations of this kind that ended on the device."""
    return [(int(r), d) for r, d in re.findall(rf'event=operation .*vm={vm} op={op} .*result=(\d+) .*detail=(.*)', phone.log())]


def test_an_image_that_reaches_for_the_host_is_refused_with_the_reason(folder, server, phone):
    secret = folder / "secret"
    secret.write_text(SECRET * 1000)
    secret.chmod(0o600)
    for name, make, fmt, *_ in ATTACKS:
        (folder / name).mkdir()
        make(folder / name, secret)
        server.upload(folder / name / "i", f"{name}-image", "1.0.0", fmt=fmt)
        server.apply(policy(name))
    for name, _, _, code, words in ATTACKS:
        result, detail = world.wait_for(f"{name} to be refused", lambda n=name: ends(phone, n, "provision"), 90)[0]
        assert result == code and words in detail, (name, result, detail)
        world.wait_for(f"{name} to be defined and no more", lambda n=name: server.vm(phone.name, n)["state"] in (10, None), 30)
    assert not phone.emulators()
    for file in [phone.dir / "agent.log", server.dir / "server.log"]:
        assert SECRET not in file.read_text(errors="replace"), file
    assert secret.read_text() == SECRET * 1000


def emulator(phone, file):
    for pid in phone.emulators():
        line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        if file in line:
            return pid, line
    return None


def test_a_raw_image_is_raw_whatever_it_looks_like_and_its_emulator_has_no_rights(folder, server, phone):
    secret = folder / "secret"
    secret.write_text(SECRET * 1000)
    backing(folder, secret)
    server.upload(folder / "i", "raw-image", "1.0.0", fmt="raw")
    server.apply(policy("raw"))
    pid, line = world.wait_for("its emulator", lambda: emulator(phone, "system.raw"), 120)
    assert '"driver":"raw"' in line and '"driver":"qcow2"' not in line and str(secret) not in line
    def confined():
        rows = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(row.split(":\t", 1) for row in rows if ":\t" in row)
        return status if status["Seccomp"] == "2" else None
    status = world.wait_for("its sandbox", confined, 30)
    if os.geteuid() == 0:
        assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split(), status
        assert os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1", status
    files = {os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    assert not any("secret" in f for f in files), files
    for path in phone.dir.rglob("*"):       # what is kept is nobody else's to read
        if path.is_file() and (path.name.startswith("state.db") or "/vms/" in str(path)):
            assert not path.stat().st_mode & 0o007, (path, oct(path.stat().st_mode))


def test_a_disk_that_was_changed_after_its_installation_does_not_start(folder, server, phone):
    secret = folder / "secret"
    secret.write_text(SECRET * 1000)
    qemu_img("create", "-f", "qcow2", folder / "good", "1M")
    server.upload(folder / "good", "late-image", "1.0.0", fmt="qcow2")
    server.apply(policy("late", state="stopped"))
    server.wait_vm(phone.name, "late", state=30)
    disk = next(phone.dir.glob("vms/*/system.qcow2"))
    qemu_img("rebase", "-u", "-F", "raw", "-b", secret, disk)
    server.apply(policy("late"))
    result, detail = world.wait_for("the start to be refused", lambda: ends(phone, "late", "start"), 60)[0]
    assert result == 1420 and "another file" in detail
    assert not phone.emulators()


def test_a_guest_that_prints_without_end_fills_a_log_of_bounded_size(folder, server, phone):
    server.upload(world.guest_with("dmvisor.shout=1", folder), "loud-image", "1.0.0")
    server.apply(policy("loud"))
    def turned():
        for log in phone.dir.glob("vms/*/console.log.0"):
            return log.stat().st_ino
        return None
    first = world.wait_for("its first megabyte", turned, 180)
    world.wait_for("its second", lambda: turned() not in (None, first), 120)
    home = next(phone.dir.glob("vms/*/console.log")).parent
    logs = {f.name: f.stat() for f in home.glob("console.log*")}
    assert set(logs) == {"console.log", "console.log.0"} and sum(s.st_size for s in logs.values()) <= 2 << 20, logs
    assert all(s.st_mode & 0o077 == 0 for s in logs.values())
    emulator_logs = list(phone.dir.glob("hv/log/qemu/*.log"))
    assert all(f.stat().st_size <= 1 << 20 for f in emulator_logs)
    server.apply(policy("loud", state="absent"))
    world.wait_for("its folder to be gone", lambda: not home.exists(), 90)
    assert not list(phone.dir.glob("hv/log/qemu/*loud*"))
