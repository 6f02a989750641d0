# SPDX-License-Identifier: Apache-2.0
"""A client certificate stands for one device: certificates made by openssl, shown to the real server over TLS."""
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import syncml
import world
from test_who_speaks import Device, another, kept, new_name, of_device, order, start


def openssl(*args, **kw):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=60, **kw).stdout


def element(der, at):
    """The end of the DER element that begins at `at`, and where its content begins."""
    n, head = der[at + 1], 2
    if n & 0x80:
        head += n & 0x7F
        n = int.from_bytes(der[at + 2:at + head], "big")
    return at + head + n, at + head


def wrap(tag, content):
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x82]) + n.to_bytes(2, "big")
    return bytes([tag]) + length + content


class Ca:
    """Certificates of any subject, also such as openssl would not write: what it signed is changed and signed again."""

    def __init__(self, folder, name="/CN=devices' CA"):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.crt, self.key, self.n = self.dir / "ca.pem", self.dir / "ca.key", 0
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        openssl("req", "-new", "-x509", "-key", self.key, "-days", 30, "-out", self.crt, "-subj", name)

    def issue(self, subject, mask="utf8only", days=90, san=None, change=(), usage=None):
        """@param change  (old, new) octets of equal length, replaced before it is signed. @return (certificate, key)"""
        self.n += 1
        key, csr, crt = (self.dir / f"{self.n}.{x}" for x in ("key", "csr", "pem"))
        conf = self.dir / "req.cnf"
        conf.write_text(f"[req]\ndistinguished_name = dn\nstring_mask = {mask}\n[dn]\n")
        ext = self.dir / "ext.cnf"
        ext.write_text("basicConstraints = CA:false\n" + (f"subjectAltName = {san}\n" if san else "") +
                       (f"extendedKeyUsage = {usage}\n" if usage else ""))
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-new", "-key", key, "-out", csr, "-subj", subject, "-config", conf, "-utf8")
        openssl("x509", "-req", "-in", csr, "-CA", self.crt, "-CAkey", self.key, "-CAcreateserial", "-days", days, "-out", crt,
                "-extfile", ext)
        if change:
            self.sign_again(crt, change)
        return str(crt), str(key)

    def sign_again(self, crt, change):
        der = openssl("x509", "-in", crt, "-outform", "DER")
        _, first = element(der, 0)
        tbs_end, _ = element(der, first)
        alg_end, _ = element(der, tbs_end)
        tbs = der[first:tbs_end]
        for old, new in change:
            assert len(old) == len(new) and old in tbs, (old, tbs)
            tbs = tbs.replace(old, new)
        signature = openssl("dgst", "-sha256", "-sign", self.key, input=tbs)
        whole = wrap(0x30, tbs + der[tbs_end:alg_end] + wrap(0x03, b"\0" + signature))
        pathlib.Path(crt).write_bytes(openssl("x509", "-inform", "DER", input=whole))


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def ca(folder):
    return Ca(folder / "ca")


@pytest.fixture(scope="module")
def server(folder, ca):
    (folder / "ca").chmod(0o711)
    s = start(folder / "server", dm__clientCa=str(ca.crt), dm__maxSessions=200).start()
    try:
        yield s
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()


def hello(server, name, cert):
    """Package 1 without credentials, over a connection with this certificate."""
    d = Device(server, {"clientName": name, "clientPassword": "", "clientNonce": "", "auth": "md5", "url": server.dm_url + "/acme-it"}, name, cert=cert)
    d.begin()
    return d, d.say(d.package1(), cred=False)


def known(server):
    name = new_name()
    return name, server.call("POST", "/devices", expect=201, json={"id": name, "labels": {}}).json()["account"]


@pytest.mark.parametrize("mask", ["utf8only", "MASK:0x2", "MASK:0x800"])    # UTF8String, PrintableString's kin, BMPString
def test_its_own_certificate_is_enough(server, ca, mask):
    name, _ = known(server)
    text = name.replace(":", "-") if mask == "MASK:0x2" else name
    cert = ca.issue(f"/O=Acme/CN={text}", mask, change=[(text.encode(), name.encode())] if text != name else ())
    d, r = hello(server, name, cert)
    assert r.verdict() in ("200", "212") and r.url
    while r.asks():
        r = d.say(d.answers(r), cred=False)
        assert r.verdict() in ("200", "212"), r.bytes
    assert of_device(server, d)["certificate"]["endsSoon"] is False


