# SPDX-License-Identifier: Apache-2.0
"""Devices resume their TLS sessions (RFC 8446 2.2, RFC 5077): a client of its own looks at each handshake. What a certificate proved
is looked at again, a ticket of another listener or of the time before a restart opens nothing."""
import http.client
import pathlib
import shutil
import ssl
import tempfile
import time
import types
import urllib.parse

import pytest

import world
from test_certificates import Ca, openssl
from test_who_speaks import Device, metric, new_name, of_device, start

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Line:
    """Stands in for a device's HTTP client: a new TLS connection for each message, with the session of the one before."""

    def __init__(self, server, version, cert=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(server.ca)
        self.context.minimum_version = self.context.maximum_version = VERSIONS[version]
        if cert:
            self.context.load_cert_chain(*cert)
        self.session, self.resumed = None, []

    def post(self, url, data, headers, timeout):
        at = urllib.parse.urlsplit(url)
        c = http.client.HTTPSConnection(at.hostname, at.port, timeout=timeout, context=self.context)
        c.sock = self.context.wrap_socket(http.client.HTTPConnection(at.hostname, at.port, timeout=timeout)._create_connection((at.hostname, at.port)),
                                          server_hostname=at.hostname, session=self.session)
        self.resumed.append(c.sock.session_reused)
        c.request("POST", at.path + (f"?{at.query}" if at.query else ""), body=data, headers=headers)
        r = c.getresponse()
        reply = types.SimpleNamespace(status_code=r.status, content=r.read(), headers=r.headers)
        self.session = c.sock.session               # with 1.3 the ticket comes after the handshake
        c.close()
        return reply


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def ca(folder):
    ca = Ca(folder / "ca")
    (folder / "ca").chmod(0o711)
    return ca


@pytest.fixture
def server(folder, ca):
    s = start(folder / "server", dm__clientCa=str(ca.crt)).start()
    try:
        yield s
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()


def device(server, version, cert=None, name=None):
    name = name or new_name()
    account = server.call("POST", "/devices", expect=201, json={"id": name, "labels": {}}).json()["account"]
    d = Device(server, account, name)
    d.http = Line(server, version, cert)
    return d


@pytest.mark.parametrize("version", VERSIONS)
def test_the_second_handshake_is_short(server, version):
    d = device(server, version)
    full, resumed = (metric(server, f'dmvisor_dm_tls_handshakes_total{{resumed="{x}"}}') for x in ("no", "yes"))
    d.finish(d.call())
    d.finish(d.call())
    n = len(d.http.resumed)
    assert n >= 3 and d.http.resumed == [False] + [True] * (n - 1)
    assert metric(server, 'dmvisor_dm_tls_handshakes_total{resumed="no"}') == full + 1
    assert metric(server, 'dmvisor_dm_tls_handshakes_total{resumed="yes"}') == resumed + n - 1
    # A session proves no device: who resumes without credentials is challenged.
    d.begin()
    r = d.say(d.package1(), cred=False)
    assert d.http.resumed[-1] and r.verdict() == "407" and not r.asks()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_is_looked_at_again(server, ca, version):
    name = new_name()
    crt, key = ca.issue(f"/CN={name}")
    der = openssl("x509", "-in", crt, "-outform", "DER")
    times = [der[i + 2:i + 15] for i in range(len(der) - 15) if der[i:i + 2] == b"\x17\x0d"]
    ends = time.time() + 6
    ca.sign_again(crt, [(times[-1], time.strftime("%y%m%d%H%M%SZ", time.gmtime(ends)).encode())])
    d = device(server, version, (crt, key), name)
    for _ in range(2):                              # its certificate is enough, resumed or not
        d.begin()
        r = d.say(d.package1(), cred=False)
        assert r.verdict() in ("200", "212") and r.url, r.bytes
    assert d.http.resumed == [False, True]
    world.wait_for("the certificate to end", lambda: time.time() > ends + 1.5, 15)
    d.begin()
    r = d.say(d.package1(), cred=False)
    assert d.http.resumed[-1] and r.verdict() == "407" and not r.asks()
    world.wait_for("the refusal to be told", lambda: "expired on" in (of_device(server, d)["refusal"] or {"why": ""})["why"], 10)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ticket_ends_with_the_server(server, ca, version):
    d = device(server, version)
    d.finish(d.call())
    assert d.http.resumed[-1]
    server.stop()
    server.start()
    before = len(d.http.resumed)
    d.account["url"] = server.dm_url + "/acme-it"
    d.finish(d.call())
    assert d.http.resumed[before:] == [False] + [True] * (len(d.http.resumed) - before - 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ticket_of_another_listener_is_no_ticket(server, version):
    """The API's and the devices' listeners have keys of their own."""
    if not server.url.startswith("https"):
        pytest.skip("the API of this server has no TLS")
    d = device(server, version)
    d.finish(d.call())
    at = urllib.parse.urlsplit(server.url)
    raw = http.client.HTTPConnection(at.hostname, at.port, timeout=20)._create_connection((at.hostname, at.port))
    with d.http.context.wrap_socket(raw, server_hostname=at.hostname, session=d.http.session) as s:
        assert not s.session_reused
