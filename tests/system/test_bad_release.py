"""A release that does not work is taken back by the play that brought it."""

from pathlib import Path

import pytest

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout

CRASHES = 'raise SystemExit("this release cannot start")'

NEVER_READY = "import time; time.sleep(600)"

# Tells systemd that it is ready, and then does nothing of its work.
IDLE = """
import os, socket, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as _to:
    _to.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
    _to.send(b"READY=1")
time.sleep(600)
"""

BREAKS_STATE = """
import os, pathlib
_home = os.environ.get("WA_MONITOR_HOME") or _sys.argv[_sys.argv.index("--home") + 1]
(pathlib.Path(_home) / "state.json").write_text('{"broken')
raise SystemExit("and out")
"""

CRASHES_IN_PROD = """
import os
if "prod" in os.environ.get("WA_MONITOR_HOME", "") + " ".join(_sys.argv):
    raise SystemExit("prod only")
"""


FLAWS = {
    "crashes": (CRASHES, "dev"),
    "never ready": (NEVER_READY, "dev"),
    "idle": (IDLE, "dev"),
    "breaks the state": (BREAKS_STATE, "dev"),
    "crashes in prod": (CRASHES_IN_PROD, "prod"),
}


@pytest.mark.parametrize("name", FLAWS)
def test_it_is_rolled_back(
    host: Machine, controller: Controller, tmp_path: Path, name: str
) -> None:
    flaw, breaks = FLAWS[name]
    release = site.live_release(host, breaks)
    prod_before = site.main_pid(host, "prod")
    state = site.state(host, breaks)
    variables = site.variables(
        wa_monitor_source=str(checkout(tmp_path / "flawed", flaw)),
        wa_monitor_health_timeout=5,
        # One that is never ready is waited for as long as its unit says.
        wa_monitor_host_start_seconds=10,
    )
    outcome = controller.run("deploy.yml", {host: variables}).must_fail()

    told = outcome.failure()
    assert f"wa-monitor-{breaks}" in told
    assert f"{site.ROOT}/{breaks}/logs" in told or "journalctl" in told, told
    assert site.live_release(host, breaks) == release
    assert site.state(host, breaks) == state
    assert site.ready(host, breaks)
    assert site.status(host, breaks)["service"]["release"] == release
    if breaks == "dev":
        assert site.main_pid(host, "prod") == prod_before, "dev goes before prod"

    drop = f"DR{31_000_000 + len(name)}"
    with site.bridge(host) as bridge:
        message_id = bridge.post(VELO_TEST, drop)
    site.wait_for_drops(host, breaks, [drop])
    for environment in site.ENVIRONMENTS:
        site.wait_for_cursor(host, environment, VELO_TEST, message_id)
    assert site.doubled(host, breaks) == []


def test_the_next_good_deploy_is_none_the_worse(host: Machine, controller: Controller) -> None:
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    again = controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    assert again.changed == 0, again.output
