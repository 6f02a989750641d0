# SPDX-License-Identifier: Apache-2.0
"""The units of deploy/systemd under a systemd of the test's own: the first process of namespaces of its own, over a root that is an
overlay of this one. What is denied is looked at in /proc and by a request from outside; nothing of this machine's own systemd is touched."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest
import requests

import world

UNITS = world.ROOT / "deploy/systemd"

BOOT = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs {dir}/over
mkdir {dir}/over/upper {dir}/over/work
mount -t overlay overlay -o lowerdir=/,upperdir={dir}/over/upper,workdir={dir}/over/work {dir}/root
cd {dir}/root
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
umount -l sys/fs/cgroup || true
mount -t tmpfs tmpfs sys/fs/cgroup -o mode=755
mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd || rmdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
[ ! -d sys/fs/cgroup/unified ] || mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
[ -d sys/fs/cgroup/systemd ] || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run -o mode=755
mount -t tmpfs tmpfs tmp -o mode=1777
cp -r {dir}/install/. .
for unit in network-online.target libvirtd.service virtqemud.socket; do ln -sfn /dev/null etc/systemd/system/$unit; done
mkdir old
pivot_root . old
umount -l old
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=idle.target --log-target=console --show-status=0
"""


# Sanitizers look into /proc and at each thread; what they find is known from the other tests.
SERVICE = "Environment=ASAN_OPTIONS=detect_leaks=0\nStandardOutput=append:/var/log/service.log\nStandardError=inherit\n"


def runs_here():
    if os.geteuid() != 0:
        return "namespaces and mounts of its own need root"
    if not pathlib.Path("/lib/systemd/systemd").exists():
        return "this machine has no systemd"
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return "unshare and nsenter are not installed"
    return None


