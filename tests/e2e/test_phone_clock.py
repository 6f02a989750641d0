# SPDX-License-Identifier: Apache-2.0
"""A phone whose wall clock is set: what it decides by time goes on as time does. The clock is the agent's own (clock.c, preloaded)."""
import datetime
import pathlib
import subprocess

import pytest

import test_storage
import world

HERE = pathlib.Path(__file__).resolve().parent
DAY = 86400


class Clocked(world.Phone):
    """Its wall clock is off by as many seconds as set() said last."""

    def __init__(self, folder, server, **settings):
        super().__init__(folder, server, **settings)
        subprocess.run(["cc", "-std=c17", "-O1", "-shared", "-fPIC", "-o", self.dir / "clock.so", HERE / "clock.c"], check=True)
        self.set(0)
        self.env = {"LD_PRELOAD": str(self.dir / "clock.so"), "CLOCK_OFFSET": str(self.dir / "clock"),
                    "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:verify_asan_link_order=0"}

    def set(self, seconds):
        (self.dir / "clock").write_bytes(int(seconds).to_bytes(8, "little", signed=True))


@pytest.fixture
def server(folder):
    """Without TLS: certificates have dates of their own."""
    s = world.Server(folder / "server", tls=False).start()
    yield s
    s.stop()


@pytest.fixture
def phone(folder, server):
    p = Clocked(folder / "phone", server).start()
    yield p
    p.stop()


def sessions(phone):
    return phone.log().count("state=over")


def node(server, phone, uri):
    items = server.get(f"/devices/{world.quote(phone.name)}/tree?uri={uri}&limit=5")["items"]
    return {n["uri"]: n.get("value") for n in items}.get(uri)


def test_a_clock_that_is_set_wipes_nothing_and_silences_nobody(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy().replace("    crash:", "    lease: {checkIn: 1h, lockAfter: 10d, wipeAfter: 30d}\n    crash:"))
    server.wait_vm(phone.name, "corp", state=50, seconds=180)
    volume = test_storage.folder_of(phone) / "userdata.img"
    test_storage.plant(volume)
    pid = phone.emulators()
    for days, restart in ((-365, False), (3650, False), (-18250, True), (0, True)):
        phone.set(days * DAY)
        if restart:
            phone.process.kill()
            phone.start()
        before = sessions(phone)
        world.wait_for(f"it to call, {days} days off", lambda b=before: sessions(phone) >= b + 2, 25)
        assert "event=lease" not in phone.log() and phone.emulators() == pid, days
        assert test_storage.where(phone.dir) == [str(volume)]
    assert phone.log().count("event=clock.leap") >= 2
    assert server.wait_vm(phone.name, "corp", state=50, locked=False)


def test_a_crashed_vm_is_restarted_although_the_clock_went_back(folder, server, phone):
    server.upload(world.guest_with("dmvisor.panic=4", folder), "corp-linux", "1.0.0")
    server.apply(world.policy().replace("crash: {action: restart,", "crash: {action: restart, restartDelay: 8s,"))
    world.wait_for("the crash", lambda: "event=crash " in phone.log(), 120)
    phone.set(-300 * DAY)
    world.wait_for("the restart", lambda: phone.log().count("vm=corp state=50") >= 2, 60)
    # And what it shows of the time is what the wall clock shows.
    def shown():
        server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202,
                    json={"kind": "tree", "command": "get", "uri": "./Virtualization/VM/corp/StateTime"})
        return node(server, phone, "./Virtualization/VM/corp/StateTime")
    wanted = (datetime.datetime.utcnow() - datetime.timedelta(days=300)).strftime("%Y")
    world.wait_for("the time of that", lambda: (shown() or "").startswith(wanted), 30)
