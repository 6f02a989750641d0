# SPDX-License-Identifier: Apache-2.0
"""A real server, real agents, real VMs, for the end-to-end tests: each started by a test, each stopped by its end."""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DMVISOR_BUILD", ROOT / "build-asan"))
# How much longer than on an idle machine anything may take. What is waited for is looked at often, so that this costs only who waits in vain.
PATIENCE = float(os.environ.get("DMVISOR_PATIENCE", 4))
CACHE = pathlib.Path(os.environ.get("DMVISOR_CACHE", ROOT / ".cache"))
AUTHORITY, SERVER_ID = "acme-it", "dm.acme.example"


def free_ports(n, kind=socket.SOCK_STREAM):
    """n different ports that are free now."""
    held = []
    for _ in range(n):
        s = socket.socket(socket.AF_INET, kind)
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for(what, condition, seconds=30.0):
    """The first true value of `condition`, looked at often; a failure names what was waited for and the last value."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"waited {seconds:g} s for {what}; last seen: {value!r}")
        time.sleep(0.05)


class Process:
    """One program with its log in a file."""

    def __init__(self, args, log, env=None):
        self.log_path = pathlib.Path(log)
        self.log_file = open(log, "ab")
        environ = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:exitcode=99", UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
                       LSAN_OPTIONS="exitcode=99")
        environ.update(env or {})
        self.p = subprocess.Popen([str(a) for a in args], stdout=self.log_file, stderr=self.log_file, env=environ)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.p.poll() is None

    def kill(self):
        """As a power cut would end it."""
        self.p.send_signal(signal.SIGKILL)
        self.p.wait()
        self.log_file.close()

    def stop(self, seconds=20):
        """As an administrator would end it; the exit code tells of leaks and errors."""
        if self.alive():
            self.p.send_signal(signal.SIGTERM)
        try:
            code = self.p.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.p.args[0]} did not stop within {seconds * PATIENCE:g} s:\n{self.log()[-3000:]}")
        self.log_file.close()
        # LeakSanitizer's own tracer can fall over while it looks through the threads: then nothing is known of leaks, and nothing is wrong.
        if code and "Tracer caught signal" in self.log() and "ERROR: " not in self.log():
            return
        assert code == 0, f"{self.p.args[0]} ended with {code}:\n{self.log()[-6000:]}"


class Server:
    def __init__(self, folder, tls=True, device_host="127.0.0.1", **settings):
        """device_host: how devices reach this machine's loopback (an emulated board: 10.0.2.2)."""
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.dm_port, self.api_port, self.images_port = free_ports(3)
        self.tls, scheme = tls, "https" if tls else "http"
        self.ca = str(self.dir / "cert.pem") if tls else None
        self.url, self.dm_url = f"{scheme}://127.0.0.1:{self.api_port}", f"{scheme}://{device_host}:{self.dm_port}/dm"
        if tls and not (self.dir / "cert.pem").exists():
            subprocess.run([BUILD / "server/dmvisord", "--make-certificate", self.dir, "127.0.0.1", "localhost", device_host], check=True)
        config = {
            "demo": not tls,
            "authority": {"name": AUTHORITY, "serverId": SERVER_ID},
            "dm": {"port": self.dm_port, "url": self.dm_url, **({"certificate": "cert.pem", "key": "key.pem"} if tls else {})},
            "api": {"port": self.api_port, "url": self.url, "webui": str(ROOT / "webui-static")},
            "images": {"port": self.images_port, "url": f"{scheme}://{device_host}:{self.images_port}", "directory": "images"},
            "database": {"target": f"sqlite:{self.dir}/dmvisor.db", "schema": str(ROOT / "db/schema"), "secretKey": "secret.key"},
            "objects": {"directory": str(ROOT / "ddf")},
            "kpi": {"interval": "2s"},
            "poll": {"interval": "5s"},
            "notifications": {"retries": ["1s", "2s", "4s", "8s", "30s"]},
            "log": {"level": "debug"},
        }
        if os.geteuid() == 0:
            config["user"] = "nobody"
        for name, value in settings.items():
            section, key = name.split("__")
            config.setdefault(section, {})[key] = value
        self.config = self.dir / "dmvisord.yaml"
        self.config.write_text(json.dumps(config, indent=1))        # JSON is YAML
        self.process = None
        self.through, self.env = [], {}         # programs to start it through; what else its environment has
        self._own()
        out = subprocess.run([BUILD / "server/dmvisord", "-f", self.config, "--new-token", "tests:admin"], check=True, capture_output=True, text=True)
        self.token = out.stdout.strip()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.token}"
        self.session.trust_env = False          # a CA bundle in the environment would take the place of ours
        self.session.verify = self.ca or True

    def _own(self):
        """The server runs unprivileged, also when the tests run as root."""
        if os.geteuid() == 0:
            for path in [self.dir, *self.dir.rglob("*")]:
                shutil.chown(path, "nobody")

    def accept(self):
        """A test has written into the database of the stopped server, as another program."""
        self._own()
        subprocess.run([BUILD / "server/dmvisord", "-f", self.config, "--accept-database"], check=True, capture_output=True, timeout=60)

    def start(self):
        self.process = Process([*self.through, BUILD / "server/dmvisord", "-f", self.config], self.dir / "server.log", self.env)
        wait_for("the server to be ready", self._ready, 30)
        return self

    def _ready(self):
        assert self.process.alive(), f"the server ended:\n{self.process.log()[-4000:]}"
        try:
            return self.session.get(self.url + "/readyz", timeout=2).status_code == 200
        except requests.RequestException:           # it does not listen yet, or is too busy to answer
            return False

    def stop(self):
        if self.process and self.process.p.poll() is None:
            self.process.stop()

    def call(self, method, path, expect=None, **kw):
        r = self.session.request(method, self.url + "/api/v1" + path, timeout=30 * PATIENCE, **kw)
        if expect is not None:
            assert r.status_code in (expect if isinstance(expect, tuple) else (expect,)), f"{method} {path}: {r.status_code} {r.text[:1500]}"
        return r

    def get(self, path, **kw):
        return self.call("GET", path, expect=200, **kw).json()

    def ctl(self, *args, code=0, text=None):
        """dmvisorctl as an admin of this server. Gives what it said, on both outputs."""
        token = self.dir / "ctl.token"
        if not token.exists():
            token.write_text(self.token)
            token.chmod(0o600)
        ca = ["--ca", self.ca] if self.ca else []
        r = subprocess.run([BUILD / "cli/dmvisorctl", "--server", self.url, "--token-file", token, *ca, *map(str, args)], input=text,
                           capture_output=True, text=True, env={"HOME": str(self.dir), "PATH": "/usr/bin"}, timeout=180 * PATIENCE)
        assert r.returncode == code, f"{args}: {r.returncode} {r.stdout}{r.stderr}"
        return r.stdout + r.stderr

    def register(self, phone, labels=None, push=None):
        body = {"id": phone, "labels": labels or {}}
        if push:
            body["push"] = {"channel": "udp", "address": push}
        return self.call("POST", "/devices", expect=201, json=body).json()["account"]

    def apply(self, text):
        name = next(line.split("name:")[1].strip(" }") for line in text.splitlines() if "metadata" in line and "name:" in line)
        return self.call("PUT", f"/policies/{name}", expect=(200, 201), data=text.encode(), headers={"Content-Type": "application/yaml"}).json()

    def upload(self, file, name, version, arch=None, fmt="bundle"):
        query = {"name": name, "version": version, "guestType": "linux", "arch": arch or os.uname().machine, "format": fmt}
        with open(file, "rb") as f:
            return self.call("POST", "/images", expect=201, params=query, data=f).json()

    def vm(self, phone, vm):
        r = self.call("GET", f"/devices/{quote(phone)}/vms/{vm}")
        return r.json() if r.status_code == 200 else None

    def wait_vm(self, phone, vm, seconds=90, verified=True, **want):
        def look():
            v = self.vm(phone, vm)
            ok = v is not None and all(v.get(k) == x for k, x in want.items()) and (not verified or v.get("verified"))
            look.last = v
            return v if ok else None
        try:
            return wait_for(f"{vm} on {phone} to be {want}", look, seconds)
        except AssertionError as err:
            device = self.call("GET", f"/devices/{quote(phone)}").text
            preview = self.call("GET", f"/devices/{quote(phone)}/preview").text
            raise AssertionError(f"{err}\nVM: {json.dumps(look.last, indent=1)}\ndevice: {device}\npreview: {preview[:3000]}\n"
                                 f"server log:\n{self.process.log()[-3000:]}") from None

    def operate(self, phone, vm, kind, **args):
        return self.call("POST", f"/devices/{quote(phone)}/operations", expect=202, json={"kind": kind, "vm": vm, "args": args}).json()

    def wait_operation(self, op, state="verified", seconds=60):
        def look():
            o = self.get(f"/operations/{op['id']}")
            look.last = o
            if o["state"] in ("failed", "cancelled", "expired", "superseded") and o["state"] != state:
                raise AssertionError(f"operation ended as {o['state']}: {json.dumps(o, indent=1)}")
            return o if o["state"] == state else None
        return wait_for(f"operation {op['id']} to be {state}", look, seconds)


