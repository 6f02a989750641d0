# SPDX-License-Identifier: Apache-2.0
"""Who speaks? Strangers, second holders and captured messages against the real server: nobody goes on with a session that is not his,
nobody takes room before he has proved himself, and what was tried is seen."""
import concurrent.futures
import contextlib
import hashlib
import json
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time

import pytest
import requests

import impostor
import syncml
import world

SESSIONS = 12


class Device(syncml.Client):
    """A client with any of the three kinds of credentials, that may ignore RespURI."""

    def __init__(self, server, account, name, follow=True, cert=None, wbxml=False):
        super().__init__(account, name, wbxml)
        self.http.verify, self.follow, self.auth = server.ca or True, follow, account["auth"]
        self.http.cert = cert

    def cred(self):
        name, password = self.account["clientName"], self.account["clientPassword"]
        if self.auth == "basic":
            kind, data = "syncml:auth-basic", syncml.b64(f"{name}:{password}".encode())
        else:
            kind, data = "syncml:auth-md5", syncml.digest(name, password, self.nonce)
        return ('<Cred><Meta><Format xmlns="syncml:metinf">b64</Format>'
                f'<Type xmlns="syncml:metinf">{kind}</Type></Meta><Data>{data}</Data></Cred>')

    def hmac(self, body):
        name, password = self.account["clientName"], self.account["clientPassword"]
        ha1 = syncml.b64(hashlib.md5(f"{name}:{password}".encode()).digest())
        inner = syncml.b64(hashlib.md5(body).digest())
        mac = syncml.b64(hashlib.md5(ha1.encode() + b":" + self.nonce + b":" + inner.encode()).digest())
        return f'algorithm=MD5, username="{name}", mac={mac}'

    def say(self, commands, cred=True, **how):
        text = self.text(commands, cred=False, **how)
        headers = {"Content-Type": syncml.WBXML if self.wbxml else syncml.XML}
        if cred and self.auth != "mac":
            text = text.replace("<Meta><MaxMsgSize", self.cred() + "<Meta><MaxMsgSize", 1)
        body = syncml.to_wbxml(text) if self.wbxml else text.encode()
        if cred and self.auth == "mac":
            headers["x-syncml-hmac"] = self.hmac(body)
        return self.send(body, headers)

    def send(self, body, headers):
        self.sent.append((self.url, body, headers))
        r = syncml.Reply(self.http.post(self.url, data=body, headers=headers, timeout=20))
        self.msg += 1
        if r.status == 200:
            if self.follow:
                self.url = r.url or self.url
            if r.nonce():
                self.nonce = r.nonce()
        self.last = r
        return r

    def said(self, commands):
        """As `say`, with credentials where the last verdict asks for them, and after a challenge once more."""
        r = self.say(commands, cred=self.last is None or self.last.verdict() != "212" or self.auth == "mac")
        if r.status == 200 and r.verdict() in ("401", "407"):
            r = self.say(commands)
        assert r.status == 200, r.bytes
        return r

    def call(self, more=(), alert="1201"):
        self.begin()
        r = self.said(self.package1(alert, more))
        assert r.verdict() in ("200", "212"), r.bytes
        return r

    def finish(self, reply, codes=None, most=40):
        for _ in range(most):
            if not reply.asks():
                return reply
            reply = self.said(self.answers(reply, codes))
            assert reply.verdict() in ("200", "212"), reply.bytes
        raise AssertionError("no end")


def start(folder, **settings):
    shutil.rmtree(folder, ignore_errors=True)
    settings.setdefault("dm__maxSessions", SESSIONS)
    return world.Server(folder, **{"dm__allowBasic": True, "dm__sessionTimeout": "60s", "kpi__interval": "1h", **settings})


@pytest.fixture(scope="module")
def place():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = start(folder / "server").start()
    try:
        yield s
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


names = iter(range(10**9))


@pytest.fixture
def server(place):
    assert place.process.alive()
    yield place
    assert place.process.alive(), place.process.log()[-4000:]


def new_name():
    return f"IMEI:7{next(names):05d}"


def register(server, auth="md5"):
    name = new_name()
    account = server.call("POST", "/devices", expect=201, json={"id": name, "labels": {}, "auth": auth}).json()["account"]
    return name, account


