# SPDX-License-Identifier: Apache-2.0
"""A server that is not the account's: where the agent goes, what it tells, what it does, seen from sockets on the other side."""
import hashlib
import sqlite3
import threading

import pytest

import impostor
import syncml
import world

GET = "<Get><CmdID>7</CmdID><Item><Target><LocURI>./DevInfo/Mod</LocURI></Target></Item></Get>"
RENAME = ('<Replace><CmdID>8</CmdID><Item><Target><LocURI>./DMAcc/dm.impostor.example/Name</LocURI></Target>'
          '<Meta><Format xmlns="syncml:metinf">chr</Format></Meta><Data>stolen</Data></Item></Replace>')


@pytest.fixture
def sockets():
    made = []

    def make(answer, tls=None):
        made.append(impostor.Impostor(answer, tls))
        return made[-1]
    yield make
    for s in made:
        s.close()


@pytest.fixture
def cert(folder):
    return impostor.certificate(folder / "cert")


def never(said):
    return 200, {}, impostor.message(said, impostor.header(said))


def run(folder, place, until, seconds=30):
    """An agent from its start until `until(log)`. Gives its log."""
    p = impostor.phone(folder, place).start()
    try:
        world.wait_for("the agent's session to end", lambda: until(p.log()), seconds)
        return p.log()
    finally:
        p.stop()


def failed(log):
    return "state=failed" in log


def ended(log):
    return failed(log) or "state=over" in log


@pytest.mark.parametrize("how", ["challenge", "accepted", "proved"])
def test_no_message_leaves_tls(folder, cert, sockets, how):
    """RespURI from https to http, from a stranger and from the true server: nothing is ever posted there."""
    plain = sockets(never)

    def answer(said):
        if how == "challenge":
            return 200, {}, impostor.message(said, impostor.header(said, "401", b"nonce-of-mine-01"), plain.url)
        return 200, {}, impostor.message(said, impostor.header(said) + GET, plain.url, b"server-nonce-001" if how == "proved" else None)
    true = sockets(answer, cert)
    log = run(folder, impostor.Place(true.url, cert), failed)
    assert not plain.came
    assert "without TLS" in log


@pytest.mark.parametrize("tls", [True, False])
def test_another_host_is_not_told_anything_before_the_server_has_proved_itself(folder, cert, sockets, tls):
    """The next messages still go where they went; the other host sees no connection at all."""
    other = sockets(never, cert if tls else None)

    def answer(said):
        first = len(true.came) == 1
        body = impostor.header(said, "401", b"nonce-of-mine-01") if first else impostor.header(said) + GET + RENAME
        return 200, {}, impostor.message(said, body, other.url)
    true = sockets(answer, cert if tls else None)
    run(folder, impostor.Place(true.url, cert if tls else None), ended)
    assert not other.came
    assert len(true.came) >= 3
    for said in true.came:
        assert not said.values()
    assert true.came[2].status("7")[0] == "407" and true.came[2].status("8")[0] == "407"


def test_a_server_that_has_proved_itself_may_name_another_host(folder, cert, sockets):
    def elsewhere(said):
        return 200, {}, impostor.message(said, impostor.header(said))
    other = sockets(elsewhere, cert)

    def answer(said):
        return 200, {}, impostor.message(said, impostor.header(said) + GET, other.url, b"server-nonce-001")
    true = sockets(answer, cert)
    run(folder, impostor.Place(true.url, cert), ended)
    assert [s.values() for s in other.came] == [{"./DevInfo/Mod": "Phone-1"}]


def test_the_same_host_may_give_each_session_a_path_of_its_own(folder, cert, sockets):
    def answer(said):
        if len(true.came) == 1:
            return 200, {}, impostor.message(said, impostor.header(said, "401", b"nonce-of-mine-01"), true.url + "?s=1")
        return 200, {}, impostor.message(said, impostor.header(said), true.url + "?s=1")
    true = sockets(answer, cert)
    run(folder, impostor.Place(true.url, cert), ended)
    assert [s.url for s in true.came] == ["/dm", "/dm?s=1"]
    assert true.came[1].cred == syncml.digest(*impostor.CLIENT, b"nonce-of-mine-01")


