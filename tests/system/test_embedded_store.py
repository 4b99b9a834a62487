"""A host without PostgreSQL: the monitor keeps its rows in a file, backed up while it writes."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.groups import LAWLEY
from tests.system import site
from tests.system.conftest import MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.traffic import Traffic

HOME = f"{site.ROOT}/prod"
DROPS = "SELECT drop_number FROM qa_photo_reviews"


def variables() -> dict[str, Any]:
    """Return the variables of a site with prod alone, on the embedded store."""
    found = site.variables()
    prod = {**found["wa_monitor_environments"][0], "embedded": True}
    return {"wa_monitor_environments": [prod]}


def drops(database: Path) -> set[str]:
    """Return the drop numbers in an embedded store, whoever is writing to it."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in store.execute(DROPS)}


@pytest.fixture(scope="module")
def small_host(make_machine: MachineMaker, controller: Controller) -> Machine:
    machine = make_machine("embedded")
    machine.ssh("systemctl disable --now postgresql")
    with site.bridge(machine):
        pass
    controller.run("deploy.yml", {machine: variables()}).must_succeed()
    return machine


def test_it_is_idempotent_and_ready(small_host: Machine, controller: Controller) -> None:
    status = site.status(small_host, "prod")
    assert status["ready"], status
    assert status["store"]["kind"] == "sqlite"
    again = controller.run("deploy.yml", {small_host: variables()}).must_succeed()
    assert again.changed == 0, again.output
    assert small_host.says("crontab -l | grep wa-monitor") == (
        "0 1 * * * systemctl restart wa-monitor-prod"
    )


def test_it_is_backed_up_under_load_and_restored(
    small_host: Machine, controller: Controller, tmp_path: Path
) -> None:
    store = small_host.path(f"{HOME}/drops.db")
    with Traffic(small_host, rate=50) as traffic:
        site.eventually("the first drops", lambda: len(drops(store)) > 10)
        controller.run("backup.yml", {small_host: variables()}).must_succeed()
    site.eventually("all drops", lambda: set(traffic.drops) <= drops(store))
    (backup,) = small_host.path(f"{site.ROOT}/backups").glob("2*/prod-*/drops.db")
    # A copy: SQLite may leave files beside a database that it only reads.
    saved = drops(Path(shutil.copy(backup, tmp_path)))
    assert 10 < len(saved) < len(traffic.drops)

    asked = {"wa_monitor_restore": ["store", "state"]}
    controller.run("restore.yml", {small_host: variables()}, variables=asked).must_succeed()
    site.eventually("it catches up again", lambda: set(traffic.drops) <= drops(store))
    with site.bridge(small_host) as bridge:
        bridge.post(LAWLEY, "DR9990001")
    site.eventually("work goes on", lambda: "DR9990001" in drops(store))