def device(server, auth="md5", **how):
    name, account = register(server, auth)
    return Device(server, account, name, **how)


def another(server, d, **how):
    """Somebody else with what this one has."""
    other = Device(server, d.account, d.name, **how)
    other.nonce, other.session, other.msg, other.url, other.last = d.nonce, d.session, getattr(d, "msg", 1), d.account["url"], getattr(d, "last", None)
    return other


class From(requests.adapters.HTTPAdapter):
    """Another address of this machine."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **kw):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kw)


def post(server, body, url=None, headers=None, cert=None, address=None):
    headers = headers or {"Content-Type": syncml.XML}
    with requests.Session() as http:
        if address:
            http.mount("http://", From(address))
            http.mount("https://", From(address))
        return syncml.Reply(http.post(url or server.dm_url + "/acme-it", data=body, headers=headers, timeout=30, verify=server.ca or True, cert=cert))


def order(server, d, value):
    """An operation that the device will be asked for: its tree shall have this."""
    return server.call("POST", f"/devices/{world.quote(d.name)}/operations", expect=202,
                       json={"kind": "tree", "command": "replace", "uri": "./DevDetail/Ext/Word", "data": value}).json()


def state(server, d, op):
    return server.get(f"/operations/{op['id']}")["state"]


def kept(server, *but):
    db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
    try:
        tables = [r[0] for r in db.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name")]
        return {t: sorted(map(repr, db.execute(f"select * from {t}"))) for t in tables if t not in but}
    finally:
        db.close()


def metric(server, name):
    text = server.session.get(server.url + "/metrics", timeout=10).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def of_device(server, d):
    return server.get(f"/devices/{world.quote(d.name)}")


@pytest.mark.parametrize("bring", ["nothing", "a wrong password", "a guessed token", "the token of a session that is over"])
def test_a_stranger_goes_on_with_no_session(server, bring):
    """Case 07: device id, SessionID and the next MsgID are no secret."""
    d = device(server)
    d.finish(d.call())
    over = d.url
    op = order(server, d, "one")
    r = d.call()
    while not r.uris("Replace"):
        r = d.said(d.answers(r))
    stranger = another(server, d)
    if bring == "a guessed token":
        stranger.url += "?s=" + "a" * 22
    elif bring.startswith("the token"):
        stranger.url = over
    if bring == "a wrong password":
        stranger.account = dict(d.account, clientPassword="guess")
    before = kept(server, "refusal", "session", "event", "contest")
    lie = [c.replace("<Data>200</Data>", "<Data>500</Data>") for c in stranger.answers(r)]
    s = stranger.say(lie, cred=bring == "a wrong password")
    assert s.verdict() in ("401", "407") and not s.asks() and s.nonce() and not s.url
    assert kept(server, "refusal", "session", "event", "contest") == before
    r = d.finish(d.said(d.answers(r)))          # the device notices nothing
    assert r.verdict() in ("200", "212") and len(d.sent) < 12
    d.tree["./DevDetail/Ext/Word"] = "one"
    for _ in range(3):
        if state(server, d, op) == "verified":
            break
        d.finish(d.call())
    assert state(server, d, op) == "verified"


@pytest.mark.parametrize("auth", ["basic", "md5", "mac"])
def test_a_client_that_ignores_respuri_proves_itself_again(server, auth):
    d = device(server, auth, follow=False)
    op = order(server, d, auth)
    for _ in range(4):
        d.finish(d.call())
        assert d.url == d.account["url"]
        if state(server, d, op) == "verified":
            break
    assert state(server, d, op) == "verified"


def test_credentials_that_were_replaced_go_on_nowhere(server):
    d = device(server)
    d.finish(d.call())
    order(server, d, "x")
    r = d.call()
    assert r.asks()
    account = server.call("POST", f"/devices/{world.quote(d.name)}/credentials", expect=(200, 201)).json()["account"]
    new = Device(server, account, d.name)
    old = d.say(d.answers(r), cred=False)       # with its token, in the session that it began
    assert old.verdict() in ("401", "407") and not old.asks()
    assert d.say(d.answers(r)).verdict() == "401"
    r = new.call()
    assert r.asks()
    assert d.say(d.answers(r)).verdict() == "401"
    new.finish(r)


def test_names_without_proof_take_no_room(server):
    d = device(server)
    d.finish(d.call())
    open_before = metric(server, "dmvisor_dm_sessions_open")
    hello = Device(server, dict(d.account), "IMEI:none")

    def one(i):
        hello.begin()
        return post(server, hello.text(hello.package1(), cred=False, name=f"IMEI:made-up-{i}", session="1", msg=1).encode())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(SESSIONS * 8)))
        assert {a.verdict() for a in answers} == {"407"}
        assert len({a.nonce() for a in answers}) == len(answers)
        for _ in range(5):
            d.finish(d.call())
            assert d.last.status == 200
    assert metric(server, "dmvisor_dm_sessions_open") <= open_before + 1
    assert "made-up" not in json.dumps(kept(server))


def test_a_device_that_exists_is_challenged_as_one_that_does_not(server):
    d = device(server)
    shapes = set()
    for name in (d.name, "IMEI:700001x"):
        for how in ({"cred": False}, {"cred": True, "password": "guess"}):
            d.begin()
            text = syncml.Client.text(d, d.package1(), name=name, session="5", msg=1, **how)
            r = post(server, text.encode())
            shapes.add((how["cred"], re.sub(r"(<NextNonce[^>]*>)[^<]*", r"\1", r.bytes.decode()).replace(name, "")))
    assert len(shapes) == 2, shapes
    nonces = set()
    for _ in range(60):                         # also when it has just used one
        r = post(server, syncml.Client.text(d, d.package1(), cred=False, session="5", msg=1).encode())
        nonces.add(r.nonce())
    assert 8 < len(nonces) <= 33


def test_an_answer_to_a_challenge_is_good_once(server):
    d = device(server)
    d.nonce = b"not this one"
    d.call()
    url, body, headers = d.sent[-1]
    assert b"<Cred>" in body and len(d.sent) == 2
    # Who captured it is not told what the device was told, once the device has gone on.
    d.finish(d.last)
    for where in (d.account["url"], url):
        again = post(server, body, where, headers)
        assert again.verdict() in ("401", "407") and not again.asks() and not again.url
    server.stop()
    server.start()
    assert post(server, body, d.account["url"], headers).verdict() == "401"
    d.finish(d.call())
    assert len(d.sent) > 2


@pytest.fixture
def plain(folder):
    """A server without TLS: what is said can be heard by everybody."""
    s = start(folder / "plain", tls=False, notifications__retries=["200ms", "200ms"]).start()
    yield s
    s.stop()


def earns_a_challenge_only(server, captured, *more):
    """A message of before, once more: from here, from elsewhere, to where it went or where the session is."""
    url, body, headers = captured
    before = kept(server, "refusal", "session", "event", "contest")
    for address in (None, "127.0.0.2"):
        for where in (url, *more):
            r = post(server, body, where, headers, address=address)
            assert r.status == 200 and r.verdict() in ("401", "407") and r.nonce() and not r.asks() and not r.url, r.bytes
    assert kept(server, "refusal", "session", "event", "contest") == before


@pytest.mark.parametrize("wbxml", [False, True], ids=["xml", "wbxml"])
@pytest.mark.parametrize("auth", ["md5", "mac"])
def test_a_captured_message_is_good_once(plain, auth, wbxml):
    d = device(plain, auth, wbxml=wbxml)
    d.finish(d.call())
    mark = len(d.sent)
    order(plain, d, "first")
    r = d.call()
    assert len(d.sent) == mark + 1, "an ordinary session needs no challenge"
    first = d.sent[mark]
    while not r.uris("Replace"):
        r = d.said(d.answers(r))
    r = d.said(d.answers(r))
    earns_a_challenge_only(plain, first, d.url)         # in the middle of the session that it began
    d.finish(r)
    order(plain, d, "second")                           # something waits for whoever comes in
    said = [m for m in d.sent[mark:] if b"<Cred>" in m[1] or "x-syncml-hmac" in m[2] or wbxml]
    for captured in said[:-1]:                          # the last one gets what it got, from memory
        earns_a_challenge_only(plain, captured, d.account["url"])
    plain.process.kill()
    plain.start()
    for captured in said:
        earns_a_challenge_only(plain, captured, d.account["url"])
    d.finish(d.call())
    assert d.tree["./DevDetail/Ext/Word"] == "second"


def put_back(server, octets, kill):
    """As the README says."""
    server.process.kill() if kill else server.stop()
    for end in ("-wal", "-shm"):
        (server.dir / f"dmvisor.db{end}").unlink(missing_ok=True)
    (server.dir / "dmvisor.db").write_bytes(octets)
    server._own()
    server.start()


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("how", ["--backup", "cp", "elsewhere"])
@pytest.mark.parametrize("auth", ["md5", "mac"])
def test_an_older_database_lets_no_captured_message_in(plain, folder, auth, how, kill):
    if how == "cp" and kill:
        pytest.skip("a copy of the running server's file by another program is known for one after a stop")
    d = device(plain, auth)
    d.finish(d.call())
    file = plain.dir / "dmvisor.db"
    if how == "cp":
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db, contextlib.closing(sqlite3.connect(folder / "copy")) as to:
            db.backup(to)
    else:
        subprocess.run([world.BUILD / "server/dmvisord", "-f", plain.config, "--backup", folder / "copy"], check=True, capture_output=True)
    mark = len(d.sent)
    order(plain, d, "first")
    d.finish(d.call())                      # with the nonce that the backup has
    captured = [m for m in d.sent[mark:] if b"<Cred>" in m[1] or "x-syncml-hmac" in m[2]]
    assert captured
    if how == "elsewhere":                  # on another machine there is nothing beside it
        (plain.dir / "dmvisor.db.id").unlink()
    put_back(plain, (folder / "copy").read_bytes(), kill)
    assert plain.process.log().count("event=database.restored devices=1") == 1
    order(plain, d, "second")
    for m in captured:
        earns_a_challenge_only(plain, m, d.account["url"])
    mark = len(d.sent)
    d.finish(d.call())
    assert d.tree["./DevDetail/Ext/Word"] == "second" and len(d.sent) > mark + 1, "the device itself is challenged and comes in"
    for kill_again in (True, False):        # once
        plain.process.kill() if kill_again else plain.stop()
        plain.start()
        order(plain, d, f"again {kill_again}")
        mark = len(d.sent)
        r = d.call()
        assert len(d.sent) == mark + 1, "no challenge any more"
        d.finish(r)
    assert plain.process.log().count("event=database.restored") == 1


@pytest.mark.parametrize("killed", [False, True], ids=["lost on the way", "and the server killed"])
@pytest.mark.parametrize("auth", ["md5", "mac"])
def test_a_device_whose_answer_was_lost_gets_on(plain, auth, killed):
    d = device(plain, auth)
    d.finish(d.call())
    for _ in range(3):
        old, mark = d.nonce, len(d.sent)
        d.call()                                        # its answer, with the next nonce, does not arrive
        d.nonce = old
        if killed:
            plain.process.kill()
            plain.start()
        d.finish(d.call())
        assert len(d.sent) == mark + 3, "one challenge"
        mark = len(d.sent)
        d.call()
        assert len(d.sent) == mark + 1


def notified(socket_, nonce, server, account):
    """The session of the first notification that is signed with this nonce."""
    def look():
        datagram = socket_.recv(2000)
        digest, notification = datagram[6:22], datagram[22:]
        ha1 = syncml.b64(hashlib.md5(f"{account['serverName']}:{account['serverPassword']}".encode()).digest())
        want = hashlib.md5(ha1.encode() + b":" + nonce + b":" + syncml.b64(hashlib.md5(notification).digest()).encode()).digest()
        return f"{int.from_bytes(notification[5:7], 'big'):X}" if digest == want else None
    return world.wait_for("a notification to resynchronise", look, 20)


@pytest.mark.parametrize("auth", ["md5", "mac"])
def test_a_resynchronisation_is_answered_once(plain, auth):
    """Its nonce is four zeros for everybody and for ever: what was captured at the first one would open a session at each other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("127.0.0.1", 0))
        inbox.settimeout(10)
        name, zeros = new_name(), bytes(4)
        account = plain.call("POST", "/devices", expect=201, json={
            "id": name, "labels": {}, "auth": auth, "push": {"channel": "udp", "address": f"127.0.0.1:{inbox.getsockname()[1]}"}}).json()["account"]
        d, captured = Device(plain, account, name), None
        d.finish(d.call())
        for i in range(3):
            order(plain, d, f"word {i}")
            session = notified(inbox, zeros, plain, account)
            if captured:
                earns_a_challenge_only(plain, captured)
            d.begin()
            d.session, d.nonce, mark = session, zeros, len(d.sent)
            d.finish(d.said(d.package1("1200")))
            captured = captured or d.sent[mark]
            assert d.tree["./DevDetail/Ext/Word"] == f"word {i}"
            earns_a_challenge_only(plain, captured)


