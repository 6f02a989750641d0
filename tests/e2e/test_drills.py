# SPDX-License-Identifier: Apache-2.0
"""Fault drills: the real server with a full disk, a locked database, a clock that jumps, dripping peers, and killed at each step of a
provisioning. What it says in its log and through REST explains itself, and afterwards everything is as it should be."""
import http.client
import http.server
import os
import pathlib
import re
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import pytest

import syncml
import world

NAME = "IMEI:001010000000099"
HERE = pathlib.Path(__file__).resolve().parent


def path_of(name, rest=""):
    return f"/devices/{world.quote(name)}{rest}"


def scripted(server, name=NAME):
    c = syncml.Client(server.register(name, {"department": "sales"}), name)
    c.tree["./DevDetail/SwV"] = "7.2.1"
    c.finish(c.call())
    return c


def ask(server, name=NAME):
    return server.call("POST", path_of(name, "/operations"), expect=202, json={"kind": "tree", "command": "get", "uri": "./DevDetail/SwV"}).json()


def works(server, c):
    """Somebody asks for something, the device calls, and it is verified."""
    op = ask(server)
    c.finish(c.call())
    o = server.get(f"/operations/{op['id']}")
    assert o["state"] == "verified" and o["result"][0]["value"] == "7.2.1", o


def intact(server, file=None):
    db = sqlite3.connect(f"file:{file or server.dir / 'dmvisor.db'}?mode=ro", uri=True)
    try:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert db.execute("pragma foreign_key_check").fetchall() == []
        assert db.execute("select count(*) from session where outcome = 'open'").fetchall() == [(0,)]
    finally:
        db.close()
    assert server.get("/audit:verify")["intact"]


def events(server, name):
    return [line for line in server.process.log().splitlines() if f"event={name} " in line]


def refused(c):
    """One message to a server that cannot keep anything: it says so, and when to come back."""
    c.begin()
    r = c.http.post(c.url, data=c.text(c.package1()).encode(), headers={"Content-Type": syncml.XML}, timeout=20)
    assert r.status_code in (500, 503), r.text
    return r


def problem(r):
    assert r.status_code in (500, 503, 507) and r.headers["Content-Type"].startswith("application/problem+json"), (r.status_code, r.text)
    return r.json()


# ---- the disk ----

