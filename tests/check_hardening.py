#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a program was linked without what it is to be hardened with; read from the file itself, not from how it was built."""
import platform
import re
import subprocess
import sys


def readelf(*args):
    return subprocess.run(["readelf", "-W", *args], capture_output=True, text=True, check=True).stdout


def faults(program):
    """What is wrong with it, and what could not be looked at."""
    head, segments, dynamic = readelf("-h", program), readelf("-l", program), readelf("-d", program)
    symbols = readelf("--dyn-syms", program)
    wrong, skipped = [], []
    stack = re.search(r"GNU_STACK.*?\b(R?W?E?)\s+0x\w+\s*$", segments, re.M)
    if "DYN" not in head or not re.search(r"Flags:.*\bPIE\b", dynamic):
        wrong.append("it is no PIE")
    if "GNU_RELRO" not in segments:
        wrong.append("no RELRO")
    if "BIND_NOW" not in dynamic and not re.search(r"Flags:.*\bNOW\b", dynamic):
        wrong.append("RELRO is not full (no BIND_NOW)")
    if not stack or "E" in stack[1]:
        wrong.append("its stack is executable")
    if re.search(r"^\s*LOAD.*\bRWE\b", segments, re.M):
        wrong.append("a segment is writable and executable")
    if "TEXTREL" in dynamic or re.search(r"\((RPATH|RUNPATH)\)", dynamic) and "/tmp" in dynamic:
        wrong.append("text relocations, or libraries looked for in /tmp")
    if "__asan_init" in symbols:
        skipped.append("stack protector, _FORTIFY_SOURCE, CET: AddressSanitizer looks at stack and calls itself")
        return wrong, skipped
    if "__stack_chk_fail" not in symbols:
        wrong.append("no stack protector")
    if not re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", "")):
        wrong.append("no fortified call (_FORTIFY_SOURCE)")
    if platform.machine() == "x86_64":
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-j", ".text", program], capture_output=True, text=True, check=True).stdout
        functions = len(re.findall(r"^[0-9a-f]+ <(?!_start|_dl_|deregister|register|__do_global|frame_dummy)[^>.]+>:$", code, re.M))
        marked = code.count("endbr64")
        if not marked or (functions and marked < functions // 2):
            wrong.append(f"no CET: {marked} of {functions} functions begin with endbr64")
        if "IBT" not in readelf("-n", program):
            skipped.append("the note IBT, SHSTK: this system's crt1.o is built without it")
    return wrong, skipped


def main():
    bad = 0
    for program in sys.argv[1:]:
        wrong, skipped = faults(program)
        for s in skipped:
            print(f"{program}: not looked at: {s}")
        for w in wrong:
            print(f"{program}: {w}")
        bad |= bool(wrong)
    return bad


if __name__ == "__main__":
    sys.exit(main())
