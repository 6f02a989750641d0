# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess

import pytest
from standin import Standin

TOKEN = "dmv_verysecrettoken0123456789"
GOLDEN = pathlib.Path(__file__).parent / "golden"


class Ctl:
    """Runs dmvisorctl in a home of its own."""

    def __init__(self, home):
        self.home = home
        self.exe = os.environ["DMVISORCTL"]
        self.env = {"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def __call__(self, *args, code=0, input=None, timeout=60, **env):
        r = subprocess.run([self.exe, *map(str, args)], env={**self.env, **env}, input=input, capture_output=True, timeout=timeout,
                           cwd=self.home)
        r.out, r.err = r.stdout.decode(), r.stderr.decode()
        assert r.returncode == code, f"ended with {r.returncode}, not {code}\n--- stdout\n{r.out}\n--- stderr\n{r.err}"
        assert TOKEN not in r.out + r.err
        return r

    def start(self, *args, **env):
        return subprocess.Popen([self.exe, *map(str, args)], env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, cwd=self.home)


@pytest.fixture
def ctl(tmp_path):
    return Ctl(tmp_path)


@pytest.fixture
def server(ctl):
    s = Standin()
    ctl.env.update(DMVISOR_SERVER=s.url, DMVISOR_TOKEN=TOKEN)
    yield s
    s.close()


@pytest.fixture
def golden(ctl):
    def check(name, text):
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert text == path.read_text()
    return check
