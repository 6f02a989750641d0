"""What is built, and what is said when something is missing."""
import json
import os
import pathlib
import subprocess

import world


def test_the_bench_is_built_without_cunit(folder):
    dirs = subprocess.run(["pkg-config", "--variable", "pc_path", "pkg-config"], check=True, capture_output=True, text=True).stdout.strip().split(":")
    known = folder / "pkgconfig"
    known.mkdir()
    for pc in [f for d in dirs for f in pathlib.Path(d).glob("*.pc")]:
        if pc.name != "cunit.pc" and not (known / pc.name).exists():
            (known / pc.name).symlink_to(pc)
    env = dict(os.environ, PKG_CONFIG_LIBDIR=str(known))
    r = subprocess.run(["meson", "setup", folder / "build", world.ROOT], env=env, capture_output=True, text=True, timeout=300)
    assert r.returncode == 0, r.stdout[-3000:] + r.stderr
    targets = json.loads(subprocess.run(["meson", "introspect", "--targets", folder / "build"], check=True, capture_output=True, text=True).stdout)
    assert {"bench_load", "bench_echo", "bench_floor", "dmvisord", "dmvisor-sim"} <= {t["name"] for t in targets if t["build_by_default"]}
    assert not [t["name"] for t in targets if t["name"].endswith("_test")]


def test_the_bench_says_what_is_missing(folder):
    r = subprocess.run([world.ROOT / "tests/bench/run.sh", "--build", folder], capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and "bench_load" in r.stderr and "not built" in r.stderr and "Traceback" not in r.stderr, r.stderr
    r = subprocess.run([world.ROOT / "tests/bench/run.sh", "--only", "quite"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 2 and "'quite'" in r.stderr and "quiet" in r.stderr and "Traceback" not in r.stderr, r.stderr
