# SPDX-License-Identifier: Apache-2.0
"""The console's forms for a device's tree: who may do what at a node, several commands as one, questions to the person at the device; in
Debian's Chromium, on a real server and a real agent."""
import os

import pytest

import test_console
import test_tree
import world
from test_console import playwright                     # noqa: F401  the fixture
from test_tree import CONFIG, INTERVAL, PHONE, PROGRESS, place, site   # noqa: F401  place and site are fixtures

HERE = f"#/devices/{world.quote(PHONE)}"
PICTURES = os.environ.get("CONSOLE_PICTURES")


@pytest.fixture
def browser(folder, playwright, place):  # noqa: F811
    b = test_console.Browser(folder, playwright, place.server)
    b.login()
    yield b
    b.end()


def open_node(browser, name):
    browser.go("#/devices")
    browser.see("h1", "Devices")
    browser.go(f"{HERE}/tree?uri={CONFIG}")
    browser.click(".node button", name)
    browser.see(".about h2", "")


def readable(browser, name):
    """Nothing too wide, too faint or without a name, in both schemes and on a phone."""
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)):
        browser.look({"width": width, "scheme": scheme})
        what = f"{name} ({scheme}, {width})"
        if PICTURES:
            browser.shot(f"{PICTURES}/{name}-{scheme}-{width}.png")
        browser.readable(what, troubles=True)
    browser.look({"width": 1440, "scheme": "light"})


def latest(place):  # noqa: F811
    newest = place.server.get(place.base + "/operations?limit=1")["items"]
    return place.server.get(f"/operations/{newest[0]['id']}") if newest else {"id": 0}


def tick(right, who):
    return f'.rights input[aria-label="{right} for {who}"]'


def ticked(browser, *rights, but=()):
    """Waits until each of `rights`, (right, who), is ticked, and none of `but`."""
    state = "(r) => document.querySelector(r)?.checked"
    browser.until(f"{rights} ticked, {but} not", lambda: all(browser.evaluate(f"({state})({tick(*one)!r})") is want
                                                            for all_, want in ((rights, True), (but, False)) for one in all_))


def focused(browser, label):
    browser.until(f'the focus on "{label}"', lambda: browser.evaluate("document.activeElement.ariaLabel") == label)


def test_rights_are_seen_and_changed_at_a_node(place, browser):  # noqa: F811
    open_node(browser, "ProgressMinS")
    browser.click(".about button", "Access rights…")
    browser.see('[aria-label="Access rights"]', f"Inherited from {CONFIG}", 30)
    browser.see(".rights th", f"{world.SERVER_ID}(this authority)".replace("(", " ("))
    ticked(browser, ("Get", "everybody"), ("Replace", world.SERVER_ID), but=[("Replace", "everybody")])
    # Everybody may read it: one server alone cannot lose that.
    browser.see(tick("Get", world.SERVER_ID) + ":disabled")
    browser.click(tick("Get", "everybody"))
    ticked(browser, ("Get", world.SERVER_ID))                   # we would lose it too
    browser.fill('[aria-label="Another server\'s identifier"]', "dm.operator.example")
    browser.click("button", "Add a server")
    browser.click(tick("Get", "dm.operator.example"))
    browser.see(".hint", "Takes Get: everybody")
    readable(browser, "rights")
    browser.click('[data-act="rights"]')
    browser.see('[aria-label="Access rights"]', "Its own list.", 30)
    op = latest(place)
    assert op["command"] == "acl" and op["revoke"] == {"Get": ["*"]}, op
    assert op["grant"] == {"Get": [world.SERVER_ID, "dm.operator.example"]}, op
    assert place.value(PROGRESS + "?prop=ACL") == f"Get={world.SERVER_ID}+dm.operator.example&Replace={world.SERVER_ID}"
    ticked(browser, ("Get", "dm.operator.example"), but=[("Get", "everybody")])

    # A list that names somebody beside everybody: who is not unticked keeps it.
    place.run("replace", PROGRESS + "?prop=ACL", f"Get=*+x.example&Replace={world.SERVER_ID}")
    browser.click("button", "Read again")
    browser.see(".rights th", "x.example", 30)
    browser.click(tick("Get", "everybody"))
    browser.click('[data-act="rights"]')
    browser.gone(".hint", "Takes Get", 30)
    ticked(browser, ("Get", "x.example"), ("Get", world.SERVER_ID))
    assert set(place.value(PROGRESS + "?prop=ACL").split("&")[0][4:].split("+")) == {"x.example", world.SERVER_ID}

    # What we would take from ourselves is refused in words, and done only when we insist.
    browser.click(tick("Get", world.SERVER_ID))
    browser.click('[data-act="rights"]')
    browser.see('[aria-label="Access rights"] .why', "would take Get from itself", 30)
    ticked(browser, but=[("Get", world.SERVER_ID)])             # what was ticked is still there
    readable(browser, "rights-refused")
    browser.click("button", "Do it all the same…")
    browser.see("dialog", "Take it from this authority too?")
    browser.click("dialog [data-yes]")
    browser.see('[aria-label="Access rights"] .badge', "verified", 30)
    assert latest(place)["force"] is True
    browser.go(f"#/operations/{latest(place)['id']}")
    browser.see(".facts", f"Get={world.SERVER_ID}")
    # It may not be read back any more: what was written is what holds.
    browser.until("the rights as they were written", lambda: [t.split() for t in browser.texts(".rights tbody tr")[:2]] ==
                  [["Get", "no", "yes", "no"], ["Replace", "no", "no", "yes"]])
    browser.see(".commands li", f"{PROGRESS}?prop=ACL")
    readable(browser, "rights-operation")
    assert browser.problems() == []


