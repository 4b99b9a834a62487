"""Tables that are emptied or put back under a live connection, as `psql < dump` does."""

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS
from monitor.store.faults import StoreUnavailable
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor

LAWLEY = KNOWN_GROUPS["Lawley"]
TABLES = ("qa_photo_reviews", "wa_monitor_ledger", "wa_monitor_positions", "wa_monitor_cursors")


def test_what_the_tables_lost_is_read_again(
    home: Home, bridge: BridgeWriter, monitor: Monitor
) -> None:
    bridge.post(LAWLEY, "DR1000000")
    bridge.post(LAWLEY, "DR1000001")
    monitor.settle()
    for table in TABLES:
        home.store.query(f"DELETE FROM {table}")
    bridge.post(LAWLEY, "DR1000002")
    with pytest.raises(StoreUnavailable, match="another place"):
        monitor.settle()
    assert home.store.drops() == [], "something was written beside what is missing"
    monitor.settle()
    assert home.store.drops() == ["DR1000000", "DR1000001", "DR1000002"]


def test_an_older_place_is_gone_back_to(home: Home, bridge: BridgeWriter, monitor: Monitor) -> None:
    bridge.post(LAWLEY, "DR1000000")
    monitor.settle()
    kept = {table: home.store.query(f"SELECT * FROM {table}") for table in TABLES[2:]}
    assert all(kept.values())
    home.store.query("CREATE TABLE kept AS SELECT * FROM wa_monitor_positions")
    bridge.post(LAWLEY, "DR1000001")
    monitor.settle()
    home.store.query("DELETE FROM qa_photo_reviews WHERE drop_number = 'DR1000001'")
    home.store.query("DELETE FROM wa_monitor_ledger WHERE drop_number = 'DR1000001'")
    home.store.query("DELETE FROM wa_monitor_positions")
    home.store.query("INSERT INTO wa_monitor_positions SELECT * FROM kept")
    bridge.post(LAWLEY, "DR1000002")
    with pytest.raises(StoreUnavailable, match="another place"):
        monitor.settle()
    monitor.settle()
    assert home.store.drops() == ["DR1000000", "DR1000001", "DR1000002"]