def test_an_agent_whose_answer_was_lost_gets_on(folder):
    lose, said = [], []

    def between(m):
        r = requests.post(f"http://127.0.0.1:{server.dm_port}{m.url}", data=m.bytes, timeout=30,
                          headers={k: v for k, v in m.headers.items() if k.lower() in ("content-type", "x-syncml-hmac")})
        said.append(m.session)
        if lose:
            return lose.pop(), {}, b""
        return r.status_code, {"Content-Type": r.headers["Content-Type"], **({"x-syncml-hmac": h} if (h := r.headers.get("x-syncml-hmac")) else {})}, r.content
    proxy = impostor.Impostor(between)
    server = start(folder / "server", tls=False, dm__url=proxy.url, poll__interval="5s").start()
    phone = world.Phone(folder / "phone", server, push=False, encoding="xml")
    try:
        phone.start()
        calls = lambda: phone.log().count("state=over")
        world.wait_for("it to be settled", lambda: calls() >= 3, 60)
        lose.append(502)
        world.wait_for("an answer to be lost", lambda: not lose, 30)
        lost, came = said[-1], calls()
        world.wait_for("it to get on", lambda: calls() >= came + 3, 60)
        per = {s: said.count(s) for s in said}
        after = list(dict.fromkeys(said))[list(dict.fromkeys(said)).index(lost) + 1:]
        assert per[after[0]] == 2 and per[after[1]] == 1, (lost, said)
    finally:
        phone.stop()
        server.stop()
        proxy.close()


