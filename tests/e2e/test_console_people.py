# SPDX-License-Identifier: Apache-2.0
"""What people meet in the console: two authorities, a search, a text that is not applied yet, the login; in Debian's Chromium."""
import os

import pytest

import world
from test_console import browser, name_of, playwright    # noqa: F401  fixtures

PICTURES = os.environ.get("CONSOLE_PICTURES")


@pytest.fixture
def two(server):
    """A second authority beside the first, and one device name that both know."""
    server.call("POST", "/authorities", expect=201, json={"name": "telco", "serverId": "dm.telco.example", "owner": "operator"})
    for authority in (world.AUTHORITY, "telco"):
        server.call("POST", "/devices", expect=201, json={"id": "IMEI:001010000000001", "authority": authority, "title": f"Phone of {authority}"})
    return server


def look(browser, name):  # noqa: F811
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        browser.look({"width": width, "scheme": scheme})
        if PICTURES:
            browser.shot(f"{PICTURES}/{name}-{scheme}-{width}.png")
        browser.readable(f"{name} ({scheme}, {width})", troubles=True)
    browser.look({"width": 1280, "scheme": "light"})


def test_who_may_use_two_authorities_says_which_one_is_meant(two, browser):  # noqa: F811
    browser.login()
    browser.go("#/devices")
    browser.until("both devices", lambda: browser.count("tr[data-device]") == 2)
    look(browser, "two-authorities")

    # What both have is asked for once.
    browser.click("tr[data-device] a[data-row]", "Phone of telco")
    browser.see(".trouble", "Which authority?")
    look(browser, "which-authority")
    browser.click(".choices button", "Use telco")
    browser.see("h1", "Phone of telco")
    browser.reload()                                        # remembered
    browser.see("h1", "Phone of telco")
    browser.choose("#authority", world.AUTHORITY)
    browser.see("h1", f"Phone of {world.AUTHORITY}")
    browser.choose("#authority", "")
    browser.go("#/devices")
    browser.until("both devices again", lambda: browser.count("tr[data-device]") == 2)

    # A new device and a new policy are somebody's: both ask.
    browser.click("button", "Register")
    browser.fill("#ask-id", "IMEI:001010000000002")
    browser.choose("#ask-authority", "telco")
    browser.click("dialog [data-yes]")
    browser.see("dialog", "is registered")
    browser.click("dialog [data-yes]")
    assert two.get("/devices/IMEI%3A001010000000002")["authority"] == "telco"
    browser.go("#/policies/new")
    browser.choose("#policy-authority", "telco")
    browser.fill(".editor textarea", world.policy(state="absent").lstrip())
    browser.see("[role=status]", "in order")
    browser.click("button", "Apply")
    browser.click("dialog [data-yes]")
    browser.see("h1", "corporate-workspace")
    assert two.get("/policies/corporate-workspace")["authority"] == "telco"
    assert [p for p in browser.problems() if "status of 409" not in p] == []


def test_a_policy_that_is_not_applied_outlasts_any_link(server, browser):  # noqa: F811
    browser.login()
    browser.go("#/policies/new")
    browser.fill(".editor textarea", world.policy(name="kept").lstrip())
    browser.see("[role=note]", "Not applied yet")
    browser.click("header nav a", "Devices")
    browser.see("h1", "Devices")
    browser.go("#/policies/new")
    browser.until("the text", lambda: "name: kept" in browser.value(".editor textarea"))
    look(browser, "draft")
    browser.reload()
    browser.until("the text after a reload", lambda: "name: kept" in browser.value(".editor textarea"))
    browser.click("button", "Cancel")
    browser.see("dialog", "Throw the changes away?")
    browser.click("dialog [data-yes]")
    browser.see("h1", "Policies")
    browser.go("#/policies/new")
    browser.until("a fresh one", lambda: "name: kept" not in browser.value(".editor textarea"))
    assert browser.problems() == []


