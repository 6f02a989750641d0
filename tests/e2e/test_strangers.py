"""What somebody without any credentials can do to the server from outside: nothing that others would notice."""
import collections
import pathlib
import shutil
import socket
import tempfile

import pytest

import world


@pytest.fixture(scope="module")
def place():
    """One server for the whole file, without TLS so that bytes can be written by hand."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = world.Server(folder / "server", tls=False).start()
    try:
        yield s
        s.stop()                # its exit code tells of leaks, overruns and undefined behaviour
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(place):
    assert place.process.alive()
    yield place
    assert place.process.alive(), place.process.log()[-4000:]
    assert place.session.get(place.url + "/readyz", timeout=10).status_code == 200


def ask(port, data, timeout=10):
    """One connection: everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(data)
        got = b""
        while True:
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                return got
            if not part:
                return got
            got += part


def rss_kib(server):
    status = pathlib.Path(f"/proc/{server.process.p.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def is_sanitized(server):
    """Under AddressSanitizer freed memory stays for a while; then the exit code tells what was lost."""
    return "libasan" in pathlib.Path(f"/proc/{server.process.p.pid}/maps").read_text()


REFUSED_BY_THE_LIBRARY = {
    "parameters": lambda pool: b"GET /x?" + b"&".join([b"aux"] * (pool * 19 // 1024)) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "header lines": lambda pool: b"GET /x?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * (pool * 15 // 1024) + b"\r\n",
    "target": lambda pool: b"GET /x?q=" + b"v" * pool + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": lambda pool: b"GET /x?q=" + b"v" * 300 + b" HTTP/1.1\r\n\r\n",
    "bad length": lambda pool: b"POST /x?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "bad chunk": lambda pool: b"POST /dm?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "cut off": lambda pool: b"GET /x?q=" + b"v" * 300 + b" HTTP/1.1\r\nHost: x\r\nX-",
    "no HTTP": lambda pool: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
}


def refused(server, times):
    """Some of these are answered, some only at the end of a time limit: nobody waits for it, many are open at once."""
    held = collections.deque()
    for port, pool in ((server.dm_port, 8 << 10), (server.api_port, 64 << 10), (server.images_port, 8 << 10)):
        for make in REFUSED_BY_THE_LIBRARY.values():
            data = make(pool)
            for _ in range(times):
                s = socket.create_connection(("127.0.0.1", port), 10)
                held.append(s)
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                except OSError:         # it has closed already
                    pass
                if len(held) > 100:
                    held.popleft().close()
    while held:
        s = held.popleft()
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
        s.close()


def test_what_the_library_refuses_by_itself_costs_no_memory(server):
    assert b"HTTP/1.1 4" in ask(server.dm_port, REFUSED_BY_THE_LIBRARY["no host"](8 << 10))
    refused(server, 30)
    before = rss_kib(server)
    refused(server, 100)
    assert is_sanitized(server) or rss_kib(server) - before < 1024, "600 kB would be 250 octets for each"


@pytest.mark.slow
def test_tens_of_thousands_of_refused_requests_cost_no_memory(server):
    refused(server, 50)
    before = rss_kib(server)
    refused(server, 2500)       # 60,000
    assert is_sanitized(server) or rss_kib(server) - before < 2048
