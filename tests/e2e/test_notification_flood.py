# SPDX-License-Identifier: Apache-2.0
"""Notifications without end: the agent's log stays small, and it goes on calling, hears its server, and believes nothing twice."""
import base64
import hashlib
import os
import socket
import sqlite3
import subprocess
import sys

import pytest

import impostor
import world

FLOOD_S = 6
# A process of its own sends as fast as it can, for so long: argv is the port, the seconds, whether each comes from another port, the datagrams.
FLOOD = """
import socket, sys, time
port, seconds, many, datagrams = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "many", [bytes.fromhex(d) for d in sys.argv[4:]]
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(200 if many else 1)]
for s in socks:
    s.connect(("127.0.0.1", port))
    s.setblocking(False)
print("go", flush=True)
end, n = time.monotonic() + seconds, 0
while time.monotonic() < end:
    for i in range(500):
        try:
            socks[n % len(socks)].send(datagrams[n % len(datagrams)])
        except OSError:
            pass
        n += 1
print(n)
"""


def notification(session, nonce, password=impostor.SERVER[1], server=impostor.SERVER_ID):
    """A WSP push of a notification (OMA-TS-DM_Notification-V1_2_1, 6.2), by hand."""
    name = server.encode()
    head = (11 << 54 | 1 << 52 | 1 << 51 | session << 8 | len(name)).to_bytes(8, "big")
    notification = head + name
    ha1 = base64.b64encode(hashlib.md5(f"{server}:{password}".encode()).digest())
    digest = hashlib.md5(ha1 + b":" + nonce + b":" + base64.b64encode(hashlib.md5(notification).digest())).digest()
    return bytes([7, 6, 3, 0xC4, 0xAF, 0x87]) + digest + notification


class Sender:
    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))

    def send(self, datagram):
        try:
            self.socket.send(datagram)
        except ConnectionRefusedError:      # of the one before
            pass


@pytest.fixture
def place():
    """A server that proves itself and wants nothing; the nonce of the device's server stays what it was."""
    def answer(said):
        return 200, {}, impostor.message(said, impostor.header(said), nonce=place.nonce)
    place = impostor.Impostor(answer)
    place.nonce = b"server-nonce-001"
    yield place
    place.close()


def nonce_now(folder):
    """The nonce that the device expects of its server now."""
    db = sqlite3.connect(f"file:{folder}/phone/state.db?mode=ro", uri=True)
    try:
        return db.execute("select server_nonce from account").fetchone()[0]
    finally:
        db.close()


def sessions(phone):
    return phone.log().count("state=over")


@pytest.mark.parametrize("many", ["one", "many"])
def test_a_flood_fills_no_log_and_stops_neither_poll_nor_notification(folder, place, many):
    port_of = impostor.phone(folder, impostor.Place(place.url, pollS=1))
    phone = port_of.start()
    try:
        world.wait_for("the first session", lambda: sessions(phone) >= 1)
        place.nonce = nonce_now(folder)
        sender = Sender(phone.push_port)
        sender.send(notification(0x101, place.nonce))
        world.wait_for("a notification before the flood", lambda: "why=push" in phone.log())
        before, polls = len(phone.log()), phone.log().count("why=poll")
        rubbish = [b"", b"\0", os.urandom(40), os.urandom(1400), notification(5, b"x", server="dm.nobody.example"),
                   notification(6, b"wrong nonce"), notification(7, b"wrong nonce", "guess")]
        flood = subprocess.Popen([sys.executable, "-c", FLOOD, str(phone.push_port), str(FLOOD_S), many, *(d.hex() for d in rubbish)],
                                 stdout=subprocess.PIPE, text=True)
        try:
            assert flood.stdout.readline() == "go\n"
            world.wait_for("a poll during the flood", lambda: phone.log().count("why=poll") > polls + 1, FLOOD_S * 5)
            pushes, number = phone.log().count("why=push"), 0x200

            def heard():                # as a server repeats it while nothing comes
                nonlocal number
                number += 1
                place.nonce = nonce_now(folder)
                sender.send(notification(number, place.nonce))
                return phone.log().count("why=push") > pushes
            world.wait_for("a notification during the flood", heard, FLOOD_S * 5)
            assert flood.poll() is None, "the flood was over before"
            sent = int(flood.communicate(timeout=FLOOD_S * 5)[0])
        finally:
            flood.kill()
            flood.wait()
        assert sent > 20000
        assert len(phone.log()) - before < 200_000, f"{sent} datagrams made {len(phone.log()) - before} octets of log"
        assert "suppressed" in world.wait_for("the log to say what it left out", lambda: phone.log() if "suppressed=" in phone.log()
                                              or "log.suppressed" in phone.log() else None, 15)
    finally:
        phone.stop()


def test_a_resynchronisation_is_believed_once_also_after_a_restart(folder, place):
    """Its signature never ages: whoever heard one could call the device each minute for ever."""
    phone = impostor.phone(folder, impostor.Place(place.url)).start()
    try:
        world.wait_for("the first session", lambda: sessions(phone) >= 1)
        place.nonce = b"\0\0\0\0"
        datagram = notification(0x55, b"\0\0\0\0")
        Sender(phone.push_port).send(datagram)
        world.wait_for("the session it asked for", lambda: "why=push" in phone.log())
        phone.process.kill()
        phone.start()
        world.wait_for("the session of the start", lambda: phone.log().count("why=start") == 2)
        Sender(phone.push_port).send(datagram)
        world.wait_for("its repetition to be known", lambda: "state=repeated" in phone.log())
        assert phone.log().count("why=push") == 1
    finally:
        phone.stop()
