# SPDX-License-Identifier: Apache-2.0
"""What somebody without any credentials can do to the server from outside: nothing that others would notice."""
import collections
import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
import time

import pytest
import requests

import syncml
import world

PATIENCE = float(os.environ.get("DMVISOR_PATIENCE", 4))      # times of an idle machine, multiplied


@pytest.fixture(scope="module")
def place():
    """One server for the whole file, without TLS so that bytes can be written by hand."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = world.Server(folder / "server", tls=False).start()
    s.viewer = requests.Session()       # somebody who may look
    token = s.call("POST", "/tokens", expect=201, json={"name": "looks on", "role": "viewer"}).json()["token"]
    s.viewer.headers["Authorization"] = f"Bearer {token}"
    try:
        yield s
        s.stop()                # its exit code tells of leaks, overruns and undefined behaviour
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(place):
    assert place.process.alive()
    yield place
    assert place.process.alive(), place.process.log()[-4000:]
    assert place.session.get(place.url + "/readyz", timeout=10).status_code == 200


def ask(port, data, timeout=10):
    """One connection: everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(data)
        got = b""
        while True:
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                return got
            if not part:
                return got
            got += part


def rss_kib(server):
    status = pathlib.Path(f"/proc/{server.process.p.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def is_sanitized(server):
    """Under AddressSanitizer freed memory stays for a while; then the exit code tells what was lost."""
    return "libasan" in pathlib.Path(f"/proc/{server.process.p.pid}/maps").read_text()


REFUSED_BY_THE_LIBRARY = {
    "parameters": lambda pool: b"GET /x?" + b"&".join([b"aux"] * (pool * 19 // 1024)) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "header lines": lambda pool: b"GET /x?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * (pool * 15 // 1024) + b"\r\n",
    "target": lambda pool: b"GET /x?q=" + b"v" * pool + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": lambda pool: b"GET /x?q=" + b"v" * 300 + b" HTTP/1.1\r\n\r\n",
    "bad length": lambda pool: b"POST /x?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "bad chunk": lambda pool: b"POST /dm?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "cut off": lambda pool: b"GET /x?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\nX-",
    "no HTTP": lambda pool: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
}


def refused(server, times):
    """Some of these are answered, some only at the end of a time limit: nobody waits for it, many are open at once."""
    held = collections.deque()
    for port, pool in ((server.dm_port, 8 << 10), (server.api_port, 64 << 10), (server.images_port, 8 << 10)):
        for make in REFUSED_BY_THE_LIBRARY.values():
            data = make(pool)
            for _ in range(times):
                s = socket.create_connection(("127.0.0.1", port), 10)
                held.append(s)
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                except OSError:         # it has closed already
                    pass
                if len(held) > 100:
                    held.popleft().close()
    while held:
        s = held.popleft()
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
        s.close()


def test_what_the_library_refuses_by_itself_costs_no_memory(server):
    assert b"HTTP/1.1 4" in ask(server.dm_port, REFUSED_BY_THE_LIBRARY["no host"](8 << 10))
    refused(server, 30)
    before = rss_kib(server)
    refused(server, 100)
    assert is_sanitized(server) or rss_kib(server) - before < 1024, "600 kB would be 250 octets for each"


@pytest.mark.slow
def test_tens_of_thousands_of_refused_requests_cost_no_memory(server):
    refused(server, 50)
    before = rss_kib(server)
    refused(server, 2500)       # 60,000
    assert is_sanitized(server) or rss_kib(server) - before < 2048


# What is refused is refused before its body.

def test_a_body_without_a_token_is_not_read(server):
    before = rss_kib(server)
    held = []
    for path in ("/api/v1/descriptions?name=x", "/api/v1/images?name=a&version=1", "/api/v1/policies/x", "/console", "/api/v1/login"):
        for _ in range(10):
            s = socket.create_connection(("127.0.0.1", server.api_port), 10)
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n".encode())
            held.append(s)
    for s in held:
        assert s.recv(4096).split()[1] in (b"401", b"404", b"405", b"413")
        s.close()
    chunked = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 411 " in ask(server.api_port, chunked)
    assert b" 415 " in ask(server.dm_port, b"POST /dm HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\nContent-Type: text/plain\r\n\r\n")
    assert rss_kib(server) - before < (100 << 10 if is_sanitized(server) else 16 << 10)


def test_dripping_connections_make_room(server):
    """Five addresses take more connections than there are; a sixth is served all the same."""
    held = []
    try:
        for last in range(2, 7):
            for _ in range(270):
                try:
                    s = socket.create_connection(("127.0.0.1", server.dm_port), 5, (f"127.0.0.{last}", 0))
                    s.sendall(b"POST /dm HTTP/1.1\r\nHost:")
                    held.append(s)
                except OSError:         # past the limit of its address
                    pass
        began, answer = time.monotonic(), b""
        while b" 415 " not in answer and time.monotonic() - began < 20:
            try:
                with socket.create_connection(("127.0.0.1", server.dm_port), 5, ("127.0.0.9", 0)) as s:
                    s.sendall(b"POST /dm HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    answer = s.recv(4096)
            except OSError:
                pass
        assert b" 415 " in answer
        assert time.monotonic() - began < 5 * PATIENCE
    finally:
        for s in held:
            s.close()
    lines = [l for l in server.process.log().splitlines() if "event=http.made_room" in l or "event=http.too_slow" in l]
    assert len(lines) < 400, "each of them was logged"


# A token that may only look holds up nobody.

def locked(server):
    """Somebody else writes, and takes long."""
    db = sqlite3.connect(f"{server.dir}/dmvisor.db", isolation_level=None)
    db.execute("begin immediate")
    return db


def test_one_slow_request_holds_up_no_other(server):
    policy = "apiVersion: x"
    with contextlib.closing(locked(server)), concurrent.futures.ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(server.session.post, server.url + "/api/v1/devices", json={"id": f"slow-{i}"}, timeout=30) for i in range(4)]
        began = time.monotonic()
        for path in ("/healthz", "/readyz", "/metrics"):
            assert requests.get(server.url + path, timeout=10).status_code == 200
        other = server.viewer
        assert other.get(server.url + "/api/v1/devices", timeout=10).status_code == 200
        r = other.post(server.url + "/api/v1/policies:preview", data=policy, timeout=10,
                       headers={"Idempotency-Key": "k", "Content-Type": "application/yaml"})
        assert r.status_code in (400, 422), "the document is read, whoever writes meanwhile"
        took = time.monotonic() - began
        assert took < 4, f"it waited for the writers: {took} s"
        for w in writes:
            assert w.result().status_code in (201, 503)


def test_bodies_of_one_token_leave_room_for_others(server):
    """Forty bodies that do not end would fill all the room that there is."""
    token, size = server.viewer.headers["Authorization"], 3 << 20
    head = (f"POST /api/v1/policies:preview HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/yaml\r\n"
            f"Content-Length: {size}\r\n\r\n")
    held = []

    def more(who):
        document = "apiVersion: x\n" + "\n" * 100000
        return who.post(server.url + "/api/v1/policies:preview", data=document, headers={"Content-Type": "application/yaml"}, timeout=20)

    try:
        for _ in range(40):
            s = socket.create_connection(("127.0.0.1", server.api_port), 10)
            held.append(s)
            with contextlib.suppress(OSError):      # what is past the ceiling is passed over for a while, and then cut off
                s.sendall(head.encode() + b" " * (size - 10))
        full, = world.wait_for("its share to be full", lambda: [r for r in [more(server.viewer)] if r.status_code == 503], 20)
        assert "Retry-After" in full.headers
        assert more(server.session).status_code in (400, 422), "the bodies of one token stop everybody"
    finally:
        for s in held:
            s.close()
    world.wait_for("room again", lambda: more(server.viewer).status_code != 503, 20)


def test_a_long_history_holds_up_no_device(server):
    """Four readers want all of a long history, of which they get nothing."""
    server.stop()
    with contextlib.closing(sqlite3.connect(f"{server.dir}/dmvisor.db", 30)) as db:
        with db:
            authority = db.execute("select min(authority_id) from authority").fetchone()[0]
            db.executemany("insert into event (authority_id, at_ms, type, device, data) values (?, 1, 'device', 'x', ?)",
                           ((authority, json.dumps({"n": n, "text": "x" * 200})) for n in range(60000)))
    server.accept()
    server.start()
    held = []
    token = server.viewer.headers["Authorization"]
    for _ in range(4):
        s = socket.create_connection(("127.0.0.1", server.api_port), 10)
        s.sendall(f"GET /api/v1/events?after=1&types=image HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
        assert b" 200 " in s.recv(4096)
        held.append(s)
    worst = 0
    for i in range(20):
        client = syncml.Client(server.register(f"IMEI:00101000000{i:04}"), f"IMEI:00101000000{i:04}")
        began = time.monotonic()
        client.call()
        worst = max(worst, time.monotonic() - began)
    for s in held:
        s.close()
    assert worst < 1 * PATIENCE


# Logins.

def login(server, token, **headers):
    return requests.post(server.url + "/api/v1/login", json={"token": token}, headers=headers, timeout=10)


def test_no_login_ends_anothers(server):
    admin = login(server, server.token)
    viewer = server.viewer.headers["Authorization"].split()[1]
    mine = [login(server, viewer) for _ in range(300)]
    assert {r.status_code for r in mine} == {200}
    who = requests.get(server.url + "/api/v1/whoami", cookies=admin.cookies, timeout=10)
    assert who.status_code == 200 and who.json()["role"] == "admin"
    assert requests.get(server.url + "/api/v1/whoami", cookies=mine[-1].cookies, timeout=10).status_code == 200
    assert requests.get(server.url + "/api/v1/whoami", cookies=mine[0].cookies, timeout=10).status_code == 401


def test_another_site_logs_nobody_in(server):
    assert login(server, server.token, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert login(server, server.token, Origin="https://evil.example").status_code == 403
    form = requests.post(server.url + "/api/v1/login", data=json.dumps({"token": server.token}), headers={"Content-Type": "text/plain"}, timeout=10)
    assert form.status_code == 415 and "Set-Cookie" not in form.headers


def listen(server, heard, path="/api/v1/events", **how):
    """A thread that reads a live stream to its end; what comes goes into `heard`, and None at the end."""
    reply = requests.get(server.url + path, stream=True, timeout=60 * PATIENCE, **how)
    assert reply.status_code == 200, reply.text

    def read():
        with contextlib.suppress(requests.RequestException), reply:
            for line in reply.iter_lines(chunk_size=1):
                heard.append(line)
        heard.append(None)
    t = threading.Thread(target=read)
    t.start()
    return t


@pytest.mark.parametrize("what", ["logout", "token", "token-of-a-login", "end-of-a-token", "place-of-a-login"])
def test_a_stream_lasts_no_longer_than_what_opened_it(server, what):
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    more = {"expires": ends.strftime("%Y-%m-%dT%H:%M:%SZ")} if what == "end-of-a-token" else {}
    token = server.call("POST", "/tokens", expect=201, json={"name": "goes", "role": "viewer", **more}).json()
    bearer = {"Authorization": f"Bearer {token['token']}"}
    cookies = login(server, token["token"]).cookies if "log" in what else None
    how = {"cookies": cookies} if cookies else {"headers": bearer}
    device = f"IMEI:{what}"
    server.register(device)
    operation = server.call("POST", f"/devices/{device}/operations", expect=202, json={"kind": "tree", "command": "get", "uri": "./DevInfo"}).json()["id"]
    heard = [], []
    threads = [listen(server, heard[0], **how), listen(server, heard[1], f"/api/v1/operations/{operation}/events", **how)]
    world.wait_for("the streams to run", lambda: all(heard), 20)
    if what == "logout":
        assert requests.post(server.url + "/api/v1/logout", cookies=cookies, timeout=10).status_code == 204
    elif what == "end-of-a-token":
        world.wait_for("the token to expire", lambda: datetime.datetime.now(datetime.timezone.utc) >= ends, 10)
    elif what == "place-of-a-login":
        assert {login(server, token["token"]).status_code for _ in range(16)} == {200}
    else:
        server.call("DELETE", f"/tokens/{token['id']}", expect=204)
    if what in ("logout", "token", "token-of-a-login"):        # at once: nothing of what comes afterwards is told
        server.register(f"IMEI:after-{what}")
    for t in threads:
        t.join(20 * PATIENCE)
    assert not any(t.is_alive() for t in threads), f"{what}: the stream goes on"
    assert b"after" not in b"".join(l for h in heard for l in h if l), heard
    server.call("DELETE", f"/devices/{world.quote(device)}", expect=204, params={"force": "true"})
    assert requests.get(server.url + "/api/v1/whoami", timeout=10, **how).status_code == 401


def test_guesses_are_braked_and_lock_nobody_out(server):
    assert server.session.get(server.url + "/api/v1/whoami", timeout=10).status_code == 200
    codes = collections.Counter()
    with requests.Session() as s:
        for n in range(500):
            r = s.get(server.url + "/api/v1/whoami", headers={"Authorization": f"Bearer dmv_guess{n}"}, timeout=10)
            codes[r.status_code] += 1
            if r.status_code == 429:
                assert int(r.headers["Retry-After"]) >= 1
    assert codes[429] > 50 and codes[401] < 100, codes
    # Who was let in from this address before still is; so is everybody from another one.
    assert server.session.get(server.url + "/api/v1/whoami", timeout=10).status_code == 200
    with socket.create_connection(("127.0.0.1", server.api_port), 10, ("127.0.0.77", 0)) as other:
        other.sendall(b"GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dmv_other\r\nConnection: close\r\n\r\n")
        assert b" 401 " in other.recv(4096)
    lines = [l for l in server.process.log().splitlines() if "event=api.unauthorized" in l or "event=api.braked" in l]
    assert len(lines) < 400


# Nothing counts to the end of its days.

def reload_often(server, times):
    done = server.process.log().count("event=reloaded")
    for _ in range(times):
        done += 1
        server.process.p.send_signal(signal.SIGHUP)
        world.wait_for("the reload", lambda: server.process.log().count("event=reloaded") >= done, 10)
    assert "event=reload.refused" not in server.process.log()


def test_any_number_of_reloads(server):
    reload_often(server, 70)


@pytest.mark.slow
def test_more_than_a_thousand_reloads(server):
    reload_often(server, 1100)
