#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots the emulated ARM64 board with EL2, so that its /dev/kvm is real KVM, and runs the agent on it.
#
#   deploy/board/run.sh [-o OUT] [-p PUSH_PORT] FOLDER
#
# FOLDER holds agent.yaml, account.json and all other files that the agent needs below /data; it becomes the board's second disk.
# The board reaches servers on this machine's loopback at 10.0.2.2; datagrams to 127.0.0.1:PUSH_PORT arrive at its port 2948.
# The serial line is standard output. The script ends when the board powers off, or on SIGTERM.
set -euo pipefail
out=$(cd "$(dirname "$0")/../.." && pwd)/build-board push=12948
while getopts o:p: o; do
    case $o in
    o) out=$OPTARG ;;
    p) push=$OPTARG ;;
    *) echo "usage: $0 [-o OUT] [-p PUSH_PORT] FOLDER" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
folder=${1:?"usage: $0 [-o OUT] [-p PUSH_PORT] FOLDER"}
[ -f "$out/board.ext4" ] || { echo "$0: there is no board in $out; run deploy/board/build.sh first" >&2; exit 1; }
disk=$(mktemp "${TMPDIR:-/tmp}/board-data.XXXXXX")
trap 'rm -f "$disk"; [ -z "${pid-}" ] || kill "$pid" 2>/dev/null || true' EXIT
trap 'exit 143' TERM INT
/sbin/mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$folder" "$disk" 512M
qemu-system-aarch64 -M virt,virtualization=on,gic-version=3 -cpu neoverse-n1 -accel tcg,thread=multi -smp 2 -m 1024 \
    -display none -nodefaults -serial stdio -monitor none -no-reboot \
    -kernel "$out/vmlinuz" -initrd "$out/board.gz" -append "console=ttyAMA0 panic=-1 quiet" \
    -drive "file=$out/board.ext4,format=raw,if=none,id=d0,snapshot=on" -device virtio-blk-pci,drive=d0 \
    -drive "file=$disk,format=raw,if=none,id=d1" -device virtio-blk-pci,drive=d1 \
    -netdev "user,id=n0,hostfwd=udp:127.0.0.1:$push-:2948" -device virtio-net-pci,netdev=n0,romfile= </dev/null &
pid=$!
wait "$pid"