def test_a_search_finds_identities_names_and_labels(server, browser):  # noqa: F811
    for n, title, labels in ((1, "Sam's phone", {"office": "Hamburg"}), (2, "", {"office": "Oslo", "department": "sales"}), (3, "50% spare_one", {})):
        server.call("POST", "/devices", expect=201, json={"id": f"IMEI:00101000000000{n}", "title": title, "labels": labels})
    browser.login()
    browser.go("#/devices")
    for text, found in (("sam", 1), ("hamburg", 1), ("OSLO", 2), ("office=os", 2), ("0003", 3), ("50% spare_", 3)):
        browser.fill("[data-filter]", text)
        browser.until(f"only device {found} for {text!r}", lambda: browser.count("tr[data-device]") == 1 and
                      browser.count(name_of(f"IMEI:00101000000000{found}")) == 1)
    browser.see("#filter-hint", "50% spare_")
    browser.fill("[data-filter]", 'label.ofice == "Oslo"')      # label.* may be anything
    browser.see(".empty", "No device fits")
    browser.fill("[data-filter]", 'hypervisor.archh == "aarch64"')
    browser.see(".trouble", "did you mean")
    assert [p for p in browser.problems() if "status of 400" not in p] == []


def test_a_long_label_is_read_to_its_end(server, browser):  # noqa: F811
    server.register("IMEI:001010000000003", {"where-it-is": "x" * 60})
    browser.login()
    browser.go("#/devices")
    browser.look({"width": 360, "scheme": "light"})
    browser.see(name_of("IMEI:001010000000003"), "x" * 60)
    edge = "Math.max(...[...document.querySelectorAll('.label')].map((e) => e.getBoundingClientRect().right))"
    browser.until("the label to be within the page", lambda: browser.evaluate(edge) <= 360)


def test_a_device_is_not_registered_with_two_values_of_one_label(server, browser):  # noqa: F811
    browser.login()
    browser.go("#/devices")
    browser.click("button", "Register")
    browser.fill("#ask-id", "IMEI:001010000000004")
    browser.fill("#ask-labels", "place=here\nplace=there")
    browser.click("dialog [data-yes]")
    browser.see("dialog", "is already here")
    assert server.call("GET", "/devices/IMEI%3A001010000000004").status_code == 404


def test_the_login_is_not_in_its_own_way(server, browser):  # noqa: F811
    """The hidden field for password stores takes no room."""
    browser.open("/")
    browser.see("#token")
    look(browser, "login")
    box = "document.querySelector('dialog.login input.sr').getBoundingClientRect()"
    browser.until("the hidden field", lambda: browser.evaluate(f"{box}.width <= 1 && {box}.height <= 1"))
    browser.until("no scrolling", lambda: browser.evaluate("(() => { const d = document.querySelector('dialog.login'); return d.scrollWidth <= d.clientWidth; })()"))


def test_a_wish_that_was_not_fetched_yet_stands_with_its_policy(server, browser):  # noqa: F811
    server.apply(world.policy(state="stopped"))
    server.register("IMEI:001010000000005", {"department": "sales"})
    browser.login()
    browser.go("#/devices/IMEI%3A001010000000005")
    browser.see('[data-vm="corp"]', "corporate-workspace")
    browser.see("section", "waiting for the device to connect")
    browser.quiet()
    browser.until("no contradiction", lambda: "No policy selects" not in browser.text("main"))
    assert browser.problems() == []


def test_several_descriptions_are_one_upload_with_each_mistake_at_its_file(server, folder, browser):  # noqa: F811
    def node(name):
        return (f"<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>{name}</NodeName><Path>./Vendor</Path><DFProperties><AccessType><Get/></AccessType>"
                "<DFFormat><int/></DFFormat><Scope><Permanent/></Scope></DFProperties></Node></MgmtTree>")
    for name, text in (("a", node("A")), ("b", "<MgmtTree>\n<VerDTD>1.2</VerDTD>\n<Node>"), ("c", "no XML"), ("d", node("D"))):
        (folder / f"{name}.xml").write_text(text)
    browser.login()
    browser.go("#/descriptions")
    browser.files("#ddf-file", [str(folder / f"{n}.xml") for n in "abcd"])
    browser.click("button", "Upload 4 files")
    browser.see(".trouble h3", "b.xml")
    browser.see(".trouble h3", "c.xml")
    browser.until("both files", lambda: browser.texts(".trouble h3") == ["b.xml", "c.xml"])
    look(browser, "descriptions-with-mistakes")
    assert server.get("/descriptions")["items"] == []
    browser.files("#ddf-file", [str(folder / f"{n}.xml") for n in "ad"])
    browser.click("button", "Upload 2 files")
    browser.see(".toast", "2 descriptions in force")
    browser.see("tr", "a")
    assert sorted(d["name"] for d in server.get("/descriptions")["items"]) == ["a", "d"]
    puts = [r for r in server.process.log().splitlines() if "descriptions" in r and "POST" in r]
    assert len(puts) == 2 and all("descriptions:batch" in r for r in puts), puts         # one request each time
