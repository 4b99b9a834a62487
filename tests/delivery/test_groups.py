"""`wa-monitor groups`: every group of the bridge, so that nobody hunts for a JID."""

import sqlite3
from contextlib import closing

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, MOHADIN
from tests.delivery.homes import Home

NEW = "120363400000000001@g.us"


def test_names_messages_and_whether_it_is_monitored(
    embedded_home: Home, bridge: BridgeWriter
) -> None:
    bridge.post(LAWLEY, "DR1000001")
    for _ in range(3):
        bridge.post(NEW, "good morning")
    bridge.post("27000000001@s.whatsapp.net", "hello")
    with closing(sqlite3.connect(bridge.path)) as file, file:
        file.execute("UPDATE chats SET name = 'Thembisa\n\x1b[31m POP 1' WHERE jid = ?", (NEW,))
        file.execute("INSERT INTO chats VALUES ('120363400000000002@g.us', NULL, NULL)")
    projects = embedded_home.path / "config" / "projects.yaml"
    projects.write_text(
        projects.read_text().replace(f'"{MOHADIN}"', f'"{MOHADIN}"\n    enabled: false')
    )
    done = embedded_home.ask("groups")
    assert done.returncode == 0, done.stderr
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[0] == ["JID", "messages", "monitored", "name"]
    assert cells[1] == [NEW, "3", "no", "Thembisa", "[31m POP 1"]
    assert cells[2] == [LAWLEY, "1", "yes, Lawley", f"Group {LAWLEY[:18]}"]
    assert cells[3] == ["120363400000000002@g.us", "0", "no"]
    unknown = {row[0]: row for row in cells[4:]}
    assert unknown.keys() == set(KNOWN_GROUPS.values()) - {LAWLEY}
    assert unknown[MOHADIN][1:] == ["-", "no", "(the bridge does not know this group)"]
    assert "s.whatsapp.net" not in done.stdout


def test_a_bridge_without_chats_or_without_a_file(embedded_home: Home) -> None:
    done = embedded_home.ask("groups")
    assert done.returncode == 1
    assert "does not exist; check WHATSAPP_DB_PATH" in done.stderr
    embedded_home.bridge_path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(embedded_home.bridge_path)) as file:
        file.executescript(
            "CREATE TABLE messages (id TEXT, chat_jid TEXT, content TEXT, timestamp TEXT);"
            f"INSERT INTO messages VALUES ('A', '{LAWLEY}', 'x', '0'), ('B', NULL, 'x', '0');"
        )
    done = embedded_home.ask("groups")
    assert done.returncode == 0
    assert f"{LAWLEY}         1  yes, Lawley" in done.stdout
