#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What dmvisord costs beside what it cannot do without.

Three servers answer the same recorded messages, taking turns: `bench_echo` (HTTP alone), `bench_floor` (parse, check credentials, look the
session up, one durable commit a turn, a fixed reply) and `dmvisord`. The server has core 0 for itself, the load core 1. Absolute figures
change from machine to machine and from minute to minute; the ratios are what counts. Loopback only; nothing is asserted.
"""
import argparse
import base64
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIME = {"xml": "application/vnd.syncml.dm+xml", "wbxml": "application/vnd.syncml.dm+wbxml"}
SERVER_CORE, LOAD_CORE = "0", "1"
ON = ["taskset", "-c"]                  # --nice puts its command before
FEW, MANY, COPIED_TABLES = 1000, 100000, ("contact", "account", "attribute_row", "node", "vm", "assignment")
POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: corporate-workspace}
spec:
  selector: 'label.department == "sales"'
  vm:
    id: corp
    name: Corporate workspace
    guestType: linux
    image: corp-linux:1.0.0
    state: running
    resources: {cpu: {vcpus: 1, maxVcpus: 2}, memory: {min: 128Mi, max: 192Mi}, storage: {userdata: {quota: 16Mi}}}
    crash: {action: restart, maxRestarts: 3, window: 10m, escalation: stop}
    kpi: {interval: 24h}
"""


def say(text):
    print(text, flush=True)


# ---- processes ----

