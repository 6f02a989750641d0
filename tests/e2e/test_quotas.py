# SPDX-License-Identifier: Apache-2.0
"""What one owner may take of a device: images, VMs, storage; past it the device says no, and says which."""
import world


def tree(server, phone, command, uri):
    op = server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202,
                     json={"kind": "tree", "command": command, "uri": uri, **({"format": "node"} if command == "add" else {})}).json()
    def over():
        o = server.get(f"/operations/{op['id']}")
        return o if o["state"] in ("acknowledged", "verified", "failed", "expired", "cancelled") else None
    return world.wait_for(f"{command} {uri} to be over", over, 60)


def test_an_owner_gets_so_many_images_vms_and_so_much_storage(folder, server):
    phone = world.Phone(folder / "phone", server, hypervisor__uri="sim:", quota__images=2, quota__vms=1, quota__storage="1Mi")
    phone.start()
    try:
        assert tree(server, phone, "add", "./VMImages/one")["state"] in ("acknowledged", "verified")
        assert tree(server, phone, "add", "./VMImages/two")["state"] in ("acknowledged", "verified")
        third = tree(server, phone, "add", "./VMImages/three")
        assert third["state"] == "failed" and third["code"] == 420, third
        assert tree(server, phone, "delete", "./VMImages/one")["state"] in ("acknowledged", "verified")
        assert tree(server, phone, "add", "./Virtualization/VM/first")["state"] in ("acknowledged", "verified")
        second = tree(server, phone, "add", "./Virtualization/VM/second")
        assert second["state"] == "failed" and second["code"] == 1449, second
        assert tree(server, phone, "delete", "./Virtualization/VM/first")["state"] in ("acknowledged", "verified")
        # An image larger than what is left is not fetched.
        big = folder / "big"
        big.write_bytes(b"\0" * (2 << 20))
        server.upload(big, "corp-linux", "1.0.0", arch="any", fmt="raw")
        server.apply(world.policy())
        world.wait_for("the refusal", lambda: server.get(f"/operations?device={world.quote(phone.name)}&limit=50")["items"] and
                       any(o.get("code") in (1417, 1423) for o in server.get(f"/operations?device={world.quote(phone.name)}&limit=50")["items"]), 60)
        assert not [f for f in (phone.dir / "images").iterdir()]
    finally:
        phone.stop()
