# SPDX-License-Identifier: Apache-2.0
"""The console in Debian's Chromium: what a person sees and does, on a real server, a real phone and a real VM."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import syncml
import test_descriptions
import world

HERE = pathlib.Path(__file__).resolve().parent / "console"


@pytest.fixture(scope="session")
def playwright():
    """The folder with playwright-core, fetched once for each version of the lock file. It brings no browser; Debian's is used."""
    want = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = world.CACHE / f"playwright-{want}"
    with world.alone("playwright"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=folder, check=True, timeout=300)
            (folder / "done").touch()
        subprocess.run([world.ROOT / "deploy/webui.sh"], check=True, timeout=300)
    return folder


def _none(found):
    """True, or what there is: the failure names it."""
    return found == [] or _Found(found)


class _Found(list):
    def __bool__(self):
        return False


class Browser:
    def __init__(self, folder, playwright, server):
        chromium = shutil.which("chromium")
        assert chromium, "Debian's package chromium is not installed"
        self.server, self.profile = server, folder / "browser"
        self.errors = open(folder / "browser.log", "wb")
        self.p = subprocess.Popen(["node", HERE / "drive.mjs", playwright, chromium, self.profile, server.url, str(1000 * world.PATIENCE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=self.errors, text=True, env=dict(os.environ, PWDEBUG="0"))
        self.log = folder / "browser.log"
        self._answer("start")

    def _answer(self, what):
        line = self.p.stdout.readline()
        assert line, f"the browser ended at {what}: {self.log.read_text(errors='replace')[-3000:]}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["ok"]

    def __getattr__(self, order):
        def call(*args):
            self.p.stdin.write(json.dumps([order, *args]) + "\n")
            self.p.stdin.flush()
            return self._answer(order)
        return call

    def until(self, what, condition, seconds=10):
        """What the page shows a moment after something else: waited for, never read once. A failure shows the page."""
        try:
            return world.wait_for(what, condition, seconds)
        except AssertionError as err:
            raise AssertionError(f"{err}\npage: {self.evaluate('location.href')}\n{self.text('body')[:3000]}") from None

    def quiet(self):
        """Every load of the page that is open is over."""
        self.until("the page to have loaded", lambda: self.evaluate("!document.querySelector('[aria-busy=true]')"), 30)

    def login(self, token=None):
        self.open("/")
        self.fill("#token", token or self.server.token)
        self.press("Enter")
        self.see("header.top")
        self.see(".live", "Live")
        self.evaluate("window.sameDocument = true")

    def readable(self, what, troubles=False):
        """Nothing too wide, too faint or without a name, and no trouble where none is looked for."""
        self.until(f"{what}: no trouble", lambda: troubles or self.count(".trouble") == 0)
        self.until(f"{what}: not too wide", lambda: self.overflow() <= 0)
        self.until(f"{what}: nothing too faint", lambda: _none(self.faint()))
        self.until(f"{what}: everything with a name", lambda: _none(self.nameless()))

    def never_reloaded(self):
        return self.evaluate("window.sameDocument === true")

    def end(self):
        self.p.stdin.close()
        try:
            self.p.wait(20 * world.PATIENCE)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.errors.close()


@pytest.fixture
def browser(folder, playwright, server):
    b = Browser(folder, playwright, server)
    yield b
    b.end()


def name_of(device):
    return f'tr[data-device="{device}"]'


def test_an_admin_sees_a_vm_come_up_locks_it_and_reads_its_figures(server, phone, browser):
    here = f"#/devices/{world.quote(phone.name)}"
    browser.login()
    browser.see(".verdict", "All is well")
    browser.go("#/devices")
    browser.see(name_of(phone.name), "settled")
    browser.see(name_of(phone.name), "none")

    # A policy applied elsewhere: the row changes while one looks at it.
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    browser.see(f'{name_of(phone.name)} [data-vm="corp"]', "Running", 90)
    server.wait_vm(phone.name, "corp", state=50)
    browser.see(name_of(phone.name), "settled", 30)

    # Locked by clicking, seen as locked when the device has reported it.
    browser.click(f"{name_of(phone.name)} a[data-row]")
    browser.see('[data-vm="corp"]', "verified")
    browser.click('[data-vm="corp"] [data-act="lock"]')
    browser.see("dialog", "Lock corp on")
    browser.type("Lost phone")
    browser.press("Enter")
    browser.see(".toast", "Lock of corp: requested")
    browser.see('[data-vm="corp"] .badge', "Locked", 60)
    assert server.vm(phone.name, "corp")["locked"]
    operation = server.get(f"/devices/{world.quote(phone.name)}/operations")["items"][0]
    assert operation["kind"] == "lock" and operation["args"] == {"msg": "Lost phone"} and operation["createdBy"] == "tests"
    browser.go(here + "/operations")
    browser.see(f'[data-operation="{operation["id"]}"]', "verified", 30)
    browser.click(f'[data-operation="{operation["id"]}"] a[data-row]')
    browser.see(".steps li", "queued")
    browser.see(".steps li", "verified")

    # Its page: figures with units and charts that move.
    browser.go(here + "/vms/corp")
    browser.see("h1", "Corporate workspace")
    browser.click('[data-act="unlock"]')
    browser.gone(".head .badge", "Locked", 60)
    browser.see(".head .badge", "Running", 60)
    browser.see(".figures .figure", "CPU", 30)
    browser.see(".figures .figure", "Up for")
    browser.see(".figures .figure", "MiB", 30)
    browser.see('[data-chart="CPU"] canvas', "", 30)
    browser.until("the chart to be drawn", lambda: browser.evaluate("(() => { const c = document.querySelector('[data-chart=\"CPU\"] canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                            " return d.some((v) => v !== 0); })()"))
    sampled = browser.evaluate("document.querySelector('#figures').closest('section').querySelector('time').dateTime")
    server.call("POST", f"/devices/{world.quote(phone.name)}/operations", expect=202, json={"kind": "collectAll"})
    world.wait_for("a newer sample on the page", lambda: browser.evaluate("document.querySelector('#figures').closest('section').querySelector('time').dateTime") > sampled, 60)
    for name in ("1 h", "1 d"):
        browser.click(".chips button", name)
        browser.see('[data-chart="CPU"] canvas')

    # What a policy keeps cannot be undone by a button, and the page says why.
    browser.click('[data-act="shutdown"]')
    browser.click("dialog [data-yes]")
    browser.see("dialog .trouble", "corporate-workspace")
    browser.see("dialog .trouble", "409")
    browser.press("Escape")
    browser.gone("dialog")

    assert browser.never_reloaded()
    assert [p for p in browser.problems() if "status of 409" not in p] == []


def test_the_keyboard_is_enough(server, browser):
    for n in range(3):
        server.register(f"IMEI:00101000000001{n}", {"department": "sales" if n < 2 else "field"})
    browser.open("/")
    browser.see("#token")
    browser.type(server.token)
    browser.press("Enter")
    browser.see("header.top")

    browser.press("g", "d")
    browser.see("h1", "Devices")
    browser.see(name_of("IMEI:001010000000012"))
    browser.press("j")
    browser.until("the focus on the first row", lambda: "IMEI%3A001010000000010" in browser.focus())
    browser.press("j", "ArrowDown", "k")
    browser.until("the focus on the second row", lambda: "IMEI%3A001010000000011" in browser.focus())
    browser.press("Enter")
    browser.see("h1", "IMEI:001010000000011")
    browser.press("]")
    browser.see(".tabs a[aria-current]", "Operations")
    browser.press("[", "[")
    browser.see(".tabs a[aria-current]", "Details")
    browser.press("u")
    browser.see("h1", "Devices")

    # Filter by word and by selector; errors are said; the list follows.
    browser.press("/")
    browser.type("0012")
    browser.gone(name_of("IMEI:001010000000010"))
    browser.see(name_of("IMEI:001010000000012"))
    browser.see("#filter-hint", "contains 0012")
    browser.fill("[data-filter]", 'label.department == "sales"')
    browser.gone(name_of("IMEI:001010000000012"))
    browser.until("two rows", lambda: browser.count("tr[data-device]") == 2)
    browser.fill("[data-filter]", "label.department ==")
    browser.see(".trouble", "column 20")
    browser.fill("[data-filter]", "")
    browser.see(name_of("IMEI:001010000000012"))
    browser.press("Escape", "?")
    browser.see("dialog", "to the filter")
    browser.press("Escape")
    browser.gone("dialog")

    # A device that is registered elsewhere appears.
    server.register("IMEI:001010000000019")
    browser.see(name_of("IMEI:001010000000019"))
    browser.press("g", "p")
    browser.see("h1", "Policies")
    assert [p for p in browser.problems() if "status of 400" not in p] == []


def test_a_wrong_token_and_a_login_that_ends_are_said(server, browser):
    browser.open("/")
    browser.fill("#token", "dmv_" + "x" * 36)
    browser.press("Enter")
    browser.see("dialog.login .trouble", "401")
    browser.see("dialog.login .trouble .copy", "Copy error")

    made = server.call("POST", "/tokens", expect=201, json={"name": "kim", "role": "operator"}).json()
    browser.fill("#token", made["token"])
    browser.press("Enter")
    browser.see(".who", "kim")
    browser.go("#/policies/new")
    browser.fill(".editor textarea", "a draft that must not be lost")
    server.call("DELETE", f"/tokens/{made['id']}", expect=204)
    browser.see("dialog.login", "Your login is over", 60)
    again = server.call("POST", "/tokens", expect=201, json={"name": "kim", "role": "operator"}).json()
    browser.fill("#token", again["token"])
    browser.press("Enter")
    browser.gone("dialog.login")
    browser.until("the draft", lambda: browser.value(".editor textarea") == "a draft that must not be lost")
    browser.see(".live", "Live", 30)

    # A viewer is not offered what would be refused; after logging out nothing is left.
    viewer = server.call("POST", "/tokens", expect=201, json={"name": "lee", "role": "viewer"}).json()
    browser.click(".who button", "Log out")
    browser.fill("#token", viewer["token"])
    browser.press("Enter")
    browser.see(".who", "lee")
    browser.go("#/devices")
    browser.see("h1", "Devices")
    browser.quiet()
    browser.until("nothing that a viewer may not do", lambda: browser.count(".primary") == 0 and "Audit" not in browser.text("header nav"))
    browser.click(".who button", "Log out")
    browser.see("#token")
    browser.reload()
    browser.see("#token")
    assert [p for p in browser.problems() if "status of 401" not in p and "status of 422" not in p] == []


def test_a_lost_server_is_said_and_found_again(server, browser):
    server.register("IMEI:001010000000010")
    browser.login()
    browser.go("#/devices")
    browser.see(name_of("IMEI:001010000000010"))
    server.stop()
    browser.see(".live", "Not live", 20)
    browser.see(name_of("IMEI:001010000000010"))
    server.start()
    browser.see("dialog.login", "Your login is over", 60)       # logins live in memory
    browser.fill("#token", server.token)
    browser.press("Enter")
    browser.see(".live", "Live", 30)
    server.register("IMEI:001010000000011")
    browser.see(name_of("IMEI:001010000000011"))
    assert browser.never_reloaded()


def test_what_is_wrong_with_the_server_itself_is_said(server, browser):
    browser.login()
    browser.gone(".health")
    file, away = server.dir / "dmvisor.db", server.dir / "away.db"
    os.rename(file, away)
    browser.see(".health", "moved, removed or replaced", 60)
    os.rename(away, file)
    browser.gone(".health", "moved", 60)
    assert browser.never_reloaded()


def test_policies_and_images_by_hand(server, folder, browser):
    server.register("IMEI:001010000000010", {"department": "sales"})
    image = folder / "corp-linux-1.0.0.tar"
    shutil.copy(world.guest(), image)
    browser.login()
    browser.go("#/images")
    browser.files("#image-file", str(image))
    browser.until("the file's name to be taken apart",
                  lambda: [browser.value(f"#image-{f}") for f in ("name", "version", "format")] == ["corp-linux", "1.0.0", "bundle"])
    browser.click("button", "Upload")
    browser.see("table", "corp-linux:1.0.0", 30)

    # A mistake is pointed at while it is typed, what it would do is shown beside it.
    browser.go("#/policies/new")
    browser.fill(".editor textarea", world.policy().lstrip().replace("vcpus: 1", "vcpus: many"))
    browser.see(".trouble", "line 14")
    browser.see(".numbers .bad", "14")
    browser.fill(".editor textarea", world.policy().lstrip())
    browser.see("[role=status]", "in order")
    browser.see("#consequences ~ *, section", "1 device affected")
    browser.see(".plan li, .empty", "")
    browser.click("summary", "The exact next message")
    browser.see("pre", "<SyncML")
    browser.click("button", "Apply")
    browser.click("dialog [data-yes]")
    browser.see("h1", "corporate-workspace")
    browser.see("pre", "kind: VmPolicy")
    assert server.get("/policies/corporate-workspace")["revision"] == 1

    # A second revision, its difference, its devices; somebody else's change in between is not overwritten.
    browser.click("a.button", "Edit")
    browser.see(".editor textarea")
    browser.fill(".editor textarea", world.policy(vcpus=2).lstrip())
    browser.see("[role=status]", "in order")
    server.apply(world.policy(memory="256Mi"))
    browser.click("button", "Apply")
    browser.click("dialog [data-yes]")
    browser.see("dialog .trouble", "412")
    browser.press("Escape")
    browser.go("#/policies/corporate-workspace/revisions")
    browser.click("button[data-row]", "2")
    browser.see(".diff .added", "max: 256Mi")
    browser.see(".diff .removed", "max: 192Mi")

    # Used images stay.
    browser.go("#/images")
    browser.click("button", "Delete…")
    browser.click("dialog [data-yes]")
    browser.see("dialog .trouble", "409")
    assert [p for p in browser.problems() if not any(f"status of {n}" in p for n in (409, 412, 422))] == []


def test_a_device_is_registered_labelled_called_and_forgotten(server, browser):
    browser.login()
    browser.go("#/devices")
    browser.click("button", "Register")
    browser.fill("#ask-id", "IMEI:001010000000055")
    browser.fill("#ask-labels", "department=sales\noffice=Hamburg")
    browser.click("dialog [data-yes]")
    browser.see("dialog", "is registered")
    account = json.loads(browser.text("dialog pre"))
    assert account["clientName"] and account["url"].endswith("/" + world.AUTHORITY)
    browser.click("dialog [data-yes]")
    browser.click(f"{name_of('IMEI:001010000000055')} a[data-row]")
    browser.see(".why", "has not connected yet")
    browser.click(".labels button", "Edit")
    browser.fill("#ask-labels", "department=field")
    browser.click("dialog [data-yes]")
    browser.see(".label", "department=field")
    browser.gone(".label", "office=Hamburg")
    assert server.get("/devices/" + world.quote("IMEI:001010000000055"))["labels"] == {"department": "field"}
    browser.click("[data-act=notification]")
    browser.see(".toast, .trouble", "")
    browser.click(".head .menu button", "More")
    browser.click(".menu-list button", "Forget")
    browser.click("dialog [data-yes]")
    browser.see("h1", "Devices")
    browser.gone(name_of("IMEI:001010000000055"))
    browser.go("#/access")
    browser.click("button", "New token")
    browser.fill("#ask-name", "kim")
    browser.choose("#ask-role", "auditor")
    browser.click("dialog [data-yes]")
    browser.see("dialog pre", "dmv_")
    kim = browser.text("dialog pre").strip()
    assert server.call("GET", "/whoami", expect=200, headers={"Authorization": f"Bearer {kim}"}).json()["role"] == "auditor"
    browser.click("dialog [data-yes]")
    browser.see("tr", "kim")
    browser.go("#/audit")
    browser.see("table", "device.delete")
    browser.click("button", "Check the chain")
    browser.see(".badge", "none altered")
    # 409: it cannot be called. 404: the event that it is forgotten may come before the answer that has the page left.
    assert [p for p in browser.problems() if "status of 409" not in p and "status of 404" not in p] == []


def test_an_engineer_looks_inside(server, phone, browser):
    here = f"#/devices/{world.quote(phone.name)}"
    browser.login()
    browser.go(here)
    browser.click(".head .menu button", "More")
    browser.click(".menu-list button", "Record all its sessions")
    browser.see(".strip", "all its sessions are recorded")

    # The tree, what its description says of a node, a value changed there; a bad one is refused in the server's words.
    browser.go(here + "/tree?uri=./Virtualization/Config")
    browser.click(".node button", "KPIIntervalS")
    browser.see(".about", "0 to 86400")
    browser.see(".about", "read, write")
    browser.fill("#node-value", "-4")
    browser.click(".about button", "Write")
    browser.see(".about .trouble", "allowed is 0 to 86400")
    browser.fill("#node-value", "33")
    browser.click(".about button", "Write")
    browser.see(".asked", "verified", 30)
    browser.gone(".about .trouble")
    browser.see(".node.here", "33", 30)
    browser.click(".node button", "StateAlerts")
    browser.choose("#node-value", "2")
    browser.click(".about button", "Write")
    browser.see(".asked", "verified", 30)
    browser.see(".node.here", "2 all", 30)
    browser.choose('[aria-label="Property"]', "Type")
    browser.click(".about button", "Read property")
    browser.see(".asked", "text/plain", 30)
    browser.reload()
    browser.see(".about h2", "StateAlerts")

    # What was said in the session that did it: as XML, in words, as octets; why, and what was answered to it.
    browser.go(here + "/sessions")
    browser.see("tr", "recorded")
    browser.click("td a", "")
    browser.see("h1", "Session")
    browser.see("#message-1 .in pre", "<SyncBody>")
    browser.see("#message-1 .decided", "The first message of the session")
    browser.see(".decisions li", "200")
    browser.see(".decisions li", "StateAlerts")
    browser.click("button", "In words")
    browser.see("#message-1 .in pre", "SyncML 1.2")
    browser.click("button", "Bytes")
    browser.see("#message-1 .in pre", "00000  0")
    browser.see(".command", "dmtool replay session-")
    n = browser.evaluate("location.hash").split("/")[-1]
    earlier = [s["id"] for s in server.get(f"/devices/{world.quote(phone.name)}/sessions?recorded=true")["items"] if s["id"] < int(n)][0]
    browser.choose("label.inline select", str(earlier))
    browser.see(".diff .added", "<Item>")
    browser.press("u")
    browser.see(".tabs a[aria-current]", "Sessions")
    browser.go(here + "/preview")
    browser.see(".empty, .plan", "")
    assert [p for p in browser.problems() if "status of 422" not in p] == []


def test_a_refused_phone_is_found_from_the_overview_of_sessions(server, browser):
    name = "IMEI:001010000000099"
    client = syncml.Client(server.register(name), name)
    client.http.verify = server.ca
    client.begin()
    for _ in range(6):
        nonce = client.say(client.package1(), password="wrong").nonce()
        client.nonce = nonce or client.nonce
    world.wait_for("the session to be over", lambda: server.get("/sessions?outcome=failed")["items"], 30)
    browser.login()
    browser.see(".verdict", "1 device failed to authenticate")
    browser.see(".troubles li", "wrong credentials")
    browser.press("g", "s")
    browser.see("h1", "Sessions")
    browser.click(".chips a", "Broken off")
    browser.see(".empty", "No session was broken off")
    browser.click(".chips a", "Failed")
    browser.see("tr", "wrong credentials")
    browser.click("td a[data-row]", "")
    browser.see(".why", "wrong credentials")
    browser.click("button", "Record this device")         # of who has proved nothing no message is kept
    browser.see("button[aria-pressed=true]", "Records this device")
    assert server.get(f"/devices/{world.quote(name)}")["record"] is True
    assert browser.problems() == []


def test_a_vendors_description_is_uploaded_or_its_mistake_is_shown(server, folder, browser):
    server.register("IMEI:001010000000010")
    (folder / "radio.ddf").write_text(test_descriptions.ddf(3, "What it does."), encoding="utf-8")
    (folder / "broken.ddf").write_text("<MgmtTree>\n<VerDTD>1.2</VerDTD>\n<Node>\n</MgmtTree>\n")
    browser.login()
    browser.press("g", "e")
    browser.see(".empty", "No vendor's description")
    browser.files("#ddf-file", str(folder / "broken.ddf"))
    browser.until("the file's name", lambda: browser.value("#ddf-name") == "broken")
    browser.click("button", "Upload")
    browser.see(".trouble", "line 4")
    browser.see(".excerpt .removed", "4  </MgmtTree>")
    browser.files("#ddf-file", str(folder / "radio.ddf"))
    browser.until("the file's name", lambda: browser.value("#ddf-name") == "radio")
    browser.click("button", "Upload")
    browser.see("tr", "urn:acme:mo:radio:1.0")
    browser.click("tr a", "radio")
    browser.see(".tree .node", "S2")
    browser.see(".tree .node", "[0-3]")
    browser.see(".facts", "1 device")

    # From now on a form is made from it, and what it does not allow is not sent.
    r = server.call("POST", "/devices/IMEI%3A001010000000010/operations",
                    json={"kind": "tree", "command": "replace", "uri": "./Vendor/Radio/S1", "format": "int", "data": "7"})
    assert r.status_code == 422
    browser.click("button", "Take away")
    browser.click("dialog [data-yes]")
    browser.see(".empty", "No vendor's description")
    assert [p for p in browser.problems() if "status of 422" not in p] == []


PAGES = ["", "devices", "devices/{d}", "devices/{d}/operations", "devices/{d}/preview", "devices/{d}/desired", "devices/{d}/tree?uri=.", "devices/{d}/tree?node=./DevInfo", "devices/{d}/sessions",
         "devices/{d}/sessions/1", "sessions", "sessions?show=failed", "sessions/calls", "descriptions",
         "devices/{d}/facts", "devices/{d}/vms/corp", "operations", "operations/1", "policies", "policies/corporate-workspace", "policies/corporate-workspace/devices",
         "policies/corporate-workspace/revisions", "policies/corporate-workspace/edit", "policies/new", "images", "audit", "access"]


def test_every_page_is_readable_light_dark_and_narrow(server, phone, browser):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    server.register("IMEI:001010000000055", {"department": "sales"}, "127.0.0.1:9")
    server.wait_vm(phone.name, "corp", state=50)
    browser.login()
    pictures = os.environ.get("CONSOLE_PICTURES")
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        browser.look({"width": width, "scheme": scheme})
        for page in PAGES:
            browser.go("#/" + page.format(d=world.quote(phone.name)))
            browser.see("h1, .sr-title", "")
            browser.quiet()
            what = f"{page or 'overview'} ({scheme}, {width})"
            browser.readable(what)
            if pictures:
                browser.shot(f"{pictures}/{(page.split('?')[0] or 'overview').replace('{d}', 'device').replace('/', '-')}-{scheme}-{width}.png")
    assert browser.problems() == []
