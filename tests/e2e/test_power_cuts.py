# SPDX-License-Identifier: Apache-2.0
"""Kills at random moments of a phone with a real VM: whatever it was doing, no volume and no wipe is lost, and neither an emulator nor
a file is left over. Each run says its seed; DMVISOR_SEED repeats it, DMVISOR_CUTS makes the long ones shorter or longer."""
import collections
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

import test_storage
import world

REVISIONS = itertools.count()
SEED = int(os.environ.get("DMVISOR_SEED", "20260801"))


def policy(**settings):
    """A VM counts as running as soon as its emulator does: what is cut is the storage's life, not a guest's boot."""
    text = world.policy(**settings).replace("    crash:", "    upgrade: {health: none}\n    crash:")
    return text.replace("priority: 100", f"priority: {100 + next(REVISIONS)}")      # each time a newer revision


def secret(n):
    return b"the payroll of acme, number %d." % n


class Campaign:
    def __init__(self, server, phone, seed, whole):
        self.server, self.phone, self.random, self.whole = server, phone, random.Random(seed), whole
        self.tally, self.planted, self.count, self.destroyed = collections.Counter(), None, 0, []

    def volume(self):
        folder = test_storage.folder_of(self.phone)
        file = folder / "userdata.img" if folder else None
        return file if file and file.exists() and file.stat().st_size >= 16 << 20 else None

    def wait(self, what, condition, seconds):
        """The phone is asked to call each second: a campaign cuts off work, not pauses between calls."""
        asked = 0.0
        def look():
            nonlocal asked
            value = condition()
            if not value and time.monotonic() > asked + 1:
                asked = time.monotonic()
                self.server.call("POST", f"/devices/{world.quote(self.phone.name)}/notifications", expect=202, json={"why": "a look"})
            return value
        return world.wait_for(what, look, seconds)

    def ready(self):
        """The VM runs as the policy wants it, with what was planted in its volume."""
        def running():
            vm = self.server.vm(self.phone.name, "corp")
            return vm and vm["state"] == 50
        self.wait("the VM to run", running, 120)
        file = self.wait("the volume", self.volume, 30)
        if self.planted is None:
            self.count += 1
            self.planted = self.count
            test_storage.plant(file, secret(self.planted))
        self.look()

    def look(self):
        if self.planted is not None:
            file = self.volume()
            assert file and secret(self.planted) in file.read_bytes(), f"cut {self.tally['cuts']}: volume {self.planted} was lost"
        for n in self.destroyed[-3:]:
            assert not test_storage.where(self.phone.dir, secret(n)), f"cut {self.tally['cuts']}: wiped data {n} came back"
        assert len(self.phone.emulators()) <= 1, self.phone.emulators()

    def wait_to_cut(self, most):
        """The agent living on is what is expected."""
        try:
            code = self.phone.process.p.wait(self.random.uniform(0, most))
            raise AssertionError(f"cut {self.tally['cuts']}: the agent ended by itself with {code}:\n{self.phone.log()[-4000:]}")
        except subprocess.TimeoutExpired:
            pass
        self.phone.process.kill()
        if self.whole:
            for pid in self.phone.emulators():
                os.kill(pid, signal.SIGKILL)
        self.tally["cuts"] += 1

    def cut(self):
        """Soon, as most of the work is done then, or within three seconds; and now and then again while the agent recovers."""
        self.wait_to_cut(self.random.choice((0.5, 1, 3)))
        while self.random.random() < 0.25:
            self.phone.spawn()
            self.wait_to_cut(1)
            self.tally["cuts in a start"] += 1
        self.phone.start()

    def operate(self, kind, **args):
        r = self.server.call("POST", f"/devices/{world.quote(self.phone.name)}/operations", json={"kind": kind, "vm": "corp", "args": args})
        return r.json() if r.status_code == 202 else None

    def ended(self, op):
        """How an operation ended, in the end."""
        def look():
            o = self.server.get(f"/operations/{op['id']}")
            return o if o["state"] in ("verified", "failed", "cancelled", "expired", "superseded", "unknown") else None
        return self.wait(f"operation {op['id']} to end", look, 120)

    def wipe(self):
        op = self.operate("wipe", scope="all")
        if not op:
            return
        number, self.planted = self.planted, None
        self.cut()
        state = self.ended(op)["state"]
        assert state in ("verified", "unknown"), f"cut {self.tally['cuts']}: wipe {number} is {state}"
        if state == "unknown":                  # the answer to it was lost; what is said of the data holds all the same
            self.tally["wipes unknown"] += 1
            return
        assert not test_storage.where(self.phone.dir, secret(number)), f"wipe {number} was verified, and its data is there"
        self.destroyed.append(number)
        self.tally["wipes"] += 1
        self.server.apply(policy())             # a wipe by hand stands against an older revision

    def remove(self):
        number, self.planted = self.planted, None
        self.server.apply(policy(state="absent"))
        self.cut()
        self.wait("the VM to be gone", lambda: self.server.vm(self.phone.name, "corp") is None, 120)
        self.wait("its files to be gone", lambda: test_storage.folder_of(self.phone) is None, 30)
        assert not self.phone.emulators() and not test_storage.where(self.phone.dir, secret(number))
        self.destroyed.append(number)
        self.tally["removals"] += 1
        self.server.apply(policy())
        self.cut()                              # in the middle of provisioning
        self.tally["provisionings"] += 1

    def is_locked(self):
        """As the phone keeps it; and what is locked does not run on after a power cut."""
        db = sqlite3.connect(f"file:{self.phone.dir}/state.db?mode=ro", uri=True)
        try:
            (record,) = db.execute("select record from vm").fetchone()
        finally:
            db.close()
        return json.loads(record)["lock"] == 10 and not (self.whole and self.phone.emulators())

    def lock(self):
        op = self.operate("lock")
        self.cut()
        self.look()
        if op and self.ended(op)["state"] == "verified":
            self.cut()
            assert self.is_locked(), f"cut {self.tally['cuts']}: the lock was lost"
            self.tally["locks kept"] += 1
        op = self.operate("unlock")
        if op:
            self.ended(op)
        self.tally["locks"] += 1

    def stop(self):
        self.server.apply(policy(state="stopped"))
        self.cut()
        self.look()
        self.server.apply(policy())
        self.tally["stops"] += 1

    def start(self):
        self.operate("reset")
        self.cut()
        self.tally["starts"] += 1

    def resize(self):
        self.server.apply(policy(vcpus=self.random.choice((1, 2)), memory=self.random.choice(("192Mi", "256Mi"))))
        self.cut()
        self.tally["resizes"] += 1

    def run(self, cuts):
        self.server.upload(world.guest(), "corp-linux", "1.0.0")
        self.server.apply(policy())
        self.cut()
        self.tally["provisionings"] += 1
        while self.tally["cuts"] < cuts:
            self.ready()
            self.random.choice((self.wipe, self.wipe, self.remove, self.lock, self.stop, self.start, self.resize))()
        self.ready()
        self.server.apply(policy(state="absent"))
        self.wait("the VM to be gone", lambda: self.server.vm(self.phone.name, "corp") is None, 120)
        self.wait("its files to be gone", lambda: test_storage.folder_of(self.phone) is None, 30)
        self.wait("its emulator to end", lambda: not self.phone.emulators(), 20)
        assert not list((self.phone.dir / "hv/etc/qemu").glob("*.xml"))
        print("power cuts" if self.whole else "kills of the agent", dict(self.tally), f"volumes lost: 0, wipes lost: 0, seed {SEED}")


def test_a_few_power_cuts(server, phone):
    Campaign(server, phone, SEED, whole=True).run(3)


def test_a_few_kills_of_the_agent(server, phone):
    Campaign(server, phone, SEED + 1, whole=False).run(3)


@pytest.mark.campaign
def test_a_hundred_power_cuts(server, phone):
    Campaign(server, phone, SEED + 2, whole=True).run(int(os.environ.get("DMVISOR_CUTS", "100")))


@pytest.mark.campaign
def test_three_hundred_kills_of_the_agent(server, phone):
    Campaign(server, phone, SEED + 3, whole=False).run(int(os.environ.get("DMVISOR_CUTS", "300")))
