# SPDX-License-Identifier: Apache-2.0
"""dmvisorctl against the real server: the two agree about every name, and an admin's day works from end to end."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
import yaml
from conftest import Ctl

SOURCE = pathlib.Path(os.environ["DMVISOR_SOURCE"])
DEV = "IMEI:001010000000017"
POLICY = (SOURCE / "deploy/quickstart/corporate-workspace.yaml").read_text()

pytestmark = pytest.mark.skipif(not os.environ.get("DMVISORD"), reason="dmvisord is not built")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Site:
    def __init__(self, directory):
        self.dir = directory
        self.port, dm, images = free_port(), free_port(), free_port()
        root = os.geteuid() == 0
        config = {"authority": {"name": "acme-it", "serverId": "dm.acme.example"}, "demo": True,
                  "dm": {"port": dm, "url": f"http://127.0.0.1:{dm}/dm"}, "api": {"port": self.port, "url": f"http://127.0.0.1:{self.port}"},
                  "images": {"port": images, "url": f"http://127.0.0.1:{images}", "directory": "images"},
                  "database": {"target": f"sqlite:{self.dir}/dm.db", "schema": str(SOURCE / "db/schema"), "secretKey": "secret.key"},
                  "objects": {"directory": str(SOURCE / "ddf")}, **({"user": "nobody"} if root else {})}
        (self.dir / "dmvisord.yaml").write_text(yaml.safe_dump(config))
        if root:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.dir, nobody.pw_uid, nobody.pw_gid)
            os.chown(self.dir / "dmvisord.yaml", nobody.pw_uid, nobody.pw_gid)
        self.exe = os.environ["DMVISORD"]
        self.log = open(self.dir / "log", "w")
        self.token = subprocess.run([self.exe, "-f", self.dir / "dmvisord.yaml", "--new-token", "me:admin"], check=True, capture_output=True,
                                    text=True).stdout.strip()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.exe, "-f", self.dir / "dmvisord.yaml"], stderr=self.log)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.dir / "log").read_text()
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        assert code == 0, (self.dir / "log").read_text()


@pytest.fixture(scope="module")
def site():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ctl-server-"))
    try:
        s = Site(directory)
        yield s
        s.stop()
        s.log.close()
        assert s.token not in (s.dir / "log").read_text()
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def ctl(site, tmp_path):
    c = Ctl(tmp_path)
    c.env.update(DMVISOR_SERVER=site.url, DMVISOR_TOKEN=site.token)
    return c


@pytest.fixture
def phone(ctl):
    ctl("device", "register", DEV, "--authority", "acme-it", "--title", "Grüße 📱", "--label", "department=sales", "--push", "udp:127.0.0.1:9", "--account-file", "a.json")
    yield DEV
    ctl("device", "delete", DEV, "--yes")


def as_json(ctl, *args):
    return json.loads(ctl(*args, "-o", "json").out)


def test_a_device(ctl, phone, tmp_path):
    account = json.loads((tmp_path / "a.json").read_text())
    assert set(account) == {"serverId", "url", "clientName", "clientPassword", "serverName", "serverPassword", "clientNonce", "serverNonce", "auth",
                            "pollS"}
    d = as_json(ctl, "device", "show", phone)
    assert d["title"] == "Grüße 📱" and d["push"] == {"channel": "udp", "address": "127.0.0.1:9"} and d["labels"] == {"department": "sales"}
    assert yaml.safe_load(ctl("device", "show", phone, "-o", "yaml").out) == d
    ctl("device", "label", phone, "pilot=yes", "department-")
    ctl("device", "set", phone, "--title", "x", "--push", "none", "--record", "on")
    d = as_json(ctl, "device", "show", phone)
    assert (d["title"], d["push"]["channel"], d["labels"], d["record"]) == ("x", "none", {"pilot": "yes"}, True)
    assert "Not found" in ctl("session", "show", phone, 99, code=1).err
    assert "Not found" in ctl("session", "download", phone, 99, code=1).err
    assert ctl("get", "devices", "--filter", 'label.pilot == "yes"', "-o", "name").out == phone + "\n"
    assert "error: Bad filter: filter: column 1: " in ctl("get", "devices", "--filter", 'label.', code=1).err
    assert "Already exists" in ctl("device", "register", phone, code=1).err
    assert json.loads(ctl("device", "credentials", phone).out)["clientPassword"] != account["clientPassword"]
    ctl("device", "tree", phone), ctl("device", "sessions", phone), ctl("get", "sessions", "--device", phone)
    assert "No push address" in ctl("device", "notify", phone, code=1).err
    assert "Not found" in ctl("device", "show", "nobody", code=1).err


def test_policies(ctl, phone, tmp_path):
    (tmp_path / "p.yaml").write_text(POLICY)
    r = ctl("apply", "-f", "p.yaml", "--dry-run")
    assert r.out == "corporate-workspace is valid: it would be revision 1, 1 device affected\n"
    r = ctl("apply", "-f", "p.yaml", "--preview", phone)
    assert "VM corp: running" in r.out and r.out.rstrip().endswith("</SyncML>")
    r = ctl("apply", "-f", "p.yaml")
    assert r.out == "corporate-workspace revision 1: 1 device affected\n" and "is not in the store yet" in r.err
    assert ctl("apply", "-f", "p.yaml").out == "corporate-workspace revision 1 unchanged\n"
    (tmp_path / "q.yaml").write_text(POLICY.replace("vcpus: 1", "vcpus: 2"))
    assert "revision 2" in ctl("apply", "-f", "q.yaml").out
    assert ctl("policy", "show", "corporate-workspace").out == POLICY.replace("vcpus: 1", "vcpus: 2")
    assert ctl("policy", "show", "corporate-workspace", "--revision", 1).out == POLICY
    assert len(ctl("policy", "history", "corporate-workspace").out.splitlines()) == 3
    pending = ctl("policy", "devices", "corporate-workspace").out                           # none has called yet
    assert "pending" in pending and "settled" not in pending, pending
    assert "resources.cpu.vcpus" in ctl("device", "desired", phone).out
    assert "The next message" in ctl("device", "preview", phone).out
    vms = as_json(ctl, "vm", "list", phone)["items"]
    assert [(v["id"], v["stateText"], v["goal"]) for v in vms] == [("corp", "missing", "running")]
    r = ctl("vm", "wait", phone, "corp", "--state", "running", "--settled", "--timeout", "1s", code=4)
    assert "not running and settled: it is not on the device yet: image corp-linux:1.0.0 is not in the store" in r.err and "last session: never" in r.err
    (tmp_path / "two.yaml").write_text(POLICY + "---\n" + POLICY.replace("state: running", "state: flying").replace("workspace}", "other}"))
    line = (POLICY + "---\n").count("\n") + POLICY.split("state: running")[0].count("\n") + 1
    r = ctl("apply", "-f", "two.yaml", code=1)
    assert f"  two.yaml:{line}:12: /spec/vm/state: " in r.err and "(field /spec/vm/state)" in r.err
    assert "corporate-other" not in ctl("get", "policies").out
    ctl("delete", "policy", "corporate-workspace", "--yes")
    ctl("vm", "wait", phone, "corp", "--gone", "--timeout", "10s")


def test_images(ctl, tmp_path):
    (tmp_path / "disk").write_bytes(os.urandom(3 << 20))
    args = ["image", "upload", "disk", "--name", "t", "--version", "1.0", "--arch", "x86_64"]
    assert ctl(*args).out.startswith("uploaded t:1.0 (raw, x86_64, 3.0 MiB)")
    assert ctl(*args).out.startswith("already in the store: t:1.0")
    assert "t     1.0" in ctl("get", "images").out and ctl("get", "image", "t:1.0", "-o", "name").out == "t:1.0\n"
    assert as_json(ctl, "image", "show", "t", "1.0")["size"] == 3 << 20
    (tmp_path / "disk").write_bytes(b"other")
    assert "other contents" in ctl(*args, code=1).err
    assert "dotted numbers" in ctl("image", "upload", "disk", "--name", "t", "--version", "one", code=1).err
    ctl("image", "delete", "t", "1.0")


def test_operations(ctl, phone):
    assert "has no VM" in ctl("lock", phone, "corp", code=1).err
    assert "possible are" in ctl("operations", "create", phone, "fly", code=1).err
    n = as_json(ctl, "tree", "get", phone, "./DevInfo")["id"]
    assert "get ./DevInfo" in ctl("operations", "list").out
    assert ctl("operations", "list", "--state", "open", "--device", phone, "-o", "name").out == f"{n}\n"
    assert "it has not finished" in ctl("operations", "watch", n, "--timeout", "1s", code=4).err
    watching = ctl.start("operations", "watch", n)
    time.sleep(1)
    assert ctl("operations", "cancel", n).out == f"operation {n} is cancelled\n"
    out, err = watching.communicate(timeout=20)
    assert watching.returncode == 1 and b"cancelled     cancelled by me" in out and b"cancelled by me" in err
    assert "Already ended" in ctl("operations", "cancel", n, code=1).err
    assert "Steps" in ctl("operations", "show", n).out
    r = ctl("operations", "create", phone, "lockAll", "--yes", "--wait", "--timeout", "1s", code=4)
    assert "  operation " in r.out and "it has not finished" in r.err
    assert ctl("device", "notify", phone, "--why", "a test").out.startswith("notification ")
    assert phone in ctl("get", "notifications", "--device", phone).out


SLIPS = [
    (["devcie", "list"], 2, "device"), (["device", "shwo", "x"], 2, "show"), (["get", "polices"], 2, "policies"), (["lokc", "PHONE", "corp"], 2, "lock"),
    (["get", "devices", "--fliter", "x"], 2, "--filter"), (["get", "devices", "-o", "jsn"], 2, "json"),
    (["device", "set", "PHONE", "--record", "dfault"], 2, "default"),
    (["get", "operations", "--state", "opne"], 1, "open"), (["get", "devices", "--state", "setled"], 1, "settled"),
    (["get", "vms", "--state", "runing"], 1, "running"), (["vm", "wait", "PHONE", "corp", "--state", "runing"], 1, "running"),
    (["get", "sessions", "--state", "abortd"], 1, "aborted"), (["get", "devices", "--filter", 'devinfo.mam == "x"'], 1, "devinfo.man"),
    (["events", "--types", "devcie"], 1, "device"), (["token", "create", "x", "--role", "admn"], 1, "admin"),
    (["operations", "create", "PHONE", "lokcAll"], 1, "lockAll"), (["tree", "replace", "PHONE", "./A", "5", "--format", "itn"], 1, "int"),
    (["tree", "acl", "PHONE", "./A", "--grant", "Gte=x"], 1, "Get"), (["device", "register", "new", "--auth", "bsic"], 1, "basic"),
    (["authority", "create", "z", "--server-id", "z", "--owner", "entreprise"], 1, "enterprise"),
    (["image", "upload", "FILE", "--name", "x", "--version", "1", "--guest-type", "linus"], 1, "linux"),
]


@pytest.mark.parametrize("args, code, meant", SLIPS, ids=[" ".join(a[0]) for a in SLIPS])
def test_a_slip_is_told_with_what_was_probably_meant(ctl, phone, tmp_path, args, code, meant):
    (tmp_path / "FILE").write_bytes(b"x")
    r = ctl(*[phone if a == "PHONE" else a for a in args], code=code)
    assert f"did you mean {meant}?" in r.err.replace('"', ""), r.err


def test_events_and_watching(ctl, phone):
    listening, watching = ctl.start("events", "--types", "device", "-o", "json", "--timeout", "4s"), \
        ctl.start("get", "devices", "--watch", "--timeout", "4s")
    time.sleep(1.5)
    ctl("device", "label", phone, "seen=now")
    out, _ = listening.communicate(timeout=20)
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows and rows[-1]["event"] == "device" and rows[-1]["data"]["device"] == phone and rows[-1]["id"] > 0
    out, _ = watching.communicate(timeout=20)
    assert b"seen=now" in out and listening.returncode == watching.returncode == 0
    assert "possible are device" in ctl("events", "--types", "fly", code=1).err


def test_tokens_and_roles(ctl):
    viewer = ctl("token", "create", "guest", "--role", "viewer", "--expires", "1h").out.strip()
    ctl("get", "devices", DMVISOR_TOKEN=viewer)
    assert "this requires the role operator" in ctl("device", "register", "x", DMVISOR_TOKEN=viewer, code=1).err
    assert "possible are viewer" in ctl("token", "create", "x", "--role", "king", code=1).err
    n = [t["id"] for t in as_json(ctl, "get", "tokens")["items"] if t["name"] == "guest"][0]
    ctl("token", "delete", n)
    r = ctl("get", "devices", DMVISOR_TOKEN=viewer, code=1)
    assert "error: Unauthorized" in r.err and viewer not in r.err


def test_a_restart_while_somebody_waits(ctl, site, phone):
    waiting = ctl.start("vm", "wait", phone, "corp", "--state", "running", "--timeout", "12s")
    time.sleep(1)
    site.stop()
    assert "is not reachable" in ctl("get", "devices", code=3).err
    site.start()
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 4 and b"after 12 s" in err and b"the device's last session: never" in err


def test_the_server_itself(ctl, site, tmp_path):     # the last one: a second authority changes what the others rely on
    assert ctl("whoami").out.startswith("me (admin), authority all")
    assert f"server     {ctl('version').out.split()[1]} at" in ctl("version").out
    assert "acme-it" in ctl("get", "authorities").out and "the chain is intact" in ctl("audit", "verify").out
    assert "token.create" in ctl("get", "audit", "--from", "-1h").out
    ctl("authority", "create", "lab", "--server-id", "lab.example", "--title", "The lab")
    assert "Already" in ctl("authority", "create", "lab", "--server-id", "lab.example", code=1).err
    ctl("authority", "set", "lab", "--record", "off")
    assert [(a["name"], a["record"]) for a in as_json(ctl, "get", "authorities")["items"]] == [("acme-it", None), ("lab", False)]
    (tmp_path / "t").write_text(site.token)
    ctl("login", "--server", site.url, "--token-file", "t", DMVISOR_SERVER="", DMVISOR_TOKEN="")
    ctl("whoami", DMVISOR_SERVER="", DMVISOR_TOKEN="")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:]]))
