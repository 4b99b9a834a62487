"""The page in a real browser: on a desk and a phone, light and dark, with and without script."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, VELO_TEST
from tests.delivery.homes import Home
from tests.delivery.monitors import settle_afresh
from tests.delivery.projects import import_drops, write_projects
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.postgres_server import free_port
from tests.receivers import Receiver, refusing_url
from tests.watching.browser import DESK, PHONE, Browser
from tests.watching.web import Web

pytestmark = pytest.mark.service

PICTURES = Path(__file__).parents[2] / ".cache" / "screenshots"
SENDER = "27000000001"
BACKUP = "2025-11-10/home-010203Z"

# Every element that holds text of its own, with its contrast to what is behind it.
CONTRASTS = """
(() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].filter((n) => n.nodeType === 3);
    const text = own.map((n) => n.data).join("").trim();
    if (!text || !e.checkVisibility() || e.closest("svg, script, style")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text]);
  }
  return found;
})()
"""


class Stage(NamedTuple):
    home: Home
    bridge: BridgeWriter
    web: Web


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run a service with ninety days behind it."""
    folder = tmp_path_factory.mktemp("page")
    home = Home(
        folder / "home", folder / "bridge" / "messages.db", None, KNOWN_GROUPS,
        HTTP_PORT=str(free_port()),
    )  # fmt: skip
    manifest = folder / "backups" / BACKUP / "MANIFEST.json"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    with BridgeWriter(home.bridge_path, fsync=False) as bridge:
        fill(bridge)
        with Service(home) as service:
            web = Web(home)
            web.wait_until_ready(60)
            service.wait_until(lambda: len(web.status(90)["days"]) > 300, "the days are stored", 60)
            yield Stage(home, bridge, web)


def fill(bridge: BridgeWriter) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    number = 1_700_000
    for back in range(95, -1, -1):
        for place, group in enumerate(KNOWN_GROUPS.values(), 1):
            for step in range((back * 7 + place * 5) % 13 + place):
                moment = now - timedelta(days=back, minutes=3 + 17 * step)
                number += 1
                text = f"DR{number} done" if step % 3 else "morning all"
                bridge.post(group, text, timestamp=moment, commit=False)
    bridge.commit()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_can_be_read_everywhere(
    stage: Stage, browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    browser.look_like(size, scheme)
    browser.open(stage.web.url)
    name = f"page-{'phone' if size == PHONE else 'desk'}-{scheme}.png"
    browser.shoot(PICTURES / name)
    assert (PICTURES / name).stat().st_size > 20_000
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    assert browser.ask("document.querySelector('details').open = true; true")
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    contrasts = browser.ask(CONTRASTS)
    assert len(contrasts) > 50
    assert [text for ratio, text in contrasts if ratio < 4.5] == []
    back = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) > 380) == (scheme == "light")


def test_it_says_the_same_without_script(stage: Stage, browser: Browser) -> None:
    browser.tell("Emulation.setScriptExecutionDisabled", value=True)
    browser.look_like(DESK, "light")
    browser.open(stage.web.url)
    browser.shoot(PICTURES / "page-without-script.png")
    without = browser.ask("document.querySelector('main').innerText")
    numbers = stage.web.status(90)
    for group in numbers["groups"]:
        assert group["name"] in without
    assert numbers["latest"][0]["drop_number"] in without
    assert f"{numbers['counts']['drops']:,} drops" in without
    assert "Last backup" in without
    assert "No project checks its drops against a list." in without
    assert browser.ask("document.querySelectorAll('#plots svg').length") == 2