def test_several_commands_are_put_together_and_followed(place, browser):  # noqa: F811
    open_node(browser, "KPIIntervalS")
    browser.click("button", "Several as one…")
    browser.see("#several", "Several commands as one")
    browser.see(".empty", "No commands yet")

    # One from a node's panel, two typed; ordered, edited, one taken away.
    browser.fill("#node-value", "64")
    browser.click(".about button", "Write")
    browser.see(".commands li", INTERVAL)
    browser.click("button", "Read now")
    for command, uri, fmt in (("add", "./VMImages/console", "node"), ("delete", "./VMImages/never", None)):
        browser.click("section .row button", "Add…")
        browser.choose("#ask-command", command)
        browser.fill("#ask-uri", uri)
        if fmt:
            browser.choose("#ask-format", fmt)
        browser.click("dialog [data-yes]")
        browser.see(".commands li", uri)
        browser.gone("dialog", "")
    browser.until("four commands", lambda: browser.count(".commands li") == 4)
    readable(browser, "several")

    # An Atomic cannot read: the server says so before anything is sent, at the command that is to blame.
    before = latest(place)["id"]
    browser.click("button", "Ask for 4 commands")
    browser.see(".commands li:nth-child(2).refused", "an Atomic cannot contain get")
    assert latest(place)["id"] == before
    readable(browser, "several-refused")
    browser.click('[aria-label="Remove command 2"]')
    browser.gone(".refused", "")
    focused(browser, "Remove command 2")
    browser.click('[aria-label="Edit command 3"]')
    browser.choose("#ask-command", "replace")
    browser.fill("#ask-uri", PROGRESS)
    browser.fill("#ask-data", "9")
    browser.choose("#ask-format", "int")
    browser.click("dialog [data-yes]")
    browser.see(".commands li", PROGRESS)
    browser.click('[aria-label="Move command 3 up"]')
    focused(browser, "Move command 2 up")
    browser.until("the new order", lambda: [t.split()[1] for t in browser.texts(".commands .what")] == [INTERVAL, PROGRESS, "./VMImages/console"])

    # It outlasts a look at another page.
    browser.go(f"{HERE}/operations")
    browser.see(".tabs a[aria-current]", "Operations")
    browser.go(f"{HERE}/tree?uri={CONFIG}")
    browser.see("button", "Ask for 3 commands")
    place.run("replace", PROGRESS + "?prop=ACL", f"Get=*&Replace={world.SERVER_ID}")
    browser.click("button", "Ask for 3 commands")
    browser.see(".asked .badge", "verified", 30)
    browser.until("three times 200", lambda: [t.split()[0] for t in browser.texts(".asked .commands .status")] == ["200"] * 3)
    op = latest(place)
    assert op["command"] == "atomic" and place.value(INTERVAL) == "64" and place.value(PROGRESS) == "9", op

    # The same again: the node is there now, all of it is undone, and each command says what became of it.
    browser.click("button", "Use these again")
    browser.click("button", "Ask for 3 commands")
    browser.see(".asked .badge", "failed", 30)
    browser.see(".asked .commands li", "418 already exists")
    browser.see(".asked .commands li", "216 rolled back")
    readable(browser, "several-failed")
    browser.click(".asked a", "Atomic")
    browser.see(".commands li", "418 already exists")
    browser.see("h1", "Atomic")
    readable(browser, "several-operation")
    place.run("delete", "./VMImages/console")
    assert [p for p in browser.problems() if "status of 400" not in p] == []


