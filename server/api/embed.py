#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a file as a C array: embed.py FILE NAME OUT"""
import pathlib, sys

data = pathlib.Path(sys.argv[1]).read_bytes()
name = sys.argv[2]
lines = [",".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
pathlib.Path(sys.argv[3]).write_text(
    "#include <stddef.h>\n"
    f"extern const unsigned char {name}[];\nextern const size_t {name}_bytes;\n"
    f"const unsigned char {name}[] = {{\n" + ",\n".join(lines) + f"\n}};\nconst size_t {name}_bytes = sizeof {name};\n")