FOREIGN = {
    "a comma in the CN": lambda n: {"subject": f"/CN=x,CN={n}"},
    "a comma in the O": lambda n: {"subject": f"/O=Acme,CN={n}"},
    "an escaped comma": lambda n: {"subject": f"/CN=x\\\\,CN={n}"},
    "a plus": lambda n: {"subject": f"/CN=x\\+CN={n}"},
    "a line break": lambda n: {"subject": f"/CN=x CN={n}", "change": [(b"x CN=", b"x\nCN=")]},
    "a server's certificate": lambda n: {"subject": f"/CN={n}", "usage": "serverAuth"},
    "a signer's certificate": lambda n: {"subject": f"/CN={n}", "usage": "codeSigning,emailProtection"},
    "two CNs, ours last": lambda n: {"subject": f"/CN=x/CN={n}"},
    "two CNs, ours first": lambda n: {"subject": f"/CN={n}/CN=x"},
    "the same CN twice": lambda n: {"subject": f"/CN={n}/CN={n}"},
    "two CNs in one RDN": lambda n: {"subject": f"/CN=x+CN={n}"},
    "a NUL after it": lambda n: {"subject": f"/CN={n}?.evil", "change": [(f"{n}?".encode(), f"{n}\0".encode())]},
    "a NUL at its end": lambda n: {"subject": f"/CN={n}?", "change": [(f"{n}?".encode(), f"{n}\0".encode())]},
    "a longer name": lambda n: {"subject": f"/CN={n}1"},
    "a shorter name": lambda n: {"subject": f"/CN={n[:-1]}"},
    "another case": lambda n: {"subject": f"/CN={n.lower()}"},
    "a blank before it": lambda n: {"subject": f"/CN= {n}"},
    "its UID": lambda n: {"subject": f"/UID={n}"},
    "its alternative name": lambda n: {"subject": "/CN=x", "san": f"DNS:{n}"},
    "no subject": lambda n: {"subject": "/"},
}


def test_a_certificate_for_clients_counts_with_its_usage(server, ca):
    name, _ = known(server)
    d, r = hello(server, name, ca.issue(f"/CN={name}", usage="serverAuth,clientAuth"))
    assert r.verdict() in ("200", "212") and r.url


@pytest.mark.parametrize("how", FOREIGN)
def test_a_certificate_of_somebody_else_stands_for_nobody(server, ca, how):
    name, account = known(server)
    cert = ca.issue(**FOREIGN[how](name))
    d, r = hello(server, name, cert)
    assert r.verdict() == "407" and not r.asks() and not r.url, how
    assert of_device(server, d)["seen"] is None
    seen = world.wait_for("the refusal to be told", lambda: of_device(server, d)["refusal"], 10)
    assert "its client certificate" in seen["why"] and seen["remote"] == "127.0.0.1"
    d.account.update(account, auth="md5")       # with what it has been given it comes in all the same
    d.nonce = r.nonce()
    assert d.say(d.package1()).verdict() in ("200", "212")


