# SPDX-License-Identifier: Apache-2.0
"""What the preview shows is what a device is sent: compared with the octets that a second client receives."""
import re

import pytest

import syncml
import world

NAME = "IMEI:001010000000055"
POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: corporate-workspace}
spec:
  selector: 'true'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: running
    lease: {checkIn: 24h}
"""


@pytest.fixture
def server(folder):
    s = world.Server(folder / "server", tls=False).start()
    yield s
    s.stop()


def octets(text):
    """Without the line breaks between tags of the preview, the session's own names and what is masked."""
    text = re.sub(r">\s*\n\s*<", "><", text).strip()
    for tag in ("SessionID", "NextNonce", "RespURI"):
        text = re.sub(rf"(<{tag}[^>]*>)[^<]*", r"\1", text)
    return re.sub(r"(<Cred>.*?<Data>)[^<]*", r"\1", text)


def package1(client):
    """A session that is opened with an Alert and DevInfo, as the preview has it."""
    client.begin()
    for _ in range(3):
        client.msg = 1
        reply = client.say(client.package1())
        if reply.nonce():
            client.nonce = reply.nonce()
        if reply.verdict() in ("212", "200"):
            return reply
    raise AssertionError(reply.bytes)


class Phone(syncml.Client):
    """What it is asked to do is done at once, and reported so."""
    ENDS = {"Provision": "50", "Start": "50", "Shutdown": "30", "Stop": "30", "Pause": "60", "Resume": "50"}

    def do(self, c, reply, codes):
        out = super().do(c, reply, codes)
        for uri in [i.findtext("Target/LocURI") for i in c.findall("Item")]:
            owner, _, op = uri.partition("/Operations/")
            if c.tag == "Exec" and op == "Download":
                self.tree[owner + "/Status"] = "70"
            elif c.tag == "Exec" and op in self.ENDS:
                self.tree[owner + "/State"] = self.ENDS[op]
            elif c.tag == "Add" and uri.count("/") == 2 and uri.startswith("./VMImages/"):
                self.tree[uri + "/Status"] = "10"
            elif c.tag == "Add" and uri.count("/") == 3 and uri.startswith("./Virtualization/VM/"):
                self.tree.update({uri + "/State": "10", uri + "/LockState": "30"})
        return out


def test_the_next_message_is_shown_octet_for_octet(server):
    client = Phone(server.register(NAME), NAME)
    client.finish(client.call())
    server.call("POST", "/images", expect=201, data=world.guest().read_bytes(),
                params={"name": "corp-linux", "version": "1.0.0", "guestType": "linux", "arch": "any", "format": "bundle"})
    correlators, asked = set(), set()
    for state in ("running", "stopped", "running", "paused", "stopped"):
        server.apply(POLICY.replace("running", state))
        seen = server.get(f"/devices/{world.quote(NAME)}/preview")
        assert seen["message"] == 1 and seen["messages"] >= 1 and 0 < seen["stepsInMessage"] <= len(seen["steps"])
        assert "The next message: 1 of" in server.ctl("device", "preview", NAME)
        reply = package1(client)
        assert octets(seen["syncml"]) == octets(reply.bytes.decode())
        named = [c.findtext("Correlator") for c in reply.asks("Exec")]
        assert named == [s["correlator"] for s in seen["steps"] if s.get("correlator")][:len(named)] and not correlators & set(named)
        correlators |= set(named)
        asked |= {c.tag for c in reply.commands}
        client.finish(reply)
    assert correlators and {"Exec", "Atomic"} <= asked, asked
