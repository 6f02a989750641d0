# SPDX-License-Identifier: Apache-2.0
"""Why a start failed is told, each cause by its own name, and says nothing of KVM when the VM fails without it too."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

import world

WRAPPER = """#!/bin/sh
case "$*" in *guest=dmvisor-*)
    case $(cat {mode}) in
    words) echo "unrecognised argument: -netdev" >&2; exit 35 ;;
    signal) kill -SEGV $$ ;;
    memory) ulimit -v 220000 ;;
    esac ;;
esac
exec {real} "$@"
"""


# The kernel tells how a process ended to who holds it, not only to its parent.
EXITS_ARE_TOLD = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) >= (6, 15)


def starts(phone):
    return [(int(r), d) for r, d in re.findall(r"event=operation .*op=(?:start|provision) .*result=(\d+) .*detail=(.*)", phone.log())]


def fails_as(phone, words):
    """The server tries again by itself; the pauses between its tries grow."""
    return world.wait_for(f"a start to fail with {words}", lambda: next((s for s in starts(phone) if words in s[1]), None), 240)


def test_the_emulators_last_words_and_the_cause_are_told_and_kvm_stays_open(folder, server, monkeypatch):
    real = next(p for d in os.environ["PATH"].split(":") if os.access(p := f"{d}/qemu-system-{os.uname().machine}", os.X_OK))
    tools, mode = folder / "tools", folder / "mode"
    tools.mkdir()
    mode.write_text("fine")
    wrapper = tools / os.path.basename(real)
    wrapper.write_text(WRAPPER.format(mode=mode, real=real))
    for path in (tools, wrapper):
        path.chmod(0o755)
    mode.chmod(0o644)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    phone = world.Phone(folder / "phone", server, hypervisor__kvm="trial")     # as where no probe finds it too slow
    phone._know_emulators = phone._keep_emulators = lambda: None
    phone.start()
    try:
        server.upload(world.guest(), "corp-linux", "1.0.0")
        mode.write_text("words")
        server.apply(world.policy(crash="alert"))
        result, detail = fails_as(phone, "unrecognised argument: -netdev")
        assert result == 1428 and (not EXITS_ARE_TOLD or "with exit status 35" in detail), (result, detail)
        mode.write_text("signal")
        result, detail = fails_as(phone, "killed by signal 11" if EXITS_ARE_TOLD else "could not be started")
        assert result == 1428 and "unrecognised" not in detail, (result, detail)
        mode.write_text("memory")
        result, detail = fails_as(phone, "memory")
        assert result == 1422, (result, detail)
        assert "kvm.absent" not in phone.log() and not (phone.dir / "hypervisor/kvm").exists()
        mode.write_text("fine")
        server.wait_vm(phone.name, "corp", 300, state=50)
        # Which of the two it was holds until kernel or emulator change, also after a restart.
        found = world.wait_for("the trial's result", lambda: (f := phone.dir / "hypervisor/kvm").exists() and f.read_text(), 30)
        assert re.fullmatch(rf"(yes|no) {re.escape(os.uname().release)} {re.escape(os.uname().version)}, emulator \d+\n", found), found
        trials = phone.log().count("event=kvm.trial")
        phone.process.stop(40)
        phone.start()
        server.wait_operation(server.operate(phone.name, "corp", "start"), seconds=120)
        assert phone.log().count("event=kvm.trial") == trials
    finally:
        phone.stop()


def test_a_kvm_that_is_too_slow_for_any_guest_is_known_before_the_first_start(folder, server, phone):
    """A probe at the agent's start says so; where it says otherwise, the first start is the trial."""
    slow = "event=kvm.unusable" in phone.log()
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    server.wait_vm(phone.name, "corp", 120, state=50)
    assert ("event=kvm.trial" in phone.log()) == (not slow and os.path.exists("/dev/kvm")), phone.log()
    line = pathlib.Path(f"/proc/{phone.emulators()[0]}/cmdline").read_bytes()
    assert (b"-accel\0tcg\0" in line) == (slow or "event=kvm.works" not in phone.log())
    assert phone.log().count("event=vm vm=corp state=40") <= 1


def test_how_an_emulator_ended_is_told_and_nothing_else(folder, server, phone):
    """Killed from outside, ended from outside: each by its own name."""
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy(crash="alert").replace("    crash:", "    upgrade: {health: none}\n    crash:"))

    def up():
        server.wait_vm(phone.name, "corp", 120, state=50)
        return world.wait_for("its emulator", phone.emulators, 60)[0]

    def told(words):
        return world.wait_for(words, lambda: next((t for t in crashes() if words in t), None), 30)

    def crashes():
        return re.findall(r"event=crash vm=corp data=\"?([^\n]*)", phone.log())
    os.kill(up(), signal.SIGKILL)
    text = told("the emulator ended unexpectedly, killed by signal 9" if EXITS_ARE_TOLD else "the emulator ended unexpectedly")
    assert "reason=6;" in text and "memory" not in text, text
    server.wait_operation(server.operate(phone.name, "corp", "start"), seconds=90)
    os.kill(up(), signal.SIGTERM)
    by_hand = 'event=vm vm=corp state=30 lock=30 because="management application on the device"'
    world.wait_for("it to be off by somebody's hand", lambda: by_hand in phone.log(), 30)
    assert len(crashes()) == 1


def memory_group(bytes_at_most):
    """A control group that may have so much memory, or None where this machine has none to give."""
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(top) / f"dmv-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(bytes_at_most))
            return group
        except OSError:
            group.rmdir()
    return None


@pytest.mark.skipif(not os.access("/dev/kmsg", os.R_OK), reason="the kernel's log cannot be read here")
def test_an_emulator_that_the_kernel_kills_for_want_of_memory_is_told_so(server, phone):
    group = memory_group(24 << 20)
    if not group:
        pytest.skip("no memory control group can be made here")
    try:
        server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(world.policy(state="stopped"))
        server.wait_vm(phone.name, "corp", 120, state=30)
        server.apply(world.policy())
        pid = world.wait_for("its emulator", phone.emulators, 60)[0]
        (group / "cgroup.procs").write_text(str(pid))      # before its guest has used any memory to speak of
        words = "killed by the kernel because memory ran out"
        world.wait_for(words, lambda: words in phone.log(), 60)
        assert f"Killed process {pid} (" in subprocess.run(["dmesg"], capture_output=True, text=True).stdout
        world.wait_for("the server to be told", lambda: words in server.call("GET", f"/devices/{world.quote(phone.name)}/operations").text or
                       words in server.call("GET", f"/devices/{world.quote(phone.name)}/vms").text, 60)
    finally:
        world.wait_for("the group to be empty", lambda: not (group / "cgroup.procs").read_text().strip(), 30)
        group.rmdir()
