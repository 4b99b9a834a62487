"""Backups hold what they say, and come back whole."""

import hashlib
import json
import re
import shutil
from pathlib import Path

from monitor.demo.groups import MAMELODI
from tests.system import database, site
from tests.system.backups import BACKUPS, PROD, back_up, names, post_and_wait, restore
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout


def test_a_backup_is_complete_and_true(host: Machine, controller: Controller) -> None:
    name = back_up(host, controller)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/prod-\d{6}Z", name)
    folder = host.path(f"{BACKUPS}/{name}")
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert site.live_release(host, "prod") in json.dumps(manifest)
    listed = manifest["files"]
    present = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert set(listed) == present
    for path, entry in listed.items():
        content = (folder / path).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest(), path
        assert entry["size"] == len(content), path
    assert json.loads((folder / "state.json").read_text()) == site.state(host, "prod")
    assert (folder / "config/projects.yaml").is_file()
    assert any("modules/monitor/" in path for path in listed)
    # Secrets are left out unless asked for.
    assert host.says(f"grep -rl {database.PASSWORD} {BACKUPS} || true") == ""


def test_secrets_are_backed_up_where_asked_for(host: Machine, controller: Controller) -> None:
    name = back_up(host, controller, wa_monitor_backup_secrets=True)
    (secret,) = host.says(f"grep -rl {database.PASSWORD} {BACKUPS}/{name}").splitlines()
    assert host.says(f"stat -c '%a %U' {secret}") == "600 root"
    host.ssh(f"rm -r {BACKUPS}/{name}")


def test_only_complete_backups_are_ever_visible(host: Machine, controller: Controller) -> None:
    variables = site.variables()
    play = controller.start("backup.yml", {host: variables})
    seen = set()
    while play.running:
        for name in names(host):
            manifest = host.path(f"{BACKUPS}/{name}/MANIFEST.json")
            assert manifest.is_file(), f"{name} is visible and not complete"
            seen.add(name)
    play.wait().must_succeed()
    assert set(names(host)) >= seen


def test_state_comes_back(host: Machine, controller: Controller) -> None:
    post_and_wait(host, "DR4000001")
    name = back_up(host, controller)
    then = site.state(host, "prod")
    post_and_wait(host, "DR4000002", "DR4000003")
    site.eventually("the cursor moves on", lambda: site.state(host, "prod") != then)
    now = site.state(host, "prod")
    count = len(names(host))

    outcome = restore(host, controller, name, "state").must_succeed()
    assert name.partition("/")[2] in outcome.output
    assert site.ready(host, "prod")
    backups = names(host)
    assert len(backups) == count + 1, "the present is backed up before anything is restored"
    assert json.loads(host.path(f"{BACKUPS}/{backups[-1]}/state.json").read_text()) == now
    site.eventually("it catches up again", lambda: site.state(host, "prod") == now)
    assert site.doubled(host, "prod") == []


def test_config_comes_back(host: Machine, controller: Controller) -> None:
    projects = host.path(f"{PROD}/config/projects.yaml")
    then = projects.read_bytes()
    name = back_up(host, controller)
    variables = site.variables()
    variables["wa_monitor_environments"][0]["projects"] = site.PROJECTS["prod"][:1]
    controller.run("deploy.yml", {host: variables}).must_succeed()
    assert projects.read_bytes() != then
    restore(host, controller, name, "config").must_succeed()
    assert projects.read_bytes() == then
    post_and_wait(host, "DR4000010", group=MAMELODI)


def test_modules_come_back(host: Machine, controller: Controller, tmp_path: Path) -> None:
    old = site.live_release(host, "prod")
    name = back_up(host, controller)
    new = site.variables(wa_monitor_source=str(checkout(tmp_path / "next")))
    controller.run("deploy.yml", {host: new}).must_succeed()
    assert site.live_release(host, "prod") != old
    restore(host, controller, name, "modules").must_succeed()
    assert "# next" not in host.path(f"{PROD}/modules/monitor/__init__.py").read_text()
    assert site.ready(host, "prod")
    post_and_wait(host, "DR4000020")


def test_a_damaged_backup_is_refused_and_named(host: Machine, controller: Controller) -> None:
    good = back_up(host, controller)
    bad = back_up(host, controller)
    damaged = host.path(f"{BACKUPS}/{bad}/state.json")
    damaged.write_bytes(damaged.read_bytes()[:-3] + b"!}\n")
    before, running = site.fingerprint(host), site.main_pid(host, "prod")
    outcome = restore(host, controller, bad, "state").must_fail()
    assert bad.partition("/")[2] in outcome.failure()
    assert "state.json" in outcome.failure()
    assert site.fingerprint(host) == before
    assert site.main_pid(host, "prod") == running

    newest = restore(host, controller, "", "state").must_succeed()
    assert good.partition("/")[2] in newest.output, "the newest good one is taken by itself"


def test_an_unknown_backup_is_refused(host: Machine, controller: Controller) -> None:
    for name in ("2001-01-01", "prod-000000Z"):
        outcome = restore(host, controller, name, "state").must_fail()
        assert name in outcome.failure()


def test_old_backups_are_pruned_and_the_newest_kept(host: Machine, controller: Controller) -> None:
    source = host.path(f"{BACKUPS}/{names(host)[-1]}")
    ancient = host.path(f"{BACKUPS}/2001-01-01/prod-010203Z")
    shutil.copytree(source, ancient)
    host.ssh(f"find {BACKUPS}/2001-01-01 -exec touch -d 2001-01-01 {{}} +")
    name = back_up(host, controller, wa_monitor_backup_keep=2, wa_monitor_backup_keep_days=1)
    assert not ancient.exists()
    assert name in names(host)
    assert len(names(host)) >= 2
