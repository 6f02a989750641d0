#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the small real guest as a kernel bundle (a tar file with kernel, initrd and cmdline) from Debian's own packages:
# Debian's kernel and a static busybox. Boots to a prompt, feeds the watchdog, obeys the power button. Needs no root.
#
#   deploy/guest/build.sh [-a amd64|arm64] OUT.tar
#
# Packages are kept in ${DMVISOR_CACHE:-.cache} so that the next build does not fetch them again.
set -euo pipefail

arch=$(dpkg --print-architecture)
while getopts a: o; do
    case $o in
    a) arch=$OPTARG ;;
    *) echo "usage: $0 [-a amd64|arm64] OUT.tar" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
out=$(realpath -m "${1:?"usage: $0 [-a amd64|arm64] OUT.tar"}")
here=$(cd "$(dirname "$0")" && pwd)
cache=${DMVISOR_CACHE:-$(cd "$here/../.." && pwd)/.cache}/guest-$arch
mkdir -p "$cache" "$(dirname "$out")"

case $arch in
amd64) flavour=linux-image-amd64 console=ttyS0 words=" no_timer_check" ;; # emulated on a busy host, the timer fails that check
arm64) flavour=linux-image-arm64 console=ttyAMA0 words= ;;
*) echo "$0: no guest for architecture $arch (amd64 and arm64 are known)" >&2; exit 2 ;;
esac
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
    . "$here/../lib/apt_root.sh"
    apt_root "$arch" "$(dirname "$cache")/apt-$arch"
fi

# The metapackage's dependency names the current version.
kernel=$(apt-cache depends "$flavour" | sed -n "s/^ *Depends: *<\{0,1\}\(linux-image-[0-9][^:> ]*\).*/\1/p" | head -n 1)
if [ -z "$kernel" ]; then
    echo "$0: apt knows no $flavour for $arch; run apt-get update" >&2
    exit 1
fi

fetch() { # package -> path of its file, fetched once for each version
    local version file
    version=$(apt-cache show --no-all-versions "$1" | sed -n 's/^Version: //p' | head -n 1)
    file=$cache/$1_${version//:/%3a}_$arch.deb
    if [ ! -s "$file" ]; then
        (cd "$cache" && rm -f -- "$1"_*.deb && apt-get -o APT::Sandbox::User= download -q "$1" >&2)
    fi
    [ -s "$file" ] || file=$(ls "$cache/$1"_*.deb | head -n 1)
    echo "$file"
}
linux_deb=$(fetch "$kernel")
busybox_deb=$(fetch busybox-static)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,etc,lib/modules} "$work/k" "$work/b"
release=${kernel#linux-image-}
dpkg-deb --fsys-tarfile "$busybox_deb" | tar -C "$work/b" -x --wildcards '*bin/busybox'
cp "$(find "$work/b" -name busybox -type f)" "$root/bin/busybox"
dpkg-deb --fsys-tarfile "$linux_deb" | tar -C "$work/k" -x "./boot/vmlinuz-$release" "./lib/modules/$release"

modules="virtio_pci virtio_mmio virtio_console virtio_balloon virtio_blk virtio_net virtio_rng i6300esb evdev"
[ "$arch" = amd64 ] && modules="$modules button pvpanic_pci pvpanic_mmio" || modules="$modules gpio_keys"
PATH=$PATH:/sbin:/usr/sbin
depmod -b "$work/k" "$release"
for m in $modules; do # what they depend on comes with them
    modprobe -d "$work/k" -S "$release" --show-depends -q "$m" 2>/dev/null || true
done | sed -n 's/^insmod //p' | sort -u | while read -r file _; do
    rel=${file#"$work/k/"}
    mkdir -p "$root/$(dirname "$rel")"
    cp "$file" "$root/$rel"
done
cp "$work/k/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$release/"
depmod -b "$root" "$release"
echo "$modules" >"$root/etc/modules"
cp "$here/init" "$root/init"
cp "$here/udhcpc.sh" "$root/etc/udhcpc.sh"
chmod 755 "$root/init" "$root/etc/udhcpc.sh" "$root/bin/busybox"

# Same inputs, same bytes: fixed times, owners and order.
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc -R 0:0 --reproducible --quiet | gzip -n -9) >"$work/initrd"
cp "$work/k/boot/vmlinuz-$release" "$work/kernel"
echo "console=$console quiet panic=0$words" >"$work/cmdline"
tar -C "$work" --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$out.new" kernel initrd cmdline
mv "$out.new" "$out"
echo "$out: $(du -k "$out" | cut -f1) kB, kernel $release, sha256 $(sha256sum "$out" | cut -c1-16)"
