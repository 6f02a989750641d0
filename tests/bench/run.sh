#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dmvisord's speed and size beside two baselines, measured in the same minutes. See run.py --help.
exec /usr/bin/python3 "$(dirname "$0")/run.py" "$@"