class Program:
    """A process on a core, its CPU time and memory."""

    def __init__(self, core, *args, **more):
        self.p = subprocess.Popen([*ON, core, *map(str, args)], **more)
        self.pid = self.p.pid           # taskset becomes the program

    def cpu_us(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0]) / 1000
        return total

    def rss_kb(self, what="VmRSS"):
        """RssAnon leaves out what is only mapped, such as the database's pages, and can be dropped at any time."""
        return int(re.search(what + r":\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1])

    def stop(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
            try:
                self.p.wait(15)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


class Bench:
    def __init__(self, build, folder):
        self.build, self.dir, self.running = pathlib.Path(build), pathlib.Path(folder), []

    def tool(self, name):
        return self.build / "tests/bench" / name

    def start(self, core, *args, **more):
        p = Program(core, *args, **more)
        self.running.append(p)
        return p

    def stop(self, p):
        p.stop()
        self.running.remove(p)

    # -- dmvisord --

    def config(self, name):
        dm, api, images = free_ports(3)
        d = self.dir / name
        d.mkdir(exist_ok=True)
        file = d / "dmvisord.yaml"
        c = {
            "demo": True,
            "authority": {"name": "acme-it", "serverId": "dm.acme.example"},
            "dm": {"port": dm, "url": f"http://127.0.0.1:{dm}/dm", "maxConnections": 3000, "maxConnectionsPerAddress": 0, "maxSessions": 20000},
            "api": {"port": api, "webui": str(ROOT / "webui-static")},
            "images": {"port": images, "url": f"http://127.0.0.1:{images}", "directory": str(self.dir / "images")},
            "database": {"target": f"sqlite:{d}/dmvisor.db", "schema": str(ROOT / "db/schema"), "secretKey": str(self.dir / "secret.key")},
            "objects": {"directory": str(ROOT / "ddf")},
            "log": {"level": "error"},
        }
        if os.geteuid() == 0:
            c["user"] = "nobody"
        file.write_text(json.dumps(c, indent=1))
        self.own()
        return file, dm, api

    def own(self):
        if os.geteuid() == 0:
            for path in [self.dir, *self.dir.rglob("*")]:
                shutil.chown(path, "nobody")

    def server(self, file, api):
        p = self.start(SERVER_CORE, self.build / "server/dmvisord", "-f", file)
        for _ in range(200):
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{api}/readyz", timeout=2).status == 200:
                    return p
            except OSError:
                pass
            if p.p.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("dmvisord did not start")

    # -- load --

    def load(self, server, port, encoding, messages, patch, devices, seconds, connections=64, *more):
        """One run; returns the generator's figures with the server's CPU for each message."""
        before = server.cpu_us()
        out = subprocess.run([*ON, LOAD_CORE, self.tool("bench_load"), "--port", str(port), "--type", MIME[encoding], "--devices", devices,
                              "--patch", patch, "--connections", str(connections), "--seconds", str(seconds), *more, *messages],
                             check=True, capture_output=True, text=True)
        r = json.loads(out.stdout)
        r["cpu"] = (server.cpu_us() - before) / max(r["messages"], 1)
        if r["errors"]:
            say(f"  ! {r['errors']} errors: {r['error'][:150]!r}")
        return r

    def sim(self, *args):
        out = subprocess.run([*ON, LOAD_CORE, self.build / "sim/dmvisor-sim", "--objects", ROOT / "ddf", "--json", "--quiet", *map(str, args)],
                             check=True, capture_output=True, text=True)
        return json.loads(out.stdout)


# ---- recording ----

class Recorder:
    """Between one simulated device and the server: keeps every message and its answer."""

    def __init__(self, port):
        self.messages = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                c = http.client.HTTPConnection("127.0.0.1", port)
                c.request("POST", handler.path, body, {k: handler.headers[k] for k in ("Content-Type", "Accept") if k in handler.headers})
                r = c.getresponse()
                reply = r.read()
                c.close()
                self.messages.append((body, reply))
                handler.send_response(r.status)
                handler.send_header("Content-Type", r.getheader("Content-Type"))
                handler.send_header("Content-Length", str(len(reply)))
                handler.end_headers()
                handler.wfile.write(reply)

            def log_message(self, *args):
                pass
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/dm"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def offsets(body, what):
    return [m.start() for m in re.finditer(re.escape(what), body)]


class Recording:
    """One device's way from nothing to a running VM, and the call after which nothing is left to do."""

    def __init__(self, bench, encoding, messages, device, account):
        self.device, self.ha1 = device, ha1(account["clientName"], account["clientPassword"])
        self.server_ha1 = ha1(account["serverName"], account["serverPassword"])
        self.provision, patches = [], []
        session = re.compile(rb"<SessionID>([^<]*)<" if encoding == "xml" else rb"\x65\x03([^\0]*)\0")
        for i, (body, reply) in enumerate(messages):
            file = bench.dir / f"{encoding}-{i:02}"
            file.write_bytes(body)
            self.provision.append(file)
            patches += [f"d:{i}:{at}" for at in offsets(body, device.encode())]
        self.provision_patch = ",".join(patches)
        self.provision_reply = max((r for _, r in messages), key=len)
        # The last one, with room for four digits of SessionID.
        body, self.reply = messages[-1]
        found = session.search(body)
        body = body[:found.start(1)] + b"AAAA" + body[found.end(1):]
        self.file = bench.dir / f"{encoding}-quiet"
        self.file.write_bytes(body)
        (bench.dir / f"reply.{encoding}").write_bytes(self.reply)
        parts = [f"s:0:{found.start(1)}"] + [f"d:0:{at}" for at in offsets(body, device.encode())]
        cred = re.search(rb"[A-Za-z0-9+/]{22}==", body)
        token = re.search(rb"[0-9a-f]{64}", body)
        parts += [f"c:0:{cred.start()}", f"t:0:{token.start()}"]
        self.patch = ",".join(parts)
        self.bytes_in, self.bytes_out = len(body), len(self.reply)


def ha1(name, password):
    return base64.b64encode(hashlib.md5(f"{name}:{password}".encode()).digest()).decode()


def record(bench):
    """A fresh server, an image, a policy, and one device in each encoding. Leaves the database for `fill`."""
    file, dm, api = bench.config("seed")
    token = subprocess.run([bench.build / "server/dmvisord", "-f", file, "--new-token", "bench:admin"], check=True, capture_output=True,
                           text=True).stdout.strip().splitlines()[-1]
    server = bench.server(file, api)
    time.sleep(0.5)
    rss = server.rss_kb()
    url = f"http://127.0.0.1:{api}/api/v1"

    def call(method, path, data, kind):
        rq = urllib.request.Request(url + path, data=data, method=method, headers={"Authorization": f"Bearer {token}", "Content-Type": kind})
        return json.load(urllib.request.urlopen(rq, timeout=20))
    call("POST", "/images?name=corp-linux&version=1.0.0&guestType=linux&arch=any&format=raw", os.urandom(1 << 20),
         "application/octet-stream")
    call("PUT", "/policies/corporate-workspace", POLICY.encode(), "application/yaml")
    recordings = {}
    for encoding in MIME:
        recorder = Recorder(dm)
        accounts = bench.dir / f"accounts-{encoding}"
        r = bench.sim("--server", recorder.url, "--devices", 1, "--register-url", f"http://127.0.0.1:{api}", "--token", token, "--prefix",
                      f"r{encoding[0]}:", "--label", "department=sales", "--encoding", encoding, "--scenario", "provision", "--duration", 15,
                      "--accounts", accounts)
        recorder.stop()
        if not r["vmsRunning"]:
            sys.exit(f"the recorded device got no VM: {r}")
        recordings[encoding] = Recording(bench, encoding, recorder.messages, f"r{encoding[0]}:0000001", json.loads(accounts.read_text().splitlines()[0]))
    return recordings, server, (file, dm, api, token), rss


# ---- a fleet, put into the database set-wise ----

def fill(bench, name, n, recording):
    """A copy of the seed database with n devices that are as settled as the recorded one."""
    d = bench.dir / name
    d.mkdir()
    for file in ("dmvisor.db", "dmvisor.db.id"):        # without the second one it is taken for a backup
        shutil.copy(bench.dir / "seed" / file, d / file)
    db = sqlite3.connect(d / "dmvisor.db", isolation_level=None)
    db.executescript("PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-200000")
    base, token, nonce, devinfo = db.execute("SELECT device_id, settled_token, client_nonce, devinfo_hash FROM device"
                                             " JOIN contact USING (device_id) WHERE name=?", (recording.device,)).fetchone()
    ids = [f"dv:{i:07}" for i in range(1, n + 1)]
    sealed = subprocess.run([bench.tool("bench_seal"), bench.dir / "secret.key", recording.ha1, recording.server_ha1], check=True, text=True,
                            input="\n".join([recording.device, *ids]) + "\n", capture_output=True).stdout.split("\n")
    own_hash = int(sealed[0].split()[3])
    db.execute("BEGIN")
    db.execute("CREATE TEMP TABLE fresh (device_id INTEGER PRIMARY KEY, name TEXT, client BLOB, server BLOB, devinfo INTEGER)")
    signed = lambda x: (x + (1 << 63)) % (1 << 64) - (1 << 63)
    db.executemany("INSERT INTO fresh VALUES (?,?,?,?,?)",
                   ((i + 1000000, f[0], bytes.fromhex(f[1]), bytes.fromhex(f[2]), signed(devinfo - own_hash + int(f[3])))
                    for i, f in enumerate((line.split() for line in sealed[1:n + 1]), 1)))
    special = {"device": {"device_id": "f.device_id", "name": "f.name", "devinfo_hash": "f.devinfo", "observed_generation": "b.generation"},
               "account": {"client_ha1": "f.client", "server_ha1": "f.server"}}
    for table in ("device", *COPIED_TABLES):
        columns = [r[1] for r in db.execute(f"PRAGMA table_info({table})")]
        exprs = [special.get(table, {}).get(c) or ("f.device_id" if c == "device_id" else f"CASE WHEN b.{c} IS ? THEN f.name ELSE b.{c} END" if c in ("value", "client_name") else f"b.{c}")
                 for c in columns]
        db.execute(f"INSERT INTO {table} ({','.join(columns)}) SELECT {','.join(exprs)} FROM fresh f, {table} b WHERE b.device_id = ?"
                   " ORDER BY f.device_id", [recording.device] * sum("?" in e for e in exprs) + [base])
    nodes = db.execute("SELECT count(*) FROM node WHERE device_id = ?", (base,)).fetchone()[0]
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    b64 = base64.b64encode(nonce).decode()
    (d / "devices").write_text("".join(f"{i} {recording.ha1} {b64} {token}\n" for i in ids))
    subprocess.run([bench.build / "server/dmvisord", "-f", bench.config(name)[0], "--accept-database"], check=True, stdout=subprocess.DEVNULL)
    return nodes


def device_file(bench, name, database, token=None, first=0, count=None):
    """The same devices with the nonces as the database has them now."""
    lines = (bench.dir / database / "devices").read_text().splitlines()[first:first + count if count else None]
    db = sqlite3.connect(bench.dir / database / "dmvisor.db")
    nonces = dict(db.execute("SELECT name, client_nonce FROM device JOIN contact USING (device_id)"))
    db.close()
    file = bench.dir / name
    out = []
    for line in lines:
        i, h, _, t = line.split()
        out.append(f"{i} {h} {base64.b64encode(nonces[i]).decode()} {token or t}\n")
    file.write_text("".join(out))
    return file


# ---- what is measured ----

def mean(rows, key):
    return statistics.median(r[key] for r in rows)


def start_floor(bench):
    """@return the second baseline and its port"""
    database = bench.dir / "floor.db"
    for file in bench.dir.glob("floor.db*"):
        file.unlink()
    replies = [bench.dir / "reply.xml", bench.dir / "reply.wbxml"]
    floor = bench.start(SERVER_CORE, bench.tool("bench_floor"), database, bench.dir / "few/devices", *replies, stdout=subprocess.PIPE,
                        text=True)
    return floor, int(floor.p.stdout.readline())


def compare(bench, recordings, server, port, encoding, seconds, rounds, kind="quiet"):
    """Echo, floor and (for `quiet`) dmvisord by turns."""
    r = recordings[encoding]
    devices = bench.dir / "few/devices"
    messages, patch = ([r.file], r.patch) if kind == "quiet" else (r.provision, r.provision_patch)
    echo = bench.start(SERVER_CORE, bench.tool("bench_echo"), stdout=subprocess.PIPE, text=True)
    floor, floor_port = start_floor(bench)
    ports = {"echo": int(echo.p.stdout.readline()), "floor": floor_port, "dmvisord": port}
    programs = {"echo": echo, "floor": floor}
    if kind == "quiet":
        programs["dmvisord"] = server
    rows = {k: [] for k in programs}
    for _ in range(rounds):
        for name, p in programs.items():
            d, more = (devices, ["--fixed-nonce"]) if name != "dmvisord" else (device_file(bench, "now", "few"), [])
            rows[name].append(bench.load(p, ports[name], encoding, messages, patch, d, seconds, 64, *more))
            rows[name][-1]["rss"] = p.rss_kb()
    bench.stop(echo)
    bench.stop(floor)
    wrong = int(floor.p.stdout.read().split()[-1])
    if kind == "quiet" and wrong:
        say(f"  ! the floor found {wrong} wrong credentials")
    return rows


def table(rows, messages_a_session=1):
    out = {}
    for name, rs in rows.items():
        out[name] = {k: mean(rs, k) for k in ("perS", "p50", "p99", "cpu", "rss", "ownCpuUs")}
    for name, r in out.items():
        ratios = "".join(f"   {r['cpu'] / out[o]['cpu']:4.2f} x {o}" for o in ("echo", "floor") if o in out and o != name)
        say(f"  {name:9} {r['perS'] / messages_a_session:8.0f} sessions/s {r['perS']:8.0f} messages/s   p50 {r['p50']:7.2f} ms  p99 {r['p99']:7.2f} ms"
            f"   CPU {r['cpu']:6.1f} us   RSS {r['rss'] / 1024:5.1f} MB{ratios}")
    return out


PARTS = ("quiet", "provision", "tail", "fleet", "memory")


def missing(bench):
    """Why it cannot run here: a sentence, or None."""
    programs = [bench.build / "server/dmvisord", bench.build / "sim/dmvisor-sim", *map(bench.tool, ("bench_load", "bench_echo", "bench_floor"))]
    absent = [str(p) for p in programs if not os.access(p, os.X_OK)]
    if absent:
        return (f"{', '.join(absent)}: not built. Build all of it with: meson setup {bench.build} --buildtype=release && ninja -C {bench.build}"
                " (dmvisord needs libmicrohttpd, dmvisor-sim libvirt and libarchive: deploy/lib/packages.sh)")
    if not shutil.which("taskset"):
        return "taskset is not installed: it is in Debian's package util-linux"
    if os.cpu_count() < 2:
        return "two cores are needed: one for the server, one for the load"
    return None


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default=str(ROOT / "build"), help="a build of type release (meson setup build --buildtype=release)")
    a.add_argument("--dir", default="/var/tmp", help="where the databases lie: a real disk, not memory")
    a.add_argument("--seconds", type=float, default=2, help="of each single run")
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--many", type=int, default=MANY, help="devices in the large database")
    a.add_argument("--nice", type=int, help="priority of all that is measured, on a machine that has other work (root may go below 0)")
    a.add_argument("--only", default=",".join(PARTS), help="which parts, default: %(default)s")
    a.add_argument("--keep", action="store_true", help="leave the folder there")
    o = a.parse_args()
    if o.nice is not None:
        ON[:0] = ["nice", "-n", str(o.nice)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unknown = [p for p in o.only.split(",") if p not in PARTS]
    if unknown:
        a.error(f"--only: there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    why = missing(Bench(o.build, o.dir))
    if why:
        sys.exit(f"tests/bench: {why}")
    folder = tempfile.mkdtemp(prefix="dmvisor-bench-", dir=o.dir)
    bench = Bench(o.build, folder)
    try:
        run(bench, o)
    except subprocess.CalledProcessError as e:
        sys.exit(f"{e}\n{e.stderr}")
    finally:
        for p in list(bench.running):
            bench.stop(p)
        if o.keep:
            say(f"everything is left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run(bench, o):
    began = time.monotonic()
    say(f"machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; server on core {SERVER_CORE}, load on core {LOAD_CORE}; runs of {o.seconds} s,"
        f" {o.rounds} rounds, 64 connections, synchronous=FULL")
    recordings, seed, (file, dm, api, token), rss = record(bench)
    say(f"resident at start: {rss / 1024:.1f} MB (goal: under 30)")
    for encoding, r in recordings.items():
        say(f"{encoding}: \"nothing changed\" is 1 POST ({r.bytes_in} bytes there, {r.bytes_out} back); \"provision a VM\" {len(r.provision)} messages")
    parts = o.only.split(",")
    if "provision" in parts:
        provision(bench, o, seed, dm, api, token)
    bench.stop(seed)
    db = sqlite3.connect(bench.dir / "seed/dmvisor.db")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()

    nodes = fill(bench, "few", FEW, recordings["xml"])
    file, dm, api = bench.config("few")
    server = bench.server(file, api)
    if "quiet" in parts:
        for encoding in MIME:
            say(f"\nnothing changed, {encoding}, {FEW} devices")
            table(compare(bench, recordings, server, dm, encoding, o.seconds, o.rounds))
    if "provision" in parts:
        for encoding in MIME:
            r = recordings[encoding]
            say(f"\nprovision's messages, {encoding}: the baselines (dmvisord's own figures stand above)")
            table(compare(bench, recordings, None, 0, encoding, o.seconds, 1, "provision"), len(r.provision))
    if "tail" in parts:
        tail(bench, o, recordings, server, dm)
    bench.stop(server)
    if "fleet" in parts or "memory" in parts:
        fleet(bench, o, recordings, nodes, parts)
    say(f"\nall in all {time.monotonic() - began:.0f} s; load now {os.getloadavg()[0]:.1f}")


def provision(bench, o, server, dm, api, token):
    say("\nprovision a VM: dmvisord, driven by dmvisor-sim")
    for encoding in MIME:
        r = bench.sim("--server", f"http://127.0.0.1:{dm}/dm", "--devices", 300, "--register-url", f"http://127.0.0.1:{api}", "--token", token,
                      "--prefix", f"p{encoding[0]}:", "--label", "department=sales", "--encoding", encoding, "--scenario", "provision",
                      "--duration", 20, "--concurrency", 64, "--server-pid", server.pid)
        lat = r["latencyMs"]
        say(f"  {encoding:9} {r['sessionsPerS']:8.0f} sessions/s {r['messagesPerS']:8.0f} messages/s   p50 {lat['p50']:7.2f} ms  p99 {lat['p99']:7.2f} ms"
            f"   CPU {r['serverCpuUsPerMessage']:6.1f} us   RSS {r['serverRssKb'] / 1024:5.1f} MB   {r['messagesPerSession']:.1f} messages a session,"
            f" {r['vmsRunning']} VMs run, {r['errors']} errors, {r['bytesOutPerMessage']:.0f} bytes there, {r['bytesInPerMessage']:.0f} back")


def tail(bench, o, recordings, server, dm):
    say("\nat 80 % of the most that goes, 256 connections (goal: p99 under 20 ms); the floor shows the disk's and the machine's part")
    floor, floor_port = start_floor(bench)
    for encoding in MIME:
        for name, p, port in (("floor", floor, floor_port), ("dmvisord", server, dm)):
            most = tail_load(bench, recordings[encoding], p, port, encoding, name, o.seconds)
            at = tail_load(bench, recordings[encoding], p, port, encoding, name, o.seconds * 2, "--rate", str(most["perS"] * 0.8))
            say(f"  {encoding:6} {name:9} most {most['perS']:.0f} messages/s (p99 {most['p99']:.1f} ms); at {at['perS']:.0f}:"
                f" p50 {at['p50']:.2f} ms, p99 {at['p99']:.2f} ms, CPU {at['cpu']:.1f} us")
    bench.stop(floor)


def tail_load(bench, r, p, port, encoding, name, seconds, *more):
    if name == "floor":
        return bench.load(p, port, encoding, [r.file], r.patch, bench.dir / "few/devices", seconds, 256, "--fixed-nonce", *more)
    return bench.load(p, port, encoding, [r.file], r.patch, device_file(bench, "now", "few"), seconds, 256, *more)


def size(bench, o, recordings, database, server, dm):
    """Sessions that stay open: the devices report another state than the server expects, are asked, and say nothing more."""
    say("\nmemory (goals: under 4 kB an open session, under 16 kB a kept-alive connection with its session)")
    r, unlike = recordings["wbxml"], "0" * 64
    half = min(8000, o.many // 3)

    def grow(first, connections, count, *more, token=unlike):
        """Bytes of memory that `count` devices' sessions have cost."""
        file = device_file(bench, "now", database, token, first, count)
        before = server.rss_kb("RssAnon")
        p = subprocess.Popen([*ON, LOAD_CORE, bench.tool("bench_load"), "--port", str(dm), "--type", MIME["wbxml"], "--devices", file, "--patch",
                              r.patch, "--connections", str(connections), "--seconds", "40", "--count", str(count), *more, r.file],
                             stdout=subprocess.PIPE, text=True)
        figures = json.loads(p.stdout.readline())
        if "--close" in more:
            time.sleep(4)                       # what is remembered for the next message is given up by then
        after = server.rss_kb("RssAnon")
        p.wait()
        if figures["errors"]:
            say(f"  ! {figures['errors']} errors: {figures['error'][:150]!r}")
        return (after - before) * 1024 / count

    grow(0, 16, 100, "--close")                 # what is made once
    say(f"  an open session without a connection: {grow(100, 16, half, '--close'):.0f} bytes (mean of {half})")
    connections = min(2000, half)
    alone = grow(100 + half, connections, connections, "--hold", "1", "--rate", "800", token=None)
    say(f"  a kept-alive connection alone: {alone:.0f} bytes (mean of {connections})")
    bench.stop(server)
    file, dm, api = bench.config(database)
    server = bench.server(file, api)
    grow(0, 16, 100, "--close")
    say(f"  a kept-alive connection with its session: {grow(100 + half, connections, connections, '--hold', '1', '--rate', '800'):.0f} bytes (mean of {connections})")
    bench.stop(server)


def fleet(bench, o, recordings, nodes, parts):
    began = time.monotonic()
    fill(bench, "many", o.many, recordings["xml"])
    took = time.monotonic() - began
    sizes = {}
    for name in ("few", "many"):
        db = sqlite3.connect(bench.dir / name / "dmvisor.db")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes[name] = dict(db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        db.close()
    grown = {t: (sizes["many"][t] - sizes["few"].get(t, 0)) / (o.many - FEW) for t in sizes["many"]}
    total, tree = sum(grown.values()), grown["node"]
    say(f"\ndatabase for each device: {total:.0f} bytes with {nodes} nodes, {total - tree + tree * 100 / nodes:.0f} with 100 (goal: at most 4096):"
        f" {', '.join(f'{t} {n:.0f}' for t, n in sorted(grown.items(), key=lambda x: -x[1])[:6])}")
    if "fleet" in parts:
        say(f"\n{FEW} and {o.many} devices in the database, all of them calling (goal: within 1.2; the large one took {took:.0f} s to make)")
        servers = {}
        for name in ("few", "many"):
            file, dm, api = bench.config(name)
            servers[name] = (bench.server(file, api), dm)
        for encoding in MIME:
            r = recordings[encoding]
            rows = {"few": [], "many": []}
            for _ in range(o.rounds):
                for name, (p, dm) in servers.items():
                    rows[name].append(bench.load(p, dm, encoding, [r.file], r.patch, device_file(bench, "now", name), o.seconds))
            few, many = mean(rows["few"], "cpu"), mean(rows["many"], "cpu")
            say(f"  {encoding:9} {few:.1f} us and {many:.1f} us a message: {many / few:.2f} x; p99 {mean(rows['few'], 'p99'):.1f} and"
                f" {mean(rows['many'], 'p99'):.1f} ms")
        for p, _ in servers.values():
            bench.stop(p)
    if "memory" in parts:
        file, dm, api = bench.config("many")
        server = bench.server(file, api)
        size(bench, o, recordings, "many", server, dm)


if __name__ == "__main__":
    main()
