#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every target for a while, two at a time, starting from the repository's corpus (which stays as it is).
#
#   tests/fuzz/run.sh [TARGET]...     all targets, or these (xml, wbxml, selector, ...)
#   FUZZ_SECONDS=600 tests/fuzz/run.sh xml      longer than usual: by default all targets together take about eight minutes
#
# A target that crashes, leaks, hangs or takes too much memory fails the run; what it choked on stays in build-fuzz/found/.
set -uo pipefail
cd "$(dirname "$0")/../.."

build=${DMVISOR_FUZZ_BUILD:-build-fuzz}
if [ ! -f "$build/build.ninja" ]; then
    rm -rf "$build"
    CC=clang meson setup "$build" --native-file deploy/meson/asan.ini -Dfuzz=true >/dev/null || { echo "meson setup failed, see $build/meson-logs"; exit 1; }
fi
found=$(cd "$build" && pwd)/found
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$found"

known=$(ninja -C "$build" -t targets all | sed -n 's|^tests/fuzz_\([a-z0-9_]*\): .*|\1|p' | sort -u)
targets=${*:-$known}
# shellcheck disable=SC2086
set -- $targets
for t in "$@"; do
    grep -qx -- "$t" <<<"$known" || { echo "there is no fuzz target \"$t\"; there are: $(echo $known)"; exit 2; }
done
jobs=2 seconds=${FUZZ_SECONDS:-$((jobs * 480 / $#))}
[ -n "${FUZZ_SECONDS-}" ] || [ "$seconds" -le 60 ] || seconds=60
echo "$# targets, $seconds s each, $jobs at a time"
# shellcheck disable=SC2046
ninja -C "$build" $(printf 'tests/fuzz_%s ' "$@") >"$work/build.log" || { tail -n 30 "$work/build.log"; echo "the fuzz targets do not build"; exit 1; }

# One target; its outcome is a line in $work/<target>.result.
one() {
    local t=$1 code words=()
    mkdir -p "$work/$t"
    [ -d "tests/fuzz/corpus/$t" ] && cp -r "tests/fuzz/corpus/$t/." "$work/$t/"
    [ -f "tests/fuzz/$t.dict" ] && words=("-dict=tests/fuzz/$t.dict")
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$build/tests/fuzz_$t" "${words[@]}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$found/$t-" "$work/$t" >"$work/$t.log" 2>&1
    code=$?
    if [ $code = 0 ]; then
        echo "ok      $t: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$t.log") inputs," \
             "$(find "$work/$t" -type f | wc -l) in the corpus" >"$work/$t.result"
    else
        cp "$work/$t.log" "$found/$t.log"
        echo "FAILED  $t: ended with $code; $(grep -om1 'SUMMARY: .*' "$work/$t.log")" \
             "reproduce: $build/tests/fuzz_$t $(sed -n 's/^.*Test unit written to //p' "$work/$t.log" | tail -n 1); log: $found/$t.log" >"$work/$t.result"
    fi
    cat "$work/$t.result"
}

for t in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge $jobs ]; do wait -n; done
    one "$t" &
done
wait
failed=$(cat "$work"/*.result | grep -c ^FAILED)
echo "$(($# - failed)) fuzz targets without a finding, $failed with"
[ "$failed" = 0 ]