@pytest.fixture
def small_disk(folder):
    """A server whose database lies on a file system of 8 MiB that only it sees."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a process a file system of its own")
    try_it = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if try_it.returncode:
        pytest.skip(f"no file system of its own here: {try_it.stderr.strip()}")
    disk = folder / "server" / "disk"
    disk.mkdir(parents=True)
    s = world.Server(folder / "server", tls=False, dm__sessionTimeout="2s", database__target=f"sqlite:{disk}/dmvisor.db",
                     images__directory=f"{disk}/images")
    s.disk = disk
    s.through = ["unshare", "--mount", "sh", "-ec",
                 'cp -a "$0" "$0.new" && mount -t tmpfs -o size=8m,mode=0777 tmpfs "$0" && cp -a "$0.new/." "$0" && exec "$@"', str(disk)]
    s.start()
    yield s
    s.stop()


def test_a_full_disk_is_told_and_passes(small_disk):
    s = small_disk
    seen = pathlib.Path(f"/proc/{s.process.p.pid}/root{s.disk}")
    c = scripted(s)
    works(s, c)
    rest = seen / "rest"
    with open(rest, "wb", buffering=0) as f:
        with pytest.raises(OSError):
            while True:
                f.write(bytes(1 << 16))
    left = 0
    def full():
        nonlocal left
        left += 1
        return s.call("POST", "/devices", json={"id": f"filler-{left}"}).status_code >= 500
    world.wait_for("the disk to be full for the database", full, 15)
    # REST: what is there can be read; what cannot be kept says why.
    assert s.get(path_of(NAME))["id"] == NAME
    p = problem(s.call("POST", "/devices", json={"id": "one-more"}))
    assert "full" in p["detail"], p
    # A device: 503 and when to come back, or 500 when it came in the middle; nothing is half done.
    before = len(s.get(path_of(NAME, "/sessions"))["items"])
    r = refused(c)
    assert r.status_code != 503 or int(r.headers["Retry-After"]) > 0
    told = [line for name in ("dm.message_failed", "dm.commit_failed") for line in events(s, name)]
    assert any("full" in line for line in told), told
    # It shows where machines look, and is logged once, however many messages find it full.
    assert s.session.get(s.url + "/readyz", timeout=5).status_code == 503
    before_them = len(told)
    for _ in range(5):
        refused(c)
    assert len([line for name in ("dm.message_failed", "dm.commit_failed") for line in events(s, name)]) == before_them
    r = s.call("POST", "/images", data=os.urandom(1 << 20), params={"name": "x", "version": "1", "guestType": "linux", "arch": "any", "format": "raw"})
    assert problem(r) and r.status_code == 507, r.text
    rest.unlink()
    world.wait_for("it to be ready again", lambda: s.session.get(s.url + "/readyz", timeout=5).status_code == 200, 15)
    world.wait_for("devices to be registered again", lambda: s.call("POST", "/devices", json={"id": "after-it"}).status_code in (201, 409), 15)
    works(s, c)
    assert len(s.get(path_of(NAME, "/sessions"))["items"]) > before
    intact(s, seen / "dmvisor.db")


# ---- the database ----

def test_a_database_that_somebody_else_locks_is_told_and_passes(folder):
    s = world.Server(folder / "server", tls=False, dm__sessionTimeout="2s").start()
    try:
        c = scripted(s)
        works(s, c)
        other = sqlite3.connect(s.dir / "dmvisor.db", isolation_level=None)
        other.execute("begin immediate")
        try:
            r = refused(c)
            assert r.status_code == 503 and int(r.headers["Retry-After"]) > 0 and "database" in r.text, r.text
            assert any("locked" in line for line in events(s, "dm.message_failed")), events(s, "dm.message_failed")
            assert s.get(path_of(NAME))["id"] == NAME               # reading goes on
            assert s.session.get(s.url + "/readyz", timeout=5).status_code == 200
            p = problem(s.call("POST", "/devices", json={"id": "x"}))
            assert "locked" in p["detail"] or "busy" in p["detail"], p
        finally:
            other.execute("rollback")
            other.close()
        works(s, c)
        intact(s)
    finally:
        s.stop()


# ---- the clock ----

def test_a_clock_that_is_set_back_holds_up_nothing(folder):
    s = world.Server(folder / "server", tls=False, dm__sessionTimeout="2s")
    offset = folder / "offset"
    offset.write_bytes(struct.pack("q", 0))
    offset.chmod(0o644)
    subprocess.run(["cc", "-std=c17", "-O1", "-shared", "-fPIC", "-o", folder / "clock.so", HERE / "clock.c"], check=True)
    s.env = {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_OFFSET": str(offset), "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:verify_asan_link_order=0"}
    s.start()
    try:
        c = scripted(s)
        works(s, c)
        op = ask(s)
        c.call()                    # asked, and never answers
        with open(offset, "r+b") as f:
            f.write(struct.pack("q", -86400))
        line = world.wait_for("the server to notice", lambda: events(s, "clock.set_back"), 10)[0]
        assert re.search(r"by_s=86(39|40)\d", line), line
        world.wait_for("the session to be given up", lambda: any(x["outcome"] == "lost" for x in s.get(path_of(NAME, "/sessions"))["items"]), 15)
        c.finish(c.call())
        assert s.get(f"/operations/{op['id']}")["state"] == "verified"
        works(s, c)
        assert len(events(s, "clock.set_back")) == 1
        # It is known after a restart, too.
        with open(offset, "r+b") as f:
            f.write(struct.pack("q", -2 * 86400))
        s.process.kill()
        s.start()
        world.wait_for("the server to notice", lambda: len(events(s, "clock.set_back")) == 2, 10)
        works(s, c)
        intact(s)
    finally:
        s.stop()


# ---- peers that take their time ----

def drip(port, first):
    """What is answered to a request that goes on with an octet now and then, and when."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(first)
        s.settimeout(0.1)
        answer = b""
        while time.monotonic() < began + 15:
            try:
                got = s.recv(4096)
                if not got:
                    return answer, time.monotonic() - began
                answer += got
            except TimeoutError:
                try:
                    s.sendall(b"x")
                except OSError:
                    pass
            except OSError:
                return answer, time.monotonic() - began
    raise AssertionError("it may drip for ever")


