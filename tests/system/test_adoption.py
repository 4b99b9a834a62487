"""A host of the old system is taken over, its data kept, and can go back."""

import json

import pytest

from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, VELO_TEST
from tests import qa_table
from tests.system import database, site
from tests.system.conftest import MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller

# Where the old system stood when it went stale: message ids, which it took for numbers.
OLD_STATE = dict(
    zip(
        KNOWN_GROUPS.values(),
        (
            "FC8139959036CA85B77F0A57EB8FFDD6",
            "3EB0FF3868BCD0A7EC9F39",
            "FF6141ACC4B0DCBC05224F724A49DC52",
            "3EB0EFFDA1A21841544E66",
        ),
        strict=True,
    )
)
LOST = ("DR1752028", "DR1752034", "DR1752040", "DR1752011", "DR1752039")

OLD_PROGRAM = """
import pathlib, sys, time
while True:
    pathlib.Path("/var/tmp/old-{name}").write_text(sys.argv[0])
    time.sleep(0.2)
"""
OLD_UNIT = """
[Unit]
Description=WhatsApp monitor ({name})
[Service]
ExecStart=/usr/bin/python3 {home}/modules/monitor.py
WorkingDirectory={home}
Restart=always
[Install]
WantedBy=multi-user.target
"""
OTHER_JOB = "30 2 * * * /usr/bin/true # of someone else"


def lay_out_old_system(machine: Machine) -> None:
    """Make the host look as the old system left it, running."""
    for name in site.ENVIRONMENTS:
        home = f"{site.ROOT}/{name}"
        program = OLD_PROGRAM.format(name=name)
        machine.write(f"{home}/modules/monitor.py", program)
        machine.write(f"{home}/modules/monitor.py.backup", f"# backup\n{program}")
        machine.write(f"{home}/config/projects.yaml", "projects: []\n")
        machine.write(f"{home}/.env", f"NEON_DATABASE_URL={database.url(name)}\n", 0o600)
        machine.write(f"{home}/logs/whatsapp_monitor.log", "the old log\n")
        watched = OLD_STATE if name == "prod" else {VELO_TEST: OLD_STATE[VELO_TEST]}
        machine.write(f"{home}/state.json", json.dumps(watched, indent=2))
        machine.write(
            f"/etc/systemd/system/{site.unit(name)}", OLD_UNIT.format(name=name, home=home)
        )
    machine.ssh("crontab -", stdin=f"{OTHER_JOB}\n{site.CRON_LINE}\n")
    machine.ssh("systemctl daemon-reload; systemctl enable --now wa-monitor-prod wa-monitor-dev")


@pytest.fixture(scope="module")
def old_host(make_machine: MachineMaker) -> Machine:
    """Boot a host of the old system: messages it handled, five drops that it lost."""
    machine = make_machine("old")
    site.prepare(machine)
    database.sql(machine, "prod", qa_table.TABLE)
    database.sql(machine, "dev", qa_table.OLDER_TABLE)
    with site.bridge(machine) as bridge:
        for number in range(20):
            drop = f"DR{1_751_000 + number}"
            stamp = f"2025-11-0{1 + number // 5} 0{number % 5}:47:03+00:00"
            bridge.post(VELO_TEST, drop, timestamp=stamp)
            for name in site.ENVIRONMENTS:
                database.sql(
                    machine,
                    name,
                    "INSERT INTO qa_photo_reviews (drop_number, project, whatsapp_message_date,"
                    f" completed) VALUES ('{drop}', 'Velo Test', '{stamp}', true)",
                )
        for group, message_id in OLD_STATE.items():
            bridge.post(group, "ok", message_id=message_id, timestamp="2025-11-06 09:00:00+00:00")
        for drop in LOST:
            bridge.post(LAWLEY, drop, timestamp="2025-11-06 10:00:00+00:00")
    lay_out_old_system(machine)
    return machine


def wait_for_old(machine: Machine) -> None:
    """See the old programs at work: each rewrites its mark several times a second."""
    marks = [machine.path(f"/var/tmp/old-{name}") for name in site.ENVIRONMENTS]
    for mark in marks:
        mark.unlink(missing_ok=True)
    site.eventually("the old programs run", lambda: all(mark.exists() for mark in marks))


