"""Drops that are not in their project's list: refused, kept, and taken in when they are added."""

from datetime import UTC, datetime

import pytest

from monitor.bridge.senders import SenderBook
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN
from monitor.drops.submissions import Submission
from monitor.service.intake import Projects
from monitor.service.upkeep import keep_up
from monitor.settings.projects import load_projects
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.projects import import_drops, write_projects
from tests.delivery.services import Service
from tests.delivery.stores import assert_exactly

MOMENT = datetime(2025, 11, 10, 4, 0, tzinfo=UTC)
LISTED, ALSO_LISTED, UNLISTED = "DR1000001", "DR1000002", "DR1000009"


@pytest.fixture(autouse=True)
def _checks_drops(home: Home) -> None:
    write_projects(home, Lawley={"validate": True})


def refused(home: Home) -> list[tuple[str, str, str, str]]:
    return sorted(
        home.store.query(
            "SELECT drop_number, project, sender, group_jid FROM invalid_drop_submissions"
        )
    )


def test_a_drop_that_is_not_in_the_list_gets_no_row(home: Home, bridge: BridgeWriter) -> None:
    import_drops(home, LISTED, ALSO_LISTED)
    bridge.post(LAWLEY, f"{LISTED} and {UNLISTED} and {ALSO_LISTED}", sender="27000000005")
    bridge.post(MOHADIN, UNLISTED[:-1] + "8")
    settle_afresh(home)
    assert home.store.drops() == sorted([LISTED, ALSO_LISTED, "DR1000008"])
    assert refused(home) == [(UNLISTED, "Lawley", "27000000005", LAWLEY)]
    status = home.ask("status", "--json").stdout
    assert '"invalid": 1' in status
    assert '"drops": 3' in status


def test_reading_again_counts_nothing_twice(home: Home, bridge: BridgeWriter) -> None:
    import_drops(home, LISTED)
    message = bridge.post(LAWLEY, f"{LISTED} {UNLISTED}")
    settle_afresh(home)
    home.state_path.write_text("{}")
    bridge.redeliver(message, LAWLEY)
    settle_afresh(home)
    assert len(refused(home)) == 1
    assert len(home.store.ledger()) == 2
    done = home.ask("audit")
    assert done.returncode == 0, done.stdout


def test_a_list_of_another_project_says_nothing(home: Home, bridge: BridgeWriter) -> None:
    import_drops(home, LISTED)
    import_drops(home, UNLISTED, project="Mohadin")
    bridge.post(LAWLEY, UNLISTED)
    settle_afresh(home)
    assert home.store.drops() == []


def test_an_empty_list_refuses_nothing_and_says_so(home: Home, bridge: BridgeWriter) -> None:
    import_drops(home, UNLISTED, project="Mohadin")
    bridge.post(LAWLEY, LISTED)
    with Service(home) as service:
        service.wait_for("taken in unchecked")
        service.wait_until(lambda: home.store.holds(LISTED), "the drop has its row")
        import_drops(home, ALSO_LISTED)
        bridge.post(LAWLEY, ALSO_LISTED)
        service.wait_for("checked again")
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: refused(home), "the list refuses")
    assert home.store.drops() == [LISTED, ALSO_LISTED]
    assert "Lawley: 1 valid drops" in home.ask("status").stdout
    home.store.query("DELETE FROM valid_drop_numbers WHERE project = 'Lawley'")
    assert "Lawley: its list of valid drops is empty" in home.ask("status").stdout