class Machine:
    """A systemd in namespaces of its own, on this machine's network."""

    def __init__(self, folder, install):
        self.dir = folder
        for sub in ("over", "root", "install/etc/systemd/system"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        install(folder / "install")
        for target in ("idle", "sysinit", "basic"):               # this machine's own services stay away
            (folder / f"install/etc/systemd/system/{target}.target").write_text("[Unit]\nDescription=Nothing\nDefaultDependencies=no\n")
        (folder / "boot").write_text(BOOT.format(dir=folder))
        self.log = open(folder / "boot.log", "w")
        self.p = subprocess.Popen(["unshare", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "sh", folder / "boot"],
                                  stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        world.wait_for("systemd to have started", self._up, 30)

    def _up(self):
        assert self.p.poll() is None, (self.dir / "boot.log").read_text()
        return self.children() and self.systemctl("is-active", "idle.target", code=None).stdout.strip() == "active"

    def children(self):
        return pathlib.Path(f"/proc/{self.p.pid}/task/{self.p.pid}/children").read_text().split()

    def init(self):
        return self.children()[0]

    def run(self, *args, code=0):
        r = subprocess.run(["nsenter", "-t", self.init(), "-p", "-m", "-u", "-i", "-C", "-r", "-w", *args], capture_output=True, text=True,
                           timeout=90 * world.PATIENCE)
        assert code is None or r.returncode == code, f"{args}: {r.returncode} {r.stdout} {r.stderr}\n{self.said()}"
        return r

    def said(self):
        r = subprocess.run(["nsenter", "-t", self.init(), "-m", "-r", "cat", "/var/log/service.log"], capture_output=True, text=True, timeout=30)
        status = self.systemctl("status", "dmvisor*", code=None).stdout
        return (self.dir / "boot.log").read_text()[-4000:] + status + r.stdout[-4000:]

    def systemctl(self, *args, code=0):
        return self.run("systemctl", "--no-pager", *args, code=code)

    def property(self, unit, name):
        return self.systemctl("show", "-P", name, unit).stdout.strip()

    def close(self):
        for first in self.children() if self.p.poll() is None else ():
            os.kill(int(first), signal.SIGKILL)                   # with it go all of its namespace
        self.p.wait()
        self.log.close()


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("unit, most", [("dmvisord.service", 2.0), ("dmvisor-agent.service", 2.5)])
def test_a_unit_asks_for_no_more_than_it_needs(unit, most):
    r = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", UNITS / unit], capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", r.stdout)
    assert found and float(found[1]) <= most, r.stdout
    assert "ignoring" not in r.stdout + r.stderr, r.stderr       # a word that this systemd does not know protects nothing


def listen(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(str(path))
    path.chmod(0o666)
    s.settimeout(30 * world.PATIENCE)
    return s


def test_the_server_reports_what_it_does(folder):
    """sd_notify(3), with its sandbox around it."""
    s = world.Server(folder / "server")
    with listen(folder / "notify") as manager:
        s.env = {"NOTIFY_SOCKET": str(folder / "notify")}
        s.start()
        try:
            said = manager.recv(4096).decode()
            assert "READY=1" in said and s.dm_url in said
            s.process.p.send_signal(signal.SIGHUP)
            assert "RELOADING=1\nMONOTONIC_USEC=" in manager.recv(4096).decode()
            assert "READY=1" in manager.recv(4096).decode()
            s.stop()
            assert "STOPPING=1" in manager.recv(4096).decode()
        finally:
            if s.process.alive():
                s.process.kill()


@pytest.fixture
def machine(folder):
    why = runs_here()
    if why:
        pytest.skip(why)
    ports = world.free_ports(3)

    def install(root):
        (root / "usr/bin").mkdir(parents=True)
        (root / "usr/share/dmvisor").mkdir(parents=True)
        (root / "etc/dmvisor").mkdir()
        shutil.copy(world.BUILD / "server/dmvisord", root / "usr/bin")
        for what, where in (("webui-static", "webui"), ("db/schema", "schema"), ("ddf", "ddf")):
            shutil.copytree(world.ROOT / what, root / "usr/share/dmvisor" / where)
        shutil.copy(UNITS / "dmvisord.service", root / "etc/systemd/system")
        etc, run = root / "etc/dmvisor", "/run/credentials/dmvisord.service"
        subprocess.run([world.BUILD / "server/dmvisord", "--make-certificate", etc, "127.0.0.1"], check=True, timeout=60)
        (etc / "key.pem").chmod(0o600)                            # root's alone: the service gets it as a credential
        tls = f'certificate: {run}/cert.pem, key: {run}/key.pem'
        (etc / "dmvisord.yaml").write_text(f"""authority: {{name: acme-it, serverId: dm.acme.example}}
dm: {{port: {ports[0]}, url: "https://127.0.0.1:{ports[0]}/dm", {tls}}}
api: {{port: {ports[1]}, url: "https://127.0.0.1:{ports[1]}", webui: /usr/share/dmvisor/webui, {tls}}}
images: {{port: {ports[2]}, url: "https://127.0.0.1:{ports[2]}", directory: /var/lib/dmvisor/images, {tls}}}
database: {{target: "sqlite:/var/lib/dmvisor/dmvisor.db", schema: /usr/share/dmvisor/schema, secretKey: /var/lib/dmvisor/secret.key}}
objects: {{directory: /usr/share/dmvisor/ddf}}
""")
        drop = root / "etc/systemd/system/dmvisord.service.d"
        drop.mkdir()
        (drop / "test.conf").write_text("[Service]\nLoadCredential=cert.pem:/etc/dmvisor/cert.pem\nLoadCredential=key.pem:/etc/dmvisor/key.pem\n"
                                        + SERVICE)
    m = Machine(folder / "machine", install)
    m.url, m.dm_url = f"https://127.0.0.1:{ports[1]}", f"https://127.0.0.1:{ports[0]}/dm"
    try:
        yield m
    finally:
        m.close()


def test_the_server_runs_as_its_unit_says(machine):
    machine.systemctl("start", "dmvisord")                        # comes back when the server has said that it is ready
    assert machine.property("dmvisord", "ActiveState") == "active"
    assert machine.dm_url in machine.property("dmvisord", "StatusText")
    ca = machine.dir / "install/etc/dmvisor/cert.pem"
    assert requests.get(machine.url + "/readyz", verify=str(ca), timeout=10).status_code == 200
    # From outside: an account of its own, no capability, no new privileges, system calls filtered.
    pid = machine.property("dmvisord", "MainPID")
    status = dict(x.split(":\t", 1) for x in machine.run("cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in x)
    assert status["Uid"].split()[0] != "0" and int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    state = machine.run("stat", "-L", "-c", "%a %u", "/var/lib/dmvisor").stdout.split()
    assert state[0] == "700" and state[1] == status["Uid"].split()[0]
    before = machine.property("dmvisord", "MainPID")
    machine.systemctl("reload", "dmvisord")
    world.wait_for("the reload to end", lambda: machine.property("dmvisord", "ActiveState") == "active", 20)
    assert machine.property("dmvisord", "MainPID") == before
    # A crash is followed by a start, an order to stop is not.
    machine.systemctl("kill", "--signal=KILL", "dmvisord")
    world.wait_for("the server to be started again", lambda: machine.property("dmvisord", "ActiveState") == "active"
                   and machine.property("dmvisord", "MainPID") not in (before, "0"), 30)
    assert requests.get(machine.url + "/readyz", verify=str(ca), timeout=10).status_code == 200
    machine.systemctl("stop", "dmvisord")
    assert machine.property("dmvisord", "ActiveState") == "inactive" and machine.property("dmvisord", "Result") == "success"


def test_a_wrong_configuration_is_told_at_the_start(machine):
    machine.run("sed", "-i", "s/^dm: /dn: /", "/etc/dmvisor/dmvisord.yaml")
    machine.systemctl("start", "dmvisord", code=1)
    assert machine.property("dmvisord", "ActiveState") in ("failed", "activating")
    assert "dmvisord.yaml:2:" in machine.run("cat", "/var/log/service.log").stdout


def test_the_agent_runs_as_its_unit_says(folder):
    why = runs_here()
    if why:
        pytest.skip(why)

    def install(root):
        for d in ("usr/bin", "etc/dmvisor-agent", "etc/systemd/system/dmvisor-agent.service.d"):
            (root / d).mkdir(parents=True, exist_ok=True)
        shutil.copy(world.BUILD / "agent/dmvisor-agent", root / "usr/bin")
        shutil.copytree(world.ROOT / "ddf", root / "usr/share/dmvisor/ddf")
        shutil.copytree(world.ROOT / "agent/schema", root / "usr/share/dmvisor/agent/schema")
        shutil.copy(world.ROOT / "agent/standard.yaml", root / "usr/share/dmvisor/agent")
        shutil.copy(UNITS / "dmvisor-agent.service", root / "etc/systemd/system")
        (root / "etc/dmvisor-agent/agent.yaml").write_text("device: {id: 'IMEI:001010000000017', manufacturer: Acme, model: Phone-1}\n"
                                                           "data: /var/lib/dmvisor-agent\nhypervisor: {uri: 'sim:'}\n"
                                                           "objects: {directory: /usr/share/dmvisor/ddf}\n")
        # The group comes with libvirtd, which is not there.
        (root / "etc/systemd/system/dmvisor-agent.service.d/test.conf").write_text("[Service]\nSupplementaryGroups=\n" + SERVICE)

    m = Machine(folder / "machine", install)
    try:
        m.systemctl("start", "dmvisor-agent")
        assert m.property("dmvisor-agent", "StatusText") == "Device IMEI:001010000000017 with 0 VMs at 0 servers"
        pid = m.property("dmvisor-agent", "MainPID")
        status = dict(x.split(":\t", 1) for x in m.run("cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in x)
        assert status["Uid"].split()[0] != "0" and int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1"
        m.systemctl("stop", "dmvisor-agent")
        assert m.property("dmvisor-agent", "Result") == "success"
    finally:
        m.close()
