#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs everything on one machine: installs missing packages, builds, starts dmvisord (SQLite, TLS) and one phone (dmvisor-agent with
# QEMU/KVM through libvirt), gives the phone a corporate VM by policy, and shows the VM's state and KPIs as read through REST.
#
#   deploy/quickstart.sh            runs until Ctrl-C, then cleans up
#   deploy/quickstart.sh --check    unattended: also locks, unlocks, resizes and deletes the VM; exits 0 only if every step succeeded
#
# Nothing remains outside the checkout except installed packages. DMVISOR_BUILD names another build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib/packages.sh

check=
case ${1-} in
--check) check=1 ;;
'') ;;
*) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac

began=$(date +%s%N)
step() { printf '%7.1f s  %s\n' "$(awk "BEGIN { print ($(date +%s%N) - $began) / 1e9 }")" "$*"; }
fail() { step "FAILED: $*" >&2; [ -f "${run-}/server.log" ] && { echo "--- server.log"; tail -n 15 "$run/server.log"; echo "--- agent.log"; tail -n 25 "$run/agent.log"; } >&2; exit 1; }

server_pid='' agent_pid='' run=''
cleanup() {
    trap - EXIT INT TERM
    local p
    for p in $agent_pid $server_pid; do kill -TERM "$p" 2>/dev/null || true; done
    for p in $agent_pid $server_pid; do
        for _ in $(seq 100); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$p" 2>/dev/null || true
    done
    if [ -n "$run" ]; then
        # The agent stops the VM's emulator; processes that a crash leaves behind are found by this run's folder.
        for p in $(pgrep -f "$run/" || true); do [ "$p" = $$ ] || kill -KILL "$p" 2>/dev/null || true; done
        rm -rf "$run"
    fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "packages"
# shellcheck disable=SC2086
need_packages $packages_build $packages_run
need_libvirt_user
step "console's libraries"
deploy/webui.sh

build=${DMVISOR_BUILD:-build}
step "building into $build"
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype=release -Dwerror=false -Dtests=disabled >/dev/null
ninja -C "$build" | awk 'NR % 25 == 0 { print "           " $0; fflush() }'
step "building the guest"
cache=${DMVISOR_CACHE:-$PWD/.cache}
[ -s "$cache/corp-linux.tar" ] && [ "$cache/corp-linux.tar" -nt deploy/guest/init ] || DMVISOR_CACHE=$cache deploy/guest/build.sh "$cache/corp-linux.tar"

# A folder that the unprivileged server can reach, under any account that runs this script.
run=$(mktemp -d /var/tmp/dmvisor-quickstart.XXXXXX)
chmod 711 "$run"
mkdir -p "$run/server" "$run/agent"
DESTDIR=$run/inst meson install -C "$build" --no-rebuild --quiet
inst=$(dirname "$(dirname "$(find "$run/inst" -name dmvisord -type f)")")

free_port() { # first free TCP port from $1
    local p=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
    echo "$p"
}
dm_port=$(free_port 8443) api_port=$(free_port $((dm_port + 1)))
images_port=$(free_port $((api_port + 1)))
push_port=$((20000 + RANDOM % 20000))
user=$(id -un)
[ "$(id -u)" = 0 ] && user=nobody

"$inst/bin/dmvisord" --make-certificate "$run/server" 127.0.0.1 localhost
cat >"$run/server/dmvisord.yaml" <<END
authority: {name: acme-it, serverId: dm.acme.example}
dm: {port: $dm_port, url: "https://127.0.0.1:$dm_port/dm", certificate: cert.pem, key: key.pem}
api: {port: $api_port, url: "https://127.0.0.1:$api_port", webui: $inst/share/dmvisor/webui}
images: {port: $images_port, url: "https://127.0.0.1:$images_port", directory: images}
database: {target: "sqlite:$run/server/dmvisor.db", schema: $inst/share/dmvisor/schema, secretKey: secret.key}
objects: {directory: $inst/share/dmvisor/ddf}
kpi: {interval: 10s}
poll: {interval: 10s}
notifications: {retries: [2s, 5s, 10s, 30s]}
$([ "$(id -u)" = 0 ] && echo "user: nobody")
END
[ "$(id -u)" = 0 ] && chown -R "$user" "$run/server"

step "starting the server"
(umask 077; "$inst/bin/dmvisord" -f "$run/server/dmvisord.yaml" --new-token quickstart:admin >"$run/token")
"$inst/bin/dmvisord" -f "$run/server/dmvisord.yaml" 2>"$run/server.log" &
server_pid=$!
export DMVISOR_SERVER=https://127.0.0.1:$api_port DMVISOR_CA=$run/server/cert.pem DMVISOR_TOKEN
DMVISOR_TOKEN=$(cat "$run/token")
ctl() { "$inst/bin/dmvisorctl" "$@"; }
for _ in $(seq 100); do
    curl -fsS --cacert "$DMVISOR_CA" "$DMVISOR_SERVER/readyz" >/dev/null 2>&1 && break
    kill -0 $server_pid 2>/dev/null || fail "the server ended"
    sleep 0.1
done

phone=IMEI:001010000000017
step "registering the phone $phone"
ctl device register $phone --title "Sales phone" --label department=sales --push udp:127.0.0.1:$push_port --account-file "$run/agent/account.json"
cat >"$run/agent/agent.yaml" <<END
device: {id: "$phone", manufacturer: Acme, model: Phone-1}
data: $run/agent
objects: {directory: $inst/share/dmvisor/ddf}
hypervisor: {uri: "qemu:///embed?root=$run/agent/hv", stopVmsOnExit: true}
push: {address: 127.0.0.1, port: $push_port}
server: {ca: $run/server/cert.pem}
interaction: {answers: accept}      # there is no user: every prompt of a server is accepted
END
step "starting the phone (dmvisor-agent)"
"$inst/bin/dmvisor-agent" -f "$run/agent/agent.yaml" --account "$run/agent/account.json" 2>"$run/agent.log" &
agent_pid=$!
rm_account() { rm -f "$run/agent/account.json"; }

step "uploading the guest image and applying the policy"
ctl image upload "$cache/corp-linux.tar" --name corp-linux --version 1.0.0 --guest-type linux --arch "$(uname -m)" --format bundle
ctl apply -f deploy/quickstart/corporate-workspace.yaml
ctl device notify $phone
ctl vm wait $phone corp --state running --verified --timeout 180s || fail "the VM did not get running"
rm_account
step "the VM is verified running"
ctl vm show $phone corp
for _ in $(seq 60); do ctl vm kpis $phone corp >/dev/null 2>&1 && break; sleep 0.5; done
step "its KPIs, read through REST"
ctl vm kpis $phone corp

if [ -z "$check" ]; then
    cat <<END

The console is at   $DMVISOR_SERVER/   (certificate: $DMVISOR_CA)
Log in with token   $DMVISOR_TOKEN
The command line    export DMVISOR_SERVER=$DMVISOR_SERVER DMVISOR_CA=$DMVISOR_CA DMVISOR_TOKEN=$DMVISOR_TOKEN
                    $inst/bin/dmvisorctl get devices
                    $inst/bin/dmvisorctl lock $phone corp --wait
The guest's console $run/agent (below the VM's folder), logs: $run/server.log $run/agent.log
Ctrl-C stops everything and cleans up.
END
    wait $server_pid || true
    fail "the server ended by itself"
fi

step "locking the VM"
ctl lock $phone corp --wait --timeout 60s || fail "lock"
ctl vm wait $phone corp --locked --timeout 30s || fail "the VM is not locked"
step "unlocking the VM"
ctl unlock $phone corp --wait --timeout 60s || fail "unlock"
ctl vm wait $phone corp --unlocked --state running --verified --timeout 60s || fail "the VM is not unlocked and running"
step "changing memory and vCPUs by a new revision"
sed 's/vcpus: 1/vcpus: 2/; s/max: 192Mi/max: 256Mi/' deploy/quickstart/corporate-workspace.yaml | ctl apply -f -
ctl vm wait $phone corp --state running --settled --timeout 120s || fail "the VM did not settle on the new revision"
ctl device tree $phone ./Virtualization/VM/corp/Resources -o json >"$run/tree.json"
grep -q '"value": *"262144"' "$run/tree.json" || fail "the phone does not report 256 MiB"
step "deleting the VM by policy"
sed 's/state: running/state: absent/' deploy/quickstart/corporate-workspace.yaml | ctl apply -f -
ctl vm wait $phone corp --gone --timeout 120s || fail "the VM is still there"
step "all as expected"