def test_a_sequence_may_ask_the_person(place, browser):  # noqa: F811
    place.says(1)
    open_node(browser, "KPIIntervalS")
    browser.click("button", "Several as one…")
    browser.click("button", "Sequence")
    browser.click(".about button", "Read now")
    browser.click("section .row button", "Add…")
    browser.choose("#ask-command", "confirm")
    browser.fill("#ask-text", "Change it?")
    browser.fill("#ask-most", "30")
    browser.click("dialog [data-yes]")
    browser.see(".commands li", "Change it?")
    browser.fill("#node-value", "98")
    browser.click(".about button", "Write")
    before = place.value(INTERVAL)
    browser.click("button", "Ask for 3 commands")
    browser.see(".asked .badge", "failed", 30)
    browser.see(".asked .answer", "The person said no")
    browser.see(".asked .commands li", "215 not executed")
    assert latest(place)["commands"][1]["data"] == "MAXDT=30\nChange it?" and place.value(INTERVAL) == before
    readable(browser, "sequence")
    assert browser.problems() == []


def test_the_person_is_asked_and_the_answer_is_shown(place, browser):  # noqa: F811
    def ask(command, text, **fields):
        browser.click("button", "Prompt user…")
        browser.choose("#ask-command", command)
        browser.fill("#ask-text", text)
        for name, value in fields.items():
            (browser.choose if name in ("accept", "kind", "echo") else browser.fill)(f"#ask-{name}", value)
        if command == "input":
            readable(browser, "question")
        browser.click("dialog [data-yes]")
        browser.gone("dialog", "")

    browser.go(f"{HERE}/tree")
    browser.see("button", "Prompt user…")
    place.says(0)
    ask("display", "Maintenance tonight", least="5")
    browser.see(".asked .answer", "It was shown", 30)
    assert latest(place)["data"] == "MINDT=5\nMaintenance tonight"
    ask("confirm", "Restart now?", accept="1", most="60")
    browser.see(".asked .answer", "The person said yes", 30)
    assert latest(place)["data"] == "MAXDT=60&DR=1\nRestart now?"
    place.says(0, "Ada Lovelace")
    ask("input", "Your name?", initial="A B", length="20")
    browser.see(".asked .answer", "The person wrote: Ada Lovelace", 30)
    assert latest(place)["data"] == "DR=A+B&MAXLEN=20\nYour name?"
    place.says(0, "1\n3\n")
    ask("choices", "Which?", choices="mail\ncalendar\n\nVPN", picked="1, 2", most="60")
    browser.see(".asked .answer", "The person chose: mail, VPN", 30)
    assert latest(place)["data"] == "MAXDT=60&DR=1-2\nWhich?\nmail\ncalendar\nVPN"
    place.says(2)
    ask("choice", "Which one?", choices="a\nb")
    browser.see(".asked .answer", "The person cancelled", 30)
    readable(browser, "answers")
    browser.click(".asked a", "Prompt user: Which one? (a, b)")
    browser.see(".facts", "The person cancelled")
    browser.see(".facts", "1 a, 2 b")
    readable(browser, "question-operation")

    # From the device's menu; what was asked for as a password is not shown to who looks over one's shoulder.
    place.says(0, "1234")
    browser.go(HERE)
    browser.click(".head .menu button", "More")
    browser.click(".menu-list button", "Prompt user…")
    browser.choose("#ask-command", "input")
    browser.fill("#ask-text", "Your PIN?")
    browser.choose("#ask-echo", "P")
    browser.choose("#ask-kind", "N")
    browser.click("dialog [data-yes]")
    browser.see("h1", "Prompt user: Your PIN?")
    browser.see(".facts summary", "The person wrote what is hidden", 30)
    browser.until("the PIN to be hidden", lambda: "1234" not in browser.text("main"))
    browser.click(".facts summary")
    browser.see(".facts code", "1234")
    assert latest(place)["data"] == "IT=N&ET=P\nYour PIN?"
    assert browser.problems() == []
