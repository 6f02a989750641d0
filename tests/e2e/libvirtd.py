# SPDX-License-Identifier: Apache-2.0
"""A real libvirtd with its own defaults, in mount and process namespaces of its own: nothing of it touches this machine's, and all of
it ends with it."""
import os
import signal
import subprocess

import world

SCRIPT = r"""
set -e
mount --make-rslave /
for p in /run /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt; do mkdir -p $p; mount -t tmpfs -o mode=0755 none $p; done
mkdir -p /run/libvirt
if [ -e /dev/kvm ]; then
    mknod -m 0660 /run/kvm c 10 232; chgrp libvirt-qemu /run/kvm; mount --bind /run/kvm /dev/kvm
fi
printf 'unix_sock_dir = "%s"\nauth_unix_rw = "none"\nhost_uuid = "4dea22b3-1d52-48f3-a51e-5b9b5b7c0a11"\n' "$1" >/etc/libvirt/libvirtd.conf
printf 'user = "libvirt-qemu"\ngroup = "libvirt-qemu"\n' >/etc/libvirt/qemu.conf
virtlogd -d
set +e
while :; do
    libvirtd -f /etc/libvirt/libvirtd.conf
    while [ -e "$1/hold" ]; do sleep 0.1; done
done
"""


class Libvirtd:
    def __init__(self, folder):
        self.dir = folder / "libvirtd"
        self.dir.mkdir()
        self.uri = f"qemu:///system?socket={self.dir}/libvirt-sock"
        self.log = open(self.dir / "log", "wb")
        self.p = subprocess.Popen(["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", SCRIPT, "libvirtd", self.dir],
                                  stdout=self.log, stderr=self.log)
        world.wait_for("libvirtd", lambda: self.virsh("list").returncode == 0, 60)

    def virsh(self, *args):
        return subprocess.run(["virsh", "-c", self.uri, *map(str, args)], capture_output=True, text=True, timeout=60)

    def pids(self, program):
        """Of processes below ours."""
        parents = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as f:
                    comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
                parents[int(name)] = (int(rest.split()[1]), comm)
            except OSError:
                continue
        def ours(pid):
            while pid in parents:
                if pid == self.p.pid:
                    return True
                pid = parents[pid][0]
            return False
        return [pid for pid, (_, comm) in parents.items() if comm.startswith(program) and ours(pid)]

    def kill(self):
        """As a crash of the daemon; it comes back when release() says so."""
        (self.dir / "hold").touch()
        for pid in self.pids("libvirtd"):
            os.kill(pid, signal.SIGKILL)

    def release(self):
        (self.dir / "hold").unlink()

    def stop(self):
        self.p.kill()
        self.p.wait()
        self.log.close()
