# SPDX-License-Identifier: Apache-2.0
"""The main job on an emulated ARM64 board whose /dev/kvm is real: notification by UDP, session, download, a KVM guest, KPIs, lock, unlock, delete."""
import json
import os
import pathlib
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import world  # noqa: E402

BOARD = pathlib.Path(os.environ.get("DMVISOR_BOARD", world.ROOT / "build-board"))
NAME = "IMEI:001010000000025"


class Board:
    """The board's emulator; its serial line is the log."""

    def __init__(self, folder, server):
        self.dir = pathlib.Path(folder)
        data = self.dir / "data"
        data.mkdir(parents=True)
        self.push_port = world.free_ports(1, socket.SOCK_DGRAM)[0]
        account = server.register(NAME, {"department": "sales"}, f"127.0.0.1:{self.push_port}")
        (data / "account.json").write_text(json.dumps(account))
        (data / "account.json").chmod(0o600)
        (data / "ca.pem").write_text(pathlib.Path(server.ca).read_text())
        (data / "agent.yaml").write_text(json.dumps({
            "device": {"id": NAME, "manufacturer": "Acme", "model": "Board-1"},
            "data": "/data/agent",
            "hypervisor": {"uri": "qemu:///embed?root=/data/hv", "stopVmsOnExit": True},
            "server": {"ca": "/data/ca.pem"},
            "log": {"level": "debug"},
        }, indent=1))
        self.process = world.Process([world.ROOT / "deploy/board/run.sh", "-o", BOARD, "-p", str(self.push_port), data], self.dir / "serial.log",
                                     env={"TMPDIR": str(self.dir)})

    def wait_line(self, text, seconds):
        def look():
            assert self.process.alive(), f"the board ended:\n{self.process.log()[-4000:]}"
            return text in self.process.log()
        world.wait_for(f'"{text}" on the serial line', look, seconds)

    def stop(self):
        self.process.p.terminate()
        self.process.p.wait(20)


@pytest.fixture
def board(folder):
    server = world.Server(folder / "server", device_host="10.0.2.2", poll__interval="30s").start()
    b = Board(folder / "board", server)
    b.server = server
    try:
        yield b
    finally:
        b.stop()
        server.stop()


def test_the_main_job_on_an_arm_board_with_kvm(board):
    server = board.server
    board.wait_line("board: up", 60)
    board.wait_line("/dev/kvm is there", 10)
    board.wait_line("event=start ", 180)
    # Its first session, at its start, is over: what comes next is caused by the notification.
    world.wait_for("the first session to end", lambda: server.get(f"/devices/{world.quote(NAME)}")["summary"] == "settled", 60)
    server.upload(BOARD / "guest.tar", "corp-linux", "1.0.0", arch="aarch64")
    server.apply(world.policy(vcpus=1, memory="160Mi"))
    try:
        vm = server.wait_vm(NAME, "corp", seconds=240, state=50)
    except AssertionError:
        print(board.process.log()[-8000:])
        raise
    assert vm["verified"]
    notification = server.get(f"/notifications?device={world.quote(NAME)}")["items"]
    assert any(t["state"] == "answered" for t in notification)
    def kvm():
        facts = server.get(f"/devices/{world.quote(NAME)}")["facts"]
        return facts["hypervisor.arch"] == "aarch64" and facts["hypervisor.name"].split(" without ")[0] == "KVM"
    try:        # known once the guest came up; told with the end of the operation
        world.wait_for("the hypervisor to be KVM", kvm, 60)
    finally:
        print("\n".join(line for line in board.process.log().splitlines() if "event=" in line))
    def cpu_ms():
        return server.call("GET", f"/devices/{world.quote(NAME)}/vms/corp/kpis").json().get("values", {}).get("kpi.cpu.timeMs", 0)
    world.wait_for("KPIs", lambda: cpu_ms() > 0, 60)
    server.wait_operation(server.operate(NAME, "corp", "lock"), seconds=90)
    server.wait_vm(NAME, "corp", seconds=60, state=60, locked=True)
    server.wait_operation(server.operate(NAME, "corp", "unlock"), seconds=90)
    server.wait_vm(NAME, "corp", seconds=60, state=50, locked=False)
    server.apply(world.policy(state="absent"))
    world.wait_for("the VM to be gone", lambda: server.vm(NAME, "corp") is None, 120)
    assert "AddressSanitizer" not in board.process.log()
