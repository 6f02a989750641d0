#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dmtool notify --send puts the push of example A (notification-bootstrap.md 2, 3.1) into one datagram.

usage: dmtool_send.py DMTOOL
"""
import socket
import subprocess
import sys

WANT = "010603c4af87" "c7bc38808b9a71c993bb2c9fd59cf0b5" "02d80000001a2b0e" "646d2e6578616d706c652e6e6574"
ARGS = ["notify", "--server-id", "dm.example.net", "--password", "srv-Pa55w0rd", "--nonce", "AQIDBAUGBwgJCgsMDQ4PEA==",
        "--session", "1A2B", "--send"]


def send(family, host, form):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        try:
            s.bind((host, 0))
        except OSError:
            print(f"no {host} here")
            return True
        s.settimeout(10)
        port = s.getsockname()[1]
        done = subprocess.run([sys.argv[1], *ARGS, form.format(port)], capture_output=True, text=True, timeout=30, check=False)
        got = s.recv(1000).hex() if done.returncode == 0 else done.stderr
        if got != WANT or f"44 octets sent to {host} port {port}" not in done.stdout:
            print(f"{host}: {got} {done.stdout}")
            return False
        return True


def main():
    ok = send(socket.AF_INET, "127.0.0.1", "127.0.0.1:{}") and send(socket.AF_INET6, "::1", "[::1]:{}")
    refused = subprocess.run([sys.argv[1], *ARGS, "127.0.0.1:no-such-port"], capture_output=True, text=True, timeout=30, check=False)
    if refused.returncode != 1 or "127.0.0.1:no-such-port" not in refused.stderr:
        print(f"wrong port: exit {refused.returncode}: {refused.stderr}")
        ok = False
    return not ok


if __name__ == "__main__":
    sys.exit(main())
