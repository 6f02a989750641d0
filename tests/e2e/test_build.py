# SPDX-License-Identifier: Apache-2.0
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


def expired(folder):
    """A certificate of last year, with its key."""
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index\nserial={folder}/serial\nnew_certs_dir={folder}\n"
                                   "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[req]\ndistinguished_name=d\n[d]\n")
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=60)
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "old.key", "-out", folder / "old.csr",
            "-subj", "/CN=127.0.0.1", "-config", folder / "ca.cnf")
    openssl("ca", "-batch", "-selfsign", "-config", folder / "ca.cnf", "-in", folder / "old.csr", "-keyfile", folder / "old.key", "-out",
            folder / "old.pem", "-notext", "-startdate", "20240101000000Z", "-enddate", "20250101000000Z")
    return folder / "old.pem", folder / "old.key"


def test_a_configuration_with_a_bad_certificate_is_not_in_order(folder):
    s = world.Server(folder / "server")
    config = json.loads(s.config.read_text())
    cert, key = expired(folder)
    def check(**dm):
        (s.dir / "check.yaml").write_text(json.dumps({**config, "dm": {**config["dm"], **dm}}))
        return subprocess.run([world.BUILD / "server/dmvisord", "-n", "-f", s.dir / "check.yaml"], capture_output=True, text=True, timeout=60)
    r = check()
    assert r.returncode == 0 and "is valid" in r.stdout, r.stderr
    r = check(certificate=str(cert), key=str(key))
    assert r.returncode != 0 and "old.pem" in r.stderr and "expired on 2025-01-01" in r.stderr, r.stderr
    r = check(key=str(key))                                 # another one's
    assert r.returncode != 0 and "cert.pem" in r.stderr and "old.key" in r.stderr, r.stderr
