# SPDX-License-Identifier: Apache-2.0
"""The device keeps its word without a session: a policy's thresholds and lease, on a server that goes away and comes back."""
import json
import signal
import time

import world

PHONE = "IMEI:001010000000017"
WORKSPACE = world.policy().replace("    kpi: {interval: 2s}\n", """\
    kpi:
      interval: 2s
      thresholds: [{name: up, metric: UpTimeS, op: '>', value: 3, hold: 2s, mark: minor}]
    lease: {checkIn: 6s, lockAfter: 12s, wipeAfter: 24s}
""")


def event(server, kind, alert, seconds=60):
    """The first event of this kind that tells of such an alert, from the beginning on."""
    end = time.monotonic() + seconds
    r = server.session.get(f"{server.url}/api/v1/events?types={kind}&after=0", stream=True, timeout=30)
    for line in r.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith("data:") and json.loads(line[5:]).get("alert") == alert:
            r.close()
            return json.loads(line[5:])
        assert time.monotonic() < end, f"no event of {alert} within {seconds} s"
    raise AssertionError(f"the stream ended without an event of {alert}")


def leaf(server, path):
    items = server.get(f"/devices/{world.quote(PHONE)}/tree?uri=./Virtualization/VM/corp/{path}")["items"]
    return items[0].get("value") if items else None


def test_thresholds_and_lease_of_a_policy_are_kept(folder, server):
    image = folder / "image.raw"
    image.write_bytes(b"\0" * 4096)
    server.upload(image, "corp-linux", "1.0.0", arch="any", fmt="raw")
    phone = world.Phone(folder / "phone", server, PHONE, hypervisor__uri="sim:").start()
    try:
        server.apply(WORKSPACE)
        server.wait_vm(PHONE, "corp", state=50)
        world.wait_for("the lease to be set", lambda: leaf(server, "Lease/WipeAfterS") == "24", 30)
        assert leaf(server, "KPI/Thr/up/Metric") == "UpTimeS"
        # A Clear where the threshold is crossed would never clear it: refused, and not read as another value.
        wrong = server.call("POST", f"/devices/{world.quote(PHONE)}/operations", expect=202, json={
            "kind": "tree", "command": "replace", "uri": "./Virtualization/VM/corp/KPI/Thr/up/Clear", "format": "chr", "data": "4"}).json()
        assert server.wait_operation(wrong, "failed")["code"] == 1411
        crossed = event(server, "kpi", "threshold")
        assert crossed["mark"] == "minor" and crossed["data"].endswith(";active=1") and crossed["uri"].endswith("/KPI/Thr/up")
        # Calls before the lease wants one keep it.
        assert "event=lease" not in phone.log()
        # Without the server the VM is locked, then wiped, each once.
        server.stop()
        world.wait_for("the lock", lambda: "event=lease vm=corp stage=2" in phone.log(), 60)
        world.wait_for("the wipe", lambda: "event=lease vm=corp stage=3" in phone.log(), 60)
        server.start()
        phone.process.p.send_signal(signal.SIGUSR1)     # call now, not after the pause that failed calls make
        assert event(server, "vm", "lease_event")["data"] == "1"        # the missed call, the lock, the wipe: in order
        assert phone.log().count("event=lease vm=corp stage=2") == phone.log().count("event=lease vm=corp stage=3") == 1
    finally:
        phone.stop()
