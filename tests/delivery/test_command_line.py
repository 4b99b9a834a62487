"""Every command's exit code: 0 good, 1 a problem was found, 2 bad input; and what it says."""

import json

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, MOHADIN
from tests.delivery.commands import Said, say
from tests.delivery.homes import Home
from tests.delivery.monitors import settle_afresh
from tests.delivery.services import Service

GOOD, PROBLEM, BAD_INPUT = 0, 1, 2


def assert_refused(said: Said, *words: str) -> None:
    """Check that a command ended with code 2 and one clear line, after click's usage if any."""
    assert said.code == BAD_INPUT
    lines = [
        line for line in said.err.splitlines() if line and not line.startswith(("Usage:", "Try"))
    ]
    assert len(lines) == 1, said.err
    assert all(word in lines[0] for word in words), lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["statsu"], ["No such command", "statsu"]),
        (["status", "--jsn"], ["No such option", "--jsn"]),
        (["db"], []),
        (["db", "migrat"], ["No such command", "migrat"]),
        (["audit", "--since", "yesterday"], ["'yesterday' is not a time such as 2025-11-01"]),
        (["audit", "2025-11-01"], ["unexpected extra argument"]),
        (["replay", "--group", "Lawley"], ["--group and --since go together"]),
        (["replay", "--since", "2025-11-01"], ["--group and --since go together"]),
        (
            ["replay", "--group", "Lawly", "--since", "2025-11-01"],
            ["no watched project is 'Lawly'", "Lawley, Velo Test, Mohadin, Mamelodi"],
        ),
        (["state", "restore"], ["Missing argument 'FILE'"]),
        (["state", "restore", "nowhere.json"], ["nowhere.json cannot be read"]),
        (["state", "show"], ["state.json cannot be read"]),
        (["state", "validate", "nowhere.json"], ["nowhere.json", "cannot be read"]),
        (["config", "validate", "nowhere.yaml"], ["nowhere.yaml", "missing"]),
    ],
)
def test_a_near_miss_ends_with_code_2_and_one_line(
    embedded_home: Home, bridge: BridgeWriter, arguments: list[str], words: list[str]
) -> None:
    said = say(embedded_home, *arguments)
    if words:
        assert_refused(said, *words)
    else:
        assert said.code == BAD_INPUT


@pytest.mark.parametrize("command", ["run", "scan", "status", "audit", "replay"])
def test_bad_settings_end_with_code_2_a_line_each(embedded_home: Home, command: str) -> None:
    (embedded_home.path / ".env").write_text("WHATSAPP_DB_PATH=messages.db\nDATABASE_ULR=x\n")
    assert_refused(say(embedded_home, command), ".env:2: DATABASE_ULR: expected DATABASE_URL")
    (embedded_home.path / ".env").write_text("SCAN_INTERVAL=soon\n")
    said = say(embedded_home, command)
    assert said.code == BAD_INPUT
    assert sorted(line.split(": ")[2] for line in said.err.splitlines()) == [
        "SCAN_INTERVAL",
        "WHATSAPP_DB_PATH",
    ]


def test_a_home_that_is_not_there(embedded_home: Home) -> None:
    elsewhere = Home.__new__(Home)
    elsewhere.path = embedded_home.path / "nowhere"
    assert_refused(say(elsewhere, "status"), "nowhere/.env", "WHATSAPP_DB_PATH")


