"""One play at a time changes a host; a lock that was left behind is in nobody's way for long."""

import json
import time
from pathlib import Path

from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout

LOCK = "/run/wa-monitor.lock"


def leave_lock(host: Machine, age: float) -> None:
    """Leave the lock of a play that another controller started some seconds ago."""
    holder = {"user": "ops@elsewhere", "play": "Deploy", "controller": "elsewhere", "pid": "1"}
    host.ssh(f"cat > {LOCK}", stdin=json.dumps({**holder, "since": time.time() - age}))


def lock(host: Machine) -> str:
    return host.says(f"cat {LOCK} 2>/dev/null || true")


def test_the_second_is_refused_and_told_who_is_at_it(
    host: Machine, controller: Controller, tmp_path: Path
) -> None:
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / "next")))
    old = site.live_release(host, "dev")
    first = controller.start("deploy.yml", {host: variables})
    first.wait_until(lambda: bool(lock(host)))
    for playbook in ("deploy.yml", "rollback.yml"):
        outcome = controller.run(playbook, {host: site.variables()}).must_fail()
        told = outcome.failure()
        assert f"{host.name} was not touched" in told
        assert "root@" in told
        assert "(play Deploy) since" in told
        assert outcome.changed == 0
    assert first.running, "the second is refused while the first is at work"
    first.wait().must_succeed()
    assert site.live_release(host, "dev") == site.live_release(host, "prod") != old
    assert lock(host) == ""


def test_looking_is_never_refused(host: Machine, controller: Controller, tmp_path: Path) -> None:
    # The same release as above: nothing differs.
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / "next")))
    leave_lock(host, 1)
    controller.run("verify.yml", {host: variables}).must_succeed()
    controller.run("deploy.yml", {host: variables}, "--check").must_succeed()
    assert "elsewhere" in lock(host)


def test_a_lock_of_elsewhere_is_kept_to_until_it_is_old_or_broken(
    host: Machine, controller: Controller
) -> None:
    off = {"wa_monitor_restart_schedule": "off"}
    play = {host: site.variables()}
    leave_lock(host, 60)
    told = controller.run("restart_schedule.yml", play, variables=off).must_fail().failure()
    assert "ops@elsewhere" in told
    assert "wa_monitor_lock_break" in told
    assert host.says("crontab -l | grep wa-monitor") == site.CRON_LINE

    broken = {**off, "wa_monitor_lock_break": True}
    controller.run("restart_schedule.yml", play, variables=broken).must_succeed()
    assert lock(host) == ""
    leave_lock(host, 31 * 60)
    controller.run("restart_schedule.yml", play).must_succeed()
    assert host.says("crontab -l | grep wa-monitor") == site.CRON_LINE


def test_a_play_that_was_killed_here_leaves_no_lock_that_counts(
    host: Machine, controller: Controller, tmp_path: Path
) -> None:
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / "third")))
    play = controller.start("deploy.yml", {host: variables})
    play.wait_until(lambda: bool(lock(host)))
    play.kill()
    assert lock(host)
    controller.run("restart_schedule.yml", {host: site.variables()}).must_succeed()
    assert lock(host) == ""


def test_a_play_that_fails_gives_the_lock_back(host: Machine, controller: Controller) -> None:
    variables = site.variables(wa_monitor_preflight_min_free_mb=10**9)
    controller.run("deploy.yml", {host: variables}).must_fail()
    assert lock(host) == ""
