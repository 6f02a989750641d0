#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job against the emulated ARM64 board: builds it (deploy/board/build.sh) and runs test_board.py. Under 10 minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${DMVISOR_BUILD:-$PWD/build-asan}
if [ ! -x "$build/server/dmvisord" ]; then
    echo "$0: there is no server in $build: run tests/run.sh first, or name a build folder with DMVISOR_BUILD" >&2
    exit 2
fi
before=$(dpkg --print-foreign-architectures)
deploy/board/build.sh build-board
if [ "$(dpkg --print-foreign-architectures)" != "$before" ]; then
    echo "$0: deploy/board/build.sh changed this machine's architectures" >&2
    exit 1
fi
DMVISOR_BUILD=$build exec timeout 540 /usr/bin/python3 -m pytest -q -x tests/board
