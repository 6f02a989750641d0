#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if SECURITY.md names a file that is not there, or a test that is not in it."""
import pathlib
import re
import sys


def main():
    root, bad, last = pathlib.Path(sys.argv[1]), 0, None
    for n, line in enumerate((root / "SECURITY.md").read_text().splitlines(), 1):
        for name in re.findall(r"`([^`]+)`", line):
            file, _, test = name.partition("::")
            if re.fullmatch(r"(tests|agent|base|server|syncml|policy|ddf|db)/[\w./-]*", file):
                last = root / file
                if not last.exists():
                    print(f"SECURITY.md:{n}: there is no {file}")
                    bad = 1
                    last = None
            if test and last and not re.search(rf"\b{re.escape(test)}\b", last.read_text()):
                print(f"SECURITY.md:{n}: {last.relative_to(root)} has no {test}")
                bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
