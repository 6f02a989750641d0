#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds with sanitizers, runs everything, and ends with "N passed, N failed, N skipped".
#
#   tests/run.sh          the ordinary run
#   tests/run.sh --all    also clang-tidy, the ARM board, longer fuzzing, fault runs, the end-to-end tests in random order, the unattended quick start
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/lib/packages.sh

all=
case ${1-} in
--all) all=1 ;;
'') ;;
*) echo "usage: $0 [--all]" >&2; exit 2 ;;
esac

passed=0 failed=0 skipped=0
began=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - began)); }
count() { # name, "ok" or what is wrong
    if [ "$2" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1: $2"; fi
}
finish() {
    say "done"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

say "packages"
# shellcheck disable=SC2086
need_packages $packages_build $packages_run $packages_test ${all:+$packages_board} || { count "packages" "not installed"; finish; }

need_libvirt_user || count "packages" "no account libvirt-qemu"

say "console's libraries"
deploy/webui.sh || count "console's libraries" "npm could not fetch them"

build=build-asan
say "build with AddressSanitizer and UndefinedBehaviorSanitizer"
if [ ! -f $build/build.ninja ]; then
    rm -rf $build
    meson setup $build --native-file deploy/meson/asan.ini >/dev/null || { count "meson setup" "see $build/meson-logs"; finish; }
fi
ninja -C $build | tail -n 5 || { count "build (gcc, sanitizers)" "does not build"; finish; }
count "build (gcc, sanitizers)" ok

say "build with clang, warnings are errors"
if [ ! -f build-clang/build.ninja ]; then
    rm -rf build-clang
    CC=clang meson setup build-clang -Dbuildtype=debug >/dev/null || count "meson setup (clang)" "see build-clang/meson-logs"
fi
if ninja -C build-clang >build-clang/log 2>&1; then
    count "build (clang)" ok
else
    grep -E 'error|warning' build-clang/log | head -n 20
    count "build (clang)" "does not build"
fi

# Counts one meson run; a test that skips says why on its output.
meson_run() {
    meson test -C $build --no-rebuild --print-errorlogs "$@" >$build/meson-test.txt 2>&1
    grep -vE '^(ninja|Full log|$)' $build/meson-test.txt | grep -vE ' OK +[0-9.]+s' | tail -n 60
    eval "$(/usr/bin/python3 tests/lib/count.py $build/meson-logs/testlog.json)"
}
say "unit, golden, scenario, corpus and lint tests"
meson_run

# Most of a test's time is waiting: for a guest to boot, for a device to poll.
beside="-n 3 --dist loadfile"
say "end to end: real server, real agent, real VM, real browser"
DMVISOR_BUILD=$PWD/$build /usr/bin/python3 -m pytest -q -rs $beside --junitxml=$build/e2e.xml ${all:+--all} tests/e2e
code=$?
if [ -f $build/e2e.xml ]; then eval "$(/usr/bin/python3 tests/lib/count.py $build/e2e.xml)"; else count "end to end" "pytest ended with $code"; fi
rm -f $build/e2e.xml

if [ -n "$all" ]; then
    say "clang-tidy"
    if tools/tidy --all --build $build >$build/tidy.txt; then count "clang-tidy" ok; else tail -n 60 $build/tidy.txt; count "clang-tidy" "see above"; fi
    say "end to end again, in random order"
    DMVISOR_BUILD=$PWD/$build /usr/bin/python3 -m pytest -q --shuffle 0 $beside --junitxml=$build/e2e.xml tests/e2e
    code=$?
    if [ -f $build/e2e.xml ]; then eval "$(/usr/bin/python3 tests/lib/count.py $build/e2e.xml)"; else count "end to end, random order" "pytest ended with $code"; fi
    rm -f $build/e2e.xml
    say "campaigns of kills and power cuts, with an ordinary build"
    if { [ -f build-plain/build.ninja ] || meson setup build-plain --buildtype=release >/dev/null; } &&
        ninja -C build-plain server/dmvisord agent/dmvisor-agent cli/dmvisorctl cli/dmtool >build-plain/log 2>&1; then
        DMVISOR_BUILD=$PWD/build-plain /usr/bin/python3 -m pytest -q -rP $beside --campaigns -m campaign --junitxml=$build/e2e.xml tests/e2e
        code=$?
        if [ -f $build/e2e.xml ]; then eval "$(/usr/bin/python3 tests/lib/count.py $build/e2e.xml)"; else count "campaigns" "pytest ended with $code"; fi
        rm -f $build/e2e.xml
    else
        count "build (plain)" "does not build, see build-plain/log"
    fi
    for job in "env DMVISOR_KEPT_SECONDS=300 DMVISOR_KEPT_SEED=$(date +%s) DMVISOR_SOURCE=$PWD $build/tests/agent_kept_test" tests/fuzz/run.sh tests/board/run.sh "deploy/quickstart.sh --check"; do
        say "$job"
        if $job; then count "$job" ok; else count "$job" "ended with an error, see above"; fi
    done
fi
finish