def test_a_query_that_fails_refuses_nothing_and_the_batch_goes_in(
    home: Home, bridge: BridgeWriter, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    import_drops(home, LISTED)
    bridge.post(LAWLEY, UNLISTED)
    monitor.settle()
    assert home.store.drops() == []
    home.store.query("ALTER TABLE valid_drop_numbers RENAME TO put_aside")
    message = bridge.post(LAWLEY, f"{ALSO_LISTED} and DR12")
    bridge.post(MOHADIN, "DR1000003 and DR12345")
    monitor.settle()
    assert home.store.drops() == [ALSO_LISTED, "DR1000003"]
    assert (LAWLEY, message, ALSO_LISTED) in home.store.ledger()
    assert home.store.malformed() == ["DR12345"]
    assert "lists of valid drops cannot be read" in caplog.text
    # What had been refused is not let in by a list that cannot be asked.
    home.state_path.write_text("{}")
    settle_afresh(home)
    assert UNLISTED not in home.store.drops()


def test_a_number_that_is_added_later_lets_its_submissions_in(
    home: Home, bridge: BridgeWriter
) -> None:
    import_drops(home, LISTED)
    first = bridge.post(LAWLEY, UNLISTED, timestamp="2025-11-10 04:00:00+00:00")
    again = bridge.post(LAWLEY, UNLISTED, timestamp="2025-11-10 05:00:00+00:00")
    settle_afresh(home)
    bridge.replace_file()  # the bridge has forgotten them, the ledger has not
    import_drops(home, UNLISTED)
    looked = home.ask("audit")
    assert looked.returncode == 1
    assert looked.stdout.count(f"waiting: {UNLISTED} in Lawley") == 2
    assert home.store.drops() == []
    repaired = home.ask("audit", "--repair")
    assert repaired.returncode == 0, repaired.stderr
    assert home.store.drops() == [UNLISTED]
    assert home.store.outcomes() == {
        (first, UNLISTED): "new",
        (again, UNLISTED): "resubmission",
    }
    reasons = home.store.query("SELECT reason FROM invalid_drop_submissions")
    assert all(reason.startswith("taken in on ") for (reason,) in reasons)
    assert home.ask("audit").returncode == 0
    assert_exactly(home.store, [(LAWLEY, first, UNLISTED), (LAWLEY, again, UNLISTED)])


def test_the_service_lets_them_in_by_itself(home: Home, bridge: BridgeWriter) -> None:
    import_drops(home, LISTED)
    bridge.post(LAWLEY, UNLISTED)
    settle_afresh(home)
    import_drops(home, UNLISTED)
    with Service(home) as service:
        service.wait_for("Waiting submissions taken in")
    assert home.store.drops() == [UNLISTED]


def test_a_project_that_stops_checking_lets_all_in(
    home: Home, bridge: BridgeWriter, monitor: Monitor
) -> None:
    import_drops(home, LISTED)
    bridge.post(LAWLEY, UNLISTED)
    monitor.settle()
    write_projects(home)
    projects = Projects(load_projects(home.path / "config" / "projects.yaml"))
    book = SenderBook(home.bridge_path.with_name("whatsapp.db"))
    assert keep_up(monitor.store, "test", projects, book).drops == 1
    assert keep_up(monitor.store, "test", projects, book).drops == 0
    assert home.store.drops() == [UNLISTED]


def test_refused_submissions_elsewhere_make_no_resubmission(
    home: Home, bridge: BridgeWriter
) -> None:
    import_drops(home, LISTED)
    bridge.post(MOHADIN, UNLISTED, timestamp="2025-11-10 04:00:00+00:00")
    bridge.post(LAWLEY, UNLISTED, timestamp="2025-11-10 06:00:00+00:00")
    later = bridge.post(MOHADIN, UNLISTED, timestamp="2025-11-10 05:00:00+00:00")
    settle_afresh(home)
    assert home.store.outcomes()[later, UNLISTED] == "resubmission"


def test_a_batch_of_thousands_is_checked_by_one_query(home: Home, monitor: Monitor) -> None:
    monitor.store.migrate()
    drops = [f"DR{2_000_000 + number}" for number in range(40_000)]
    added = monitor.store.lists.add("Lawley", [drops[:25_000], drops[20_000:]])
    assert added == (40_000, 5_000)
    assert monitor.store.lists.sizes() == {"Lawley": 40_000}
    posted = [
        Submission(
            drop_number=f"DR{2_000_000 + 20 * number}",
            group_jid=LAWLEY,
            message_id=f"M{number}",
            project="Lawley",
            sender="27000000001",
            posted_at=MOMENT,
            validate=True,
        )
        for number in range(4_000)
    ]
    outcomes = [each.outcome.value for each in monitor.store.compare(posted)]
    assert outcomes.count("new") == 2_000
    assert outcomes.count("invalid") == 2_000