def test_a_device_that_always_loses_its_nonce_comes_in_every_time(server):
    d = device(server)
    for _ in range(40):
        d.nonce = b"lost"
        d.finish(d.call())


def test_a_repeated_first_message_gets_its_answer_only_with_what_proves_it(server):
    d = device(server, "basic")
    d.finish(d.call())
    order(server, d, "again")
    r = d.call()
    url, body, headers = d.sent[-1]
    assert r.asks() and post(server, body, url, headers).bytes == r.bytes       # as a transport repeats it
    bare = re.sub(rb"<Cred>.*?</Cred>", b"", body)
    assert post(server, bare, url, headers).verdict() in ("401", "407")
    nxt = d.said(d.answers(r))
    url2, body2, headers2 = d.sent[-1]
    assert post(server, body2, url2, headers2).bytes == nxt.bytes               # with the token
    assert post(server, body2, d.account["url"], headers2).verdict() in ("401", "407")
    d.finish(nxt)


def test_the_same_first_message_is_a_new_session_when_something_waits(server):
    """Case 08: a constant SessionID, no nonce, nothing to do, then something to do."""
    d = device(server, "basic")
    for _ in range(4):
        d.finish(d.call())
    d.begin()
    d.session = "1"
    r = d.say(d.package1())
    url, body, headers = d.sent[-1]
    assert not d.finish(r).asks()
    url, body, headers = d.account["url"], body, headers
    op = order(server, d, "waits")
    again = post(server, body, url, headers)
    assert again.verdict() in ("200", "212") and again.uris("Replace") == ["./DevDetail/Ext/Word"], again.bytes
    assert state(server, d, op) in ("sent", "acknowledged")


