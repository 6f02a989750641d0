# SPDX-License-Identifier: Apache-2.0
"""The end-to-end tests themselves: none waits by luck, and what a failed one prints is text."""
import pathlib
import re

import conftest

HERE = pathlib.Path(__file__).resolve().parent
READS_ONCE = re.compile(r"\bassert\b.*\bbrowser\.(text|texts|count|value|focus|evaluate)\(")
# All but a moment between two looks, and a random time until a kill.
SLEEPS = re.compile(r"\btime\.sleep\((?!rng\.uniform\(|0\.0[0-5]\d*\))")


def test_a_page_is_waited_for_and_never_read_once():
    found = []
    for file in sorted(HERE.glob("*.py")):
        if file.name == pathlib.Path(__file__).name:
            continue
        for n, line in enumerate(file.read_text().splitlines(), 1):
            if READS_ONCE.search(line) or SLEEPS.search(line):
                found.append(f"{file.name}:{n}: {line.strip()}")
    assert found == []


def test_a_failure_prints_the_programs_logs_and_nothing_of_a_browsers_profile(folder):
    profile = folder / "browser/Default/Session Storage"
    profile.mkdir(parents=True)
    (profile / "000003.log").write_bytes(b"\x01\x02 cookie\xff")
    (folder / "server").mkdir()
    (folder / "server/server.log").write_text("event=start\n")
    (folder / "server/other.log").write_bytes(b"SQLite\0\0")
    (folder / "browser.log").write_text("")
    assert [str(p.relative_to(folder)) for p in conftest.text_logs(folder)] == ["browser.log", "server/server.log"]
