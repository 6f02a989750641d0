# SPDX-License-Identifier: Apache-2.0
"""Server and agent have given up what they do not need before they look at anything from outside: seen in /proc, and in what they answer."""
import json
import pathlib
import re

import pytest

import impostor
import world


def threads(pid):
    """The status of each thread, as {name: value}."""
    out = []
    for t in pathlib.Path(f"/proc/{pid}/task").iterdir():
        text = (t / "status").read_text()
        out.append(dict(re.findall(r"^(\w+):\t(.*)$", text, re.M)))
    return out


def confined(pid):
    all_of_them = threads(pid)
    assert all_of_them
    return all(t["NoNewPrivs"] == "1" and t["Seccomp"] == "2" for t in all_of_them)


def said(log):
    """The line that says what is in force, as {key: value}."""
    line = next(x for x in log.splitlines() if "event=sandbox" in x)
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line))


def test_the_server_and_each_of_its_threads(server):
    assert confined(server.process.p.pid)
    line = said(server.process.log())
    assert line["calls"] == "denied" and line["new_privileges"] == "no"
    assert line["files"] == "own" or "Landlock" in line["missing"]
    server.upload(world.guest(), "corp-linux", "1.0.0")         # what it needs, it has
    assert server.get("/images")["items"]


@pytest.mark.parametrize("hypervisor", ["sim:", "embed"])
def test_the_agent_and_each_of_its_threads(folder, server, hypervisor):
    more = {} if hypervisor == "embed" else {"hypervisor__uri": hypervisor}
    phone = world.Phone(folder / "phone", server, **more).start()
    try:
        assert confined(phone.process.p.pid)
        line = said(phone.log())
        assert line["calls"] == "denied"
        assert line["files"] == ("own" if hypervisor == "sim:" else "all") or "Landlock" in line["missing"]
    finally:
        phone.stop()


def test_switched_off_is_said(folder):
    phone = impostor.phone(folder, impostor.Place("http://127.0.0.1:1/dm"))
    phone.config.write_text(json.dumps({**json.loads(phone.config.read_text()), "sandbox": "off"}))
    phone.start()
    try:
        assert not confined(phone.process.p.pid)
        assert said(phone.log())["missing"] == '"all of it (switched off)"'
    finally:
        phone.stop()