@pytest.mark.parametrize("first", ["the same first words", "other first words"])
def test_two_holders_of_one_identity_are_noticed(server, first):
    """Case 16: both with SessionID 1 at the same time."""
    a = device(server, "basic")
    b = another(server, a)
    b.tree["./DevDetail"], b.tree["./DevDetail/Word"] = None, "mine"
    if first == "other first words":
        b.devinfo = lambda: syncml.Client.devinfo(b).replace("Scripted", "Copied")
    before = metric(server, "dmvisor_dm_contests")
    turns = {}

    def begin(x):
        x.begin()
        x.session = "1"
        return x.said(x.package1())
    for i in range(10):
        order(server, a, f"v{i}")
        for x, codes in ((a, None), (b, {"./DevDetail/Ext/Word": "500"})):
            r = turns.get(x)
            r = x.say(x.answers(r, codes), cred=False) if r and r.asks() else begin(x)
            turns[x] = begin(x) if r.verdict() in ("401", "407") else r         # it was ended: begin again
    assert metric(server, "dmvisor_dm_contests") >= before + 3
    found = world.wait_for("the contest to be told", lambda: of_device(server, a)["contested"], 10)
    assert found["times"] >= 3 and found["addresses"] == ["127.0.0.1", "127.0.0.1"]
    assert any(e["data"].get("state") == "contested" for e in events(server, a))


