"""The bridge's rows change while one group is read again from an earlier place."""

import json

import pytest

from monitor.demo.bridge_writer import BridgeWriter, new_message_id
from monitor.demo.groups import LAWLEY, VELO_TEST
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.old_system import leave_table
from tests.delivery.stores import assert_exactly
from tests.delivery.test_bad_messages import post_many

ROWS = 14_000
"""More than the batch at hand and the one read meanwhile."""


@pytest.mark.parametrize("adopting", [False, True], ids=["rewound", "adopting"])
def test_a_new_message_takes_the_rowid_of_a_deleted_one(
    server_home: Home, database_url: str, bridge: BridgeWriter, adopting: bool
) -> None:
    home = server_home
    first = bridge.post(LAWLEY, "DR900000")
    ids = {f"DR{1_000_000 + number}": new_message_id() for number in range(ROWS)}
    post_many(bridge, ids)
    newest = bridge.post(VELO_TEST, "DR800000")
    if adopting:
        leave_table(database_url, "DR900000", "DR800000")
    else:
        settle_afresh(home)
    home.state_path.write_text(json.dumps({LAWLEY: first, VELO_TEST: newest}))
    home.write_projects({"Lawley": LAWLEY, "Velo Test": VELO_TEST})
    monitor = Monitor(home)
    assert monitor.delivery.advance()
    assert 0 < monitor.delivery.rowid < ROWS
    bridge.delete_newest(1)
    late = bridge.post(VELO_TEST, "DR800001")
    monitor.settle()
    monitor.close()
    submitted = [(LAWLEY, message_id, drop) for drop, message_id in ids.items()]
    submitted.append((VELO_TEST, late, "DR800001"))
    if not adopting:
        submitted += [(LAWLEY, first, "DR900000"), (VELO_TEST, newest, "DR800000")]
        assert_exactly(home.store, submitted)
    assert set(home.store.ledger()) == set(submitted)
