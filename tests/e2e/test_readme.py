# SPDX-License-Identifier: Apache-2.0
"""Every command that README shows is run, in its order, against a real server and a phone as the quick start makes one."""
import os
import re
import shutil
import subprocess

import syncml
import test_descriptions
import world

PHONE = "IMEI:001010000000017"
# What builds and runs everything: tests/run.sh and the quick start are themselves what they would test.
NOT_HERE = ("./deploy/quickstart.sh", "meson ", "./tests/run.sh", "UPDATE_GOLDEN=1 meson", "tests/conformance/report.py", "ninja ")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", (world.ROOT / "README.md").read_text(), re.M | re.S)


def commands():
    lines = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(NOT_HERE)]


class Reader:
    """Somebody who types what README says."""

    def __init__(self, folder, server):
        self.dir, self.server, self.phone, self.set = folder / "desk", server, None, []
        self.dir.mkdir()
        (self.dir / "tests").symlink_to(world.ROOT / "tests")
        shutil.copy(world.ROOT / "deploy/quickstart/corporate-workspace.yaml", self.dir)
        shutil.copy(world.guest(), self.dir / "corp-linux.tar")
        (self.dir / "phone-1.ddf").write_text(test_descriptions.ddf(3, "What it does."), encoding="utf-8")
        for text in blocks("yaml"):
            name = re.match(r"# (\w+\.yaml)", text)
            if name:
                (self.dir / name[1]).write_text(text)
        c = syncml.Client({"clientNonce": "AAAA", "clientName": "a", "clientPassword": "b", "url": "http://127.0.0.1/dm"}, "IMEI:1").begin()
        (self.dir / "captured.wbxml").write_bytes(syncml.to_wbxml(c.text(c.package1())))
        self.env = {"HOME": str(self.dir), "PATH": f"{world.BUILD}/cli:{world.BUILD}/server:/usr/bin:/bin", "DMVISOR_SERVER": server.url,
                    "DMVISOR_TOKEN": server.token, "DMVISOR_CA": server.ca, "ASAN_OPTIONS": "detect_leaks=1"}

    def type(self, line, agent):
        """One line, with the numbers of things as they are here."""
        if re.match(r"[A-Z]+=\S+$", line):
            self.set.append(line)
            return
        line = line.replace("192.0.2.7:2948", f"127.0.0.1:{agent.push_port}")
        line = line.replace("--arch x86_64", "--arch aarch64")      # what phones with VMs in memory are
        line = re.sub(r"operations show \d+", f"operations show {self.newest('operations')}", line)
        line = re.sub(r"(session show \S+) \d+", lambda m: f"{m[1]} {self.newest('sessions')}", line)
        text = "\n".join(["set -e", *self.set, line])
        r = subprocess.run(["bash", "-c", text], cwd=self.dir, env=self.env, capture_output=True, text=True, timeout=200 * world.PATIENCE,
                           stdin=subprocess.DEVNULL)
        assert r.returncode == 0, f"{line}: ended with {r.returncode}\n{r.stdout[-2000:]}{r.stderr[-3000:]}"

    def newest(self, what):
        items = self.server.get(f"/{what}?limit=1")["items"]
        return items[0]["id"] if items else 0


class Agent(world.Phone):
    """The quick start's phone, but for VMs in memory; its account comes from the command line."""

    def __init__(self, folder, server):
        super().__init__(folder, server, PHONE, hypervisor__uri="sim:", interaction__answers="accept")

    def take(self, file):
        shutil.copy(file, self.account)
        return self.start()


def test_every_command_of_readme_does_what_it_says(folder, server):
    lines = commands()
    assert len(lines) > 20 and any(line.startswith("dmvisorctl device register") for line in lines)
    agent = Agent(folder / "phone", server)
    server.call("DELETE", f"/devices/{world.quote(PHONE)}", expect=204)     # README registers it itself
    reader = Reader(folder, server)
    try:
        for line in lines:
            reader.type(line, agent)
            if line.startswith("dmvisorctl device register"):
                agent.take(reader.dir / "account.json")
            if line.startswith("dmvisorctl image upload"):
                assert server.get("/images")["items"]
    finally:
        agent.stop()


def test_the_quick_starts_phone_is_the_one_that_is_tested():
    text = (world.ROOT / "deploy/quickstart.sh").read_text()
    assert "interaction: {answers: accept}" in text and f"phone={PHONE}" in text
    assert os.access(world.ROOT / "deploy/quickstart.sh", os.X_OK)