def test_scan_delivers_and_ends(home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1000000 and DR123")
    bridge.post(MOHADIN, "DR1000000")
    done = home.ask("scan")
    assert (done.returncode, done.stderr) == (GOOD, "")
    assert done.stdout == "1 new drops, 0 resubmissions, 1 malformed, 0 set aside\n"
    done = home.ask("scan")
    assert done.stdout == "0 new drops, 0 resubmissions, 0 malformed, 0 set aside\n"
    assert home.store.malformed() == ["DR123"]
    assert json.loads(home.state_path.read_text()).keys() == {LAWLEY, MOHADIN}


@pytest.mark.parametrize("command", ["scan", "audit"])
def test_a_missing_bridge_is_a_problem(embedded_home: Home, command: str) -> None:
    done = embedded_home.ask(command)
    assert done.returncode == PROBLEM
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("wa-monitor: bridge: ")
    assert "does not exist; check WHATSAPP_DB_PATH and start the bridge" in done.stderr


STATUS_KEYS = {
    "service": {"running", "started_at", "heartbeat_at", "release", "pid", "error"},
    "bridge": {"ok", "path", "error"},
    "store": {"ok", "kind", "url", "error"},
    "state": {"ok", "path", "error"},
    "counts": {"drops", "resubmissions", "malformed", "dead_letters", "invalid"},
}
GROUP_KEYS = {"name", "group_jid", "message_id", "posted_at", "lag_messages", "lag_seconds"}


def test_status_of_a_running_service(home: Home, bridge: BridgeWriter) -> None:
    release = home.path / "releases" / "20251110T010203Z"
    release.mkdir(parents=True)
    (home.path / "current").symlink_to(release)
    message = bridge.post(LAWLEY, "DR1000000", timestamp="2025-11-10 04:47:03+02:00")
    with Service(home) as service:
        service.wait_until(lambda: say(home, "status", "--json").code == GOOD, "it is ready")
        found = json.loads(say(home, "status", "--json").out)
        assert {key: found[key].keys() for key in STATUS_KEYS} == STATUS_KEYS
        assert found.keys() >= {*STATUS_KEYS, "ready", "groups", "instances", "lists", "answers"}
        assert found["ready"] is True
        assert found["service"]["running"] is True
        assert found["service"]["pid"] == service.process.pid
        assert found["service"]["release"] == "20251110T010203Z"
        assert found["store"]["kind"] == ("postgresql" if home.database_url else "sqlite")
        assert [group.keys() for group in found["groups"]] == [GROUP_KEYS] * len(KNOWN_GROUPS)
        assert found["groups"][0] == {
            "name": "Lawley",
            "group_jid": LAWLEY,
            "message_id": message,
            "posted_at": "2025-11-10T02:47:03+00:00",
            "lag_messages": 0,
            "lag_seconds": None,
        }
        assert found["counts"]["drops"] == 1
        assert [each["release"] for each in found["instances"]] == ["20251110T010203Z"]
        shown = say(home, "status")
        assert shown.code == GOOD
        assert "Lawley" in shown.out
        assert message in shown.out


def test_status_without_a_service(embedded_home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1000000", timestamp="2025-11-10 04:47:03+00:00")
    settle_afresh(embedded_home)
    for _ in range(3):
        bridge.post(LAWLEY, "photos", timestamp="2025-11-10 05:00:00+00:00")
    said = say(embedded_home, "status", "--json")
    found = json.loads(said.out)
    assert said.code == PROBLEM
    assert found["ready"] is False
    assert found["service"]["running"] is False
    assert found["groups"][0]["lag_messages"] == 3
    assert found["groups"][0]["lag_seconds"] > 3600
    assert say(embedded_home, "status").code == PROBLEM


def test_status_of_a_service_that_hangs(embedded_home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1000000")
    settle_afresh(embedded_home)
    (embedded_home.path / "drops.db").write_bytes(b"no database at all, for sure" * 200)
    found = json.loads(say(embedded_home, "status", "--json").out)
    assert found["store"]["ok"] is False
    assert "not a database" in found["store"]["error"]
    assert found["bridge"]["ok"] is True


def test_audit_replay_and_repair(embedded_home: Home, bridge: BridgeWriter) -> None:
    home = embedded_home
    bridge.post(LAWLEY, "DR1000000", timestamp="2025-11-01 00:00:00+00:00")
    message = bridge.post(LAWLEY, "DR1000001", timestamp="2025-11-02 00:00:00+00:00")
    settle_afresh(home)
    assert say(home, "audit").code == GOOD
    home.store.query("DELETE FROM wa_monitor_ledger")
    home.store.query("DELETE FROM qa_photo_reviews")
    found = say(home, "audit", "--since", "2025-11-01T12:00")
    assert found.code == PROBLEM
    assert found.out.splitlines() == [
        f"missed new: DR1000001 in Lawley, posted 2025-11-02 00:00:00 UTC, message {message}",
        "1 of 1 missed; --repair takes them in",
    ]
    assert home.store.drops() == []
    assert say(home, "replay", "--group", "Mohadin", "--since", "2025-11-01").code == GOOD
    assert home.store.drops() == []
    for group in ("Lawley", LAWLEY):  # by name and by JID; the second changes nothing
        assert say(home, "replay", "--group", group, "--since", "2025-11-01T12:00").code == GOOD
        assert home.store.drops() == ["DR1000001"]
    assert say(home, "audit", "--repair").code == GOOD
    assert home.store.drops() == ["DR1000000", "DR1000001"]


def test_state_validate_prints_a_line_a_fault_with_its_pointer(embedded_home: Home) -> None:
    good = embedded_home.path / "good.json"
    bad = embedded_home.path / "bad.json"
    good.write_text(json.dumps({LAWLEY: "FC8139959036CA85B77F0A57EB8FFDD6"}))
    bad.write_text(json.dumps({LAWLEY: 7, "a/b": "AB", MOHADIN: ""}))
    said = say(embedded_home, "state", "validate", str(good), str(bad))
    assert said.code == BAD_INPUT
    assert said.out == f"{good}: valid, 1 groups\n"
    lines = said.err.splitlines()
    assert len(lines) == 3
    pointers = {line.removeprefix(f"{bad}:").split(": ")[0] for line in lines}
    assert pointers == {f"/{LAWLEY}", "/a~1b", f"/{MOHADIN}"}
    assert say(embedded_home, "state", "validate", str(good)).code == GOOD
    bad.write_text("{")
    said = say(embedded_home, "state", "validate", str(bad))
    assert said.code == BAD_INPUT
    assert said.err.startswith(f"{bad}:/: expected JSON, found at line 1")


def test_state_restore_keeps_the_present_one_and_refuses_a_bad_one(embedded_home: Home) -> None:
    present, other = json.dumps({LAWLEY: "AAAA"}), embedded_home.path / "other.json"
    embedded_home.state_path.write_text(present)
    other.write_text('{"Lawley": "BBBB"}')
    assert_refused(say(embedded_home, "state", "restore", str(other)), "/Lawley")
    assert embedded_home.state_path.read_text() == present
    other.write_text(json.dumps({LAWLEY: "BBBB"}))
    assert say(embedded_home, "state", "restore", str(other)).code == GOOD
    assert json.loads(say(embedded_home, "state", "show").out) == {LAWLEY: "BBBB"}
    kept = list(embedded_home.path.glob("state.json.before-*"))
    assert [path.read_text() for path in kept] == [present]


def test_config_validate(embedded_home: Home) -> None:
    assert say(embedded_home, "config", "validate").code == GOOD
    projects = embedded_home.path / "config" / "projects.yaml"
    projects.write_text(
        'projects:\n  - name: Lawley\n    group_jid: "27000000001"\n    enabeld: true\n'
    )
    said = say(embedded_home, "config", "validate")
    assert said.code == BAD_INPUT
    lines = said.err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{projects}:3", "/projects/0/group_jid"],
        [f"{projects}:4", "/projects/0/enabeld"],
    ] or [line.split(": ")[0] for line in lines] == [f"{projects}:4", f"{projects}:3"]


def test_db_check_changes_nothing(home: Home) -> None:
    assert say(home, "db", "check").code == GOOD
    assert not home.store.ready()
    migrated = say(home, "db", "migrate").out.splitlines()
    assert migrated[:3] == ["applied 001_drops", "applied 002_days", "applied 003_answers"]
    assert say(home, "db", "migrate").out == "schema is up to date\n"
    assert say(home, "db", "check").code == GOOD