def test_requests_that_drip_are_cut_off_on_every_listener(folder):
    s = world.Server(folder / "server", tls=False, dm__headTimeout="1s", dm__bodyTimeout="1s", api__headTimeout="1s", api__bodyTimeout="1s",
                     images__headTimeout="1s").start()
    try:
        head, body = b"POST /dm HTTP/1.1\r\nHost: x\r\nX-Slow: ", (b"POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                                                     b"application/vnd.syncml.dm+xml\r\nContent-Length: 900\r\n\r\n")
        upload = (f"POST /api/v1/images?name=x&version=1&guestType=linux&arch=any&format=raw HTTP/1.1\r\nHost: x\r\n"
                  f"Authorization: Bearer {s.token}\r\nContent-Length: 100000\r\n\r\n").encode()
        for port, first, what in ((s.dm_port, head, "head"), (s.dm_port, body, "body"), (s.api_port, head, "head"), (s.api_port, upload, "body"),
                                  (s.images_port, head, "head")):
            answer, took = drip(port, first)
            assert answer.startswith(b"HTTP/1.1 408 ") and what.encode() in answer and 0.9 < took < 10, (port, took, answer)
        assert len(events(s, "http.too_slow")) == 5
        assert not list((s.dir / "images/incoming").iterdir())      # nor is the image that did not come
    finally:
        s.stop()


# ---- killed at each step ----

class Between:
    """Stands between devices and server; kills the server at the n-th message, before it is passed on, or with its answer in hand, which is
    passed on or lost."""

    def __init__(self, server):
        self.server, self.n, self.at, self.when = server, 0, 0, None
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                between.n += 1
                kill = between.n == between.at and between.when
                if kill == "before":
                    between.kill()
                try:
                    c = http.client.HTTPConnection("127.0.0.1", between.server.dm_port, timeout=20)
                    c.request("POST", handler.path, body, {k: handler.headers[k] for k in ("Content-Type", "Accept") if k in handler.headers})
                    r = c.getresponse()
                    reply = r.read()
                    c.close()
                except OSError:
                    handler.close_connection = True
                    return
                if kill in ("after", "lost"):
                    between.kill()
                if kill == "lost":
                    handler.close_connection = True
                    return
                handler.send_response(r.status)
                handler.send_header("Content-Type", r.getheader("Content-Type"))
                handler.send_header("Content-Length", str(len(reply)))
                handler.end_headers()
                handler.wfile.write(reply)

            def log_message(self, *args):
                pass
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/dm"

    def kill(self):
        self.server.process.kill()
        self.server.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: corporate-workspace}
spec:
  selector: 'label.department == "sales"'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: running
    resources: {cpu: {vcpus: 1}, memory: {min: 128Mi, max: 192Mi}}
"""


def provisioned_though_killed(folder, steps):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    s = world.Server(folder / "server", tls=False, dm__url=f"http://127.0.0.1:{port}/dm", dm__sessionTimeout="5s").start()
    between = Between(s)
    try:
        s.call("POST", "/images", expect=201, data=b"an image", params={"name": "corp-linux", "version": "1.0.0", "guestType": "linux", "arch": "any",
                                                                      "format": "raw"})
        s.apply(POLICY)
        for at, when in steps:
            name = f"{when}{at}:0000001"
            between.n, between.at, between.when = 0, at, when
            out = subprocess.run([world.BUILD / "sim/dmvisor-sim", "--objects", world.ROOT / "ddf", "--json", "--quiet", "--server", between.url, "--devices",
                                  "1", "--register-url", s.url, "--token", s.token, "--prefix", f"{when}{at}:", "--label", "department=sales", "--scenario",
                                  "provision", "--duration", "40", "--concurrency", "1"], capture_output=True, text=True, timeout=90)
            assert out.returncode == 0, out.stderr[-2000:]
            assert between.n >= at, f"provisioning has only {between.n} messages"
            vm = world.wait_for(f"the VM of {name}", lambda: s.vm(name, "corp"), 10)
            assert vm["state"] == 50, (name, vm)
            ops = s.get(path_of(name, "/operations"))["items"]
            once = [o["kind"] for o in ops if o["state"] not in ("superseded", "cancelled")]
            assert ops and len(once) == len(set(once)), ops
            assert not [o for o in ops if o["state"] == "failed"], ops
        world.wait_for("sessions to be over", lambda: not [x for x in s.get(path_of(name, "/sessions"))["items"] if x["outcome"] == "open"], 10)
        intact(s)
    finally:
        between.stop()
        s.stop()


def test_a_server_killed_at_some_steps_of_a_provisioning(folder):
    provisioned_though_killed(folder, [(2, "before"), (3, "lost"), (4, "after")])


@pytest.mark.slow
def test_a_server_killed_at_each_step_of_a_provisioning(folder):
    provisioned_though_killed(folder, [(n, when) for n in range(1, 7) for when in ("before", "after", "lost")])