def test_before_adoption_it_can_go_to_its_own_backup(
    old_host: Machine, controller: Controller
) -> None:
    asked = {"wa_monitor_rollback_to": "old"}
    before = {
        name: old_host.path(f"{site.ROOT}/{name}/modules/monitor.py").read_text()
        for name in site.ENVIRONMENTS
    }
    play = {old_host: site.variables()}
    controller.run("rollback.yml", play, variables=asked).must_succeed()
    wait_for_old(old_host)
    for name in site.ENVIRONMENTS:
        program = old_host.path(f"{site.ROOT}/{name}/modules/monitor.py")
        assert program.read_text().startswith("# backup")
        program.write_text(before[name])


def test_it_is_adopted(old_host: Machine, controller: Controller) -> None:
    controller.run("deploy.yml", {old_host: site.variables()}).must_succeed()
    for name in site.ENVIRONMENTS:
        assert site.ready(old_host, name)
        assert "monitor.py" not in site.show(old_host, name, "ExecStart")["ExecStart"]
        assert site.show(old_host, name, "User")["User"] == f"wa-monitor-{name}"
        assert old_host.path(f"{site.ROOT}/{name}/logs/whatsapp_monitor.log").exists()
    assert old_host.says("crontab -l") == f"{OTHER_JOB}\n{site.CRON_LINE}"


def test_the_old_system_was_backed_up_first(old_host: Machine) -> None:
    for name in site.ENVIRONMENTS:
        (backup,) = sorted(old_host.path(f"{site.ROOT}/backups").glob(f"*/{name}-*"))[-1:]
        assert (backup / "MANIFEST.json").is_file()
        assert list(backup.rglob("monitor.py"))
        if name == "prod":
            assert json.loads((backup / "state.json").read_text()) == OLD_STATE


def test_its_cursors_are_taken_over_and_nothing_later_is_missed(old_host: Machine) -> None:
    site.wait_for_drops(old_host, "prod", LOST)
    with site.bridge(old_host) as bridge:
        for group in KNOWN_GROUPS.values():
            bridge.post(group, f"DR{1_900_000 + int(group[-10:-5]) % 1000}")
    site.eventually(
        "new drops of all groups", lambda: len(database.drops(old_host, "prod")) == 20 + 5 + 4
    )


def test_old_rows_are_left_alone(old_host: Machine) -> None:
    touched = (
        "SELECT count(*) FROM qa_photo_reviews WHERE drop_number LIKE 'DR1751%' AND"
        " (resubmitted OR NOT completed OR comment IS NOT NULL)"
    )
    for name in site.ENVIRONMENTS:
        assert database.sql(old_host, name, touched) == ["0"]


def test_an_adopted_host_is_deployed_like_any_other(
    old_host: Machine, controller: Controller
) -> None:
    again = controller.run("deploy.yml", {old_host: site.variables()}).must_succeed()
    assert again.changed == 0, again.output


def test_the_way_back(old_host: Machine, controller: Controller) -> None:
    asked = {
        "wa_monitor_rollback_to": "old",
        "wa_monitor_rollback_restart_off": True,
        "wa_monitor_rollback_state_off": True,
    }
    play = {old_host: site.variables()}
    controller.run("rollback.yml", play, variables=asked).must_succeed()
    wait_for_old(old_host)
    for name in site.ENVIRONMENTS:
        assert site.show(old_host, name, "User")["User"] in {"", "root"}
        home = old_host.path(f"{site.ROOT}/{name}")
        assert not (home / "state.json").exists()
        assert list(home.glob("state.json.off-*")), "moved aside, not deleted"
        assert "NEON_DATABASE_URL" in (home / ".env").read_text()
    assert old_host.says("crontab -l") == OTHER_JOB


def test_and_forward_again(old_host: Machine, controller: Controller) -> None:
    with site.bridge(old_host) as bridge:
        bridge.post(LAWLEY, "DR1990001")
    controller.run("deploy.yml", {old_host: site.variables()}).must_succeed()
    site.wait_for_drops(old_host, "prod", ["DR1990001"])
    assert site.doubled(old_host, "prod") == []