def test_certificates_of_other_authorities_and_times_say_so(server, ca, folder):
    name, _ = known(server)
    when = openssl("x509", "-in", ca.issue(f"/CN={name}")[0], "-noout", "-startdate").decode()
    year = when.split()[3][2:].encode()
    old = ca.issue(f"/CN={name}", days=1, change=[])
    der = openssl("x509", "-in", old[0], "-outform", "DER")
    times = [der[i + 2:i + 15] for i in range(len(der) - 15) if der[i:i + 2] == b"\x17\x0d"]
    ca.sign_again(old[0], [(t, b"20" + t[2:]) for t in dict.fromkeys(times)])
    early = ca.issue(f"/CN={name}", days=1)
    der = openssl("x509", "-in", early[0], "-outform", "DER")
    times = [der[i + 2:i + 15] for i in range(len(der) - 15) if der[i:i + 2] == b"\x17\x0d"]
    ca.sign_again(early[0], [(t, b"%02d" % (int(year) + 2) + t[2:]) for t in dict.fromkeys(times)])
    other = Ca(folder / "other", "/CN=somebody").issue(f"/CN={name}")
    for cert, words in ((old, "expired on 2020-"), (early, "is not valid before 20"), (other, "is not signed by the CA")):
        d, r = hello(server, name, cert)
        assert r.verdict() == "407"
        world.wait_for(f"'{words}' to be told", lambda: words in (of_device(server, d)["refusal"] or {"why": ""})["why"], 10)
        assert words in server.process.log()
    sessions = server.get(f"/devices/{world.quote(name)}/sessions")["items"]
    assert [s["outcome"] for s in sessions] == ["refused"]
    soon = ca.issue(f"/CN={name}", days=10)
    d, r = hello(server, name, soon)
    assert r.verdict() in ("200", "212")
    assert of_device(server, d)["certificate"]["endsSoon"] is True


def test_a_session_goes_on_only_with_the_certificate_it_began_with(server, ca):
    name, account = known(server)
    mine, yours = ca.issue(f"/CN={name}"), ca.issue(f"/CN={known(server)[0]}")
    d, r = hello(server, name, mine)
    assert r.asks() and r.verdict() in ("200", "212")
    before = kept(server, "refusal", "session", "event")
    for cert in (None, yours):
        stranger = another(server, d, cert=cert)
        stranger.url = d.url
        s = stranger.say(stranger.answers(r), cred=False)
        assert s.verdict() == "407" and not s.asks() and not s.url
        _, body, headers = d.sent[-1]
        stranger.url = d.account["url"]
        assert stranger.send(body, headers).verdict() == "407"  # its first message again, without its certificate
    assert kept(server, "refusal", "session", "event") == before
    assert d.say(d.answers(r), cred=False).verdict() in ("200", "212")
    # One that began with credentials: not over a connection of somebody else.
    c = Device(server, account, name)
    order(server, c, "x")
    r = c.call()
    assert r.asks()
    stranger = another(server, c, cert=yours)
    stranger.url = c.url
    assert stranger.say(stranger.answers(r), cred=False).verdict() == "407"
    c.finish(c.said(c.answers(r)))


@pytest.mark.parametrize("kind", ["san-uri", "san-dns", "uid", "serialNumber"])
def test_the_configuration_says_where_the_name_stands(folder, ca, kind):
    s = start(folder / kind, dm__clientCa=str(ca.crt), dm__certificateName=kind).start()
    try:
        name = new_name() if kind != "san-uri" else "urn:imei:70001"
        s.call("POST", "/devices", expect=201, json={"id": name, "labels": {}})
        field = {"san-uri": "URI", "san-dns": "DNS"}.get(kind)
        good = {"subject": "/CN=x", "san": f"{field}:{name}"} if field else {"subject": f"/{kind.replace('uid', 'UID')}={name}/CN=x"}
        two = dict(good, san=f"{field}:{name},{field}:{name}1") if field else dict(good, subject=good["subject"] + f"/{kind.replace('uid', 'UID')}=y")
        for wish, let_in in ((good, True), (two, False), ({"subject": f"/CN={name}"}, False)):
            _, r = hello(s, name, ca.issue(**wish))
            assert (r.verdict() != "407") is let_in, wish
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()


def test_a_handshake_that_fails_is_seen(server):
    def counted():
        text = server.session.get(server.url + "/metrics", timeout=10).text
        return sum(float(x.rsplit(" ", 1)[1]) for x in text.splitlines() if x.startswith("dmvisor_dm_tls_without_request"))
    before = counted()
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.dm_port}", "-tls1_1"], input=b"", capture_output=True, timeout=30)
    assert r.returncode != 0
    world.wait_for("the connection to be counted", lambda: counted() > before, 10)
    assert "event=device.no_request" in server.process.log()
