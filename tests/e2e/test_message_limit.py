# SPDX-License-Identifier: Apache-2.0
"""A device's MaxMsgSize, driven by a client that is not ours: no reply passes it, and what cannot be sent within it says so."""
import itertools
import pathlib
import re
import shutil
import tempfile

import pytest

import syncml
import world

SAYS = re.compile(r"this device accepts (\d+) octets, the shortest message has (\d+)")
numbers = itertools.count(1)


class Small(syncml.Client):
    """A client that takes so many octets, and keeps the length of each reply."""

    def __init__(self, account, name, limit, wbxml):
        super().__init__(account, name, wbxml)
        self.limit, self.lengths = limit, []

    def text(self, *args, **kw):
        return super().text(*args, **kw).replace(">16384</MaxMsgSize>", f">{self.limit}</MaxMsgSize>")

    def post(self, text, url=None):
        reply = super().post(text, url)
        self.lengths.append(len(reply.bytes))
        return reply

    def run(self, most=60):
        """Whatever comes of it."""
        self.begin()
        reply = self.say(self.package1())
        for _ in range(most):
            if reply.status != 200:
                return reply
            if reply.nonce():
                self.nonce = reply.nonce()
            alerts = [c.findtext("Data") for c in reply.commands if c.tag == "Alert"]
            if not reply.asks() and "1222" not in alerts:
                return reply
            reply = self.say(self.answers(reply), cred=False)
        raise AssertionError(f"no end: {self.lengths}")


@pytest.fixture(scope="module")
def server():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = world.Server(folder / "server", tls=False).start()
    try:
        yield s
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("wbxml", [False, True], ids=["xml", "wbxml"])
@pytest.mark.parametrize("limit", [100, 400, 600, 800, 1000, 1200, 1500])
def test_no_reply_passes_the_limit_and_nothing_waits_for_ever(server, limit, wbxml):
    name = f"IMEI:00101000000{next(numbers):04}"
    client = Small(server.register(name), name, limit, wbxml)
    client.tree["./V"], client.tree["./V/x"] = None, "7"
    number = server.call("POST", f"/devices/{world.quote(name)}/operations", expect=202,
                         json={"kind": "tree", "command": "get", "uri": "./V/x"}).json()["id"]
    for _ in range(3):
        client.run()
    assert max(client.lengths) <= limit, client.lengths
    op = server.get(f"/operations/{number}")
    said = SAYS.search(op["reason"])
    assert op["state"] == "verified" or op["state"] == "failed" and said, op
    if said:
        assert int(said[1]) == limit < int(said[2]), op
        assert f"this device accepts {limit} octets" in str(server.get(f"/devices/{world.quote(name)}")), "the device says it, too"
    if limit >= 1200:
        assert op["state"] == "verified", op
    print(f"{limit} {'wbxml' if wbxml else 'xml'}: {op['state']} {op['reason']}; longest {max(client.lengths)}")