def quote(text):
    return requests.utils.quote(text, safe="")


class Phone:
    """One device: dmvisor-agent over libvirt's embedded QEMU driver."""

    def __init__(self, folder, server, name="IMEI:001010000000017", labels=None, push=True, encoding="wbxml", **settings):
        self.dir, self.server, self.name = pathlib.Path(folder), server, name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.push_port = free_ports(1, socket.SOCK_DGRAM)[0]
        account = server.register(name, labels or {"department": "sales"}, f"127.0.0.1:{self.push_port}" if push else None)
        self.account = self.dir / "account.json"
        self.account.write_text(json.dumps(account))
        self.account.chmod(0o600)
        self.more_accounts = []
        config = {
            "device": {"id": name, "manufacturer": "Acme", "model": "Phone-1"},
            "data": str(self.dir),
            "objects": {"directory": str(ROOT / "ddf"), "agent": str(ROOT / "agent")},
            "hypervisor": {"uri": f"qemu:///embed?root={self.dir}/hv", "stopVmsOnExit": True},
            "push": {"address": "127.0.0.1", "port": self.push_port},
            "server": {"ca": server.ca} if server.ca else {},
            "encoding": encoding,
            "log": {"level": "debug"},
        }
        for key, value in settings.items():
            section, name = key.split("__")
            config.setdefault(section, {})[name] = value
        self.config = self.dir / "agent.yaml"
        self.config.write_text(json.dumps(config, indent=1))
        self.process = None
        self.env = {}           # what else its environment has

    def spawn(self):
        """The agent starts; nothing is waited for. libvirt compares what it knows of its emulators with the answers of the CPU it starts
        on, and those of one CPU are not those of another: started anywhere it looks again, for eight seconds. So it starts on the first."""
        args = [BUILD / "agent/dmvisor-agent", "-f", self.config]
        if self.account.exists():
            for file in [self.account, *self.more_accounts]:
                args += ["--account", file]
        self._know_emulators()
        self.process = Process(["taskset", "-c", min(os.sched_getaffinity(0)), *args], self.dir / "agent.log", self.env)

    def start(self):
        had = self.log().count("event=start ")
        self.spawn()
        def up():
            assert self.process.alive(), f"the agent ended:\n{self.log()[-4000:]}"
            return self.log().count("event=start ") > had
        wait_for("the agent to be up", up, 90)      # libvirt's first look at its emulators takes a while
        for task in os.listdir(f"/proc/{self.process.p.pid}/task"):
            try:
                os.sched_setaffinity(int(task), os.sched_getaffinity(0))
            except ProcessLookupError:
                pass                                # it has ended meanwhile
        self._keep_emulators()
        return self

    def _know_emulators(self):
        """What libvirt found out about this machine's emulators in an earlier test; it looks itself whether that still holds."""
        kept, own = CACHE / "libvirt", self.dir / "hv/cache"
        if kept.exists() and not own.exists():
            shutil.copytree(kept, own)

    def _keep_emulators(self):
        kept, own = CACHE / "libvirt", self.dir / "hv/cache"
        found = lambda folder: {f.name: f.read_bytes() for f in folder.glob("qemu/capabilities/*.xml")}
        if found(own) != found(kept):               # or what was kept holds no longer
            CACHE.mkdir(parents=True, exist_ok=True)
            new = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
            try:
                shutil.copytree(own, new / "libvirt")
                if kept.exists():
                    os.rename(kept, new / "old")
                os.rename(new / "libvirt", kept)
            except OSError:
                pass                                # another run was faster
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def log(self):
        path = self.dir / "agent.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def emulators(self):
        """Pids of the VMs' emulators that belong to this phone."""
        pids = []
        for p in pathlib.Path("/proc").iterdir():
            if p.name.isdigit():
                try:
                    line = (p / "cmdline").read_bytes()
                except OSError:
                    continue
                if b"qemu-system" in line and str(self.dir).encode() + b"/" in line:
                    pids.append(int(p.name))
        return pids

    def stop(self):
        try:
            if self.process and self.process.p.poll() is None:
                self.process.stop(40)
        finally:
            for pid in self.emulators():
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def alone(what):
    """What tests that run at the same time share is made by one of them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{what}.lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def guest(arch=None):
    """The small real guest as a kernel bundle, built once."""
    out = CACHE / "corp-linux.tar"
    with alone("corp-linux"):
        if not out.exists() or out.stat().st_mtime < max(f.stat().st_mtime for f in (ROOT / "deploy/guest").iterdir()):
            subprocess.run([ROOT / "deploy/guest/build.sh", out], check=True, env=dict(os.environ, DMVISOR_CACHE=str(CACHE)))
    return out


def guest_with(words, folder):
    """The same guest with more words on its kernel's command line."""
    work = pathlib.Path(tempfile.mkdtemp(dir=folder))
    subprocess.run(["tar", "-C", work, "-xf", guest()], check=True)
    line = (work / "cmdline").read_text().strip()
    (work / "cmdline").write_text(f"{line} {words}\n")
    out = work / "guest.tar"
    subprocess.run(["tar", "-C", work, "-cf", out, "kernel", "initrd", "cmdline"], check=True)
    return out


POLICY = """
apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {{name: {name}}}
spec:
  priority: 100
  selector: 'label.department == "sales"'
  vm:
    id: corp
    name: Corporate workspace
    guestType: linux
    image: corp-linux:{version}
    state: {state}
    resources:
      cpu: {{vcpus: {vcpus}, maxVcpus: 2}}
      memory: {{min: 128Mi, max: {memory}}}
      storage: {{userdata: {{quota: 16Mi}}}}
    crash: {{action: {crash}, maxRestarts: 3, window: 10m, escalation: stop}}
    kpi: {{interval: 2s}}
"""


def policy(name="corporate-workspace", version="1.0.0", state="running", vcpus=1, memory="192Mi", crash="restart"):
    return POLICY.format(name=name, version=version, state=state, vcpus=vcpus, memory=memory, crash=crash)
