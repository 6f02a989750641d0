# SPDX-License-Identifier: Apache-2.0
"""The server is killed (SIGKILL) again and again while devices ring, admins ask for things and images are uploaded. At the end of it the
tally is taken from what is on the disk: what was acknowledged is there, and there once."""
import collections
import hashlib
import http.client
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import types

import pytest

import syncml
import world

KILLS = int(os.environ.get("DMVISOR_KILLS", "10000"))
STORM = 1000            # kills of one database; the next thousand begin with an empty one, and with another seed
EARLY = 0.3             # so many of the kills come while the server starts


class Away(Exception):
    """The server does not answer, and is allowed to."""


def ask(port, method, path, body=b"", headers=None):
    """One request; its answer whole, or Away."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return types.SimpleNamespace(status_code=r.status, headers=r.headers, content=r.read())
    except (OSError, http.client.HTTPException) as e:
        raise Away from e
    finally:
        c.close()


class Bell(syncml.Client):
    """A device that tells alerts, each until it is acknowledged, and does what it is asked to."""

    def __init__(self, account, name, port):
        super().__init__(account, name)
        self.port, self.rung, self.pending = port, 0, []

    def post(self, text, url=None):
        path = "/dm" + (url or self.url).partition("/dm")[2]
        r = syncml.Reply(ask(self.port, "POST", path, text.encode(), {"Content-Type": syncml.XML}))
        if r.status != 200:
            raise Away
        self.url = r.url or self.url
        return r

    def ring(self, n):
        for _ in range(n):
            self.rung += 1
            self.pending.append(f"{self.name}/{self.rung}")

    def alerts(self):
        return [f'<Alert><CmdID>@</CmdID><Data>1226</Data><Item><Source><LocURI>./Bell</LocURI></Source><Meta><Type xmlns="syncml:metinf">'
                f'Reversed-Domain-Name: org.example.bell</Type><Format xmlns="syncml:metinf">chr</Format></Meta><Data>{a}</Data></Item></Alert>'
                for a in self.pending[:20]]

    def acknowledged(self, reply, told, first):
        for c in reply.commands:
            if c.tag == "Status" and c.findtext("Cmd") == "Alert" and c.findtext("Data") == "200" and int(c.findtext("CmdRef")) >= first:
                self.pending.remove(told[int(c.findtext("CmdRef")) - first])

    def go(self, rng):
        self.begin()
        for _ in range(3):
            told = self.pending[:20]
            r = self.say(self.package1("1201", self.alerts()))
            if r.nonce():
                self.nonce = r.nonce()
            if r.verdict() in ("212", "200"):
                self.acknowledged(r, told, 3)
                break
        else:
            raise AssertionError(f"the server does not believe us: {r.bytes[:2000]}")
        for _ in range(30):
            if not r.asks():
                return
            told, more = (self.pending[-1:], self.alerts()[-1:]) if rng.random() < 0.3 and len(self.pending) == 1 else ([], [])
            answers = self.answers(r)
            r = self.say([*answers, *more], cred=False)
            if r.verdict() not in ("212", "200"):
                return
            self.acknowledged(r, told, len(answers) + 1)


class Storm:
    def __init__(self, folder, seed, devices=4):
        self.rng = random.Random(seed)
        self.server = world.Server(folder / "server", tls=False, log__level="warn", dm__sessionTimeout="30s", dm__alertsPerHour=10000000)
        self.server.start()
        self.bells = []
        for i in range(devices):
            name = f"IMEI:0010100000{i:05}"
            self.bells.append(Bell(self.server.register(name), name, self.server.dm_port))
        self.server.process.kill()
        self.asked, self.uploaded, self.over, self.errors = {}, {}, False, []
        self.starts, self.early = [], 0

    # ---- load ----

    def _load(self, work, *args):
        while not self.over:
            try:
                work(*args)
            except Away:
                time.sleep(0.002)
            except Exception as e:              # noqa: told at the end
                self.errors.append(repr(e))
                return

    def _device(self, bell, rng):
        if len(bell.pending) < 5:
            bell.ring(rng.randint(0, 3))
        bell.go(rng)

    def _admin(self, rng):
        n = len(self.asked) + 1
        key, bell = f"storm-{n}", self.bells[n % len(self.bells)]
        body = f'{{"kind": "tree", "command": "exec", "uri": "./DevDetail/Ext/Beep{n}"}}'
        while not self.over:
            try:
                r = ask(self.server.api_port, "POST", f"/api/v1/devices/{world.quote(bell.name)}/operations", body.encode(), self.api(key))
                assert r.status_code in (202, 429, 503), r.content
                if r.status_code == 202:
                    self.asked[n] = int(re.search(rb'"id":\s*(\d+)', r.content)[1])
                    break
            except Away:
                pass
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.02))

    def _uploads(self, rng):
        n = len(self.uploaded) + 1
        data = rng.randbytes(rng.randint(1, 200000))
        path = f"/api/v1/images?name=storm&version={n}&guestType=linux&arch=any&format=raw"
        while not self.over:
            try:
                r = ask(self.server.api_port, "POST", path, data, {**self.api(), "Content-Type": "application/octet-stream"})
                assert r.status_code in (200, 201, 409, 429, 503), r.content
                if r.status_code in (200, 201):
                    self.uploaded[n] = hashlib.sha256(data).hexdigest()
                    break
            except Away:
                pass
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))

    def api(self, key=None):
        return {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}

    # ---- the server ----

    def _spawn(self):
        return subprocess.Popen([world.BUILD / "server/dmvisord", "-f", self.server.config], stderr=self.log, stdout=self.log)

    def _start(self):
        began = time.monotonic()
        p = self._spawn()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.server.api_port), 1).close()      # the last one to come up
                break
            except OSError:
                assert p.poll() is None, "the server does not start:\n" + pathlib.Path(self.log.name).read_text()[-3000:]
                assert time.monotonic() < began + 30
                time.sleep(0.001)
        self.starts.append(time.monotonic() - began)
        return p

    def run(self, kills):
        rng = self.rng
        seeds = iter([random.Random(rng.random()) for _ in range(len(self.bells) + 2)])
        with open(self.server.dir / "storm.log", "w") as self.log:
            threads = [threading.Thread(target=self._load, args=(self._device, b, next(seeds))) for b in self.bells]
            threads += [threading.Thread(target=self._load, args=(w, next(seeds))) for w in (self._admin, self._uploads)]
            for t in threads:
                t.start()
            try:
                for _ in range(kills):
                    if rng.random() < EARLY and self.starts:
                        p, most = self._spawn(), 1.2 * self.starts[-1]      # while it recovers, or just after
                        self.early += 1
                    else:
                        p, most = self._start(), 0.09
                    time.sleep(rng.uniform(0, most))        # a random moment, not waited for: that is the fault
                    assert p.poll() is None, "the server ended by itself:\n" + pathlib.Path(self.log.name).read_text()[-3000:]
                    os.kill(p.pid, signal.SIGKILL)
                    p.wait()
                    assert not self.errors, self.errors
            finally:
                self.over = True
                for t in threads:
                    t.join()
            p = self._start()                               # what is still to be told is told now
            try:
                for b in self.bells:
                    world.wait_for("the last alerts to be taken", lambda: self._quiet(b), 30)
            finally:
                p.send_signal(signal.SIGTERM)
                assert p.wait(30) == 0
        return self.tally(kills)

    def _quiet(self, bell):
        try:
            bell.go(self.rng)
        except Away:
            return False
        return not bell.pending

    def tally(self, kills):
        db = sqlite3.connect(f"file:{self.server.dir}/dmvisor.db?mode=ro", uri=True)
        try:
            assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
            booked = {}
            for (a,) in db.execute("select json_extract(data, '$.data') from event where json_extract(data, '$.alert') = 'org.example.bell'"):
                booked[a] = booked.get(a, 0) + 1
            there = {i: (u, s) for i, u, s in db.execute("select operation_id, tree_uri, state from operation")}
            rows = {s for (s,) in db.execute("select sha256 from image")}
        finally:
            db.close()
        rung = [f"{b.name}/{i}" for b in self.bells for i in range(1, b.rung + 1)]
        done = [uri for b in self.bells for uri, _ in b.executed]
        was_done = set(done)
        uris, states = [u for u, _ in there.values()], collections.Counter(s for _, s in there.values())
        files = {f.name for f in (self.server.dir / "images").iterdir() if f.is_file()}
        starts = sorted(self.starts)
        log = self.server.process.log()
        return {"kills": kills, "of_a_start": self.early, "start_ms_median": round(starts[len(starts) // 2] * 1000), "alerts": len(rung),
                "alerts_lost": len([a for a in rung if not booked.get(a)]), "alerts_doubled": len([a for a in rung if booked.get(a, 0) > 1]),
                "operations": len(self.asked), "operations_lost": len([i for i in self.asked.values() if i not in there]),
                "operations_doubled": len(uris) - len(set(uris)), "execs": len(done), "execs_twice": len(done) - len(set(done)),
                "done_called_failed": len([u for u, s in there.values() if u in was_done and s == "failed"]),
                "verified_not_done": len([u for u, s in there.values() if u not in was_done and s == "verified"]),
                "outcome_unknown": states["unknown"], "not_over": len(there) - sum(states[s] for s in ("verified", "failed", "unknown")),
                "images": len(self.uploaded), "images_lost": len([h for h in self.uploaded.values() if h not in rows or h not in files]),
                "rows_without_file": len(rows - files), "orphans": len(files - rows), "false_alarms": log.count("event=database.restored") + log.count("damaged") + log.count("event=database.carried_over"),
                "leftovers": len(list((self.server.dir / "images/incoming").iterdir()))}


NOTHING = ("alerts_lost", "alerts_doubled", "operations_lost", "operations_doubled", "execs_twice", "done_called_failed", "verified_not_done",
           "images_lost", "false_alarms", "rows_without_file", "orphans", "leftovers")


def killed(folder, kills, seed):
    t = Storm(folder, seed).run(kills)
    print(f"tally: seed={seed}", " ".join(f"{k}={v}" for k, v in t.items()), flush=True)
    assert not {k: t[k] for k in NOTHING if t[k]}, t
    assert t["alerts"] and t["operations"] and t["execs"] and t["images"], t
    return t


def test_a_server_killed_under_load_loses_and_doubles_nothing(folder):
    killed(folder, 40, seed=1)


@pytest.mark.campaign
def test_a_server_killed_ten_thousand_times_loses_and_doubles_nothing(folder):
    first, total = int(os.environ.get("DMVISOR_SEED", "2")), collections.Counter()
    for n, left in enumerate(range(KILLS, 0, -STORM)):
        total.update(killed(folder / f"storm-{n}", min(left, STORM), first + n))
        shutil.rmtree(folder / f"storm-{n}")
    del total["start_ms_median"]
    print("tally of all:", " ".join(f"{k}={v}" for k, v in total.items()))
    assert total["kills"] == KILLS


def test_a_database_is_served_by_one_server_at_a_time(folder):
    s = world.Server(folder / "server", tls=False).start()
    try:
        link = folder / "server" / "link.db"
        link.symlink_to(s.dir / "dmvisor.db")
        for name in ("dmvisor.db", "link.db"):
            config = s.dir / f"other-{name}.yaml"
            ports = world.free_ports(3)
            text = s.config.read_text().replace("dmvisor.db", name)
            for old, new in zip((s.dm_port, s.api_port, s.images_port), ports):
                text = text.replace(str(old), str(new))
            config.write_text(text)
            out = subprocess.run([world.BUILD / "server/dmvisord", "-f", config], capture_output=True, text=True, timeout=30)
            assert out.returncode == 1 and f"pid {s.process.p.pid}" in out.stderr and "another dmvisord" in out.stderr, out.stderr
        assert s.session.get(s.url + "/readyz", timeout=5).status_code == 200
        # A token can be made beside it, and one that was killed holds nothing.
        subprocess.run([world.BUILD / "server/dmvisord", "-f", s.config, "--new-token", "other:viewer"], check=True, capture_output=True)
        s.process.kill()
        s.start()
    finally:
        s.stop()


def test_image_files_without_a_row_are_swept_at_a_start(folder):
    s = world.Server(folder / "server", tls=False).start()
    try:
        kept = s.call("POST", "/images", expect=201, data=b"an image", params={"name": "x", "version": "1", "guestType": "linux", "arch": "any",
                                                                              "format": "raw"}).json()["sha256"]
        s.process.kill()
        orphan, notes = s.dir / "images" / hashlib.sha256(b"orphan").hexdigest(), s.dir / "images" / "README"
        for f in (orphan, notes):
            f.write_bytes(b"orphan")
        s._own()
        s.start()
        assert not orphan.exists() and (s.dir / "images" / kept).read_bytes() == b"an image"
        assert notes.exists(), "what is none of ours is left alone"
        assert "images.swept files=1" in s.process.log()
    finally:
        s.stop()
