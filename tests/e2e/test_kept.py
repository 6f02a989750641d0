# SPDX-License-Identifier: Apache-2.0
"""What the server keeps: a damaged or exchanged database is not served, a wrong clock deletes nothing, and one device does not fill it."""
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import struct
import subprocess
import time

import pytest
import requests

import syncml
import world

NAME = "IMEI:001010000000077"
HERE = pathlib.Path(__file__).resolve().parent
DAY = 86400


@pytest.fixture
def server(folder):
    s = world.Server(folder / "server", tls=False, dm__alertsPerHour=50).start()
    yield s
    s.stop()


def dmvisord(server, *args):
    return subprocess.run([world.BUILD / "server/dmvisord", "-f", server.config, *args], capture_output=True, text=True, timeout=60)


def rows(server, sql):
    db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def files(server):
    return [server.dir / f"dmvisor.db{end}" for end in ("", "-wal", "-shm")]


def refused(server, *words):
    out = dmvisord(server)
    assert out.returncode == 1 and all(w in out.stderr for w in words), out.stderr
    return out.stderr


# ---- the database ----

def test_a_damaged_database_is_refused_with_the_way_to_restore_it(server):
    for i in range(200):
        server.call("POST", "/devices", expect=201, json={"id": f"device-{i}", "labels": {"department": "sales"}})
    server.stop()
    file = server.dir / "dmvisor.db"
    assert dmvisord(server, "--check-database").returncode == 0
    good = file.read_bytes()
    rng, pages = random.Random(5), len(good) // 4096
    for _ in range(3):
        bad = bytearray(good)
        for page in rng.sample(range(1, pages), pages // 3):
            bad[page * 4096:(page + 1) * 4096] = rng.randbytes(4096)
        file.write_bytes(bad)
        refused(server, "damaged", "Restore a backup", str(file))
        assert dmvisord(server, "--check-database").returncode == 1
    for part in (good[:len(good) // 2], good[:4096], b"rubbish" * 1000):
        file.write_bytes(part)
        refused(server, "damaged", "Restore a backup")
    file.write_bytes(good)
    server.start()
    assert server.get("/devices?limit=1")["items"]


def test_an_emptied_or_exchanged_database_is_not_taken_for_a_new_one(folder, server):
    server.call("POST", "/devices", expect=201, json={"id": "device-1"})
    server.stop()
    file = server.dir / "dmvisor.db"
    good = file.read_bytes()
    file.write_bytes(b"")
    refused(server, "empty or missing", "Restore a backup", "dmvisor.db.id")
    file.unlink()
    refused(server, "empty or missing")
    assert not file.exists(), "nor is one begun"
    other = world.Server(folder / "other", tls=False)
    for db, word in ((other.dir / "dmvisor.db", "is a different database"), (None, "another program")):
        file.unlink(missing_ok=True)
        if db:
            file.write_bytes(db.read_bytes())
        else:
            x = sqlite3.connect(file)
            x.execute("create table notes (text)")
            x.close()
        server._own()
        refused(server, word)
    file.write_bytes(good)
    server._own()
    server.start()
    assert server.get("/devices/device-1")["id"] == "device-1"
    server.stop()
    # Who wants a new one says so.
    for f in (file, server.dir / "dmvisor.db.id"):
        f.unlink()
    server._own()
    assert dmvisord(server, "--new-token", "again:admin").returncode == 0
    server.start()


def test_a_lost_or_foreign_key_is_not_replaced_by_a_new_one(server):
    server.call("POST", "/devices", expect=201, json={"id": "device-1"})
    server.stop()
    key = server.dir / "secret.key"
    good = key.read_bytes()
    key.unlink()
    refused(server, "secret.key", "is missing", "Restore the key")
    assert not key.exists(), "none is made in its place"
    for octets, mode in ((bytes(32), 0o600), (good, 0o600)):
        key.write_bytes(octets)
        key.chmod(mode)
        server._own()
        if octets != good:
            refused(server, "is not the key of this database")
    server.start()
    assert server.get("/devices/device-1")["id"] == "device-1"


def test_a_second_server_is_refused_by_every_name_of_the_file(server, folder):
    server.call("POST", "/devices", expect=201, json={"id": "device-1"})
    server.process.kill()
    server.start()                                  # the file is there from here on
    config = json.loads(server.config.read_text())
    other = folder / "beside"
    other.mkdir()
    os.link(server.dir / "dmvisor.db", other / "hard.db")
    if os.geteuid() == 0:
        shutil.chown(other, "nobody")
    for place in (other / "hard.db", server.dir / "dmvisor.db"):
        if place.parent == server.dir:
            (server.dir / "dmvisor.db.lock").unlink()
        config["dm"]["port"], config["api"]["port"], config["images"]["port"] = world.free_ports(3)
        config["database"]["target"] = f"sqlite:{place}"
        file = server.dir / "second.yaml"
        file.write_text(json.dumps(config))
        out = subprocess.run(["timeout", "-s", "KILL", "40", world.BUILD / "server/dmvisord", "-f", file], capture_output=True, text=True)
        assert out.returncode == 1 and "another dmvisord serves the database" in out.stderr, out.stderr
    assert server.get("/devices/device-1")["id"] == "device-1"


def test_a_database_that_is_taken_away_shows_in_readyz(server):
    file, away = server.dir / "dmvisor.db", server.dir / "away.db"
    ready = lambda: server.session.get(server.url + "/readyz", timeout=20)
    assert ready().status_code == 200
    os.rename(file, away)
    world.wait_for("readyz to tell", lambda: ready().status_code == 503 and "moved" in ready().text, 20)
    os.rename(away, file)
    world.wait_for("it is back", lambda: ready().status_code == 200, 20)


def test_a_mapped_file_that_is_cut_short_ends_the_server_with_a_word(server):
    """What was read of it is not to be trusted any more; what was acknowledged is there after the next start."""
    server.call("POST", "/devices", expect=201, json={"id": "device-1"})
    os.truncate(server.dir / "dmvisor.db-shm", 0)

    def ended():
        try:
            server.session.get(server.url + "/api/v1/devices", timeout=20)
        except requests.RequestException:
            pass
        return not server.process.alive()
    world.wait_for("its end", ended, 60)
    assert server.process.p.returncode == 1 and "event=database.cut_short" in server.process.log(), server.process.log()[-2000:]
    server.start()
    assert server.get("/devices/device-1")["id"] == "device-1"


def test_nothing_is_written_into_a_database_that_was_taken_away(server):
    c = syncml.Client(server.register(NAME), NAME)
    c.finish(c.call())
    file, away = server.dir / "dmvisor.db", server.dir / "away.db"
    def trouble():
        r = server.call("POST", "/devices", json={"id": "device-lost"})
        assert r.status_code == 503 and "moved, removed or replaced" in r.json()["detail"], r.text
        c.begin()
        m = c.say(c.package1())
        assert m.status == 503 and b"moved" in m.bytes and m.http.headers["Retry-After"], m.bytes
        world.wait_for("the log to tell", lambda: server.process.log().count("event=database.moved") == trouble.times, 30)
        trouble.times += 1
    trouble.times = 1
    os.rename(file, away)
    trouble()
    shutil.copy(away, file)                         # another file of the same name is not it
    trouble.times -= 1
    trouble()
    os.rename(away, file)
    world.wait_for("it is back", lambda: "event=database.back" in server.process.log(), 30)
    server.call("POST", "/devices", expect=201, json={"id": "device-kept"})
    c.finish(c.call())
    os.unlink(file)
    trouble()


def test_damage_that_nobody_meets_is_found(folder):
    s = world.Server(folder / "server", tls=False, database__check="1s")
    x = sqlite3.connect(s.dir / "dmvisor.db")
    x.executemany("insert into audit (at_ms, who, action, target, hash) values (1, 'x', 'x', ?, x'00')", [("x" * 3000,) for _ in range(3000)])
    x.commit()
    x.execute("pragma wal_checkpoint(truncate)")
    x.close()
    s.accept()
    s.start()
    try:
        ready = lambda: s.session.get(s.url + "/readyz", timeout=20)
        assert ready().status_code == 200
        size = (s.dir / "dmvisor.db").stat().st_size
        with open(s.dir / "dmvisor.db", "r+b") as f:
            f.seek(size // 2 // 4096 * 4096)
            f.write(os.urandom(size // 4 // 4096 * 4096))
        world.wait_for("the damage to show", lambda: ready().status_code == 503 and "damaged" in ready().text, 30)
        assert s.process.log().count("event=database.damaged") == 1
    finally:
        s.stop()


def test_pages_that_go_bad_while_it_runs_show_in_readyz(server):
    server.stop()
    x = sqlite3.connect(server.dir / "dmvisor.db")
    x.executemany("insert into audit (at_ms, who, action, target, hash) values (1, 'x', 'x', ?, x'00')", [("x" * 3000,) for _ in range(9000)])
    x.commit()
    x.execute("pragma wal_checkpoint(truncate)")
    x.close()
    server.accept()
    server.start()
    assert server.session.get(server.url + "/readyz", timeout=5).status_code == 200
    size = (server.dir / "dmvisor.db").stat().st_size
    with open(server.dir / "dmvisor.db", "r+b") as f:
        f.seek(size // 2 // 4096 * 4096)
        f.write(os.urandom(size // 4 // 4096 * 4096))
    def seen():
        server.call("GET", "/audit:verify")
        r = server.session.get(server.url + "/readyz", timeout=5)
        return r.status_code == 503 and "damaged" in r.text
    world.wait_for("the damage to show", seen, 20)


def flip(file, octets):
    """One bit of a text in a file, as a disk does that forgets."""
    whole = file.read_bytes()
    at = whole.index(octets)
    with open(file, "r+b") as f:
        f.seek(at)
        f.write(bytes([whole[at] ^ 1]))
    return at // 4096 + 1


def test_one_bit_of_a_text_in_the_file_is_refused(server, folder):
    for i in range(200):
        server.call("POST", "/devices", expect=201, json={"id": f"device-{i}", "labels": {"department": f"sales of the north {i}"}})
    assert dmvisord(server, "--backup", str(folder / "backup")).returncode == 0
    server.stop()
    file = server.dir / "dmvisor.db"
    good = file.read_bytes()
    assert dmvisord(server, "--check-database").returncode == 0
    for where in (b"north 77", b"north 140"):
        page = flip(file, where)
        refused(server, f"page {page} of", "damaged", "Restore a backup", "--accept-database")
        out = dmvisord(server, "--check-database")
        assert out.returncode == 1 and f"page {page} of" in out.stderr, out.stderr
        file.write_bytes(good)
    # So is one in a backup, and none is made of a damaged file.
    backup = (folder / "backup").read_bytes()
    file.write_bytes(backup)
    page = flip(file, b"north 77")
    refused(server, f"page {page} of", "damaged")
    out = dmvisord(server, "--backup", str(folder / "another"))
    assert out.returncode == 1 and f"page {page} of" in out.stderr and not (folder / "another").exists(), out.stderr
    file.write_bytes(backup)
    server.start()
    assert server.get("/devices/device-77")["labels"] == {"department": "sales of the north 77"}


@pytest.mark.parametrize("where", ["header", "salt of the header", "page", "page number", "salt", "checksum"])
def test_one_bit_of_the_log_is_refused(server, where):
    """A killed server's log: what stands behind a wrong place would be gone without a word."""
    names = [f"device-{i}" for i in range(12)]
    for name in names:
        server.call("POST", "/devices", expect=201, json={"id": name})
    server.process.kill()
    log = server.dir / "dmvisor.db-wal"
    good = log.read_bytes()
    frame = (len(good) - 32) // 4120 // 2                       # in the middle
    at = {"header": 9, "salt of the header": 18, "page": 32 + frame * 4120 + 2000, "page number": 32 + frame * 4120 + 3,
          "salt": 32 + frame * 4120 + 9, "checksum": 32 + frame * 4120 + 17}[where]
    bad = bytearray(good)
    bad[at] ^= 4
    log.write_bytes(bad)
    refused(server, "its log (-wal) is wrong at frame", "damaged", "Restore a backup", "--accept-database")
    assert "its log (-wal) is wrong" in dmvisord(server, "--check-database").stderr
    assert log.read_bytes() == bad                              # nobody has cut it meanwhile
    log.write_bytes(good)
    server.start()
    assert {d["id"] for d in server.get("/devices")["items"]} >= set(names)
    # A log that ends within a frame is that of a power cut; and somebody may take what is left.
    server.process.kill()
    log.write_bytes(log.read_bytes()[:-100])
    server.start()
    server.call("POST", "/devices", expect=201, json={"id": "one-more"})
    server.process.kill()
    bad = bytearray(log.read_bytes())
    bad[5000] ^= 1
    log.write_bytes(bad)
    refused(server, "its log (-wal) is wrong at frame 2")
    server.accept()
    server.start()


def test_one_bit_that_flips_while_it_runs_is_found(folder):
    s = world.Server(folder / "server", tls=False, database__check="1s").start()
    try:
        for i in range(200):
            s.call("POST", "/devices", expect=201, json={"id": f"device-{i}", "labels": {"department": f"sales of the north {i}"}})
        ready = lambda: s.session.get(s.url + "/readyz", timeout=20)
        world.wait_for("the log to be carried over", lambda: b"north 77" in (s.dir / "dmvisor.db").read_bytes(), 20)
        assert ready().status_code == 200
        page = flip(s.dir / "dmvisor.db", b"north 77")
        world.wait_for("the damage to show", lambda: ready().status_code == 503 and "damaged" in ready().text, 30)
        world.wait_for("the log to tell", lambda: f"page {page} of" in s.process.log(), 20)
    finally:
        s.stop()


def test_what_another_program_wrote_is_refused_until_somebody_accepts_it(server):
    server.call("POST", "/devices", expect=201, json={"id": "device-1"})
    assert "another dmvisord (pid" in dmvisord(server, "--accept-database").stderr
    server.stop()
    x = sqlite3.connect(server.dir / "dmvisor.db")
    with x:
        x.execute("update device set title = 'field'")
    x.close()
    server._own()
    refused(server, "damaged", "--accept-database")
    out = dmvisord(server, "--accept-database")
    assert out.returncode == 0 and "written by another program" in out.stdout, out.stderr
    server.start()
    assert server.get("/devices/device-1")["title"] == "field"


# ---- images ----

def put_image(server, octets, name="x", version="1", expect=201):
    return server.call("POST", "/images", expect=expect, data=octets, params={"name": name, "version": version, "guestType": "linux", "arch": "any", "format": "raw"})


def test_an_older_backup_loses_no_newer_image(server, folder):
    file, store = server.dir / "dmvisor.db", server.dir / "images"
    first, gone = put_image(server, b"first").json()["sha256"], put_image(server, b"gone", version="0").json()["sha256"]
    assert dmvisord(server, "--backup", str(folder / "backup")).returncode == 0
    later = [put_image(server, f"later {i}".encode(), version=f"2.{i}").json()["sha256"] for i in range(3)]
    server.stop()
    newest = {f.name: f.read_bytes() for f in files(server) if f.exists()}
    def put_back(contents):
        for f in files(server):
            f.unlink(missing_ok=True)
        for name, octets in contents.items():
            (server.dir / name).write_bytes(octets)
        server._own()
        server.start()
    put_back({"dmvisor.db": (folder / "backup").read_bytes()})
    assert {f.name for f in store.iterdir() if f.is_file()} == {first, gone}
    assert {f.name for f in (store / "aside").iterdir()} == set(later) and "event=images.swept files=3 aside=3" in server.process.log()
    put_image(server, b"later 0", version="2.0")            # one of them comes anew
    server.stop()
    put_back({"dmvisor.db": (folder / "backup").read_bytes()})     # twice is as once
    server.stop()
    put_back(newest)
    assert {f.name for f in store.iterdir() if f.is_file()} == {first, gone, *later}
    for i, sha in enumerate(later):
        assert (store / sha).read_bytes() == f"later {i}".encode()
    assert not list((store / "aside").iterdir())


def test_images_that_were_put_aside_go_after_their_time(folder):
    x = Leaping(folder, keep__imagesAside="10d")
    server = x.server.start()
    try:
        assert dmvisord(server, "--backup", str(folder / "backup")).returncode == 0
        later = put_image(server, b"later").json()["sha256"]
        server.stop()
        for f in files(server):
            f.unlink(missing_ok=True)
        (server.dir / "dmvisor.db").write_bytes((folder / "backup").read_bytes())
        server._own()
        server.start()
        aside = server.dir / "images/aside" / later
        told = lambda: int(re.search(r"^dmvisor_images_aside_bytes (\d+)", requests.get(server.url + "/metrics", timeout=20).text, re.M)[1])
        world.wait_for("the metric", lambda: told() == len(b"later"), 20)
        for days in (400, 9):               # a clock that is not believed removes nothing
            x.leap(days)
            if days == 9:
                trust(x)
            world.wait_for("the metric", lambda: told() == len(b"later"), 20)
            assert aside.exists()
        x.leap(11)
        trust(x)
        world.wait_for("its end", lambda: not aside.exists() and told() == 0, 20)
        assert "event=images.aside_removed files=1" in server.process.log()
    finally:
        server.stop()


def trust(x):
    """The clock is right, says somebody while the server is down."""
    x.server.stop()
    out = subprocess.run([world.BUILD / "server/dmvisord", "-f", x.server.config, "--trust-clock"], capture_output=True, text=True,
                         env={**os.environ, **x.server.env}, timeout=60)
    assert out.returncode == 0, out.stderr
    x.server.start()


def test_an_image_that_is_deleted_while_it_comes_again_stays_whole(server):
    """Deletes and uploads of the same octets at once: afterwards each row has its file, and each file a row."""
    store = server.dir / "images"
    def one(i):
        for k in range(25):
            put_image(server, b"the same octets", version=f"1.{i}.{k}", expect=(201, 503))
            server.call("DELETE", f"/images/x/1.{i}.{k}", expect=(204, 404, 503))
            put_image(server, b"others", version="3", expect=(201, 200, 409))
            put_image(server, b"refused, for version 3 has other octets", version="3", expect=(409, 200, 201))
            server.call("DELETE", "/images/x/3", expect=(204, 404))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for f in [pool.submit(one, i) for i in range(4)]:
            f.result()
        for _ in range(40):
            put, drop = pool.submit(put_image, server, b"the same octets", "x", "9", (201, 200)), pool.submit(server.call, "DELETE", "/images/x/8")
            put.result(), drop.result()
            row = rows(server, "select sha256 from image where version = '9'")
            assert (store / row[0][0]).read_bytes() == b"the same octets"
            put_image(server, b"the same octets", version="8")
            drop, put = pool.submit(server.call, "DELETE", "/images/x/9"), pool.submit(put_image, server, b"the same octets", "x", "10", (201, 200))
            put.result(), drop.result()
            pool.submit(server.call, "DELETE", "/images/x/8").result()
            assert (store / rows(server, "select sha256 from image where version = '10'")[0][0]).exists()
            server.call("DELETE", "/images/x/10")
    named = {r[0] for r in rows(server, "select sha256 from image")}
    assert {f.name for f in store.iterdir() if f.is_file()} == named and not list((store / "incoming").iterdir())


# ---- the clock ----

def test_a_clock_far_ahead_deletes_nothing_until_somebody_believes_it(folder):
    s = world.Server(folder / "server", tls=False)
    offset = folder / "offset"
    offset.write_bytes(struct.pack("q", 0))
    offset.chmod(0o644)
    subprocess.run(["cc", "-std=c17", "-O1", "-shared", "-fPIC", "-o", folder / "clock.so", HERE / "clock.c"], check=True)
    s.env = {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_OFFSET": str(offset), "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:verify_asan_link_order=0"}
    s.start()
    try:
        s.call("POST", "/devices", expect=201, json={"id": "device-1"})
        c = syncml.Client(s.register(NAME), NAME)
        c.finish(c.call())
        kept = [rows(s, f"select count(*) from {t}")[0][0] for t in ("event", "session")]
        assert min(kept) > 0
        for days in (400, 401):                 # also at the second start, with entries of the wrong time
            s.stop()
            offset.write_bytes(struct.pack("q", days * DAY))
            s.start()
            world.wait_for("the leap to be told", lambda: s.process.log().count("event=clock.leap") >= days - 399, 20)
            r = s.session.get(s.url + "/readyz", timeout=5)
            assert r.status_code == 200 and "days later than the newest entry" in r.json()["warning"], r.text
            s.call("POST", "/devices", expect=201, json={"id": f"device-of-day-{days}"})
            after = [rows(s, f"select count(*) from {t}")[0][0] for t in ("event", "session")]
            assert all(a >= k for a, k in zip(after, kept)), (kept, after)
        # Set right: nothing was lost, and nothing is to be told.
        s.stop()
        offset.write_bytes(struct.pack("q", 0))
        s.start()
        world.wait_for("no warning", lambda: "warning" not in s.session.get(s.url + "/readyz", timeout=5).json(), 20)
        # It is right after all.
        s.stop()
        offset.write_bytes(struct.pack("q", 400 * DAY))
        out = subprocess.run([world.BUILD / "server/dmvisord", "-f", s.config, "--trust-clock"], capture_output=True, text=True, env={**os.environ, **s.env})
        assert out.returncode == 0, out.stderr
        s.start()
        world.wait_for("old entries to go", lambda: rows(s, "select count(*) from session")[0][0] == 0, 20)
    finally:
        s.stop()


class Leaping:
    """A server whose wall clock goes wrong by so many days, at the next start or while it runs."""

    def __init__(self, folder, **settings):
        self.file = folder / "offset"
        self.file.write_bytes(struct.pack("q", 0))
        self.file.chmod(0o644)
        subprocess.run(["cc", "-std=c17", "-O1", "-shared", "-fPIC", "-o", folder / "clock.so", HERE / "clock.c"], check=True)
        self.server = world.Server(folder / "server", tls=False, **settings)
        self.server.env = {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_OFFSET": str(self.file),
                           "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:verify_asan_link_order=0"}

    def leap(self, days, restart=True):
        if restart:
            self.server.stop()
        with open(self.file, "r+b") as f:
            f.write(struct.pack("q", days * DAY))
        if restart:
            self.server.start()


def iso(days):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * DAY))


@pytest.mark.parametrize("restart", [True, False], ids=["at start", "while it runs"])
@pytest.mark.parametrize("days", [400, -400], ids=["ahead", "back"])
def test_what_has_a_time_does_not_follow_a_clock_that_leaps(folder, days, restart):
    x = Leaping(folder)
    s = x.server.start()
    try:
        c = syncml.Client(s.register(NAME), NAME)
        c.finish(c.call())
        token = lambda name, expires: s.call("POST", "/tokens", expect=201, json={"name": name, "role": "viewer", "expires": expires}).json()["token"]
        lasting, ending = token("lasting", iso(30)), token("ending", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3)))
        order = lambda word, **when: s.call("POST", f"/devices/{world.quote(NAME)}/operations", expect=202,
                                            json={"kind": "tree", "command": "replace", "uri": f"./DevDetail/Ext/{word}", "data": word, **when}).json()
        later, until = order("later", notBefore=iso(30)), order("until", expires=iso(30))
        again = lambda: s.call("POST", f"/devices/{world.quote(NAME)}/operations", expect=202, headers={"Idempotency-Key": "once"},
                               json={"kind": "tree", "command": "get", "uri": "./DevInfo/Man"}).json()
        first = again()
        who = lambda t: requests.get(s.url + "/api/v1/whoami", headers={"Authorization": f"Bearer {t}"}, timeout=20).status_code
        world.wait_for("the token to end", lambda: who(ending) == 401, 20)
        kept = [rows(s, f"select count(*) from {t}")[0][0] for t in ("event", "session", "operation", "idempotency")]
        x.leap(days, restart)
        assert who(lasting) == 200, "a token does not end early"
        assert who(ending) == 401, "one that has ended does not come back"
        assert again()["id"] == first["id"], "a repeated request acts once"
        c.finish(c.call())
        c.finish(c.call())
        assert s.get(f"/operations/{later['id']}")["state"] == "queued" and "./DevDetail/Ext/later" not in c.tree, "nothing begins before its time"
        assert s.get(f"/operations/{until['id']}")["state"] in ("acknowledged", "verified"), "nothing expires before its time"
        late = rows(s, "select max(at_ms), min(at_ms) from event")[0]
        assert all(abs(t / 1000 - time.time()) < DAY for t in late), "what is kept has the time that is believed"
        assert all(a >= k for a, k in zip([rows(s, f"select count(*) from {t}")[0][0] for t in ("event", "session", "operation", "idempotency")], kept))
        if restart:
            ready = s.session.get(s.url + "/readyz", timeout=20).json()
            assert f"399 days {'later' if days > 0 else 'earlier'}" in ready["warning"] or f"400 days {'later' if days > 0 else 'earlier'}" in ready["warning"]
            assert "event=clock.leap" in s.process.log()
        x.leap(0, restart)
        assert who(lasting) == 200 and who(ending) == 401
    finally:
        s.stop()


# ---- one device ----

def alert(n):
    return (f'<Alert><CmdID>@</CmdID><Data>1226</Data><Item><Source><LocURI>./Bell</LocURI></Source><Meta><Type xmlns="syncml:metinf">'
            f'Reversed-Domain-Name: org.example.bell</Type><Format xmlns="syncml:metinf">chr</Format></Meta><Data>{n}</Data></Item></Alert>')


def test_alerts_past_what_a_device_may_tell_are_refused(server):
    c, other = (syncml.Client(server.register(n), n) for n in (NAME, NAME + "-2"))
    told = []
    for i in range(6):
        r = c.call([alert(i * 20 + k) for k in range(20)])
        told += [s.findtext("Data") for s in r.commands if s.tag == "Status" and s.findtext("Cmd") == "Alert" and int(s.findtext("CmdRef")) > 2]
    assert told.count("200") in (50, 51) and set(told) == {"200", "420"}, told
    assert rows(server, "select count(*) from event where json_extract(data, '$.alert') = 'org.example.bell'")[0][0] == told.count("200")
    text = server.session.get(server.url + "/metrics", timeout=5).text
    assert f"dmvisor_dm_alerts_refused_total {told.count('420')}" in text, text
    assert 1 <= server.process.log().count("event=device.alerts_refused") <= 6
    r = other.call([alert("mine")])
    assert "420" not in [s.findtext("Data") for s in r.commands], "another device has its own"


def test_what_a_device_says_of_itself_does_not_pile_up(server):
    c = syncml.Client(server.register(NAME), NAME)
    for i in range(120):
        c.devinfo = lambda: "".join(syncml.item(f"./DevInfo/{k}", v, where="Source")
                                    for k, v in [("DevId", NAME), ("Man", "Acme"), ("Mod", "Odd"), ("DmV", "1.0"), ("Lang", "en"),
                                                 *((f"X{i}n{k}", "y" * 40) for k in range(60))])
        r = c.call()
        assert r.status == 200
    assert rows(server, "select count(*) from attribute_row")[0][0] < 200
    assert rows(server, "select count(*) from node")[0][0] < 300