def events(server, d):
    db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
    try:
        return [{"type": t, "data": json.loads(x)} for t, x in db.execute("select type, data from event where device = ?", (d.name,))]
    finally:
        db.close()


def test_a_device_that_begins_again_is_not_two(server):
    d, began = device(server, "basic"), metric(server, "dmvisor_dm_contests")
    order(server, d, "x")
    for _ in range(12):
        assert d.call().asks()                  # and breaks off in the middle
        post(server, d.sent[-1][1], d.sent[-1][0], d.sent[-1][2])               # a message that comes twice
    d.finish(d.call())
    assert metric(server, "dmvisor_dm_contests") == began
    assert of_device(server, d)["contested"] is None


def test_guesses_are_counted_and_braked_and_lock_nobody_out():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = start(folder / "server", dm__refusalsPerSecond=1, log__level="info").start()
    try:
        d = device(server)
        d.finish(d.call())
        order(server, d, "x")
        r = d.call()
        assert r.asks()
        guess = another(server, d)
        answers = guess.answers(r)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            def one(i):
                return post(server, guess.text(answers, cred=False, session=f"{i:X}", msg=3).encode()).verdict()
            assert set(pool.map(one, range(60))) == {"407"}
            took = time.monotonic() - began
            assert took > 5, f"60 guesses in {took} s"
            flood = [pool.submit(one, i) for i in range(60, 90)]
            began = time.monotonic()
            d.finish(d.said(d.answers(r)))      # with its token
            d.finish(d.call())                  # with its nonce
            assert time.monotonic() - began < 5
            d.nonce = b"lost it"
            d.finish(d.call())                  # with a challenge, which waits its second
            for f in flood:
                f.result()
        assert metric(server, 'dmvisor_dm_unproven_total{what="session"}') >= 90
        assert metric(server, "dmvisor_dm_braked") > 30
        server.stop()                           # its last words tell of lines that were left out
        log = server.process.log()
        lines = [x for x in log.splitlines() if "event=device.refused " in x]
        untold = sum(map(int, re.findall(r"(?:event=device.refused suppressed|of=device.refused lines)=(\d+)", log)))
        assert len(lines) + untold >= 90 and "remote=127.0.0.1" in lines[0]
    finally:
        if server.process.alive():
            server.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def test_refused_credentials_show_at_once(server):
    d = device(server)
    assert of_device(server, d)["refusal"] is None
    wrong = Device(server, dict(d.account, clientPassword="guess"), d.name)
    wrong.begin()
    assert wrong.say(wrong.package1()).verdict() == "401"
    seen = world.wait_for("the refusal to be told", lambda: of_device(server, d)["refusal"], 5)
    assert seen["remote"] == "127.0.0.1" and "wrong credentials" in seen["why"] and not seen["letInSince"]
    for _ in range(10):
        wrong.say(wrong.package1())
    world.wait_for("all of them to be counted", lambda: of_device(server, d)["refusal"]["times"] == 11, 10)
    sessions = server.get(f"/devices/{world.quote(d.name)}/sessions")["items"]
    assert [s["outcome"] for s in sessions] == ["refused"] and "wrong credentials" in sessions[0]["why"]
    d.finish(d.call())
    assert of_device(server, d)["refusal"]["letInSince"]