def test_who_has_not_proved_itself_gives_no_commands(folder, sockets):
    """Challenged, wrong credentials, challenged again, over: no value was told, nothing was changed."""
    def answer(said):
        return 200, {}, impostor.message(said, impostor.header(said) + GET + RENAME, nonce=b"some other nonce")
    true = sockets(answer)
    p = impostor.phone(folder, impostor.Place(true.url)).start()
    try:
        world.wait_for("the session to fail", lambda: failed(p.log()), 30)
    finally:
        p.stop()
    assert len(true.came) == 3
    assert true.came[1].status("0")[0] == "401"
    assert true.came[1].status("7")[0] == "401" and true.came[1].status("8")[0] == "401"
    assert b"stolen" not in (folder / "phone/state.db").read_bytes()


def test_an_account_does_not_lose_its_tls(folder, cert, sockets):
    """Not even the account's own server writes an address without TLS into it."""
    def answer(said):
        move = ('<Replace><CmdID>5</CmdID><Item><Target><LocURI>./DMAcc/dm.impostor.example/AppAddr/1/Addr</LocURI></Target>'
                '<Meta><Format xmlns="syncml:metinf">chr</Format></Meta><Data>http://127.0.0.1:1/dm</Data></Item></Replace>')
        body = impostor.header(said) + (move if len(true.came) == 1 else "")
        return 200, {}, impostor.message(said, body, nonce=b"server-nonce-001")
    true = sockets(answer, cert)
    run(folder, impostor.Place(true.url, cert), ended)
    assert true.came[1].status("5")[0] == "403"
    with sqlite3.connect(folder / "phone/state.db") as db:
        assert db.execute("select url from account").fetchall() == [(true.url,)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(folder, cert, sockets, status):
    plain = sockets(never)
    true = sockets(lambda said: (status, {"Location": plain.url}, b""), cert)
    log = run(folder, impostor.Place(true.url, cert), failed)
    assert not plain.came
    assert f"HTTP {status}" in log


def image(url, auth=None, size="1", sha="ab" * 32, name="evil"):
    """Commands that describe an image and start its download."""
    def leaf(n, leaf_name, value, fmt="chr"):
        return (f"<Replace><CmdID>{n}</CmdID><Item><Target><LocURI>./VMImages/{name}/{leaf_name}</LocURI></Target>"
                f'<Meta><Format xmlns="syncml:metinf">{fmt}</Format></Meta><Data>{value}</Data></Item></Replace>')
    add = (f'<Add><CmdID>10</CmdID><Item><Target><LocURI>./VMImages/{name}</LocURI></Target>'
           '<Meta><Format xmlns="syncml:metinf">node</Format></Meta></Item></Add>')
    start = (f"<Exec><CmdID>30</CmdID><Correlator>1</Correlator><Item><Target><LocURI>./VMImages/{name}/Operations/Download</LocURI></Target>"
             "</Item></Exec>")
    facts = [("ImageID", name), ("URL", url), ("HashAlg", "sha256"), ("Hash", sha)]
    facts += [("SizeKB", size, "int")] if size else []
    facts += [("Auth", auth)] if auth else []
    return add + "".join(leaf(11 + i, *f) for i, f in enumerate(facts)) + start


def download(folder, cert, sockets, url, auth=None):
    """What the true server hears of a download from `url`, until the agent has logged how it ended and answered the commands. Gives its log."""
    def answer(said):
        first = len(true.came) == 1
        return 200, {}, impostor.message(said, impostor.header(said) + (image(url, auth) if first else ""), nonce=b"server-nonce-001")
    true = sockets(answer, cert)
    log = run(folder, impostor.Place(true.url, cert), lambda log: "event=image " in log and len(true.came) > 1)
    assert true.came[1].status("10")[0] == "200" and true.came[1].status("30")[0]
    return log


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_download_does_not_follow_a_redirect(folder, cert, sockets, status):
    plain = sockets(never)
    store = sockets(lambda said: (status, {"Location": plain.url}, b""), cert)
    log = download(folder, cert, sockets, store.url, "Bearer secret-of-the-store")
    assert len(store.came) == 1 and not plain.came
    assert f"HTTP {status}" in log and "secret-of-the-store" not in log


def test_the_credential_of_a_download_does_not_leave_tls(folder, cert, sockets):
    store = sockets(lambda said: (404, {}, b""))
    log = download(folder, cert, sockets, store.url, "Bearer secret-of-the-store")
    assert not store.came
    assert "without TLS" in log and "secret-of-the-store" not in log


def test_a_download_without_a_size_is_not_begun(folder, cert, sockets):
    """It would end with the disk, and count for no quota."""
    store = sockets(lambda said: (200, {}, b"x" * 4096), cert)

    def answer(said):
        return 200, {}, impostor.message(said, impostor.header(said) + (image(store.url, size=None) if said.msg == "1" else ""),
                                         nonce=b"server-nonce-001")
    true = sockets(answer, cert)
    log = run(folder, impostor.Place(true.url, cert), lambda log: "event=image " in log and len(true.came) > 1)
    assert true.came[1].status("30")[0] == "1414" and "no size" in log
    assert not store.came


def test_the_body_of_a_redirect_is_none_of_the_image(folder, cert, sockets):
    """A portal in the way answers once; the next download is whole."""
    good = b"an image" * 100
    store = sockets(lambda said: (302, {"Location": "file:///etc/passwd"}, b"the portal") if len(store.came) == 1 else (200, {}, good), cert)
    again = ("<Exec><CmdID>40</CmdID><Correlator>2</Correlator><Item><Target><LocURI>./VMImages/evil/Operations/Download</LocURI></Target>"
             "</Item></Exec>")

    def answer(said):
        if said.msg == "2":
            world.wait_for("the portal's answer to be told", lambda: "HTTP 302" in phone.log(), 30)
        say = {"1": image(store.url, sha=hashlib.sha256(good).hexdigest()), "2": again}.get(said.msg, "")
        return 200, {}, impostor.message(said, impostor.header(said) + say, nonce=b"server-nonce-001" if said.msg == "1" else None)
    true = sockets(answer, cert)
    phone = impostor.phone(folder, impostor.Place(true.url, cert))
    phone.start()
    try:
        world.wait_for("the download to end", lambda: phone.log().count("event=image ") == 2, 30)
        assert "result=1200" in phone.log(), phone.log()
        assert all("Range" not in said.headers for said in store.came)
    finally:
        phone.stop()


def test_a_store_that_drips_holds_its_own_download_only(folder, cert, sockets):
    good, ended = b"an image" * 100, threading.Event()

    def drip(said):
        ended.wait(60 * world.PATIENCE)
        return 404, {}, b""
    slow, quick = sockets(drip, cert), sockets(lambda said: (200, {}, good), cert)

    def answer(said):
        if said.msg == "2":
            world.wait_for("the slow download to begin", lambda: slow.came, 30)
        say = {"1": image(slow.url), "2": image(quick.url, sha=hashlib.sha256(good).hexdigest(), name="good")}.get(said.msg, "")
        return 200, {}, impostor.message(said, impostor.header(said) + say, nonce=b"server-nonce-001" if said.msg == "1" else None)
    true = sockets(answer, cert)
    try:
        log = run(folder, impostor.Place(true.url, cert), lambda log: "event=image image=good" in log, 15)
    finally:
        ended.set()
    assert "image=good result=1200" in log and "image=evil" not in log
