"""A backup comes back on another, empty host, whichever part of it is asked for."""

import json
import shutil

import pytest

from tests.system import site
from tests.system.backups import BACKUPS, PROD, back_up, post_and_wait, restore
from tests.system.conftest import MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller


@pytest.fixture(scope="module")
def carried(host: Machine, controller: Controller) -> str:
    """Make the backup that is carried to other hosts."""
    return back_up(host, controller)


@pytest.mark.parametrize("parts", [("state",), ("config",), ("config", "modules"), ("all",)])
def test_it_comes_back_on_another_empty_host(
    host: Machine,
    controller: Controller,
    make_machine: MachineMaker,
    carried: str,
    parts: tuple[str, ...],
) -> None:
    other = make_machine(f"other-{parts[-1]}")
    site.prepare(other)
    shutil.copytree(host.path(BACKUPS), other.path(BACKUPS))
    shutil.copy(host.path(site.BRIDGE), other.path(site.BRIDGE))
    restore(other, controller, carried, *parts).must_succeed()
    backup = other.path(f"{BACKUPS}/{carried}")
    if {"state", "all"} & set(parts):
        assert set(site.state(other, "prod")) == set(
            json.loads((backup / "state.json").read_text())
        )
    if {"config", "all"} & set(parts):
        restored = other.path(f"{PROD}/config/projects.yaml").read_bytes()
        assert restored == (backup / "config/projects.yaml").read_bytes()
    if {"modules", "all"} & set(parts):
        manifest = json.loads((backup / "MANIFEST.json").read_text())
        assert site.live_release(other, "prod") == manifest["release"]
    if not {"modules", "all"} & set(parts):
        controller.run("deploy.yml", {other: site.variables()}).must_succeed()
    assert site.ready(other, "prod")
    post_and_wait(other, "DR4000090")
    other.kill()
