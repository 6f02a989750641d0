# SPDX-License-Identifier: Apache-2.0
# The Debian 12 packages of each job, and their installation. To be sourced.

packages_build="meson ninja-build pkg-config gcc libc6-dev libmicrohttpd-dev libgnutls28-dev libxml2-dev libpcre2-dev libwbxml2-dev libssl-dev
  libsqlite3-dev libxxhash-dev libjansson-dev libfyaml-dev libcurl4-openssl-dev libvirt-dev libarchive-dev libseccomp-dev libsystemd-dev ca-certificates nodejs npm"
packages_run="qemu-system-x86 qemu-utils libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients ipxe-qemu seabios
  busybox-static cpio kmod gzip xz-utils openssl curl"
packages_test="libcunit1-dev clang clang-format clang-tidy libclang-rt-14-dev valgrind sqlite3 libwbxml2-utils chromium fonts-dejavu-core
  python3 python3-pytest python3-pytest-xdist python3-requests python3-yaml python3-jsonschema git"
packages_board="qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross mmdebstrap e2fsprogs"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "this needs root, and sudo is not installed: run as root, or install: $*" >&2
        return 1
    fi
}

# Install those of the named packages that are missing. Prints its actions, and nothing when there is nothing to do.
need_packages() {
    local missing=() p
    for p in "$@"; do
        case $p in # another package with the same command is sufficient
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        esac
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return
    echo "installing ${#missing[@]} packages: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
        as_root apt-get update >>"$log" 2>&1 || true # an old list names files that no longer exist
        if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
            tail -n 20 "$log" >&2
            echo "apt-get could not install: ${missing[*]} (whole log: $log)" >&2
            return 1
        fi
    fi
    rm -f "$log"
}

# libvirt's QEMU driver, when root opens it, needs an account that only libvirt's service package creates.
need_libvirt_user() {
    getent passwd libvirt-qemu >/dev/null || as_root useradd --system --user-group --no-create-home --shell /usr/sbin/nologin libvirt-qemu
}
