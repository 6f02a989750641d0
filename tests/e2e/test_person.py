# SPDX-License-Identifier: Apache-2.0
"""A server asks the person at the device (alerts 1100 to 1104, notifications with a ui-mode), and the device goes its way meanwhile."""
import os
import signal

import world

# Says that it was asked, waits for a line in the pipe `answer`, and ends as that says.
PROGRAM = """#!/bin/sh
echo "$@" >> "{dir}/asked"
read code < "{dir}/answer"
exit $code
"""


def person(folder):
    program = folder / "ask"
    program.write_text(PROGRAM.format(dir=folder))
    program.chmod(0o700)
    os.mkfifo(folder / "answer")
    return str(program)


def asked(folder):
    file = folder / "asked"
    return file.read_text().splitlines() if file.exists() else []


def says(folder, code):
    (folder / "answer").write_text(f"{code}\n")


def confirm(server, phone, text):
    body = {"kind": "tree", "command": "confirm", "data": f"MAXDT=60\n{text}"}
    return server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202, json=body).json()


def test_a_vm_crashes_and_comes_back_while_the_person_thinks(folder, server):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    phone = world.Phone(folder / "phone", server, interaction__answers="program", interaction__program=person(folder)).start()
    try:
        server.wait_vm(phone.name, "corp", state=50)
        op = confirm(server, phone, "Restart now?")
        world.wait_for("the question", lambda: asked(folder) == ["confirm Restart now?"], 30)
        assert "waits for the user of the device" in phone.log()
        # An event of the hypervisor, a timer of the device (the restart waits two seconds) and a guest that says that it is up:
        before, notified = phone.emulators(), phone.log().count("event=notification")
        assert len(before) == 1
        os.kill(before[0], signal.SIGKILL)
        world.wait_for("another emulator", lambda: phone.emulators() not in ([], before), 60)
        world.wait_for("the guest to be up again", lambda: phone.log().count("event=vm vm=corp state=50") >= 2, 60)
        # A notification is taken; the session it asks for comes after this one.
        server.call("POST", f"/devices/{world.quote(phone.name)}/notifications", expect=(200, 201, 202), json={})
        world.wait_for("a notification", lambda: phone.log().count("event=notification") > notified, 30)
        assert server.get(f"/operations/{op['id']}")["state"] not in ("verified", "failed")
        assert asked(folder) == ["confirm Restart now?"]
        says(folder, 0)
        server.wait_operation(op)
        server.wait_vm(phone.name, "corp", state=50)
        assert asked(folder) == ["confirm Restart now?"]
        op = confirm(server, phone, "Really?")
        world.wait_for("the second question", lambda: len(asked(folder)) == 2, 30)
        says(folder, 1)
        server.wait_operation(op, "failed")
        assert server.get(f"/operations/{op['id']}")["code"] == 304
    finally:
        phone.stop()


def test_an_unanswered_question_ends_in_time_and_the_agent_ends_at_once(folder, server):
    phone = world.Phone(folder / "phone", server, interaction__answers="program", interaction__program=person(folder), hypervisor__uri="sim:").start()
    try:
        body = {"kind": "tree", "command": "confirm", "data": "MAXDT=2\nAnybody there?"}
        op = server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202, json=body).json()
        server.wait_operation(op, "failed")
        assert server.get(f"/operations/{op['id']}")["code"] == 408
        assert set(asked(folder)) == {"confirm Anybody there?"}     # the server asks again a few times
        confirm(server, phone, "Still nobody?")
        world.wait_for("another question", lambda: "confirm Still nobody?" in asked(folder), 30)
        phone.process.stop(10)      # within ten seconds of the sixty, and without a leak
    finally:
        phone.stop()
