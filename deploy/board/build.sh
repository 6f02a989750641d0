#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds what the emulated ARM64 board runs, from Debian's arm64 packages, without running foreign code:
#
#   deploy/board/build.sh [OUT]        OUT defaults to build-board
#
#   OUT/sysroot       what the cross build compiles and links against
#   OUT/build         the agent, cross-compiled
#   OUT/vmlinuz       Debian's cloud kernel (it has KVM), OUT/board.gz its initramfs
#   OUT/board.ext4    the root file system: libvirt's QEMU driver, qemu-system-aarch64, the agent
#   OUT/guest.tar     the small guest for arm64, as a kernel bundle
#
# Packages come through this machine's own apt sources, in an apt root of their own: the machine's list of architectures stays as it is. Each part is only made when it is missing or older than what it is made from.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/lib/packages.sh
. deploy/lib/apt_root.sh
out=$(realpath -m "${1:-build-board}")
cache=${DMVISOR_CACHE:-$PWD/.cache}
mkdir -p "$out" "$cache"
began=$SECONDS
step() { printf '%5d s  %s\n' $((SECONDS - began)) "$*"; }

# shellcheck disable=SC2086
need_packages $packages_board kmod cpio gzip

# mmdebstrap with this machine's sources; unpacks only, so nothing foreign runs.
unpack() { # folder packages...
    local dir=$1 list
    shift
    list=$(IFS=,; echo "$*")
    rm -rf "$dir.new"
    mmdebstrap --quiet --arch=arm64 --variant=extract --aptopt='APT::Install-Recommends "false"' --include="$list" bookworm "$dir.new" \
        "$sources" >"$out/mmdebstrap.log" 2>&1 || { tail -n 20 "$out/mmdebstrap.log" >&2; return 1; }
    rm -rf "$dir"
    mv "$dir.new" "$dir"
}
sources=$out/sources.list
debian_sources >"$sources" || true
[ -s "$sources" ] || { echo "$0: apt lists no bookworm sources on this machine; run apt-get update" >&2; exit 1; }

if [ ! -f "$out/sysroot/.done" ]; then
    step "sysroot"
    unpack "$out/sysroot" libc6-dev libgcc-12-dev linux-libc-dev zlib1g-dev libxml2-dev libpcre2-dev libwbxml2-dev libssl-dev libsqlite3-dev libxxhash-dev libjansson-dev \
        libfyaml-dev libcurl4-openssl-dev libvirt-dev libarchive-dev libseccomp-dev
    # Absolute links would lead out of the sysroot.
    find "$out/sysroot" -type l -lname '/*' | while read -r link; do
        ln -sfrn "$out/sysroot$(readlink "$link")" "$link"
    done
    touch "$out/sysroot/.done"
fi

step "cross build of the agent"
cat >"$out/cross.ini" <<END
[binaries]
c = ['aarch64-linux-gnu-gcc', '--sysroot=$out/sysroot']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = '$out/sysroot'
pkg_config_libdir = ['$out/sysroot/usr/lib/aarch64-linux-gnu/pkgconfig', '$out/sysroot/usr/share/pkgconfig']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'neoverse-n1'
endian = 'little'
END
[ -f "$out/build/build.ninja" ] || meson setup "$out/build" --cross-file "$out/cross.ini" --buildtype=release -Dwerror=false --prefix=/usr \
    -Dtests=disabled -Dserver=disabled -Dagent=enabled >"$out/meson.log" || { tail -n 20 "$out/meson.log" >&2; exit 1; }
ninja -C "$out/build" | tail -n 1

step "guest for arm64"
[ -s "$out/guest.tar" ] && [ "$out/guest.tar" -nt deploy/guest/init ] || DMVISOR_CACHE=$cache deploy/guest/build.sh -a arm64 "$out/guest.tar"

step "kernel"
apt_root arm64 "$cache/apt-arm64"
kernel=$(apt-cache depends linux-image-cloud-arm64 | sed -n 's/^ *Depends: *<\{0,1\}\(linux-image-[0-9][^:> ]*\).*/\1/p' | head -n 1)
[ -n "$kernel" ] || { echo "$0: apt knows no linux-image-cloud-arm64" >&2; exit 1; }
release=${kernel#linux-image-}
if [ ! -f "$out/k/boot/vmlinuz-$release" ]; then
    rm -rf "$out/k"
    mkdir -p "$out/k" "$cache/board"
    (cd "$cache/board" && { ls "$kernel"_*_arm64.deb >/dev/null 2>&1 || apt-get download -q "$kernel" >&2; })
    dpkg-deb --fsys-tarfile "$(ls "$cache/board/$kernel"_*_arm64.deb | tail -n 1)" | tar -C "$out/k" -x "./boot/vmlinuz-$release" "./lib/modules/$release"
fi
cp "$out/k/boot/vmlinuz-$release" "$out/vmlinuz"

if [ ! -f "$out/root/.done" ]; then
    step "root file system"
    unpack "$out/root" qemu-system-arm libvirt-daemon libvirt-daemon-driver-qemu busybox-static libvirt0 libxml2 libpcre2-8-0 libcurl4 \
        libsqlite3-0 libxxhash0 libfyaml0 libjansson4 libarchive13 libseccomp2 libssl3 iproute2
    rm -rf "$out/root"/usr/share/{doc,man,locale,info,i18n,perl,zoneinfo,icons,qemu/edk2-*} "$out/root"/var/{cache,lib/apt,lib/dpkg}/*
    touch "$out/root/.done"
fi

step "board image"
root=$out/root
busybox=$(find "$root" -path '*bin/busybox' -type f | head -n 1)
mkdir -p "$root"/{proc,sys,dev,run,tmp,data,etc/dmvisor}
for name in sh mount umount mkdir cat sleep ls ps kill mv cp rm ifconfig route insmod poweroff reboot echo grep tail head ln chmod hostname dmesg; do
    [ -e "$root/bin/$name" ] || ln -s "/${busybox#"$root"/}" "$root/bin/$name"
done
DESTDIR=$root meson install -C "$out/build" --no-rebuild --quiet --skip-subprojects
printf 'root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:64055::/nonexistent:/bin/false\nnobody:x:65534:65534::/nonexistent:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nkvm:x:104:\nlibvirt-qemu:x:64055:\nnogroup:x:65534:\n' >"$root/etc/group"
printf '127.0.0.1 localhost board\n' >"$root/etc/hosts"
printf '00112233445566778899aabbccddeeff\n' >"$root/etc/machine-id"
cp deploy/board/init "$root/etc/dmvisor/init"
chmod 755 "$root/etc/dmvisor/init"
rm -f "$out/board.ext4"
size_mb=$(($(du -sm "$root" | cut -f1) + 160))
/sbin/mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$root" "$out/board.ext4" "${size_mb}M"

# The initramfs only finds the disk and the network card.
i=$out/initramfs
rm -rf "$i"
mkdir -p "$i"/{bin,lib,proc,sys,dev,new}
cp "$busybox" "$i/bin/busybox"
for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover virtio_net tun; do
    file=$(find "$out/k/lib/modules/$release" -name "$m.ko" | head -n 1)
    [ -n "$file" ] && cp "$file" "$i/lib/" && echo "$m" >>"$i/lib/order" # what is missing is built in
done
cp deploy/board/initramfs "$i/init"
chmod 755 "$i/init"
(cd "$i" && find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc -R 0:0 --quiet | gzip -n -1) >"$out/board.gz"
step "done: $(du -m "$out/board.ext4" | cut -f1) MB image"