def test_it_loads_nothing_else_and_breaks_no_rule_of_its_own(
    stage: Stage, browser: Browser
) -> None:
    browser.open(stage.web.url)
    asked = {each["request"]["url"] for each in browser.sent("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith("data:")} == {f"{stage.web.url}/"}
    assert browser.sent("Log.entryAdded") == []
    assert browser.sent("Runtime.exceptionThrown") == []
    policy = stage.web.ask("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # A script that somebody got onto the page would not run.
    browser.ask(
        "const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
        " document.body.append(s); true"
    )
    assert browser.ask("window.bad === undefined")


def test_a_screen_reader_finds_its_way(stage: Stage, browser: Browser) -> None:
    browser.open(stage.web.url)
    tree = browser.tell("Accessibility.getFullAXTree")["nodes"]
    seen = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"] and "role" in node
    ]
    assert browser.ask("document.documentElement.lang") == "en"
    outline = browser.ask("[...document.querySelectorAll('h1, h2, h3')].map((h) => h.innerText)")
    assert outline[:6] == ["wa-monitor home", "Groups", *KNOWN_GROUPS]
    assert sorted(name for role, name in seen if role == "heading") == sorted(outline)
    plots = [name for role, name in seen if role in ("image", "img")]
    assert len(plots) == 2
    assert all(" in all, most on " in name for name in plots)
    assert ("status", "") in seen
    unnamed = [role for role, name in seen if role in ("link", "button", "region") and not name]
    assert unnamed == []


def test_it_refreshes_by_itself_and_disturbs_nobody(stage: Stage, browser: Browser) -> None:
    browser.look_like(DESK, "light")
    browser.open(stage.web.url)
    browser.ask("document.querySelector('details').open = true; window.stayed = true")
    stage.bridge.post(LAWLEY, "DR1999999 just now")
    until(
        lambda: "DR1999999" in browser.ask("document.querySelector('#latest').innerText"),
        "the new drop appears by itself",
        30,
    )
    assert browser.ask("window.stayed && document.querySelector('details').open")


def test_a_page_that_gets_no_answer_says_that_it_is_old(browser: Browser, tmp_path: Path) -> None:
    home = Home(
        tmp_path / "home", tmp_path / "messages.db", None, {"Velo Test": VELO_TEST},
        HTTP_PORT=str(free_port()),
    )  # fmt: skip
    with BridgeWriter(home.bridge_path, fsync=False), Service(home):
        Web(home).wait_until_ready()
        browser.open(Web(home).url)
        assert browser.ask("document.querySelector('#headline').innerText") == "All is well"
    until(
        lambda: "what stands below is old" in browser.ask("document.body.innerText"),
        "the page says so",
        30,
    )
    browser.shoot(PICTURES / "page-lost.png")


@pytest.fixture
def checked(tmp_path: Path, database_url: str) -> Iterator[Web]:
    """Run a service with two lists, one of them empty, and answers of every fate."""
    with Receiver() as sender, BridgeWriter(tmp_path / "messages.db", fsync=False) as bridge:
        home = Home(
            tmp_path / "home", tmp_path / "messages.db", database_url, KNOWN_GROUPS,
            HTTP_PORT=str(free_port()), ENABLE_WHATSAPP_MESSAGES="true",
            WHATSAPP_SENDER_URL=sender.url, WHATSAPP_BRIDGE_URL=refusing_url(),
        )  # fmt: skip
        checks = {"validate": True, "answers": True}
        write_projects(home, Lawley=checks, Velo_Test=checks)
        import_drops(home, "DR1000001", "DR1000002")
        bridge.post(LAWLEY, "good morning")
        settle_afresh(home)
        with Service(home) as service:
            web = Web(home)
            web.wait_until_ready()
            bridge.post(LAWLEY, "DR1000009 behind the gate", sender=SENDER)
            bridge.post(VELO_TEST, "DR2000001 DR2000002", sender=SENDER)
            service.wait_until(lambda: len(sender.requests) == 1, "one is sent")
            sender.mode = "fail"
            bridge.post(LAWLEY, "DR1000008", sender=SENDER)
            service.wait_for("may have been sent")
            sender.mode = "unavailable"
            bridge.post(LAWLEY, "DR1000007", sender=SENDER)
            service.wait_for("Answer not sent")
            yield web


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_lists_and_answers_are_shown_and_nobodys_words(
    checked: Web, browser: Browser, size: tuple[int, int], script: bool
) -> None:
    browser.tell("Emulation.setScriptExecutionDisabled", value=not script)
    browser.look_like(size, "dark" if size == PHONE else "light")
    until(lambda: "may have been sent" in checked.ask("/").text, "a look has seen it all", 45)
    browser.open(checked.url)
    name = "phone" if size == PHONE else "desk"
    browser.shoot(PICTURES / f"page-lists-{name}.png")
    rows = browser.ask(
        "[...document.querySelectorAll('#lists tbody tr')].map((r) => r.innerText.split('\\t'))"
    )
    lawley, velo = ([cell.split("\n")[0] for cell in row] for row in rows)
    assert lawley == ["Lawley", "2", "3", "0"]
    assert velo == ["Velo Test", "empty", "0", "2"]
    answers = browser.ask(
        "Object.fromEntries([...document.querySelectorAll('#answers dt')]"
        ".map((t) => [t.innerText, t.nextElementSibling.innerText]))"
    )
    assert answers["Answers"] == "on"
    assert answers["Queued"] == "1, 1 after tries in vain"
    assert answers["Sent"] == "1"
    assert answers["Unknown"].endswith("1 in the last hour")
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    assert browser.ask(
        "[...document.querySelectorAll('#checks .scroll')]"
        ".every((box) => box.scrollWidth <= box.clientWidth)"
    )
    assert [text for ratio, text in browser.ask(CONTRASTS) if ratio < 4.5] == []
    tree = browser.tell("Accessibility.getFullAXTree")["nodes"]
    seen = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"] and "role" in node
    }
    assert ("table", "Drops that must be in a list; refused ones wait for it") in seen
    assert {("columnheader", "Listed"), ("rowheader", "Lawley")} <= seen
    assert ("region", "Lists and answers") in seen
    shown = "".join(checked.ask(path).text for path in ("/", "/api/status.json", "/metrics"))
    for secret in (SENDER, "behind the gate", "DR1000009", "is not in the list of"):
        assert secret not in shown


def test_faults_and_alerts_stand_first(browser: Browser, tmp_path: Path) -> None:
    home = Home(
        tmp_path / "home", tmp_path / "messages.db", None, {"<b>Velo & Test": VELO_TEST},
        HTTP_PORT=str(free_port()),
    )  # fmt: skip
    with BridgeWriter(home.bridge_path, fsync=False) as bridge, Service(home):
        web = Web(home)
        bridge.post(VELO_TEST, "DR1752028", timestamp="no time")
        web.wait_until_ready()
        until(lambda: "dead letters" in web.ask("/").text, "the alert is shown", 45)
        browser.look_like(PHONE, "dark")
        browser.open(web.url)
        assert browser.ask("document.querySelector('#headline').innerText").startswith(
            "Working, with something to look at"
        )
        assert browser.ask("document.querySelector('h3').innerText") == "<b>Velo & Test"
        browser.shoot(PICTURES / "page-alert.png")
        home.bridge_path.rename(tmp_path / "gone.db")
        until(lambda: "Not working" in web.ask("/").text, "the fault is shown", 30)
        browser.open(web.url)
        assert "does not exist" in browser.ask("document.querySelector('#headline').innerText")
        browser.shoot(PICTURES / "page-fault.png")
